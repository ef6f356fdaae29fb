#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <unordered_set>

#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/model_search.hpp"
#include "agents/sobol.hpp"

namespace gnomon::search {
namespace {

struct BayesOptions {
  std::int64_t initial = 0;
  std::int64_t max_points = 240;
  std::int64_t fit_points = 100;
  std::int64_t pool = 300;
  std::string acquisition = "ehvi";
};

void describe(FieldVisitor& v, BayesOptions& o) {
  field(v, {"initial", "Sobol points before the first model; 0: twice the parameters, between 8 and 24", "points"}, o.initial,
        Range{0, 100000});
  field(v, {"max_points", "results that a model predicts from; of more, the best, the latest and some others are taken", "points"},
        o.max_points, Range{20, 2000});
  field(v, {"fit_points", "of them, those that kernels are fitted to", "points"}, o.fit_points, Range{20, 1000});
  field(v, {"pool", "candidates that the acquisition is computed for, before the local search", "points"}, o.pool,
        Range{50, 100000});
  field(v, {"acquisition", "for two or three objectives; with more it is always parego"}, o.acquisition, Choice{{"ehvi", "parego"}});
}

/// Constrained Bayesian optimisation. One Gaussian process (Matern 5/2 on ordered parameters, Hamming on categories) for each
/// objective, for each constraint value, and for failing where trials have failed; acquisition and its search: see Acquisition
/// and ModelSearch. An objective is learnt from all results or from feasible ones alone, whichever predicts feasible results
/// better when each is left out.
///
/// Kernels are fitted when the number of told results passes a mark (marks lie a tenth apart), to what was told up to that mark;
/// in between, results are appended to the factored covariance. Every third fit starts afresh, the two after it from the one
/// before, so that what is proposed follows from the told results alone and a restored study needs three fits at most. Of many
/// results a selection is used: half of it the best, a quarter the latest, the rest by lot. Results of lower fidelities are
/// learnt from like the others.
class Bayes final : public Agent {
 public:
  Bayes(const AgentSetup& setup, const BayesOptions& options)
      : space_(setup.space),
        options_(options),
        objectives_(setup.objectives),
        constraints_(setup.constraints),
        seed_(derive(setup.seed, "bayes")),
        initial_(setup.space, derive(setup.seed, "bayes/initial")),
        features_(setup.space),
        progression_(setup.space->parameters().size()) {
    if (options_.initial == 0) {
      options_.initial = std::clamp<std::int64_t>(2 * static_cast<std::int64_t>(space_->parameters().size()), 8, 24);
    }
  }

  void tell(const Told& told) override {
    rows_.push_back({told, features_.of(told.point)});
    progression_.tell(told);
    if (!told.failed) ++sound_rows_;
  }

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<arch::Point> out;
    const auto wanted = static_cast<std::size_t>(options_.initial);
    const std::size_t started = rows_.size() + request.pending.size();
    if (started < wanted || sound_rows_ < fewest_rows) {
      const std::size_t count = sound_rows_ < fewest_rows ? request.count : std::min(request.count, wanted - started);
      out = initial_.next(count, request);
      if (out.size() >= request.count || sound_rows_ < fewest_rows) return out;
    }
    if (!bring_up_to_date()) return out;
    GpModels models = *state_.models;
    std::vector<const Row*> all;
    for (const Row& row : rows_) all.push_back(&row);
    Random random(request.seed(seed_));
    Acquisition acquisition(all, *state_.targets, options_.acquisition == "parego", seed_);
    ModelSearchOptions search_options;
    search_options.pool = static_cast<std::size_t>(options_.pool);
    search_options.wander = progression_.wander();
    ModelSearch search(space_, features_, request, models, acquisition, by_merit(all, *state_.targets, random), search_options, random.split(1));
    return search.fill(std::move(out), objectives_, seed_);
  }

 private:
  static constexpr std::size_t fewest_rows = 4;

