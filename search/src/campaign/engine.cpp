#include "gnomon/search/engine.hpp"

#include <algorithm>
#include <time.h>
#include <chrono>
#include <cmath>
#include <nlohmann/json.hpp>
#include <thread>

#include "campaign/calibration.hpp"
#include "campaign/campaign_io.hpp"
#include "campaign/merit.hpp"
#include "campaign/pool.hpp"
#include "campaign/remote_pool.hpp"
#include "campaign/residual.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/base/version.hpp"
#include "gnomon/search/pareto.hpp"
#include "gnomon/search/store.hpp"
#include "store/results.hpp"

namespace gnomon::search {
namespace {

using Clock = std::chrono::steady_clock;

/// Processor time of this thread: what the agent costs, however busy the machine is.
double thread_cpu_s() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// One trial of the batch at hand.
struct Item {
  std::uint64_t number = 0;
  std::uint64_t seed = 0;
  arch::Point point;
  std::map<std::string, StoredEvaluation> results;  ///< by fidelity
  std::map<std::string, ErrorKind> error_kinds;     ///< of failures in this session
  std::optional<TrialEnd> end;
  bool ended() const { return end.has_value(); }
};
using Batch = std::vector<Item>;

StudyOptions study_options(const Campaign& c) {
  StudyOptions options;
  options.agent = c.agent;
  options.agent_options_json = c.agent_options_json;
  options.objectives = c.objectives;
  options.constraints = c.violations();
  options.seed = c.seed;
  options.seeds = c.seeds;
  options.file = c.file;
  options.pointer = "/agent/options";
  return options;
}

/// The ladder's, and the one that stands in for a model.
std::vector<std::string> fidelities_of(const Campaign& campaign) {
  std::vector<std::string> out = campaign.ladder;
  if (const std::string fallback = campaign.fallback(); !fallback.empty()) out.push_back(fallback);
  return out;
}

class Engine {
 public:
  Engine(const Campaign& campaign, const RunOptions& options, const arch::EvaluatorRegistry& registry, Store store, Study study)
      : c_(campaign),
        options_(options),
        registry_(registry),
        store_(std::move(store)),
        study_(std::move(study)),
        tracker_(campaign.objectives.size(), minimised_reference()),
        calibration_(campaign.ladder),
        residual_(campaign.space, campaign.ladder.back()),
        fallback_(campaign.fallback()),
        by_function_(!campaign.accuracy_json.empty() && Json::parse(campaign.accuracy_json).contains("callable")) {}

  Expected<RunStatus> run() {
    started_ = session_mark_ = Clock::now();
    if (auto done = pools(); !done) return fail(std::move(done.error()));
    auto restored = restore();
    if (!restored) return fail(std::move(restored.error()));
    auto spent = store_.session_seconds();
    if (!spent) return fail(std::move(spent.error()));
    earlier_s_ = *spent;
    Batch batch = std::move(*restored);
    for (;;) {
      const std::int64_t left = c_.budget.evaluations - evaluations_;
      if (left <= 0) return RunStatus::finished;
      if (stopped()) return RunStatus::interrupted;
      if (c_.budget.wall_s && batch.empty() && earlier_s_ + elapsed() >= *c_.budget.wall_s) return RunStatus::wall_time;
      if (batch.empty()) {
        if (ladder_starves()) return RunStatus::finished;
        auto asked = ask();
        if (!asked) return fail(std::move(asked.error()));
        batch = std::move(*asked);
        if (batch.empty()) return RunStatus::exhausted;
      }
      auto complete = run_batch(batch, left);
      if (!complete) return fail(std::move(complete.error()));
      if (auto saved = save_time(); !saved) return fail(std::move(saved.error()));
      if (!*complete) return stopped() && evaluations_ < c_.budget.evaluations ? RunStatus::interrupted : RunStatus::finished;
      if (auto told = tell(batch, true); !told) return fail(std::move(told.error()));
      batch.clear();
      ++batch_number_;
      report();
      if (options_.enough && options_.enough(tracker_.front())) return RunStatus::finished;
    }
  }

