// Loops that data ends, and the top-k kernel: its elements against sorting, its select passes against the published engine's, its
// cycles against the passes.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "gnomon/base/random.hpp"
#include "gnomon/hls/compile.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

Expected<Kernel> parse(const std::string& text) {
  auto document = Document::parse(text, "kernel.json");
  if (!document) return fail(std::move(document.error()));
  return read_kernel(*document);
}

const char* const gcd = R"({"version": 1, "name": "gcd", "tensors": [
    {"name": "x", "kind": "input", "type": "uint16", "shape": [6]}, {"name": "y", "kind": "input", "type": "uint16", "shape": [6]},
    {"name": "a", "kind": "local", "type": "uint16", "shape": []}, {"name": "b", "kind": "local", "type": "uint16", "shape": []},
    {"name": "d", "kind": "output", "type": "uint16", "shape": [6]}],
  "loops": [{"name": "i", "extent": 6}, {"name": "step", "extent": 40, "while": "more"}],
  "body": [
    {"name": "p", "op": "load", "tensor": "x", "index": ["i"], "in": "i"}, {"op": "store", "tensor": "a", "index": [], "args": ["p"], "in": "i"},
    {"name": "q", "op": "load", "tensor": "y", "index": ["i"], "in": "i"}, {"op": "store", "tensor": "b", "index": [], "args": ["q"], "in": "i"},
    {"name": "zero", "op": "const", "type": "uint16", "value": 0},
    {"name": "r", "op": "load", "tensor": "a", "index": []}, {"name": "s", "op": "load", "tensor": "b", "index": []},
    {"name": "more", "op": "ne", "args": ["s", "zero"]},
    {"name": "t", "op": "rem", "type": "uint16", "args": ["r", "s"]},
    {"op": "store", "tensor": "a", "index": [], "args": ["s"], "when": "more"}, {"op": "store", "tensor": "b", "index": [], "args": ["t"], "when": "more"},
    {"name": "u", "op": "load", "tensor": "a", "index": [], "in": "i"}, {"op": "store", "tensor": "d", "index": ["i"], "args": ["u"], "in": "i"}]})";

TEST(While, EuclidEndsWhenTheRestIsZero) {
  auto kernel = parse(gcd);
  ASSERT_TRUE(kernel) << kernel.error().text();
  auto again = parse(write_kernel(*kernel).dump());
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(*again, *kernel);
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    const auto inputs = random_inputs(*kernel, seed);
    ControlTrace trace;
    auto out = interpret(*kernel, inputs, 1 << 20, &trace);
    ASSERT_TRUE(out) << out.error().text();
    ASSERT_EQ(trace.trips[1].size(), 6u);
    for (std::size_t i = 0; i < 6; ++i) {
      std::int64_t a = inputs.at("x")[i], b = inputs.at("y")[i], steps = 1;
      for (; b != 0; ++steps) a = std::exchange(b, a % b);
      EXPECT_EQ(out->at("d")[i], a);
      EXPECT_EQ(trace.trips[1][i], steps);
    }
  }
}

TEST(While, BadOnesSayWhereAndWhy) {
  const std::tuple<const char*, const char*, const char*> bad[] = {
      {R"("while": "more")", R"("while": "u")", "/loops/1/while: \"u\" is not computed directly in the body of \"step\""},
      {R"("while": "more")", R"("while": "none")", "/loops/1/while: unknown value \"none\""},
      {R"("while": "more")", R"("while": "more", "trip": "i")", "\"trip\", \"count\" and \"while\" exclude each other"},
      {R"("index": ["i"], "args": ["u"], "in": "i"}]})", R"("index": ["i"], "args": ["u"], "in": "i"}], "directives": {"unroll": {"step": 2}}})", "/directives/unroll/step"},
      {R"("index": ["i"], "args": ["u"], "in": "i"}]})", R"("index": ["i"], "args": ["u"], "in": "i"}], "directives": {"pipeline": {"loop": "step"}}})", "/directives/pipeline/loop: loop \"step\" cannot be one pipeline"}};
  for (const auto& [from, to, message] : bad) {
    std::string text = gcd;
    const std::size_t at = text.find(from);
    ASSERT_NE(at, std::string::npos) << from;
    text.replace(at, std::string(from).size(), to);
    auto kernel = parse(text);
    const std::string said = !kernel ? kernel.error().text() : [&] {
      auto compiled = compile(*kernel);
      return compiled ? std::string("compiled") : compiled.error().text();
    }();
    EXPECT_NE(said.find(message), std::string::npos) << said;
  }
}

std::vector<std::int64_t> by_sorting(const std::vector<std::int64_t>& x, std::int64_t k) {
  std::vector<std::int64_t> order(x.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::int64_t a, std::int64_t b) { return x[static_cast<std::size_t>(a)] > x[static_cast<std::size_t>(b)]; });
  order.resize(static_cast<std::size_t>(k));
  std::sort(order.begin(), order.end());
  return order;
}

