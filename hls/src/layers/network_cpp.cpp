#include <bit>

#include "emit/text.hpp"
#include "gnomon/hls/layers.hpp"
#include "layers/tables.hpp"

namespace gnomon::hls {
namespace {

std::string n(std::int64_t value) { return std::to_string(value); }

// Of a network: what all layers share. X: bits of a value.
constexpr std::string_view head = R"(// A network of layers for Vitis HLS: values fixed<@X@,1>, @STRATEGY@ strategy, @IO@.
#include <ap_fixed.h>
#include <ap_int.h>
#include <hls_stream.h>

typedef ap_fixed<@X@, 1> value_t;

// A number from its stored bits, and the stored bits of a number.
template <class T>
static T gnomon_raw(long long bits) {
  T value;
  value.range() = ap_int<64>(bits).range();
  return value;
}
static ap_int<@X@> gnomon_bits(value_t value) {
  ap_int<@X@> bits;
  bits.range() = value.range();
  return bits;
}

// A vector that goes through a stream at once.
template <class T, int N>
struct gnomon_vector {
  T v[N];
};
)";

// Every product once: q counts them output by output, @RF@ rounds of as many as there are multipliers. Sums are exact; the cast truncates and wraps.
constexpr std::string_view product = R"(
// Layer @L@: @NIN@ inputs, @NOUT@ outputs, reuse factor @RF@, @MULT@ multipliers.
static void layer@L@_product(const @TIN@ x[@NIN@], @TOUT@ y[@NOUT@]) {
@PRAGMAS@  static const long long weights[@NW@] = {@WEIGHTS@};
?  static const long long biases[@NOUT@] = {@BIASES@};
  ap_fixed<@SW@, @SI@> sums[@NOUT@];
#pragma HLS ARRAY_PARTITION variable=sums complete
  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
?    sums[j] = gnomon_raw<value_t>(biases[j]);
!    sums[j] = 0;
  }
  for (int r = 0; r < @RF@; ++r) {
@ROUND@    for (int m = 0; m < @MULT@; ++m) {
#pragma HLS UNROLL
      const int q = m * @RF@ + r;
      sums[q / @NIN@] = sums[q / @NIN@] + x[q % @NIN@] * gnomon_raw<value_t>(weights[q]);
    }
  }
  value_t z[@NOUT@];
#pragma HLS ARRAY_PARTITION variable=z complete
  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    z[j] = sums[j];
  }
@ACTIVATION@}
)";

constexpr std::string_view by_value = R"(  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    @STATEMENT@
  }
)";

constexpr std::string_view by_table = R"(  static const long long table[@TN@] = {@TABLE@};
  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    const ap_uint<@K@> index = gnomon_bits(z[j]) >> @DOWN@;
    y[j] = gnomon_raw<@TOUT@>(table[index.to_int64()]);
  }
)";

// exp of minus the distance from the largest, times 1 / their sum.
constexpr std::string_view softmax = R"(  static const long long exps[@TN@] = {@TABLE@};
  static const long long inverses[@IN@] = {@INVERSES@};
  ap_int<@X@> most = gnomon_bits(z[0]);
  for (int j = 1; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    if (gnomon_bits(z[j]) > most) most = gnomon_bits(z[j]);
  }
  ap_uint<@X@> e[@NOUT@];
#pragma HLS ARRAY_PARTITION variable=e complete
  ap_uint<@SUM@> sum = 0;
  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    const ap_uint<@X@> distance = most - gnomon_bits(z[j]);
    e[j] = exps[(distance >> @DOWN@).to_int64()];
    sum = sum + e[j];
  }
  const ap_uint<@X@> inverse = inverses[(sum >> @SUMDOWN@).to_int64()];
  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    const ap_uint<@X2@> product = e[j] * inverse;
    y[j] = gnomon_raw<@TOUT@>((product >> @XP@).to_int64());
  }
)";

// Rows of the image as they come; a window is whole with its last pixel.
constexpr std::string_view windows = R"(
static void layer@L@(hls::stream<gnomon_vector<@TIN@, @CIN@> >& in, hls::stream<gnomon_vector<@TOUT@, @C@> >& out) {
  @TIN@ rows[@KH@][@W@][@CIN@];
#pragma HLS ARRAY_PARTITION variable=rows complete dim=1
#pragma HLS ARRAY_PARTITION variable=rows complete dim=3
  for (int row = 0; row < @H@; ++row)
    for (int column = 0; column < @W@; ++column) {
      const gnomon_vector<@TIN@, @CIN@> pixel = in.read();
      for (int c = 0; c < @CIN@; ++c) {
#pragma HLS UNROLL
        rows[row % @KH@][column][c] = pixel.v[c];
      }
      const int top = row - @KH@ + 1, left = column - @KW@ + 1;
      if (top < 0 || left < 0 || top % @S@ != 0 || left % @S@ != 0) continue;
      gnomon_vector<@TOUT@, @C@> result;
@BODY@      out.write(result);
    }
}
)";

