#pragma once

#include <string>

#include "gnomon/sim/cycle.hpp"
#include "random_case.hpp"

namespace gnomon::sim::testing {

std::vector<CycleStep> cycle_steps_of(const RandomCase& random_case);
/// Runs model and reference on a case; empty where they agree on every start, span, compute cycle and byte, else what differs.
std::string difference_to_reference(const RandomCase& random_case, std::uint64_t seed);

struct AnalyticalAgreement {
  bool never_waited = false;  ///< between the first and the last step
  std::int64_t analytical_latency = 0, cycle_latency = 0;
};
/// Runs the event-driven model and the analytical one on a case with one array step; empty where compute cycles and all counts are equal.
std::string difference_to_analytical(const RandomCase& random_case, AnalyticalAgreement& agreement);

}  // namespace gnomon::sim::testing
