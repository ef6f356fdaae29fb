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
};

enum class RunStatus { finished, exhausted, wall_time, interrupted };

struct SummaryTrial {
  std::uint64_t number = 0;
  std::string params_json;
  std::vector<double> objectives;  ///< as stated
  std::vector<arch::Metric> metrics;
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
/// That keeps the order among them and removes the common bias; they never count as best, front or hypervolume.
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
