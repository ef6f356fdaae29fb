#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gnomon/base/folder_lock.hpp"
#include "gnomon/base/temporary_folder.hpp"

namespace gnomon {
namespace {

TEST(FolderLock, OneWriterAtATime) {
  const auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder);
  {
    const auto held = FolderLock::take(folder->path(), "another test");
    ASSERT_TRUE(held) << held.error().text();
    const auto refused = FolderLock::take(folder->path(), "another test");
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text(), folder->path().string() + ": another test is writing here");
  }
  EXPECT_TRUE(FolderLock::take(folder->path(), "another test"));
  EXPECT_FALSE(FolderLock::take(folder->path() / "none", "another test"));
}

// What a killed writer leaves: a child between fork and exec, which has its parent's descriptors until the exec closes them.
TEST(FolderLock, AChildOnItsWayToItsProgramIsWaitedFor) {
  const auto folder = TemporaryFolder::make();
  ASSERT_TRUE(folder);
  const int file = ::open(folder->path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ASSERT_GE(file, 0);
  ASSERT_EQ(::flock(file, LOCK_EX | LOCK_NB), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::usleep(200'000);
    ::execlp("true", "true", nullptr);
    ::_exit(1);
  }
  ::close(file);
  const auto taken = FolderLock::take(folder->path(), "another test");
  EXPECT_TRUE(taken) << taken.error().text();
  int status = 0;
  ::waitpid(child, &status, 0);
}

}  // namespace
}  // namespace gnomon
