#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <numbers>

#include "gnomon/base/gp.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon {
namespace {

RealMatrix random_cube(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
  Random random(seed);
  RealMatrix out(rows, columns);
  for (Eigen::Index i = 0; i < rows; ++i) {
    for (Eigen::Index j = 0; j < columns; ++j) out(i, j) = random.uniform();
  }
  return out;
}

double matern52(double r) { return (1 + std::sqrt(5.0) * r + 5.0 / 3.0 * r * r) * std::exp(-std::sqrt(5.0) * r); }

// Two points, solved by hand: K = [[s + v, k], [k, s + v]]; by symmetry the GLS mean is (y1 + y2) / 2 and the weights are +-(y1 - y2) / 2 / (s + v - k).
TEST(GaussianProcess, ClosedFormOfTwoPoints) {
  const double s = 2.5, v = 0.3, length = 0.7;
  RealMatrix x(2, 1);
  x << 0.1, 0.6;
  RealVector y(2);
  y << 3, -1;
  GpHyperparameters hyper;
  hyper.signal_variance = s;
  hyper.noise_variance = v;
  hyper.length = RealVector::Constant(1, length);
  hyper.weight = RealVector::Ones(1);
  const auto gp = GaussianProcess::with(x, y, hyper);
  ASSERT_TRUE(gp) << gp.error().text();
  const double k12 = s * matern52(0.5 / length);
  const double at = 0.25, k1 = s * matern52(0.15 / length), k2 = s * matern52(0.35 / length);
  const double weight = 2 / (s + v - k12);
  const double determinant = (s + v) * (s + v) - k12 * k12;
  const double reduction = ((s + v) * (k1 * k1 + k2 * k2) - 2 * k12 * k1 * k2) / determinant;
  const auto prediction = gp->predict(RealMatrix::Constant(1, 1, at));
  EXPECT_NEAR(gp->mean(), 1, 1e-12);
  EXPECT_NEAR(prediction.mean[0], 1 + weight * (k1 - k2), 1e-12);
  EXPECT_NEAR(prediction.variance[0], s - reduction, 1e-12);
  const double quadratic = 2 * 2 * 2 / (s + v - k12);
  EXPECT_NEAR(gp->log_likelihood(), -0.5 * quadratic - 0.5 * std::log(determinant) - std::log(2 * std::numbers::pi), 1e-12);
}

TEST(GaussianProcess, HammingKernelOfCategories) {
  // One continuous and one categorical column: the covariance of points that differ in the category alone is s exp(-w).
  RealMatrix x(2, 2);
  x << 0.5, 0, 0.5, 7;
  RealVector y(2);
  y << 1, 3;
  GpHyperparameters hyper;
  hyper.signal_variance = 1.5;
  hyper.noise_variance = 0.1;
  hyper.length = RealVector::Ones(2);
  hyper.weight = RealVector::Constant(2, 0.4);
  const auto gp = GaussianProcess::with(x, y, hyper, {false, true});
  ASSERT_TRUE(gp);
  const double k = 1.5 * std::exp(-0.4);
  const auto at_first = gp->predict(x.row(0));
  EXPECT_NEAR(at_first.mean[0], 2 - (1.5 - k) / (1.6 - k), 1e-12);
  // Codes are names: renaming 7 to 1 changes nothing.
  RealMatrix renamed = x;
  renamed(1, 1) = 1;
  const auto other = GaussianProcess::with(renamed, y, hyper, {false, true});
  EXPECT_EQ(other->predict(x.row(0)).mean[0], at_first.mean[0]);
}

// Truth: central differences of the objective, with continuous and categorical columns.
TEST(GaussianProcess, ObjectiveGradientEqualsFiniteDifferences) {
  const std::uint64_t seed = 4;
  RealMatrix x = random_cube(30, 4, seed);
  for (Eigen::Index i = 0; i < 30; ++i) x(i, 2) = std::floor(3 * x(i, 2));
  RealVector y = (4 * x.col(0)).array().sin() + x.col(1).array().square() + 0.3 * x.col(2).array();
  y = (y.array() - y.mean()).matrix();
  y /= std::sqrt(y.squaredNorm() / 30);
  const std::vector<bool> categorical{false, false, true, false};
  Random random(seed);
  for (int round = 0; round < 5; ++round) {
    RealVector theta(6);
    for (Eigen::Index i = 0; i < 6; ++i) theta[i] = random.uniform(-2, 1);
    theta[1] = random.uniform(-6, -1);
    RealVector gradient, ignored;
    GaussianProcess::objective(x, y, categorical, theta, gradient);
    for (Eigen::Index i = 0; i < 6; ++i) {
      RealVector up = theta, down = theta;
      up[i] += 1e-5;
      down[i] -= 1e-5;
      const double difference =
          (GaussianProcess::objective(x, y, categorical, up, ignored) - GaussianProcess::objective(x, y, categorical, down, ignored)) / 2e-5;
      EXPECT_NEAR(gradient[i], difference, 1e-4 * (1 + std::abs(difference))) << "component " << i << ", seed " << seed;
    }
  }
}

TEST(GaussianProcess, InterpolatesAndLearnsASmoothFunction) {
  const RealMatrix x = random_cube(60, 3, 8), test = random_cube(200, 3, 9);
  const auto truth = [](const RealMatrix& at) -> RealVector {
    return 1000 + 50 * (3 * at.col(0)).array().sin() + 20 * at.col(1).array() * at.col(1).array();  // the third column is irrelevant
  };
  const RealVector y = truth(x), expected = truth(test);
  const auto gp = GaussianProcess::fit(x, y);
  ASSERT_TRUE(gp) << gp.error().text();
  const auto back = gp->predict(x);
  EXPECT_LT((back.mean - y).cwiseAbs().maxCoeff(), 0.5);
  const auto prediction = gp->predict(test);
  const double total = (expected.array() - expected.mean()).square().sum();
  EXPECT_GT(1 - (prediction.mean - expected).squaredNorm() / total, 0.995);
  EXPECT_GT(gp->hyperparameters().length[2], 3 * gp->hyperparameters().length[0]);
  // The variance is small at the data and larger away from it.
  EXPECT_LT(back.variance.maxCoeff(), gp->predict(RealMatrix::Constant(1, 3, 5.0)).variance[0]);
}

TEST(GaussianProcess, NoisyDataGivesItsNoise) {
  const RealMatrix x = random_cube(150, 1, 10);
  Random random(12);
  RealVector y = (6 * x.col(0)).array().sin();
  for (Eigen::Index i = 0; i < y.size(); ++i) y[i] += 0.2 * random.normal();
  const auto gp = GaussianProcess::fit(x, y);
  ASSERT_TRUE(gp);
  EXPECT_NEAR(std::sqrt(gp->hyperparameters().noise_variance), 0.2, 0.05);
}

TEST(GaussianProcess, ConditionOnEqualsTheProcessBuiltAnew) {
  const RealMatrix x = random_cube(40, 3, 13);
  const RealVector y = (5 * x.col(0)).array().cos() + x.col(2).array();
  const auto gp = GaussianProcess::fit(x.topRows(39), y.head(39));
  ASSERT_TRUE(gp);
  const auto grown = gp->condition_on(x.row(39), y[39]);
  const auto whole = GaussianProcess::with(x, y, gp->hyperparameters());
  ASSERT_TRUE(whole);
  const RealMatrix test = random_cube(20, 3, 14);
  const auto a = grown.predict(test), b = whole->predict(test);
  EXPECT_LT((a.mean - b.mean).cwiseAbs().maxCoeff(), 1e-6);
  EXPECT_LT((a.variance - b.variance).cwiseAbs().maxCoeff(), 1e-6);
  EXPECT_EQ(grown.rows(), 40);
}

TEST(GaussianProcess, SameInputSameBits) {
  const RealMatrix x = random_cube(220, 5, 15);
  const RealVector y = x.col(0).array() * x.col(1).array() + x.col(4).array();
  GpOptions options;
  options.seed = 99;
  const auto a = GaussianProcess::fit(x, y, options), b = GaussianProcess::fit(x, y, options);
  ASSERT_TRUE(a && b);
  EXPECT_EQ(a->hyperparameters().length, b->hyperparameters().length);
  EXPECT_EQ(a->predict(x).mean, b->predict(x).mean);
}

TEST(GaussianProcess, DegenerateDataAndRefusals) {
  // One row, constant y, repeated rows: sound predictions.
  const auto one = GaussianProcess::fit(RealMatrix::Constant(1, 2, 0.5), RealVector::Constant(1, 7));
  ASSERT_TRUE(one) << one.error().text();
  EXPECT_NEAR(one->predict(RealMatrix::Constant(1, 2, 0.1)).mean[0], 7, 1e-9);
  const auto flat = GaussianProcess::fit(RealMatrix::Constant(5, 2, 0.5), RealVector::Constant(5, -3));
  ASSERT_TRUE(flat) << flat.error().text();
  EXPECT_NEAR(flat->predict(RealMatrix::Constant(1, 2, 0.9)).mean[0], -3, 1e-6);
  // Values whose variance no double holds (DTLZ4 has such objectives) are as good as constant.
  RealMatrix line(4, 1);
  line << 0.1, 0.4, 0.6, 0.9;
  RealVector tiny(4);
  tiny << 0, 1e-170, 3e-160, 1e-158;
  const auto faint = GaussianProcess::fit(line, tiny);
  ASSERT_TRUE(faint) << faint.error().text();
  EXPECT_NEAR(faint->predict(RealMatrix::Constant(1, 1, 0.5)).mean[0], 0, 1e-9);

  EXPECT_EQ(GaussianProcess::fit(RealMatrix(0, 2), RealVector(0)).error().text(), "Gaussian process: there are no rows to learn from");
  EXPECT_EQ(GaussianProcess::fit(RealMatrix::Zero(3, 2), RealVector::Zero(4)).error().text(), "Gaussian process: 3 rows of x, but 4 values of y");
  RealVector bad = RealVector::Zero(3);
  bad[1] = std::nan("");
  EXPECT_EQ(GaussianProcess::fit(RealMatrix::Zero(3, 2), bad).error().text(), "Gaussian process: x and y must be finite numbers");
  EXPECT_EQ(GaussianProcess::fit(RealMatrix::Zero(5000, 1), RealVector::Zero(5000)).error().kind(), ErrorKind::unsupported);
}

TEST(LogExpectedImprovement, EqualsTheDirectFormulaWhereThatIsExact) {
  for (const double z : {-4.0, -2.0, -1.001, -0.999, 0.0, 0.5, 3.0, 10.0}) {
    const double deviation = 0.3, mean = 2;
    const double density = std::exp(-z * z / 2) / std::sqrt(2 * std::numbers::pi);
    const double direct = deviation * (density + z * 0.5 * std::erfc(-z / std::numbers::sqrt2));
    EXPECT_NEAR(log_expected_improvement(mean, deviation, mean + z * deviation), std::log(direct), 1e-10) << z;
  }
}

// Reference values from mpmath at 60 digits: log(phi(z) + z Phi(z)).
TEST(LogExpectedImprovement, DeepTail) {
  EXPECT_NEAR(log_expected_improvement(0, 1, -10), -55.5531220361223559, 1e-11);
  EXPECT_NEAR(log_expected_improvement(0, 1, -30), -457.724653760598004, 1e-10);
  EXPECT_NEAR(log_expected_improvement(0, 1, -200), -20011.5156482597393, 1e-9);
  // No step where the three forms meet.
  EXPECT_NEAR(log_expected_improvement(0, 1, -1 + 1e-9), log_expected_improvement(0, 1, -1 - 1e-9), 1e-8);
  EXPECT_NEAR(log_expected_improvement(0, 1, -25 + 1e-9), log_expected_improvement(0, 1, -25 - 1e-9), 1e-6);
  double last = std::numeric_limits<double>::infinity();
  for (double z = 5; z > -60; z -= 0.05) {
    const double value = log_expected_improvement(0, 1, z);
    ASSERT_LT(value, last) << z;
    last = value;
  }
  EXPECT_EQ(log_expected_improvement(1, 0, 1), -std::numeric_limits<double>::infinity());
  EXPECT_DOUBLE_EQ(log_expected_improvement(1, 0, 3), std::log(2.0));
}

TEST(Feasibility, ProbabilityOfANormalBelowALimit) {
  EXPECT_NEAR(std::exp(log_probability_below(0, 1, 1.6448536269514722)), 0.95, 1e-12);
  EXPECT_EQ(log_probability_below(1, 0, 1), 0);
  EXPECT_EQ(log_probability_below(2, 0, 1), -std::numeric_limits<double>::infinity());
}

}  // namespace
}  // namespace gnomon
