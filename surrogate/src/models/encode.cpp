#include <algorithm>
#include <cmath>
#include <map>
#include <sstream>

#include "features/cells.hpp"
#include "features/layouts.hpp"
#include "features/text_plan.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"
#include "models/scaling.hpp"

namespace gnomon::surrogate {
namespace {

using Column = arch::LabelTable::Column;

std::string word_at(const Column& column, std::size_t row) {
  if (!column.numeric) return column.words[row];
  return std::isnan(column.numbers[row]) ? std::string() : number(column.numbers[row]);
}

/// [rows, features] of a table, or what is wrong with its columns. `bounds`: of the values, none while training.
RealMatrix numbers_of(const std::vector<Feature>& features, const std::vector<Bound>& bounds, const arch::LabelTable& table, std::vector<Problem>& problems) {
  RealMatrix x(static_cast<Eigen::Index>(table.rows()), static_cast<Eigen::Index>(features.size()));
  // Most tables have the features in their order.
  std::size_t next = 0;
  const auto find = [&](const std::string& name) {
    const auto& columns = table.columns();
    const Column* found = next < columns.size() && columns[next].name == name ? &columns[next] : table.find(name);
    if (found) next = static_cast<std::size_t>(found - columns.data()) + 1;
    return found;
  };
  for (std::size_t f = 0; f < features.size(); ++f) {
    const Feature& feature = features[f];
    const Column* found = find(feature.name);
    const bool constant = feature.categories.empty() && !feature.may_miss && feature.low == feature.high;
    if (!found) {
      if (constant) {
        x.col(static_cast<Eigen::Index>(f)).setConstant(feature.low);
        continue;
      }
      problems.push_back(missing_column(table, feature.name, problems.empty()));
      continue;
    }
    const Column& column = *found;
    const auto refuse = [&](const std::string& message) { problems.push_back({table.file(), "column " + in_quotes(feature.name), message}); };
    if (const std::string wrong = wrong_unit(column.unit, feature.unit); !wrong.empty()) {
      refuse(wrong);
      continue;
    }
    auto to = x.col(static_cast<Eigen::Index>(f));
    if (!feature.categories.empty()) {
      std::map<std::string, double> codes;
      for (std::size_t c = 0; c < feature.categories.size(); ++c) codes.emplace(feature.categories[c], static_cast<double>(c));
      for (std::size_t r = 0; r < table.rows(); ++r) {
        const auto at = codes.find(word_at(column, r));
        to[static_cast<Eigen::Index>(r)] = at == codes.end() ? -1.0 : at->second;
      }
    } else if (!column.numeric) {
      if (!refuse_words(table, column, "the model takes numbers here", problems)) refuse("found words; the model takes numbers here");
    } else {
      if (f < bounds.size()) {
        refuse_cells(table, column, [&](std::size_t r) { return std::isfinite(column.numbers[r]) && !bounds[f].allows(column.numbers[r]); }, bounds[f].due, problems);
        refuse_cells(table, column, [&](std::size_t r) { return std::isnan(column.numbers[r]) && !constant && !feature.may_miss; }, "training had one in every row", problems);
      }
      for (std::size_t r = 0; r < table.rows(); ++r) {
        to[static_cast<Eigen::Index>(r)] = constant && std::isnan(column.numbers[r]) ? feature.low : column.numbers[r];
      }
    }
  }
  return x;
}

}  // namespace

void encode_nodes(const std::vector<Feature>& features, const std::vector<Bound>& bounds, const std::string& key, const arch::LabelTable& table, const arch::LabelTable& nodes, Encoded& out,
                  std::vector<Problem>& problems) {
  const auto row_key = table.column(key), node_key = nodes.column(key);
  for (const auto* column : {&row_key, &node_key}) {
    if (!*column) problems.insert(problems.end(), column->error().problems().begin(), column->error().problems().end());
  }
  const RealMatrix x = numbers_of(features, bounds, nodes, problems);
  if (!problems.empty()) return;
  std::map<std::string, std::vector<std::size_t>> of_row;
  for (std::size_t n = 0; n < nodes.rows(); ++n) of_row[word_at(**node_key, n)].push_back(n);
  const Column* inputs = nodes.find("inputs");
  out.nodes.resize(0, x.cols());
  std::vector<Eigen::Index> order;
  for (std::size_t r = 0; r < table.rows(); ++r) {
    const auto first = static_cast<std::int32_t>(order.size());
    const auto found = of_row.find(word_at(**row_key, r));
    const std::vector<std::size_t> none;
    const auto& list = found == of_row.end() ? none : found->second;
    if (list.empty()) {
      problems.push_back({nodes.file(), "column " + in_quotes(key), "no node of row " + std::to_string(r + 1) + " of " + table.file()});
      if (problems.size() > 5) return;
    }
    for (std::size_t i = 0; i < list.size(); ++i) {
      order.push_back(static_cast<Eigen::Index>(list[i]));
      const auto self = first + static_cast<std::int32_t>(i);
      if (!inputs) {
        if (i > 0) out.edges.emplace_back(self - 1, self);
        continue;
      }
      std::istringstream words(word_at(*inputs, list[i]));
      std::string word;
      while (words >> word) {
        long long from = 0;
        if (!parse_integer(word, from) || from < 0 || from >= static_cast<long long>(list.size()) || from == static_cast<long long>(i)) {
          problems.push_back({nodes.file(), "column \"inputs\"", "row " + std::to_string(list[i] + 1) + ": found " + in_quotes(word) +
                                                                     "; allowed: positions of other nodes of the same row, counted from 0"});
          return;
        }
        out.edges.emplace_back(first + static_cast<std::int32_t>(from), self);
      }
    }
    out.node_first.push_back(static_cast<std::int32_t>(order.size()));
    out.edge_first.push_back(static_cast<std::int32_t>(out.edges.size()));
  }
  out.nodes = x(order, Eigen::all);
}

Expected<Encoded> Model::encode(const arch::LabelTable& given, const arch::LabelTable* nodes) const {
  Encoded out;
  if (text_plan_ && info_.node_features.empty() && text_plan_->encode(info_.features, bounds_, given, out.rows)) return out;
  // Columns that a known layout implies are made where the table lacks them.
  const bool whole = std::all_of(info_.features.begin(), info_.features.end(), [&](const Feature& f) { return given.find(f.name) != nullptr; });
  ImportedTable imported;
  std::vector<Problem> problems;
  if (!whole) {
    // What is wrong with the columns that others are made of is told before they are made.
    const Layout layout = layout_of(given);
    check_layout(given, layout, [&](const std::string& name) { return rule_of(layout, name)->label; }, problems);
    if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
    std::vector<std::string> wanted;
    for (const Feature& feature : info_.features) wanted.push_back(feature.name);
    if (!info_.node_key.empty()) wanted.push_back(info_.node_key);
    auto made = import_layout(given, wanted);
    if (!made) return fail(std::move(made.error()));
    imported = std::move(*made);
  }
  const arch::LabelTable& table = whole ? given : imported.table;
  if (const Layout own = !whole && imported.layout.empty() ? layout_of(info_.features) : Layout::none; own == Layout::networks || own == Layout::designs) {
    // What others are made of is missed, not what is made of it.
    std::vector<std::string> due{"layers", "network", "family", "kind", "precision_bits"};
    if (own == Layout::designs) {
      due.clear();
      for (const DesignFeature& feature : design_features()) {
        if (!feature.derived) due.push_back(feature.name);
      }
    }
    for (const std::string& name : due) {
      if (!given.find(name)) problems.push_back(missing_column(given, name, problems.empty()));
    }
    if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  }
  out.rows = numbers_of(info_.features, bounds_, table, problems);
  if (!info_.node_features.empty() && problems.empty()) {
    if (!nodes) return invalid(given.file(), "", "the model takes a list of nodes for each row; give the node table");
    encode_nodes(info_.node_features, node_bounds_, info_.node_key, table, *nodes, out, problems);
  }
  for (Problem& problem : problems)
    if (problem.file.empty()) problem.file = given.file();
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return out;
}

Expected<Prediction> Model::predict(const arch::LabelTable& table, const arch::LabelTable* nodes) const {
  auto encoded = encode(table, nodes);
  if (!encoded) return fail(std::move(encoded.error()));
  auto prediction = predict(*encoded);
  if (prediction) return prediction;
  std::vector<Problem> problems = prediction.error().problems();
  for (Problem& problem : problems) problem.file = table.file();
  return fail(Error(prediction.error().kind(), std::move(problems)));
}

}  // namespace gnomon::surrogate
