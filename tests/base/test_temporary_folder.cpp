#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "gnomon/base/temporary_folder.hpp"

namespace gnomon {
namespace {

namespace fs = std::filesystem;

void put(const fs::path& file, const char* text) { std::ofstream(file) << text; }

TEST(TemporaryFolder, GoesWithItsOwner) {
  std::optional<TemporaryFolder> kept;
  fs::path path;
  {
    auto made = TemporaryFolder::make();
    ASSERT_TRUE(made) << made.error().text();
    path = made->path();
    put(path / "a", "1");
    fs::create_directory(path / "b");
    kept.emplace(std::move(*made));
  }
  EXPECT_TRUE(fs::exists(path / "a")) << "its owner has moved, not gone";
  kept.reset();
  EXPECT_FALSE(fs::exists(path));
}

TEST(TemporaryFolder, IsPublishedOnceAndTheFirstStays) {
  auto parent = TemporaryFolder::make();
  ASSERT_TRUE(parent);
  const fs::path place = parent->path() / "place";
  for (const char* text : {"first", "second"}) {
    auto made = TemporaryFolder::make(parent->path() / "work");
    ASSERT_TRUE(made) << made.error().text();
    put(made->path() / "file", text);
    ASSERT_TRUE(made->publish(place));
  }
  std::string found;
  std::ifstream(place / "file") >> found;
  EXPECT_EQ(found, "first");
  EXPECT_TRUE(fs::is_empty(parent->path() / "work"));
  put(parent->path() / "plain", "");
  auto refused = TemporaryFolder::make(parent->path() / "plain");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("plain"), std::string::npos);
}

}  // namespace
}  // namespace gnomon
