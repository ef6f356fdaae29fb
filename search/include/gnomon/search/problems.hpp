#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/space.hpp"
#include "gnomon/search/study.hpp"

namespace gnomon::search {

/// What is known of a problem's best designs.
struct ProblemTruth {
  std::optional<double> optimum;  ///< one objective: best feasible value
  bool proven = true;             ///< false: the best value that anybody has published
  /// Several objectives: ends of the exact front (minimised), and the volume that it dominates when every objective is scaled to
  /// [0, 1] between them and the reference is 1.1 in each.
  std::vector<double> ideal, nadir;
  std::optional<double> hypervolume;
  std::string source;  ///< where the truth comes from
  bool known() const { return optimum.has_value() || hypervolume.has_value(); }
};

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
  ProblemTruth truth;                ///< of the problem with its own objectives, constraints and space
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
