#include "features/cells.hpp"

#include <cmath>

#include "gnomon/base/text.hpp"

namespace gnomon::surrogate {
namespace {

using arch::LabelTable;
using Column = LabelTable::Column;

/// So many entries of a column are named one by one.
constexpr std::size_t most_named = 5;

bool is_number(std::string_view word) {
  double ignored = 0;
  return parse_real(word, ignored);
}

/// Words for no number, as tools and libraries write them, and numbers beyond double precision.
bool is_no_number(std::string_view word) {
  std::string text;
  for (const char c : word) text += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (text.starts_with('+') || text.starts_with('-')) text.erase(0, 1);
  if (text.starts_with("nan") || text == "inf" || text == "infinity") return true;
  return !text.empty() && text.find_first_not_of("0123456789.e+-") == std::string::npos && text.find('e') != std::string::npos;
}

std::string found_in(const Column& column, std::size_t row) {
  return "found " + (column.numeric ? std::isnan(column.numbers[row]) ? std::string("no value") : number(column.numbers[row]) : in_quotes(column.words[row]));
}

}  // namespace

void refuse_cells(const LabelTable& table, const Column& column, const std::function<bool(std::size_t)>& wrong, const std::string& due, std::vector<Problem>& problems) {
  std::size_t count = 0;
  for (std::size_t r = 0; r < table.rows(); ++r) {
    if (!wrong(r)) continue;
    if (++count <= most_named) problems.push_back({table.file_of(r), table.place_of(r) + ", column " + in_quotes(column.name), found_in(column, r) + "; " + due});
  }
  if (count > most_named) {
    problems.push_back({table.file(), "column " + in_quotes(column.name), std::to_string(count - most_named) + " more entries of that kind, " + std::to_string(count) + " in all"});
  }
}

bool refuse_mixed(const LabelTable& table, const Column& column, std::vector<Problem>& problems) {
  // A column of a table that was never read was made of words on purpose (a parameter `1, 2, auto`).
  if (column.numeric || table.file().empty()) return false;
  std::size_t numbers = 0, odd = 0, none = 0;
  const auto is_odd = [&](std::size_t row) {
    const std::string_view word = trimmed(column.words[row]);
    return !word.empty() && word != "absent" && !is_number(word);
  };
  for (std::size_t r = 0; r < table.rows(); ++r) {
    if (is_odd(r)) {
      ++odd;
      none += is_no_number(trimmed(column.words[r])) ? 1 : 0;
    } else {
      numbers += is_number(trimmed(column.words[r])) ? 1 : 0;
    }
  }
  if (odd == 0 || (numbers <= odd && none < odd)) return false;
  refuse_cells(table, column, is_odd, "a finite number is due" + (numbers > 0 ? ", as " + std::to_string(numbers) + " entries of the column are" : std::string()) +
                                          ", or an empty field where a value is missing", problems);
  return true;
}

bool refuse_words(const LabelTable& table, const Column& column, const std::string& due, std::vector<Problem>& problems) {
  const std::size_t before = problems.size();
  if (column.numeric) return false;
  refuse_cells(table, column, [&](std::size_t r) { return !trimmed(column.words[r]).empty() && !is_number(trimmed(column.words[r])); }, due, problems);
  return problems.size() > before;
}

Problem missing_column(const LabelTable& table, const std::string& name, bool listed) {
  std::vector<std::string> names;
  for (const Column& column : table.columns()) names.push_back(column.name);
  const std::string near = nearest(name, names);
  constexpr std::size_t most_columns = 30;
  const bool cut = names.size() > most_columns;
  if (cut) names.resize(most_columns);
  const std::string list = listed ? " (the table has: " + join(names) + (cut ? ", ..." : "") + ")" : "";
  return {table.file(), "", "the model wants a column " + in_quotes(name) + ", which the table lacks" + (near.empty() ? "" : "; is it " + in_quotes(near) + "?") + list};
}

}  // namespace gnomon::surrogate
