#pragma once

#include <cstdint>
#include <vector>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// One fold: product g, origins m, n, k; `rows` and `cols` PEs, `length` elements streamed, along the dimensions of the dataflow.
struct Fold {
  std::int64_t g = 0, m = 0, n = 0, k = 0;
  std::int64_t rows = 1, cols = 1, length = 1;
  /// With overlap: the fold starts no earlier than the end of the fold `wait` places before it and of all before that one (the
  /// slot of a tile that begins here is in use so long); 0 where that cannot bind.
  std::int64_t wait = 0;
  std::int64_t tile = 0;     ///< array tile
  bool begins_tile = false;  ///< the first fold of its array tile
  bool accumulate() const { return k > 0; }
};

/// Where lane and beat of a fold's streams lie.
struct Place {
  std::int64_t first = 0, second = 0;  ///< ifmap (m, k), filter (k, n), ofmap (m, n)
};
/// Element `beat` of row `lane` of the stream that enters at the rows: ifmap for `os` and `ws`, filter for `is`.
Place row_place(arch::Dataflow dataflow, const Fold& fold, std::int64_t lane, std::int64_t beat);
/// Beat `beat`, column `lane` of the stream that enters at the columns: filter for `os` (element `beat`) and `ws`, ifmap for `is`
/// (both from the bottom row up).
Place column_place(arch::Dataflow dataflow, const Fold& fold, std::int64_t lane, std::int64_t beat);
/// Result `beat` of column `lane`.
Place result_place(arch::Dataflow dataflow, const Fold& fold, std::int64_t lane, std::int64_t beat);

/// The folds of a mapped work step in the order of docs/microarchitecture.md section 1. Unsupported: more than `limit` folds.
Expected<std::vector<Fold>> enumerate_folds(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work,
                                            const arch::StepMapping& mapping, std::int64_t limit = 4'000'000);

/// Steps of each fold (docs/microarchitecture.md sections 2 and 3): its first, the one in which its stream enters, and its end.
struct FoldSteps {
  std::int64_t begin = 0, stream = 0, end = 0;
};
std::vector<FoldSteps> fold_steps(const std::vector<Fold>& folds, const ArrayParameters& array);

/// Steps from the first fold's first to the end of the last.
std::int64_t count_steps(const std::vector<Fold>& folds, const ArrayParameters& array);

}  // namespace gnomon::hls
