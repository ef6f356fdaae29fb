#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gnomon/sim/cycle.hpp"
#include "gnomon/workloads/graph.hpp"

/// The result of a long simulation from a small part of it: the first array tiles of each kind of work step, on all cores at once.
namespace gnomon::sim {

/// Work steps of networks that run beside each other, network i on core i of the design, each step after the one before it, mapped for that core
/// (least energy-delay product). What the cores share is the interconnect, the shared levels and the memory.
/// Errors: more networks than cores; those of lowering and mapping.
Expected<std::vector<CycleStep>> side_by_side(const arch::Design& design, const std::vector<std::shared_ptr<const workloads::Graph>>& networks);

/// One core's share of the steps: what is known before, what the part said, and what follows for the whole. Cycles are array cycles.
struct PartCore {
  // Of all steps, by the analytical model, which knows no other core.
  std::int64_t steps = 0, kinds = 0;  ///< steps that differ in work, mapping or core count as kinds
  std::int64_t macs = 0;
  double analytical_cycles = 0, compute_cycles = 0, memory_bytes = 0;
  double memory_bound = 0;  ///< share of analytical_cycles in steps whose transfers take longer than their compute
  // Of the part.
  std::int64_t sampled_kinds = 0;
  double sampled = 0;  ///< share of analytical_cycles in the kinds that are in the part
  double part_cycles = 0, part_analytical_cycles = 0, part_compute_cycles = 0, part_bytes = 0, part_waited_cycles = 0;
  /// Of the whole: every kind's analytical cycles times how much slower its first tiles were than the same compute and traffic without other cores.
  double scaled_cycles = 0;
  /// Of the whole: first tile + time between two tiles x all further tiles + last write-back, kind by kind.
  double extrapolated_cycles = 0;
  /// Of the whole: all cores' steps by the fluid model, each kind scaled as the part was.
  double fluid_cycles = 0;
  // How far the fluid model had to be bent to the part: transfers' waits (1: not at all), and the part's cycles over what it then still says of them.
  double patience = 1, part_ratio = 1;
};

struct PartRun {
  std::vector<PartCore> cores;
  std::int64_t simulated_cycles = 0;  ///< up to the part's last event
  double fraction = 0;                ///< as asked for
  double expected_share = 0;          ///< the part's analytical cycles as a share of the whole's
  double efficiency = 1;              ///< of the peak rate, what the part's transfers reach while the memory is theirs
  // Device memory in the part; 0 for ideal memory.
  double row_hit_rate = 0, bandwidth_share = 0, read_latency_cycles = 0;  ///< latency in array cycles
};

/// Simulates a part: of each kind of step its middle occurrence, as many first array tiles (two at least, where affordable) as `fraction` of the cycles of all its
/// occurrences pays for; kinds first that stand for the most cycles at the least cost; steps whose first tile is dearer than what is left stay out. Shorter
/// cores give a larger share of their work (by the square root of how much shorter they are), which costs little beside the longest one's; a core with less than 0.15 of
/// the longest one's cycles is simulated apart, beside the beginning of the others, completely where that costs little. Steps of a core follow each other; dependences between cores are left out.
///
/// The whole then follows twice: kind by kind as the part was (scaled_cycles, extrapolated_cycles; a kind that is out is taken to be slowed down like the core's
/// others), and by a fluid model of all steps in time (fluid_cycles), in which cores wait for each other's transfers as they meet; how many transfers a kind has, how long
/// they hold the memory, and how much longer or shorter than by that model they wait, is what the part showed (a kind that is out: the mean of the core's others).
/// Errors: those of `run_cycle_model`; a fraction outside (0, 1].
Expected<PartRun> simulate_part(const arch::Design& design, const std::vector<CycleStep>& steps, double fraction);

/// What a model learns from, for core `self`: one number each, always in this order. No name of a network or step is among them.
struct PartFeature {
  std::string name, unit;
  double value = 0;
};
std::vector<PartFeature> part_features(const arch::Design& design, const PartRun& part, std::size_t self);

/// MACs per cycle and PE (1 is peak) of core `self` in the whole, without a learned correction: the mean of what `fluid_cycles` and `extrapolated_cycles` say.
double part_throughput(const arch::Design& design, const PartRun& part, std::size_t self);
/// The most that `part_throughput` could be: all steps by compute alone. Corrections are shares of it.
double compute_throughput(const arch::Design& design, const PartRun& part, std::size_t self);
/// Throughput with a correction: the label `part_error` below, as a model predicts it.
double corrected_throughput(const arch::Design& design, const PartRun& part, std::size_t self, double part_error);

struct PartTableOptions {
  std::filesystem::path out;
  std::int64_t count = 200;  ///< simulations; each gives a row for either core
  std::uint64_t seed = 1;
  double fraction = 0.05;
  /// Workload references, taken two by two at random; empty: networks drawn by the seed, the same pair for `designs_per_pair` designs.
  std::vector<std::string> networks;
  std::function<void(std::int64_t)> progress;  ///< told the simulations done
};
inline constexpr std::int64_t designs_per_pair = 4;

/// A table (CSV) of parts and wholes: networks beside each other on the two cores of a random design with one DRAM device. Columns: seed, row, core,
/// network (what must stay together in splits: the pair), memory and dataflow, those of `part_features`, `part_share` (simulated cycles of the part over those of the
/// whole), and of the whole simulation the labels `latency_cycles`, `throughput` (MACs per cycle and PE: the fraction of peak) and `part_error`: what
/// `part_throughput` lacks of it, as a share of `compute_throughput`.
/// A file of the same seed is taken up where it ends; returns the rows. Errors: those of loading, mapping and simulating; a file that holds something else.
Expected<std::int64_t> write_part_table(const PartTableOptions& options);

}  // namespace gnomon::sim
