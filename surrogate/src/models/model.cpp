#include "gnomon/surrogate/model.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gnomon/base/text.hpp"
#include "models/lanes.hpp"
#include "models/scaling.hpp"

namespace gnomon::surrogate {

ScaledTerm scaled_term(const Target& target, const std::vector<Feature>& features, double* row) {
  // Terms divide by sizes; what is missing or not positive stands at the low end of its range.
  for (std::size_t f = 0; f < features.size(); ++f) {
    if (features[f].categories.empty() && !(row[f] > 0) && features[f].low > 0) row[f] = features[f].low;
  }
  double value = 0, relative = 0;
  target.term.evaluate(row, value, relative);
  if (target.scale == "log") return {std::log(std::max(value, 1e-3 * target.low)), std::log(value), relative};
  if (target.scale == "log1p") {
    const double scaled = std::log1p(value / target.divisor);
    return {scaled, scaled, relative * value / (value + target.divisor)};
  }
  return {value, value, relative * value};
}

namespace {

/// How far bounds lie beyond a range of scaled values: in the log domain a wide margin soon holds numbers without meaning.
double margin_of(bool linear, double range, double share) { return linear ? share * range : std::min(share * range, std::log(30.0)); }

/// Where numbers end that are used in scales.
constexpr double largest = 1e300;

}  // namespace

std::pair<double, double> residual_bounds(const Target& target) {
  double low = target.residual_low, high = target.residual_high;
  if (low == 0 && high == 0) {
    low = target.mean - 6 * target.deviation;
    high = target.mean + 6 * target.deviation;
  }
  const double margin = margin_of(target.scale == "linear", high - low, 0.5);
  return {low - margin, high + margin};
}

Finisher::Finisher(const Target& target)
    : scale_(target.scale == "log" ? Scale::log : target.scale == "log1p" ? Scale::log1p : Scale::linear), term_(!target.term.empty()), divisor_(target.divisor),
      quantum_(target.quantum), quantile_(target.quantile), quantile_outside_(target.quantile_outside), floor_(target.spread_floor),
      most_(scale_ == Scale::linear ? largest : std::log(largest) - std::max(0.0, std::log(target.divisor))) {
  const double low = to_scale(target.scale, target.divisor, target.low), high = to_scale(target.scale, target.divisor, target.high);
  const double margin = margin_of(scale_ == Scale::linear, high - low, term_ ? 1.0 : 0.5);
  low_ = term_ ? -most_ : low - margin;
  high_ = term_ ? most_ : high + margin;
  const double farther = scale_ == Scale::linear ? 3 * margin : std::min(3 * margin, std::log(10.0));
  widest_low_ = low_ - farther;
  widest_high_ = high_ + farther;
  widest_ = high - low + margin + farther;
  // Without a term nothing vouches for an answer beyond its bounds, and an interval follows it no farther than this.
  const double reach = scale_ == Scale::linear ? 10 * (high - low) : std::log(30.0);
  least_ = low_ - reach;
  most_end_ = high_ + reach;
}

double Finisher::back(double z) const {
  switch (scale_) {
    case Scale::log: return std::exp(std::min(z, most_));
    case Scale::log1p: return std::max(0.0, (std::exp(std::min(z, most_)) - 1) * divisor_);
    case Scale::linear: break;
  }
  return std::clamp(z, -most_, most_);
}

double Finisher::mean(double centre, bool zero) const {
  const double mean = zero ? 0 : back(std::clamp(centre, low_, high_));
  return quantum_ > 0 ? std::round(mean / quantum_) * quantum_ : mean;
}

Finished Finisher::operator()(const ScaledAnswer& answer, bool inside) const {
  const double z = std::clamp(answer.centre, low_, high_);
  double half = (inside ? quantile_ : quantile_outside_) * (answer.spread + floor_);
  if (term_) half = std::min(half, widest_);
  const double mean = this->mean(answer.centre, answer.zero);
  // Where a hurdle says 0, the interval begins there.
  double from = answer.zero ? std::min(0.0, z - half) : z - half, to = (answer.zero ? 0.0 : z) + half;
  if (!term_) {
    from = std::max(from, std::min(z, widest_low_));
    to = std::min(to, std::max(z, widest_high_));
  }
  from = std::min(from, std::min(answer.centre, answer.other)) - answer.farther;
  to = std::max(to, answer.zero ? 0.0 : std::max(answer.centre, answer.other)) + answer.farther;
  if (!term_) {
    from = std::max(from, least_);
    to = std::min(to, most_end_);
  }
  return {mean, std::min(mean, back(from)), std::max(mean, back(to))};
}

namespace {

using Batch = Mlp<float>::Batch;
constexpr double nan = std::numeric_limits<double>::quiet_NaN();
/// How far beyond the training range, as a fraction of it, a feature may lie.
constexpr double widening = 0.05;
/// Standardised inputs go no farther than this: such rows are out of range anyhow, and numbers stay in bounds.
constexpr double farthest = 50;
/// Farther beyond a range than so many times its width is as far.
constexpr double most_shares = 100;
constexpr const char* not_finite = "the model gives a number that is not finite; its labels span more than double precision holds";
/// Rows that go through the learners together: few enough to stay in the first caches.
constexpr Eigen::Index block = 256;

Eigen::Index width_of(const Feature& feature) {
  return feature.categories.empty() ? (feature.may_miss ? 2 : 1) : static_cast<Eigen::Index>(feature.categories.size());
}

bool known_category(const Feature& feature, double code) {
  return code >= 0 && code < static_cast<double>(feature.categories.size()) && code == std::floor(code);
}

/// Fills the inputs that one column of raw values makes; `outside` is told each row that lies outside the training range, and its value in the feature's
/// scale: NaN for words, and for what the scale does not take.
template <class Outside>
void fill_inputs(const Feature& feature, const std::pair<double, double>& range, const double* raw, Eigen::Index stride, Eigen::Index count, Eigen::Index at, Batch& in, const Outside& outside) {
  if (!feature.categories.empty()) {
    for (Eigen::Index i = 0; i < count; ++i) {
      const double code = raw[i * stride];
      if (known_category(feature, code)) in(at + static_cast<Eigen::Index>(code), i) = 1;
      else outside(i, nan);
    }
    return;
  }
  const auto [low, high] = range;
  const bool log = feature.scale == "log", log1p = feature.scale == "log1p";
  const double slope = 1 / feature.deviation;
  for (Eigen::Index i = 0; i < count; ++i) {
    const double x = raw[i * stride];
    if (std::isnan(x)) {
      if (feature.may_miss) in(at + 1, i) = 1;
      continue;
    }
    const double value = log ? (x > 0 ? std::log(x) : nan) : log1p ? (x >= 0 ? std::log1p(x) : nan) : x;
    if (!(value >= low && value <= high)) outside(i, value);
    // A value that the scale does not take stands at the low end of the range.
    const double standard = ((std::isnan(value) ? low : value) - feature.mean) * slope;
    in(at, i) = static_cast<float>(std::clamp(standard, -farthest, farthest));
  }
}

}  // namespace

std::pair<double, double> allowed_range(const Feature& feature) {
  const double low = to_scale(feature.scale, 1, feature.low), high = to_scale(feature.scale, 1, feature.high);
  const double margin = widening * (high - low);
  // A value of 1e-9 relative beside the end counts as the end, so that a value read back from text is not outside.
  const double slack = 1e-9 * std::max({std::abs(low), std::abs(high), 1e-300});
  return {low - margin - slack, high + margin + slack};
}

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
  Eigen::Index count = 0;
  for (const Feature& feature : features) count += width_of(feature);
  return static_cast<int>(count);
}

