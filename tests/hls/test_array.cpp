// The emitted arrays against the definition: outputs are the matrix product in two's complement, cycles those of
// docs/microarchitecture.md.
#include <gtest/gtest.h>

#include "rtl_case.hpp"

namespace gnomon::hls {
namespace {

Rtl emitted(const ArrayParameters& p, RtlStyle style = RtlStyle::loops) {
  auto rtl = emit_array(p, style);
  EXPECT_TRUE(rtl) << rtl.error().text();
  return rtl ? *rtl : Rtl{};
}

// docs/microarchitecture.md section 2 for one whole fold: T + (r-1) + (c-1) + r, which for a square array is K + 3N - 2
// (design.md section 8).
TEST(OsArray, OneFoldTakesTheClosedForm) {
  for (const auto& [size, cycles] : {std::pair{8, 278}, std::pair{16, 302}, std::pair{32, 350}}) {
    const ArrayParameters p{size, size, 8, 32, false};
    const Operands operands = random_operands(1, size, size, 256, 8, 1);
    auto run = drive(emitted(p), p, operands, cut_folds(p, operands, 256));
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->rtl_cycles, cycles);
    EXPECT_EQ(run->outputs, reference_outputs(operands, 32));
  }
}

// By hand from sections 2 and 3, 2 x 3 PEs, two folds of T = 4 on all PEs: one fold alone 4 + 1 + 2 + 2 = 9 steps. Without
// overlap 18. With overlap the second begins after max(4, 1 + 2 + 2) = 5 steps: 14. A fold of T = 2 after one of T = 6: max(6, 5
// + 4) = 9 steps later, ends at 9 + 7 = 16.
TEST(OsArray, TwoFoldsByHand) {
  const auto cycles = [](bool overlap, std::int64_t first, std::int64_t second, bool wait) {
    const ArrayParameters p{2, 3, 8, 32, overlap};
    const Operands operands = random_operands(1, 2, 3, first + second, 8, 2);
    auto run = drive(emitted(p), p, operands, {{0, 0, 0, 0, 2, 3, first, false}, {0, 0, 0, first, 2, 3, second, wait}});
    EXPECT_TRUE(run) << run.error().text();
    if (!run) return std::int64_t{-1};
    EXPECT_EQ(run->outputs, reference_outputs(operands, 32));
    return run->rtl_cycles;
  };
  EXPECT_EQ(cycles(false, 4, 4, false), 18);
  EXPECT_EQ(cycles(true, 4, 4, false), 14);
  EXPECT_EQ(cycles(true, 6, 2, false), 16);
  EXPECT_EQ(cycles(true, 4, 4, true), 18);
}

// By hand from sections 2 and 3, ws on 2 x 3 PEs: one fold of T = 4 takes 2 + 4 + 1 + 2 = 9 steps. Two without overlap 18. With
// overlap the second streams max(4, 2) = 4 steps after the first: 13; T = 1: the second streams max(1, 2) = 2 steps later, ends at
// 2 + 2 + 1 + 3 = 8; waiting for the first, whose end is 6, it begins there: 12. A fold of one row after one of two rows streams
// 4 + 1 steps later.
TEST(HeldArray, TwoFoldsByHand) {
  const auto cycles = [](bool overlap, std::int64_t length, std::int64_t second_rows, std::int64_t wait) {
    const ArrayParameters p{2, 3, 8, 32, overlap, arch::Dataflow::ws};
    const Operands operands = random_operands(1, length, 3, 2 + second_rows, 8, 2);
    auto run = drive(emitted(p), p, operands, {{0, 0, 0, 0, 2, 3, length, 0}, {0, 0, 0, 2, second_rows, 3, length, wait}});
    EXPECT_TRUE(run) << run.error().text();
    if (!run) return std::int64_t{-1};
    EXPECT_EQ(run->outputs, reference_outputs(operands, 32));
    return run->rtl_cycles;
  };
  EXPECT_EQ(cycles(false, 4, 2, 0), 18);
  EXPECT_EQ(cycles(true, 4, 2, 0), 13);
  EXPECT_EQ(cycles(true, 1, 2, 0), 8);
  EXPECT_EQ(cycles(true, 1, 2, 1), 12);
  EXPECT_EQ(cycles(true, 4, 1, 0), 2 + 4 + 1 + 4 + 2);
}

class RandomShapes : public ::testing::TestWithParam<ArrayParameters> {};

void random_shapes(const ArrayParameters& p, RtlStyle style, std::uint64_t seeds) {
  const Rtl rtl = emitted(p, style);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(rtl.top + " seed " + std::to_string(seed));
    Random random(derive(seed, rtl.top));
    std::int64_t g = random.integer(1, 2), m = random.integer(1, 3 * p.rows), n = random.integer(1, 3 * p.cols),
                 k = random.integer(1, 60);
    if (seed == 1) k = 1;
    if (seed == 2) m = 1;
    if (seed == 3) n = 1;
    const Operands operands = random_operands(g, m, n, k, p.precision_bits, seed);
    const std::int64_t k_part = random.integer((k + 2) / 3, k);
    const std::vector<Fold> folds =
        cut_folds(p, operands, k_part, &random, random.chance(0.5) ? random.integer(1, 6) : std::int64_t{1} << 30);
    const double stall = seed % 2 == 0 ? 0.3 : 0;
    auto run = drive(rtl, p, operands, folds, stall, seed);
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->outputs, reference_outputs(operands, p.accumulator_bits));
    EXPECT_EQ(run->rtl_cycles - run->stalls_injected, count_steps(folds, p));
    EXPECT_TRUE(stall > 0 || run->stalls_injected == 0);
    EXPECT_TRUE(stall == 0 || k <= 10 || run->stalls_injected > 0);
  }
}

