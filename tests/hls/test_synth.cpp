// Synthesis: figures against counts that follow from the text (registers, multipliers, memory bits), composed against flat, and the
// vector lane against its definition.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <map>

#include "cosim/model.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/design.hpp"
#include "gnomon/hls/synth.hpp"
#include "rtl_case.hpp"
#include "synth/modules.hpp"
#include "synth/yosys.hpp"

namespace gnomon::hls {
namespace {

namespace fs = std::filesystem;

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

// Figures are the designs' alone: the same from an empty cache each, one run after the other, and from one that holds parts of others, in another order and two
// runs at a time. Truth: each other.
TEST(Synth, FiguresDoNotDependOnTheCache) {
  std::vector<arch::Design> designs{design(arch::Dataflow::os), design(arch::Dataflow::ws)};
  designs[1].cores[0].array.rows = 2;
  auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder);
  SynthOptions o = options("ice40");
  o.timing = false;
  const auto figures = [&](const arch::Design& d) {
    auto result = synthesise(d, o);
    EXPECT_TRUE(result) << result.error().text();
    std::string text;
    if (!result) return text;
    for (const SynthBlock& block : result->blocks) text += block.module + " " + number(*block.each.lut) + " " + number(*block.each.ff) + " " + number(*block.each.dsp) + " " + std::to_string(block.each.cell_count) + "\n";
    return text + number(*result->total.lut);
  };
  std::vector<std::string> alone;
  for (std::size_t i = 0; i < designs.size(); ++i) {
    o.cache = folder->path() / ("alone" + std::to_string(i));
    o.jobs = 1;
    alone.push_back(figures(designs[i]));
    EXPECT_NE(alone.back(), "");
  }
  o.cache = folder->path() / "shared";
  o.jobs = 2;
  for (std::size_t i = designs.size(); i-- > 0;) EXPECT_EQ(figures(designs[i]), alone[i]);
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

// Truth: counted by hand. Multiplexers and inverters between tables are no steps; registers, hard blocks, carries and the table behind a carry begin anew.
TEST(Synth, DepthOfANetlist) {
  auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder) << folder.error().text();
  const auto depth = [&](const std::string& cells) -> std::int64_t {
    const fs::path file = folder->path() / "netlist.v";
    EXPECT_TRUE(write_file(file, "/* Generated */\n\nmodule m(clk, a, y);\n  wire _0_;\n  wire _1_;\n  wire [3:0] _2_;\n  input clk;\n  wire clk;\n  input [7:0] a;\n  wire [7:0] a;\n  output [2:0] y;\n  wire [2:0] y;\n"
                                 "  wire \\odd.name ;\n" + cells + "endmodule\n"));
    auto found = mapped_depth(file);
    EXPECT_TRUE(found) << found.error().text();
    return found.value_or(-1);
  };
  const std::string first = "  LUT2 #(\n    .INIT(4'h6)\n  ) _10_ (\n    .I0(a[0]),\n    .I1(a[1]),\n    .O(_0_)\n  );\n";
  const std::string other = "  LUT1 #(\n    .INIT(2'h1)\n  ) _11_ (\n    .I0(\\odd.name ),\n    .O(_1_)\n  );\n";
  EXPECT_EQ(depth(""), 0);
  EXPECT_EQ(depth(first), 1);
  EXPECT_EQ(depth(first + other), 1);
  EXPECT_EQ(depth(other + first + "  assign \\odd.name = _0_;\n"), 2);
  EXPECT_EQ(depth(other + first + "  assign { _2_[3], \\odd.name , _2_[1:0] } = { 1'h0, _0_, a[3:2] };\n"), 2);
  EXPECT_EQ(depth(other + first + "  assign { _2_[3], \\odd.name , _2_[1:0] } = { _0_, 1'h0, a[3:2] };\n"), 1);
  EXPECT_EQ(depth(other + first + "  MUXF7 _12_ (\n    .I0(_0_),\n    .I1(a[3]),\n    .O(\\odd.name ),\n    .S(a[4])\n  );\n"), 2);
  EXPECT_EQ(depth(other + first + "  FDRE _12_ (\n    .C(clk),\n    .D(_0_),\n    .Q(\\odd.name ),\n    .R(1'h0)\n  );\n"), 1);
  EXPECT_EQ(depth(other + first + "  CARRY4 _12_ (\n    .CI(1'h0),\n    .CO(_2_),\n    .O({ y, \\odd.name  }),\n    .S({ a[3:1], _0_ })\n  );\n"), 1);
  const std::string carry = "  SB_CARRY _13_ (\n    .CI(1'h0),\n    .CO(_2_[1]),\n    .I0(_0_),\n    .I1(a[1])\n  );\n";
  const std::string sum = "  SB_LUT4 #(\n    .LUT_INIT(16'h9966)\n  ) _14_ (\n    .I0(1'h0),\n    .I1(_0_),\n    .I2(a[2]),\n    .I3(_2_[1]),\n    .O(\\odd.name )\n  );\n";
  EXPECT_EQ(depth(first + sum + other), 3);
  EXPECT_EQ(depth(first + carry + sum + other), 1);
}

// Truth: abc's own script, which runs where no depth is given: a bound that cannot be kept changes nothing, one that is wider only makes less of it.
TEST(Synth, DepthThatABlockMayHave) {
  const Rtl lane = emit_vector_lane(8, 20);
  for (const char* target : {"xcup", "ice40"}) {
    SynthJob job{lane.top, lane.text, true};
    auto own = run_yosys(job, target, test_cache());
    ASSERT_TRUE(own) << own.error().text();
    auto deep = mapped_depth(own->netlist);
    ASSERT_TRUE(deep) << deep.error().text();
    EXPECT_GT(*deep, 2) << target;
    job.depth = 1;
    auto bound = run_yosys(job, target, test_cache());
    ASSERT_TRUE(bound) << bound.error().text();
    EXPECT_EQ(bound->figures.lut, own->figures.lut) << target;
    EXPECT_EQ(bound->figures.cell_count, own->figures.cell_count) << target;
    job.depth = 3 * *deep;
    auto loose = run_yosys(job, target, test_cache());
    ASSERT_TRUE(loose) << loose.error().text();
    auto deeper = mapped_depth(loose->netlist);
    ASSERT_TRUE(deeper) << deeper.error().text();
    EXPECT_LT(*loose->figures.lut, *own->figures.lut) << target;
    EXPECT_GT(*deeper, *deep) << target;
    EXPECT_LE(*deeper, 3 * *deep) << target;
    EXPECT_EQ(loose->figures.ff, own->figures.ff) << target;
  }
}

// Place and route. Truth: the same from nothing again; a lane of many bits has longer chains than one of few; what does not fit is said, with its size.
TEST(Synth, PlacesAndRoutes) {
  if (find_program("nextpnr-ice40").empty()) GTEST_SKIP() << "no nextpnr-ice40 here";
  auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder);
  SynthOptions o = options("ice40");
  const auto few = synthesise(emit_vector_lane(4, 8), o);
  ASSERT_TRUE(few) << few.error().text();
  ASSERT_TRUE(few->fmax_mhz) << join(few->notes, "; ");
  EXPECT_GT(*few->fmax_mhz, 10);
  EXPECT_LT(*few->fmax_mhz, 500);
  EXPECT_NEAR(*few->fmax_mhz * *few->path_ns, 1000, 1e-6);
  EXPECT_TRUE(few->timing_tool.starts_with("nextpnr-ice40 ")) << few->timing_tool;
  EXPECT_NE(few->timing_tool.find(" hx8k, seed 1"), std::string::npos) << few->timing_tool;
  o.cache = folder->path();
  const auto again = synthesise(emit_vector_lane(4, 8), o);
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->fmax_mhz, few->fmax_mhz);
  EXPECT_EQ(again->total.lut, few->total.lut);
  o.cache = test_cache();
  const auto many = synthesise(emit_vector_lane(8, 20), o);
  ASSERT_TRUE(many) << many.error().text();
  ASSERT_TRUE(many->fmax_mhz) << join(many->notes, "; ");
  EXPECT_LT(*many->fmax_mhz, *few->fmax_mhz);
  // 160 Kibit are 40 blocks of memory; up5k has 30 and hx8k 32.
  const auto big = synthesise(emit_bank(8192, 20), o);
  ASSERT_TRUE(big) << big.error().text();
  EXPECT_FALSE(big->fmax_mhz);
  EXPECT_TRUE(big->timing_tool.empty());
  ASSERT_EQ(big->notes.size(), 1u);
  EXPECT_NE(big->notes[0].find("40 BRAM"), std::string::npos) << big->notes[0];
}

