#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/linalg.hpp"
#include "gnomon/surrogate/import.hpp"

namespace gnomon::surrogate {

/// A label table and, where its source says so, which of its columns are inputs.
struct TrainingTable {
  arch::LabelTable table;
  std::vector<std::string> features;    ///< empty: the source does not say
  std::vector<std::string> categories;  ///< columns of words on purpose, also among numbers
  LabelSource source = {};              ///< of a campaign's trials
};

/// Loads a CSV label table, or a campaign's folder: of its `trials.csv` the trials that are done at the slowest fidelity reached, with the
/// parameters, and the workload's `macs`, as features.
Expected<TrainingTable> load_training_table(const std::filesystem::path& path);
/// Several sources below each other; all must have the same columns and units.
Expected<TrainingTable> load_training_tables(const std::vector<std::filesystem::path>& paths);

/// A numeric table from a matrix x [n, names]; NaN is a missing value. `units` may be empty.
arch::LabelTable table_of(const RealMatrix& x, const std::vector<std::string>& names, const std::vector<std::string>& units = {});
/// The rows given by index, in that order.
arch::LabelTable rows_of(const arch::LabelTable& table, const std::vector<std::size_t>& rows);

}  // namespace gnomon::surrogate
