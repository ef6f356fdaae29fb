#pragma once

#include <string>
#include <vector>

#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// What moved one answer away from the usual one. Shapley values (Shapley 1953; Strumbelj and Kononenko, KAIS 2014) of the mean in the label's own unit:
/// inputs are changed one by one from the usual row to the row asked, in `orders` random orders and their reverses, and each is credited with the mean
/// change. Per target they add up to the difference of the two answers.
struct Explanation {
  std::vector<double> usual;                       ///< the model's answer for the usual row [targets]
  std::vector<double> answer;                      ///< for the row asked [targets]
  std::vector<std::vector<double>> contributions;  ///< [targets][inputs]
};

struct Explanations {
  std::vector<Explanation> rows;
  std::vector<std::string> inputs;  ///< the model's features; behind them, of models that take node lists, `nodes.NAME` for each node feature
  std::string background;           ///< what the usual row is, in words
};

/// Explains each row asked. The usual row has the medians and most frequent words of `background`, by default of the rows asked. Where all these rows are alike, and are
/// the one asked, they tell nothing; then it has what the model's header keeps of training: the mean of each number in its feature's scale (whole where the
/// layout asks for counts), the first of each feature's words.
///
/// Of node lists an input is one feature of all the row's nodes at once: usual is the median (most frequent word) over all nodes of the background; the row's own graph
/// and number of nodes stay, and nobody is credited for them. Deterministic in `seed`. Errors as in Model::predict.
Expected<Explanations> explain(const Model& model, const Encoded& asked, const Encoded* background = nullptr, int orders = 32, std::uint64_t seed = 1);
/// The same of tables (and their node tables, for models that take them), encoded as Model::predict has them.
Expected<Explanations> explain(const Model& model, const NetworkTables& asked, const NetworkTables* background = nullptr, int orders = 32, std::uint64_t seed = 1);

/// Why rows are out of range: the names of the features that lie outside what training saw (`nodes.NAME` of nodes' ones), or `members disagree` where none does;
/// empty where `in_range` [n], of the same rows' prediction, says so.
std::vector<std::vector<std::string>> out_of_range_reasons(const Model& model, const Encoded& x, const std::vector<std::uint8_t>& in_range);

}  // namespace gnomon::surrogate
