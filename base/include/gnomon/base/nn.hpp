#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <string_view>
#include <vector>

namespace gnomon {

/// y = x, tanh(x), max(x, 0), or x / (1 + exp(-x)) (silu, also called swish).
enum class Activation { linear, tanh, relu, silu };

/// A fully connected network: every layer is W x + b, followed by the hidden activation except after the last.
///
/// `Scalar` is float or double. A batch is a matrix with one sample per column: inputs [inputs(), batch], outputs [outputs(), batch].
/// All weights lie in one vector (layer by layer: W column-major [out, in], then b [out]), which is what an optimiser steps on and
/// what a model file stores.
template <class Scalar>
class Mlp {
 public:
  using Batch = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  using Parameters = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  using ConstBatch = Eigen::Ref<const Batch, 0, Eigen::OuterStride<>>;

  /// What the forward pass leaves for the backward pass.
  struct Trace {
    std::vector<Batch> in;   ///< input of each layer
    std::vector<Batch> sum;  ///< W x + b of each layer
  };

  Mlp() = default;
  /// `widths`: inputs, hidden layers, outputs; at least two entries, all positive. The weights are normal with variance 2 / fan-in for
  /// relu and silu (He et al. 2015) and 1 / fan-in otherwise; biases are zero. `output_gain` scales the last layer's weights: policies
  /// start near uniform with 0.01.
  Mlp(std::vector<int> widths, Activation hidden, std::uint64_t seed, double output_gain = 1.0);

  int inputs() const { return widths_.empty() ? 0 : widths_.front(); }
  int outputs() const { return widths_.empty() ? 0 : widths_.back(); }
  const std::vector<int>& widths() const { return widths_; }
  Activation hidden() const { return hidden_; }
  Parameters& parameters() { return parameters_; }
  const Parameters& parameters() const { return parameters_; }
  /// How many weights a network of these widths has.
  static Eigen::Index parameter_count(const std::vector<int>& widths);
  /// 1 for weights, 0 for biases: what weight decay applies to.
  Parameters decay_mask() const;

  /// Outputs [outputs(), batch] of inputs [inputs(), batch].
  Batch forward(const ConstBatch& x) const;
  Batch forward(const ConstBatch& x, Trace& trace) const;
  /// Adds dLoss/dparameters to `gradient` [parameters().size()], given dLoss/doutputs [outputs(), batch] and the forward pass's trace;
  /// returns dLoss/dinputs [inputs(), batch].
  Batch backward(const Trace& trace, const ConstBatch& output_gradient, Parameters& gradient) const;

 private:
  std::vector<int> widths_;
  Activation hidden_ = Activation::tanh;
  Parameters parameters_;
};

extern template class Mlp<float>;
extern template class Mlp<double>;

/// `linear`, `tanh`, `relu`, `silu`; false for another word.
bool parse_activation(std::string_view word, Activation& activation);
std::string_view activation_name(Activation activation);

}  // namespace gnomon
