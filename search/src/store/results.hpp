#pragma once

#include <vector>

#include "gnomon/search/engine.hpp"
#include "gnomon/search/store.hpp"

namespace gnomon::search {

/// A finished campaign (or what there is of it) as views read it.
struct Results {
  Campaign campaign;
  std::string resolved_json, hash, version, commit;
  std::vector<StoredTrial> trials;  ///< finished ones, by number
  Summary summary;
};
Expected<Results> read_results(const Store& store);

/// `write_outputs` from a store that is open.
Expected<Summary> write_outputs(const Store& store, const std::filesystem::path& folder);

std::string status_word(RunStatus status);

/// Whether a trial reached the last fidelity and satisfies everything.
bool counts(const Campaign& campaign, const StoredTrial& trial);

/// CSV of trials: number, state, feasible, fidelity, parameters, metrics of the fidelity reached, violations, error. No times.
std::string trials_csv(const Results& results, const std::vector<std::uint64_t>* only = nullptr);

}  // namespace gnomon::search
