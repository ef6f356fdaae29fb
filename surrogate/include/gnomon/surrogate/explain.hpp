#pragma once

#include <string>
#include <vector>

#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// What moved one answer away from the usual one. Shapley values (Shapley 1953; Strumbelj and Kononenko, KAIS 2014) of the mean in the label's own unit:
/// features are changed one by one from the usual row (medians, most frequent words) to the row asked, in `orders` random orders and their reverses, and
/// each is credited with the mean change. Per target they add up to the difference of the two answers.
struct Explanation {
  std::vector<double> usual;                       ///< the model's answer for the usual row [targets]
  std::vector<double> answer;                      ///< for the row asked [targets]
  std::vector<std::vector<double>> contributions;  ///< [targets][features]
};

/// Explains each row of `table`; the usual row is made of `background` (the training table, or the same one). Models that take node lists are refused.
/// Deterministic in `seed`. Errors as in Model::predict.
Expected<std::vector<Explanation>> explain(const Model& model, const arch::LabelTable& table, const arch::LabelTable& background, int orders = 32,
                                           std::uint64_t seed = 1);

/// Why rows x [n, features] are out of range: the names of the features that lie outside what training saw, or `members disagree` where none does (or only
/// a node's); empty where `in_range` [n], of the same rows' prediction, says so.
std::vector<std::vector<std::string>> out_of_range_reasons(const Model& model, const RealMatrix& x, const std::vector<std::uint8_t>& in_range);

}  // namespace gnomon::surrogate
