#pragma once

#include "gnomon/sim/result.hpp"

namespace gnomon::sim {

/// Whether the models know everything in the design: unsupported for memory devices and too many levels.
Expected<void> supported(const arch::Design& design);

Expected<arch::Evaluation> analyze_planned(const arch::Design& design, const workloads::Graph& graph,
                                           const std::vector<arch::LoweredOperator>& lowered, const arch::Mapping& mapping,
                                           const std::vector<PlannedStep>& steps);

}  // namespace gnomon::sim
