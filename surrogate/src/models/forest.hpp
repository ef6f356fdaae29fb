#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "gnomon/base/nn.hpp"

namespace gnomon::surrogate {

/// A node of a tree: a question, whose second answer lies behind the first, or a leaf (input -1) with its value in `threshold`.
struct TreeNode {
  std::int32_t input = -1;
  float threshold = 0;
  std::int32_t below = 0;  ///< index of the child for values below the threshold, which is larger than the node's own
};

/// Trees of a booster, for answers only. A question is a place in its input's list of thresholds, so that a row is compared with each threshold once and a node takes
/// four bytes; a leaf's question leads back to itself, so that all trees of a group are walked the same number of steps, side by side and without a branch.
class Forest {
 public:
  using Batch = Mlp<float>::Batch;

  Forest() = default;
  Forest(const std::vector<TreeNode>& nodes, std::vector<std::int32_t> roots, int inputs);

  /// Adds the trees' answers to rows x [inputs, rows] to `sums` [rows]. A row's sum does not depend on the rows beside it.
  void add(const Batch& x, float* sums) const;
  const std::vector<std::int32_t>& roots() const { return roots_; }
  /// The nodes that it was made of.
  std::vector<TreeNode> nodes() const;

 private:
  /// `below` is the distance to the child, 0 for leaves; a row goes to the child behind where its input is above more thresholds than `place`.
  template <class Small, class Distance>
  struct Packed {
    using Code = Small;
    Small input = 0, place = 0;
    Distance below = 0;
  };
  using Narrow = Packed<std::uint8_t, std::uint16_t>;
  using Wide = Packed<std::uint32_t, std::uint32_t>;

  template <class Node>
  void walk(const std::vector<Node>& nodes, const Batch& x, float* sums) const;
  /// How many thresholds of each input a row is not below.
  void place(const float* row, std::int32_t* codes) const;

  std::vector<std::int32_t> roots_, depths_;
  std::vector<std::int32_t> first_{0};  // [inputs + 1]: thresholds of input i are first_[i] .. first_[i + 1] - 1
  std::vector<float> thresholds_;       // ascending for each input
  std::vector<float> values_;           // of leaves, by node
  std::variant<std::vector<Narrow>, std::vector<Wide>> nodes_;
};

}  // namespace gnomon::surrogate
