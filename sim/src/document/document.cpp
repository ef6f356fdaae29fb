#include "gnomon/sim/document.hpp"

#include <cmath>
#include <nlohmann/json.hpp>

#include "gnomon/base/hash.hpp"
#include "gnomon/base/version.hpp"

namespace gnomon::sim {
namespace {

/// Whole and exact numbers as integers: a reader sees 12345, not 12345.0.
Json plain(double value) {
  constexpr double exact = 9007199254740992.0;
  if (!std::isfinite(value)) return nullptr;
  if (value == std::floor(value) && std::abs(value) <= exact) return static_cast<std::int64_t>(value);
  return value;
}

Json layer_json(const arch::LayerMetrics& layer) {
  Json out{{"name", layer.name},
           {"op", layer.op},
           {"macs", layer.macs},
           {"latency_cycles", layer.latency_cycles},
           {"compute_cycles", layer.compute_cycles},
           {"stall_cycles", layer.stall_cycles},
           {"utilization", layer.utilization},
           {"dram_read_bytes", layer.dram_read_bytes},
           {"dram_write_bytes", layer.dram_write_bytes},
           {"sram_read_bytes", layer.sram_read_bytes},
           {"sram_write_bytes", layer.sram_write_bytes},
           {"energy_pj", layer.energy_pj},
           {"mapping", layer.mapping_json.empty() ? Json(nullptr) : Json::parse(layer.mapping_json)}};
  for (const auto& [name, value] : layer.extra) out[name] = plain(value);
  return out;
}

std::string input_sha256(const arch::Design& design, const arch::EvaluationJob& job) {
  std::string all = design.resolved_json + "\n" + (design.memory.dram ? design.memory.dram->resolved_json + "\n" : "") + job.fidelity + "\n" + job.mapping_json + "\n";
  for (const arch::WorkloadRef& workload : job.workloads) {
    const auto content = workload.model.starts_with("zoo:") ? Expected<std::string>(workload.model) : read_file(workload.model, std::size_t{2} << 30);
    all += sha256(content ? *content : workload.model) + " " + std::to_string(workload.batch) + "\n";
  }
  return sha256(all);
}

}  // namespace

Json simulation_document(const arch::Design& design, const arch::EvaluationJob& job, const arch::Evaluation& evaluation,
                         const std::string& workload) {
  Json total{{"name", workload}, {"op", "total"}};
  for (const arch::Metric& metric : evaluation.metrics) total[metric.name] = plain(metric.value);
  // Each layer's mapping is a mapping file of its own; together they are one.
  Json steps = Json::object();
  Json layers = Json::array();
  for (const arch::LayerMetrics& layer : evaluation.layers) {
    layers.push_back(layer_json(layer));
    const Json& mapping = layers.back()["mapping"];
    if (!mapping.is_object()) continue;
    for (const auto& [step, entry] : mapping.at("steps").items()) steps[step] = entry;
  }
  total["mapping"] = Json{{"version", 1}, {"steps", std::move(steps)}};
  Json breakdown = Json::object();
  for (const auto& [name, energy_pj] : evaluation.energy_breakdown_pj) breakdown[name] = energy_pj;
  Json out{{"schema", "gnomon.simulate/1"}, {"design", design.name}, {"workload", workload}, {"fidelity", job.fidelity}};
  // `outputs_match` is a truth, not a count.
  if (const double* match = evaluation.find("outputs_match")) {
    total["outputs_match"] = *match != 0;
    out["outputs_match"] = *match != 0;
  }
  out["total"] = std::move(total);
  out["layers"] = std::move(layers);
  out["energy_breakdown_pj"] = std::move(breakdown);
  if (!evaluation.intervals.empty()) {
    Json intervals = Json::object();
    for (const auto& interval : evaluation.intervals) intervals[interval.name] = Json{{"lower", interval.lower}, {"upper", interval.upper}};
    out["intervals"] = std::move(intervals);
    out["in_range"] = evaluation.in_range;
  }
  if (!evaluation.waiting.empty()) {
    Json waiting = Json::array();
    for (const auto& w : evaluation.waiting) waiting.push_back({{"core", w.who}, {"for", w.whom}, {"cycles", w.cycles}});
    out["waiting"] = std::move(waiting);
  }
  out["provenance"] = Json{{"version", version()}, {"commit", commit()}, {"input_sha256", input_sha256(design, job)}, {"seed", job.seed}};
  return out;
}

}  // namespace gnomon::sim
