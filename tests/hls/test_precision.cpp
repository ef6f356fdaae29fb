// Layers whose numbers have types of their own, and trained weights with zeros: the golden model against figures by hand and against an evaluation of the definitions on numbers of one
// scale; the RTL in Verilator against the golden model; what is refused, with its place.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "layers/tables.hpp"
#include "mixed_network.hpp"

namespace gnomon::hls {
namespace {

constexpr int scale = 40;  // numbers stand for n / 2^40

Wide floor_divide(Wide a, Wide b) { return a / b - (a % b != 0 && (a < 0) != (b < 0)); }

/// A number as a type stores it, by the definitions of vendor tools' types: first the rounding, then the overflow.
Wide in_type(const NumberType& type, Wide number) {
  const Wide unit = Wide{1} << (scale - type.fraction);
  Wide units = floor_divide(number, unit);
  const Wide rest = number - units * unit;
  if (type.rounding == Rounding::half_up && 2 * rest >= unit) ++units;
  if (type.rounding == Rounding::half_even && (2 * rest > unit || (2 * rest == unit && units % 2 != 0))) ++units;
  const Wide span = Wide{1} << type.bits;
  if (type.overflow == Overflow::saturate) units = std::clamp(units, type.lowest(), type.highest());
  else units = units - floor_divide(units - type.lowest(), span) * span;
  return units * unit;
}

std::vector<Wide> by_definition(const Network& n, const std::vector<LayerShape>& shapes, std::vector<Wide> x) {
  for (std::size_t l = 0; l < n.layers.size(); ++l) {
    const Layer& layer = n.layers[l];
    const LayerShape& s = shapes[l];
    const LayerTypes& t = s.types;
    if (layer.type == "flatten") continue;
    const auto number = [](const NumberType& type, std::int64_t stored) { return Wide{stored} << (scale - type.fraction); };
    const LayerWeights w = s.n_in > 0 ? layer_weights(n, l, s) : LayerWeights{};
    const bool pool = layer.type == "max_pool", image = pool || layer.type == "conv2d";
    const std::int64_t kw = image ? layer.kernel : 1, kh = image && s.in_height > 1 ? kw : 1, stride = pool ? kw : layer.stride, channels = s.in_channels;
    std::vector<Wide> y;
    for (std::int64_t r = 0; r < s.height; ++r)
      for (std::int64_t c = 0; c < s.width; ++c) {
        std::vector<Wide> window;
        for (std::int64_t i = 0; i < kh; ++i)
          for (std::int64_t j = 0; j < kw; ++j)
            for (std::int64_t ch = 0; ch < channels; ++ch) window.push_back(x[static_cast<std::size_t>(((r * stride + i) * s.in_width + c * stride + j) * channels + ch)]);
        for (std::int64_t o = 0; o < s.channels; ++o) {
          if (pool) {
            Wide most = window[static_cast<std::size_t>(o)];
            for (std::size_t i = 0; i < window.size(); ++i)
              if (static_cast<std::int64_t>(i) % channels == o) most = std::max(most, window[i]);
            y.push_back(most);
            continue;
          }
          const auto summed = [&](Wide v) { return t.accum ? floor_divide(v, Wide{1} << (scale - t.accum->fraction)) * (Wide{1} << (scale - t.accum->fraction)) : v; };
          Wide sum = layer.bias ? summed(number(t.bias, w.bias[static_cast<std::size_t>(o)])) : 0;
          for (std::int64_t i = 0; i < s.n_in; ++i) {
            const Wide product = window[static_cast<std::size_t>(i)] * w.weights[static_cast<std::size_t>(i * s.n_out + o)];
            sum += summed(t.weight.fraction < 0 ? product << -t.weight.fraction : product / (Wide{1} << t.weight.fraction));
          }
          if (t.accum) sum = in_type(*t.accum, sum);
          Wide v = in_type(t.result, sum);
          if (layer.activation == "relu") v = in_type(t.activated, std::max<Wide>(v, 0));
          if (layer.activation == "tanh" || layer.activation == "sigmoid") {
            // The table knows the upper ten bits of its operand, and clamps.
            const Wide step = Wide{1} << (scale - t.result.fraction + std::max(0, t.result.bits - 10));
            const double z = static_cast<double>(floor_divide(v, step) * step) / std::ldexp(1.0, scale), f = layer.activation == "tanh" ? std::tanh(z) : 1 / (1 + std::exp(-z));
            NumberType clamps = t.activated;
            clamps.overflow = Overflow::saturate;
            v = in_type(clamps, static_cast<Wide>(std::floor(std::ldexp(f, scale))));
          }
          if (layer.residual) v = in_type(t.result, v + window[static_cast<std::size_t>(o)]);
          y.push_back(v);
        }
      }
    x = std::move(y);
  }
  return x;
}

TEST(Precision, GoldenModelByDefinition) {
  const std::uint64_t seed = 60;
  int compared = 0, saturates = 0, pruned = 0, accumulates = 0;
  for (int i = 0; i < 400; ++i) {
    const Network n = mixed_network(derive(seed, static_cast<std::uint64_t>(i)), i);
    if (n.layers.back().activation == "softmax") continue;
    const auto shapes = *network_shapes(n);
    Random random(derive(derive(seed, "inputs"), static_cast<std::uint64_t>(i)));
    const NumberType in = shapes.front().types.in, out = shapes.back().types.out;
    std::vector<std::int64_t> x(static_cast<std::size_t>(n.height * n.width * n.channels));
    for (std::int64_t& v : x) v = random.integer(static_cast<std::int64_t>(in.lowest()), static_cast<std::int64_t>(in.highest()));
    std::vector<Wide> numbers;
    for (const std::int64_t v : x) numbers.push_back(Wide{v} << (scale - in.fraction));
    const auto expected = by_definition(n, shapes, numbers);
    const auto got = evaluate(n, shapes, x);
    ASSERT_EQ(got.size(), expected.size());
    for (std::size_t j = 0; j < got.size(); ++j)
      ASSERT_TRUE(Wide{got[j]} << (scale - out.fraction) == expected[j]) << "output " << j << " is " << got[j] << "; seed " << seed << ", network " << i << ": " << write_network(n).dump();
    ++compared;
    for (const LayerShape& s : shapes) saturates += s.types.result.overflow == Overflow::saturate, accumulates += s.types.accum.has_value();
    pruned += n.layers[0].weights.has_value();
  }
  EXPECT_GT(compared, 200);
  EXPECT_GT(saturates, 50);
  EXPECT_GT(accumulates, 50);
  EXPECT_GT(pruned, 50);
}

void expect_rtl(const Network& network, std::uint64_t seed, double stall, const std::string& note) {
  CosimOptions options;
  options.seed = seed;
  options.stall = stall;
  options.worker = {GNOMON_COSIM_WORKER};
  auto result = cosimulate_network(network, options, 3);
  ASSERT_TRUE(result) << result.error().text() << "\n" << note << ": " << write_network(network).dump();
  EXPECT_EQ(result->mismatches, 0) << result->first_mismatch << "\n" << note << ": " << write_network(network).dump();
  EXPECT_EQ(result->rtl_cycles, result->model_cycles) << note << ": " << write_network(network).dump();
}

TEST(Precision, MixedAndPrunedNetworksInVerilator) {
  const int count = std::getenv("GNOMON_LONG") != nullptr ? 300 : 8;
  const std::uint64_t seed = 51;
  for (int i = 0; i < count; ++i)
    expect_rtl(mixed_network(derive(seed, static_cast<std::uint64_t>(i)), i), static_cast<std::uint64_t>(i) + 1, i % 2 == 0 ? 0.3 : 0.0, "seed " + std::to_string(seed) + ", network " + std::to_string(i));
}

Network one_layer(std::int64_t inputs, std::vector<std::int64_t> weights, LayerPrecision precision) {
  Network n;
  n.precision_bits = 0;
  n.precision = NetworkPrecision{.fallback = "ap_fixed<8,4>"};
  n.channels = inputs;
  n.layers = {{.size = static_cast<std::int64_t>(weights.size()) / inputs, .bias = precision.bias.has_value()}};
  n.layers[0].weights = std::move(weights);
  n.layers[0].precision = std::move(precision);
  return n;
}

// Inputs 1.5 and -2.5. 1.5 x 1.25 + 2.5 x 0.5 + 0.625 = 3.75; 1.5 x 1.9375 + 2.5 x 1.9375 + 3.875 = 11.625, the top is 3.875; 1.5 / 16 = 0.75 / 8 rounds to 1 / 8, and its opposite to -1 / 8.
TEST(Precision, RoundedAndSaturatedByHand) {
  Network n = one_layer(2, {20, 31, 1, -1, -8, -31, 0, 0}, {.weight = "ap_fixed<6,2>", .bias = "ap_fixed<6,3>", .result = "ap_fixed<6,3,AP_RND,AP_SAT>"});
  n.layers[0].biases = std::vector<std::int64_t>{5, 31, 0, 0};
  const auto shapes = network_shapes(n);
  ASSERT_TRUE(shapes) << shapes.error().text();
  EXPECT_EQ(evaluate(n, *shapes, {24, -40}), (std::vector<std::int64_t>{30, 31, 1, -1}));
  n.layers[0].precision->result = "ap_fixed<6,3>";  // truncated, wrapped: 0.75 / 8 to 0, its opposite to -1; 93 - 64
  EXPECT_EQ(evaluate(n, *network_shapes(n), {24, -40}), (std::vector<std::int64_t>{30, 29, 0, -1}));
}

// Products are cut to 1/32: 25/256 to 3, -25/256 to -4; 775/256 to 96, 1240/256 to 155, and their sum 251 wraps in 8 bits to -5.
TEST(Precision, AccumulatorByHand) {
  Network n = one_layer(2, {1, -1, 31, 0, 0, -31}, {.weight = "ap_fixed<6,2>", .accum = "ap_fixed<8,3>", .result = "ap_fixed<8,3>"});
  const auto shapes = network_shapes(n);
  ASSERT_TRUE(shapes) << shapes.error().text();
  EXPECT_EQ(evaluate(n, *shapes, {25, -40}), (std::vector<std::int64_t>{3, -4, -5}));
  for (const std::int64_t reuse : {1, 2, 6}) {
    n.reuse_factor = reuse;
    expect_rtl(n, 7, 0, "reuse factor " + std::to_string(reuse));
  }
}

// 32 bits all the way, whose sums have 63.
TEST(Precision, ThirtyTwoBits) {
  Network n;
  n.precision_bits = 32;
  n.channels = 3;
  n.layers = {{.size = 2, .activation = "relu"}, {.size = 2, .activation = "softmax"}};
  for (const std::int64_t reuse : {1, 3}) {
    n.reuse_factor = reuse;
    expect_rtl(n, 3, 0, "reuse factor " + std::to_string(reuse));
  }
}

// What is said of one precision, and the same said of every number.
TEST(Precision, OnePrecisionHasOneText) {
  Network n;
  n.precision_bits = 7;
  n.channels = 6;
  n.layers = {{.size = 4, .activation = "relu"}, {.size = 4, .activation = "tanh", .residual = true}, {.size = 3, .activation = "softmax"}};
  for (const std::int64_t reuse : {1, 4}) {
    n.reuse_factor = reuse;
    Network said = n;
    said.precision_bits = 0;
    said.precision = NetworkPrecision{.fallback = "ap_fixed<7,1>", .input = "fixed<7, 1>"};
    said.layers[0].precision = LayerPrecision{.weight = "ap_fixed<7,1,AP_TRN,AP_WRAP>", .result = "ap_fixed<7,1>", .activation = "ap_ufixed<6,0>"};
    EXPECT_EQ(emit_network(n)->text, emit_network(said)->text);
    const auto again = read_network(*Document::parse(write_network(said).dump(), "network"));
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(*again, said);
  }
}

// Neuron 1 has no weights (it is relu(3)), nobody hears neuron 2, and input 1 is heard by nobody: nothing is built for any of them.
TEST(Precision, PrunedNumbersAreNotBuilt) {
  Network n;
  n.precision_bits = 8;
  n.channels = 3;
  n.layers = {{.size = 3, .activation = "relu"}, {.size = 2}};
  n.layers[0].weights = std::vector<std::int64_t>{64, 0, 11, 0, 0, 0, -32, 0, 9};
  n.layers[0].biases = std::vector<std::int64_t>{1, 3, 2};
  n.layers[1].weights = std::vector<std::int64_t>{64, 5, 64, 64, 0, 0};
  n.layers[1].biases = std::vector<std::int64_t>{0, -1};
  Network small = n;  // the same with the constant's share, floor((64 x 3) / 128 + ...), in the sums' place of the bias: 3 x 64 = 192 = 1.5 x 128
  small.channels = 2;
  small.layers[0].size = 1;
  small.layers[0].weights = std::vector<std::int64_t>{64, -32};
  small.layers[0].biases = std::vector<std::int64_t>{1};
  small.layers[1].weights = std::vector<std::int64_t>{64, 5};
  const auto shapes = network_shapes(n);
  ASSERT_TRUE(shapes) << shapes.error().text();
  // (64 x 100 - 32 x 20) / 128 + 1 = 46; (64 x 46 + 64 x 3) / 128 = 24.5; (5 x 46 + 64 x 3) / 128 - 1 = 2.3
  EXPECT_EQ(evaluate(n, *shapes, {100, 77, 20}), (std::vector<std::int64_t>{24, 2}));
  for (const std::int64_t reuse : {1, 3}) {
    n.reuse_factor = small.reuse_factor = reuse;
    small.layers[0].reuse_factor = reuse == 3 ? 2 : 1;
    if (reuse == 3) small.layers[1].reuse_factor = 2;
    expect_rtl(n, 5, 0.3, "reuse factor " + std::to_string(reuse));
  }
  n.reuse_factor = small.reuse_factor = 1;
  small.layers[0].reuse_factor = small.layers[1].reuse_factor = 0;
  // As many registers of data as the network without them has, but those of the sums that have the constant's half bit below.
  const auto registers = [](const std::string& text) {
    std::size_t count = 0;
    for (std::size_t at = 0; (at = text.find("<= ", at)) != text.npos; ++at) ++count;
    return count;
  };
  EXPECT_EQ(registers(emit_network(n)->text), registers(emit_network(small)->text));
  EXPECT_EQ(emit_network(n)->text.find("in_data[15:8]"), std::string::npos);
}

std::string refusal(const std::string& text) {
  auto document = Document::parse(text, "n.json");
  if (!document) return document.error().text();
  auto network = read_network(*document);
  return network ? "accepted" : network.error().text();
}

TEST(Precision, WhatIsWrongHasItsPlace) {
  const auto with = [](const std::string& network, const std::string& layer) {
    return refusal(R"({"version": 1, "channels": 2, )" + network + R"(, "layers": [{"type": "dense", "size": 2)" + layer + "}]}");
  };
  const auto layer = [&](const std::string& precision) { return with(R"("precision_bits": 8)", R"(, "activation": "relu", "precision": )" + precision); };
  EXPECT_EQ(with(R"("precision_bits": 8)", ""), "accepted");
  const struct {
    std::string said;
    std::vector<const char*> words;
  } cases[] = {
      {with(R"("name": "x")", ""), {"/precision_bits: is missing", "/precision/default"}},
      {with(R"("precision_bits": 33)", ""), {"/precision_bits", "32"}},
      {with(R"("precision_bits": 8, "precision": {"default": "ap_fixed<8,1>"})", ""), {"/precision/default: is given beside precision_bits"}},
      {with(R"("precision": {"default": "ap_fixd<8,1>"})", ""), {"/precision/default: \"ap_fixd<8,1>\"", "ap_fixed"}},
      {with(R"("precision_bits": 8, "precision": {"inputs": "ap_fixed<8,1>"})", ""), {"/precision/inputs: unknown key", "input"}},
      {layer(R"({"weight": "ap_fixed<8>"})"), {"/layers/0/precision/weight: \"ap_fixed<8>\": 1 parameters", "<W,I>"}},
      {layer(R"({"weight": "ap_fixed<40,1>"})"), {"/layers/0/precision/weight", "W is \"40\"; 2 to 32 is allowed"}},
      {layer(R"({"bias": "ap_fixed<8,x>"})"), {"/layers/0/precision/bias", "I is \"x\""}},
      {layer(R"({"result": "ap_fixed<8,1,AP_RUND>"})"), {"/layers/0/precision/result", "AP_RUND", "AP_RND"}},
      {layer(R"({"result": "ap_fixed<8,1,AP_RND,AP_SATURATE>"})"), {"/layers/0/precision/result", "AP_SATURATE", "AP_SAT"}},
      {layer(R"({"accum": "ap_fixed<20,8,AP_RND>"})"), {"/layers/0/precision/accum", "AP_TRN, AP_WRAP is supported"}},
      {layer(R"({"results": "ap_fixed<8,1>"})"), {"/layers/0/precision/results: unknown key", "result"}},
      {layer(R"({"weight": "ap_fixed<32,-30>", "result": "ap_fixed<8,20>"})"), {"/layers/0/precision/result: no bit of the sum"}},
      {with(R"("precision_bits": 32)", R"(, "precision": {"result": "ap_fixed<32,1,AP_TRN,AP_SAT>"})"), {"/layers/0/precision/result: sums of 67 bits; at most 63"}},
      {with(R"("precision_bits": 8)", R"(, "precision": {"activation": "ap_fixed<8,1>"})"), {"/layers/0/precision/activation", "no activation"}},
      {with(R"("precision_bits": 8)", R"(, "bias": false, "precision": {"bias": "ap_fixed<8,1>"})"), {"/layers/0/precision/bias", "no biases"}},
      {with(R"("precision_bits": 8)", R"(, "weights": [1, 2, 3, 4])"), {"/layers/0/biases: missing"}},
      {with(R"("precision_bits": 8)", R"(, "biases": [1, 2])"), {"/layers/0/weights: missing, and biases are given"}},
      {with(R"("precision_bits": 8)", R"(, "biases": [1, 2], "weights": [1, 2, 3, 4]}, {"type": "dense", "size": 3)"), {"/layers/1/weights: missing, and those of layer 0 are given"}},
      {with(R"("precision_bits": 8)", R"(, "bias": false, "precision": {"weight": "ap_ufixed<3,0>"}, "weights": [1, 2, 8, 4])"), {"/layers/0/weights: number 2 is 8; 0 to 7 is allowed (3 bits, no sign)"}},
  };
  for (const auto& c : cases)
    for (const char* word : c.words) EXPECT_NE(c.said.find(word), std::string::npos) << c.said << "\nlacks " << word;
}

}  // namespace
}  // namespace gnomon::hls
