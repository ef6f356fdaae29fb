#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "gnomon/arch/lowering.hpp"
#include "gnomon/arch/mapping.hpp"

namespace gnomon::hls {

/// Positions in blocks of `count`, `step` apart, a block `stride` behind the one before it: `total` of them, from `start` in the first block on. Rows (or pixels) of neighbouring images, whose
/// blocks are the images; rows or columns of a window that leaves some out.
struct BlockSpan {
  std::int64_t count = 0, start = 0, total = 0, step = 0, stride = 0;  ///< total 0: none
};

/// Positions of one axis of an image that neighbouring outputs read, in the order in which they lie in a level, packed. Tap t of output o lies at o x out_step + t x tap_step - origin there.
/// Where outputs share positions these are evenly apart (one block); else they are the positions of one output after the other, or of one tap after the other: a block each.
struct Touched {
  std::int64_t begin = 0, count = 0;               ///< the first one; how many
  std::int64_t block = 0, start = 0;               ///< positions of a block; the first one's place in its block
  std::int64_t step = 1, stride = 0;               ///< from position to position in a block; from block to block
  std::int64_t out_step = 1, tap_step = 1, origin = 0;
  std::int64_t out = 0, tap = 0;                   ///< of the first position
  bool shared = true, by_output = false;           ///< evenly apart; else blocks are outputs', or taps'
  bool blocks() const { return start + count > block; }
};

/// How a tile's words lie in memory and level.
struct TileWords {
  std::int64_t elements = 0, mem = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> loops;  ///< in the memory: count, stride; innermost first
  // Local places, in elements: along the dimensions; of a window's ifmap m is along an output pixel's column, the others along its row and a tap's
  // column, row and channel.
  std::int64_t step[arch::dim_count] = {};
  std::int64_t m_row = 0, tap_x = 0, tap_y = 0, channel = 0;
  std::int64_t y_origin = 0, x_origin = 0, first_channel = 0;
  BlockSpan rows_span;     ///< of several images, or where rows or columns are left out
  BlockSpan columns_span;  ///< where rows or columns are left out
  std::int64_t first_image = 0, image_words = 0;  ///< words of a channel of an image in the midst
  // Of a window's ifmap: which rows and columns of the image it holds, in how many channels; rows of an image in the midst.
  Touched y, x;
  std::int64_t channels = 0, image_rows = 0;
};

/// Where the words of an inner tile lie inside an outer one, as that lies in its level.
struct InnerWords {
  std::int64_t offset = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> loops;
  BlockSpan rows_span, columns_span;
};

/// The places of the tiles of array work. Of convolutions, activations lie channel by channel and filters one after the other; matrices lie row by row.
class TilePlaces {
 public:
  explicit TilePlaces(const arch::ArrayWork& work);
  /// The ifmap is read through a window; else pixels are rows of a matrix.
  bool windowed() const { return windowed_; }
  TileWords of(std::size_t operand, const arch::TileRange& range) const;
  InnerWords inside(std::size_t operand, const arch::TileRange& inner, const TileWords& words, const arch::TileRange& outer, const TileWords& around) const;

 private:
  const arch::ArrayWork& work_;
  bool windowed_ = false;
  std::int64_t size_[arch::dim_count] = {};

  Touched touched(int axis, std::int64_t first, std::int64_t last, bool shared = false) const;
  TileWords block_words(const arch::TileRange& r, arch::Dim outer, arch::Dim inner) const;
  TileWords pixel_words(const arch::TileRange& r, arch::Dim channel) const;
  TileWords window_words(const arch::TileRange& r) const;
};

}  // namespace gnomon::hls
