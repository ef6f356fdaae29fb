#include "gnomon/base/fields.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "gnomon/base/text.hpp"

namespace gnomon {
namespace {

std::string kind_of(const Json& value) {
  switch (value.type()) {
    case Json::value_t::null: return "null";
    case Json::value_t::object: return "an object";
    case Json::value_t::array: return "a list";
    case Json::value_t::string: return "the text " + in_quotes(value.get_ref<const std::string&>());
    case Json::value_t::boolean: return value.get<bool>() ? "true" : "false";
    case Json::value_t::number_integer: return std::to_string(value.get<std::int64_t>());
    case Json::value_t::number_unsigned: return std::to_string(value.get<std::uint64_t>());
    case Json::value_t::number_float: return number(value.get<double>());
    default: return "something else";
  }
}

std::string range_text(const Range& range) {
  constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
  constexpr auto highest = std::numeric_limits<std::int64_t>::max();
  const bool below = range.min != lowest;
  const bool above = range.max != highest && range.max != std::numeric_limits<int>::max();
  if (below && above) return "a whole number from " + std::to_string(range.min) + " to " + std::to_string(range.max);
  if (below && range.min != std::numeric_limits<int>::min()) return "a whole number of at least " + std::to_string(range.min);
  if (above) return "a whole number of at most " + std::to_string(range.max);
  return "a whole number";
}

std::string range_text(const RealRange& range) {
  constexpr double highest = std::numeric_limits<double>::max();
  std::string out = "a number";
  if (range.min > -highest) out += (range.min_open ? " above " : " of at least ") + number(range.min);
  if (range.max < highest) out += (range.min > -highest ? std::string(" and") : std::string()) + " at most " + number(range.max);
  return out;
}

/// Reads one container (object or list); keys that no field asked for are reported when it is left.
class Reader final : public FieldVisitor {
 public:
  Reader(const Json& here, std::string pointer, const std::string& file, std::vector<Problem>& problems)
      : here_(here), pointer_(std::move(pointer)), file_(file), problems_(problems) {
    known_.reserve(16);
  }

