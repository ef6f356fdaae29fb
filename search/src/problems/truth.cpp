#include <algorithm>
#include <nlohmann/json.hpp>

#include "campaign/campaign_io.hpp"
#include "problems/entry.hpp"
#include "problems/table.hpp"

namespace gnomon::search {
namespace {

bool same_limits(const Campaign& c, const ProblemInfo& info) {
  if (c.constraints.size() != info.constraints.size()) return false;
  for (std::size_t i = 0; i < c.constraints.size(); ++i) {
    const ConstraintSpec& one = c.constraints[i];
    if (one.metric != info.constraints[i].metric || one.min || one.max != info.constraints[i].max) return false;
  }
  return true;
}

bool same_objectives(const Campaign& c, const ProblemInfo& info) {
  return std::equal(c.objectives.begin(), c.objectives.end(), info.objectives.begin(), info.objectives.end(),
                    [](const ObjectiveSpec& a, const ObjectiveSpec& b) { return a.metric == b.metric && a.maximise == b.maximise; });
}

}  // namespace

Expected<ProblemTruth> campaign_truth(const Campaign& campaign) {
  if (campaign.subject != "problem") return ProblemTruth{};
  if (!campaign.problem_options_json.empty()) {
    auto table = TableProblem::open(campaign.problem_options_json);
    if (!table) return fail(std::move(table.error()));
    return (*table)->truth(campaign);
  }
  auto found = find_problem(campaign.problem);
  if (!found) return fail(std::move(found.error()));
  const ProblemInfo& info = **found;
  const bool whole = campaign.space.rules().size() == info.rules.size() && Json::parse(campaign.space_json) == Json::parse(info.space_json);
  if (whole) {
    if (auto truth = table_truth(info.name, campaign.objectives, campaign.constraints)) return std::move(*truth);
  }
  // A problem's truth holds for the problem as it is: other objectives, limits, rules or ranges have another optimum.
  if (!same_objectives(campaign, info) || !same_limits(campaign, info)) return ProblemTruth{};
  if (!whole) return ProblemTruth{};
  return info.truth;
}

}  // namespace gnomon::search
