#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>
#include <set>
#include <vector>

#include "gnomon/base/random.hpp"

namespace gnomon {
namespace {

constexpr std::uint64_t seed = 42;

// The n-th draw depends on (seed, n) alone: a stream rebuilt at any counter goes on in the same way.
TEST(Random, CounterRebuildsTheStream) {
  Random whole(seed);
  std::vector<std::uint64_t> draws;
  for (int i = 0; i < 100; ++i) draws.push_back(whole.next());
  for (std::uint64_t at : {0U, 1U, 37U, 99U}) {
    Random rebuilt(seed, at);
    EXPECT_EQ(rebuilt.next(), draws[at]);
    EXPECT_EQ(rebuilt.counter(), at + 1);
  }
  EXPECT_EQ(Random(seed).split(3).next(), Random(derive(seed, 3)).next());
}

TEST(Random, SeedsGiveDifferentStreamsAndChildren) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t s = 0; s < 1000; ++s) {
    seen.insert(Random(s).next());
    seen.insert(derive(seed, s));
    seen.insert(derive(s, "agent"));
  }
  EXPECT_EQ(seen.size(), 3000U);
  EXPECT_NE(derive(seed, "ab"), derive(seed, "ba"));
}

/// Pearson's statistic of counts against equal expectation.
double chi_square(const std::vector<int>& counts, double expected) {
  double sum = 0;
  for (const int count : counts) sum += (count - expected) * (count - expected) / expected;
  return sum;
}

// 99.9 % points of chi-square: 148.2 at 99 degrees of freedom, 22.5 at 6 (tables). The seed is fixed, so the test does not flicker.
TEST(Random, UniformFillsBinsEvenly) {
  Random random(seed);
  std::vector<int> bins(100);
  double sum = 0, product = 0, last = 0;
  const int draws = 200'000;
  for (int i = 0; i < draws; ++i) {
    const double u = random.uniform();
    ASSERT_GE(u, 0);
    ASSERT_LT(u, 1);
    ++bins[static_cast<std::size_t>(u * 100)];
    sum += u;
    if (i > 0) product += (u - 0.5) * (last - 0.5);
    last = u;
  }
  EXPECT_LT(chi_square(bins, draws / 100.0), 148.2);
  EXPECT_NEAR(sum / draws, 0.5, 4 / std::sqrt(12.0 * draws));
  EXPECT_NEAR(product / draws * 12, 0, 4 / std::sqrt(static_cast<double>(draws)));  // neighbours are not correlated
}

TEST(Random, IntegersAreUniformAndHoldTheirEnds) {
  Random random(seed);
  std::vector<int> counts(7);
  for (int i = 0; i < 70'000; ++i) ++counts[static_cast<std::size_t>(random.integer(-3, 3) + 3)];
  EXPECT_LT(chi_square(counts, 10'000), 22.5);
  EXPECT_EQ(random.integer(5, 5), 5);
  constexpr auto low = std::numeric_limits<std::int64_t>::min(), high = std::numeric_limits<std::int64_t>::max();
  bool negative = false, positive = false;
  for (int i = 0; i < 100; ++i) {
    const auto draw = random.integer(low, high);
    negative |= draw < 0;
    positive |= draw > 0;
    ASSERT_GE(random.integer(high - 1, high), high - 1);
  }
  EXPECT_TRUE(negative && positive);
}

TEST(Random, NormalMoments) {
  Random random(seed);
  const int draws = 200'000;
  double m1 = 0, m2 = 0, m4 = 0;
  int beyond = 0;
  for (int i = 0; i < draws; ++i) {
    const double z = random.normal();
    m1 += z;
    m2 += z * z;
    m4 += z * z * z * z;
    beyond += std::abs(z) > 1.959963984540054;
  }
  EXPECT_NEAR(m1 / draws, 0, 4 / std::sqrt(static_cast<double>(draws)));
  EXPECT_NEAR(m2 / draws, 1, 4 * std::sqrt(2.0 / draws));
  EXPECT_NEAR(m4 / draws, 3, 4 * std::sqrt(96.0 / draws));
  EXPECT_NEAR(beyond / static_cast<double>(draws), 0.05, 4 * std::sqrt(0.05 * 0.95 / draws));
}

TEST(Random, WeightedFollowsTheWeights) {
  Random random(seed);
  const std::vector<double> weights{1, 0, 3};
  std::vector<int> counts(3);
  for (int i = 0; i < 40'000; ++i) ++counts[random.weighted(weights)];
  EXPECT_EQ(counts[1], 0);
  EXPECT_NEAR(counts[0], 10'000, 4 * std::sqrt(40'000 * 0.25 * 0.75));
  EXPECT_EQ(random.weighted(std::vector<double>{0, 0}), 1U);
  EXPECT_EQ(random.weighted(std::vector<double>{}), 0U);
}

TEST(Random, ShuffleReachesEveryOrderEvenly) {
  Random random(seed);
  std::map<std::vector<int>, int> counts;
  for (int i = 0; i < 24'000; ++i) {
    std::vector<int> order{0, 1, 2, 3};
    random.shuffle(order);
    ++counts[order];
  }
  ASSERT_EQ(counts.size(), 24U);
  std::vector<int> values;
  for (const auto& entry : counts) values.push_back(entry.second);
  EXPECT_LT(chi_square(values, 1000), 49.7);  // 99.9 % point at 23 degrees of freedom
}

}  // namespace
}  // namespace gnomon