// What lies in the cache and cannot be read is made again, and is then whole.
TEST(Synth, DamagedCache) {
  auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder);
  const SynthJob job{"narrow", "module narrow (\n  input  logic clk,\n  input  logic [2:0] a,\n  output logic [2:0] y\n);\n  always_ff @(posedge clk) y <= a;\nendmodule\n"};
  const auto first = run_yosys(job, "ice40", folder->path());
  ASSERT_TRUE(first) << first.error().text();
  EXPECT_EQ(first->figures.ff, 3);
  const auto figures = first->netlist.parent_path() / "figures.json";
  for (const std::string& damage : {std::string("{\"cell_count\": \"x\"}"), std::string("\0\xff", 2)}) {
    ASSERT_TRUE(write_file(figures, damage));
    const auto again = run_yosys(job, "ice40", folder->path());
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_FALSE(again->from_cache);
    EXPECT_EQ(again->figures.ff, 3);
  }
  ASSERT_TRUE(std::filesystem::remove(first->netlist));
  EXPECT_FALSE(run_yosys(job, "ice40", folder->path())->from_cache);
  EXPECT_TRUE(std::filesystem::exists(figures));
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

arch::Design design_of(const std::string& json) {
  auto document = Document::parse(json, "design.json");
  EXPECT_TRUE(document) << document.error().text();
  auto design = arch::parse_design(*document);
  EXPECT_TRUE(design) << design.error().text();
  return *design;
}

