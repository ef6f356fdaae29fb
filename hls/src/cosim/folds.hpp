#pragma once

#include <cstdint>
#include <vector>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// One fold of an os array: outputs [m, m + rows) x [n, n + cols) of product g, elements [k, k + length) of the stream.
struct Fold {
  std::int64_t g = 0, m = 0, n = 0, k = 0;
  std::int64_t rows = 1, cols = 1, length = 1;
  /// The slot of a tile that this fold begins is free only when the fold before has ended (levels without double buffering).
  bool wait = false;
  bool accumulate() const { return k > 0; }
};

/// The folds of a mapped work step in the order of docs/microarchitecture.md section 1. Unsupported: more than `limit` folds.
Expected<std::vector<Fold>> enumerate_folds(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work,
                                            const arch::StepMapping& mapping, std::int64_t limit = 4'000'000);

/// Steps from the first fold's first to the end of the last (docs/microarchitecture.md sections 2 and 3, every step one cycle).
std::int64_t count_steps(const std::vector<Fold>& folds, bool overlap);

}  // namespace gnomon::hls
