#pragma once

#include "gnomon/search/agent.hpp"

/// The agents that are built, one file each; `agents()` lists them.
namespace gnomon::search {

AgentInfo random_info();
AgentInfo sobol_info();
AgentInfo nsga2_info();
AgentInfo bayes_info();
AgentInfo ppo_info();
AgentInfo ippo_info();

}  // namespace gnomon::search
