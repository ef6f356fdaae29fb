#include "training/columns.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "gnomon/base/text.hpp"

namespace gnomon::surrogate {
namespace {

/// A column of more different words than this is a name, not a category.
constexpr std::size_t most_categories = 64;
/// Positive features whose largest value is this many times the smallest are seen in the log domain.
constexpr double log_factor = 4;

using Column = arch::LabelTable::Column;

bool has(const std::vector<std::string>& list, const std::string& word) { return std::find(list.begin(), list.end(), word) != list.end(); }

std::string word_at(const Column& column, std::size_t row) {
  if (!column.numeric) return column.words[row];
  return std::isnan(column.numbers[row]) ? std::string() : number(column.numbers[row]);
}

std::size_t different_words(const Column& column) { return std::set<std::string>(column.words.begin(), column.words.end()).size(); }

/// Columns named like bit-widths are in bits unless they say otherwise.
bool named_bits(std::string name) {
  for (char& c : name) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  static const std::set<std::string> names{"prec", "precision", "bits", "bitwidth", "bit_width", "word_length"};
  return names.contains(name) || name.ends_with("_bits") || name.ends_with("_precision") || name.ends_with("_prec");
}

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

}  // namespace

Feature describe_feature(const Column& column, const std::vector<std::size_t>& rows) {
  Feature feature;
  feature.name = column.name;
  feature.unit = column.unit.empty() && column.numeric && named_bits(column.name) ? "bits" : column.unit;
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
  target.unit = column.unit;
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
    if (!column) continue;
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
  if (!options.features.empty()) {
    std::set<std::string> given;
    for (const std::string& name : options.features) {
      if (!given.insert(name).second) refuse("column " + in_quotes(name), "is given twice as a feature");
      if (has(options.targets, name)) refuse("column " + in_quotes(name), "is both a feature and a target");
      const Column* column = find(name);
      if (!column) continue;
      if (!column->numeric && different_words(*column) > most_categories) {
        refuse("column " + in_quotes(name), "holds " + std::to_string(different_words(*column)) + " different words; a category has at most " +
                                                std::to_string(most_categories));
      }
      if (!has(options.ignore, name)) out.features.push_back(name);
    }
  } else {
    for (const Column& column : table.columns()) {
      if (has(options.targets, column.name) || has(options.ignore, column.name) || column.name == options.group) continue;
      const bool empty = column.numeric && std::all_of(column.numbers.begin(), column.numbers.end(), [](double v) { return std::isnan(v); });
      if (empty) {
        out.notes.push_back("column " + in_quotes(column.name) + " is left out: it has no value in any row");
        continue;
      }
      if (!column.numeric && different_words(column) > most_categories) {
        out.notes.push_back("column " + in_quotes(column.name) + " is left out: " + std::to_string(different_words(column)) + " different words");
        continue;
      }
      out.features.push_back(column.name);
    }
  }
  if (out.features.empty() && problems.empty()) refuse("", "no column is left to predict from");

  const auto finite = [&](const std::string& name) {
    const auto column = table.column(name);
    if (!column || !(*column)->numeric) return;
    for (std::size_t r = 0; r < table.rows(); ++r) {
      if (std::isinf((*column)->numbers[r])) return refuse("column " + in_quotes(name), "row " + std::to_string(r + 1) + " is infinite; a finite number is due");
    }
  };
  for (const std::string& name : out.features) finite(name);
  for (const std::string& name : options.targets) finite(name);

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
