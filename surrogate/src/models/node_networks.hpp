#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "gnomon/base/nn.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/surrogate/learner.hpp"

namespace gnomon::surrogate {

/// Networks over node lists, for `Scalar` float (training, answers) and double (gradient checks). Both end in the same way: every node gives an output o per
/// target, and a row answers
///
///   z = log(sum over nodes of exp(d o)) / d + g
///
/// with d the deviation of the target's log-scaled labels, so that nodes add in the label's own unit as layers' resources do, or z = sum of o + g for
/// linear targets; g is a small network of the row's inputs and the mean of its nodes.
template <class Scalar>
struct NodeInputs {
  using Batch = typename Mlp<Scalar>::Batch;
  Batch rows;   ///< [row inputs, rows]
  Batch nodes;  ///< [node inputs + row inputs + 2, nodes]: with the row's inputs, and its place and the row's length, by logarithm
  std::vector<std::int32_t> first{0};
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;

  explicit NodeInputs(const Samples& samples);
};

struct NodeNetworkOptions {
  std::int64_t width = 48;
  std::int64_t layers = 2;
  std::int64_t heads = 4;  ///< of attention
  std::vector<double> deviations;  ///< per target; 0: linear
};

/// What the backward pass needs; filled by forward.
template <class Scalar>
struct NodeTape {
  using Batch = typename Mlp<Scalar>::Batch;
  std::vector<typename Mlp<Scalar>::Trace> traces;
  std::vector<Batch> states;   // intermediate node states
  std::vector<Batch> weights;  // attention weights and softmax of the sums
};

/// Message passing (Gilmer et al., ICML 2017): a node's state takes in the sums of its predecessors' and of its successors' states.
template <class Scalar>
class GraphNetwork {
 public:
  using Batch = typename Mlp<Scalar>::Batch;
  using Gradients = std::vector<typename Mlp<Scalar>::Parameters>;
  static constexpr const char* name = "graph";

  GraphNetwork() = default;
  GraphNetwork(const Learner::Shape& shape, NodeNetworkOptions options, std::uint64_t seed);
  Batch forward(const NodeInputs<Scalar>& in, NodeTape<Scalar>& tape) const;
  void backward(const NodeInputs<Scalar>& in, const NodeTape<Scalar>& tape, const Batch& out_gradient, Gradients& gradients) const;

  std::vector<Mlp<Scalar>> parts;  // encoder, one per layer, node output, row output

 private:
  NodeNetworkOptions options_;
};

/// Encoder of a transformer (Vaswani et al., NeurIPS 2017) with normalisation before each block and no scale or shift in it; the tokens of a row see each other.
template <class Scalar>
class TransformerNetwork {
 public:
  using Batch = typename Mlp<Scalar>::Batch;
  using Gradients = std::vector<typename Mlp<Scalar>::Parameters>;
  static constexpr const char* name = "transformer";

  TransformerNetwork() = default;
  TransformerNetwork(const Learner::Shape& shape, NodeNetworkOptions options, std::uint64_t seed);
  Batch forward(const NodeInputs<Scalar>& in, NodeTape<Scalar>& tape) const;
  void backward(const NodeInputs<Scalar>& in, const NodeTape<Scalar>& tape, const Batch& out_gradient, Gradients& gradients) const;

  std::vector<Mlp<Scalar>> parts;  // embedding; per layer: queries, keys and values, projection, feed-forward; node output, row output

 private:
  NodeNetworkOptions options_;
};

extern template struct NodeInputs<float>;
extern template struct NodeInputs<double>;
extern template class GraphNetwork<float>;
extern template class GraphNetwork<double>;
extern template class TransformerNetwork<float>;
extern template class TransformerNetwork<double>;

}  // namespace gnomon::surrogate