arch::Design whole(int rows, int lanes) {
  const std::string core = R"({"name": "npu", "array": {"rows": )" + std::to_string(rows) + R"(, "cols": 2, "dataflow": "os", "precision": "int8", "accumulator_bits": 32},
    "levels": [{"name": "ifmap", "holds": ["ifmap"], "kib": 2}, {"name": "filter", "holds": ["filter"], "kib": 2}, {"name": "ofmap", "holds": ["ofmap"], "kib": 2}],
    "vector": {"lanes": )" + std::to_string(lanes) + "}}";
  return design_of(R"({"version": 1, "name": "whole", "clock_mhz": 500, "cores": [)" + core + R"(],
    "interconnect": {"type": "bus", "bytes_per_cycle": 2}, "memory": {"type": "ideal", "bytes_per_cycle": 2, "latency_cycles": 9}})");
}

TEST(Synth, ControlOfACompleteDesign) {
  const auto small = control_parts(whole(2, 6), "xcup"), tall = control_parts(whole(5, 6), "xcup");
  ASSERT_TRUE(small) << small.error().text();
  ASSERT_TRUE(tall) << tall.error().text();
  ASSERT_EQ(small->size(), 7u);
  // What does not depend on the array's rows is the same text, so it is synthesised once for both.
  for (std::size_t i = 0; i < 7; ++i) {
    const bool depends = (*small)[i].name == "npu sequencer and queues" || (*small)[i].name == "npu ifmap addresses";
    EXPECT_EQ((*small)[i].job.text == (*tall)[i].job.text, !depends) << (*small)[i].name;
  }
  // A straight line through 2 and 4 lanes at 6 is twice the second less the first; two columns are synthesised as they are.
  EXPECT_TRUE((*small)[5].narrower.empty());
  ASSERT_EQ((*small)[6].narrower.size(), 2u);
  EXPECT_EQ((*small)[6].narrower[0].first, 2);
  EXPECT_EQ((*small)[6].narrower[1].first, -1);
  // Narrow ports: one part more, and the sequencer and the queues of streams know it; nothing else changes.
  arch::Design ports = whole(2, 6);
  ports.cores[0].levels[2].bytes_per_cycle = 2;
  const auto priced = control_parts(ports, "xcup");
  ASSERT_TRUE(priced) << priced.error().text();
  ASSERT_EQ(priced->size(), 8u);
  EXPECT_EQ((*priced)[6].name, "npu prices of steps");
  EXPECT_NE((*priced)[6].job.text.find("hold = due[0] && (over2);"), std::string::npos);
  EXPECT_NE((*priced)[0].job.text.find("_meter meter ("), std::string::npos);
  EXPECT_NE((*priced)[0].job.text, (*small)[0].job.text);
  for (const std::size_t i : {1u, 2u, 3u, 4u, 5u}) EXPECT_EQ((*priced)[i].job.text, (*small)[i].job.text) << (*small)[i].name;
  EXPECT_EQ((*priced)[7].narrower[0].second.text, (*small)[6].narrower[0].second.text);
}

