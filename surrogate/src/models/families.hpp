#pragma once

#include <memory>
#include <string>

#include "gnomon/base/error.hpp"
#include "gnomon/surrogate/learner.hpp"

namespace gnomon::surrogate {

/// The families' makers; `learner_families()` lists them.
Expected<std::unique_ptr<Learner>> make_ensemble(const std::string& options);
Expected<std::unique_ptr<Learner>> make_trees(const std::string& options);
Expected<std::unique_ptr<Learner>> make_process(const std::string& options);
Expected<std::unique_ptr<Learner>> make_blend(const std::string& options);
Expected<std::unique_ptr<Learner>> make_graph(const std::string& options);
Expected<std::unique_ptr<Learner>> make_transformer(const std::string& options);

/// Copies the next `count` weights; false where there are too few or one is not finite.
bool take_weights(std::span<const float>& weights, Eigen::Index count, float* to);

/// Mean squared error over the labels present [targets, rows], and its gradient where asked for.
double squared_error(const Mlp<float>::Batch& out, const Mlp<float>::Batch& labels, Mlp<float>::Batch* gradient);

/// Every tenth group of a shuffled order: those rows watch for overfitting. Of few large groups (fewer than 50, of ten rows and more), every tenth row
/// instead, so that every group is learned. With fewer than ten groups in less than a hundred rows none watches.
void watch_groups(const Lesson& lesson, std::uint64_t seed, std::vector<Eigen::Index>& learn, std::vector<Eigen::Index>& watch);

}  // namespace gnomon::surrogate
