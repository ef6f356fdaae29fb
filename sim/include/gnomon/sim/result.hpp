#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/lowering.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/arch/technology.hpp"

namespace gnomon::sim {

/// Most scratchpads that a core can see: its own and the shared ones (the design file allows 16 of each).
inline constexpr std::size_t max_levels = 32;

/// Bytes through the two ports of a level, of the array, the vector unit and transfers together.
struct PortBytes {
  std::int64_t read = 0;
  std::int64_t write = 0;
  bool operator==(const PortBytes&) const = default;
};

/// What a work step does, counted; the energy of a step depends on nothing else but its span.
struct Counts {
  std::int64_t macs = 0;
  std::int64_t vector_ops = 0;
  /// The core's levels in the order of Core::levels, then Design::shared.
  std::array<PortBytes, max_levels> level{};
  /// Bytes of transfers whose outer end is the memory.
  std::int64_t dram_read_bytes = 0;
  std::int64_t dram_write_bytes = 0;
  /// Bytes of transfers with exactly one end in a core.
  std::int64_t bus_bytes = 0;

  Counts& operator+=(const Counts& other);
  bool operator==(const Counts&) const = default;
};

/// One work step (arch::WorkStep) as a model has run it. Cycles are array cycles.
struct StepResult {
  std::string label;  ///< WorkStep::label
  std::size_t core = 0;  ///< index into Design::cores
  std::int64_t start_cycle = 0;
  std::int64_t latency_cycles = 0;  ///< the span from the step's start to its end
  std::int64_t compute_cycles = 0;
  std::int64_t stall_cycles = 0;    ///< latency_cycles - compute_cycles
  Counts counts;
};

/// Energy by component, in pJ. Levels are named as in the design, `CORE.LEVEL` where there are several cores.
struct EnergyBreakdown {
  double mac = 0, pe_registers = 0, vector = 0, bus = 0, dram = 0, pins = 0, leakage = 0, clock = 0;
  /// As Counts::level.
  std::array<double, max_levels> level{};
  std::size_t level_count = 0;
  double total() const;
};

/// Dynamic energy of counts on one core: counts x unit energies. `pins`, `leakage` and `clock` stay 0.
EnergyBreakdown dynamic_energy(const arch::UnitEnergies& units, std::size_t core, const Counts& counts);
/// Energy that passes with time, over a span of the whole design: PHY and pins, leakage, clock tree.
EnergyBreakdown static_energy(const arch::Design& design, const arch::UnitEnergies& units, std::int64_t cycles);

/// The core for which a graph is lowered when a design has several: an operator rides along with its producer only where every core could
/// do so, and vector work is accepted as soon as one core has a vector unit.
arch::Core lowering_core(const arch::Design& design);

/// A work step in the order of execution: where it runs, and which steps must have ended before it starts.
struct PlannedStep {
  const arch::LoweredOperator* op = nullptr;
  const arch::WorkStep* step = nullptr;
  const arch::StepMapping* mapping = nullptr;  ///< none for vector work
  std::size_t core = 0;
  std::vector<std::size_t> after;  ///< indices into the plan, ascending; steps before it on its core are not repeated
};
/// All work steps of `lowered` in its order; every core runs its steps in this order. Array steps run on the core that their mapping names.
/// Vector work runs where what it reads was made (the step before it in its operator, else the producer of its first input that has steps) if that
/// core has a vector unit, else on the first core that has one. A step comes after the step before it in its operator, or after the last steps of the operators
/// that it reads from, through views and fused operators.
/// Errors: invalid_input for an array step without a mapping, an unknown core, or a mapping that arch::verify refuses.
Expected<std::vector<PlannedStep>> plan(const arch::Design& design, const workloads::Graph& graph,
                                        const std::vector<arch::LoweredOperator>& lowered, const arch::Mapping& mapping,
                                        const std::string& mapping_file);

/// Totals, one row per operator, and the energy breakdown, from what a model found for each work step (`steps`: every WorkStep of `lowered`,
/// by label, in any order). Shared by all models: nothing of it is timing.
///
/// Rows stand in the order of `lowered`; an operator of several steps has their sums. A fused operator gets a row with no cycles and its vector
/// energy; a view gets none. The static energy is spread over the rows in proportion to their latency, so that rows add up to the total.
/// The total latency is the latest end of any step; the total stalls are the sum of the steps'.
/// `dram_energy_pj`: what a device's own model says, in place of bytes x the technology's energy per byte; rows get their share by bytes.
/// Errors: a work step without a result; energies that the technology does not have.
Expected<arch::Evaluation> assemble(const arch::Design& design, const workloads::Graph& graph,
                                    const std::vector<arch::LoweredOperator>& lowered, const arch::Mapping& mapping,
                                    const std::vector<StepResult>& steps, std::optional<double> dram_energy_pj = {});

}  // namespace gnomon::sim