arch::Design pair(const std::string& first, const std::string& second, const std::string& shared = "") {
  const auto core = [](const std::string& name, const std::string& array) {
    return R"({"name": ")" + name + R"(", "array": )" + array + R"(, "levels": [{"name": "ifmap", "holds": ["ifmap"], "kib": 2}, {"name": "filter", "holds": ["filter"], "kib": 2},
      {"name": "ofmap", "holds": ["ofmap"], "kib": 2}], "vector": {"lanes": 1}})";
  };
  return design_of(R"({"version": 1, "name": "pair", "clock_mhz": 500, "cores": [)" + core("one", first) + (second.empty() ? "" : ", " + core("two", second)) + "]," + shared +
                   R"("interconnect": {"type": "bus", "bytes_per_cycle": 1}, "memory": {"type": "ddr3-1600", "channels": 1}})");
}

arch::Design with_shared_level() {
  return design_of(R"({"version": 1, "name": "outer", "clock_mhz": 500, "cores": [{"name": "npu", "array": {"rows": 2, "cols": 2, "dataflow": "os", "precision": "int8", "accumulator_bits": 32},
    "levels": [{"name": "ifmap", "holds": ["ifmap"], "kib": 1}, {"name": "filter", "holds": ["filter"], "kib": 1}, {"name": "ofmap", "holds": ["ofmap"], "kib": 1}], "vector": {"lanes": 1}}],
    "shared": [{"name": "l2", "holds": ["ifmap", "filter", "ofmap"], "kib": 8, "bytes_per_cycle": 4}],
    "interconnect": {"type": "bus", "bytes_per_cycle": 4}, "memory": {"type": "ideal", "bytes_per_cycle": 2, "latency_cycles": 9}})");
}

// With a shared level there is a unit for transfers over the bus. Truth: all else that does not know of it is the text of the design without one; composed against one flat run (GNOMON_LONG: minutes).
TEST(Synth, ControlBehindASharedLevel) {
  const arch::Design outer = with_shared_level();
  arch::Design alone = outer;
  alone.shared.clear();
  const auto with = control_parts(outer, "xcup"), without = control_parts(alone, "xcup");
  ASSERT_TRUE(with) << with.error().text();
  ASSERT_TRUE(without) << without.error().text();
  std::map<std::string, const SynthPart*> known;
  for (const SynthPart& part : *without) known[part.name] = &part;
  std::size_t equal = 0, links = 0, joined = 0;
  for (const SynthPart& part : *with) {
    if (part.name.starts_with("npu transfers between levels")) {
      ++links;
      EXPECT_EQ(part.count, 1);
      EXPECT_NE(part.job.text.find("_link ("), std::string::npos);
    } else if (part.name.find("joined") != part.name.npos) {
      ++joined;
      // Four levels give the memory's unit its two words; three the bus' unit its four, and the vector unit its three. The narrow sequencer joins one, one and three of two bits.
      const bool four = part.name == "npu words of 4 levels joined";
      EXPECT_TRUE(four || part.name == "npu words of 3 levels joined") << part.name;
      EXPECT_EQ(part.count, four ? 2 * 8 - 1 * 2 : (4 + 3) * 8 - (1 + 3) * 2) << part.name;
    } else if (known.contains(part.name)) {
      equal += known[part.name]->job.text == part.job.text;
    }
  }
  EXPECT_EQ(links, 1u);
  EXPECT_EQ(joined, 2u);
  EXPECT_EQ(equal, 3u);  // address generators and results; what waits for transfers knows of their counters
  // Standard cells: its queue stands apart, as the memory unit's does.
  const auto cells = control_parts(outer, "osu018"), fewer = control_parts(alone, "osu018");
  ASSERT_TRUE(cells && fewer);
  EXPECT_EQ(std::count_if(cells->begin(), cells->end(), [](const SynthPart& part) { return part.name.find(" queue of ") != part.name.npos; }),
            std::count_if(fewer->begin(), fewer->end(), [](const SynthPart& part) { return part.name.find(" queue of ") != part.name.npos; }) + 2);
  if (std::getenv("GNOMON_LONG") == nullptr) return;
  SynthOptions o = options("xcup");
  o.complete = true;
  const auto composed = synthesise(outer, o);
  ASSERT_TRUE(composed) << composed.error().text();
  o.flat = true;
  const auto flat = synthesise(outer, o);
  ASSERT_TRUE(flat) << flat.error().text();
  std::printf("behind a shared level: %.0f LUT, %.0f FF composed; %.0f and %.0f in one flat run\n", *composed->total.lut, *composed->total.ff, *flat->total.lut, *flat->total.ff);
  EXPECT_NEAR(*composed->total.lut, *flat->total.lut, 0.10 * *flat->total.lut);
  EXPECT_NEAR(*composed->total.ff, *flat->total.ff, 0.05 * *flat->total.ff);
  EXPECT_EQ(*composed->total.dsp, *flat->total.dsp);
  EXPECT_EQ(*composed->total.bram, *flat->total.bram);
}

