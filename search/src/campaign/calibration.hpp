#pragma once

#include <map>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/search/store.hpp"

namespace gnomon::search {

/// Brings results of the lower rungs of a ladder to the scale of the last one: per metric, times the median ratio (plus the
/// median difference where some value is not positive) over all trials that have both. As they are while nothing has both.
class Calibration {
 public:
  explicit Calibration(std::vector<std::string> ladder) : ladder_(std::move(ladder)) {}
  void learn(const std::map<std::string, StoredEvaluation>& results);
  std::vector<arch::Metric> corrected(const std::vector<arch::Metric>& metrics, const std::string& fidelity) const;

 private:
  struct Pairs {
    std::vector<std::pair<double, double>> low_high;
    bool positive = true;
  };
  std::vector<std::string> ladder_;
  std::map<std::string, std::map<std::string, Pairs>> pairs_;  // fidelity, metric
};

}  // namespace gnomon::search
