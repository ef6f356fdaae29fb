#pragma once

#include <string>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/evaluator.hpp"
#include "gnomon/base/json.hpp"

namespace gnomon::sim {

/// The document that `gnomon simulate --json` prints and `gnomon.simulate` returns (design.md section 4), without its provenance:
/// `schema`, `design`, `workload`, `fidelity`, `total` (its `mapping` is a whole mapping file), `layers`, `energy_breakdown_pj`, and, where there are, `intervals` and `in_range`.
Json simulation_document(const arch::Design& design, const arch::Evaluation& evaluation, const std::string& workload,
                         const std::string& fidelity);

}  // namespace gnomon::sim