// Several cores are as many RTLs. Truth: the parts of each core alone behind the same memory; of the figures (GNOMON_LONG: minutes), their sum.
TEST(Synth, CompleteDesignsOfSeveralCores) {
  const std::string os = R"({"rows": 2, "cols": 2, "dataflow": "os", "precision": "int8", "accumulator_bits": 32})", ws = R"({"rows": 2, "cols": 1, "dataflow": "ws", "precision": "int8", "accumulator_bits": 32})";
  const arch::Design both = pair(os, ws);
  for (std::size_t c = 0; c < 2; ++c) {
    const auto parts = control_parts(both, "xcup", c), alone = control_parts(pair(c == 0 ? os : ws, ""), "xcup");
    ASSERT_TRUE(parts && alone);
    ASSERT_EQ(parts->size(), alone->size());
    for (std::size_t i = 0; i < parts->size(); ++i) {
      EXPECT_EQ((*parts)[i].job.text, (*alone)[i].job.text) << (*parts)[i].name;
      EXPECT_TRUE((*parts)[i].name.starts_with(c == 0 ? "one " : "two ")) << (*parts)[i].name;
    }
  }
  // What has no RTL is refused with its place.
  const auto refused = [](const arch::Design& d) {
    const auto parts = control_parts(d, "xcup", 1);
    return parts || parts.error().kind() != ErrorKind::unsupported ? std::string() : parts.error().text();
  };
  const std::string wide = R"({"rows": 2, "cols": 1, "dataflow": "ws", "precision": "int16", "accumulator_bits": 32})";
  EXPECT_NE(refused(pair(os, wide)).find(R"(/cores/1/array/precision: "int16"; all cores must have that of the first one, "int8")"), std::string::npos) << refused(pair(os, wide));
  // Behind a shared level each core's RTL has a unit for its transfers over the bus and its equal part of the level's words. That transfers wait for a grant stands in its top; that the memory has taken one, in the memory's unit.
  const auto l2 = [](int kib) { return R"("shared": [{"name": "l2", "holds": ["ifmap", "filter", "ofmap"], "kib": )" + std::to_string(kib) + "}],"; };
  for (std::size_t c = 0; c < 2; ++c) {
    const auto parts = control_parts(pair(os, ws, l2(16)), "xcup", c), alone = control_parts(pair(c == 0 ? os : ws, "", l2(8)), "xcup");
    ASSERT_TRUE(parts) << parts.error().text();
    ASSERT_TRUE(alone) << alone.error().text();
    ASSERT_EQ(parts->size(), alone->size());
    for (std::size_t i = 0; i < parts->size(); ++i) {
      const std::string name = (*parts)[i].name.substr(4);
      EXPECT_EQ((*parts)[i].job.text != (*alone)[i].job.text, name.starts_with("sequencer") || name.starts_with("transfers,")) << name;
    }
  }
  // Flat: a run for each core.
  SynthOptions in_one = options("xcup");
  in_one.complete = in_one.flat = true;
  EXPECT_NE(synthesise(pair(os, R"({"rows": 5, "cols": 5, "dataflow": "ws", "precision": "int8", "accumulator_bits": 32})"), in_one).error().text().find("the number of PEs of two is 25; at most 16"), std::string::npos);
  if (std::getenv("GNOMON_LONG") == nullptr) return;
  const auto figures = [](const arch::Design& d) {
    SynthOptions o = options("xcup");
    o.complete = true;
    auto result = synthesise(d, o);
    EXPECT_TRUE(result) << result.error().text();
    return result ? *result : SynthResult{};
  };
  const SynthResult one = figures(pair(os, "")), other = figures(pair(ws, "")), equal = figures(pair(os, os)), unlike = figures(pair(os, ws));
  const auto same = [](const SynthResult& whole, const SynthResult& a, const SynthResult& b) {
    EXPECT_EQ(whole.blocks.size(), a.blocks.size() + b.blocks.size());
    EXPECT_EQ(*whole.total.lut, *a.total.lut + *b.total.lut);
    EXPECT_EQ(*whole.total.ff, *a.total.ff + *b.total.ff);
    EXPECT_EQ(*whole.total.dsp, *a.total.dsp + *b.total.dsp);
    EXPECT_EQ(*whole.total.bram, *a.total.bram + *b.total.bram);
    EXPECT_EQ(whole.total.cell_count, a.total.cell_count + b.total.cell_count);
    ASSERT_FALSE(whole.notes.empty());
    EXPECT_NE(whole.notes[0].find("the bus between the 2 cores"), std::string::npos) << whole.notes[0];
  };
  same(equal, one, one);
  same(unlike, one, other);
  for (const SynthBlock& block : unlike.blocks) EXPECT_TRUE(block.name.starts_with("one ") || block.name.starts_with("two ")) << block.name;
}