Samples Model::samples(const Encoded& encoded, Eigen::Index first, Eigen::Index count, std::uint8_t* in_range, std::vector<Beyond>* beyond) const {
  Samples out;
  const auto outside = [&](const Feature& feature, Eigen::Index i, double value) {
    in_range[i] = 0;
    if (!beyond || !feature.categories.empty()) return;
    if (beyond->empty()) beyond->resize(static_cast<std::size_t>(count));
    Beyond& row = (*beyond)[static_cast<std::size_t>(i)];
    const double low = to_scale(feature.scale, 1, feature.low), high = to_scale(feature.scale, 1, feature.high);
    // What the scale does not take is as far off as the range is wide.
    const double distance = std::isnan(value) ? high - low : std::max(low - value, value - high);
    const bool linear = feature.scale == "linear";
    const double share = std::min(distance / std::max({high - low, linear ? std::abs(high) : 1.0, 1e-300}), most_shares);
    (linear ? row.share : row.log_share) = std::max(linear ? row.share : row.log_share, share);
    if (!linear) row.logarithms = std::max(row.logarithms, distance);
  };
  out.x = Batch::Zero(input_count(info_.features), count);
  Eigen::Index at = 0;
  for (std::size_t f = 0; f < info_.features.size(); ++f) {
    const auto column = static_cast<Eigen::Index>(f);
    fill_inputs(info_.features[f], f < ranges_.size() ? ranges_[f] : allowed_range(info_.features[f]), encoded.rows.data() + column * encoded.rows.outerStride() + first, 1, count, at, out.x, [&](Eigen::Index i, double value) { outside(info_.features[f], i, value); });
    at += width_of(info_.features[f]);
  }
  if (info_.node_features.empty()) return out;
  const auto row = static_cast<std::size_t>(first), rows = static_cast<std::size_t>(count);
  const std::int32_t node = encoded.node_first[row], edge = encoded.edge_first[row];
  const Eigen::Index nodes = encoded.node_first[row + rows] - node;
  std::vector<std::size_t> owner(static_cast<std::size_t>(nodes));
  for (std::size_t r = 0; r < rows; ++r) {
    out.nodes.first.push_back(encoded.node_first[row + r + 1] - node);
    out.nodes.edge_first.push_back(encoded.edge_first[row + r + 1] - edge);
    for (std::int32_t i = out.nodes.first[r]; i < out.nodes.first[r + 1]; ++i) owner[static_cast<std::size_t>(i)] = r;
  }
  for (std::int32_t e = edge; e < encoded.edge_first[row + rows]; ++e) {
    const auto& [from, to] = encoded.edges[static_cast<std::size_t>(e)];
    out.nodes.edges.emplace_back(from - node, to - node);
  }
  out.nodes.x = Batch::Zero(input_count(info_.node_features), nodes);
  at = 0;
  for (std::size_t f = 0; f < info_.node_features.size(); ++f) {
    const auto column = static_cast<Eigen::Index>(f);
    fill_inputs(info_.node_features[f], f < node_ranges_.size() ? node_ranges_[f] : allowed_range(info_.node_features[f]), encoded.nodes.data() + column * encoded.nodes.outerStride() + node, 1, nodes, at, out.nodes.x,
                [&](Eigen::Index i, double value) { outside(info_.node_features[f], static_cast<Eigen::Index>(owner[static_cast<std::size_t>(i)]), value); });
    at += width_of(info_.node_features[f]);
  }
  return out;
}

