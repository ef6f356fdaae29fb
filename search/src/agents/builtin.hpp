#pragma once

#include "gnomon/search/agent.hpp"

/// The agents that are built, one file each; `agents()` lists them.
namespace gnomon::search {

AgentInfo random_info();
AgentInfo sobol_info();
AgentInfo ga_info();
AgentInfo nsga2_info();
AgentInfo nsga3_info();
AgentInfo cmaes_info();
AgentInfo aco_info();
AgentInfo anneal_info();
AgentInfo bayes_info();
AgentInfo forest_info();
AgentInfo ppo_info();
AgentInfo sac_info();
AgentInfo ippo_info();
AgentInfo mappo_info();
AgentInfo auto_info();

}  // namespace gnomon::search
