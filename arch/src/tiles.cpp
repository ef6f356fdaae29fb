#include <algorithm>
#include <cassert>
#include <numeric>

#include "gnomon/arch/mapping.hpp"

namespace gnomon::arch {
namespace {

/// Division of non-negative numbers; the 32-bit instruction is several times faster, and nearly all sizes fit.
std::int64_t quotient(std::int64_t a, std::int64_t b) {
  if (((a | b) >> 32) == 0) return static_cast<std::uint32_t>(a) / static_cast<std::uint32_t>(b);
  return a / b;
}
std::int64_t ceil_quotient(std::int64_t a, std::int64_t b) {
  return quotient(a + b - 1, b);
}
std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  return a >= 0 ? quotient(a, b) : -quotient(-a + b - 1, b);
}

/// One spatial axis of a convolution.
struct Axis {
  std::int64_t in, kernel, stride, dilation, pad;
};
Axis axis(const workloads::Convolution& c, int which) {
  return {c.in[which], c.kernel[which], c.stride[which], c.dilation[which], c.pad_begin[which]};
}

/// Distinct real positions that outputs first..last (included) touch on an axis.
///
/// Tap t of output o reads position o x stride + t x dilation - pad. With position = stride x index + residue, the taps of one
/// residue class cover intervals of `index` of the same length, shifted by equal distances: one interval where they touch each
/// other, else disjoint ones.
std::int64_t touched(const Axis& a, std::int64_t first, std::int64_t last) {
  if (a.stride == 1 && (a.kernel == 1 || a.dilation == 1)) {
    const std::int64_t low = std::max<std::int64_t>(first - a.pad, 0);
    const std::int64_t high = std::min(last + a.kernel - 1 - a.pad, a.in - 1);
    return std::max<std::int64_t>(high - low + 1, 0);
  }
  const std::int64_t common = a.dilation == 1 ? 1 : std::gcd(a.stride, a.dilation);
  const std::int64_t period = a.stride / common;  // taps t and t + period read the same residue
  const std::int64_t shift = a.dilation / common;
  const std::int64_t length = last - first + 1;
  std::int64_t count = 0;
  for (std::int64_t t = 0; t < std::min(a.kernel, period); ++t) {
    const std::int64_t offset = t * a.dilation - a.pad;
    const std::int64_t index = floor_div(offset, a.stride);
    const std::int64_t residue = offset - index * a.stride;
    if (residue >= a.in) continue;
    const std::int64_t highest = quotient(a.in - 1 - residue, a.stride);
    const std::int64_t members = ceil_quotient(a.kernel - t, period);
    const auto interval = [&](std::int64_t low, std::int64_t high) {
      return std::max<std::int64_t>(std::min(high, highest) - std::max<std::int64_t>(low, 0) + 1, 0);
    };
    if (shift <= length) {
      count += interval(first + index, last + index + (members - 1) * shift);
    } else {
      for (std::int64_t i = 0; i < members; ++i) count += interval(first + index + i * shift, last + index + i * shift);
    }
  }
  return count;
}

/// The same without padding or borders: the most that `length` neighbouring outputs can touch, at most the whole axis.
std::int64_t touched_most(const Axis& a, std::int64_t length) {
  const std::int64_t common = a.dilation == 1 ? 1 : std::gcd(a.stride, a.dilation);
  const std::int64_t period = a.stride / common;
  const std::int64_t shift = a.dilation / common;
  std::int64_t count = 0;
  for (std::int64_t t = 0; t < std::min(a.kernel, period); ++t) {
    const std::int64_t members = ceil_quotient(a.kernel - t, period);
    count += length + (members - 1) * std::min(shift, length);
  }
  return std::min(count, a.in);
}

std::int64_t channels_touched(const workloads::Convolution& c, std::int64_t begin, std::int64_t end) {
  const std::int64_t taps = c.kernel[0] * c.kernel[1];
  if (taps == 1) return end - begin;
  return quotient(end - 1, taps) - quotient(begin, taps) + 1;
}

/// Pixels that outputs first..last (included) of one image touch.
std::int64_t image_pixels(const workloads::Convolution& c, std::int64_t first, std::int64_t last) {
  const std::int64_t width = c.out[1];
  const std::int64_t first_row = quotient(first, width);
  const std::int64_t last_row = quotient(last, width);
  const std::int64_t rows = touched(axis(c, 0), first_row, last_row);
  if (first_row != last_row) return rows * touched(axis(c, 1), 0, width - 1);
  return rows * touched(axis(c, 1), first - first_row * width, last - first_row * width);
}

bool pointwise(const workloads::Convolution& c) {
  return c.kernel[0] == 1 && c.kernel[1] == 1 && c.stride[0] == 1 && c.stride[1] == 1 && c.pad_begin[0] == 0 &&
         c.pad_begin[1] == 0 && c.in[0] == c.out[0] && c.in[1] == c.out[1];
}

std::int64_t window_elements(const workloads::Convolution& c, const TileRange& range) {
  const std::int64_t channels =
      range.size(Dim::g) * channels_touched(c, range.begin[static_cast<int>(Dim::k)], range.end[static_cast<int>(Dim::k)]);
  const std::int64_t first = range.begin[static_cast<int>(Dim::m)];
  const std::int64_t last = range.end[static_cast<int>(Dim::m)] - 1;
  const std::int64_t image = c.out[0] * c.out[1];
  if (c.batch == 1) return channels * image_pixels(c, first, last);
  const std::int64_t first_image = quotient(first, image);
  const std::int64_t last_image = quotient(last, image);
  if (first_image == last_image) return channels * image_pixels(c, first - first_image * image, last - first_image * image);
  std::int64_t pixels = image_pixels(c, first - first_image * image, image - 1) + image_pixels(c, 0, last - last_image * image);
  if (last_image - first_image > 1) pixels += (last_image - first_image - 1) * image_pixels(c, 0, image - 1);
  return channels * pixels;
}

/// The most that an M range of `size` can touch when it begins at a multiple of `grid`.
std::int64_t window_most(const workloads::Convolution& c, std::int64_t size, std::int64_t grid) {
  const std::int64_t width = c.out[1];
  const std::int64_t image = c.out[0] * width;
  const auto spans = [&](std::int64_t unit) { return quotient(unit - std::gcd(grid, unit) + size - 1, unit) + 1; };
  const std::int64_t whole = image_pixels(c, 0, image - 1);
  const std::int64_t images = std::min(spans(image), c.batch);
  const std::int64_t rows = std::min(spans(width), c.out[0]);
  const std::int64_t cols = rows == 1 ? std::min(size, width) : width;
  const std::int64_t part = rows >= c.out[0] ? whole : touched_most(axis(c, 0), rows) * touched_most(axis(c, 1), cols);
  return images * std::min(part, whole);
}

}  // namespace

