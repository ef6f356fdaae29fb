#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::arch {

/// A table of labelled rows: what `gnomon dataset` writes, surrogates learn from, and users bring. Columns keep their order.
/// CSV with one header line; a unit may follow the name in brackets (`latency [s]`). Quotes as in RFC 4180. A column whose every
/// non-empty field is a number is numeric; an empty field is a missing value (never 0).
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
  std::size_t rows() const { return rows_; }
  const std::vector<Column>& columns() const { return columns_; }
  /// Error: the nearest column name.
  Expected<const Column*> column(const std::string& name) const;
  const std::string& file() const { return file_; }

 private:
  std::string file_;
  std::size_t rows_ = 0;
  std::vector<Column> columns_;
};

}  // namespace gnomon::arch