  const Store& store() const { return store_; }

  Expected<void> save_status(RunStatus status) {
    if (auto saved = save_time(); !saved) return saved;
    return store_.set_meta("status", status_word(status));
  }

  Expected<void> save_time() {
    const auto now = Clock::now();
    const double seconds = std::chrono::duration<double>(now - session_mark_).count();
    session_mark_ = now;
    if (auto kept = store_.add_asked(asked_, ask_cpu_s_); !kept) return kept;
    asked_ = 0, ask_cpu_s_ = 0;
    return store_.add_session_seconds(seconds);
  }

 private:
  const Campaign& c_;
  const RunOptions& options_;
  const arch::EvaluatorRegistry& registry_;
  Store store_;
  Study study_;
  HypervolumeTracker tracker_;
  Calibration calibration_;
  Residual residual_;
  std::string fallback_;
  bool by_function_;
  std::map<std::string, std::unique_ptr<Pool>> pools_;
  std::uint64_t batch_number_ = 0;
  std::int64_t evaluations_ = 0;  // at the last fidelity, finished
  std::int64_t in_session_ = 0;
  std::int64_t finished_ = 0, failed_ = 0, running_ = 0;
  std::optional<double> best_;
  std::int64_t told_evaluations_ = 0;
  std::optional<double> told_best_;
  Clock::time_point started_, session_mark_;
  double earlier_s_ = 0;
  std::int64_t asked_ = 0;  // since the last save_time
  double ask_cpu_s_ = 0;

  bool stopped() const { return options_.stop && options_.stop->load(); }
  double elapsed() const { return std::chrono::duration<double>(Clock::now() - started_).count(); }
  const std::string& last_fidelity() const { return c_.ladder.back(); }

  /// `best` takes the value where it is better in the sense of the first objective.
  void improve(std::optional<double>& best, double value) const {
    if (!best || (c_.objectives[0].maximise ? value > *best : value < *best)) best = value;
  }
  std::vector<double> minimised(std::vector<double> values) const {
    for (std::size_t k = 0; k < values.size(); ++k) {
      if (c_.objectives[k].maximise) values[k] = -values[k];
    }
    return values;
  }
  std::optional<std::vector<double>> minimised_reference() const {
    if (!c_.hypervolume_reference) return {};
    return minimised(*c_.hypervolume_reference);
  }

  Expected<void> pools() {
    PoolOptions options;
    options.jobs =
        options_.jobs > 0 ? static_cast<std::size_t>(options_.jobs) : std::max(1U, std::thread::hardware_concurrency());
    options.worker_command = options_.worker_command;
    options.worker_recycle = std::max(1, options_.worker_recycle);
    options.limits = c_.limits;
    // With one fidelity there is nothing that an evaluator could learn from another.
    options.learns = c_.ladder.size() > 1;
    for (const std::string& fidelity : fidelities_of(c_)) {
      if (options_.remote) {
        // What learns stays here, where results come back to it.
        auto evaluator = registry_.make(c_.subject, fidelity);
        if (!evaluator) return fail(std::move(evaluator.error()));
        if ((*evaluator)->needs_process() || c_.ladder.size() == 1) {
          pools_[fidelity] = make_remote_pool(*options_.remote);
          continue;
        }
      }
      auto pool = make_pool(registry_, c_.subject, fidelity, options);
      if (!pool) return fail(std::move(pool.error()));
      pools_[fidelity] = std::move(*pool);
    }
    return {};
  }

