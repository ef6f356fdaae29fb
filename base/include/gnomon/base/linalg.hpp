#pragma once

#include <Eigen/Core>
#include <cstdint>
#include <functional>

/// What networks and Gaussian processes share: matrix types, a Cholesky factor that grows, a small L-BFGS, and the normal distribution
/// in log space. Nothing here uses threads or random devices: the same input gives the same bits.
namespace gnomon {

using RealMatrix = Eigen::MatrixXd;
using RealVector = Eigen::VectorXd;

/// The lower factor L of a symmetric positive definite matrix K = L L^T.
class Cholesky {
 public:
  Cholesky() = default;
  /// Factors K [n, n] (its lower triangle is read). Where K is numerically not positive definite, `jitter` grows tenfold from 1e-12 of
  /// the mean diagonal up to 1e-4 of it; false, and an empty factor, where that does not help either (or K is not finite).
  bool factor(const RealMatrix& k);

  Eigen::Index size() const { return l_.rows(); }
  const RealMatrix& lower() const { return l_; }
  /// What was added to the diagonal to make the factor exist.
  double jitter() const { return jitter_; }
  /// K^-1 b, for a vector [n] or for columns [n, m].
  RealVector solve(const RealVector& b) const;
  RealMatrix solve(const RealMatrix& b) const;
  /// L^-1 b.
  RealMatrix half_solve(const RealMatrix& b) const;
  /// K^-1, symmetric.
  RealMatrix inverse() const;
  double log_determinant() const;
  /// Grows K by one row and column in O(n^2): `column` [n] is the covariance with the present points, `diagonal` the new one's own.
  /// A diagonal that leaves no positive remainder is raised by the jitter (at least 1e-12 of it).
  void append(const RealVector& column, double diagonal);

 private:
  RealMatrix l_;
  double jitter_ = 0;
};

struct LbfgsOptions {
  int max_iterations = 50;
  int memory = 8;
  double gradient_tolerance = 1e-5;  ///< on the largest component of the projected gradient
  double relative_tolerance = 1e-9;  ///< on the decrease of the objective in one iteration
};
struct LbfgsResult {
  RealVector x;
  double value = 0;
  int iterations = 0;
  int evaluations = 0;
};
/// Minimises f inside the box [lower, upper] by limited-memory BFGS with projected backtracking steps (Nocedal and Wright, Numerical
/// Optimization, 7.4). `f` returns the value and fills the gradient; a non-finite value is treated as a step too far.
LbfgsResult minimise_lbfgs(const std::function<double(const RealVector&, RealVector&)>& f, RealVector start, const RealVector& lower,
                           const RealVector& upper, const LbfgsOptions& options = {});

/// The scaled complementary error function exp(x^2) erfc(x) for x >= 0, relative error below 1e-12.
double erfcx(double x);
double log_normal_density(double z);
double normal_cdf(double z);
/// log of the standard normal distribution function, exact in the deep lower tail.
double log_normal_cdf(double z);
/// z with normal_cdf(z) = p, for 0 < p < 1 (Acklam's rational start, then one Halley step: relative error near 1e-15).
double normal_quantile(double p);

}  // namespace gnomon