  void integer(const Key& key, std::int64_t& value, const Range& range) override {
    const Json* at = find(key);
    if (!at) return;
    std::int64_t found = 0;
    bool whole = false;
    if (at->is_number_unsigned()) {
      const auto wide = at->get<std::uint64_t>();
      whole = wide <= static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
      found = static_cast<std::int64_t>(wide);
    } else if (at->is_number_integer()) {
      whole = true;
      found = at->get<std::int64_t>();
    } else if (at->is_number_float()) {
      const double real = at->get<double>();
      whole = std::floor(real) == real && std::abs(real) <= 9007199254740992.0;
      if (whole) found = static_cast<std::int64_t>(real);
    }
    if (!whole || found < range.min || found > range.max) {
      report(key.name, "found " + kind_of(*at) + "; allowed: " + range_text(range) + with_unit(key));
      return;
    }
    value = found;
  }
  void real(const Key& key, double& value, const RealRange& range) override {
    const Json* at = find(key);
    if (!at) return;
    const double found = at->is_number() ? at->get<double>() : 0;
    const bool low = range.min_open ? found <= range.min : found < range.min;
    if (!at->is_number() || low || found > range.max || !std::isfinite(found)) {
      report(key.name, "found " + kind_of(*at) + "; allowed: " + range_text(range) + with_unit(key));
      return;
    }
    value = found;
  }
  void boolean(const Key& key, bool& value) override {
    const Json* at = find(key);
    if (!at) return;
    if (!at->is_boolean()) return report(key.name, "found " + kind_of(*at) + "; allowed: true or false");
    value = at->get<bool>();
  }
  void text(const Key& key, std::string& value) override {
    const Json* at = find(key);
    if (!at) return;
    if (!at->is_string()) return report(key.name, "found " + kind_of(*at) + "; allowed: a text in quotes");
    value = at->get<std::string>();
  }
  void choice(const Key& key, std::string& value, const Choice& choice) override {
    const Json* at = find(key);
    if (!at) return;
    if (!at->is_string()) return report(key.name, "found " + kind_of(*at) + "; allowed: " + join(choice.words));
    const auto& word = at->get_ref<const std::string&>();
    if (std::find(choice.words.begin(), choice.words.end(), word) == choice.words.end()) {
      return report(key.name, unknown_word("value", word, choice.words));
    }
    value = word;
  }
  void raw(const Key& key, std::string& json_text, const Raw&) override {
    const Json* at = find(key);
    if (at) json_text = at->dump();
  }
  void object(const Key& key, const Nested& fields) override {
    const Json* at = find(key);
    if (!at) return;
    if (!at->is_object()) return report(key.name, "found " + kind_of(*at) + "; allowed: an object {...}");
    Reader inner(*at, pointer_ + pointer_step(key.name), file_, problems_);
    fields(inner);
    inner.finish();
  }
  void list(const Key& key, std::size_t, const std::function<void(std::size_t)>& resize, const Item& item,
            const Length& length) override {
    const Json* at = find(key);
    if (!at) return;
    if (!at->is_array()) return report(key.name, "found " + kind_of(*at) + "; allowed: a list [...]");
    if (at->size() < length.min || at->size() > length.max) {
      report(key.name, "found a list of " + std::to_string(at->size()) + "; allowed: " + std::to_string(length.min) + " to " +
                           std::to_string(length.max) + " entries");
      return;
    }
    resize(at->size());
    Reader inner(*at, pointer_ + pointer_step(key.name), file_, problems_);
    for (std::size_t i = 0; i < at->size(); ++i) item(inner, Key{std::to_string(i), {}, key.unit, Key::required}, i);
  }
  void map(const Key& key, const std::vector<std::string>&, const Entry& entry) override {
    const Json* at = find(key);
    if (!at) return;
    if (!at->is_object()) return report(key.name, "found " + kind_of(*at) + "; allowed: an object {...}");
    Reader inner(*at, pointer_ + pointer_step(key.name), file_, problems_);
    for (const auto& [name, value] : at->items()) entry(inner, Key{name, {}, key.unit, Key::required}, name);
    inner.finish();
  }
  bool present(const Key& key, bool) override {
    known_.emplace_back(key.name);
    const bool there = here_.is_object() && here_.contains(key.name);
    if (!there && key.presence == Key::required) find(key);
    return there;
  }
  bool reading() const override { return true; }
  void problem(const std::string& key, const std::string& message) override { report(key, message); }

  void finish() {
    if (!here_.is_object()) return;
    for (const auto& [name, value] : here_.items()) {
      if (std::find(known_.begin(), known_.end(), name) != known_.end() || name == "$schema") continue;
      std::vector<std::string> allowed = known_;
      std::sort(allowed.begin(), allowed.end());
      allowed.erase(std::unique(allowed.begin(), allowed.end()), allowed.end());
      report(name, unknown_word("key", name, allowed));
    }
  }

 private:
  const Json& here_;
  std::string pointer_;
  const std::string& file_;
  std::vector<Problem>& problems_;
  std::vector<std::string> known_;

  static std::string with_unit(const Key& key) { return key.unit.empty() ? "" : " (" + std::string(key.unit) + ")"; }

  void report(std::string_view key, const std::string& message) {
    problems_.push_back({file_, key.empty() ? pointer_ : pointer_ + pointer_step(key), message});
  }
  const Json* find(const Key& key) {
    if (here_.is_array()) {
      const auto index = static_cast<std::size_t>(std::stoull(std::string(key.name)));
      return index < here_.size() ? &here_[index] : nullptr;
    }
    known_.emplace_back(key.name);
    const auto at = here_.find(key.name);
    if (at == here_.end()) {
      if (key.presence == Key::required) {
        report("", "key " + in_quotes(key.name) + " is missing" + (key.doc.empty() ? "" : " (" + std::string(key.doc) + ")"));
      }
      return nullptr;
    }
    return &*at;
  }
};

class Writer final : public FieldVisitor {
 public:
  explicit Writer(Json& here) : here_(here) {}
  void integer(const Key& key, std::int64_t& value, const Range&) override { put(key, value); }
  void real(const Key& key, double& value, const RealRange&) override { put(key, value); }
  void boolean(const Key& key, bool& value) override { put(key, value); }
  void text(const Key& key, std::string& value) override { put(key, value); }
  void choice(const Key& key, std::string& value, const Choice&) override { put(key, value); }
  void raw(const Key& key, std::string& json_text, const Raw&) override {
    if (!json_text.empty()) put(key, Json::parse(json_text));
  }
  void object(const Key& key, const Nested& fields) override {
    Json value = Json::object();
    Writer inner(value);
    fields(inner);
    put(key, std::move(value));
  }
  void list(const Key& key, std::size_t size, const std::function<void(std::size_t)>&, const Item& item, const Length&) override {
    Json value = Json::array();
    Writer inner(value);
    for (std::size_t i = 0; i < size; ++i) item(inner, Key{std::to_string(i)}, i);
    put(key, std::move(value));
  }
  void map(const Key& key, const std::vector<std::string>& names, const Entry& entry) override {
    Json value = Json::object();
    Writer inner(value);
    for (const std::string& name : names) entry(inner, Key{name}, name);
    put(key, std::move(value));
  }
  bool present(const Key&, bool has_value) override { return has_value; }
  void problem(const std::string&, const std::string&) override {}

