#include <algorithm>
#include <bit>

#include "emit/text.hpp"
#include "gnomon/hls/layers.hpp"
#include "layers/tables.hpp"

namespace gnomon::hls {
namespace {

std::string n(std::int64_t value) { return std::to_string(value); }

// Of a network: what all layers share.
constexpr std::string_view head = R"(// A network of layers for Vitis HLS: @VALUES@, @STRATEGY@ strategy, @IO@.
#include <ap_fixed.h>
#include <ap_int.h>
#include <hls_stream.h>

typedef @TIN@ value_t;

// A number from its stored bits, and the stored bits of a number.
template <class T>
static T gnomon_raw(long long bits) {
  T value;
  value.range() = ap_int<64>(bits).range();
  return value;
}
template <class Bits, class T>
static Bits gnomon_bits(T value) {
  Bits bits;
  bits.range() = value.range();
  return bits;
}

// A vector that goes through a stream at once.
template <class T, int N>
struct gnomon_vector {
  T v[N];
};
)";

// Every product once: q counts them output by output, @RF@ rounds of as many as there are multipliers. Where sums have a type of their own, every product is cast to it.
constexpr std::string_view product = R"(
// Layer @L@: @NIN@ inputs, @NOUT@ outputs, reuse factor @RF@, @MULT@ multipliers.
static void layer@L@_product(const @TIN@ x[@NIN@], @TOUT@ y[@NOUT@]) {
@PRAGMAS@  static const long long weights[@NW@] = {@WEIGHTS@};
?  static const long long biases[@NOUT@] = {@BIASES@};
  @TSUM@ sums[@NOUT@];
#pragma HLS ARRAY_PARTITION variable=sums complete
  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
?    sums[j] = gnomon_raw<@TBIAS@>(biases[j]);
!    sums[j] = 0;
  }
  for (int r = 0; r < @RF@; ++r) {
@ROUND@    for (int m = 0; m < @MULT@; ++m) {
#pragma HLS UNROLL
      const int q = m * @RF@ + r;
      sums[q / @NIN@] = sums[q / @NIN@] + @TERM@(x[q % @NIN@] * gnomon_raw<@TWEIGHT@>(weights[q]));
    }
  }
  @TZ@ z[@NOUT@];
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
    const ap_uint<@K@> index = gnomon_bits<@ZBITS@ >(z[j]) >> @DOWN@;
    @Y@[j] = gnomon_raw<@TACT@>(table[index.to_int64()]);
  }
)";

// exp of minus the distance from the largest, times 1 / their sum.
constexpr std::string_view softmax = R"(  static const long long exps[@TN@] = {@TABLE@};
  static const long long inverses[@IN@] = {@INVERSES@};
  @ZBITS@ most = gnomon_bits<@ZBITS@ >(z[0]);
  for (int j = 1; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    if (gnomon_bits<@ZBITS@ >(z[j]) > most) most = gnomon_bits<@ZBITS@ >(z[j]);
  }
  ap_uint<@X@> e[@NOUT@];
#pragma HLS ARRAY_PARTITION variable=e complete
  ap_uint<@SUM@> sum = 0;
  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    const ap_uint<@X@> distance = most - gnomon_bits<@ZBITS@ >(z[j]);
    e[j] = exps[(distance >> @DOWN@).to_int64()];
    sum = sum + e[j];
  }
  const ap_uint<@X@> inverse = inverses[(sum >> @SUMDOWN@).to_int64()];
  for (int j = 0; j < @NOUT@; ++j) {
#pragma HLS UNROLL
    const ap_uint<@X2@> product = e[j] * inverse;
    y[j] = gnomon_raw<ap_ufixed<@XN@, 0> >((product >> @XP@).to_int64());
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

template <class Value>
std::string list(std::int64_t count, const Value& value) {
  std::string text;
  for (std::int64_t i = 0; i < count; ++i) text += (i == 0 ? "" : i % 32 == 0 ? ",\n    " : ", ") + n(value(i));
  return text;
}

using Words = std::map<std::string, std::string>;

/// From the cast sums z to the outputs y.
std::string activation(const Layer& layer, const LayerShape& s, Words words) {
  const NumberType& z = s.types.result;
  const int bits = z.bits;
  const auto statement = [&](const std::string& text) {
    words["STATEMENT"] = fill_places(text, words);
    return fill_places(by_value, words);
  };
  // The addition of the input takes what the activation gives, in its own type.
  words["Y"] = layer.residual ? "a" : "y";
  const std::string before = layer.residual ? fill_places("  @TACT@ a[@NOUT@];\n#pragma HLS ARRAY_PARTITION variable=a complete\n", words) : "", added = layer.residual ? statement("y[j] = a[j] + x[j];") : "";
  if (layer.activation == "relu") return before + statement("@Y@[j] = z[j] > 0 ? z[j] : @TZ@(0);") + added;
  if (layer.activation == "linear") return before + statement("@Y@[j] = z[j];") + added;
  const std::string function = layer.activation == "softmax" ? "exp" : layer.activation;
  const int k = table_index_bits(function, bits);
  words["X"] = n(bits);
  words["ZBITS"] = (z.is_signed ? "ap_int<" : "ap_uint<") + n(bits) + ">";
  words["K"] = n(k);
  words["TN"] = n(std::int64_t{1} << k);
  words["DOWN"] = n(bits - k);
  words["TABLE"] = list(std::int64_t{1} << k, [&](std::int64_t i) { return function == "exp" ? exponential(z, i) : table_value(function, z, s.types.activated, i); });
  if (function != "exp") return before + fill_places(by_table, words) + added;
  const int sum_bits = std::bit_width(static_cast<std::uint64_t>(s.n_out) * ((std::uint64_t{1} << bits) - 1)), inverse_bits = inverse_index_bits(sum_bits);
  words["SUM"] = n(sum_bits);
  words["SUMDOWN"] = n(sum_bits - inverse_bits);
  words["IN"] = n(std::int64_t{1} << inverse_bits);
  words["INVERSES"] = list(std::int64_t{1} << inverse_bits, [&](std::int64_t i) { return inverse_value(bits, sum_bits, i); });
  words["X2"] = n(2 * bits);
  words["XN"] = n(bits - 1);
  words["XP"] = n(bits + 1);
  return fill_places(softmax, words);
}

/// Exact sums of products and a bias.
NumberType exact_sum(const LayerTypes& t, std::int64_t n_in, bool bias) {
  const int grown = std::bit_width(static_cast<std::uint64_t>(n_in)) + 1, whole = t.in.bits - t.in.fraction + t.weight.bits - t.weight.fraction + grown;
  const int before = bias ? std::max(whole, t.bias.bits - t.bias.fraction + 2) : whole;
  return {true, before + t.sum_fraction, t.sum_fraction, Rounding::down, Overflow::wrap};
}

}  // namespace

