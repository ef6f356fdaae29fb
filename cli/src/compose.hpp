#pragma once

#include "gnomon/arch/evaluator.hpp"

namespace gnomon {

/// Every evaluator of the product, by subject and fidelity: the one list that the command line and the Python module share.
const arch::EvaluatorRegistry& evaluators();

}  // namespace gnomon
