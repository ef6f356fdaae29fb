#include "gnomon/search/compare.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <mutex>
#include <nlohmann/json.hpp>
#include <thread>

#include "campaign/campaign_io.hpp"
#include "compare/analyse.hpp"
#include "compare/cells.hpp"
#include "gnomon/base/hash.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/search/pareto.hpp"
#include "store/results.hpp"

namespace gnomon::search {
namespace {

using Clock = std::chrono::steady_clock;

struct Task {
  std::size_t agent = 0, variant = 0;
  std::uint64_t seed = 0;
  Campaign campaign;
  std::string key;
  std::string label() const { return campaign.agent + " seed " + std::to_string(seed); }
};

CompareCell cell_of(const Task& task, const Results& results) {
  const Campaign& c = task.campaign;
  CompareCell cell;
  cell.agent = task.agent;
  cell.variant = task.variant;
  cell.seed = task.seed;
  cell.failed = results.summary.failed;
  cell.feasible = results.summary.feasible;
  std::vector<std::vector<double>> front;
  for (const StoredTrial& t : results.trials) {
    if (t.at(c.ladder.back()) == nullptr) continue;
    ++cell.evaluations;
    if (!counts(c, t)) continue;
    auto objectives = objectives_of(c, t.at(t.fidelity)->metrics);
    if (!objectives) continue;
    for (std::size_t k = 0; k < objectives->size(); ++k) {
      if (c.objectives[k].maximise) (*objectives)[k] = -(*objectives)[k];
    }
    const bool enters = std::none_of(front.begin(), front.end(),
                                     [&](const auto& other) { return other == *objectives || dominates(other, *objectives); });
    if (!enters) continue;
    std::erase_if(front, [&](const auto& other) { return dominates(*objectives, other); });
    front.push_back(*objectives);
    cell.front.push_back({cell.evaluations, std::move(*objectives)});
  }
  const Suggestions& s = results.suggestions;
  cell.suggestion_ms = s.trials > 0 ? 1e3 * s.cpu_s / static_cast<double>(s.trials) : 0;
  return cell;
}

Json identity_of(const Campaign& campaign) {
  Json out = resolved_json(campaign);
  for (const char* key : {"name", "budget", "agent", "seed", "target"}) out.erase(key);
  return out;
}

/// Runs the tasks side by side; each worker thread takes the next one. The lock covers the database, the counters and the error.
class Runner {
 public:
  Runner(const CompareOptions& options, const arch::EvaluatorRegistry& registry, Cells& cells, bool stored,
         std::function<bool(const std::vector<std::vector<double>>&)> enough)
      : options_(options), registry_(registry), cells_(cells), stored_(stored), enough_(std::move(enough)) {}

