#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_set>

#include "agents/builtin.hpp"
#include "agents/genome.hpp"
#include "agents/info.hpp"
#include "agents/scalarise.hpp"
#include "agents/sobol.hpp"
#include "gnomon/base/gp.hpp"
#include "gnomon/search/pareto.hpp"

namespace gnomon::search {
namespace {

struct BayesOptions {
  std::int64_t initial = 0;
  std::int64_t max_points = 240;
  std::int64_t pool = 360;
};

void describe(FieldVisitor& v, BayesOptions& o) {
  field(v, {"initial", "Sobol points before the first model; 0: twice the parameters, between 8 and 24", "points"}, o.initial,
        Range{0, 100000});
  field(v, {"max_points", "results that a model is fitted to; of more, the best, the latest and some others are taken", "points"},
        o.max_points, Range{20, 2000});
  field(v, {"pool", "candidates that the acquisition is computed for, before the local search", "points"}, o.pool,
        Range{50, 100000});
}

/// Columns of the models' input: ordered parameters by their place in [0, 1], categories by code, permutations by each item's
/// place.
class Features {
 public:
  explicit Features(std::shared_ptr<const arch::Space> space) : space_(std::move(space)) {
    for (const arch::Parameter& p : space_->parameters()) {
      const std::size_t columns = p.kind == arch::ParameterKind::permutation ? p.size() : 1;
      categorical_.insert(categorical_.end(), columns, p.kind == arch::ParameterKind::categorical);
    }
  }
  const std::vector<bool>& categorical() const { return categorical_; }

  RealVector of(const arch::Point& point) const {
    const Genome genome = to_genome(*space_, point);
    RealVector x(static_cast<Eigen::Index>(categorical_.size()));
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
          x(first + genome[i].order[k]) =
              active && p.size() > 1 ? static_cast<double>(k) / static_cast<double>(p.size() - 1) : 0.5;
        }
      }
    }
    return x;
  }
  RealMatrix of(const std::vector<arch::Point>& points) const {
    RealMatrix x(static_cast<Eigen::Index>(points.size()), static_cast<Eigen::Index>(categorical_.size()));
    for (std::size_t i = 0; i < points.size(); ++i) x.row(static_cast<Eigen::Index>(i)) = of(points[i]).transpose();
    return x;
  }

 private:
  std::shared_ptr<const arch::Space> space_;
  std::vector<bool> categorical_;
};

/// Constrained Bayesian optimisation. One Gaussian process (Matern 5/2 on ordered parameters, Hamming on categories) for each
/// objective and for each constraint value. Acquisition, in logs: log EI + sum_c log P(violation_c <= 0) (Gardner et al., ICML
/// 2014; log EI of Ament et al., NeurIPS 2023). Several objectives: each proposal draws weights and improves the augmented
/// Tchebycheff scalarisation (ParEGO, Knowles 2006) of the objectives, normalised between the best values and the front's worst;
/// mean and deviation of the scalarised normal vector are taken over 32 quasi-random draws. While nothing feasible is known, the
/// probability of feasibility alone counts. Candidates: mutants and crossings of the best points and uniform draws, then a search
/// over neighbours that differ in one parameter. Batches and pending trials: each chosen point is believed at its predicted mean
/// (kriging believer, Ginsbourger et al. 2010). The models are fitted anew for every ask from what was told. Results of lower
/// fidelities are learnt from like the others.
class Bayes final : public Agent {
 public:
  Bayes(const AgentSetup& setup, const BayesOptions& options)
      : space_(setup.space),
        options_(options),
        objectives_(setup.objectives),
        constraints_(setup.constraints),
        seed_(derive(setup.seed, "bayes")),
        initial_(setup.space, derive(setup.seed, "bayes/initial")),
        features_(setup.space) {
    if (options_.initial == 0) {
      options_.initial = std::clamp<std::int64_t>(2 * static_cast<std::int64_t>(space_->parameters().size()), 8, 24);
    }
  }

