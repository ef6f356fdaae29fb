#include <algorithm>
#include <cmath>

#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/population.hpp"

namespace gnomon::search {
namespace {

struct AcoOptions {
  std::int64_t archive = 24;
  double greed = 0.12;
  double width = 0.75;
  double evaporation = 0.05;
};

void describe(FieldVisitor& v, AcoOptions& o) {
  field(v, {"archive", "solutions that guide the ants; also the number of Sobol points that start the search", "points"}, o.archive,
        Range{4, 10000});
  field(v, {"greed", "how quickly a solution's weight falls with its place in the archive: smaller follows the best more"}, o.greed,
        RealRange{0, 100, true});
  field(v, {"width", "step around the guide, in mean distances to the other solutions"}, o.width, RealRange{0, 100, true});
  field(v, {"evaporation", "share of a category's probability that is spread evenly, so that none dies out"}, o.evaporation,
        RealRange{0, 1});
}

/// Ant colony optimisation for mixed variables, ACO_MV (Liao, Socha, Montes de Oca, Stuetzle and Dorigo, IEEE TEC 18(4), 2014).
/// An archive of solutions is kept in order, by constrained non-dominated rank and crowding; solution l of k has the weight
/// exp(-(l / (greed k))^2 / 2). For every parameter an ant chooses its own guide by weight. Ordered parameters: a normal step
/// around the guide's value, as wide as the guide's mean distance to the archive (at least half a value). Categories: the
/// archive's weights are the pheromone. Permutations: items one after the other, by the weight of the solutions that have the
/// item after the previous one (at the same place, for the first).
class Aco final : public Agent {
 public:
  Aco(const AgentSetup& setup, const AcoOptions& options)
      : space_(setup.space),
        options_(options),
        seed_(derive(setup.seed, "aco")),
        initial_(setup.space, derive(setup.seed, "aco/initial")),
        violation_(setup.constraints) {
    const double k = static_cast<double>(options_.archive);
    for (std::int64_t l = 0; l < options_.archive; ++l) {
      const double x = static_cast<double>(l) / (options_.greed * k);
      weights_.push_back(std::exp(-0.5 * x * x) + 1e-12);
    }
  }

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<arch::Point> out;
    const std::size_t started = told_ + request.pending.size();
    const auto wanted = static_cast<std::size_t>(options_.archive);
    if (started < wanted || archive_.empty()) {
      const std::size_t count = archive_.empty() ? request.count : std::min(request.count, wanted - started);
      out = initial_.next(count, request);
      if (archive_.empty()) return out;
    }
    const std::span<const double> weights(weights_.data(), archive_.size());
    while (out.size() < request.count) {
      AskRequest one = request;
      one.number = request.number + out.size();
      Random random(one.seed(seed_));
      std::optional<arch::Point> found;
      Genome ant;
      constexpr int tries = 20;
      for (int t = 0; t < tries && !found; ++t) {
        ant = walk(weights, random);
        arch::Point point = to_point(*space_, ant);
        if (std::find(out.begin(), out.end(), point) == out.end() && request.fresh(point)) found = std::move(point);
      }
      if (!found) found = fresh_variant(*space_, ant, request, out, random);
      if (!found) break;
      out.push_back(std::move(*found));
    }
    return out;
  }

  void tell(const Told& told) override {
    ++told_;
    if (told.failed) return;
    violation_.note(told.violations);
    archive_.push_back({to_genome(*space_, told.point), told.objectives, told.violations, told.number, 0, 0});
    rank_members(archive_, violation_);
    std::stable_sort(archive_.begin(), archive_.end(), better);
    if (archive_.size() > weights_.size()) archive_.pop_back();
  }

 private:
  Genome walk(std::span<const double> weights, Random& random) const {
    const auto& parameters = space_->parameters();
    Genome ant = archive_.front().genome;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      const arch::Parameter& p = parameters[i];
      if (!can_change(p)) continue;
      const Gene& guide = archive_[random.weighted(weights)].genome[i];
      if (p.kind == arch::ParameterKind::categorical) {
        ant[i].index = random.chance(options_.evaporation) ? random.integer(0, static_cast<std::int64_t>(p.size()) - 1) : guide.index;
      } else if (p.discrete()) {
        double away = 0;
        for (const Member& m : archive_) away += std::abs(static_cast<double>(m.genome[i].index - guide.index));
        const double sigma = std::max(0.5, options_.width * away / static_cast<double>(std::max<std::size_t>(archive_.size() - 1, 1)));
        const double x = std::clamp(static_cast<double>(guide.index) + sigma * random.normal(), 0.0, static_cast<double>(p.size() - 1));
        ant[i].index = static_cast<std::int64_t>(std::lround(x));
      } else if (p.kind == arch::ParameterKind::real) {
        double away = 0;
        for (const Member& m : archive_) away += std::abs(m.genome[i].position - guide.position);
        const double sigma = std::max(1e-9, options_.width * away / static_cast<double>(std::max<std::size_t>(archive_.size() - 1, 1)));
        ant[i].position = std::clamp(guide.position + sigma * random.normal(), 0.0, 1.0);
      } else {
        ant[i].order = tour(i, p.size(), weights, random);
      }
    }
    return ant;
  }

  std::vector<std::int64_t> tour(std::size_t parameter, std::size_t items, std::span<const double> weights, Random& random) const {
    std::vector<std::int64_t> out;
    std::vector<bool> gone(items, false);
    const double even = options_.evaporation / static_cast<double>(items);
    while (out.size() < items) {
      std::vector<double> pheromone(items, 0.0);
      for (std::size_t l = 0; l < archive_.size(); ++l) {
        const auto& order = archive_[l].genome[parameter].order;
        if (out.empty()) {
          pheromone[static_cast<std::size_t>(order.front())] += weights[l];
        } else {
          const auto at = std::find(order.begin(), order.end(), out.back());
          if (at + 1 != order.end()) pheromone[static_cast<std::size_t>(*(at + 1))] += weights[l];
        }
      }
      double total = 0;
      for (const double x : pheromone) total += x;
      for (std::size_t k = 0; k < items; ++k) pheromone[k] = gone[k] ? 0.0 : (total > 0 ? pheromone[k] / total : 0.0) + even + 1e-9;
      const std::size_t next = random.weighted(pheromone);
      gone[next] = true;
      out.push_back(static_cast<std::int64_t>(next));
    }
    return out;
  }

  std::shared_ptr<const arch::Space> space_;
  AcoOptions options_;
  std::uint64_t seed_;
  SobolDesign initial_;
  ViolationSum violation_;
  std::vector<double> weights_;
  std::vector<Member> archive_;  ///< best first
  std::size_t told_ = 0;
};

}  // namespace

AgentInfo aco_info() {
  return agent_info<Aco, AcoOptions>("aco", "ant colony for mixed variables, ACO_MV (Liao et al. 2014)", 0);
}

}  // namespace gnomon::search