  std::optional<Error> run(const std::vector<Task>& tasks, std::int64_t done, std::vector<std::pair<std::size_t, CompareCell>>& out) {
    done_ = done;
    total_ = done + static_cast<std::int64_t>(tasks.size());
    const std::size_t jobs =
        options_.jobs > 0 ? static_cast<std::size_t>(options_.jobs) : std::max(1U, std::thread::hardware_concurrency());
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < std::min(jobs, tasks.size()); ++i) {
      threads.emplace_back([&] {
        for (;;) {
          std::size_t at = 0;
          {
            const std::lock_guard lock(mutex_);
            if (next_ >= tasks.size() || error_ || stopped()) return;
            at = next_++;
          }
          one(tasks[at], at, out);
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    return error_;
  }

 private:
  const CompareOptions& options_;
  const arch::EvaluatorRegistry& registry_;
  Cells& cells_;
  bool stored_;
  std::function<bool(const std::vector<std::vector<double>>&)> enough_;
  std::mutex mutex_;
  std::size_t next_ = 0;
  std::int64_t done_ = 0, total_ = 0;
  std::optional<Error> error_;
  Clock::time_point started_ = Clock::now();

  bool stopped() const { return options_.stop && options_.stop->load(); }

  void one(const Task& task, std::size_t at, std::vector<std::pair<std::size_t, CompareCell>>& out) {
    RunOptions run;
    run.jobs = 1;
    run.stop = options_.stop;
    run.worker_command = options_.worker_command;
    run.enough = enough_;
    const auto folder = options_.out_dir / "runs" / task.key.substr(0, 16);
    if (stored_) run.out_dir = folder;
    auto results = run_for_results(task.campaign, run, registry_);
    const std::lock_guard lock(mutex_);
    if (!results) {
      if (!error_) error_ = results.error();
      return;
    }
    if (results->summary.status == RunStatus::interrupted) return;
    CompareCell cell = cell_of(task, *results);
    auto kept = cells_.add(task.key, task.campaign.agent, task.campaign.agent_options_json, task.campaign.budget.evaluations, cell);
    if (!kept) {
      if (!error_) error_ = kept.error();
      return;
    }
    std::error_code ignored;
    if (stored_) std::filesystem::remove_all(folder, ignored);
    out.emplace_back(at, std::move(cell));
    ++done_;
    if (options_.progress) {
      options_.progress({done_, total_, task.label(), std::chrono::duration<double>(Clock::now() - started_).count()});
    }
  }
};

/// Whether a front leaves nothing to find; nothing where that cannot be known.
std::function<bool(const std::vector<std::vector<double>>&)> nothing_left(const Campaign& campaign, const ProblemTruth& truth) {
  if (!truth.proven) return {};
  if (campaign.objectives.size() == 1 && truth.optimum) {
    const double best = campaign.objectives[0].maximise ? -*truth.optimum : *truth.optimum;
    return [best](const auto& front) { return !front.empty() && front[0][0] <= best; };
  }
  if (campaign.objectives.size() < 2 || !truth.hypervolume) return {};
  return [truth](const auto& front) {
    // The volume costs much more than this look at the ends, which a whole front has.
    for (std::size_t k = 0; k < truth.ideal.size(); ++k) {
      if (std::none_of(front.begin(), front.end(), [&](const auto& f) { return f[k] <= truth.ideal[k]; })) return false;
    }
    std::vector<std::vector<double>> scaled = front;
    for (auto& f : scaled) {
      for (std::size_t k = 0; k < f.size(); ++k) f[k] = (f[k] - truth.ideal[k]) / (truth.nadir[k] - truth.ideal[k]);
    }
    constexpr double rounding = 1e-12;
    return hypervolume(scaled, std::vector<double>(truth.ideal.size(), 1.1)) >= *truth.hypervolume * (1 - rounding);
  };
}

}  // namespace

Expected<Comparison> compare_agents(const Campaign& given, const CompareOptions& options, const arch::EvaluatorRegistry& registry) {
  if (options.agents.empty()) return fail(ErrorKind::usage, "a comparison needs at least one agent");
  if (options.seeds < 1) return fail(ErrorKind::usage, "a comparison needs at least one seed");
  Campaign base = given;
  Comparison c;
  c.name = base.name;
  c.seeds = options.seeds;
  c.budget = base.budget.evaluations;
  c.judged_by = options.judge;
  if (base.budget.wall_s) c.notes.push_back("the campaign's wall_s is not used: every run gets the same number of evaluations");
  base.budget.wall_s.reset();
  c.campaign_hash = sha256(identity_of(base).dump());

  bool stored = false;
  for (const std::string& fidelity : base.ladder) {
    auto evaluator = registry.make(base.subject, fidelity);
    if (!evaluator) return fail(std::move(evaluator.error()));
    stored = stored || (*evaluator)->needs_process();
  }
  std::vector<Problem> wrong;
  ErrorKind kind = ErrorKind::unsupported;
  for (const std::string& name : options.agents) {
    if (std::any_of(c.agents.begin(), c.agents.end(), [&](const CompareAgent& a) { return a.name == name; })) {
      kind = ErrorKind::usage;
      wrong.push_back({"", "", "--agents: " + in_quotes(name) + " stands twice"});
      continue;
    }
    auto with = with_overrides(base, {.agent = name, .fidelity = {}, .seed = {}, .budget = {}});
    if (!with) {
      if (with.error().kind() != ErrorKind::unsupported) kind = with.error().kind();
      for (const Problem& p : with.error().problems()) wrong.push_back(p);
      continue;
    }
    CompareAgent agent{name, sweep_of(name, with->agent_options_json, options.variants)};
    if (options.variants > 1 && static_cast<std::int64_t>(agent.options.size()) < options.variants) {
      c.notes.push_back(name + " has " + std::to_string(agent.options.size()) + " of " + std::to_string(options.variants) +
                        " variants: it has nothing more to set");
    }
    c.agents.push_back(std::move(agent));
  }
  if (!wrong.empty()) return fail(Error(kind, std::move(wrong)));

  auto cells = Cells::open(options.out_dir, identity_of(base).dump(), options.fresh);
  if (!cells) return fail(std::move(cells.error()));
  std::vector<std::vector<std::vector<CompareCell>>> table(c.agents.size());
  for (std::size_t a = 0; a < c.agents.size(); ++a) {
    table[a].assign(c.agents[a].options.size(), std::vector<CompareCell>(static_cast<std::size_t>(options.seeds)));
  }
  std::vector<Task> open;
  std::int64_t done = 0;
  // Seeds outermost: an unfinished comparison has seen all agents alike.
  for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(options.seeds); ++seed) {
    for (std::size_t v = 0; v < static_cast<std::size_t>(std::max<std::int64_t>(1, options.variants)); ++v) {
      for (std::size_t a = 0; a < c.agents.size(); ++a) {
        if (v >= c.agents[a].options.size()) continue;
        Task task{a, v, seed, base, ""};
        task.campaign.agent = c.agents[a].name;
        task.campaign.agent_options_json = c.agents[a].options[v];
        task.campaign.seed = seed;
        if (v > 0 || a > 0) task.campaign.file.clear();
        if (auto good = check_campaign_agent(task.campaign); !good) return fail(std::move(good.error()));
        task.key = sha256(campaign_hash(resolved_json(task.campaign)) + "/" + std::to_string(c.budget));
        auto known = cells->find(task.key);
        if (!known) return fail(std::move(known.error()));
        if (*known) {
          // A kill may have come between keeping the run's result and removing its trials.
          std::error_code ignored;
          if (stored) std::filesystem::remove_all(options.out_dir / "runs" / task.key.substr(0, 16), ignored);
          table[a][v][seed] = std::move(**known);
          ++done;
        } else {
          open.push_back(std::move(task));
        }
      }
    }
  }
  auto truth = campaign_truth(base);
  if (!truth) return fail(std::move(truth.error()));
  std::vector<std::pair<std::size_t, CompareCell>> results;
  if (auto error = Runner(options, registry, *cells, stored, nothing_left(base, *truth)).run(open, done, results)) return fail(*error);
  for (auto& [at, cell] : results) table[open[at].agent][open[at].variant][open[at].seed] = std::move(cell);
  if (results.size() < open.size()) {
    return fail(ErrorKind::interrupted, "stopped with " + std::to_string(done + static_cast<std::int64_t>(results.size())) + " of " +
                                            std::to_string(done + static_cast<std::int64_t>(open.size())) +
                                            " runs done; everything is kept, the same command goes on");
  }
  analyse(c, table, base, *truth);
  const Json document = to_json(c, base);
  if (auto kept = write_file(options.out_dir / "compare.json", document.dump(2) + "\n"); !kept) return fail(std::move(kept.error()));
  if (auto kept = write_file(options.out_dir / "compare.html", render_comparison(document)); !kept)
    return fail(std::move(kept.error()));
  std::string csv = "agent,variant,options,seed,score,anytime,evaluations_to_target,suggestion_ms,feasible,failed\n";
  for (std::size_t a = 0; a < table.size(); ++a) {
    for (std::size_t v = 0; v < table[a].size(); ++v) {
      std::string quoted;
      for (const char letter : c.agents[a].options[v]) quoted += letter == '"' ? std::string("\"\"") : std::string(1, letter);
      for (std::size_t s = 0; s < table[a][v].size(); ++s) {
        const CompareCell& cell = table[a][v][s];
        const double score = c.rows[a][v].scores[s], anytime = c.rows[a][v].anytime[s];
        csv += c.agents[a].name + "," + std::to_string(v) + ",\"" + quoted + "\"," + std::to_string(s) + "," +
               (std::isfinite(score) ? number(c.hypervolume || c.maximised ? -score : score) : std::string()) + "," +
               (std::isfinite(anytime) ? number(c.hypervolume || c.maximised ? -anytime : anytime) : std::string()) + "," +
               (c.rows[a][v].to_target[s] >= 0 ? std::to_string(c.rows[a][v].to_target[s]) : std::string()) + "," +
               number(cell.suggestion_ms) + "," + std::to_string(cell.feasible) + "," + std::to_string(cell.failed) + "\n";
      }
    }
  }
  if (auto kept = write_file(options.out_dir / "compare.csv", csv); !kept) return fail(std::move(kept.error()));
  return c;
}

}  // namespace gnomon::search
