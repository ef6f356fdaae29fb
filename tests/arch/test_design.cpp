#include <gtest/gtest.h>

#include <cmath>

#include <nlohmann/json.hpp>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/technology.hpp"

namespace gnomon::arch {
namespace {

Json edge() {
  return Json::parse(R"({
    "version": 1, "name": "edge", "clock_mhz": 800, "technology": "45nm",
    "cores": [ { "name": "npu",
      "array": { "rows": 32, "cols": 16, "dataflow": "ws", "precision": "int8", "accumulator_bits": 32, "timing": "rtl", "overlap": false },
      "levels": [ {"name": "ifmap", "holds": ["ifmap"], "kib": 64, "banks": 8, "bytes_per_cycle": 32, "double_buffered": true},
                  {"name": "filter", "holds": ["filter"], "kib": 64}, {"name": "ofmap", "holds": ["ofmap"], "kib": 64.5} ],
      "vector": { "lanes": 32 } } ],
    "shared": [ {"name": "l2", "holds": ["ofmap", "ifmap", "filter"], "kib": 1024} ],
    "interconnect": { "type": "bus", "bytes_per_cycle": 24 },
    "memory": { "type": "ideal", "bytes_per_cycle": 16, "latency_cycles": 100 } })");
}
Expected<Design> parse(const Json& json) {
  return parse_design(Document::wrap(json, "d.json"));
}
std::string errors(const Json& json) {
  auto design = parse(json);
  return design ? "accepted" : design.error().text();
}
Json with(const std::string& pointer, const Json& value) {
  Json json = edge();
  json[Json::json_pointer(pointer)] = value;
  return json;
}
Json without(const std::string& parent, const std::string& key) {
  Json json = edge();
  json[Json::json_pointer(parent)].erase(key);
  return json;
}

TEST(Design, ReadsTheContractsExample) {
  auto design = parse(edge());
  ASSERT_TRUE(design) << design.error().text();
  EXPECT_EQ(design->name, "edge");
  EXPECT_EQ(design->clock_period_ps, 1250);
  const Core& core = design->cores.at(0);
  EXPECT_EQ(core.array.rows, 32);
  EXPECT_EQ(core.array.dataflow, Dataflow::ws);
  EXPECT_EQ(core.levels.at(0).bytes, 65536);
  EXPECT_EQ(core.levels.at(0).banks, 8);
  EXPECT_EQ(core.levels.at(0).bytes_per_cycle, 32);
  EXPECT_EQ(core.levels.at(2).bytes, 66048);
  EXPECT_EQ(core.levels.at(1).banks, 1);
  EXPECT_TRUE(core.levels.at(1).double_buffered);
  EXPECT_EQ(core.vector_lanes, 32);
  EXPECT_EQ(design->bus_bytes_per_cycle, 24);
  EXPECT_EQ(design->memory.latency_cycles, 100);
}

// design.md section 5: an omitted bytes_per_cycle is what the array can take at full rate. ws on 32 x 16 int8: weights by row of
// 16, partial sums of 4 bytes a column read and written; a level of all three needs them together, and a shared one those of all
// cores.
TEST(Design, OmittedWidthsAreTheFullRate) {
  auto design = parse(edge());
  ASSERT_TRUE(design);
  EXPECT_EQ(design->cores[0].levels[1].bytes_per_cycle, 16);
  EXPECT_EQ(design->cores[0].levels[2].bytes_per_cycle, 64);
  EXPECT_EQ(design->shared[0].bytes_per_cycle, 32 + 16 + 64);
  Json two = edge();
  two["cores"].push_back(two["cores"][0]);
  two["cores"][1]["name"] = "second";
  auto both = parse(two);
  ASSERT_TRUE(both) << both.error().text();
  EXPECT_EQ(both->shared[0].bytes_per_cycle, 2 * (32 + 16 + 64));
  auto is = parse(with("/cores/0/array/dataflow", "is"));
  ASSERT_TRUE(is);
  EXPECT_EQ(is->cores[0].levels[1].bytes_per_cycle, 32);  // weights stream by row
  auto narrow = parse(with("/cores/0/array/precision", "int4"));
  ASSERT_TRUE(narrow);
  EXPECT_EQ(narrow->cores[0].levels[1].bytes_per_cycle, 8);
  Json overlapping = with("/cores/0/array/precision", "int4");
  overlapping["cores"][0]["array"]["overlap"] = true;
  auto folds = parse(overlapping);
  ASSERT_TRUE(folds);
  EXPECT_EQ(folds->cores[0].levels[1].bytes_per_cycle, 16);  // each of 16 elements may be of a fold of its own
}

TEST(Design, OmittedBusWidthIsTheMemorysRate) {
  auto design = parse(without("", "interconnect"));
  ASSERT_TRUE(design) << design.error().text();
  EXPECT_EQ(design->bus_bytes_per_cycle, 16);
}

TEST(Design, ResolvedJsonResolvesToItself) {
  for (const Json& json :
       {edge(), without("", "shared"), without("", "interconnect"), without("/cores/0", "vector"), with("/clock_mhz", 777.7)}) {
    auto design = parse(json);
    ASSERT_TRUE(design) << design.error().text();
    auto again = parse(Json::parse(design->resolved_json));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->resolved_json, design->resolved_json);
    EXPECT_EQ(again->cores[0].levels[1].bytes_per_cycle, design->cores[0].levels[1].bytes_per_cycle);
  }
  EXPECT_EQ(parse(edge())->resolved_json.find("  "), std::string::npos);
}

