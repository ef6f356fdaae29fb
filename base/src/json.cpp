#include "gnomon/base/json.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <system_error>
#include <unistd.h>
#include <vector>

#include "gnomon/base/text.hpp"

namespace gnomon {
namespace {

constexpr std::size_t deepest = 200;

/// Builds the document while it watches what nlohmann's own builder lets pass: repeated keys and depth.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  std::vector<std::string> problems;
  std::string syntax_error;
  Json root;

  bool null() override { return put(nullptr); }
  bool boolean(bool value) override { return put(value); }
  bool number_integer(number_integer_t value) override { return put(value); }
  bool number_unsigned(number_unsigned_t value) override { return put(value); }
  bool number_float(number_float_t value, const string_t&) override { return put(value); }
  bool string(string_t& value) override { return put(std::move(value)); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return open(true); }
  bool start_array(std::size_t) override { return open(false); }
  bool end_object() override { return close(); }
  bool end_array() override { return close(); }
  bool key(string_t& name) override {
    Frame& frame = stack_.back();
    if (frame.repeats(name)) problems.push_back("key " + in_quotes(name) + " stands twice in one object; keep one");
    frame.names.push_back(std::move(name));
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::detail::exception& error) override {
    syntax_error = error.what();
    return false;
  }

 private:
  /// What stands between a bracket and its other one, so far; of an object a name for each value.
  struct Frame {
    bool object = false;
    std::vector<std::string> names;
    std::vector<Json> values;
    std::set<std::string> seen;  ///< names, once they are many

    bool repeats(const std::string& name) {
      constexpr std::size_t few = 16;
      if (names.size() < few) return std::find(names.begin(), names.end(), name) != names.end();
      if (seen.empty()) seen.insert(names.begin(), names.end());
      return !seen.insert(name).second;
    }
  };
  std::vector<Frame> stack_;

  bool put(Json value) {
    if (stack_.empty()) root = std::move(value);
    else stack_.back().values.push_back(std::move(value));
    return true;
  }
  bool open(bool object) {
    if (stack_.size() >= deepest) {
      syntax_error = "nested deeper than " + std::to_string(deepest) + " levels";
      return false;
    }
    stack_.emplace_back().object = object;
    return true;
  }
  bool close() {
    Frame frame = std::move(stack_.back());
    stack_.pop_back();
    if (!frame.object) return put(Json(std::move(frame.values)));
    Json out = Json::object();
    auto& members = out.get_ref<Json::object_t&>();
    members.reserve(frame.values.size());
    // Appending directly: the container's own insertion looks through all keys first, which is quadratic. A name that stands twice has been reported.
    for (std::size_t i = 0; i < frame.values.size(); ++i) members.push_back(Json::object_t::value_type(std::move(frame.names[i]), std::move(frame.values[i])));
    return put(std::move(out));
  }
};

std::string readable(std::string message) {
  // nlohmann prefixes "[json.exception.parse_error.101] parse error at line 3, column 5: syntax error ...".
  const std::size_t bracket = message.find("] ");
  if (message.starts_with("[json.exception") && bracket != std::string::npos) message.erase(0, bracket + 2);
  std::string out;
  for (const char c : message) out += static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7f ? '?' : c;
  constexpr std::size_t longest = 300;
  if (out.size() > longest) out = out.substr(0, longest) + "...";
  return out;
}

}  // namespace

Expected<Document> Document::parse(std::string_view text, std::string file) {
  StrictBuilder builder;
  bool sound = false;
  try {
    sound = Json::sax_parse(text.begin(), text.end(), &builder, Json::input_format_t::json, true, true);
  } catch (const std::exception& error) {
    builder.syntax_error = error.what();
  }
  if (!sound) {
    return invalid(std::move(file), "", "not valid JSON: " + readable(builder.syntax_error.empty() ? "unreadable" : builder.syntax_error));
  }
  if (!builder.problems.empty()) {
    std::vector<Problem> problems;
    for (std::string& message : builder.problems) problems.push_back({file, "", std::move(message)});
    return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  }
  return Document(std::make_shared<const Json>(std::move(builder.root)), std::move(file));
}

Expected<Document> Document::load(const std::filesystem::path& path) {
  auto text = read_file(path);
  if (!text) return fail(std::move(text.error()));
  return parse(*text, path.string());
}

Expected<std::vector<Document>> Document::parse_list(std::string_view text, const std::string& file) {
  auto whole = parse(text, file);
  if (!whole) return fail(std::move(whole.error()));
  if (!whole->root().is_array()) return std::vector<Document>{std::move(*whole)};
  std::vector<Document> out;
  for (std::size_t i = 0; i < whole->root().size(); ++i) out.push_back(Document(std::shared_ptr<const Json>(whole->root_, &whole->root()[i]), file + " /" + std::to_string(i)));
  return out;
}

Document Document::wrap(const Json& root, std::string file) { return Document(std::make_shared<const Json>(root), std::move(file)); }

Expected<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes) {
  std::error_code code;
  const auto status = std::filesystem::status(path, code);
  if (!std::filesystem::exists(status)) return invalid(path.string(), "", "no such file");
  if (std::filesystem::is_directory(status)) return invalid(path.string(), "", "is a folder, not a file");
  std::ifstream in(path, std::ios::binary);
  if (!in) return invalid(path.string(), "", "cannot be opened: " + std::string(std::strerror(errno)));
  std::string out;
  std::vector<char> buffer(1 << 16);
  while (in) {
    in.read(buffer.data(), static_cast<std::streamsize>(buffer.size()));
    out.append(buffer.data(), static_cast<std::size_t>(in.gcount()));
    if (out.size() > limit_bytes) {
      return invalid(path.string(), "", "larger than " + std::to_string(limit_bytes >> 20) + " MiB, which is the most that is read");
    }
  }
  if (in.bad()) return invalid(path.string(), "", "cannot be read");
  return out;
}

Expected<void> write_file(const std::filesystem::path& path, std::string_view content) {
  const std::filesystem::path part = path.string() + ".part" + std::to_string(::getpid());
  {
    std::ofstream out(part, std::ios::binary | std::ios::trunc);
    out.write(content.data(), static_cast<std::streamsize>(content.size()));
    out.flush();
    if (!out) return fail(ErrorKind::run_failed, path.string() + ": cannot be written: " + std::strerror(errno));
  }
  std::error_code code;
  std::filesystem::rename(part, path, code);
  if (code) return fail(ErrorKind::run_failed, path.string() + ": cannot be written: " + code.message());
  return {};
}

std::string pointer_step(std::string_view key) {
  std::string out = "/";
  for (const char c : key) {
    if (c == '~') out += "~0";
    else if (c == '/') out += "~1";
    else out += c;
  }
  return out;
}

}  // namespace gnomon
