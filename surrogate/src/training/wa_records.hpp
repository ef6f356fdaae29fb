#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/error.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/surrogate/import.hpp"

namespace gnomon::surrogate {

/// A file's text, unpacked where it is gzip-compressed. Errors: damaged, or larger than `limit`.
Expected<std::string> read_unpacked(const std::filesystem::path& path, std::size_t limit = std::size_t{1} << 30);

/// A member of an object; null where there is none, or it is null.
const Json* member(const Json& object, const char* key);
/// A text as it is, another value as JSON; empty for null.
std::string text_of(const Json* value);
/// All whole numbers in a shape, whatever its brackets: `[null, 16]`, `(None, 32, 3)`.
std::vector<double> numbers_in(const std::string& text);

/// A number, or a text that is one; NaN where there is none (nothing, an empty text, `None`, `N/A`). What is none of these is kept for the error.
class Numbers {
 public:
  double operator()(const Json* object, const char* key, const std::string& where);
  /// Where something else was found, and what.
  Expected<void> sound(const std::string& file) const;

 private:
  std::pair<std::string, std::string> wrong_;
};

/// Columns that grow entry by entry.
struct GrowingColumns {
  std::vector<arch::LabelTable::Column> list;

  void number(const std::string& name, const std::string& unit, double value) { find(name, unit, true).numbers.push_back(value); }
  void word(const std::string& name, std::string value) { find(name, "", false).words.push_back(std::move(value)); }
  arch::LabelTable table() const;

 private:
  arch::LabelTable::Column& find(const std::string& name, const std::string& unit, bool numeric);
};

/// The labels of a record: `lut, ff, dsp, bram` (missing where the report is empty), `cycles` and `ii` (the largest).
void add_labels(const Json& record, const std::string& where, Numbers& number_of, GrowingColumns& rows);

/// What made a record's labels, by the versions that it names.
LabelSource source_of(const Json& record);

/// Tells `each` the records of a text, with their index: of a JSON array, of a single object, or one a line.
Expected<void> for_each_record(const std::string& text, const std::string& file, const std::function<Expected<void>(const Json&, std::size_t)>& each);

}  // namespace gnomon::surrogate
