// Complete designs whose levels have ports narrower than what a step of the array can move. Truth: docs/microarchitecture.md section 4 as the SystemC model
// counts it: every work step of the RTL ends in the model's cycle, and every output is the interpreter's.
#include <gtest/gtest.h>

#include <cstdio>

#include "design_case.hpp"
#include "tool_checks.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/sim/result.hpp"

namespace gnomon::hls {
namespace {

/// The design with these bytes_per_cycle of its levels, ifmap, filter, ofmap (0: as wide as a step).
arch::Design narrow(const std::string& flow, bool overlap, std::vector<int> rates, const std::function<void(Json&)>& changes = {}) {
  return design(flow, overlap, [&](Json& json) {
    for (std::size_t l = 0; l < rates.size(); ++l)
      if (rates[l] > 0) json["cores"][0]["levels"][l]["bytes_per_cycle"] = rates[l];
    if (changes) changes(json);
  });
}

// Edge folds in both directions, K over several tiles (partial sums come and go), folds of one element.
constexpr const char* rows = "a,5,7,9\nb,13,6,70\nc,1,1,1\nd,17,9,1\n";

void small_levels(Json& json) {
  for (Json& level : json["cores"][0]["levels"]) level["kib"] = 0.125;
}

TEST(NarrowPorts, EachOperandAloneAndAllTogether) {
  const auto graph = products(rows);
  const std::vector<int> ports[] = {{1, 0, 0}, {0, 3, 0}, {0, 0, 5}, {2, 3, 4}};
  int number = 0;
  for (const char* flow : flows)
    for (const bool overlap : {false, true})
      for (std::size_t p = 0; p < std::size(ports); ++p) {
        if (number++ % 7 != 0 && !long_run()) continue;  // each of the ports once, each flow at least once
        SCOPED_TRACE(std::string(flow) + (overlap ? " overlap " : " ") + std::to_string(p));
        check(narrow(flow, overlap, ports[p], small_levels), *graph);
        if (p == 3) check(narrow(flow, overlap, ports[p], small_levels), *graph, 0.3);
      }
}

TEST(NarrowPorts, OneLevelForAllOperands) {
  const auto graph = products(rows);
  for (const char* flow : flows) {
    if (std::string(flow) == "is" && !long_run()) continue;
    for (const int rate : {4, 13}) {
      if (rate == 13 && !long_run()) continue;
      SCOPED_TRACE(std::string(flow) + " " + std::to_string(rate));
      check(narrow(flow, true, {}, [&](Json& json) {
              json["cores"][0]["levels"] = Json::parse(R"([{"name": "all", "holds": ["ifmap", "filter", "ofmap"], "kib": 0.5, "banks": 4}])");
              json["cores"][0]["levels"][0]["bytes_per_cycle"] = rate;
            }),
            *graph);
    }
  }
}

TEST(NarrowPorts, LeNetRunsWhole) {
  const auto graph = workload("examples/workloads/lenet5.json");
  for (const char* flow : flows) {
    if (std::string(flow) == "is" && !long_run()) continue;
    SCOPED_TRACE(flow);
    check(narrow(flow, true, {2, 3, 5}), *graph);
    if (long_run()) check(narrow(flow, false, {3, 2, 4}), *graph, 0.2, 5);
  }
}

// Two levels hold everything; the mapping keeps an operand of one step in the one and of the next step in the other.
TEST(NarrowPorts, TheMappingChoosesTheLevel) {
  const auto graph = products(rows);
  for (const char* flow : flows) {
    if (std::string(flow) != "ws" && !long_run()) continue;
    SCOPED_TRACE(flow);
    const arch::Design made = design(flow, true, [](Json& json) {
      json["cores"][0]["levels"] = Json::parse(R"([{"name": "near", "holds": ["ifmap", "filter", "ofmap"], "kib": 8, "bytes_per_cycle": 3},
                                                   {"name": "far", "holds": ["ifmap", "filter", "ofmap"], "kib": 8, "bytes_per_cycle": 5}])");
    });
    auto lowered = arch::lower(*graph, sim::lowering_core(made));
    ASSERT_TRUE(lowered);
    auto mapping = sim::map(made, *graph, *lowered);
    ASSERT_TRUE(mapping) << mapping.error().text();
    for (std::size_t s = 0; s < mapping->steps.size(); ++s)
      for (std::size_t o = 0; o < 3; ++o)
        for (arch::LevelLoops& entry : mapping->steps[s].levels)
          if (entry.level != "memory") entry.keeps[o] = (entry.level == "near") == ((s + o) % 2 == 0);
    auto run = cosimulate_design({made, *graph, *mapping, options(), {}});
    ASSERT_TRUE(run) << run.error().text();
    EXPECT_EQ(run->mismatches, 0);
    for (const DesignStep& step : run->steps) EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label;
  }
}

// Any array, precision, levels, ports, products. GNOMON_LONG=1: 60 designs instead of 4.
TEST(NarrowPorts, RandomDesigns) {
  const std::uint64_t count = long_run() ? 60 : 4;
  std::int64_t cut = 0;
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    Random random(derive(seed, "narrow ports"));
    const std::string flow = flows[seed % 3];
    const bool overlap = random.chance(0.6);
    const int bits = random.pick<int>({4, 4, 8, 8, 16});
    const int sums = bits * random.pick<int>(bits == 16 ? std::vector<int>{2, 3} : bits == 8 ? std::vector<int>{2, 3, 4} : std::vector<int>{3, 4, 5, 6});
    const auto rate = [&] { return random.integer(1, 9) * (bits == 16 ? 2 : 1); };
    std::string drawn;
    const arch::Design made = design(flow, overlap, [&](Json& json) {
      Json& core = json["cores"][0];
      core["array"]["rows"] = random.integer(1, 6);
      core["array"]["cols"] = random.integer(1, 6);
      core["array"]["precision"] = "int" + std::to_string(bits);
      core["array"]["accumulator_bits"] = sums;
      const char* levels[] = {R"([{"holds": ["ifmap"]}, {"holds": ["filter"]}, {"holds": ["ofmap"]}])", R"([{"holds": ["ifmap", "filter", "ofmap"]}])",
                              R"([{"holds": ["ifmap", "filter"]}, {"holds": ["ofmap"]}])", R"([{"holds": ["filter"]}, {"holds": ["ifmap", "ofmap"]}])"};
      core["levels"] = Json::parse(levels[random.integer(0, 3)]);
      int number = 0;
      for (Json& level : core["levels"]) {
        level["name"] = "level" + std::to_string(number++);
        level["kib"] = random.pick<double>({0.25, 0.5, 2});
        level["double_buffered"] = random.chance(0.5);
        if (random.chance(0.8)) level["bytes_per_cycle"] = rate();
      }
      json["interconnect"]["bytes_per_cycle"] = random.pick<int>({4, 8});
      json["memory"]["bytes_per_cycle"] = random.pick<int>({2, 4, 8});
      drawn = json.dump();
    });
    cut += bits % 8 != 0 || sums % 8 != 0 ? 1 : 0;
    std::string work;
    for (int row = 0; row < 5; ++row) {
      work += "step" + std::to_string(row);
      for (int d = 0; d < 3; ++d) work += "," + std::to_string(random.chance(0.2) ? 1 : random.log_integer(1, d == 2 ? 60 : 20));
      work += "\n";
    }
    SCOPED_TRACE("seed " + std::to_string(seed) + "\n" + drawn + "\n" + work);
    check(made, *products(work));
  }
  std::printf("seeds 1 to %llu; words or sums of a fraction of a byte in %lld designs\n", static_cast<unsigned long long>(count), static_cast<long long>(cut));
}

