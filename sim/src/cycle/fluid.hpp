#pragma once

#include <cstddef>
#include <vector>

/// Steps of several cores that share one memory, as fluids: between two ends of steps every core goes on at one rate, which the others' traffic leaves it.
/// Transfers have no places here: what that costs is for the caller to measure (FluidStep::efficiency, scale).
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
  double transfers = 1;   ///< of the whole step
  double patience = 1;    ///< how much longer its transfers wait than by the formula below
  double spread = 1;      ///< mean square of a transfer's time, over the square of the mean: 1 where all are alike
};

struct FluidTime {
  double cycles = 0;
  double waited = 0;  ///< cycles that its transfers waited for those of others
};

/// What each step takes, [core][step]: the steps of a core follow each other, all cores begin at 0. `peak` in bytes per cycle.
///
/// The memory is held by whole transfers, first come first served, one of each core at a time. A transfer of i waits for one of j as often as j has one out: for a
/// whole one where i asks again at once, else for what is left of it, h = E[t^2] / (2 E[t]):
///   w_i = patience_i x sum over j of o_j (o_i t_j + (1 - o_i) h_j),   o_i = min(1, transfers_i (t_i + w_i) / cycles_i),   share_i = t_i / (t_i + w_i),
/// a fixed point for each set of steps that run at a time; cycles_i follow from the share by the curve.
std::vector<std::vector<FluidTime>> run_fluid(const std::vector<std::vector<FluidStep>>& cores, double peak);

}  // namespace gnomon::sim
