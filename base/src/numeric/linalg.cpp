#include "gnomon/base/linalg.hpp"

#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <deque>
#include <limits>
#include <numbers>

namespace gnomon {

bool Cholesky::factor(const RealMatrix& k) {
  l_.resize(0, 0);
  jitter_ = 0;
  const Eigen::Index n = k.rows();
  if (n == 0) return true;
  const double scale = k.diagonal().mean();
  if (!std::isfinite(scale) || scale <= 0) return false;
  double jitter = 0;
  for (int attempt = 0; attempt < 10; ++attempt, jitter = attempt == 1 ? 1e-12 * scale : jitter * 10) {
    RealMatrix work = k;
    work.diagonal().array() += jitter;
    const Eigen::LLT<Eigen::Ref<RealMatrix>, Eigen::Lower> llt(work);
    if (llt.info() != Eigen::Success || !work.diagonal().allFinite()) continue;
    work.triangularView<Eigen::StrictlyUpper>().setZero();
    if (!work.allFinite()) continue;
    l_ = std::move(work);
    jitter_ = jitter;
    return true;
  }
  return false;
}

RealVector Cholesky::solve(const RealVector& b) const {
  RealVector x = l_.triangularView<Eigen::Lower>().solve(b);
  l_.triangularView<Eigen::Lower>().transpose().solveInPlace(x);
  return x;
}

RealMatrix Cholesky::solve(const RealMatrix& b) const {
  RealMatrix x = l_.triangularView<Eigen::Lower>().solve(b);
  l_.triangularView<Eigen::Lower>().transpose().solveInPlace(x);
  return x;
}

RealMatrix Cholesky::half_solve(const RealMatrix& b) const { return l_.triangularView<Eigen::Lower>().solve(b); }

RealMatrix Cholesky::inverse() const {
  const Eigen::Index n = size();
  const RealMatrix half = half_solve(RealMatrix::Identity(n, n));
  RealMatrix out = RealMatrix::Zero(n, n);
  out.selfadjointView<Eigen::Lower>().rankUpdate(half.transpose());
  out.triangularView<Eigen::StrictlyUpper>() = out.transpose();
  return out;
}

double Cholesky::log_determinant() const { return 2 * l_.diagonal().array().log().sum(); }

void Cholesky::append(const RealVector& column, double diagonal) {
  const Eigen::Index n = size();
  RealVector row = column;
  if (n > 0) l_.triangularView<Eigen::Lower>().solveInPlace(row);
  const double least = std::max(jitter_, 1e-12 * diagonal);
  const double rest = std::max(diagonal + jitter_ - row.squaredNorm(), least);
  l_.conservativeResize(n + 1, n + 1);
  l_.col(n).setZero();
  l_.row(n).head(n) = row.transpose();
  l_(n, n) = std::sqrt(rest);
}

LbfgsResult minimise_lbfgs(const std::function<double(const RealVector&, RealVector&)>& f, RealVector start, const RealVector& lower,
                           const RealVector& upper, const LbfgsOptions& options) {
  const auto clamp = [&](const RealVector& x) -> RealVector { return x.cwiseMax(lower).cwiseMin(upper); };
  LbfgsResult best;
  best.x = clamp(start);
  RealVector gradient(best.x.size());
  best.value = f(best.x, gradient);
  best.evaluations = 1;
  if (!std::isfinite(best.value)) return best;

  struct Pair {
    RealVector s, y;
    double rho;
  };
  std::deque<Pair> memory;
  for (; best.iterations < options.max_iterations; ++best.iterations) {
    // A component that pushes against its bound is held there.
    RealVector free_gradient = gradient;
    for (Eigen::Index i = 0; i < gradient.size(); ++i) {
      if ((best.x[i] <= lower[i] && gradient[i] > 0) || (best.x[i] >= upper[i] && gradient[i] < 0)) free_gradient[i] = 0;
    }
    if (free_gradient.size() == 0 || free_gradient.cwiseAbs().maxCoeff() < options.gradient_tolerance) break;

    RealVector direction = free_gradient;
    std::vector<double> alpha(memory.size());
    for (std::size_t i = memory.size(); i-- > 0;) {
      alpha[i] = memory[i].rho * memory[i].s.dot(direction);
      direction -= alpha[i] * memory[i].y;
    }
    if (memory.empty()) direction /= std::max(1.0, direction.norm());
    else direction *= memory.back().s.dot(memory.back().y) / memory.back().y.squaredNorm();
    for (std::size_t i = 0; i < memory.size(); ++i) direction += memory[i].s * (alpha[i] - memory[i].rho * memory[i].y.dot(direction));
    direction = -direction;
    for (Eigen::Index i = 0; i < direction.size(); ++i) {
      if (free_gradient[i] == 0) direction[i] = 0;
    }
    if (direction.dot(gradient) >= 0) {
      memory.clear();
      direction = -free_gradient / std::max(1.0, free_gradient.norm());
    }

    double step = 1;
    RealVector x, next_gradient(gradient.size());
    double value = std::numeric_limits<double>::infinity();
    bool accepted = false;
    for (int halvings = 0; halvings < 20; ++halvings, step *= 0.5) {
      x = clamp(best.x + step * direction);
      value = f(x, next_gradient);
      ++best.evaluations;
      const double sufficient = 1e-4 * gradient.dot(x - best.x);
      if (std::isfinite(value) && next_gradient.allFinite() && value <= best.value + sufficient) {
        accepted = true;
        break;
      }
    }
    if (!accepted) {
      if (memory.empty()) break;
      memory.clear();
      continue;
    }
    const RealVector s = x - best.x;
    const RealVector y = next_gradient - gradient;
    const double curvature = s.dot(y);
    if (curvature > 1e-10 * s.norm() * y.norm()) {
      memory.push_back({s, y, 1 / curvature});
      if (memory.size() > static_cast<std::size_t>(options.memory)) memory.pop_front();
    }
    const double decrease = best.value - value;
    best.x = x;
    best.value = value;
    gradient = next_gradient;
    if (decrease <= options.relative_tolerance * std::max(1.0, std::abs(value))) {
      ++best.iterations;
      break;
    }
  }
  return best;
}

double erfcx(double x) {
  if (x < 20) return std::exp(x * x) * std::erfc(x);
  // Asymptotic series (Abramowitz and Stegun 7.1.23); at x >= 20 eight terms leave a remainder below 1e-15.
  const double t = 1 / (2 * x * x);
  double term = 1;
  double sum = 1;
  for (int k = 1; k <= 8; ++k) {
    term *= -(2 * k - 1) * t;
    sum += term;
  }
  return sum / (x * std::sqrt(std::numbers::pi));
}

double log_normal_density(double z) { return -0.5 * z * z - 0.5 * std::log(2 * std::numbers::pi); }

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::numbers::sqrt2); }

