#pragma once

#include <cstddef>
#include <vector>

/// Steps of several cores that share one memory, as fluids: between two ends of steps every core goes on at one rate, which the others' traffic leaves it.
/// Transfers have no places and no order here: what that costs is for the caller to measure (FluidStep::efficiency, scale).
namespace gnomon::sim {

/// Cycles of a kind of step alone, where it may use a share of the memory's peak rate. Linear in 1 / share between the shares known, and beyond.
struct LatencyCurve {
  std::vector<double> shares;  ///< of the peak rate, the largest first; 1 or more of them
  std::vector<double> whole;   ///< cycles of the whole step at each share
  std::vector<double> once;    ///< of them: first fill and last write-back
  double bytes = 0;            ///< of the whole step, to and from the memory

  /// Cycles of a step that has `part` of the tiles.
  double cycles(double share, double part) const;
};

struct FluidStep {
  const LatencyCurve* curve = nullptr;
  double part = 1;        ///< share of its tiles
  double efficiency = 1;  ///< of the peak rate, what its transfers reach while the memory is theirs
  double scale = 1;       ///< cycles, over those of the curve
};

struct FluidTime {
  double cycles = 0;
  double share = 1;  ///< of the memory's time that the step could have, in the mean
};

/// What each step takes, [core][step]: the steps of a core follow each other, all cores begin at 0.
///
/// A core may have the time of the memory that the others leave, and never less than its fair share, as under a round-robin arbiter; what
/// a step takes at that share follows from its curve, and the time that it uses in turn is left to the others no more: a fixed point for each set of steps
/// that run at a time. `peak` in bytes per cycle.
std::vector<std::vector<FluidTime>> run_fluid(const std::vector<std::vector<FluidStep>>& cores, double peak);

}  // namespace gnomon::sim
