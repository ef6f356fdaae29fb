#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/sim/result.hpp"

namespace gnomon::sim {

/// One step of array work under a mapping, in closed form (docs/microarchitecture.md is the definition).
///
/// Exact always: `compute_cycles` (the sum of the prices of all steps), every count, `folds`, `array_tiles`.
/// Exact where memory keeps up with the array: `latency_cycles`, which is then the first tiles' fills + compute_cycles + the last write-backs
/// (+ the fills and write-backs that a level with one slot cannot hide). Else `latency_cycles` is a lower bound, the largest of that sum
/// and, over the links, of all transfer cycles on the link (+ the memory's latency): what is left out is waiting for one transfer while
/// another link or the array could work, and other cores.
struct LayerEstimate {
  std::int64_t latency_cycles = 0;
  std::int64_t compute_cycles = 0;
  std::int64_t stall_cycles = 0;
  std::int64_t prologue_cycles = 0;  ///< until the first step may begin
  std::int64_t epilogue_cycles = 0;  ///< from the last step's end
  std::int64_t folds = 0;
  std::int64_t array_tiles = 0;
  /// What the array moves, by operand, at the operand's innermost level.
  PortBytes array[arch::operand_count];
  Counts counts;
};

/// Everything about a (design, core, work) that does not depend on the mapping, and what mappings of it share: the distinct pixels of a
/// convolution's tiles, by how M and K are cut. One object per layer makes `estimate` cost about a microsecond: no allocation once the cuts are
/// known, wherever operands are streamed, ports are ample and each dimension is cut at few places. Keeps references; not for several threads.
class LayerContext {
 public:
  LayerContext(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work);
  ~LayerContext();
  LayerContext(LayerContext&&) noexcept;
  LayerContext& operator=(LayerContext&&) noexcept;

  /// `mapping` must pass arch::verify() and `supports()`.
  LayerEstimate estimate(const arch::StepMapping& mapping) const;
  /// Cuts per dimension and loops in all are bounded; a mapping beyond them is refused as unsupported.
  static Expected<void> supports(const arch::StepMapping& mapping);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// `LayerContext(design, core, work).estimate(mapping)`.
LayerEstimate estimate(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work, const arch::StepMapping& mapping);

/// Cycles and bytes of vector work on a core, by the recurrence over its chunks (exact on one core).
StepResult estimate_vector(const arch::Design& design, std::size_t core, const arch::VectorWork& work, const std::string& label);

/// The whole graph under a mapping that covers all its array steps.
///
/// On one core the work steps follow each other. On several, a step starts when its core is free and the steps it reads from have ended; waiting
/// of cores for each other's transfers is left out, but the total is never below the transfer cycles of all cores on the memory link.
/// Errors: unsupported (memory devices, too many levels, array work beyond 2^56 MACs), invalid_input (a step without mapping, or one that
/// arch::verify refuses).
Expected<arch::Evaluation> analyze(const arch::Design& design, const workloads::Graph& graph, const arch::Mapping& mapping,
                                   const std::string& mapping_file = "mapping");
/// The same, with the mapping that the mapper chooses for least energy-delay product.
Expected<arch::Evaluation> analyze(const arch::Design& design, const workloads::Graph& graph);

/// `accelerator/analytical`.
void register_analytical(arch::EvaluatorRegistry& registry);

/// Energy of a DRAM device that passes so many bytes in `ps` picoseconds, by its currents: DRAMPower's equations (Chandrasekar et al., "Improved Power Modeling of
/// DDR SDRAMs", DSD 2011) on counts in closed form. Every row is opened once for all of its bytes (page policies that close rows: once for every burst) and stays open
/// until a refresh that no burst follows; refreshes come every tREFI; ranks sleep (where the controller lets them) in all cycles without data. Ignored: rows that
/// streams take from each other or use in part, bursts used in part, self-refresh. Absent where the memory file has no currents.
std::optional<double> device_energy_pj(const arch::Dram& dram, std::int64_t read_bytes, std::int64_t written_bytes, double ps);

}  // namespace gnomon::sim
