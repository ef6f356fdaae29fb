#include "compare.hpp"

#include <sstream>

#include "gnomon/sim/analytical.hpp"
#include "reference.hpp"

namespace gnomon::sim::testing {

std::vector<CycleStep> cycle_steps_of(const RandomCase& random_case) {
  std::vector<CycleStep> steps;
  for (const RandomCase::Step& step : random_case.steps) {
    CycleStep one;
    one.label = "step" + std::to_string(steps.size());
    one.core = step.core;
    if (step.is_array) {
      one.array = step.work;
      one.mapping = step.mapping;
    }
    one.vector = step.vector;
    steps.push_back(one);
  }
  return steps;
}

std::string difference_to_reference(const RandomCase& random_case, std::uint64_t seed) {
  std::vector<reference::Job> jobs;
  for (const RandomCase::Step& step : random_case.steps) {
    reference::Job job;
    job.core = step.core;
    if (step.is_array) {
      job.work = &step.work;
      job.mapping = &step.mapping;
    }
    job.vector = step.vector;
    jobs.push_back(job);
  }
  const auto model = run_cycle_model(random_case.design, cycle_steps_of(random_case));
  if (!model) return "model: " + model.error().text();
  const auto truth = reference::run(random_case.design, jobs, seed);
  std::ostringstream out;
  for (std::size_t s = 0; s < jobs.size(); ++s) {
    const reference::Outcome& expected = truth[s];
    const StepResult& found = model->steps[s];
    if (!expected.error.empty()) out << "step " << s << ": reference: " << expected.error << "\n";
    const auto compare = [&](const std::string& what, std::int64_t mine, std::int64_t reference) {
      if (mine != reference) out << "step " << s << ": " << what << ": model " << mine << ", reference " << reference << "\n";
    };
    compare("start", found.start_cycle, expected.start);
    compare("latency", found.latency_cycles, expected.latency);
    compare("compute", found.compute_cycles, expected.compute);
    compare("stall", found.stall_cycles, expected.latency - expected.compute);
    compare("DRAM reads", found.counts.dram_read_bytes, expected.dram_read);
    compare("DRAM writes", found.counts.dram_write_bytes, expected.dram_write);
    compare("bus bytes", found.counts.bus_bytes, expected.bus);
    for (std::size_t l = 0; l < expected.level.size(); ++l) {
      compare("reads of level " + std::to_string(l), found.counts.level[l].read, expected.level[l].read);
      compare("writes of level " + std::to_string(l), found.counts.level[l].write, expected.level[l].write);
    }
  }
  return out.str();
}

std::string difference_to_analytical(const RandomCase& random_case, AnalyticalAgreement& agreement) {
  agreement = {};
  const RandomCase::Step& step = random_case.steps.at(0);
  const arch::Core& core = random_case.design.cores[step.core];
  const auto model = run_cycle_model(random_case.design, cycle_steps_of(random_case));
  if (!model) return "model: " + model.error().text();
  if (const auto supported = LayerContext::supports(step.mapping); !supported) return "analytical: " + supported.error().text();
  const LayerEstimate found = estimate(random_case.design, core, step.work, step.mapping);
  const StepResult& expected = model->steps[0];
  std::ostringstream out;
  const auto compare = [&](const std::string& what, std::int64_t mine, std::int64_t cycle) {
    if (mine != cycle) out << what << ": analytical " << mine << ", cycle " << cycle << "\n";
  };
  compare("compute", found.compute_cycles, expected.compute_cycles);
  compare("DRAM reads", found.counts.dram_read_bytes, expected.counts.dram_read_bytes);
  compare("DRAM writes", found.counts.dram_write_bytes, expected.counts.dram_write_bytes);
  compare("bus bytes", found.counts.bus_bytes, expected.counts.bus_bytes);
  compare("MACs", found.counts.macs, expected.counts.macs);
  for (std::size_t l = 0; l < core.levels.size() + random_case.design.shared.size(); ++l) {
    compare("reads of level " + std::to_string(l), found.counts.level[l].read, expected.counts.level[l].read);
    compare("writes of level " + std::to_string(l), found.counts.level[l].write, expected.counts.level[l].write);
  }
  const CycleRun::Activity& activity = model->activity[0];
  agreement.never_waited = activity.end_cycle - activity.first_cycle == expected.compute_cycles;
  agreement.analytical_latency = found.latency_cycles;
  agreement.cycle_latency = expected.latency_cycles;
  return out.str();
}

}  // namespace gnomon::sim::testing
