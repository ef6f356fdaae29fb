#pragma once

#include <vector>

#include "gnomon/search/campaign.hpp"

namespace gnomon::search {

/// Indices of evaluations of one fidelity, best first: feasible ones by non-dominated rank, then crowding distance; infeasible
/// ones behind, by the sum of violations, each over the mean positive violation of its constraint. Ties keep their order.
Expected<std::vector<std::size_t>> rank_by_merit(const Campaign& campaign,
                                                 const std::vector<std::vector<arch::Metric>>& evaluations);

}  // namespace gnomon::search
