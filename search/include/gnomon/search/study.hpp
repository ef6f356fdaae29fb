#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gnomon/search/agent.hpp"

namespace gnomon::search {

struct ObjectiveSpec {
  std::string metric;
  bool maximise = false;
};

struct StudyOptions {
  std::string agent = "nsga2";
  std::string agent_options_json;
  std::vector<ObjectiveSpec> objectives;
  std::size_t constraints = 0;
  std::uint64_t seed = 0;
  /// Points that are asked first (a user's own designs), in order; those that break a rule are refused.
  std::vector<arch::Point> seeds;
  std::string file, pointer;  ///< where the agent's options stand, for messages
  /// Makes the agent in place of the built-in one that `agent` names.
  std::function<Expected<std::unique_ptr<Agent>>(const AgentSetup&)> make;
};

enum class TrialState { asked, done, failed };

struct StudyTrial {
  std::uint64_t number = 0;
  arch::Point point;
  TrialState state = TrialState::asked;
  bool asked = true;  ///< false: told without being asked
  bool exact = true;
  std::vector<double> objectives;  ///< as the user states them (not sign-flipped); empty unless done
  std::vector<double> violations;
  bool feasible() const;
};

/// Ask and tell over a space: an agent, the archive of all trials, and the guard against duplicates and broken rules that holds
/// for all agents. Everything follows from the seed and the sequence of asks and tells. One thread at a time.
///
///     auto study = Study::create(space, options);
///     auto trials = study->ask(8);
///     study->tell(trials[0].number, {1.5, 20.0}, {-0.1});
class Study {
 public:
  static Expected<Study> create(arch::Space space, StudyOptions options);
  Study(Study&&) noexcept;
  Study& operator=(Study&&) noexcept;
  ~Study();

  /// `count` new trials; fewer, possibly none, where the space holds no further point (`exhausted()` is then true). A continuous
  /// space whose rules leave next to nothing may also count as exhausted, after 10,000 draws.
  std::vector<StudyTrial> ask(std::size_t count);
  /// The result of an asked trial: objectives as stated (maximised ones not flipped), one violation per constraint.
  /// Errors (invalid input): unknown number, told already, wrong number of values, values that are not finite.
  Expected<void> tell(std::uint64_t number, const std::vector<double>& objectives, const std::vector<double>& violations = {},
                      bool exact = true);
  Expected<void> tell_failed(std::uint64_t number);
  /// A point that was never asked (warm start); gets a number of its own, which is returned. A point that is known already: its
  /// pending trial is told, or an error.
  Expected<std::uint64_t> tell(const arch::Point& point, const std::vector<double>& objectives,
                               const std::vector<double>& violations = {});
  Expected<std::uint64_t> tell_failed(const arch::Point& point);
  /// Puts back a trial that was asked in an earlier life, in the order of the numbers. Then tell it, or leave it pending.
  Expected<void> restore(std::uint64_t number, const arch::Point& point);

  const arch::Space& space() const;
  const StudyOptions& options() const;
  /// By number, ascending.
  const std::map<std::uint64_t, StudyTrial>& trials() const;
  bool exhausted() const;
  /// The feasible exact trial with the best first objective (ties: the first); nothing where there is none.
  std::optional<StudyTrial> best() const;
  /// Feasible exact trials that no other one dominates, by number; ties are kept.
  std::vector<StudyTrial> pareto_front() const;
  /// Of the front, against a reference in the objectives as stated. Error: wrong length.
  Expected<double> hypervolume(const std::vector<double>& reference) const;

 private:
  Study();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gnomon::search
