#include <algorithm>
#include <bit>

#include "layers/precision.hpp"
#include "layers/tables.hpp"

namespace gnomon::hls {
namespace {

std::vector<std::int64_t> softmax(const std::vector<std::int64_t>& x, const LayerTypes& t) {
  const int bits = t.result.bits;
  const std::int64_t most = *std::max_element(x.begin(), x.end());
  const int k = table_index_bits("exp", bits);
  std::vector<std::int64_t> e;
  std::int64_t sum = 0;
  for (const std::int64_t v : x) e.push_back(exponential(t.result, (most - v) >> (bits - k))), sum += e.back();
  const int sum_bits = std::bit_width(static_cast<std::uint64_t>(x.size()) * ((std::uint64_t{1} << bits) - 1));
  const std::int64_t inverse = inverse_value(bits, sum_bits, sum >> (sum_bits - inverse_index_bits(sum_bits)));
  for (std::int64_t& v : e) v = quantise(t.activated, (Wide{v} * inverse) >> (bits + 1), bits - 1);
  return e;
}

/// One output vector of a product.
std::vector<std::int64_t> product(const Layer& layer, const LayerShape& s, const LayerWeights& w, const std::vector<std::int64_t>& x) {
  const LayerTypes& t = s.types;
  std::vector<std::int64_t> y(static_cast<std::size_t>(s.n_out));
  for (std::int64_t j = 0; j < s.n_out; ++j) {
    Wide sum = w.bias.empty() ? 0 : in_units(w.bias[static_cast<std::size_t>(j)], t.bias.fraction, t.sum_fraction);
    for (std::int64_t i = 0; i < s.n_in; ++i) sum += in_units(Wide{x[static_cast<std::size_t>(i)]} * w.weights[static_cast<std::size_t>(i * s.n_out + j)], t.product_fraction, t.sum_fraction);
    y[static_cast<std::size_t>(j)] = cast_sum(t, sum);
  }
  if (layer.activation == "softmax") return softmax(y, t);
  for (std::int64_t& v : y) v = activated(layer, t, v);
  if (layer.residual) {
    const int fraction = std::max(t.activated.fraction, t.in.fraction);
    for (std::size_t j = 0; j < y.size(); ++j) y[j] = quantise(t.result, in_units(y[j], t.activated.fraction, fraction) + in_units(x[j], t.in.fraction, fraction), fraction);
  }
  return y;
}

}  // namespace

std::vector<std::int64_t> evaluate(const Network& n, const std::vector<LayerShape>& shapes, const std::vector<std::int64_t>& inputs) {
  std::vector<std::int64_t> x = inputs;
  for (std::size_t l = 0; l < n.layers.size(); ++l) {
    const Layer& layer = n.layers[l];
    const LayerShape& s = shapes[l];
    if (layer.type == "flatten") continue;
    const LayerWeights w = s.n_in > 0 ? layer_weights(n, l, s) : LayerWeights{};
    if (layer.type == "dense") {
      x = product(layer, s, w, x);
      continue;
    }
    const bool pool = layer.type == "max_pool";
    const std::int64_t kw = layer.kernel, kh = layer.type == "conv2d" || (pool && s.in_height > 1) ? kw : 1, stride = pool ? kw : layer.stride;
    std::vector<std::int64_t> y, window;
    const auto at = [&](std::int64_t r, std::int64_t c, std::int64_t ch) { return x[static_cast<std::size_t>((r * s.in_width + c) * s.in_channels + ch)]; };
    for (std::int64_t r = 0; r < s.height; ++r)
      for (std::int64_t c = 0; c < s.width; ++c) {
        if (pool) {
          for (std::int64_t ch = 0; ch < s.channels; ++ch) {
            std::int64_t most = at(r * stride, c * stride, ch);
            for (std::int64_t i = 0; i < kh * kw; ++i) most = std::max(most, at(r * stride + i / kw, c * stride + i % kw, ch));
            y.push_back(most);
          }
          continue;
        }
        window.clear();
        for (std::int64_t i = 0; i < kh * kw; ++i)
          for (std::int64_t ch = 0; ch < s.in_channels; ++ch) window.push_back(at(r * stride + i / kw, c * stride + i % kw, ch));
        const auto out = product(layer, s, w, window);
        y.insert(y.end(), out.begin(), out.end());
      }
    x = std::move(y);
  }
  return x;
}

}  // namespace gnomon::hls
