#include "design/tile_words.hpp"

#include <algorithm>

namespace gnomon::hls {

using arch::Dim;
using arch::TileRange;

namespace {

std::size_t at(Dim dim) { return static_cast<std::size_t>(dim); }

}  // namespace

/// Positions of one axis that outputs first..last read.
struct TilePlaces::Touched {
  std::int64_t begin = 0, count = 0, step = 1;
  bool dense = true;  ///< neighbours; else one for each output
};

TilePlaces::TilePlaces(const arch::ArrayWork& work) : work_(work) {
  for (std::size_t d = 0; d < arch::dim_count; ++d) size_[d] = work.extent[d];
  const auto* c = work.window ? &*work.window : nullptr;
  windowed_ = c != nullptr && !(c->kernel[0] == 1 && c->kernel[1] == 1 && c->stride[0] == 1 && c->stride[1] == 1 && c->pad_begin[0] == 0 &&
                                c->pad_begin[1] == 0 && c->in[0] == c->out[0] && c->in[1] == c->out[1]);
}

TilePlaces::Touched TilePlaces::touched(int axis, std::int64_t first, std::int64_t last) const {
  const workloads::Convolution& c = *work_.window;
  Touched t;
  if (c.kernel[axis] == 1 && c.stride[axis] > 1) {
    const std::int64_t low = std::max(first, (c.pad_begin[axis] + c.stride[axis] - 1) / c.stride[axis]);
    const std::int64_t high = std::min(last, (c.in[axis] - 1 + c.pad_begin[axis]) / c.stride[axis]);
    return {low * c.stride[axis] - c.pad_begin[axis], std::max<std::int64_t>(0, high - low + 1), c.stride[axis], false};
  }
  t.begin = std::max<std::int64_t>(0, first * c.stride[axis] - c.pad_begin[axis]);
  const std::int64_t end = std::min(c.in[axis], last * c.stride[axis] - c.pad_begin[axis] + c.kernel[axis]);
  t.count = std::max<std::int64_t>(0, end - t.begin);
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
  w.images = {pixels, first % pixels, m, 1, size_[at(Dim::g)] * channels * pixels};
  w.loops = {{1, 0}, {r.size(channel), pixels}, {r.size(Dim::g), channels * pixels}};
  w.mem = first / pixels * w.images.stride + (r.begin[at(Dim::g)] * channels + r.begin[at(channel)]) * pixels + w.images.start;
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
  Touched y = touched(0, row0, image0 == image1 ? row1 : c.out[0] - 1);
  if (y.count == 0 && image0 != image1) {  // padding alone: what is read begins in the next image
    ++image0;
    row0 = 0;
    y = touched(0, row0, image0 == image1 ? row1 : c.out[0] - 1);
  }
  const Touched x = one_row ? touched(1, m0 % width, last % width) : touched(1, 0, width - 1);
  w.first_channel = k0 / taps;
  const std::int64_t channels = (k0 + k - 1) / taps - w.first_channel + 1;
  w.elements = g * channels * y.count * x.count;
  w.loops = {{x.count, x.step}, {y.count, y.step * c.in[1]}, {channels, c.in[0] * c.in[1]}, {g, c.in_channels / c.groups * c.in[0] * c.in[1]}};
  w.mem = ((image0 * c.in_channels + g0 * (c.in_channels / c.groups) + w.first_channel) * c.in[0] + y.begin) * c.in[1] + x.begin;
  if (c.batch > 1) {
    const Touched all = touched(0, 0, c.out[0] - 1);
    w.images = {y.count, 0, y.count, y.step * c.in[1], c.in_channels * c.in[0] * c.in[1]};
    if (image0 != image1) {
      w.images.count = all.count;
      w.images.start = (y.begin - all.begin) / y.step;
      w.images.total = y.count + (image1 - image0 - 1) * all.count + touched(0, 0, row1).count;
      y.count = w.images.total;
      w.elements = g * channels * y.count * x.count;
    }
    w.loops = {{x.count, x.step}, {channels, c.in[0] * c.in[1]}, {g, c.in_channels / c.groups * c.in[0] * c.in[1]}};
    w.first_image = image0;
    w.image_rows = all.count;
    w.image_words = all.count * x.count;
  }
  w.y = y.begin;
  w.y_step = y.step;
  w.rows = y.count;
  w.x = x.begin;
  w.x_step = x.step;
  w.columns = x.count;
  w.channels = channels;
  w.channel = y.count * x.count;
  w.step[at(Dim::g)] = channels * w.channel;
  w.tap_y = x.count;
  w.tap_x = 1;
  w.m_row = (y.dense ? c.stride[0] : 1) * x.count;
  w.step[at(Dim::m)] = x.dense ? c.stride[1] : 1;
  w.y_origin = y.dense ? (c.pad_begin[0] + y.begin) * x.count : (y.begin + c.pad_begin[0]) / c.stride[0] * x.count;
  w.x_origin = x.dense ? c.pad_begin[1] + x.begin : (x.begin + c.pad_begin[1]) / c.stride[1];
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
  out.offset = (words.first_channel - around.first_channel) * around.channel +
               ((words.first_image - around.first_image) * around.image_rows + (words.y - around.y) / around.y_step) * around.columns + (words.x - around.x) / around.x_step;
  out.loops = {{words.columns, 1}, {words.rows, around.columns}, {words.channels, around.channel}};
  along(Dim::g);
  return out;
}

}  // namespace gnomon::hls
