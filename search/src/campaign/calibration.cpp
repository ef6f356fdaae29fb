#include "campaign/calibration.hpp"

#include <algorithm>
#include <cmath>

namespace gnomon::search {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

}  // namespace

void Calibration::learn(const std::map<std::string, StoredEvaluation>& results) {
  const auto high = results.find(ladder_.back());
  if (high == results.end() || high->second.failed) return;
  for (const auto& [fidelity, result] : results) {
    if (fidelity == ladder_.back() || result.failed) continue;
    for (const arch::Metric& low : result.metrics) {
      for (const arch::Metric& top : high->second.metrics) {
        if (top.name != low.name || !std::isfinite(top.value) || !std::isfinite(low.value)) continue;
        Pairs& pairs = pairs_[fidelity][low.name];
        pairs.low_high.emplace_back(low.value, top.value);
        pairs.positive = pairs.positive && low.value > 0 && top.value > 0;
      }
    }
  }
}

std::vector<arch::Metric> Calibration::corrected(const std::vector<arch::Metric>& metrics, const std::string& fidelity) const {
  std::vector<arch::Metric> out = metrics;
  const auto known = pairs_.find(fidelity);
  if (known == pairs_.end()) return out;
  for (arch::Metric& m : out) {
    const auto at = known->second.find(m.name);
    if (at == known->second.end()) continue;
    const bool ratio = at->second.positive && m.value > 0;
    std::vector<double> values;
    for (const auto& [low, high] : at->second.low_high) values.push_back(ratio ? high / low : high - low);
    const double middle = median(std::move(values));
    const double value = ratio ? m.value * middle : m.value + middle;
    if (std::isfinite(value)) m.value = value;
  }
  return out;
}

}  // namespace gnomon::search
