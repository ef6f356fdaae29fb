#pragma once

#include <utility>
#include <vector>

#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// Mean, lower and upper end in the label's unit, from centre and spread in the target's scale.
struct Finished {
  double mean = 0, lower = 0, upper = 0;
};
class Finisher {
 public:
  explicit Finisher(const Target& target);
  Finished operator()(double centre, double spread, bool zero, bool inside) const;
  double mean(double centre, bool zero) const;

 private:
  enum class Scale : char { linear, log, log1p };
  double back(double z) const;

  Scale scale_;
  double divisor_, quantum_, quantile_, quantile_outside_, floor_;
  double low_, high_, widest_low_, widest_high_;  // bounds of answers and of intervals
};
inline Finished finish(const Target& target, double centre, double spread, bool zero, bool inside) { return Finisher(target)(centre, spread, zero, inside); }

/// The analytical term at one row of raw features and its doubt, in the target's scale. Values in `row` that a term cannot take are mended.
std::pair<double, double> scaled_term(const Target& target, const std::vector<Feature>& features, double* row);

/// The nodes of each row of `table` from the node table, by the column `key`; edges from the column `inputs` (positions of other nodes of the row, with
/// blanks between), or a chain where there is none.
void encode_nodes(const std::vector<Feature>& features, const std::vector<Bound>& bounds, const std::string& key, const arch::LabelTable& table, const arch::LabelTable& nodes, Encoded& out,
                  std::vector<Problem>& problems);

}  // namespace gnomon::surrogate
