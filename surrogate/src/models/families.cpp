#include "models/families.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::surrogate {

const std::vector<LearnerFamily>& learner_families() {
  static const std::vector<LearnerFamily> families{
      {"ensemble", "ridge regression and small multi-output networks on what it leaves", false, 0, &make_ensemble},
      {"trees", "gradient-boosted trees by XGBoost", false, 0, &make_trees},
      {"process", "Gaussian process", false, 1000, &make_process},
      {"blend", "mean of ensemble and trees", false, 0, &make_blend},
      {"graph", "message passing over the nodes of a row", true, 0, &make_graph},
      {"transformer", "attention among the nodes of a row", true, 0, &make_transformer},
  };
  return families;
}

Expected<std::unique_ptr<Learner>> make_learner(const std::string& family, const std::string& options) {
  std::vector<std::string> names;
  for (const LearnerFamily& known : learner_families()) {
    if (known.name == family) return known.make(options);
    names.push_back(known.name);
  }
  return fail(ErrorKind::invalid_input, unknown_word("model family", family, names));
}

Samples select(const Samples& samples, std::span<const Eigen::Index> rows) {
  Samples out;
  out.x.resize(samples.x.rows(), static_cast<Eigen::Index>(rows.size()));
  for (std::size_t i = 0; i < rows.size(); ++i) out.x.col(static_cast<Eigen::Index>(i)) = samples.x.col(rows[i]);
  if (samples.nodes.empty()) return out;
  const NodeBatch& from = samples.nodes;
  NodeBatch& to = out.nodes;
  Eigen::Index nodes = 0;
  for (const Eigen::Index row : rows) nodes += from.first[static_cast<std::size_t>(row) + 1] - from.first[static_cast<std::size_t>(row)];
  to.x.resize(from.x.rows(), nodes);
  Eigen::Index at = 0;
  for (const Eigen::Index row : rows) {
    const auto r = static_cast<std::size_t>(row);
    const std::int32_t shift = static_cast<std::int32_t>(at) - from.first[r];
    const Eigen::Index count = from.first[r + 1] - from.first[r];
    to.x.middleCols(at, count) = from.x.middleCols(from.first[r], count);
    for (std::int32_t e = from.edge_first[r]; e < from.edge_first[r + 1]; ++e) {
      const auto& edge = from.edges[static_cast<std::size_t>(e)];
      to.edges.emplace_back(edge.first + shift, edge.second + shift);
    }
    at += count;
    to.first.push_back(static_cast<std::int32_t>(at));
    to.edge_first.push_back(static_cast<std::int32_t>(to.edges.size()));
  }
  return out;
}

bool take_weights(std::span<const float>& weights, Eigen::Index count, float* to) {
  const auto n = static_cast<std::size_t>(count);
  if (weights.size() < n) return false;
  std::copy_n(weights.begin(), n, to);
  weights = weights.subspan(n);
  return std::all_of(to, to + count, [](float w) { return std::isfinite(w); });
}

double squared_error(const Mlp<float>::Batch& out, const Mlp<float>::Batch& labels, Mlp<float>::Batch* gradient) {
  using Batch = Mlp<float>::Batch;
  const auto present = labels.array().isNaN().select(0.0F, Batch::Ones(labels.rows(), labels.cols()).array()).eval();
  const auto count = static_cast<float>(std::max(1.0F, present.sum()));
  const Batch difference = labels.array().isNaN().select(0.0F, out.array() - labels.array());
  if (gradient) *gradient = difference / (0.5F * count);
  return static_cast<double>(difference.squaredNorm()) / static_cast<double>(count);
}

void watch_groups(const Lesson& lesson, std::uint64_t seed, std::vector<Eigen::Index>& learn, std::vector<Eigen::Index>& watch) {
  // A tenth of few large groups (kernels) is too much to go without; then rows of all groups are watched.
  constexpr std::size_t few = 50;
  const std::size_t rows = lesson.group.size();
  const bool by_row = lesson.groups < few && rows >= 10 * std::max<std::size_t>(lesson.groups, 10);
  std::vector<std::size_t> shuffled(by_row ? rows : lesson.groups);
  for (std::size_t g = 0; g < shuffled.size(); ++g) shuffled[g] = g;
  Random(seed).shuffle(shuffled);
  std::vector<bool> watching(shuffled.size(), false);
  if (shuffled.size() >= 10) {
    for (std::size_t i = 0; i < shuffled.size(); i += 10) watching[shuffled[i]] = true;
  }
  for (std::size_t i = 0; i < rows; ++i) (watching[by_row ? i : lesson.group[i]] ? watch : learn).push_back(static_cast<Eigen::Index>(i));
}

}  // namespace gnomon::surrogate