  /// Kernels as fitted at a mark.
  struct Fit {
    std::vector<GpHyperparameters> hyper;   ///< by output
    std::vector<bool> feasible_only;        ///< by objective
  };
  struct State {
    std::size_t mark = 0;
    std::unique_ptr<Targets> targets;
    Fit fit;
    std::unique_ptr<GpModels> models;
    std::size_t appended = 0;  ///< told results that the models know of or have left out
  };

  static std::size_t after(std::size_t mark) { return mark + std::max<std::size_t>(4, mark / 10); }

  std::vector<const Row*> first_rows(std::size_t count) const {
    std::vector<const Row*> out;
    for (std::size_t i = 0; i < count; ++i) out.push_back(&rows_[i]);
    return out;
  }

  /// At most `most` of the rows, in the order told: half the best, a quarter the latest, the rest by a fixed lot.
  std::vector<const Row*> chosen(const std::vector<const Row*>& rows, const Targets& targets, std::size_t most) const {
    if (rows.size() <= most) return rows;
    Random random(derive(seed_, "merit"));
    std::unordered_set<const Row*> keep;
    for (const Row* row : by_merit(rows, targets, random)) {
      if (keep.size() >= most / 2) break;
      keep.insert(row);
    }
    for (std::size_t i = rows.size(); i-- > 0 && keep.size() < most * 3 / 4;) keep.insert(rows[i]);
    std::vector<std::pair<std::uint64_t, const Row*>> lots;
    for (const Row* row : rows) lots.emplace_back(derive(seed_, row->told.number), row);
    std::sort(lots.begin(), lots.end());
    for (const auto& [lot, row] : lots) {
      if (keep.size() >= most) break;
      keep.insert(row);
    }
    std::vector<const Row*> out;
    for (const Row* row : rows) {
      if (keep.contains(row)) out.push_back(row);
    }
    return out;
  }

  struct Data {
    RealMatrix x;
    RealVector y;
    std::vector<bool> feasible;
  };
  Data data_of(const std::vector<const Row*>& rows, const Targets& targets, std::size_t output, bool feasible_only) const {
    std::vector<std::pair<const Row*, double>> used;
    for (const Row* row : rows) {
      const auto value = targets.value(output, row->told);
      if (value && (!feasible_only || row->told.feasible())) used.emplace_back(row, *value);
    }
    Data out{RealMatrix(static_cast<Eigen::Index>(used.size()), features_.columns()), RealVector(static_cast<Eigen::Index>(used.size())), {}};
    for (std::size_t i = 0; i < used.size(); ++i) {
      out.x.row(static_cast<Eigen::Index>(i)) = used[i].first->x.transpose();
      out.y[static_cast<Eigen::Index>(i)] = used[i].second;
      out.feasible.push_back(used[i].first->told.feasible());
    }
    return out;
  }

  std::optional<GpHyperparameters> hyper_of(const Data& data, const GpHyperparameters* start, std::size_t output) const {
    GpOptions options;
    options.categorical = features_.categorical();
    options.restarts = 0;
    options.max_iterations = start ? 8 : 20;
    options.max_fit_rows = 0;
    options.least_noise = 1e-3;
    options.seed = derive(seed_, output);
    if (start) options.start = *start;
    auto gp = GaussianProcess::fit(data.x, data.y, options);
    if (!gp) return {};
    return gp->hyperparameters();
  }

