#include <algorithm>
#include <cmath>

#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/layers.hpp"
#include "layers/tables.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {

void describe(FieldVisitor& v, Layer& l) {
  field(v, {"type", "what the layer does", "", Key::required}, l.type, Choice{{"dense", "conv1d", "conv2d", "max_pool", "flatten"}});
  field(v, {"size", "neurons, or filters"}, l.size, Range{1, 4096});
  field(v, {"kernel", "rows (conv2d, and pools of images) and columns of the window"}, l.kernel, Range{1, 32});
  field(v, {"stride", "of a convolution, in both directions"}, l.stride, Range{1, 32});
  field(v, {"activation", "after the cast to the network's type"}, l.activation, Choice{{"linear", "relu", "tanh", "sigmoid", "softmax"}});
  field(v, {"bias", "whether the layer has biases"}, l.bias);
  field(v, {"residual", "the layer's input is added to its output"}, l.residual);
  field(v, {"reuse_factor", "uses of a multiplier for one output vector; 0: the valid one nearest to the network's"}, l.reuse_factor, Range{0, 1 << 24});
  field(v, {"weights", "in place of drawn ones, in units of 2^(1-X): for each input (kernel row, kernel column, channel) one for each neuron or filter"}, l.weights, Length{1, 65536}, Range{-32768, 32767});
  field(v, {"biases", "in place of drawn ones, in units of 2^(1-X): for each neuron or filter"}, l.biases, Length{1, 4096}, Range{-32768, 32767});
}

void describe(FieldVisitor& v, Network& n) {
  std::int64_t version = 1, seed = static_cast<std::int64_t>(n.weight_seed);
  field(v, {"version", "of the format", "", Key::required}, version, Range{1, 1});
  field(v, {"name", "for people"}, n.name);
  field(v, {"precision_bits", "X of fixed<X,1>: inputs, weights, biases, outputs", "bits", Key::required}, n.precision_bits, Range{2, 16});
  field(v, {"strategy", "latency: weights in logic where they are few per multiplier; resource: in memories"}, n.strategy, Choice{{"latency", "resource"}});
  field(v, {"io", "io_parallel: layers hand on whole vectors; io_stream: through a stream register"}, n.io, Choice{{"io_parallel", "io_stream"}});
  field(v, {"reuse_factor", "uses of a multiplier for one output vector; each layer takes the nearest valid one"}, n.reuse_factor, Range{1, 1 << 24});
  field(v, {"weight_seed", "decides weights and biases that are not given"}, seed, Range{0, std::int64_t{1} << 53});
  field(v, {"height", "rows of the input"}, n.height, Range{1, 1024});
  field(v, {"width", "columns of the input"}, n.width, Range{1, 1024});
  field(v, {"channels", "of the input; a vector's elements", "", Key::required}, n.channels, Range{1, 4096});
  field(v, {"layers", "in order", "", Key::required}, n.layers, Length{1, 64});
  n.weight_seed = static_cast<std::uint64_t>(seed);
}

Expected<Network> read_network(const Document& document) {
  auto network = read_fields<Network>(document);
  if (!network) return network;
  if (auto shapes = network_shapes(*network); !shapes) {
    Error error = shapes.error();
    std::vector<Problem> problems = error.problems();
    for (Problem& p : problems) p.file = document.file();
    return fail(Error(error.kind(), std::move(problems)));
  }
  return network;
}

Json write_network(const Network& network) {
  Network copy = network;
  return write_fields(copy);
}

Json network_schema() {
  Network network;
  return schema_described([&](FieldVisitor& v) { describe(v, network); }, "network");
}

std::vector<std::int64_t> valid_reuse_factors(std::int64_t n_in, std::int64_t n_out) {
  std::vector<std::int64_t> out;
  for (std::int64_t r = 1; r <= n_in; ++r)
    if (n_in % r == 0) out.push_back(r);
  for (std::int64_t q = 2; q <= n_out; ++q)
    if (n_out % q == 0) out.push_back(n_in * q);
  return out;
}

