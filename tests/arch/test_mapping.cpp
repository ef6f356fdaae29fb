#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "gnomon/arch/mapping.hpp"

namespace gnomon::arch {
namespace {

/// 16 x 8 ws array, three scratchpads and a shared level.
struct Case {
  Design design;
  ArrayWork work;
  StepMapping mapping;
  Core& core() { return design.cores[0]; }
  std::string check() {
    auto ok = verify(design, design.cores[0], work, mapping, "m.json", "/steps/fc");
    return ok ? "" : ok.error().text();
  }
};

Case good() {
  Case c;
  Core core;
  core.name = "npu";
  core.array.rows = 16;
  core.array.cols = 8;
  core.array.dataflow = Dataflow::ws;
  core.array.precision = {"int8", 8, false};
  core.array.accumulator_bits = 32;
  core.levels = {{"ifmap", {true, false, false}, 4096, 1, 16, true},
                 {"filter", {false, true, false}, 4096, 1, 8, true},
                 {"ofmap", {false, false, true}, 4096, 1, 32, true}};
  c.design.cores.push_back(core);
  c.design.shared.push_back({"l2", {true, true, true}, 65536, 1, 64, true});
  c.work.extent[1] = 60;
  c.work.extent[2] = 20;
  c.work.extent[3] = 40;
  StepMapping& m = c.mapping;
  m.step = "fc";
  m.core = "npu";
  m.levels = {{"memory", {{Dim::m, 2}}, {true, true, true}},
              {"l2", {{Dim::m, 2}}, {true, true, true}},
              {"ofmap", {}, {false, false, true}},
              {"filter", {}, {false, true, false}},
              {"ifmap", {}, {true, false, false}}};
  m.rows_dim = Dim::k;
  m.rows_size = 16;
  m.cols_dim = Dim::n;
  m.cols_size = 8;
  m.folds = {{Dim::n, 3}, {Dim::k, 3}};
  return c;
}

TEST(Mapping, SpatialDimsOfTheDataflows) {
  const auto os = spatial_dims(Dataflow::os), ws = spatial_dims(Dataflow::ws), is = spatial_dims(Dataflow::is);
  EXPECT_TRUE(os.rows == Dim::m && os.cols == Dim::n && os.streamed == Dim::k);
  EXPECT_TRUE(ws.rows == Dim::k && ws.cols == Dim::n && ws.streamed == Dim::m);
  EXPECT_TRUE(is.rows == Dim::k && is.cols == Dim::m && is.streamed == Dim::n);
}

TEST(Mapping, ChainAndLoopsOutside) {
  Case c = good();
  EXPECT_EQ(chain(c.mapping, Operand::filter), (std::vector<std::size_t>{0, 1, 3}));
  EXPECT_EQ(loops_outside(c.mapping), (std::vector<std::size_t>{0, 1, 2, 2, 2}));
  const auto flat = flatten(c.mapping);
  ASSERT_EQ(flat.size(), 2u);
  EXPECT_EQ(flat[1].entry, 1u);
}

// Tiles of 15 x 20 x 40 in the core, 30 x 20 x 40 in l2; two slots each; sums of 4 bytes, since K falls into 3 folds.
TEST(Mapping, CapacityByHand) {
  Case c = good();
  const auto needed = capacity_needed(c.core(), c.design.shared, c.work, c.mapping);
  EXPECT_EQ(needed,
            (std::vector<std::int64_t>{0, 2 * (30 * 40 + 20 * 40 + 30 * 20 * 4), 2 * 15 * 20 * 4, 2 * 20 * 40, 2 * 15 * 40}));
  c.mapping.folds = {{Dim::n, 3}};
  c.work.extent[3] = 16;
  EXPECT_EQ(capacity_needed(c.core(), c.design.shared, c.work, c.mapping)[2], 2 * 15 * 20);  // K whole: final results only
  c.mapping.levels[4].loops = {{Dim::k, 2}};
  EXPECT_EQ(capacity_needed(c.core(), c.design.shared, c.work, c.mapping)[2], 2 * 15 * 20 * 4);
}

TEST(Mapping, VerifyAcceptsAGoodOne) {
  EXPECT_EQ(good().check(), "");
}

TEST(Mapping, VerifyFindsEachFault) {
  const auto fault = [](const std::function<void(Case&)>& change) {
    Case c = good();
    change(c);
    return c.check();
  };
  const auto contains = [](const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; };
  using C = Case&;
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.core = "x"; }),
               "m.json: /steps/fc/core: found \"x\"; the step runs on core \"npu\"");
  EXPECT_PRED2(contains, fault([](C c) { std::swap(c.mapping.levels[2], c.mapping.levels[3]); }),
               "/steps/fc/levels: found the levels memory, l2, filter, ofmap, ifmap; the design has, from memory inwards: "
               "memory, l2, ofmap, filter, ifmap");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.levels.pop_back(); }), "the design has, from memory inwards");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.levels[0].keeps[1] = false; }),
               "memory keeps everything, but filter is missing");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.levels[2].keeps[0] = true; }),
               "/steps/fc/levels/2/keeps: level \"ofmap\" does not hold the ifmap");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.levels[3].keeps[1] = false; }), "no level of core \"npu\" keeps the filter");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.levels[0].loops[0].count = 61; }),
               "/levels/0/loops/0: found 61 tiles of 60 in \"m\"; allowed: 1 to 60");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.levels[0].loops[0].count = 0; }), "found 0 tiles of 60");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.levels[0].loops[0].count = 29; }),
               "found 29 tiles of \"m\", but tiles of 3 cover 60 with 20");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.rows_dim = Dim::m; }),
               "/array/rows: found \"m\"; the dataflow puts \"k\" on rows");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.cols_size = 9; }),
               "/array/cols: found a size of 9; allowed: 1 to the array's 8 cols");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.folds[0].dim = Dim::m; }), "folds are over \"k\" and \"n\"");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.folds[0].dim = Dim::k; }), "a second loop over \"k\"");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.folds[0].count = 2; }),
               "2 folds over \"n\" of a tile of 20 are 10 wide, more than the 8 cols");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.folds[0].count = 11; }),
               "11 folds over \"n\", but folds of 2 cover a tile of 20 with 10");
  EXPECT_PRED2(contains, fault([](C c) { c.mapping.folds.pop_back(); }),
               "1 folds over \"k\" of a tile of 40 are 40 wide, more than the 16 rows");
  EXPECT_PRED2(contains, fault([](C c) { c.core().levels[0].bytes = 1199; }),
               "/levels/4: the tiles kept in level \"ifmap\" need 1200 bytes; it has 1199");
  EXPECT_PRED2(contains, fault([](C c) { c.core().levels[2].bytes = 2399; }), "level \"ofmap\" need 2400 bytes; it has 2399");
  // Two cores halve a shared level.
  EXPECT_PRED2(contains, fault([](C c) {
                 c.design.shared[0].bytes = 2 * 8800 - 2;
                 c.design.cores.push_back(c.design.cores[0]);
               }),
               "level \"l2\" need 8800 bytes; it has 8799 for each core");
  // A single slot needs half.
  EXPECT_EQ(fault([](C c) {
              c.core().levels[0].bytes = 600;
              c.core().levels[0].double_buffered = false;
            }),
            "");
}