Model::Scaled Model::scaled(const Encoded& encoded, Eigen::Index first, Eigen::Index count, std::uint8_t* in_range, bool with_spread) const {
  const auto targets = static_cast<Eigen::Index>(target_count());
  Scaled out{RealMatrix::Zero(targets, count), RealMatrix::Zero(targets, count), RealMatrix(targets, count), RealMatrix::Zero(targets, count), {}};
  out.zero = Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic>::Constant(targets, count, false);
  std::vector<Beyond> beyond;
  const Samples inputs = samples(encoded, first, count, in_range, &beyond);
  Batch mean, spread;
  for (std::size_t h = 0; h < learners_.size(); ++h) {
    learners_[h]->predict(inputs, mean, with_spread ? &spread : nullptr);
    const auto& indices = info_.heads[h].targets;
    auto hurdle = static_cast<Eigen::Index>(indices.size());
    for (std::size_t i = 0; i < indices.size(); ++i) {
      const Target& target = info_.targets[static_cast<std::size_t>(indices[i])];
      const auto t = static_cast<Eigen::Index>(indices[i]), from = static_cast<Eigen::Index>(i);
      out.centre.row(t) = mean.row(from).cast<double>() * target.deviation;
      if (with_spread) out.spread.row(t) = spread.row(from).cast<double>() * target.deviation;
      if (target.hurdle) out.zero.row(t) = mean.row(hurdle++).array() < 0;
    }
  }
  std::vector<double> row(info_.features.size());
  for (Eigen::Index t = 0; t < targets; ++t) {
    const Target& target = info_.targets[static_cast<std::size_t>(t)];
    out.centre.row(t).array() += target.mean;
    if (target.term.empty()) {
      out.other.row(t) = out.centre.row(t);
      for (std::size_t i = 0; i < beyond.size(); ++i) {
        // A feature's range is worth the labels' range. Between logarithms it is a power, and labels go with the first or second power of a size.
        const double range = to_scale(target.scale, target.divisor, target.high) - to_scale(target.scale, target.divisor, target.low);
        double by_size = beyond[i].log_share * range;
        double by_share = beyond[i].share * range;
        if (target.scale != "linear") {
          // The mean power, and a tenth more: what was seen last lies a little inside the range's end.
          by_size = std::clamp(1.1 * by_size, beyond[i].logarithms, 2 * beyond[i].logarithms);
          by_share = std::min(by_share, 2 * std::log1p(beyond[i].share));
        }
        // So far from what was learned nothing is known, and wider intervals say no more.
        const double most = target.scale == "linear" ? 10 * range : std::log(1000.0);
        out.farther(t, static_cast<Eigen::Index>(i)) = std::min(std::max(by_size, by_share), most);
      }
      continue;
    }
    const auto [least, most] = residual_bounds(target);
    for (Eigen::Index i = 0; i < count; ++i) {
      for (std::size_t f = 0; f < row.size(); ++f) row[f] = encoded.rows(first + i, static_cast<Eigen::Index>(f));
      const ScaledTerm term = scaled_term(target, info_.features, row.data());
      double& centre = out.centre(t, i);
      if (!target.family.empty()) {
        centre = std::clamp(centre, least, most);
        out.spread(t, i) = std::min(out.spread(t, i), most - least);
      }
      // Out of range the term and what was learned on it vouch for each other: one answers, and the interval spans both.
      const bool outside = in_range[i] == 0;
      out.other(t, i) = term.plain + (outside && !target.term_outside ? 0 : centre);
      centre = term.value + (outside && target.term_outside ? 0 : centre);
      out.spread(t, i) = std::hypot(out.spread(t, i), term.doubt);
    }
  }
  return out;
}

