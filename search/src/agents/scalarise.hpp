#pragma once

#include <cmath>
#include <vector>

#include "gnomon/base/random.hpp"

namespace gnomon::search {

/// One objective on a scale on which models learn: its logarithm where all values are positive, span more than a factor of 3 and are
/// less skewed so,
/// bad values cut off at the median plus twice its distance from the best, then zero mean and unit deviation. Monotone but for
/// the cut. With several objectives the ends of the front are bad values of one each: nothing up to `kept` is cut.
class ObjectiveScale {
 public:
  explicit ObjectiveScale(const std::vector<double>& values, double kept = -HUGE_VAL);
  double operator()(double value) const;

 private:
  bool log_ = false;
  double cut_ = 0, mean_ = 0, deviation_ = 1;
};

/// By objective the worst value on the front of these results; -inf for one objective.
std::vector<double> ends_of_front(const std::vector<std::vector<double>>& results);

/// Uniform on the simplex; {1} for one objective.
std::vector<double> random_weights(std::size_t objectives, Random& random);

/// Augmented Tchebycheff scalarisation of normalised objectives (Knowles, ParEGO, IEEE TEC 10(1), 2006):
/// max_k w_k z_k + 0.05 sum_k w_k z_k.
double tchebycheff(const std::vector<double>& weights, const std::vector<double>& normalised);

/// asinh(v / scale), which keeps the sign and tames large values; `scale` is the median |v|.
class ViolationScale {
 public:
  explicit ViolationScale(const std::vector<double>& values);
  double operator()(double value) const;

 private:
  double scale_ = 1;
};

}  // namespace gnomon::search
