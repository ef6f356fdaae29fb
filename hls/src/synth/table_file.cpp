#include "synth/table_file.hpp"

#include <zlib.h>

#include <sstream>

#include "gnomon/base/json.hpp"

namespace gnomon::hls {

namespace fs = std::filesystem;

std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::vector<std::string> fields_of(const std::string& line) {
  std::vector<std::string> out(1);
  bool inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"') {
      if (inside && i + 1 < line.size() && line[i + 1] == '"') out.back() += '"', ++i;
      else inside = !inside;
    } else if (line[i] == ',' && !inside) {
      out.emplace_back();
    } else {
      out.back() += line[i];
    }
  }
  return out;
}

Expected<std::vector<std::string>> kept_lines(const fs::path& file, const std::string& first) {
  std::vector<std::string> out;
  std::error_code code;
  if (!fs::exists(file, code)) return out;
  auto text = read_file(file, std::size_t{1} << 30);
  if (!text) return fail(std::move(text.error()));
  const std::size_t whole = text->rfind('\n');
  std::istringstream lines(whole == text->npos ? std::string() : text->substr(0, whole + 1));
  std::string line;
  if (!std::getline(lines, line)) return out;
  if (line != first) return fail(ErrorKind::invalid_input, file.string() + ": holds another table (its header differs); give another name, or remove it");
  while (std::getline(lines, line)) out.push_back(line);
  return out;
}

Expected<void> write_gzip(const fs::path& path, const std::string& text) {
  const fs::path partial = path.string() + ".writing";
  gzFile file = gzopen(partial.c_str(), "wb9");
  if (file == nullptr) return fail(ErrorKind::invalid_input, path.string() + ": cannot be written");
  bool good = true;
  for (std::size_t at = 0; good && at < text.size(); at += std::size_t{1} << 20) {
    const auto size = static_cast<unsigned>(std::min<std::size_t>(text.size() - at, std::size_t{1} << 20));
    good = gzwrite(file, text.data() + at, size) == static_cast<int>(size);
  }
  good = gzclose(file) == Z_OK && good;
  std::error_code code;
  if (good) fs::rename(partial, path, code);
  if (!good || code) return fail(ErrorKind::run_failed, path.string() + ": cannot be written");
  return {};
}

}  // namespace gnomon::hls
