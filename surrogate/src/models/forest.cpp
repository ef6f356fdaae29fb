#include "models/forest.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace gnomon::surrogate {
namespace {

constexpr std::size_t side = 16;  ///< walks side by side

}  // namespace

Forest::Forest(const std::vector<TreeNode>& nodes, std::vector<std::int32_t> roots, int inputs) : roots_(std::move(roots)) {
  std::vector<std::vector<float>> lists(static_cast<std::size_t>(inputs));
  for (const TreeNode& node : nodes) {
    if (node.input >= 0) lists[static_cast<std::size_t>(node.input)].push_back(node.threshold);
  }
  std::size_t longest = 0;
  for (auto& list : lists) {
    std::sort(list.begin(), list.end());
    list.erase(std::unique(list.begin(), list.end()), list.end());
    longest = std::max(longest, list.size());
    thresholds_.insert(thresholds_.end(), list.begin(), list.end());
    first_.push_back(static_cast<std::int32_t>(thresholds_.size()));
  }
  std::int32_t farthest = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (nodes[i].input >= 0) farthest = std::max(farthest, nodes[i].below - static_cast<std::int32_t>(i));
  }
  const auto pack = [&]<class Node>(std::vector<Node>& packed) {
    packed.resize(nodes.size());
    values_.assign(nodes.size(), 0);
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const TreeNode& node = nodes[i];
      if (node.input < 0) {
        values_[i] = node.threshold;
        packed[i].place = std::numeric_limits<typename Node::Code>::max();
        continue;
      }
      const auto& list = lists[static_cast<std::size_t>(node.input)];
      packed[i].input = static_cast<typename Node::Code>(node.input);
      packed[i].place = static_cast<typename Node::Code>(std::lower_bound(list.begin(), list.end(), node.threshold) - list.begin());
      packed[i].below = static_cast<decltype(Node::below)>(node.below - static_cast<std::int32_t>(i));
    }
  };
  // A leaf's place is none that a threshold has.
  if (inputs <= 256 && longest <= 255 && farthest <= std::numeric_limits<std::uint16_t>::max()) pack(nodes_.emplace<std::vector<Narrow>>());
  else pack(nodes_.emplace<std::vector<Wide>>());

  // Parents lie before their children.
  std::vector<std::int32_t> depth(nodes.size(), 0), root_of(nodes.size(), -1);
  for (std::size_t t = 0; t < roots_.size(); ++t) root_of[static_cast<std::size_t>(roots_[t])] = static_cast<std::int32_t>(t);
  depths_.assign(roots_.size(), 0);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (root_of[i] < 0) continue;
    auto& deepest = depths_[static_cast<std::size_t>(root_of[i])];
    deepest = std::max(deepest, depth[i]);
    for (const std::int32_t child : {nodes[i].below, nodes[i].below + 1}) {
      if (nodes[i].input < 0) continue;
      depth[static_cast<std::size_t>(child)] = depth[i] + 1;
      root_of[static_cast<std::size_t>(child)] = root_of[i];
    }
  }
}

std::vector<TreeNode> Forest::nodes() const {
  return std::visit(
      [&](const auto& packed) {
        std::vector<TreeNode> out(packed.size());
        for (std::size_t i = 0; i < packed.size(); ++i) {
          if (packed[i].below == 0) out[i].threshold = values_[i];
          else out[i] = {static_cast<std::int32_t>(packed[i].input), thresholds_[static_cast<std::size_t>(first_[packed[i].input]) + packed[i].place], static_cast<std::int32_t>(i + packed[i].below)};
        }
        return out;
      },
      nodes_);
}

void Forest::place(const float* row, std::int32_t* codes) const {
  for (std::size_t i = 0; i + 1 < first_.size(); ++i) {
    const float *const begin = thresholds_.data() + first_[i], *at = begin;
    const float value = row[i];
    // Halves are taken by arithmetic: which one it is nobody can foresee.
    std::size_t left = static_cast<std::size_t>(first_[i + 1] - first_[i]);
    while (left > 1) {
      const std::size_t half = left / 2;
      at += half * static_cast<std::size_t>(!(value < at[half - 1]));
      left -= half;
    }
    const auto passed = (at - begin) + (left == 1 && !(value < *at) ? 1 : 0);
    codes[i] = static_cast<std::int32_t>(passed);
  }
}

template <class Node>
void Forest::walk(const std::vector<Node>& packed, const Batch& x, float* sums) const {
  const Node* const nodes = packed.data();
  const std::size_t inputs = first_.size() - 1;
  const auto rows = static_cast<std::size_t>(x.cols());
  std::vector<std::int32_t> codes(rows * inputs + 1);
  for (std::size_t r = 0; r < rows; ++r) place(x.data() + r * static_cast<std::size_t>(x.rows()), codes.data() + r * inputs);
  std::array<std::uint32_t, side> at{};
  std::array<std::int32_t, side> offsets{};
  const auto steps = [&](const std::int32_t* row, std::int32_t depth) {
    for (std::int32_t d = 0; d < depth; ++d) {
      for (std::size_t k = 0; k < side; ++k) {
        const Node node = nodes[at[k]];
        at[k] += node.below + (static_cast<std::uint32_t>(row[offsets[k] + static_cast<std::int32_t>(node.input)]) > node.place ? 1U : 0U);
      }
    }
  };
  // Of few rows a row goes down many trees side by side, of many rows many go down a tree: one step waits for memory while others go on. Sums are of the same order either way.
  if (rows < side) {
    for (std::size_t first = 0; first < roots_.size(); first += side) {
      const std::size_t count = std::min(side, roots_.size() - first);
      for (std::size_t next = first + side; next < std::min(first + 2 * side, roots_.size()); ++next) __builtin_prefetch(nodes + roots_[next]);
      std::int32_t depth = 0;
      for (std::size_t k = 0; k < count; ++k) depth = std::max(depth, depths_[first + k]);
      for (std::size_t r = 0; r < rows; ++r) {
        for (std::size_t k = 0; k < side; ++k) at[k] = static_cast<std::uint32_t>(roots_[first + std::min(k, count - 1)]);
        steps(codes.data() + r * inputs, depth);
        for (std::size_t k = 0; k < count; ++k) sums[r] += values_[at[k]];
      }
    }
    return;
  }
  for (std::size_t k = 0; k < side; ++k) offsets[k] = static_cast<std::int32_t>(k * inputs);
  for (std::size_t t = 0; t < roots_.size(); ++t) {
    for (std::size_t first = 0; first < rows; first += side) {
      // The last group goes back to rows that were walked already, and counts only its own.
      const std::size_t begin = std::min(first, rows - side);
      at.fill(static_cast<std::uint32_t>(roots_[t]));
      steps(codes.data() + begin * inputs, depths_[t]);
      for (std::size_t k = first - begin; k < side; ++k) sums[begin + k] += values_[at[k]];
    }
  }
}

void Forest::add(const Batch& x, float* sums) const {
  std::visit([&](const auto& packed) { walk(packed, x, sums); }, nodes_);
}

}  // namespace gnomon::surrogate