TEST(Mapping, JsonRoundTrip) {
  Mapping mapping;
  mapping.steps.push_back(good().mapping);
  mapping.steps.push_back(good().mapping);
  mapping.steps[1].step = "layer/1.qk~";
  mapping.steps[1].layout[1] = Layout::col_major;
  const Json json = write_mapping(mapping);
  auto again = read_mapping(Document::wrap(json, "m.json"));
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_EQ(again->steps.size(), 2u);
  EXPECT_EQ(*again->find("fc"), mapping.steps[0]);
  EXPECT_EQ(*again->find("layer/1.qk~"), mapping.steps[1]);
  EXPECT_EQ(again->find("other"), nullptr);
  EXPECT_EQ(Json::parse(step_mapping_json(mapping.steps[0])), json["steps"]["fc"]);
}

TEST(Mapping, ReadsTheDocumentedFormAndRefusesSlips) {
  const std::string text = R"({"version": 1, "steps": {"conv1": {"core": "npu",
    "levels": [{"level": "memory", "loops": [["m", 49]]}, {"level": "all", "loops": [], "keeps": ["ifmap", "filter", "ofmap"]}],
    "array": {"rows": ["k", 32], "cols": ["n", 32], "folds": [["n", 2], ["k", 3]]}, "layout": {"ifmap": "row_major"}}}})";
  auto read = [](const std::string& t) { return read_mapping(*Document::parse(t, "m.json")); };
  auto mapping = read(text);
  ASSERT_TRUE(mapping) << mapping.error().text();
  const StepMapping& step = mapping->steps.at(0);
  EXPECT_EQ(step.levels[0].loops, (std::vector<Loop>{{Dim::m, 49}}));
  EXPECT_TRUE(step.levels[0].keeps[2]);
  EXPECT_EQ(step.rows_size, 32);
  EXPECT_EQ(step.folds, (std::vector<Loop>{{Dim::n, 2}, {Dim::k, 3}}));
  EXPECT_EQ(step.layout[0], Layout::row_major);
  EXPECT_EQ(step.layout[1], Layout::streamed);
  const auto replaced = [&](std::string from, const std::string& to) {
    std::string t = text;
    t.replace(t.find(from), from.size(), to);
    auto bad = read(t);
    return bad ? std::string("accepted") : bad.error().text();
  };
  EXPECT_NE(replaced("[\"m\", 49]", "[\"p\", 49]").find("m.json: /steps/conv1/levels/0/loops/0/0: unknown value \"p\""),
            std::string::npos);
  EXPECT_NE(replaced("[\"m\", 49]", "[\"m\", 0]").find("/steps/conv1/levels/0/loops/0/1: found 0"), std::string::npos);
  EXPECT_NE(replaced("[\"m\", 49]", "[\"m\"]").find("found a list of 1"), std::string::npos);
  EXPECT_NE(replaced("[\"m\", 49]", "7").find("/steps/conv1/levels/0/loops/0: found 7"), std::string::npos);
  EXPECT_NE(
      replaced(", \"keeps\": [\"ifmap\", \"filter\", \"ofmap\"]", "").find("/steps/conv1/levels/1: key \"keeps\" is missing"),
      std::string::npos);
  EXPECT_NE(replaced("row_major", "rowmajor").find("did you mean \"row_major\"?"), std::string::npos);
  EXPECT_EQ(mapping_schema()["properties"]["steps"]["additionalProperties"]["additionalProperties"], false);
}

}  // namespace
}  // namespace gnomon::arch