double log_normal_cdf(double z) {
  if (z > -1) return std::log1p(-0.5 * std::erfc(z / std::numbers::sqrt2));
  return -0.5 * z * z + std::log(0.5 * erfcx(-z / std::numbers::sqrt2));
}

double normal_quantile(double p) {
  constexpr double a[] = {-3.969683028665376e+01, 2.209460984245205e+02,  -2.759285104469687e+02,
                          1.383577518672690e+02,  -3.066479806614716e+01, 2.506628277459239e+00};
  constexpr double b[] = {-5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01, -1.328068155288572e+01};
  constexpr double c[] = {-7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838e+00,
                          -2.549732539343734e+00, 4.374664141464968e+00,  2.938163982698783e+00};
  constexpr double d[] = {7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996e+00, 3.754408661907416e+00};
  if (!(p > 0)) return -std::numeric_limits<double>::infinity();
  if (!(p < 1)) return std::numeric_limits<double>::infinity();
  constexpr double tail = 0.02425;
  double z;
  if (p < tail || p > 1 - tail) {
    const double q = std::sqrt(-2 * std::log(p < tail ? p : 1 - p));
    z = (((((c[0] * q + c[1]) * q + c[2]) * q + c[3]) * q + c[4]) * q + c[5]) / ((((d[0] * q + d[1]) * q + d[2]) * q + d[3]) * q + 1);
    if (p > 0.5) z = -z;
  } else {
    const double q = p - 0.5;
    const double r = q * q;
    z = (((((a[0] * r + a[1]) * r + a[2]) * r + a[3]) * r + a[4]) * r + a[5]) * q /
        (((((b[0] * r + b[1]) * r + b[2]) * r + b[3]) * r + b[4]) * r + 1);
  }
  const double error = (normal_cdf(z) - p) * std::exp(0.5 * z * z) * std::sqrt(2 * std::numbers::pi);
  return z - error / (1 + 0.5 * z * error);
}

}  // namespace gnomon