  /// Tells the finished batches again; gives back the one that was left unfinished, or an empty one.
  Expected<Batch> restore() {
    auto stored = store_.trials();
    if (!stored) return fail(std::move(stored.error()));
    auto progress = store_.progress();
    if (!progress) return fail(std::move(progress.error()));
    std::size_t at = 0;
    while (at < stored->size()) {
      Batch batch;
      bool complete = true;
      const std::uint64_t number = (*stored)[at].batch;
      for (; at < stored->size() && (*stored)[at].batch == number; ++at) {
        const StoredTrial& t = (*stored)[at];
        auto document = Document::parse(t.params_json, "campaign.sqlite");
        if (!document) return fail(std::move(document.error()));
        auto point = c_.space.from_json(*document);
        if (!point) return fail(std::move(point.error()));
        c_.space.normalize(*point);
        if (auto back = study_.restore(t.number, *point); !back) return fail(std::move(back.error()));
        Item item;
        item.number = t.number;
        item.seed = t.seed;
        item.point = std::move(*point);
        for (const StoredEvaluation& e : t.evaluations) item.results[e.fidelity] = e;
        if (t.finished()) item.end = TrialEnd{t.number, t.state == "failed", t.error, t.fidelity, t.feasible, t.violations};
        if (item.results.contains(last_fidelity()) && t.finished()) ++evaluations_;
        if (t.finished()) ++finished_;
        if (t.state == "failed") ++failed_;
        complete = complete && t.finished();
        batch.push_back(std::move(item));
      }
      batch_number_ = number;
      if (!complete) {
        if (at < stored->size())
          return fail(ErrorKind::run_failed,
                      "campaign.sqlite: batch " + std::to_string(number) + " is unfinished, and a later one was begun");
        return batch;
      }
      // A kill may have come between a batch's last result and its progress rows.
      const bool kept = !progress->empty() && progress->back().trial >= batch.back().number;
      if (auto told = tell(batch, !kept); !told) return fail(std::move(told.error()));
      ++batch_number_;
    }
    return Batch{};
  }

  /// A ladder on which next to nothing survives the first rungs would never use up its budget.
  bool ladder_starves() const {
    const double share = std::pow(c_.promote, static_cast<double>(c_.ladder.size()) - 1);
    const double most = 2 * static_cast<double>(c_.budget.evaluations) / share + 10 * static_cast<double>(c_.batch);
    return c_.ladder.size() > 1 && static_cast<double>(finished_) >= most;
  }

  Expected<Batch> ask() {
    Batch batch;
    std::vector<NewTrial> rows;
    const double before = thread_cpu_s();
    const std::vector<StudyTrial> asked = study_.ask(static_cast<std::size_t>(c_.batch));
    ask_cpu_s_ += thread_cpu_s() - before;
    asked_ += static_cast<std::int64_t>(asked.size());
    for (const StudyTrial& t : asked) {
      Item item;
      item.number = t.number;
      item.seed = derive(c_.seed, t.number);
      item.point = t.point;
      rows.push_back({item.number, item.seed, c_.space.to_json(item.point).dump()});
      batch.push_back(std::move(item));
    }
    if (batch.empty()) return batch;
    if (auto added = store_.add_batch(batch_number_, rows); !added) return fail(std::move(added.error()));
    return batch;
  }

