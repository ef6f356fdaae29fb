#include <gtest/gtest.h>

#include <cmath>
#include <iostream>

#include "compare.hpp"
#include "cycle/fluid.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/part.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::sim {
namespace {

constexpr std::uint64_t seed = 20261122;

/// Truth: the uncut model. All tiles asked for one by one are the uncut step, to the cycle and byte.
TEST(Part, AStepCutBehindItsLastTileIsTheWholeStep) {
  std::cout << "seed " << seed << "\n";
  Random random(seed);
  for (int i = 0; i < 60; ++i) {
    testing::CaseOptions options;
    options.cores = 1 + i % 2;
    options.steps = 2;
    options.vector = i % 3 == 0;
    const testing::RandomCase random_case = testing::random_case(random, options);
    auto steps = testing::cycle_steps_of(random_case);
    const auto whole = run_cycle_model(random_case.design, steps);
    ASSERT_TRUE(whole) << whole.error().text();
    for (CycleStep& step : steps) step.first_tiles = 1'000'000'000;
    const auto cut = run_cycle_model(random_case.design, steps);
    ASSERT_TRUE(cut) << cut.error().text();
    for (std::size_t s = 0; s < steps.size(); ++s) {
      EXPECT_EQ(cut->steps[s].latency_cycles, whole->steps[s].latency_cycles) << random_case.text();
      EXPECT_EQ(cut->steps[s].counts, whole->steps[s].counts) << random_case.text();
    }
  }
}

/// Conservation: an ideal memory is held for the bytes moved, at the rate of the memory or of what they pass, each transfer rounded up to cycles; on one core nobody waits
/// for another, on two the waiting of all steps is that of the run.
TEST(Part, TransfersHoldTheMemoryAsLongAsTheyMove) {
  std::cout << "seed " << seed << "\n";
  Random random(seed + 3);
  double waited = 0;
  for (int i = 0; i < 40; ++i) {
    testing::CaseOptions options;
    options.cores = 1 + i % 2;
    options.steps = 2;
    const testing::RandomCase random_case = testing::random_case(random, options);
    const auto steps = testing::cycle_steps_of(random_case);
    const auto run = run_cycle_model(random_case.design, steps);
    ASSERT_TRUE(run) << run.error().text();
    double in_steps = 0, in_run = 0;
    for (std::size_t s = 0; s < steps.size(); ++s) {
      const CycleRun::Activity& activity = run->activity[s];
      const double bytes = static_cast<double>(run->steps[s].counts.dram_read_bytes + run->steps[s].counts.dram_write_bytes);
      const auto transfers = static_cast<double>(activity.memory_transfers);
      EXPECT_GE(activity.memory_held_cycles + 1e-6, bytes / static_cast<double>(random_case.design.memory.bytes_per_cycle)) << random_case.text();
      EXPECT_LE(activity.memory_held_cycles, bytes + transfers) << random_case.text();
      EXPECT_GE(activity.memory_held_squares * transfers * (1 + 1e-9), activity.memory_held_cycles * activity.memory_held_cycles);
      in_steps += activity.memory_waited_cycles;
    }
    for (std::size_t a = 0; a < run->waited_cycles.size(); ++a) {
      for (std::size_t b = 0; b < run->waited_cycles[a].size(); ++b) in_run += a == b ? 0.0 : static_cast<double>(run->waited_cycles[a][b]);
    }
    EXPECT_TRUE(options.cores > 1 || in_steps == 0) << random_case.text();
    EXPECT_LE(in_steps, in_run + 1e-6) << random_case.text();
    waited += in_steps;
  }
  EXPECT_GT(waited, 0);
}

/// Conservation: each further tile adds MACs, and neither cycles nor bytes ever fall; the last adds what is left.
TEST(Part, FurtherTilesAddToWhatFirstTilesDid) {
  std::cout << "seed " << seed << "\n";
  Random random(seed + 1);
  int cut_cases = 0;
  for (int i = 0; i < 60; ++i) {
    testing::CaseOptions options;
    const testing::RandomCase random_case = testing::random_case(random, options);
    auto steps = testing::cycle_steps_of(random_case);
    ASSERT_EQ(steps.size(), 1U);
    const LayerEstimate e = estimate(random_case.design, random_case.design.cores[0], *steps[0].array, *steps[0].mapping);
    StepResult before;
    for (std::int64_t tiles = 1; tiles <= e.array_tiles; tiles += std::max<std::int64_t>(1, e.array_tiles / 7)) {
      steps[0].first_tiles = tiles;
      const auto run = run_cycle_model(random_case.design, steps);
      ASSERT_TRUE(run) << run.error().text() << random_case.text();
      const StepResult& now = run->steps[0];
      EXPECT_EQ(now.counts.macs, steps[0].array->macs() * tiles / e.array_tiles);
      EXPECT_GE(now.latency_cycles, before.latency_cycles) << random_case.text();
      EXPECT_GE(now.counts.dram_read_bytes, before.counts.dram_read_bytes);
      EXPECT_GE(now.counts.dram_write_bytes, before.counts.dram_write_bytes);
      before = now;
      cut_cases += tiles < e.array_tiles;
    }
    EXPECT_LE(before.counts.dram_read_bytes, e.counts.dram_read_bytes);
    EXPECT_LE(before.counts.dram_write_bytes, e.counts.dram_write_bytes);
  }
  EXPECT_GT(cut_cases, 50);
}

arch::Design pair(const std::string& memory) {
  std::string cores;
  for (const char* name : {"a", "b"}) {
    cores += std::string(cores.empty() ? "" : ",") + R"({"name": ")" + name + R"(", "array": {"rows": 16, "cols": 16, "dataflow": "ws", "overlap": true},
      "levels": [{"name": "buffer", "holds": ["ifmap", "filter", "ofmap"], "kib": 16}], "vector": {"lanes": 16}})";
  }
  const auto document = Document::parse(R"({"version": 1, "name": "pair", "clock_mhz": 800, "cores": [)" + cores + R"(], "memory": {"type": ")" + memory + R"("}})", "test");
  return arch::parse_design(document.value()).value();
}

