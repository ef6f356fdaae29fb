#include "gnomon/base/temporary_folder.hpp"

#include <stdlib.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "gnomon/base/text.hpp"

namespace gnomon {

namespace fs = std::filesystem;

TemporaryFolder::TemporaryFolder(fs::path path) : path_(std::move(path)) {}
TemporaryFolder::TemporaryFolder(TemporaryFolder&& other) noexcept : path_(std::exchange(other.path_, {})) {}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Expected<TemporaryFolder> TemporaryFolder::make() {
  std::error_code code;
  const fs::path base = fs::temp_directory_path(code);
  return make(code ? fs::path("/tmp") : base);
}

Expected<TemporaryFolder> TemporaryFolder::make(const fs::path& parent) {
  std::error_code code;
  fs::create_directories(parent, code);
  // mkdtemp puts letters of its own in the place of these.
  std::string name = (parent / ("gnomon-" + std::string(6, 'X'))).string();
  if (mkdtemp(name.data()) == nullptr)
    return fail(ErrorKind::run_failed, "cannot make a folder in " + in_quotes(parent.string()) + ": " + std::strerror(errno));
  return TemporaryFolder(name);
}

Expected<void> TemporaryFolder::publish(const fs::path& place) {
  std::error_code code;
  fs::rename(path_, place, code);
  if (code && !fs::exists(place)) return fail(ErrorKind::run_failed, "cannot write " + in_quotes(place.string()) + ": " + code.message());
  if (!code) path_.clear();
  return {};
}

}  // namespace gnomon
