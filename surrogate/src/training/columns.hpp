#pragma once

#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/train.hpp"

namespace gnomon::surrogate {

/// Which columns of a table play which part, checked.
struct Columns {
  std::vector<std::string> features;
  std::vector<std::string> notes;
  RealMatrix labels;              ///< [rows, targets], NaN where missing
  std::vector<std::size_t> rows;  ///< rows with at least one label
  std::vector<std::size_t> group;  ///< [rows of the table], group number
  std::size_t groups = 0;
};

/// Finds the columns and reports every problem with them at once.
Expected<Columns> choose_columns(const arch::LabelTable& table, const TrainOptions& options);

/// Describes a feature or a target by the given rows: scale, range, mean, deviation, categories.
Feature describe_feature(const arch::LabelTable::Column& column, const std::vector<std::size_t>& rows);
Target describe_target(const arch::LabelTable::Column& column, const std::vector<std::size_t>& rows);

}  // namespace gnomon::surrogate
