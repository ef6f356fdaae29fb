#include "design/tile_words.hpp"

#include <algorithm>
#include <numeric>

namespace gnomon::hls {

using arch::Dim;
using arch::TileRange;

namespace {

std::size_t at(Dim dim) { return static_cast<std::size_t>(dim); }

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/// Where the first of an inner tile's positions lies among those of an outer one; where the former are evenly apart, the latter are too.
std::int64_t place_in(const Touched& inner, const Touched& outer) {
  return outer.shared ? (inner.begin - outer.begin) / outer.step : inner.out * outer.out_step + inner.tap * outer.tap_step - outer.origin;
}

}  // namespace

TilePlaces::TilePlaces(const arch::ArrayWork& work) : work_(work) {
  for (std::size_t d = 0; d < arch::dim_count; ++d) size_[d] = work.extent[d];
  const auto* c = work.window ? &*work.window : nullptr;
  windowed_ = c != nullptr && !(c->kernel[0] == 1 && c->kernel[1] == 1 && c->stride[0] == 1 && c->stride[1] == 1 && c->pad_begin[0] == 0 &&
                                c->pad_begin[1] == 0 && c->in[0] == c->out[0] && c->in[1] == c->out[1]);
}

/// Outputs first..last (included); `shared`: as if they shared positions, so that there may be some that none of them reads.
Touched TilePlaces::touched(int axis, std::int64_t first, std::int64_t last, bool shared) const {
  const workloads::Convolution& c = *work_.window;
  const std::int64_t taps = c.kernel[axis], outputs = last - first + 1, stride = c.stride[axis], dilation = taps == 1 ? stride : c.dilation[axis];
  const std::int64_t apart = std::gcd(stride, dilation), from = first * stride - c.pad_begin[axis], to = last * stride - c.pad_begin[axis] + (taps - 1) * dilation;
  Touched t;
  const bool evenly = (stride == apart && outputs * apart >= dilation) || (dilation == apart && taps * apart >= stride);
  if (!shared && !evenly) {
    // In rising order what lies in the padding is at the beginning and the end. Two outputs read one position where they are dilation / apart of them and stride / apart taps away from each other.
    const bool rising_outputs = outputs == 1 || (taps - 1) * dilation < stride, rising_taps = (outputs - 1) * stride < dilation;
    const bool apart_inside = from >= 0 && to < c.in[axis] && (outputs * apart <= dilation || taps * apart <= stride);
    t.by_output = rising_outputs;
    t.shared = !rising_outputs && !rising_taps && !apart_inside;
  }
  if (t.shared) {
    t.begin = from < 0 ? from + (apart - 1 - from) / apart * apart : from;
    t.count = std::max<std::int64_t>(0, floor_div(std::min(c.in[axis] - 1, to) - t.begin, apart) + 1);
    t.block = t.count;
    t.step = apart;
    t.out_step = stride / apart;
    t.tap_step = dilation / apart;
    t.origin = (c.pad_begin[axis] + t.begin) / apart;
    return t;
  }
  t.step = t.by_output ? dilation : stride;
  t.stride = t.by_output ? stride : dilation;
  t.block = t.by_output ? taps : outputs;
  const std::int64_t all = taps * outputs, blocks = all / t.block;
  const auto position = [&](std::int64_t place) { return from + place / t.block * t.stride + place % t.block * t.step; };
  std::int64_t skipped = 0, end = all;
  if (from < 0) {
    const std::int64_t padded = std::clamp<std::int64_t>(floor_div(-1 - from - (t.block - 1) * t.step, t.stride) + 1, 0, blocks);
    skipped = padded * t.block;
    while (skipped < all && position(skipped) < 0) ++skipped;
  }
  if (to >= c.in[axis]) {
    end = std::clamp<std::int64_t>(floor_div(c.in[axis] - 1 - from, t.stride) + 1, 0, blocks) * t.block;
    while (end > skipped && position(end - 1) >= c.in[axis]) --end;
  }
  t.count = std::max<std::int64_t>(0, end - skipped);
  t.begin = position(skipped);
  t.start = skipped % t.block;
  t.out_step = t.by_output ? taps : 1;
  t.tap_step = t.by_output ? 1 : outputs;
  t.origin = first * t.out_step + skipped;
  t.out = first + (t.by_output ? skipped / taps : skipped % outputs);
  t.tap = t.by_output ? skipped % taps : skipped / outputs;
  if (!t.blocks()) {
    t.start = 0;
    t.block = t.count;
  }
  return t;
}

/// A block of a tensor [g][outer][inner], packed in the level.
TileWords TilePlaces::block_words(const TileRange& r, Dim outer, Dim inner) const {
  TileWords w;
  const std::int64_t rows = size_[at(outer)], columns = size_[at(inner)];
  w.elements = r.size(Dim::g) * r.size(outer) * r.size(inner);
  w.loops = {{r.size(inner), 1}, {r.size(outer), columns}, {r.size(Dim::g), rows * columns}};
  w.mem = (r.begin[at(Dim::g)] * rows + r.begin[at(outer)]) * columns + r.begin[at(inner)];
  w.step[at(inner)] = 1;
  w.step[at(outer)] = r.size(inner);
  w.step[at(Dim::g)] = r.size(outer) * r.size(inner);
  return w;
}

TileWords TilePlaces::of(std::size_t operand, const TileRange& r) const {
  const bool images = work_.window.has_value();
  if (images && work_.window->batch > 1 && operand != 1 && !(operand == 0 && windowed_)) return pixel_words(r, operand == 0 ? Dim::k : Dim::n);
  if (operand == 0) return windowed_ ? window_words(r) : images ? block_words(r, Dim::k, Dim::m) : block_words(r, Dim::m, Dim::k);
  if (operand == 1) return images ? block_words(r, Dim::n, Dim::k) : block_words(r, Dim::k, Dim::n);
  return images ? block_words(r, Dim::n, Dim::m) : block_words(r, Dim::m, Dim::n);
}

/// Pixels of neighbouring images, channel by channel.
TileWords TilePlaces::pixel_words(const TileRange& r, Dim channel) const {
  TileWords w;
  const std::int64_t pixels = work_.window->out[0] * work_.window->out[1], channels = size_[at(channel)];
  const std::int64_t m = r.size(Dim::m), first = r.begin[at(Dim::m)];
  w.elements = r.size(Dim::g) * r.size(channel) * m;
  w.rows_span = {pixels, first % pixels, m, 1, size_[at(Dim::g)] * channels * pixels};
  w.loops = {{1, 0}, {r.size(channel), pixels}, {r.size(Dim::g), channels * pixels}};
  w.mem = first / pixels * w.rows_span.stride + (r.begin[at(Dim::g)] * channels + r.begin[at(channel)]) * pixels + w.rows_span.start;
  w.step[at(Dim::m)] = 1;
  w.step[at(channel)] = m;
  w.step[at(Dim::g)] = r.size(channel) * m;
  return w;
}

TileWords TilePlaces::window_words(const TileRange& r) const {
  TileWords w;
  const std::int64_t g = r.size(Dim::g), m = r.size(Dim::m), k = r.size(Dim::k);
  const std::int64_t g0 = r.begin[at(Dim::g)], m0 = r.begin[at(Dim::m)], k0 = r.begin[at(Dim::k)];
  const workloads::Convolution& c = *work_.window;
  const std::int64_t taps = c.kernel[0] * c.kernel[1], width = c.out[1], last = m0 + m - 1;
  const std::int64_t pixels = c.out[0] * width, image1 = last / pixels;
  std::int64_t image0 = m0 / pixels;
  const std::int64_t row1 = last % pixels / width;
  std::int64_t row0 = m0 % pixels / width;
  const bool one_row = image0 == image1 && row0 == row1;
  // Rows of an image in the midst, and those before and behind it, lie alike.
  const auto rows = [&](std::int64_t first, std::int64_t end) { return touched(0, first, end, m0 / pixels != image1); };
  Touched y = rows(row0, image0 == image1 ? row1 : c.out[0] - 1);
  if (y.count == 0 && image0 != image1) {  // padding alone: what is read begins in the next image
    ++image0;
    row0 = 0;
    y = rows(row0, image0 == image1 ? row1 : c.out[0] - 1);
  }
  const Touched x = one_row ? touched(1, m0 % width, last % width) : touched(1, 0, width - 1);
  w.first_channel = k0 / taps;
  const std::int64_t channels = (k0 + k - 1) / taps - w.first_channel + 1;
  w.mem = ((image0 * c.in_channels + g0 * (c.in_channels / c.groups) + w.first_channel) * c.in[0] + y.begin) * c.in[1] + x.begin;
  std::int64_t row_count = y.count;
  const bool spread = y.blocks() || x.blocks();
  if (spread) w.columns_span = {x.block, x.start, x.count, x.step, x.stride};
  if (c.batch > 1 || spread) w.rows_span = {y.block, y.start, y.count, y.step * c.in[1], y.stride * c.in[1]};
  if (c.batch > 1) {
    const Touched all = rows(0, c.out[0] - 1);
    if (!y.blocks()) w.rows_span.stride = c.in_channels * c.in[0] * c.in[1];
    if (image0 != image1) {
      w.rows_span.count = all.count;
      w.rows_span.start = (y.begin - all.begin) / y.step;
      w.rows_span.total = row_count = y.count + (image1 - image0 - 1) * all.count + rows(0, row1).count;
    }
    w.first_image = image0;
    w.image_rows = all.count;
    w.image_words = all.count * x.count;
  }
  w.elements = g * channels * row_count * x.count;
  w.loops = {{x.count, x.step}, {row_count, y.step * c.in[1]}, {channels, c.in[0] * c.in[1]}, {g, c.in_channels / c.groups * c.in[0] * c.in[1]}};
  if (w.rows_span.total > 0) w.loops.erase(w.loops.begin() + 1);
  w.y = y;
  w.x = x;
  w.y.count = row_count;
  if (!y.blocks()) w.y.block = row_count;
  w.channels = channels;
  w.channel = row_count * x.count;
  w.step[at(Dim::g)] = channels * w.channel;
  w.tap_y = y.tap_step * x.count;
  w.tap_x = x.tap_step;
  w.m_row = y.out_step * x.count;
  w.step[at(Dim::m)] = x.out_step;
  w.y_origin = y.origin * x.count;
  w.x_origin = x.origin;
  return w;
}

InnerWords TilePlaces::inside(std::size_t operand, const TileRange& inner, const TileWords& words, const TileRange& outer, const TileWords& around) const {
  InnerWords out;
  const auto along = [&](Dim dim) {
    out.offset += (inner.begin[at(dim)] - outer.begin[at(dim)]) * around.step[at(dim)];
    out.loops.push_back({inner.size(dim), around.step[at(dim)]});
  };
  if (operand != 0 || !windowed_) {
    const bool images = work_.window.has_value();
    const Dim far = operand == 1 ? (images ? Dim::n : Dim::k) : images ? (operand == 0 ? Dim::k : Dim::n) : Dim::m;
    const Dim near = operand == 1 ? (images ? Dim::k : Dim::n) : images ? Dim::m : operand == 0 ? Dim::k : Dim::n;
    along(near);
    along(far);
    along(Dim::g);
    return out;
  }
  // Rows of neighbouring images follow each other in both.
  const Touched &y = words.y, &x = words.x, &rows = around.y, &columns = around.x;
  out.offset = (words.first_channel - around.first_channel) * around.channel + ((words.first_image - around.first_image) * around.image_rows + place_in(y, rows)) * columns.count + place_in(x, columns);
  // From one of the inner tile's positions to the next in its block, and from block to block, in the outer tile.
  const auto span = [](const Touched& t, const Touched& in, std::int64_t scale) {
    const std::int64_t out_step = (t.shared ? 1 : in.out_step) * scale, tap_step = (t.shared ? 1 : in.tap_step) * scale;
    return t.by_output ? BlockSpan{t.block, t.start, t.count, tap_step, out_step} : BlockSpan{t.block, t.start, t.count, out_step, tap_step};
  };
  const BlockSpan row_span = span(y, rows, columns.count), column_span = span(x, columns, 1);
  out.loops = {{x.count, column_span.step}, {y.count, row_span.step}, {words.channels, around.channel}};
  along(Dim::g);
  if (y.blocks() || x.blocks()) {
    out.rows_span = row_span;
    out.columns_span = column_span;
    out.loops.erase(out.loops.begin() + 1);
  }
  return out;
}

}  // namespace gnomon::hls
