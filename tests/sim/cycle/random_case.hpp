#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::sim::testing {

/// A small design with work steps and mappings that arch::verify accepts. Everything is drawn: array, dataflow, overlap, precision, one to three
/// core levels and up to two shared ones with what they hold, slots, ports and banks, bypasses, loops, folds and layouts, memory and bus.
struct RandomCase {
  arch::Design design;
  struct Step {
    std::size_t core = 0;
    bool is_array = true;
    arch::ArrayWork work;
    arch::StepMapping mapping;
    arch::VectorWork vector;
  };
  std::vector<Step> steps;
  std::string text() const;
};

struct CaseOptions {
  int cores = 1;
  int steps = 1;
  bool vector = false;          ///< some steps are vector work
  std::int64_t largest_shared = 2;  ///< shared levels
  std::int64_t largest_array = 6;  ///< rows and columns
  std::int64_t largest_extent = 20;
  bool ample = false;           ///< ports and links so wide that nothing waits for them, all levels double buffered
  std::optional<arch::Array> array;  ///< of every core; else drawn
};

RandomCase random_case(Random& random, const CaseOptions& options = {});

}  // namespace gnomon::sim::testing
