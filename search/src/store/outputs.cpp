#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "campaign/campaign_io.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/base/version.hpp"
#include "gnomon/search/pareto.hpp"
#include "gnomon/search/report.hpp"
#include "gnomon/search/statistics.hpp"
#include "store/results.hpp"

namespace gnomon::search {
namespace {

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n\r") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c == '\n' || c == '\r' ? ' ' : c;
  }
  return out + "\"";
}

std::string csv_value(const Json& value) {
  if (value.is_string()) return csv_field(value.get<std::string>());
  if (value.is_number_float()) return number(value.get<double>());
  return csv_field(value.dump());
}

std::vector<double> minimised(const Campaign& c, std::vector<double> values) {
  for (std::size_t k = 0; k < values.size(); ++k) {
    if (c.objectives[k].maximise) values[k] = -values[k];
  }
  return values;
}

std::optional<double> known(double value) {
  return std::isfinite(value) ? std::optional<double>(value) : std::nullopt;
}

std::vector<Agreement> agreements_of(const Campaign& c, const std::vector<StoredTrial>& trials) {
  std::vector<Agreement> out;
  constexpr std::size_t fewest = 3;
  for (std::size_t rung = 0; rung + 1 < c.ladder.size(); ++rung) {
    for (const ObjectiveSpec& o : c.objectives) {
      Agreement one{c.ladder[rung], c.ladder[rung + 1], o.metric, 0, {}, {}, 0};
      std::vector<double> low, high;
      for (const StoredTrial& t : trials) {
        const StoredEvaluation *a = t.at(one.from), *b = t.at(one.to);
        if (a && !a->failed && !a->in_range) ++one.out_of_range;
        if (!a || !b || a->failed || b->failed) continue;
        const auto value = [&](const StoredEvaluation& e) -> std::optional<double> {
          for (const arch::Metric& m : e.metrics) {
            if (m.name == o.metric) return known(m.value);
          }
          return {};
        };
        const auto x = value(*a), y = value(*b);
        if (!x || !y) continue;
        low.push_back(*x);
        high.push_back(*y);
      }
      one.designs = static_cast<std::int64_t>(low.size());
      if (low.size() >= fewest) {
        one.spearman = known(spearman(low, high));
        one.kendall = known(kendall(low, high));
      }
      out.push_back(std::move(one));
    }
  }
  return out;
}

std::optional<double> regret_of(const Campaign& c, const ProblemTruth& truth, const std::vector<std::vector<double>>& points) {
  if (points.empty()) return {};
  if (truth.optimum && c.objectives.size() == 1) {
    double best = points[0][0];
    for (const auto& p : points) best = std::min(best, p[0]);
    return std::abs((c.objectives[0].maximise ? -best : best) - *truth.optimum);
  }
  if (!truth.hypervolume) return {};
  std::vector<std::vector<double>> front;
  for (const std::size_t i : nondominated(points)) {
    front.push_back(points[i]);
    for (std::size_t k = 0; k < front.back().size(); ++k) {
      const double span = truth.nadir[k] - truth.ideal[k];
      front.back()[k] = (front.back()[k] - truth.ideal[k]) / (span > 0 ? span : 1.0);
    }
  }
  return 1 - hypervolume(front, std::vector<double>(c.objectives.size(), 1.1)) / *truth.hypervolume;
}

ProblemTruth truth_from(const std::string& text) {
  ProblemTruth out;
  const Json j = Json::parse(text, nullptr, false);
  if (!j.is_object() || !j.contains("source")) return out;
  out.source = j.at("source");
  out.ideal = j.at("ideal").get<std::vector<double>>();
  out.nadir = j.at("nadir").get<std::vector<double>>();
  if (j.contains("optimum")) out.optimum = j.at("optimum").get<double>();
  if (j.contains("hypervolume")) out.hypervolume = j.at("hypervolume").get<double>();
  return out;
}

