#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "gnomon/arch/evaluator.hpp"

namespace gnomon::search {

/// A trial of a stored campaign as it was evaluated.
struct StoredJob {
  arch::EvaluationJob job;
  std::string state;            ///< of the trial: queued | running | done | failed
  std::string parameters_json;  ///< compact
};

/// The job of a trial of the campaign in `folder`, at `fidelity`, from the store alone. Workload files are looked up relative to
/// `base` (where it is given), the working directory, the folder and its parents, and must have the content that the campaign
/// had. Errors: no campaign there, no such trial (with the range), a workload file that is gone or has changed; unsupported:
/// subjects without a design.
Expected<StoredJob> stored_job(const std::filesystem::path& folder, std::uint64_t trial, const std::string& fidelity,
                               const std::filesystem::path& base = {});

}  // namespace gnomon::search
