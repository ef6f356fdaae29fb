// Complete designs on several images. Truths: the integer interpreter, which goes image by image; the cycles of every step in the SystemC model.
#include <gtest/gtest.h>

#include <cstdio>

#include "design_case.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::hls {
namespace {

struct Layer {
  int filters, kernel, stride, pad, groups = 1;
};

std::shared_ptr<const workloads::Graph> images(int batch, int channels, int h, int w, const std::vector<Layer>& layers, bool pooled = false) {
  Json json = Json::parse(R"({"version": 1, "name": "images", "tensors": [], "operators": []})");
  json["tensors"].push_back(Json{{"name", "x"}, {"shape", {batch, channels, h, w}}});
  std::string x = "x";
  const auto add = [&](const Json& op, const std::string& y) {
    json["operators"].push_back(op);
    json["tensors"].push_back(Json{{"name", y}, {"shape", {batch, channels, h, w}}});
    x = y;
  };
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const std::string name = "c" + std::to_string(l);
    json["tensors"].push_back(Json{{"name", name + ".w"}, {"shape", {layer.filters, channels / layer.groups, layer.kernel, layer.kernel}}, {"constant", true}});
    json["tensors"].push_back(Json{{"name", name + ".b"}, {"shape", {layer.filters}}, {"constant", true}});
    channels = layer.filters;
    h = (h + 2 * layer.pad - layer.kernel) / layer.stride + 1;
    w = (w + 2 * layer.pad - layer.kernel) / layer.stride + 1;
    const std::array<int, 2> strides{layer.stride, layer.stride}, pads{layer.pad, layer.pad};
    add(Json{{"name", name}, {"op", "convolution"}, {"type", "Conv"}, {"inputs", {x, name + ".w", name + ".b"}}, {"outputs", {name + ".y"}},
             {"convolution", Json{{"groups", layer.groups}, {"stride", strides}, {"pad_begin", pads}, {"pad_end", pads}}}},
        name + ".y");
  }
  if (pooled) {
    h /= 2;
    w /= 2;
    const std::array<int, 2> two{2, 2};
    add(Json{{"name", "pool"}, {"op", "pooling"}, {"type", "MaxPool"}, {"inputs", {x}}, {"outputs", {"pool.y"}}, {"pooling", Json{{"kernel", two}, {"stride", two}}}}, "pool.y");
  }
  auto graph = workloads::parse(json.dump(), "json", "images.json");
  EXPECT_TRUE(graph) << graph.error().text();
  return *graph;
}

arch::Design with_levels(const std::string& flow, double kib, const std::function<void(Json&)>& changes = {}) {
  return design(flow, true, [&](Json& json) {
    for (Json& level : json["cores"][0]["levels"]) level["kib"] = kib;
    if (changes) changes(json);
  });
}

// Windows, taps alone, strides that leave rows out, groups, a pooling; tiles of several images and of parts of one.
TEST(Images, NetworksRunWhole) {
  const auto graph = images(3, 4, 8, 7, {{4, 3, 1, 1}, {6, 1, 1, 0}, {6, 3, 2, 1, 2}, {5, 1, 2, 0}}, false);
  const auto pooled = images(2, 2, 12, 12, {{5, 5, 1, 0}, {4, 3, 1, 1}}, true);
  for (const char* flow : flows) {
    SCOPED_TRACE(flow);
    check(with_levels(flow, 8), *graph);
    check(with_levels(flow, 8), *pooled, 0.3);
  }
}

// Levels so small that tiles end in the midst of images, on one design a flow.
TEST(Images, AtRandom) {
  const std::uint64_t seed = 5;
  Random random(seed);
  int ran = 0, refused = 0;
  for (int i = 0; i < (long_run() ? 240 : 24); ++i) {
    const std::string flow = flows[long_run() ? i % 3 : 0];
    std::vector<Layer> layers;
    const int channels = static_cast<int>(random.integer(1, 4)), h = static_cast<int>(random.integer(5, 14)), w = static_cast<int>(random.integer(5, 14));
    for (int l = 0; l < 2; ++l) {
      Layer layer;
      layer.filters = static_cast<int>(random.integer(1, 6));
      layer.kernel = random.pick<int>({1, 1, 2, 3});
      layer.stride = static_cast<int>(random.integer(1, layer.kernel > 1 ? layer.kernel : 2));
      layer.pad = layer.kernel > 1 ? static_cast<int>(random.integer(0, 1)) : 0;
      layers.push_back(layer);
    }
    const int batch = static_cast<int>(random.integer(2, 5));
    const bool device = random.chance(0.3);
    const arch::Design made = with_levels(flow, 0.25, [&](Json& json) {
      if (device) json["memory"] = Json{{"type", "ddr4-2400"}, {"channels", 1}};
    });
    std::string text = flow + (device ? " at a device" : "") + ", " + std::to_string(batch) + " images of " + std::to_string(channels) + " x " + std::to_string(h) + " x " + std::to_string(w);
    for (const Layer& l : layers) text += ", " + std::to_string(l.filters) + " filters, kernel " + std::to_string(l.kernel) + " stride " + std::to_string(l.stride) + " pad " + std::to_string(l.pad);
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + std::to_string(i) + ": " + text);
    CosimOptions o = options();
    o.stall = i % 6 == 5 ? 0.3 : 0;
    auto run = cosimulate_design({made, *images(batch, channels, h, w, layers), {}, o});
    if (!run) {
      EXPECT_EQ(run.error().kind(), ErrorKind::unsupported) << run.error().text();
      EXPECT_NE(run.error().text().find("goes on to another image"), std::string::npos) << run.error().text();
      ++refused;
      continue;
    }
    ++ran;
    EXPECT_EQ(run->mismatches, 0);
    for (const DesignStep& step : run->steps) {
      if (o.stall > 0) break;
      EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(ran, refused);
  std::printf("%d ran, %d refused\n", ran, refused);
}

TEST(Images, BrokenStepsFromImageToImageAreFound) {
  const auto graph = images(3, 4, 8, 7, {{4, 3, 1, 1}, {6, 1, 1, 0}});
  const arch::Design made = with_levels("ws", 8);
  const Rtl sound = *emit_design(made, {.images = true});
  const std::pair<const char*, const char*> mutations[] = {{"ma = ma + q_am_image;", "ma = ma + q_am_image + 20'd1;"},
                                                           {"if (q_images) begin", "if (q_images && q_write) begin"},
                                                           {"y = c_y0;", "y = c_y0 + 16'sd1;"}};
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

}  // namespace
}  // namespace gnomon::hls
