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
  for (std::size_t k = 0; k < objectives; ++k) {
    std::vector<double> feasible, all;
    for (const Row* row : rows) {
      if (row->told.failed) continue;
      all.push_back(row->told.objectives[k]);
      if (row->told.feasible()) feasible.push_back(row->told.objectives[k]);
    }
    constexpr std::size_t enough = 5;
    scales_.emplace_back(feasible.size() >= enough ? feasible : all);
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

RealMatrix matern_hamming(const RealMatrix& a, const RealMatrix& b, const GpHyperparameters& hyper, const std::vector<bool>& categorical) {
  std::vector<Eigen::Index> ordered, words;
  for (Eigen::Index c = 0; c < a.cols(); ++c) (categorical[static_cast<std::size_t>(c)] ? words : ordered).push_back(c);
  RealMatrix k(a.rows(), b.rows());
  if (ordered.empty()) {
    k.setConstant(hyper.signal_variance);
  } else {
    const auto wide = static_cast<Eigen::Index>(ordered.size());
    RealMatrix za(a.rows(), wide), zb(b.rows(), wide);
    for (Eigen::Index i = 0; i < wide; ++i) {
      const Eigen::Index c = ordered[static_cast<std::size_t>(i)];
      za.col(i) = (a.col(c).array() - 0.5) / hyper.length[c];
      zb.col(i) = (b.col(c).array() - 0.5) / hyper.length[c];
    }
    const RealVector na = za.rowwise().squaredNorm(), nb = zb.rowwise().squaredNorm();
    k.noalias() = -2 * za * zb.transpose();
    k.colwise() += na;
    k.rowwise() += nb.transpose();
    k = (k.array().max(0.0) * 5.0).sqrt();
    k = hyper.signal_variance * (1 + k.array() + k.array().square() / 3.0) * (-k.array()).exp();
  }
  for (const Eigen::Index c : words) {
    const double factor = std::exp(-hyper.weight[c]);
    for (Eigen::Index j = 0; j < b.rows(); ++j) {
      const double other = b(j, c);
      for (Eigen::Index i = 0; i < a.rows(); ++i) k(i, j) *= a(i, c) == other ? 1.0 : factor;
    }
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
  out.x = x;
  out.y = y;
  RealMatrix k = matern_hamming(x, x, hyper, categorical_);
  k.diagonal().setConstant(hyper.signal_variance + hyper.noise_variance);
  if (!out.factor.factor(k)) return false;
  out.solve();
  if (!out.weights.allFinite()) return false;
  outputs_.push_back(std::move(out));
  return true;
}

RealMatrix GpModels::cross(const Output& output, const RealMatrix& x) const { return matern_hamming(output.x, x, output.hyper, categorical_); }

void GpModels::append(Output& output, const RealVector& x, double y) const {
  const RealMatrix point = x.transpose();
  output.factor.append(cross(output, point).col(0), output.hyper.signal_variance + output.hyper.noise_variance);
  output.x.conservativeResize(output.x.rows() + 1, Eigen::NoChange);
  output.x.row(output.x.rows() - 1) = x.transpose();
  output.y.conservativeResize(output.y.size() + 1);
  output.y[output.y.size() - 1] = y;
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
    const RealMatrix c = cross(o, x);
    out.mean.col(at) = (c.transpose() * o.weights).array() + o.mean;
    // The variance left by the nearest row alone: other rows only take more away.
    const double whole = o.hyper.signal_variance;
    out.variance.col(at) = (whole - c.colwise().maxCoeff().transpose().array().square() / (whole + o.hyper.noise_variance)).max(0.0);
  }
  return out;
}

Predicted GpModels::predict(const RealMatrix& x) const {
  Predicted out{RealMatrix(x.rows(), static_cast<Eigen::Index>(outputs_.size())), RealMatrix(x.rows(), static_cast<Eigen::Index>(outputs_.size()))};
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const Output& o = outputs_[k];
    const auto at = static_cast<Eigen::Index>(k);
    const RealMatrix c = cross(o, x);
    out.mean.col(at) = (c.transpose() * o.weights).array() + o.mean;
    out.variance.col(at) = (o.hyper.signal_variance - o.factor.half_solve(c).colwise().squaredNorm().transpose().array()).max(0.0);
  }
  return out;
}

void GpModels::believe(const RealVector& x) {
  const RealMatrix point = x.transpose();
  for (Output& o : outputs_) {
    const double mean = cross(o, point).col(0).dot(o.weights) + o.mean;
    append(o, x, mean);
    // A believed mean changes no other mean: the weight of the new row is nought.
    o.weights.conservativeResize(o.weights.size() + 1);
    o.weights[o.weights.size() - 1] = 0;
  }
}

double GpModels::left_out_density(const RealMatrix& x, const RealVector& y, const std::vector<bool>& counted,
                                  const GpHyperparameters& hyper, const std::vector<bool>& categorical) {
  RealMatrix k = matern_hamming(x, x, hyper, categorical);
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
