#include "gnomon/arch/label_table.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

struct Record {
  std::size_t line = 0;
  std::vector<std::string> fields;
};

/// Splits CSV into records (RFC 4180; a lone LF also ends a line). Lines without any character are skipped.
Expected<std::vector<Record>> split(const std::string& csv, const std::string& file) {
  std::vector<Record> records;
  std::size_t at = csv.starts_with("\xEF\xBB\xBF") ? 3 : 0;
  std::size_t line = 1;
  const auto problem = [&](std::size_t where, const std::string& message) {
    return fail(Error(ErrorKind::invalid_input, Problem{file, "line " + std::to_string(where), message}));
  };
  while (at < csv.size()) {
    Record record;
    record.line = line;
    std::string text;
    bool any = false;
    bool quoted = false;
    for (bool ended = false; !ended;) {
      const char c = at < csv.size() ? csv[at] : '\n';
      if (c == '"' && text.empty() && !quoted) {
        const std::size_t opened = line;
        quoted = any = true;
        for (++at;; ++at) {
          if (at >= csv.size()) return problem(opened, "a quote is opened and never closed");
          if (csv[at] == '"') {
            if (at + 1 >= csv.size() || csv[at + 1] != '"') break;
            ++at;
          }
          if (csv[at] == '\n') ++line;
          text += csv[at];
        }
        ++at;
      } else if (c == ',' || c == '\n' || (c == '\r' && (at + 1 >= csv.size() || csv[at + 1] == '\n'))) {
        any = any || c == ',';
        record.fields.push_back(std::move(text));
        text.clear();
        quoted = false;
        if (c == '\r') ++at;
        ++at;
        ended = c != ',';
      } else {
        if (quoted) return problem(line, "text after a closing quote");
        any = true;
        text += c;
        ++at;
      }
    }
    ++line;
    if (any) records.push_back(std::move(record));
  }
  return records;
}

std::string quoted_field(const std::string& text) {
  const bool blank_ends = !text.empty() && (text.front() == ' ' || text.back() == ' ');
  if (text.find_first_of(",\"\r\n") == std::string::npos && !blank_ends) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

}  // namespace

