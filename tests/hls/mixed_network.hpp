#pragma once

#include "gnomon/base/random.hpp"
#include "gnomon/hls/layers.hpp"

namespace gnomon::hls {

/// A type of few bits, drawn with its rounding and overflow.
inline std::string drawn_type(Random& random, int least, int most, bool casts) {
  const std::int64_t bits = random.integer(least, most), whole = random.integer(-1, 4);
  std::string text = (random.chance(0.7) ? "ap_fixed<" : "ap_ufixed<") + std::to_string(bits) + "," + std::to_string(whole);
  if (casts && random.chance(0.7)) {
    text += random.pick<std::string>({",AP_TRN", ",AP_RND", ",AP_RND_CONV"});
    if (random.chance(0.6)) text += random.pick<std::string>({",AP_SAT", ",AP_SAT", ",AP_WRAP"});
  }
  return text + ">";
}

/// A small network whose layers have types of their own, and whose given weights have zeros, whole rows and columns of them too.
inline Network mixed_network(std::uint64_t seed, int kind) {
  Random random(seed);
  for (;;) {
    Network n;
    n.name = "mixed";
    n.precision_bits = 0;
    n.precision.emplace();
    n.precision->fallback = drawn_type(random, 3, 9, true);
    if (random.chance(0.7)) n.precision->input = drawn_type(random, 2, 9, false);
    n.strategy = kind % 2 == 0 ? "latency" : "resource";
    n.io = kind % 3 == 0 ? "io_stream" : "io_parallel";
    n.reuse_factor = kind % 4 == 0 ? 1 : random.log_integer(1, 48);
    n.weight_seed = random.integer(0, 1000);
    const bool image = kind % 5 == 4, trained = random.chance(0.6);
    if (image) n.height = random.integer(1, 2) * 2 + 1, n.width = random.integer(4, 6);
    n.channels = random.integer(2, image ? 3 : 7);
    const std::int64_t count = random.integer(1, 3);
    for (std::int64_t l = 0; l < count; ++l) {
      Layer layer;
      if (image && l == 0) layer.type = "conv2d", layer.kernel = random.integer(1, 3);
      layer.size = random.integer(2, 6);
      layer.activation = random.pick<std::string>({"linear", "relu", "relu", "relu", "tanh", "sigmoid"});
      layer.bias = random.chance(0.7);
      layer.residual = !image && random.chance(0.25);
      layer.precision.emplace();
      LayerPrecision& p = *layer.precision;
      if (random.chance(0.8)) p.weight = drawn_type(random, 2, 8, false);
      if (layer.bias && random.chance(0.8)) p.bias = drawn_type(random, 2, 10, false);
      if (random.chance(0.8)) p.result = drawn_type(random, 3, 9, true);
      if (random.chance(0.3)) p.accum = "fixed<" + std::to_string(random.integer(4, 18)) + "," + std::to_string(random.integer(0, 8)) + ">";
      if (layer.activation != "linear" && random.chance(0.4)) p.activation = drawn_type(random, 2, 9, true);
      if (image && l == 0) {
        n.layers.push_back(layer);
        if (random.chance(0.3) && n.height - layer.kernel >= 1 && n.width - layer.kernel >= 1) n.layers.push_back({.type = "max_pool", .kernel = 2});
        if (count > 1 || random.chance(0.5)) n.layers.push_back({.type = "flatten"});
        else break;
      } else {
        if (l + 1 == count && random.chance(0.3)) layer.activation = "softmax", layer.residual = false;
        n.layers.push_back(layer);
      }
    }
    // Residual layers have as many neurons as inputs.
    std::int64_t inputs = n.channels;
    for (Layer& layer : n.layers) {
      if (layer.residual) layer.size = inputs;
      inputs = layer.size;
    }
    auto shapes = network_shapes(n);
    if (!shapes) continue;  // what cannot be, tests of the messages hold
    if (!trained) return n;
    for (std::size_t l = 0; l < n.layers.size(); ++l) {
      const LayerShape& s = (*shapes)[l];
      if (s.n_in == 0) continue;
      LayerWeights w = layer_weights(n, l, s);
      for (std::int64_t& v : w.weights)
        if (random.chance(0.5)) v = 0;
      for (std::int64_t i = 0; i < s.n_in; ++i)
        if (random.chance(0.25))
          for (std::int64_t j = 0; j < s.n_out; ++j) w.weights[static_cast<std::size_t>(i * s.n_out + j)] = 0;
      for (std::int64_t j = 0; j < s.n_out; ++j)
        if (random.chance(0.25))
          for (std::int64_t i = 0; i < s.n_in; ++i) w.weights[static_cast<std::size_t>(i * s.n_out + j)] = 0;
      n.layers[l].weights = w.weights;
      if (n.layers[l].bias) n.layers[l].biases = w.bias;
    }
    return n;
  }
}

}  // namespace gnomon::hls
