#include "agents/scalarise.hpp"

#include <algorithm>
#include <cmath>

#include "gnomon/search/pareto.hpp"

namespace gnomon::search {
namespace {

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

double skewness(const std::vector<double>& values) {
  const double n = static_cast<double>(values.size());
  double mean = 0, second = 0, third = 0;
  for (const double v : values) mean += v / n;
  for (const double v : values) second += (v - mean) * (v - mean) / n;
  const double deviation = std::sqrt(second);
  if (!(deviation > 0) || !std::isfinite(deviation)) return HUGE_VAL;
  for (const double v : values) third += std::pow((v - mean) / deviation, 3) / n;
  return third;
}

}  // namespace

std::vector<double> ends_of_front(const std::vector<std::vector<double>>& results) {
  if (results.empty()) return {};
  std::vector<double> out(results.front().size(), -HUGE_VAL);
  if (out.size() < 2) return out;
  for (const std::size_t i : nondominated(results)) {
    for (std::size_t k = 0; k < out.size(); ++k) out[k] = std::max(out[k], results[i][k]);
  }
  return out;
}

ObjectiveScale::ObjectiveScale(const std::vector<double>& values, double kept) {
  if (values.empty()) return;
  const auto [low, high] = std::minmax_element(values.begin(), values.end());
  log_ = *low > 0 && *high / *low > 3;
  if (log_) {
    // Values that crowd near their top, or that come near nought now and then, are left as they are.
    std::vector<double> logs;
    for (const double v : values) logs.push_back(std::log(v));
    log_ = std::abs(skewness(logs)) < std::abs(skewness(values));
  }
  std::vector<double> scaled;
  for (const double v : values) scaled.push_back(log_ ? std::log(v) : v);
  const double best = *std::min_element(scaled.begin(), scaled.end());
  const double worst = *std::max_element(scaled.begin(), scaled.end());
  const double middle = median(scaled);
  cut_ = middle > best ? middle + 2 * (middle - best) : worst;
  if (kept > -HUGE_VAL && (!log_ || kept > 0)) cut_ = std::max(cut_, log_ ? std::log(kept) : kept);
  double sum = 0, square = 0;
  for (double& v : scaled) {
    v = std::min(v, cut_);
    sum += v;
  }
  mean_ = sum / static_cast<double>(scaled.size());
  for (const double v : scaled) square += (v - mean_) * (v - mean_);
  deviation_ = std::sqrt(square / static_cast<double>(scaled.size()));
  if (!(deviation_ > 1e-12 * std::max(1.0, std::abs(mean_)))) deviation_ = 1;
}

double ObjectiveScale::operator()(double value) const {
  if (log_) value = value > 0 ? std::log(value) : -700;
  return (std::min(value, cut_) - mean_) / deviation_;
}

std::vector<double> random_weights(std::size_t objectives, Random& random) {
  std::vector<double> out(objectives, 1.0);
  if (objectives == 1) return out;
  double sum = 0;
  for (double& w : out) {
    w = -std::log1p(-random.uniform());
    sum += w;
  }
  for (double& w : out) w = sum > 0 ? w / sum : 1.0 / static_cast<double>(objectives);
  return out;
}

double tchebycheff(const std::vector<double>& weights, const std::vector<double>& normalised) {
  double largest = -HUGE_VAL, sum = 0;
  for (std::size_t k = 0; k < weights.size(); ++k) {
    const double term = weights[k] * normalised[k];
    largest = std::max(largest, term);
    sum += term;
  }
  return largest + 0.05 * sum;
}

ViolationScale::ViolationScale(const std::vector<double>& values) {
  std::vector<double> sizes;
  for (const double v : values) {
    if (v != 0) sizes.push_back(std::abs(v));
  }
  const double middle = median(std::move(sizes));
  if (middle > 0 && std::isfinite(middle)) scale_ = middle;
}

double ViolationScale::operator()(double value) const {
  return std::asinh(value / scale_);
}

}  // namespace gnomon::search
