#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/base/error.hpp"
#include "gnomon/base/json.hpp"

/// One field table per struct drives the strict reader, the writer, the JSON Schema and the help tables.
///
/// A struct takes part by a free function in its own namespace:
///
///     void describe(FieldVisitor& v, Array& a) {
///       field(v, {"rows", "PE rows", "PEs", Key::required}, a.rows, Range{1, 1024});
///       field(v, {"dataflow", "what stays in the PEs"}, a.dataflow, Choice{{"os", "ws", "is"}});
///       field(v, {"overlap", "folds overlap"}, a.overlap);
///       field(v, {"levels", "scratchpads, from the array outwards"}, a.levels);   // vector<Struct>, map<string, Struct>, optional<T>
///       field(v, {"extra", "free form"}, a.extra, Raw{R"({"type": "object"})"});    // JSON text, read by somebody else
///     }
///
/// and is then read with `read_fields<Array>(document)`, which collects every error of the file before it gives up.
namespace gnomon {

/// What is said of one key, whatever is done with it. Inside a list the reader uses the index as the name. Nobody keeps a key: its texts live as long as the call.
struct Key {
  enum Presence { optional, required };
  std::string_view name;
  std::string_view doc = {};
  std::string_view unit = {};
  Presence presence = optional;
};

/// Whole numbers allowed, ends included.
struct Range {
  std::int64_t min = std::numeric_limits<std::int64_t>::min();
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};
/// Real numbers allowed; `open` ends are not allowed themselves.
struct RealRange {
  double min = -std::numeric_limits<double>::max();
  double max = std::numeric_limits<double>::max();
  bool min_open = false;
};
/// Words allowed.
struct Choice {
  std::vector<std::string> words;
};
/// Any JSON, kept as compact text; `schema` is the JSON Schema fragment that describes it.
struct Raw {
  std::string schema = "{}";
};
/// Number of elements a list may have.
struct Length {
  std::size_t min = 0;
  std::size_t max = 1'000'000;
};

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  using Nested = std::function<void(FieldVisitor&)>;
  using Item = std::function<void(FieldVisitor&, const Key&, std::size_t)>;
  using Entry = std::function<void(FieldVisitor&, const Key&, const std::string&)>;

  virtual void integer(const Key& key, std::int64_t& value, const Range& range) = 0;
  virtual void real(const Key& key, double& value, const RealRange& range) = 0;
  virtual void boolean(const Key& key, bool& value) = 0;
  virtual void text(const Key& key, std::string& value) = 0;
  virtual void choice(const Key& key, std::string& value, const Choice& choice) = 0;
  virtual void raw(const Key& key, std::string& json_text, const Raw& raw) = 0;
  virtual void object(const Key& key, const Nested& fields) = 0;
  /// `resize` makes room when reading; `size` is what a writer writes. The schema visitor looks at one item.
  virtual void list(const Key& key, std::size_t size, const std::function<void(std::size_t)>& resize, const Item& item,
                    const Length& length) = 0;
  virtual void map(const Key& key, const std::vector<std::string>& names, const Entry& entry) = 0;
  /// For an optional member: whether to go on to the value. The reader answers by what is in the file.
  virtual bool present(const Key& key, bool has_value) = 0;
  /// True for the reader: values are overwritten from the file.
  virtual bool reading() const { return false; }
  /// Reports something wrong with the key's value, beyond what the field's own rule says (cross-field rules).
  virtual void problem(const std::string& key, const std::string& message) = 0;
};

inline void field(FieldVisitor& v, const Key& key, std::int64_t& value, const Range& range = {}) { v.integer(key, value, range); }
inline void field(FieldVisitor& v, const Key& key, int& value, const Range& range = {}) {
  std::int64_t wide = value;
  v.integer(key, wide, {std::max<std::int64_t>(range.min, std::numeric_limits<int>::min()),
                        std::min<std::int64_t>(range.max, std::numeric_limits<int>::max())});
  value = static_cast<int>(wide);
}
inline void field(FieldVisitor& v, const Key& key, double& value, const RealRange& range = {}) { v.real(key, value, range); }
inline void field(FieldVisitor& v, const Key& key, bool& value) { v.boolean(key, value); }
inline void field(FieldVisitor& v, const Key& key, std::string& value) { v.text(key, value); }
inline void field(FieldVisitor& v, const Key& key, std::string& value, const Choice& choice) { v.choice(key, value, choice); }
inline void field(FieldVisitor& v, const Key& key, std::string& value, const Raw& raw) { v.raw(key, value, raw); }

