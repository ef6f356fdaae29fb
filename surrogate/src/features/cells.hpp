#pragma once

#include <functional>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"

namespace gnomon::surrogate {

/// Adds a problem for each of the first entries of a column that are `wrong`, naming file, row, column and value, and one that counts the rest.
void refuse_cells(const arch::LabelTable& table, const arch::LabelTable::Column& column, const std::function<bool(std::size_t)>& wrong, const std::string& due,
                  std::vector<Problem>& problems);

/// Refuses a column of words in which most entries are numbers, or all that are none are words for no number (`nan`, `inf`): one such entry would make
/// categories of all numbers. Words that importers write beside numbers (`absent`) are no such entries, nor are those of
/// tables that were not read from text. Whether anything was refused.
bool refuse_mixed(const arch::LabelTable& table, const arch::LabelTable::Column& column, std::vector<Problem>& problems);
/// Refuses every entry that is neither a number nor empty. Whether anything was refused.
bool refuse_words(const arch::LabelTable& table, const arch::LabelTable::Column& column, const std::string& due, std::vector<Problem>& problems);

/// A model's column that a table lacks; `listed`: with the columns that the table has.
Problem missing_column(const arch::LabelTable& table, const std::string& name, bool listed);

}  // namespace gnomon::surrogate