// Few values, many ties, sorted and constant inputs.
TEST(Topk, EqualsSorting) {
  for (const std::int64_t lanes : {1, 2, 8, 16})
    for (const int bits : {2, 3, 16})
      for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE("lanes " + std::to_string(lanes) + ", bits " + std::to_string(bits) + ", seed " + std::to_string(seed));
        auto kernel = topk_kernel({64, 16, lanes, bits});
        ASSERT_TRUE(kernel) << kernel.error().text();
        auto inputs = random_inputs(*kernel, seed);
        auto& x = inputs["x"];
        if (seed == 1) std::sort(x.begin(), x.end());
        if (seed == 2) std::sort(x.rbegin(), x.rend());
        if (seed == 3) std::fill(x.begin(), x.end(), -1);
        auto passes = topk_passes(*kernel, inputs);
        ASSERT_TRUE(passes) << passes.error().text();
        EXPECT_EQ(passes->ids, by_sorting(x, 16));
      }
}

/// Means over 2,000 trials of the published latency model (rows + 3 cycles a pass), lanes 1, 4, 8, 16, 32.
struct Golden {
  std::int64_t n, k;
  double mean[5];
};

TEST(Topk, PassesAsPublished) {
  const char* const wanted = std::getenv("GNOMON_LONG");
  const bool all = wanted != nullptr && *wanted != '\0' && *wanted != '0';
  const Golden golden[] = {{64, 32, {219, 72, 49, 37, 31}},
                           {256, 32, {704, 201, 116, 75, 53}},
                           {1024, 512, {3501, 897, 476, 255, 152}},
                           {1024, 128, {2817, 735, 393, 215, 126}},
                           {1024, 32, {2350, 609, 327, 179, 109}}};
  const std::int64_t lanes[] = {1, 4, 8, 16, 32};
  for (const Golden& g : golden)
    for (std::size_t p = 0; p < 5; ++p) {
      if (!all && (g.n > 64 || p == 2 || p == 4)) continue;
      SCOPED_TRACE(std::to_string(g.k) + " of " + std::to_string(g.n) + " with " + std::to_string(lanes[p]) + " lanes");
      auto kernel = topk_kernel({g.n, g.k, lanes[p]});
      ASSERT_TRUE(kernel) << kernel.error().text();
      double sum = 0;
      for (std::uint64_t t = 0; t < 2000; ++t) {
        const auto inputs = random_inputs(*kernel, derive(static_cast<std::uint64_t>(g.n * 4096 + g.k), t));
        auto passes = topk_passes(*kernel, inputs);
        ASSERT_TRUE(passes) << passes.error().text();
        ASSERT_EQ(passes->ids, by_sorting(inputs.at("x"), g.k));
        sum += static_cast<double>(passes->cycles());
      }
      EXPECT_NEAR(sum / 2000, g.mean[p], 0.03 * g.mean[p]);
    }
}

// The hardware takes a row a cycle and 3 cycles a pass: start 1, fill rows + 1, enter 1, passes, the last decision 3, filter rows + 1.
TEST(Topk, HardwareTakesTheModelsCycles) {
  for (const std::int64_t lanes : {1, 4, 16}) {
    auto kernel = topk_kernel({64, 32, lanes});
    ASSERT_TRUE(kernel) << kernel.error().text();
    auto compiled = compile(*kernel);
    ASSERT_TRUE(compiled) << compiled.error().text();
    EXPECT_EQ(compiled->ii, 1);
    auto passes = topk_passes(*kernel, random_inputs(*kernel, 1));
    ASSERT_TRUE(passes) << passes.error().text();
    EXPECT_EQ(compiled->latency_cycles, passes->cycles() + 3 + 2 + 2 * (64 / lanes + 1));
  }
}

TEST(Topk, ExamplesAreTheGeneratedKernels) {
  const std::pair<const char*, TopkShape> examples[] = {{"topk_64_p4", {64, 32, 4}}, {"topk_1024_p16", {1024, 128, 16}}};
  for (const auto& [name, shape] : examples) {
    auto document = Document::load(std::filesystem::path(GNOMON_SOURCE_DIR) / "examples" / "kernels" / (std::string(name) + ".json"));
    ASSERT_TRUE(document) << document.error().text();
    auto kernel = read_kernel(*document);
    ASSERT_TRUE(kernel) << kernel.error().text();
    auto generated = topk_kernel(shape);
    ASSERT_TRUE(generated);
    generated->name = name;
    EXPECT_EQ(*kernel, *generated);
  }
  EXPECT_FALSE(topk_kernel({48, 16, 4}));
  EXPECT_FALSE(topk_kernel({64, 16, 32}));
}

}  // namespace
}  // namespace gnomon::hls
