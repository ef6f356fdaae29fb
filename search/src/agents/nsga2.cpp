#include <algorithm>
#include <cmath>
#include <numeric>

#include "agents/builtin.hpp"
#include "agents/genome.hpp"
#include "agents/info.hpp"
#include "agents/sobol.hpp"
#include "gnomon/search/pareto.hpp"

namespace gnomon::search {
namespace {

struct Nsga2Options {
  std::int64_t population = 24;
  double crossover = 0.9;
  double crossover_eta = 10;
  double mutations = 1.3;
  double spread = 0.12;
};

void describe(FieldVisitor& v, Nsga2Options& o) {
  field(v, {"population", "survivors kept; also the number of Sobol points that start the search", "points"}, o.population,
        Range{4, 10000});
  field(v, {"crossover", "probability that a child has two parents"}, o.crossover, RealRange{0, 1});
  field(v, {"crossover_eta", "distribution index of SBX: larger keeps children nearer to their parents"}, o.crossover_eta,
        RealRange{0, 1000});
  field(v, {"mutations", "genes mutated in a child, on average"}, o.mutations, RealRange{0, 1000});
  field(v, {"spread", "size of a mutation step, as a fraction of the parameter's range"}, o.spread, RealRange{0, 1, true});
}

/// NSGA-II (Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 6(2), 2002) as a steady-state algorithm: every told result enters the
/// population, which is then cut back to its size by constrained non-dominated rank and crowding distance. Feasible beats
/// infeasible, infeasible ones are compared by the sum of violations, each divided by the mean positive violation seen of its
/// constraint. With one objective this is a genetic algorithm. Children: binary tournament, simulated binary crossover on ordered
/// genes (on the index of integers and ordinals, rounded at random), uniform on categories, order crossover on permutations, then
/// mutation (see mutate_gene). A proposal that is known already is mutated further. Failed trials do not enter.
class Nsga2 final : public Agent {
 public:
  Nsga2(const AgentSetup& setup, const Nsga2Options& options)
      : space_(setup.space),
        options_(options),
        seed_(derive(setup.seed, "nsga2")),
        initial_(setup.space, derive(setup.seed, "nsga2/initial")),
        violation_sum_(setup.constraints, 0.0),
        violation_count_(setup.constraints, 0) {}

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<arch::Point> out;
    const std::size_t started = told_ + request.pending.size();
    const auto wanted = static_cast<std::size_t>(options_.population);
    if (started < wanted) out = initial_.next(std::min(request.count, wanted - started), request);
    if (members_.empty()) {
      if (out.size() < request.count) {
        for (arch::Point& point : initial_.next(request.count - out.size(), request, out)) out.push_back(std::move(point));
      }
      return out;
    }
    while (out.size() < request.count) {
      AskRequest one = request;
      one.number = request.number + out.size();
      Random random(one.seed(seed_));
      auto child = fresh_child(request, out, random);
      if (!child) break;
      out.push_back(std::move(*child));
    }
    return out;
  }

  void tell(const Told& told) override {
    ++told_;
    if (told.failed) return;
    for (std::size_t c = 0; c < violation_sum_.size() && c < told.violations.size(); ++c) {
      if (told.violations[c] > 0) {
        violation_sum_[c] += told.violations[c];
        ++violation_count_[c];
      }
    }
    members_.push_back({to_genome(*space_, told.point), told.objectives, told.violations, 0, 0});
    rank();
    if (members_.size() > static_cast<std::size_t>(options_.population)) {
      members_.erase(
          std::max_element(members_.begin(), members_.end(), [](const Member& a, const Member& b) { return better(a, b); }));
    }
  }

 private:
  struct Member {
    Genome genome;
    std::vector<double> objectives;
    std::vector<double> violations;
    int rank = 0;
    double crowding = 0;
  };

  static bool better(const Member& a, const Member& b) {
    if (a.rank != b.rank) return a.rank < b.rank;
    return a.crowding > b.crowding;
  }

  double violation(const Member& m) const {
    double total = 0;
    for (std::size_t c = 0; c < m.violations.size(); ++c) {
      if (m.violations[c] > 0) total += m.violations[c] * violation_count_[c] / violation_sum_[c];
    }
    return total;
  }

  /// Feasible members by front and crowding within it; the infeasible ones behind, by violation.
  void rank() {
    std::vector<std::size_t> feasible;
    std::vector<std::pair<double, std::size_t>> infeasible;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const double total = violation(members_[i]);
      if (total <= 0)
        feasible.push_back(i);
      else
        infeasible.emplace_back(total, i);
    }
    std::vector<std::vector<double>> objectives;
    for (const std::size_t i : feasible) objectives.push_back(members_[i].objectives);
    const std::vector<int> ranks = nondominated_ranks(objectives);
    int last = -1;
    for (const int r : ranks) last = std::max(last, r);
    for (int level = 0; level <= last; ++level) {
      std::vector<std::vector<double>> front;
      std::vector<std::size_t> who;
      for (std::size_t k = 0; k < feasible.size(); ++k) {
        if (ranks[k] != level) continue;
        front.push_back(objectives[k]);
        who.push_back(feasible[k]);
      }
      const std::vector<double> crowding = crowding_distances(front);
      for (std::size_t k = 0; k < who.size(); ++k) {
        members_[who[k]].rank = level;
        members_[who[k]].crowding = crowding[k];
      }
    }
    std::sort(infeasible.begin(), infeasible.end());
    for (const auto& [total, i] : infeasible) {
      members_[i].rank = ++last;
      members_[i].crowding = 0;
    }
  }

