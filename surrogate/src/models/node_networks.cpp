#include "models/node_networks.hpp"

#include <algorithm>

namespace gnomon::surrogate {
namespace {

template <class S>
using B = typename Mlp<S>::Batch;

/// Mean of each row's nodes [width, rows]; zero where a row has none.
template <class S>
B<S> mean_of_nodes(const B<S>& nodes, const std::vector<std::int32_t>& first) {
  B<S> out = B<S>::Zero(nodes.rows(), static_cast<Eigen::Index>(first.size()) - 1);
  for (Eigen::Index r = 0; r < out.cols(); ++r) {
    const auto begin = first[static_cast<std::size_t>(r)], end = first[static_cast<std::size_t>(r) + 1];
    if (end > begin) out.col(r) = nodes.middleCols(begin, end - begin).rowwise().mean();
  }
  return out;
}

template <class S>
B<S> stacked(const B<S>& top, const B<S>& bottom) {
  B<S> out(top.rows() + bottom.rows(), top.cols());
  out << top, bottom;
  return out;
}

/// The common end: node outputs [targets, nodes] and row outputs to answers; `share` receives dz/do of every node.
template <class S>
B<S> add_up(const B<S>& node_out, const B<S>& row_out, const std::vector<std::int32_t>& first, const std::vector<double>& deviations, B<S>& share) {
  B<S> out = row_out;
  share = B<S>::Ones(node_out.rows(), node_out.cols());
  for (Eigen::Index r = 0; r < out.cols(); ++r) {
    const auto begin = first[static_cast<std::size_t>(r)], count = first[static_cast<std::size_t>(r) + 1] - begin;
    if (count == 0) continue;
    for (Eigen::Index t = 0; t < out.rows(); ++t) {
      const auto values = node_out.row(t).segment(begin, count);
      const S d = static_cast<S>(deviations[static_cast<std::size_t>(t)]);
      if (d == 0) {
        out(t, r) += values.sum();
        continue;
      }
      const S most = values.maxCoeff();
      auto weights = share.row(t).segment(begin, count);
      weights = ((values.array() - most) * d).exp().matrix();
      const S sum = weights.sum();
      weights /= sum;
      out(t, r) += most + std::log(sum) / d;
    }
  }
  return out;
}

/// Each node's share of its row's gradient.
template <class S>
B<S> share_out(const B<S>& out_gradient, const B<S>& share, const std::vector<std::int32_t>& first) {
  B<S> out = share;
  for (Eigen::Index r = 0; r < out_gradient.cols(); ++r) {
    for (Eigen::Index n = first[static_cast<std::size_t>(r)]; n < first[static_cast<std::size_t>(r) + 1]; ++n) {
      out.col(n).array() *= out_gradient.col(r).array();
    }
  }
  return out;
}

/// Adds the gradient of `mean_of_nodes` to the nodes' gradient.
template <class S>
void add_mean_gradient(const B<S>& mean_gradient, const std::vector<std::int32_t>& first, B<S>& nodes) {
  for (Eigen::Index r = 0; r < mean_gradient.cols(); ++r) {
    const auto begin = first[static_cast<std::size_t>(r)], count = first[static_cast<std::size_t>(r) + 1] - begin;
    for (Eigen::Index n = begin; n < begin + count; ++n) nodes.col(n) += mean_gradient.col(r) / static_cast<S>(count);
  }
}

/// Every column with mean 0 and deviation 1.
template <class S>
B<S> normalised(const B<S>& x, B<S>& inverse) {
  B<S> out = x.rowwise() - x.colwise().mean();
  inverse = (out.colwise().squaredNorm().array() / static_cast<S>(x.rows()) + static_cast<S>(1e-5)).sqrt().inverse().matrix();
  return out.array().rowwise() * inverse.row(0).array();
}
template <class S>
B<S> normalised_gradient(const B<S>& y, const B<S>& inverse, const B<S>& gradient) {
  const auto n = static_cast<S>(y.rows());
  const B<S> along = (y.cwiseProduct(gradient)).colwise().sum() / n;
  B<S> out = gradient.rowwise() - gradient.colwise().mean();
  out -= (y.array().rowwise() * along.row(0).array()).matrix();
  return out.array().rowwise() * inverse.row(0).array();
}

}  // namespace

template <class Scalar>
NodeInputs<Scalar>::NodeInputs(const Samples& samples) {
  rows = samples.x.template cast<Scalar>();
  first = samples.nodes.first;
  edges = samples.nodes.edges;
  const auto& x = samples.nodes.x;
  nodes.resize(x.rows() + rows.rows() + 2, x.cols());
  nodes.topRows(x.rows()) = x.template cast<Scalar>();
  for (Eigen::Index r = 0; r < rows.cols(); ++r) {
    const auto begin = first[static_cast<std::size_t>(r)], end = first[static_cast<std::size_t>(r) + 1];
    for (Eigen::Index n = begin; n < end; ++n) {
      nodes.col(n).segment(x.rows(), rows.rows()) = rows.col(r);
      nodes(nodes.rows() - 2, n) = std::log(static_cast<Scalar>(n - begin + 1));
      nodes(nodes.rows() - 1, n) = std::log(static_cast<Scalar>(end - begin));
    }
  }
}

template <class Scalar>
GraphNetwork<Scalar>::GraphNetwork(const Learner::Shape& shape, NodeNetworkOptions options, std::uint64_t seed) : options_(std::move(options)) {
  const int width = static_cast<int>(options_.width);
  auto next = [&, part = std::uint64_t{0}](std::vector<int> widths, double gain) mutable {
    parts.emplace_back(std::move(widths), Activation::silu, derive(seed, part++), gain);
  };
  next({shape.inputs + shape.node_inputs + 2, width, width}, 1);
  for (std::int64_t l = 0; l < options_.layers; ++l) next({3 * width, width, width}, 0.3);
  next({width, width, shape.targets}, 0.1);
  next({shape.inputs + width, width, shape.targets}, 0.1);
}

template <class Scalar>
auto GraphNetwork<Scalar>::forward(const NodeInputs<Scalar>& in, NodeTape<Scalar>& tape) const -> Batch {
  tape.traces.resize(parts.size());
  tape.weights.resize(1);
  Batch h = parts[0].forward(in.nodes, tape.traces[0]);
  const auto layers = static_cast<std::size_t>(options_.layers);
  const Eigen::Index width = h.rows();
  for (std::size_t l = 0; l < layers; ++l) {
    Batch message = Batch::Zero(3 * width, h.cols());
    message.topRows(width) = h;
    for (const auto& [from, to] : in.edges) {
      message.col(to).segment(width, width) += h.col(from);
      message.col(from).tail(width) += h.col(to);
    }
    h += parts[1 + l].forward(message, tape.traces[1 + l]);
  }
  const Batch node_out = parts[1 + layers].forward(h, tape.traces[1 + layers]);
  const Batch row_out = parts[2 + layers].forward(stacked<Scalar>(in.rows, mean_of_nodes<Scalar>(h, in.first)), tape.traces[2 + layers]);
  return add_up<Scalar>(node_out, row_out, in.first, options_.deviations, tape.weights[0]);
}

template <class Scalar>
void GraphNetwork<Scalar>::backward(const NodeInputs<Scalar>& in, const NodeTape<Scalar>& tape, const Batch& out_gradient, Gradients& gradients) const {
  const auto layers = static_cast<std::size_t>(options_.layers);
  const auto width = static_cast<Eigen::Index>(options_.width);
  Batch dh = parts[1 + layers].backward(tape.traces[1 + layers], share_out<Scalar>(out_gradient, tape.weights[0], in.first), gradients[1 + layers]);
  const Batch drow = parts[2 + layers].backward(tape.traces[2 + layers], out_gradient, gradients[2 + layers]);
  add_mean_gradient<Scalar>(drow.bottomRows(width), in.first, dh);
  for (std::size_t l = layers; l-- > 0;) {
    const Batch dmessage = parts[1 + l].backward(tape.traces[1 + l], dh, gradients[1 + l]);
    dh += dmessage.topRows(width);
    for (const auto& [from, to] : in.edges) {
      dh.col(from) += dmessage.col(to).segment(width, width);
      dh.col(to) += dmessage.col(from).tail(width);
    }
  }
  parts[0].backward(tape.traces[0], dh, gradients[0]);
}

template <class Scalar>
TransformerNetwork<Scalar>::TransformerNetwork(const Learner::Shape& shape, NodeNetworkOptions options, std::uint64_t seed) : options_(std::move(options)) {
  const int width = static_cast<int>(options_.width);
  auto next = [&, part = std::uint64_t{0}](std::vector<int> widths, double gain) mutable {
    parts.emplace_back(std::move(widths), Activation::silu, derive(seed, part++), gain);
  };
  next({shape.inputs + shape.node_inputs + 2, width}, 1);
  for (std::int64_t l = 0; l < options_.layers; ++l) {
    next({width, 3 * width}, 1);
    next({width, width}, 0.3);
    next({width, 2 * width, width}, 0.3);
  }
  next({width, width, shape.targets}, 0.1);
  next({shape.inputs + width, width, shape.targets}, 0.1);
}

template <class Scalar>
auto TransformerNetwork<Scalar>::forward(const NodeInputs<Scalar>& in, NodeTape<Scalar>& tape) const -> Batch {
  const auto layers = static_cast<std::size_t>(options_.layers);
  const auto width = static_cast<Eigen::Index>(options_.width), heads = static_cast<Eigen::Index>(options_.heads), each = width / heads;
  const Scalar scale = 1 / std::sqrt(static_cast<Scalar>(each));
  tape.traces.resize(parts.size());
  tape.states.clear();
  tape.weights.clear();
  Batch h = parts[0].forward(in.nodes, tape.traces[0]);
  for (std::size_t l = 0; l < layers; ++l) {
    Batch inverse;
    const Batch a = normalised<Scalar>(h, inverse);
    const Batch qkv = parts[1 + 3 * l].forward(a, tape.traces[1 + 3 * l]);
    Batch mixed = Batch::Zero(width, h.cols());
    for (std::size_t r = 0; r + 1 < in.first.size(); ++r) {
      const Eigen::Index begin = in.first[r], count = in.first[r + 1] - begin;
      for (Eigen::Index k = 0; k < heads; ++k) {
        const auto q = qkv.block(k * each, begin, each, count), key = qkv.block(width + k * each, begin, each, count);
        // Column i: how much token i takes of each token.
        Batch weights = key.transpose() * q * scale;
        for (Eigen::Index i = 0; i < count; ++i) {
          weights.col(i) = (weights.col(i).array() - weights.col(i).maxCoeff()).exp().matrix();
          weights.col(i) /= weights.col(i).sum();
        }
        mixed.block(k * each, begin, each, count) = qkv.block(2 * width + k * each, begin, each, count) * weights;
        tape.weights.push_back(std::move(weights));
      }
    }
    h += parts[2 + 3 * l].forward(mixed, tape.traces[2 + 3 * l]);
    Batch inverse_2;
    const Batch b = normalised<Scalar>(h, inverse_2);
    h += parts[3 + 3 * l].forward(b, tape.traces[3 + 3 * l]);
    tape.states.insert(tape.states.end(), {a, inverse, qkv, b, inverse_2});
  }
  const std::size_t end = 1 + 3 * layers;
  const Batch node_out = parts[end].forward(h, tape.traces[end]);
  const Batch row_out = parts[end + 1].forward(stacked<Scalar>(in.rows, mean_of_nodes<Scalar>(h, in.first)), tape.traces[end + 1]);
  tape.weights.emplace_back();
  return add_up<Scalar>(node_out, row_out, in.first, options_.deviations, tape.weights.back());
}

template <class Scalar>
void TransformerNetwork<Scalar>::backward(const NodeInputs<Scalar>& in, const NodeTape<Scalar>& tape, const Batch& out_gradient, Gradients& gradients) const {
  const auto layers = static_cast<std::size_t>(options_.layers);
  const auto width = static_cast<Eigen::Index>(options_.width), heads = static_cast<Eigen::Index>(options_.heads), each = width / heads;
  const Scalar scale = 1 / std::sqrt(static_cast<Scalar>(each));
  const std::size_t end = 1 + 3 * layers, rows = in.first.size() - 1;
  Batch dh = parts[end].backward(tape.traces[end], share_out<Scalar>(out_gradient, tape.weights.back(), in.first), gradients[end]);
  const Batch drow = parts[end + 1].backward(tape.traces[end + 1], out_gradient, gradients[end + 1]);
  add_mean_gradient<Scalar>(drow.bottomRows(width), in.first, dh);
  for (std::size_t l = layers; l-- > 0;) {
    const Batch &a = tape.states[5 * l], &inverse = tape.states[5 * l + 1], &qkv = tape.states[5 * l + 2], &b = tape.states[5 * l + 3],
                &inverse_2 = tape.states[5 * l + 4];
    dh += normalised_gradient<Scalar>(b, inverse_2, parts[3 + 3 * l].backward(tape.traces[3 + 3 * l], dh, gradients[3 + 3 * l]));
    const Batch dmixed = parts[2 + 3 * l].backward(tape.traces[2 + 3 * l], dh, gradients[2 + 3 * l]);
    Batch dqkv = Batch::Zero(3 * width, dh.cols());
    for (std::size_t r = 0; r < rows; ++r) {
      const Eigen::Index begin = in.first[r], count = in.first[r + 1] - begin;
      for (Eigen::Index k = 0; k < heads; ++k) {
        const Batch& weights = tape.weights[(l * rows + r) * static_cast<std::size_t>(heads) + static_cast<std::size_t>(k)];
        const auto q = qkv.block(k * each, begin, each, count), key = qkv.block(width + k * each, begin, each, count),
                   value = qkv.block(2 * width + k * each, begin, each, count), d = dmixed.block(k * each, begin, each, count);
        dqkv.block(2 * width + k * each, begin, each, count) = d * weights.transpose();
        const Batch dweights = value.transpose() * d;
        Batch dscores = weights.cwiseProduct(dweights);
        const Batch sums = dscores.colwise().sum();
        dscores -= (weights.array().rowwise() * sums.row(0).array()).matrix();
        dqkv.block(k * each, begin, each, count) = key * dscores * scale;
        dqkv.block(width + k * each, begin, each, count) = q * dscores.transpose() * scale;
      }
    }
    dh += normalised_gradient<Scalar>(a, inverse, parts[1 + 3 * l].backward(tape.traces[1 + 3 * l], dqkv, gradients[1 + 3 * l]));
  }
  parts[0].backward(tape.traces[0], dh, gradients[0]);
}

template struct NodeInputs<float>;
template struct NodeInputs<double>;
template class GraphNetwork<float>;
template class GraphNetwork<double>;
template class TransformerNetwork<float>;
template class TransformerNetwork<double>;

}  // namespace gnomon::surrogate
