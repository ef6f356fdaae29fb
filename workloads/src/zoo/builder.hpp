#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gnomon/workloads/load.hpp"
#include "import/model.hpp"

namespace gnomon::workloads::zoo {

/// Writes a model node by node, in the operators and tensor names that `python -m gnomon.zoo` uses too. Weights have shapes and no content.
/// Each call returns the name of what it writes. Images are [batch, channels, height, width], token tensors [batch, tokens, size].
class Builder {
 public:
  explicit Builder(std::string name);

  std::string input(const std::string& name, import::Shape shape, DType dtype = DType::f32);
  std::string weight(const std::string& name, import::Shape shape);
  std::string numbers(const std::string& name, std::vector<std::int64_t> values);
  std::string scalar(const std::string& name, float value);
  void output(const std::string& name) { model_.outputs.push_back(name); }

  struct ConvOptions {
    std::int64_t stride = 1, pad = 0, groups = 1;
  };
  /// Square convolution with bias: at inference, batch normalisation is part of filter and bias.
  std::string conv(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out, std::int64_t kernel, ConvOptions options);
  std::string max_pool(const std::string& name, const std::string& x, std::int64_t kernel, std::int64_t stride, std::int64_t pad = 0);
  /// Fully connected: x [rows, in] -> [rows, out], the weight stored as [out, in].
  std::string gemm(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out);
  /// x [..., in] x weight [in, out] + bias.
  std::string linear(const std::string& name, const std::string& x, std::int64_t in, std::int64_t out);
  std::string layer_norm(const std::string& name, const std::string& x, std::int64_t size);
  /// Any operator of one output, named like the node.
  std::string node(const std::string& type, const std::string& name, std::vector<std::string> inputs,
                   std::vector<std::pair<std::string, import::Attribute>> attributes = {});
  std::string unary(const std::string& type, const std::string& name, const std::string& x) { return node(type, name, {x}); }
  std::string reshape(const std::string& name, const std::string& x, std::vector<std::int64_t> shape);
  std::string transpose(const std::string& name, const std::string& x, std::vector<std::int64_t> order);

  import::Model take() { return std::move(model_); }

 private:
  import::Model model_;
};

import::Attribute whole(std::int64_t value);
import::Attribute wholes(std::vector<std::int64_t> values);

/// Sizes that a reference may change: `zoo:bert_base?seq=512`.
struct Options {
  std::int64_t batch = 1;
  std::int64_t seq = 0;
  /// Of the network family `mbnet`, one for each name of `mbnet_sizes()`.
  std::map<std::string, std::int64_t> network;
};

/// A size of a network family: `zoo:mbnet?depth=4&width=24`.
struct NetworkSize {
  std::string name;
  std::int64_t fallback, least, most;
};
const std::vector<NetworkSize>& mbnet_sizes();
import::Model mbnet(const Options& options);

import::Model alexnet(const Options& options);
import::Model vgg16(const Options& options);
import::Model resnet18(const Options& options);
import::Model resnet50(const Options& options);
import::Model mobilenet_v1(const Options& options);
import::Model mobilenet_v2(const Options& options);
import::Model bert_base(const Options& options);
import::Model gpt2_prefill(const Options& options);
import::Model gpt2_decode(const Options& options);
import::Model vit_b16(const Options& options);

/// Builds and lowers a built-in model; invalid_input with the nearest name where there is none.
Expected<std::shared_ptr<const Graph>> load_zoo(const std::string& name, const LoadOptions& options);

}  // namespace gnomon::workloads::zoo
