#pragma once

#include <utility>
#include <vector>

#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// Mean, lower and upper end in the label's unit, from centre and spread in the target's scale.
struct Finished {
  double mean = 0, lower = 0, upper = 0;
};
Finished finish(const Target& target, double centre, double spread, bool zero, bool inside);

/// The analytical term at one row of raw features and its doubt, in the target's scale. Values in `row` that a term cannot take are mended.
std::pair<double, double> scaled_term(const Target& target, const std::vector<Feature>& features, double* row);

/// The nodes of each row of `table` from the node table, by the column `key`; edges from the column `inputs` (positions of other nodes of the row, with
/// blanks between), or a chain where there is none.
void encode_nodes(const std::vector<Feature>& features, const std::string& key, const arch::LabelTable& table, const arch::LabelTable& nodes, Encoded& out,
                  std::vector<Problem>& problems);

}  // namespace gnomon::surrogate
