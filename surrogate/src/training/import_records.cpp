#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <zlib.h>

#include "gnomon/base/text.hpp"
#include "training/wa_records.hpp"

namespace gnomon::surrogate {

using arch::LabelTable;

Expected<std::string> read_unpacked(const std::filesystem::path& path, std::size_t limit) {
  auto bytes = read_file(path, limit);
  if (!bytes || !bytes->starts_with("\x1f\x8b")) return bytes;
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return fail(ErrorKind::run_failed, "zlib does not start");
  std::string text;
  std::vector<char> part(1 << 18);
  stream.next_in = reinterpret_cast<Bytef*>(bytes->data());
  stream.avail_in = static_cast<uInt>(bytes->size());
  int state = Z_OK;
  while (state == Z_OK && text.size() < limit) {
    stream.next_out = reinterpret_cast<Bytef*>(part.data());
    stream.avail_out = static_cast<uInt>(part.size());
    state = inflate(&stream, Z_NO_FLUSH);
    text.append(part.data(), part.size() - stream.avail_out);
    // A file may hold several compressed parts behind each other (`cat a.gz b.gz`).
    if (state == Z_STREAM_END && stream.avail_in > 0) state = inflateReset(&stream);
  }
  inflateEnd(&stream);
  if (state != Z_STREAM_END) return invalid(path.string(), "", text.size() >= limit ? "unpacks to more than " + std::to_string(limit >> 30) + " GiB" : "is damaged: it does not unpack");
  return text;
}

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto at = object.find(key);
  return at == object.end() || at->is_null() ? nullptr : &*at;
}

std::string text_of(const Json* value) { return !value ? std::string() : value->is_string() ? value->get<std::string>() : value->dump(); }

std::vector<double> numbers_in(const std::string& text) {
  std::vector<double> out;
  for (std::size_t i = 0; i < text.size();) {
    if (text[i] < '0' || text[i] > '9') {
      ++i;
      continue;
    }
    double value = 0;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) value = std::min(1e15, 10 * value + (text[i] - '0'));
    out.push_back(value);
  }
  return out;
}

double Numbers::operator()(const Json* object, const char* key, const std::string& where) {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  const Json* value = object ? member(*object, key) : nullptr;
  if (!value) return nan;
  double out = nan;
  if (value->is_number()) {
    out = value->get<double>();
  } else {
    const std::string text = text_of(value);
    const std::string_view word = trimmed(text);
    if (word.empty() || word == "None" || word == "N/A") return nan;
    if (!value->is_string() || !parse_real(word, out)) out = -1;
  }
  if (!(out >= 0 && out <= 1e300)) wrong_ = {where + "/" + key, text_of(value)};
  return out;
}

Expected<void> Numbers::sound(const std::string& file) const {
  if (wrong_.first.empty()) return {};
  return invalid(file, wrong_.first, "found " + in_quotes(wrong_.second) + "; allowed: a number that is not negative, or nothing where it is missing");
}

LabelTable GrowingColumns::table() const {
  LabelTable out;
  for (const LabelTable::Column& column : list) out.add(column);
  return out;
}

LabelTable::Column& GrowingColumns::find(const std::string& name, const std::string& unit, bool numeric) {
  for (LabelTable::Column& column : list) {
    if (column.name == name) return column;
  }
  list.push_back({name, unit, numeric, {}, {}});
  return list.back();
}

void add_labels(const Json& record, const std::string& where, Numbers& number_of, GrowingColumns& rows) {
  const Json* resources = member(record, "resource_report");
  const Json* latency = member(record, "latency_report");
  for (const char* name : {"lut", "ff", "dsp", "bram"}) rows.number(name, "", number_of(resources, name, where + "/resource_report"));
  rows.number("cycles", "", number_of(latency, "cycles_max", where + "/latency_report"));
  rows.number("ii", "", number_of(latency, "interval_max", where + "/latency_report"));
}

LabelSource source_of(const Json& record) {
  LabelSource out{"records of the wa-hls4ml schema", ""};
  const auto tell = [&](const char* name, const char* key) {
    if (const std::string version = text_of(member(record, key)); !version.empty()) out.tool += (out.tool.empty() ? "" : " with ") + (*name != 0 ? std::string(name) + " " : "") + version;
  };
  // Backends other than Vivado stand by name.
  tell("", "backend");
  tell("", "backend_version");
  tell("Vivado", "vivado_version");
  tell("hls4ml", "hls4ml_version");
  return out;
}

Expected<void> for_each_record(const std::string& text, const std::string& file, const std::function<Expected<void>(const Json&, std::size_t)>& each) {
  std::size_t index = 0;
  const std::string_view all = trimmed(text);
  const std::string_view first_line = trimmed(all.substr(0, all.find('\n')));
  const bool lines = all.starts_with('{') && first_line.ends_with('}') && first_line.size() > 1;
  if (!lines && !all.empty()) {
    const auto document = Document::parse(all, file);
    if (!document) return fail(Error(document.error()));
    if (document->root().is_object()) return each(document->root(), 0);
    if (!document->root().is_array()) return invalid(file, "", "found a single value; a list of records is due");
    for (const Json& record : document->root()) {
      if (auto done = each(record, index++); !done) return done;
    }
  }
  for (std::size_t begin = 0; lines && begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    const std::string_view line = trimmed(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (line.empty()) continue;
    const auto document = Document::parse(line, file);
    if (!document) return fail(Error(document.error()));
    if (auto done = each(document->root(), index++); !done) return done;
  }
  if (index == 0) return invalid(file, "", "has no record");
  return {};
}

}  // namespace gnomon::surrogate
