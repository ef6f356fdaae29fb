#include "simulate_beside.hpp"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <limits>
#include <nlohmann/json.hpp>

#include "console.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/part.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::cli {
namespace {

/// What is said of one core. Throughput in MACs per cycle and PE.
struct Said {
  std::int64_t macs = 0;
  double latency_cycles = 0, throughput = 0;
  bool has_interval = false, in_range = true;
  double lower = 0, upper = 0;  ///< of the throughput
  std::string why;              ///< out of range
};

double peak_macs(const arch::Design& design, std::size_t core) {
  return static_cast<double>(design.cores[core].array.rows * design.cores[core].array.cols);
}

void set_throughput(const arch::Design& design, std::size_t core, double throughput, Said& said) {
  said.throughput = throughput;
  said.latency_cycles = throughput > 0 ? std::round(static_cast<double>(said.macs) / (throughput * peak_macs(design, core))) : 0;
}

Expected<std::vector<Said>> from_whole(const arch::Design& design, const std::vector<sim::CycleStep>& steps, std::size_t cores, std::int64_t& simulated_cycles) {
  auto run = sim::run_cycle_model(design, steps);
  if (!run) return fail(std::move(run.error()));
  simulated_cycles = run->simulated_cycles;
  std::vector<Said> out(cores);
  for (std::size_t i = 0; i < steps.size(); ++i) {
    Said& said = out[steps[i].core];
    if (steps[i].array) said.macs += steps[i].array->macs();
    said.latency_cycles = std::max(said.latency_cycles, static_cast<double>(run->steps[i].start_cycle + run->steps[i].latency_cycles));
  }
  for (std::size_t c = 0; c < cores; ++c)
    if (out[c].latency_cycles > 0) out[c].throughput = static_cast<double>(out[c].macs) / (out[c].latency_cycles * peak_macs(design, c));
  return out;
}

Expected<std::vector<Said>> from_part(const arch::Design& design, const std::vector<sim::CycleStep>& steps, std::size_t cores, const BesideOptions& options, sim::PartRun& part) {
  auto run = sim::simulate_part(design, steps, options.part);
  if (!run) return fail(std::move(run.error()));
  part = std::move(*run);
  std::vector<Said> out(cores);
  for (std::size_t c = 0; c < cores; ++c) {
    out[c].macs = part.cores[c].macs;
    set_throughput(design, c, sim::part_throughput(design, part, c), out[c]);
  }
  if (options.model.empty()) return out;
  auto model = surrogate::Model::load(options.model);
  if (!model) return fail(std::move(model.error()));
  if (model->target_count() != 1 || model->info().targets[0].name != "part_error") {
    return fail(ErrorKind::invalid_input, options.model + ": is no model of part_error; train one on a table of `gnomon dataset parts`");
  }
  RealMatrix x(static_cast<Eigen::Index>(cores), static_cast<Eigen::Index>(model->feature_count()));
  for (std::size_t c = 0; c < cores; ++c) {
    std::vector<sim::PartFeature> features = sim::part_features(design, part, c);
    for (std::size_t f = 0; f < model->feature_count(); ++f) {
      const surrogate::Feature& wanted = model->info().features[f];
      double value = std::numeric_limits<double>::quiet_NaN();
      if (!wanted.categories.empty()) {
        const std::string word = wanted.name == "memory" ? design.memory.type : wanted.name == "dataflow" ? std::string(arch::info(design.cores[c].array.dataflow).name) : "";
        const auto at = std::find(wanted.categories.begin(), wanted.categories.end(), word);
        value = at == wanted.categories.end() ? -1 : static_cast<double>(at - wanted.categories.begin());
      } else {
        const auto at = std::find_if(features.begin(), features.end(), [&](const sim::PartFeature& known) { return known.name == wanted.name; });
        if (at == features.end()) return fail(ErrorKind::invalid_input, options.model + ": feature " + in_quotes(wanted.name) + " is none of a part; train the model on a table of this version's `gnomon dataset parts`");
        value = at->value;
      }
      x(static_cast<Eigen::Index>(c), static_cast<Eigen::Index>(f)) = value;
    }
  }
  auto prediction = model->predict(x);
  if (!prediction) return fail(std::move(prediction.error()));
  for (std::size_t c = 0; c < cores; ++c) {
    const auto row = static_cast<Eigen::Index>(c);
    Said& said = out[c];
    set_throughput(design, c, sim::corrected_throughput(design, part, c, prediction->mean(row, 0)), said);
    said.has_interval = true;
    said.lower = sim::corrected_throughput(design, part, c, prediction->lower(row, 0));
    said.upper = sim::corrected_throughput(design, part, c, prediction->upper(row, 0));
    said.in_range = prediction->in_range[c] != 0;
    if (!said.in_range) said.why = model->why_out_of_range(x.row(row).transpose());
  }
  return out;
}

}  // namespace

