#pragma once

#include <cstdint>
#include <vector>

#include "agents/models.hpp"

namespace gnomon::search {

/// Boxes that fill the space not dominated by a front, below a reference: along each axis from `low` (-inf possible) to `high`.
struct Box {
  std::vector<double> low, high;
};
/// For two or three objectives, about twice as many boxes as points of the front. Points outside the reference are left out.
/// Three objectives: a sweep along the last one keeps the strips of the staircase of the first two (the idea of Lacour, Klamroth
/// and Fonseca, Comput. Oper. Res. 79, 2017).
std::vector<Box> free_boxes(const std::vector<std::vector<double>>& front, const std::vector<double>& reference);

/// E[volume that a normal vector with independent components adds to the front]: over the boxes, the product of
/// E[(high - y)^+] - E[(low - y)^+] (Yang, Emmerich, Deutz and Baeck, J. Glob. Optim. 75, 2019). Edges that boxes share are
/// evaluated once.
class ExpectedHypervolume {
 public:
  ExpectedHypervolume() = default;
  explicit ExpectedHypervolume(const std::vector<Box>& boxes);
  double improvement(const double* mean, const double* deviation) const;

 private:
  std::vector<std::vector<double>> edges_;      ///< by axis, distinct
  std::vector<std::uint32_t> corners_;          ///< by box and axis: index of the low edge, of the high edge
  mutable std::vector<std::vector<double>> below_;  ///< by edge: E[(edge - y)^+]
};

/// What a candidate is worth, as a logarithm: the improvement of the objectives times the probability of each limit (Gardner et
/// al., ICML 2014). One objective: log EI (Ament et al., NeurIPS 2023). Two or three: expected hypervolume improvement over the
/// feasible front, in the scaled objectives, or (`parego`, and with more than three) the log EI of an augmented Tchebycheff
/// scalarisation with given weights (Knowles 2006), its mean and deviation taken over 32 quasi-random draws. While nothing
/// feasible is known, the limits alone count.
class Acquisition {
 public:
  Acquisition(const std::vector<const Row*>& rows, const Targets& targets, bool parego, std::uint64_t seed);
  /// For the next proposal: the weights of the scalarisation (not looked at elsewhere).
  void weigh(std::vector<double> weights);
  /// Counts a believed point as if it were known.
  void believe(const RealVector& mean);
  double operator()(const Predicted& predicted, Eigen::Index i) const;
  bool any_feasible() const { return !feasible_.empty(); }

 private:
  double scalar(const double* scaled) const;
  void measure();

  std::size_t objectives_, limits_;
  bool parego_;
  std::vector<std::vector<double>> feasible_;  ///< scaled objectives
  std::vector<std::vector<double>> front_;
  std::vector<double> ideal_, span_, reference_;
  std::vector<double> weights_;
  double incumbent_ = 0;
  ExpectedHypervolume gain_;
  std::vector<std::vector<double>> draws_;
};

}  // namespace gnomon::search
