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

/// Which rows of a pool to label next, best first. Rows lie near each other where the model says alike: coordinates are the answers in the scale in which the model learned, in
/// deviations over the pool, and the standardised inputs (categories: 0 or 1), each stretched by how far the answers move, in deviations and the mean over targets, when the pool's
/// values of that input change places; what moves nothing does not count.
/// Every row belongs to the nearest of the rows labelled and suggested so far, its squared distance to which counts times its doubt. Of each two rows the first is the farthest of the group in
/// which that is largest in sum, so that it stands for many rows that nothing tells of yet (largest cluster, maximum distance: Holzmueller et al., JMLR 24, 2023), the second the farthest
/// of all. Doubt is the width of the intervals in the scale in which the model learned, the mean over targets, each by its median over the pool. Deterministic.
/// `labelled`: rows that need no label any more, with the model's features; without it the first is the most doubtful.
/// Errors: a pool without the model's features, fewer rows than asked for.
Expected<std::vector<std::size_t>> suggest(const Model& model, const arch::LabelTable& pool, const SuggestOptions& options = {},
                                            const arch::LabelTable* labelled = nullptr);

}  // namespace gnomon::surrogate