Expected<LabelTable> LabelTable::parse(const std::string& csv, const std::string& file) {
  auto records = split(csv, file);
  if (!records) return fail(std::move(records.error()));
  if (records->empty()) return invalid(file, "", "is empty; the first line must name the columns");
  LabelTable table;
  table.file_ = file;
  table.rows_ = records->size() - 1;
  table.files_ = {file};
  for (std::size_t r = 1; r < records->size(); ++r) table.places_.push_back({0, r - 1, (*records)[r].line});
  std::vector<Problem> problems;
  std::set<std::string> names;
  for (const std::string& head : records->front().fields) {
    Column column;
    std::string_view text = trimmed(head);
    if (text.ends_with(']') && text.find('[') != std::string_view::npos) {
      const std::size_t open = text.rfind('[');
      column.unit = std::string(trimmed(text.substr(open + 1, text.size() - open - 2)));
      text = trimmed(text.substr(0, open));
    }
    column.name = std::string(text);
    const std::string where = "column " + std::to_string(table.columns_.size() + 1);
    if (column.name.find_first_of("[]") != std::string::npos)
      problems.push_back(
          {file, where, "found brackets in the name " + in_quotes(column.name) + "; they hold the unit behind it"});
    else if (column.name.empty())
      problems.push_back({file, where, "has no name"});
    else if (!names.insert(column.name).second)
      problems.push_back({file, where, "the name " + in_quotes(column.name) + " is taken already"});
    table.columns_.push_back(std::move(column));
  }
  constexpr std::size_t most_reported = 20;
  for (std::size_t r = 1; r < records->size() && problems.size() < most_reported; ++r) {
    const Record& record = (*records)[r];
    if (record.fields.size() != table.columns_.size()) {
      problems.push_back({file, "line " + std::to_string(record.line),
                          "found " + std::to_string(record.fields.size()) + " fields; the header names " +
                              std::to_string(table.columns_.size())});
    }
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  for (std::size_t c = 0; c < table.columns_.size(); ++c) {
    Column& column = table.columns_[c];
    column.numbers.reserve(table.rows_);
    for (std::size_t r = 1; r < records->size() && column.numeric; ++r) {
      const std::string_view text = trimmed((*records)[r].fields[c]);
      double value = std::numeric_limits<double>::quiet_NaN();
      if (!text.empty() && !parse_real(text, value)) column.numeric = false;
      column.numbers.push_back(value);
    }
    if (column.numeric) continue;
    column.numbers.clear();
    for (std::size_t r = 1; r < records->size(); ++r) column.words.push_back((*records)[r].fields[c]);
  }
  return table;
}

Expected<LabelTable> LabelTable::load(const std::filesystem::path& path) {
  auto text = read_file(path);
  if (!text) return fail(std::move(text.error()));
  return parse(*text, path.string());
}

std::string LabelTable::to_csv() const {
  std::string out;
  const auto put = [&](std::size_t c, const std::string& text) {
    if (c > 0) out += ',';
    // A line of nothing would be skipped on reading.
    out += text.empty() && columns_.size() == 1 ? "\"\"" : quoted_field(text);
  };
  for (std::size_t c = 0; c < columns_.size(); ++c)
    put(c, columns_[c].name + (columns_[c].unit.empty() ? "" : " [" + columns_[c].unit + "]"));
  out += '\n';
  for (std::size_t r = 0; r < rows_; ++r) {
    for (std::size_t c = 0; c < columns_.size(); ++c) {
      const Column& column = columns_[c];
      if (column.numeric)
        put(c, std::isfinite(column.numbers[r]) ? number(column.numbers[r]) : "");
      else
        put(c, column.words[r]);
    }
    out += '\n';
  }
  return out;
}

void LabelTable::add(Column column) {
  const auto fill = [&](Column& each) {
    if (each.numeric)
      each.numbers.resize(rows_, std::numeric_limits<double>::quiet_NaN());
    else
      each.words.resize(rows_);
  };
  const std::size_t rows = column.numeric ? column.numbers.size() : column.words.size();
  columns_.push_back(std::move(column));
  if (rows > rows_) {
    rows_ = rows;
    for (Column& each : columns_) fill(each);
  } else {
    fill(columns_.back());
  }
}

const std::string& LabelTable::file_of(std::size_t row) const { return row < places_.size() ? files_[places_[row].file] : file_; }

std::string LabelTable::place_of(std::size_t row) const {
  if (row >= places_.size()) return "row " + std::to_string(row + 1);
  return "row " + std::to_string(places_[row].row + 1) + " (line " + std::to_string(places_[row].line) + ")";
}

void LabelTable::take_places(const LabelTable& from) {
  std::vector<std::size_t> all(from.rows());
  for (std::size_t r = 0; r < all.size(); ++r) all[r] = r;
  take_places(from, all);
}

void LabelTable::take_places(const LabelTable& from, const std::vector<std::size_t>& rows) {
  if (files_.empty()) file_ = from.file_;
  else if (file_ != from.file_ && !file_.ends_with(" and others")) file_ += " and others";
  const std::size_t first = files_.size();
  files_.insert(files_.end(), from.files_.begin(), from.files_.end());
  for (const std::size_t row : rows) {
    if (row >= from.places_.size()) return;  // of a table that was never read; its rows are the last that have a place
    Place place = from.places_[row];
    place.file += first;
    places_.push_back(place);
  }
}

void LabelTable::set_unit(const std::string& name, const std::string& unit) {
  for (Column& each : columns_)
    if (each.name == name) each.unit = unit;
}

const LabelTable::Column* LabelTable::find(const std::string& name) const {
  const auto found = std::find_if(columns_.begin(), columns_.end(), [&](const Column& each) { return each.name == name; });
  return found == columns_.end() ? nullptr : &*found;
}

Expected<const LabelTable::Column*> LabelTable::column(const std::string& name) const {
  if (const Column* found = find(name)) return found;
  std::vector<std::string> names;
  for (const Column& each : columns_) names.push_back(each.name);
  return invalid(file_, "", unknown_word("column", name, names));
}

}  // namespace gnomon::arch
