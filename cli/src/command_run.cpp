#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "command.hpp"
#include "compose.hpp"
#include "console.hpp"
#include "gnomon/arch/metrics.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/search/engine.hpp"
#include "progress.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string campaign, out, agent, fidelity;
  std::optional<std::int64_t> seed;
  std::optional<std::int64_t> budget;
  int jobs = 0;
  bool fresh = false, dry_run = false, json = false;
};

std::atomic<bool> stop{false};

void on_interrupt(int) {
  // The first asks for an orderly end; a second ends the program at once (what is finished is in the store already).
  if (stop.exchange(true)) ::_exit(130);
  constexpr char text[] = "\ngnomon: stopping when the running evaluations are done; once more to stop at once\n";
  [[maybe_unused]] const auto written = ::write(2, text, sizeof text - 1);
}

std::string unit_of(const std::string& metric) {
  const auto found = arch::find_metric(metric);
  return found ? (*found)->unit : "";
}

std::string display(double value) { return value != 0 && (std::abs(value) >= 1e6 || std::abs(value) < 1e-2) ? fmt::format("{:.4e}", value) : fmt::format("{:.5g}", value); }

/// Paths repeat their first steps: the last two, or as many as no other parameter ends with.
std::string short_name(const arch::Space& space, const std::string& name) {
  std::size_t at = name.size();
  for (int steps = 1; at != 0; ++steps) {
    const std::size_t dot = name.rfind('.', at - 1);
    at = dot == std::string::npos ? 0 : dot;
    const std::string tail = name.substr(at);
    const auto same = [&](const arch::Parameter& other) { return other.name.ends_with(tail); };
    if (at != 0 && steps >= 2 && std::count_if(space.parameters().begin(), space.parameters().end(), same) == 1) return tail.substr(1);
  }
  return name;
}

void print_front(const search::Campaign& campaign, const search::Summary& summary) {
  if (summary.pareto.empty()) return;
  std::vector<std::string> head{"trial"};
  for (const search::ObjectiveSpec& objective : campaign.objectives) {
    const std::string unit = unit_of(objective.metric);
    head.push_back(objective.metric + (unit.empty() ? "" : " [" + unit + "]"));
  }
  for (const arch::Parameter& parameter : campaign.space.parameters()) head.push_back(short_name(campaign.space, parameter.name));
  std::vector<std::vector<std::string>> rows;
  constexpr std::size_t most = 40;
  // By the first objective, so that the table reads along the front.
  std::vector<search::SummaryTrial> front = summary.pareto;
  std::stable_sort(front.begin(), front.end(), [](const auto& a, const auto& b) { return a.objectives.front() < b.objectives.front(); });
  for (const search::SummaryTrial& trial : front) {
    if (rows.size() == most) break;
    std::vector<std::string> row{std::to_string(trial.number)};
    for (const double value : trial.objectives) row.push_back(display(value));
    const Json parameters = Json::parse(trial.params_json);
    for (const arch::Parameter& parameter : campaign.space.parameters()) {
      if (!parameters.contains(parameter.name)) row.push_back("-");
      else if (const Json& value = parameters.at(parameter.name); value.is_string()) row.push_back(value.get<std::string>());
      else if (value.is_number_float()) row.push_back(fmt::format("{:.5g}", value.get<double>()));
      else row.push_back(value.dump());
    }
    rows.push_back(std::move(row));
  }
  print(fmt::format("Pareto front ({} of {} feasible designs, {} trials):\n", summary.pareto.size(), summary.feasible, summary.trials));
  print(table(head, rows, 0));
  if (summary.pareto.size() > most) print(fmt::format("... and {} more in pareto.csv\n", summary.pareto.size() - most));
}

Expected<int> dry_run(const search::Campaign& campaign, const Options& options) {
  auto plan = search::plan_campaign(campaign, evaluators());
  if (!plan) return fail(std::move(plan.error()));
  const Json example = campaign.space.to_json(plan->example);
  if (options.json) {
    print_json(Json{{"schema", "gnomon.plan/1"},
                    {"campaign", campaign.name},
                    {"evaluations", plan->evaluations},
                    {"batches", plan->batches},
                    {"parameters", plan->parameters},
                    {"cardinality", plan->cardinality ? json_number(*plan->cardinality) : Json(nullptr)},
                    {"ladder", plan->ladder},
                    {"first_trial", example}});
    return 0;
  }
  print(fmt::format("campaign     {}\nagent        {}\nfidelity     {}\nevaluations  {} in {} batches\nparameters   {}\npoints       {}\nfirst trial  {}\n", campaign.name,
                    campaign.agent, join(plan->ladder, ", then "), plan->evaluations, plan->batches, plan->parameters,
                    plan->cardinality ? short_number(*plan->cardinality) : "unbounded", example.dump()));
  return 0;
}

