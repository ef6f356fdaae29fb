#pragma once

#include <cstdint>
#include <vector>

#include "gnomon/arch/mapping.hpp"

namespace gnomon::sim::cycle {

using arch::Dim;
using arch::Loop;
using arch::Operand;
using arch::TileRange;

inline constexpr std::size_t no_loop = static_cast<std::size_t>(-1);

/// Counts through loops over tiles: an index and a range of its dimension for each loop; iterations that would be empty are left out.
class Odometer {
 public:
  /// The first `depth` of `loops`; the rest only counts in `leaves`.
  Odometer(std::vector<Loop> loops, std::size_t depth);
  /// Begins anew inside `range`.
  void reset(const TileRange& range);
  /// False after the last iteration; then only `reset` may follow.
  bool advance();
  const TileRange& range() const { return range_; }
  /// Position of the outermost loop over one of `dims` (a bit each) whose index changed in the last `advance`, or `no_loop`.
  std::size_t first_changed(unsigned dims) const;
  /// Iterations of the inner loops, from `depth` on, inside the present range.
  std::int64_t leaves() const;

 private:
  struct Frame {
    std::size_t dim = 0;
    std::int64_t count = 1;
    std::int64_t begin = 0, end = 0;  // the enclosing range
    std::int64_t size = 0, index = 0, iterations = 1;
    bool moved = false;
  };
  std::vector<Frame> frames_;
  std::vector<std::int64_t> inner_[arch::dim_count];
  TileRange range_;
  std::size_t turned_ = 0;  // the loop that went on in the last advance

  void enter(Frame& frame);
  static std::int64_t pieces(std::int64_t extent, const std::vector<std::int64_t>& counts, std::size_t from);
};

/// A level entry that keeps an operand.
struct Keeper {
  std::size_t entry = 0;    ///< index into StepMapping::levels
  std::size_t outside = 0;  ///< loops outside of it
  int slots = 1;
};

/// Walks the tiles of an operand in one level entry, in order, without visiting the array tiles inside them.
class TileCursor {
 public:
  /// `keepers`: the operand's chain without the memory, from the outermost to the entry whose tiles are walked.
  TileCursor(const arch::ArrayWork& work, const std::vector<Loop>& loops, Operand operand, const std::vector<Keeper>& keepers);

  bool live() const { return live_; }
  void next();

  std::int64_t index() const { return levels_.back().index; }
  /// The tile of the given keeper (counted from the outermost) that contains it, and whether that one begins with it.
  std::int64_t index(std::size_t keeper) const { return levels_[keeper].index; }
  bool begins(std::size_t keeper) const { return levels_[keeper].begins; }
  std::int64_t first() const { return first_; }  ///< first array tile that uses it
  std::int64_t last() const { return last_; }
  const TileRange& range() const { return range_; }
  bool from_k_begin() const { return k_begin_ == 0; }   ///< the K range of its first array tile begins at 0
  std::int64_t k_end() const { return k_end_; }         ///< where the K range of its last array tile ends
  /// Last array tile of the tile whose slot it takes, or -1.
  std::int64_t slot_trigger() const { return levels_.back().trigger; }
  /// The largest slot trigger of the tile and of all that contain it.
  std::int64_t fill_trigger() const;
  /// The tile of the next outer keeper that contains it; needs two keepers at least.
  std::int64_t parent_index() const { return levels_[levels_.size() - 2].index; }
  bool parent_from_k_begin() const { return levels_[levels_.size() - 2].k_begin == 0; }

 private:
  struct Nested {
    std::size_t outside = 0;
    int slots = 1;
    std::int64_t index = -1;
    std::int64_t last_of_before[2] = {-1, -1};  // last array tile of the tile before, and of the one before that
    std::int64_t trigger = -1;
    std::int64_t k_begin = 0;
    bool begins = false;
  };
  Odometer odometer_;
  unsigned dims_ = 0;
  std::vector<Nested> levels_;
  TileRange range_;
  bool live_ = true, more_ = true;
  std::int64_t first_ = 0, last_ = -1, ahead_first_ = 0, k_begin_ = 0, k_end_ = 0;
  std::size_t ahead_changed_ = 0;
};

}  // namespace gnomon::sim::cycle
