#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// The quick way of a model from rows of features to answers, where all its learners answer rows side by side (Learner::by_lanes): 32 rows at a time, or a few rows
/// one by one, through standardising, networks, terms and intervals in vectors of the processor's widest kind. Rows outside what training saw are left to
/// Model::scaled. A row's answer does not depend on the rows beside it, nor on the width of vectors where there is fused multiply-add.
class LanePlan {
 public:
  using Learners = std::vector<std::shared_ptr<const Learner>>;
  /// Null where the model has nodes, or learners of other kinds. `bytes`: of vectors, 16, 32 or 64; 0 for the widest.
  static std::shared_ptr<const LanePlan> make(const ModelInfo& info, const Learners& learners, const std::vector<std::pair<double, double>>& ranges, const std::vector<Bound>& bounds, int bytes = 0);

  /// Where answers go: [n, targets], column by column; without intervals `lower`, `upper` and `in_range` are null.
  struct Answers {
    double *mean = nullptr, *lower = nullptr, *upper = nullptr;
    std::uint8_t* in_range = nullptr;
  };
  /// Answers the rows of x, which must have the model's columns. `outside`: rows with a feature outside what training saw, or that is not allowed at all;
  /// their answers mean nothing. False: an answer is not finite.
  bool answer(const RealMatrix& x, const Learners& learners, const Answers& to, std::vector<Eigen::Index>& outside) const;

  /// Numbers that kernels read, by feature and by target; targets and features are padded to eight.
  struct Table {
    std::vector<double> low, high, mean, slope, least;
    std::vector<std::int64_t> log, log1p, whole;  // -1: so
    bool any_log = false, any_log1p = false;
  };
  enum Parameter : std::size_t {
    deviation, middle, residual_low, residual_high, spread_most, least_value, divisor, quantum, quantile, quantile_outside, spread_floor, spread_limit, most, low, high, widest_low, widest_high, least, most_end, widest,
    is_log, is_log1p, is_linear, has_term, parameters
  };

 private:
  struct Simple {
    std::int64_t feature = -1;  // -1: the term is asked
    double coefficient = 0, low = 0;
  };
  struct Buffers;
  void block(const RealMatrix& x, Eigen::Index first, Eigen::Index count, const Learners& learners, const Answers& to, Buffers& buffers, std::vector<Eigen::Index>& outside, bool& finite) const;
  void row(const RealMatrix& x, Eigen::Index at, const Learners& learners, const Answers& to, Buffers& buffers, std::vector<Eigen::Index>& outside, bool& finite) const;
  /// Values of a target's term and their relative doubt at rows of raw features.
  void term(std::size_t target, const RealMatrix& x, Eigen::Index first, Eigen::Index count, std::vector<double>& scratch, double* value, double* relative) const;
  bool fill_words(const RealMatrix& x, Eigen::Index first, Eigen::Index count, int apart, float* in, std::int64_t* beyond) const;

  int bytes_ = 16, inputs_ = 0;
  std::size_t targets_ = 0, outputs_ = 0;
  std::vector<Feature> features_;
  std::vector<PhysicalTerm> terms_;  // per target
  std::vector<Eigen::Index> columns_;  // of numeric features
  std::vector<int> at_;                // their inputs
  std::vector<std::pair<Eigen::Index, std::pair<int, int>>> words_;  // columns of words: first input, number of words
  Table table_;
  std::vector<double> of_target_[parameters];
  std::vector<Simple> simple_;  // per target
  // Per target: the place among all learners' outputs; -1: none.
  std::vector<int> output_, hurdle_;
  std::vector<std::size_t> head_outputs_;
  bool any_term_ = false, any_doubt_ = false;
};

}  // namespace gnomon::surrogate
