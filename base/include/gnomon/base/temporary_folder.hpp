#pragma once

#include <filesystem>

#include "gnomon/base/error.hpp"

namespace gnomon {

/// A new folder of one's own, removed with everything in it at the end of the object's life.
class TemporaryFolder {
 public:
  /// In the system's place for temporary files, or in `parent`, which is made where it is not there. Error (run_failed): it cannot be made.
  static Expected<TemporaryFolder> make();
  static Expected<TemporaryFolder> make(const std::filesystem::path& parent);
  TemporaryFolder(TemporaryFolder&& other) noexcept;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  ~TemporaryFolder();

  const std::filesystem::path& path() const { return path_; }
  /// Renames the folder to `place` on the same file system; where something stands there by now, that stays and this folder is removed later.
  Expected<void> publish(const std::filesystem::path& place);

 private:
  explicit TemporaryFolder(std::filesystem::path path);
  std::filesystem::path path_;
};

}  // namespace gnomon
