#pragma once

#include <set>
#include <string>
#include <vector>

#include "gnomon/hls/dataset.hpp"
#include "gnomon/hls/layers.hpp"

namespace gnomon::hls {

struct CosimRow {
  const Network* network = nullptr;
  std::string cycles, ii;  ///< the row's labels, as they stand in the table
};

/// Runs a seeded share (`options.cosim`) of the rows in Verilator, three inferences each, and gives their numbers. All outputs must be the golden
/// model's, and the cycles those of the labels; the first that differs is the error. Networks beyond two caps, the same on every machine, pass
/// their turn to the next one within them: two million characters of RTL, and 6e11 characters times cycles. What was run stands in
/// `OUT.cosim.csv` from then on and is not run again.
Expected<std::set<std::int64_t>> cosimulate_share(const LayerTableOptions& options, const std::vector<CosimRow>& rows);

}  // namespace gnomon::hls