constexpr std::string_view convolution = R"(      @TIN@ x[@NIN@];
#pragma HLS ARRAY_PARTITION variable=x complete
      for (int i = 0; i < @KH@; ++i)
        for (int j = 0; j < @KW@; ++j)
          for (int c = 0; c < @CIN@; ++c) x[(i * @KW@ + j) * @CIN@ + c] = rows[(top + i) % @KH@][left + j][c];
      layer@L@_product(x, result.v);
)";

constexpr std::string_view pooling = R"(      for (int c = 0; c < @C@; ++c) {
#pragma HLS UNROLL
        result.v[c] = rows[top % @KH@][left][c];
        for (int i = 0; i < @KH@; ++i)
          for (int j = 0; j < @KW@; ++j)
            if (rows[(top + i) % @KH@][left + j][c] > result.v[c]) result.v[c] = rows[(top + i) % @KH@][left + j][c];
      }
)";

constexpr std::string_view flatten = R"(
static void layer@L@(hls::stream<gnomon_vector<@TIN@, @CIN@> >& in, hls::stream<gnomon_vector<@TIN@, @C@> >& out) {
  gnomon_vector<@TIN@, @C@> all;
  for (int p = 0; p < @H@ * @W@; ++p) {
    const gnomon_vector<@TIN@, @CIN@> pixel = in.read();
    for (int c = 0; c < @CIN@; ++c) {
#pragma HLS UNROLL
      all.v[p * @CIN@ + c] = pixel.v[c];
    }
  }
  out.write(all);
}
)";

constexpr std::string_view streamed = R"(
static void layer@L@(hls::stream<gnomon_vector<@TIN@, @CIN@> >& in, hls::stream<gnomon_vector<@TOUT@, @C@> >& out) {
  const gnomon_vector<@TIN@, @CIN@> x = in.read();
  gnomon_vector<@TOUT@, @C@> y;
  layer@L@_product(x.v, y.v);
  out.write(y);
}
)";

std::string type_name(const ValueType& type) { return type.is_signed ? "value_t" : "ap_ufixed<" + n(type.bits) + ", 0>"; }

template <class Value>
std::string list(std::int64_t count, const Value& value) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) text += (i == 0 ? "" : i % 32 == 0 ? ",\n    " : ", ") + n(value(i));
  return text;
}

using Words = std::map<std::string, std::string>;

/// From the cast sums z to the outputs y.
std::string activation(const Layer& layer, const LayerShape& s, int bits, Words words) {
  const auto statement = [&](const std::string& text) {
    words["STATEMENT"] = text;
    return fill_places(by_value, words);
  };
  const std::string added = layer.residual ? statement("y[j] = y[j] + x[j];") : "";
  if (layer.activation == "relu") return statement("y[j] = z[j] > 0 ? z[j] : value_t(0);") + added;
  if (layer.activation == "linear") return statement("y[j] = z[j];") + added;
  const std::string function = layer.activation == "softmax" ? "exp" : layer.activation;
  const int k = table_index_bits(function, bits);
  words["K"] = n(k);
  words["TN"] = n(std::int64_t{1} << k);
  words["DOWN"] = n(bits - k);
  words["TABLE"] = list(std::int64_t{1} << k, [&](std::int64_t i) { return table_value(function, bits, i); });
  if (function != "exp") return fill_places(by_table, words) + added;
  const int sum_bits = std::bit_width(static_cast<std::uint64_t>(s.n_out) * ((std::uint64_t{1} << bits) - 1)), inverse_bits = inverse_index_bits(sum_bits);
  words["SUM"] = n(sum_bits);
  words["SUMDOWN"] = n(sum_bits - inverse_bits);
  words["IN"] = n(std::int64_t{1} << inverse_bits);
  words["INVERSES"] = list(std::int64_t{1} << inverse_bits, [&](std::int64_t i) { return inverse_value(bits, sum_bits, i); });
  words["X2"] = n(2 * bits);
  words["XP"] = n(bits + 1);
  return fill_places(softmax, words);
}

}  // namespace

