#include <fmt/format.h>
#include <initializer_list>

#include "zoo/builder.hpp"

/// Image classifiers at 224 x 224 x 3, 1000 classes, in the form they have at inference: batch normalisation folded into the convolutions'
/// filters and biases, dropout gone.
namespace gnomon::workloads::zoo {
namespace {

std::string image(Builder& b, const Options& options) { return b.input("input", {options.batch, 3, 224, 224}); }

std::string conv_relu(Builder& b, const std::string& name, const std::string& x, std::int64_t in, std::int64_t out, std::int64_t kernel,
                      Builder::ConvOptions options) {
  return b.unary("Relu", name + ".relu", b.conv(name, x, in, out, kernel, options));
}

std::string flattened(Builder& b, const std::string& x) { return b.node("Flatten", "flatten", {x}, {{"axis", whole(1)}}); }

void classifier(Builder& b, const std::string& x, std::int64_t channels, const std::string& name) {
  const std::string pooled = b.node("GlobalAveragePool", "avgpool", {x});
  b.output(b.gemm(name, flattened(b, pooled), channels, 1000));
}

/// conv1 and the pooling in front of every ResNet's stages.
std::string resnet_stem(Builder& b, const Options& options) {
  const std::string x = conv_relu(b, "conv1", image(b, options), 3, 64, 7, {.stride = 2, .pad = 3});
  return b.max_pool("maxpool", x, 3, 2, 1);
}

}  // namespace

// Krizhevsky, "One weird trick for parallelizing convolutional neural networks", arXiv:1404.5997 (the one-column form that torchvision ships).
import::Model alexnet(const Options& options) {
  Builder b("alexnet");
  std::string x = conv_relu(b, "features.0", image(b, options), 3, 64, 11, {.stride = 4, .pad = 2});
  x = b.max_pool("features.2", x, 3, 2);
  x = conv_relu(b, "features.3", x, 64, 192, 5, {.pad = 2});
  x = b.max_pool("features.5", x, 3, 2);
  x = conv_relu(b, "features.6", x, 192, 384, 3, {.pad = 1});
  x = conv_relu(b, "features.8", x, 384, 256, 3, {.pad = 1});
  x = conv_relu(b, "features.10", x, 256, 256, 3, {.pad = 1});
  x = b.max_pool("features.12", x, 3, 2);
  x = flattened(b, x);
  x = b.unary("Relu", "classifier.1.relu", b.gemm("classifier.1", x, 256 * 6 * 6, 4096));
  x = b.unary("Relu", "classifier.4.relu", b.gemm("classifier.4", x, 4096, 4096));
  b.output(b.gemm("classifier.6", x, 4096, 1000));
  return b.take();
}

// Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv:1409.1556, configuration D.
import::Model vgg16(const Options& options) {
  Builder b("vgg16");
  std::string x = image(b, options);
  std::int64_t in = 3;
  int layer = 0;
  for (const auto& block : std::initializer_list<std::pair<std::int64_t, int>>{{64, 2}, {128, 2}, {256, 3}, {512, 3}, {512, 3}}) {
    for (int i = 0; i < block.second; ++i) {
      x = conv_relu(b, fmt::format("features.{}", layer), x, in, block.first, 3, {.pad = 1});
      in = block.first;
      layer += 2;
    }
    x = b.max_pool(fmt::format("features.{}", layer++), x, 2, 2);
  }
  x = flattened(b, x);
  x = b.unary("Relu", "classifier.0.relu", b.gemm("classifier.0", x, 512 * 7 * 7, 4096));
  x = b.unary("Relu", "classifier.3.relu", b.gemm("classifier.3", x, 4096, 4096));
  b.output(b.gemm("classifier.6", x, 4096, 1000));
  return b.take();
}

// He, Zhang, Ren and Sun, "Deep Residual Learning for Image Recognition", arXiv:1512.03385.
import::Model resnet18(const Options& options) {
  Builder b("resnet18");
  std::string x = resnet_stem(b, options);
  std::int64_t in = 64;
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t out = std::int64_t{64} << (stage - 1);
    for (int block = 0; block < 2; ++block) {
      const std::string name = fmt::format("layer{}.{}", stage, block);
      const std::int64_t stride = stage > 1 && block == 0 ? 2 : 1;
      std::string y = conv_relu(b, name + ".conv1", x, in, out, 3, {.stride = stride, .pad = 1});
      y = b.conv(name + ".conv2", y, out, out, 3, {.pad = 1});
      if (stride != 1) x = b.conv(name + ".downsample", x, in, out, 1, {.stride = stride});
      x = b.unary("Relu", name + ".relu", b.node("Add", name + ".add", {y, x}));
      in = out;
    }
  }
  classifier(b, x, 512, "fc");
  return b.take();
}

