#pragma once

#include "design/job.hpp"
#include "gnomon/hls/design.hpp"
#include "gnomon/sim/result.hpp"

namespace gnomon::hls {

/// What runs of complete designs share, of one core or several.

/// Some step of the core has a mapping that keeps an operand in two levels or more.
bool keeps_in_two(const std::vector<sim::PlannedStep>& plan, std::size_t core);
/// A mapping of the core's steps has a layout other than `streamed`.
bool lays_out(const std::vector<sim::PlannedStep>& plan, std::size_t core);
/// The memory before the run: inputs and weights where they belong, noise elsewhere, so that what was never written shows.
std::vector<std::int32_t> first_memory(const workloads::Graph& graph, const DesignProgram& program, const Network& network, int precision_bits, std::uint64_t seed);
/// Compares every stored tensor that an operator writes with the interpreter's; the place of the first word that is wrong, or -1.
std::int64_t compare_outputs(const workloads::Graph& graph, const DesignProgram& program, const Network& network, const std::vector<std::int32_t>& memory, DesignCosim& out);
/// Waves of the cycles around one.
void set_window(DesignJob& job, const std::string& trace, std::int64_t cycle);
/// Cycles that a run with stalls may take for so many without.
std::int64_t cycle_limit(std::int64_t least, std::int64_t cycles, double stall);

/// cosimulate_design for several cores.
Expected<DesignCosim> cosimulate_cores(const DesignRequest& request);

}  // namespace gnomon::hls
