// The model's closed forms against every step written down (walker.hpp), and the worked figures of design.md section 8.
#include <gtest/gtest.h>

#include "cases.hpp"
#include "gnomon/sim/analytical.hpp"
#include "walker.hpp"

namespace gnomon::test {
namespace {

using arch::Dataflow;

arch::ArrayWork product(std::int64_t m, std::int64_t n, std::int64_t k, std::int64_t g = 1) {
  arch::ArrayWork work;
  work.extent[0] = g;
  work.extent[1] = m;
  work.extent[2] = n;
  work.extent[3] = k;
  return work;
}

std::int64_t cycles(const arch::Design& design, const arch::ArrayWork& work) {
  arch::StepMapping mapping = whole_mapping(design, design.cores[0], work);
  fill_folds(design.cores[0], work, mapping, design.cores[0].array.rows, design.cores[0].array.cols, true);
  return sim::estimate(design, design.cores[0], work, mapping).compute_cycles;
}

std::string text(const Case& c) {
  std::string out = "dataflow " + std::to_string(static_cast<int>(c.design.cores[0].array.dataflow)) + (c.design.cores[0].array.overlap ? " overlap" : "") +
                    " bits " + std::to_string(c.design.cores[0].array.precision.bits) + "/" + std::to_string(c.design.cores[0].array.accumulator_bits) + " work";
  for (const std::int64_t e : c.work.extent) out += " " + std::to_string(e);
  if (c.work.window) out += " window";
  for (const auto& level : c.design.cores[0].levels) out += " | " + level.name + " " + std::to_string(level.bytes_per_cycle) + " x" + std::to_string(level.slots());
  return out + "\n" + arch::step_mapping_json(c.mapping);
}

TEST(Steps, SquareOsFoldAlone) {
  // design.md section 8: K + 3N - 2 for K = 256.
  EXPECT_EQ(cycles(ample_design(Dataflow::os, 8, 8), product(8, 8, 256)), 278);
  EXPECT_EQ(cycles(ample_design(Dataflow::os, 16, 16), product(16, 16, 256)), 302);
  EXPECT_EQ(cycles(ample_design(Dataflow::os, 32, 32), product(32, 32, 256)), 350);
}

TEST(Steps, OneFoldOfEachDataflow) {
  // Section 8's table: os K + (r-1) + (c-1) + r; ws r + M + (r-1) + (c-1); is r + N + (r-1) + (c-1).
  EXPECT_EQ(cycles(ample_design(Dataflow::os, 8, 8), product(5, 3, 40)), 40 + 4 + 2 + 5);
  EXPECT_EQ(cycles(ample_design(Dataflow::ws, 8, 8), product(40, 3, 5)), 5 + 40 + 4 + 2);
  EXPECT_EQ(cycles(ample_design(Dataflow::is, 8, 8), product(3, 40, 5)), 5 + 40 + 4 + 2);
}

TEST(Steps, FoldsFollowEachOtherWithoutOverlap) {
  // 2 x 3 folds of 4 x 4 and edges of 2 and 1: each costs T + 2r + c - 2.
  std::int64_t sum = 0;
  for (const std::int64_t r : {4, 2}) {
    for (const std::int64_t c : {4, 4, 1}) sum += 50 + 2 * r + c - 2;
  }
  arch::Design design = ample_design(Dataflow::ws, 4, 4);
  const arch::ArrayWork work = product(50, 9, 6);
  arch::StepMapping mapping = whole_mapping(design, design.cores[0], work);
  mapping.rows_size = 3;
  mapping.cols_size = 3;
  mapping.folds = {{arch::Dim::k, 2}, {arch::Dim::n, 3}};
  // ceil(6 / 2) = 3 rows, ceil(9 / 3) = 3 columns, so all folds are 3 x 3.
  EXPECT_EQ(sim::estimate(design, design.cores[0], work, mapping).compute_cycles, 6 * (50 + 6 + 3 - 2));
  EXPECT_EQ(sum, 2 * 3 * 50 + 3 * 2 * (4 + 2) + 2 * (4 + 4 + 1) - 12);
}

TEST(Steps, OverlapHidesAllButTheFirstPreloadAndTheLastTail) {
  // ws: X(f+1) = X(f) + max(T, r): F folds end at r + F T + (r-1) + (c-1) where T >= r.
  EXPECT_EQ(cycles(ample_design(Dataflow::ws, 4, 4, true), product(50, 12, 8)), 4 + 6 * 50 + 3 + 3);
  EXPECT_EQ(cycles(ample_design(Dataflow::is, 4, 4, true), product(12, 50, 8)), 4 + 6 * 50 + 3 + 3);
  // T < r: the next preload needs r steps.
  EXPECT_EQ(cycles(ample_design(Dataflow::ws, 4, 4, true), product(2, 12, 8)), 4 + 5 * 4 + 2 + 3 + 3);
  // os: max(K, (r-1) + (c-1) + r) = 10 for 4 x 4; the last fold K + 3 + 3 + 4.
  EXPECT_EQ(cycles(ample_design(Dataflow::os, 4, 4, true), product(8, 12, 50)), 5 * 50 + 50 + 10);
  EXPECT_EQ(cycles(ample_design(Dataflow::os, 4, 4, true), product(8, 12, 3)), 5 * 10 + 3 + 10);
}

TEST(Steps, NarrowPortsHoldTheArray) {
  // A 1 x 1 os array that reads 2-byte operands through 1-byte ports: every step of K costs 2, the drain (2 bytes) 2.
  arch::Design design = ample_design(Dataflow::os, 1, 1);
  design.cores[0].array.precision.bits = 16;
  for (arch::Level& level : design.cores[0].levels) level.bytes_per_cycle = 1;
  EXPECT_EQ(cycles(design, product(1, 1, 10)), 10 * 2 + 2);
}

TEST(Steps, RandomCasesEqualTheWalk) {
  const std::uint64_t seed = 20260817;
  for (std::uint64_t i = 0; i < 6000; ++i) {
    Random random(derive(seed, i));
    const Case c = random_case(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i) + ": " + text(c));
    const auto verified = arch::verify(c.design, c.design.cores[0], c.work, c.mapping, "case", "");
    ASSERT_TRUE(verified) << verified.error().text();
    ASSERT_TRUE(sim::LayerContext::supports(c.mapping));
    const Walked truth = Walker(c.design, c.design.cores[0], c.work, c.mapping).run();
    const sim::LayerEstimate e = sim::estimate(c.design, c.design.cores[0], c.work, c.mapping);
    ASSERT_EQ(truth.macs, c.work.macs());
    ASSERT_EQ(e.counts.macs, truth.macs);
    ASSERT_EQ(e.folds, truth.folds);
    ASSERT_EQ(e.array_tiles, truth.array_tiles);
    for (int o = 0; o < arch::operand_count; ++o) {
      ASSERT_EQ(e.array[o].read, truth.array[o].read) << "operand " << o;
      ASSERT_EQ(e.array[o].write, truth.array[o].write) << "operand " << o;
    }
    ASSERT_EQ(e.counts.dram_read_bytes, truth.counts.dram_read_bytes);
    ASSERT_EQ(e.counts.dram_write_bytes, truth.counts.dram_write_bytes);
    ASSERT_EQ(e.counts.bus_bytes, truth.counts.bus_bytes);
    for (std::size_t l = 0; l < sim::max_levels; ++l) {
      ASSERT_EQ(e.counts.level[l].read, truth.counts.level[l].read) << "level " << l;
      ASSERT_EQ(e.counts.level[l].write, truth.counts.level[l].write) << "level " << l;
    }
    ASSERT_EQ(e.compute_cycles, truth.compute_cycles);
    ASSERT_EQ(e.latency_cycles, e.compute_cycles + e.stall_cycles);
    ASSERT_GE(e.latency_cycles, e.prologue_cycles + e.compute_cycles + e.epilogue_cycles);
  }
}

}  // namespace
}  // namespace gnomon::test
