#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/base/error.hpp"
#include "gnomon/base/json.hpp"

namespace gnomon::search {

/// One rung of a trial that is finished.
struct StoredEvaluation {
  std::string fidelity;
  bool failed = false;
  std::string error;
  std::vector<arch::Metric> metrics;
  std::vector<arch::Evaluation::Interval> intervals;
  bool in_range = true;
};

struct StoredTrial {
  std::uint64_t number = 0;
  std::uint64_t batch = 0;
  std::string state;  ///< queued | running | done | failed
  std::uint64_t seed = 0;
  std::string params_json;
  std::string fidelity;  ///< the highest reached; empty before the first result
  bool feasible = false;
  std::string error;
  std::vector<StoredEvaluation> evaluations;  ///< in the order in which they were made
  std::vector<double> violations;             ///< at `fidelity`; empty unless done

  bool finished() const { return state == "done" || state == "failed"; }
  const StoredEvaluation* at(const std::string& fidelity) const;
};

struct NewTrial {
  std::uint64_t number = 0;
  std::uint64_t seed = 0;
  std::string params_json;
};

/// How a trial ends.
struct TrialEnd {
  std::uint64_t number = 0;
  bool failed = false;
  std::string error;
  std::string fidelity;
  bool feasible = false;
  std::vector<double> violations;
};

struct ProgressRow {
  std::uint64_t trial = 0;
  std::int64_t evaluations = 0;
  std::optional<double> hypervolume;  ///< nothing before the reference is fixed
  std::optional<double> best;         ///< of the first objective, as stated
  std::int64_t front_size = 0;
};

struct Suggestions {
  std::int64_t trials = 0;
  double cpu_s = 0;
};

/// The database of one campaign, `campaign.sqlite`: everything in it but the tables `attempt` and `session` (times, process ids)
/// follows from the campaign alone. Write-ahead log; one writer (a lock on the folder), any number of readers.
///
/// Tables: meta, campaign, trial, evaluation (trial x fidelity), metric, interval, violation, layer, energy, progress; apart:
/// attempt, session, cosim. Finished trials, and all that hangs on them, are immutable: triggers refuse to change or delete them.
/// A result and the change of state it brings are one transaction. Rows `running` at the start were left by a killed process and
/// go back to `queued` with the same parameters and seed.
class Store {
 public:
  /// Opens or makes the database in a folder for writing. `fresh` removes an earlier one first. Errors: the folder cannot be
  /// written, another process writes there, the file is damaged or of another schema version (run_failed).
  static Expected<Store> open(const std::filesystem::path& folder, bool fresh = false);
  /// One that lives and dies with this object: for campaigns that are cheap to run again.
  static Expected<Store> in_memory();
  /// For reading only; the writer may be at work.
  static Expected<Store> open_read(const std::filesystem::path& folder);
  Store(Store&&) noexcept;
  Store& operator=(Store&&) noexcept;
  ~Store();

  static constexpr int schema_version = 3;

  /// The resolved campaign, or nothing in a new database.
  Expected<std::optional<std::string>> campaign() const;
  Expected<void> set_campaign(const std::string& resolved_json, const std::string& hash, std::uint64_t seed);
  Expected<std::optional<std::string>> meta(const std::string& key) const;
  Expected<void> set_meta(const std::string& key, const std::string& value);

  Expected<void> add_batch(std::uint64_t batch, const std::vector<NewTrial>& trials);
  /// Marks the trial running; times and process id are kept apart. Returns the attempt's id.
  Expected<std::int64_t> start_attempt(std::uint64_t trial, const std::string& fidelity, std::int64_t pid);
  /// Records a rung's result, and the trial's end where this was its last rung, in one transaction.
  Expected<void> finish_evaluation(std::uint64_t trial, const std::string& fidelity, const Expected<arch::Evaluation>& result,
                                   std::int64_t attempt, const std::optional<TrialEnd>& end);
  Expected<void> finish_trials(const std::vector<TrialEnd>& ends);
  Expected<void> add_progress(const std::vector<ProgressRow>& rows);
  /// Session times add up over restarts.
  Expected<void> add_session_seconds(double seconds);
  Expected<double> session_seconds() const;
  /// Trials that the agent was asked for, and the processor time of asking and telling; they add up over restarts.
  Expected<void> add_asked(std::int64_t trials, double cpu_s);
  Expected<Suggestions> suggestions() const;

  /// All trials by number, evaluations and metrics included (a few bulk queries).
  Expected<std::vector<StoredTrial>> trials() const;
  Expected<std::vector<ProgressRow>> progress() const;
  /// Layers of one evaluation, without their mappings (a mapping follows from the design and the workload).
  Expected<std::vector<arch::LayerMetrics>> layers(std::uint64_t trial, const std::string& fidelity) const;
  Expected<std::vector<std::pair<std::string, double>>> energy_breakdown(std::uint64_t trial, const std::string& fidelity) const;
  /// Which core waited for which, in array cycles.
  Expected<std::vector<arch::Evaluation::Waiting>> waiting(std::uint64_t trial, const std::string& fidelity) const;

  /// A later co-simulation of a trial, as JSON, in a table of its own, in order; it replaces one of the same "kind" (of any), "workload", "layer", "stall" and "seed".
  Expected<void> add_cosim(std::uint64_t trial, const std::string& result_json);
  Expected<std::vector<std::pair<std::uint64_t, std::string>>> cosims() const;

 private:
  Store();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// The name of the database inside a campaign's folder.
std::filesystem::path store_path(const std::filesystem::path& folder);

}  // namespace gnomon::search
