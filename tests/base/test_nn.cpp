#include <gtest/gtest.h>

#include <cmath>

#include "gnomon/base/adam.hpp"
#include "gnomon/base/nn.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon {
namespace {

using Batch = Mlp<double>::Batch;

Batch random_batch(Eigen::Index rows, Eigen::Index columns, std::uint64_t seed) {
  Random random(seed);
  Batch out(rows, columns);
  for (Eigen::Index j = 0; j < columns; ++j) {
    for (Eigen::Index i = 0; i < rows; ++i) out(i, j) = random.normal();
  }
  return out;
}

// Worked by hand: y = w2 act(w1 x + b1) + b2 with the weights below.
TEST(Mlp, ForwardOfAHandWorkedNetwork) {
  Mlp<double> net({2, 2, 1}, Activation::relu, 0);
  ASSERT_EQ(net.parameters().size(), 9);
  net.parameters() << 1, -1, 2, 0.5, /*b1*/ 0.25, -1, /*w2*/ 3, -2, /*b2*/ 0.5;
  Batch x(2, 2);
  x << 1, -2, 2, 0;  // columns (1, 2) and (-2, 0)
  // (1, 2): sums 1 + 4 + 0.25 = 5.25 and -1 + 1 - 1 = -1; y = 3 * 5.25 + 0.5. (-2, 0): sums -1.75 and 2 - 1 = 1; y = -2 + 0.5.
  const Batch y = net.forward(x);
  EXPECT_DOUBLE_EQ(y(0, 0), 16.25);
  EXPECT_DOUBLE_EQ(y(0, 1), -1.5);
}

class MlpGradient : public testing::TestWithParam<Activation> {};

// Truth: central differences of the loss sum(c * y), for parameters and inputs.
TEST_P(MlpGradient, EqualsFiniteDifferences) {
  const std::uint64_t seed = 11;
  Mlp<double> net({4, 7, 5, 3}, GetParam(), seed);
  net.parameters() += random_batch(net.parameters().size(), 1, seed + 3).col(0) * 0.1;  // biases off zero too
  const Batch x = random_batch(4, 6, seed + 1), c = random_batch(3, 6, seed + 2);
  const auto loss = [&](const Mlp<double>& n, const Batch& in) { return n.forward(in).cwiseProduct(c).sum(); };
  Mlp<double>::Trace trace;
  const Batch traced = net.forward(x, trace);
  EXPECT_EQ(traced, net.forward(x));
  Mlp<double>::Parameters gradient = Mlp<double>::Parameters::Zero(net.parameters().size());
  const Batch into = net.backward(trace, c, gradient);
  const double h = 1e-6;
  for (Eigen::Index i = 0; i < gradient.size(); ++i) {
    Mlp<double> up = net, down = net;
    up.parameters()[i] += h;
    down.parameters()[i] -= h;
    EXPECT_NEAR(gradient[i], (loss(up, x) - loss(down, x)) / (2 * h), 1e-6 * (1 + std::abs(gradient[i]))) << "parameter " << i;
  }
  for (Eigen::Index j = 0; j < x.cols(); ++j) {
    for (Eigen::Index i = 0; i < x.rows(); ++i) {
      Batch up = x, down = x;
      up(i, j) += h;
      down(i, j) -= h;
      EXPECT_NEAR(into(i, j), (loss(net, up) - loss(net, down)) / (2 * h), 1e-6 * (1 + std::abs(into(i, j))));
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Activations, MlpGradient,
                         testing::Values(Activation::linear, Activation::tanh, Activation::relu, Activation::silu),
                         [](const auto& which) { return std::string(activation_name(which.param)); });

TEST(Mlp, SeedDecidesTheWeightsAndTheirSpread) {
  const Mlp<float> a({64, 128, 8}, Activation::relu, 5), b({64, 128, 8}, Activation::relu, 5), c({64, 128, 8}, Activation::relu, 6);
  EXPECT_EQ(a.parameters(), b.parameters());
  EXPECT_NE(a.parameters(), c.parameters());
  // Variance 2 / fan-in in the first layer: 8192 draws, so within 5 % at more than three standard errors.
  const double variance = a.parameters().head(64 * 128).squaredNorm() / (64 * 128);
  EXPECT_NEAR(variance, 2.0 / 64, 0.05 * 2.0 / 64);
  const Mlp<float> quiet({64, 128, 8}, Activation::relu, 5, 0.01);
  EXPECT_FLOAT_EQ(quiet.parameters()[64 * 128 + 128], 0.01F * a.parameters()[64 * 128 + 128]);
}

TEST(Mlp, ActivationNamesRoundTrip) {
  Activation found{};
  for (const Activation a : {Activation::linear, Activation::tanh, Activation::relu, Activation::silu}) {
    ASSERT_TRUE(parse_activation(activation_name(a), found));
    EXPECT_EQ(found, a);
  }
  EXPECT_FALSE(parse_activation("swoosh", found));
}

// The first step of Adam moves every parameter by the learning rate against the gradient's sign (Kingma and Ba, section 2.1).
TEST(Adam, FirstStepIsTheLearningRate) {
  Eigen::VectorXd x(3), g(3);
  x << 1, 2, 3;
  g << 10, -0.001, 5;
  AdamOptions options;
  options.learning_rate = 0.1;
  options.epsilon = 0;
  Adam<double> adam(3, options);
  ASSERT_TRUE(adam.step(x, g));
  EXPECT_NEAR(x[0], 0.9, 1e-12);
  EXPECT_NEAR(x[1], 2.1, 1e-12);
  EXPECT_NEAR(x[2], 2.9, 1e-12);
}

TEST(Adam, DecayClippingAndBadGradients) {
  AdamOptions options;
  options.learning_rate = 0.1;
  options.weight_decay = 0.5;
  Eigen::VectorXd mask(2), x(2), g = Eigen::VectorXd::Zero(2);
  mask << 1, 0;
  x << 4, 4;
  Adam<double> decaying(2, options, mask);
  decaying.step(x, g);
  EXPECT_NEAR(x[0], 4 * (1 - 0.1 * 0.5), 1e-12);
  EXPECT_EQ(x[1], 4);

  // Clipping to norm 1 scales (3, 4) to (0.6, 0.8): the same steps as with that gradient.
  AdamOptions clip;
  clip.clip_norm = 1;
  clip.epsilon = 1;
  AdamOptions plain = clip;
  plain.clip_norm = 0;
  Eigen::VectorXd a = Eigen::VectorXd::Zero(2), b = a, large(2), unit(2);
  large << 3, 4;
  unit << 0.6, 0.8;
  Adam<double> clipped(2, clip), unclipped(2, plain);
  clipped.step(a, large);
  unclipped.step(b, unit);
  EXPECT_NEAR((a - b).norm(), 0, 1e-15);

  large[0] = std::nan("");
  const Eigen::VectorXd before = a;
  EXPECT_FALSE(clipped.step(a, large));
  EXPECT_EQ(a, before);
}

TEST(Adam, TrainsANetworkOnAKnownFunction) {
  const Batch x = random_batch(2, 400, 21);
  Eigen::RowVectorXd y = x.row(0).array() * x.row(1).array() + x.row(0).array().sin();
  Mlp<double> net({2, 32, 32, 1}, Activation::silu, 3);
  AdamOptions options;
  options.learning_rate = 5e-3;
  Adam<double> adam(net.parameters().size(), options);
  Mlp<double>::Trace trace;
  double error = 0;
  for (int step = 0; step < 600; ++step) {
    const Batch difference = net.forward(x, trace) - y;
    error = difference.squaredNorm() / 400;
    Mlp<double>::Parameters gradient = Mlp<double>::Parameters::Zero(net.parameters().size());
    net.backward(trace, difference / 400, gradient);
    adam.step(net.parameters(), gradient);
  }
  EXPECT_LT(error, 0.01);
}

}  // namespace
}  // namespace gnomon