Expected<std::vector<LayerShape>> network_shapes(const Network& n) {
  std::vector<LayerShape> out;
  std::int64_t h = n.height, w = n.width, c = n.channels;
  const auto refuse = [](ErrorKind kind, std::size_t l, const char* key, const std::string& what) {
    return fail(Error(kind, Problem{{}, "/layers/" + std::to_string(l) + (*key != '\0' ? "/" : "") + key, what}));
  };
  bool any = false;
  for (std::size_t l = 0; l < n.layers.size(); ++l) {
    const Layer& layer = n.layers[l];
    LayerShape s;
    s.in_height = h, s.in_width = w, s.in_channels = c;
    const bool two = layer.type == "conv2d" || (layer.type == "max_pool" && h > 1);
    const std::int64_t kh = two ? layer.kernel : 1, kw = layer.kernel;
    if (layer.type == "dense") {
      if (h != 1 || w != 1) return refuse(ErrorKind::invalid_input, l, "type", "dense after an image of " + std::to_string(h) + " x " + std::to_string(w) + "; a flatten layer must stand before it");
      s.n_in = c, s.n_out = layer.size;
      c = layer.size;
    } else if (layer.type == "flatten") {
      c = h * w * c;
      h = w = 1;
    } else {
      const std::int64_t stride = layer.type == "max_pool" ? layer.kernel : layer.stride;
      if (layer.type == "conv1d" && h != 1) return refuse(ErrorKind::invalid_input, l, "type", "conv1d over an image of " + std::to_string(h) + " rows; conv2d is allowed");
      if (kh > h || kw > w || w < 2)
        return refuse(ErrorKind::invalid_input, l, "kernel", "a window of " + std::to_string(kh) + " x " + std::to_string(kw) + " over an image of " + std::to_string(h) + " x " + std::to_string(w) + "; it must fit, and the image have two columns");
      if (layer.type != "max_pool") s.n_in = kh * kw * c, s.n_out = layer.size, c = layer.size;
      h = (h - kh) / stride + 1;
      w = (w - kw) / stride + 1;
    }
    if (c > 4096) return refuse(ErrorKind::unsupported, l, "", "a vector of " + std::to_string(c) + " elements; at most 4096");
    s.height = h, s.width = w, s.channels = c;
    if (layer.activation == "softmax" && (layer.type != "dense" || l + 1 != n.layers.size() || layer.size < 2 || layer.size > 256))
      return refuse(ErrorKind::unsupported, l, "activation", "softmax is for the last layer, dense, of 2 to 256 neurons");
    if (layer.residual && (layer.type != "dense" || s.n_in != s.n_out || layer.activation == "softmax"))
      return refuse(ErrorKind::invalid_input, l, "residual", "is for dense layers of as many neurons as inputs, without softmax");
    if (s.n_in == 0 && layer.activation != "linear") return refuse(ErrorKind::invalid_input, l, "activation", in_quotes(layer.activation) + " on a layer without weights; linear is allowed");
    const auto given = [&](const char* key, const std::optional<std::vector<std::int64_t>>& values, std::int64_t count, const std::string& what) -> Expected<void> {
      if (!values) return {};
      if (count == 0) return refuse(ErrorKind::invalid_input, l, key, "are given, and the layer has none");
      if (static_cast<std::int64_t>(values->size()) != count) return refuse(ErrorKind::invalid_input, l, key, std::to_string(values->size()) + " are given; the layer has " + what);
      const std::int64_t top = std::int64_t{1} << (n.precision_bits - 1);
      for (std::size_t i = 0; i < values->size(); ++i)
        if ((*values)[i] < -top || (*values)[i] >= top)
          return refuse(ErrorKind::invalid_input, l, key, "number " + std::to_string(i) + " is " + std::to_string((*values)[i]) + "; " + std::to_string(-top) + " to " + std::to_string(top - 1) + " is allowed (" +
                                                              std::to_string(n.precision_bits) + " bits)");
      return {};
    };
    if (auto sound = given("weights", layer.weights, s.n_in * s.n_out, std::to_string(s.n_in) + " x " + std::to_string(s.n_out)); !sound) return fail(std::move(sound.error()));
    // What nobody hears, and what hears nobody, has no hardware.
    if (layer.weights) {
      const auto dead = [&](std::int64_t count, std::int64_t others, std::int64_t step, std::int64_t other_step) {
        for (std::int64_t i = 0; i < count; ++i) {
          bool any_weight = false;
          for (std::int64_t j = 0; j < others; ++j) any_weight = any_weight || (*layer.weights)[static_cast<std::size_t>(i * step + j * other_step)] != 0;
          if (!any_weight) return i;
        }
        return std::int64_t{-1};
      };
      const std::int64_t input = dead(s.n_in, s.n_out, s.n_out, 1), output = dead(s.n_out, s.n_in, 1, s.n_out);
      if (input >= 0 || output >= 0)
        return refuse(ErrorKind::unsupported, l, "weights", (input >= 0 ? "input " + std::to_string(input) : "neuron (filter) " + std::to_string(output)) + " has no weight other than 0; networks without it are supported");
    }
    if (auto sound = given("biases", layer.biases, layer.bias ? s.n_out : 0, std::to_string(s.n_out)); !sound) return fail(std::move(sound.error()));
    if (s.n_in > 0) {
      any = true;
      if (s.n_in > 4096 || s.n_in * s.n_out > 65536) return refuse(ErrorKind::unsupported, l, "size", "a product of " + std::to_string(s.n_in) + " x " + std::to_string(s.n_out) + "; at most 4096 inputs and 65536 weights");
      const auto valid = valid_reuse_factors(s.n_in, s.n_out);
      const std::int64_t wish = layer.reuse_factor > 0 ? layer.reuse_factor : n.reuse_factor;
      // The nearest; of two as near, the smaller.
      s.reuse_factor = *std::min_element(valid.begin(), valid.end(), [&](std::int64_t a, std::int64_t b) { return std::llabs(a - wish) < std::llabs(b - wish); });
      if (layer.reuse_factor > 0 && s.reuse_factor != wish)
        return refuse(ErrorKind::invalid_input, l, "reuse_factor", std::to_string(wish) + " does not divide a product of " + std::to_string(s.n_in) + " x " + std::to_string(s.n_out) + "; the nearest that does is " + std::to_string(s.reuse_factor));
      if (s.reuse_factor > 32768) return refuse(ErrorKind::unsupported, l, "reuse_factor", std::to_string(s.reuse_factor) + "; at most 32768");
      s.multipliers = s.n_in * s.n_out / s.reuse_factor;
    }
    out.push_back(s);
  }
  if (!any) return refuse(ErrorKind::invalid_input, 0, "", "a network without dense or convolutional layers");
  return out;
}

