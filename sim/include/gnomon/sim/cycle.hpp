#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/sim/dram.hpp"
#include "gnomon/sim/result.hpp"

namespace gnomon::sim {

/// A work step on a core, as the event-driven model takes it.
struct CycleStep {
  std::string label;
  std::size_t core = 0;  ///< index into Design::cores
  /// Array work with its mapping, or (both absent) vector work.
  std::optional<arch::ArrayWork> array;
  std::optional<arch::StepMapping> mapping;
  arch::VectorWork vector;
  /// Positions of earlier steps that must have ended before this one begins (those it reads from).
  std::vector<std::size_t> after;
  /// Array work: so many array tiles from the first on, and the transfers that they need or cause; 0: all. The last one counts as ended when the
  /// next would begin, and MACs are counted in proportion to the tiles.
  std::int64_t first_tiles = 0;
};

/// Takes the place of an array in the model, for one work step: generated RTL, say. Levels, links and memory around it are the model's.
/// Whatever it throws becomes an error of the run.
class ArrayStandIn {
 public:
  struct Span {
    std::int64_t cycles = 0;
    /// `tiles` array tiles have ended (all steps of their folds and of all before) so many cycles after the span's start.
    struct Mark {
      std::int64_t tiles, after_cycles;
    };
    std::vector<Mark> marks;
  };
  virtual ~ArrayStandIn() = default;
  /// What the array does from the first step of the next array tile, whose operands are there, to the first step of the one after it
  /// (to the end of its work after the last). It has stood still for `waited_cycles` before.
  virtual Span next_tile(std::int64_t waited_cycles) = 0;
  /// Bytes that it has read from (written to) an operand's innermost level.
  virtual std::int64_t bytes_read(arch::Operand operand) const = 0;
  virtual std::int64_t bytes_written(arch::Operand operand) const = 0;
};

/// What a run of the model found.
struct CycleRun {
  std::vector<StepResult> steps;  ///< as asked for, in order
  /// When the array (vector unit) was first and last at work in a step, in cycles from the step's start: what comes before is the first
  /// fills, what comes after the last write-backs; it waited in between for what exceeds compute_cycles.
  struct Activity {
    std::int64_t first_cycle = 0, end_cycle = 0;
    /// The step's transfers over the memory: how many, for how long they held it (and the squares of that), and how long they waited, ready, for
    /// those of other cores. In array cycles.
    std::int64_t memory_transfers = 0;
    double memory_held_cycles = 0, memory_held_squares = 0, memory_waited_cycles = 0;
  };
  std::vector<Activity> activity;  ///< by step
  /// Array cycles by core: how long transfers of the one, ready to start, waited for a link (memory, bus, level) that a transfer of the other held last.
  std::vector<std::vector<std::int64_t>> waited_cycles;
  /// What device memory did from the first to the last event; absent for ideal memory.
  std::optional<DramStatistics> memory;
  std::int64_t simulated_steps = 0;   ///< without those that were recognised as equal to another
  std::int64_t simulated_cycles = 0;  ///< up to the last event, in array cycles
};

/// Runs work steps on the design by the event-driven SystemC model of docs/microarchitecture.md: array cores, levels, links and memory as
/// modules, with an event at least for each array tile and each transfer, and no clock that runs without work.
///
/// The steps of a core run in the order given; cores run beside each other and share the bus, the shared levels' links and the memory. Where a
/// single core is used with ideal memory, equal steps (work, core, mapping) are simulated once, since nothing tells them apart: each starts with empty
/// levels. Device memory keeps its state from step to step; the steps' tensors lie in it one behind the other.
/// Errors: invalid_input (a mapping that arch::verify refuses), run_failed (simulated time beyond 2^62 ps,
/// a simulation that is running in this process already, an internal error).
Expected<CycleRun> run_cycle_model(const arch::Design& design, const std::vector<CycleStep>& steps, const std::string& mapping_file = "mapping");

/// The same for one array step, whose array is `array`.
Expected<CycleRun> run_cycle_model(const arch::Design& design, const CycleStep& step, ArrayStandIn& array);

/// The same for several steps: `arrays[i]` in the place of step i's array, or null for the model's. Each serves one step; equal steps are all simulated then.
Expected<CycleRun> run_cycle_model(const arch::Design& design, const std::vector<CycleStep>& steps, const std::vector<ArrayStandIn*>& arrays);

/// The whole graph under a mapping that covers its array steps; cores and order of the work steps as `plan` says.
Expected<arch::Evaluation> simulate(const arch::Design& design, const workloads::Graph& graph, const arch::Mapping& mapping,
                                    const std::string& mapping_file = "mapping");

/// The plan's work steps in the form that `run_cycle_model` takes.
std::vector<CycleStep> cycle_steps(const std::vector<PlannedStep>& planned);

/// Where the model puts the tensors of a work step in device memory, in bytes.
struct TensorPlaces {
  std::uint64_t operand[arch::operand_count] = {0, 0, 0};  ///< of vector work the first and the last: inputs, outputs
  std::uint64_t sums = 0;                                  ///< unfinished ones of array work
};
/// Of steps that run one after the other, in that order.
std::vector<TensorPlaces> tensor_places(const arch::Design& design, const std::vector<CycleStep>& steps);

/// `accelerator/cycle`.
void register_cycle(arch::EvaluatorRegistry& registry);

}  // namespace gnomon::sim
