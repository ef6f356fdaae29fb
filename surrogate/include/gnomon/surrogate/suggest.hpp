#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

struct SuggestOptions {
  std::size_t count = 32;
  /// Rows of the pool that are looked at, drawn by the seed where it has more.
  std::size_t most_rows = 20000;
  std::uint64_t seed = 1;
};

/// Which rows of a pool to label next, best first: doubt times distance, one after the other. Doubt is the width of the model's intervals in the scale
/// in which it learned (so a factor counts alike for small and large labels), the mean over targets, each by its median over the pool; rows out of range are as doubtful as they are
/// wide. Distance is to the nearest row suggested before, in the model's standardised inputs (categories: 0 or 1), so that one doubtful corner is not asked about many times
/// (greedy k-centre: Gonzalez, TCS 38, 1985; weighted as in Sener and Savarese, ICLR 2018). The first is the most doubtful. Deterministic.
/// Errors: a pool without the model's features, fewer rows than asked for.
Expected<std::vector<std::size_t>> suggest(const Model& model, const arch::LabelTable& pool, const SuggestOptions& options = {});

}  // namespace gnomon::surrogate