const std::vector<Finisher>& Model::finishers_or(std::vector<Finisher>& made) const {
  if (finishers_) return *finishers_;
  made = std::vector<Finisher>(info_.targets.begin(), info_.targets.end());
  return made;
}

ScaledAnswer Model::Scaled::at(Eigen::Index target, Eigen::Index row) const {
  return {centre(target, row), spread(target, row), other(target, row), farther(target, row), zero(target, row)};
}

Expected<void> Model::answer(const Encoded& encoded, bool intervals, Prediction& out) const {
  if (auto fits = check(encoded); !fits) return fits;
  const Eigen::Index n = encoded.rows.rows(), targets = static_cast<Eigen::Index>(target_count());
  std::vector<Finisher> made;
  const std::vector<Finisher>& finishers = finishers_or(made);
  std::vector<std::uint8_t> in_range;
  bool finite = true;
  for (Eigen::Index first = 0; first < n; first += block) {
    const Eigen::Index count = std::min(block, n - first);
    in_range.assign(static_cast<std::size_t>(count), 1);
    const Scaled answer = scaled(encoded, first, count, in_range.data(), intervals);
    for (Eigen::Index t = 0; t < targets; ++t) {
      const Target& target = info_.targets[static_cast<std::size_t>(t)];
      const Finisher& finisher = finishers[static_cast<std::size_t>(t)];
      for (Eigen::Index i = 0; i < count; ++i) {
        if (!intervals) {
          out.mean(first + i, t) = finisher.mean(answer.centre(t, i), answer.zero(t, i));
          finite = finite && std::isfinite(out.mean(first + i, t));
          continue;
        }
        std::uint8_t& inside = in_range[static_cast<std::size_t>(i)];
        if (!(answer.spread(t, i) <= target.spread_limit)) inside = 0;
        const Finished done = finisher(answer.at(t, i), inside != 0);
        out.mean(first + i, t) = done.mean;
        out.lower(first + i, t) = done.lower;
        out.upper(first + i, t) = done.upper;
        finite = finite && std::isfinite(done.mean) && std::isfinite(done.lower) && std::isfinite(done.upper);
      }
    }
    if (intervals) std::copy(in_range.begin(), in_range.end(), out.in_range.begin() + first);
  }
  if (!finite) return fail(ErrorKind::run_failed, not_finite);
  return {};
}