TEST(Design, AllErrorsAtOnceWithPlaceAndNearest) {
  Json json = edge();
  json["cores"][0]["array"]["dataflow"] = "wss";
  json["cores"][0]["array"]["rows"] = -4;
  json["cores"][0]["array"]["cols"] = 16.5;
  json["cores"][0]["levels"][1]["bank"] = 2;
  json["clock_mhz"] = "fast";
  const std::string text = errors(json);
  EXPECT_NE(text.find("d.json: /cores/0/array/dataflow: unknown value \"wss\"; did you mean \"ws\"?"), std::string::npos) << text;
  EXPECT_NE(text.find("d.json: /cores/0/array/rows: found -4; allowed: a whole number from 1 to 1024 (PEs)"), std::string::npos)
      << text;
  EXPECT_NE(text.find("/cores/0/array/cols: found 16.5"), std::string::npos) << text;
  EXPECT_NE(text.find("/cores/0/levels/1/bank: unknown key \"bank\"; did you mean \"banks\"?"), std::string::npos) << text;
  EXPECT_NE(text.find("/clock_mhz: found the text \"fast\""), std::string::npos) << text;
}

TEST(Design, CrossFieldRules) {
  EXPECT_NE(errors(with("/technology", "44nm")).find("d.json: /technology: unknown technology \"44nm\"; did you mean \"45nm\"?"),
            std::string::npos);
  EXPECT_NE(errors(with("/clock_mhz", 5000)).find("d.json: /clock_mhz: found 5000 MHz; 45nm reaches at most "),
            std::string::npos);
  EXPECT_NE(
      errors(with("/cores/0/levels/1/name", "ifmap")).find("/cores/0/levels/1/name: the level name \"ifmap\" is taken already"),
      std::string::npos);
  EXPECT_NE(errors(with("/cores/0/levels/1/name", "l2")).find("the level name \"l2\" is taken already"), std::string::npos);
  EXPECT_NE(errors(with("/cores/0/levels/1/name", "memory")).find("a level cannot be called \"memory\""), std::string::npos);
  EXPECT_NE(errors(with("/cores/0/levels/1/name", "a.b")).find("found \"a.b\"; allowed: 1 to 64 letters"), std::string::npos);
  EXPECT_NE(errors(with("/cores/0/levels/1/holds", {"ifmap"})).find("/cores/0/levels: no level of core \"npu\" holds the filter"),
            std::string::npos);
  EXPECT_NE(errors(with("/cores/0/levels/1/holds", {"filter", "filter"})).find("\"filter\" is listed twice"), std::string::npos);
  EXPECT_NE(errors(with("/cores/0/levels/1/kib", 0)).find("/cores/0/levels/1/kib: found 0"), std::string::npos);
  EXPECT_NE(errors(with("/cores/0/levels/1/kib", 1e-7)).find("at least one byte"), std::string::npos);
  EXPECT_NE(errors(with("/cores/0/array/accumulator_bits", 4)).find("allowed: at least the 8 bits of int8"), std::string::npos);
  Json scalesim = with("/cores/0/array/timing", "scalesim");
  scalesim["cores"][0]["array"]["overlap"] = true;
  EXPECT_NE(errors(scalesim).find("/cores/0/array/overlap: found true with timing \"scalesim\""), std::string::npos);
  EXPECT_NE(errors(without("/memory", "latency_cycles")).find("/memory: key \"latency_cycles\" is missing"), std::string::npos);
  EXPECT_NE(errors(with("/memory/channels", 2)).find("/memory/channels: is for devices"), std::string::npos);
  EXPECT_NE(errors(with("/memory", Json{{"type", "ddr4-240"}})).find("unknown memory \"ddr4-240\"; did you mean \"ddr4-2400\"?"),
            std::string::npos);
}

