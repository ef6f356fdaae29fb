#include <gtest/gtest.h>

#include "compare.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::sim {
namespace {

arch::Design design_of(int cores, const std::string& memory = R"({"type": "ideal", "bytes_per_cycle": 16, "latency_cycles": 50})") {
  std::string list;
  for (int c = 0; c < cores; ++c) {
    list += std::string(c == 0 ? "" : ", ") + R"({"name": "core)" + std::to_string(c) + R"(", "array": {"rows": 16, "cols": 16, "dataflow": ")" + (c == 0 ? "ws" : "os") +
            R"(", "overlap": true}, "levels": [{"name": "buffer", "holds": ["ifmap", "filter", "ofmap"], "kib": 64}], "vector": {"lanes": 8}})";
  }
  const auto document = Document::parse(R"({"version": 1, "name": "t", "clock_mhz": 800, "technology": "45nm", "cores": [)" + list +
                                            R"(], "memory": )" + memory + "}",
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

// Conservation: the same mapping moves the same bytes over a device as over ideal memory; the device does them in whole bursts, each of which
// opens its row or finds it open; and it is never faster than its pins.
TEST(Simulate, DeviceMemoryMovesTheSameBytesInWholeBursts) {
  const arch::Design ideal = design_of(1), device = design_of(1, R"({"type": "ddr4-2400"})");
  const Network network(ideal);
  const auto over_ideal = simulate(ideal, *network.graph, network.mapping);
  const auto over_device = simulate(device, *network.graph, network.mapping);
  ASSERT_TRUE(over_ideal && over_device) << over_device.error().text();
  const auto value = [](const arch::Evaluation& e, const char* name) { return e.find(name) != nullptr ? *e.find(name) : -1; };
  for (const char* name : {"dram_read_bytes", "dram_write_bytes", "sram_read_bytes", "macs"}) EXPECT_EQ(value(*over_device, name), value(*over_ideal, name)) << name;
  const double asked = value(*over_device, "dram_read_bytes") + value(*over_device, "dram_write_bytes");
  const double bursts = value(*over_device, "dram_row_hits") + value(*over_device, "dram_row_misses");
  EXPECT_GE(bursts * 64, asked);
  EXPECT_LE(bursts * 64, 2 * asked);
  EXPECT_LE(value(*over_device, "dram_row_conflicts"), value(*over_device, "dram_row_misses"));
  const double seconds = value(*over_device, "latency_s");
  EXPECT_LE(bursts * 64 * 1e-9 / seconds, device.memory.dram->peak_bandwidth_gb_s());
  // One refresh each tREFI.
  EXPECT_NEAR(value(*over_device, "dram_refreshes"), seconds / ((*device.memory.dram)[arch::DramTiming::tREFI] * device.memory.dram->tck_ps() * 1e-12), 9);
  EXPECT_EQ(value(*over_ideal, "dram_row_hits"), -1) << "ideal memory has no rows";
  double energy = 0;
  for (const auto& part : over_device->energy_breakdown_pj) energy += part.second;
  EXPECT_DOUBLE_EQ(energy, value(*over_device, "energy_pj"));
  // The same again: the same bytes.
  EXPECT_EQ(arch::to_json(*simulate(device, *network.graph, network.mapping)), arch::to_json(*over_device));
}

// A worse controller, and fewer channels, make the same work slower.
TEST(Simulate, DeviceMemoryAndItsControllerDecideTheTime) {
  const Network network(design_of(1));
  const auto cycles = [&](const std::string& memory) {
    const arch::Design design = design_of(1, memory);
    const auto run = simulate(design, *network.graph, network.mapping);
    EXPECT_TRUE(run) << run.error().text();
    return *run->find("latency_cycles");
  };
  const double normal = cycles(R"({"type": "ddr3-1600"})");
  EXPECT_GT(cycles(R"({"type": "ddr3-1600", "controller": {"scheduler": "fifo", "page_policy": "closed", "request_buffer_size": 1}})"), normal);
  EXPECT_LT(cycles(R"({"type": "ddr3-1600", "channels": 4})"), normal);
  EXPECT_LT(cycles(R"({"type": "hbm2-2000"})"), normal);
}

TEST(Simulate, CoresContendForTheDevice) {
  const arch::Design design = design_of(2, R"({"type": "ddr3-1600"})");
  const Network network(design);
  // The cores' mappings are those of the network; one copy each, side by side.
  std::vector<CycleStep> both, alone;
  for (const std::size_t core : {0u, 1u}) {
    const auto planned = plan(design, *network.graph, network.lowered, network.mapping, "mapping");
    ASSERT_TRUE(planned) << planned.error().text();
    for (CycleStep step : cycle_steps(*planned)) {
      if (step.core != core || !step.array) continue;
      step.after.clear();
      both.push_back(step);
      if (core == 0) alone.push_back(step);
    }
  }
  ASSERT_LT(alone.size(), both.size());
  const auto one = run_cycle_model(design, alone);
  const auto two = run_cycle_model(design, both);
  ASSERT_TRUE(one && two);
  std::int64_t alone_cycles = 0, shared_cycles = 0;
  for (std::size_t i = 0; i < alone.size(); ++i) {
    alone_cycles += one->steps[i].latency_cycles;
    shared_cycles += two->steps[i].latency_cycles;
    EXPECT_EQ(one->steps[i].counts, two->steps[i].counts);
  }
  EXPECT_GT(shared_cycles, alone_cycles);
  ASSERT_EQ(two->waited_cycles.size(), 2u);
  EXPECT_GT(two->waited_cycles[0][1] + two->waited_cycles[1][0], 0);
  EXPECT_EQ(one->waited_cycles[0][1], 0);
  ASSERT_TRUE(two->memory);
  EXPECT_EQ(two->memory->requesters.size(), 2u);
  std::int64_t bytes = 0;
  for (const auto& requester : two->memory->requesters) bytes += requester.bytes;
  EXPECT_EQ(bytes, two->memory->bytes);
}

TEST(Simulate, RefusesWhatItCannotDo) {
  arch::Design design = design_of(1);
  const Network network(design);
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