Expected<Prediction> Model::predict_any(const RealMatrix& x, const Encoded* encoded, bool intervals) const {
  const Eigen::Index n = x.rows(), targets = static_cast<Eigen::Index>(target_count());
  Prediction out;
  out.mean.resize(n, targets);
  if (intervals) {
    out.lower.resize(n, targets);
    out.upper.resize(n, targets);
    out.in_range.resize(static_cast<std::size_t>(n));
  }
  if (!lanes_ || x.cols() != static_cast<Eigen::Index>(feature_count())) {
    Encoded rows;
    if (!encoded) rows.rows = x;
    if (auto done = answer(encoded ? *encoded : rows, intervals, out); !done) return fail(std::move(done.error()));
    return out;
  }
  std::vector<Eigen::Index> outside;
  const bool finite = lanes_->answer(x, learners_, {out.mean.data(), intervals ? out.lower.data() : nullptr, intervals ? out.upper.data() : nullptr, out.in_range.data()}, outside);
  if (!outside.empty()) {
    // Rows that the quick way does not take; among them are those with values that are not allowed, which are told by their place in the whole.
    Encoded part;
    part.rows = x(outside, Eigen::all);
    Prediction answers;
    const auto rows = static_cast<Eigen::Index>(outside.size());
    answers.mean.resize(rows, targets);
    if (intervals) {
      answers.lower.resize(rows, targets);
      answers.upper.resize(rows, targets);
      answers.in_range.resize(outside.size());
    }
    if (auto done = answer(part, intervals, answers); !done) {
      part.rows = x;
      if (auto fits = check(part); !fits) return fail(std::move(fits.error()));
      return fail(std::move(done.error()));
    }
    for (Eigen::Index i = 0; i < rows; ++i) {
      const Eigen::Index r = outside[static_cast<std::size_t>(i)];
      out.mean.row(r) = answers.mean.row(i);
      if (!intervals) continue;
      out.lower.row(r) = answers.lower.row(i);
      out.upper.row(r) = answers.upper.row(i);
      out.in_range[static_cast<std::size_t>(r)] = answers.in_range[static_cast<std::size_t>(i)];
    }
  }
  if (!finite) return fail(ErrorKind::run_failed, not_finite);
  return out;
}

Expected<Prediction> Model::predict(const Encoded& encoded) const { return predict_any(encoded.rows, &encoded, true); }

Expected<Prediction> Model::predict(const RealMatrix& x) const { return predict_any(x, nullptr, true); }

