#include "cosim/operands.hpp"

#include <string>

#include "gnomon/base/random.hpp"

namespace gnomon::hls {

using arch::Dim;

std::int64_t wrap(std::uint64_t value, int bits) {
  const int unused = 64 - bits;
  return static_cast<std::int64_t>(value << unused) >> unused;
}

Expected<Operands> empty_operands(const arch::ArrayWork& work) {
  constexpr std::int64_t limit = std::int64_t{1} << 27;
  Operands o;
  const auto product = [](std::initializer_list<std::int64_t> factors) {
    std::int64_t total = 1;
    for (const std::int64_t f : factors) {
      if (f < 1 || total > limit / f) return limit + 1;
      total *= f;
    }
    return total;
  };
  for (int d = 0; d < arch::dim_count; ++d) o.extent[d] = work.extent[d];
  std::int64_t ifmap = product({o.size(Dim::g), o.size(Dim::m), o.size(Dim::k)});
  std::int64_t filter = product({o.size(Dim::g), o.size(Dim::k), o.size(Dim::n)});
  if (work.window) {
    const workloads::Convolution& c = *work.window;
    if (c.transposed) return fail(ErrorKind::unsupported, "co-simulation of a transposed convolution as one product");
    o.window = c;
    ifmap = product({c.batch, c.in_channels, c.in[0], c.in[1]});
    filter = product({c.out_channels, c.in_channels / std::max<std::int64_t>(1, c.groups), c.kernel[0], c.kernel[1]});
    if (c.groups != o.size(Dim::g) || product({c.batch, c.out[0], c.out[1]}) != o.size(Dim::m) ||
        c.out_channels != o.size(Dim::n) * c.groups || c.in_channels / c.groups * c.kernel[0] * c.kernel[1] != o.size(Dim::k))
      return fail(ErrorKind::run_failed, "the convolution's geometry and its product do not agree");
  }
  if (ifmap > limit || filter > limit || product({o.size(Dim::g), o.size(Dim::m), o.size(Dim::n)}) > limit)
    return fail(ErrorKind::unsupported, "co-simulation of a tensor with more than " + std::to_string(limit) + " elements");
  o.ifmap.resize(static_cast<std::size_t>(ifmap));
  o.filter.resize(static_cast<std::size_t>(filter));
  return o;
}

void fill_random(Operands& operands, int bits, std::uint64_t seed) {
  const auto fill = [&](std::vector<std::int32_t>& values, std::string_view name) {
    Random random(derive(seed, name));
    for (std::int32_t& value : values) value = static_cast<std::int32_t>(wrap(random.next(), bits));
  };
  fill(operands.ifmap, "ifmap");
  fill(operands.filter, "filter");
}

IfmapAddress::Row IfmapAddress::row(std::int64_t g, std::int64_t m) const {
  if (!operands_.window) return {(g * operands_.size(Dim::m) + m) * operands_.size(Dim::k), 0, 0};
  const workloads::Convolution& c = *operands_.window;
  const std::int64_t pixels = c.out[0] * c.out[1], image = m / pixels, pixel = m % pixels;
  const std::int64_t channel = g * (c.in_channels / c.groups);
  return {(image * c.in_channels + channel) * c.in[0] * c.in[1], pixel / c.out[1] * c.stride[0] - c.pad_begin[0],
          pixel % c.out[1] * c.stride[1] - c.pad_begin[1]};
}

IfmapAddress::Tap IfmapAddress::tap(std::int64_t k) const {
  if (!operands_.window) return {k, 0, 0};
  const workloads::Convolution& c = *operands_.window;
  const std::int64_t taps = c.kernel[0] * c.kernel[1];
  return {k / taps * c.in[0] * c.in[1], k % taps / c.kernel[1] * c.dilation[0], k % c.kernel[1] * c.dilation[1]};
}

std::int64_t IfmapAddress::operator()(const Row& row, const Tap& tap) const {
  if (!operands_.window) return row.base + tap.base;
  const workloads::Convolution& c = *operands_.window;
  const std::int64_t y = row.y + tap.y, x = row.x + tap.x;
  if (y < 0 || y >= c.in[0] || x < 0 || x >= c.in[1]) return -1;
  return row.base + tap.base + y * c.in[1] + x;
}

std::int64_t filter_index(const Operands& o, std::int64_t g, std::int64_t k, std::int64_t n) {
  if (o.window) return (g * o.size(Dim::n) + n) * o.size(Dim::k) + k;
  return (g * o.size(Dim::k) + k) * o.size(Dim::n) + n;
}

std::vector<std::int64_t> reference_outputs(const Operands& o, int accumulator_bits) {
  const std::int64_t G = o.size(Dim::g), M = o.size(Dim::m), N = o.size(Dim::n), K = o.size(Dim::k);
  std::vector<std::uint64_t> sums(static_cast<std::size_t>(o.outputs()));
  if (!o.window) {
    for (std::int64_t g = 0; g < G; ++g)
      for (std::int64_t m = 0; m < M; ++m)
        for (std::int64_t k = 0; k < K; ++k) {
          const std::int64_t left = o.ifmap[static_cast<std::size_t>((g * M + m) * K + k)];
          const std::int32_t* right = &o.filter[static_cast<std::size_t>((g * K + k) * N)];
          std::uint64_t* out = &sums[static_cast<std::size_t>((g * M + m) * N)];
          for (std::int64_t n = 0; n < N; ++n) out[n] += static_cast<std::uint64_t>(left * right[n]);
        }
  } else {
    const workloads::Convolution& c = *o.window;
    const std::int64_t channels = c.in_channels / c.groups, filters = c.out_channels / c.groups;
    // One tap at a time over a row of output pixels.
    std::vector<std::uint64_t> line(static_cast<std::size_t>(c.out[1]));
    for (std::int64_t image = 0; image < c.batch; ++image)
      for (std::int64_t f = 0; f < c.out_channels; ++f)
        for (std::int64_t oy = 0; oy < c.out[0]; ++oy) {
          std::fill(line.begin(), line.end(), 0);
          const std::int64_t g = f / filters;
          for (std::int64_t ch = 0; ch < channels; ++ch)
            for (std::int64_t ky = 0; ky < c.kernel[0]; ++ky) {
              const std::int64_t iy = oy * c.stride[0] + ky * c.dilation[0] - c.pad_begin[0];
              if (iy < 0 || iy >= c.in[0]) continue;
              const std::int32_t* pixels =
                  &o.ifmap[static_cast<std::size_t>(((image * c.in_channels + g * channels + ch) * c.in[0] + iy) * c.in[1])];
              for (std::int64_t kx = 0; kx < c.kernel[1]; ++kx) {
                const std::int64_t weight =
                    o.filter[static_cast<std::size_t>(((f * channels + ch) * c.kernel[0] + ky) * c.kernel[1] + kx)];
                for (std::int64_t ox = 0; ox < c.out[1]; ++ox) {
                  const std::int64_t ix = ox * c.stride[1] + kx * c.dilation[1] - c.pad_begin[1];
                  if (ix >= 0 && ix < c.in[1])
                    line[static_cast<std::size_t>(ox)] += static_cast<std::uint64_t>(weight * pixels[ix]);
                }
              }
            }
          for (std::int64_t ox = 0; ox < c.out[1]; ++ox) {
            const std::int64_t m = (image * c.out[0] + oy) * c.out[1] + ox;
            sums[static_cast<std::size_t>((g * M + m) * N + f % filters)] = line[static_cast<std::size_t>(ox)];
          }
        }
  }
  std::vector<std::int64_t> out(sums.size());
  for (std::size_t i = 0; i < sums.size(); ++i) out[i] = wrap(sums[i], accumulator_bits);
  return out;
}

}  // namespace gnomon::hls
