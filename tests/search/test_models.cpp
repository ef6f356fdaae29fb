#include <gtest/gtest.h>

#include <cmath>

#include "agents/acquisition.hpp"
#include "agents/critic.hpp"
#include "agents/policy.hpp"
#include "agents/trees.hpp"
#include "gnomon/search/pareto.hpp"
#include "problems.hpp"

namespace gnomon::search::test {
namespace {

std::vector<std::vector<double>> random_points(std::size_t count, std::size_t m, Random& random) {
  std::vector<std::vector<double>> out(count, std::vector<double>(m));
  for (auto& p : out) {
    for (double& x : p) x = random.uniform(0, 1.2);
  }
  return out;
}

TEST(FreeBoxes, FillWhatTheFrontLeaves) {
  // Box volumes above the origin and the dominated volume make up the whole box below the reference.
  Random random(31);
  for (const std::size_t m : {2u, 3u}) {
    for (std::size_t n = 0; n < 40; n += 3) {
      const auto points = random_points(n, m, random);
      std::vector<std::vector<double>> front;
      for (const std::size_t i : nondominated(points)) front.push_back(points[i]);
      const std::vector<double> reference(m, 1.0);
      double volume = 0;
      for (const Box& box : free_boxes(front, reference)) {
        double product = 1;
        for (std::size_t k = 0; k < m; ++k) product *= std::max(0.0, box.high[k] - std::max(box.low[k], 0.0));
        volume += product;
      }
      EXPECT_NEAR(volume + hypervolume(front, reference), 1.0, 1e-9) << m << " objectives, " << n << " points";
    }
  }
}

TEST(ExpectedHypervolume, IsTheMeanGainOfDraws) {
  Random random(32);
  for (const std::size_t m : {2u, 3u}) {
    const auto points = random_points(12, m, random);
    std::vector<std::vector<double>> front;
    for (const std::size_t i : nondominated(points)) front.push_back(points[i]);
    const std::vector<double> reference(m, 1.0);
    const ExpectedHypervolume expected(free_boxes(front, reference));
    const double base = hypervolume(front, reference);
    const auto gain = [&](const std::vector<double>& y) {
      auto more = front;
      more.push_back(y);
      return hypervolume(more, reference) - base;
    };
    for (int t = 0; t < 4; ++t) {
      std::vector<double> mean(m), deviation(m), none(m, 0.0);
      for (double& x : mean) x = random.uniform(0.0, 0.9);
      for (double& x : deviation) x = random.uniform(0.05, 0.3);
      EXPECT_NEAR(expected.improvement(mean.data(), none.data()), gain(mean), 1e-12) << "a certain value gains exactly";
      double sum = 0, square = 0;
      constexpr int draws = 4000;
      for (int i = 0; i < draws; ++i) {
        std::vector<double> y(m);
        for (std::size_t k = 0; k < m; ++k) y[k] = mean[k] + deviation[k] * random.normal();
        const double g = gain(y);
        sum += g;
        square += g * g;
      }
      const double average = sum / draws, error = std::sqrt(std::max(0.0, square / draws - average * average) / draws);
      EXPECT_NEAR(expected.improvement(mean.data(), deviation.data()), average, 5 * error + 1e-9);
    }
  }
}

GpHyperparameters some_hyper(Eigen::Index columns) {
  GpHyperparameters out;
  out.signal_variance = 1.7;
  out.noise_variance = 0.01;
  out.length = RealVector::LinSpaced(columns, 0.3, 0.8);
  out.weight = RealVector::Constant(columns, 0.6);
  return out;
}

RealMatrix some_rows(Eigen::Index rows, Random& random) {
  RealMatrix x(rows, 4);
  for (Eigen::Index i = 0; i < rows; ++i) x.row(i) << random.uniform(), random.uniform(), static_cast<double>(random.integer(0, 2)), random.uniform();
  return x;
}

TEST(GpModels, PredictAsTheGaussianProcessOfBaseHoweverTheRowsArrive) {
  Random random(33);
  const std::vector<bool> categorical{false, false, true, false};
  const RealMatrix x = some_rows(30, random), at = some_rows(9, random);
  RealVector y(30);
  for (Eigen::Index i = 0; i < 30; ++i) y[i] = std::sin(4 * x(i, 0)) + x(i, 2) * x(i, 1) + 0.1 * random.normal();
  const auto hyper = some_hyper(4);
  const auto truth = GaussianProcess::with(x, y, hyper, categorical).value().predict(at);
  GpModels models(categorical);
  ASSERT_TRUE(models.add(x.topRows(18), y.head(18), hyper));
  for (Eigen::Index i = 18; i < 30; ++i) models.append(x.row(i).transpose(), {y[i]});
  const Predicted found = models.predict(at), rough = models.glance(at);
  for (Eigen::Index i = 0; i < 9; ++i) {
    EXPECT_NEAR(found.mean(i, 0), truth.mean(i), 1e-8);
    EXPECT_NEAR(found.variance(i, 0), truth.variance(i), 1e-8);
    EXPECT_NEAR(rough.mean(i, 0), truth.mean(i), 1e-3);
    EXPECT_GE(rough.variance(i, 0), truth.variance(i) - 1e-4);
  }
  models.believe(at.row(0).transpose());
  const Predicted after = models.predict(at);
  EXPECT_LT(after.variance(0, 0), 0.02);
  for (Eigen::Index i = 0; i < 9; ++i) EXPECT_NEAR(after.mean(i, 0), found.mean(i, 0), 1e-6);
}

TEST(GpModels, LeavingOneOutIsWhatItSays) {
  Random random(34);
  const std::vector<bool> categorical{false, false, true, false};
  const RealMatrix x = some_rows(12, random);
  RealVector y(12);
  for (Eigen::Index i = 0; i < 12; ++i) y[i] = random.normal();
  const auto hyper = some_hyper(4);
  double total = 0;
  for (Eigen::Index left = 0; left < 12; ++left) {
    RealMatrix others(11, 4);
    RealVector values(11);
    for (Eigen::Index i = 0, to = 0; i < 12; ++i) {
      if (i == left) continue;
      others.row(to) = x.row(i);
      values[to++] = y[i];
    }
    const auto p = GaussianProcess::with(others, values, hyper, categorical).value().predict(x.row(left));
    const double variance = p.variance(0) + hyper.noise_variance, off = y[left] - p.mean(0);
    total += -0.5 * (std::log(variance) + off * off / variance);
  }
  // The mean is estimated with and without the row; the closed form leaves the uncertainty of the mean out.
  EXPECT_NEAR(GpModels::left_out_density(x, y, std::vector<bool>(12, true), hyper, categorical), total / 12, 0.15);
}

TEST(Trees, LearnATableExactlyAndKnowWhereTheyAreSure) {
  Random random(35);
  const std::vector<bool> categorical{false, true};
  RealMatrix x(40, 2);
  RealVector y(40);
  for (Eigen::Index i = 0; i < 40; ++i) {
    x.row(i) << static_cast<double>(i / 4) / 10, static_cast<double>(i % 4);
    y[i] = 3 * x(i, 0) + (i % 4 == 2 ? 5 : 0);
  }
  TreesOptions options;
  options.leaf = 1;
  options.splits = 100;
  const Trees trees(x, y, categorical, options, Random(1));
  RealVector mean(40), variance(40);
  trees.predict(x, mean, variance);
  for (Eigen::Index i = 0; i < 40; ++i) {
    EXPECT_NEAR(mean[i], y[i], 1e-9);
    EXPECT_NEAR(variance[i], 0, 1e-9);
  }
  const Trees constant(x, RealVector::Constant(40, 2.5), categorical, options, Random(1));
  constant.predict(x, mean, variance);
  EXPECT_NEAR(mean.maxCoeff(), 2.5, 1e-12);
  EXPECT_NEAR(variance.maxCoeff(), 0, 1e-12);
}

TEST(Targets, SatisfiedConstraintsToldAsZeroAreStillToldApart) {
  std::vector<Row> rows(3);
  const double values[] = {0.0, 0.4, 2.0};
  for (std::size_t i = 0; i < 3; ++i) rows[i].told = {{}, {1.0 + static_cast<double>(i)}, {values[i]}, false, i, true, true};
  std::vector<const Row*> pointers{&rows[0], &rows[1], &rows[2]};
  const Targets clipped(pointers, 1, 1);
  EXPECT_LT(*clipped.value(1, rows[0].told), 0);
  EXPECT_GT(*clipped.value(1, rows[1].told), 0);
  EXPECT_GT(*clipped.value(1, rows[2].told), *clipped.value(1, rows[1].told));
  rows[0].told.violations = {-0.3};
  const Targets open(pointers, 1, 1);
  EXPECT_LT(*open.value(1, rows[0].told), 0);
  rows[2].told.failed = true;
  const Targets failing(pointers, 1, 1);
  ASSERT_EQ(failing.outputs(), 3u);
  EXPECT_FALSE(failing.value(0, rows[2].told));
  EXPECT_GT(*failing.value(2, rows[2].told), 0);
  EXPECT_LT(*failing.value(2, rows[0].told), 0);
}

const char* const all_kinds =
    R"({"c": {"categorical": ["a", "b", "c"]}, "o": {"ordinal": [1, 2, 4, 8, 16, 32, 64, 128]}, "i": {"int": [0, 999]},
        "r": {"real": [-1, 1]}, "w": {"permutation": [0, 1, 2, 3]}})";

