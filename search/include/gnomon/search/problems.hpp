#pragma once

#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/space.hpp"
#include "gnomon/search/study.hpp"

namespace gnomon::search {

/// A closed-form test problem with its truth.
struct ProblemInfo {
  std::string name;
  std::string summary;     ///< what it is and where it comes from
  std::string space_json;  ///< the `space` object of a campaign
  std::vector<std::string> rules;
  std::vector<ObjectiveSpec> objectives;
  struct Limit {
    std::string metric;
    double max = 0;
  };
  std::vector<Limit> constraints;
  std::vector<std::string> metrics;  ///< everything that an evaluation gives
};

const std::vector<ProblemInfo>& problems();
/// Error: the nearest name.
Expected<const ProblemInfo*> find_problem(const std::string& name);
Expected<arch::Space> problem_space(const ProblemInfo& problem);
/// The metrics of a problem at a point, in the order of `ProblemInfo::metrics`. `parameters_json` names every parameter of the
/// problem.
Expected<std::vector<double>> evaluate_problem(const std::string& name, const std::string& parameters_json);

/// Adds `problem/analytical` (the closed forms above) and `command/*` (a user's program) to a registry.
void register_problems(arch::EvaluatorRegistry& registry);

}  // namespace gnomon::search