Expected<int> simulate_beside(const BesideOptions& options) {
  auto design = arch::load_design(options.design);
  if (!design) return fail(std::move(design.error()));
  std::vector<std::shared_ptr<const workloads::Graph>> networks;
  for (const std::string& workload : options.workloads) {
    auto graph = workloads::load(workload);
    if (!graph) return fail(std::move(graph.error()));
    networks.push_back(std::move(*graph));
  }
  auto steps = sim::side_by_side(*design, networks);
  if (!steps) return fail(std::move(steps.error()));
  const bool whole = options.part == 0;
  sim::PartRun part;
  std::int64_t simulated_cycles = 0;
  auto said = whole ? from_whole(*design, *steps, networks.size(), simulated_cycles) : from_part(*design, *steps, networks.size(), options, part);
  if (!said) return fail(std::move(said.error()));
  if (!whole) simulated_cycles = part.simulated_cycles;

  if (options.json) {
    Json cores = Json::array();
    for (std::size_t c = 0; c < said->size(); ++c) {
      const Said& core = (*said)[c];
      Json entry{{"core", design->cores[c].name}, {"workload", options.workloads[c]}, {"macs", core.macs}, {"latency_cycles", json_number(core.latency_cycles)}, {"throughput", core.throughput}};
      if (core.has_interval) {
        entry["throughput_lower"] = core.lower, entry["throughput_upper"] = core.upper, entry["in_range"] = core.in_range;
        if (!core.why.empty()) entry["out_of_range"] = core.why;
      }
      if (!whole) entry["sampled_share"] = part.cores[c].sampled;
      cores.push_back(std::move(entry));
    }
    Json document{{"schema", "gnomon.simulate.beside/1"}, {"design", design->name}, {"part", options.part}, {"simulated_cycles", simulated_cycles}, {"cores", std::move(cores)}};
    if (!options.model.empty()) document["model"] = options.model;
    print_json(document);
    return 0;
  }
  std::vector<std::string> head{"core", "workload", "MACs", "latency_cycles", "throughput"};
  if (!options.model.empty()) head.insert(head.end(), {"90 % between", "and", "in range"});
  std::vector<std::vector<std::string>> rows;
  for (std::size_t c = 0; c < said->size(); ++c) {
    const Said& core = (*said)[c];
    rows.push_back({design->cores[c].name, options.workloads[c], short_number(static_cast<double>(core.macs)), grouped(static_cast<std::int64_t>(core.latency_cycles)), fmt::format("{:.4f}", core.throughput)});
    if (core.has_interval)
      rows.back().insert(rows.back().end(), {fmt::format("{:.4f}", core.lower), fmt::format("{:.4f}", core.upper), core.in_range ? "yes" : core.why.empty() ? "no" : "no: " + core.why});
  }
  print(table(head, rows, 2));
  print(fmt::format("\n{} cycles simulated{}; throughput in MACs per cycle and PE.\n", grouped(simulated_cycles), whole ? "" : fmt::format(", asked for {} % of the whole", number(100 * options.part))));
  return 0;
}

}  // namespace gnomon::cli
