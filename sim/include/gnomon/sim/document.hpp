#pragma once

#include <string>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/evaluator.hpp"
#include "gnomon/base/json.hpp"

namespace gnomon::sim {

/// The document that `gnomon simulate --json` prints and `gnomon.simulate` returns: `schema`, `design`, `workload` (as the user named
/// it), `fidelity`, `total` (its `mapping` is a whole mapping file), `layers`, `energy_breakdown_pj`, where there are, `intervals` and `in_range`, and `provenance`. Its
/// `input_sha256` is taken over the resolved design, the workload's content (a built-in one's name), batch, mapping and fidelity: the same on every machine.
Json simulation_document(const arch::Design& design, const arch::EvaluationJob& job, const arch::Evaluation& evaluation,
                         const std::string& workload);

}  // namespace gnomon::sim
