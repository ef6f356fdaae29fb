#include <gtest/gtest.h>

#include <cmath>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::arch {
namespace {

TEST(LabelTable, ReadsUnitsNumbersWordsAndGaps) {
  auto table = LabelTable::parse(
      "\xEF\xBB\xBFname,latency [s], rows ,note\r\na,1.5e-3,8,\"x, \"\"y\"\"\"\r\n\"b\nc\",,16,\r\n\r\n", "t.csv");
  ASSERT_TRUE(table) << table.error().text();
  ASSERT_EQ(table->rows(), 2u);
  ASSERT_EQ(table->columns().size(), 4u);
  EXPECT_EQ(table->columns()[1].name, "latency");
  EXPECT_EQ(table->columns()[1].unit, "s");
  EXPECT_TRUE(table->columns()[1].numeric);
  EXPECT_EQ(table->columns()[1].numbers[0], 1.5e-3);
  EXPECT_TRUE(std::isnan(table->columns()[1].numbers[1]));
  EXPECT_EQ(table->columns()[2].name, "rows");
  EXPECT_FALSE(table->columns()[0].numeric);
  EXPECT_EQ(table->columns()[0].words[1], "b\nc");
  EXPECT_EQ(table->columns()[3].words[0], "x, \"y\"");
  EXPECT_EQ(table->columns()[3].words[1], "");
  auto missing = table->column("latenc");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().text(),
            "t.csv: unknown column \"latenc\"; did you mean \"latency\"? (allowed: name, latency, rows, note)");
}

TEST(LabelTable, EachFaultHasItsLine) {
  const auto error = [](const std::string& csv) {
    auto table = LabelTable::parse(csv, "t.csv");
    return table ? "accepted" : table.error().text();
  };
  EXPECT_EQ(error(""), "t.csv: is empty; the first line must name the columns");
  EXPECT_EQ(error("\n\n"), "t.csv: is empty; the first line must name the columns");
  EXPECT_EQ(error("a,b\n1,2\n3\n"), "t.csv: line 3: found 1 fields; the header names 2");
  EXPECT_EQ(error("a,b\n\"1\n2\",2\n3\n"), "t.csv: line 4: found 1 fields; the header names 2");
  EXPECT_EQ(error("a,a\n1,2\n"), "t.csv: column 2: the name \"a\" is taken already");
  EXPECT_EQ(error("a,\n1,2\n"), "t.csv: column 2: has no name");
  EXPECT_EQ(error("a\n\"1\n"), "t.csv: line 2: a quote is opened and never closed");
  EXPECT_EQ(error("a\n\"1\"2\n"), "t.csv: line 2: text after a closing quote");
}

TEST(LabelTable, AHeaderAloneHasNoRows) {
  auto table = LabelTable::parse("a,b", "t.csv");
  ASSERT_TRUE(table);
  EXPECT_EQ(table->rows(), 0u);
}

TEST(LabelTable, WrittenTablesReadBackTheSame) {
  constexpr std::uint64_t seed = 11;
  Random random(seed);
  const std::string letters = "ab,\"\n\r [] ";
  for (int i = 0; i < 300; ++i) {
    LabelTable table;
    const auto rows = static_cast<std::size_t>(random.integer(0, 6));
    const auto columns = random.integer(1, 4);
    for (std::int64_t c = 0; c < columns; ++c) {
      LabelTable::Column column;
      column.name = "c" + std::to_string(c) + (random.chance(0.3) ? ",\"x" : "");
      if (random.chance(0.3)) column.unit = "pJ";
      column.numeric = random.chance(0.5);
      for (std::size_t r = 0; r < rows; ++r) {
        if (column.numeric) {
          column.numbers.push_back(random.chance(0.2) ? std::nan("") : random.normal() * 1e30);
        } else {
          // A word that is no number, so that the column stays one of words.
          std::string word = "w";
          for (auto n = random.integer(0, 5); n > 0; --n)
            word += letters[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(letters.size()) - 1))];
          column.words.push_back(word);
        }
      }
      table.add(std::move(column));
    }
    auto again = LabelTable::parse(table.to_csv(), "t.csv");
    ASSERT_TRUE(again) << again.error().text() << " seed " << seed << " case " << i;
    ASSERT_EQ(again->rows(), rows);
    ASSERT_EQ(again->columns().size(), table.columns().size());
    EXPECT_EQ(again->to_csv(), table.to_csv());
    for (std::size_t c = 0; c < table.columns().size(); ++c) {
      EXPECT_EQ(again->columns()[c].name, table.columns()[c].name);
      EXPECT_EQ(again->columns()[c].unit, table.columns()[c].unit);
      if (rows == 0 || table.columns()[c].numeric) continue;
      EXPECT_EQ(again->columns()[c].words, table.columns()[c].words) << "seed " << seed << " case " << i;
    }
  }
}

TEST(LabelTable, NoInputCrashesIt) {
  constexpr std::uint64_t seed = 12;
  Random random(seed);
  const std::string letters = "a1,\"\n\r[]";
  int accepted = 0;
  for (int i = 0; i < 5000; ++i) {
    std::string csv;
    for (auto n = random.integer(0, 30); n > 0; --n)
      csv += letters[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(letters.size()) - 1))];
    auto table = LabelTable::parse(csv, "t.csv");
    if (!table) continue;
    ++accepted;
    auto again = LabelTable::parse(table->to_csv(), "t.csv");
    ASSERT_TRUE(again) << "seed " << seed << " case " << i;
    EXPECT_EQ(again->rows(), table->rows());
  }
  EXPECT_GT(accepted, 50);
}

}  // namespace
}  // namespace gnomon::arch