std::int64_t tile_elements(const ArrayWork& work, Operand operand, const TileRange& range) {
  switch (operand) {
    case Operand::filter:
      return range.size(Dim::g) * range.size(Dim::n) * range.size(Dim::k);
    case Operand::ofmap:
      return range.size(Dim::g) * range.size(Dim::m) * range.size(Dim::n);
    case Operand::ifmap:
      break;
  }
  if (!work.window || pointwise(*work.window)) return range.size(Dim::g) * range.size(Dim::m) * range.size(Dim::k);
  if (range.size(Dim::g) <= 0 || range.size(Dim::m) <= 0 || range.size(Dim::k) <= 0) return 0;
  return window_elements(*work.window, range);
}

std::int64_t largest_tile_elements(const ArrayWork& work, Operand operand, const TileRange& size, std::int64_t m_grid,
                                   std::int64_t k_grid) {
  if (operand != Operand::ifmap || !work.window || pointwise(*work.window)) return tile_elements(work, operand, size);
  const workloads::Convolution& c = *work.window;
  const std::int64_t taps = c.kernel[0] * c.kernel[1];
  const std::int64_t channels =
      std::min(quotient(taps - std::gcd(k_grid, taps) + size.size(Dim::k) - 1, taps) + 1, c.in_channels / c.groups);
  return size.size(Dim::g) * channels * window_most(c, size.size(Dim::m), m_grid);
}

std::int64_t packed_bytes(std::int64_t elements, int bits) {
  return elements / 8 * bits + (elements % 8 * bits + 7) / 8;
}

}  // namespace gnomon::arch
