// Complete designs at a DRAM device. Truths: the SystemC model, whose work steps on the same device must end in the same cycles (so every burst must be asked for in
// the model's cycle, since the device keeps its state); the integer interpreter for all outputs.
#include <gtest/gtest.h>

#include <cstdio>

#include "design_case.hpp"
#include "tool_checks.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/temporary_folder.hpp"

namespace gnomon::hls {
namespace {

// Edge folds, partial sums that come and go, folds of one element.
constexpr const char* rows = "a,5,7,9\nb,13,6,70\nc,1,1,1\nd,17,9,1\n";

arch::Design at_device(const std::string& flow, bool overlap, const std::string& type, const std::function<void(Json&)>& changes = {}) {
  return design(flow, overlap, [&](Json& json) {
    for (Json& level : json["cores"][0]["levels"]) level["kib"] = 0.5;
    json["memory"] = Json{{"type", type}, {"channels", 1}};
    if (changes) changes(json);
  });
}

/// With stalls the outputs alone: a device that reorders may be faster upon requests that come later.
void check_stalled(const arch::Design& made, const workloads::Graph& graph, std::uint64_t seed) {
  CosimOptions o = options();
  o.stall = 0.3;
  o.seed = seed;
  auto run = cosimulate_design({made, graph, {}, o});
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_EQ(run->mismatches, 0);
  EXPECT_GT(run->outputs, 0);
  EXPECT_GT(run->stalls_injected, 0);
}

TEST(DeviceMemory, LeNetRunsWhole) {
  const auto graph = workload("examples/workloads/lenet5.json");
  for (const char* flow : flows) {
    if (std::string(flow) == "is" && !long_run()) continue;
    SCOPED_TRACE(flow);
    check(at_device(flow, true, "ddr4-2400"), *graph);
    check_stalled(at_device(flow, true, "hbm2-2000"), *graph, 3);
  }
}

TEST(DeviceMemory, ResidualBlockRunsWhole) {
  if (!long_run()) GTEST_SKIP() << "GNOMON_LONG=1";
  check(at_device("os", true, "ddr4-2400", [](Json& json) {
          for (Json& level : json["cores"][0]["levels"]) level["kib"] = 64;
          json["cores"][0]["array"]["rows"] = json["cores"][0]["array"]["cols"] = 16;
        }),
        *workload("examples/workloads/resnet50_block.json"));
}

// The RTL does not depend on the device: one build for each row of the loop, on all devices with any controller and clock.
TEST(DeviceMemory, AtRandom) {
  const std::uint64_t seed = 11;
  Random random(seed);
  const std::vector<std::string> devices{"ddr3-1600", "ddr4-2400", "ddr4-3200", "ddr5-4800", "hbm2-2000", "hbm3-6400", "lpddr4-3200", "lpddr5-6400"};
  for (int i = 0; i < (long_run() ? 2000 : 60); ++i) {
    const std::string flow = flows[long_run() ? i % 3 : 1];
    const std::string device = devices[static_cast<std::size_t>(i) % devices.size()];
    const bool narrow = long_run() && i % 2 == 1;
    // Clocks whose edges meet the memory's often, or anything.
    const int clock = random.chance(0.5) ? random.pick<int>({100, 200, 400, 500, 625, 800, 1200, 1250}) : static_cast<int>(random.log_integer(60, 1300));
    const arch::Design made = at_device(flow, true, device, [&](Json& json) {
      json["clock_mhz"] = clock;
      if (narrow) json["cores"][0]["levels"][1]["bytes_per_cycle"] = 3;
      json["memory"]["channels"] = random.pick<int>({1, 2, 4});
      json["memory"]["controller"] = Json{{"page_policy", random.pick<std::string>({"open", "open_adaptive", "closed", "closed_adaptive"})},
                                          {"scheduler", random.pick<std::string>({"fifo", "frfcfs", "frfcfs_grp"})},
                                          {"request_buffer_size", random.integer(1, 32)}};
    });
    std::string products_of;
    for (int step = 0; step < 3; ++step)
      products_of += "s" + std::to_string(step) + "," + std::to_string(random.integer(1, 20)) + "," + std::to_string(random.integer(1, 20)) + "," + std::to_string(random.integer(1, 60)) + "\n";
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + std::to_string(i) + ": " + flow + ", " + device + ", " + std::to_string(clock) + " MHz, " + made.resolved_json + ", " + products_of);
    const std::uint64_t its_seed = seed + static_cast<std::uint64_t>(i);
    if (i % 5 == 4) check_stalled(made, *products(products_of), its_seed);
    else check(made, *products(products_of), 0, its_seed);
    if (testing::Test::HasFailure()) return;
  }
}

// Chunks of a few bursts at controllers that answer in any order: a chunk begins when its own words are there, whatever has come before them.
TEST(DeviceMemory, ChunksThatCompleteInAnyOrder) {
  const std::uint64_t seed = 21;
  Random random(seed);
  const std::vector<std::string> devices{"ddr3-1600", "ddr4-2400", "ddr5-4800", "hbm2-2000", "lpddr4-3200", "lpddr5-6400"};
  for (int i = 0; i < (long_run() ? 600 : 60); ++i) {
    const std::string device = random.pick(devices);
    const std::int64_t channels = random.integer(1, 8), h = random.integer(8, 40), w = random.integer(8, 40);
    const bool adds = random.chance(0.5);
    const arch::Design made = at_device("ws", true, device, [&](Json& json) {
      json["clock_mhz"] = random.pick<int>({100, 400, 800, 1250});
      for (Json& level : json["cores"][0]["levels"]) {
        level["kib"] = 0.0625;
        level["bytes_per_cycle"] = 8;
      }
      json["interconnect"]["bytes_per_cycle"] = 8;
      json["memory"]["channels"] = random.pick<int>({1, 2, 4});
      json["memory"]["controller"] = Json{{"page_policy", random.pick<std::string>({"open", "closed"})}, {"scheduler", random.pick<std::string>({"frfcfs", "frfcfs_grp"})},
                                          {"buffer", random.pick<std::string>({"bankwise", "readwrite", "shared"})}, {"refresh", random.pick<std::string>({"all_bank", "none"})},
                                          {"arbiter", random.pick<std::string>({"simple", "fifo"})}, {"response_queue", "reorder"}, {"request_buffer_size", random.integer(2, 32)}};
    });
    Json net = Json::parse(R"({"version": 1, "name": "chunks", "tensors": [], "operators": []})");
    for (const char* name : {"x", "z", "y"}) net["tensors"].push_back(Json{{"name", name}, {"shape", {1, channels, h, w}}});
    if (adds) net["operators"].push_back(Json{{"name", "step"}, {"op", "elementwise"}, {"type", "Add"}, {"inputs", {"x", "z"}}, {"outputs", {"y"}}});
    else net["operators"].push_back(Json{{"name", "step"}, {"op", "elementwise"}, {"type", "Relu"}, {"inputs", {"x"}}, {"outputs", {"y"}}});
    auto graph = workloads::parse(net.dump(), "json", "chunks.json");
    ASSERT_TRUE(graph) << graph.error().text();
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + std::to_string(i) + ": " + device + ", " + (adds ? "Add " : "Relu ") + std::to_string(channels) + " x " + std::to_string(h) + " x " + std::to_string(w) + ", " + made.resolved_json);
    check(made, **graph, 0, seed + static_cast<std::uint64_t>(i));
    if (testing::Test::HasFailure()) return;
  }
}

