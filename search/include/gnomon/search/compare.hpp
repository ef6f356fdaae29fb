#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/search/campaign.hpp"
#include "gnomon/search/statistics.hpp"

namespace gnomon::search {

/// One agent with one set of options on one seed: a run of the campaign. `front` has what entered the run's front when it came
/// (with one objective: the improvements), so that every curve can be drawn from it.
struct CompareCell {
  std::size_t agent = 0, variant = 0;
  std::uint64_t seed = 0;
  std::int64_t evaluations = 0, feasible = 0, failed = 0;
  struct Entry {
    std::int64_t evaluation = 0;     ///< 1 is the first evaluation at the last fidelity
    std::vector<double> objectives;  ///< minimised
  };
  std::vector<Entry> front;
  double suggestion_ms = 0;  ///< processor time of asking and telling, per trial
};

struct CompareAgent {
  std::string name;
  std::vector<std::string> options;  ///< one JSON object per variant; the first are the defaults (or the campaign's own)
};

/// Median and quartiles over seeds; `+inf` where there is nothing feasible.
struct Band {
  double median = 0, low = 0, high = 0;
};

/// How one choice of options did over the seeds. Scores are minimised: the best feasible objective as minimised, or minus the
/// share of the reference hypervolume.
struct CompareRow {
  std::vector<double> scores;  ///< one per seed
  /// One per seed: the mean of the run's score over its evaluations, by the checkpoints (each stands for the evaluations since the one
  /// before; before the first feasible design the score of that one counts).
  std::vector<double> anytime;
  Band band;
  std::vector<Band> curve;               ///< scores at `Comparison::checkpoints`
  std::vector<std::int64_t> to_target;   ///< evaluations until the target, -1 where it was not reached
  double mean_to_target = -1;            ///< expected running time: all evaluations spent / runs that reached it; -1 where none
  std::int64_t reached = 0;
};

struct ComparePair {
  std::size_t a = 0, b = 0;
  TwoSample test;
  double p_holm = 1;
};

/// What ranks and tests compare: the score at the end of the budget, or its mean over the run.
enum class JudgedBy { final, anytime };

struct Comparison {
  std::string name;
  JudgedBy judged_by = JudgedBy::final;
  std::vector<CompareAgent> agents;
  std::int64_t seeds = 0, budget = 0;
  std::vector<std::int64_t> checkpoints;
  std::vector<std::vector<CompareRow>> rows;  ///< by agent and variant
  /// With several variants: each half of the seeds is scored with the variant that the other half liked best (by median), so that
  /// the choice and its judgement share no run. Empty where every agent has one variant.
  std::vector<CompareRow> tuned;
  std::vector<std::vector<std::size_t>> tuned_variants;  ///< chosen by the odd seeds, by the even ones
  FriedmanTest friedman;                                 ///< of the first variants, seeds as blocks
  std::vector<ComparePair> pairs;                        ///< of the first variants, Holm over all pairs
  FriedmanTest tuned_friedman;
  std::vector<ComparePair> tuned_pairs;
  std::vector<double> suggestion_ms;  ///< by agent, median over its first variant's runs
  /// What scores mean: an objective (`maximised` says whether it was flipped), or the hypervolume of several.
  bool hypervolume = false, maximised = false;
  std::vector<double> ideal, nadir;      ///< minimised: objectives are scaled to [0, 1] between them, the reference is 1.1
  bool truth = false;                    ///< the scale and the reference front's volume are known, not taken from these runs
  std::optional<double> optimum;         ///< known optimum, minimised
  double target = 0;                     ///< score that counts as reaching the target
  std::string target_text;
  std::vector<std::string> notes;
  std::int64_t evaluations = 0, failed = 0;
  std::string campaign_hash;
};

struct CompareProgress {
  std::int64_t done = 0, total = 0;  ///< runs
  std::string cell;                  ///< the one that has just ended
  double elapsed_s = 0;
};

struct CompareOptions {
  std::filesystem::path out_dir;
  std::vector<std::string> agents;
  std::int64_t seeds = 10;     ///< 0 .. seeds - 1
  std::int64_t variants = 1;   ///< sets of options per agent, the defaults included
  JudgedBy judge = JudgedBy::final;
  int jobs = 0;                ///< runs side by side; 0: one per processor
  bool fresh = false;
  std::vector<std::string> worker_command;
  const std::atomic<bool>* stop = nullptr;
  std::function<void(const CompareProgress&)> progress;
};

/// The sets of options that a comparison tries for an agent: `base` (empty: the defaults), then `count` - 1 drawn around the
/// defaults - every number times 2^u, u uniform in [-2, 2] (of shares between 0 and 1 the odds), inside its range - by the agent's
/// name alone. Fewer where an agent has nothing to set.
std::vector<std::string> sweep_of(const std::string& agent, const std::string& base, std::int64_t count);

/// Runs every agent on every seed with the campaign's budget. Runs are independent and kept in `out_dir/compare.sqlite` as they
/// end; those that an earlier call finished are not run again, whatever agents, seeds or variants it asked for. Runs whose
/// evaluations need worker processes are kept trial by trial under `out_dir/runs` while they are unfinished. A run that has reached a
/// proven optimum (or the whole exact front) ends there: nothing that comes later could change its curve. Writes compare.json,
/// compare.csv and compare.html. Errors: another campaign in the folder, an agent that is unknown, not built or not made for the
/// campaign; interrupted where `stop` was set (everything is kept).
Expected<Comparison> compare_agents(const Campaign& campaign, const CompareOptions& options,
                                    const arch::EvaluatorRegistry& registry);

Json to_json(const Comparison& comparison, const Campaign& campaign);
/// One HTML page with everything inside it.
std::string render_comparison(const Json& comparison);

}  // namespace gnomon::search
