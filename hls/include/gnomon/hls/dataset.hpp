#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "gnomon/arch/evaluator.hpp"

namespace gnomon::hls {

struct DesignTableOptions {
  std::filesystem::path out;  ///< CSV
  std::int64_t count = 100;
  std::uint64_t seed = 1;
  std::string target = "xcup";   ///< of synthesis, or empty: no resources
  double cosim = 0.05;           ///< share of the rows whose cycles are checked in RTL
  std::function<void(std::int64_t done)> progress;
};

struct DesignTable {
  std::int64_t rows = 0, kept = 0, cosimulated = 0;
};

/// A table of random complete designs (array, levels, vector unit, ideal memory), each with one random matrix product: latency, compute
/// cycles, traffic and energy by the cycle model, area by the area model, resources by composed synthesis. A seeded share of the rows is
/// run in RTL as well (alone and in the SystemC system), and must agree in every cycle and output: a difference ends the run.
///
/// Row i depends on the seed and i alone. A file that holds rows of the same seed and columns is taken up where it ends; rows are
/// written as they come. Errors: a file of another seed or with other columns (invalid_input), what evaluators refuse.
Expected<DesignTable> write_design_table(const DesignTableOptions& options, const arch::EvaluatorRegistry& evaluators);

}  // namespace gnomon::hls
