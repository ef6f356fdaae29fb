#include <algorithm>
#include <bit>

#include "layers/tables.hpp"

namespace gnomon::hls {
namespace {

std::int64_t wrapped(std::int64_t value, int bits) {
  const std::int64_t m = value & ((std::int64_t{1} << bits) - 1);
  return m >> (bits - 1) ? m - (std::int64_t{1} << bits) : m;
}

std::int64_t activated(const Layer& layer, int bits, std::int64_t v) {
  if (layer.activation == "relu") return std::max<std::int64_t>(v, 0);
  if (layer.activation != "tanh" && layer.activation != "sigmoid") return v;
  const int k = table_index_bits(layer.activation, bits);
  return table_value(layer.activation, bits, (v >> (bits - k)) & ((std::int64_t{1} << k) - 1));
}

std::vector<std::int64_t> softmax(const std::vector<std::int64_t>& x, int bits) {
  const std::int64_t most = *std::max_element(x.begin(), x.end());
  const int k = table_index_bits("exp", bits);
  std::vector<std::int64_t> e;
  std::int64_t sum = 0;
  for (const std::int64_t v : x) e.push_back(table_value("exp", bits, (most - v) >> (bits - k))), sum += e.back();
  const int sum_bits = std::bit_width(static_cast<std::uint64_t>(x.size()) * ((std::uint64_t{1} << bits) - 1));
  const std::int64_t inverse = inverse_value(bits, sum_bits, sum >> (sum_bits - inverse_index_bits(sum_bits)));
  for (std::int64_t& v : e) v = (v * inverse) >> (bits + 1);
  return e;
}

/// One output vector of a product.
std::vector<std::int64_t> product(const Layer& layer, const LayerShape& s, const LayerWeights& w, const std::vector<std::int64_t>& x, int bits) {
  std::vector<std::int64_t> y(static_cast<std::size_t>(s.n_out));
  for (std::int64_t j = 0; j < s.n_out; ++j) {
    std::int64_t sum = w.bias.empty() ? 0 : std::int64_t{w.bias[static_cast<std::size_t>(j)]} << (bits - 1);
    for (std::int64_t i = 0; i < s.n_in; ++i) sum += x[static_cast<std::size_t>(i)] * w.weights[static_cast<std::size_t>(i * s.n_out + j)];
    y[static_cast<std::size_t>(j)] = wrapped(sum >> (bits - 1), bits);
  }
  if (layer.activation == "softmax") return softmax(y, bits);
  for (std::int64_t& v : y) v = activated(layer, bits, v);
  if (layer.residual)
    for (std::size_t j = 0; j < y.size(); ++j) y[j] = wrapped(y[j] + x[j], bits);
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
      x = product(layer, s, w, x, n.precision_bits);
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
        const auto out = product(layer, s, w, window, n.precision_bits);
        y.insert(y.end(), out.begin(), out.end());
      }
    x = std::move(y);
  }
  return x;
}

}  // namespace gnomon::hls
