#pragma once

#include <vector>

#include "gnomon/search/engine.hpp"
#include "gnomon/search/problems.hpp"
#include "gnomon/search/store.hpp"

namespace gnomon::search {

/// A finished campaign (or what there is of it) as views read it.
struct Results {
  Campaign campaign;
  std::string resolved_json, hash, version, commit;
  std::vector<StoredTrial> trials;  ///< finished ones, by number
  Suggestions suggestions;
  Summary summary;
};
Expected<Results> read_results(const Store& store);

/// As `run_campaign`, without writing any output beside the store; an empty `out_dir` keeps the store in memory.
Expected<Results> run_for_results(const Campaign& campaign, const RunOptions& options, const arch::EvaluatorRegistry& registry);

/// `write_outputs` from a store that is open.
Expected<Summary> write_outputs(const Store& store, const std::filesystem::path& folder);

std::string status_word(RunStatus status);
Json agreements_json(const Summary& summary);
/// A truth as the store's `meta` keeps it under `truth`.
std::string truth_text(const ProblemTruth& truth);

/// Whether a trial reached the last fidelity and satisfies everything.
bool counts(const Campaign& campaign, const StoredTrial& trial);

/// CSV of trials: number, state, feasible, fidelity, parameters, metrics of the fidelity reached, violations, error. No times.
std::string trials_csv(const Results& results, const std::vector<std::uint64_t>* only = nullptr);

}  // namespace gnomon::search
