// Random arrays, work and mappings (os, ws, is; with and without overlap; int4/8/16; 1x1 to 32x32; edge folds, partial tiles, K
// cut into parts; levels of one slot and of two) in generated RTL: outputs are the direct integer product's to the bit, cycles
// those of the analytical and the SystemC model, with and without stalls. GNOMON_LONG=1 runs 600 instead of 40.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <sstream>

#include "cosim/folds.hpp"
#include "cosim/step.hpp"
#include "cosim/system.hpp"
#include "gnomon/base/json.hpp"
#include "random_case.hpp"
#include "rtl_case.hpp"

namespace gnomon::hls {
namespace {

/// Array `number` of the sweep: every dataflow, with and without overlap, at int4, int8 and int16 in turn; among each of these one of the corners 1x1,
/// 32x32, 1x32, 32x1 comes first, then any size up to 32x32.
arch::Array sweep_array(std::uint64_t number) {
  Random random(derive(number, "sweep of arrays"));
  arch::Array array;
  constexpr arch::Dataflow flows[] = {arch::Dataflow::os, arch::Dataflow::ws, arch::Dataflow::is};
  array.dataflow = flows[number % 3];
  array.overlap = number / 3 % 2 == 1;
  const int bits = 4 << (number / 6 % 3);
  array.precision = {"int" + std::to_string(bits), bits, false};
  array.accumulator_bits = static_cast<int>(random.integer(2, 4)) * 8;
  const std::uint64_t corner = number / 18 == 0 ? number % 4 : 4;
  array.rows = corner == 4 ? random.integer(1, 32) : corner == 0 || corner == 2 ? 1 : 32;
  array.cols = corner == 4 ? random.integer(1, 32) : corner == 0 || corner == 3 ? 1 : 32;
  return array;
}

struct Tally {
  std::int64_t arrays = 0, cases = 0, stalled = 0, partial = 0, smallest = 1 << 20, largest = 0, folds = 0, cycles = 0, difference = 0, wrong = 0;
};

// GNOMON_LONG=1: 600 cases instead of 40, ten for every array of the sweep, since most of the time goes into building them. GNOMON_ARRAYS=N cases from
// case GNOMON_ARRAYS_FIRST (from 1) on; GNOMON_ARRAYS_OUT=FILE gets the table.
TEST(RandomArrays, CyclesAndOutputsAgree) {
  constexpr std::uint64_t of_each = 10;
  const auto wish = [](const char* name) { return std::getenv(name) != nullptr ? std::strtoull(std::getenv(name), nullptr, 10) : 0ULL; };
  const std::uint64_t wanted = wish("GNOMON_ARRAYS"), from = std::max<std::uint64_t>(wish("GNOMON_ARRAYS_FIRST"), 1);
  const bool sweep = wanted > 0 || wish("GNOMON_LONG") != 0;
  const std::uint64_t count = wanted > 0 ? wanted : sweep ? 600 : 40;
  CosimOptions options;
  options.cache = test_cache();
  options.worker = {GNOMON_COSIM_WORKER};
  std::int64_t flows[3] = {0, 0, 0};
  std::map<std::string, Tally> tallies;
  std::set<std::uint64_t> arrays;
  std::string result;
  for (std::uint64_t seed = from; seed < from + count; ++seed) {
    Random random(derive(seed, "random arrays"));
    sim::testing::CaseOptions shape;
    shape.largest_array = std::int64_t{1} << random.integer(0, 5);
    shape.largest_extent = 60;
    if (sweep) shape.array = sweep_array((seed - 1) / of_each);
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
    const auto flow = static_cast<int>(array.dataflow);
    ++flows[flow];
    Tally& tally = tallies[std::string(flow == 0 ? "os" : flow == 1 ? "ws" : "is") + (array.overlap ? " overlap " : "         ") + "int" + std::to_string(array.precision.bits)];
    tally.arrays += arrays.insert((seed - 1) / of_each).second;
    ++tally.cases;
    tally.stalled += options.stall > 0;
    tally.smallest = std::min(tally.smallest, array.rows * array.cols);
    tally.largest = std::max(tally.largest, array.rows * array.cols);
    const auto folds = enumerate_folds(one.design, one.design.cores[0], step.work, step.mapping);
    ASSERT_TRUE(folds) << folds.error().text();
    tally.folds += static_cast<std::int64_t>(folds->size());
    tally.partial += std::any_of(folds->begin(), folds->end(), [&](const Fold& f) { return f.rows < array.rows || f.cols < array.cols; });
    tally.cycles += run->figures.rtl_cycles;
    tally.difference = std::max(tally.difference, std::abs(run->figures.cycle_difference));
    tally.wrong += !run->figures.outputs_match;
    if (!sweep || (seed % of_each != 0 && seed + 1 != from + count)) continue;
    std::ostringstream out;
    out << seed + 1 - from << " cases (" << from << " to " << seed << ") on " << arrays.size()
        << " arrays: outputs against the direct integer product, cycles against the analytical and the SystemC model;\nevery second case with 30 % stalls at every port. "
           "`edge`: cases with folds smaller than the array.\n";
    const auto row = [&](const std::string& name, const std::vector<std::string>& cells) {
      out << name << std::string(20 - name.size(), ' ');
      for (const std::string& cell : cells) out << std::string(cell.size() < 12 ? 12 - cell.size() : 1, ' ') << cell;
      out << "\n";
    };
    row("array", {"arrays", "cases", "stalled", "edge", "PEs", "folds", "cycles", "difference", "wrong"});
    for (const auto& [name, t] : tallies)
      row(name, {std::to_string(t.arrays), std::to_string(t.cases), std::to_string(t.stalled), std::to_string(t.partial), std::to_string(t.smallest) + "-" + std::to_string(t.largest),
                 std::to_string(t.folds), std::to_string(t.cycles), std::to_string(t.difference), std::to_string(t.wrong)});
    result = out.str();
    if (const char* file = std::getenv("GNOMON_ARRAYS_OUT")) {
      ASSERT_TRUE(write_file(file, result));
    }
  }
  if (sweep) {
    std::printf("%s", result.c_str());
    return;
  }
  for (const std::int64_t some : flows) EXPECT_GT(some, static_cast<std::int64_t>(count) / 6);
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
    std::int64_t stop = -1;
    auto run = run_in_system(*model, parameters, one.design, 0, step.work, step.mapping, operands, *folds, drive, stop);
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
