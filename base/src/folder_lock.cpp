#include "gnomon/base/folder_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace gnomon {

Expected<FolderLock> FolderLock::take(const std::filesystem::path& folder, const std::string& who) {
  constexpr std::chrono::seconds patience{3};
  constexpr std::chrono::milliseconds pause{10};
  FolderLock out;
  out.file_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (out.file_ < 0) return fail(ErrorKind::run_failed, folder.string() + ": cannot be opened: " + std::strerror(errno));
  for (const auto start = std::chrono::steady_clock::now(); ::flock(out.file_, LOCK_EX | LOCK_NB) != 0; std::this_thread::sleep_for(pause)) {
    if (errno != EWOULDBLOCK && errno != EINTR) return fail(ErrorKind::run_failed, folder.string() + ": cannot be locked: " + std::strerror(errno));
    if (std::chrono::steady_clock::now() - start > patience) return fail(ErrorKind::run_failed, folder.string() + ": " + who + " is writing here");
  }
  return out;
}

FolderLock::FolderLock(FolderLock&& other) noexcept : file_(std::exchange(other.file_, -1)) {}

FolderLock& FolderLock::operator=(FolderLock&& other) noexcept {
  std::swap(file_, other.file_);
  return *this;
}

FolderLock::~FolderLock() {
  if (file_ >= 0) ::close(file_);
}

}  // namespace gnomon
