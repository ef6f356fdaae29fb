#pragma once

#include <filesystem>
#include <string>

#include "gnomon/base/error.hpp"

namespace gnomon {

/// Keeps a folder to one writer, of this machine's processes and of this one's objects; let go at the end of the object's life, or of the process, however it ends.
class FolderLock {
 public:
  FolderLock() = default;
  /// Locks a folder that is there. `who`: what is told to stand in the way, `another run`. A child of a writer that was killed holds the folder until it is a program of its own, so the
  /// folder is asked for a few seconds before it is refused. Errors (run_failed): no such folder; WHO is writing there.
  static Expected<FolderLock> take(const std::filesystem::path& folder, const std::string& who);
  FolderLock(FolderLock&& other) noexcept;
  FolderLock& operator=(FolderLock&& other) noexcept;
  ~FolderLock();

 private:
  int file_ = -1;
};

}  // namespace gnomon