  /// Evaluates what is open in a batch; false where the budget or an interruption leaves some of it open.
  Expected<bool> run_batch(Batch& batch, std::int64_t budget_left) {
    std::vector<Item*> entrants;
    for (Item& item : batch) entrants.push_back(&item);
    for (std::size_t rung = 0; rung < c_.ladder.size(); ++rung) {
      const std::string& fidelity = c_.ladder[rung];
      const bool last = rung + 1 == c_.ladder.size();
      std::vector<Item*> open;
      for (Item* item : entrants) {
        if (!item->ended() && !item->results.contains(fidelity)) open.push_back(item);
      }
      bool cut = false;
      if (last) {
        // Those that a killed run has left to be simulated have their place in the budget.
        const auto begun = std::count_if(entrants.begin(), entrants.end(), [&](const Item* item) { return !item->ended() && item->results.contains(fidelity); });
        const auto room = static_cast<std::size_t>(std::max<std::int64_t>(0, budget_left - begun));
        cut = open.size() > room;
        if (cut) open.resize(room);
      }
      auto all = evaluate(open, fidelity, last);
      if (!all) return fail(std::move(all.error()));
      if (!*all) return false;
      if (last && !fallback_.empty()) {
        std::vector<Item*> outside;
        for (Item* item : entrants) {
          if (!item->ended() && item->results.contains(fidelity)) outside.push_back(item);
        }
        auto simulated = evaluate(outside, fallback_, true);
        if (!simulated) return fail(std::move(simulated.error()));
        if (!*simulated) return false;
      }
      if (cut) return false;
      if (!last) {
        auto promoted = promote(entrants, fidelity);
        if (!promoted) return fail(std::move(promoted.error()));
        entrants = std::move(*promoted);
      }
    }
    if (batch_number_ == 0) return refuse_unsupported(batch);
    return true;
  }

  /// A model or feature that gnomon lacks fails every trial alike; better said at once than counted 300 times.
  Expected<bool> refuse_unsupported(const Batch& batch) {
    for (const Item& item : batch) {
      if (!item.end || !item.end->failed) return true;
      for (const auto& [fidelity, result] : item.results) {
        const auto kind = item.error_kinds.find(fidelity);
        if (result.failed && (kind == item.error_kinds.end() || kind->second != ErrorKind::unsupported)) return true;
      }
    }
    return fail(ErrorKind::unsupported, batch.front().end->error);
  }

  Expected<bool> evaluate(const std::vector<Item*>& open, const std::string& fidelity, bool last) {
    Pool& pool = *pools_.at(fidelity);
    std::map<std::size_t, std::int64_t> attempts;
    std::size_t next = 0;
    running_ = 0;
    while (next < open.size() || !attempts.empty()) {
      while (next < open.size() && attempts.size() < pool.capacity() && !stopped()) {
        const std::size_t task = next++;
        auto job = make_job(c_, open[task]->point, fidelity, open[task]->seed);
        auto attempt = store_.start_attempt(open[task]->number, fidelity, 0);
        if (!attempt) return fail(std::move(attempt.error()));
        if (!job) {
          if (auto kept = record(*open[task], fidelity, fail(std::move(job.error())), *attempt, last); !kept)
            return fail(std::move(kept.error()));
          continue;
        }
        auto pid = pool.submit(task, *job);
        if (!pid) return fail(std::move(pid.error()));
        attempts[task] = *attempt;
      }
      running_ = static_cast<std::int64_t>(attempts.size());
      if (attempts.empty()) {
        if (stopped()) break;
        continue;
      }
      auto outcome = pool.wait(0.2);
      if (!outcome) continue;
      const auto attempt = attempts.find(outcome->task);
      if (attempt == attempts.end()) continue;
      if (auto kept = record(*open[outcome->task], fidelity, std::move(outcome->result), attempt->second, last); !kept) {
        return fail(std::move(kept.error()));
      }
      attempts.erase(attempt);
      running_ = static_cast<std::int64_t>(attempts.size());
      report();
    }
    return next >= open.size();
  }

  /// A surrogate that has not learned enough yet.
  static bool says_nothing(bool in_range, const std::vector<arch::Metric>& metrics) { return !in_range && metrics.empty(); }

  /// The accuracy from the caller's function; nothing is asked about hardware that misses its limits.
  Expected<arch::Evaluation> with_accuracy(const Item& item, arch::Evaluation evaluation) {
    bool keeps = true;
    for (const ConstraintSpec& k : c_.constraints) {
      const double* value = k.metric == "accuracy" ? nullptr : evaluation.find(k.metric);
      if (value && ((k.max && *value > *k.max) || (k.min && *value < *k.min))) keeps = false;
    }
    double accuracy = 0;
    if (keeps) {
      auto answer = options_.accuracy(c_.space.to_json(item.point).dump());
      if (!answer) return fail(std::move(answer.error()));
      accuracy = *answer;
    }
    evaluation.metrics.push_back({"accuracy", accuracy});
    evaluation.metrics.push_back({"trained", keeps ? 1.0 : 0.0});
    return evaluation;
  }

