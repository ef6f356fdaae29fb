#include <algorithm>
#include <cmath>

#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/model_search.hpp"
#include "agents/sobol.hpp"
#include "agents/trees.hpp"

namespace gnomon::search {
namespace {

struct ForestOptions {
  std::int64_t initial = 0;
  std::int64_t trees = 30;
  std::int64_t leaf = 2;
  std::int64_t max_points = 3000;
  std::int64_t pool = 400;
  double interleaved = 0.4;
  double uniform = 0.4;
  std::string acquisition = "ehvi";
};

void describe(FieldVisitor& v, ForestOptions& o) {
  field(v, {"initial", "Sobol points before the first model; 0: twice the parameters, between 8 and 24", "points"}, o.initial,
        Range{0, 100000});
  field(v, {"trees", "trees per objective and constraint"}, o.trees, Range{2, 10000});
  field(v, {"leaf", "results in a leaf, at least", "points"}, o.leaf, Range{1, 1000});
  field(v, {"max_points", "results that trees are grown from; of more, half the best and half the latest", "points"}, o.max_points,
        Range{20, 1000000});
  field(v, {"pool", "candidates that the acquisition is computed for, before the local search", "points"}, o.pool,
        Range{50, 100000});
  field(v, {"interleaved", "share of the proposals that are any candidate: a variant of the best designs, or a uniform draw"}, o.interleaved, RealRange{0, 1});
  field(v, {"uniform", "share of the proposals that are uniform draws, before those, times the share of recent results whose outcome had been seen before"}, o.uniform, RealRange{0, 1});
  field(v, {"acquisition", "for two or three objectives; with more it is always parego"}, o.acquisition, Choice{{"ehvi", "parego"}});
}

/// Sequential model-based search with trees (SMAC: Hutter, Hoos and Leyton-Brown, LION 2011): extremely randomised trees for each
/// objective and constraint, grown anew from what was told when it has become a fiftieth more; acquisition and its search as of
/// `bayes`. For long runs and many parameters: an ask costs little more with 3,000 results than with 300. As in SMAC, other
/// proposals stand between the model's: trees say nothing of what lies beyond the results, and are led into corners.
class Forest final : public Agent {
 public:
  Forest(const AgentSetup& setup, const ForestOptions& options)
      : space_(setup.space),
        options_(options),
        objectives_(setup.objectives),
        constraints_(setup.constraints),
        seed_(derive(setup.seed, "forest")),
        initial_(setup.space, derive(setup.seed, "forest/initial")),
        features_(setup.space),
        progression_(setup.space->parameters().size()) {
    if (options_.initial == 0)
      options_.initial = std::clamp<std::int64_t>(2 * static_cast<std::int64_t>(space_->parameters().size()), 8, 24);
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
    constexpr std::size_t fewest_rows = 4;
    if (started < wanted || sound_rows_ < fewest_rows) {
      const std::size_t count = sound_rows_ < fewest_rows ? request.count : std::min(request.count, wanted - started);
      out = initial_.next(count, request);
      if (out.size() >= request.count || sound_rows_ < fewest_rows) return out;
    }
    std::size_t mark = 1;
    while (mark + std::max<std::size_t>(1, mark / 50) <= rows_.size()) mark += std::max<std::size_t>(1, mark / 50);
    grow(mark);
    std::vector<const Row*> all;
    for (const Row& row : rows_) all.push_back(&row);
    Random random(request.seed(seed_));
    Acquisition acquisition(all, *targets_, options_.acquisition == "parego", seed_);
    ModelSearchOptions search_options;
    search_options.pool = static_cast<std::size_t>(options_.pool);
    search_options.wander = std::max(options_.interleaved, progression_.wander());
    search_options.uniform = options_.uniform * progression_.known();
    search_options.looked_at = search_options.pool;
    ModelSearch search(space_, features_, request, *models_, acquisition, by_merit(all, *targets_, random), search_options, random.split(1));
    return search.fill(std::move(out), objectives_, seed_);
  }

 private:
  void grow(std::size_t mark) const {
    if (models_ && mark_ == mark) return;
    mark_ = mark;
    std::vector<const Row*> rows;
    for (std::size_t i = 0; i < mark; ++i) rows.push_back(&rows_[i]);
    targets_ = std::make_unique<Targets>(rows, objectives_, constraints_);
    const auto most = static_cast<std::size_t>(options_.max_points);
    if (rows.size() > most) {
      Random random(derive(seed_, "merit"));
      std::vector<const Row*> kept = by_merit(rows, *targets_, random);
      kept.resize(std::min(kept.size(), most / 2));
      kept.insert(kept.end(), rows.end() - static_cast<std::ptrdiff_t>(most - kept.size()), rows.end());
      std::sort(kept.begin(), kept.end());
      kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
      rows = std::move(kept);
    }
    models_ = std::make_unique<TreeModels>(features_.categorical());
    TreesOptions options;
    options.trees = static_cast<std::size_t>(options_.trees);
    options.leaf = static_cast<std::size_t>(options_.leaf);
    for (std::size_t k = 0; k < targets_->outputs(); ++k) {
      std::vector<std::pair<const Row*, double>> used;
      for (const Row* row : rows) {
        if (const auto value = targets_->value(k, row->told)) used.emplace_back(row, *value);
      }
      RealMatrix x(static_cast<Eigen::Index>(used.size()), features_.columns());
      RealVector y(static_cast<Eigen::Index>(used.size()));
      for (std::size_t i = 0; i < used.size(); ++i) {
        x.row(static_cast<Eigen::Index>(i)) = used[i].first->x.transpose();
        y[static_cast<Eigen::Index>(i)] = used[i].second;
      }
      models_->add(x, y, options, Random(derive(derive(seed_, k), mark)));
    }
  }

  std::shared_ptr<const arch::Space> space_;
  ForestOptions options_;
  std::size_t objectives_, constraints_;
  std::uint64_t seed_;
  SobolDesign initial_;
  Features features_;
  std::vector<Row> rows_;
  Progression progression_;
  std::size_t sound_rows_ = 0;
  mutable std::size_t mark_ = 0;  ///< with the two below a function of rows_, kept between asks
  mutable std::unique_ptr<Targets> targets_;
  mutable std::unique_ptr<TreeModels> models_;
};

}  // namespace

AgentInfo forest_info() {
  return agent_info<Forest, ForestOptions>("forest", "randomised trees with the acquisition of bayes, for long runs (SMAC: Hutter et al. 2011)", 0);
}

}  // namespace gnomon::search
