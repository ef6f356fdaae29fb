#include <cmath>
#include <nlohmann/json.hpp>

#include "gnomon/arch/metrics.hpp"
#include "gnomon/base/version.hpp"
#include "gnomon/search/agent.hpp"
#include "gnomon/search/compare.hpp"

namespace gnomon::search {
namespace {

Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

/// Scores as they are read: objectives as stated, shares of the hypervolume as positive numbers.
class Shown {
 public:
  explicit Shown(const Comparison& c) : flip_(c.hypervolume || c.maximised ? -1 : 1) {}
  Json value(double score) const { return finite(score == 0 ? 0.0 : flip_ * score); }
  Json band(const Band& b) const {
    const Json low = value(b.low), high = value(b.high);
    return flip_ > 0 ? Json{{"median", value(b.median)}, {"quartiles", {low, high}}}
                     : Json{{"median", value(b.median)}, {"quartiles", {high, low}}};
  }

 private:
  double flip_;
};

Json row_json(const CompareRow& row, const Shown& shown) {
  Json out = shown.band(row.band);
  out["scores"] = Json::array();
  for (const double s : row.scores) out["scores"].push_back(shown.value(s));
  out["anytime"] = Json::array();
  for (const double s : row.anytime) out["anytime"].push_back(shown.value(s));
  out["evaluations_to_target"] = Json::array();
  for (const std::int64_t n : row.to_target) out["evaluations_to_target"].push_back(n < 0 ? Json(nullptr) : Json(n));
  out["reached_target"] = row.reached;
  out["expected_evaluations_to_target"] = row.mean_to_target < 0 ? Json(nullptr) : Json(row.mean_to_target);
  out["curve"] = Json::array();
  for (const Band& b : row.curve) {
    const Json one = shown.band(b);
    out["curve"].push_back(Json::array({one["median"], one["quartiles"][0], one["quartiles"][1]}));
  }
  return out;
}

Json test_json(const FriedmanTest& test) {
  return {{"chi2", test.chi2}, {"p", test.p}, {"seeds", test.blocks}};
}

Json pairs_json(const std::vector<ComparePair>& pairs, const Comparison& c) {
  Json out = Json::array();
  for (const ComparePair& pair : pairs) {
    out.push_back({{"a", c.agents[pair.a].name},
                   {"b", c.agents[pair.b].name},
                   {"u", pair.test.u},
                   {"p", pair.test.p},
                   {"p_holm", pair.p_holm},
                   {"a_better", pair.test.a12},
                   {"exact", pair.test.exact}});
  }
  return out;
}

}  // namespace

Json to_json(const Comparison& c, const Campaign& campaign) {
  const Shown shown(c);
  Json out{{"schema", "gnomon/compare/1"}};
  out["provenance"] = {{"version", version()}, {"commit", commit()}, {"input_sha256", c.campaign_hash}, {"seed", 0}};
  out["name"] = c.name.empty() ? "campaign" : c.name;
  out["subject"] = campaign.subject;
  out["ladder"] = campaign.ladder;
  out["budget"] = c.budget;
  out["batch"] = campaign.batch;
  out["seeds"] = c.seeds;
  out["parameters"] = campaign.space.parameters().size();
  out["limits"] = limit_names(campaign);
  out["objectives"] = Json::array();
  for (const ObjectiveSpec& o : campaign.objectives) {
    auto info = arch::find_metric(o.metric);
    out["objectives"].push_back(
        {{"metric", o.metric}, {"goal", o.maximise ? "max" : "min"}, {"unit", info ? (*info)->unit : std::string()}});
  }
  out["score"] = {{"kind", c.hypervolume ? "hypervolume_share" : "objective"},
                  {"better", c.hypervolume || c.maximised ? "larger" : "smaller"},
                  {"truth_known", c.truth},
                  {"judged", c.judged_by == JudgedBy::final ? "at the end" : "mean over the run"}};
  out["score"]["optimum"] = c.optimum ? Json(c.maximised ? -*c.optimum : *c.optimum) : Json(nullptr);
  if (c.hypervolume) {
    out["score"]["scale"] = {{"ideal", c.ideal}, {"nadir", c.nadir}, {"reference", 1.1}};
    for (std::size_t k = 0; k < campaign.objectives.size(); ++k) {
      if (!campaign.objectives[k].maximise) continue;
      out["score"]["scale"]["ideal"][k] = -c.ideal[k];
      out["score"]["scale"]["nadir"][k] = -c.nadir[k];
    }
  }
  out["target"] = c.target_text;
  out["checkpoints"] = c.checkpoints;
  out["agents"] = Json::array();
  for (std::size_t a = 0; a < c.agents.size(); ++a) {
    Json agent{{"name", c.agents[a].name}};
    const auto info = agents().find(c.agents[a].name);
    agent["summary"] = info ? (*info)->summary : std::string();
    agent["mean_rank"] = c.friedman.mean_ranks.empty() ? Json(nullptr) : Json(c.friedman.mean_ranks[a]);
    agent["suggestion_ms"] = c.suggestion_ms[a];
    agent["variants"] = Json::array();
    for (std::size_t v = 0; v < c.rows[a].size(); ++v) {
      Json row = row_json(c.rows[a][v], shown);
      row["options"] = Json::parse(c.agents[a].options[v]);
      agent["variants"].push_back(std::move(row));
    }
    if (!c.tuned.empty()) {
      agent["tuned"] = row_json(c.tuned[a], shown);
      agent["tuned"]["variants"] = c.tuned_variants[a];
      agent["tuned"]["mean_rank"] = c.tuned_friedman.mean_ranks.empty() ? Json(nullptr) : Json(c.tuned_friedman.mean_ranks[a]);
    }
    out["agents"].push_back(std::move(agent));
  }
  out["friedman"] = test_json(c.friedman);
  out["pairs"] = pairs_json(c.pairs, c);
  if (!c.tuned.empty()) {
    out["tuned_friedman"] = test_json(c.tuned_friedman);
    out["tuned_pairs"] = pairs_json(c.tuned_pairs, c);
  }
  out["evaluations"] = c.evaluations;
  out["failed"] = c.failed;
  out["notes"] = c.notes;
  return out;
}

}  // namespace gnomon::search
