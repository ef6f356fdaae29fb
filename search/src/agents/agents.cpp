#include <algorithm>
#include <cmath>

#include "agents/builtin.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::search {
namespace {

std::string kind_name(arch::ParameterKind kind) {
  switch (kind) {
    case arch::ParameterKind::integer:
      return "int";
    case arch::ParameterKind::real:
      return "real";
    case arch::ParameterKind::ordinal:
      return "ordinal";
    case arch::ParameterKind::categorical:
      return "categorical";
    case arch::ParameterKind::permutation:
      return "permutation";
  }
  return "";
}

Problem at(const AgentSetup& setup, std::string message) {
  return {setup.file, setup.pointer, std::move(message)};
}

}  // namespace

double Told::total_violation() const {
  double total = 0;
  for (const double v : violations) total += std::max(0.0, v);
  return total;
}

std::uint64_t AskRequest::seed(std::uint64_t agent_seed) const {
  return derive(derive(agent_seed, number), attempt);
}

const Registry<AgentInfo>& agents() {
  static const Registry<AgentInfo> registry = [] {
    Registry<AgentInfo> out("agent");
    for (AgentInfo info :
         {random_info(), sobol_info(), ga_info(), nsga2_info(), nsga3_info(), cmaes_info(), aco_info(), anneal_info(), bayes_info(),
          forest_info(), ppo_info(), sac_info(), ippo_info(), mappo_info(), auto_info()}) {
      const std::string name = info.name;
      out.add(name, std::move(info));
    }
    return out;
  }();
  return registry;
}

Expected<std::unique_ptr<Agent>> make_agent(const std::string& name, const AgentSetup& setup) {
  const auto found = agents().find(name);
  if (!found) return fail(Error(found.error().kind(), at(setup, found.error().problems().front().message)));
  const AgentInfo& info = **found;
  if (setup.objectives == 0) return fail(Error(ErrorKind::invalid_input, at(setup, "a study needs at least one objective")));
  if (info.max_objectives != 0 && setup.objectives > info.max_objectives) {
    return fail(Error(ErrorKind::unsupported,
                      at(setup, "agent " + in_quotes(name) + " takes at most " + std::to_string(info.max_objectives) +
                                    (info.max_objectives == 1 ? " objective; found " : " objectives; found ") + std::to_string(setup.objectives))));
  }
  for (const arch::Parameter& p : setup.space->parameters()) {
    if (std::find(info.kinds.begin(), info.kinds.end(), p.kind) == info.kinds.end()) {
      return fail(Error(ErrorKind::unsupported, at(setup, "agent " + in_quotes(name) + " does not take " + kind_name(p.kind) +
                                                              " parameters; found " + in_quotes(p.name))));
    }
  }
  return info.make(setup);
}

Expected<void> check_agent(const std::string& name, const AgentSetup& setup) {
  auto agent = make_agent(name, setup);
  if (!agent) return fail(std::move(agent.error()));
  return {};
}

}  // namespace gnomon::search