// One run over array and control: what is too big for it, or has no memories, is refused with its size; levels stay apart.
TEST(Synth, CompleteDesignsFlat) {
  const auto refused = [](const arch::Design& d, const std::string& target) {
    SynthOptions o = options(target);
    o.complete = o.flat = true;
    const auto result = synthesise(d, o);
    return result || result.error().kind() != ErrorKind::unsupported ? std::string() : result.error().text();
  };
  EXPECT_NE(refused(whole(9, 2), "xcup").find("the number of PEs of npu is 18; at most 16"), std::string::npos) << refused(whole(9, 2), "xcup");
  EXPECT_NE(refused(whole(2, 9), "xcup").find("the number of vector lanes of npu is 9; at most 8"), std::string::npos) << refused(whole(2, 9), "xcup");
  EXPECT_NE(refused(whole(2, 2), "osu018").find("would be flip-flops"), std::string::npos);
  const auto part = whole_part(whole(2, 2), "xcup");
  ASSERT_TRUE(part) << part.error().text();
  const auto modules = modules_of(part->job.text);
  std::size_t bodies = 0, levels = 0;
  for (const Module& module : modules) {
    const bool level = module.name.find("_level") != std::string::npos;
    levels += level;
    bodies += module.text.find("\n  always_ff") != std::string::npos;
    EXPECT_EQ(level && module.text.find("always") != std::string::npos, false) << module.name;
  }
  EXPECT_EQ(levels, 3u);
  EXPECT_GT(bodies, 5u);
}

