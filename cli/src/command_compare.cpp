#include <algorithm>
#include <atomic>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "command.hpp"
#include "compose.hpp"
#include "console.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/search/compare.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string campaign, out, fidelity;
  std::vector<std::string> agents;
  std::int64_t seeds = 10;
  std::optional<std::int64_t> sweep, budget;
  int jobs = 0;
  bool fresh = false, json = false;
  std::string judge = "final";
};

std::atomic<bool> stop{false};

void on_interrupt(int) {
  if (stop.exchange(true)) ::_exit(130);
  constexpr char text[] = "\ngnomon: stopping when the running evaluations are done; once more to stop at once\n";
  [[maybe_unused]] const auto written = ::write(2, text, sizeof text - 1);
}

std::string shown(const Json& value) {
  if (value.is_null()) return "-";
  const double v = value.get<double>();
  return v != 0 && (std::abs(v) >= 1e6 || std::abs(v) < 1e-2) ? fmt::format("{:.3e}", v) : fmt::format("{:.4g}", v);
}

std::string p_text(double p) { return p < 1e-4 ? "<1e-4" : fmt::format("{:.2g}", p); }

void print_rows(const Json& document, bool tuned) {
  const Json& pairs = document.at(tuned ? "tuned_pairs" : "pairs");
  const auto row_of = [&](const Json& agent) -> const Json& { return tuned ? agent.at("tuned") : agent.at("variants").at(0); };
  const auto rank_of = [&](const Json& agent) { return tuned ? agent.at("tuned").at("mean_rank") : agent.at("mean_rank"); };
  std::vector<const Json*> order;
  for (const Json& agent : document.at("agents")) order.push_back(&agent);
  std::stable_sort(order.begin(), order.end(), [&](const Json* a, const Json* b) {
    const Json x = rank_of(*a), y = rank_of(*b);
    return !x.is_null() && !y.is_null() && x.get<double>() < y.get<double>();
  });
  const auto best = order.front()->at("name").get<std::string>();
  std::vector<std::vector<std::string>> rows;
  for (const Json* agent : order) {
    const Json& row = row_of(*agent);
    std::string p = "-";
    for (const Json& pair : pairs) {
      const auto a = pair.at("a").get<std::string>(), b = pair.at("b").get<std::string>(), name = agent->at("name").get<std::string>();
      if ((a == best && b == name) || (b == best && a == name)) p = p_text(pair.at("p_holm").get<double>());
    }
    rows.push_back({agent->at("name").get<std::string>(), shown(row.at("median")), shown(row.at("quartiles")[0]) + " .. " + shown(row.at("quartiles")[1]),
                    shown(rank_of(*agent)), std::to_string(row.at("reached_target").get<int>()) + "/" + std::to_string(document.at("seeds").get<int>()),
                    shown(row.at("expected_evaluations_to_target")), shown(agent->at("suggestion_ms")), p});
  }
  print(table({"agent", "median", "quartiles", "mean rank", "target", "evaluations", "ms/trial", "p (Holm) vs first"}, rows, 1));
}

