#include "agents/acquisition.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "agents/sobol.hpp"
#include "gnomon/search/pareto.hpp"

namespace gnomon::search {
namespace {

constexpr double infinite = std::numeric_limits<double>::infinity();

struct Strip {
  double from, to;  ///< along the first objective
  double top;       ///< free below this value of the second
  double since;     ///< of the third
};

/// E[(limit - y)^+] of a normal y.
double expected_below(double limit, double mean, double deviation) {
  if (limit == -infinite) return 0;
  if (!(deviation > 0)) return std::max(limit - mean, 0.0);
  const double z = (limit - mean) / deviation;
  if (z < -12) return 0;
  if (z > 12) return limit - mean;
  return deviation * (z * normal_cdf(z) + std::exp(log_normal_density(z)));
}

}  // namespace

std::vector<Box> free_boxes(const std::vector<std::vector<double>>& given, const std::vector<double>& reference) {
  const std::size_t m = reference.size();
  std::vector<std::vector<double>> front;
  for (const auto& p : given) {
    bool inside = true;
    for (std::size_t k = 0; k < m; ++k) inside = inside && p[k] < reference[k];
    if (inside) front.push_back(p);
  }
  std::vector<Box> out;
  std::vector<Strip> strips{{-infinite, reference[0], reference[1], -infinite}};
  std::sort(front.begin(), front.end(), [&](const auto& a, const auto& b) { return m == 3 ? a[2] < b[2] : a < b; });
  const auto close = [&](const Strip& s, double until) {
    if (!(until > s.since) || !(s.to > s.from)) return;
    if (m == 2)
      out.push_back({{s.from, -infinite}, {s.to, s.top}});
    else
      out.push_back({{s.from, -infinite, s.since}, {s.to, s.top, until}});
  };
  for (const auto& p : front) {
    const double at = m == 3 ? p[2] : -infinite;
    std::vector<Strip> next;
    double cut_from = infinite, cut_to = -infinite;
    for (const Strip& s : strips) {
      if (s.to <= p[0] || s.top <= p[1]) {
        next.push_back(s);
        continue;
      }
      if (m == 3) close(s, at);
      if (s.from < p[0]) next.push_back({s.from, p[0], s.top, at});
      cut_from = std::min(cut_from, std::max(s.from, p[0]));
      cut_to = std::max(cut_to, s.to);
    }
    if (cut_to > cut_from) next.push_back({cut_from, cut_to, p[1], at});
    std::sort(next.begin(), next.end(), [](const Strip& a, const Strip& b) { return a.from < b.from; });
    strips = std::move(next);
  }
  for (const Strip& s : strips) close(s, m == 3 ? reference[2] : infinite);
  return out;
}

ExpectedHypervolume::ExpectedHypervolume(const std::vector<Box>& boxes) {
  if (boxes.empty()) return;
  const std::size_t m = boxes.front().low.size();
  edges_.resize(m);
  for (std::size_t k = 0; k < m; ++k) {
    for (const Box& box : boxes) {
      edges_[k].push_back(box.low[k]);
      edges_[k].push_back(box.high[k]);
    }
    std::sort(edges_[k].begin(), edges_[k].end());
    edges_[k].erase(std::unique(edges_[k].begin(), edges_[k].end()), edges_[k].end());
  }
  const auto place = [&](std::size_t k, double edge) {
    return static_cast<std::uint32_t>(std::lower_bound(edges_[k].begin(), edges_[k].end(), edge) - edges_[k].begin());
  };
  for (const Box& box : boxes) {
    for (std::size_t k = 0; k < m; ++k) {
      corners_.push_back(place(k, box.low[k]));
      corners_.push_back(place(k, box.high[k]));
    }
  }
  below_ = edges_;
}

double ExpectedHypervolume::improvement(const double* mean, const double* deviation) const {
  const std::size_t m = edges_.size();
  if (m == 0) return 0;
  for (std::size_t k = 0; k < m; ++k) {
    for (std::size_t e = 0; e < edges_[k].size(); ++e) below_[k][e] = expected_below(edges_[k][e], mean[k], deviation[k]);
  }
  double total = 0;
  for (std::size_t at = 0; at < corners_.size(); at += 2 * m) {
    double product = 1;
    for (std::size_t k = 0; k < m; ++k) product *= below_[k][corners_[at + 2 * k + 1]] - below_[k][corners_[at + 2 * k]];
    total += product;
  }
  return total;
}

Acquisition::Acquisition(const std::vector<const Row*>& rows, const Targets& targets, bool parego, std::uint64_t seed)
    : objectives_(targets.objectives()), limits_(targets.limits()), parego_(parego || targets.objectives() > 3) {
  std::vector<std::vector<double>> all;
  for (const Row* row : rows) {
    if (row->told.failed) continue;
    std::vector<double> scaled(objectives_);
    for (std::size_t k = 0; k < objectives_; ++k) scaled[k] = targets.objective(k, row->told.objectives[k]);
    if (row->told.feasible()) feasible_.push_back(scaled);
    all.push_back(std::move(scaled));
  }
  if (objectives_ == 1) {
    incumbent_ = infinite;
    for (const auto& f : feasible_) incumbent_ = std::min(incumbent_, f[0]);
    return;
  }
  const auto& base = feasible_.empty() ? all : feasible_;
  for (const std::size_t i : nondominated(base)) front_.push_back(base[i]);
  ideal_.assign(objectives_, infinite);
  std::vector<double> nadir(objectives_, -infinite);
  for (const auto& p : front_) {
    for (std::size_t k = 0; k < objectives_; ++k) {
      ideal_[k] = std::min(ideal_[k], p[k]);
      nadir[k] = std::max(nadir[k], p[k]);
    }
  }
  span_.resize(objectives_);
  reference_.resize(objectives_);
  for (std::size_t k = 0; k < objectives_; ++k) {
    span_[k] = std::max(nadir[k] - ideal_[k], 0.2);
    reference_[k] = ideal_[k] + 1.1 * span_[k];
    // Not nearer than what counts in a run's hypervolume: the worst of the first feasible results.
    constexpr std::size_t first = 20;
    for (std::size_t i = 0; i < std::min(first, feasible_.size()); ++i) reference_[k] = std::max(reference_[k], feasible_[i][k]);
  }
  if (!parego_) {
    measure();
    return;
  }
  const SobolSequence sequence(objectives_, derive(seed, "draws"));
  constexpr std::uint64_t count = 32;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::vector<double> z = sequence.point(i);
    for (double& u : z) u = normal_quantile(std::clamp(u, 1e-6, 1 - 1e-6));
    draws_.push_back(std::move(z));
  }
}