// Truth for outputs: the direct integer product. For cycles: count_steps(), the definition in closed form; with stalls, as many
// more as cycles were held.
TEST_P(RandomShapes, OutputsAndCycles) { random_shapes(GetParam(), RtlStyle::loops, 24); }

// The text for synthesis is the same machine.
TEST(ArrayStyles, ModulesBehaveLikeLoops) {
  for (const auto flow : {arch::Dataflow::os, arch::Dataflow::ws, arch::Dataflow::is})
    for (const bool overlap : {false, true}) random_shapes({3, 4, 8, 20, overlap, flow}, RtlStyle::modules, 6);
}

// Narrow accumulators wrap around all the time; 1 x N, N x 1 and sizes that are no power of two stress the literals.
INSTANTIATE_TEST_SUITE_P(Outputs, RandomShapes,
                         ::testing::Values(ArrayParameters{4, 4, 8, 32, false}, ArrayParameters{4, 4, 8, 32, true},
                                           ArrayParameters{3, 5, 4, 9, true}, ArrayParameters{1, 1, 8, 16, false},
                                           ArrayParameters{7, 1, 16, 40, true}, ArrayParameters{1, 6, 5, 11, true},
                                           ArrayParameters{2, 8, 16, 64, false}, ArrayParameters{16, 16, 8, 20, true}));
INSTANTIATE_TEST_SUITE_P(Inputs, RandomShapes,
                         ::testing::Values(ArrayParameters{4, 4, 8, 32, false, arch::Dataflow::ws},
                                           ArrayParameters{4, 4, 8, 32, true, arch::Dataflow::is},
                                           ArrayParameters{3, 5, 4, 9, true, arch::Dataflow::ws},
                                           ArrayParameters{1, 1, 8, 16, true, arch::Dataflow::ws},
                                           ArrayParameters{7, 1, 16, 40, true, arch::Dataflow::is},
                                           ArrayParameters{1, 6, 5, 11, true, arch::Dataflow::ws},
                                           ArrayParameters{2, 8, 16, 64, false, arch::Dataflow::is},
                                           ArrayParameters{16, 16, 8, 20, true, arch::Dataflow::ws}));

// The convolution's operand stream (gathering, zero padding, strides, dilation, groups) against the sliding window by its
// definition.
TEST(OsArray, ConvolutionIsGathered) {
  const ArrayParameters p{4, 4, 8, 24, true};
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    workloads::Convolution c;
    c.batch = random.integer(1, 2);
    c.groups = random.integer(1, 3);
    c.in_channels = c.groups * random.integer(1, 3);
    c.out_channels = c.groups * random.integer(1, 5);
    for (int axis = 0; axis < 2; ++axis) {
      c.kernel[axis] = random.integer(1, 3);
      c.stride[axis] = random.integer(1, 3);
      c.dilation[axis] = random.integer(1, 2);
      c.pad_begin[axis] = random.integer(0, 2);
      c.pad_end[axis] = random.integer(0, 2);
      const std::int64_t window = c.dilation[axis] * (c.kernel[axis] - 1) + 1;
      c.in[axis] = window + random.integer(0, 4);
      c.out[axis] = (c.in[axis] + c.pad_begin[axis] + c.pad_end[axis] - window) / c.stride[axis] + 1;
    }
    arch::ArrayWork work;
    work.window = c;
    work.extent[0] = c.groups;
    work.extent[1] = c.batch * c.out[0] * c.out[1];
    work.extent[2] = c.out_channels / c.groups;
    work.extent[3] = c.in_channels / c.groups * c.kernel[0] * c.kernel[1];
    auto operands = empty_operands(work);
    ASSERT_TRUE(operands) << operands.error().text();
    fill_random(*operands, 8, seed);
    const auto folds = cut_folds(p, *operands, work.extent[3]);
    auto run = drive(emitted(p), p, *operands, folds, 0.1, seed);
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->outputs, reference_outputs(*operands, 24));
    EXPECT_EQ(run->rtl_cycles - run->stalls_injected, count_steps(folds, p));
  }
}

