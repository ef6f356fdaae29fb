#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/evaluator.hpp"

namespace gnomon::sim {

std::vector<CycleStep> cycle_steps(const std::vector<PlannedStep>& planned) {
  std::vector<CycleStep> steps;
  for (const PlannedStep& one : planned) {
    CycleStep step;
    step.label = one.step->label;
    step.core = one.core;
    step.array = one.step->array;
    if (one.mapping != nullptr) step.mapping = *one.mapping;
    step.vector = one.step->vector;
    step.after = one.after;
    steps.push_back(std::move(step));
  }
  return steps;
}

namespace {

/// What the run says beyond the steps: the memory device's counts, and who waited for whom.
void add_memory(const arch::Design& design, const CycleRun& run, arch::Evaluation& out) {
  std::int64_t waited = 0;
  for (std::size_t i = 0; i < run.waited_cycles.size(); ++i) {
    for (std::size_t j = 0; j < run.waited_cycles[i].size(); ++j) {
      if (run.waited_cycles[i][j] == 0) continue;
      waited += run.waited_cycles[i][j];
      out.waiting.push_back({design.cores[i].name, design.cores[j].name, run.waited_cycles[i][j]});
    }
  }
  if (!run.memory) return;
  const DramStatistics& m = *run.memory;
  const double seconds = static_cast<double>(m.cycles) * static_cast<double>(design.memory.dram->tck_ps()) * 1e-12;
  const auto add = [&](const char* name, double value) { out.metrics.push_back({name, value}); };
  add("dram_row_hits", static_cast<double>(m.row_hits));
  add("dram_row_misses", static_cast<double>(m.row_misses));
  add("dram_row_conflicts", static_cast<double>(m.row_conflicts));
  add("dram_refreshes", static_cast<double>(m.refreshes));
  add("dram_bandwidth_gb_s", seconds > 0 ? static_cast<double>(m.bytes) * 1e-9 / seconds : 0);
  add("dram_read_latency_cycles", m.read_latency.mean);
  add("waited_cycles", static_cast<double>(waited));
}

Expected<arch::Evaluation> outcome(const arch::Design& design, const workloads::Graph& graph, const std::vector<arch::LoweredOperator>& lowered,
                                   const arch::Mapping& mapping, const CycleRun& run) {
  std::optional<double> dram_pj;
  if (run.memory && run.memory->energy) dram_pj = run.memory->energy->total_pj();
  auto out = assemble(design, graph, lowered, mapping, run.steps, dram_pj);
  if (out) add_memory(design, run, *out);
  return out;
}

}  // namespace

Expected<arch::Evaluation> simulate(const arch::Design& design, const workloads::Graph& graph, const arch::Mapping& mapping,
                                    const std::string& mapping_file) {
  const auto lowered = arch::lower(graph, lowering_core(design));
  if (!lowered) return fail(lowered.error());
  const auto planned = plan(design, graph, *lowered, mapping, mapping_file);
  if (!planned) return fail(planned.error());
  const auto run = run_cycle_model(design, cycle_steps(*planned), mapping_file);
  if (!run) return fail(run.error());
  return outcome(design, graph, *lowered, mapping, *run);
}

namespace {

class CycleEvaluator : public AcceleratorEvaluator {
 public:
  bool needs_process() const override { return true; }

 protected:
  Expected<arch::Evaluation> simulate(const Run& run) override {
    const auto ran = run_cycle_model(run.design, cycle_steps(run.plan));
    if (!ran) return fail(ran.error());
    return outcome(run.design, run.graph, run.lowered, run.mapping, *ran);
  }
};

}  // namespace

void register_cycle(arch::EvaluatorRegistry& registry) {
  registry.add("accelerator", "cycle", [] { return std::make_unique<CycleEvaluator>(); });
}

}  // namespace gnomon::sim