  /// Checks that the evaluation has what the campaign asks for, and keeps it.
  Expected<void> record(Item& item, const std::string& fidelity, Expected<arch::Evaluation> result, std::int64_t attempt,
                        bool last) {
    std::vector<double> violations, objectives;
    // Outside what the model learned its answer is kept, and does not end the trial.
    const bool outside = result && !result->in_range && fidelity == last_fidelity() && !fallback_.empty();
    if (result && by_function_ && !outside) result = with_accuracy(item, std::move(*result));
    if (result && !outside && (last || !says_nothing(result->in_range, result->metrics))) {
      auto v = violations_of(c_, result->metrics);
      auto o = objectives_of(c_, result->metrics);
      if (!o)
        result = fail(std::move(o.error()));
      else if (!v)
        result = fail(std::move(v.error()));
      else
        violations = std::move(*v), objectives = std::move(*o);
    }
    StoredEvaluation kept;
    kept.fidelity = fidelity;
    kept.failed = !result;
    std::optional<TrialEnd> end;
    if (result) {
      kept.metrics = result->metrics;
      kept.intervals = result->intervals;
      kept.in_range = result->in_range;
      if (last && !outside) {
        const bool feasible = std::all_of(violations.begin(), violations.end(), [](double v) { return v <= 0; });
        end = TrialEnd{item.number, false, "", fidelity, feasible, violations};
        if (feasible) improve(best_, objectives[0]);
      }
    } else {
      kept.error = result.error().text();
      item.error_kinds[fidelity] = result.error().kind();
      end = TrialEnd{item.number, true, kept.error, fidelity, false, {}};
      ++failed_;
    }
    if (auto done = store_.finish_evaluation(item.number, fidelity, result, attempt, end); !done) return done;
    item.results[fidelity] = std::move(kept);
    item.end = std::move(end);
    if (last && item.ended()) {
      ++evaluations_;
      ++in_session_;
    }
    if (item.ended()) ++finished_;
    return {};
  }

  /// The metrics of a rung brought to the scale of the last one. A prediction outside its range counts for nothing: the rung below speaks.
  std::vector<arch::Metric> expected(const Item& item, const std::string& fidelity) {
    std::string from = fidelity;
    for (std::size_t rung = 0; rung + 1 < c_.ladder.size(); ++rung) {
      if (c_.ladder[rung + 1] != from || item.results.at(from).in_range) continue;
      const auto below = item.results.find(c_.ladder[rung]);
      if (below == item.results.end() || below->second.failed) break;
      from = c_.ladder[rung];
      break;
    }
    const auto& metrics = item.results.at(from).metrics;
    if (c_.by_residual) {
      if (auto corrected = residual_.corrected(item.point, from, metrics)) return *corrected;
    }
    return calibration_.corrected(metrics, from);
  }

