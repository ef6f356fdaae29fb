#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

#include "agents/sobol.hpp"

namespace gnomon::search {
namespace {

TEST(Sobol, EqualsThePublishedSequence) {
  std::ifstream in(GNOMON_SOURCE_DIR "/tests/search/data/sobol_points.csv");
  ASSERT_TRUE(in);
  const SobolSequence sequence(40, 0);
  std::string line;
  int rows = 0;
  while (std::getline(in, line)) {
    if (line.starts_with('#')) continue;
    std::istringstream cells(line);
    std::string cell;
    std::getline(cells, cell, ',');
    const auto point = sequence.point(std::stoull(cell));
    for (std::size_t d = 0; d < 40; ++d) {
      ASSERT_TRUE(std::getline(cells, cell, ','));
      EXPECT_EQ(point[d] * 4294967296.0, std::stod(cell)) << "row " << rows << " dimension " << d;
    }
    ++rows;
  }
  EXPECT_EQ(rows, 8);
}

TEST(Sobol, EachDimensionIsAPermutationOfTheGridShiftedOrNot) {
  // A digital (0, 1)-sequence: the first 2^k points fall into each interval of length 2^-k once, in every dimension.
  for (const std::uint64_t shift : {0ULL, 12345ULL}) {
    const SobolSequence sequence(40, shift);
    for (std::size_t d = 0; d < 40; ++d) {
      std::set<int> cells;
      for (std::uint64_t i = 0; i < 256; ++i) cells.insert(static_cast<int>(sequence.point(i)[d] * 256));
      EXPECT_EQ(cells.size(), 256u) << "dimension " << d;
    }
  }
}

TEST(Sobol, TheFirstTwoDimensionsAreAZeroNet) {
  // Every elementary box of area 2^-8 holds exactly one of the first 2^8 points.
  const SobolSequence sequence(2, 99);
  for (int a = 0; a <= 8; ++a) {
    std::set<std::pair<int, int>> boxes;
    for (std::uint64_t i = 0; i < 256; ++i) {
      const auto p = sequence.point(i);
      boxes.emplace(static_cast<int>(p[0] * (1 << a)), static_cast<int>(p[1] * (1 << (8 - a))));
    }
    EXPECT_EQ(boxes.size(), 256u) << a;
  }
}

TEST(Sobol, SeedsGiveDifferentPointsAndHighDimensionsArePadded) {
  EXPECT_NE(SobolSequence(3, 1).point(5), SobolSequence(3, 2).point(5));
  EXPECT_EQ(SobolSequence(3, 1).point(5), SobolSequence(3, 1).point(5));
  const auto wide = SobolSequence(60, 1).point(9);
  ASSERT_EQ(wide.size(), 60u);
  for (const double u : wide) EXPECT_TRUE(u >= 0 && u < 1);
}

}  // namespace
}  // namespace gnomon::search