Summary summarise(const Campaign& c, const std::vector<StoredTrial>& trials, const ProblemTruth& truth) {
  Summary s;
  std::optional<std::vector<double>> reference;
  if (c.hypervolume_reference) reference = minimised(c, *c.hypervolume_reference);
  HypervolumeTracker tracker(c.objectives.size(), reference);
  std::vector<SummaryTrial> feasible;
  std::vector<std::vector<double>> points;
  std::map<std::string, std::int64_t> by_fidelity, reasons;
  std::int64_t evaluations = 0;
  std::optional<std::vector<double>> target;
  if (c.target) target = minimised(c, *c.target);
  for (const StoredTrial& t : trials) {
    ++s.trials;
    if (t.state == "failed") {
      ++s.failed;
      ++reasons[t.error];
    }
    for (const StoredEvaluation& e : t.evaluations) ++by_fidelity[e.fidelity];
    if (t.at(c.ladder.back()) != nullptr) ++evaluations;
    if (!counts(c, t)) continue;
    const StoredEvaluation* e = t.at(t.fidelity);
    auto objectives = objectives_of(c, e->metrics);
    if (!objectives) continue;
    ++s.feasible;
    points.push_back(minimised(c, *objectives));
    tracker.add(points.back());
    if (target && !s.evaluations_to_target) {
      bool reached = true;
      for (std::size_t k = 0; k < target->size(); ++k) reached = reached && points.back()[k] <= (*target)[k];
      if (reached) s.evaluations_to_target = evaluations;
    }
    feasible.push_back({t.number, t.params_json, std::move(*objectives), e->metrics});
  }
  for (const std::string& fidelity : c.ladder) s.evaluations_by_fidelity.emplace_back(fidelity, by_fidelity[fidelity]);
  s.evaluations = by_fidelity[c.ladder.back()];
  if (const std::string fallback = c.fallback(); !fallback.empty() && by_fidelity[fallback] > 0) {
    s.evaluations_by_fidelity.emplace_back(fallback, by_fidelity[fallback]);
    s.notes.push_back(std::to_string(by_fidelity[fallback]) + " of " + std::to_string(s.evaluations) + " designs lie outside what the surrogate learned and were simulated (" + fallback + ")");
  }
  for (std::size_t k = 0; k < c.objectives.size() && !feasible.empty(); ++k) {
    std::size_t best = 0;
    for (std::size_t i = 1; i < points.size(); ++i) {
      if (points[i][k] < points[best][k]) best = i;
    }
    s.best.emplace_back(c.objectives[k].metric, feasible[best]);
  }
  for (const std::size_t i : nondominated(points)) s.pareto.push_back(feasible[i]);
  if (tracker.reference()) {
    s.hypervolume = tracker.value();
    s.hypervolume_reference = minimised(c, *tracker.reference());
  }
  if (truth.known()) {
    s.regret = regret_of(c, truth, points);
    s.truth_source = truth.source;
  }
  s.agreements = agreements_of(c, trials);
  std::vector<std::pair<std::int64_t, std::string>> most;
  for (const auto& [reason, count] : reasons) most.emplace_back(-count, reason);
  std::sort(most.begin(), most.end());
  constexpr std::size_t shown = 5;
  for (std::size_t i = 0; i < most.size() && i < shown; ++i)
    s.notes.push_back(std::to_string(-most[i].first) + " failed: " + most[i].second);
  return s;
}

Json trial_json(const Campaign& c, const SummaryTrial& t) {
  Json out{{"trial", t.number}};
  out["parameters"] = Json::parse(t.params_json);
  out["objectives"] = Json::object();
  for (std::size_t k = 0; k < c.objectives.size(); ++k) out["objectives"][c.objectives[k].metric] = t.objectives[k];
  out["metrics"] = Json::object();
  for (const arch::Metric& m : t.metrics) out["metrics"][m.name] = std::isfinite(m.value) ? Json(m.value) : Json(nullptr);
  return out;
}

}  // namespace

std::string truth_text(const ProblemTruth& truth) {
  Json out{{"source", truth.source}, {"ideal", truth.ideal}, {"nadir", truth.nadir}};
  if (truth.optimum) out["optimum"] = *truth.optimum;
  if (truth.hypervolume) out["hypervolume"] = *truth.hypervolume;
  return out.dump();
}

