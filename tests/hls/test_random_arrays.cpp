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

/// A case on one of few distinct arrays, so that most come from the cache.
sim::testing::RandomCase small_case(std::uint64_t seed, const char* stream) {
  Random random(derive(seed, stream));
  sim::testing::CaseOptions shape;
  shape.largest_array = 3;
  shape.largest_extent = 20;
  auto one = sim::testing::random_case(random, shape);
  arch::Array& array = one.design.cores[0].array;
  array.rows = array.cols = 3;
  array.precision = {"int8", 8, false};
  array.accumulator_bits = 20;
  for (arch::Core& core : one.design.cores)
    for (arch::Level& level : core.levels) level.bytes = std::int64_t{1} << 40;
  for (arch::Level& level : one.design.shared) level.bytes = std::int64_t{1} << 40;
  return one;
}

/// Its array as RTL, and what that is to do.
struct SmallArray {
  ArrayParameters parameters;
  std::optional<LoadedModel> model;
  Operands operands;
  std::vector<Fold> folds;

  SmallArray(const sim::testing::RandomCase& one, std::uint64_t seed) : parameters(*array_parameters(one.design.cores[0].array)), operands(*empty_operands(one.steps[0].work)) {
    fill_random(operands, 8, seed);
    auto in_order = enumerate_folds(one.design, one.design.cores[0], one.steps[0].work, one.steps[0].mapping);
    auto built = build_model(*emit_array(parameters), test_cache(), false);
    EXPECT_TRUE(in_order && built);
    if (!in_order || !built) return;
    folds = std::move(*in_order);
    auto loaded = LoadedModel::load(built->library, {}, 1);
    EXPECT_TRUE(loaded);
    if (loaded) model.emplace(std::move(*loaded));
  }
};

// The RTL in the place of the array's model in SystemC: levels of any width, slots, banks and nesting, layouts, links, memory with latency. Spans,
// compute cycles and every byte at every level and the memory are those of the model; with stalls, outputs stay right and the
// compute cycles grow by the stalls exactly.
TEST(RandomArrays, InTheSystemOfLevelsAndMemory) {
  const char* wish = std::getenv("GNOMON_LONG");
  const std::uint64_t count = wish != nullptr && std::string(wish) != "0" ? 600 : 40;
  std::int64_t held = 0, waited = 0, laid_out = 0, bound_by_banks = 0;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    auto one = small_case(seed, "random systems");
    auto& step = one.steps.at(0);
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + one.text());
    SmallArray array(one, seed);
    ASSERT_TRUE(array.model);
    DriveOptions drive;
    drive.seed = seed;
    drive.stall = seed % 4 == 0 ? 0.3 : 0;
    std::int64_t stop = -1;
    auto run = run_in_system(*array.model, array.parameters, one.design, 0, step.work, step.mapping, array.operands, array.folds, drive, stop);
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->outputs, reference_outputs(array.operands, 20));
    EXPECT_EQ(run->difference, "");
    EXPECT_EQ(run->compute_cycles - run->stalls_injected, run->model_compute_cycles);
    if (drive.stall == 0) {
      EXPECT_EQ(run->latency_cycles, run->model_latency_cycles);
      EXPECT_EQ(run->rtl_cycles, run->model_cycles);
    }
    held += run->held_cycles;
    waited += run->waited_cycles;
    laid_out += std::any_of(std::begin(step.mapping.layout), std::end(step.mapping.layout), [](arch::Layout l) { return l != arch::Layout::streamed; });
    if (run->bank_cycles == 0) continue;
    ++bound_by_banks;
    sim::CycleStep streamed;
    streamed.label = "streamed";
    streamed.array = step.work;
    streamed.mapping = step.mapping;
    for (arch::Layout& layout : streamed.mapping->layout) layout = arch::Layout::streamed;
    auto without = sim::run_cycle_model(one.design, {streamed});
    ASSERT_TRUE(without) << without.error().text();
    EXPECT_EQ(run->compute_cycles - run->stalls_injected, without->steps[0].compute_cycles + run->bank_cycles);
  }
  EXPECT_GT(held, 0);
  EXPECT_GT(waited, 0);
  EXPECT_GT(laid_out, static_cast<std::int64_t>(count) / 5);
  EXPECT_GT(bound_by_banks, static_cast<std::int64_t>(count) / 20);
  std::printf("%lld of %llu cases with layouts of their own, %lld of them bound by banks\n", static_cast<long long>(laid_out), static_cast<unsigned long long>(count), static_cast<long long>(bound_by_banks));
}

// An array around which the banks are counted wrongly takes other cycles than the model.
TEST(RandomArrays, AWrongNumberOfBanksIsFound) {
  std::int64_t found = 0, bound = 0;
  for (std::uint64_t seed = 1; bound < 4; ++seed) {
    auto one = small_case(seed, "random systems");
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + one.text());
    SmallArray array(one, seed);
    ASSERT_TRUE(array.model);
    sim::CycleStep step;
    step.label = "banks";
    step.array = one.steps[0].work;
    step.mapping = one.steps[0].mapping;
    arch::Design wrong = one.design;
    for (arch::Level& level : wrong.cores[0].levels) level.banks = level.banks % 3 + 1;
    std::int64_t cycles[2] = {}, turns = 0;
    DriveOptions drive;
    drive.max_cycles = 10'000'000;
    for (const bool broken : {false, true}) {
      RtlArray rtl(*array.model, array.parameters, array.operands, array.folds, broken ? wrong : one.design, 0, *step.mapping, drive);
      ASSERT_TRUE(rtl.begin());
      auto run = sim::run_cycle_model(one.design, step, rtl);
      ASSERT_TRUE(run) << run.error().text();
      cycles[broken] = run->steps[0].compute_cycles;
      if (!broken) turns = rtl.bank_cycles();
    }
    if (turns == 0) continue;
    ++bound;
    found += cycles[0] != cycles[1];
  }
  EXPECT_GE(found, 3);
}

}  // namespace
}  // namespace gnomon::hls
