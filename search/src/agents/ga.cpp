#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/population.hpp"

namespace gnomon::search {
namespace {

struct GaOptions {
  std::int64_t population = 20;
  VariationOptions variation;
};

void describe(FieldVisitor& v, GaOptions& o) {
  field(v, {"population", "survivors kept; also the number of Sobol points that start the search", "points"}, o.population,
        Range{4, 10000});
  describe_variation(v, o.variation);
}

/// A steady-state genetic algorithm for one objective (Whitley, GENITOR, ICGA 1989): the worst of the population leaves when a
/// result arrives. Feasible beats infeasible, infeasible ones are compared by violation (Deb, Comput. Methods Appl. Mech. Eng.
/// 186, 2000).
class Ga final : public SteadyState {
 public:
  Ga(const AgentSetup& setup, const GaOptions& options) : SteadyState(setup, "ga", options.population, options.variation) {}
};

}  // namespace

AgentInfo ga_info() {
  return agent_info<Ga, GaOptions>("ga", "steady-state genetic algorithm with feasibility rules (Whitley 1989; Deb 2000)", 1);
}

}  // namespace gnomon::search