  void tell(const Told& told) override {
    ++told_;
    if (!told.failed) rows_.push_back(told);
  }

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<arch::Point> out;
    const auto wanted = static_cast<std::size_t>(options_.initial);
    const std::size_t started = told_ + request.pending.size();
    constexpr std::size_t fewest_rows = 4;
    if (started < wanted || rows_.size() < fewest_rows) {
      const std::size_t count = rows_.size() < fewest_rows ? request.count : std::min(request.count, wanted - started);
      out = initial_.next(count, request);
      if (out.size() >= request.count || rows_.size() < fewest_rows) return out;
    }
    Search search(*this, request);
    if (!search.sound()) return out;
    search.believe(request.pending);
    search.believe(out);
    while (out.size() < request.count) {
      auto point = search.next(out, request.number + out.size());
      if (!point) break;
      out.push_back(std::move(*point));
    }
    return out;
  }

 private:
  struct Scored {
    arch::Point point;
    double score = 0;
  };

  /// One ask: the models, and what is chosen from them one after the other.
  class Search {
   public:
    Search(const Bayes& agent, const AskRequest& request) : a_(agent), request_(request), random_(request.seed(agent.seed_)) {
      choose_rows();
      fit();
      if (!sound()) return;
      normalise();
      make_pool();
    }

    bool sound() const { return sound_; }

    void believe(std::span<const arch::Point> points) {
      for (const arch::Point& point : points) {
        const RealVector x = a_.features_.of(point);
        const RealMatrix row = x.transpose();
        for (GaussianProcess& gp : models_) gp = gp.condition_on(x, gp.predict(row).mean(0));
      }
    }

    std::optional<arch::Point> next(const std::vector<arch::Point>& taken, std::uint64_t trial) {
      Random random(derive(derive(a_.seed_, "weights"), trial));
      weights_ = random_weights(a_.objectives_, random);
      set_incumbent();
      // All candidates by the models as they were, the most promising again with what is believed since.
      std::vector<std::size_t> order(pool_.size());
      std::iota(order.begin(), order.end(), 0);
      std::vector<double> first(pool_.size());
      for (std::size_t i = 0; i < pool_.size(); ++i) first[i] = score(pool_predictions_, static_cast<Eigen::Index>(i));
      constexpr std::size_t looked_at_again = 40;
      const std::size_t kept = std::min(order.size(), looked_at_again);
      std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                        [&](std::size_t x, std::size_t y) { return first[x] != first[y] ? first[x] > first[y] : x < y; });
      std::vector<arch::Point> candidates;
      for (std::size_t i = 0; i < kept; ++i) {
        if (std::find(taken.begin(), taken.end(), pool_[order[i]]) == taken.end()) candidates.push_back(pool_[order[i]]);
      }
      std::vector<Scored> scored = score_all(candidates);
      if (scored.empty()) return {};
      Scored best = scored.front();
      constexpr int most_steps = 4;
      for (int step = 0; step < most_steps; ++step) {
        auto near = fresh_neighbours(*a_.space_, best.point, [&](const arch::Point& p) {
          return std::find(taken.begin(), taken.end(), p) == taken.end() && request_.fresh(p);
        });
        random.shuffle(near);
        constexpr std::size_t most_neighbours = 40;
        if (near.size() > most_neighbours) near.resize(most_neighbours);
        const std::vector<Scored> around = score_all(near);
        if (around.empty() || !(around.front().score > best.score)) break;
        best = around.front();
      }
      believe(std::span<const arch::Point>(&best.point, 1));
      return best.point;
    }

   private:
    using Predictions = std::vector<GaussianProcess::Prediction>;  // objectives, then constraints

    const Bayes& a_;
    const AskRequest& request_;
    Random random_;
    std::vector<const Told*> rows_;
    std::vector<GaussianProcess> models_;
    bool sound_ = false;
    std::vector<ObjectiveScale> scales_;
    std::vector<std::vector<double>> scaled_;  // objectives of rows_ on their scales
    bool any_feasible_ = false;
    std::vector<double> ideal_, span_;
    std::vector<double> weights_;
    double incumbent_ = 0;
    std::vector<arch::Point> pool_;
    Predictions pool_predictions_;

    void choose_rows() {
      for (const Told& t : a_.rows_) rows_.push_back(&t);
      const auto most = static_cast<std::size_t>(a_.options_.max_points);
      if (rows_.size() <= most) return;
      std::vector<const Told*> sorted = rows_;
      const std::vector<std::size_t> best_first = order_by_merit();
      std::unordered_set<const Told*> keep;
      for (std::size_t i = 0; i < most / 2; ++i) keep.insert(rows_[best_first[i]]);
      for (std::size_t i = rows_.size(); i-- > 0 && keep.size() < most * 3 / 4;) keep.insert(rows_[i]);
      // The rest by a fixed lot, so that the choice changes little from ask to ask.
      std::vector<std::pair<std::uint64_t, const Told*>> lots;
      for (const Told* t : rows_) lots.emplace_back(derive(a_.seed_, t->number), t);
      std::sort(lots.begin(), lots.end());
      for (const auto& [lot, t] : lots) {
        if (keep.size() >= most) break;
        keep.insert(t);
      }
      std::erase_if(rows_, [&](const Told* t) { return !keep.contains(t); });
    }

    /// Feasible rows by non-dominated rank, then the others by violation.
    std::vector<std::size_t> order_by_merit() const {
      std::vector<std::vector<double>> feasible;
      std::vector<std::size_t> who;
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (!rows_[i]->feasible()) continue;
        feasible.push_back(rows_[i]->objectives);
        who.push_back(i);
      }
      // Ranking all of a long history would be quadratic: the latest thousand are ranked.
      constexpr std::size_t most_ranked = 1000;
      if (feasible.size() > most_ranked) {
        feasible.erase(feasible.begin(), feasible.end() - most_ranked);
        who.erase(who.begin(), who.end() - most_ranked);
      }
      const std::vector<int> ranks = nondominated_ranks(feasible);
      std::vector<std::pair<double, std::size_t>> keyed(rows_.size());
      for (std::size_t i = 0; i < rows_.size(); ++i) keyed[i] = {1e6 + std::asinh(rows_[i]->total_violation()), i};
      for (std::size_t i = 0; i < who.size(); ++i) keyed[who[i]].first = ranks[i];
      std::stable_sort(keyed.begin(), keyed.end(), [](const auto& x, const auto& y) { return x.first < y.first; });
      std::vector<std::size_t> out;
      for (const auto& [merit, i] : keyed) out.push_back(i);
      return out;
    }

    void fit() {
      const auto n = static_cast<Eigen::Index>(rows_.size());
      RealMatrix x(n, static_cast<Eigen::Index>(a_.features_.categorical().size()));
      for (Eigen::Index i = 0; i < n; ++i) x.row(i) = a_.features_.of(rows_[static_cast<std::size_t>(i)]->point).transpose();
      GpOptions options;
      options.categorical = a_.features_.categorical();
      options.restarts = 0;
      options.max_iterations = 30;
      options.max_fit_rows = 120;
      options.least_noise = 1e-3;
      scaled_.assign(rows_.size(), std::vector<double>(a_.objectives_));
      for (std::size_t k = 0; k < a_.objectives_ + a_.constraints_; ++k) {
        options.seed = derive(a_.seed_, k);
        RealVector y(n);
        std::vector<double> values;
        const bool objective = k < a_.objectives_;
        for (const Told* t : rows_) values.push_back(objective ? t->objectives[k] : t->violations[k - a_.objectives_]);
        if (objective) {
          scales_.emplace_back(values);
          for (std::size_t i = 0; i < values.size(); ++i)
            y(static_cast<Eigen::Index>(i)) = scaled_[i][k] = scales_.back()(values[i]);
        } else {
          const ViolationScale scale(values);
          for (std::size_t i = 0; i < values.size(); ++i) y(static_cast<Eigen::Index>(i)) = scale(values[i]);
        }
        auto gp = GaussianProcess::fit(x, y, options);
        if (!gp) return;
        models_.push_back(std::move(*gp));
      }
      sound_ = true;
    }

    /// Ideal and span of the scaled objectives over the feasible front; over all rows while nothing is feasible.
    void normalise() {
      std::vector<std::vector<double>> feasible;
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (rows_[i]->feasible()) feasible.push_back(scaled_[i]);
      }
      any_feasible_ = !feasible.empty();
      const auto& base = any_feasible_ ? feasible : scaled_;
      const std::vector<std::size_t> front = nondominated(base);
      ideal_.assign(a_.objectives_, HUGE_VAL);
      std::vector<double> nadir(a_.objectives_, -HUGE_VAL);
      for (const std::size_t i : front) {
        for (std::size_t k = 0; k < a_.objectives_; ++k) {
          ideal_[k] = std::min(ideal_[k], base[i][k]);
          nadir[k] = std::max(nadir[k], base[i][k]);
        }
      }
      span_.resize(a_.objectives_);
      for (std::size_t k = 0; k < a_.objectives_; ++k) span_[k] = std::max(nadir[k] - ideal_[k], 0.2);
    }

    double scalar(const std::vector<double>& scaled) const {
      std::vector<double> z(scaled.size());
      for (std::size_t k = 0; k < z.size(); ++k) z[k] = (scaled[k] - ideal_[k]) / span_[k];
      return tchebycheff(weights_, z);
    }

    void set_incumbent() {
      incumbent_ = HUGE_VAL;
      if (a_.objectives_ == 1) {
        for (std::size_t i = 0; i < rows_.size(); ++i) {
          if (rows_[i]->feasible()) incumbent_ = std::min(incumbent_, scaled_[i][0]);
        }
        return;
      }
      for (std::size_t i = 0; i < rows_.size(); ++i) {
        if (rows_[i]->feasible()) incumbent_ = std::min(incumbent_, scalar(scaled_[i]));
      }
    }

    void make_pool() {
      std::unordered_set<std::string> seen;
      const auto offer = [&](arch::Point point) {
        if (!request_.fresh(point) || !seen.insert(a_.space_->key(point)).second) return;
        pool_.push_back(std::move(point));
      };
      const std::vector<std::size_t> merit = order_by_merit();
      const std::size_t elites = std::min<std::size_t>(merit.size(), 24);
      const double d = static_cast<double>(a_.space_->parameters().size());
      const auto size = static_cast<std::size_t>(a_.options_.pool);
      const auto pick = [&]() -> Genome {
        // Better ones more often.
        const double u = random_.uniform();
        return to_genome(*a_.space_, rows_[merit[static_cast<std::size_t>(u * u * static_cast<double>(elites))]]->point);
      };
      for (std::size_t t = 0; t < 2 * size && pool_.size() < size / 2; ++t) {
        Genome child = pick();
        mutate(*a_.space_, child, std::min(1.0, random_.uniform(0.5, 3.0) / d), random_.uniform(0.02, 0.3), random_);
        offer(to_point(*a_.space_, child));
      }
      for (std::size_t t = 0; t < size && pool_.size() < size * 2 / 3; ++t) {
        Genome child = pick();
        const Genome other = pick();
        for (std::size_t i = 0; i < child.size(); ++i) {
          if (random_.chance(0.5)) child[i] = other[i];
        }
        offer(to_point(*a_.space_, child));
      }
      for (std::size_t t = 0; t < size && pool_.size() < size; ++t) {
        auto point = a_.space_->sample(random_, 500);
        if (!point) break;
        offer(std::move(*point));
      }
      pool_predictions_ = predict(pool_);
    }

    Predictions predict(const std::vector<arch::Point>& points) const {
      Predictions out;
      if (points.empty()) return out;
      const RealMatrix x = a_.features_.of(points);
      for (const GaussianProcess& gp : models_) out.push_back(gp.predict(x));
      return out;
    }

    std::vector<Scored> score_all(const std::vector<arch::Point>& points) const {
      const Predictions predictions = predict(points);
      std::vector<Scored> out;
      for (std::size_t i = 0; i < points.size(); ++i)
        out.push_back({points[i], score(predictions, static_cast<Eigen::Index>(i))});
      std::stable_sort(out.begin(), out.end(), [](const Scored& x, const Scored& y) { return x.score > y.score; });
      return out;
    }

    double score(const Predictions& p, Eigen::Index i) const {
      double total = 0;
      for (std::size_t c = 0; c < a_.constraints_; ++c) {
        const auto& g = p[a_.objectives_ + c];
        total += std::max(-100.0, log_probability_below(g.mean(i), std::sqrt(g.variance(i)), 0));
      }
      if (!any_feasible_) return total;
      if (a_.objectives_ == 1) return total + improvement(p[0].mean(i), std::sqrt(p[0].variance(i)));
      const auto& draws = normal_draws();
      double sum = 0, square = 0;
      std::vector<double> z(a_.objectives_);
      for (const std::vector<double>& draw : draws) {
        for (std::size_t k = 0; k < z.size(); ++k) z[k] = p[k].mean(i) + std::sqrt(p[k].variance(i)) * draw[k];
        const double s = scalar(z);
        sum += s;
        square += s * s;
      }
      const double n = static_cast<double>(draws.size());
      const double mean = sum / n;
      return total + improvement(mean, std::sqrt(std::max(0.0, square / n - mean * mean)));
    }
    double improvement(double mean, double deviation) const {
      return std::max(-1e6, log_expected_improvement(mean, std::max(deviation, 1e-9), incumbent_));
    }

    const std::vector<std::vector<double>>& normal_draws() const { return a_.draws(); }
  };

  const std::vector<std::vector<double>>& draws() const {
    if (!draws_.empty()) return draws_;
    const SobolSequence sequence(objectives_, derive(seed_, "draws"));
    constexpr std::uint64_t count = 32;
    for (std::uint64_t i = 0; i < count; ++i) {
      std::vector<double> z = sequence.point(i);
      for (double& u : z) u = normal_quantile(std::clamp(u, 1e-6, 1 - 1e-6));
      draws_.push_back(std::move(z));
    }
    return draws_;
  }

  std::shared_ptr<const arch::Space> space_;
  BayesOptions options_;
  std::size_t objectives_, constraints_;
  std::uint64_t seed_;
  SobolDesign initial_;
  Features features_;
  std::vector<Told> rows_;
  std::size_t told_ = 0;
  mutable std::vector<std::vector<double>> draws_;
};

}  // namespace

AgentInfo bayes_info() {
  return agent_info<Bayes, BayesOptions>("bayes",
                                         "Gaussian processes, log-EI x feasibility; random weights for several objectives", 0);
}

}  // namespace gnomon::search
