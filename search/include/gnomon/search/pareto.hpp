#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "gnomon/base/error.hpp"

/// Dominance, fronts and hypervolume. All objectives are minimised here; a caller with a maximised one flips its sign.
namespace gnomon::search {

/// a is nowhere worse than b and somewhere better. Equal vectors do not dominate each other.
bool dominates(const std::vector<double>& a, const std::vector<double>& b);

/// Indices of the points that no other point dominates, ascending. Ties (equal vectors) are all kept. O(n log n) for two
/// objectives, else O(n * front).
std::vector<std::size_t> nondominated(const std::vector<std::vector<double>>& points);

/// Rank of each point by repeated removal of the front (0 is the front): fast non-dominated sort of Deb et al., IEEE TEC 6(2),
/// 2002.
std::vector<int> nondominated_ranks(const std::vector<std::vector<double>>& points);

/// Crowding distance within one set (Deb et al. 2002): per objective the gap between the neighbours over the set's span, summed;
/// the ends are infinite. Equal objective vectors share their place: all but the first get 0.
std::vector<double> crowding_distances(const std::vector<std::vector<double>>& points);

/// Volume dominated by the points and bounded by the reference; points that do not beat the reference in every objective count
/// nothing. Exact: sorting for one and two objectives, a sweep for three (Beume et al., IEEE TEC 13(5), 2009, in its O(n^2)
/// form), exclusive volumes by recursion (WFG: While, Bradstreet and Barone, IEEE TEC 16(1), 2012) beyond.
double hypervolume(const std::vector<std::vector<double>>& points, const std::vector<double>& reference);

/// Hypervolume as points arrive, against a reference that is given or becomes the componentwise worst of the first `warmup`
/// points and then stays. Points offered before that count from the moment it is fixed.
class HypervolumeTracker {
 public:
  explicit HypervolumeTracker(std::size_t objectives, std::optional<std::vector<double>> reference = {}, std::size_t warmup = 20);
  /// A feasible point, minimised objectives. Returns whether it joins the front.
  bool add(const std::vector<double>& point);
  /// The reference if it is fixed; else the componentwise worst so far (nothing where no point was added).
  std::optional<std::vector<double>> reference() const;
  bool fixed() const { return fixed_.has_value(); }
  /// Against `reference()`; 0 without points.
  double value() const;
  const std::vector<std::vector<double>>& front() const { return front_; }

 private:
  std::size_t objectives_, warmup_, seen_ = 0;
  std::optional<std::vector<double>> fixed_;
  std::vector<double> worst_;
  std::vector<std::vector<double>> front_;
  mutable std::optional<double> cached_;
};

}  // namespace gnomon::search
