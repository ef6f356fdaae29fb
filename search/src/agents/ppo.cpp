#include <algorithm>
#include <cmath>
#include <numeric>

#include "agents/builtin.hpp"
#include "agents/info.hpp"
#include "agents/policy.hpp"

namespace gnomon::search {
namespace {

struct PpoOptions {
  PolicyOptions policy;
};
void describe(FieldVisitor& v, PpoOptions& o) { describe_policy(v, o.policy); }

/// Proximal policy optimisation (Schulman et al., arXiv 1707.06347). `ppo` has one network and one clipped ratio for the whole
/// design; `ippo` has one network, optimiser and ratio per parameter, which share the reward and nothing else (de Witt et al.,
/// arXiv 2011.09533). An update makes `epochs` passes over the latest `window` results, the ratio being to the policy that was in
/// force when the result arrived, and over the `elites` best results of the history, whose log probability is raised by their
/// positive reward (self-imitation: Oh, Guo, Singh and Lee, ICML 2018). There is no critic: the rank is the baseline.
class PpoAgent : public PolicyAgent {
 public:
  PpoAgent(const AgentSetup& setup, const PpoOptions& options, bool independent)
      : PolicyAgent(setup, independent ? "ippo" : "ppo", options.policy, independent) {}

 protected:
  void update() override {
    const std::size_t all = samples_.size();
    const auto window = std::min(all, static_cast<std::size_t>(options_.window));
    const std::size_t begin = all > static_cast<std::size_t>(options_.history) ? all - static_cast<std::size_t>(options_.history) : 0;
    std::vector<std::size_t> which(all - begin);
    std::iota(which.begin(), which.end(), begin);
    const std::vector<double> reward = rewards(which, begin);
    std::vector<std::size_t> best = which;
    std::stable_sort(best.begin(), best.end(), [&](std::size_t a, std::size_t b) { return reward[a - begin] > reward[b - begin]; });
    best.resize(std::min(best.size(), static_cast<std::size_t>(options_.elites)));
    std::erase_if(best, [&](std::size_t i) { return !samples_[i].told.feasible() || reward[i - begin] <= 0; });

    const double n = static_cast<double>(window);
    for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch) {
      std::vector<Pull> pulls;
      std::vector<RealVector> log_p;
      for (std::size_t i = all - window; i < all; ++i) {
        const PolicySample& s = samples_[i];
        const double advantage = reward[i - begin];
        if (log_p.empty() || objectives_ > 1) log_p = log_probabilities(s.context);
        Pull pull{&s, std::vector<double>(actors_.size())};
        for (std::size_t a = 0; a < actors_.size(); ++a) {
          const double ratio = std::exp(std::clamp(log_probability(actors_[a], log_p, s) - s.log_old[a], -20.0, 20.0));
          // The clipped objective has no gradient where the ratio has left the band on the side that the advantage favours.
          const bool clipped = advantage > 0 ? ratio > 1 + options_.clip : ratio < 1 - options_.clip;
          pull.weight[a] = clipped ? 0 : advantage * ratio / n;
        }
        pulls.push_back(std::move(pull));
      }
      for (const std::size_t i : best)
        pulls.push_back({&samples_[i], std::vector<double>(actors_.size(), options_.imitation * reward[i - begin] / static_cast<double>(best.size()))});
      ascend(pulls, options_.entropy);
    }
  }
};

class Ppo final : public PpoAgent {
 public:
  Ppo(const AgentSetup& setup, const PpoOptions& options) : PpoAgent(setup, options, false) {}
};
class Ippo final : public PpoAgent {
 public:
  Ippo(const AgentSetup& setup, const PpoOptions& options) : PpoAgent(setup, options, true) {}
};

}  // namespace

AgentInfo ppo_info() {
  return agent_info<Ppo, PpoOptions>("ppo", "proximal policy optimisation, one network for the whole design (Schulman et al. 2017)", 0);
}
AgentInfo ippo_info() {
  return agent_info<Ippo, PpoOptions>("ippo", "independent PPO, one agent per parameter with a shared reward (de Witt et al. 2020)", 0);
}

}  // namespace gnomon::search
