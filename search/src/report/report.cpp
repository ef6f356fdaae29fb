#include "gnomon/search/report.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "gnomon/arch/metrics.hpp"
#include "gnomon/search/pareto.hpp"
#include "store/results.hpp"

namespace gnomon::search {
namespace {

Json finite(double value) {
  return std::isfinite(value) ? Json(value) : Json(nullptr);
}

/// Six significant digits are more than a picture shows, and keep the page small.
Json rounded(double value) {
  if (!std::isfinite(value)) return nullptr;
  if (value == 0 || std::floor(value) == value)
    return std::abs(value) < 1e15 ? Json(static_cast<std::int64_t>(value)) : Json(value);
  const double scale = std::pow(10.0, 5 - std::floor(std::log10(std::abs(value))));
  if (!std::isfinite(scale) || scale == 0) return value;
  return std::round(value * scale) / scale;
}

std::string unit_of(const std::string& metric) {
  if (auto info = arch::find_metric(metric)) return (*info)->unit;
  return "";
}

Json layers_json(const Store& store, const StoredTrial& t, bool& has_layers, Expected<void>& status) {
  Json out = Json::object();
  auto layers = store.layers(t.number, t.fidelity);
  auto energy = store.energy_breakdown(t.number, t.fidelity);
  auto waiting = store.waiting(t.number, t.fidelity);
  if (!layers || !energy || !waiting) {
    status = fail(!layers ? std::move(layers.error()) : !energy ? std::move(energy.error()) : std::move(waiting.error()));
    return out;
  }
  has_layers = has_layers || !layers->empty();
  Json rows = Json::array();
  for (const arch::LayerMetrics& l : *layers) {
    rows.push_back(
        Json::array({l.name, l.op, l.macs, l.latency_cycles, l.compute_cycles, l.stall_cycles, rounded(l.utilization),
                     l.dram_read_bytes, l.dram_write_bytes, l.sram_read_bytes, l.sram_write_bytes, rounded(l.energy_pj)}));
  }
  out["rows"] = std::move(rows);
  Json parts = Json::array();
  for (const auto& [component, pj] : *energy) parts.push_back(Json::array({component, rounded(pj)}));
  out["energy"] = std::move(parts);
  Json waits = Json::array();
  for (const auto& w : *waiting) waits.push_back(Json::array({w.who, w.whom, w.cycles}));
  out["waiting"] = std::move(waits);
  return out;
}

}  // namespace

Expected<Json> report_data(const Store& store) {
  auto read = read_results(store);
  if (!read) return fail(std::move(read.error()));
  const Results& r = *read;
  const Campaign& c = r.campaign;

  Json data = Json::object();
  data["schema"] = "gnomon/report/1";
  data["name"] = c.name.empty() ? "campaign" : c.name;
  data["provenance"] = {{"version", r.version}, {"commit", r.commit}, {"input_sha256", r.hash}, {"seed", c.seed}};
  data["agent"] = c.agent;
  data["subject"] = c.subject;
  data["ladder"] = c.ladder;
  data["budget"] = c.budget.evaluations;
  data["workloads"] = Json::array();
  for (const auto& w : c.workloads)
    data["workloads"].push_back(w.model + (w.batch > 1 ? " (batch " + std::to_string(w.batch) + ")" : ""));
  data["campaign"] = Json::parse(r.resolved_json);
  data["limits"] = limit_names(c);
  data["summary"] = {{"trials", r.summary.trials},
                     {"feasible", r.summary.feasible},
                     {"failed", r.summary.failed},
                     {"evaluations", r.summary.evaluations}};
  data["summary"]["evaluations_by_fidelity"] = Json::object();
  for (const auto& [fidelity, n] : r.summary.evaluations_by_fidelity) data["summary"]["evaluations_by_fidelity"][fidelity] = n;
  data["summary"]["hypervolume"] = r.summary.hypervolume ? finite(*r.summary.hypervolume) : Json(nullptr);
  data["summary"]["hypervolume_reference"] =
      r.summary.hypervolume_reference ? Json(*r.summary.hypervolume_reference) : Json(nullptr);
  data["notes"] = r.summary.notes;
  if (!r.summary.truth_source.empty()) data["summary"]["regret"] = {{"value", r.summary.regret ? finite(*r.summary.regret) : Json(nullptr)}, {"truth", r.summary.truth_source}};
  if (c.target) {
    data["summary"]["target"] = *c.target;
    data["summary"]["evaluations_to_target"] = r.summary.evaluations_to_target ? Json(*r.summary.evaluations_to_target) : Json(nullptr);
  }
  data["agreement"] = agreements_json(r.summary);

  data["objectives"] = Json::array();
  for (const ObjectiveSpec& o : c.objectives) {
    data["objectives"].push_back({{"metric", o.metric}, {"goal", o.maximise ? "max" : "min"}, {"unit", unit_of(o.metric)}});
  }
  data["parameters"] = Json::array();
  for (const arch::Parameter& p : c.space.parameters()) {
    Json one{{"name", p.name}, {"log", p.log}};
    if (p.kind == arch::ParameterKind::real) {
      one["kind"] = "real";
      one["low"] = p.low;
      one["high"] = p.high;
    } else {
      one["kind"] = p.kind == arch::ParameterKind::permutation   ? "permutation"
                    : p.kind == arch::ParameterKind::categorical ? "categorical"
                                                                 : "ordinal";
      one["values"] = Json::array();
      for (const arch::Value& v : p.values) {
        if (const auto* whole = std::get_if<std::int64_t>(&v))
          one["values"].push_back(*whole);
        else if (const auto* real = std::get_if<double>(&v))
          one["values"].push_back(*real);
        else if (p.boolean)
          one["values"].push_back(arch::to_text(v) == "true");
        else
          one["values"].push_back(arch::to_text(v));
      }
    }
    data["parameters"].push_back(std::move(one));
  }
  std::vector<std::string> metrics;
  for (const StoredTrial& t : r.trials) {
    if (const StoredEvaluation* e = t.at(t.fidelity)) {
      for (const arch::Metric& m : e->metrics) {
        if (std::find(metrics.begin(), metrics.end(), m.name) == metrics.end()) metrics.push_back(m.name);
      }
    }
  }
  data["metrics"] = Json::array();
  for (const std::string& m : metrics) data["metrics"].push_back({{"name", m}, {"unit", unit_of(m)}});

  std::set<std::uint64_t> front, detailed;
  for (const SummaryTrial& t : r.summary.pareto) front.insert(t.number);
  // Layers of at most this many designs, evenly over the front: the page stays small.
  constexpr std::size_t most_detailed = 60;
  std::size_t place = 0;
  for (const std::uint64_t n : front) {
    if (front.size() <= most_detailed || place * most_detailed / front.size() != (place + 1) * most_detailed / front.size())
      detailed.insert(n);
    ++place;
  }
  for (const auto& [metric, t] : r.summary.best) detailed.insert(t.number);

  // Convergence against the reference that was fixed in the end.
  std::vector<double> reference;
  if (r.summary.hypervolume_reference) reference = *r.summary.hypervolume_reference;
  for (std::size_t k = 0; k < reference.size(); ++k) {
    if (c.objectives[k].maximise) reference[k] = -reference[k];
  }
  HypervolumeTracker tracker(c.objectives.size(), reference);
  data["trials"] = Json::array();
  data["convergence"] = Json::array();
  data["details"] = Json::object();
  std::optional<double> best;
  std::int64_t evaluations = 0;
  bool has_layers = false;
  constexpr std::size_t most_drawn = 20000;
  for (const StoredTrial& t : r.trials) {
    const StoredEvaluation* e = t.at(t.fidelity);
    Json row{{"n", t.number}};
    row["s"] = t.state == "failed"             ? "failed"
               : !c.is_final(t.fidelity)       ? "lower"
               : !t.feasible                   ? "infeasible"
               : front.contains(t.number)      ? "front"
                                               : "feasible";
    if (c.ladder.size() > 1 || t.fidelity != c.ladder.back()) row["f"] = t.fidelity;
    row["p"] = Json::array();
    const Json params = Json::parse(t.params_json);
    for (const arch::Parameter& p : c.space.parameters())
      row["p"].push_back(params.contains(p.name) ? params.at(p.name) : Json(nullptr));
    if (t.state == "failed") {
      row["e"] = t.error.substr(0, 300);
    } else {
      row["m"] = Json::array();
      for (const std::string& name : metrics) {
        const auto at = std::find_if(e->metrics.begin(), e->metrics.end(), [&](const arch::Metric& m) { return m.name == name; });
        row["m"].push_back(at == e->metrics.end() ? Json(nullptr) : rounded(at->value));
      }
      Json broken = Json::array();
      for (std::size_t i = 0; i < t.violations.size(); ++i) {
        if (t.violations[i] > 0) broken.push_back(i);
      }
      if (!broken.empty()) row["v"] = std::move(broken);
    }
    const bool reached = t.at(c.ladder.back()) != nullptr;
    if (reached) ++evaluations;
    if (counts(c, t)) {
      const auto objectives = objectives_of(c, e->metrics);
      if (objectives) {
        std::vector<double> point = *objectives;
        for (std::size_t k = 0; k < point.size(); ++k) {
          if (c.objectives[k].maximise) point[k] = -point[k];
        }
        tracker.add(point);
        const double value = (*objectives)[0];
        if (!best || (c.objectives[0].maximise ? value > *best : value < *best)) best = value;
      }
    }
    if (reached)
      data["convergence"].push_back(Json::array({evaluations, best ? rounded(*best) : Json(nullptr), rounded(tracker.value())}));
    if (detailed.contains(t.number)) {
      Expected<void> status;
      data["details"][std::to_string(t.number)] = layers_json(store, t, has_layers, status);
      if (!status) return fail(std::move(status.error()));
    }
    // Of very long campaigns the feasible trials and the front are drawn.
    if (r.trials.size() <= most_drawn || front.contains(t.number) || t.number % (r.trials.size() / most_drawn + 1) == 0) {
      data["trials"].push_back(std::move(row));
    }
  }
  data["front"] = Json::array();
  for (const std::uint64_t n : front) data["front"].push_back(n);
  data["best"] = Json::object();
  for (const auto& [metric, t] : r.summary.best) data["best"][metric] = t.number;
  data["has_layers"] = has_layers;
  return data;
}

Expected<std::filesystem::path> write_report(const std::filesystem::path& folder) {
  auto store = Store::open_read(folder);
  if (!store) return fail(std::move(store.error()));
  auto data = report_data(*store);
  if (!data) return fail(std::move(data.error()));
  const auto path = folder / "report.html";
  if (auto done = write_file(path, render_report(*data)); !done) return fail(std::move(done.error()));
  return path;
}

}  // namespace gnomon::search