// For standard cells. Truth: what a whole is the sum of; bits of memories and registers of queues by their sizes; queues reckoned by the bit against one synthesised
// as it is; the slowest block by the chain of lanes.
TEST(Synth, CellsOfACompleteDesign) {
  if (!osu018_liberty()) GTEST_SKIP() << "no OSU 0.18 um library here";
  arch::Design d = whole(1, 1);
  d.cores[0].array.cols = 1;
  d.cores[0].vector_lanes = 0;
  SynthOptions o = options("osu018");
  o.complete = true;
  const auto result = synthesise(d, o);
  ASSERT_TRUE(result) << result.error().text();
  double area = 0, ff = 0;
  std::size_t queues = 0;
  for (const SynthBlock& block : result->blocks) {
    area += *block.each.area_um2 * static_cast<double>(block.count);
    ff += *block.each.ff * static_cast<double>(block.count);
    if (block.name.find(" queue of ") == std::string::npos) continue;
    ++queues;
    // Words and bits, and two pointers that can tell full from empty.
    const std::size_t at = block.name.find(" of ") + 4;
    const double words = std::strtod(block.name.c_str() + at, nullptr), bits = std::strtod(block.name.c_str() + block.name.find(" x ") + 3, nullptr);
    const double least = words * bits + 2 * (std::log2(words) + 1);  // yosys may keep the read pointer once more, beside the memory
    EXPECT_GE(*block.each.ff, least) << block.name;
    EXPECT_LE(*block.each.ff, least + std::log2(words)) << block.name;
  }
  EXPECT_EQ(*result->total.area_um2, area);
  EXPECT_EQ(*result->total.ff, ff);
  EXPECT_EQ(queues, 7u);  // transfers, folds, gates, three streams, reads under way; no vector chunks
  // Three levels of 2 KiB, 4096 biases of 32 bits.
  EXPECT_EQ(result->sram_bits, 3 * 2048 * 8 + 4096 * 32);
  if (result->timing_tool.empty()) return;
  EXPECT_GT(*result->fmax_mhz, 10);
  EXPECT_NEAR(*result->fmax_mhz * *result->path_ns, 1000, 1e-6);
  EXPECT_FALSE(result->slowest.empty());

  // The widest queue but one as it is.
  const auto control = control_parts(d, "osu018");
  ASSERT_TRUE(control) << control.error().text();
  for (const SynthPart& part : *control) {
    if (part.name != "npu queue of 8 x 92 bits") continue;
    SynthJob job = part.job;
    for (const auto& [from, to] : {std::pair{"(.W(16)", "(.W(92)"}, {"[15:0]", "[91:0]"}})
      for (std::size_t at = job.text.find(from); at != job.text.npos; at = job.text.find(from)) job.text.replace(at, std::string(from).size(), to);
    const auto run = run_yosys(job, "osu018", test_cache());
    ASSERT_TRUE(run) << run.error().text();
    const auto block = std::find_if(result->blocks.begin(), result->blocks.end(), [&](const SynthBlock& one) { return one.name == part.name; });
    ASSERT_NE(block, result->blocks.end());
    EXPECT_EQ(run->figures.ff, block->each.ff);
    EXPECT_NEAR(*block->each.area_um2 / *run->figures.area_um2, 1, 0.03);
  }
}

// The reckoned unit against the unit itself, and parts one by one against all of them in one flat run.
TEST(Synth, ReckonedLanesAndComposedControlAreCloseToTheWhole) {
  if (std::getenv("GNOMON_LONG") == nullptr) GTEST_SKIP() << "GNOMON_LONG=1 runs it";
  SynthOptions o = options("xcup");
  o.complete = true;
  auto composed = synthesise(whole(2, 6), o);
  ASSERT_TRUE(composed) << composed.error().text();
  auto rtl = emit_design(whole(2, 6));
  ASSERT_TRUE(rtl);
  std::string vector, control, top;
  for (const Module& module : modules_of(rtl->text)) {
    const bool outside = module.name.find("_level") != std::string::npos || module.name.find(rtl->top) == std::string::npos;
    if (module.name == rtl->top + "_vector") vector = module.text;
    control += (outside ? black_box(module) : module.text) + "\n";
  }
  auto unit = synthesise(Rtl{.top = rtl->top + "_vector", .text = vector}, options("xcup"));
  auto flat = synthesise(Rtl{.top = rtl->top, .text = control}, options("xcup"));
  ASSERT_TRUE(unit) << unit.error().text();
  ASSERT_TRUE(flat) << flat.error().text();
  SynthFigures sum, reckoned;
  sum.lut = sum.ff = 0;
  for (const SynthBlock& block : composed->blocks) {
    if (block.name.find("vector unit") != std::string::npos) reckoned = block.each;
    if (block.name.find("PE") != std::string::npos || block.name.find("bank") != std::string::npos || block.name.find("skew") != std::string::npos) continue;
    *sum.lut += *block.each.lut;
    *sum.ff += *block.each.ff;
  }
  EXPECT_NEAR(*reckoned.lut / *unit->total.lut, 1, 0.05);
  EXPECT_NEAR(*reckoned.ff / *unit->total.ff, 1, 0.05);
  EXPECT_EQ(reckoned.dsp, unit->total.dsp);
  EXPECT_NEAR(*sum.lut / *flat->total.lut, 1, 0.1);
  EXPECT_NEAR(*sum.ff / *flat->total.ff, 1, 0.05);
  std::printf("vector unit, 6 lanes: LUT %g reckoned, %g synthesised; control: LUT %g composed, %g flat; FF %g, %g\n", *reckoned.lut, *unit->total.lut, *sum.lut, *flat->total.lut, *sum.ff,
              *flat->total.ff);
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