TEST(DeviceMemory, BrokenTagsAreFound) {
  const auto graph = products(rows);
  const arch::Design made = at_device("ws", true, "ddr4-2400");
  const Rtl sound = *emit_design(made);
  const std::pair<const char*, const char*> mutations[] = {{"class_low[tag] <= q_cls[0];", "class_low[tag] <= !q_cls[0];"},
                                                           {"more3 = more3 + {6'd0, aged3[i]};", "more3 = more3 + {5'd0, aged3[i], 1'b0};"},
                                                           {"wire [5:0] following = tag + 6'd1;", "wire [5:0] following = tag + 6'd2;"}};
  for (std::size_t i = 0; i < std::size(mutations); ++i) {
    if (i > 0 && !long_run()) continue;  // each is a build of its own
    SCOPED_TRACE(mutations[i].first);
    DesignRequest request{made, *graph, {}, options()};
    request.rtl = mutate(sound, mutations[i].first, mutations[i].second);
    ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
    auto run = cosimulate_design(request);
    EXPECT_TRUE(!run || run->mismatches > 0 || run->cycle_difference != 0);
    if (!run) {
      EXPECT_NE(run.error().text().find("does not come to its end"), std::string::npos) << run.error().text();
    }
  }
}

TEST(DeviceMemory, ToolsFindNothing) {
  const arch::Design made = at_device("ws", true, "ddr4-2400");
  const Rtl rtl = *emit_design(made);
  auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder);
  expect_lint_clean(rtl, folder->path());
  expect_check_clean(rtl, folder->path());
}

}  // namespace
}  // namespace gnomon::hls
