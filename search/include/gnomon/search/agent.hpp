#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "gnomon/arch/space.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/base/registry.hpp"

namespace gnomon::search {

/// A result that an agent is told.
struct Told {
  arch::Point point;
  std::vector<double> objectives;  ///< minimised, in the order of the study; empty for a failed trial
  std::vector<double> violations;  ///< one per constraint, <= 0 is satisfied; empty for a failed trial
  bool failed = false;
  std::uint64_t number = 0;  ///< of the trial
  bool asked = true;         ///< false for a point that came from outside (warm start)
  /// False for a result of a lower fidelity, brought to the scale of the last one (see Engine); true results steer, these help
  /// to.
  bool exact = true;

  /// Sum of positive violations; 0 is feasible.
  double total_violation() const;
  bool feasible() const { return !failed && total_violation() <= 0; }
};

/// What an agent knows when it is asked.
struct AskRequest {
  std::size_t count = 1;
  /// Number of the first trial asked for. With `attempt` it seeds what the agent draws: an agent keeps no random state of its
  /// own.
  std::uint64_t number = 0;
  /// 0, then 1, 2, ... where earlier proposals for the same trials were duplicates or broke a rule.
  std::uint64_t attempt = 0;
  /// Asked and not told yet, in order.
  std::span<const arch::Point> pending;
  /// Whether a point obeys bounds, conditions and rules and was neither told nor asked before.
  std::function<bool(const arch::Point&)> fresh;

  /// The seed for what this request draws.
  std::uint64_t seed(std::uint64_t agent_seed) const;
};

/// A search agent. Its state follows from the sequence of `tell`s alone: `ask` changes nothing that a later call could see, so a
/// study is restored by telling its results again, and the same tells with the same seed give the same proposals. One thread at a
/// time.
class Agent {
 public:
  virtual ~Agent() = default;
  /// Up to `request.count` proposals, the best first. Proposals that are not fresh are dropped by the study, which then asks
  /// again.
  virtual std::vector<arch::Point> ask(const AskRequest& request) const = 0;
  virtual void tell(const Told& told) = 0;
};

/// What an agent is made for.
struct AgentSetup {
  std::shared_ptr<const arch::Space> space;
  std::size_t objectives = 1;
  std::size_t constraints = 0;
  std::uint64_t seed = 0;
  std::string options_json;  ///< an object with the agent's own options, checked by its field table; empty means defaults
  std::string file;          ///< where the options stand, for messages: file and JSON pointer
  std::string pointer;
};

/// What is known of an agent: the one source of `gnomon list agents`, the campaign schema and the refusals.
struct AgentInfo {
  std::string name;
  std::string summary;  ///< one line: method and source
  std::size_t max_objectives = 0;          ///< 0: any number
  std::vector<arch::ParameterKind> kinds;  ///< supported parameter kinds
  std::function<std::vector<FieldRow>()> options;
  /// JSON Schema of the options, as text.
  std::function<std::string()> options_schema;
  std::function<Expected<std::unique_ptr<Agent>>(const AgentSetup&)> make;
};

/// All agents by name.
const Registry<AgentInfo>& agents();
/// The agent for a setup. Unknown name: invalid input with the nearest; too many objectives, or a parameter kind that
/// it does not take: unsupported.
Expected<std::unique_ptr<Agent>> make_agent(const std::string& name, const AgentSetup& setup);
/// Checks the options of an agent without making it.
Expected<void> check_agent(const std::string& name, const AgentSetup& setup);

}  // namespace gnomon::search
