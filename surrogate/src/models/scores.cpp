#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>

#include "features/cells.hpp"
#include "features/layouts.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

std::vector<Score> score(const ModelInfo& info, const Prediction& prediction, const RealMatrix& labels) {
  std::vector<Score> out;
  const double alpha = 1 - info.level;
  for (std::size_t t = 0; t < info.targets.size(); ++t) {
    const Target& target = info.targets[t];
    const auto column = static_cast<Eigen::Index>(t);
    Score s;
    s.target = target.name;
    double sum = 0, squares = 0;
    std::vector<double> relative;
    for (Eigen::Index r = 0; r < labels.rows(); ++r) {
      if (!std::isnan(labels(r, column))) {
        ++s.rows;
        sum += labels(r, column);
      }
    }
    if (s.rows == 0) {
      out.push_back(s);
      continue;
    }
    const auto n = static_cast<double>(s.rows);
    double total = 0;
    for (Eigen::Index r = 0; r < labels.rows(); ++r) {
      const double y = labels(r, column);
      if (std::isnan(y)) continue;
      const double p = prediction.mean(r, column), low = prediction.lower(r, column), high = prediction.upper(r, column);
      const double error = std::abs(p - y);
      total += (y - sum / n) * (y - sum / n);
      squares += error * error;
      const double size = std::abs(y) + std::abs(p) + (target.scale == "log1p" ? target.divisor : 0.0);
      if (size > 0) s.smape_percent += 200 * error / size;
      if (y != 0) relative.push_back(100 * error / std::abs(y));
      s.coverage += y >= low && y <= high;
      s.mean_width += high - low;
      s.interval_score += high - low + 2 / alpha * (std::max(0.0, low - y) + std::max(0.0, y - high));
      s.in_range += prediction.in_range[static_cast<std::size_t>(r)] != 0;
    }
    s.r2 = total > 0 ? 1 - squares / total : (squares == 0 ? 1.0 : 0.0);
    s.rmse = std::sqrt(squares / n);
    for (double* value : {&s.smape_percent, &s.coverage, &s.mean_width, &s.interval_score, &s.in_range}) *value /= n;
    if (!relative.empty()) {
      const auto middle = relative.begin() + static_cast<std::ptrdiff_t>(relative.size() / 2);
      std::nth_element(relative.begin(), middle, relative.end());
      s.median_error_percent = *middle;
    }
    out.push_back(s);
  }
  return out;
}

Expected<std::vector<Score>> evaluate(const Model& model, const arch::LabelTable& table, const arch::LabelTable* nodes) {
  const ModelInfo& info = model.info();
  RealMatrix labels = RealMatrix::Constant(static_cast<Eigen::Index>(table.rows()), static_cast<Eigen::Index>(info.targets.size()),
                                           std::numeric_limits<double>::quiet_NaN());
  std::vector<Problem> problems;
  const Layout layout = layout_of(table);
  // Rows on which the tool did not finish have no labels, as in training.
  std::optional<ImportedTable> imported;
  if (layout == Layout::hlsyn) {
    auto made = import_layout(table);
    if (!made) return fail(std::move(made.error()));
    imported = std::move(*made);
  }
  const arch::LabelTable& labelled = imported ? imported->table : table;
  std::size_t found = 0;
  for (std::size_t t = 0; t < info.targets.size(); ++t) {
    const auto column = labelled.column(info.targets[t].name);
    if (!column) continue;
    const Target& target = info.targets[t];
    const auto refuse = [&](const std::string& message) { problems.push_back({table.file(), "column " + in_quotes(target.name), message}); };
    if (refuse_mixed(table, **column, problems)) continue;
    if (!(*column)->numeric) {
      refuse("holds words; a label is a number");
      continue;
    }
    if (const std::string wrong = wrong_unit((*column)->unit, target.unit); !wrong.empty()) {
      refuse(wrong);
      continue;
    }
    if (const ColumnRule* rule = rule_of(layout, target.name)) {
      refuse_cells(table, **column, [&](std::size_t r) { return !rule->allows((*column)->numbers[r]); }, rule->due(), problems);
    }
    if (holds_amounts(target.name, target.unit)) {
      refuse_cells(table, **column, [&](std::size_t r) { return (*column)->numbers[r] < 0; }, "an amount in " + target.unit + " is not negative", problems);
    }
    ++found;
    for (std::size_t r = 0; r < table.rows(); ++r) labels(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(t)) = (*column)->numbers[r];
  }
  if (found == 0 && problems.empty()) {
    std::vector<std::string> names;
    for (const Target& target : info.targets) names.push_back(target.name);
    problems.push_back({table.file(), "", "has none of the model's targets: " + join(names)});
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  auto prediction = model.predict(table, nodes);
  if (!prediction) return fail(std::move(prediction.error()));
  return score(info, *prediction, labels);
}

}  // namespace gnomon::surrogate
