// Complete designs in RTL. Truths: every tensor that a network writes is the golden interpreter's to the bit (integers, operator by operator, no tiles), with
// and without stalls at the memory; every work step ends in the cycle in which the SystemC model ends it; broken RTL is found.
#include <gtest/gtest.h>

#include "cosim/build.hpp"
#include "cosim/testbench.hpp"
#include "design/drive.hpp"
#include "design_case.hpp"
#include "tool_checks.hpp"

namespace gnomon::hls {
namespace {

TEST(CompleteDesign, ProductsEndWhenTheModelEndsThem) {
  const auto graph = products("a,5,7,9\nb,13,4,6\nc,1,1,1\nd,20,30,17\n");
  for (const char* flow : flows)
    for (const bool overlap : {false, true}) {
      if (!overlap && std::string(flow) == "is" && !long_run()) continue;
      SCOPED_TRACE(std::string(flow) + (overlap ? " overlap" : ""));
      check(design(flow, overlap), *graph);
      check(design(flow, overlap), *graph, 0.3);
    }
}

TEST(CompleteDesign, LeNetRunsWhole) {
  const auto graph = workload("examples/workloads/lenet5.json");
  for (const char* flow : flows) {
    SCOPED_TRACE(flow);
    const DesignCosim run = check(design(flow, true), *graph);
    EXPECT_EQ(run.steps.size(), 7u);  // three rectifications of five ride along, and the flattening is a view
    check(design(flow, true), *graph, 0.2, 7);
  }
}

TEST(CompleteDesign, ResidualBlocksRunWhole) {
  for (const char* name : {"residual_block", "strided_block", "depthwise"}) {
    const auto graph = workload("tests/hls/workloads/" + std::string(name) + ".json");
    for (const char* flow : flows) {
      SCOPED_TRACE(std::string(name) + " " + flow);
      check(design(flow, true), *graph);
      check(design(flow, true), *graph, 0.3, 3);
    }
  }
}

// The first block of stage 1 whose input has 256 channels, at its full size, on the designs of the examples.
TEST(CompleteDesign, ResNet50BlockAtFullSize) {
  if (!long_run()) GTEST_SKIP() << "GNOMON_LONG=1 runs it";
  const auto graph = workload("examples/workloads/resnet50_block.json");
  for (const char* name : {"edge", "edge-os"}) {
    auto made = arch::load_design(std::filesystem::path(GNOMON_SOURCE_DIR) / "examples/designs" / (std::string(name) + ".json"));
    ASSERT_TRUE(made) << made.error().text();
    check(*made, *graph);
  }
}

// 6000 biases where the design holds 4096: those of later layers take the places of layers that have ended.
TEST(CompleteDesign, BiasesOfManyLayersTakeTurns) {
  Json json = Json::parse(R"({"version": 1, "name": "biases", "tensors": [{"name": "t0", "shape": [1, 1500, 1, 1]}], "operators": []})");
  for (int layer = 1; layer <= 4; ++layer) {
    const std::string n = std::to_string(layer), from = "t" + std::to_string(layer - 1), to = "t" + n;
    json["tensors"].push_back(Json{{"name", "w" + n}, {"shape", {1500, 1, 1, 1}}, {"constant", true}});
    json["tensors"].push_back(Json{{"name", "b" + n}, {"shape", {1500}}, {"constant", true}});
    json["tensors"].push_back(Json{{"name", to}, {"shape", {1, 1500, 1, 1}}});
    json["operators"].push_back(Json{{"name", "conv" + n}, {"op", "convolution"}, {"type", "Conv"}, {"inputs", {from, "w" + n, "b" + n}}, {"outputs", {to}}, {"convolution", Json{{"groups", 1500}}}});
  }
  auto graph = workloads::parse(json.dump(), "json", "biases.json");
  ASSERT_TRUE(graph) << graph.error().text();
  check(design("os", true), **graph);
  check(design("ws", true), **graph, 0.3);
}

// A change in any part of the RTL shows in bits or cycles, or the run does not come to its end.
TEST(CompleteDesign, BrokenRtlIsFound) {
  const auto graph = workload("tests/hls/workloads/depthwise.json");
  const arch::Design made = design("ws", true);
  const Rtl sound = *emit_design(made);
  const std::pair<const char*, const char*> mutations[] = {
      {"now_left <= {16'd0, q_beat}", "now_left < {16'd0, q_beat}"},  // transfers
      {"ended >= q_need_e && done0", "(ended >= q_need_e || 1'b1) && done0"},  // what a transfer waits for
      {"kx = kx + 16'd1;", "kx = kx + 16'd2;"},                        // address of a tap
      {"yy >= 16'sd0", "yy > 16'sd0"},                                 // padding
      {"lane = lane + q_ls;", "lane = lane - q_ls;"},                  // filter
      {"rest == half && quotient[0]", "rest == half && !quotient[0]"}, // rounding
      {"pend <= due >> 3", "pend <= due"},                             // end of a tile
      {"next_win = next_win + q_row_step", "next_win = next_win - q_row_step"}};
  for (std::size_t i = 0; i < std::size(mutations); ++i) {
    if (i % 3 != 0 && !long_run()) continue;  // each is a build of its own
    const auto& [from, to] = mutations[i];
    SCOPED_TRACE(from);
    DesignRequest request{made, *graph, {}, options()};
    request.rtl = mutate(sound, from, to);
    ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
    auto run = cosimulate_design(request);
    EXPECT_TRUE(!run || run->mismatches > 0 || run->cycle_difference != 0);
    if (!run) {
      EXPECT_NE(run.error().text().find("does not come to its end"), std::string::npos) << run.error().text();
    }
  }
}

// What is left for the user: the testbench replays the recorded ports in another simulator, whose four-valued logic shows what was never set, and sees a
// change of the RTL.
TEST(CompleteDesign, RecordedPortsReplayInIcarus) {
  const auto graph = workload("tests/hls/workloads/depthwise.json");
  for (const char* flow : flows) {
    SCOPED_TRACE(flow);
    CosimOptions o = options();
    o.stall = 0.3;
    o.replay_cycles = 600;
    o.artifacts = std::filesystem::path(GNOMON_BINARY_DIR) / "hls-test-tools" / "replay" / flow;
    const arch::Design small = design(flow, true, [](Json& json) {  // Icarus compiles large memories slowly
      for (Json& level : json["cores"][0]["levels"]) level["kib"] = 2;
    });
    auto run = cosimulate_design({small, *graph, {}, o});
    ASSERT_TRUE(run) << run.error().text();
    auto replay = run_icarus(o.artifacts);
    if (!replay && replay.error().kind() == ErrorKind::unsupported) GTEST_SKIP() << replay.error().text();
    ASSERT_TRUE(replay) << replay.error().text();
    EXPECT_EQ(replay->cycles, 600);
    EXPECT_EQ(replay->mismatches, 0);
    if (std::string(flow) != "os") continue;
    Rtl broken;
    broken.text = *read_file(o.artifacts / "dut.sv");
    broken = mutate(broken, "rd_addr = addrs;", "rd_addr = addrs + 1'b1;");
    ASSERT_FALSE(broken.text.empty());
    ASSERT_TRUE(write_file(o.artifacts / "dut.sv", broken.text));
    replay = run_icarus(o.artifacts);
    ASSERT_TRUE(replay) << replay.error().text();
    EXPECT_GT(replay->mismatches, 0);
  }
}

TEST(CompleteDesign, ToolsFindNothing) {
  const std::filesystem::path folder = std::filesystem::path(GNOMON_BINARY_DIR) / "hls-test-tools" / "design";
  std::filesystem::create_directories(folder);
  for (const char* flow : flows)
    for (const bool overlap : {false, true}) {
      if (overlap != (std::string(flow) == "ws")) continue;
      const arch::Design made = design(flow, overlap, [](Json& d) {
        for (Json& level : d["cores"][0]["levels"]) level["kib"] = 0.25;
      });
      const Rtl rtl = *emit_design(made);
      expect_lint_clean(rtl, folder);
      expect_check_clean(rtl, folder);
    }
}

TEST(CompleteDesign, WhatHasNoRtlIsRefusedByName) {
  const auto graph = products("a,5,7,9\n");
  const auto refusal = [&](const std::function<void(Json&)>& changes, const workloads::Graph& on) {
    auto run = cosimulate_design({design("ws", false, changes), on, {}, options()});
    if (run) return std::string("accepted");
    EXPECT_EQ(run.error().kind(), ErrorKind::unsupported);
    return run.error().text();
  };
  EXPECT_NE(refusal([](Json& d) { d["cores"][0]["array"]["accumulator_bits"] = 20; }, *graph).find("/cores/0/array/accumulator_bits"), std::string::npos);
  EXPECT_NE(refusal([](Json& d) { d["memory"]["latency_cycles"] = 5000; }, *graph).find("/memory/latency_cycles"), std::string::npos);
  EXPECT_NE(refusal([](Json& d) { d["cores"][0]["array"]["precision"] = "fp16"; }, *graph).find("fp16"), std::string::npos);
  EXPECT_NE(refusal([](Json& d) {
              d["cores"][0]["array"]["precision"] = "int16";
              d["cores"][0]["levels"][2]["bytes_per_cycle"] = 3;
            }, *graph).find("/cores/0/levels/2/bytes_per_cycle"), std::string::npos);
  auto net = workloads::load("zoo:mobilenet_v2");
  ASSERT_TRUE(net);
  EXPECT_NE(refusal({}, **net).find("Clip"), std::string::npos);
}

}  // namespace
}  // namespace gnomon::hls