LayerWeights layer_weights(const Network& n, std::size_t l, const LayerShape& s) {
  Random random(derive(derive(n.weight_seed, "weights"), l));
  const std::int64_t top = (std::int64_t{1} << (n.precision_bits - 1)) - 1;
  LayerWeights out;
  out.weights.resize(static_cast<std::size_t>(s.n_in * s.n_out));
  for (std::int32_t& w : out.weights) w = static_cast<std::int32_t>(random.integer(-top - 1, top));
  // Every input and every output has a weight, so that nothing is built for nobody.
  const auto nonzero = [&](std::int64_t i, std::int64_t j) {
    std::int32_t& w = out.weights[static_cast<std::size_t>(i * s.n_out + j)];
    if (w == 0) w = 1;
  };
  for (std::int64_t i = 0; i < s.n_in; ++i) nonzero(i, i % s.n_out);
  for (std::int64_t j = 0; j < s.n_out; ++j) nonzero(j % s.n_in, j);
  const Layer& layer = n.layers[l];
  if (layer.weights) out.weights.assign(layer.weights->begin(), layer.weights->end());
  if (layer.bias) {
    out.bias.resize(static_cast<std::size_t>(s.n_out));
    for (std::int32_t& b : out.bias) b = static_cast<std::int32_t>(random.integer(-top - 1, top));
    if (layer.biases) out.bias.assign(layer.biases->begin(), layer.biases->end());
  }
  return out;
}

ValueType activation_type(const Layer& layer, int bits) {
  if (layer.residual) return {true, bits};
  if (layer.activation == "relu") return {false, bits - 1};
  if (layer.activation == "softmax") return {false, bits - 1};
  if (layer.activation == "sigmoid") return {false, bits - 1};
  return {true, bits};
}

int table_index_bits(const std::string&, int bits) { return std::min(bits, 10); }

std::int64_t table_value(const std::string& function, int bits, std::int64_t index) {
  const int k = table_index_bits(function, bits);
  const double half = std::ldexp(1.0, bits - 1);
  const auto clamp = [&](double value, double low, double high) { return static_cast<std::int64_t>(std::clamp(std::nearbyint(value), low, high)); };
  if (function == "exp") {  // of minus the index, a distance in [0, 2)
    const double x = std::ldexp(static_cast<double>(index), bits - k) / half;
    return clamp(std::exp(-x) * 2 * half, 0, 2 * half - 1);
  }
  // Signed index: the upper k bits of the value.
  const std::int64_t s = index >= (std::int64_t{1} << (k - 1)) ? index - (std::int64_t{1} << k) : index;
  const double x = std::ldexp(static_cast<double>(s), bits - k) / half;
  // Truncated, as the cast to the network's type does.
  if (function == "tanh") return clamp(std::floor(std::tanh(x) * half), -half, half - 1);
  return clamp(std::floor(1 / (1 + std::exp(-x)) * half), 0, half - 1);
}

int inverse_index_bits(int sum_bits) { return std::min(sum_bits, 10); }

std::int64_t inverse_value(int bits, int sum_bits, std::int64_t index) {
  const int shift = sum_bits - inverse_index_bits(sum_bits);
  const double middle = std::ldexp(static_cast<double>(index) + (shift > 0 ? 0.5 : 0.0), shift);
  const double top = std::ldexp(1.0, bits) - 1;
  return middle < 1 ? static_cast<std::int64_t>(top) : static_cast<std::int64_t>(std::min(top, std::nearbyint(std::ldexp(1.0, 2 * bits) / middle)));
}

}  // namespace gnomon::hls
