#pragma once

#include <filesystem>
#include <nlohmann/json_fwd.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon {

/// JSON with its keys in the order written, so that what gnomon writes is the same bytes every time.
using Json = nlohmann::ordered_json;

/// A parsed JSON text and the name under which errors speak of it. `//` and `/* */` comments are allowed; repeated keys,
/// nesting beyond 200 levels, numbers that no double holds and invalid UTF-8 are refused with line and column.
class Document {
 public:
  static Expected<Document> parse(std::string_view text, std::string file);
  /// The values of a list as documents named `FILE /0`, `FILE /1`, ...; any other value as one document.
  static Expected<std::vector<Document>> parse_list(std::string_view text, const std::string& file);
  /// Reads a whole file; `file` of the errors is the path as given. Files beyond 256 MiB are refused.
  static Expected<Document> load(const std::filesystem::path& path);
  /// Wraps a value that is already JSON (made by gnomon itself or by a caller of the Python module).
  static Document wrap(const Json& root, std::string file);

  const Json& root() const { return *root_; }
  const std::string& file() const { return file_; }

 private:
  Document(std::shared_ptr<const Json> root, std::string file) : root_(std::move(root)), file_(std::move(file)) {}
  std::shared_ptr<const Json> root_;
  std::string file_;
};

/// The whole content of a file (at most `limit_bytes`), or an error that names it.
Expected<std::string> read_file(const std::filesystem::path& path, std::size_t limit_bytes = std::size_t{256} << 20);

/// Writes a file by way of a temporary one beside it, so that a reader sees the old content or the new, never a part.
Expected<void> write_file(const std::filesystem::path& path, std::string_view content);

/// A key as a JSON pointer step (RFC 6901): `~` and `/` escaped.
std::string pointer_step(std::string_view key);

}  // namespace gnomon
