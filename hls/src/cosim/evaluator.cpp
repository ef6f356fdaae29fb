#include <algorithm>

#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/register.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/evaluator.hpp"

namespace gnomon::hls {
namespace {

/// Fidelity `rtl`: every distinct array step of the workload runs in generated RTL, in Verilator: with streams that never wait, and (on one
/// core) in the place of the array's model in the SystemC system of levels, links and memory. With several cores all steps run in one such system, where they are
/// no longer than the cycle limit together. Latency, counts and
/// energy are the cycle model's, with which the RTL must agree in cycles and bytes. `outputs_match` says whether every output of every step was right to the bit. Errors
/// besides the cycle model's: unsupported (arrays without RTL, steps beyond the cycle limit), run_failed (cycles differ; tools).
class RtlEvaluator : public sim::AcceleratorEvaluator {
 public:
  bool needs_process() const override { return true; }

  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    all_match_ = true;
    auto evaluation = AcceleratorEvaluator::evaluate(job);
    if (!evaluation) return evaluation;
    // A truth is not a weighted sum.
    for (arch::Metric& metric : evaluation->metrics)
      if (metric.name == "outputs_match") metric.value = all_match_ ? 1 : 0;
    return evaluation;
  }

 protected:
  Expected<arch::Evaluation> simulate(const Run& run) override {
    CosimOptions options;
    options.seed = run.job.seed;
    auto ran = sim::run_cycle_model(run.design, sim::cycle_steps(run.plan));
    if (!ran) return fail(std::move(ran.error()));
    std::int64_t cycles = 0;
    for (const sim::StepResult& step : ran->steps) cycles += step.latency_cycles;
    // Several cores share links with each other, which a step alone cannot show.
    const bool alone = run.design.cores.size() == 1;
    options.system = alone;
    options.together = !alone && cycles <= options.max_cycles;
    auto cosim = cosimulate({run.design, run.graph, "", run.mapping, options});
    if (!cosim) return fail(std::move(cosim.error()));
    for (const CosimStep& step : cosim->steps)
      if (step.figures.cycle_difference != 0)
        return fail(ErrorKind::run_failed, step.label + ": the RTL takes " + std::to_string(step.figures.rtl_cycles) +
                                               " cycles, the models say " + std::to_string(step.figures.model_cycles));
    for (const CosimStep& step : cosim->steps)
      if (step.system && !step.system->agrees)
        return fail(ErrorKind::run_failed,
                    step.label + ": the system with the RTL and the model of it disagree: latency " + std::to_string(step.system->latency_cycles) +
                        " and " + std::to_string(step.system->model_latency_cycles) + " cycles, compute " +
                        std::to_string(step.system->compute_cycles) + " and " + std::to_string(step.system->model_compute_cycles) + "; " +
                        step.system->difference);
    if (cosim->together && !cosim->together->agrees)
      return fail(ErrorKind::run_failed, "all steps in one system with the RTL and the model of it disagree: " + cosim->together->difference);
    auto evaluation = sim::assemble(run.design, run.graph, run.lowered, run.mapping, ran->steps);
    if (!evaluation) return evaluation;
    all_match_ = all_match_ && cosim->total.outputs_match;
    evaluation->metrics.push_back({"outputs_match", cosim->total.outputs_match ? 1.0 : 0.0});
    evaluation->metrics.push_back({"mismatches", static_cast<double>(cosim->total.mismatches)});
    evaluation->metrics.push_back({"rtl_cycles", static_cast<double>(cosim->total.rtl_cycles)});
    evaluation->metrics.push_back({"cycle_difference", static_cast<double>(cosim->total.cycle_difference)});
    return evaluation;
  }

 private:
  bool all_match_ = true;
};

}  // namespace

void register_evaluators(arch::EvaluatorRegistry& registry) {
  registry.add("accelerator", "rtl", [] { return std::make_unique<RtlEvaluator>(); });
}

}  // namespace gnomon::hls
