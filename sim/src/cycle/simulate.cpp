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

Expected<arch::Evaluation> simulate(const arch::Design& design, const workloads::Graph& graph, const arch::Mapping& mapping,
                                    const std::string& mapping_file) {
  const auto lowered = arch::lower(graph, lowering_core(design));
  if (!lowered) return fail(lowered.error());
  const auto planned = plan(design, graph, *lowered, mapping, mapping_file);
  if (!planned) return fail(planned.error());
  const auto run = run_cycle_model(design, cycle_steps(*planned), mapping_file);
  if (!run) return fail(run.error());
  return assemble(design, graph, *lowered, mapping, run->steps);
}

namespace {

class CycleEvaluator : public AcceleratorEvaluator {
 public:
  bool needs_process() const override { return true; }

 protected:
  Expected<arch::Evaluation> simulate(const Run& run) override {
    const auto ran = run_cycle_model(run.design, cycle_steps(run.plan));
    if (!ran) return fail(ran.error());
    return assemble(run.design, run.graph, run.lowered, run.mapping, ran->steps);
  }
};

}  // namespace

void register_cycle(arch::EvaluatorRegistry& registry) {
  registry.add("accelerator", "cycle", [] { return std::make_unique<CycleEvaluator>(); });
}

}  // namespace gnomon::sim
