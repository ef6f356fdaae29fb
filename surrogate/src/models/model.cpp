#include "gnomon/surrogate/model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gnomon/base/text.hpp"

namespace gnomon::surrogate {
namespace {

using Batch = Mlp<float>::Batch;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// How far beyond the training range, as a fraction of it, a feature may lie.
constexpr double widening = 0.05;
/// Standardised inputs go no farther than this: such rows are out of range anyhow, and numbers stay in bounds.
constexpr double farthest = 50;
/// Rows that go through the networks together: few enough to stay in the first caches.
constexpr Eigen::Index block = 256;

/// Ends of a feature's allowed range in its own scale.
std::pair<double, double> allowed(const Feature& feature) {
  const double low = to_scale(feature.scale, 1, feature.low), high = to_scale(feature.scale, 1, feature.high);
  const double margin = widening * (high - low);
  return {low - margin, high + margin};
}

/// A value of 1e-9 relative beside the end counts as the end, so that a value read back from text is not outside.
bool outside(double value, double low, double high) {
  const double slack = 1e-9 * std::max({std::abs(low), std::abs(high), 1e-300});
  return !(value >= low - slack && value <= high + slack);
}

}  // namespace

double to_scale(const std::string& scale, double divisor, double value) {
  if (scale == "log") return value > 0 ? std::log(value) : nan;
  if (scale == "log1p") return value >= 0 ? std::log1p(value / divisor) : nan;
  return value;
}

double from_scale(const std::string& scale, double divisor, double value) {
  if (scale == "log") return std::exp(value);
  if (scale == "log1p") return std::max(0.0, std::expm1(value) * divisor);
  return value;
}

int input_count(const std::vector<Feature>& features) {
  std::size_t count = 0;
  for (const Feature& feature : features) count += feature.categories.empty() ? 1 + (feature.may_miss ? 1 : 0) : feature.categories.size();
  return static_cast<int>(count);
}

Expected<void> Model::check(const RealMatrix& x) const {
  if (x.cols() != static_cast<Eigen::Index>(feature_count())) {
    return fail(ErrorKind::invalid_input, "found " + std::to_string(x.cols()) + " feature columns; the model takes " + std::to_string(feature_count()));
  }
  for (Eigen::Index c = 0; c < x.cols(); ++c) {
    const Feature& feature = info_.features[static_cast<std::size_t>(c)];
    for (Eigen::Index r = 0; r < x.rows(); ++r) {
      const double value = x(r, c);
      if (std::isfinite(value) || (std::isnan(value) && feature.may_miss)) continue;
      const std::string where = "row " + std::to_string(r + 1) + ", " + in_quotes(feature.name) + ": ";
      return fail(ErrorKind::invalid_input, where + (std::isnan(value) ? "no value, and training had one in every row" : "found " + number(value) + "; a finite number is due"));
    }
  }
  return {};
}

Batch Model::inputs(const RealMatrix& x, Eigen::Index first, Eigen::Index count, std::vector<std::uint8_t>& in_range) const {
  Batch in = Batch::Zero(base_.inputs(), count);
  Eigen::Index at = 0;
  for (std::size_t f = 0; f < info_.features.size(); ++f) {
    const Feature& feature = info_.features[f];
    const auto column = x.col(static_cast<Eigen::Index>(f));
    if (!feature.categories.empty()) {
      const auto kinds = static_cast<double>(feature.categories.size());
      for (Eigen::Index i = 0; i < count; ++i) {
        const double code = column[first + i];
        if (code >= 0 && code < kinds && code == std::floor(code)) in(at + static_cast<Eigen::Index>(code), i) = 1;
        else in_range[static_cast<std::size_t>(first + i)] = 0;
      }
      at += static_cast<Eigen::Index>(feature.categories.size());
      continue;
    }
    const auto [low, high] = allowed(feature);
    const bool log = feature.scale == "log", log1p = feature.scale == "log1p";
    for (Eigen::Index i = 0; i < count; ++i) {
      const double raw = column[first + i];
      if (std::isnan(raw)) {
        if (feature.may_miss) in(at + 1, i) = 1;
        continue;
      }
      const double value = log ? (raw > 0 ? std::log(raw) : nan) : log1p ? (raw >= 0 ? std::log1p(raw) : nan) : raw;
      if (outside(value, low, high)) in_range[static_cast<std::size_t>(first + i)] = 0;
      // A value that the scale does not take stands at the low end of the range.
      const double standard = ((std::isnan(value) ? low : value) - feature.mean) / feature.deviation;
      in(at, i) = static_cast<float>(std::clamp(standard, -farthest, farthest));
    }
    at += feature.may_miss ? 2 : 1;
  }
  return in;
}

void Model::outputs(const Batch& in, Batch& centre, Batch& spread) const {
  const auto members = static_cast<float>(members_.size());
  Batch sum = Batch::Zero(base_.outputs(), in.cols()), squares = sum;
  for (const Mlp<float>& member : members_) {
    const Batch out = member.forward(in);
    sum += out;
    squares.array() += out.array().square();
  }
  sum /= members;
  centre = base_.forward(in) + sum;
  spread = (squares.array() / members - sum.array().square()).max(0.0F).sqrt();
}

Expected<Prediction> Model::predict(const RealMatrix& x) const {
  if (auto sound = check(x); !sound) return fail(std::move(sound.error()));
  const Eigen::Index n = x.rows(), targets = static_cast<Eigen::Index>(target_count());
  Prediction out;
  out.mean.resize(n, targets);
  out.lower.resize(n, targets);
  out.upper.resize(n, targets);
  out.in_range.assign(static_cast<std::size_t>(n), 1);
  Batch centre, spread;
  for (Eigen::Index first = 0; first < n; first += block) {
    const Eigen::Index count = std::min(block, n - first);
    outputs(inputs(x, first, count, out.in_range), centre, spread);
    for (Eigen::Index t = 0; t < targets; ++t) {
      const Target& target = info_.targets[static_cast<std::size_t>(t)];
      const double low = (to_scale(target.scale, target.divisor, target.low) - target.mean) / target.deviation;
      const double high = (to_scale(target.scale, target.divisor, target.high) - target.mean) / target.deviation;
      const double margin = 0.5 * (high - low);
      const auto back = [&](double z) { return from_scale(target.scale, target.divisor, z * target.deviation + target.mean); };
      for (Eigen::Index i = 0; i < count; ++i) {
        const double wide = static_cast<double>(spread(t, i));
        const double z = std::clamp(static_cast<double>(centre(t, i)), low - margin, high + margin);
        const double half = target.quantile * (wide + target.spread_floor);
        out.mean(first + i, t) = back(z);
        out.lower(first + i, t) = back(std::max(z - half, std::min(z, low - 4 * margin)));
        out.upper(first + i, t) = back(std::min(z + half, std::max(z, high + 4 * margin)));
        if (!(wide <= target.spread_limit)) out.in_range[static_cast<std::size_t>(first + i)] = 0;
      }
    }
  }
  if (!out.mean.allFinite() || !out.lower.allFinite() || !out.upper.allFinite()) {
    return fail(ErrorKind::run_failed, "the model gives a number that is not finite; its labels span more than double precision holds");
  }
  return out;
}

Expected<RealMatrix> Model::encode(const arch::LabelTable& table) const {
  RealMatrix x(static_cast<Eigen::Index>(table.rows()), static_cast<Eigen::Index>(feature_count()));
  std::vector<Problem> problems;
  for (std::size_t f = 0; f < info_.features.size(); ++f) {
    const Feature& feature = info_.features[f];
    const auto found = table.column(feature.name);
    const bool constant = feature.categories.empty() && !feature.may_miss && feature.low == feature.high;
    if (!found) {
      if (constant) {
        x.col(static_cast<Eigen::Index>(f)).setConstant(feature.low);
        continue;
      }
      for (const Problem& problem : found.error().problems()) problems.push_back(problem);
      continue;
    }
    const arch::LabelTable::Column& column = **found;
    const auto refuse = [&](const std::string& message) { problems.push_back({table.file(), "column " + in_quotes(feature.name), message}); };
    if (!feature.unit.empty() && !column.unit.empty() && feature.unit != column.unit) {
      refuse("found the unit " + in_quotes(column.unit) + "; the model was trained in " + in_quotes(feature.unit));
      continue;
    }
    auto to = x.col(static_cast<Eigen::Index>(f));
    if (!feature.categories.empty()) {
      for (std::size_t r = 0; r < table.rows(); ++r) {
        const std::string word = column.numeric ? (std::isnan(column.numbers[r]) ? std::string() : number(column.numbers[r])) : column.words[r];
        const auto at = std::find(feature.categories.begin(), feature.categories.end(), word);
        to[static_cast<Eigen::Index>(r)] = at == feature.categories.end() ? -1.0 : static_cast<double>(at - feature.categories.begin());
      }
    } else if (!column.numeric) {
      const auto odd = std::find_if(column.words.begin(), column.words.end(), [](const std::string& word) {
        double ignored = 0;
        return !trimmed(word).empty() && !parse_real(trimmed(word), ignored);
      });
      refuse("found " + (odd == column.words.end() ? std::string("words") : in_quotes(*odd)) + "; the model takes numbers here");
    } else {
      for (std::size_t r = 0; r < table.rows(); ++r) {
        to[static_cast<Eigen::Index>(r)] = constant && std::isnan(column.numbers[r]) ? feature.low : column.numbers[r];
      }
    }
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return x;
}

Expected<Prediction> Model::predict(const arch::LabelTable& table) const {
  auto x = encode(table);
  if (!x) return fail(std::move(x.error()));
  auto prediction = predict(*x);
  if (prediction) return prediction;
  std::vector<Problem> problems = prediction.error().problems();
  for (Problem& problem : problems) problem.file = table.file();
  return fail(Error(prediction.error().kind(), std::move(problems)));
}

std::string Model::why_out_of_range(const RealVector& row) const {
  std::vector<std::string> reasons;
  for (std::size_t f = 0; f < info_.features.size() && static_cast<Eigen::Index>(f) < row.size(); ++f) {
    const Feature& feature = info_.features[f];
    const double value = row[static_cast<Eigen::Index>(f)];
    if (std::isnan(value)) continue;
    if (!feature.categories.empty()) {
      if (!(value >= 0 && value < static_cast<double>(feature.categories.size()))) reasons.push_back(feature.name + " is a word that training did not see");
      continue;
    }
    const auto [low, high] = allowed(feature);
    const double scaled = to_scale(feature.scale, 1, value);
    if (!outside(scaled, low, high)) continue;
    const bool above = value > feature.high;
    reasons.push_back(feature.name + " = " + number(value) + " is " + (above ? "above " : "below ") + number(above ? feature.high : feature.low));
  }
  return join(reasons, "; ");
}

}  // namespace gnomon::surrogate
