#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/population.hpp"

namespace gnomon::search {
namespace {

struct Nsga2Options {
  std::int64_t population = 24;
  VariationOptions variation;
};

void describe(FieldVisitor& v, Nsga2Options& o) {
  field(v, {"population", "survivors kept; also the number of Sobol points that start the search", "points"}, o.population,
        Range{4, 10000});
  describe_variation(v, o.variation);
}

/// NSGA-II (Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 6(2), 2002) as a steady-state algorithm. Feasible beats infeasible,
/// infeasible ones are compared by the sum of violations, each divided by the mean positive violation seen of its constraint.
class Nsga2 final : public SteadyState {
 public:
  Nsga2(const AgentSetup& setup, const Nsga2Options& options) : SteadyState(setup, "nsga2", options.population, options.variation) {}
};

}  // namespace

AgentInfo nsga2_info() {
  return agent_info<Nsga2, Nsga2Options>("nsga2", "steady-state NSGA-II with constraint domination (Deb et al. 2002)", 0);
}

}  // namespace gnomon::search