template <class T>
concept Described = requires(FieldVisitor& v, T& value) { describe(v, value); };

template <Described T>
void field(FieldVisitor& v, const Key& key, T& value) {
  v.object(key, [&](FieldVisitor& inner) { describe(inner, value); });
}

template <class T, class... Rule>
void field(FieldVisitor& v, const Key& key, std::vector<T>& values, const Rule&... rule);
template <class T, class... Rule>
void field(FieldVisitor& v, const Key& key, std::map<std::string, T>& values, const Rule&... rule);

template <class T, class... Rule>
void field(FieldVisitor& v, const Key& key, std::optional<T>& value, const Rule&... rule) {
  if (!v.present(key, value.has_value())) {
    if (v.reading()) value.reset();
    return;
  }
  if (!value) value.emplace();
  Key there = key;
  field(v, there, *value, rule...);
}

namespace detail {
template <class T, class... Rule>
void list_field(FieldVisitor& v, const Key& key, std::vector<T>& values, const Length& length, const Rule&... rule) {
  v.list(
      key, values.size(), [&](std::size_t n) { values.assign(n, T{}); },
      [&](FieldVisitor& inner, const Key& index, std::size_t i) {
        T scratch{};
        T& value = i < values.size() ? static_cast<T&>(values[i]) : scratch;
        field(inner, index, value, rule...);
      },
      length);
}
}  // namespace detail

/// A list; a rule after the list's name is the rule of its elements, a Length before it bounds the list.
template <class T, class... Rule>
void field(FieldVisitor& v, const Key& key, std::vector<T>& values, const Rule&... rule) {
  detail::list_field(v, key, values, Length{}, rule...);
}
template <class T, class... Rule>
void field(FieldVisitor& v, const Key& key, std::vector<T>& values, const Length& length, const Rule&... rule) {
  detail::list_field(v, key, values, length, rule...);
}

/// An object whose keys are free names.
template <class T, class... Rule>
void field(FieldVisitor& v, const Key& key, std::map<std::string, T>& values, const Rule&... rule) {
  std::vector<std::string> names;
  for (const auto& entry : values) names.push_back(entry.first);
  if (v.reading()) values.clear();
  v.map(key, names, [&](FieldVisitor& inner, const Key& name, const std::string& text) { field(inner, name, values[text], rule...); });
}

using Describer = std::function<void(FieldVisitor&)>;

/// Reads the object at the document's root (or at `pointer`) through the field table. All problems are collected; unknown keys name
/// the nearest known one.
Expected<void> read_described(const Document& document, const Describer& fields, const std::string& pointer = "");
/// Writes what the field table names, defaults included; absent optionals are left out.
Json write_described(const Describer& fields);
/// JSON Schema (draft 2020-12 keywords) of the field table, `additionalProperties: false` throughout.
Json schema_described(const Describer& fields, const std::string& title);

/// One row of a help table: `/cores/0/array/rows`, type, unit, default, range, doc.
struct FieldRow {
  std::string pointer, type, unit, fallback, allowed, doc;
  bool required = false;
};
std::vector<FieldRow> table_described(const Describer& fields);

template <Described T>
Expected<T> read_fields(const Document& document, const std::string& pointer = "") {
  T value{};
  auto done = read_described(document, [&](FieldVisitor& v) { describe(v, value); }, pointer);
  if (!done) return fail(std::move(done.error()));
  return value;
}
// The second parameter keeps the heavy JSON header out of this one: it is needed only where these are used.
template <Described T, class J = Json>
J write_fields(const T& value) {
  T copy = value;
  return write_described([&](FieldVisitor& v) { describe(v, copy); });
}
template <Described T, class J = Json>
J schema_fields(const std::string& title) {
  T value{};
  return schema_described([&](FieldVisitor& v) { describe(v, value); }, title);
}

}  // namespace gnomon
