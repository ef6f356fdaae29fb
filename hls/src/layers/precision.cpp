#include "layers/precision.hpp"

#include <algorithm>
#include <bit>
#include <cstdlib>

#include "gnomon/base/text.hpp"
#include "layers/tables.hpp"

namespace gnomon::hls {
namespace {

__extension__ typedef unsigned __int128 UnsignedWide;

constexpr int most_sum_bits = 63, most_shift = 64;

std::string n(std::int64_t v) { return std::to_string(v); }

/// W or I of a type.
Expected<int> whole_number(std::string_view text, const char* what, int low, int high) {
  long long value = 0;
  if (!parse_integer(text, value) || value < low || value > high)
    return fail(ErrorKind::invalid_input, std::string(what) + " is " + in_quotes(std::string(text)) + "; " + n(low) + " to " + n(high) + " is allowed");
  return static_cast<int>(value);
}

Error placed(const Error& error, const std::string& pointer, const std::string& text) { return Error(error.kind(), Problem{{}, pointer, in_quotes(text) + ": " + error.problems().front().message}); }

Error at(ErrorKind kind, const std::string& pointer, const std::string& what) { return Error(kind, Problem{{}, pointer, what}); }

std::string layer_pointer(std::size_t l, const char* key) { return "/layers/" + std::to_string(l) + "/precision" + (*key != '\0' ? "/" : "") + key; }

Expected<NumberType> fallback_type(const Network& network) {
  const bool given = network.precision && network.precision->fallback;
  if (given && network.precision_bits > 0) return fail(at(ErrorKind::invalid_input, "/precision/default", "is given beside precision_bits; one of the two is allowed"));
  if (!given && network.precision_bits == 0) return fail(at(ErrorKind::invalid_input, "/precision_bits", "is missing; it (X of fixed<X,1>), or a type as /precision/default, must be given"));
  if (!given) return NumberType{true, network.precision_bits, network.precision_bits - 1, Rounding::down, Overflow::wrap};
  auto type = precision_named(*network.precision->fallback);
  if (!type) return fail(placed(type.error(), "/precision/default", *network.precision->fallback));
  return type;
}

/// The layer's own type, else the network's, else the fallback.
Expected<NumberType> chosen(const Network& network, std::size_t l, std::optional<std::string> LayerPrecision::*own, std::optional<std::string> NetworkPrecision::*common, const char* key, int most_bits = 32) {
  const auto& layer = network.layers[l].precision;
  const bool its = layer && (*layer).*own;
  const std::optional<std::string> text = its ? (*layer).*own : network.precision && common != nullptr ? (*network.precision).*common : std::nullopt;
  if (!text) return fallback_type(network);
  auto type = precision_named(*text, most_bits);
  if (!type) return fail(placed(type.error(), its ? layer_pointer(l, key) : std::string("/precision/") + key, *text));
  return type;
}

}  // namespace

std::string vendor_type(const NumberType& t) {
  // ap_int<W> would drop a fraction toward zero, ap_fixed<W, W> drops it downward, which is what truncation means here.
  std::string text = std::string(t.is_signed ? "ap_fixed<" : "ap_ufixed<") + n(t.bits) + ", " + n(t.bits - t.fraction);
  if (t.rounding != Rounding::down || t.overflow != Overflow::wrap) text += t.rounding == Rounding::down ? ", AP_TRN" : t.rounding == Rounding::half_up ? ", AP_RND" : ", AP_RND_CONV";
  if (t.overflow != Overflow::wrap) text += ", AP_SAT";
  return text + ">";
}

Expected<NumberType> precision_named(const std::string& text, int most_bits) {
  const auto refuse = [](const std::string& what) { return fail(ErrorKind::invalid_input, what); };
  const std::string_view whole = trimmed(text);
  const std::size_t open = whole.find('<');
  const std::string_view name = trimmed(whole.substr(0, open));
  const std::string_view kind = name.starts_with("ap_") ? name.substr(3) : name;
  if (kind != "fixed" && kind != "ufixed" && kind != "int" && kind != "uint") return refuse(unknown_word("number type", std::string(name), {"ap_fixed", "ap_ufixed", "ap_int", "ap_uint"}));
  const bool fixed = kind.ends_with("fixed");
  const std::string form = fixed ? std::string(name) + "<W,I>, <W,I,Q> or <W,I,Q,O>" : std::string(name) + "<W>";
  if (open == whole.npos || !whole.ends_with('>')) return refuse("no parameters in <>; " + form + " is allowed");
  std::vector<std::string_view> parts;
  for (std::string_view rest = whole.substr(open + 1, whole.size() - open - 2);;) {
    const std::size_t comma = rest.find(',');
    parts.push_back(trimmed(rest.substr(0, comma)));
    if (comma == rest.npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (fixed ? parts.size() < 2 || parts.size() > 4 : parts.size() != 1) return refuse(n(static_cast<std::int64_t>(parts.size())) + " parameters; " + form + " is allowed");
  NumberType type;
  type.is_signed = !kind.starts_with('u');
  auto bits = whole_number(parts[0], "W", type.is_signed ? 2 : 1, most_bits);
  if (!bits) return fail(std::move(bits.error()));
  type.bits = *bits;
  type.fraction = 0;
  if (!fixed) return type;
  auto before = whole_number(parts[1], "I", -32, 64);
  if (!before) return fail(std::move(before.error()));
  type.fraction = type.bits - *before;
  const auto word = [](std::string_view w) { return w.starts_with("AP_") ? w.substr(3) : w; };
  if (parts.size() > 2) {
    const std::string_view q = word(parts[2]);
    if (q != "TRN" && q != "RND" && q != "RND_CONV") return refuse(unknown_word("rounding", std::string(parts[2]), {"AP_TRN", "AP_RND", "AP_RND_CONV"}));
    type.rounding = q == "TRN" ? Rounding::down : q == "RND" ? Rounding::half_up : Rounding::half_even;
  }
  if (parts.size() > 3) {
    const std::string_view o = word(parts[3]);
    if (o != "WRAP" && o != "SAT") return refuse(unknown_word("overflow", std::string(parts[3]), {"AP_WRAP", "AP_SAT"}));
    type.overflow = o == "WRAP" ? Overflow::wrap : Overflow::saturate;
  }
  return type;
}

Expected<NumberType> input_type(const Network& network) {
  auto type = fallback_type(network);
  if (!type || !network.precision || !network.precision->input) return type;
  auto own = precision_named(*network.precision->input);
  if (!own) return fail(placed(own.error(), "/precision/input", *network.precision->input));
  return own;
}

NumberType rectified(const NumberType& type) {
  if (!type.is_signed) return {false, type.bits, type.fraction, Rounding::down, Overflow::wrap};
  return {false, type.bits - 1, type.fraction, Rounding::down, Overflow::wrap};
}

Expected<LayerTypes> layer_types(const Network& network, std::size_t l, const NumberType& in, std::int64_t n_in) {
  const Layer& layer = network.layers[l];
  LayerTypes t;
  t.in = t.result = t.activated = t.out = in;
  if (n_in == 0) {
    if (layer.precision) return fail(at(ErrorKind::invalid_input, layer_pointer(l, ""), "is given, and a layer without weights gives what it takes"));
    return t;
  }
  const auto take = [&](NumberType& to, Expected<NumberType> type) -> std::optional<Error> {
    if (!type) return type.error();
    to = *type;
    return {};
  };
  if (auto error = take(t.weight, chosen(network, l, &LayerPrecision::weight, &NetworkPrecision::weight, "weight"))) return fail(std::move(*error));
  if (auto error = take(t.bias, chosen(network, l, &LayerPrecision::bias, &NetworkPrecision::bias, "bias"))) return fail(std::move(*error));
  if (auto error = take(t.result, chosen(network, l, &LayerPrecision::result, &NetworkPrecision::result, "result"))) return fail(std::move(*error));
  const auto own = [&](std::optional<std::string> LayerPrecision::*key) { return layer.precision && (*layer.precision).*key; };
  if (own(&LayerPrecision::bias) && !layer.bias) return fail(at(ErrorKind::invalid_input, layer_pointer(l, "bias"), "is given, and the layer has no biases"));
  if (own(&LayerPrecision::activation) && layer.activation == "linear") return fail(at(ErrorKind::invalid_input, layer_pointer(l, "activation"), "is given, and the layer has no activation; result is allowed"));
  const int w = t.result.bits;
  if (w < 2) return fail(at(ErrorKind::unsupported, layer_pointer(l, "result"), "1 bit; 2 to 32 are supported"));
  // What an activation can give, in as many bits as its operand has.
  if (layer.activation == "linear") t.activated = t.result;
  else if (layer.activation == "relu") t.activated = rectified(t.result);
  else if (layer.activation == "tanh") t.activated = {true, w, w - 1, Rounding::down, Overflow::wrap};
  else t.activated = {false, w - 1, w - 1, Rounding::down, Overflow::wrap};
  if (own(&LayerPrecision::activation))
    if (auto error = take(t.activated, chosen(network, l, &LayerPrecision::activation, nullptr, "activation"))) return fail(std::move(*error));
  t.out = layer.residual ? t.result : t.activated;

  const bool own_accum = own(&LayerPrecision::accum), any_accum = own_accum || (network.precision && network.precision->accum);
  const std::string accum_place = own_accum ? layer_pointer(l, "accum") : "/precision/accum";
  if (any_accum) {
    NumberType accum;
    if (auto error = take(accum, chosen(network, l, &LayerPrecision::accum, &NetworkPrecision::accum, "accum", most_sum_bits))) return fail(std::move(*error));
    if (accum.rounding != Rounding::down || accum.overflow != Overflow::wrap)
      return fail(at(ErrorKind::unsupported, accum_place, "rounds or saturates, so that the sum would hang on the order of its terms; AP_TRN, AP_WRAP is supported"));
    t.accum = accum;
  }
  t.product_fraction = in.fraction + t.weight.fraction;
  const int bias_fraction = t.accum ? std::min(t.bias.fraction, t.accum->fraction) : t.bias.fraction;
  t.sum_fraction = t.accum && t.accum->fraction < t.product_fraction ? t.accum->fraction : layer.bias ? std::max(t.product_fraction, bias_fraction) : t.product_fraction;
  t.whole = t.accum || t.result.overflow == Overflow::saturate;
  const int product_bits = in.bits + t.weight.bits;
  if (t.accum) {
    t.sum_bits = t.accum->bits - t.accum->fraction + t.sum_fraction;
    if (t.sum_fraction < t.product_fraction && product_bits > most_sum_bits)
      return fail(at(ErrorKind::unsupported, accum_place, "products of " + n(product_bits) + " bits are truncated; at most " + n(most_sum_bits) + " are supported"));
  } else if (t.whole) {
    const int terms = product_bits + static_cast<int>(std::bit_width(static_cast<std::uint64_t>(n_in - 1))) + t.sum_fraction - t.product_fraction;
    t.sum_bits = std::max(terms, layer.bias ? t.bias.bits + t.sum_fraction - t.bias.fraction : 0) + 2;
  } else {
    t.sum_bits = t.sum_fraction - t.result.fraction + w;
  }
  const bool own_result = own(&LayerPrecision::result), common_result = network.precision && network.precision->result;
  const std::string place = t.accum ? accum_place : own_result ? layer_pointer(l, "result") : common_result ? "/precision/result" : "/layers/" + std::to_string(l);
  const int leaves = t.sum_fraction - t.result.fraction;
  if (t.sum_bits < 1 || std::abs(leaves) > most_shift) return fail(at(ErrorKind::invalid_input, place, "no bit of the sum, whose lowest is 2^" + n(-t.sum_fraction) + ", lies within the type"));
  if (t.sum_bits > most_sum_bits)
    return fail(at(ErrorKind::unsupported, place, "sums of " + n(t.sum_bits) + " bits; at most " + n(most_sum_bits) + " are supported: narrower inputs, weights or biases, or an accum"));
  if (layer.residual) {
    const int fraction = std::max(t.in.fraction, t.activated.fraction), bits = std::max(t.in.bits - t.in.fraction, t.activated.bits - t.activated.fraction) + fraction + 2;
    if (bits > most_sum_bits) return fail(at(ErrorKind::unsupported, "/layers/" + std::to_string(l) + "/residual", "input and output together have " + n(bits) + " bits; at most " + n(most_sum_bits) + " are supported"));
  }
  return t;
}

Wide in_units(Wide value, int from_fraction, int fraction) {
  const int up = fraction - from_fraction;
  // What is moved beyond 128 bits, only sums that wrap could have.
  if (up > 127) return 0;
  return up >= 0 ? static_cast<Wide>(static_cast<UnsignedWide>(value) << up) : value >> std::min(-up, 127);
}

std::int64_t cast_sum(const LayerTypes& t, Wide sum) {
  if (!t.accum) return quantise(t.result, sum, t.sum_fraction);
  return quantise(t.result, exact(*t.accum, quantise(*t.accum, sum, t.sum_fraction)), t.accum->fraction);
}

std::int64_t activated(const Layer& layer, const LayerTypes& t, std::int64_t result) {
  if (layer.activation == "relu") return quantise(t.activated, std::max<std::int64_t>(result, 0), t.result.fraction);
  if (layer.activation != "tanh" && layer.activation != "sigmoid") return result;
  const int k = table_index_bits(layer.activation, t.result.bits);
  return table_value(layer.activation, t.result, t.activated, (result >> (t.result.bits - k)) & ((std::int64_t{1} << k) - 1));
}

}  // namespace gnomon::hls