Expected<std::string> emit_network_cpp(const Network& network) {
  auto shapes = network_shapes(network);
  if (!shapes) return fail(std::move(shapes.error()));
  const int bits = network.precision_bits;
  bool vectors = network.io == "io_parallel" && network.height * network.width == 1;
  for (const Layer& layer : network.layers) vectors = vectors && layer.type == "dense";
  Words all{{"X", n(bits)}, {"STRATEGY", network.strategy}, {"IO", network.io}};
  std::string text = fill_places(head, all), body;
  ValueType type{true, bits};
  const std::string first_type = type_name(type);
  for (std::size_t l = 0; l < network.layers.size(); ++l) {
    const Layer& layer = network.layers[l];
    const LayerShape& s = (*shapes)[l];
    Words words = all;
    const auto set = [&](const char* name, std::int64_t value) { words[name] = n(value); };
    set("L", static_cast<std::int64_t>(l));
    words["TIN"] = type_name(type);
    if (layer.type != "max_pool" && layer.type != "flatten") type = activation_type(layer, bits);
    words["TOUT"] = type_name(type);
    const bool pool = layer.type == "max_pool", image = layer.type == "conv1d" || layer.type == "conv2d" || pool;
    set("CIN", layer.type == "dense" ? s.n_in : s.in_channels);
    set("C", layer.type == "flatten" ? s.in_height * s.in_width * s.in_channels : s.channels);
    set("H", s.in_height);
    set("W", s.in_width);
    set("KW", layer.kernel);
    set("KH", layer.type == "conv2d" || (pool && s.in_height > 1) ? layer.kernel : 1);
    set("S", pool ? layer.kernel : layer.stride);
    if (s.n_in > 0) {
      const LayerWeights w = layer_weights(network, l, s);
      const bool latency = network.strategy == "latency";
      const int grown = std::bit_width(static_cast<std::uint64_t>(s.n_in)) + 1;
      set("NIN", s.n_in);
      set("NOUT", s.n_out);
      set("NW", s.n_in * s.n_out);
      set("RF", s.reuse_factor);
      set("MULT", s.multipliers);
      set("SW", 2 * bits + grown);
      set("SI", 2 + grown);
      words["WEIGHTS"] = list(s.n_in * s.n_out, [&](std::int64_t q) { return w.weights[static_cast<std::size_t>(q % s.n_in * s.n_out + q / s.n_in)]; });
      words["BIASES"] = w.bias.empty() ? "" : list(s.n_out, [&](std::int64_t j) { return w.bias[static_cast<std::size_t>(j)]; });
      words["PRAGMAS"] = latency ? fill_places("#pragma HLS PIPELINE II=@RF@\n#pragma HLS ALLOCATION operation instances=mul limit=@MULT@\n", words) : std::string();
      words["ROUND"] = latency ? "#pragma HLS UNROLL\n" : "#pragma HLS PIPELINE II=1\n";
      words["ACTIVATION"] = activation(layer, s, bits, words);
      text += fill_places(choose_lines(product, !w.bias.empty()), words);
    }
    if (image) {
      words["BODY"] = fill_places(pool ? pooling : convolution, words);
      text += fill_places(windows, words);
    } else if (layer.type == "flatten") {
      text += fill_places(flatten, words);
    } else if (!vectors) {
      text += fill_places(streamed, words);
    }
    const bool last = l + 1 == network.layers.size();
    const std::string to = last ? "out" : "x" + n(static_cast<std::int64_t>(l) + 1), from = l == 0 ? "in" : "x" + n(static_cast<std::int64_t>(l));
    if (!last && vectors)
      body += "  " + words["TOUT"] + " " + to + "[" + words["C"] + "];\n#pragma HLS ARRAY_PARTITION variable=" + to + " complete\n";
    else if (!last)
      body += "  hls::stream<gnomon_vector<" + words["TOUT"] + ", " + words["C"] + "> > " + to + "(\"" + to + "\");\n#pragma HLS STREAM variable=" + to + " depth=2\n";
    body += "  layer" + words["L"] + (vectors ? "_product(" : "(") + from + ", " + to + ");\n";
    if (last) all["C"] = words["C"];
  }
  all["TIN"] = first_type;
  all["TOUT"] = type_name(type);
  all["CIN"] = n(network.channels);
  all["BODY"] = body;
  text += fill_places(vectors ? "\nvoid gnomon_network(const @TIN@ in[@CIN@], @TOUT@ out[@C@]) {\n#pragma HLS ARRAY_PARTITION variable=in complete\n#pragma HLS ARRAY_PARTITION variable=out complete\n"
                                "#pragma HLS DATAFLOW\n@BODY@}\n"
                              : "\nvoid gnomon_network(hls::stream<gnomon_vector<@TIN@, @CIN@> >& in, hls::stream<gnomon_vector<@TOUT@, @C@> >& out) {\n#pragma HLS DATAFLOW\n@BODY@}\n",
                      all);
  return text;
}

}  // namespace gnomon::hls