// The same paper; the stride of a stage is in its first 3 x 3 convolution (torchvision, "v1.5"), not in the 1 x 1 before it.
import::Model resnet50(const Options& options) {
  Builder b("resnet50");
  std::string x = resnet_stem(b, options);
  std::int64_t in = 64;
  const int blocks[] = {3, 4, 6, 3};
  for (int stage = 1; stage <= 4; ++stage) {
    const std::int64_t width = std::int64_t{64} << (stage - 1), out = 4 * width;
    for (int block = 0; block < blocks[stage - 1]; ++block) {
      const std::string name = fmt::format("layer{}.{}", stage, block);
      const std::int64_t stride = stage > 1 && block == 0 ? 2 : 1;
      std::string y = conv_relu(b, name + ".conv1", x, in, width, 1, {});
      y = conv_relu(b, name + ".conv2", y, width, width, 3, {.stride = stride, .pad = 1});
      y = b.conv(name + ".conv3", y, width, out, 1, {});
      if (block == 0) x = b.conv(name + ".downsample", x, in, out, 1, {.stride = stride});
      x = b.unary("Relu", name + ".relu", b.node("Add", name + ".add", {y, x}));
      in = out;
    }
  }
  classifier(b, x, 2048, "fc");
  return b.take();
}

// Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", arXiv:1704.04861, table 1.
import::Model mobilenet_v1(const Options& options) {
  Builder b("mobilenet_v1");
  std::string x = conv_relu(b, "conv0", image(b, options), 3, 32, 3, {.stride = 2, .pad = 1});
  std::int64_t in = 32;
  int index = 1;
  for (const auto& [out, stride] : std::initializer_list<std::pair<std::int64_t, std::int64_t>>{
           {64, 1}, {128, 2}, {128, 1}, {256, 2}, {256, 1}, {512, 2}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {512, 1}, {1024, 2}, {1024, 1}}) {
    x = conv_relu(b, fmt::format("dw{}", index), x, in, in, 3, {.stride = stride, .pad = 1, .groups = in});
    x = conv_relu(b, fmt::format("pw{}", index), x, in, out, 1, {});
    in = out;
    ++index;
  }
  classifier(b, x, 1024, "fc");
  return b.take();
}

// Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381, table 2.
import::Model mobilenet_v2(const Options& options) {
  Builder b("mobilenet_v2");
  const std::string low = b.scalar("relu6.min", 0.0f), high = b.scalar("relu6.max", 6.0f);
  const auto conv_relu6 = [&](const std::string& name, const std::string& x, std::int64_t in, std::int64_t out, std::int64_t kernel,
                              Builder::ConvOptions o) { return b.node("Clip", name + ".relu6", {b.conv(name, x, in, out, kernel, o), low, high}); };
  std::string x = conv_relu6("features.0", image(b, options), 3, 32, 3, {.stride = 2, .pad = 1});
  std::int64_t in = 32;
  int index = 1;
  struct Stage {
    std::int64_t expand, out;
    int count;
    std::int64_t stride;
  };
  for (const Stage& s : std::initializer_list<Stage>{
           {1, 16, 1, 1}, {6, 24, 2, 2}, {6, 32, 3, 2}, {6, 64, 4, 2}, {6, 96, 3, 1}, {6, 160, 3, 2}, {6, 320, 1, 1}}) {
    for (int i = 0; i < s.count; ++i) {
      const std::string name = fmt::format("features.{}", index++);
      const std::int64_t stride = i == 0 ? s.stride : 1, width = in * s.expand;
      std::string y = s.expand == 1 ? x : conv_relu6(name + ".expand", x, in, width, 1, {});
      y = conv_relu6(name + ".depthwise", y, width, width, 3, {.stride = stride, .pad = 1, .groups = width});
      y = b.conv(name + ".project", y, width, s.out, 1, {});
      x = stride == 1 && in == s.out ? b.node("Add", name + ".add", {x, y}) : y;
      in = s.out;
    }
  }
  x = conv_relu6("features.18", x, 320, 1280, 1, {});
  classifier(b, x, 1280, "classifier.1");
  return b.take();
}

}  // namespace gnomon::workloads::zoo
