#include "gnomon/base/gp.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numbers>

#include "gnomon/base/random.hpp"

namespace gnomon {
namespace {

constexpr Eigen::Index most_rows = 4000;
const double root5 = std::sqrt(5.0);

std::vector<Eigen::Index> columns_where(const std::vector<bool>& categorical, Eigen::Index columns, bool wanted) {
  std::vector<Eigen::Index> out;
  for (Eigen::Index c = 0; c < columns; ++c) {
    const bool is_categorical = c < static_cast<Eigen::Index>(categorical.size()) && categorical[static_cast<std::size_t>(c)];
    if (is_categorical == wanted) out.push_back(c);
  }
  return out;
}

/// The continuous columns divided by their length scales, relative to `centre` so that the products below do not cancel.
RealMatrix scaled(const RealMatrix& x, const std::vector<Eigen::Index>& columns, const RealVector& length, const RealVector& centre) {
  RealMatrix out(x.rows(), static_cast<Eigen::Index>(columns.size()));
  for (std::size_t i = 0; i < columns.size(); ++i) {
    out.col(static_cast<Eigen::Index>(i)) = (x.col(columns[i]).array() - centre[columns[i]]) / length[columns[i]];
  }
  return out;
}

/// r^2 between the rows of two scaled matrices, [rows of a, rows of b].
RealMatrix squared_distances(const RealMatrix& a, const RealMatrix& b) {
  RealMatrix out = RealMatrix::Zero(a.rows(), b.rows());
  if (a.cols() == 0) return out;
  out.noalias() = -2 * a * b.transpose();
  out.colwise() += a.rowwise().squaredNorm();
  out.rowwise() += b.rowwise().squaredNorm().transpose();
  return out.cwiseMax(0.0);
}

/// exp(-sum of weights of differing categories), multiplied into k.
void times_hamming(RealMatrix& k, const RealMatrix& a, const RealMatrix& b, const std::vector<Eigen::Index>& columns, const RealVector& weight) {
  if (columns.empty()) return;
  std::vector<double> factor(columns.size());
  for (std::size_t c = 0; c < columns.size(); ++c) factor[c] = std::exp(-weight[columns[c]]);
  for (std::size_t c = 0; c < columns.size(); ++c) {
    const auto column_a = a.col(columns[c]);
    const auto column_b = b.col(columns[c]);
    for (Eigen::Index j = 0; j < b.rows(); ++j) {
      const double other = column_b[j];
      for (Eigen::Index i = 0; i < a.rows(); ++i) k(i, j) *= column_a[i] == other ? 1.0 : factor[c];
    }
  }
}

/// Matern 5/2 of r^2 (unit variance).
RealMatrix matern(const RealMatrix& squared) {
  const auto r = (squared.array().sqrt() * root5).eval();
  return (1 + r + squared.array() * (5.0 / 3.0)) * (-r).exp();
}

RealMatrix kernel(const RealMatrix& a, const RealMatrix& b, const std::vector<bool>& categorical, const GpHyperparameters& hyper,
                  const RealVector& centre) {
  const auto continuous = columns_where(categorical, a.cols(), false);
  RealMatrix k = matern(squared_distances(scaled(a, continuous, hyper.length, centre), scaled(b, continuous, hyper.length, centre)));
  times_hamming(k, a, b, columns_where(categorical, a.cols(), true), hyper.weight);
  return k * hyper.signal_variance;
}

RealMatrix covariance(const RealMatrix& x, const std::vector<bool>& categorical, const GpHyperparameters& hyper) {
  RealMatrix k = kernel(x, x, categorical, hyper, x.colwise().mean());
  k.diagonal().setConstant(hyper.signal_variance + hyper.noise_variance);
  return k;
}

GpHyperparameters from_theta(const RealVector& theta) {
  const Eigen::Index d = theta.size() - 2;
  GpHyperparameters hyper;
  hyper.signal_variance = std::exp(theta[0]);
  hyper.noise_variance = std::exp(theta[1]);
  hyper.length = theta.tail(d).array().exp();
  hyper.weight = hyper.length;
  return hyper;
}

struct Prior {
  double mean, deviation;
};
/// Log-normal priors of the components of theta; `d` counts the columns of the same kind.
Prior prior_of(Eigen::Index component, bool categorical, Eigen::Index d) {
  if (component == 0) return {0.0, 1.5};
  if (component == 1) return {-7.0, 2.5};
  const double dims = static_cast<double>(std::max<Eigen::Index>(d, 1));
  if (categorical) return {-std::log(dims), 1.5};
  return {std::numbers::sqrt2 + 0.5 * std::log(dims) - std::log(4.0), std::numbers::sqrt3};
}

Expected<void> checked(const RealMatrix& x, const RealVector& y, const std::vector<bool>& categorical) {
  const auto refuse = [](const std::string& message) { return fail(ErrorKind::invalid_input, "Gaussian process: " + message); };
  if (x.rows() == 0) return refuse("there are no rows to learn from");
  if (x.rows() != y.size()) return refuse(std::to_string(x.rows()) + " rows of x, but " + std::to_string(y.size()) + " values of y");
  if (x.rows() > most_rows) {
    return fail(ErrorKind::unsupported, "Gaussian process: " + std::to_string(x.rows()) + " rows; at most " + std::to_string(most_rows) + " are taken");
  }
  if (!categorical.empty() && static_cast<Eigen::Index>(categorical.size()) != x.cols()) return refuse("the list of categorical columns does not fit x");
  if (!x.allFinite() || !y.allFinite()) return refuse("x and y must be finite numbers");
  return {};
}

}  // namespace

double GaussianProcess::objective(const RealMatrix& x, const RealVector& y, const std::vector<bool>& categorical, const RealVector& theta,
                                  RealVector& gradient) {
  const Eigen::Index n = x.rows(), d = x.cols();
  const GpHyperparameters hyper = from_theta(theta);
  const auto continuous = columns_where(categorical, d, false);
  const auto discrete = columns_where(categorical, d, true);
  const RealVector centre = x.colwise().mean();
  const RealMatrix z = scaled(x, continuous, hyper.length, centre);
  const RealMatrix squared = squared_distances(z, z);
  const RealMatrix r = squared.array().sqrt() * root5;
  const RealMatrix decay = (-r.array()).exp() * hyper.signal_variance;
  RealMatrix hamming = RealMatrix::Ones(n, n);
  times_hamming(hamming, x, x, discrete, hyper.weight);
  RealMatrix signal = (1 + r.array() + squared.array() * (5.0 / 3.0)) * decay.array() * hamming.array();
  signal.diagonal().setConstant(hyper.signal_variance);

  RealMatrix k = signal;
  k.diagonal().array() += hyper.noise_variance;
  gradient = RealVector::Zero(theta.size());
  Cholesky factor;
  if (!factor.factor(k)) return std::numeric_limits<double>::infinity();
  const RealVector ones = RealVector::Ones(n);
  const RealVector k_y = factor.solve(y), k_one = factor.solve(ones);
  const double mean = ones.dot(k_y) / ones.dot(k_one);
  const RealVector alpha = k_y - mean * k_one;
  double value = 0.5 * (y - mean * ones).dot(alpha) + 0.5 * factor.log_determinant() + 0.5 * static_cast<double>(n) * std::log(2 * std::numbers::pi);

  // d(-log likelihood)/dtheta = -1/2 tr((alpha alpha^T - K^-1) dK/dtheta); the mean is at its optimum, so it adds nothing.
  RealMatrix w = factor.inverse();
  w.noalias() -= alpha * alpha.transpose();
  gradient[0] = 0.5 * w.cwiseProduct(signal).sum();
  gradient[1] = 0.5 * w.trace() * hyper.noise_variance;
  if (!continuous.empty()) {
    // dk/dlog l_i = 5/3 (1 + sqrt5 r) exp(-sqrt5 r) s^2 (z_i - z'_i)^2 x Hamming; summed over pairs by way of one matrix product.
    const RealMatrix m = (w.array() * (1 + r.array()) * decay.array() * hamming.array() * (5.0 / 3.0)).matrix();
    const RealMatrix mz = m * z;
    const RealVector row_sum = m.rowwise().sum();
    for (std::size_t i = 0; i < continuous.size(); ++i) {
      const auto column = z.col(static_cast<Eigen::Index>(i));
      const double pairs = 2 * (row_sum.array() * column.array().square()).sum() - 2 * column.dot(mz.col(static_cast<Eigen::Index>(i)));
      gradient[2 + continuous[i]] = 0.5 * pairs;
    }
  }
  if (!discrete.empty()) {
    const RealMatrix weighted = w.cwiseProduct(signal);
    for (const Eigen::Index c : discrete) {
      double differing = 0;
      for (Eigen::Index j = 0; j < n; ++j) {
        for (Eigen::Index i = 0; i < n; ++i) differing += x(i, c) == x(j, c) ? 0.0 : weighted(i, j);
      }
      gradient[2 + c] = -0.5 * hyper.weight[c] * differing;
    }
  }

  for (Eigen::Index component = 0; component < theta.size(); ++component) {
    const bool is_categorical = component >= 2 && std::find(discrete.begin(), discrete.end(), component - 2) != discrete.end();
    const Prior prior = prior_of(component, is_categorical, static_cast<Eigen::Index>(is_categorical ? discrete.size() : continuous.size()));
    const double off = (theta[component] - prior.mean) / prior.deviation;
    value += 0.5 * off * off;
    gradient[component] += off / prior.deviation;
  }
  return value;
}

Expected<GaussianProcess> GaussianProcess::with(const RealMatrix& x, const RealVector& y, const GpHyperparameters& hyperparameters,
                                                const std::vector<bool>& categorical) {
  if (auto sound = checked(x, y, categorical); !sound) return fail(std::move(sound.error()));
  GaussianProcess gp;
  gp.x_ = x;
  gp.y_ = y;
  gp.categorical_ = categorical;
  gp.hyper_ = hyperparameters;
  const auto positive = [&](const RealVector& v, bool kind) {
    const auto columns = columns_where(categorical, x.cols(), kind);
    if (!columns.empty() && v.size() != x.cols()) return false;
    return std::all_of(columns.begin(), columns.end(), [&](Eigen::Index c) { return std::isfinite(v[c]) && v[c] > 0; });
  };
  if (!(hyperparameters.signal_variance > 0) || !(hyperparameters.noise_variance >= 0) || !positive(hyperparameters.length, false) ||
      !positive(hyperparameters.weight, true)) {
    return fail(ErrorKind::invalid_input, "Gaussian process: variances, lengths and weights must be positive, one length or weight per column");
  }
  if (!gp.factor_.factor(covariance(x, categorical, hyperparameters)) || !gp.solve()) {
    return fail(ErrorKind::run_failed, "Gaussian process: the covariance matrix cannot be factored");
  }
  return gp;
}

Expected<GaussianProcess> GaussianProcess::fit(const RealMatrix& x, const RealVector& y, const GpOptions& options) {
  if (auto sound = checked(x, y, options.categorical); !sound) return fail(std::move(sound.error()));
  const Eigen::Index n = x.rows(), d = x.cols();
  const double shift = y.mean();
  const double variance = (y.array() - shift).square().mean();
  // The smallest variances leave no digits for a covariance: such values are as good as constant.
  const double scale = variance > 1e-280 && std::isfinite(variance) ? std::sqrt(variance) : std::max(1.0, std::abs(shift));
  const RealVector unit = (y.array() - shift) / scale;
  if (!unit.allFinite()) return fail(ErrorKind::invalid_input, "Gaussian process: the values of y are too far apart for double precision");

  std::vector<Eigen::Index> order(static_cast<std::size_t>(n));
  for (Eigen::Index i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  Eigen::Index rows = n;
  if (options.max_fit_rows > 0 && n > options.max_fit_rows) {
    Random(derive(options.seed, "gp rows")).shuffle(order);
    rows = options.max_fit_rows;
    std::sort(order.begin(), order.begin() + rows);
  }
  RealMatrix part_x(rows, d);
  RealVector part_y(rows);
  for (Eigen::Index i = 0; i < rows; ++i) {
    part_x.row(i) = x.row(order[static_cast<std::size_t>(i)]);
    part_y[i] = unit[order[static_cast<std::size_t>(i)]];
  }

  const auto continuous = columns_where(options.categorical, d, false);
  const auto discrete = columns_where(options.categorical, d, true);
  const auto is_discrete = [&](Eigen::Index c) { return std::find(discrete.begin(), discrete.end(), c) != discrete.end(); };
  RealVector lower(d + 2), upper(d + 2), middle(d + 2);
  for (Eigen::Index i = 0; i < d + 2; ++i) {
    const bool categorical = i >= 2 && is_discrete(i - 2);
    middle[i] = prior_of(i, categorical, static_cast<Eigen::Index>(categorical ? discrete.size() : continuous.size())).mean;
  }
  lower.setConstant(std::log(1e-3));
  upper.setConstant(std::log(1e3));
  lower[1] = 2 * std::log(std::max(options.least_noise, 1e-7));
  upper[1] = 0.0;
  RealVector first = middle;
  if (options.start && options.start->length.size() == d && options.start->weight.size() == d) {
    first[0] = std::log(options.start->signal_variance / (scale * scale));
    first[1] = std::log(options.start->noise_variance / (scale * scale));
    for (Eigen::Index c = 0; c < d; ++c) first[c + 2] = std::log(is_discrete(c) ? options.start->weight[c] : options.start->length[c]);
    if (!first.allFinite()) first = middle;
  }

  LbfgsOptions search;
  search.max_iterations = options.max_iterations;
  search.gradient_tolerance = 1e-3;
  search.relative_tolerance = 1e-6;
  const auto on_part = [&](const RealVector& theta, RealVector& gradient) { return objective(part_x, part_y, options.categorical, theta, gradient); };
  LbfgsResult best = minimise_lbfgs(on_part, first, lower, upper, search);
  Random random(derive(options.seed, "gp restarts"));
  for (int restart = 0; restart < options.restarts && n > 1; ++restart) {
    RealVector start = middle;
    for (Eigen::Index i = 0; i < d + 2; ++i) start[i] += random.normal();
    const LbfgsResult result = minimise_lbfgs(on_part, start, lower, upper, search);
    if (result.value < best.value || !std::isfinite(best.value)) best = result;
  }
  if (rows < n && n <= 2 * rows) {
    search.max_iterations = 3;
    const auto on_all = [&](const RealVector& theta, RealVector& gradient) { return objective(x, unit, options.categorical, theta, gradient); };
    const LbfgsResult result = minimise_lbfgs(on_all, best.x, lower, upper, search);
    if (std::isfinite(result.value)) best.x = result.x;
  }

  GpHyperparameters hyper = from_theta(best.x);
  hyper.signal_variance *= scale * scale;
  hyper.noise_variance *= scale * scale;
  return with(x, y, hyper, options.categorical);
}

bool GaussianProcess::solve() {
  const RealVector ones = RealVector::Ones(y_.size());
  const RealVector k_one = factor_.solve(ones);
  const RealVector k_y = factor_.solve(y_);
  mean_ = ones.dot(k_y) / ones.dot(k_one);
  weights_ = k_y - mean_ * k_one;
  return std::isfinite(mean_) && weights_.allFinite();
}

RealMatrix GaussianProcess::cross(const RealMatrix& a) const { return kernel(x_, a, categorical_, hyper_, x_.colwise().mean()); }

GaussianProcess::Prediction GaussianProcess::predict(const RealMatrix& x) const {
  const RealMatrix k = cross(x);
  const RealMatrix half = factor_.half_solve(k);
  Prediction out;
  out.mean = (k.transpose() * weights_).array() + mean_;
  out.variance = (hyper_.signal_variance - half.colwise().squaredNorm().transpose().array()).max(0.0);
  return out;
}

RealVector GaussianProcess::predict_mean(const RealMatrix& x) const { return (cross(x).transpose() * weights_).array() + mean_; }

GaussianProcess GaussianProcess::condition_on(const RealVector& x, double y) const {
  GaussianProcess out = *this;
  const RealMatrix point = x.transpose();
  out.factor_.append(cross(point).col(0), hyper_.signal_variance + hyper_.noise_variance);
  out.x_.conservativeResize(x_.rows() + 1, Eigen::NoChange);
  out.x_.row(x_.rows()) = x.transpose();
  out.y_.conservativeResize(y_.size() + 1);
  out.y_[y_.size()] = y;
  out.solve();
  return out;
}

double GaussianProcess::log_likelihood() const {
  return -0.5 * (y_.array() - mean_).matrix().dot(weights_) - 0.5 * factor_.log_determinant() -
         0.5 * static_cast<double>(y_.size()) * std::log(2 * std::numbers::pi);
}

double log_expected_improvement(double mean, double deviation, double best) {
  if (!(deviation > 0)) return best > mean ? std::log(best - mean) : -std::numeric_limits<double>::infinity();
  const double z = (best - mean) / deviation;
  double log_h;
  if (z > -1) {
    log_h = std::log(std::exp(log_normal_density(z)) + z * normal_cdf(z));
  } else if (z > -25) {
    // phi(z) + z Phi(z) = phi(z) (1 - |z| sqrt(pi/2) erfcx(|z| / sqrt 2))
    log_h = log_normal_density(z) + std::log1p(z * std::sqrt(std::numbers::pi / 2) * erfcx(-z / std::numbers::sqrt2));
  } else {
    // Asymptotic series phi(z) / z^2 (1 - 3/z^2 + 15/z^4 - ...), remainder below 1e-12 here.
    const double t = 1 / (z * z);
    double term = 1, sum = 0;
    for (int k = 1; k <= 6; ++k) {
      term *= -(2 * k + 1) * t;
      sum += term;
    }
    log_h = log_normal_density(z) - 2 * std::log(-z) + std::log1p(sum);
  }
  return log_h + std::log(deviation);
}

double log_probability_below(double mean, double deviation, double limit) {
  if (!(deviation > 0)) return mean <= limit ? 0.0 : -std::numeric_limits<double>::infinity();
  return log_normal_cdf((limit - mean) / deviation);
}

}  // namespace gnomon
