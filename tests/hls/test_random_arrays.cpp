// Random arrays, work and mappings (os, ws, is; with and without overlap; int4/8/16; 1x1 to 32x32; edge folds, partial tiles, K
// cut into parts; levels of one slot and of two) in generated RTL: outputs are the direct integer product's to the bit, cycles
// those of the analytical and the SystemC model, with and without stalls. GNOMON_LONG=1 runs 600 instead of 40.
#include <gtest/gtest.h>

#include <cstdlib>

#include "cosim/step.hpp"
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

}  // namespace
}  // namespace gnomon::hls
