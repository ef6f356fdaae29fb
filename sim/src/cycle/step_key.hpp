#pragma once

#include <cstdint>
#include <vector>

#include "gnomon/sim/cycle.hpp"

namespace gnomon::sim {

using StepKey = std::vector<std::int64_t>;

/// Everything about a step that its cycles and counts depend on where nothing else runs beside it.
StepKey step_key(const CycleStep& step);

}  // namespace gnomon::sim