 private:
  Json& here_;
  void put(const Key& key, Json value) {
    if (here_.is_array()) here_.push_back(std::move(value));
    else here_[key.name] = std::move(value);
  }
};

class SchemaMaker final : public FieldVisitor {
 public:
  explicit SchemaMaker(Json& here) : here_(here) {}
  void integer(const Key& key, std::int64_t& value, const Range& range) override {
    Json schema{{"type", "integer"}};
    if (range.min != std::numeric_limits<std::int64_t>::min()) schema["minimum"] = range.min;
    if (range.max != std::numeric_limits<std::int64_t>::max()) schema["maximum"] = range.max;
    put(key, std::move(schema), Json(value));
  }
  void real(const Key& key, double& value, const RealRange& range) override {
    Json schema{{"type", "number"}};
    if (range.min > -std::numeric_limits<double>::max()) schema[range.min_open ? "exclusiveMinimum" : "minimum"] = range.min;
    if (range.max < std::numeric_limits<double>::max()) schema["maximum"] = range.max;
    put(key, std::move(schema), Json(value));
  }
  void boolean(const Key& key, bool& value) override { put(key, Json{{"type", "boolean"}}, Json(value)); }
  void text(const Key& key, std::string& value) override { put(key, Json{{"type", "string"}}, Json(value)); }
  void choice(const Key& key, std::string& value, const Choice& choice) override {
    put(key, Json{{"type", "string"}, {"enum", choice.words}}, Json(value));
  }
  void raw(const Key& key, std::string&, const Raw& raw) override { put(key, Json::parse(raw.schema), nullptr); }
  void object(const Key& key, const Nested& fields) override { put(key, nested(fields), nullptr); }
  void list(const Key& key, std::size_t, const std::function<void(std::size_t)>&, const Item& item, const Length& length) override {
    Json holder = Json::object();
    SchemaMaker inner(holder);
    item(inner, Key{"item", {}, key.unit}, std::numeric_limits<std::size_t>::max());
    Json schema{{"type", "array"}, {"items", holder["properties"]["item"]}};
    if (length.min > 0) schema["minItems"] = length.min;
    if (length.max < Length{}.max) schema["maxItems"] = length.max;
    put(key, std::move(schema), nullptr);
  }
  void map(const Key& key, const std::vector<std::string>&, const Entry& entry) override {
    Json holder = Json::object();
    SchemaMaker inner(holder);
    entry(inner, Key{"item"}, "item");
    put(key, Json{{"type", "object"}, {"additionalProperties", holder["properties"]["item"]}}, nullptr);
  }
  bool present(const Key& key, bool) override {
    optional_.emplace(key.name);
    return true;
  }
  void problem(const std::string&, const std::string&) override {}

  static Json nested(const Nested& fields) {
    Json schema{{"type", "object"}, {"properties", Json::object()}, {"additionalProperties", false}};
    SchemaMaker inner(schema);
    fields(inner);
    return schema;
  }