  /// Fits at mark number `index`; every third without a start.
  std::optional<Fit> fit_at(std::size_t index, const std::vector<std::size_t>& marks, std::unique_ptr<Targets>& targets) const {
    std::optional<Fit> before;
    if (index % 3 != 0) {
      std::unique_ptr<Targets> other;
      if (state_.targets && state_.mark == marks[index - 1])
        before = state_.fit;
      else
        before = fit_at(index - 1, marks, other);
    }
    const auto rows = first_rows(marks[index]);
    targets = std::make_unique<Targets>(rows, objectives_, constraints_);
    const auto used = chosen(rows, *targets, static_cast<std::size_t>(options_.fit_points));
    const bool warm = before && before->hyper.size() == targets->outputs();
    Fit out;
    for (std::size_t k = 0; k < targets->outputs(); ++k) {
      const GpHyperparameters* start = warm ? &before->hyper[k] : nullptr;
      if (k >= objectives_) {
        auto hyper = hyper_of(data_of(used, *targets, k, false), start, k);
        if (!hyper) return {};
        out.hyper.push_back(std::move(*hyper));
        continue;
      }
      const Data all = data_of(used, *targets, k, false), feasible = data_of(used, *targets, k, true);
      constexpr Eigen::Index enough = 10;
      const bool choice = feasible.y.size() >= enough && feasible.y.size() < all.y.size();
      if (warm && (choice || !before->feasible_only[k])) {
        auto hyper = hyper_of(before->feasible_only[k] ? feasible : all, start, k);
        if (!hyper) return {};
        out.hyper.push_back(std::move(*hyper));
        out.feasible_only.push_back(before->feasible_only[k]);
        continue;
      }
      auto hyper = hyper_of(all, nullptr, k);
      if (!hyper) return {};
      bool only = false;
      if (choice) {
        const auto other = hyper_of(feasible, nullptr, k);
        if (other && GpModels::left_out_density(feasible.x, feasible.y, feasible.feasible, *other, features_.categorical()) >
                         GpModels::left_out_density(all.x, all.y, all.feasible, *hyper, features_.categorical())) {
          hyper = other;
          only = true;
        }
      }
      out.hyper.push_back(std::move(*hyper));
      out.feasible_only.push_back(only);
    }
    return out;
  }

  std::vector<std::optional<double>> values_of(const Row& row) const {
    std::vector<std::optional<double>> out;
    for (std::size_t k = 0; k < state_.targets->outputs(); ++k) {
      out.push_back(state_.targets->value(k, row.told));
      if (k < objectives_ && state_.fit.feasible_only[k] && !row.told.feasible()) out.back().reset();
    }
    return out;
  }

  bool bring_up_to_date() const {
    // The first mark with enough rows that say something, so that it does not depend on when somebody asked.
    std::size_t first = 0, sound = 0;
    while (first < rows_.size() && sound < fewest_rows) sound += rows_[first++].told.failed ? 0 : 1;
    std::vector<std::size_t> marks{first};
    while (after(marks.back()) <= rows_.size()) marks.push_back(after(marks.back()));
    if (!state_.models || state_.mark != marks.back()) {
      State next;
      next.mark = marks.back();
      auto fit = fit_at(marks.size() - 1, marks, next.targets);
      if (!fit) return false;
      next.fit = std::move(*fit);
      next.models = std::make_unique<GpModels>(features_.categorical());
      const auto used = chosen(first_rows(next.mark), *next.targets, static_cast<std::size_t>(options_.max_points));
      for (std::size_t k = 0; k < next.targets->outputs(); ++k) {
        const Data data = data_of(used, *next.targets, k, k < objectives_ && next.fit.feasible_only[k]);
        if (!next.models->add(data.x, data.y, next.fit.hyper[k])) return false;
      }
      next.appended = next.mark;
      state_ = std::move(next);
    }
    for (; state_.appended < rows_.size(); ++state_.appended) {
      const Row& row = rows_[state_.appended];
      state_.models->append(row.x, values_of(row));
    }
    return true;
  }

  std::shared_ptr<const arch::Space> space_;
  BayesOptions options_;
  std::size_t objectives_, constraints_;
  std::uint64_t seed_;
  SobolDesign initial_;
  Features features_;
  std::vector<Row> rows_;
  Progression progression_;
  std::size_t sound_rows_ = 0;
  mutable State state_;  ///< a function of rows_, kept between asks
};

}  // namespace

AgentInfo bayes_info() {
  return agent_info<Bayes, BayesOptions>("bayes", "Gaussian processes: log-EI or expected hypervolume improvement x feasibility", 0);
}

}  // namespace gnomon::search
