#include <gtest/gtest.h>

#include <iostream>

#include "gnomon/arch/space_table.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::arch {
namespace {

SpaceTable small() {
  SpaceTable table({{"policy", {std::string("open"), std::string("closed")}}, {"size", {std::int64_t{1}, std::int64_t{2}, std::int64_t{4}}}},
                   {{"time", "us"}, {"energy", "uJ"}}, R"({"seed": 3})");
  const std::uint64_t a[] = {1, 0b110}, b[] = {1, 0b001}, c[] = {2, 0b111};
  const double va[] = {1, 9}, vb[] = {5, 2}, vc[] = {5, 3};
  table.add(a, va);
  table.add(b, vb);
  table.add(c, vc);
  table.index();
  return table;
}

TEST(SpaceTable, EveryPointHasTheOutcomeOfItsBox) {
  const SpaceTable table = small();
  EXPECT_EQ(table.points(), 6u);
  EXPECT_EQ(table.missing(), 0u);
  const std::uint32_t want[2][3] = {{1, 0, 0}, {2, 2, 2}};
  for (std::size_t i = 0; i < 2; ++i) {
    for (std::size_t j = 0; j < 3; ++j) {
      const std::size_t at[] = {i, j};
      EXPECT_EQ(table.record_of(at), want[i][j]);
    }
  }
}

TEST(SpaceTable, FrontLeavesOutWhatIsBeatenOrNotFeasible) {
  const SpaceTable table = small();
  EXPECT_EQ(table.front({0, 1}, [](std::size_t) { return true; }), (std::vector<std::size_t>{0, 1}));
  EXPECT_EQ(table.front({0, 1}, [](std::size_t r) { return r != 1; }), (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(table.front({1}, [](std::size_t) { return true; }), (std::vector<std::size_t>{1}));
}

TEST(SpaceTable, ComesBackFromItsBytes) {
  const SpaceTable table = small();
  const std::string bytes = table.bytes();
  const auto back = SpaceTable::parse(bytes, "t");
  ASSERT_TRUE(back) << back.error().text();
  EXPECT_EQ(back->bytes(), bytes);
  EXPECT_EQ(back->records(), 3u);
  EXPECT_EQ(back->axes()[1].values, table.axes()[1].values);
  EXPECT_EQ(back->metrics()[1].unit, "uJ");
}

// Any changed or missing byte is an error or (in the header's own words) another table, never a crash.
TEST(SpaceTable, DamageIsRefused) {
  const std::string bytes = small().bytes();
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(SpaceTable::parse(bytes.substr(0, cut), "t")) << cut;
  Random random(7);
  std::cout << "seed 7\n";
  const std::size_t records = bytes.find('\n', 25) + 1;
  for (std::size_t at = records; at < bytes.size(); ++at) {
    std::string bad = bytes;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.integer(0, 7)));
    if (bad == bytes) continue;
    EXPECT_FALSE(SpaceTable::parse(bad, "t")) << at;
  }
  for (int i = 0; i < 300; ++i) {
    std::string bad = bytes;
    bad[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(records) - 1))] = static_cast<char>(random.integer(0, 255));
    const auto read = SpaceTable::parse(bad, "t");
    if (!read) {
      EXPECT_FALSE(read.error().text().empty());
    }
  }
}

}  // namespace
}  // namespace gnomon::arch
