#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "gnomon/arch/lowering.hpp"

namespace gnomon::arch {

/// A temporal loop over tiles: `count` tiles of one dimension.
struct Loop {
  Dim dim = Dim::m;
  std::int64_t count = 1;
  bool operator==(const Loop&) const = default;
};

/// Loops that run inside the tile held by `level`, outer to inner. The first entry is `memory`, which holds everything; then come
/// the shared levels from the outermost inwards, then the core's levels from the outermost inwards.
/// `keeps`: operands whose tile the level holds (all that the design's level can hold, unless the mapping bypasses some).
struct LevelLoops {
  std::string level;
  std::vector<Loop> loops;
  bool keeps[operand_count] = {false, false, false};
  bool operator==(const LevelLoops&) const = default;
};

/// Where the words of an operand lie in its innermost level. `streamed`: in the order in which the array takes them, free of bank
/// conflicts. `row_major`, `col_major`: the tile as a matrix (ifmap M x K, filter K x N, ofmap M x N) in that order.
enum class Layout { streamed, row_major, col_major };

/// How one step of an operator runs on the array.
///
/// The loops of all levels, concatenated outer to inner, cut the work into **array tiles**; the loops of `folds` cut an array tile into
/// folds of at most `rows_size` x `cols_size` PEs. A dimension of extent D under a loop of count c falls into tiles of ceil(D / c), the last one
/// smaller; nested loops cut the enclosing tile in the same way, and iterations that would be empty are left out.
struct StepMapping {
  std::string step;  ///< WorkStep::label
  std::string core;
  std::vector<LevelLoops> levels;
  Dim rows_dim = Dim::m;
  std::int64_t rows_size = 1;
  Dim cols_dim = Dim::n;
  std::int64_t cols_size = 1;
  /// The two spatial dimensions' loops over folds, outer to inner; the third dimension streams.
  std::vector<Loop> folds;
  Layout layout[operand_count] = {Layout::streamed, Layout::streamed, Layout::streamed};
  bool operator==(const StepMapping&) const = default;
};

struct Mapping {
  std::vector<StepMapping> steps;
  const StepMapping* find(const std::string& step) const;
};

/// What is on rows, on columns and streamed: os m, n, k; ws k, n, m; is k, m, n.
struct SpatialDims {
  Dim rows, cols, streamed;
};
SpatialDims spatial_dims(Dataflow dataflow);

/// Half-open ranges of one tile in each dimension.
struct TileRange {
  std::int64_t begin[dim_count] = {0, 0, 0, 0};
  std::int64_t end[dim_count] = {1, 1, 1, 1};
  std::int64_t size(Dim dim) const { return end[static_cast<int>(dim)] - begin[static_cast<int>(dim)]; }
};

/// Elements of an operand that a tile covers: for the ifmap of a convolution the distinct real input pixels touched (padding is not
/// stored), else the product of the relevant sizes. Rows and columns touched are counted apart and multiplied; a range of M that crosses
/// output rows touches full rows; a range of K that begins or ends inside a channel touches that channel's whole window.
std::int64_t tile_elements(const ArrayWork& work, Operand operand, const TileRange& range);

/// The most elements that a tile of this size can cover wherever the loops put it: the first tile is the largest in every dimension, but
/// a convolution's first tile may lie partly in the padding. `size` begins at 0; M and K ranges begin at multiples of the grids (0: only at 0).
std::int64_t largest_tile_elements(const ArrayWork& work, Operand operand, const TileRange& size, std::int64_t m_grid, std::int64_t k_grid);

/// Bytes of `elements` in one piece: ceil(elements x bits / 8).
std::int64_t packed_bytes(std::int64_t elements, int bits);

/// The chain of an operand: indices into StepMapping::levels of the entries that keep it, outermost (0, memory) first.
std::vector<std::size_t> chain(const StepMapping& mapping, Operand operand);

/// A temporal loop and the level entry it belongs to.
struct FlatLoop {
  std::size_t entry = 0;
  Dim dim = Dim::m;
  std::int64_t count = 1;
};
/// The loops of all level entries, outer to inner, loops of count 1 left out.
std::vector<FlatLoop> flatten(const StepMapping& mapping);
/// By level entry: how many of the flattened loops lie outside it. They decide the tiles that the entry holds.
std::vector<std::size_t> loops_outside(const StepMapping& mapping);

/// Walks the array tiles in the order of execution (an odometer, the innermost loop fastest; empty iterations are left out).
///
///     for (TileWalk walk(work, flatten(mapping)); !walk.done(); walk.next()) use(walk.tile());
class TileWalk {
 public:
  TileWalk(const ArrayWork& work, std::vector<FlatLoop> loops);
  bool done() const { return done_; }
  void next();
  /// The current array tile.
  const TileRange& tile() const { return ranges_.back(); }
  /// The tile that the first `depth` loops cut out around it: depth 0 is the whole work, `loops_outside()[i]` the tile of level entry i.
  const TileRange& tile(std::size_t depth) const { return ranges_[depth]; }
  /// Depth of the outermost loop whose index changed in the last `next()`; tiles of larger depth are new. 0 at the start.
  std::size_t changed() const { return changed_; }
  /// Number of loops.
  std::size_t depth() const { return loops_.size(); }
  const std::vector<FlatLoop>& loops() const { return loops_; }

 private:
  std::vector<FlatLoop> loops_;
  std::vector<TileRange> ranges_;      ///< one more than loops
  std::vector<std::int64_t> pieces_;  ///< tile size of each loop in its dimension, in the present enclosing tile
  std::size_t changed_ = 0;
  bool done_ = false;

  void enter(std::size_t from);
};

/// Capacity needed in each level entry (index as StepMapping::levels; memory 0), in bytes: the sum over kept operands of slots x the largest
/// tile, the ofmap at accumulator width where K is cut by folds or by any loop. For shared levels this is one core's need.
std::vector<std::int64_t> capacity_needed(const Core& core, const std::vector<Level>& shared, const ArrayWork& work,
                                          const StepMapping& mapping);

/// Independent check of a mapping against a design and the work: level names and order, loop counts (no empty tile at the outermost cut),
/// spatial sizes within the array and dims of the dataflow, folds that cover the tile exactly, every operand kept in at least one core level, capacity.
/// `where` is the JSON pointer (or name) for messages. Knows nothing of any mapper. Every level of the design has its entry, with no loops
/// and no keeps where it is not used; cores share a shared level's bytes equally.
Expected<void> verify(const Design& design, const Core& core, const ArrayWork& work, const StepMapping& mapping, const std::string& file,
                      const std::string& where);

/// Mapping file (design.md section 5): `{"version": 1, "steps": {"conv1": {"core": "npu", "levels": [{"level": "memory", "loops": [["m", 49]], "keeps": [...]}, ...],
/// "array": {"rows": ["k", 32], "cols": ["n", 32], "folds": [["n", 2], ["k", 3]]}, "layout": {"ifmap": "streamed"}}}}`.
Expected<Mapping> read_mapping(const Document& document);
/// `keeps` may be left out for `memory` only. Loops of count 1 may be written; `layout` defaults to `streamed`.
Json write_mapping(const Mapping& mapping);
/// One step in the same form (the value of `steps.NAME`), compact: what `simulate` gives with each layer.
std::string step_mapping_json(const StepMapping& step);
/// JSON Schema of the mapping file.
Json mapping_schema();

}  // namespace gnomon::arch
