// Random arrays, work and mappings (os, ws, is; with and without overlap; int4/8/16; 1x1 to 32x32; edge folds, partial tiles, K
// cut into parts; levels of one slot and of two) in generated RTL: outputs are the direct integer product's to the bit, cycles
// those of the analytical and the SystemC model, with and without stalls. GNOMON_LONG=1 runs 600 instead of 40.
#include <gtest/gtest.h>

#include <cstdlib>

#include "cosim/step.hpp"
#include "cosim/system.hpp"
#include "random_case.hpp"
#include "rtl_case.hpp"

namespace gnomon::hls {
namespace {

TEST(RandomArrays, CyclesAndOutputsAgree) {
  const char* wish = std::getenv("GNOMON_LONG");
  const std::uint64_t count = wish != nullptr && std::string(wish) != "0" ? 600 : 40;
  CosimOptions options;
  options.cache = test_cache();
  options.worker = {GNOMON_COSIM_WORKER};
  std::int64_t cycles = 0, flows[3] = {0, 0, 0};
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    Random random(derive(seed, "random arrays"));
    sim::testing::CaseOptions shape;
    shape.largest_array = std::int64_t{1} << random.integer(0, 5);
    shape.largest_extent = 60;
    const auto one = sim::testing::random_case(random, shape);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + one.text());
    const auto& step = one.steps.at(0);
    const arch::Array& array = one.design.cores[0].array;
    Operands operands = *empty_operands(step.work);
    fill_random(operands, array.precision.bits, seed);
    const auto expected = reference_outputs(operands, array.accumulator_bits);
    options.seed = seed;
    options.stall = seed % 2 == 0 ? 0.3 : 0;
    StepRunner runner(options);
    auto run = runner.run(one.design, 0, step.work, step.mapping, operands, expected);
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_TRUE(run->figures.outputs_match);
    EXPECT_EQ(run->figures.cycle_difference, 0);
    cycles += run->figures.rtl_cycles;
    ++flows[static_cast<int>(array.dataflow)];
  }
  for (const std::int64_t some : flows) EXPECT_GT(some, static_cast<std::int64_t>(count) / 6);
  RecordProperty("rtl_cycles", std::to_string(cycles));
}

// The RTL in the place of the array's model in SystemC: levels of any width, slots and nesting, links, memory with latency. Spans,
// compute cycles and every byte at every level and the memory are those of the model; with stalls, outputs stay right and the
// compute cycles grow by the stalls exactly.
TEST(RandomArrays, InTheSystemOfLevelsAndMemory) {
  const char* wish = std::getenv("GNOMON_LONG");
  const std::uint64_t count = wish != nullptr && std::string(wish) != "0" ? 600 : 40;
  std::int64_t held = 0, waited = 0;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    Random random(derive(seed, "random systems"));
    sim::testing::CaseOptions shape;
    shape.largest_array = 3;
    shape.largest_extent = 20;
    auto one = sim::testing::random_case(random, shape);
    auto& step = one.steps.at(0);
    for (arch::Layout& layout : step.mapping.layout) layout = arch::Layout::streamed;
    arch::Array& array = one.design.cores[0].array;
    // Few distinct arrays, so that most come from the cache.
    array.rows = array.cols = 3;
    array.precision = {"int8", 8, false};
    array.accumulator_bits = 20;
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + one.text());
    for (arch::Core& core : one.design.cores)
      for (arch::Level& level : core.levels) level.bytes = std::int64_t{1} << 40;
    for (arch::Level& level : one.design.shared) level.bytes = std::int64_t{1} << 40;
    Operands operands = *empty_operands(step.work);
    fill_random(operands, 8, seed);
    const auto parameters = *array_parameters(array);
    auto folds = enumerate_folds(one.design, one.design.cores[0], step.work, step.mapping);
    ASSERT_TRUE(folds) << folds.error().text();
    auto built = build_model(*emit_array(parameters), test_cache(), false);
    ASSERT_TRUE(built) << built.error().text();
    auto model = LoadedModel::load(built->library, {}, 1);
    ASSERT_TRUE(model) << model.error().text();
    DriveOptions drive;
    drive.seed = seed;
    drive.stall = seed % 4 == 0 ? 0.3 : 0;
    auto run = run_in_system(*model, parameters, one.design, 0, step.work, step.mapping, operands, *folds, drive);
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->outputs, reference_outputs(operands, 20));
    EXPECT_EQ(run->difference, "");
    EXPECT_EQ(run->compute_cycles - run->stalls_injected, run->model_compute_cycles);
    if (drive.stall == 0) {
      EXPECT_EQ(run->latency_cycles, run->model_latency_cycles);
      EXPECT_EQ(run->rtl_cycles, run->model_cycles);
    }
    held += run->held_cycles;
    waited += run->waited_cycles;
  }
  EXPECT_GT(held, 0);
  EXPECT_GT(waited, 0);
}

}  // namespace
}  // namespace gnomon::hls
