#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/search/campaign.hpp"

namespace gnomon::search {

/// A record of the run's state, after each finished evaluation. Views print it.
struct Progress {
  std::int64_t done = 0;   ///< evaluations at the last fidelity, those of earlier sessions included
  std::int64_t total = 0;  ///< the budget
  std::int64_t trials = 0;
  std::int64_t failed = 0;
  std::int64_t running = 0;
  double elapsed_s = 0;   ///< of this session
  double rate_per_s = 0;  ///< evaluations of this session per second
  std::optional<double> eta_s;
  std::optional<double> best;  ///< of the first objective, feasible, as stated
  std::optional<double> hypervolume;
  std::int64_t front_size = 0;
};

/// Evaluations by somebody else's executor (another thread pool, a cluster): jobs and answers are JSON texts, answered by `answer_job` wherever
/// it runs. Both are called from the thread that runs the campaign.
struct Remote {
  std::size_t capacity = 1;  ///< jobs at a time
  std::function<Expected<void>(std::size_t task, const std::string& job_json)> submit;
  /// The next answer, or nothing after about so many seconds.
  std::function<std::optional<std::pair<std::size_t, std::string>>(double seconds)> wait;
};

/// The answer to one job of a `Remote`; never fails, an error is an answer too. `evaluators` are kept from job to job.
std::string answer_job(const std::string& job_json, const arch::EvaluatorRegistry& registry,
                       std::map<std::pair<std::string, std::string>, std::unique_ptr<arch::Evaluator>>& evaluators);

struct RunOptions {
  std::filesystem::path out_dir;
  int jobs = 0;  ///< workers or threads at a time; 0: one per processor
  bool fresh = false;
  std::function<void(const Progress&)> progress;
  /// Set from outside (a signal handler) to stop: running evaluations finish, everything is saved.
  const std::atomic<bool>* stop = nullptr;
  /// Program and arguments that start a worker, e.g. {"/usr/bin/gnomon", "worker"}; needed for evaluators that want processes.
  std::vector<std::string> worker_command;
  int worker_recycle = 1000;  ///< evaluations after which a worker process is replaced
  /// In place of local worker processes, and of threads where the campaign has one fidelity (evaluators that learn stay here).
  std::optional<Remote> remote;
  /// Asked after each batch with the front so far (minimised objectives; one objective: the best); true ends the run.
  std::function<bool(const std::vector<std::vector<double>>& front)> enough;
  /// The accuracy of a trial's network, for campaigns that leave it to a function; called from the thread that runs the campaign.
  std::function<Expected<double>(const std::string& parameters_json)> accuracy;
  /// In place of a built-in agent; the campaign's `agent` is then only its name.
  std::function<Expected<std::unique_ptr<Agent>>(const AgentSetup&)> make_agent;
};

enum class RunStatus { finished, exhausted, wall_time, interrupted };

struct SummaryTrial {
  std::uint64_t number = 0;
  std::string params_json;
  std::vector<double> objectives;  ///< as stated
  std::vector<arch::Metric> metrics;
};

/// How well a fidelity ranked the designs that the next one of the ladder saw, by one metric.
struct Agreement {
  std::string from, to, metric;
  std::int64_t designs = 0;
  std::optional<double> spearman, kendall;  ///< nothing where a side is constant or there are fewer than three designs
  std::int64_t out_of_range = 0;            ///< designs of `from` that its model called outside what it has seen
};

struct Summary {
  RunStatus status = RunStatus::finished;
  std::int64_t trials = 0;    ///< finished
  std::int64_t feasible = 0;  ///< at the last fidelity
  std::int64_t failed = 0;
  std::int64_t evaluations = 0;  ///< at the last fidelity
  std::vector<std::pair<std::string, std::int64_t>> evaluations_by_fidelity;
  /// By objective: the feasible trial that is best in it.
  std::vector<std::pair<std::string, SummaryTrial>> best;
  std::vector<SummaryTrial> pareto;
  std::optional<double> hypervolume;
  std::optional<std::vector<double>> hypervolume_reference;  ///< as stated
  /// Distance to the known optimum of the first objective (one objective), or 1 - share of the exact front's hypervolume (several,
  /// scaled between the front's ends, reference 1.1). Nothing where the truth is not known.
  std::optional<double> regret;
  std::string truth_source;
  /// Evaluations at the last fidelity until one feasible design was as good as the campaign's target in every objective.
  std::optional<std::int64_t> evaluations_to_target;
  std::vector<Agreement> agreements;
  double seconds = 0;                                        ///< over all sessions
  std::vector<std::string> notes;                            ///< what a user should know: failures by reason, exhausted space

  /// What the exit code says: nothing, interrupted, or infeasible.
  std::optional<ErrorKind> outcome() const;
};

/// Runs a campaign in `out_dir` until its budget is used, resuming what is there. Errors: the folder holds another campaign
/// (invalid input, with the differences), a fidelity without evaluator (unsupported), the store cannot be written (run_failed).
///
/// The agent is asked for `batch` trials at a time; they are told in the order of their numbers when all of them are finished. So
/// trials and metrics depend on the campaign alone, not on the number of workers or on interruptions. The last batch may be
/// evaluated only in part (its first trials); a larger budget takes it up there.
///
/// With a ladder, a batch is evaluated at the first fidelity; its best fraction `promote` (rounded up; by constrained
/// non-dominated rank, then crowding) goes on to the next, and so on. A trial that reached the last fidelity is told with exactly
/// that result. Others are told as inexact: per metric, their values are multiplied by the median ratio (where all values are
/// positive; else shifted by the median difference) between the last fidelity and theirs, over all trials so far that have both.
/// That keeps the order among them and removes the common bias; they never count as best, front or hypervolume. With `by: residual`
/// a Gaussian process over the parameters takes the median's place, and rungs are ranked by what it expects of the last fidelity.
/// A prediction outside the surrogate's range does not count: the rung below it speaks for such a design.
/// Where a given model is the first rung, such a design goes on; where it is the last, the design is simulated (Campaign::fallback), and told and reported with
/// what the simulation says.
Expected<Summary> run_campaign(const Campaign& campaign, const RunOptions& options, const arch::EvaluatorRegistry& registry);

/// Writes trials.csv, pareto.csv, summary.json and report.html of a folder from its store. A run that was killed counts as
/// interrupted.
Expected<Summary> write_outputs(const std::filesystem::path& folder);

/// What a run would do, without doing it.
struct Plan {
  std::int64_t evaluations = 0, batches = 0;
  std::optional<double> cardinality;  ///< points of the space, rules not applied
  std::size_t parameters = 0;
  std::vector<std::string> ladder;
  arch::Point example;  ///< the first point that the agent would ask
};
Expected<Plan> plan_campaign(const Campaign& campaign, const arch::EvaluatorRegistry& registry);

/// Contract form of a summary (design.md section 4): trials, feasible, failed, best{}, pareto[], hypervolume,
/// evaluations_by_fidelity, seconds.
Json to_json(const Summary& summary, const Campaign& campaign);

}  // namespace gnomon::search
