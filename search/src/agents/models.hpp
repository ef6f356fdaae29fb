#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "agents/scalarise.hpp"
#include "gnomon/arch/space.hpp"
#include "gnomon/base/gp.hpp"
#include "gnomon/base/linalg.hpp"
#include "gnomon/search/agent.hpp"

/// What the model-based agents (`bayes`, `forest`) predict from and with.
namespace gnomon::search {

/// Columns of the models' input: ordered parameters by their place in [0, 1], categories by code, permutations by each item's
/// place. Inactive: 0.5, and the category -1.
class Features {
 public:
  explicit Features(std::shared_ptr<const arch::Space> space);
  const std::vector<bool>& categorical() const { return categorical_; }
  Eigen::Index columns() const { return static_cast<Eigen::Index>(categorical_.size()); }
  RealVector of(const arch::Point& point) const;
  RealMatrix of(const std::vector<arch::Point>& points) const;

 private:
  std::shared_ptr<const arch::Space> space_;
  std::vector<bool> categorical_;
};

/// A told result with its features.
struct Row {
  Told told;
  RealVector x;
};

/// What is predicted, each on a scale on which models learn: the objectives; the constraints (satisfied at <= 0; where a
/// constraint never shows how far it is from being violated, its zeros become -0.5 and violations start at 0.5); and, where
/// trials have failed, whether one fails (-1 no, 1 yes). Scales are those of the rows they are made from.
class Targets {
 public:
  Targets(const std::vector<const Row*>& rows, std::size_t objectives, std::size_t constraints);
  std::size_t objectives() const { return objectives_; }
  std::size_t outputs() const { return objectives_ + limits() ; }
  /// Outputs that must be <= 0: constraints and failure.
  std::size_t limits() const { return constraints_ + (failure_ ? 1 : 0); }
  /// Nothing where the row says nothing of this output.
  std::optional<double> value(std::size_t output, const Told& told) const;
  double objective(std::size_t k, double value) const { return scales_[k](value); }

 private:
  std::size_t objectives_, constraints_;
  bool failure_ = false;
  std::vector<ObjectiveScale> scales_;
  std::vector<ViolationScale> violations_;
  std::vector<bool> clipped_;
};

/// Predicted means and variances, [points, outputs].
struct Predicted {
  RealMatrix mean, variance;
};

class Models {
 public:
  virtual ~Models() = default;
  /// Means, and an upper bound of the variances that is cheap to have, to a few digits.
  virtual Predicted glance(const RealMatrix& x) const = 0;
  virtual Predicted predict(const RealMatrix& x) const = 0;
  /// Goes on as if the point had been told with its predicted means (kriging believer, Ginsbourger et al. 2010).
  virtual void believe(const RealVector& x) = 0;
};

/// One side of a covariance: ordered columns over their length scales, and categories, [rows, columns of the kind].
template <class Scalar>
struct Side {
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  Matrix ordered, words;
  Side() = default;
  Side(const RealMatrix& x, const GpHyperparameters& hyper, const std::vector<bool>& categorical);
  void append(const Side& more);
};
/// Covariance between the rows of a and of b, [rows of a, rows of b]: see GpHyperparameters.
template <class Scalar>
typename Side<Scalar>::Matrix matern_hamming(const Side<Scalar>& a, const Side<Scalar>& b, const GpHyperparameters& hyper,
                                             const std::vector<bool>& categorical);

/// One Gaussian process per output, each on the rows that tell of it.
class GpModels final : public Models {
 public:
  explicit GpModels(std::vector<bool> categorical) : categorical_(std::move(categorical)) {}
  /// Adds an output. False where the covariance cannot be factored.
  bool add(const RealMatrix& x, const RealVector& y, const GpHyperparameters& hyper);
  /// One more told row: values by output, nothing where it does not count.
  void append(const RealVector& x, const std::vector<std::optional<double>>& values);
  std::size_t outputs() const { return outputs_.size(); }

  Predicted glance(const RealMatrix& x) const override;
  Predicted predict(const RealMatrix& x) const override;
  void believe(const RealVector& x) override;

  /// Log density of y at the rows of `counted`, each predicted from all others (leave-one-out: Rasmussen and Williams 2006,
  /// 5.4.2), mean over them.
  static double left_out_density(const RealMatrix& x, const RealVector& y, const std::vector<bool>& counted,
                                 const GpHyperparameters& hyper, const std::vector<bool>& categorical);

 private:
  struct Output {
    GpHyperparameters hyper;
    Side<double> rows;
    Side<float> rough;  ///< the same, for glances
    RealVector y;
    Cholesky factor;
    RealVector weights;
    double mean = 0;
    void solve();
  };
  void append(Output& output, const RealVector& x, double y) const;

  std::vector<bool> categorical_;
  std::vector<Output> outputs_;
};

}  // namespace gnomon::search