TEST(Head, EveryValueIsReachedAndItsActionIsItsOwn) {
  // A decoding that skips values (as rounding a number in [-1, 1] before scaling it does) would show here.
  const arch::Space where = space(all_kinds);
  Random random(36);
  for (const arch::Parameter& p : where.parameters()) {
    const Head head(p);
    const RealVector even = head.log_softmax(RealVector::Zero(static_cast<Eigen::Index>(head.logits)));
    std::set<std::int64_t> seen;
    for (int t = 0; t < 12000; ++t) {
      const Gene gene = head.sample(even, random);
      if (head.permutation) {
        std::int64_t code = 0;
        for (const std::int64_t item : gene.order) code = 4 * code + item;
        seen.insert(code);
        continue;
      }
      if (!head.real) seen.insert(gene.index);
      const auto action = head.action(gene);
      ASSERT_EQ(action.size(), 1u);
      if (!head.real) {
        const auto [from, to] = head.bin(static_cast<std::size_t>(action[0]));
        EXPECT_TRUE(from <= gene.index && gene.index <= to) << p.name;
      }
    }
    if (head.real) continue;
    EXPECT_EQ(seen.size(), head.permutation ? 24u : p.size()) << p.name;
  }
}

TEST(Head, GradientsAreThoseOfTheLogProbability) {
  const arch::Space where = space(all_kinds);
  Random random(37);
  for (const arch::Parameter& p : where.parameters()) {
    const Head head(p);
    const auto n = static_cast<Eigen::Index>(head.logits);
    RealVector outputs(n);
    for (Eigen::Index i = 0; i < n; ++i) outputs[i] = 0.5 * random.normal();
    const auto action = head.action(head.sample(head.log_softmax(outputs), random));
    RealVector by_logits = RealVector::Zero(n);
    head.add_gradient(head.log_softmax(outputs), action, 1.0, by_logits);
    const RealVector gradient = head.through(by_logits);
    constexpr double h = 1e-5;
    for (Eigen::Index i = 0; i < n; ++i) {
      RealVector up = outputs, down = outputs;
      up[i] += h;
      down[i] -= h;
      const double slope = (head.log_probability(head.log_softmax(up), action) - head.log_probability(head.log_softmax(down), action)) / (2 * h);
      EXPECT_NEAR(gradient[i], slope, 1e-6) << p.name;
    }
  }
}

TEST(Critic, LearnsARewardFromDesigns) {
  const auto where = std::make_shared<const arch::Space>(space(all_kinds));
  CriticOptions options;
  options.steps = 400;
  Critic critic(where, 1, options, 5);
  Random random(38);
  const RealVector context = RealVector::Ones(1);
  const auto designs = [&](Eigen::Index n, Eigen::MatrixXf& x, Eigen::VectorXf& y) {
    y.resize(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      const Genome genome = random_genome(*where, random);
      const Eigen::VectorXf features = critic.features(genome, context);
      if (i == 0) x.resize(features.size(), n);
      x.col(i) = features;
      y[i] = (genome[0].index == 1 ? 1.0F : -0.5F) + 0.2F * static_cast<float>(genome[1].index - 4);
    }
  };
  Eigen::MatrixXf x, fresh;
  Eigen::VectorXf y, truth;
  designs(300, x, y);
  critic.learn(x, y, 0);
  designs(100, fresh, truth);
  const double error = (critic.mean(fresh) - truth).squaredNorm() / 100.0, spread = (truth.array() - truth.mean()).square().mean();
  EXPECT_LT(error, 0.1 * spread);
}

}  // namespace
}  // namespace gnomon::search::test
