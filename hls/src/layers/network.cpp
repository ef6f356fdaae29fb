#include <algorithm>
#include <cmath>

#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/layers.hpp"
#include "layers/precision.hpp"
#include "layers/tables.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {

void describe(FieldVisitor& v, LayerPrecision& p) {
  field(v, {"weight", "type of the weights: ap_fixed<W,I[,Q[,O]]>, ap_ufixed<...>, ap_int<W>, ap_uint<W>; Q of AP_TRN, AP_RND, AP_RND_CONV, O of AP_WRAP, AP_SAT"}, p.weight);
  field(v, {"bias", "type of the biases"}, p.bias);
  field(v, {"accum", "products and bias are truncated to it, and their sum wraps in it; none: exact sums"}, p.accum);
  field(v, {"result", "the sum is cast to it, before the activation"}, p.result);
  field(v, {"activation", "type of what the activation gives"}, p.activation);
}

void describe(FieldVisitor& v, NetworkPrecision& p) {
  field(v, {"default", "of all numbers of which nothing else is said; in the place of precision_bits"}, p.fallback);
  field(v, {"input", "type of the network's input"}, p.input);
  field(v, {"weight", "of all layers that do not have their own"}, p.weight);
  field(v, {"bias", "of all layers that do not have their own"}, p.bias);
  field(v, {"accum", "of all layers that do not have their own"}, p.accum);
  field(v, {"result", "of all layers that do not have their own"}, p.result);
}

void describe(FieldVisitor& v, Layer& l) {
  field(v, {"type", "what the layer does", "", Key::required}, l.type, Choice{{"dense", "conv1d", "conv2d", "max_pool", "flatten"}});
  field(v, {"size", "neurons, or filters"}, l.size, Range{1, 4096});
  field(v, {"kernel", "rows (conv2d, and pools of images) and columns of the window"}, l.kernel, Range{1, 32});
  field(v, {"stride", "of a convolution, in both directions"}, l.stride, Range{1, 32});
  field(v, {"activation", "after the cast to the result's type"}, l.activation, Choice{{"linear", "relu", "tanh", "sigmoid", "softmax"}});
  field(v, {"bias", "whether the layer has biases"}, l.bias);
  field(v, {"residual", "the layer's input is added to its output"}, l.residual);
  field(v, {"reuse_factor", "uses of a multiplier for one output vector; 0: the valid one nearest to the network's"}, l.reuse_factor, Range{0, 1 << 24});
  field(v, {"weights", "in place of drawn ones, as stored (in units of 2^(1-X), or of 2^(I-W) of their type): for each input (kernel row, kernel column, channel) one for each neuron or filter"}, l.weights, Length{1, 65536}, Range{-(std::int64_t{1} << 31), (std::int64_t{1} << 32) - 1});
  field(v, {"biases", "in place of drawn ones, as stored: for each neuron or filter"}, l.biases, Length{1, 4096}, Range{-(std::int64_t{1} << 31), (std::int64_t{1} << 32) - 1});
  field(v, {"precision", "types of this layer's numbers, where they are not the network's"}, l.precision);
}

