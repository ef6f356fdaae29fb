#include <algorithm>
#include <map>

#include "gnomon/base/json.hpp"
#include "gnomon/sim/memory.hpp"
#include "trace_source.hpp"

namespace gnomon::sim {

std::int64_t refresh_missing(const arch::Dram& dram, const DramStatistics& statistics) {
  const std::int64_t interval = dram[arch::DramTiming::tREFI];
  if (interval < 1) return 0;
  std::int64_t units = std::int64_t{dram.channels} * dram.pseudo_channels * dram.ranks;
  if (dram.controller.refresh == arch::DramRefresh::none) return (statistics.cycles / interval + 1) * units;
  if (dram.controller.refresh == arch::DramRefresh::per_bank) units *= dram.banks_per_rank();
  if (dram.controller.refresh == arch::DramRefresh::same_bank) units *= dram.banks_per_group;
  constexpr std::int64_t may_be_put_off = 8;  // JESD79-3 4.13, JESD79-4 4.9: postponed refreshes
  return std::max<std::int64_t>(0, (statistics.cycles / interval - may_be_put_off) * units - statistics.refreshes);
}

namespace {

constexpr std::size_t kept_requests = 4'000'000;

class MemoryEvaluator final : public arch::Evaluator {
 public:
  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    if (job.workloads.empty()) return fail(ErrorKind::invalid_input, "the job has no trace");
    auto document = Document::parse(job.design_json, "memory");
    if (!document) return fail(std::move(document.error()));
    auto dram = arch::parse_dram(*document);
    if (!dram) return fail(std::move(dram.error()));
    Sums total;
    arch::Evaluation out;
    std::vector<arch::Metric> named;
    for (const arch::WorkloadRef& workload : job.workloads) {
      auto result = play(*dram, workload.model);
      if (!result) return fail(std::move(result.error()));
      Sums one;
      one.add(*dram, result->statistics, 1.0);
      total.add(*dram, result->statistics, workload.weight);
      if (job.workloads.size() < 2) continue;
      for (const arch::Metric& metric : one.metrics()) named.push_back({metric.name + "@" + workload.model, metric.value});
    }
    out.metrics = total.metrics();
    out.metrics.insert(out.metrics.end(), named.begin(), named.end());
    return out;
  }

 private:
  struct Sums {
    double cycles = 0, ps = 0, reads = 0, writes = 0, bytes = 0, hits = 0, misses = 0, conflicts = 0, activates = 0, refreshes = 0, missing = 0, latency = 0, pj = 0;
    bool has_energy = true;

    void add(const arch::Dram& dram, const DramStatistics& s, double weight) {
      const auto sum = [&](double& into, double value) { into += weight * value; };
      sum(cycles, static_cast<double>(s.cycles));
      sum(ps, static_cast<double>(s.cycles) * static_cast<double>(dram.tck_ps()));
      sum(reads, static_cast<double>(s.reads));
      sum(writes, static_cast<double>(s.writes));
      sum(bytes, static_cast<double>(s.bytes));
      sum(hits, static_cast<double>(s.row_hits));
      sum(misses, static_cast<double>(s.row_misses));
      sum(conflicts, static_cast<double>(s.row_conflicts));
      sum(activates, static_cast<double>(s.activates));
      sum(refreshes, static_cast<double>(s.refreshes));
      sum(missing, static_cast<double>(refresh_missing(dram, s)));
      sum(latency, s.read_latency.mean * static_cast<double>(s.reads));
      has_energy = has_energy && s.energy;
      if (s.energy) sum(pj, s.energy->total_pj());
    }

    std::vector<arch::Metric> metrics() const {
      std::vector<arch::Metric> out{{"energy_pj", pj},
                                    {"cycles", cycles},
                                    {"total_time_us", ps * 1e-6},
                                    {"reads", reads},
                                    {"writes", writes},
                                    {"bandwidth_gb_s", ps > 0 ? bytes / ps * 1e3 : 0},
                                    {"row_hits", hits},
                                    {"row_misses", misses},
                                    {"row_conflicts", conflicts},
                                    {"activates", activates},
                                    {"refreshes", refreshes},
                                    {"refresh_missing", missing},
                                    {"mean_read_latency_cycles", reads > 0 ? latency / reads : 0},
                                    {"power_mw", ps > 0 ? pj / ps * 1e3 : 0}};
      if (!has_energy) std::erase_if(out, [](const arch::Metric& m) { return m.name == "energy_pj" || m.name == "power_mw"; });
      return out;
    }
  };

  std::map<std::string, std::vector<TraceRequest>> traces_;

  Expected<DramResult> play(const arch::Dram& dram, const std::string& trace) {
    // The size decides what the accesses are (patterns) and whether they are inside (files).
    const std::string key = trace + "\n" + std::to_string(dram.bytes());
    auto kept = traces_.find(key);
    if (kept == traces_.end()) {
      auto source = open_trace_source(trace, dram);
      if (!source) return fail(std::move(source.error()));
      auto requests = read_whole(**source, kept_requests);
      if (!requests) return fail(std::move(requests.error()));
      if (requests->size() > kept_requests) {
        source = open_trace_source(trace, dram);
        if (!source) return fail(std::move(source.error()));
        return run_trace(dram, **source);
      }
      kept = traces_.emplace(key, std::move(*requests)).first;
    }
    KeptTrace source(kept->second);
    return run_trace(dram, source);
  }
};

}  // namespace

void register_memory(arch::EvaluatorRegistry& registry) {
  registry.add("memory", "cycle", [] { return std::make_unique<MemoryEvaluator>(); });
}

}  // namespace gnomon::sim