Expected<RealMatrix> Model::predict_mean(const RealMatrix& x) const {
  auto done = predict_any(x, nullptr, false);
  if (!done) return fail(std::move(done.error()));
  return std::move(done->mean);
}

Expected<RealMatrix> Model::predict_mean(const Encoded& encoded) const {
  auto done = predict_any(encoded.rows, &encoded, false);
  if (!done) return fail(std::move(done.error()));
  return std::move(done->mean);
}

namespace {

/// A missing value is inside: whether it may be missing is `check`'s to tell.
bool lies_outside(const Feature& feature, const std::pair<double, double>& range, double value) {
  if (!feature.categories.empty()) return !known_category(feature, value);
  if (std::isnan(value)) return false;
  const double scaled = to_scale(feature.scale, 1, value);
  return !(scaled >= range.first && scaled <= range.second);
}

/// What of a feature's value lies outside, in words.
std::string told(const Feature& feature, double value) {
  if (!feature.categories.empty()) return feature.name + " is a word that training did not see";
  const bool above = value > feature.high;
  return feature.name + " = " + number(value) + " is " + (above ? "above " : "below ") + number(above ? feature.high : feature.low);
}

}  // namespace

std::vector<std::uint8_t> Model::outside(const RealMatrix& x) const {
  std::vector<std::uint8_t> out(static_cast<std::size_t>(x.rows()) * info_.features.size(), 0);
  for (std::size_t f = 0; f < info_.features.size() && static_cast<Eigen::Index>(f) < x.cols(); ++f) {
    const auto range = f < ranges_.size() ? ranges_[f] : allowed_range(info_.features[f]);
    for (Eigen::Index r = 0; r < x.rows(); ++r)
      out[static_cast<std::size_t>(r) * info_.features.size() + f] = lies_outside(info_.features[f], range, x(r, static_cast<Eigen::Index>(f))) ? 1 : 0;
  }
  return out;
}

std::vector<std::int32_t> Model::nodes_outside(const Encoded& encoded, Eigen::Index row) const {
  std::vector<std::int32_t> out(info_.node_features.size(), -1);
  const auto r = static_cast<std::size_t>(row);
  if (r + 1 >= encoded.node_first.size()) return out;
  for (std::size_t f = 0; f < out.size(); ++f) {
    const auto range = f < node_ranges_.size() ? node_ranges_[f] : allowed_range(info_.node_features[f]);
    for (std::int32_t n = encoded.node_first[r]; n < encoded.node_first[r + 1] && out[f] < 0; ++n)
      if (lies_outside(info_.node_features[f], range, encoded.nodes(n, static_cast<Eigen::Index>(f)))) out[f] = n - encoded.node_first[r];
  }
  return out;
}

std::string Model::why_out_of_range(const RealVector& row) const {
  std::vector<std::string> reasons;
  const std::vector<std::uint8_t> flags = outside(row.transpose());
  for (std::size_t f = 0; f < info_.features.size() && static_cast<Eigen::Index>(f) < row.size(); ++f)
    if (flags[f] != 0) reasons.push_back(told(info_.features[f], row[static_cast<Eigen::Index>(f)]));
  return join(reasons, "; ");
}

std::string Model::why_out_of_range(const Encoded& encoded, Eigen::Index row) const {
  std::string out = why_out_of_range(encoded.rows.row(row).transpose());
  const std::vector<std::int32_t> nodes = nodes_outside(encoded, row);
  for (std::size_t f = 0; f < nodes.size(); ++f) {
    if (nodes[f] < 0) continue;
    const double value = encoded.nodes(encoded.node_first[static_cast<std::size_t>(row)] + nodes[f], static_cast<Eigen::Index>(f));
    out += (out.empty() ? "" : "; ") + ("node " + std::to_string(nodes[f])) + ": " + told(info_.node_features[f], value);
  }
  return out;
}

}  // namespace gnomon::surrogate
