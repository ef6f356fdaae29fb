#include "agents/models.hpp"

#include <algorithm>
#include <cmath>

#include "agents/genome.hpp"

namespace gnomon::search {

Features::Features(std::shared_ptr<const arch::Space> space) : space_(std::move(space)) {
  for (const arch::Parameter& p : space_->parameters()) {
    const std::size_t columns = p.kind == arch::ParameterKind::permutation ? p.size() : 1;
    categorical_.insert(categorical_.end(), columns, p.kind == arch::ParameterKind::categorical);
  }
}

RealVector Features::of(const arch::Point& point) const {
  const Genome genome = to_genome(*space_, point);
  RealVector x(columns());
  Eigen::Index at = 0;
  const auto& parameters = space_->parameters();
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const arch::Parameter& p = parameters[i];
    const bool active = point[i].has_value();
    if (p.kind == arch::ParameterKind::categorical) {
      x(at++) = active ? static_cast<double>(genome[i].index) : -1.0;
    } else if (p.discrete()) {
      x(at++) = active && p.size() > 1 ? static_cast<double>(genome[i].index) / static_cast<double>(p.size() - 1) : 0.5;
    } else if (p.kind == arch::ParameterKind::real) {
      x(at++) = active ? genome[i].position : 0.5;
    } else {
      const Eigen::Index first = at;
      at += static_cast<Eigen::Index>(p.size());
      for (std::size_t k = 0; k < genome[i].order.size(); ++k) {
        x(first + genome[i].order[k]) = active && p.size() > 1 ? static_cast<double>(k) / static_cast<double>(p.size() - 1) : 0.5;
      }
    }
  }
  return x;
}

RealMatrix Features::of(const std::vector<arch::Point>& points) const {
  RealMatrix x(static_cast<Eigen::Index>(points.size()), columns());
  for (std::size_t i = 0; i < points.size(); ++i) x.row(static_cast<Eigen::Index>(i)) = of(points[i]).transpose();
  return x;
}

Targets::Targets(const std::vector<const Row*>& rows, std::size_t objectives, std::size_t constraints)
    : objectives_(objectives), constraints_(constraints) {
  std::vector<std::vector<double>> good;
  for (const Row* row : rows) {
    if (row->told.feasible()) good.push_back(row->told.objectives);
  }
  const std::vector<double> ends = ends_of_front(good);
  for (std::size_t k = 0; k < objectives; ++k) {
    std::vector<double> feasible, all;
    for (const Row* row : rows) {
      if (row->told.failed) continue;
      all.push_back(row->told.objectives[k]);
      if (row->told.feasible()) feasible.push_back(row->told.objectives[k]);
    }
    constexpr std::size_t enough = 5;
    scales_.emplace_back(feasible.size() >= enough ? feasible : all, ends.empty() ? -HUGE_VAL : ends[k]);
  }
  for (std::size_t c = 0; c < constraints; ++c) {
    std::vector<double> values;
    bool negative = false;
    for (const Row* row : rows) {
      if (row->told.failed) continue;
      values.push_back(row->told.violations[c]);
      negative = negative || row->told.violations[c] < 0;
    }
    violations_.emplace_back(values);
    clipped_.push_back(!negative);
  }
  failure_ = std::any_of(rows.begin(), rows.end(), [](const Row* row) { return row->told.failed; });
}

std::optional<double> Targets::value(std::size_t output, const Told& told) const {
  if (output >= objectives_ + constraints_) return told.failed ? 1.0 : -1.0;
  if (told.failed) return {};
  if (output < objectives_) return scales_[output](told.objectives[output]);
  const std::size_t c = output - objectives_;
  const double v = violations_[c](told.violations[c]);
  if (!clipped_[c]) return v;
  constexpr double gap = 0.5;
  return told.violations[c] > 0 ? v + gap : -gap;
}

