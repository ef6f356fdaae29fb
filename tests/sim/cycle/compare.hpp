#pragma once

#include <string>

#include "gnomon/sim/cycle.hpp"
#include "random_case.hpp"

namespace gnomon::sim::testing {

std::vector<CycleStep> cycle_steps_of(const RandomCase& random_case);
/// Runs model and reference on a case; empty where they agree on every start, span, compute cycle and byte, else what differs.
std::string difference_to_reference(const RandomCase& random_case, std::uint64_t seed);

}  // namespace gnomon::sim::testing