  /// The best of a rung go on; the others end here.
  Expected<std::vector<Item*>> promote(const std::vector<Item*>& entrants, const std::string& fidelity) {
    std::vector<Item*> sound, unknown;
    for (Item* item : entrants) {
      const auto at = item->results.find(fidelity);
      if (at == item->results.end() || at->second.failed) continue;
      (says_nothing(at->second.in_range, at->second.metrics) ? unknown : sound).push_back(item);
    }
    // Of which nothing is known goes on, so that something is.
    if (sound.empty()) return unknown;
    const auto wanted = static_cast<std::size_t>(std::ceil(c_.promote * static_cast<double>(entrants.size()) - 1e-9));
    const bool distrust = std::any_of(sound.begin(), sound.end(), [&](const Item* item) { return !item->results.at(fidelity).in_range; });
    std::vector<std::vector<arch::Metric>> metrics;
    for (const Item* item : sound) metrics.push_back(distrust || c_.by_residual ? expected(*item, fidelity) : item->results.at(fidelity).metrics);
    auto best_first = rank_by_merit(c_, metrics);
    if (!best_first) return fail(std::move(best_first.error()));
    std::vector<Item*> order;
    for (const std::size_t i : *best_first) {
      if (order.size() < std::max<std::size_t>(1, wanted)) order.push_back(sound[i]);
    }
    // No rung below the first speaks for what a model from outside predicts beyond its range: such trials go on beside the best.
    if (distrust && fidelity == c_.ladder.front() && fidelity == "surrogate" && (!c_.synthesis.empty() || !c_.surrogate_model.empty())) {
      for (Item* item : sound)
        if (!item->results.at(fidelity).in_range && std::find(order.begin(), order.end(), item) == order.end()) order.push_back(item);
    }
    order.insert(order.end(), unknown.begin(), unknown.end());
    std::vector<TrialEnd> ends;
    for (Item* item : sound) {
      if (item->ended() || std::find(order.begin(), order.end(), item) != order.end()) continue;
      auto violations = violations_of(c_, item->results.at(fidelity).metrics);
      if (!violations) return fail(std::move(violations.error()));
      const bool feasible = std::all_of(violations->begin(), violations->end(), [](double v) { return v <= 0; });
      ends.push_back({item->number, false, "", fidelity, feasible, std::move(*violations)});
      item->end = ends.back();
      ++finished_;
    }
    if (auto done = store_.finish_trials(ends); !done) return fail(std::move(done.error()));
    return order;
  }

  /// Restored results are told again without being counted.
  template <class F>
  Expected<void> timed(bool counted, F&& told) {
    const double before = thread_cpu_s();
    auto done = told();
    if (counted) ask_cpu_s_ += thread_cpu_s() - before;
    return done;
  }

