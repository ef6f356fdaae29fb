#pragma once

#include "gnomon/search/campaign.hpp"
#include "gnomon/search/problems.hpp"

namespace gnomon::search {

/// The agent exists, is built, takes the campaign's problem and its options.
Expected<void> check_campaign_agent(const Campaign& campaign);
/// The space has the problem's parameters and no others.
Expected<void> problem_fits(const ProblemInfo& problem, const arch::Space& space);
/// What is known of the best designs of a campaign: of a problem with its own space, objectives and constraints, or of a table.
Expected<ProblemTruth> campaign_truth(const Campaign& campaign);
/// The campaign as the store keeps it (`resolved_json`), without reading any other file.
Expected<Campaign> campaign_from_resolved(const std::string& resolved);

}  // namespace gnomon::search
