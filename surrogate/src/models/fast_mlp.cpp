#include "models/fast_mlp.hpp"

#include <algorithm>

#include "models/vectors.hpp"

namespace gnomon::surrogate {
namespace {

constexpr int lanes = FastMlps::lanes, width = FastMlps::width;

template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Vector activated(typename Of<Bytes>::Vector z, int activation) {
  using Vector = typename Of<Bytes>::Vector;
  if (activation == 1) return z > 0.0F ? z : Vector{};
  if (activation == 2) return silu<Bytes>(z);
  return z;
}

/// Rows side by side: x [in][lanes] to y [out][lanes], `Outs` outputs of two vectors at a time.
template <int Bytes, int Outs>
GNOMON_INLINE void rows_outputs(const float* weights, const float* bias, const float* x, float* y, int in, int activation) {
  using Vector = typename Of<Bytes>::Vector;
  constexpr int size = Of<Bytes>::size;
  for (int half = 0; half < lanes; half += 2 * size) {
    Vector a[Outs], b[Outs];
    for (int o = 0; o < Outs; ++o) a[o] = b[o] = Vector{} + bias[o];
    const float* from = x + half;
    const float* w = weights;
    for (int i = 0; i < in; ++i, from += lanes, w += width) {
      const Vector x0 = *reinterpret_cast<const Vector*>(from), x1 = *reinterpret_cast<const Vector*>(from + size);
#pragma GCC unroll 8
      for (int o = 0; o < Outs; ++o) {
        a[o] += w[o] * x0;
        b[o] += w[o] * x1;
      }
    }
    float* to = y + half;
#pragma GCC unroll 8
    for (int o = 0; o < Outs; ++o, to += lanes) {
      *reinterpret_cast<Vector*>(to) = activated<Bytes>(a[o], activation);
      *reinterpret_cast<Vector*>(to + size) = activated<Bytes>(b[o], activation);
    }
  }
}

/// All outputs, as many at a time as the registers hold; `out` is a multiple of four.
template <int Bytes>
GNOMON_INLINE void rows_body(const float* weights, const float* bias, const float* x, float* y, int in, int out, int activation) {
  const auto at = [&](int o) __attribute__((always_inline)) { return weights + static_cast<long>(o / width) * width * in + o % width; };
  int o = 0;
  if constexpr (Bytes == 64) {
    for (; o + 8 <= out; o += 8) rows_outputs<Bytes, 8>(at(o), bias + o, x, y + o * lanes, in, activation);
  }
  for (; o < out; o += 4) rows_outputs<Bytes, 4>(at(o), bias + o, x, y + o * lanes, in, activation);
}

/// One row, `Count` blocks of outputs that lie `apart` weights apart (of one network, or of several ones whose inputs lie `x_apart` apart): independent sums hide the latency.
template <int Bytes, int Count>
GNOMON_INLINE void row_blocks(const float* weights, long apart, const float* bias, long bias_apart, const float* x, long x_apart, float* y, long y_apart, int in, int activation) {
  using Vector = typename Of<Bytes>::Vector;
  constexpr int parts = width / Of<Bytes>::size, size = Of<Bytes>::size;
  Vector sum[Count][parts];
  for (int c = 0; c < Count; ++c)
    for (int p = 0; p < parts; ++p) sum[c][p] = *reinterpret_cast<const Vector*>(bias + c * bias_apart + p * size);
  for (int i = 0; i < in; ++i) {
    for (int c = 0; c < Count; ++c)
      for (int p = 0; p < parts; ++p) sum[c][p] += x[c * x_apart + i] * *reinterpret_cast<const Vector*>(weights + c * apart + static_cast<long>(i) * width + p * size);
  }
  for (int c = 0; c < Count; ++c)
    for (int p = 0; p < parts; ++p) *reinterpret_cast<Vector*>(y + c * y_apart + p * size) = activated<Bytes>(sum[c][p], activation);
}

/// One row through a layer of all networks: x [nets][x_apart] (0: the same for all) to y [nets][y_apart].
template <int Bytes>
GNOMON_INLINE void row_body(const float* weights, const float* bias, const float* x, long x_apart, float* y, long y_apart, int nets, int in, int padded, int activation) {
  const int blocks = padded / width;
  const long block = static_cast<long>(width) * in, net = block * blocks;
  constexpr int most = Bytes == 64 ? 8 : 4;  // sums that fit the registers
  if (blocks >= 4 && most == 4) {
    for (int n = 0; n < nets; ++n) {
      const float *w = weights + n * net, *b = bias + static_cast<long>(n) * padded;
      int o = 0;
      for (; o + 2 <= blocks; o += 2) row_blocks<Bytes, 2>(w + o * block, block, b + o * width, width, x + n * x_apart, 0, y + n * y_apart + o * width, width, in, activation);
      for (; o < blocks; ++o) row_blocks<Bytes, 1>(w + o * block, 0, b + o * width, 0, x + n * x_apart, 0, y + n * y_apart + o * width, 0, in, activation);
    }
    return;
  }
  for (int n = 0; n < nets && blocks >= 4; ++n) {
    const float *w = weights + n * net, *b = bias + static_cast<long>(n) * padded;
    int o = 0;
    for (; o + 4 <= blocks; o += 4) row_blocks<Bytes, 4>(w + o * block, block, b + o * width, width, x + n * x_apart, 0, y + n * y_apart + o * width, width, in, activation);
    for (; o < blocks; ++o) row_blocks<Bytes, 1>(w + o * block, 0, b + o * width, 0, x + n * x_apart, 0, y + n * y_apart + o * width, 0, in, activation);
  }
  if (blocks >= 4) return;
  // Few outputs: the same block of several networks.
  for (int o = 0; o < blocks; ++o) {
    int n = 0;
    for (; n + most / 2 <= nets; n += most / 2)
      row_blocks<Bytes, most / 2>(weights + n * net + o * block, net, bias + static_cast<long>(n) * padded + o * width, padded, x + n * x_apart, x_apart, y + n * y_apart + o * width, y_apart, in, activation);
    for (; n < nets; ++n) row_blocks<Bytes, 1>(weights + n * net + o * block, 0, bias + static_cast<long>(n) * padded + o * width, 0, x + n * x_apart, 0, y + n * y_apart + o * width, 0, in, activation);
  }
}

// One by one, so that a number's way does not depend on how many there are; roots and quotients of floats are exact to the last bit.
template <int Bytes>
GNOMON_INLINE void add_body(const float* out, long count, float* sum, float* squares) {
  for (long i = 0; i < count; ++i) sum[i] += out[i];
  for (long i = 0; squares != nullptr && i < count; ++i) squares[i] += out[i] * out[i];
}
template <int Bytes>
GNOMON_INLINE void finish_body(const float* base, long count, float members, float* sum, const float* squares, float* spread) {
  for (long i = 0; i < count; ++i) {
    const float centre = sum[i] / members;
    sum[i] = base[i] + centre;
    if (spread == nullptr) continue;
    const float variance = squares[i] / members - centre * centre;
    spread[i] = __builtin_sqrtf(variance > 0.0F ? variance : 0.0F);
  }
}

using Rows = void (*)(const float* weights, const float* bias, const float* x, float* y, int in, int out, int activation);
using Row = void (*)(const float* weights, const float* bias, const float* x, long x_apart, float* y, long y_apart, int nets, int in, int padded, int activation);
using Add = void (*)(const float* out, long count, float* sum, float* squares);
using Finish = void (*)(const float* base, long count, float members, float* sum, const float* squares, float* spread);
struct Kernels {
  Rows rows = nullptr;
  Row row = nullptr;
  Add add = nullptr;
  Finish finish = nullptr;
};

#define GNOMON_KERNELS(bytes, attributes)                                                                                                                                      \
  attributes void rows_##bytes(const float* w, const float* b, const float* x, float* y, int in, int out, int a) { rows_body<bytes>(w, b, x, y, in, out, a); }                \
  attributes void row_##bytes(const float* w, const float* b, const float* x, long xa, float* y, long ya, int n, int in, int p, int a) { row_body<bytes>(w, b, x, xa, y, ya, n, in, p, a); } \
  attributes void add_##bytes(const float* out, long count, float* sum, float* squares) { add_body<bytes>(out, count, sum, squares); }                                          \
  attributes void finish_##bytes(const float* base, long count, float members, float* sum, const float* squares, float* spread) { finish_body<bytes>(base, count, members, sum, squares, spread); }
GNOMON_KERNELS(16, GNOMON_FOR_ANY)
#if GNOMON_WIDTHS
GNOMON_KERNELS(32, GNOMON_FOR_256)
GNOMON_KERNELS(64, GNOMON_FOR_512)
#endif
#undef GNOMON_KERNELS

Kernels kernels_of(int bytes) {
#if GNOMON_WIDTHS
  if (bytes == 64) return {rows_64, row_64, add_64, finish_64};
  if (bytes == 32) return {rows_32, row_32, add_32, finish_32};
#endif
  return {rows_16, row_16, add_16, finish_16};
}
const Kernels widest = kernels_of(vector_bytes());

}  // namespace

FastMlps::FastMlps(const std::vector<const Mlp<float>*>& nets, int bytes) : nets_(static_cast<int>(nets.size())), bytes_(bytes) {
  std::size_t from = 0;
  const auto& widths = nets.front()->widths();
  for (std::size_t l = 0; l + 1 < widths.size(); ++l) {
    const int in = widths[l], out = widths[l + 1];
    Layer layer;
    layer.in = in;
    layer.out = (out + 3) / 4 * 4;
    layer.padded = (out + width - 1) / width * width;
    const auto each = static_cast<std::size_t>(in) * static_cast<std::size_t>(layer.padded);
    layer.weights.assign(nets.size() * each, 0.0F);
    layer.bias.assign(nets.size() * static_cast<std::size_t>(layer.padded), 0.0F);
    for (std::size_t n = 0; n < nets.size(); ++n) {
      const float* parameters = nets[n]->parameters().data() + from;
      for (int o = 0; o < out; ++o) {
        for (int i = 0; i < in; ++i)
          layer.weights[n * each + static_cast<std::size_t>(o / width * in * width + i * width + o % width)] = parameters[static_cast<std::ptrdiff_t>(i) * out + o];
        layer.bias[n * static_cast<std::size_t>(layer.padded) + static_cast<std::size_t>(o)] = parameters[static_cast<std::ptrdiff_t>(in) * out + o];
      }
    }
    const Activation hidden = nets.front()->hidden();
    if (l + 2 < widths.size()) layer.activation = hidden == Activation::relu ? 1 : hidden == Activation::silu ? 2 : 0;
    from += static_cast<std::size_t>(in + 1) * static_cast<std::size_t>(out);
    widest_ = std::max(widest_, layer.padded);
    layers_.push_back(std::move(layer));
  }
}

std::size_t FastMlps::scratch() const { return 2 * static_cast<std::size_t>(widest_) * static_cast<std::size_t>(std::max(lanes, nets_)); }

const float* FastMlps::forward(int net, const float* x, float* scratch) const {
  const Kernels kernels = bytes_ == 0 ? widest : kernels_of(bytes_);
  const float* in = x;
  float *out = scratch, *other = scratch + static_cast<std::ptrdiff_t>(widest_) * lanes;
  for (const Layer& layer : layers_) {
    const std::ptrdiff_t each = static_cast<std::ptrdiff_t>(layer.in) * layer.padded;
    kernels.rows(layer.weights.data() + net * each, layer.bias.data() + static_cast<std::ptrdiff_t>(net) * layer.padded, in, out, layer.in, layer.out, layer.activation);
    in = out;
    std::swap(out, other);
  }
  return in;
}

const float* FastMlps::forward_one(const float* x, float* scratch, int& stride) const {
  const Kernels kernels = bytes_ == 0 ? widest : kernels_of(bytes_);
  const float* in = x;
  long apart = 0;
  float *out = scratch, *other = scratch + static_cast<std::ptrdiff_t>(widest_) * nets_;
  for (const Layer& layer : layers_) {
    kernels.row(layer.weights.data(), layer.bias.data(), in, apart, out, widest_, nets_, layer.in, layer.padded, layer.activation);
    in = out;
    apart = widest_;
    std::swap(out, other);
  }
  stride = widest_;
  return in;
}

void FastMlps::add(const float* out, std::size_t count, float* sum, float* squares) const {
  (bytes_ == 0 ? widest : kernels_of(bytes_)).add(out, static_cast<long>(count), sum, squares);
}

void FastMlps::finish(const float* base, std::size_t count, float* sum, const float* squares, float* spread) const {
  (bytes_ == 0 ? widest : kernels_of(bytes_)).finish(base, static_cast<long>(count), static_cast<float>(nets_), sum, squares, spread);
}

}  // namespace gnomon::surrogate