template <class Scalar>
Side<Scalar>::Side(const RealMatrix& x, const GpHyperparameters& hyper, const std::vector<bool>& categorical) {
  const auto count = std::count(categorical.begin(), categorical.end(), true);
  ordered.resize(x.rows(), x.cols() - count);
  words.resize(x.rows(), count);
  Eigen::Index at_ordered = 0, at_words = 0;
  for (Eigen::Index c = 0; c < x.cols(); ++c) {
    if (categorical[static_cast<std::size_t>(c)])
      words.col(at_words++) = x.col(c).template cast<Scalar>();
    else
      ordered.col(at_ordered++) = ((x.col(c).array() - 0.5) / hyper.length[c]).template cast<Scalar>();
  }
}

template <class Scalar>
void Side<Scalar>::append(const Side& more) {
  const Eigen::Index n = ordered.rows(), m = more.ordered.rows();
  ordered.conservativeResize(n + m, Eigen::NoChange);
  words.conservativeResize(n + m, Eigen::NoChange);
  ordered.bottomRows(m) = more.ordered;
  words.bottomRows(m) = more.words;
}

template <class Scalar>
typename Side<Scalar>::Matrix matern_hamming(const Side<Scalar>& a, const Side<Scalar>& b, const GpHyperparameters& hyper,
                                             const std::vector<bool>& categorical) {
  using Matrix = typename Side<Scalar>::Matrix;
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  Matrix k(a.ordered.rows(), b.ordered.rows());
  const auto variance = static_cast<Scalar>(hyper.signal_variance);
  if (a.ordered.cols() == 0) {
    k.setConstant(variance);
  } else {
    const Vector of_a = a.ordered.rowwise().squaredNorm(), of_b = b.ordered.rowwise().squaredNorm();
    k.noalias() = Scalar(-2) * a.ordered * b.ordered.transpose();
    for (Eigen::Index j = 0; j < k.cols(); ++j) {
      auto column = k.col(j).array();
      column = ((column + of_a.array() + of_b[j]).max(Scalar(0)) * Scalar(5)).sqrt();
      column = variance * (Scalar(1) + column * (Scalar(1) + column * Scalar(1.0 / 3.0))) * (-column).exp();
    }
  }
  Eigen::Index word = 0;
  for (std::size_t c = 0; c < categorical.size(); ++c) {
    if (!categorical[c]) continue;
    const auto factor = static_cast<Scalar>(std::exp(-hyper.weight[static_cast<Eigen::Index>(c)]));
    for (Eigen::Index j = 0; j < k.cols(); ++j) {
      const Scalar other = b.words(j, word);
      for (Eigen::Index i = 0; i < k.rows(); ++i) k(i, j) *= a.words(i, word) == other ? Scalar(1) : factor;
    }
    ++word;
  }
  return k;
}

void GpModels::Output::solve() {
  const RealVector k_one = factor.solve(RealVector(RealVector::Ones(y.size())));
  const RealVector k_y = factor.solve(y);
  const double weight = k_one.sum();
  mean = weight > 0 ? k_y.sum() / weight : 0.0;
  weights = k_y - mean * k_one;
}

bool GpModels::add(const RealMatrix& x, const RealVector& y, const GpHyperparameters& hyper) {
  Output out;
  out.hyper = hyper;
  out.rows = Side<double>(x, hyper, categorical_);
  out.rough = Side<float>(x, hyper, categorical_);
  out.y = y;
  RealMatrix k = matern_hamming(out.rows, out.rows, hyper, categorical_);
  k.diagonal().setConstant(hyper.signal_variance + hyper.noise_variance);
  if (!out.factor.factor(k)) return false;
  out.solve();
  if (!out.weights.allFinite()) return false;
  outputs_.push_back(std::move(out));
  return true;
}

