#include "cosim/step.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/cycle.hpp"

namespace gnomon::hls {

Expected<std::int64_t> model_cycles(const arch::Design& design, std::size_t core, const arch::ArrayWork& work,
                                    const arch::StepMapping& mapping) {
  // The RTL's streams take a whole row a step, so that no port of the models may be narrower, and no bank may be met twice.
  arch::Design ample = design;
  constexpr std::int64_t wide = std::int64_t{1} << 30;
  for (arch::Core& c : ample.cores)
    for (arch::Level& level : c.levels) level.bytes_per_cycle = wide;
  for (arch::Level& level : ample.shared) level.bytes_per_cycle = wide;
  ample.bus_bytes_per_cycle = wide;
  ample.memory = {};
  ample.memory.type = "ideal";
  ample.memory.bytes_per_cycle = wide;
  ample.memory.latency_cycles = 0;
  arch::StepMapping streamed = mapping;
  for (arch::Layout& layout : streamed.layout) layout = arch::Layout::streamed;

  if (auto fits = sim::LayerContext::supports(streamed); !fits) return fail(std::move(fits.error()));
  const std::int64_t analytical = sim::estimate(ample, ample.cores[core], work, streamed).compute_cycles;
  sim::CycleStep step;
  step.label = mapping.step;
  step.core = core;
  step.array = work;
  step.mapping = streamed;
  auto run = sim::run_cycle_model(ample, {step});
  if (!run) return fail(std::move(run.error()));
  const std::int64_t cycle = run->steps.at(0).compute_cycles;
  if (analytical != cycle)
    return fail(ErrorKind::run_failed, mapping.step + ": the models disagree, analytical " + std::to_string(analytical) +
                                           " and cycle " + std::to_string(cycle) + " compute cycles");
  return cycle;
}

}  // namespace gnomon::hls
