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

/// Bytes of `elements` in one piece: ceil(elements x bits / 8).
std::int64_t packed_bytes(std::int64_t elements, int bits);

/// The chain of an operand: indices into StepMapping::levels of the entries that keep it, outermost (0, memory) first.
std::vector<std::size_t> chain(const StepMapping& mapping, Operand operand);

/// Capacity needed in each level entry (index as StepMapping::levels; memory 0), in bytes: per kept operand slots x the largest tile,
/// partial sums at accumulator width where K is cut by folds or by loops outside the level.
std::vector<std::int64_t> capacity_needed(const Core& core, const std::vector<Level>& shared, const ArrayWork& work,
                                          const StepMapping& mapping);

/// Independent check of a mapping against a design and the work: level names and order, loop counts (no empty tile at the outermost cut),
/// spatial sizes within the array and dims of the dataflow, folds that cover the tile exactly, every operand kept in at least one core level, capacity.
/// `where` is the JSON pointer (or name) for messages. Knows nothing of any mapper.
Expected<void> verify(const Design& design, const Core& core, const ArrayWork& work, const StepMapping& mapping, const std::string& file,
                      const std::string& where);

/// Mapping file (design.md section 5): `{"version": 1, "steps": {"conv1": {"core": "npu", "levels": [{"level": "memory", "loops": [["m", 49]], "keeps": [...]}, ...],
/// "array": {"rows": ["k", 32], "cols": ["n", 32], "folds": [["n", 2], ["k", 3]]}, "layout": {"ifmap": "streamed"}}}}`.
Expected<Mapping> read_mapping(const Document& document);
Json write_mapping(const Mapping& mapping);

}  // namespace gnomon::arch
