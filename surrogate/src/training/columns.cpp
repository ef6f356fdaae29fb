#include "training/columns.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "features/cells.hpp"
#include "features/layouts.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::surrogate {
namespace {

/// A column of more different words than this is a name, not a category.
constexpr std::size_t most_categories = 64;
/// Up to this fraction of negative values a column is told about.
constexpr double few_negative = 0.1;
/// Positive features whose largest value is this many times the smallest are seen in the log domain.
constexpr double log_factor = 4;

using Column = arch::LabelTable::Column;

bool has(const std::vector<std::string>& list, const std::string& word) { return std::find(list.begin(), list.end(), word) != list.end(); }

std::string word_at(const Column& column, std::size_t row) {
  if (!column.numeric) return column.words[row];
  return std::isnan(column.numbers[row]) ? std::string() : number(column.numbers[row]);
}

std::size_t different_words(const Column& column) { return std::set<std::string>(column.words.begin(), column.words.end()).size(); }

struct Moments {
  double mean = 0, deviation = 1;
};
Moments moments(const std::vector<double>& values) {
  Moments out;
  if (values.empty()) return out;
  double sum = 0, squares = 0;
  for (const double v : values) sum += v;
  out.mean = sum / static_cast<double>(values.size());
  for (const double v : values) squares += (v - out.mean) * (v - out.mean);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
  // A constant column stays at 0 whatever its rounding noise.
  out.deviation = deviation > 1e-12 * (1 + std::abs(out.mean)) ? deviation : 1.0;
  return out;
}

std::vector<double> present(const Column& column, const std::vector<std::size_t>& rows) {
  std::vector<double> out;
  for (const std::size_t row : rows) {
    if (!std::isnan(column.numbers[row])) out.push_back(column.numbers[row]);
  }
  return out;
}

/// Numbers that are not finite, and negative ones of amounts, are refused; few negative numbers among many others are told.
void check_numbers(const arch::LabelTable& table, const Column& column, Layout layout, std::vector<std::string>& notes, std::vector<Problem>& problems) {
  refuse_cells(table, column, [&](std::size_t r) { return std::isinf(column.numbers[r]); }, "a finite number is due", problems);
  // Squares of larger ones, of which scores are made, are no numbers.
  refuse_cells(table, column, [&](std::size_t r) { return std::isfinite(column.numbers[r]) && std::abs(column.numbers[r]) > 1e150; }, "a magnitude of at most 1e150 is due", problems);
  if (rule_of(layout, column.name)) return;  // checked with the layout
  const auto negative = [&](std::size_t r) { return column.numbers[r] < 0 && std::isfinite(column.numbers[r]); };
  const std::string unit = column.unit.empty() ? unit_of_name(column.name) : column.unit;
  if (holds_amounts(column.name, unit)) return refuse_cells(table, column, negative, "an amount in " + unit + " is not negative", problems);
  std::size_t count = 0, first = 0, present = 0;
  for (std::size_t r = table.rows(); r-- > 0;) {
    present += std::isnan(column.numbers[r]) ? 0 : 1;
    if (!negative(r)) continue;
    ++count;
    first = r;
  }
  if (count == 0 || static_cast<double>(count) > few_negative * static_cast<double>(present)) return;
  notes.push_back("column " + in_quotes(column.name) + ": " + std::to_string(count) + " of " + std::to_string(present) + " values are negative, the first " + number(column.numbers[first]) + " in " +
                  table.place_of(first) + "; they are learned as they are, and the column is no longer seen in the log domain");
}

}  // namespace

Feature describe_feature(const Column& column, const std::vector<std::size_t>& rows) {
  Feature feature;
  feature.name = column.name;
  feature.unit = column.unit.empty() && column.numeric ? unit_of_name(column.name) : column.unit;
  if (!column.numeric) {
    std::set<std::string> words;
    for (const std::size_t row : rows) words.insert(column.words[row]);
    feature.categories.assign(words.begin(), words.end());
    return feature;
  }
  std::vector<double> values = present(column, rows);
  feature.may_miss = values.size() < rows.size();
  if (values.empty()) return feature;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  feature.low = *low;
  feature.high = *high;
  if (*low > 0 && *high / *low >= log_factor) feature.scale = "log";
  else if (*low >= 0 && *low < 1 && *high >= log_factor * log_factor) feature.scale = "log1p";
  for (double& value : values) value = to_scale(feature.scale, 1, value);
  const Moments m = moments(values);
  feature.mean = m.mean;
  feature.deviation = m.deviation;
  return feature;
}

Target describe_target(const Column& column, const std::vector<std::size_t>& rows) {
  Target target;
  target.name = column.name;
  target.unit = column.unit.empty() ? unit_of_name(column.name) : column.unit;
  std::vector<double> values = present(column, rows);
  if (values.empty()) return target;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  target.low = *low;
  target.high = *high;
  // Small counts are whole, or halves (block RAMs).
  std::vector<double> sorted = values;
  std::sort(sorted.begin(), sorted.end());
  for (const double quantum : {0.5, 1.0}) {
    const bool multiples = std::all_of(values.begin(), values.end(), [&](double v) { return std::abs(v / quantum - std::round(v / quantum)) < 1e-9; });
    if (multiples && *low >= 0 && sorted[sorted.size() / 2] < 100) target.quantum = quantum;
  }
  if (*low > 0) {
    target.scale = "log";
  } else if (*low == 0 && *high > 0) {
    target.scale = "log1p";
    target.divisor = *high;
    for (const double value : values) target.divisor = value > 0 ? std::min(target.divisor, value) : target.divisor;
  }
  for (double& value : values) value = to_scale(target.scale, target.divisor, value);
  const Moments m = moments(values);
  target.mean = m.mean;
  target.deviation = m.deviation;
  return target;
}