void Acquisition::measure() { gain_ = ExpectedHypervolume(free_boxes(front_, reference_)); }

double Acquisition::scalar(const double* scaled) const {
  std::vector<double> z(objectives_);
  for (std::size_t k = 0; k < z.size(); ++k) z[k] = (scaled[k] - ideal_[k]) / span_[k];
  return tchebycheff(weights_, z);
}

void Acquisition::weigh(std::vector<double> weights) {
  weights_ = std::move(weights);
  if (objectives_ == 1 || !parego_) return;
  incumbent_ = infinite;
  for (const auto& f : feasible_) incumbent_ = std::min(incumbent_, scalar(f.data()));
}

void Acquisition::believe(const RealVector& mean) {
  for (std::size_t c = 0; c < limits_; ++c) {
    if (mean[static_cast<Eigen::Index>(objectives_ + c)] > 0) return;
  }
  std::vector<double> scaled(mean.data(), mean.data() + objectives_);
  const bool first = feasible_.empty();
  feasible_.push_back(scaled);
  if (objectives_ == 1) {
    incumbent_ = first ? scaled[0] : std::min(incumbent_, scaled[0]);
    return;
  }
  if (parego_) return;
  if (first) front_.clear();
  if (std::any_of(front_.begin(), front_.end(), [&](const auto& f) { return dominates(f, scaled); })) return;
  std::erase_if(front_, [&](const auto& f) { return dominates(scaled, f); });
  front_.push_back(std::move(scaled));
  measure();
}

double Acquisition::operator()(const Predicted& p, Eigen::Index i) const {
  double total = 0;
  for (std::size_t c = 0; c < limits_; ++c) {
    const auto at = static_cast<Eigen::Index>(objectives_ + c);
    total += std::max(-100.0, log_probability_below(p.mean(i, at), std::sqrt(p.variance(i, at)), 0));
  }
  if (feasible_.empty()) return total;
  if (objectives_ == 1) return total + std::max(-1e6, log_expected_improvement(p.mean(i, 0), std::max(std::sqrt(p.variance(i, 0)), 1e-9), incumbent_));
  std::vector<double> mean(objectives_), deviation(objectives_);
  for (std::size_t k = 0; k < objectives_; ++k) {
    mean[k] = p.mean(i, static_cast<Eigen::Index>(k));
    deviation[k] = std::sqrt(p.variance(i, static_cast<Eigen::Index>(k)));
  }
  if (!parego_) return total + std::log(std::max(gain_.improvement(mean.data(), deviation.data()), 1e-300));
  double sum = 0, square = 0;
  std::vector<double> y(objectives_);
  for (const auto& draw : draws_) {
    for (std::size_t k = 0; k < objectives_; ++k) y[k] = mean[k] + deviation[k] * draw[k];
    const double s = scalar(y.data());
    sum += s;
    square += s * s;
  }
  const double n = static_cast<double>(draws_.size());
  const double middle = sum / n;
  return total + std::max(-1e6, log_expected_improvement(middle, std::max(std::sqrt(std::max(0.0, square / n - middle * middle)), 1e-9), incumbent_));
}

}  // namespace gnomon::search
