#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "gnomon/base/random.hpp"
#include "gnomon/search/pareto.hpp"

namespace gnomon::search {
namespace {

using Points = std::vector<std::vector<double>>;

/// Inclusion and exclusion over all subsets: the volume of a union of boxes by its definition.
double by_inclusion(const Points& points, const std::vector<double>& reference) {
  double total = 0;
  for (unsigned subset = 1; subset < (1U << points.size()); ++subset) {
    std::vector<double> corner(reference.size(), -HUGE_VAL);
    int members = 0;
    for (std::size_t i = 0; i < points.size(); ++i) {
      if (!(subset >> i & 1U)) continue;
      ++members;
      for (std::size_t k = 0; k < corner.size(); ++k) corner[k] = std::max(corner[k], points[i][k]);
    }
    double volume = 1;
    for (std::size_t k = 0; k < corner.size(); ++k) volume *= std::max(0.0, reference[k] - corner[k]);
    total += members % 2 == 1 ? volume : -volume;
  }
  return total;
}

TEST(Hypervolume, KnownValues) {
  EXPECT_DOUBLE_EQ(hypervolume({{1, 1}}, {2, 3}), 2);
  EXPECT_DOUBLE_EQ(hypervolume({{1, 2}, {2, 1}}, {3, 3}), 3);
  EXPECT_DOUBLE_EQ(hypervolume({{1, 2}, {1, 2}, {2, 1}}, {3, 3}), 3) << "a point twice counts once";
  EXPECT_DOUBLE_EQ(hypervolume({{3, 0}, {0, 3}}, {3, 3}), 0) << "on the reference's edge";
  EXPECT_DOUBLE_EQ(hypervolume({{4, 0}}, {3, 3}), 0);
  EXPECT_DOUBLE_EQ(hypervolume({{0.25}}, {1}), 0.75);
  EXPECT_DOUBLE_EQ(hypervolume({}, {1, 1}), 0);
  EXPECT_DOUBLE_EQ(hypervolume({{0, 0, 0}}, {2, 3, 4}), 24);
}

TEST(Hypervolume, AgreesWithInclusionAndExclusionInOneToFiveDimensions) {
  const std::uint64_t seed = 7;
  Random random(seed);
  for (int round = 0; round < 300; ++round) {
    const auto d = static_cast<std::size_t>(random.integer(1, 5)), n = static_cast<std::size_t>(random.integer(1, 9));
    Points points(n, std::vector<double>(d));
    for (auto& p : points) {
      // A coarse grid makes ties and dominated points; some lie beyond the reference.
      for (double& x : p) x = round % 2 == 0 ? random.uniform(0, 1.2) : static_cast<double>(random.integer(0, 5)) / 4;
    }
    const std::vector<double> reference(d, 1.0);
    EXPECT_NEAR(hypervolume(points, reference), by_inclusion(points, reference), 1e-12)
        << "seed " << seed << " round " << round << " d " << d << " n " << n;
  }
}

TEST(Hypervolume, TheThreeDimensionalSphereHasItsVolume) {
  // Points on the unit sphere's octant, dense: what they leave of the unit cube towards the reference (1, 1, 1) is 1 - pi / 6
  // from above.
  Points points;
  constexpr int n = 60;
  for (int i = 0; i <= n; ++i) {
    for (int j = 0; j <= n; ++j) {
      const double a = M_PI / 2 * i / n, b = M_PI / 2 * j / n;
      points.push_back({std::cos(a) * std::cos(b), std::cos(a) * std::sin(b), std::sin(a)});
    }
  }
  const double volume = hypervolume(points, {1, 1, 1});
  EXPECT_LT(volume, 1 - M_PI / 6);
  EXPECT_GT(volume, 1 - M_PI / 6 - 0.04);
}

TEST(Front, IsWhatNobodyDominatesTiesIncluded) {
  Random random(11);
  for (int round = 0; round < 200; ++round) {
    const auto d = static_cast<std::size_t>(random.integer(1, 4)), n = static_cast<std::size_t>(random.integer(0, 40));
    Points points(n, std::vector<double>(d));
    for (auto& p : points) {
      for (double& x : p) x = static_cast<double>(random.integer(0, 6));
    }
    std::vector<std::size_t> expected;
    for (std::size_t i = 0; i < n; ++i) {
      if (std::none_of(points.begin(), points.end(), [&](const auto& q) { return dominates(q, points[i]); }))
        expected.push_back(i);
    }
    EXPECT_EQ(nondominated(points), expected) << "round " << round;
    const auto ranks = nondominated_ranks(points);
    for (std::size_t i = 0; i < n; ++i) {
      // A point's rank is one more than the worst rank that dominates it.
      int worst = -1;
      for (std::size_t j = 0; j < n; ++j) {
        if (dominates(points[j], points[i])) worst = std::max(worst, ranks[j]);
      }
      EXPECT_EQ(ranks[i], worst + 1);
    }
  }
}

TEST(Crowding, EndsAreInfiniteAndTheMiddleIsTheGap) {
  const auto c = crowding_distances({{0, 4}, {1, 2}, {4, 0}, {1, 2}});
  EXPECT_TRUE(std::isinf(c[0]) && std::isinf(c[2]));
  EXPECT_DOUBLE_EQ(c[1], (4.0 - 0.0) / 4 + (4.0 - 0.0) / 4);
  EXPECT_DOUBLE_EQ(c[3], 0);
}

TEST(Tracker, FixesTheWorstOfTheFirstTwentyAsReference) {
  Random random(3);
  HypervolumeTracker tracker(2);
  Points points;
  std::vector<double> worst{-1, -1};
  for (int i = 0; i < 60; ++i) {
    points.push_back({random.uniform(), random.uniform()});
    if (i < 20) {
      for (std::size_t k = 0; k < 2; ++k) worst[k] = std::max(worst[k], points.back()[k]);
    }
    EXPECT_EQ(tracker.fixed(), i > 19);
    tracker.add(points.back());
  }
  EXPECT_EQ(*tracker.reference(), worst);
  EXPECT_DOUBLE_EQ(tracker.value(), hypervolume(points, worst));
  HypervolumeTracker given(2, std::vector<double>{5, 5});
  given.add({1, 1});
  EXPECT_TRUE(given.fixed());
  EXPECT_DOUBLE_EQ(given.value(), 16);
}

}  // namespace
}  // namespace gnomon::search
