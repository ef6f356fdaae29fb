#include <algorithm>
#include <cmath>
#include <Eigen/LU>
#include <limits>

#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/population.hpp"
#include "gnomon/base/linalg.hpp"

namespace gnomon::search {
namespace {

struct Nsga3Options {
  std::int64_t population = 0;
  std::int64_t divisions = 0;
  VariationOptions variation;
};

void describe(FieldVisitor& v, Nsga3Options& o) {
  field(v, {"population", "survivors kept; 0: the number of reference directions, at least 24", "points"}, o.population,
        Range{0, 10000});
  field(v, {"divisions", "divisions of each objective's axis between reference directions; 0: the largest with at most 36 of them"},
        o.divisions, Range{0, 1000});
  describe_variation(v, o.variation);
}

using Vector = std::vector<double>;

/// All vectors of non-negative multiples of 1 / divisions that sum to 1 (Das and Dennis, SIAM J. Optim. 8(3), 1998).
void simplex_lattice(std::size_t objectives, std::int64_t left, double unit, Vector& prefix, std::vector<Vector>& out) {
  if (prefix.size() + 1 == objectives) {
    prefix.push_back(static_cast<double>(left) * unit);
    out.push_back(prefix);
    prefix.pop_back();
    return;
  }
  for (std::int64_t i = 0; i <= left; ++i) {
    prefix.push_back(static_cast<double>(i) * unit);
    simplex_lattice(objectives, left - i, unit, prefix, out);
    prefix.pop_back();
  }
}

/// How many directions `divisions` give: C(objectives + divisions - 1, divisions).
double lattice_size(std::size_t objectives, std::int64_t divisions) {
  double out = 1;
  for (std::size_t k = 1; k < objectives; ++k) out *= static_cast<double>(divisions + static_cast<std::int64_t>(k)) / static_cast<double>(k);
  return out;
}

constexpr double most_directions = 10000;

std::vector<Vector> directions_for(std::size_t objectives, std::int64_t divisions) {
  if (divisions == 0) {
    divisions = 1;
    constexpr double wanted = 36;
    while (objectives > 1 && lattice_size(objectives, divisions + 1) <= wanted) ++divisions;
  }
  while (divisions > 1 && lattice_size(objectives, divisions) > most_directions) --divisions;
  std::vector<Vector> out;
  Vector prefix;
  simplex_lattice(objectives, divisions, 1.0 / static_cast<double>(divisions), prefix, out);
  return out;
}

std::int64_t population_for(const AgentSetup& setup, const Nsga3Options& o) {
  if (o.population != 0) return std::max<std::int64_t>(o.population, 4);
  return std::max<std::int64_t>(24, static_cast<std::int64_t>(directions_for(setup.objectives, o.divisions).size()));
}

/// NSGA-III (Deb and Jain, IEEE TEC 18(4), 2014; constraints: Jain and Deb, part II) as a steady-state algorithm. As NSGA-II, but
/// within a front members are told apart by reference directions: objectives are normalised between the ideal point and the
/// intercepts of the extreme points (the worst values of the first front where these do not exist), each member belongs to the
/// nearest direction, and those that crowd a direction, the farthest from it first, are worth least.
class Nsga3 final : public SteadyState {
 public:
  Nsga3(const AgentSetup& setup, const Nsga3Options& options)
      : SteadyState(setup, "nsga3", population_for(setup, options), options.variation),
        directions_(directions_for(setup.objectives, options.divisions)) {
    for (Vector& d : directions_) {
      double length = 0;
      for (const double x : d) length += x * x;
      for (double& x : d) x /= std::sqrt(length);
    }
  }

 protected:
  void rank(std::vector<Member>& members, const ViolationSum& violation) const override {
    rank_members(members, violation);
    std::vector<Member*> feasible;
    for (Member& m : members) {
      if (violation(m.violations) <= 0) feasible.push_back(&m);
    }
    if (feasible.empty()) return;
    const std::size_t m = feasible.front()->objectives.size();
    if (m < 2) return;
    const auto [ideal, span] = frame(feasible, m);
    struct Place {
      Member* member;
      std::size_t niche;
      double distance;
    };
    std::vector<Place> places;
    for (Member* member : feasible) {
      Vector z(m);
      for (std::size_t k = 0; k < m; ++k) z[k] = (member->objectives[k] - ideal[k]) / span[k];
      double square = 0;
      for (const double x : z) square += x * x;
      Place best{member, 0, std::numeric_limits<double>::infinity()};
      for (std::size_t d = 0; d < directions_.size(); ++d) {
        double along = 0;
        for (std::size_t k = 0; k < m; ++k) along += z[k] * directions_[d][k];
        const double away = std::max(0.0, square - along * along);
        if (away < best.distance) best = {member, d, away};
      }
      places.push_back(best);
    }
    // Front by front, so that a niche filled by better fronts is crowded already.
    std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
      if (a.member->rank != b.member->rank) return a.member->rank < b.member->rank;
      return a.distance < b.distance;
    });
    std::vector<double> crowd(directions_.size(), 0.0);
    for (const Place& place : places) {
      const double nearness = 1.0 / (1.0 + place.distance);
      place.member->crowding = nearness - 2.0 * crowd[place.niche];
      crowd[place.niche] += 1;
    }
  }

 private:
  /// Ideal point and span per objective.
  static std::pair<Vector, Vector> frame(const std::vector<Member*>& feasible, std::size_t m) {
    Vector ideal(m, std::numeric_limits<double>::infinity()), worst(m, -std::numeric_limits<double>::infinity());
    for (const Member* member : feasible) {
      for (std::size_t k = 0; k < m; ++k) {
        ideal[k] = std::min(ideal[k], member->objectives[k]);
        if (member->rank == 0) worst[k] = std::max(worst[k], member->objectives[k]);
      }
    }
    RealMatrix extreme(static_cast<Eigen::Index>(m), static_cast<Eigen::Index>(m));
    for (std::size_t axis = 0; axis < m; ++axis) {
      const Member* best = nullptr;
      double least = std::numeric_limits<double>::infinity();
      for (const Member* member : feasible) {
        double value = -std::numeric_limits<double>::infinity();
        for (std::size_t k = 0; k < m; ++k)
          value = std::max(value, (member->objectives[k] - ideal[k]) / std::max(worst[k] - ideal[k], 1e-300) / (k == axis ? 1.0 : 1e-6));
        if (value < least || !best) {
          least = value;
          best = member;
        }
      }
      for (std::size_t k = 0; k < m; ++k)
        extreme(static_cast<Eigen::Index>(axis), static_cast<Eigen::Index>(k)) = best->objectives[k] - ideal[k];
    }
    const RealVector plane = extreme.fullPivLu().solve(RealVector::Ones(static_cast<Eigen::Index>(m)));
    Vector span(m);
    for (std::size_t k = 0; k < m; ++k) {
      const double intercept = 1.0 / plane(static_cast<Eigen::Index>(k));
      const double width = worst[k] - ideal[k];
      span[k] = std::isfinite(intercept) && intercept > 1e-3 * width && intercept <= 2 * width ? intercept : width;
      if (!(span[k] > 0) || !std::isfinite(span[k])) span[k] = 1;
    }
    return {ideal, span};
  }

  std::vector<Vector> directions_;
};

}  // namespace

AgentInfo nsga3_info() {
  return agent_info<Nsga3, Nsga3Options>("nsga3", "steady-state NSGA-III with reference directions (Deb and Jain 2014)", 0);
}

}  // namespace gnomon::search
