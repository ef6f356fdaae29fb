#pragma once

#include <filesystem>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/search/campaign.hpp"

namespace gnomon {

/// Every evaluator of the product, by subject and fidelity: the one list that the command line and the Python module share.
const arch::EvaluatorRegistry& evaluators();

/// search::load_campaign, and of a campaign over kernels what the compiler has to say against its base kernel.
Expected<search::Campaign> load_campaign(const std::filesystem::path& path);

}  // namespace gnomon
