#pragma once

#include "gnomon/search/compare.hpp"
#include "gnomon/search/problems.hpp"

namespace gnomon::search {

/// Scores, curves, ranks and tests of a comparison from its runs: `cells[agent][variant][seed]`. `truth` may be unknown; then the
/// scale and the reference front come from all runs together.
void analyse(Comparison& comparison, const std::vector<std::vector<std::vector<CompareCell>>>& cells, const Campaign& campaign,
             const ProblemTruth& truth);

}  // namespace gnomon::search
