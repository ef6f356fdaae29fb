#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "gnomon/search/statistics.hpp"

namespace gnomon::search {
namespace {

const std::vector<double> a{1.1, 2.3, 3.7, 4.1, 5.9, 6.2, 7.7, 8.1}, b{2.2, 4.4, 6.6, 8.8, 9.9, 10.1, 12.5, 13.1, 14.2};

// Expected values of this file: SciPy 1.17 (mannwhitneyu, friedmanchisquare, spearmanr, kendalltau, chi2.sf).
TEST(Statistics, MannWhitneyExact) {
  const TwoSample t = mann_whitney(a, b);
  EXPECT_TRUE(t.exact);
  EXPECT_NEAR(t.u, 8 * 9 - 13, 1e-12);
  EXPECT_NEAR(t.p, 0.02739613327848622, 1e-9);
  EXPECT_NEAR(t.a12, 59.0 / 72, 1e-12);
}

TEST(Statistics, MannWhitneyWithTies) {
  const TwoSample t = mann_whitney({1, 2, 2, 3, 4, 4}, {2, 4, 5, 5, 6, 6, 7});
  EXPECT_FALSE(t.exact);
  EXPECT_NEAR(t.p, 0.02474611313548187, 1e-9);
  // A run without a feasible design counts as infinitely bad, also several of them.
  const double worst = std::numeric_limits<double>::infinity();
  EXPECT_GT(mann_whitney({1, 2, worst}, {worst, worst, worst}).a12, 0.5);
  EXPECT_EQ(mann_whitney({3, 3, 3}, {3, 3, 3}).p, 1);
  EXPECT_EQ(mann_whitney({}, {1}).p, 1);
}

TEST(Statistics, Friedman) {
  const FriedmanTest t = friedman({{1, 2, 3}, {2, 3, 1}, {1, 3, 2}, {1, 2, 3}, {1, 2, 2}, {1, 2, 3}});
  EXPECT_NEAR(t.chi2, 6.521739130434782, 1e-9);
  EXPECT_NEAR(t.p, 0.03835503131125076, 1e-9);
  EXPECT_NEAR(t.mean_ranks[0], (1 + 2 + 1 + 1 + 1 + 1) / 6.0, 1e-12);
  EXPECT_EQ(friedman({{1, 1}, {2, 2}}).p, 1);
}

TEST(Statistics, ChiSquareTail) {
  EXPECT_NEAR(chi_square_tail(3.84145882069412, 1), 0.05, 1e-12);
  EXPECT_NEAR(chi_square_tail(18.307038053275146, 10), 0.05, 1e-12);
  EXPECT_NEAR(chi_square_tail(0.1, 4), 0.9987908, 1e-7);
  EXPECT_EQ(chi_square_tail(0, 3), 1);
}

// Holm's own rule on hand-made values: sorted, times n, n-1, ..., never falling.
TEST(Statistics, Holm) {
  const auto p = holm({0.01, 0.04, 0.03, 0.005});
  EXPECT_NEAR(p[3], 0.02, 1e-12);
  EXPECT_NEAR(p[0], 0.03, 1e-12);
  EXPECT_NEAR(p[2], 0.06, 1e-12);
  EXPECT_NEAR(p[1], 0.06, 1e-12);
}

TEST(Statistics, RankCorrelations) {
  const std::vector<double> x{1, 2, 2, 4, 5, 7}, y{2, 1, 4, 4, 6, 9};
  EXPECT_NEAR(spearman(x, y), 0.8676470588235294, 1e-12);
  EXPECT_NEAR(kendall(x, y), 0.7857142857142857, 1e-12);
  EXPECT_TRUE(std::isnan(spearman({1, 1}, {1, 2})));
  EXPECT_TRUE(std::isnan(kendall({1}, {1})));
}

TEST(Statistics, QuantilesAndRanks) {
  EXPECT_EQ(quantile({4, 1, 3, 2}, 0.5), 2.5);
  EXPECT_EQ(quantile({1, 2, std::numeric_limits<double>::infinity()}, 0.5), 2);
  EXPECT_EQ(ranks({3, 1, 3, 2}), (std::vector<double>{3.5, 1, 3.5, 2}));
}

}  // namespace
}  // namespace gnomon::search