Expected<int> compare(const Options& options) {
  auto loaded = load_campaign(options.campaign);
  if (!loaded) return fail(std::move(loaded.error()));
  search::Overrides overrides;
  if (!options.fidelity.empty()) overrides.fidelity = options.fidelity;
  overrides.budget = options.budget;
  auto campaign = search::with_overrides(std::move(*loaded), overrides);
  if (!campaign) return fail(std::move(campaign.error()));

  search::CompareOptions run;
  run.out_dir = options.out.empty() ? std::filesystem::path("out") / (std::filesystem::path(options.campaign).stem().string() + "-compare")
                                    : std::filesystem::path(options.out);
  run.agents = options.agents;
  run.seeds = options.seeds;
  run.variants = options.sweep.value_or(1);
  run.judge = options.judge == "anytime" ? search::JudgedBy::anytime : search::JudgedBy::final;
  run.jobs = options.jobs;
  run.fresh = options.fresh;
  run.worker_command = {this_program().string(), "worker"};
  run.stop = &stop;
  const bool terminal = ::isatty(2) != 0;
  double said = 0;
  run.progress = [&](const search::CompareProgress& p) {
    if (terminal) {
      std::fprintf(stderr, "\r\033[K%lld of %lld runs, last %s, %.0f s", static_cast<long long>(p.done), static_cast<long long>(p.total), p.cell.c_str(), p.elapsed_s);
    } else if (p.elapsed_s - said >= 30 || p.done == p.total) {
      said = p.elapsed_s;
      std::fprintf(stderr, "%lld of %lld runs, %.0f s\n", static_cast<long long>(p.done), static_cast<long long>(p.total), p.elapsed_s);
    }
  };
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  auto comparison = search::compare_agents(*campaign, run, evaluators());
  if (terminal) std::fputs("\r\033[K", stderr);
  if (!comparison) return fail(std::move(comparison.error()));
  const Json document = search::to_json(*comparison, *campaign);
  if (options.json) {
    print_json(document);
  } else {
    const bool share = document.at("score").at("kind") == "hypervolume_share";
    print(fmt::format("{}: {} agents, {} seeds, {} evaluations each; score: {} ({} is better)\n", comparison->name, comparison->agents.size(), comparison->seeds,
                      comparison->budget, share ? "share of the hypervolume" : campaign->objectives[0].metric, document.at("score").at("better").get<std::string>()));
    print(fmt::format("target: {}\n", comparison->target_text));
    print_rows(document, false);
    print(fmt::format("Friedman: chi2 {:.4g}, p {}\n", comparison->friedman.chi2, p_text(comparison->friedman.p)));
    if (!comparison->tuned.empty()) {
      print(fmt::format("\ntuned ({} sets of options each; each half of the seeds is scored with the set that the other half chose):\n", run.variants));
      print_rows(document, true);
      print(fmt::format("Friedman: chi2 {:.4g}, p {}\n", comparison->tuned_friedman.chi2, p_text(comparison->tuned_friedman.p)));
    }
  }
  for (const std::string& note : comparison->notes) std::fprintf(stderr, "gnomon: %s\n", note.c_str());
  std::fprintf(stderr, "results in %s (open compare.html)\n", run.out_dir.string().c_str());
  if (comparison->evaluations > 0 && comparison->failed >= comparison->evaluations) {
    std::fprintf(stderr, "gnomon: every evaluation failed\n");
    return exit_code(ErrorKind::run_failed);
  }
  return 0;
}

}  // namespace

Command compare_command() {
  return {"compare", "Compare search agents on one campaign: agents x seeds x options, with bands, ranks and tests",
          "gnomon compare examples/edge-resnet50.json --agents random,nsga2,bayes --seeds 10", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("CAMPAIGN", options->campaign, "campaign file (JSON); its agent and seed are not used, its budget is each run's")->required();
            app.add_option("--agents", options->agents, "agents, separated by commas (`gnomon list agents`)")->required()->delimiter(',');
            app.add_option("--seeds", options->seeds, "seeds 0 .. N-1; default 10")->check(CLI::Range(1, 10000));
            app.add_option("--judge", options->judge, "what ranks and tests compare: the score at the end of the budget, or its mean over the run")
                ->check(CLI::IsMember({"final", "anytime"}))->capture_default_str();
            app.add_option("--sweep", options->sweep, "N sets of options per agent, the defaults and N-1 around them; all runs are shown, and what tuning would have found (4 where no N is given)")
                ->expected(0, 1)
                ->default_str("4")
                ->check(CLI::Range(1, 1000));
            app.add_option("--out", options->out, "folder for runs and results; default out/NAME-compare. Runs that it holds are not run again");
            app.add_option("--fidelity", options->fidelity, "one fidelity instead of the campaign's");
            app.add_option("--budget", options->budget, "evaluations of each run instead of the campaign's")->check(CLI::Range(1, 100000000));
            app.add_option("--jobs", options->jobs, "runs side by side; default one per processor. Results do not depend on it")->check(CLI::Range(1, 1024));
            app.add_flag("--fresh", options->fresh, "remove what the folder holds and start anew");
            app.add_flag("--json", options->json, "print the comparison as one JSON document");
            return [options] { return compare(*options); };
          }};
}

}  // namespace gnomon::cli
