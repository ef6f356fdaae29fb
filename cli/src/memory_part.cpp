#include "memory_part.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>

#include "console.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/memory.hpp"
#include "gnomon/sim/trace_part.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::cli {
namespace {

struct Figure {
  double value = 0;
  std::optional<std::pair<double, double>> interval = {};
};
/// What is said of one trace.
struct Said {
  std::int64_t requests = 0;
  double cycles = 0;
  Figure throughput;
  bool in_range = true;
  std::string why;
};
struct Answer {
  std::vector<Said> traces;
  double cycles = 0;
  Figure row_hit_rate;
  std::optional<Figure> energy_pj;
  std::int64_t simulated_requests = 0, simulated_cycles = 0;
};

Expected<Answer> from_whole(const arch::Dram& dram, const std::vector<sim::TraceOpener>& openers) {
  std::vector<std::unique_ptr<sim::TraceSource>> sources;
  std::vector<sim::TraceSource*> played;
  for (const sim::TraceOpener& open : openers) {
    auto source = open();
    if (!source) return fail(std::move(source.error()));
    played.push_back(source->get());
    sources.push_back(std::move(*source));
  }
  auto run = sim::run_traces(dram, played);
  if (!run) return fail(std::move(run.error()));
  const sim::DramStatistics& s = run->statistics;
  Answer out;
  out.cycles = static_cast<double>(s.cycles);
  out.simulated_cycles = s.cycles;
  out.simulated_requests = s.reads + s.writes;
  out.row_hit_rate.value = static_cast<double>(s.row_hits) / static_cast<double>(std::max<std::int64_t>(1, s.reads + s.writes));
  if (s.energy) out.energy_pj = Figure{s.energy->total_pj()};
  for (std::size_t p = 0; p < openers.size(); ++p) {
    Said said;
    for (const sim::DramRequesterStatistics& r : s.requesters) {
      if (r.requester == static_cast<int>(p)) said.requests = r.reads + r.writes;
    }
    said.cycles = static_cast<double>(run->end_cycles[p]);
    said.throughput.value = sim::trace_throughput(dram, said.requests, said.cycles);
    out.traces.push_back(std::move(said));
  }
  return out;
}

/// The model's features of every trace, by their names.
Expected<RealMatrix> rows_for(const surrogate::Model& model, const std::string& name, const arch::Dram& dram, const sim::TracePartRun& part) {
  RealMatrix x(static_cast<Eigen::Index>(part.ports.size()), static_cast<Eigen::Index>(model.feature_count()));
  for (std::size_t p = 0; p < part.ports.size(); ++p) {
    const std::vector<sim::TracePartFeature> features = sim::trace_part_features(dram, part, p);
    for (std::size_t f = 0; f < model.feature_count(); ++f) {
      const surrogate::Feature& wanted = model.info().features[f];
      const auto at = std::find_if(features.begin(), features.end(), [&](const sim::TracePartFeature& known) { return known.name == wanted.name && known.word.empty() == wanted.categories.empty(); });
      if (at == features.end()) {
        return fail(ErrorKind::invalid_input, name + ": feature " + in_quotes(wanted.name) + " is none of a part of traces; train the model on a table of this version's `gnomon dataset parts --of traces`");
      }
      double value = at->value;
      if (!wanted.categories.empty()) {
        const auto word = std::find(wanted.categories.begin(), wanted.categories.end(), at->word);
        value = word == wanted.categories.end() ? -1 : static_cast<double>(word - wanted.categories.begin());
      }
      x(static_cast<Eigen::Index>(p), static_cast<Eigen::Index>(f)) = value;
    }
  }
  return x;
}

Expected<Answer> from_part(const arch::Dram& dram, const std::vector<sim::TraceOpener>& openers, const MemoryPartOptions& options) {
  std::optional<surrogate::Model> model;
  if (!options.model.empty()) {
    auto loaded = surrogate::Model::load(options.model);
    if (!loaded) return fail(std::move(loaded.error()));
    model = std::move(*loaded);
    for (const surrogate::Target& target : model->info().targets) {
      if (target.name == "part_error" || target.name == "row_hit_error" || target.name == "energy_error") continue;
      return fail(ErrorKind::invalid_input, options.model + ": target " + in_quotes(target.name) + " corrects no part of traces (part_error, row_hit_error, energy_error do); train one on a table of `gnomon dataset parts --of traces`");
    }
  }
  auto part = sim::simulate_trace_part(dram, openers, options.part);
  if (!part) return fail(std::move(part.error()));
  Answer out;
  out.cycles = part->cycles;
  out.simulated_requests = part->simulated;
  out.simulated_cycles = part->simulated_cycles;
  out.row_hit_rate.value = part->row_hit_rate;
  if (part->energy_pj) out.energy_pj = Figure{*part->energy_pj};
  for (const sim::TracePartPort& port : part->ports) {
    out.traces.push_back({port.scan.requests, port.cycles, {sim::trace_throughput(dram, port.scan.requests, port.cycles)}, true, ""});
  }
  if (!model) return out;
  auto x = rows_for(*model, options.model, dram, *part);
  if (!x) return fail(std::move(x.error()));
  auto prediction = model->predict(*x);
  if (!prediction) return fail(std::move(prediction.error()));
  for (std::size_t t = 0; t < model->target_count(); ++t) {
    const std::string& name = model->info().targets[t].name;
    const auto column = static_cast<Eigen::Index>(t);
    if (name == "part_error") {
      for (std::size_t p = 0; p < out.traces.size(); ++p) {
        const auto row = static_cast<Eigen::Index>(p);
        Said& said = out.traces[p];
        const auto corrected = [&](double error) { return sim::corrected_trace_throughput(dram, *part, p, error); };
        said.throughput = {corrected(prediction->mean(row, column)), std::pair{corrected(prediction->lower(row, column)), corrected(prediction->upper(row, column))}};
        said.cycles = std::round(static_cast<double>(said.requests) / (said.throughput.value * sim::trace_peak(dram)));
      }
      continue;
    }
    if (name == "energy_error" && !out.energy_pj) continue;
    // Of all traces together: each of them says something; the interval has what any of them holds possible.
    const auto corrected = [&](double error) { return name == "energy_error" ? sim::corrected_energy_pj(*part, error) : sim::corrected_row_hit_rate(*part, error); };
    Figure figure{corrected(prediction->mean.col(column).mean()), std::pair{corrected(prediction->lower.col(column).minCoeff()), corrected(prediction->upper.col(column).maxCoeff())}};
    if (name == "energy_error") out.energy_pj = figure;
    else out.row_hit_rate = figure;
  }
  out.cycles = 0;
  for (std::size_t p = 0; p < out.traces.size(); ++p) {
    Said& said = out.traces[p];
    out.cycles = std::max(out.cycles, said.cycles);
    said.in_range = prediction->in_range[p] != 0;
    if (!said.in_range) said.why = model->why_out_of_range(x->row(static_cast<Eigen::Index>(p)).transpose());
  }
  return out;
}

void put(Json& into, const std::string& name, const Figure& figure, bool whole_number = false) {
  const auto shown = [&](double value) { return whole_number ? json_number(std::round(value)) : Json(value); };
  into[name] = shown(figure.value);
  if (figure.interval) {
    into[name + "_lower"] = shown(figure.interval->first);
    into[name + "_upper"] = shown(figure.interval->second);
  }
}

}  // namespace