  const Member& tournament(Random& random) const {
    const auto last = static_cast<std::int64_t>(members_.size()) - 1;
    const Member& a = members_[static_cast<std::size_t>(random.integer(0, last))];
    const Member& b = members_[static_cast<std::size_t>(random.integer(0, last))];
    return better(b, a) ? b : a;
  }

  /// One of the two children of simulated binary crossover (Deb and Agrawal, Complex Systems 9, 1995), unbounded.
  double sbx(double a, double b, Random& random) const {
    const double u = random.uniform();
    const double power = 1.0 / (options_.crossover_eta + 1.0);
    const double beta = u <= 0.5 ? std::pow(2 * u, power) : std::pow(1.0 / (2.0 * (1.0 - u)), power);
    return 0.5 * ((1 + beta) * a + (1 - beta) * b);
  }

  void cross(const arch::Parameter& p, Gene& child, const Gene& other, Random& random) const {
    if (p.kind == arch::ParameterKind::categorical) {
      if (random.chance(0.5)) child = other;
    } else if (p.discrete()) {
      if (child.index == other.index) return;
      double a = static_cast<double>(child.index), b = static_cast<double>(other.index);
      if (random.chance(0.5)) std::swap(a, b);
      const double x = sbx(a, b, random);
      const double low = std::floor(x);
      child.index = std::clamp<std::int64_t>(static_cast<std::int64_t>(low) + (random.chance(x - low) ? 1 : 0), 0,
                                             static_cast<std::int64_t>(p.size()) - 1);
    } else if (p.kind == arch::ParameterKind::real) {
      child.position = std::clamp(
          random.chance(0.5) ? sbx(child.position, other.position, random) : sbx(other.position, child.position, random), 0.0,
          1.0);
    } else {
      // Order crossover (Davis, IJCAI 1985): a slice of this parent, the rest in the other's order.
      const auto n = static_cast<std::int64_t>(p.size());
      auto from = static_cast<std::size_t>(random.integer(0, n - 1));
      auto to = static_cast<std::size_t>(random.integer(0, n - 1));
      if (from > to) std::swap(from, to);
      const std::vector<std::int64_t> slice(child.order.begin() + static_cast<std::ptrdiff_t>(from),
                                            child.order.begin() + static_cast<std::ptrdiff_t>(to) + 1);
      std::vector<std::int64_t> next;
      for (const std::int64_t item : other.order) {
        if (next.size() == from) next.insert(next.end(), slice.begin(), slice.end());
        if (std::find(slice.begin(), slice.end(), item) == slice.end()) next.push_back(item);
      }
      if (next.size() == from) next.insert(next.end(), slice.begin(), slice.end());
      child.order = std::move(next);
    }
  }

  std::optional<arch::Point> fresh_child(const AskRequest& request, const std::vector<arch::Point>& taken, Random& random) const {
    const auto& parameters = space_->parameters();
    const double rate = std::min(1.0, options_.mutations / static_cast<double>(std::max<std::size_t>(parameters.size(), 1)));
    const auto usable = [&](const arch::Point& point) {
      return std::find(taken.begin(), taken.end(), point) == taken.end() && request.fresh(point);
    };
    Genome child;
    for (int t = 0; t < 12; ++t) {
      const Member& mother = tournament(random);
      const Member& father = tournament(random);
      child = mother.genome;
      if (random.chance(options_.crossover)) {
        for (std::size_t i = 0; i < parameters.size(); ++i) cross(parameters[i], child[i], father.genome[i], random);
      }
      for (std::size_t i = 0; i < parameters.size(); ++i) {
        if (can_change(parameters[i]) && random.chance(rate)) mutate_gene(parameters[i], child[i], options_.spread, random);
      }
      arch::Point point = to_point(*space_, child);
      if (usable(point)) return point;
    }
    return fresh_variant(*space_, child, request, taken, random);
  }

  std::shared_ptr<const arch::Space> space_;
  Nsga2Options options_;
  std::uint64_t seed_;
  SobolDesign initial_;
  std::vector<Member> members_;
  std::size_t told_ = 0;
  std::vector<double> violation_sum_;
  std::vector<double> violation_count_;
};

}  // namespace

AgentInfo nsga2_info() {
  return agent_info<Nsga2, Nsga2Options>("nsga2", "steady-state NSGA-II with constraint domination (Deb et al. 2002)", 0);
}

}  // namespace gnomon::search