void describe(FieldVisitor& v, Network& n) {
  std::int64_t version = 1, seed = static_cast<std::int64_t>(n.weight_seed);
  field(v, {"version", "of the format", "", Key::required}, version, Range{1, 1});
  field(v, {"name", "for people"}, n.name);
  std::optional<int> bits;
  if (n.precision_bits > 0) bits = n.precision_bits;
  field(v, {"precision_bits", "X of fixed<X,1>: inputs, weights, biases, outputs; or precision.default is given", "bits"}, bits, Range{2, 32});
  n.precision_bits = bits.value_or(0);
  field(v, {"precision", "types where they are not fixed<X,1>"}, n.precision);
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
  std::size_t first = 0;
  auto taken = input_type(n);
  if (!taken) return fail(std::move(taken.error()));
  NumberType in = *taken;
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
    auto types = layer_types(n, l, in, s.n_in);
    if (!types) return fail(std::move(types.error()));
    s.types = *types;
    in = types->out;
    const auto given = [&](const char* key, const std::optional<std::vector<std::int64_t>>& values, const NumberType& type, std::int64_t count, const std::string& what) -> Expected<void> {
      if (!values) return {};
      if (count == 0) return refuse(ErrorKind::invalid_input, l, key, "are given, and the layer has none");
      if (static_cast<std::int64_t>(values->size()) != count) return refuse(ErrorKind::invalid_input, l, key, std::to_string(values->size()) + " are given; the layer has " + what);
      const auto low = static_cast<std::int64_t>(type.lowest()), high = static_cast<std::int64_t>(type.highest());
      for (std::size_t i = 0; i < values->size(); ++i)
        if ((*values)[i] < low || (*values)[i] > high)
          return refuse(ErrorKind::invalid_input, l, key, "number " + std::to_string(i) + " is " + std::to_string((*values)[i]) + "; " + std::to_string(low) + " to " + std::to_string(high) + " is allowed (" +
                                                              std::to_string(type.bits) + " bits" + (type.is_signed ? ")" : ", no sign)"));
      return {};
    };
    if (auto sound = given("weights", layer.weights, types->weight, s.n_in * s.n_out, std::to_string(s.n_in) + " x " + std::to_string(s.n_out)); !sound) return fail(std::move(sound.error()));
    if (auto sound = given("biases", layer.biases, types->bias, layer.bias ? s.n_out : 0, std::to_string(s.n_out)); !sound) return fail(std::move(sound.error()));
    if (s.n_in > 0) {
      // Trained numbers beside drawn ones would make a network that nobody meant.
      if (!any) first = l;
      const bool trained = n.layers[first].weights.has_value();
      const auto missing = [&](std::size_t of, const char* key, const std::string& others) {
        return refuse(ErrorKind::invalid_input, of, key, "missing, and " + others + " are given; all weights and biases of a network are given, or none (then they are drawn from weight_seed)");
      };
      if (trained && !layer.weights) return missing(l, "weights", "those of layer " + std::to_string(first));
      if (trained && layer.bias && !layer.biases) return missing(l, "biases", "weights (\"bias\": false is for layers without biases)");
      if (!trained && layer.weights) return missing(first, "weights", "those of layer " + std::to_string(l));
      if (!trained && layer.biases) return missing(l, "weights", "biases");
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
  const Layer& layer = n.layers[l];
  LayerWeights out;
  if (layer.weights) {
    out.weights = *layer.weights;
    if (layer.bias) out.bias = *layer.biases;
    return out;
  }
  Random random(derive(derive(n.weight_seed, "weights"), l));
  const auto draw = [&](const NumberType& type) { return random.integer(static_cast<std::int64_t>(type.lowest()), static_cast<std::int64_t>(type.highest())); };
  out.weights.resize(static_cast<std::size_t>(s.n_in * s.n_out));
  for (std::int64_t& w : out.weights) w = draw(s.types.weight);
  // Every input and every output has a weight, so that nothing is built for nobody.
  const auto nonzero = [&](std::int64_t i, std::int64_t j) {
    std::int64_t& w = out.weights[static_cast<std::size_t>(i * s.n_out + j)];
    if (w == 0) w = 1;
  };
  for (std::int64_t i = 0; i < s.n_in; ++i) nonzero(i, i % s.n_out);
  for (std::int64_t j = 0; j < s.n_out; ++j) nonzero(j % s.n_in, j);
  if (layer.bias) {
    out.bias.resize(static_cast<std::size_t>(s.n_out));
    for (std::int64_t& b : out.bias) b = draw(s.types.bias);
  }
  return out;
}

int table_index_bits(const std::string&, int bits) { return std::min(bits, 10); }

namespace {
/// The number of the index: the upper k bits of a value.
double table_operand(const NumberType& in, int k, std::int64_t index) {
  const std::int64_t s = in.is_signed && index >= (std::int64_t{1} << (k - 1)) ? index - (std::int64_t{1} << k) : index;
  return std::ldexp(static_cast<double>(s), in.bits - k - in.fraction);
}
}  // namespace

std::int64_t table_value(const std::string& function, const NumberType& in, const NumberType& out, std::int64_t index) {
  const double x = table_operand(in, table_index_bits(function, in.bits), index), y = std::ldexp(function == "tanh" ? std::tanh(x) : 1 / (1 + std::exp(-x)), out.fraction);
  const double rounded = out.rounding == Rounding::down ? std::floor(y) : out.rounding == Rounding::half_up ? std::floor(y + 0.5) : std::nearbyint(y);
  return static_cast<std::int64_t>(std::clamp(rounded, static_cast<double>(out.lowest()), static_cast<double>(out.highest())));
}

std::int64_t exponential(const NumberType& in, std::int64_t index) {
  NumberType distance = in;
  distance.is_signed = false;
  const double top = std::ldexp(1.0, in.bits);
  return static_cast<std::int64_t>(std::clamp(std::nearbyint(std::exp(-table_operand(distance, table_index_bits("exp", in.bits), index)) * top), 0.0, top - 1));
}

int inverse_index_bits(int sum_bits) { return std::min(sum_bits, 10); }

std::int64_t inverse_value(int bits, int sum_bits, std::int64_t index) {
  const int shift = sum_bits - inverse_index_bits(sum_bits);
  const double middle = std::ldexp(static_cast<double>(index) + (shift > 0 ? 0.5 : 0.0), shift);
  const double top = std::ldexp(1.0, bits) - 1;
  return middle < 1 ? static_cast<std::int64_t>(top) : static_cast<std::int64_t>(std::min(top, std::nearbyint(std::ldexp(1.0, 2 * bits) / middle)));
}

}  // namespace gnomon::hls
