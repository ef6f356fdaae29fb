#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/space.hpp"
#include "gnomon/base/gp.hpp"

namespace gnomon::search {

/// What the last fidelity of a ladder adds to a lower one, as a function of the design: per lower fidelity and metric a Gaussian process over
/// the encoded parameters, of log(high / low) where all values are positive, else of high - low (the additive bridge of Kennedy and O'Hagan,
/// Biometrika 87(1), 2000, in the logarithm). Far from every design that has both it falls back to its mean, so an unknown corner gets the
/// common correction and no more. Learns from told trials alone, in their order.
class Residual {
 public:
  Residual(const arch::Space& space, std::string last) : space_(space), last_(std::move(last)) {}
  void learn(const arch::Point& point, const std::string& fidelity, const std::vector<arch::Metric>& low,
             const std::vector<arch::Metric>& high);
  /// The metrics as the last fidelity is expected to see them; nothing while too few designs have both.
  std::optional<std::vector<arch::Metric>> corrected(const arch::Point& point, const std::string& fidelity,
                                                     const std::vector<arch::Metric>& metrics);

 private:
  struct Pairs {
    std::vector<std::vector<double>> x;
    std::vector<std::pair<double, double>> low_high;
    bool positive = true;
    std::optional<GaussianProcess> model;
    std::size_t fitted = 0;  ///< pairs that the model has seen
  };
  const arch::Space& space_;
  std::string last_;
  std::map<std::string, std::map<std::string, Pairs>> pairs_;  // fidelity, metric

  void fit(Pairs& pairs) const;
};

}  // namespace gnomon::search
