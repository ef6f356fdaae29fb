#include <algorithm>
#include <cmath>
#include <Eigen/Eigenvalues>
#include <numeric>

#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/population.hpp"
#include "gnomon/base/linalg.hpp"

namespace gnomon::search {
namespace {

struct CmaesOptions {
  std::int64_t population = 0;
  double sigma = 0.25;
  double margin = 0.5;
};

void describe(FieldVisitor& v, CmaesOptions& o) {
  field(v, {"population", "results per generation; 0: 4 + 3 ln(dimensions)", "points"}, o.population, Range{0, 10000});
  field(v, {"sigma", "first step size, as a fraction of the range"}, o.sigma, RealRange{0, 1, true});
  field(v, {"margin", "smallest deviation of an ordered discrete parameter, in values"}, o.margin, RealRange{0, 10});
}

/// CMA-ES (Hansen, arXiv 1604.00772) for one objective, on the ordered part of a mixed space; categories have a distribution of
/// their own. Coordinates: integers and ordinals by index, reals by (log) position, scaled to [0, 1]; permutations by one key per
/// item, sorted (random keys: Bean, ORSA J. Comput. 6(2), 1994). A discrete coordinate's deviation stays above `margin` values, so
/// that it does not freeze (Hamano et al., CMA-ES with margin, GECCO 2022). Categories: probabilities move towards the generation's
/// weighted winners (natural gradient as in CatCMA, Hamano et al., GECCO 2024), none below 1 / (10 categories). Feasible before
/// infeasible. A generation is the next `population` told results, wherever they come from. When the step size has collapsed or
/// 12 generations bring nothing better, the search starts again: from the best result with a wide step and from a Sobol point by
/// turns, with twice the population after each pair (IPOP: Auger and Hansen, CEC 2005). Above 120 coordinates the covariance is
/// diagonal (Ros and Hansen, PPSN 2008).
class Cmaes final : public Agent {
 public:
  Cmaes(const AgentSetup& setup, const CmaesOptions& options)
      : space_(setup.space),
        options_(options),
        seed_(derive(setup.seed, "cmaes")),
        initial_(setup.space, derive(setup.seed, "cmaes/initial")),
        violation_(setup.constraints) {
    const auto& parameters = space_->parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const arch::Parameter& p = parameters[i];
      first_.push_back(static_cast<Eigen::Index>(steps_.size()));
      if (p.kind == arch::ParameterKind::categorical) {
        categories_.push_back(RealVector::Constant(static_cast<Eigen::Index>(p.size()), 1.0 / static_cast<double>(p.size())));
        continue;
      }
      categories_.emplace_back();
      if (p.kind == arch::ParameterKind::permutation) {
        steps_.insert(steps_.end(), p.size(), 0.5 / static_cast<double>(p.size()));
      } else {
        steps_.push_back(p.discrete() && p.size() > 1 ? 1.0 / static_cast<double>(p.size() - 1) : 0.0);
      }
    }
    if (options_.population == 0) {
      options_.population = std::max<std::int64_t>(4 + static_cast<std::int64_t>(3 * std::log(std::max<std::size_t>(steps_.size(), 1))), 6);
    }
    lambda_ = static_cast<std::size_t>(options_.population);
    initial_points_ = 2 * lambda_;
    diagonal_ = steps_.size() > 120;
  }

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<arch::Point> out;
    if (!started_) return initial_.next(request.count, request);
    while (out.size() < request.count) {
      AskRequest one = request;
      one.number = request.number + out.size();
      Random random(one.seed(seed_));
      std::optional<arch::Point> found;
      Genome drawn;
      constexpr int tries = 30;
      for (int t = 0; t < tries && !found; ++t) {
        drawn = draw(random, 1.0 + 1.5 * static_cast<double>(t) / tries);
        arch::Point point = to_point(*space_, drawn);
        if (std::find(out.begin(), out.end(), point) == out.end() && request.fresh(point)) found = std::move(point);
      }
      if (!found) found = fresh_variant(*space_, drawn, request, out, random);
      if (!found) break;
      out.push_back(std::move(*found));
    }
    return out;
  }

