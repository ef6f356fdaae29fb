#include "models/fast_mlp.hpp"

#include <algorithm>

// Vectors are passed between inlined functions only.
#pragma GCC diagnostic ignored "-Wpsabi"

namespace gnomon::surrogate {
namespace {

#define GNOMON_INLINE inline __attribute__((always_inline))
// Kernels are built for each width of vectors with fused multiply-add, and for any processor; the program picks when it starts. (target_clones would
// pick by the maker's name for a processor, not by what it can do.)
#if defined(__x86_64__)
#define GNOMON_WIDTHS 1
#else
#define GNOMON_WIDTHS 0
#endif

constexpr int lanes = FastMlp::lanes, width = FastMlp::width;

/// Vectors of so many bytes; written out, for a size that depends on a template's parameter is ignored in such attributes.
template <int Bytes>
struct Of;
template <>
struct Of<16> {
  using Vector = float __attribute__((vector_size(16), aligned(4), may_alias));
  using Whole = int __attribute__((vector_size(16)));
  static constexpr int size = 4;
};
template <>
struct Of<32> {
  using Vector = float __attribute__((vector_size(32), aligned(4), may_alias));
  using Whole = int __attribute__((vector_size(32)));
  static constexpr int size = 8;
};
template <>
struct Of<64> {
  using Vector = float __attribute__((vector_size(64), aligned(4), may_alias));
  using Whole = int __attribute__((vector_size(64)));
  static constexpr int size = 16;
};
static_assert(sizeof(Of<16>::Vector) == 16 && sizeof(Of<32>::Vector) == 32 && sizeof(Of<64>::Vector) == 64);

/// exp by a polynomial of degree 6 on [-ln 2 / 2, ln 2 / 2]; relative error below 1e-6.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Vector exponential(typename Of<Bytes>::Vector x) {
  using Vector = typename Of<Bytes>::Vector;
  using Whole = typename Of<Bytes>::Whole;
  x = x > 87.0F ? Vector{} + 87.0F : x;
  x = x < -87.0F ? Vector{} - 87.0F : x;
  // 1.5 * 2^23: a float this large holds the nearest whole number in its last bits.
  const Vector shifted = x * 1.44269504F + 12582912.0F;
  const Vector n = shifted - 12582912.0F;
  const Vector r = x - n * 0.693359375F + n * 2.12194440e-4F;
  Vector p = Vector{} + 1.3888889e-3F;
  p = p * r + 8.3333333e-3F;
  p = p * r + 4.1666667e-2F;
  p = p * r + 1.6666667e-1F;
  p = p * r + 0.5F;
  p = p * r + 1.0F;
  p = p * r + 1.0F;
  const Whole bits = ((Whole)shifted - 0x4B400000 + 127) << 23;
  return p * (Vector)bits;
}

template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Vector activated(typename Of<Bytes>::Vector z, int activation) {
  using Vector = typename Of<Bytes>::Vector;
  if (activation == 1) return z > 0.0F ? z : Vector{};
  if (activation == 2) return z / (exponential<Bytes>(-z) + 1.0F);
  return z;
}

/// Rows side by side: x [in][lanes] to y [out][lanes], four outputs at a time.
template <int Bytes>
GNOMON_INLINE void rows_body(const float* weights, const float* bias, const float* x, float* y, int in, int out, int activation) {
  using Vector = typename Of<Bytes>::Vector;
  constexpr int size = Of<Bytes>::size;
  for (int o = 0; o < out; o += 4) {
    const float* block = weights + static_cast<long>(o / width) * width * in + o % width;
    for (int half = 0; half < lanes; half += 2 * size) {
      Vector a0 = Vector{} + bias[o], a1 = a0, b0 = Vector{} + bias[o + 1], b1 = b0, c0 = Vector{} + bias[o + 2], c1 = c0, d0 = Vector{} + bias[o + 3], d1 = d0;
      const float* from = x + half;
      const float* w = block;
      for (int i = 0; i < in; ++i, from += lanes, w += width) {
        const Vector x0 = *reinterpret_cast<const Vector*>(from), x1 = *reinterpret_cast<const Vector*>(from + size);
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
      *reinterpret_cast<Vector*>(to) = activated<Bytes>(a0, activation);
      *reinterpret_cast<Vector*>(to + size) = activated<Bytes>(a1, activation);
      *reinterpret_cast<Vector*>(to + lanes) = activated<Bytes>(b0, activation);
      *reinterpret_cast<Vector*>(to + lanes + size) = activated<Bytes>(b1, activation);
      *reinterpret_cast<Vector*>(to + 2 * lanes) = activated<Bytes>(c0, activation);
      *reinterpret_cast<Vector*>(to + 2 * lanes + size) = activated<Bytes>(c1, activation);
      *reinterpret_cast<Vector*>(to + 3 * lanes) = activated<Bytes>(d0, activation);
      *reinterpret_cast<Vector*>(to + 3 * lanes + size) = activated<Bytes>(d1, activation);
    }
  }
}

/// One row: x [in] to y [padded outputs], outputs side by side; four vectors of them at a time hide the latency.
template <int Bytes>
GNOMON_INLINE void row_body(const float* weights, const float* bias, const float* x, float* y, int in, int padded, int activation) {
  using Vector = typename Of<Bytes>::Vector;
  constexpr int size = Of<Bytes>::size;
  const auto at = [&](int o) { return weights + static_cast<long>(o / width) * width * in + o % width; };
  int o = 0;
  for (; o + 4 * size <= padded; o += 4 * size) {
    const float *wa = at(o), *wb = at(o + size), *wc = at(o + 2 * size), *wd = at(o + 3 * size);
    Vector a = *reinterpret_cast<const Vector*>(bias + o), b = *reinterpret_cast<const Vector*>(bias + o + size);
    Vector c = *reinterpret_cast<const Vector*>(bias + o + 2 * size), d = *reinterpret_cast<const Vector*>(bias + o + 3 * size);
    for (int i = 0; i < in; ++i, wa += width, wb += width, wc += width, wd += width) {
      a += x[i] * *reinterpret_cast<const Vector*>(wa);
      b += x[i] * *reinterpret_cast<const Vector*>(wb);
      c += x[i] * *reinterpret_cast<const Vector*>(wc);
      d += x[i] * *reinterpret_cast<const Vector*>(wd);
    }
    *reinterpret_cast<Vector*>(y + o) = activated<Bytes>(a, activation);
    *reinterpret_cast<Vector*>(y + o + size) = activated<Bytes>(b, activation);
    *reinterpret_cast<Vector*>(y + o + 2 * size) = activated<Bytes>(c, activation);
    *reinterpret_cast<Vector*>(y + o + 3 * size) = activated<Bytes>(d, activation);
  }
  for (; o < padded; o += size) {
    const float* w = at(o);
    Vector a = *reinterpret_cast<const Vector*>(bias + o);
    for (int i = 0; i < in; ++i, w += width) a += x[i] * *reinterpret_cast<const Vector*>(w);
    *reinterpret_cast<Vector*>(y + o) = activated<Bytes>(a, activation);
  }
}

using Kernel = void (*)(const float* weights, const float* bias, const float* x, float* y, int in, int out, int activation);
struct Kernels {
  Kernel rows = nullptr, row = nullptr;
};

__attribute__((optimize("O3"))) void rows_any(const float* w, const float* b, const float* x, float* y, int in, int out, int a) { rows_body<16>(w, b, x, y, in, out, a); }
__attribute__((optimize("O3"))) void row_any(const float* w, const float* b, const float* x, float* y, int in, int out, int a) { row_body<16>(w, b, x, y, in, out, a); }
#if GNOMON_WIDTHS
#define GNOMON_FOR(instructions) __attribute__((target(instructions), optimize("O3")))
GNOMON_FOR("avx2,fma") void rows_256(const float* w, const float* b, const float* x, float* y, int in, int out, int a) { rows_body<32>(w, b, x, y, in, out, a); }
GNOMON_FOR("avx2,fma") void row_256(const float* w, const float* b, const float* x, float* y, int in, int out, int a) { row_body<32>(w, b, x, y, in, out, a); }
GNOMON_FOR("avx512f,avx512dq,fma,prefer-vector-width=512")
void rows_512(const float* w, const float* b, const float* x, float* y, int in, int out, int a) { rows_body<64>(w, b, x, y, in, out, a); }
GNOMON_FOR("avx512f,avx512dq,fma,prefer-vector-width=512")
void row_512(const float* w, const float* b, const float* x, float* y, int in, int out, int a) { row_body<64>(w, b, x, y, in, out, a); }
#endif

Kernels pick() {
#if GNOMON_WIDTHS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return {rows_512, row_512};
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return {rows_256, row_256};
#endif
  return {rows_any, row_any};
}
const Kernels kernels = pick();

}  // namespace

FastMlp::FastMlp(const Mlp<float>& net) {
  const float* from = net.parameters().data();
  const auto& widths = net.widths();
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    const int in = widths[l], out = widths[l + 1];
    Layer layer;
    layer.in = in;
    layer.out = (out + 3) / 4 * 4;
    layer.padded = (out + width - 1) / width * width;
    layer.weights.assign(static_cast<std::size_t>(layer.in) * static_cast<std::size_t>(layer.padded), 0.0F);
    layer.bias.assign(static_cast<std::size_t>(layer.padded), 0.0F);
    for (int o = 0; o < out; ++o) {
      for (int i = 0; i < in; ++i) layer.weights[static_cast<std::size_t>(o / width * in * width + i * width + o % width)] = from[static_cast<std::ptrdiff_t>(i) * out + o];
      layer.bias[static_cast<std::size_t>(o)] = from[static_cast<std::ptrdiff_t>(in) * out + o];
    }
    if (l + 2 < widths.size()) layer.activation = net.hidden() == Activation::relu ? 1 : net.hidden() == Activation::silu ? 2 : 0;
    from += static_cast<std::ptrdiff_t>(in + 1) * out;
    widest_ = std::max(widest_, layer.padded);
    layers_.push_back(std::move(layer));
  }
}

std::size_t FastMlp::scratch() const { return 2 * static_cast<std::size_t>(widest_) * lanes; }

const float* FastMlp::forward(const float* x, float* scratch) const {
  const float* in = x;
  float *out = scratch, *other = scratch + static_cast<std::ptrdiff_t>(widest_) * lanes;
  for (const Layer& layer : layers_) {
    kernels.rows(layer.weights.data(), layer.bias.data(), in, out, layer.in, layer.out, layer.activation);
    in = out;
    std::swap(out, other);
  }
  return in;
}

const float* FastMlp::forward_one(const float* x, float* scratch) const {
  const float* in = x;
  float *out = scratch, *other = scratch + widest_;
  for (const Layer& layer : layers_) {
    kernels.row(layer.weights.data(), layer.bias.data(), in, out, layer.in, layer.padded, layer.activation);
    in = out;
    std::swap(out, other);
  }
  return in;
}

}  // namespace gnomon::surrogate
