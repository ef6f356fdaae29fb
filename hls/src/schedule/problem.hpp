#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::hls {

/// `to` starts at least `latency` cycles after `from`, `distance` iterations later.
struct DependenceEdge {
  int from = 0, to = 0;
  int latency = 0;
  std::int64_t distance = 0;
};

/// A modulo scheduling problem: nodes occupy each of their resources for one cycle, the one in which they start.
struct ScheduleProblem {
  int nodes = 0;
  std::vector<DependenceEdge> edges;
  std::vector<std::vector<int>> uses;  ///< per node: resources
  std::vector<int> capacity;           ///< per resource
};

/// Least II that resources allow: ceil(uses / capacity) of the busiest; at least 1.
int resource_min_ii(const ScheduleProblem& problem);
/// Least II that recurrences allow: the largest latency / distance of any cycle (Howard's algorithm, Boost), rounded up.
int recurrence_min_ii(const ScheduleProblem& problem);
/// Earliest starts under the edges alone (difference constraints, Bellman-Ford), or nothing where a cycle is positive at this II.
std::optional<std::vector<int>> earliest_starts(const ScheduleProblem& problem, int ii);

/// Starts at this II by iterative modulo scheduling (Rau, MICRO-27, 1994): highest first, the first free slot of II, else by
/// force and with eviction, at most `budget` placements per node. Nothing where it does not come to an end.
std::optional<std::vector<int>> modulo_schedule(const ScheduleProblem& problem, int ii, int budget = 12);
/// All assignments of modulo slots to the nodes that use limited resources, by backtracking, each tested by difference
/// constraints: exact. `undecided` is set where more than `max_tests` tests would be needed.
std::optional<std::vector<int>> exact_schedule(const ScheduleProblem& problem, int ii, std::int64_t max_tests, bool& undecided);

struct FoundSchedule {
  int ii = 1;
  std::vector<int> time;
  int resource_ii = 1, recurrence_ii = 1;
};
/// The least II from max(ResMII, RecMII, `first`) up, small problems with the exact solver as second try at each; `only`: that II
/// or nothing.
std::optional<FoundSchedule> least_ii(const ScheduleProblem& problem, int first, bool only);

/// `nodes N`, `capacity R C`, `use NODE R`, `edge FROM TO LATENCY DISTANCE`, `least_ii II`, one a line; `#` begins a comment.
struct NamedProblem {
  ScheduleProblem problem;
  int least_ii = 0;
};
Expected<NamedProblem> read_problem(const std::string& text, const std::string& file);

}  // namespace gnomon::hls