std::shared_ptr<const workloads::Graph> products(const std::string& rows) {
  return workloads::parse("Layer, M, N, K,\n" + rows, "csv", "test").value();
}

double end_of(const CycleRun& run, std::size_t core) {
  std::int64_t end = 0;
  for (const StepResult& r : run.steps) {
    if (r.core == core) end = std::max(end, r.start_cycle + r.latency_cycles);
  }
  return static_cast<double>(end);
}

/// Truth: the whole simulation. Two equal cores in lockstep on one memory meet in the part as they meet in the whole.
TEST(Part, AFewPercentOfTwoCoresTellTheWhole) {
  const arch::Design design = pair("ddr4-2400");
  const auto network = products("a, 256, 512, 512,\nb, 512, 512, 1024,\nc, 64, 1024, 1024,\nd, 512, 256, 512,\n");
  const auto steps = side_by_side(design, {network, network});
  ASSERT_TRUE(steps) << steps.error().text();
  const auto whole = run_cycle_model(design, *steps);
  ASSERT_TRUE(whole) << whole.error().text();
  const auto part = simulate_part(design, *steps, 0.05);
  ASSERT_TRUE(part) << part.error().text();
  EXPECT_LE(static_cast<double>(part->simulated_cycles), 0.055 * static_cast<double>(whole->simulated_cycles));
  for (std::size_t core = 0; core < 2; ++core) {
    const double truth = end_of(*whole, core);
    const PartCore& said = part->cores[core];
    EXPECT_GT(truth, 1.1 * said.analytical_cycles) << "the cores were to disturb each other";
    EXPECT_NEAR(said.extrapolated_cycles / truth, 1, 0.05);
    EXPECT_NEAR(said.fluid_cycles / truth, 1, 0.05);
    EXPECT_EQ(static_cast<double>(said.macs), 256.0 * 512 * 512 + 512.0 * 512 * 1024 + 64.0 * 1024 * 1024 + 512.0 * 256 * 512);
  }
}

/// Truth: the whole simulation, which a part of everything is, though steps of a kind occur several times.
TEST(Part, AllOfItIsTheWhole) {
  const arch::Design design = pair("ddr4-2400");
  const auto network = products("a, 64, 128, 128,\nb, 64, 128, 128,\nc, 128, 64, 64,\nd, 64, 128, 128,\n");
  const auto steps = side_by_side(design, {network, products("s, 64, 64, 128,\nt, 64, 64, 128,\n")});
  ASSERT_TRUE(steps) << steps.error().text();
  const auto whole = run_cycle_model(design, *steps);
  const auto part = simulate_part(design, *steps, 1);
  ASSERT_TRUE(whole && part);
  EXPECT_EQ(part->simulated_cycles, whole->simulated_cycles);
  for (std::size_t core = 0; core < 2; ++core) {
    EXPECT_EQ(part->cores[core].fluid_cycles, end_of(*whole, core));
    EXPECT_LE(part_throughput(design, *part, core), 1);
  }
}

