#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "gnomon/base/linalg.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon {
namespace {

RealMatrix random_matrix(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
  Random random(seed);
  RealMatrix out(rows, columns);
  for (Eigen::Index j = 0; j < columns; ++j) {
    for (Eigen::Index i = 0; i < rows; ++i) out(i, j) = random.normal();
  }
  return out;
}

RealMatrix random_positive(Eigen::Index n, std::uint64_t seed) {
  const RealMatrix a = random_matrix(n, n, seed);
  return a * a.transpose() + RealMatrix::Identity(n, n);
}

// The truth is the definition: L L^T = K, K x = b, log det of a 2 x 2 matrix in closed form.
TEST(Cholesky, SolvesAndInverts) {
  const RealMatrix k = random_positive(40, 1);
  Cholesky factor;
  ASSERT_TRUE(factor.factor(k));
  EXPECT_EQ(factor.jitter(), 0);
  EXPECT_LT((factor.lower() * factor.lower().transpose() - k).cwiseAbs().maxCoeff(), 1e-10);
  const RealVector b = random_matrix(40, 1, 2);
  EXPECT_LT((k * factor.solve(b) - b).cwiseAbs().maxCoeff(), 1e-9);
  EXPECT_LT((k * factor.inverse() - RealMatrix::Identity(40, 40)).cwiseAbs().maxCoeff(), 1e-9);
  RealMatrix small(2, 2);
  small << 4, 1, 1, 3;
  ASSERT_TRUE(factor.factor(small));
  EXPECT_NEAR(factor.log_determinant(), std::log(11.0), 1e-14);
}

TEST(Cholesky, AppendEqualsFactoringTheWholeMatrix) {
  const RealMatrix k = random_positive(25, 3);
  Cholesky whole, grown;
  ASSERT_TRUE(whole.factor(k));
  for (Eigen::Index i = 0; i < 25; ++i) grown.append(k.col(i).head(i), k(i, i));
  EXPECT_LT((whole.lower() - grown.lower()).cwiseAbs().maxCoeff(), 1e-11);
}

TEST(Cholesky, SingularMatrixGetsJitterAndBadOnesAreRefused) {
  const RealMatrix ones = RealMatrix::Ones(6, 6);
  Cholesky factor;
  ASSERT_TRUE(factor.factor(ones));
  EXPECT_GT(factor.jitter(), 0);
  EXPECT_LE(factor.jitter(), 1e-4);
  RealMatrix bad = RealMatrix::Identity(3, 3);
  bad(1, 1) = -5;
  EXPECT_FALSE(factor.factor(bad));
  EXPECT_EQ(factor.size(), 0);
  bad(1, 1) = std::nan("");
  EXPECT_FALSE(factor.factor(bad));
  // So small that a jitter of 1e-12 of it is 0: refused, not tried for ever.
  EXPECT_FALSE(factor.factor(1e-316 * ones));
}

// Minimum known in closed form: A^-1 b for a quadratic; (1, 1) for Rosenbrock; the box edge where the free minimum lies outside.
TEST(Lbfgs, FindsKnownMinima) {
  const RealMatrix a = random_positive(12, 5);
  const RealVector b = random_matrix(12, 1, 6);
  const auto quadratic = [&](const RealVector& x, RealVector& g) {
    g = a * x - b;
    return 0.5 * x.dot(a * x) - b.dot(x);
  };
  const RealVector wide = RealVector::Constant(12, 100);
  LbfgsOptions options;
  options.max_iterations = 500;
  options.relative_tolerance = 0;
  const auto result = minimise_lbfgs(quadratic, RealVector::Zero(12), -wide, wide, options);
  EXPECT_LT((a * result.x - b).cwiseAbs().maxCoeff(), 1e-4);

  const auto rosenbrock = [](const RealVector& x, RealVector& g) {
    g.resize(2);
    g[0] = -400 * x[0] * (x[1] - x[0] * x[0]) - 2 * (1 - x[0]);
    g[1] = 200 * (x[1] - x[0] * x[0]);
    return 100 * std::pow(x[1] - x[0] * x[0], 2) + std::pow(1 - x[0], 2);
  };
  RealVector start(2);
  start << -1.2, 1;
  const auto banana = minimise_lbfgs(rosenbrock, start, RealVector::Constant(2, -5), RealVector::Constant(2, 5), options);
  EXPECT_NEAR(banana.x[0], 1, 1e-4);
  EXPECT_NEAR(banana.x[1], 1, 1e-4);
  // With x0 <= 0.5 the minimum lies on that edge, at x1 = x0^2.
  const auto edge = minimise_lbfgs(rosenbrock, start, RealVector::Constant(2, -5), RealVector::Constant(2, 0.5), options);
  EXPECT_NEAR(edge.x[0], 0.5, 1e-9);
  EXPECT_NEAR(edge.x[1], 0.25, 1e-4);
}

// Reference values from mpmath at 30 digits.
TEST(Normal, TailsAgreeWithHighPrecisionValues) {
  EXPECT_NEAR(log_normal_cdf(0), std::log(0.5), 1e-15);
  EXPECT_NEAR(log_normal_cdf(-5), -15.0649983939887, 1e-11);
  EXPECT_NEAR(log_normal_cdf(-40), -804.608442013754, 1e-9);
  EXPECT_NEAR(log_normal_cdf(10) / -7.61985302416052607e-24, 1, 1e-10);
  EXPECT_NEAR(erfcx(0), 1, 0);
  EXPECT_NEAR(erfcx(1), 0.427583576155807, 1e-14);
  EXPECT_NEAR(erfcx(50) / 0.0112815362653238, 1, 1e-12);
  EXPECT_NEAR(erfcx(19.999999) / erfcx(20.000001), 1 + 2e-6 / 20, 1e-8);
}

TEST(Normal, QuantileInvertsTheDistribution) {
  EXPECT_NEAR(normal_quantile(0.95), 1.6448536269514722, 1e-14);
  EXPECT_NEAR(normal_quantile(0.5), 0, 1e-15);
  for (const double p : {1e-12, 1e-5, 0.02, 0.3, 0.77, 0.999, 1 - 1e-9}) EXPECT_NEAR(normal_cdf(normal_quantile(p)) / p, 1, 1e-12) << p;
  EXPECT_EQ(normal_quantile(0), -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace gnomon
