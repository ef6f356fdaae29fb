#include "gnomon/base/nn.hpp"

#include <array>
#include <cassert>
#include <cmath>
#include <utility>

#include "gnomon/base/random.hpp"

namespace gnomon {
namespace {

constexpr std::array<std::pair<std::string_view, Activation>, 4> activation_names{
    {{"linear", Activation::linear}, {"tanh", Activation::tanh}, {"relu", Activation::relu}, {"silu", Activation::silu}}};

template <class Batch>
Batch activated(const Batch& sum, Activation activation) {
  switch (activation) {
    case Activation::tanh: return sum.array().tanh();
    case Activation::relu: return sum.array().max(typename Batch::Scalar(0));
    case Activation::silu: return sum.array() / ((-sum.array()).exp() + 1);
    case Activation::linear: break;
  }
  return sum;
}

/// Multiplies `gradient` by the activation's derivative; `out` is the activation's value at `sum`.
template <class Batch>
void times_derivative(Batch& gradient, const Batch& sum, const Batch& out, Activation activation) {
  using Scalar = typename Batch::Scalar;
  switch (activation) {
    case Activation::tanh: gradient.array() *= 1 - out.array().square(); break;
    case Activation::relu: gradient.array() *= (sum.array() > Scalar(0)).template cast<Scalar>(); break;
    case Activation::silu: {
      const auto gate = (((-sum.array()).exp() + 1).inverse()).eval();
      gradient.array() *= gate + out.array() * (1 - gate);
      break;
    }
    case Activation::linear: break;
  }
}

}  // namespace

template <class Scalar>
Mlp<Scalar>::Mlp(std::vector<int> widths, Activation hidden, std::uint64_t seed, double output_gain)
    : widths_(std::move(widths)), hidden_(hidden), parameters_(Parameters::Zero(parameter_count(widths_))) {
  assert(widths_.size() >= 2);
  Eigen::Index at = 0;
  for (std::size_t layer = 0; layer + 1 < widths_.size(); ++layer) {
    const Eigen::Index in = widths_[layer], out = widths_[layer + 1];
    const bool last = layer + 2 == widths_.size();
    const bool rectified = !last && (hidden == Activation::relu || hidden == Activation::silu);
    const double deviation = std::sqrt((rectified ? 2.0 : 1.0) / static_cast<double>(in)) * (last ? output_gain : 1.0);
    Random random(derive(seed, layer));
    for (Eigen::Index i = 0; i < in * out; ++i) parameters_[at + i] = static_cast<Scalar>(deviation * random.normal());
    at += in * out + out;
  }
}

template <class Scalar>
Eigen::Index Mlp<Scalar>::parameter_count(const std::vector<int>& widths) {
  Eigen::Index count = 0;
  for (std::size_t layer = 0; layer + 1 < widths.size(); ++layer) {
    count += (static_cast<Eigen::Index>(widths[layer]) + 1) * widths[layer + 1];
  }
  return count;
}

template <class Scalar>
typename Mlp<Scalar>::Parameters Mlp<Scalar>::decay_mask() const {
  Parameters mask = Parameters::Ones(parameters_.size());
  Eigen::Index at = 0;
  for (std::size_t layer = 0; layer + 1 < widths_.size(); ++layer) {
    at += static_cast<Eigen::Index>(widths_[layer]) * widths_[layer + 1];
    mask.segment(at, widths_[layer + 1]).setZero();
    at += widths_[layer + 1];
  }
  return mask;
}

template <class Scalar>
typename Mlp<Scalar>::Batch Mlp<Scalar>::forward(const ConstBatch& x) const {
  Batch current;
  Eigen::Index at = 0;
  for (std::size_t layer = 0; layer + 1 < widths_.size(); ++layer) {
    const Eigen::Index in = widths_[layer], out = widths_[layer + 1];
    const Eigen::Map<const Batch> w(parameters_.data() + at, out, in);
    const Eigen::Map<const Parameters> b(parameters_.data() + at + in * out, out);
    Batch sum(out, x.cols());
    if (layer == 0) sum.noalias() = w * x;
    else sum.noalias() = w * current;
    sum.colwise() += b;
    current = layer + 2 == widths_.size() ? std::move(sum) : activated(sum, hidden_);
    at += in * out + out;
  }
  return current;
}

template <class Scalar>
typename Mlp<Scalar>::Batch Mlp<Scalar>::forward(const ConstBatch& x, Trace& trace) const {
  const std::size_t layers = widths_.size() - 1;
  trace.in.resize(layers);
  trace.sum.resize(layers);
  trace.in[0] = x;
  Eigen::Index at = 0;
  for (std::size_t layer = 0; layer < layers; ++layer) {
    const Eigen::Index in = widths_[layer], out = widths_[layer + 1];
    const Eigen::Map<const Batch> w(parameters_.data() + at, out, in);
    const Eigen::Map<const Parameters> b(parameters_.data() + at + in * out, out);
    trace.sum[layer].noalias() = w * trace.in[layer];
    trace.sum[layer].colwise() += b;
    if (layer + 1 < layers) trace.in[layer + 1] = activated(trace.sum[layer], hidden_);
    at += in * out + out;
  }
  return trace.sum.back();
}

template <class Scalar>
typename Mlp<Scalar>::Batch Mlp<Scalar>::backward(const Trace& trace, const ConstBatch& output_gradient, Parameters& gradient) const {
  assert(gradient.size() == parameters_.size());
  Batch flowing = output_gradient;
  Eigen::Index at = parameters_.size();
  for (std::size_t layer = widths_.size() - 1; layer-- > 0;) {
    const Eigen::Index in = widths_[layer], out = widths_[layer + 1];
    at -= in * out + out;
    if (layer + 2 < widths_.size()) times_derivative(flowing, trace.sum[layer], trace.in[layer + 1], hidden_);
    Eigen::Map<Batch> dw(gradient.data() + at, out, in);
    Eigen::Map<Parameters> db(gradient.data() + at + in * out, out);
    dw.noalias() += flowing * trace.in[layer].transpose();
    db += flowing.rowwise().sum();
    const Eigen::Map<const Batch> w(parameters_.data() + at, out, in);
    flowing = w.transpose() * flowing;
  }
  return flowing;
}

template class Mlp<float>;
template class Mlp<double>;

bool parse_activation(std::string_view word, Activation& activation) {
  for (const auto& [name, value] : activation_names) {
    if (name == word) {
      activation = value;
      return true;
    }
  }
  return false;
}

std::string_view activation_name(Activation activation) {
  for (const auto& [name, value] : activation_names) {
    if (value == activation) return name;
  }
  return "linear";
}

}  // namespace gnomon
