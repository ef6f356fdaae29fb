#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::arch {

/// A table of labelled rows: what `gnomon dataset` writes, surrogates learn from, and users bring. Columns keep their order.
/// CSV with one header line; a unit may follow the name in brackets (`latency [s]`). Quotes as in RFC 4180. A column whose every
/// non-empty field is a number is numeric; an empty field is a missing value (never 0). `nan` and `inf` are words here, not numbers.
class LabelTable {
 public:
  struct Column {
    std::string name;
    std::string unit;
    bool numeric = true;
    std::vector<double> numbers;      ///< numeric columns; NaN where missing
    std::vector<std::string> words;   ///< other columns; empty where missing
  };

  static Expected<LabelTable> parse(const std::string& csv, const std::string& file);
  static Expected<LabelTable> load(const std::filesystem::path& path);
  std::string to_csv() const;

  void add(Column column);
  /// Room for so many columns, that they need not move while they are added.
  void reserve(std::size_t columns) { columns_.reserve(columns); }
  void set_unit(const std::string& name, const std::string& unit);
  std::size_t rows() const { return rows_; }
  const std::vector<Column>& columns() const { return columns_; }
  /// Null where there is none of that name.
  const Column* find(const std::string& name) const;
  /// Error: the nearest column name.
  Expected<const Column*> column(const std::string& name) const;
  const std::string& file() const { return file_; }

  /// Where a row was read, for messages: its file, and `row 16 (line 17)`, rows counted from 1 below the header. Without a line where it was never in a file.
  const std::string& file_of(std::size_t row) const;
  std::string place_of(std::size_t row) const;
  /// Says that the next rows of this table are those of `from` (all, or the ones given by index), so that messages name their places there.
  void take_places(const LabelTable& from);
  void take_places(const LabelTable& from, const std::vector<std::size_t>& rows);

 private:
  struct Place {
    std::size_t file = 0, row = 0, line = 0;
  };
  std::string file_;
  std::vector<std::string> files_;
  std::vector<Place> places_;
  std::size_t rows_ = 0;
  std::vector<Column> columns_;
};

}  // namespace gnomon::arch