 private:
  Json& here_;
  std::set<std::string, std::less<>> optional_;
  void put(const Key& key, Json schema, Json fallback) {
    if (!key.doc.empty()) schema["description"] = std::string(key.doc) + (key.unit.empty() ? "" : " [" + std::string(key.unit) + "]");
    const bool is_default = key.presence != Key::required && !optional_.contains(key.name) && !fallback.is_null();
    if (is_default && !(fallback.is_string() && fallback.get<std::string>().empty())) schema["default"] = std::move(fallback);
    here_["properties"][key.name] = std::move(schema);
    if (key.presence == Key::required && key.name != "item") here_["required"].push_back(key.name);
  }
};

class TableMaker final : public FieldVisitor {
 public:
  TableMaker(std::vector<FieldRow>& rows, std::string pointer) : rows_(rows), pointer_(std::move(pointer)) {}
  void integer(const Key& key, std::int64_t& value, const Range& range) override { put(key, "integer", std::to_string(value), range_text(range)); }
  void real(const Key& key, double& value, const RealRange& range) override { put(key, "number", number(value), range_text(range)); }
  void boolean(const Key& key, bool& value) override { put(key, "boolean", value ? "true" : "false", "true or false"); }
  void text(const Key& key, std::string& value) override { put(key, "text", value, ""); }
  void choice(const Key& key, std::string& value, const Choice& choice) override { put(key, "word", value, join(choice.words, " | ")); }
  void raw(const Key& key, std::string&, const Raw&) override { put(key, "JSON", "", ""); }
  void object(const Key& key, const Nested& fields) override {
    TableMaker inner(rows_, pointer_ + pointer_step(key.name));
    fields(inner);
  }
  void list(const Key& key, std::size_t, const std::function<void(std::size_t)>&, const Item& item, const Length&) override {
    if (!key.doc.empty()) put(key, "list", "", "");
    TableMaker inner(rows_, pointer_ + pointer_step(key.name));
    item(inner, Key{"*"}, std::numeric_limits<std::size_t>::max());
  }
  void map(const Key& key, const std::vector<std::string>&, const Entry& entry) override {
    if (!key.doc.empty()) put(key, "object", "", "");
    TableMaker inner(rows_, pointer_ + pointer_step(key.name));
    entry(inner, Key{"NAME"}, "NAME");
  }
  bool present(const Key& key, bool) override {
    optional_.emplace(key.name);
    return true;
  }
  void problem(const std::string&, const std::string&) override {}

 private:
  std::vector<FieldRow>& rows_;
  std::string pointer_;
  std::set<std::string, std::less<>> optional_;
  void put(const Key& key, std::string type, std::string fallback, std::string allowed) {
    const bool required = key.presence == Key::required;
    if (required || optional_.contains(key.name)) fallback.clear();
    rows_.push_back({pointer_ + pointer_step(key.name), std::move(type), std::string(key.unit), std::move(fallback), std::move(allowed), std::string(key.doc), required});
  }
};

}  // namespace

Expected<void> read_described(const Document& document, const Describer& fields, const std::string& pointer) {
  std::vector<Problem> problems;
  const Json::json_pointer where(pointer);
  if (!document.root().contains(where)) return invalid(document.file(), pointer, "is missing");
  const Json& here = document.root().at(where);
  if (!here.is_object()) return invalid(document.file(), pointer, "found " + kind_of(here) + "; allowed: an object {...}");
  Reader reader(here, pointer, document.file(), problems);
  fields(reader);
  reader.finish();
  if (problems.empty()) return {};
  constexpr std::size_t most_reported = 100;
  if (problems.size() > most_reported) {
    const std::size_t more = problems.size() - most_reported;
    problems.resize(most_reported);
    problems.push_back({document.file(), "", "and " + std::to_string(more) + " more problems"});
  }
  return fail(Error(ErrorKind::invalid_input, std::move(problems)));
}

Json write_described(const Describer& fields) {
  Json out = Json::object();
  Writer writer(out);
  fields(writer);
  return out;
}

Json schema_described(const Describer& fields, const std::string& title) {
  Json out = SchemaMaker::nested(fields);
  Json with_title{{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", title}};
  with_title.update(out);
  return with_title;
}

std::vector<FieldRow> table_described(const Describer& fields) {
  std::vector<FieldRow> rows;
  TableMaker maker(rows, "");
  fields(maker);
  return rows;
}

}  // namespace gnomon