// One place of the RTL broken at a time: outputs, cycles or the protocol must show it.
TEST(OsArray, BrokenRtlIsFound) {
  struct Break {
    bool overlap;
    std::string from, to;
    arch::Dataflow dataflow = arch::Dataflow::os;
  };
  constexpr auto ws = arch::Dataflow::ws;
  const Break breaks[] = {
      {false, "at = now - 3'(d);", "at = now;"},                           // no skew
      {false, "cur_cols} - 5'd2", "cur_cols} - 5'd1"},                    // drains a step late
      {false, "age_next >= gap", "age_next > gap"},                       // the next fold a step late
      {true, "age_next >= gap", "age_next + 35'd1 >= gap"},               // the next fold a step early
      {true, "gap = tail + excess", "gap = tail"},                        // accumulators set aside too early
      {false, "acc[d][i] = a[at]", "acc[d][i] = acc[d][i] + a[at]"},      // sums of the fold before stay
      {false, "(!streaming || (ifmap_valid && filter_valid)) && (!drains || (",
       "(!streaming || ifmap_valid) && (!drains || ("},  // late filters are not waited for
      {false, "at = now - 3'(d);", "at = now;", ws},  // no skew
      {false, "ref_cols} - 35'd2", "ref_cols} - 35'd1", ws},                // the next fold a step late
      {true, "(gap > nxt_steps) ? gap - nxt_steps", "(gap > nxt_steps) ? gap - nxt_steps + 35'd1", ws},
      {true, "(ref_rows > nxt_rows) ?", "(ref_rows < nxt_rows) ?", ws},     // results overtake each other
      {true, "if (i[2:0] <= load_now", "if (i[2:0] + 3'd1 <= load_now", ws},  // a row too few moves down
      {true, "? held1[exit_diagonal][exit_row] : held0", "? held0[exit_diagonal][exit_row] : held0", ws},  // one stationary register only
      {false, "(psum_lanes[j] ? psum_data", "(!psum_lanes[j] ? psum_data", ws},
  };
  for (const Break& b : breaks) {
    SCOPED_TRACE(b.to);
    const ArrayParameters p{4, 4, 8, 32, b.overlap, b.dataflow};
    const Rtl rtl = mutate(emitted(p), b.from, b.to);
    ASSERT_FALSE(rtl.text.empty()) << "the place to break is gone";
    const Operands operands = random_operands(1, 8, 8, b.dataflow == ws ? 10 : 12, 8, 5);
    // Parts of K of 8 and 4, both shorter than a drain, so that a short fold after a long one has to wait for it.
    const std::vector<Fold> folds = cut_folds(p, operands, b.dataflow == ws ? 4 : 8);
    bool found = false;
    for (const double stall : {0.0, 0.3}) {
      auto run = drive(rtl, p, operands, folds, stall, 3);
      found = found || !run || run->outputs != reference_outputs(operands, 32) ||
              run->rtl_cycles - run->stalls_injected != count_steps(folds, p);
    }
    EXPECT_TRUE(found);
  }
}

std::string failure(const std::string& from, const std::string& to, double cpu_seconds = 60) {
  const ArrayParameters p{4, 4, 8, 32, false};
  const Rtl rtl = mutate(emitted(p), from, to);
  if (rtl.text.empty()) return "the place to break is gone";
  const Operands operands = random_operands(1, 4, 4, 8, 8, 1);
  auto run = drive(rtl, p, operands, cut_folds(p, operands, 8), 0, 1, cpu_seconds);
  return run ? "" : run.error().text();
}

TEST(OsArray, AStuckArrayNamesItsStreams) {
  const std::string text = failure("drains = (drain_left != 3'd0)", "drains = (drain_left == 3'd7)");
  EXPECT_NE(text.find("the RTL is stuck"), std::string::npos) << text;
  EXPECT_NE(text.find("ofmap not offered, taken (fold 0 beat 0)"), std::string::npos) << text;
}

TEST(OsArray, AHangOrCrashCostsOnlyTheChild) {
  const std::string place = "  // ---- Array.";
  const std::string hang = failure(place, "  initial $c(\"for (;;) __asm__ volatile(\\\"\\\");\");\n" + place, 1);
  EXPECT_NE(hang.find("1 s of CPU time"), std::string::npos) << hang;
  const std::string crash = failure(place, "  initial $c(\"*(volatile int*)0 = 1;\");\n" + place);
  EXPECT_NE(crash.find("crashed with signal 11"), std::string::npos) << crash;
}

TEST(OsArray, RefusesWhatHasNoRtl) {
  arch::Array array;
  array.timing = arch::Timing::scalesim;
  EXPECT_EQ(array_parameters(array).error().kind(), ErrorKind::unsupported);
  array = {};
  array.precision = {"fp16", 16, true};
  EXPECT_NE(array_parameters(array).error().text().find("fp16"), std::string::npos);
  EXPECT_NE(emit_array({300, 4, 8, 32, false}).error().text().find("rows is 300; allowed are 1 to 256"), std::string::npos);
  EXPECT_EQ(emit_array({4, 4, 8, 7, false}).error().kind(), ErrorKind::unsupported);
}

}  // namespace
}  // namespace gnomon::hls
