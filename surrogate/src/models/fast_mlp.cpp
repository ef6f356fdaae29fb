#include "models/fast_mlp.hpp"

#include <algorithm>

// Vectors are passed between inlined functions only.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace gnomon::surrogate {
namespace {

using Vector = float __attribute__((vector_size(32), aligned(4), may_alias));
using Whole = int __attribute__((vector_size(32)));

/// Clones for processors with 256-bit vectors and fused multiply-add, and for any other.
#if defined(__x86_64__) && !defined(__SANITIZE_ADDRESS__)
#define GNOMON_CLONES __attribute__((target_clones("default", "arch=haswell"), optimize("O3")))
#else
#define GNOMON_CLONES
#endif
#define GNOMON_INLINE inline __attribute__((always_inline))

/// exp by a polynomial of degree 6 on [-ln 2 / 2, ln 2 / 2]; relative error below 1e-6.
GNOMON_INLINE Vector exponential(Vector x) {
  x = x > 87.0F ? Vector{} + 87.0F : x;
  x = x < -87.0F ? Vector{} - 87.0F : x;
  const Vector n = (x * 1.44269504F + 12582912.0F) - 12582912.0F;
  const Vector r = x - n * 0.693359375F + n * 2.12194440e-4F;
  Vector p = Vector{} + 1.3888889e-3F;
  p = p * r + 8.3333333e-3F;
  p = p * r + 4.1666667e-2F;
  p = p * r + 1.6666667e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const Whole bits = (__builtin_convertvector(n, Whole) + 127) << 23;
  return p * reinterpret_cast<const Vector&>(bits);
}

GNOMON_INLINE Vector activated(Vector z, int activation) {
  if (activation == 1) return z > 0.0F ? z : Vector{};
  if (activation == 2) return z / (exponential(-z) + 1.0F);
  return z;
}

GNOMON_CLONES void layer_forward(const float* weights, const float* bias, const float* x, float* y, int in, int out, int activation) {
  constexpr int lanes = FastMlp::lanes;
  for (int o = 0; o < out; o += 4) {
    const float* block = weights + static_cast<long>(o) * in;
    for (int half = 0; half < lanes; half += 16) {
      Vector a0 = Vector{} + bias[o], a1 = a0, b0 = Vector{} + bias[o + 1], b1 = b0, c0 = Vector{} + bias[o + 2], c1 = c0, d0 = Vector{} + bias[o + 3], d1 = d0;
      const float* from = x + half;
      const float* w = block;
      for (int i = 0; i < in; ++i, from += lanes, w += 4) {
        const Vector x0 = *reinterpret_cast<const Vector*>(from), x1 = *reinterpret_cast<const Vector*>(from + 8);
        a0 += w[0] * x0;
        a1 += w[0] * x1;
        b0 += w[1] * x0;
        b1 += w[1] * x1;
        c0 += w[2] * x0;
        c1 += w[2] * x1;
        d0 += w[3] * x0;
        d1 += w[3] * x1;
      }
      float* to = y + o * lanes + half;
      *reinterpret_cast<Vector*>(to) = activated(a0, activation);
      *reinterpret_cast<Vector*>(to + 8) = activated(a1, activation);
      *reinterpret_cast<Vector*>(to + lanes) = activated(b0, activation);
      *reinterpret_cast<Vector*>(to + lanes + 8) = activated(b1, activation);
      *reinterpret_cast<Vector*>(to + 2 * lanes) = activated(c0, activation);
      *reinterpret_cast<Vector*>(to + 2 * lanes + 8) = activated(c1, activation);
      *reinterpret_cast<Vector*>(to + 3 * lanes) = activated(d0, activation);
      *reinterpret_cast<Vector*>(to + 3 * lanes + 8) = activated(d1, activation);
    }
  }
}

}  // namespace

FastMlp::FastMlp(const Mlp<float>& net) {
  const float* from = net.parameters().data();
  const auto& widths = net.widths();
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    const int in = widths[l], out = widths[l + 1];
    Layer layer;
    layer.in = in;
    layer.out = (out + 3) / 4 * 4;
    layer.weights.assign(static_cast<std::size_t>(layer.in) * static_cast<std::size_t>(layer.out), 0.0F);
    layer.bias.assign(static_cast<std::size_t>(layer.out), 0.0F);
    for (int o = 0; o < out; ++o) {
      for (int i = 0; i < in; ++i) layer.weights[static_cast<std::size_t>(o / 4 * in * 4 + i * 4 + o % 4)] = from[static_cast<std::ptrdiff_t>(i) * out + o];
      layer.bias[static_cast<std::size_t>(o)] = from[static_cast<std::ptrdiff_t>(in) * out + o];
    }
    if (l + 2 < widths.size()) layer.activation = net.hidden() == Activation::relu ? 1 : net.hidden() == Activation::silu ? 2 : 0;
    from += static_cast<std::ptrdiff_t>(in + 1) * out;
    widest_ = std::max(widest_, layer.out);
    layers_.push_back(std::move(layer));
  }
}

std::size_t FastMlp::scratch() const { return 2 * static_cast<std::size_t>(widest_) * lanes; }

const float* FastMlp::forward(const float* x, float* scratch) const {
  const float* in = x;
  float *out = scratch, *other = scratch + static_cast<std::ptrdiff_t>(widest_) * lanes;
  for (const Layer& layer : layers_) {
    layer_forward(layer.weights.data(), layer.bias.data(), in, out, layer.in, layer.out, layer.activation);
    in = out;
    std::swap(out, other);
  }
  return in;
}

}  // namespace gnomon::surrogate
