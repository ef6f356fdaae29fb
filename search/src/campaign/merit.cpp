#include "campaign/merit.hpp"

#include <algorithm>
#include <tuple>

#include "gnomon/search/pareto.hpp"

namespace gnomon::search {

Expected<std::vector<std::size_t>> rank_by_merit(const Campaign& campaign,
                                                 const std::vector<std::vector<arch::Metric>>& evaluations) {
  struct Row {
    std::size_t index = 0;
    std::vector<double> violations, objectives;
    double violation = 0;
    int rank = 0;
    double crowding = 0;
  };
  std::vector<Row> rows;
  std::vector<double> sum(campaign.violations(), 0.0), count(campaign.violations(), 0.0);
  for (std::size_t i = 0; i < evaluations.size(); ++i) {
    auto violations = violations_of(campaign, evaluations[i]);
    auto objectives = objectives_of(campaign, evaluations[i]);
    if (!violations) return fail(std::move(violations.error()));
    if (!objectives) return fail(std::move(objectives.error()));
    for (std::size_t k = 0; k < violations->size(); ++k) {
      if ((*violations)[k] <= 0) continue;
      sum[k] += (*violations)[k];
      count[k] += 1;
    }
    for (std::size_t k = 0; k < objectives->size(); ++k) {
      if (campaign.objectives[k].maximise) (*objectives)[k] = -(*objectives)[k];
    }
    rows.push_back({i, std::move(*violations), std::move(*objectives)});
  }
  std::vector<std::vector<double>> feasible;
  std::vector<std::size_t> who;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (std::size_t k = 0; k < rows[i].violations.size(); ++k) {
      if (rows[i].violations[k] > 0) rows[i].violation += rows[i].violations[k] * count[k] / sum[k];
    }
    if (rows[i].violation > 0) continue;
    feasible.push_back(rows[i].objectives);
    who.push_back(i);
  }
  const auto ranks = nondominated_ranks(feasible);
  // Crowding is a matter among those of one rank.
  for (int level = 0; level <= (ranks.empty() ? -1 : *std::max_element(ranks.begin(), ranks.end())); ++level) {
    std::vector<std::vector<double>> front;
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < who.size(); ++i) {
      if (ranks[i] != level) continue;
      front.push_back(feasible[i]);
      members.push_back(who[i]);
    }
    const auto crowding = crowding_distances(front);
    for (std::size_t i = 0; i < members.size(); ++i) {
      rows[members[i]].rank = level;
      rows[members[i]].crowding = crowding[i];
    }
  }
  std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) {
    return std::make_tuple(a.violation, a.rank, -a.crowding) < std::make_tuple(b.violation, b.rank, -b.crowding);
  });
  std::vector<std::size_t> out;
  for (const Row& row : rows) out.push_back(row.index);
  return out;
}

}  // namespace gnomon::search
