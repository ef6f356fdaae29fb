#include <fmt/format.h>

#include "import/call.hpp"

namespace gnomon::workloads::import {
namespace {

/// Operations per tap and per output: a comparison; an addition, then a multiplication by the reciprocal; a power, an addition, then a root.
struct PoolPrice {
  std::int64_t tap, output;
};

void pooled(Call& call, const Shape& spatial, const Window& window, PoolPrice price) {
  Shape out{call.shape(0)[0], call.shape(0)[1]};
  out.insert(out.end(), window.out.begin(), window.out.end());
  call.out(0, out);
  call.out(1, out, DType::i64);
  call.op.op_class = OpClass::pooling;
  call.operands = std::vector<std::size_t>{0};
  call.op.vector_ops = times(elements(out), plus(times(elements(window.kernel), price.tap), price.output));
  if (spatial.size() <= 2) {
    call.op.pooling = Pooling{two(window.kernel, 1), two(window.stride, 1), two(window.dilation, 1), two(window.pad_begin, 0), two(window.pad_end, 0), call.node.type == "AveragePool" && call.whole("count_include_pad", 0) != 0};
  }
}

Shape spatial_of(const Call& call) {
  const Shape& x = call.shape(0);
  if (x.size() < 3) wrong(fmt::format("its input has shape {}; batch, channels and spatial sizes are needed", shape_text(x)));
  if (x.size() > 4) refuse(fmt::format("{} spatial dimensions; 1 and 2 have a model", x.size() - 2));
  return {x.begin() + 2, x.end()};
}

void windowed(Call& call, PoolPrice price) {
  const Shape spatial = spatial_of(call);
  if (!call.has_attribute("kernel_shape")) wrong("attribute kernel_shape is missing");
  pooled(call, spatial, window_of(call, spatial, call.wholes("kernel_shape"), call.whole("ceil_mode", 0) != 0), price);
}

void global(Call& call, PoolPrice price) {
  const Shape spatial = spatial_of(call);
  Window window;
  window.kernel = spatial;
  window.stride = window.dilation = window.out = Shape(spatial.size(), 1);
  window.pad_begin = window.pad_end = Shape(spatial.size(), 0);
  pooled(call, spatial, window, price);
}

constexpr PoolPrice maximum{1, 0}, average{1, 1}, power{10, 9};

}  // namespace

void add_pooling(HandlerTable& table) {
  table["MaxPool"] = [](Call& call) { windowed(call, maximum); };
  table["AveragePool"] = [](Call& call) { windowed(call, average); };
  table["LpPool"] = [](Call& call) { windowed(call, power); };
  table["GlobalMaxPool"] = [](Call& call) { global(call, maximum); };
  table["GlobalAveragePool"] = [](Call& call) { global(call, average); };
  table["GlobalLpPool"] = [](Call& call) { global(call, power); };
}

}  // namespace gnomon::workloads::import
