#include <gtest/gtest.h>

#include "compare.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::sim {
namespace {

arch::Design design_of(int cores) {
  std::string list;
  for (int c = 0; c < cores; ++c) {
    list += std::string(c == 0 ? "" : ", ") + R"({"name": "core)" + std::to_string(c) + R"(", "array": {"rows": 16, "cols": 16, "dataflow": ")" + (c == 0 ? "ws" : "os") +
            R"(", "overlap": true}, "levels": [{"name": "buffer", "holds": ["ifmap", "filter", "ofmap"], "kib": 64}], "vector": {"lanes": 8}})";
  }
  const auto document = Document::parse(R"({"version": 1, "name": "t", "clock_mhz": 800, "technology": "45nm", "cores": [)" + list +
                                            R"(], "memory": {"type": "ideal", "bytes_per_cycle": 16, "latency_cycles": 50}})",
                                        "test");
  const auto design = arch::parse_design(document.value());
  return design.value();
}

struct Network {
  std::shared_ptr<const workloads::Graph> graph;
  std::vector<arch::LoweredOperator> lowered;
  arch::Mapping mapping;
  explicit Network(const arch::Design& design)
      : graph(workloads::load("zoo:resnet18").value()), lowered(arch::lower(*graph, lowering_core(design)).value()), mapping(map(design, *graph, lowered).value()) {}
};

TEST(Simulate, LayersOfOneCoreAreExclusiveSpansAndEqualOnesAreSimulatedOnce) {
  const arch::Design design = design_of(1);
  const Network network(design);
  const auto planned = plan(design, *network.graph, network.lowered, network.mapping, "mapping");
  ASSERT_TRUE(planned) << planned.error().text();
  const auto steps = cycle_steps(*planned);
  const auto run = run_cycle_model(design, steps);
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_LT(run->simulated_steps, static_cast<std::int64_t>(steps.size()));
  std::int64_t end = 0;
  for (std::size_t s = 0; s < steps.size(); ++s) {
    EXPECT_EQ(run->steps[s].start_cycle, end);
    end += run->steps[s].latency_cycles;
    // Alone, the step takes the same.
    CycleStep alone = steps[s];
    alone.after.clear();
    const auto one = run_cycle_model(design, {alone});
    ASSERT_TRUE(one);
    EXPECT_EQ(one->steps[0].latency_cycles, run->steps[s].latency_cycles) << steps[s].label;
    EXPECT_EQ(one->steps[0].counts, run->steps[s].counts) << steps[s].label;
  }
  const auto evaluation = simulate(design, *network.graph, network.mapping);
  ASSERT_TRUE(evaluation) << evaluation.error().text();
  const double* latency = evaluation->find("latency_cycles");
  ASSERT_NE(latency, nullptr);
  EXPECT_EQ(*latency, static_cast<double>(end));
  std::int64_t rows = 0;
  for (const arch::LayerMetrics& layer : evaluation->layers) rows += layer.latency_cycles;
  EXPECT_EQ(rows, end);
}

TEST(Simulate, StepsOfSeveralCoresWaitForWhatTheyRead) {
  const arch::Design design = design_of(2);
  const Network network(design);
  const auto planned = plan(design, *network.graph, network.lowered, network.mapping, "mapping");
  ASSERT_TRUE(planned) << planned.error().text();
  const auto steps = cycle_steps(*planned);
  const auto run = run_cycle_model(design, steps);
  ASSERT_TRUE(run) << run.error().text();
  const auto end = [&](std::size_t s) { return run->steps[s].start_cycle + run->steps[s].latency_cycles; };
  std::vector<std::int64_t> free(design.cores.size(), 0);
  for (std::size_t s = 0; s < steps.size(); ++s) {
    std::int64_t earliest = free[steps[s].core];
    for (const std::size_t before : steps[s].after) earliest = std::max(earliest, end(before));
    EXPECT_EQ(run->steps[s].start_cycle, earliest) << steps[s].label;
    free[steps[s].core] = end(s);
  }
}

TEST(Simulate, RefusesWhatItCannotDo) {
  arch::Design design = design_of(1);
  const Network network(design);
  design.memory.kind = arch::MemoryKind::device;
  design.memory.type = "ddr4-2400";
  const auto device = run_cycle_model(design, {});
  ASSERT_FALSE(device);
  EXPECT_EQ(device.error().kind(), ErrorKind::unsupported);
  EXPECT_NE(device.error().text().find("ddr4-2400"), std::string::npos);

  design = design_of(1);
  arch::Mapping wrong = network.mapping;
  wrong.steps[0].rows_size = 1000;
  const auto refused = simulate(design, *network.graph, wrong);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::invalid_input);
}

TEST(Simulate, TimeBeyondTheKernelsEndIsAnError) {
  arch::Design design = design_of(1);
  CycleStep step;
  step.label = "endless";
  step.vector = {std::int64_t{1} << 60, 1, 1};
  const auto run = run_cycle_model(design, {step});
  ASSERT_FALSE(run);
  EXPECT_NE(run.error().text().find("2^62 ps"), std::string::npos) << run.error().text();
  // The next one finds a fresh kernel.
  step.vector.ops = 8;
  EXPECT_TRUE(run_cycle_model(design, {step}));
}

TEST(Simulate, IsAnEvaluatorThatNeedsAProcess) {
  arch::EvaluatorRegistry registry;
  register_cycle(registry);
  const auto evaluator = registry.make("accelerator", "cycle");
  ASSERT_TRUE(evaluator);
  EXPECT_TRUE((*evaluator)->needs_process());
  arch::EvaluationJob job;
  job.design_json = design_of(1).resolved_json;
  job.workloads = {{"zoo:resnet18", 1, 1.0}};
  job.fidelity = "cycle";
  const auto first = (*evaluator)->evaluate(job);
  ASSERT_TRUE(first) << first.error().text();
  const auto second = (*evaluator)->evaluate(job);
  ASSERT_TRUE(second);
  EXPECT_EQ(arch::to_json(*first), arch::to_json(*second));
}

}  // namespace
}  // namespace gnomon::sim
