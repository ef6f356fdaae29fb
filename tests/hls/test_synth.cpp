// Synthesis: figures against counts that follow from the text (registers, multipliers, memory bits), composed against flat, and the
// vector lane against its definition.
#include <gtest/gtest.h>

#include <cmath>

#include "cosim/model.hpp"
#include "gnomon/hls/synth.hpp"
#include "rtl_case.hpp"
#include "synth/yosys.hpp"

namespace gnomon::hls {
namespace {

SynthOptions options(const std::string& target) {
  SynthOptions o;
  o.target = target;
  o.cache = test_cache();
  return o;
}

arch::Design design(arch::Dataflow flow) {
  arch::Design d;
  d.name = "small";
  arch::Core core;
  core.name = "npu";
  core.array.rows = 3;
  core.array.cols = 4;
  core.array.dataflow = flow;
  core.array.precision = {"int8", 8, false};
  core.array.accumulator_bits = 20;
  arch::Level level;
  level.name = "all";
  level.bytes = 32768;
  level.banks = 4;
  level.bytes_per_cycle = 16;
  core.levels.push_back(level);
  core.vector_lanes = 4;
  d.cores.push_back(core);
  return d;
}

// A PE of the os array holds its operands on the way (2 x 8) and an accumulator (20); the DSP block may take registers in. A bank
// of 2048 words of 32 bits is two blocks of 36 Kib (2048 x 18 each, or 64 Kib in all).
TEST(Synth, FpgaFiguresOfASmallDesign) {
  auto result = synthesise(design(arch::Dataflow::os), options("xcup"));
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_EQ(result->mode, "composed");
  EXPECT_EQ(result->blocks.size(), 7u);  // PE inside and at three kinds of edge, control, bank, lane
  EXPECT_EQ(result->total.dsp, 12);
  EXPECT_EQ(result->total.bram, 8);
  EXPECT_GE(*result->total.ff, 12 * 20);
  EXPECT_GT(*result->total.lut, 0);
  EXPECT_FALSE(result->total.area_um2);
  EXPECT_FALSE(result->fmax_mhz);
  std::int64_t cells = 0;
  for (const SynthBlock& block : result->blocks) cells += block.count * block.each.cell_count;
  EXPECT_EQ(cells, result->total.cell_count);
  auto again = synthesise(design(arch::Dataflow::os), options("xcup"));
  ASSERT_TRUE(again);
  for (const SynthBlock& block : again->blocks) EXPECT_TRUE(block.from_cache) << block.name;
}

// The same array, flat and composed, for standard cells: the area differs by what is optimised across PEs only.
TEST(Synth, ComposedIsCloseToFlat) {
  if (!osu018_liberty()) GTEST_SKIP() << "no OSU 0.18 um library here";
  arch::Design d = design(arch::Dataflow::ws);
  d.cores[0].levels.clear();
  d.cores[0].vector_lanes = 0;
  SynthOptions o = options("osu018");
  auto composed = synthesise(d, o);
  ASSERT_TRUE(composed) << composed.error().text();
  o.flat = true;
  auto flat = synthesise(d, o);
  ASSERT_TRUE(flat) << flat.error().text();
  EXPECT_NEAR(*composed->total.area_um2 / *flat->total.area_um2, 1, 0.1);
  EXPECT_NEAR(*composed->total.ff / *flat->total.ff, 1, 0.03);
  if (!composed->timing_tool.empty()) {
    EXPECT_GT(*composed->fmax_mhz, 10);
    EXPECT_NEAR(*composed->path_ns / *flat->path_ns, 1, 0.5);
  }
}

TEST(Synth, RefusesWhatIsTooBigOrUnknown) {
  arch::Design d = design(arch::Dataflow::os);
  EXPECT_EQ(synthesise(d, options("virtex2")).error().kind(), ErrorKind::invalid_input);
  d.cores[0].array.rows = d.cores[0].array.cols = 128;
  const auto refused = synthesise(d, options("xcup"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
  EXPECT_NE(refused.error().text().find("at most 4096"), std::string::npos) << refused.error().text();
}

// Truth: the operations by their definition in doubles (exact for these sizes).
TEST(VectorLane, FollowsItsDefinition) {
  const Rtl rtl = emit_vector_lane(8, 20);
  auto built = build_model(rtl, test_cache(), false);
  ASSERT_TRUE(built) << built.error().text();
  auto model = LoadedModel::load(built->library, {}, 1);
  ASSERT_TRUE(model) << model.error().text();
  const auto port = [&](const char* name) { return *model->port(name); };
  Random random(7);
  for (int trial = 0; trial < 4000; ++trial) {
    const std::int64_t op = random.integer(0, 3), shift = random.integer(0, 12);
    const std::int64_t limit = random.chance(0.5) ? 300 : (1 << 19) - 1;
    const std::int64_t a = random.integer(-limit, limit), b = random.integer(-128, 127);
    port("clk").set(0);
    port("en").set(1);
    port("op").set(static_cast<std::uint64_t>(op));
    port("shift").set(static_cast<std::uint64_t>(shift));
    port("a").set(static_cast<std::uint64_t>(a));
    port("b").set(static_cast<std::uint64_t>(b));
    model->eval();
    port("clk").set(1);
    model->eval();
    const double x = op == 1 ? static_cast<double>(std::max<std::int64_t>(a, 0)) : static_cast<double>(a);
    double y = std::nearbyint(std::ldexp(x, static_cast<int>(-shift)));
    if (op == 2) y = static_cast<double>(a + b);
    if (op == 3) y = static_cast<double>(std::max(a, b));
    ASSERT_EQ(wrap(port("y").get(), 8), static_cast<std::int64_t>(std::clamp(y, -128.0, 127.0)))
        << "op " << op << " shift " << shift << " a " << a << " b " << b;
  }
}

}  // namespace
}  // namespace gnomon::hls
