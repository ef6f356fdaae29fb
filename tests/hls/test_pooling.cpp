// Poolings whose chunks end inside a channel, or inside a window. Truths: outputs of the integer interpreter, which pools plane by plane; the cycles of every
// step in the SystemC model, whose chunks are equal parts of the bytes and operations whatever the image.
#include <gtest/gtest.h>

#include <cstdio>

#include "design_case.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::hls {
namespace {

struct Window {
  int channels, h, w;
  std::array<int, 2> kernel, stride, pad;
  bool mean = false;
  bool one_axis = false;  ///< h is 1 and no axis of the tensors
  std::string text() const {
    char out[200];
    std::snprintf(out, sizeof out, "%s of %d x %d x %d, kernel %d x %d, stride %d %d, pad %d %d", mean ? "mean" : "largest", channels, h, w, kernel[0], kernel[1], stride[0], stride[1], pad[0], pad[1]);
    if (one_axis) return std::string(out) + ", one axis";
    return out;
  }
};

std::shared_ptr<const workloads::Graph> pooling(const Window& p) {
  Json json = Json::parse(R"({"version": 1, "name": "pool"})");
  json["tensors"] = {Json{{"name", "x"}, {"shape", {1, p.channels, p.h, p.w}}},
                     Json{{"name", "y"}, {"shape", {1, p.channels, (p.h + 2 * p.pad[0] - p.kernel[0]) / p.stride[0] + 1, (p.w + 2 * p.pad[1] - p.kernel[1]) / p.stride[1] + 1}}}};
  json["operators"] = {Json{{"name", "pool"}, {"op", "pooling"}, {"type", p.mean ? "AveragePool" : "MaxPool"}, {"inputs", {"x"}}, {"outputs", {"y"}},
                            {"pooling", Json{{"kernel", p.kernel}, {"stride", p.stride}, {"pad_begin", p.pad}, {"pad_end", p.pad}}}}};
  if (p.one_axis) {
    for (Json& tensor : json["tensors"]) tensor["shape"].erase(2);
    for (auto& [name, numbers] : json["operators"][0]["pooling"].items()) numbers.erase(0);
  }
  auto graph = workloads::parse(json.dump(), "json", "pool.json");
  EXPECT_TRUE(graph) << graph.error().text();
  return *graph;
}

arch::Design with_levels(double kib, int lanes = 4) {
  return design("os", true, [&](Json& json) {
    for (Json& level : json["cores"][0]["levels"]) level["kib"] = kib;
    json["cores"][0]["vector"]["lanes"] = lanes;
  });
}

TEST(Pooling, WindowsOverOneAxis) {
  for (const Window& p : {Window{9, 1, 150, {1, 3}, {1, 2}, {0, 1}, false, true}, Window{6, 1, 60, {1, 5}, {1, 1}, {0, 2}, false, true}, Window{8, 1, 140, {1, 4}, {1, 4}, {0, 0}, true, true},
                          Window{40, 1, 9, {1, 9}, {1, 1}, {0, 0}, true, true}}) {
    SCOPED_TRACE(p.text());
    const auto graph = pooling(p);
    ASSERT_EQ(graph->tensor(0).shape.size(), 3u);
    check(with_levels(0.25), *graph);
    check(with_levels(0.25), *graph, 0.3);
  }
}

// Four chunks of one channel and three quarters; they end in the midst of rows.
constexpr Window resnet{7, 12, 12, {3, 3}, {2, 2}, {1, 1}};

TEST(Pooling, ChunksEndInsideChannels) {
  // 768 bytes of levels: three chunks and more, of 1.7 channels and less.
  for (const Window& p : {resnet, Window{7, 10, 8, {2, 2}, {2, 2}, {0, 0}}, Window{5, 12, 10, {2, 2}, {2, 2}, {0, 0}, true}, Window{31, 7, 7, {7, 7}, {1, 1}, {0, 0}, true},
                          Window{6, 9, 9, {3, 3}, {3, 3}, {1, 1}}, Window{9, 8, 12, {2, 3}, {2, 3}, {0, 0}}}) {
    SCOPED_TRACE(p.text());
    const auto graph = pooling(p);
    check(with_levels(0.25), *graph);
    check(with_levels(0.25), *graph, 0.3);
  }
}

// What keeps the words that two chunks share, and what finds them in their blocks, is broken.
TEST(Pooling, BrokenRingsAndBlocksAreFound) {
  const auto graph = pooling(resnet);
  const arch::Design made = with_levels(0.25);
  const Rtl sound = *emit_design(made);
  const std::pair<const char*, const char*> mutations[] = {{"place = next_at >= q_ring ? next_at - q_ring : next_at;", "place = next_at >= q_ring && 1'b0 ? next_at - q_ring : next_at;"},
                                                           {"next_px == q_bx ? q_x_jump : q_x_step", "next_px == q_bx && 1'b0 ? q_x_jump : q_x_step"},
                                                           {"assign onward = started || q_resume;", "assign onward = started || (q_resume && 1'b0);"},
                                                           {"now_i2 = started ? i2 : {16'd0, q_i2};", "now_i2 = started ? i2 : {16'd0, q_i2 & 16'd0};"}};
  for (std::size_t i = 0; i < std::size(mutations); ++i) {
    if (i % 2 != 0 && !long_run()) continue;  // each is a build of its own
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

// 3 x 3 with stride 1, odd images without padding, rows and columns that no window reads: a chunk's last windows read the first words of the next.
TEST(Pooling, WindowsReachIntoTheNextChunk) {
  for (const Window& p : {Window{5, 12, 12, {3, 3}, {1, 1}, {1, 1}}, Window{7, 13, 13, {3, 3}, {2, 2}, {0, 0}}, Window{7, 11, 9, {2, 2}, {2, 2}, {0, 0}}, Window{6, 11, 11, {3, 3}, {2, 2}, {0, 0}, true},
                          Window{4, 14, 14, {5, 5}, {1, 1}, {2, 2}}, Window{20, 8, 8, {3, 3}, {1, 1}, {1, 1}}, Window{3, 17, 10, {2, 5}, {1, 3}, {0, 2}}}) {
    SCOPED_TRACE(p.text());
    const auto graph = pooling(p);
    check(with_levels(0.25), *graph);
    check(with_levels(0.25), *graph, 0.3);
  }
}

TEST(Pooling, APartThatDoesNotWaitForTheNextChunkIsFound) {
  const auto graph = pooling({5, 12, 12, {3, 3}, {1, 1}, {1, 1}});
  const arch::Design made = with_levels(0.25, 32);
  CosimOptions slow = options();
  slow.stall = 0.8;  // of the memory too
  DesignRequest request{made, *graph, {}, slow};
  request.rtl = mutate(*emit_design(made), "done[31:0] >= q_need0", "(done[31:0] >= q_need0 || q_resume)");
  ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
  auto run = cosimulate_design(request);
  ASSERT_TRUE(run) << run.error().text();
  EXPECT_GT(run->mismatches, 0);
}

TEST(Pooling, WhatFindsNoWordsInTimeIsRefused) {
  const auto refusal = [](const arch::Design& made, const Window& p) {
    auto run = cosimulate_design({made, *pooling(p), {}, options()});
    if (run) return std::string("accepted");
    EXPECT_EQ(run.error().kind(), ErrorKind::unsupported);
    return run.error().text();
  };
  const std::string far = refusal(with_levels(0.0625), {4, 24, 24, {9, 9}, {1, 1}, {4, 4}});
  EXPECT_NE(far.find("operator \"pool\" (MaxPool)"), std::string::npos) << far;
  EXPECT_NE(far.find("reach over more than the next"), std::string::npos) << far;
  // Ten lanes of additions on a slow memory: the model ends before the words are there.
  const std::string late = refusal(design("os", true, [](Json& json) {
                                     for (Json& level : json["cores"][0]["levels"]) level["kib"] = 0.0625;
                                     json["cores"][0]["vector"]["lanes"] = 64;
                                     json["memory"]["latency_cycles"] = 200;
                                   }),
                                   {9, 8, 8, {3, 3}, {1, 1}, {1, 1}});
  EXPECT_NE(late.find("cycles more than the model says"), std::string::npos) << late;
}

// On one design, so that there is one build: sizes, windows and numbers of chunks at random.
TEST(Pooling, AtRandom) {
  const std::uint64_t seed = 20;
  Random random(seed);
  const auto from = [&](int low, int high) { return low + static_cast<int>(random.integer(low, high)); };
  const arch::Design made = with_levels(0.25, 3);
  int ran = 0, refused = 0;
  for (int i = 0; i < (long_run() ? 300 : 12); ++i) {
    Window p;
    p.stride = {from(1, 3), from(1, 3)};
    p.kernel = {from(1, 5), from(1, 5)};
    for (std::size_t d = 0; d < 2; ++d) p.pad[d] = from(0, p.kernel[d] / 2);
    p.mean = p.pad[0] + p.pad[1] == 0 && from(0, 1) == 1;
    p.channels = from(1, 12);
    p.h = p.kernel[0] + from(0, 15);
    p.w = p.kernel[1] + from(0, 15);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + std::to_string(i) + ": " + p.text());
    const auto graph = pooling(p);
    auto run = cosimulate_design({made, *graph, {}, options()});
    if (!run) {
      EXPECT_EQ(run.error().kind(), ErrorKind::unsupported) << run.error().text();
      ++refused;
      continue;
    }
    ++ran;
    EXPECT_EQ(run->mismatches, 0) << run->first_mismatch->element;
    EXPECT_EQ(run->cycle_difference, 0);
  }
  EXPECT_GT(ran, refused);
  std::printf("%d ran, %d refused\n", ran, refused);
}

}  // namespace
}  // namespace gnomon::hls
