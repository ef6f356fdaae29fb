#include "gnomon/sim/evaluator.hpp"

#include <algorithm>
#include <set>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/workloads/load.hpp"
#include "run.hpp"

namespace gnomon::sim {
namespace {

struct Options {
  std::string goal = "edp";
};
void describe(FieldVisitor& v, Options& o) { field(v, {"goal", "what a mapping is chosen for"}, o.goal, Choice{{"latency", "energy", "edp"}}); }

Expected<Goal> goal_of(const arch::EvaluationJob& job) {
  if (job.options_json.empty()) return Goal::edp;
  auto document = Document::parse(job.options_json, "options");
  if (!document) return fail(std::move(document.error()));
  auto options = read_fields<Options>(*document);
  if (!options) return fail(std::move(options.error()));
  return options->goal == "latency" ? Goal::latency : options->goal == "energy" ? Goal::energy : Goal::edp;
}

/// One answer from those of several workloads.
arch::Evaluation combined(std::vector<arch::Evaluation>& parts, const std::vector<arch::WorkloadRef>& workloads, const arch::Design& design) {
  if (parts.size() == 1 && workloads[0].weight == 1.0) return std::move(parts[0]);
  arch::Evaluation out;
  out.layers = std::move(parts[0].layers);
  out.metrics = parts[0].metrics;
  out.energy_breakdown_pj = parts[0].energy_breakdown_pj;
  out.waiting = std::move(parts[0].waiting);
  const auto value = [](const arch::Evaluation& e, const std::string& name) {
    const double* found = e.find(name);
    return found ? *found : 0.0;
  };
  for (arch::Metric& metric : out.metrics) {
    if (metric.name == "area_um2") continue;
    double sum = 0, most = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const double v = value(parts[i], metric.name);
      sum += workloads[i].weight * v;
      most = std::max(most, v);
    }
    metric.value = metric.name == "peak_memory_bytes" ? most : sum;
    if (metric.name == "dram_bandwidth_gb_s" || metric.name == "dram_read_latency_cycles") {
      double time = 0;
      metric.value = 0;
      for (std::size_t i = 0; i < parts.size(); ++i) {
        const double weight = workloads[i].weight * value(parts[i], "latency_s");
        metric.value += weight * value(parts[i], metric.name);
        time += weight;
      }
      if (time > 0) metric.value /= time;
    }
  }
  for (std::size_t j = 0; j < out.energy_breakdown_pj.size(); ++j) {
    double sum = 0;
    for (std::size_t i = 0; i < parts.size(); ++i) sum += workloads[i].weight * parts[i].energy_breakdown_pj[j].second;
    out.energy_breakdown_pj[j].second = sum;
  }
  double pes = 0;
  for (const arch::Core& core : design.cores) pes += static_cast<double>(core.array.pes());
  const double seconds = value(out, "latency_s"), joules = value(out, "energy_pj") * 1e-12, cycles = value(out, "latency_cycles");
  const double macs = value(out, "macs");
  for (arch::Metric& metric : out.metrics) {
    if (metric.name == "power_w") metric.value = seconds > 0 ? joules / seconds : 0;
    if (metric.name == "edp_js") metric.value = joules * seconds;
    if (metric.name == "utilization") metric.value = cycles > 0 ? macs / (cycles * pes) : 0;
  }
  if (parts.size() == 1) return out;
  std::set<std::string> named;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    std::string model = workloads[i].model;
    if (!named.insert(model).second) {
      model += "?batch=" + std::to_string(workloads[i].batch);
      if (!named.insert(model).second) continue;
    }
    for (const arch::Metric& metric : parts[i].metrics) out.metrics.push_back({metric.name + "@" + model, metric.value});
  }
  return out;
}

class AnalyticalEvaluator : public AcceleratorEvaluator {
 protected:
  Expected<arch::Evaluation> simulate(const Run& run) override {
    return analyze_planned(run.design, run.graph, run.lowered, run.mapping, run.plan);
  }
};

}  // namespace

Expected<std::shared_ptr<const workloads::Graph>> AcceleratorEvaluator::graph(const arch::WorkloadRef& workload, const std::string& base_folder) {
  const std::string key = workload.model + "\n" + std::to_string(workload.batch) + "\n" + base_folder;
  if (const auto found = graphs_.find(key); found != graphs_.end()) return found->second;
  workloads::LoadOptions options;
  options.batch = workload.batch;
  options.base = base_folder;
  auto loaded = workloads::load(workload.model, options);
  if (!loaded) return fail(std::move(loaded.error()));
  return graphs_.emplace(key, std::move(*loaded)).first->second;
}

Expected<arch::Evaluation> AcceleratorEvaluator::evaluate(const arch::EvaluationJob& job) {
  if (job.workloads.empty()) return fail(ErrorKind::invalid_input, "the job has no workload");
  auto document = Document::parse(job.design_json, "design");
  if (!document) return fail(std::move(document.error()));
  auto design = arch::parse_design(*document, job.base_folder);
  if (!design) return fail(std::move(design.error()));
  if (auto ok = supported(*design); !ok) return fail(std::move(ok.error()));
  auto goal = goal_of(job);
  if (!goal) return fail(std::move(goal.error()));
  std::optional<arch::Mapping> given;
  if (!job.mapping_json.empty()) {
    auto text = Document::parse(job.mapping_json, "mapping");
    if (!text) return fail(std::move(text.error()));
    auto mapping = arch::read_mapping(*text);
    if (!mapping) return fail(std::move(mapping.error()));
    given = std::move(*mapping);
  }
  std::vector<arch::Evaluation> parts;
  for (const arch::WorkloadRef& workload : job.workloads) {
    auto loaded = graph(workload, job.base_folder);
    if (!loaded) return fail(std::move(loaded.error()));
    auto lowered = arch::lower(**loaded, lowering_core(*design));
    if (!lowered) return fail(std::move(lowered.error()));
    arch::Mapping mapping;
    if (given) {
      mapping = *given;
    } else {
      auto chosen = map(*design, **loaded, *lowered, *goal);
      if (!chosen) return fail(std::move(chosen.error()));
      mapping = std::move(*chosen);
    }
    auto steps = plan(*design, **loaded, *lowered, mapping, "mapping");
    if (!steps) return fail(std::move(steps.error()));
    auto result = simulate({*design, **loaded, *lowered, mapping, *steps, job});
    if (!result) return fail(std::move(result.error()));
    parts.push_back(std::move(*result));
  }
  return combined(parts, job.workloads, *design);
}

void register_analytical(arch::EvaluatorRegistry& registry) {
  registry.add("accelerator", "analytical", [] { return std::make_unique<AnalyticalEvaluator>(); });
}

}  // namespace gnomon::sim
