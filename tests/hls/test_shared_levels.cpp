// Complete designs with shared levels. Truths: the SystemC model, in whose cycles every work step must end; the integer interpreter for all outputs; broken RTL is found.
#include <gtest/gtest.h>

#include <cstdio>

#include "drawn_case.hpp"
#include "tool_checks.hpp"

namespace gnomon::hls {
namespace {

constexpr const char* rows = "a,5,7,9\nb,13,6,70\nc,1,1,1\nd,17,20,30\n";

/// A buffer for the operands between a small core and the memory.
arch::Design with_shared(const std::string& flow, const Json& holds, const std::string& memory = "ideal", const std::function<void(Json&)>& changes = {}) {
  return design(flow, true, [&](Json& json) {
    for (Json& level : json["cores"][0]["levels"]) level["kib"] = 0.5;
    json["shared"] = Json::array({Json{{"name", "buffer"}, {"holds", holds}, {"kib", 4}, {"bytes_per_cycle", 4}, {"double_buffered", true}}});
    json["interconnect"]["bytes_per_cycle"] = 2;
    if (memory != "ideal") json["memory"] = Json{{"type", memory}, {"channels", 1}};
    if (changes) changes(json);
  });
}

TEST(SharedLevels, OneOperandInOneLevel) {
  auto graph = workloads::parse("name,ifmap_h,ifmap_w,filter_h,filter_w,channels,filters,stride\nconv,9,8,3,3,4,6,1,\n", "csv", "conv.csv");
  ASSERT_TRUE(graph) << graph.error().text();
  for (const char* flow : flows)
    for (const char* operand : {"ifmap", "filter", "ofmap"}) {
      if (!long_run() && std::string(operand) != (std::string(flow) == "os" ? "filter" : std::string(flow) == "ws" ? "ofmap" : "ifmap")) continue;
      SCOPED_TRACE(std::string(flow) + ", " + operand);
      check(with_shared(flow, {operand}), **graph);
    }
}

TEST(SharedLevels, NetworksRunWhole) {
  const auto lenet = workload("examples/workloads/lenet5.json"), block = workload("tests/hls/workloads/residual_block.json");
  for (const char* flow : flows)
    for (const char* memory : {"ideal", "ddr4-2400"}) {
      if (!long_run() && (std::string(flow) == "ws") != (std::string(memory) != "ideal")) continue;  // each is a build of its own
      SCOPED_TRACE(std::string(flow) + ", " + memory);
      const arch::Design made = with_shared(flow, {"ifmap", "filter", "ofmap"}, memory);
      check(made, *products(rows));
      check(made, *lenet);
      check(made, *block);
      check(made, *block, 0.3, 5);
    }
}

// One to three core levels and one or two shared ones with any operands, slots, ports and banks; any mapping of loops, bypasses and folds to them; products, convolutions, several images.
// Five work steps a design; GNOMON_LONG=1: 60 designs.
TEST(SharedLevels, RandomDesignsAndMappings) {
  const std::uint64_t wanted = long_run() ? 60 : 8;
  std::uint64_t designs = 0;
  std::int64_t steps = 0, beyond = 0, devices = 0, refused = 0, two = 0;
  for (std::uint64_t seed = 1; designs < wanted; ++seed) {
    Random random(derive(seed, "shared levels"));
    sim::testing::CaseOptions wish;
    wish.largest_extent = 16;
    wish.steps = 5;
    const sim::testing::RandomCase drawn = sim::testing::random_case(random, wish);
    const std::size_t shared = drawn.design.shared.size();
    const auto kept_there = [&](const auto& step) {
      std::int64_t count = 0;
      for (std::size_t e = 1; e <= shared; ++e)
        for (const bool keeps : step.mapping.levels[e].keeps) count += keeps ? 1 : 0;
      return count;
    };
    std::int64_t kept = 0;
    for (const auto& step : drawn.steps) kept += kept_there(step);
    if (kept == 0 || !has_rtl(drawn)) continue;
    const std::string memory = random.chance(0.6) ? "ideal" : random.pick<std::string>({"ddr4-2400", "hbm2-2000", "lpddr4-3200"});
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
      two += shared > 1 ? 1 : 0;
      steps += static_cast<std::int64_t>(run->steps.size());
      beyond += kept;
    }
  }
  std::printf("%llu designs (%lld at a device, %lld with two shared levels, %lld refused), %lld steps, %lld operands kept in shared levels\n", static_cast<unsigned long long>(designs),
              static_cast<long long>(devices), static_cast<long long>(two), static_cast<long long>(refused), static_cast<long long>(steps), static_cast<long long>(beyond));
}

// A bus that is not had in turns shows in bits or cycles.
TEST(SharedLevels, BusWithoutTurnsIsFound) {
  for (const char* memory : {"ideal", "ddr4-2400"}) {
    if (std::string(memory) != "ideal" && !long_run()) continue;
    // Filters go past the shared level, so that both units use the bus.
    const arch::Design made = with_shared("ws", {"ifmap", "ofmap"}, memory);
    const auto graph = products(rows);
    const Rtl sound = *emit_design(made, {.nested = true});
    const std::pair<const char*, const char*> mutations[] = {{" && issued >= q_need_i", ""}, {".done(done[127:0]), .all(done)", ".done(done[127:0]), .all({128'hffffffffffffffffffffffffffffffff, done[127:0]})"}};
    for (const auto& [from, to] : mutations) {
      SCOPED_TRACE(std::string(memory) + ": " + from);
      DesignRequest request{made, *graph, {}, options(), {}};
      request.rtl = mutate(sound, from, to);
      ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
      auto run = cosimulate_design(request);
      EXPECT_TRUE(!run || run->mismatches > 0 || run->cycle_difference != 0);
    }
  }
}

TEST(SharedLevels, ToolsFindNothing) {
  const std::filesystem::path folder = std::filesystem::path(GNOMON_BINARY_DIR) / "hls-test-tools" / "shared-levels";
  std::filesystem::create_directories(folder);
  for (const bool device : {false, true}) {
    if (device && !long_run()) continue;
    const arch::Design made = with_shared("ws", {"ifmap", "filter", "ofmap"}, device ? "ddr4-2400" : "ideal", [&](Json& json) {
      json["cores"][0]["array"]["rows"] = json["cores"][0]["array"]["cols"] = 2;
      json["cores"][0]["vector"]["lanes"] = 1;
      for (auto* levels : {&json["cores"][0]["levels"], &json["shared"]})
        for (Json& level : *levels) {
          level["kib"] = 0.0625;
          level["bytes_per_cycle"] = 2;
        }
    });
    const Rtl rtl = *emit_design(made, {.images = device, .nested = true});
    expect_lint_clean(rtl, folder);
    expect_check_clean(rtl, folder);
  }
}

}  // namespace
}  // namespace gnomon::hls