  void tell(const Told& told) override {
    ++told_;
    Row row;
    row.genome = to_genome(*space_, told.point);
    row.active.resize(told.point.size());
    for (std::size_t i = 0; i < told.point.size(); ++i) row.active[i] = told.point[i].has_value();
    row.key = {HUGE_VAL, 0};
    if (!told.failed) {
      violation_.note(told.violations);
      const double violation = violation_(told.violations);
      row.key = {violation, violation > 0 ? 0.0 : told.objectives.front()};
    }
    if (!best_ || row.key < best_->key) {
      best_ = row;
      stale_ = 0;
    }
    generation_.push_back(std::move(row));
    if (!started_) {
      if (told_ >= initial_points_) begin(best_->genome, options_.sigma);
      return;
    }
    if (generation_.size() >= lambda_) update();
  }

 private:
  using Key = std::pair<double, double>;  ///< violation, objective
  struct Row {
    Genome genome;
    std::vector<bool> active;
    Key key;
  };

  RealVector coordinates(const Genome& genome) const {
    RealVector x(static_cast<Eigen::Index>(steps_.size()));
    const auto& parameters = space_->parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const arch::Parameter& p = parameters[i];
      if (p.kind == arch::ParameterKind::categorical) continue;
      const Eigen::Index at = first_[i];
      if (p.kind == arch::ParameterKind::permutation) {
        const double n = static_cast<double>(p.size());
        for (std::size_t k = 0; k < p.size(); ++k) x[at + genome[i].order[k]] = (static_cast<double>(k) + 0.5) / n;
      } else {
        x[at] = p.discrete() ? static_cast<double>(genome[i].index) / static_cast<double>(std::max<std::size_t>(p.size() - 1, 1))
                             : genome[i].position;
      }
    }
    return x;
  }

  Genome genome_of(const RealVector& x, Random& random) const {
    const auto& parameters = space_->parameters();
    Genome genome(parameters.size());
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const arch::Parameter& p = parameters[i];
      if (p.kind == arch::ParameterKind::categorical) {
        const RealVector& q = categories_[i];
        genome[i].index = static_cast<std::int64_t>(random.weighted(std::span<const double>(q.data(), static_cast<std::size_t>(q.size()))));
      } else if (p.kind == arch::ParameterKind::permutation) {
        genome[i].order.resize(p.size());
        std::iota(genome[i].order.begin(), genome[i].order.end(), 0);
        std::stable_sort(genome[i].order.begin(), genome[i].order.end(),
                         [&](std::int64_t a, std::int64_t b) { return x[first_[i] + a] < x[first_[i] + b]; });
      } else {
        const double u = std::clamp(x[first_[i]], 0.0, 1.0);
        if (p.discrete())
          genome[i].index = static_cast<std::int64_t>(std::lround(u * static_cast<double>(p.size() - 1)));
        else
          genome[i].position = u;
      }
    }
    return genome;
  }

  Genome draw(Random& random, double widen) const {
    const auto d = static_cast<Eigen::Index>(steps_.size());
    RealVector z(d);
    for (Eigen::Index i = 0; i < d; ++i) z[i] = random.normal();
    RealVector y = diagonal_ ? RealVector(scale_.cwiseProduct(z)) : RealVector(basis_ * scale_.cwiseProduct(z));
    RealVector x = mean_ + widen * sigma_ * y;
    // Outside the box a coordinate is reflected, not clipped: corners would swallow the search.
    for (Eigen::Index i = 0; i < d; ++i) {
      if (x[i] < 0) x[i] = std::min(1.0, -x[i]);
      if (x[i] > 1) x[i] = std::max(0.0, 2 - x[i]);
    }
    return genome_of(x, random);
  }

  void begin(const Genome& from, double sigma) {
    const auto d = static_cast<Eigen::Index>(steps_.size());
    started_ = true;
    generation_.clear();
    mean_ = coordinates(from);
    sigma_ = sigma;
    covariance_ = diagonal_ ? RealMatrix(RealMatrix::Ones(d, 1)) : RealMatrix(RealMatrix::Identity(d, d));
    path_c_ = path_s_ = RealVector::Zero(d);
    updates_ = 0;
    stale_ = 0;
    const auto& parameters = space_->parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      if (categories_[i].size() == 0) continue;
      categories_[i].setConstant(0.5 / static_cast<double>(parameters[i].size()));
      categories_[i][from[i].index] += 0.5;
    }
    decompose();
  }

  void decompose() {
    if (diagonal_) {
      scale_ = covariance_.col(0).cwiseMax(1e-20).cwiseSqrt();
    } else if (covariance_.size() > 0) {
      const Eigen::SelfAdjointEigenSolver<RealMatrix> solver(covariance_);
      basis_ = solver.eigenvectors();
      scale_ = solver.eigenvalues().cwiseMax(1e-14).cwiseSqrt();
    } else {
      basis_ = RealMatrix::Zero(0, 0);
      scale_ = RealVector::Zero(0);
    }
  }

  void update() {
    std::stable_sort(generation_.begin(), generation_.end(), [](const Row& a, const Row& b) { return a.key < b.key; });
    const auto d = static_cast<Eigen::Index>(steps_.size());
    const double n = static_cast<double>(std::max<Eigen::Index>(d, 1));
    const std::size_t mu = std::max<std::size_t>(generation_.size() / 2, 1);
    RealVector w(static_cast<Eigen::Index>(mu));
    for (std::size_t i = 0; i < mu; ++i)
      w[static_cast<Eigen::Index>(i)] = std::log(static_cast<double>(mu) + 0.5) - std::log(static_cast<double>(i) + 1);
    w /= w.sum();
    const double mu_eff = 1.0 / w.squaredNorm();
    const double cc = (4 + mu_eff / n) / (n + 4 + 2 * mu_eff / n), cs = (mu_eff + 2) / (n + mu_eff + 5);
    const double c1 = 2 / ((n + 1.3) * (n + 1.3) + mu_eff) * (diagonal_ ? (n + 2) / 3 : 1.0);
    const double cmu = std::min(1 - c1, 2 * (mu_eff - 2 + 1 / mu_eff) / ((n + 2) * (n + 2) + mu_eff) * (diagonal_ ? (n + 2) / 3 : 1.0));
    const double damps = 1 + 2 * std::max(0.0, std::sqrt((mu_eff - 1) / (n + 1)) - 1) + cs;
    const double chi = std::sqrt(n) * (1 - 1 / (4 * n) + 1 / (21 * n * n));

    RealMatrix y(d, static_cast<Eigen::Index>(mu));
    for (std::size_t i = 0; i < mu; ++i) y.col(static_cast<Eigen::Index>(i)) = (coordinates(generation_[i].genome) - mean_) / sigma_;
    const RealVector step = y * w;
    mean_ += sigma_ * step;
    const RealVector whitened = diagonal_ ? RealVector(step.cwiseQuotient(scale_)) : RealVector(basis_ * (basis_.transpose() * step).cwiseQuotient(scale_));
    path_s_ = (1 - cs) * path_s_ + std::sqrt(cs * (2 - cs) * mu_eff) * whitened;
    ++updates_;
    const double length = path_s_.norm() / std::sqrt(1 - std::pow(1 - cs, 2.0 * static_cast<double>(updates_)));
    const double h = length / chi < 1.4 + 2 / (n + 1) ? 1 : 0;
    path_c_ = (1 - cc) * path_c_ + h * std::sqrt(cc * (2 - cc) * mu_eff) * step;
    const double kept = 1 - c1 - cmu + (1 - h) * c1 * cc * (2 - cc);
    if (diagonal_) {
      covariance_.col(0) = kept * covariance_.col(0).array() + c1 * path_c_.array().square() + cmu * (y.array().square().matrix() * w).array();
    } else {
      covariance_ = kept * covariance_ + c1 * path_c_ * path_c_.transpose() + cmu * y * w.asDiagonal() * y.transpose();
    }
    sigma_ *= std::exp(std::min(1.0, cs / damps * (path_s_.norm() / chi - 1)));
    sigma_ = std::clamp(sigma_, 1e-8, 1.0);
    double widest = 0;
    for (Eigen::Index i = 0; i < d; ++i) {
      const double least = options_.margin * steps_[static_cast<std::size_t>(i)] / sigma_;
      double& variance = diagonal_ ? covariance_(i, 0) : covariance_(i, i);
      if (!(variance >= least * least)) variance = least * least;
      widest = std::max(widest, sigma_ * std::sqrt(variance) - options_.margin * steps_[static_cast<std::size_t>(i)]);
    }
    learn_categories(mu, w);
    generation_.clear();
    ++stale_;
    if ((widest < 1e-3 && stale_ > 4) || stale_ > 12 || !covariance_.allFinite() || !mean_.allFinite()) {
      restart();
    } else {
      decompose();
    }
  }

  void learn_categories(std::size_t mu, const RealVector& w) {
    const auto& parameters = space_->parameters();
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      RealVector& q = categories_[i];
      if (q.size() < 2) continue;
      RealVector target = RealVector::Zero(q.size());
      double weight = 0;
      for (std::size_t k = 0; k < mu; ++k) {
        if (!generation_[k].active[i]) continue;
        target[generation_[k].genome[i].index] += w[static_cast<Eigen::Index>(k)];
        weight += w[static_cast<Eigen::Index>(k)];
      }
      if (!(weight > 0)) continue;
      constexpr double rate = 0.25;
      q += rate * weight * (target / weight - q);
      q = q.cwiseMax(0.1 / static_cast<double>(q.size()));
      q /= q.sum();
    }
  }

  void restart() {
    ++restarts_;
    if (restarts_ % 2 == 0) lambda_ = std::min<std::size_t>(2 * lambda_, 8 * static_cast<std::size_t>(options_.population));
    if (restarts_ % 2 == 1) {
      begin(best_->genome, 0.6 * options_.sigma);
    } else {
      const SobolSequence sequence(code_size(*space_), derive(seed_, "restart"));
      begin(genome_from_uniform(*space_, sequence.point(restarts_)), options_.sigma);
    }
  }

  std::shared_ptr<const arch::Space> space_;
  CmaesOptions options_;
  std::uint64_t seed_;
  SobolDesign initial_;
  ViolationSum violation_;
  std::vector<Eigen::Index> first_;      ///< by parameter: its first coordinate
  std::vector<double> steps_;            ///< by coordinate: distance between values; 0 for reals
  std::vector<RealVector> categories_;   ///< by parameter: probabilities; empty unless categorical
  std::size_t lambda_ = 0, initial_points_ = 0;
  bool diagonal_ = false;
  bool started_ = false;
  RealVector mean_, path_c_, path_s_, scale_;
  RealMatrix covariance_;  ///< [d, d], or [d, 1] where diagonal
  RealMatrix basis_;
  double sigma_ = 0;
  std::vector<Row> generation_;
  std::optional<Row> best_;
  std::size_t told_ = 0, updates_ = 0, stale_ = 0, restarts_ = 0;
};

}  // namespace

AgentInfo cmaes_info() {
  return agent_info<Cmaes, CmaesOptions>("cmaes", "CMA-ES with margin on ordered parameters, learnt categories (Hansen 2016; Hamano et al. 2022)", 1);
}

}  // namespace gnomon::search
