#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/space.hpp"
#include "gnomon/search/study.hpp"

namespace gnomon::search {

struct ConstraintSpec {
  std::string metric;
  std::optional<double> max;
  std::optional<double> min;
};

/// What one trial may use. CPU time and memory, not wall time, so that a busy machine changes no result.
struct Limits {
  double cpu_s = 600;
  std::int64_t memory_mib = 8192;
  /// A worker that waits and uses no CPU for this long hangs.
  double hang_s = 120;
};

struct Budget {
  std::int64_t evaluations = 100;  ///< trials at the last fidelity
  std::optional<double> wall_s;    ///< over all sessions of the campaign; checked between batches
};

void describe(FieldVisitor& v, Limits& limits);
void describe(FieldVisitor& v, Budget& budget);

/// A campaign as read, checked and resolved: everything that decides the trials, and the budget.
struct Campaign {
  std::string name;
  std::string file;                     ///< as given, for messages
  std::filesystem::path folder;         ///< where relative paths start
  std::string subject = "accelerator";  ///< accelerator | problem | command
  std::vector<arch::WorkloadRef> workloads;
  std::string design_json;              ///< the base design, compact
  std::filesystem::path design_folder;  ///< where the design's relative paths start
  std::string problem;                  ///< name of a built-in one, or of a kind of table
  std::string problem_options_json;     ///< of a table: its file (absolute) and how it is read; empty for a built-in one
  std::vector<std::string> command;
  std::string surrogate_model;  ///< absolute path, or empty
  std::string synthesis;        ///< targets, joined by commas, whose resources evaluations add to their metrics; or empty
  std::string accuracy_json;    ///< where the metric `accuracy` comes from, or empty
  arch::Space space;
  std::string space_json;  ///< the `space` object as written
  std::vector<ObjectiveSpec> objectives;
  std::vector<ConstraintSpec> constraints;
  std::string agent = "nsga2";
  std::int64_t batch = 8;
  std::string agent_options_json;
  std::vector<arch::Point> seeds;  ///< designs to try first
  Budget budget;
  std::vector<std::string> ladder = {"analytical"};  ///< one fidelity, or several from cheap to dear
  double promote = 0.25;
  bool by_residual = false;  ///< candidates of a rung are ranked by what the last fidelity is expected to say, not by the rung alone
  std::optional<std::vector<double>> hypervolume_reference;  ///< in the objectives as stated
  std::optional<std::vector<double>> target;                 ///< one value per objective, as stated; only reported on
  Limits limits;
  std::uint64_t seed = 0;
  std::vector<std::pair<std::string, std::string>> content_hashes;  ///< file -> SHA-256, of workload and model files

  /// Number of constraint values of a trial (a constraint with `max` and `min` gives two).
  std::size_t violations() const;
  /// Where the last fidelity is a learned model, designs outside what it learned are simulated: at this fidelity. Empty: nothing is learned.
  std::string fallback() const;
  /// Whether a result of this fidelity is what the campaign asks for: of the last one, or of the one that stands in for it.
  bool is_final(const std::string& fidelity) const;
};

/// Reads a campaign file and all that it names (design, problem). All errors at once, each with its place: misspelt keys, unknown
/// metrics and agents with the nearest name, missing files, a design that is wrong as it stands, parameter paths that lead
/// nowhere, rules that exclude everything.
Expected<Campaign> load_campaign(const std::filesystem::path& path);
/// The same from a document; relative paths start at `folder`.
Expected<Campaign> read_campaign(const Document& document, const std::filesystem::path& folder);
/// JSON Schema of a campaign file.
Json campaign_schema();
/// Rows of its help table.
std::vector<FieldRow> campaign_fields();

/// What is changed from the command line.
struct Overrides {
  std::optional<std::string> agent;
  std::optional<std::string> fidelity;
  std::optional<std::uint64_t> seed;
  std::optional<std::int64_t> budget;
};
/// Another agent than the file's gets its default options; one fidelity replaces a ladder.
Expected<Campaign> with_overrides(Campaign campaign, const Overrides& overrides);

/// Everything of a campaign in one JSON object. Two campaigns are the same where these agree in all but `/name`, `/budget` and `/target`: a
/// larger budget goes on with the same trials.
Json resolved_json(const Campaign& campaign);
/// SHA-256 of `resolved_json` without `name`, `budget` and `target`.
std::string campaign_hash(const Json& resolved);
/// Pointers at which two resolved campaigns differ, with both values, apart from those.
std::vector<std::string> campaign_differences(const Json& stored, const Json& now);

/// The job of one trial at one fidelity. Error: a parameter that cannot be put into the design.
Expected<arch::EvaluationJob> make_job(const Campaign& campaign, const arch::Point& point, const std::string& fidelity,
                                       std::uint64_t trial_seed);
/// One violation per limit, in the order of the constraints and `max` before `min`: value - max, or min - value, in the metric's
/// unit. Error: a metric that the evaluation does not have, or that is not finite.
Expected<std::vector<double>> violations_of(const Campaign& campaign, const std::vector<arch::Metric>& metrics);
Expected<std::vector<double>> objectives_of(const Campaign& campaign, const std::vector<arch::Metric>& metrics);
/// Texts such as `area_um2 <= 8e+06`, one per violation.
std::vector<std::string> limit_names(const Campaign& campaign);

}  // namespace gnomon::search
