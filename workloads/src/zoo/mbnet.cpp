#include <fmt/format.h>

#include "zoo/builder.hpp"

namespace gnomon::workloads::zoo {

const std::vector<NetworkSize>& mbnet_sizes() {
  static const std::vector<NetworkSize> sizes{{"depth", 3, 1, 64},       {"width", 16, 1, 1024},   {"kernel", 3, 1, 15},    {"expansion", 4, 1, 16},
                                              {"resolution", 32, 4, 1024}, {"channels", 3, 1, 1024}, {"classes", 10, 2, 100000}};
  return sizes;
}

/// A family of image classifiers whose sizes are free, for exploring network and hardware together: a 3 x 3 convolution to `width` channels, then
/// `depth` inverted residual blocks (1 x 1 to width x expansion, depthwise kernel x kernel, 1 x 1 back, added to what came in), 2 x 2 max pooling
/// after the first half of them, global average, one fully connected layer. ReLU behind all but the last convolution of a block. The trainer
/// (`python -m gnomon.trainer`) trains this same network.
import::Model mbnet(const Options& options) {
  const auto& size = options.network;
  const std::int64_t width = size.at("width"), wide = width * size.at("expansion"), kernel = size.at("kernel"), depth = size.at("depth");
  Builder b("mbnet");
  const auto relu = [&](const std::string& name, const std::string& x) { return b.unary("Relu", name + ".relu", x); };
  std::string x = b.input("input", {options.batch, size.at("channels"), size.at("resolution"), size.at("resolution")});
  x = relu("stem", b.conv("stem", x, size.at("channels"), width, 3, {.pad = 1}));
  for (std::int64_t i = 0; i < depth; ++i) {
    const std::string name = fmt::format("blocks.{}", i);
    std::string y = relu(name + ".expand", b.conv(name + ".expand", x, width, wide, 1, {}));
    y = relu(name + ".depthwise", b.conv(name + ".depthwise", y, wide, wide, kernel, {.pad = kernel / 2, .groups = wide}));
    y = b.conv(name + ".project", y, wide, width, 1, {});
    x = b.node("Add", name + ".add", {x, y});
    if (i == (depth - 1) / 2) x = b.max_pool("pool", x, 2, 2);
  }
  x = b.node("GlobalAveragePool", "avgpool", {x});
  x = b.node("Flatten", "flatten", {x}, {{"axis", whole(1)}});
  b.output(b.gemm("classifier", x, width, size.at("classes")));
  return b.take();
}

}  // namespace gnomon::workloads::zoo
