#pragma once

#include <string>
#include <vector>

#include "gnomon/arch/mapping.hpp"

namespace gnomon::sim {

/// What a mapping is chosen for. `edp` is energy x latency of each step.
enum class Goal { latency, energy, edp };

/// Chooses a mapping for every array step of a lowered graph, and the core it runs on.
///
/// For each step: every loop order over array tiles that differs in what is reused (outputs, weights, inputs), and tile sizes that are
/// multiples of the array's and whole cuts of the dimensions, grown as far as the levels hold them; with shared levels a second, outer, set
/// of tiles. Candidates that fit are compared by `LayerContext::estimate` and the technology's energies; equal ones by the order in which they
/// were tried, so that the choice is always the same. Partial sums leave the chip only where no candidate that keeps them is better.
/// Steps of the same shape on equal cores are mapped once. Several cores: each step goes where it would end first, in the order of the graph.
/// Errors: invalid_input where not even tiles of one element fit (the level, its bytes and the bytes needed).
Expected<arch::Mapping> map(const arch::Design& design, const workloads::Graph& graph, const std::vector<arch::LoweredOperator>& lowered,
                            Goal goal = Goal::edp);

/// One step on one core of the design.
Expected<arch::StepMapping> map_step(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work, const std::string& label,
                                     Goal goal = Goal::edp);

}  // namespace gnomon::sim