void GpModels::append(Output& o, const RealVector& x, double y) const {
  const Side<double> point(x.transpose(), o.hyper, categorical_);
  o.factor.append(matern_hamming(o.rows, point, o.hyper, categorical_).col(0), o.hyper.signal_variance + o.hyper.noise_variance);
  o.rows.append(point);
  o.rough.append(Side<float>(x.transpose(), o.hyper, categorical_));
  o.y.conservativeResize(o.y.size() + 1);
  o.y[o.y.size() - 1] = y;
}

void GpModels::append(const RealVector& x, const std::vector<std::optional<double>>& values) {
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    if (!values[k]) continue;
    append(outputs_[k], x, *values[k]);
    outputs_[k].solve();
  }
}

Predicted GpModels::glance(const RealMatrix& x) const {
  Predicted out{RealMatrix(x.rows(), static_cast<Eigen::Index>(outputs_.size())), RealMatrix(x.rows(), static_cast<Eigen::Index>(outputs_.size()))};
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const Output& o = outputs_[k];
    const auto at = static_cast<Eigen::Index>(k);
    const Eigen::MatrixXf c = matern_hamming(o.rough, Side<float>(x, o.hyper, categorical_), o.hyper, categorical_);
    out.mean.col(at) = (c.transpose() * o.weights.cast<float>()).cast<double>().array() + o.mean;
    // The variance left by the nearest row alone: other rows only take more away.
    const double whole = o.hyper.signal_variance;
    out.variance.col(at) = (whole - c.colwise().maxCoeff().transpose().cast<double>().array().square() / (whole + o.hyper.noise_variance)).max(0.0);
  }
  return out;
}

Predicted GpModels::predict(const RealMatrix& x) const {
  Predicted out{RealMatrix(x.rows(), static_cast<Eigen::Index>(outputs_.size())), RealMatrix(x.rows(), static_cast<Eigen::Index>(outputs_.size()))};
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const Output& o = outputs_[k];
    const auto at = static_cast<Eigen::Index>(k);
    const RealMatrix c = matern_hamming(o.rows, Side<double>(x, o.hyper, categorical_), o.hyper, categorical_);
    out.mean.col(at) = (c.transpose() * o.weights).array() + o.mean;
    out.variance.col(at) = (o.hyper.signal_variance - o.factor.half_solve(c).colwise().squaredNorm().transpose().array()).max(0.0);
  }
  return out;
}

void GpModels::believe(const RealVector& x) {
  for (Output& o : outputs_) {
    const Side<double> point(x.transpose(), o.hyper, categorical_);
    const double mean = matern_hamming(o.rows, point, o.hyper, categorical_).col(0).dot(o.weights) + o.mean;
    append(o, x, mean);
    // A believed mean changes no other mean: the weight of the new row is nought.
    o.weights.conservativeResize(o.weights.size() + 1);
    o.weights[o.weights.size() - 1] = 0;
  }
}

double GpModels::left_out_density(const RealMatrix& x, const RealVector& y, const std::vector<bool>& counted,
                                  const GpHyperparameters& hyper, const std::vector<bool>& categorical) {
  const Side<double> rows(x, hyper, categorical);
  RealMatrix k = matern_hamming(rows, rows, hyper, categorical);
  k.diagonal().setConstant(hyper.signal_variance + hyper.noise_variance);
  Cholesky factor;
  if (!factor.factor(k)) return -HUGE_VAL;
  const RealMatrix inverse = factor.inverse();
  const RealVector k_one = inverse.rowwise().sum(), k_y = inverse * y;
  const RealVector weights = k_y - k_y.sum() / k_one.sum() * k_one;
  double total = 0, n = 0;
  for (Eigen::Index i = 0; i < y.size(); ++i) {
    if (!counted[static_cast<std::size_t>(i)]) continue;
    const double variance = 1.0 / inverse(i, i), off = weights(i) / inverse(i, i);
    total += -0.5 * (std::log(variance) + off * off / variance);
    n += 1;
  }
  return n > 0 && std::isfinite(total) ? total / n : -HUGE_VAL;
}

}  // namespace gnomon::search