TEST(Design, KnownButUnbuiltIsUnsupported) {
  for (const char* word : {"rs", "nvdla", "shidiannao"}) {
    auto design = parse(with("/cores/0/array/dataflow", word));
    ASSERT_FALSE(design);
    EXPECT_EQ(design.error().kind(), ErrorKind::unsupported);
    EXPECT_EQ(design.error().text(), std::string("d.json: /cores/0/array/dataflow: no model computes the dataflow \"") + word +
                                         "\" yet; supported: os, ws, is");
  }
  // Something wrong beside it: the input is wrong first of all.
  Json both = with("/cores/0/array/dataflow", "rs");
  both["technology"] = "x";
  EXPECT_EQ(parse(both).error().kind(), ErrorKind::invalid_input);
  EXPECT_EQ(parse(both).error().problems().size(), 2u);
}

// Truth: DDR4-2400, 64 bits wide: 8 bytes twice a clock of 833 ps are 19.2 GB/s; tRCD + CL + 4 clocks to the last data of a closed bank.
TEST(Design, DeviceMemoryGivesRateAndLatencyInArrayCycles) {
  const auto design = parse(with("/memory", Json{{"type", "ddr4-2400"}, {"controller", {{"scheduler", "fifo"}}}}));
  ASSERT_TRUE(design) << design.error().text();
  ASSERT_TRUE(design->memory.dram);
  const Dram& dram = *design->memory.dram;
  const double bytes_per_cycle = 16.0 / static_cast<double>(dram.tck_ps()) * static_cast<double>(design->clock_period_ps);
  EXPECT_EQ(design->memory.bytes_per_cycle, std::llround(std::ceil(bytes_per_cycle)));
  const std::int64_t ps = (dram[DramTiming::tRCD] + dram[DramTiming::CL] + 4) * dram.tck_ps();
  EXPECT_EQ(design->memory.latency_cycles, (ps + design->clock_period_ps - 1) / design->clock_period_ps);
  EXPECT_EQ(dram.controller.scheduler, DramScheduler::fifo);
  const auto wide = parse(with("/memory", Json{{"type", "ddr4-2400"}, {"channels", 4}}));
  ASSERT_TRUE(wide) << wide.error().text();
  EXPECT_GT(wide->memory.bytes_per_cycle, 3 * design->memory.bytes_per_cycle);
}

TEST(Design, DeviceMemoryProblemsHaveTheirPlace) {
  const auto name = parse(with("/memory", Json{{"type", "ddr4-2401"}}));
  ASSERT_FALSE(name);
  EXPECT_EQ(name.error().kind(), ErrorKind::invalid_input);
  EXPECT_NE(name.error().text().find("/memory/type"), std::string::npos) << name.error().text();
  EXPECT_NE(name.error().text().find("ddr4-2400"), std::string::npos) << name.error().text();
  const auto file = parse(with("/memory", Json{{"type", "memories/mine.json"}}));
  ASSERT_FALSE(file);
  EXPECT_NE(file.error().text().find("memories/mine.json"), std::string::npos) << file.error().text();
  const auto controller = parse(with("/memory", Json{{"type", "ddr4-2400"}, {"controller", {{"schedular", "fifo"}}}}));
  ASSERT_FALSE(controller);
  EXPECT_NE(controller.error().text().find("/memory/controller/schedular"), std::string::npos) << controller.error().text();
}

TEST(Design, SchemaNamesEveryKeyOfTheExample) {
  const Json schema = design_schema();
  const Json example = edge();
  for (const auto& [key, value] : example.items()) EXPECT_TRUE(schema["properties"].contains(key)) << key;
  const Json& array = schema["properties"]["cores"]["items"]["properties"]["array"];
  EXPECT_EQ(array["properties"]["rows"]["maximum"], 1024);
  EXPECT_EQ(array["additionalProperties"], false);
}

}  // namespace
}  // namespace gnomon::arch