TEST(NarrowPorts, ToolsFindNothing) {
  const std::filesystem::path folder = std::filesystem::path(GNOMON_BINARY_DIR) / "hls-test-tools" / "ports";
  std::filesystem::create_directories(folder);
  for (std::uint64_t number = 0; number < (long_run() ? 24u : 3u); ++number) {
    const int bits = number % 2 == 0 ? 8 : 4;
    const arch::Design made = narrow(flows[number % 3], number % 2 == 1, number / 6 % 2 == 0 ? std::vector<int>{1, 0, 2} : std::vector<int>{0, 2, 0}, [&](Json& json) {
      Json& core = json["cores"][0];
      core["array"]["precision"] = "int" + std::to_string(bits);
      core["array"]["accumulator_bits"] = bits == 4 ? 20 : 32;
      core["array"]["rows"] = number % 4 == 3 ? 1 : 3;
      for (Json& level : core["levels"]) level["kib"] = 0.25;
      if (number % 4 == 2) core["levels"][1]["holds"] = {"ifmap", "filter", "ofmap"};
    });
    const Rtl rtl = *emit_design(made);
    expect_lint_clean(rtl, folder);
    expect_check_clean(rtl, folder);
  }
}

// A meter that counts wrongly shows in the cycles, or the run does not come to its end.
TEST(NarrowPorts, BrokenMetersAreFound) {
  const auto graph = products(rows);
  const arch::Design held = narrow("ws", true, {1, 2, 3}, small_levels), stays = narrow("os", true, {1, 2, 3}, small_levels);
  const std::tuple<const arch::Design&, const char*, const char*> mutations[] = {
      {held, "row_now = row_line << 3", "row_now = row_line"},                              // skew
      {stays, "drained_adds ? (result", "!drained_adds ? (result"},                         // partial sums read
      {held, "hold = due[0] && (", "hold = due[0] && 1'b0 && ("},                           // no price at all
      {held, "sum_lanes[i] = ofmap_lanes[i] && ", "sum_lanes[i] = ofmap_lanes[i] && !"},    // finished or not
      {held, "if (over2) quota2 <= quota2 + ", "if (over2) quota2 <= quota2 + quota2 + "},  // rate
      {held, "col_now[2:0] = due[2]", "col_now[2:0] = due[1] | (due[2] & '0)"},             // when the columns are entered
      {stays, "drained_sums ? (result", "!drained_sums ? (result"},
      {stays, "over0 || over1", "(over0 && 1'b0) || over1"}};
  for (std::size_t i = 0; i < std::size(mutations); ++i) {
    if (i % 4 != 1 && !long_run()) continue;  // each is a build of its own
    const auto& [made, from, to] = mutations[i];
    SCOPED_TRACE(from);
    DesignRequest request{made, *graph, {}, options()};
    request.rtl = mutate(*emit_design(made), from, to);
    ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
    auto run = cosimulate_design(request);
    EXPECT_TRUE(!run || run->mismatches > 0 || run->cycle_difference != 0);
    if (!run) {
      EXPECT_NE(run.error().text().find("does not come to its end"), std::string::npos) << run.error().text();
    }
  }
}

}  // namespace
}  // namespace gnomon::hls
