#include <cmath>

#include "features/layouts.hpp"
#include "features/text_plan.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/model.hpp"
#include "models/lanes.hpp"
#include "models/scaling.hpp"

namespace gnomon::surrogate {
namespace {

/// So many entries that a query may not hold are named one by one.
constexpr std::size_t most_named = 5;

std::vector<Bound> bounds_of(const std::vector<Feature>& features) {
  const Layout layout = layout_of(features);
  std::vector<Bound> out;
  for (const Feature& feature : features) {
    Bound bound;
    if (const ColumnRule* rule = rule_of(layout, feature.name); rule && feature.categories.empty()) {
      bound = {rule->least, rule->above, rule->whole, rule->due()};
    } else if (feature.categories.empty() && (feature.scale == "log" || (feature.low >= 0 && holds_amounts(feature.name, feature.unit)))) {
      bound = {0, false, false, "a negative value means nothing here: training saw " + number(feature.low) + " to " + number(feature.high)};
    }
    out.push_back(bound);
  }
  return out;
}

}  // namespace

bool Bound::allows(double value) const { return (above ? value > least : value >= least) && (!whole || value == std::floor(value)); }

void Model::settle() {
  const Layout layout = layout_of(info_.features);
  const auto fill = [&](auto& column) {
    const ColumnRule* rule = rule_of(layout, column.name);
    if (column.unit.empty()) column.unit = rule && !rule->unit.empty() ? rule->unit : unit_of_name(column.name);
  };
  for (Feature& feature : info_.features) {
    if (feature.categories.empty()) fill(feature);
  }
  for (Target& target : info_.targets) fill(target);
  bounds_ = bounds_of(info_.features);
  node_bounds_ = bounds_of(info_.node_features);
  text_plan_ = std::make_shared<const TextPlan>(info_.features);
  const auto ranges_of = [](const std::vector<Feature>& features) {
    std::vector<std::pair<double, double>> out;
    for (const Feature& feature : features) out.push_back(allowed_range(feature));
    return out;
  };
  ranges_ = ranges_of(info_.features);
  node_ranges_ = ranges_of(info_.node_features);
  finishers_ = std::make_shared<const std::vector<Finisher>>(info_.targets.begin(), info_.targets.end());
  lanes_ = LanePlan::make(info_, learners_, ranges_, bounds_);
}

Expected<void> Model::check(const Encoded& encoded) const {
  std::vector<Problem> problems;
  std::size_t wrong = 0;
  const auto look = [&](const RealMatrix& x, const std::vector<Feature>& features, const std::vector<Bound>& bounds, const char* what) {
    if (x.cols() != static_cast<Eigen::Index>(features.size())) {
      problems.push_back({"", "", "found " + std::to_string(x.cols()) + " " + what + " columns; the model takes " + std::to_string(features.size())});
      return;
    }
    for (Eigen::Index c = 0; c < x.cols(); ++c) {
      const auto f = static_cast<std::size_t>(c);
      const Feature& feature = features[f];
      const Bound bound = f < bounds.size() ? Bound{bounds[f].least, bounds[f].above, bounds[f].whole, ""} : Bound{};
      for (Eigen::Index r = 0; r < x.rows(); ++r) {
        const double value = x(r, c);
        if (std::isfinite(value) ? bound.allows(value) : std::isnan(value) && feature.may_miss) continue;
        if (++wrong > most_named) continue;
        const std::string due = std::isnan(value) ? "no value, and training had one in every row" : "found " + number(value) + "; " + (std::isinf(value) ? "a finite number is due" : bounds[f].due);
        problems.push_back({"", "", "row " + std::to_string(r + 1) + ", " + in_quotes(feature.name) + ": " + due});
      }
    }
  };
  look(encoded.rows, info_.features, bounds_, "feature");
  if (problems.empty() && !info_.node_features.empty()) {
    if (encoded.node_first.size() != static_cast<std::size_t>(encoded.rows.rows()) + 1 || encoded.edge_first.size() != encoded.node_first.size()) {
      return fail(ErrorKind::invalid_input, "the model takes a list of nodes for each row; give the node table");
    }
    look(encoded.nodes, info_.node_features, node_bounds_, "node feature");
  }
  if (problems.empty()) return {};
  if (wrong > most_named) problems.push_back({"", "", std::to_string(wrong - most_named) + " more values that the model does not take, " + std::to_string(wrong) + " in all"});
  return fail(Error(ErrorKind::invalid_input, std::move(problems)));
}

}  // namespace gnomon::surrogate
