#pragma once

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/search/campaign.hpp"

namespace gnomon {

/// Every evaluator of the product, by subject and fidelity: the one list that the command line and the Python module share.
const arch::EvaluatorRegistry& evaluators();

/// What the compiler has to say against the base kernel of a campaign over kernels; nothing of other subjects.
Expected<void> check_kernel(const search::Campaign& campaign);

}  // namespace gnomon
