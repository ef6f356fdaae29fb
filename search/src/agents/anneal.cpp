#include <algorithm>
#include <cmath>

#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/population.hpp"

namespace gnomon::search {
namespace {

struct AnnealOptions {
  std::int64_t initial = 16;
  std::int64_t cycle = 300;
  double hot = 0.15;
  double cold = 0.002;
  double mutations = 1.3;
  double spread = 0.15;
};

void describe(FieldVisitor& v, AnnealOptions& o) {
  field(v, {"initial", "Sobol points before the walk starts from the best of them", "points"}, o.initial, Range{1, 100000});
  field(v, {"cycle", "told results from hot to cold; then the walk starts again from the best, half as hot", "trials"}, o.cycle,
        Range{2, 1000000});
  field(v, {"hot", "first temperature, as a share of the results seen"}, o.hot, RealRange{0, 1, true});
  field(v, {"cold", "last temperature"}, o.cold, RealRange{0, 1, true});
  field(v, {"mutations", "genes changed in a step, on average"}, o.mutations, RealRange{0, 1000});
  field(v, {"spread", "size of a step, as a fraction of the parameter's range, when hot; a third of it when cold"}, o.spread,
        RealRange{0, 1, true});
}

/// Simulated annealing (Kirkpatrick, Gelatt and Vecchi, Science 220, 1983) for one objective. The energy of a result is the share
/// of all results seen that are better (feasible before infeasible, then by objective or violation), so no scale has to be known.
/// A told result is accepted with probability min(1, exp((energy now - energy of the result) / temperature)); the temperature
/// falls geometrically. Several trials in flight are steps from the same place, judged in the order in which they are told.
class Anneal final : public Agent {
 public:
  Anneal(const AgentSetup& setup, const AnnealOptions& options)
      : space_(setup.space),
        options_(options),
        seed_(derive(setup.seed, "anneal")),
        initial_(setup.space, derive(setup.seed, "anneal/initial")),
        violation_(setup.constraints) {
    options_.cold = std::min(options_.cold, options_.hot);
  }

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<arch::Point> out;
    const std::size_t started = told_ + request.pending.size();
    const auto wanted = static_cast<std::size_t>(options_.initial);
    if (started < wanted || seen_.empty()) {
      const std::size_t count = seen_.empty() ? request.count : std::min(request.count, wanted - started);
      out = initial_.next(count, request);
      if (seen_.empty()) return out;
    }
    const double warmth = std::log(temperature() / options_.cold) / std::log(std::max(options_.hot / options_.cold, 1.0 + 1e-9));
    const double spread = options_.spread * (1.0 + 2.0 * std::clamp(warmth, 0.0, 1.0)) / 3.0;
    const double rate =
        std::min(1.0, options_.mutations / static_cast<double>(std::max<std::size_t>(space_->parameters().size(), 1)));
    while (out.size() < request.count) {
      AskRequest one = request;
      one.number = request.number + out.size();
      Random random(one.seed(seed_));
      std::optional<arch::Point> found;
      constexpr int tries = 8;
      for (int t = 0; t < tries && !found; ++t) {
        Genome step = now_;
        mutate(*space_, step, rate, spread, random);
        arch::Point point = to_point(*space_, step);
        if (std::find(out.begin(), out.end(), point) == out.end() && request.fresh(point)) found = std::move(point);
      }
      if (!found) found = fresh_variant(*space_, now_, request, out, random);
      if (!found) break;
      out.push_back(std::move(*found));
    }
    return out;
  }

  void tell(const Told& told) override {
    ++told_;
    if (told.failed) return;
    violation_.note(told.violations);
    const double violation = violation_(told.violations);
    const Key key{violation, violation > 0 ? 0.0 : told.objectives.front()};
    const bool first = seen_.empty();
    const bool best = first || key < seen_.front();
    seen_.insert(std::upper_bound(seen_.begin(), seen_.end(), key), key);
    const Genome genome = to_genome(*space_, told.point);
    if (best) best_ = genome;
    const bool begun = told_ > static_cast<std::size_t>(options_.initial);
    bool accepted = best || first;
    if (begun && !accepted) {
      const double rise = energy(key) - energy(now_key_);
      accepted = rise <= 0 || Random(derive(derive(seed_, "accept"), told.number)).chance(std::exp(-rise / temperature()));
    }
    if (accepted) {
      now_ = genome;
      now_key_ = key;
    }
    if (begun && (told_ - static_cast<std::size_t>(options_.initial)) % static_cast<std::size_t>(options_.cycle) == 0) {
      now_ = best_;
      now_key_ = seen_.front();
    }
  }

 private:
  using Key = std::pair<double, double>;  ///< violation, objective

  double energy(const Key& key) const {
    return static_cast<double>(std::lower_bound(seen_.begin(), seen_.end(), key) - seen_.begin()) / static_cast<double>(seen_.size());
  }

  double temperature() const {
    const std::size_t walked = told_ > static_cast<std::size_t>(options_.initial) ? told_ - static_cast<std::size_t>(options_.initial) : 0;
    const std::size_t cycle = walked / static_cast<std::size_t>(options_.cycle);
    const double along = static_cast<double>(walked % static_cast<std::size_t>(options_.cycle)) / static_cast<double>(options_.cycle);
    const double start = std::max(options_.cold, options_.hot * std::pow(0.5, std::min<double>(static_cast<double>(cycle), 60)));
    return start * std::pow(options_.cold / start, along);
  }

  std::shared_ptr<const arch::Space> space_;
  AnnealOptions options_;
  std::uint64_t seed_;
  SobolDesign initial_;
  ViolationSum violation_;
  std::vector<Key> seen_;  ///< sorted
  Genome now_, best_;
  Key now_key_;
  std::size_t told_ = 0;
};

}  // namespace

AgentInfo anneal_info() {
  return agent_info<Anneal, AnnealOptions>("anneal", "simulated annealing on ranks (Kirkpatrick et al. 1983)", 1);
}

}  // namespace gnomon::search
