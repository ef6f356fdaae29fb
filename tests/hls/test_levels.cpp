// Complete designs that keep operands in two levels of the core or more. Truths: the SystemC model, in whose cycles every work step must end; the integer interpreter
// for all outputs; broken RTL is found.
#include <gtest/gtest.h>

#include <cstdio>

#include "drawn_case.hpp"
#include "tool_checks.hpp"

namespace gnomon::hls {
namespace {

constexpr const char* rows = "a,5,7,9\nb,13,6,70\nc,1,1,1\nd,17,20,30\n";

/// A scratchpad in front of a buffer, both for all operands.
arch::Design two_levels(const std::string& flow, bool overlap, const std::function<void(Json&)>& changes = {}) {
  return design(flow, overlap, [&](Json& json) {
    json["cores"][0]["levels"] = Json::parse(R"([{"name": "pad", "holds": ["ifmap", "filter", "ofmap"], "kib": 0.5, "bytes_per_cycle": 16},
                                                 {"name": "buffer", "holds": ["ifmap", "filter", "ofmap"], "kib": 2, "banks": 4, "bytes_per_cycle": 8}])");
    if (changes) changes(json);
  });
}

TEST(Levels, NetworksRunWhole) {
  const auto lenet = workload("examples/workloads/lenet5.json"), block = workload("tests/hls/workloads/residual_block.json");
  for (const char* flow : flows) {
    SCOPED_TRACE(flow);
    const arch::Design made = two_levels(flow, true);
    check(made, *products(rows));
    check(made, *lenet);
    check(made, *block);
    check(made, *block, 0.3, 5);
  }
}

// One to three levels with any operands, slots, ports and banks; any mapping of loops, bypasses and folds to them; products, convolutions, several images.
// Five work steps a design, 60 in all; GNOMON_LONG=1: 100 designs, 500 steps.
TEST(Levels, RandomDesignsAndMappings) {
  const std::uint64_t wanted = long_run() ? 100 : 12;
  std::uint64_t designs = 0;
  std::int64_t steps = 0, between = 0, devices = 0, refused = 0;
  for (std::uint64_t seed = 1; designs < wanted; ++seed) {
    Random random(derive(seed, "levels"));
    sim::testing::CaseOptions wish;
    wish.largest_shared = 0;
    wish.largest_extent = 16;
    wish.steps = 5;
    const sim::testing::RandomCase drawn = sim::testing::random_case(random, wish);
    if (!has_rtl(drawn)) continue;
    const std::string memory = random.chance(0.7) ? "ideal" : random.pick<std::string>({"ddr4-2400", "hbm2-2000", "lpddr4-3200"});
    const arch::Design made = design_of(drawn, memory);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + memory + "\n" + drawn.text());
    const auto graph = workload_of(drawn);
    ASSERT_TRUE(graph);
    const arch::Mapping mapping = mapping_of(drawn, made, *graph);
    for (const double stall : {0.0, 0.3}) {
      if (stall > 0 && designs % 3 != 0) continue;
      CosimOptions o = options();
      o.stall = stall;
      o.seed = seed;
      auto run = cosimulate_design({made, *graph, mapping, o, {}});
      if (!run && refuses_tile(run.error().text())) {
        ++refused;
        break;
      }
      ASSERT_TRUE(run) << run.error().text();
      EXPECT_EQ(run->mismatches, 0) << run->first_mismatch->tensor << "[" << run->first_mismatch->element << "]: " << run->first_mismatch->expected << ", got " << run->first_mismatch->got;
      for (const DesignStep& step : run->steps) {
        if (stall == 0) {
          EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label;
        }
      }
      if (testing::Test::HasFailure()) return;
      if (stall > 0) continue;
      ++designs;
      devices += memory == "ideal" ? 0 : 1;
      steps += static_cast<std::int64_t>(run->steps.size());
      for (const auto& step : drawn.steps)
        for (int op = 0; op < 3; ++op) between += arch::chain(step.mapping, static_cast<arch::Operand>(op)).size() > 2 ? 1 : 0;
    }
  }
  std::printf("%llu designs (%lld at a device, %lld refused), %lld steps, %lld operands kept in several levels\n", static_cast<unsigned long long>(designs), static_cast<long long>(devices),
              static_cast<long long>(refused), static_cast<long long>(steps), static_cast<long long>(between));
}

// A change in what moves words between levels shows in bits or cycles, or the run does not come to its end, with what waits for what.
TEST(Levels, BrokenLinksAreFound) {
  const auto graph = products(rows);
  const arch::Design made = two_levels("ws", true);
  const Rtl sound = *emit_design(made, {.nested = true});
  const std::pair<const char*, const char*> mutations[] = {{".ended(ended), .done(done[128 +: 128])", ".ended(ended | 32'hffff), .done(done[128 +: 128])"},  // what a transfer waits for
                                                           {".done(done[128 +: 128]), .all(done)", ".done(done[128 +: 128]), .all(done | 256'hff)"},
                                                           {"k1_out_raddr[20 +: 20] = k1_rd_at[32 +: 20]", "k1_out_raddr[20 +: 20] = k1_rd_at[0 +: 20]"},
                                                           {".wa_valid(k1_wr_valid && k1_wr_last)", ".wa_valid(k1_wr_valid || k1_wr_last)"},
                                                           {"k1_out_en = k1_wr_valid ? k1_wr_lanes", "k1_out_en = k1_wr_valid ? ~k1_wr_lanes"}};
  for (std::size_t i = 0; i < std::size(mutations); ++i) {
    if (i % 3 != 0 && !long_run()) continue;  // each is a build of its own
    const auto& [from, to] = mutations[i];
    SCOPED_TRACE(from);
    DesignRequest request{made, *graph, {}, options(), {}};
    request.rtl = mutate(sound, from, to);
    ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
    auto run = cosimulate_design(request);
    EXPECT_TRUE(!run || run->mismatches > 0 || run->cycle_difference != 0);
    if (run) continue;
    EXPECT_NE(run.error().text().find("does not come to its end"), std::string::npos) << run.error().text();
    EXPECT_NE(run.error().text().find("link 1 "), std::string::npos) << run.error().text();
  }
}

TEST(Levels, ToolsFindNothing) {
  const std::filesystem::path folder = std::filesystem::path(GNOMON_BINARY_DIR) / "hls-test-tools" / "levels";
  std::filesystem::create_directories(folder);
  for (const bool device : {false, true}) {
    if (device && !long_run()) continue;
    const arch::Design made = two_levels("ws", true, [&](Json& json) {
      json["cores"][0]["array"]["rows"] = json["cores"][0]["array"]["cols"] = 2;
      json["cores"][0]["vector"]["lanes"] = 1;
      json["cores"][0]["levels"].push_back(Json{{"name", "far"}, {"holds", {"filter"}}});
      for (Json& level : json["cores"][0]["levels"]) {
        level["kib"] = 0.0625;
        level["bytes_per_cycle"] = 2;
      }
      if (device) json["memory"] = Json{{"type", "ddr4-2400"}, {"channels", 1}};
    });
    const Rtl rtl = *emit_design(made, {.images = device, .nested = true});
    expect_lint_clean(rtl, folder);
    expect_check_clean(rtl, folder);
  }
}

}  // namespace
}  // namespace gnomon::hls
