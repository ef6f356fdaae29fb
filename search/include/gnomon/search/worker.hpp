#pragma once

#include "gnomon/arch/evaluator.hpp"

namespace gnomon::search {

/// The loop of a worker process: one JSON line per job on stdin, one JSON line per answer on stdout, until stdin ends. The first
/// line sets the limits. Evaluators are made once per fidelity and reused. Whatever an evaluator prints goes to stderr. Returns
/// the exit code.
int worker_main(const arch::EvaluatorRegistry& registry);

}  // namespace gnomon::search
