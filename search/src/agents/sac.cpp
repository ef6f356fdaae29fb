#include <algorithm>
#include <cmath>
#include <numeric>

#include "agents/builtin.hpp"
#include "agents/critic.hpp"
#include "agents/info.hpp"
#include "agents/policy.hpp"

namespace gnomon::search {
namespace {

struct SacOptions {
  PolicyOptions policy;
  CriticOptions critic;
  std::int64_t replay = 512;
  std::int64_t rollouts = 32;
  std::int64_t draws = 48;
  double target_entropy = 0.35;
  SacOptions() { policy.epochs = 6; }
};
void describe(FieldVisitor& v, SacOptions& o) {
  field(v, {"learning_rate", "Adam's step size for the actor"}, o.policy.learning_rate, RealRange{0, 10, true});
  field(v, {"epochs", "steps of the actor in an update"}, o.policy.epochs, Range{1, 1000});
  field(v, {"update_every", "told results between updates", "trials"}, o.policy.update_every, Range{1, 100000});
  field(v, {"hidden", "units of the actor's hidden layer"}, o.policy.hidden, Range{1, 4096});
  describe_edits(v, o.policy);
  describe_critic(v, o.critic);
  field(v, {"replay", "latest results that the critic learns from", "trials"}, o.replay, Range{2, 100000});
  field(v, {"rollouts", "designs drawn from the actor and judged by the critic, in each step", "points"}, o.rollouts, Range{2, 10000});
  field(v, {"draws", "designs drawn for a proposal, of which the critic takes the best", "points"}, o.draws, Range{1, 1000});
  field(v, {"target_entropy", "entropy that the temperature holds the actor at, as a share of the largest"}, o.target_entropy, RealRange{0, 1, true});
}

/// Soft actor-critic (Haarnoja et al., arXiv 1812.05905; discrete actions: Christodoulou, arXiv 1910.07207) on the one-step
/// problem of choosing a design. Two critics learn the reward of whole designs from the replayed results; the actor goes up the
/// smaller of their values plus temperature times entropy, over designs drawn from it (the factored action space is too large to
/// sum); the temperature is adjusted towards the target entropy. A proposal is the best, by the critics, of several designs drawn.
class Sac final : public PolicyAgent {
 public:
  Sac(const AgentSetup& setup, const SacOptions& options)
      : PolicyAgent(setup, "sac", options.policy, false),
        own_(options),
        critic_(setup.space, setup.objectives, options.critic, derive(seed_, "critic")) {}

 protected:
  std::size_t kept() const override { return static_cast<std::size_t>(own_.replay); }
  std::size_t draws() const override { return rounds_ == 0 ? 1 : static_cast<std::size_t>(own_.draws); }
  std::size_t prefer(const std::vector<Genome>& drawn, const RealVector& context) const override {
    Eigen::MatrixXf x(critic_.features(drawn.front(), context).size(), static_cast<Eigen::Index>(drawn.size()));
    for (std::size_t i = 0; i < drawn.size(); ++i) x.col(static_cast<Eigen::Index>(i)) = critic_.features(drawn[i], context);
    Eigen::Index best = 0;
    critic_.mean(x).maxCoeff(&best);
    return static_cast<std::size_t>(best);
  }

  void update() override {
    std::vector<std::size_t> which(samples_.size());
    std::iota(which.begin(), which.end(), 0);
    const std::vector<double> reward = rewards(which, 0);
    Eigen::MatrixXf x;
    Eigen::VectorXf target(static_cast<Eigen::Index>(which.size()));
    for (std::size_t k = 0; k < which.size(); ++k) {
      const PolicySample& s = samples_[k];
      const Eigen::VectorXf features = critic_.features(to_genome(*space_, s.told.point), s.context);
      if (k == 0) x.resize(features.size(), static_cast<Eigen::Index>(which.size()));
      x.col(static_cast<Eigen::Index>(k)) = features;
      target[static_cast<Eigen::Index>(k)] = static_cast<float>(reward[k]);
    }
    critic_.learn(x, target, rounds_);

    const auto n = static_cast<std::size_t>(own_.rollouts);
    for (std::int64_t step = 0; step < options_.epochs; ++step) {
      Random random(derive(derive(seed_, "rollouts"), rounds_ * 1000 + static_cast<std::uint64_t>(step)));
      std::vector<PolicySample> drawn(n);
      Eigen::MatrixXf designs(x.rows(), static_cast<Eigen::Index>(n));
      double entropy = 0, largest = 0;
      for (std::size_t k = 0; k < n; ++k) {
        drawn[k].context = context_of(random.next());
        const std::vector<RealVector> log_p = log_probabilities(drawn[k].context);
        const Genome genome = draw(log_p, random);
        const arch::Point point = to_point(*space_, genome);
        for (std::size_t i = 0; i < heads_.size(); ++i) {
          drawn[k].actions.push_back(point[i] ? heads_[i].action(genome[i]) : std::vector<std::int64_t>{});
          entropy -= log_p[i].array().exp().matrix().dot(log_p[i]);
          largest += std::log(static_cast<double>(heads_[i].logits));
        }
        designs.col(static_cast<Eigen::Index>(k)) = critic_.features(to_genome(*space_, point), drawn[k].context);
      }
      const Eigen::VectorXf value = critic_.smaller(designs);
      const double mean = static_cast<double>(value.mean());
      std::vector<Pull> pulls;
      for (std::size_t k = 0; k < n; ++k)
        pulls.push_back({&drawn[k], {(static_cast<double>(value[static_cast<Eigen::Index>(k)]) - mean) / static_cast<double>(n)}});
      ascend(pulls, temperature_);
      const double share = largest > 0 ? entropy / largest : 1;
      temperature_ = std::clamp(temperature_ * std::exp(0.1 * (own_.target_entropy - share)), 1e-4, 10.0);
    }
    ++rounds_;
  }

 private:
  SacOptions own_;
  Critic critic_;
  double temperature_ = 0.05;
  std::uint64_t rounds_ = 0;
};

}  // namespace

AgentInfo sac_info() {
  return agent_info<Sac, SacOptions>("sac", "soft actor-critic, one network for the whole design (Haarnoja et al. 2018)", 0);
}

}  // namespace gnomon::search
