#include <gtest/gtest.h>

#include "compare.hpp"

namespace gnomon::sim::testing {
namespace {

constexpr int cases = 600;

StepResult run_one(const RandomCase& drawn) {
  const auto run = run_cycle_model(drawn.design, cycle_steps_of(drawn));
  if (!run) throw std::runtime_error(run.error().text() + "\n" + drawn.text());
  return run->steps[0];
}

template <class Use>
void for_cases(std::uint64_t seed, Use use) {
  for (std::uint64_t i = 0; i < cases; ++i) {
    Random random(derive(seed, i));
    const RandomCase drawn = random_case(random);
    SCOPED_TRACE("case " + std::to_string(i) + " of seed " + std::to_string(seed) + "\n" + drawn.text());
    use(drawn, random);
    if (::testing::Test::HasFailure()) return;
  }
}

/// MACs are the work's; the array is never used beyond its size; each input comes from the memory at least once, each output goes there.
/// (That every word read was there is what the reference checks word by word.)
TEST(Property, ConservationUtilisationAndCompulsoryTraffic) {
  for_cases(31, [](const RandomCase& drawn, Random&) {
    const RandomCase::Step& step = drawn.steps[0];
    const arch::Array& array = drawn.design.cores[0].array;
    const StepResult result = run_one(drawn);
    EXPECT_EQ(result.counts.macs, step.work.macs());
    EXPECT_LE(result.counts.macs, result.compute_cycles * array.pes());
    EXPECT_LE(result.compute_cycles, result.latency_cycles);
    EXPECT_EQ(result.stall_cycles, result.latency_cycles - result.compute_cycles);
    arch::TileRange whole;
    for (int d = 0; d < 4; ++d) whole.end[d] = step.work.extent[d];
    const auto bytes = [&](arch::Operand o) { return arch::packed_bytes(arch::tile_elements(step.work, o, whole), array.precision.bits); };
    // A tile's bytes are rounded up each, so the sum of parts is at least the whole.
    EXPECT_GE(result.counts.dram_read_bytes, bytes(arch::Operand::ifmap) + bytes(arch::Operand::filter));
    EXPECT_GE(result.counts.dram_write_bytes, bytes(arch::Operand::ofmap));
  });
}

/// What leaves the memory's side of a transfer enters the other side: over all levels, bytes written by transfers are bytes read by transfers and DRAM.
/// The array's own reads are the rest: its words times those who share them are its multiplications.
TEST(Property, DeliveriesTimesMulticastAreMacs) {
  // One level per operand and one tile: ifmap words of ws meet c columns each, filter words meet T elements each.
  for (const std::int64_t n : {8, 13, 20}) {
    Random random(1);
    RandomCase drawn = random_case(random);
    drawn.design.shared.clear();
    arch::Core& core = drawn.design.cores[0];
    core.array = {4, 4, arch::Dataflow::ws, {"int8", 8, false}, 32, arch::Timing::rtl, true};
    core.levels.clear();
    const char* names[3] = {"ifmap", "filter", "ofmap"};
    for (int o = 0; o < 3; ++o) {
      arch::Level level;
      level.name = names[o];
      level.holds[o] = true;
      level.bytes = 1 << 20;
      level.bytes_per_cycle = 64;
      core.levels.push_back(level);
    }
    RandomCase::Step& step = drawn.steps[0];
    step.work = {};
    step.work.extent[1] = 9;
    step.work.extent[2] = n;
    step.work.extent[3] = 10;
    step.mapping = {};
    step.mapping.core = core.name;
    step.mapping.rows_dim = arch::Dim::k;
    step.mapping.cols_dim = arch::Dim::n;
    step.mapping.rows_size = step.mapping.cols_size = 4;
    step.mapping.folds = {{arch::Dim::n, (n + 3) / 4}, {arch::Dim::k, 3}};
    step.mapping.levels.push_back({"memory", {}, {true, true, true}});
    for (int o = 2; o >= 0; --o) step.mapping.levels.push_back({names[o], {}, {o == 0, o == 1, o == 2}});
    const StepResult result = run_one(drawn);
    const std::int64_t folds_n = (n + 3) / 4;
    EXPECT_EQ(result.counts.level[0].read, 9 * 10 * folds_n);  // M K for each block of columns
    EXPECT_EQ(result.counts.level[0].write, 9 * 10);
    EXPECT_EQ(result.counts.level[1].read, 10 * n);  // each weight once
    EXPECT_EQ(result.counts.level[1].read * 9, result.counts.macs);
    // Two of three folds over K leave partial sums of 4 bytes and two read them; one writes results of a byte, which leave again.
    EXPECT_EQ(result.counts.level[2].write, 9 * n * (4 + 4 + 1));
    EXPECT_EQ(result.counts.level[2].read, 9 * n * (4 + 4) + 9 * n);
  }
}

/// One core, ideal memory, fixed mapping: nothing gets slower with more bandwidth.
TEST(Property, MoreBandwidthIsNeverSlower) {
  for_cases(32, [](const RandomCase& drawn, Random& random) {
    const std::int64_t before = run_one(drawn).latency_cycles;
    RandomCase faster = drawn;
    faster.design.memory.bytes_per_cycle += random.integer(0, 20);
    faster.design.bus_bytes_per_cycle += random.integer(0, 20);
    faster.design.memory.latency_cycles = random.integer(0, drawn.design.memory.latency_cycles);
    bool streamed = true;
    for (const arch::Layout layout : drawn.steps[0].mapping.layout) streamed = streamed && layout == arch::Layout::streamed;
    // Banks are as wide as the port allows: with a layout of its own, a wider port also moves words to other banks.
    for (arch::Level& level : faster.design.cores[0].levels) level.bytes_per_cycle += streamed ? random.integer(0, 20) : 0;
    for (arch::Level& level : faster.design.shared) level.bytes_per_cycle += random.integer(0, 20);
    EXPECT_LE(run_one(faster).latency_cycles, before) << faster.text();
  });
}

/// The same for buffers: more bytes change nothing under a fixed mapping, since its tiles and slots stay what they are. Where one level per operand hangs on
/// the memory and folds do not overlap, a second slot is never slower either. (In general it may be: fills that run ahead take the link from others, and a
/// fold that begins early and waits holds back the end of the one before.)
TEST(Property, MoreBufferIsNeverSlower) {
  for_cases(33, [](RandomCase drawn, Random& random) {
    RandomCase larger = drawn;
    for (arch::Level& level : larger.design.cores[0].levels) level.bytes += random.integer(1, 4096);
    EXPECT_EQ(run_one(larger).latency_cycles, run_one(drawn).latency_cycles);
    arch::Core& core = drawn.design.cores[0];
    if (!drawn.design.shared.empty() || core.levels.size() > 1) return;
    core.array.overlap = false;
    RandomCase more = drawn;
    for (arch::Level& level : more.design.cores[0].levels) {
      level.double_buffered = true;
      level.bytes *= 2;
    }
    EXPECT_LE(run_one(more).latency_cycles, run_one(drawn).latency_cycles) << more.text();
  });
}

/// That tool: g ceil(K/R) ceil(N/C) (2R + C + M - 2) and so on, whatever the tiles; the tiles' shares add up.
TEST(Scalesim, ComputeCyclesAreTheFormula) {
  for_cases(34, [](const RandomCase& drawn, Random&) {
    RandomCase other = drawn;
    arch::Array& array = other.design.cores[0].array;
    array.overlap = false;
    array.timing = arch::Timing::scalesim;
    const arch::ArrayWork& work = other.steps[0].work;
    const std::int64_t m = work.extent[1], n = work.extent[2], k = work.extent[3], r = array.rows, c = array.cols;
    const auto up = [](std::int64_t a, std::int64_t b) { return (a + b - 1) / b; };
    std::int64_t cycles = 0;
    if (array.dataflow == arch::Dataflow::os) cycles = up(m, r) * up(n, c) * (r + c + k - 2);
    if (array.dataflow == arch::Dataflow::ws) cycles = up(k, r) * up(n, c) * (2 * r + c + m - 2);
    if (array.dataflow == arch::Dataflow::is) cycles = up(k, r) * up(m, c) * (2 * r + c + n - 2);
    const StepResult result = run_one(other);
    EXPECT_EQ(result.compute_cycles, work.extent[0] * cycles);
    EXPECT_GE(result.latency_cycles, result.compute_cycles);
  });
}

}  // namespace
}  // namespace gnomon::sim::testing