Expected<Columns> choose_columns(const arch::LabelTable& table, const TrainOptions& options) {
  std::vector<Problem> problems;
  const Layout layout = layout_of(table);
  const auto refuse = [&](const std::string& where, const std::string& message) { problems.push_back({table.file(), where, message}); };
  const auto find = [&](const std::string& name) -> const Column* {
    const auto column = table.column(name);
    if (column) return *column;
    for (const Problem& problem : column.error().problems()) problems.push_back(problem);
    return nullptr;
  };
  Columns out;
  if (options.targets.empty()) refuse("", "no targets are given; name the columns to predict");

  out.labels = RealMatrix::Constant(static_cast<Eigen::Index>(table.rows()), static_cast<Eigen::Index>(options.targets.size()),
                                    std::numeric_limits<double>::quiet_NaN());
  std::set<std::string> seen;
  for (std::size_t t = 0; t < options.targets.size(); ++t) {
    const std::string& name = options.targets[t];
    if (!seen.insert(name).second) refuse("column " + in_quotes(name), "is given twice as a target");
    const Column* column = find(name);
    if (!column || refuse_mixed(table, *column, problems)) continue;
    if (!column->numeric) {
      refuse("column " + in_quotes(name), "holds words; a target is a number");
      continue;
    }
    std::size_t labels = 0;
    for (std::size_t r = 0; r < table.rows(); ++r) {
      out.labels(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(t)) = column->numbers[r];
      labels += !std::isnan(column->numbers[r]);
    }
    if (labels == 0) refuse("column " + in_quotes(name), "has no value in any row");
  }
  if (has(options.targets, options.group)) refuse("column " + in_quotes(options.group), "is both the group and a target");

  for (const std::string& name : options.ignore) find(name);
  for (const std::string& name : options.categories) {
    if (const Column* column = find(name); column && column->numeric) refuse("column " + in_quotes(name), "is called a category; all its entries are numbers");
  }
  if (!options.features.empty()) {
    std::set<std::string> given;
    for (const std::string& name : options.features) {
      if (!given.insert(name).second) refuse("column " + in_quotes(name), "is given twice as a feature");
      if (has(options.targets, name)) refuse("column " + in_quotes(name), "is both a feature and a target");
      const Column* column = find(name);
      if (!column || has(options.ignore, name) || (!has(options.categories, name) && refuse_mixed(table, *column, problems))) continue;
      if (!column->numeric && different_words(*column) > most_categories) {
        refuse("column " + in_quotes(name), "holds " + std::to_string(different_words(*column)) + " different words; a category has at most " +
                                                std::to_string(most_categories));
      }
      out.features.push_back(name);
    }
  } else {
    for (const Column& column : table.columns()) {
      if (has(options.targets, column.name) || has(options.ignore, column.name) || column.name == options.group) continue;
      if (options.nodes != nullptr && column.name == options.node_key) continue;  // says which nodes are the row's, and nothing of it
      const bool empty = column.numeric && std::all_of(column.numbers.begin(), column.numbers.end(), [](double v) { return std::isnan(v); });
      if (empty) {
        out.notes.push_back("column " + in_quotes(column.name) + " is left out: it has no value in any row");
        continue;
      }
      if (!has(options.categories, column.name) && refuse_mixed(table, column, problems)) continue;
      if (!column.numeric && different_words(column) > most_categories) {
        out.notes.push_back("column " + in_quotes(column.name) + " is left out: " + std::to_string(different_words(column)) + " different words");
        continue;
      }
      out.features.push_back(column.name);
    }
  }
  if (out.features.empty() && problems.empty()) refuse("", "no column is left to predict from");

  const auto look = [&](const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      const auto column = table.column(name);
      if (column && (*column)->numeric) check_numbers(table, **column, layout, out.notes, problems);
    }
  };
  look(out.features);
  look(options.targets);

  std::map<std::string, std::size_t> numbers;
  const Column* group = options.group.empty() ? nullptr : find(options.group);
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));

  out.group.resize(table.rows());
  for (std::size_t r = 0; r < table.rows(); ++r) {
    bool labelled = false;
    for (Eigen::Index t = 0; t < out.labels.cols(); ++t) labelled |= !std::isnan(out.labels(static_cast<Eigen::Index>(r), t));
    if (!labelled) continue;
    out.rows.push_back(r);
    std::string key;
    if (group) {
      key = word_at(*group, r);
    } else {
      for (const std::string& name : out.features) key += word_at(**table.column(name), r) + '\x1f';
    }
    out.group[r] = numbers.emplace(key, numbers.size()).first->second;
  }
  out.groups = numbers.size();
  if (out.rows.size() < least_rows) {
    return invalid(table.file(), "", std::to_string(out.rows.size()) + " labelled rows; training takes at least " + std::to_string(least_rows));
  }
  if (out.groups < 2) {
    return invalid(table.file(), group ? "column " + in_quotes(options.group) : std::string(),
                   "all rows are of one group; at least 2 are needed, so that intervals can be calibrated on rows that were not learned");
  }
  return out;
}

}  // namespace gnomon::surrogate
