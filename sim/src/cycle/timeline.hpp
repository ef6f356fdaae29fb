#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "fold_price.hpp"

namespace gnomon::sim::cycle {

/// The array's time for one array tile: from the start of its first step to the start of the next array tile's first step, waiting apart.
struct TileSpan {
  std::int64_t cycles = 0;
  /// `tiles` array tiles have ended (all steps up to their largest e) so many cycles after the span's start.
  struct Mark {
    std::int64_t tiles, after_cycles;
  };
  std::vector<Mark> marks;
};

/// Array tile by array tile, how long the array works.
class Timeline {
 public:
  virtual ~Timeline() = default;
  /// False after the last array tile.
  virtual bool next(TileSpan& span) = 0;
  const ArrayTraffic& traffic() const { return traffic_; }

 protected:
  ArrayTraffic traffic_;
};

/// For the core's timing and dataflow.
std::unique_ptr<Timeline> make_timeline(const ArrayStep& step);

/// Enumerates the folds of a work step in order, without step numbers.
class FoldSource {
 public:
  explicit FoldSource(const ArrayStep& step);
  bool live() const { return live_; }
  const TileRange& tile() const { return tiles_.range(); }
  std::int64_t tile_index() const { return tile_index_; }
  /// To the next array tile.
  bool next_tile();
  /// To the first fold of the present array tile, and from fold to fold in it; false after its last one.
  void first_fold();
  bool next_fold();
  Fold fold() const;
  /// The operand's tile in its innermost level that the present array tile uses.
  const TileCursor& level_tile(Operand operand) const { return level_tiles_[static_cast<std::size_t>(operand)]; }

 private:
  const ArrayStep& step_;
  arch::SpatialDims dims_;
  Odometer tiles_;
  Odometer folds_;
  std::vector<TileCursor> level_tiles_;
  std::int64_t tile_index_ = 0;
  std::int64_t product_ = 0;
  bool live_ = true;

  void begin_product();
};

}  // namespace gnomon::sim::cycle