Json agreements_json(const Summary& s) {
  Json out = Json::array();
  for (const Agreement& a : s.agreements) {
    out.push_back({{"from", a.from},
                   {"to", a.to},
                   {"metric", a.metric},
                   {"designs", a.designs},
                   {"spearman", a.spearman ? Json(*a.spearman) : Json(nullptr)},
                   {"kendall", a.kendall ? Json(*a.kendall) : Json(nullptr)},
                   {"out_of_range", a.out_of_range}});
  }
  return out;
}

std::string status_word(RunStatus status) {
  switch (status) {
    case RunStatus::finished:
      return "finished";
    case RunStatus::exhausted:
      return "exhausted";
    case RunStatus::wall_time:
      return "wall_time";
    case RunStatus::interrupted:
      return "interrupted";
  }
  return "";
}

bool counts(const Campaign& c, const StoredTrial& t) {
  return t.state == "done" && t.feasible && c.is_final(t.fidelity) && t.at(t.fidelity) != nullptr;
}

Expected<Results> read_results(const Store& store) {
  Results r;
  auto resolved = store.campaign();
  if (!resolved) return fail(std::move(resolved.error()));
  if (!*resolved) return fail(ErrorKind::invalid_input, "campaign.sqlite: holds no campaign");
  r.resolved_json = **resolved;
  auto campaign = campaign_from_resolved(r.resolved_json);
  if (!campaign) return fail(std::move(campaign.error()));
  r.campaign = std::move(*campaign);
  r.hash = campaign_hash(Json::parse(r.resolved_json));
  for (const auto& [key, to] : {std::pair{"version", &r.version}, std::pair{"commit", &r.commit}}) {
    auto value = store.meta(key);
    if (!value) return fail(std::move(value.error()));
    *to = value->value_or("unknown");
  }
  auto trials = store.trials();
  if (!trials) return fail(std::move(trials.error()));
  std::erase_if(*trials, [](const StoredTrial& t) { return !t.finished(); });
  auto suggestions = store.suggestions();
  if (!suggestions) return fail(std::move(suggestions.error()));
  r.suggestions = *suggestions;
  r.trials = std::move(*trials);
  auto truth = store.meta("truth");
  if (!truth) return fail(std::move(truth.error()));
  r.summary = summarise(r.campaign, r.trials, truth_from(truth->value_or("{}")));
  auto status = store.meta("status");
  if (!status) return fail(std::move(status.error()));
  r.summary.status = RunStatus::interrupted;
  for (const RunStatus known : {RunStatus::finished, RunStatus::exhausted, RunStatus::wall_time}) {
    if (status->value_or("") == status_word(known)) r.summary.status = known;
  }
  if (r.summary.status == RunStatus::exhausted)
    r.summary.notes.push_back("the space holds no further point that obeys the rules");
  if (r.summary.status == RunStatus::wall_time) r.summary.notes.push_back("the wall-time budget is used up");
  auto seconds = store.session_seconds();
  if (!seconds) return fail(std::move(seconds.error()));
  r.summary.seconds = *seconds;
  return r;
}

std::string trials_csv(const Results& r, const std::vector<std::uint64_t>* only) {
  const Campaign& c = r.campaign;
  std::vector<std::string> metrics;
  for (const StoredTrial& t : r.trials) {
    const StoredEvaluation* e = t.at(t.fidelity);
    if (!e) continue;
    for (const arch::Metric& m : e->metrics) {
      if (std::find(metrics.begin(), metrics.end(), m.name) == metrics.end()) metrics.push_back(m.name);
    }
  }
  const std::vector<std::string> limits = limit_names(c);
  std::string out = "trial,state,feasible,fidelity";
  for (const arch::Parameter& p : c.space.parameters()) out += "," + csv_field(p.name);
  for (const std::string& m : metrics) out += "," + csv_field(m);
  for (const std::string& limit : limits) out += "," + csv_field("violation " + limit);
  out += ",error\n";
  for (const StoredTrial& t : r.trials) {
    if (only && std::find(only->begin(), only->end(), t.number) == only->end()) continue;
    out += std::to_string(t.number) + "," + t.state + "," + (t.feasible ? "1" : "0") + "," + t.fidelity;
    const Json params = Json::parse(t.params_json);
    for (const arch::Parameter& p : c.space.parameters()) {
      out += ",";
      if (params.contains(p.name)) out += csv_value(params.at(p.name));
    }
    const StoredEvaluation* e = t.at(t.fidelity);
    for (const std::string& name : metrics) {
      out += ",";
      if (!e) continue;
      for (const arch::Metric& m : e->metrics) {
        if (m.name == name) {
          out += number(m.value);
          break;
        }
      }
    }
    for (std::size_t i = 0; i < limits.size(); ++i)
      out += "," + (i < t.violations.size() ? number(t.violations[i]) : std::string());
    out += "," + csv_field(t.error) + "\n";
  }
  return out;
}