bool is_memory(const std::string& arch) {
  const auto devices = arch::dram_devices();
  if (std::find(devices.begin(), devices.end(), arch) != devices.end()) return true;
  auto document = Document::load(arch);
  return document && document->root().is_object() && document->root().contains("standard");
}

Expected<int> simulate_traces(const MemoryPartOptions& options) {
  auto dram = arch::load_dram(options.memory);
  if (!dram) return fail(std::move(dram.error()));
  std::vector<sim::TraceOpener> openers;
  for (const std::string& trace : options.traces) {
    openers.push_back([&trace, &dram] { return sim::open_trace_source(trace, *dram); });
  }
  auto answer = options.part > 0 ? from_part(*dram, openers, options) : from_whole(*dram, openers);
  if (!answer) return fail(std::move(answer.error()));
  if (options.json) {
    Json traces = Json::array();
    for (std::size_t p = 0; p < answer->traces.size(); ++p) {
      const Said& said = answer->traces[p];
      Json entry{{"trace", options.traces[p]}, {"requests", said.requests}, {"cycles", json_number(std::round(said.cycles))}};
      put(entry, "throughput", said.throughput);
      if (!options.model.empty()) {
        entry["in_range"] = said.in_range;
        if (!said.why.empty()) entry["out_of_range"] = said.why;
      }
      traces.push_back(std::move(entry));
    }
    Json document{{"schema", "gnomon.memory.traces/1"}, {"memory", dram->name}, {"part", options.part}, {"simulated_requests", answer->simulated_requests}, {"simulated_cycles", answer->simulated_cycles},
                  {"cycles", json_number(std::round(answer->cycles))}, {"traces", std::move(traces)}};
    put(document, "row_hit_rate", answer->row_hit_rate);
    if (answer->energy_pj) put(document, "energy_pj", *answer->energy_pj);
    else document["energy_pj"] = nullptr;
    if (!options.model.empty()) document["model"] = options.model;
    print_json(document);
    return 0;
  }
  const bool learned = !options.model.empty();
  std::vector<std::string> head{"trace", "requests", "cycles", "throughput"};
  if (learned) head.insert(head.end(), {"90 % between", "and", "in range"});
  std::vector<std::vector<std::string>> rows;
  for (std::size_t p = 0; p < answer->traces.size(); ++p) {
    const Said& said = answer->traces[p];
    rows.push_back({options.traces[p], grouped(said.requests), grouped(std::llround(said.cycles)), fmt::format("{:.4f}", said.throughput.value)});
    if (!learned) continue;
    const auto interval = said.throughput.interval;
    rows.back().insert(rows.back().end(), {interval ? fmt::format("{:.4f}", interval->first) : "", interval ? fmt::format("{:.4f}", interval->second) : "",
                                           said.in_range ? "yes" : said.why.empty() ? "no" : "no: " + said.why});
  }
  print(table(head, rows, 1));
  rows.clear();
  const auto row = [&](const char* name, const Figure& figure, auto shown) {
    rows.push_back({name, shown(figure.value), figure.interval ? "90 % between " + shown(figure.interval->first) + " and " + shown(figure.interval->second) : ""});
  };
  row("row hits", answer->row_hit_rate, [](double v) { return fmt::format("{:.2f} %", 100 * v); });
  if (answer->energy_pj) row("energy", *answer->energy_pj, [](double v) { return fmt::format("{:.3f} uJ", v * 1e-6); });
  else rows.push_back({"energy", "unknown", "the memory file has no currents"});
  print("\n" + table({"of all traces", "value", ""}, rows));
  print(fmt::format("\n{} requests in {} cycles simulated{}; throughput in bursts per cycle, of the {} that a port can have.\n", grouped(answer->simulated_requests), grouped(answer->simulated_cycles),
                    options.part > 0 ? fmt::format(", asked for {} % of the whole", number(100 * options.part)) : "", number(sim::trace_peak(*dram))));
  return 0;
}

}  // namespace gnomon::cli