  /// Hands a finished batch to the agent, the evaluators that learn, and the hypervolume.
  Expected<void> tell(const Batch& batch, bool keep) {
    for (const Item& item : batch) {
      calibration_.learn(item.results);
      const auto high = item.results.find(last_fidelity());
      if (!c_.by_residual || high == item.results.end() || high->second.failed) continue;
      for (const auto& [fidelity, low] : item.results) {
        if (fidelity != last_fidelity() && !low.failed) residual_.learn(item.point, fidelity, low.metrics, high->second.metrics);
      }
    }
    std::vector<ProgressRow> rows;
    std::int64_t evaluations = told_evaluations_;
    for (const Item& item : batch) {
      if (item.results.contains(last_fidelity())) ++evaluations;
      if (item.end->failed) {
        if (auto told = timed(keep, [&] { return study_.tell_failed(item.number); }); !told) return told;
      } else {
        const bool exact = c_.is_final(item.end->fidelity);
        const auto& metrics = item.results.at(item.end->fidelity).metrics;
        const auto shown = exact ? metrics : expected(item, item.end->fidelity);
        auto objectives = objectives_of(c_, shown);
        auto violations = violations_of(c_, shown);
        if (!objectives) return fail(std::move(objectives.error()));
        if (!violations) return fail(std::move(violations.error()));
        if (auto told = timed(keep, [&] { return study_.tell(item.number, *objectives, *violations, exact); }); !told) return told;
        if (exact && item.end->feasible) {
          tracker_.add(minimised(*objectives));
          improve(told_best_, (*objectives)[0]);
          improve(best_, (*objectives)[0]);
        }
      }
      ProgressRow row;
      row.trial = item.number;
      row.evaluations = evaluations;
      if (tracker_.fixed()) row.hypervolume = tracker_.value();
      row.best = told_best_;
      row.front_size = static_cast<std::int64_t>(tracker_.front().size());
      rows.push_back(row);
    }
    told_evaluations_ = evaluations;
    for (const Item& item : batch) {
      for (const std::string& fidelity : c_.ladder) {
        const auto at = item.results.find(fidelity);
        if (at == item.results.end() || at->second.failed) continue;
        auto job = make_job(c_, item.point, fidelity, item.seed);
        if (!job) return fail(std::move(job.error()));
        arch::Evaluation evaluation;
        evaluation.metrics = at->second.metrics;
        evaluation.intervals = at->second.intervals;
        auto layers = store_.layers(item.number, fidelity);
        if (!layers) return fail(std::move(layers.error()));
        evaluation.layers = std::move(*layers);
        for (auto& [name, pool] : pools_) pool->observe(*job, evaluation);
      }
    }
    if (!keep) return {};
    return store_.add_progress(rows);
  }
  void report() const {
    if (!options_.progress) return;
    Progress p;
    p.done = evaluations_;
    p.total = c_.budget.evaluations;
    p.trials = finished_;
    p.failed = failed_;
    p.running = running_;
    p.elapsed_s = elapsed();
    if (p.elapsed_s > 0) p.rate_per_s = static_cast<double>(in_session_) / p.elapsed_s;
    if (p.rate_per_s > 0) p.eta_s = static_cast<double>(p.total - p.done) / p.rate_per_s;
    p.best = best_;
    if (tracker_.fixed()) p.hypervolume = tracker_.value();
    p.front_size = static_cast<std::int64_t>(tracker_.front().size());
    options_.progress(p);
  }
};

/// The folder's campaign, if it has one, must be this one.
Expected<void> claim(Store& store, const Campaign& campaign, const std::filesystem::path& folder) {
  const Json now = resolved_json(campaign);
  auto stored = store.campaign();
  if (!stored) return fail(std::move(stored.error()));
  if (*stored) {
    auto before = Document::parse(**stored, store_path(folder).string());
    if (!before) return fail(std::move(before.error()));
    const auto differences = campaign_differences(before->root(), now);
    if (!differences.empty()) {
      std::vector<Problem> problems{
          {folder.string(), "", "holds another campaign; give another --out folder, or --fresh to start again. Differences:"}};
      for (const std::string& line : differences) problems.push_back({"", "", line});
      return fail(Error(ErrorKind::invalid_input, std::move(problems)));
    }
  }
  // The name and the budget may have changed.
  if (auto kept = store.set_campaign(now.dump(), campaign_hash(now), campaign.seed); !kept) return kept;
  if (auto kept = store.set_meta("version", version()); !kept) return kept;
  if (auto kept = store.set_meta("status", status_word(RunStatus::interrupted)); !kept) return kept;
  if (!folder.empty()) {
    // Kept with the trials, so that a report needs no table beside them.
    auto truth = campaign_truth(campaign);
    if (!truth) return fail(std::move(truth.error()));
    if (auto kept = store.set_meta("truth", truth_text(*truth)); !kept) return kept;
  }
  return store.set_meta("commit", commit());
}

}  // namespace

namespace {

/// Whether there is an evaluator for every fidelity that takes jobs like that of the point.
Expected<void> check_evaluators(const Campaign& campaign, const arch::Point& point, const arch::EvaluatorRegistry& registry) {
  for (const std::string& fidelity : fidelities_of(campaign)) {
    auto evaluator = registry.make(campaign.subject, fidelity);
    if (!evaluator) return fail(std::move(evaluator.error()));
    auto job = make_job(campaign, point, fidelity, campaign.seed);
    if (!job) return fail(std::move(job.error()));
    if (auto sound = (*evaluator)->check(*job); !sound) {
      std::vector<Problem> problems = sound.error().problems();
      for (Problem& p : problems) p.message = "fidelity " + in_quotes(fidelity) + ": " + p.message;
      return fail(Error(sound.error().kind(), std::move(problems)));
    }
  }
  return {};
}

/// Runs the campaign and hands its store to `read`.
template <class T>
Expected<T> run_and_read(const Campaign& campaign, const RunOptions& options, const arch::EvaluatorRegistry& registry,
                         const std::function<Expected<T>(const Store&)>& read) {
  StudyOptions chosen = study_options(campaign);
  chosen.make = options.make_agent;
  auto study = Study::create(campaign.space, std::move(chosen));
  if (!study) return fail(std::move(study.error()));
  Random any(derive(campaign.seed, "check"));
  if (const auto point = campaign.space.sample(any)) {
    if (auto sound = check_evaluators(campaign, *point, registry); !sound) return fail(std::move(sound.error()));
  }
  if (!campaign.accuracy_json.empty() && Json::parse(campaign.accuracy_json).contains("callable") && !options.accuracy) {
    return fail(ErrorKind::unsupported, "the campaign leaves its accuracy to a function: run it with gnomon.Campaign(...).run(accuracy=function)");
  }
  const bool kept = !options.out_dir.empty();
  auto store = kept ? Store::open(options.out_dir, options.fresh) : Store::in_memory();
  if (!store) return fail(std::move(store.error()));
  if (auto claimed = claim(*store, campaign, options.out_dir); !claimed) return fail(std::move(claimed.error()));
  auto engine = std::make_unique<Engine>(campaign, options, registry, std::move(*store), std::move(*study));
  auto done = engine->run();
  if (!done) {
    const Error error = std::move(done.error());
    engine.reset();
    // Nothing but refusals is in it: a corrected campaign may take the folder.
    if (error.kind() == ErrorKind::unsupported && kept) {
      std::error_code ignored;
      for (const char* suffix : {"", "-wal", "-shm"})
        std::filesystem::remove(store_path(options.out_dir).string() + suffix, ignored);
    }
    return fail(error);
  }
  if (auto saved = engine->save_status(*done); !saved) return fail(std::move(saved.error()));
  return read(engine->store());
}

}  // namespace

Expected<Summary> run_campaign(const Campaign& campaign, const RunOptions& options, const arch::EvaluatorRegistry& registry) {
  return run_and_read<Summary>(campaign, options, registry,
                               [&](const Store& store) { return write_outputs(store, options.out_dir); });
}

Expected<Results> run_for_results(const Campaign& campaign, const RunOptions& options, const arch::EvaluatorRegistry& registry) {
  return run_and_read<Results>(campaign, options, registry, [](const Store& store) { return read_results(store); });
}

Expected<Plan> plan_campaign(const Campaign& campaign, const arch::EvaluatorRegistry& registry) {
  auto study = Study::create(campaign.space, study_options(campaign));
  if (!study) return fail(std::move(study.error()));
  Plan plan;
  plan.evaluations = campaign.budget.evaluations;
  const double per_batch = std::max(1.0, std::ceil(static_cast<double>(campaign.batch) *
                                                   std::pow(campaign.promote, static_cast<double>(campaign.ladder.size()) - 1)));
  plan.batches = static_cast<std::int64_t>(std::ceil(
      static_cast<double>(plan.evaluations) / (campaign.ladder.size() == 1 ? static_cast<double>(campaign.batch) : per_batch)));
  plan.cardinality = campaign.space.cardinality();
  plan.parameters = campaign.space.parameters().size();
  plan.ladder = campaign.ladder;
  auto first = study->ask(1);
  if (first.empty()) return fail(ErrorKind::invalid_input, "the space holds no point that obeys the rules");
  plan.example = first[0].point;
  if (auto sound = check_evaluators(campaign, plan.example, registry); !sound) return fail(std::move(sound.error()));
  return plan;
}

}  // namespace gnomon::search
