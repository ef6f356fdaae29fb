// Complete designs with windows that leave rows or columns out: dilated convolutions and poolings, convolutions with windows smaller than their stride; and means over padding. Truths: the integer
// interpreter, which goes tap by tap; the cycles of every step in the SystemC model, which counts the distinct pixels that a tile's windows touch.
#include <gtest/gtest.h>

#include <cstdio>

#include "design/network.hpp"
#include "design_case.hpp"
#include "gnomon/base/random.hpp"
#include "tool_checks.hpp"

namespace gnomon::hls {
namespace {

using Two = std::array<int, 2>;

struct Layer {
  int filters = 1, groups = 1;
  Two kernel{1, 1}, stride{1, 1}, dilation{1, 1}, begin{0, 0}, end{0, 0};
  std::string text() const {
    char out[200];
    std::snprintf(out, sizeof out, "; %d filters in %d groups, kernel %d x %d, stride %d %d, dilation %d %d, pads %d %d to %d %d", filters, groups, kernel[0], kernel[1], stride[0], stride[1], dilation[0],
                  dilation[1], begin[0], begin[1], end[0], end[1]);
    return out;
  }
};

int out_size(int in, int kernel, int stride, int dilation, int pads) { return (in + pads - (kernel - 1) * dilation - 1) / stride + 1; }

std::shared_ptr<const workloads::Graph> parsed(const Json& json) {
  auto graph = workloads::parse(json.dump(), "json", "windows.json");
  EXPECT_TRUE(graph) << graph.error().text();
  return graph ? *graph : nullptr;
}

std::shared_ptr<const workloads::Graph> convolutions(int batch, int channels, Two size, const std::vector<Layer>& layers) {
  Json json = Json::parse(R"({"version": 1, "name": "convolutions", "tensors": [], "operators": []})");
  const auto tensor = [&](const std::string& name, const std::vector<int>& shape, bool constant) {
    json["tensors"].push_back(Json{{"name", name}, {"shape", shape}});
    if (constant) json["tensors"].back()["constant"] = true;
  };
  tensor("x", {batch, channels, size[0], size[1]}, false);
  std::string x = "x";
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const Layer& layer = layers[l];
    const std::string name = "c" + std::to_string(l);
    tensor(name + ".w", {layer.filters, channels / layer.groups, layer.kernel[0], layer.kernel[1]}, true);
    tensor(name + ".b", {layer.filters}, true);
    channels = layer.filters;
    for (std::size_t a = 0; a < 2; ++a) size[a] = out_size(size[a], layer.kernel[a], layer.stride[a], layer.dilation[a], layer.begin[a] + layer.end[a]);
    tensor(name + ".y", {batch, channels, size[0], size[1]}, false);
    json["operators"].push_back(Json{{"name", name}, {"op", "convolution"}, {"type", "Conv"}, {"inputs", {x, name + ".w", name + ".b"}}, {"outputs", {name + ".y"}},
                                     {"convolution", Json{{"groups", layer.groups}, {"stride", layer.stride}, {"dilation", layer.dilation}, {"pad_begin", layer.begin}, {"pad_end", layer.end}}}});
    x = name + ".y";
  }
  return parsed(json);
}

struct Window {
  int channels, h, w;
  Two kernel, stride{1, 1}, dilation{1, 1}, begin{0, 0}, end{0, 0};
  bool mean = false, with_pads = false, up = false;  ///< up: sizes are rounded up
  Two out() const {
    Two size{h, w};
    for (std::size_t a = 0; a < 2; ++a) {
      const int in = size[a], room = in + begin[a] + end[a] - (kernel[a] - 1) * dilation[a] - 1;
      size[a] = room / stride[a] + 1;
      if (up && room % stride[a] != 0 && size[a] * stride[a] < in + begin[a]) ++size[a];
    }
    return size;
  }
  std::string text() const {
    char text[240];
    std::snprintf(text, sizeof text, "%s%s of %d x %d x %d, kernel %d x %d, stride %d %d, dilation %d %d, pads %d %d to %d %d%s", mean ? "mean" : "largest", with_pads ? " with pads" : "", channels, h, w,
                  kernel[0], kernel[1], stride[0], stride[1], dilation[0], dilation[1], begin[0], begin[1], end[0], end[1], up ? ", rounded up" : "");
    return text;
  }
};

std::shared_ptr<const workloads::Graph> pooling(const Window& p) {
  Json json = Json::parse(R"({"version": 1, "name": "pool"})");
  json["tensors"] = {Json{{"name", "x"}, {"shape", {1, p.channels, p.h, p.w}}}, Json{{"name", "y"}, {"shape", {1, p.channels, p.out()[0], p.out()[1]}}}};
  json["operators"] = {Json{{"name", "pool"}, {"op", "pooling"}, {"type", p.mean ? "AveragePool" : "MaxPool"}, {"inputs", {"x"}}, {"outputs", {"y"}},
                            {"pooling", Json{{"kernel", p.kernel}, {"stride", p.stride}, {"dilation", p.dilation}, {"pad_begin", p.begin}, {"pad_end", p.end}, {"count_include_pad", p.with_pads}}}}};
  return parsed(json);
}

arch::Design with_levels(const std::string& flow, bool overlap, double kib, const std::function<void(Json&)>& changes = {}) {
  return design(flow, overlap, [&](Json& json) {
    for (Json& level : json["cores"][0]["levels"]) level["kib"] = kib;
    if (changes) changes(json);
  });
}

// Windows that share rows and ones that do not, in one row of a tile and in several; strides that leave rows out; both.
TEST(Dilation, NetworksRunWhole) {
  const auto rates = convolutions(1, 3, {17, 15}, {{.filters = 4, .kernel = {3, 3}, .dilation = {2, 2}, .begin = {2, 2}, .end = {2, 2}},
                                                   {.filters = 6, .groups = 2, .kernel = {3, 3}, .dilation = {4, 3}, .begin = {4, 3}, .end = {4, 3}},
                                                   {.filters = 6, .groups = 6, .kernel = {3, 2}, .dilation = {6, 7}, .begin = {6, 5}, .end = {6, 2}},
                                                   {.filters = 3, .kernel = {2, 2}, .stride = {3, 3}, .begin = {1, 2}, .end = {0, 2}}});
  const auto strides = convolutions(2, 2, {16, 19}, {{.filters = 4, .kernel = {3, 3}, .stride = {2, 2}, .dilation = {2, 2}, .begin = {1, 2}, .end = {2, 2}},
                                                     {.filters = 4, .groups = 2, .kernel = {2, 3}, .stride = {3, 1}, .dilation = {1, 3}, .begin = {1, 2}, .end = {0, 2}}});
  for (const char* flow : flows)
    for (const bool overlap : {false, true}) {
      SCOPED_TRACE(std::string(flow) + (overlap ? ", overlap" : ""));
      check(with_levels(flow, overlap, 0.25), *rates);
      if (overlap && (long_run() || flow == flows[0])) check(with_levels(flow, overlap, 0.25), *strides, 0.3);
    }
}

// A design a flow, with and without overlap, and with a device; windows of one or two layers at random, in levels so small that most tiles cut images, rows and folds.
TEST(Dilation, ConvolutionsAtRandom) {
  const std::uint64_t seed = 7;
  Random random(seed);
  const auto from = [&](int low, int high) { return static_cast<int>(random.integer(low, high)); };
  int ran = 0, uneven = 0, images = 0, refused = 0;
  for (int i = 0; i < (long_run() ? 400 : 24); ++i) {
    const std::string flow = flows[i % 3];
    const bool overlap = i % 6 < 3, device = i % 12 >= 9;
    const int batch = random.chance(0.25) && (long_run() || i % 6 == 0) ? from(2, 3) : 1, channels = 2 * from(1, 2);
    const Two size{from(6, 16), from(6, 16)};
    Two left = size;
    std::vector<Layer> layers;
    std::string text = flow + (overlap ? ", overlap" : "") + (device ? ", at a device" : "") + ", " + std::to_string(batch) + " images of " + std::to_string(channels) + " x " + std::to_string(size[0]) + " x " + std::to_string(size[1]);
    bool both = false;
    for (int l = 0; l < 2; ++l) {
      Layer layer;
      layer.groups = random.chance(0.3) ? 2 : 1;
      layer.filters = 2 * from(1, 3);
      for (std::size_t a = 0; a < 2; ++a) {
        layer.kernel[a] = from(1, 4);
        layer.stride[a] = random.chance(0.5) ? 1 : from(2, 4);
        layer.dilation[a] = layer.stride[a] > 1 && random.chance(0.6) ? 1 : from(1, 5);
        const int reach = (layer.kernel[a] - 1) * layer.dilation[a] + 1;
        layer.begin[a] = from(0, reach - 1);
        layer.end[a] = from(std::max(0, reach - layer.begin[a] - left[a]), std::max(reach - 1, reach - left[a]));
        both = both || (layer.kernel[a] > 1 && layer.stride[a] > 1 && layer.dilation[a] > 1);
        left[a] = out_size(left[a], layer.kernel[a], layer.stride[a], layer.dilation[a], layer.begin[a] + layer.end[a]);
      }
      text += layer.text();
      layers.push_back(layer);
      if (left[0] < 2 || left[1] < 2) break;
    }
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + std::to_string(i) + ": " + text);
    const arch::Design made = with_levels(flow, overlap, 0.25, [&](Json& json) {
      if (device) json["memory"] = Json{{"type", "ddr4-2400"}, {"channels", 1}};
    });
    const auto graph = convolutions(batch, channels, size, layers);
    ASSERT_TRUE(graph);
    CosimOptions o = options();
    o.stall = i % 8 == 7 ? 0.3 : 0;
    auto run = cosimulate_design({made, *graph, {}, o, {}, {}});
    if (!run) {
      ASSERT_EQ(run.error().kind(), ErrorKind::unsupported) << run.error().text();
      const bool other_image = run.error().text().find("goes on to another image") != std::string::npos;
      EXPECT_TRUE(other_image ? batch > 1 : both && run.error().text().find("lie at uneven distances") != std::string::npos) << run.error().text();
      ++(other_image ? images : uneven);
      ++refused;
      continue;
    }
    ++ran;
    EXPECT_EQ(run->mismatches, 0) << run->first_mismatch->tensor << "[" << run->first_mismatch->element << "]: " << run->first_mismatch->expected << ", got " << run->first_mismatch->got;
    for (const DesignStep& step : run->steps) {
      if (o.stall > 0) break;
      EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label;
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(ran, 4 * refused);
  std::printf("%d ran, refused: %d of several images, %d with stride and dilation\n", ran, images, uneven);
}

TEST(Dilation, WhatLiesUnevenlyIsRefused) {
  auto run = cosimulate_design({with_levels("os", true, 2), *convolutions(1, 1, {16, 16}, {{.kernel = {3, 3}, .stride = {2, 2}, .dilation = {3, 3}}}), {}, options(), {}, {}});
  ASSERT_FALSE(run);
  EXPECT_EQ(run.error().kind(), ErrorKind::unsupported);
  EXPECT_NE(run.error().text().find("step \"c0\": stride 2 with dilation 3: the rows that a tile of the mapping reads lie at uneven distances"), std::string::npos) << run.error().text();
}

TEST(Dilation, BrokenStepsAreFound) {
  const auto graph = convolutions(1, 2, {16, 14}, {{.filters = 4, .kernel = {3, 3}, .dilation = {6, 4}, .begin = {6, 4}, .end = {6, 4}}, {.filters = 4, .kernel = {2, 2}, .stride = {3, 3}, .begin = {1, 1}}});
  const arch::Design made = with_levels("ws", true, 0.25);
  check(made, *graph);
  const Rtl sound = *emit_design(made, {.spread = true});
  const std::pair<const char*, const char*> mutations[] = {{"kx = kx + c_dx;", "kx = kx + c_dx - 16'd1;"},
                                                           {"next_addr = next_addr + q_d5;", "next_addr = next_addr + q_d5 + 32'd1;"},
                                                           {"ky = ky + c_dy;", "ky = ky + c_dy + 16'd1;"},
                                                           {"next_i0 = {16'd0, q_i0};", "next_i0 = 32'd0;"},
                                                           {"next_i4 + 32'd1 < q_c4", "next_i4 + 32'd2 < q_c4"}};
  for (std::size_t i = 0; i < std::size(mutations); ++i) {
    if (i > 1 && !long_run()) continue;  // each is a build of its own
    SCOPED_TRACE(mutations[i].first);
    DesignRequest request{made, *graph, {}, options(), {}, {}};
    request.rtl = mutate(sound, mutations[i].first, mutations[i].second);
    ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
    auto run = cosimulate_design(request);
    EXPECT_TRUE(!run || run->mismatches > 0 || run->cycle_difference != 0);
    if (!run) {
      EXPECT_NE(run.error().text().find("does not come to its end"), std::string::npos) << run.error().text();
    }
  }
}

// The sum of what lies in the image over the number of elements that count, to within half a unit and the factor's rounding (127 x 25 / 2^17 at most).
TEST(Means, AreOverWhatTheirWindowsHave) {
  for (const Window& p : {Window{2, 6, 7, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, true}, Window{2, 6, 7, {3, 3}, {1, 1}, {1, 1}, {1, 1}, {1, 1}, true, true}, Window{1, 6, 8, {3, 3}, {2, 2}, {1, 1}, {0, 1}, {1, 0}, true, false, true},
                          Window{1, 6, 8, {3, 3}, {2, 2}, {1, 1}, {0, 1}, {1, 0}, true, true, true}, Window{1, 9, 9, {5, 2}, {2, 1}, {2, 4}, {3, 4}, {4, 4}, true}, Window{1, 4, 4, {3, 3}, {1, 1}, {1, 1}, {4, 4}, {4, 4}, true}}) {
    SCOPED_TRACE(p.text());
    const auto graph = pooling(p);
    ASSERT_TRUE(graph);
    const auto network = interpret_network(*graph, 8, 32, 1);
    ASSERT_TRUE(network) << network.error().text();
    const std::vector<std::int32_t>&x = network->values.at(0), &y = network->values.at(1);
    std::size_t at = 0;
    for (int c = 0; c < p.channels; ++c)
      for (int oy = 0; oy < p.out()[0]; ++oy)
        for (int ox = 0; ox < p.out()[1]; ++ox, ++at) {
          double sum = 0, count = 0;
          for (int row = -p.begin[0]; row < p.h + p.end[0]; ++row)  // image and padding, not taps
            for (int column = -p.begin[1]; column < p.w + p.end[1]; ++column) {
              const int down = row + p.begin[0] - oy * p.stride[0], along = column + p.begin[1] - ox * p.stride[1];
              if (down < 0 || along < 0 || down % p.dilation[0] != 0 || along % p.dilation[1] != 0 || down / p.dilation[0] >= p.kernel[0] || along / p.dilation[1] >= p.kernel[1]) continue;
              const bool real = row >= 0 && row < p.h && column >= 0 && column < p.w;
              if (real) sum += x[static_cast<std::size_t>((c * p.h + row) * p.w + column)];
              if (real || p.with_pads) ++count;
            }
          EXPECT_NEAR(y.at(at), count > 0 ? sum / count : 0, 0.53) << oy << ", " << ox;
        }
    EXPECT_EQ(at, y.size());
  }
}

// On one design, so that there are three builds (dilated windows, counted means, both): sizes, windows and numbers of chunks at random.
TEST(Dilation, PoolingsAtRandom) {
  const std::uint64_t seed = 31;
  Random random(seed);
  const auto from = [&](int low, int high) { return low + static_cast<int>(random.integer(0, high - low)); };
  int ran = 0, means = 0, refused = 0;
  for (int i = 0; i < (long_run() ? 400 : 24); ++i) {
    Window p{from(1, 9), 0, 0, {from(1, 4), from(1, 4)}, {from(1, 3), from(1, 3)}};
    p.mean = i % 2 == 0;
    p.with_pads = p.mean && i % 8 == 6;
    p.up = random.chance(0.3);
    const bool dilated = i % 4 != 0;
    Two size;
    for (std::size_t a = 0; a < 2; ++a) {
      p.dilation[a] = dilated ? from(1, 4) : 1;
      const int reach = (p.kernel[a] - 1) * p.dilation[a] + 1;
      p.begin[a] = from(0, std::min(reach - 1, 4));
      p.end[a] = from(0, std::min(reach - 1, 4));
      size[a] = std::max(reach, 3) + from(0, 11);
    }
    p.h = size[0];
    p.w = size[1];
    const bool device = i % 6 == 5;
    const arch::Design made = with_levels("os", true, device ? 4 : 0.25, [&](Json& json) {
      json["cores"][0]["vector"]["lanes"] = 3;
      if (device) json["memory"] = Json{{"type", "ddr4-2400"}, {"channels", 1}};
    });
    SCOPED_TRACE("seed " + std::to_string(seed) + ", " + std::to_string(i) + ": " + p.text() + (device ? ", at a device" : ""));
    const auto graph = pooling(p);
    ASSERT_TRUE(graph);
    CosimOptions o = options();
    o.stall = i % 8 == 7 ? 0.3 : 0;
    auto run = cosimulate_design({made, *graph, {}, o, {}, {}});
    if (!run) {
      EXPECT_EQ(run.error().kind(), ErrorKind::unsupported) << run.error().text();
      EXPECT_NE(run.error().text().find("its "), std::string::npos) << run.error().text();  // windows that reach too far, chunks that do not fit
      ++refused;
      continue;
    }
    ++ran;
    means += p.mean ? 1 : 0;
    EXPECT_EQ(run->mismatches, 0) << run->first_mismatch->element << ": " << run->first_mismatch->expected << ", got " << run->first_mismatch->got;
    if (o.stall == 0) {
      EXPECT_EQ(run->cycle_difference, 0);
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(ran, 2 * refused);
  std::printf("%d ran (%d means), %d refused\n", ran, means, refused);
}

// Bus and memory in turns; each core has RTL of its own.
TEST(Dilation, TwoCores) {
  const auto graph = convolutions(1, 4, {13, 12}, {{.filters = 6, .kernel = {3, 3}, .dilation = {3, 2}, .begin = {3, 2}, .end = {3, 2}}, {.filters = 4, .groups = 2, .kernel = {2, 2}, .stride = {3, 3}}});
  for (const char* memory : {"ideal", "ddr4-2400"}) {
    if (memory != std::string("ideal") && !long_run()) continue;
    const auto run = check(with_levels("ws", true, 0.25, [&](Json& json) {
                             json["cores"].push_back(json["cores"][0]);
                             json["cores"][1]["name"] = "second";
                             json["cores"][1]["array"]["dataflow"] = "os";
                             if (memory != std::string("ideal")) json["memory"] = Json{{"type", memory}, {"channels", 1}};
                           }),
                           *graph);
    ASSERT_EQ(run.steps.size(), 2u);
    EXPECT_NE(run.steps[0].core, run.steps[1].core);
  }
}

TEST(Dilation, ToolsFindNothing) {
  const std::filesystem::path folder = std::filesystem::path(GNOMON_BINARY_DIR) / "hls-test-tools" / "dilation";
  for (const char* flow : flows) {
    if (flow != flows[0] && !long_run()) continue;
    const arch::Design made = with_levels(flow, true, 0.0625, [&](Json& json) {
      json["cores"][0]["array"]["rows"] = json["cores"][0]["array"]["cols"] = 2;
      json["cores"][0]["vector"]["lanes"] = 1;
      json["cores"][0]["levels"].push_back(Json{{"name", "far"}, {"holds", {"filter"}}, {"kib", 0.0625}});
    });
    for (const WorkloadParts& parts : {WorkloadParts{.images = true, .nested = true, .spread = true, .mean_log = 4}, WorkloadParts{.spread = true}, WorkloadParts{.mean_log = 8}}) {
      if (parts.nested == false && !long_run()) continue;
      const Rtl rtl = *emit_design(made, parts);
      expect_lint_clean(rtl, folder);
      expect_check_clean(rtl, folder);
    }
  }
}

TEST(Dilation, BrokenPoolingsAreFound) {
  const Window largest{4, 12, 12, {3, 3}, {2, 2}, {3, 3}, {3, 3}, {3, 3}}, mean{4, 12, 12, {3, 3}, {2, 2}, {1, 1}, {1, 1}, {1, 1}, true};
  struct Mutation {
    const Window& window;
    WorkloadParts parts;
    const char *from, *to;
  };
  const Mutation mutations[] = {{largest, {.spread = true}, "next_kx = next_kx + q_dx;", "next_kx = next_kx + 16'd1;"},
                                {mean, {.mean_log = 4}, "if (lane_counted[l]) next_n", "if (lane_counted[l] || lane_first[l]) next_n"},
                                {largest, {.spread = true}, "next_px > q_bx ? next_px - q_x_back", "next_px > q_bx ? next_px - q_x_on"},
                                {largest, {.spread = true}, "next_ty = next_ty + $signed(q_dy);", "next_ty = next_ty + 16'sd1;"},
                                {mean, {.mean_log = 4}, "(131072 + i)", "131072"},
                                {mean, {.mean_log = 4}, "n <= next_n;", "n <= 4'd0;"}};
  const arch::Design made = with_levels("os", true, 0.5);
  for (std::size_t i = 0; i < std::size(mutations); ++i) {
    const auto& [window, parts, from, to] = mutations[i];
    if (i > 1 && !long_run()) continue;  // each is a build of its own
    SCOPED_TRACE(from);
    const auto graph = pooling(window);
    check(made, *graph);
    DesignRequest request{made, *graph, {}, options(), {}, {}};
    request.rtl = mutate(*emit_design(made, parts), from, to);
    ASSERT_FALSE(request.rtl->text.empty()) << "not in the text";
    auto run = cosimulate_design(request);
    EXPECT_TRUE(!run || run->mismatches > 0 || run->cycle_difference != 0);
  }
}

}  // namespace
}  // namespace gnomon::hls