Expected<std::string> emit_network_cpp(const Network& network) {
  auto shapes = network_shapes(network);
  if (!shapes) return fail(std::move(shapes.error()));
  bool vectors = network.io == "io_parallel" && network.height * network.width == 1;
  for (const Layer& layer : network.layers) vectors = vectors && layer.type == "dense";
  const NumberType input = shapes->front().types.in;
  const auto type_name = [&](const NumberType& type) { return type == input ? "value_t" : vendor_type(type); };
  const bool alike = !network.precision && std::none_of(network.layers.begin(), network.layers.end(), [](const Layer& layer) { return layer.precision.has_value(); });
  Words all{{"VALUES", alike ? "values fixed<" + n(input.bits) + ",1>" : "numbers of the types that each layer has"}, {"STRATEGY", network.strategy}, {"IO", network.io}, {"TIN", vendor_type(input)}};
  std::string text = fill_places(head, all), body;
  for (std::size_t l = 0; l < network.layers.size(); ++l) {
    const Layer& layer = network.layers[l];
    const LayerShape& s = (*shapes)[l];
    Words words = all;
    const auto set = [&](const char* name, std::int64_t value) { words[name] = n(value); };
    set("L", static_cast<std::int64_t>(l));
    words["TIN"] = type_name(s.types.in);
    words["TOUT"] = type_name(s.types.out);
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
      const LayerTypes& t = s.types;
      set("NIN", s.n_in);
      set("NOUT", s.n_out);
      set("NW", s.n_in * s.n_out);
      set("RF", s.reuse_factor);
      set("MULT", s.multipliers);
      words["TSUM"] = vendor_type(t.accum ? *t.accum : exact_sum(t, s.n_in, layer.bias));
      words["TERM"] = t.accum ? words["TSUM"] : "";
      words["TWEIGHT"] = type_name(t.weight);
      words["TBIAS"] = type_name(t.bias);
      words["TZ"] = type_name(t.result);
      words["TACT"] = type_name(t.activated);
      words["WEIGHTS"] = list(s.n_in * s.n_out, [&](std::int64_t q) { return w.weights[static_cast<std::size_t>(q % s.n_in * s.n_out + q / s.n_in)]; });
      words["BIASES"] = w.bias.empty() ? "" : list(s.n_out, [&](std::int64_t j) { return w.bias[static_cast<std::size_t>(j)]; });
      words["PRAGMAS"] = latency ? fill_places("#pragma HLS PIPELINE II=@RF@\n#pragma HLS ALLOCATION operation instances=mul limit=@MULT@\n", words) : std::string();
      words["ROUND"] = latency ? "#pragma HLS UNROLL\n" : "#pragma HLS PIPELINE II=1\n";
      words["ACTIVATION"] = activation(layer, s, words);
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
  all["TIN"] = "value_t";
  all["TOUT"] = type_name(shapes->back().types.out);
  all["CIN"] = n(network.channels);
  all["BODY"] = body;
  text += fill_places(vectors ? "\nvoid gnomon_network(const @TIN@ in[@CIN@], @TOUT@ out[@C@]) {\n#pragma HLS ARRAY_PARTITION variable=in complete\n#pragma HLS ARRAY_PARTITION variable=out complete\n"
                                "#pragma HLS DATAFLOW\n@BODY@}\n"
                              : "\nvoid gnomon_network(hls::stream<gnomon_vector<@TIN@, @CIN@> >& in, hls::stream<gnomon_vector<@TOUT@, @C@> >& out) {\n#pragma HLS DATAFLOW\n@BODY@}\n",
                      all);
  return text;
}

}  // namespace gnomon::hls
