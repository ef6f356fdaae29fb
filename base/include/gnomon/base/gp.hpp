#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gnomon/base/error.hpp"
#include "gnomon/base/linalg.hpp"

namespace gnomon {

/// Kernel and noise of a Gaussian process, in the units of x and y.
///
///   k(a, b) = signal_variance * (1 + sqrt(5) r + 5/3 r^2) exp(-sqrt(5) r) * exp(-sum_c weight_c [a_c != b_c]),
///   r^2 = sum_i ((a_i - b_i) / length_i)^2
///
/// with i over the continuous columns (Matern 5/2, Rasmussen and Williams 2006, 4.2.1) and c over the categorical ones (Hamming kernel).
struct GpHyperparameters {
  double signal_variance = 1;
  double noise_variance = 1e-4;
  RealVector length;   ///< [columns]; length scale of a continuous column (unused where categorical)
  RealVector weight;   ///< [columns]; weight of a differing category (unused where continuous)
};

struct GpOptions {
  /// Which columns of x are category codes (compared for equality only); empty means none.
  std::vector<bool> categorical;
  /// Restarts of the hyperparameter search beyond the first start; the best likelihood wins.
  int restarts = 1;
  int max_iterations = 40;
  /// The search sees at most this many rows (an evenly spread choice drawn by `seed`), then goes on for a few iterations on all of
  /// them where there are at most twice as many; prediction always uses all rows. 0 means always all.
  int max_fit_rows = 160;
  /// Smallest noise deviation, as a fraction of the deviation of y.
  double least_noise = 1e-4;
  std::uint64_t seed = 0;
  /// Where to start the search, for instance the last fit's result; taken in place of the default start.
  std::optional<GpHyperparameters> start;
};

/// Gaussian-process regression with a constant mean, for up to a few thousand rows and some tens of columns.
///
/// Hyperparameters maximise the log marginal likelihood plus weak log-normal priors: length scales around exp(sqrt 2) * sqrt(d) / 4 of a
/// unit cube and wide (the dimension-scaled prior of Hvarfner et al., ICML 2024), signal variance around the variance of y, noise low.
/// Continuous columns should therefore be scaled to about [0, 1]. The mean is the generalised least squares estimate for each set of
/// hyperparameters; its own uncertainty is ignored in the predicted variance. Deterministic.
class GaussianProcess {
 public:
  /// Fits to x [n, d] and y [n]. Refuses empty, non-finite or mismatched data, and more than 4000 rows.
  static Expected<GaussianProcess> fit(const RealMatrix& x, const RealVector& y, const GpOptions& options = {});
  /// Takes the hyperparameters as given. `categorical` as in GpOptions.
  static Expected<GaussianProcess> with(const RealMatrix& x, const RealVector& y, const GpHyperparameters& hyperparameters,
                                        const std::vector<bool>& categorical = {});

  struct Prediction {
    RealVector mean;      ///< [m]
    RealVector variance;  ///< [m], of the noise-free function, at least 0
  };
  /// Mean and variance at x [m, d].
  Prediction predict(const RealMatrix& x) const;
  /// The mean alone, in O(n) a row instead of O(n^2).
  RealVector predict_mean(const RealMatrix& x) const;
  /// The process with one more observation (a real one, or a fantasy) and the same hyperparameters, in O(n^2).
  GaussianProcess condition_on(const RealVector& x, double y) const;

  Eigen::Index rows() const { return x_.rows(); }
  Eigen::Index columns() const { return x_.cols(); }
  double mean() const { return mean_; }
  const GpHyperparameters& hyperparameters() const { return hyper_; }
  /// Log marginal likelihood of the data at the hyperparameters, without priors.
  double log_likelihood() const;

  /// The objective that `fit` minimises, for y of zero mean and unit variance: -(log likelihood + log prior) at `theta` = log of
  /// (signal variance, noise variance, one length or weight per column), and its gradient. Public for tests and tools.
  static double objective(const RealMatrix& x, const RealVector& y, const std::vector<bool>& categorical, const RealVector& theta,
                          RealVector& gradient);

 private:
  GaussianProcess() = default;
  bool solve();
  RealMatrix cross(const RealMatrix& a) const;

  RealMatrix x_;
  RealVector y_;
  std::vector<bool> categorical_;
  GpHyperparameters hyper_;
  Cholesky factor_;
  double mean_ = 0;
  RealVector weights_;  // K^-1 (y - mean)
};

/// log of the expected improvement E[max(best - f, 0)] (minimisation) of a normal f, exact also where the improvement is far below the
/// smallest double (the log h of Ament et al., NeurIPS 2023). -inf where deviation is 0 and mean >= best.
double log_expected_improvement(double mean, double deviation, double best);

/// log P(f <= limit) of a normal f: the probability of feasibility of a constraint whose violation must not exceed `limit`.
double log_probability_below(double mean, double deviation, double limit);

}  // namespace gnomon
