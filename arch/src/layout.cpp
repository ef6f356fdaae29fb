#include "gnomon/arch/layout.hpp"

#include <algorithm>

namespace gnomon::arch {
namespace {

/// Collects pieces in ascending order, in elements.
class Runs {
 public:
  Runs(int bits, std::vector<ByteRun>& out) : bits_(static_cast<std::uint64_t>(bits)), out_(out) { out_.clear(); }

  void add(std::int64_t first, std::int64_t elements) {
    const std::uint64_t begin = static_cast<std::uint64_t>(first) * bits_ / 8;
    const std::uint64_t end = (static_cast<std::uint64_t>(first + elements) * bits_ + 7) / 8;
    if (!out_.empty() && begin <= out_.back().offset + static_cast<std::uint64_t>(out_.back().bytes)) {
      out_.back().bytes = static_cast<std::int64_t>(end - out_.back().offset);
    } else {
      out_.push_back({begin, static_cast<std::int64_t>(end - begin)});
    }
  }

 private:
  std::uint64_t bits_;
  std::vector<ByteRun>& out_;
};

std::int64_t begin(const TileRange& range, Dim dim) { return range.begin[static_cast<int>(dim)]; }
std::int64_t end(const TileRange& range, Dim dim) { return range.end[static_cast<int>(dim)]; }

/// A tile of a stack of row-major matrices.
void matrix_runs(const TileRange& range, Dim row, Dim col, std::int64_t rows, std::int64_t cols, Runs& out) {
  for (std::int64_t g = begin(range, Dim::g); g < end(range, Dim::g); ++g) {
    const std::int64_t base = g * rows * cols;
    if (range.size(col) == cols) {
      out.add(base + begin(range, row) * cols, range.size(row) * cols);
      continue;
    }
    for (std::int64_t r = begin(range, row); r < end(range, row); ++r) out.add(base + r * cols + begin(range, col), range.size(col));
  }
}

/// Output pixels first..last (included) of one image, cut from the M range.
struct ImagePart {
  std::int64_t image, first, last;
};
std::vector<ImagePart> image_parts(const workloads::Convolution& c, const TileRange& range) {
  const std::int64_t pixels = c.out[0] * c.out[1];
  std::vector<ImagePart> parts;
  for (std::int64_t m = begin(range, Dim::m); m < end(range, Dim::m);) {
    const std::int64_t image = m / pixels, last = std::min(end(range, Dim::m), (image + 1) * pixels) - 1;
    parts.push_back({image, m - image * pixels, last - image * pixels});
    m = last + 1;
  }
  return parts;
}

/// Positions of an axis that outputs first..last touch, ascending.
std::vector<std::int64_t> touched_positions(const workloads::Convolution& c, std::size_t axis, std::int64_t first, std::int64_t last) {
  std::vector<char> seen(static_cast<std::size_t>(c.in[axis]), 0);
  for (std::int64_t tap = 0; tap < c.kernel[axis]; ++tap) {
    for (std::int64_t o = first; o <= last; ++o) {
      const std::int64_t at = o * c.stride[axis] + tap * c.dilation[axis] - c.pad_begin[axis];
      if (at >= 0 && at < c.in[axis]) seen[static_cast<std::size_t>(at)] = 1;
    }
  }
  std::vector<std::int64_t> positions;
  for (std::size_t at = 0; at < seen.size(); ++at) {
    if (seen[at]) positions.push_back(static_cast<std::int64_t>(at));
  }
  return positions;
}

void window_input_runs(const workloads::Convolution& c, const TileRange& range, Runs& out) {
  const std::int64_t taps = c.kernel[0] * c.kernel[1], per_group = c.in_channels / c.groups;
  const std::int64_t first_channel = begin(range, Dim::k) / taps, last_channel = (end(range, Dim::k) - 1) / taps;
  const std::int64_t plane = c.in[0] * c.in[1];
  for (const ImagePart& part : image_parts(c, range)) {
    const std::int64_t first_row = part.first / c.out[1], last_row = part.last / c.out[1];
    const bool one_row = first_row == last_row;
    const auto rows = touched_positions(c, 0, first_row, last_row);
    const auto cols = touched_positions(c, 1, one_row ? part.first % c.out[1] : 0, one_row ? part.last % c.out[1] : c.out[1] - 1);
    if (rows.empty() || cols.empty()) continue;
    const std::int64_t width = cols.back() - cols.front() + 1;
    for (std::int64_t g = begin(range, Dim::g); g < end(range, Dim::g); ++g) {
      for (std::int64_t channel = first_channel; channel <= last_channel; ++channel) {
        const std::int64_t base = ((part.image * c.groups + g) * per_group + channel) * plane;
        for (const std::int64_t row : rows) out.add(base + row * c.in[1] + cols.front(), width);
      }
    }
  }
}

void window_output_runs(const workloads::Convolution& c, const TileRange& range, Runs& out) {
  const std::int64_t pixels = c.out[0] * c.out[1], per_group = c.out_channels / c.groups;
  for (const ImagePart& part : image_parts(c, range)) {
    for (std::int64_t g = begin(range, Dim::g); g < end(range, Dim::g); ++g) {
      for (std::int64_t n = begin(range, Dim::n); n < end(range, Dim::n); ++n) {
        out.add(((part.image * c.groups + g) * per_group + n) * pixels + part.first, part.last - part.first + 1);
      }
    }
  }
}

}  // namespace

std::int64_t stored_bytes(const ArrayWork& work, Operand operand, int bits) {
  TileRange whole;
  for (std::size_t d = 0; d < dim_count; ++d) whole.end[d] = work.extent[d];
  if (operand != Operand::ifmap || !work.window) return packed_bytes(tile_elements(work, operand, whole), bits);
  const workloads::Convolution& c = *work.window;
  return packed_bytes(c.batch * c.in_channels * c.in[0] * c.in[1], bits);
}

void memory_runs(const ArrayWork& work, Operand operand, const TileRange& range, int bits, std::vector<ByteRun>& out) {
  Runs runs(bits, out);
  for (std::size_t d = 0; d < dim_count; ++d) {
    if (range.end[d] <= range.begin[d]) return;
  }
  switch (operand) {
    case Operand::ifmap:
      if (work.window) return window_input_runs(*work.window, range, runs);
      return matrix_runs(range, Dim::m, Dim::k, work.size(Dim::m), work.size(Dim::k), runs);
    case Operand::filter:
      if (work.window) return matrix_runs(range, Dim::n, Dim::k, work.size(Dim::n), work.size(Dim::k), runs);
      return matrix_runs(range, Dim::k, Dim::n, work.size(Dim::k), work.size(Dim::n), runs);
    case Operand::ofmap:
      if (work.window) return window_output_runs(*work.window, range, runs);
      return matrix_runs(range, Dim::m, Dim::n, work.size(Dim::m), work.size(Dim::n), runs);
  }
}

}  // namespace gnomon::arch
