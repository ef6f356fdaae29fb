#include "campaign/residual.hpp"

#include <algorithm>
#include <cmath>

namespace gnomon::search {
namespace {

constexpr std::size_t least_pairs = 8;
/// The fit is cubic in the pairs; the latest describe the region that the search has reached.
constexpr std::size_t most_pairs = 200;

double gap(const std::pair<double, double>& low_high, bool positive) {
  return positive ? std::log(low_high.second / low_high.first) : low_high.second - low_high.first;
}

}  // namespace

void Residual::learn(const arch::Point& point, const std::string& fidelity, const std::vector<arch::Metric>& low,
                     const std::vector<arch::Metric>& high) {
  const std::vector<double> code = space_.encode(point);
  for (const arch::Metric& l : low) {
    for (const arch::Metric& h : high) {
      if (h.name != l.name || !std::isfinite(l.value) || !std::isfinite(h.value)) continue;
      Pairs& pairs = pairs_[fidelity][l.name];
      pairs.x.push_back(code);
      pairs.low_high.emplace_back(l.value, h.value);
      pairs.positive = pairs.positive && l.value > 0 && h.value > 0;
    }
  }
}

void Residual::fit(Pairs& pairs) const {
  if (pairs.fitted == pairs.x.size()) return;
  pairs.fitted = pairs.x.size();
  const std::size_t from = pairs.x.size() > most_pairs ? pairs.x.size() - most_pairs : 0;
  const auto rows = static_cast<Eigen::Index>(pairs.x.size() - from), columns = static_cast<Eigen::Index>(pairs.x[0].size());
  RealMatrix x(rows, columns);
  RealVector y(rows);
  for (Eigen::Index r = 0; r < rows; ++r) {
    const auto i = from + static_cast<std::size_t>(r);
    for (Eigen::Index c = 0; c < columns; ++c) x(r, c) = pairs.x[i][static_cast<std::size_t>(c)];
    y(r) = gap(pairs.low_high[i], pairs.positive);
  }
  GpOptions options;
  for (const arch::Parameter& p : space_.parameters()) options.categorical.push_back(p.kind == arch::ParameterKind::categorical);
  options.restarts = 0;
  options.max_iterations = 20;
  if (pairs.model) options.start = pairs.model->hyperparameters();
  auto model = GaussianProcess::fit(x, y, options);
  pairs.model = model ? std::optional<GaussianProcess>(std::move(*model)) : std::nullopt;
}

std::optional<std::vector<arch::Metric>> Residual::corrected(const arch::Point& point, const std::string& fidelity,
                                                             const std::vector<arch::Metric>& metrics) {
  const auto known = pairs_.find(fidelity);
  if (known == pairs_.end()) return {};
  std::vector<arch::Metric> out = metrics;
  const std::vector<double> code = space_.encode(point);
  RealMatrix x(1, static_cast<Eigen::Index>(code.size()));
  for (std::size_t i = 0; i < code.size(); ++i) x(0, static_cast<Eigen::Index>(i)) = code[i];
  for (arch::Metric& m : out) {
    const auto at = known->second.find(m.name);
    // What the last fidelity does not give stays as it is.
    if (at == known->second.end()) continue;
    Pairs& pairs = at->second;
    if (pairs.x.size() < least_pairs) return {};
    fit(pairs);
    if (!pairs.model) return {};
    const double shift = pairs.model->predict(x).mean(0);
    const double value = pairs.positive && m.value > 0 ? m.value * std::exp(shift) : m.value + shift;
    if (std::isfinite(value)) m.value = value;
  }
  return out;
}

}  // namespace gnomon::search
