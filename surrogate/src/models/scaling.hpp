#pragma once

#include <utility>
#include <vector>

#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// Mean, lower and upper end in the label's unit, from centre and spread in the target's scale.
struct Finished {
  double mean = 0, lower = 0, upper = 0;
};
/// A model's answer in the target's scale.
struct ScaledAnswer {
  double centre = 0, spread = 0;
  double other = 0;    ///< a second answer that the interval spans: out of range the term's where the learned one is given, and the other way round; else the centre
  double farther = 0;  ///< added to the interval on each side
  bool zero = false;   ///< a hurdle says 0
};
class Finisher {
 public:
  explicit Finisher(const Target& target);
  Finished operator()(const ScaledAnswer& answer, bool inside) const;
  double mean(double centre, bool zero) const;

 private:
  friend class LanePlan;
  enum class Scale : char { linear, log, log1p };
  double back(double z) const;

  Scale scale_;
  bool term_;
  double divisor_, quantum_, quantile_, quantile_outside_, floor_, most_;
  double low_, high_, widest_low_, widest_high_;  // bounds of answers and of intervals, without a term
  double least_, most_end_;                       // where an interval ends at the latest, without a term
  double widest_;                                 // half of an interval, with one
};
inline Finished finish(const Target& target, const ScaledAnswer& answer, bool inside) { return Finisher(target)(answer, inside); }

/// Ends of the range in a feature's own scale outside which a row is out of range.
std::pair<double, double> allowed_range(const Feature& feature);

/// The analytical term at one row of raw features in the target's scale: its value, kept at a thousandth of the smallest label where the scale takes no 0,
/// the value before that (-inf for 0), and its doubt. Values in `row` that a term cannot take are mended.
struct ScaledTerm {
  double value = 0, plain = 0, doubt = 0;
};
ScaledTerm scaled_term(const Target& target, const std::vector<Feature>& features, double* row);
/// Smallest and largest residual on a term that an answer may have.
std::pair<double, double> residual_bounds(const Target& target);

/// The nodes of each row of `table` from the node table, by the column `key`; edges from the column `inputs` (positions of other nodes of the row, with
/// blanks between), or a chain where there is none.
void encode_nodes(const std::vector<Feature>& features, const std::vector<Bound>& bounds, const std::string& key, const arch::LabelTable& table, const arch::LabelTable& nodes, Encoded& out,
                  std::vector<Problem>& problems);

}  // namespace gnomon::surrogate