/// A core with next to no work is simulated completely, so its answer is the whole simulation's.
TEST(Part, AShortCoreIsSimulatedCompletely) {
  const arch::Design design = pair("ddr3-1600");
  const auto steps = side_by_side(design, {products("a, 1024, 1024, 1024,\nb, 1024, 512, 1024,\n"), products("s, 32, 64, 64,\n")});
  ASSERT_TRUE(steps) << steps.error().text();
  const auto whole = run_cycle_model(design, *steps);
  const auto part = simulate_part(design, *steps, 0.05);
  ASSERT_TRUE(part) << part.error().text();
  EXPECT_NEAR(part->cores[1].scaled_cycles, end_of(*whole, 1), 0.02 * end_of(*whole, 1));
  EXPECT_NEAR(part->cores[1].fluid_cycles, end_of(*whole, 1), 0.02 * end_of(*whole, 1));
  EXPECT_EQ(part->cores[1].sampled, 1);
}

/// A step of `compute` cycles that moves `bytes`: whichever takes longer.
LatencyCurve curve(double compute, double bytes) {
  LatencyCurve out;
  for (const double share : {1.0, 0.5, 0.25, 0.125}) {
    out.shares.push_back(share);
    out.whole.push_back(std::max(compute, bytes / (8 * share)));
    out.once.push_back(0);
  }
  out.bytes = bytes;
  return out;
}

/// Truth by hand: peak 8 bytes per cycle. Alone, 8000 bytes take 1000 cycles. Two cores that only move take turns by transfers: half the time each where these are
/// equal, time in proportion to their length where they are not; one that is alone at last has the memory to itself. A transfer of one that asks at once waits for a whole
/// one of the other; transfers that are short and few beside long compute cost next to nothing.
TEST(Fluid, SharesTheMemoryByHand) {
  const LatencyCurve moves = curve(1, 8000), computes = curve(100000, 80);
  const auto step = [](const LatencyCurve& of, double transfers) {
    FluidStep out{&of};
    out.transfers = transfers;
    return out;
  };
  using Steps = std::vector<FluidStep>;
  const auto run = [](Steps one, Steps other = {}) { return run_fluid({std::move(one), std::move(other)}, 8); };
  const auto near = [](const std::vector<FluidTime>& steps, std::vector<double> cycles) {
    ASSERT_EQ(steps.size(), cycles.size());
    for (std::size_t i = 0; i < cycles.size(); ++i) EXPECT_NEAR(steps[i].cycles, cycles[i], 1e-2 * cycles[i]) << i;
  };
  near(run({step(moves, 10)})[0], {1000});
  FluidStep changed = step(moves, 10);
  changed.efficiency = 0.5;
  near(run({changed})[0], {2000});
  changed = step(moves, 10);
  changed.part = 0.25;
  near(run({changed})[0], {250});
  changed = step(moves, 10);
  changed.scale = 1.5;
  near(run({changed})[0], {1500});
  const auto equal = run({step(moves, 10), step(moves, 10)}, {step(moves, 10)});
  near(equal[0], {2000, 1000});
  near(equal[1], {2000});
  EXPECT_NEAR(equal[1][0].waited, 1000, 10);
  // Transfers three times as long: three quarters of the time, until it is done after 4000 / 3 cycles; the other has moved a third by then.
  const auto unlike = run({step(moves, 10)}, {step(moves, 30)});
  near(unlike[0], {4000.0 / 3});
  near(unlike[1], {4000.0 / 3 + 2000.0 / 3});
  near(run({step(computes, 10)}, {step(moves, 10)})[0], {100000});
  // Fewer than the model expects wait.
  changed = step(moves, 10);
  changed.patience = 0;
  near(run({changed}, {step(moves, 10)})[0], {1000});
}

TEST(Part, Refusals) {
  const arch::Design design = pair("ddr4-2400");
  const auto network = products("a, 8, 8, 8,\n");
  EXPECT_FALSE(side_by_side(design, {network, network, network}));
  const auto steps = side_by_side(design, {network, network});
  ASSERT_TRUE(steps);
  for (const double fraction : {0.0, -1.0, 1.5, std::nan("")}) {
    const auto part = simulate_part(design, *steps, fraction);
    ASSERT_FALSE(part);
    EXPECT_EQ(part.error().kind(), ErrorKind::invalid_input);
  }
  const auto part = simulate_part(design, *steps, 1e-6);
  ASSERT_FALSE(part);
  EXPECT_EQ(part.error().kind(), ErrorKind::unsupported);
}

}  // namespace
}  // namespace gnomon::sim