std::optional<ErrorKind> Summary::outcome() const {
  if (status == RunStatus::interrupted) return ErrorKind::interrupted;
  // Nothing was judged: no evaluation was made, or none succeeded.
  if (evaluations == 0 || failed >= trials) return ErrorKind::run_failed;
  if (feasible == 0) return ErrorKind::infeasible;
  return {};
}

Json to_json(const Summary& s, const Campaign& c) {
  Json out{{"schema", "gnomon/run/1"}};
  const Json resolved = resolved_json(c);
  out["provenance"] = {{"version", version()}, {"commit", commit()}, {"input_sha256", campaign_hash(resolved)}, {"seed", c.seed}};
  out["name"] = c.name;
  out["status"] = status_word(s.status);
  out["agent"] = c.agent;
  out["trials"] = s.trials;
  out["feasible"] = s.feasible;
  out["failed"] = s.failed;
  out["best"] = Json::object();
  for (const auto& [metric, trial] : s.best) out["best"][metric] = trial_json(c, trial);
  out["pareto"] = Json::array();
  for (const SummaryTrial& t : s.pareto) out["pareto"].push_back(trial_json(c, t));
  out["hypervolume"] = s.hypervolume ? Json(*s.hypervolume) : Json(nullptr);
  out["hypervolume_reference"] = s.hypervolume_reference ? Json(*s.hypervolume_reference) : Json(nullptr);
  if (!s.truth_source.empty()) out["regret"] = {{"value", s.regret ? Json(*s.regret) : Json(nullptr)}, {"truth", s.truth_source}};
  if (c.target) {
    out["target"] = *c.target;
    out["evaluations_to_target"] = s.evaluations_to_target ? Json(*s.evaluations_to_target) : Json(nullptr);
  }
  if (!s.agreements.empty()) out["fidelity_agreement"] = agreements_json(s);
  out["evaluations_by_fidelity"] = Json::object();
  for (const auto& [fidelity, n] : s.evaluations_by_fidelity) out["evaluations_by_fidelity"][fidelity] = n;
  out["seconds"] = s.seconds;
  out["notes"] = s.notes;
  return out;
}

Expected<Summary> write_outputs(const std::filesystem::path& folder) {
  auto store = Store::open_read(folder);
  if (!store) return fail(std::move(store.error()));
  return write_outputs(*store, folder);
}

Expected<Summary> write_outputs(const Store& store, const std::filesystem::path& folder) {
  auto results = read_results(store);
  if (!results) return fail(std::move(results.error()));
  const Summary& summary = results->summary;
  std::vector<std::uint64_t> front;
  for (const SummaryTrial& t : summary.pareto) front.push_back(t.number);
  if (auto done = write_file(folder / "trials.csv", trials_csv(*results)); !done) return fail(std::move(done.error()));
  if (auto done = write_file(folder / "pareto.csv", trials_csv(*results, &front)); !done) return fail(std::move(done.error()));
  if (auto done = write_file(folder / "summary.json", to_json(summary, results->campaign).dump(2) + "\n"); !done)
    return fail(std::move(done.error()));
  auto data = report_data(store);
  if (!data) return fail(std::move(data.error()));
  if (auto done = write_file(folder / "report.html", render_report(*data)); !done) return fail(std::move(done.error()));
  return std::move(results->summary);
}

}  // namespace gnomon::search
