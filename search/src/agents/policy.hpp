#pragma once

#include <deque>
#include <string>
#include <vector>

#include "agents/population.hpp"
#include "agents/scalarise.hpp"
#include "gnomon/base/adam.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/base/linalg.hpp"
#include "gnomon/base/nn.hpp"
#include "gnomon/search/agent.hpp"

/// What the learning policies (`ppo`, `ippo`, `mappo`, `sac`) share: how a choice is encoded, actors, and rewards by rank.
namespace gnomon::search {

/// One choice of a policy: which logits it has and how a gene follows from them. A parameter with more values than `most_levels`,
/// and a real, chooses a bin and then a uniform place inside it. The logits of an ordered parameter are the network's outputs
/// smoothed along the order, so that a value learns from its neighbours. A permutation draws its items one after the other by a
/// softmax over those left (Plackett-Luce).
struct Head {
  static constexpr std::size_t most_levels = 64, real_levels = 32;
  bool permutation = false;
  bool real = false;
  bool ordered = false;
  std::size_t values = 0;  ///< of the parameter
  std::size_t logits = 0;
  Eigen::Index first = 0;  ///< place of the first logit in its network's output
  RealMatrix smoothing;    ///< [logits, logits]; empty where the outputs are the logits

  explicit Head(const arch::Parameter& p);
  /// Values first..last of a bin.
  std::pair<std::int64_t, std::int64_t> bin(std::size_t level) const;
  /// What was chosen, as levels: one, or the whole order.
  std::vector<std::int64_t> action(const Gene& gene) const;
  Gene sample(const RealVector& log_probabilities, Random& random) const;
  /// The same, but a choice other than that of `gene` where there is one.
  Gene sample_other(const RealVector& log_probabilities, const Gene& gene, Random& random) const;
  /// Moves an ordered gene to a value next to it, away from an end; a real by about the width of a bin.
  void step(Gene& gene, Random& random) const;
  /// log softmax of the logits that outputs give, [logits].
  RealVector log_softmax(const RealVector& outputs) const;
  double log_probability(const RealVector& log_probabilities, const std::vector<std::int64_t>& chosen) const;
  /// Adds `weight` times the gradient of the log probability by the logits.
  void add_gradient(const RealVector& log_probabilities, const std::vector<std::int64_t>& chosen, double weight, RealVector& gradient) const;
  /// Gradient by the outputs of a gradient by the logits.
  RealVector through(const RealVector& gradient) const;
};

/// One network with its optimiser and the parameters that it decides. Input: the weights of the objectives.
struct Actor {
  Mlp<double> net;
  Adam<double> adam;
  std::vector<std::size_t> parameters;
};

struct PolicyOptions {
  double learning_rate = 0.02;
  double clip = 0.2;
  double entropy = 0.01;
  std::int64_t epochs = 4;
  std::int64_t update_every = 8;
  std::int64_t window = 32;
  std::int64_t history = 128;
  std::int64_t hidden = 32;
  double imitation = 0.5;
  std::int64_t elites = 16;
  double edits = 0.9;
  double redecided = 2.5;
  double steps = 0.7;
};
void describe_policy(FieldVisitor& v, PolicyOptions& o);
void describe_edits(FieldVisitor& v, PolicyOptions& o);

struct PolicySample {
  Told told;
  RealVector context;
  std::vector<std::vector<std::int64_t>> actions;  ///< by parameter; empty where inactive
  std::vector<double> log_old;                     ///< by actor
};

/// A factored policy on the one-step problem of choosing a design: a softmax for each parameter, over the outputs of a network
/// whose input is the weights of the objectives (the constant 1 for one objective).
///
/// Each trial's weights are drawn from its number; its cost is the augmented Tchebycheff value of its objectives (logarithms where
/// they are positive, normalised over the history), and its reward the normal quantile of the rank of that cost among the results
/// looked at, under the same weights: no scale, no target. Infeasible results rank behind all feasible ones, by violation;
/// failures last. Inactive parameters take no part. Warm starts are learnt from as if they had been proposed.
///
/// A share of the proposals (`edits`) are edits: one of the best designs of which the policy decides a few parameters anew, the
/// others being kept; most of those decisions move an ordered parameter by one value. They are learnt from as whole designs.
///
/// Updates come every `update_every` results; once there are many, less often (every sixty-fourth part of them; beyond 1,000 much
/// less), so that a long study is restored quickly.
class PolicyAgent : public Agent {
 public:
  PolicyAgent(const AgentSetup& setup, const std::string& name, const PolicyOptions& options, bool independent);
  std::vector<arch::Point> ask(const AskRequest& request) const override;
  void tell(const Told& told) override;

 protected:
  virtual void update() = 0;
  /// Of several drawn designs, which to propose; the first where the policy has nothing to choose by.
  virtual std::size_t prefer(const std::vector<Genome>&, const RealVector&) const { return 0; }
  /// How many designs are drawn for a proposal.
  virtual std::size_t draws() const { return 1; }
  virtual std::size_t kept() const;

  RealVector context_of(std::uint64_t trial) const;
  /// log probabilities of each parameter's choice.
  std::vector<RealVector> log_probabilities(const RealVector& context) const;
  double log_probability(const Actor& actor, const std::vector<RealVector>& log_probabilities, const PolicySample& sample) const;
  Genome draw(const std::vector<RealVector>& log_probabilities, Random& random) const;
  /// Rewards of `samples_[i]`, i in `which`, each ranked against the samples from `begin` on.
  std::vector<double> rewards(const std::vector<std::size_t>& which, std::size_t begin) const;

  /// One sample in a policy gradient: by actor, what its log probability is weighed with.
  struct Pull {
    const PolicySample* sample;
    std::vector<double> weight;
  };
  /// A step of each actor up the weighted log probabilities, plus the entropy bonus (per choice, in units of its largest entropy).
  void ascend(const std::vector<Pull>& pulls, double entropy);

  std::shared_ptr<const arch::Space> space_;
  PolicyOptions options_;
  std::size_t objectives_;
  std::uint64_t seed_;
  std::vector<Head> heads_;
  std::vector<Actor> actors_;
  std::deque<PolicySample> samples_;
  std::size_t told_ = 0;

 private:
  Genome proposal(const std::vector<RealVector>& log_probabilities, Random& random) const;

  Elites best_;
  std::size_t next_update_ = 0;
};

}  // namespace gnomon::search