Expected<int> run(const Options& options) {
  auto loaded = load_campaign(options.campaign);
  if (!loaded) return fail(std::move(loaded.error()));
  search::Overrides overrides;
  if (!options.agent.empty()) overrides.agent = options.agent;
  if (!options.fidelity.empty()) overrides.fidelity = options.fidelity;
  if (options.seed) overrides.seed = static_cast<std::uint64_t>(*options.seed);
  overrides.budget = options.budget;
  auto campaign = search::with_overrides(std::move(*loaded), overrides);
  if (!campaign) return fail(std::move(campaign.error()));
  if (options.dry_run) return dry_run(*campaign, options);

  search::RunOptions run_options;
  run_options.out_dir = options.out.empty() ? std::filesystem::path("out") / std::filesystem::path(options.campaign).stem() : std::filesystem::path(options.out);
  run_options.jobs = options.jobs;
  run_options.fresh = options.fresh;
  run_options.stop = &stop;
  run_options.worker_command = {this_program().string(), "worker"};
  ProgressView view(campaign->objectives.front().metric, unit_of(campaign->objectives.front().metric));
  run_options.progress = [&view](const search::Progress& progress) { view.show(progress); };

  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  auto summary = search::run_campaign(*campaign, run_options, evaluators());
  view.finish();
  if (!summary) return fail(std::move(summary.error()));

  if (options.json) print_json(search::to_json(*summary, *campaign));
  else print_front(*campaign, *summary);
  for (const std::string& note : summary->notes) std::fprintf(stderr, "gnomon: %s\n", note.c_str());
  const std::string folder = run_options.out_dir.string();
  std::fprintf(stderr, "%lld evaluations, %lld feasible, %lld failed%s, %.1f s; results in %s (open report.html)\n", static_cast<long long>(summary->evaluations),
               static_cast<long long>(summary->feasible), static_cast<long long>(summary->failed),
               summary->hypervolume ? fmt::format(", hypervolume {:.5g}", *summary->hypervolume).c_str() : "", summary->seconds, folder.c_str());
  const auto outcome = summary->outcome();
  if (!outcome) return 0;
  if (*outcome == ErrorKind::interrupted) std::fprintf(stderr, "gnomon: interrupted; everything is saved, the same command goes on\n");
  if (*outcome == ErrorKind::run_failed) std::fprintf(stderr, "gnomon: %s\n", summary->trials == 0 ? "no evaluation was made within the budget" : "every evaluation failed");
  if (*outcome == ErrorKind::infeasible) std::fprintf(stderr, "gnomon: no design satisfies the constraints\n");
  return exit_code(*outcome);
}

}  // namespace

Command run_command() {
  return {"run", "Run a campaign: search a design space, keep every trial, write the Pareto front and a report",
          "gnomon run examples/edge-resnet50.json --out out/edge --agent bayes", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("CAMPAIGN", options->campaign, "campaign file (JSON)")->required();
            app.add_option("--out", options->out, "folder for the store and the results; default out/NAME. A folder that holds the same campaign is resumed");
            app.add_option("--agent", options->agent, "search agent instead of the campaign's (`gnomon list agents`)");
            app.add_option("--fidelity", options->fidelity, "one fidelity instead of the campaign's");
            app.add_option("--seed", options->seed, "seed instead of the campaign's")->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--jobs", options->jobs, "worker processes; default one per processor. Results do not depend on it")->check(CLI::Range(1, 1024));
            app.add_option("--budget", options->budget, "evaluations at the last fidelity instead of the campaign's")->check(CLI::Range(1, 100000000));
            app.add_flag("--fresh", options->fresh, "remove what the folder holds and start anew");
            app.add_flag("--dry-run", options->dry_run, "check everything, say what would be run, and stop");
            app.add_flag("--json", options->json, "print the summary as one JSON document");
            return [options] { return run(*options); };
          }};
}

}  // namespace gnomon::cli
