#include <algorithm>
#include <cmath>
#include <numeric>

#include "agents/builtin.hpp"
#include "agents/critic.hpp"
#include "agents/info.hpp"
#include "agents/policy.hpp"

namespace gnomon::search {
namespace {

struct MappoOptions {
  PolicyOptions policy;
  CriticOptions critic;
  std::int64_t replay = 512;
  std::int64_t draws = 48;
  MappoOptions() { policy.history = 512; }
};
void describe(FieldVisitor& v, MappoOptions& o) {
  describe_policy(v, o.policy);
  describe_critic(v, o.critic);
  field(v, {"replay", "latest results that the critic learns from", "trials"}, o.replay, Range{2, 100000});
  field(v, {"draws", "designs drawn for a proposal, of which the critic takes the best", "points"}, o.draws, Range{1, 1000});
}

/// Multi-agent PPO with a shared critic (Yu et al., NeurIPS 2022): one network, optimiser and clipped ratio per parameter, as
/// `ippo`, but each agent is credited by the critic with what its own choice was worth: the value of the design less its mean
/// over what the agent might have chosen with the others' choices kept (counterfactual baseline: Foerster et al., COMA, AAAI
/// 2018). The critic sees the whole design and learns the reward from the latest results. Permutations, whose alternatives are too
/// many to sum, are credited with the reward. The advantage is the mean of that credit, over its deviation, and the reward. The best results are imitated as in `ippo`. A proposal is the best, by the critic,
/// of several designs drawn.
class Mappo final : public PolicyAgent {
 public:
  Mappo(const AgentSetup& setup, const MappoOptions& options)
      : PolicyAgent(setup, "mappo", options.policy, true),
        own_(options),
        critic_(setup.space, setup.objectives, options.critic, derive(seed_, "critic")) {}

 protected:
  std::size_t kept() const override { return static_cast<std::size_t>(std::max({options_.history, options_.window, own_.replay})); }
  std::size_t draws() const override { return rounds_ == 0 ? 1 : static_cast<std::size_t>(own_.draws); }
  std::size_t prefer(const std::vector<Genome>& drawn, const RealVector& context) const override {
    Eigen::MatrixXf x(critic_.features(drawn.front(), context).size(), static_cast<Eigen::Index>(drawn.size()));
    for (std::size_t i = 0; i < drawn.size(); ++i) x.col(static_cast<Eigen::Index>(i)) = critic_.features(drawn[i], context);
    Eigen::Index best = 0;
    critic_.mean(x).maxCoeff(&best);
    return static_cast<std::size_t>(best);
  }

  void update() override {
    const std::size_t all = samples_.size();
    const std::size_t begin = all > static_cast<std::size_t>(own_.replay) ? all - static_cast<std::size_t>(own_.replay) : 0;
    std::vector<std::size_t> which(all - begin);
    std::iota(which.begin(), which.end(), begin);
    const std::vector<double> reward = rewards(which, begin);
    std::vector<Genome> genomes;
    Eigen::MatrixXf x;
    Eigen::VectorXf target(static_cast<Eigen::Index>(which.size()));
    for (std::size_t k = 0; k < which.size(); ++k) {
      const PolicySample& s = samples_[which[k]];
      genomes.push_back(to_genome(*space_, s.told.point));
      const Eigen::VectorXf features = critic_.features(genomes.back(), s.context);
      if (k == 0) x.resize(features.size(), static_cast<Eigen::Index>(which.size()));
      x.col(static_cast<Eigen::Index>(k)) = features;
      target[static_cast<Eigen::Index>(k)] = static_cast<float>(reward[k]);
    }
    critic_.learn(x, target, rounds_++);

    std::vector<std::size_t> best(which.size());
    std::iota(best.begin(), best.end(), 0);
    std::stable_sort(best.begin(), best.end(), [&](std::size_t a, std::size_t b) { return reward[a] > reward[b]; });
    best.resize(std::min(best.size(), static_cast<std::size_t>(options_.elites)));
    std::erase_if(best, [&](std::size_t k) { return !samples_[which[k]].told.feasible() || reward[k] <= 0; });

    const std::size_t window = std::min(which.size(), static_cast<std::size_t>(options_.window));
    const std::size_t from = which.size() - window;
    std::vector<std::vector<double>> credit(window);
    for (std::size_t k = 0; k < window; ++k) credit[k] = credits(samples_[which[from + k]], genomes[from + k], reward[from + k]);
    normalise(credit);
    // The critic errs, above all early on: half of the advantage is the reward itself.
    for (std::size_t k = 0; k < window; ++k) {
      for (double& c : credit[k]) c = 0.5 * (c + reward[from + k]);
    }
    const double n = static_cast<double>(window);
    for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch) {
      std::vector<Pull> pulls;
      std::vector<RealVector> log_p;
      for (std::size_t k = 0; k < window; ++k) {
        const PolicySample& s = samples_[which[from + k]];
        if (log_p.empty() || objectives_ > 1) log_p = log_probabilities(s.context);
        Pull pull{&s, std::vector<double>(actors_.size())};
        for (std::size_t a = 0; a < actors_.size(); ++a) {
          const double ratio = std::exp(std::clamp(log_probability(actors_[a], log_p, s) - s.log_old[a], -20.0, 20.0));
          const double advantage = credit[k][a];
          const bool clipped = advantage > 0 ? ratio > 1 + options_.clip : ratio < 1 - options_.clip;
          pull.weight[a] = clipped ? 0 : advantage * ratio / n;
        }
        pulls.push_back(std::move(pull));
      }
      for (const std::size_t k : best)
        pulls.push_back({&samples_[which[k]], std::vector<double>(actors_.size(), options_.imitation * reward[k] / static_cast<double>(best.size()))});
      ascend(pulls, options_.entropy);
    }
  }

 private:
  /// By actor: value of the design less the mean value over the actor's alternatives.
  std::vector<double> credits(const PolicySample& s, const Genome& genome, double reward) const {
    const std::vector<RealVector> log_p = log_probabilities(s.context);
    const Eigen::VectorXf base = critic_.features(genome, s.context);
    Eigen::Index alternatives = 0;
    for (const Head& head : heads_) alternatives += head.permutation ? 0 : static_cast<Eigen::Index>(head.logits);
    Eigen::MatrixXf x(base.size(), alternatives);
    Eigen::Index at = 0;
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      const Head& head = heads_[i];
      if (head.permutation) continue;
      for (std::size_t level = 0; level < head.logits; ++level) {
        Gene gene;
        const auto [first, last] = head.real ? std::pair<std::int64_t, std::int64_t>{0, 0} : head.bin(level);
        gene.index = (first + last) / 2;
        gene.position = (static_cast<double>(level) + 0.5) / static_cast<double>(head.logits);
        Eigen::VectorXf column = base;
        critic_.replace(column, i, gene);
        x.col(at++) = column;
      }
    }
    const Eigen::VectorXf value = critic_.mean(x);
    std::vector<double> out(actors_.size(), reward);
    at = 0;
    for (std::size_t i = 0; i < heads_.size(); ++i) {
      const Head& head = heads_[i];
      if (head.permutation) continue;
      if (s.actions[i].empty()) {
        out[i] = 0;
      } else {
        double mean = 0;
        for (std::size_t level = 0; level < head.logits; ++level)
          mean += std::exp(log_p[i](static_cast<Eigen::Index>(level))) * static_cast<double>(value[at + static_cast<Eigen::Index>(level)]);
        out[i] = static_cast<double>(value[at + s.actions[i].front()]) - mean;
      }
      at += static_cast<Eigen::Index>(head.logits);
    }
    return out;
  }

  /// Divides the credits of all agents by their common deviation: an agent whose choice matters little stays credited with little.
  static void normalise(std::vector<std::vector<double>>& credit) {
    double square = 0, n = 0;
    for (const auto& row : credit) {
      for (const double c : row) {
        square += c * c;
        n += 1;
      }
    }
    const double deviation = n > 0 ? std::sqrt(square / n) : 0;
    if (!(deviation > 1e-9)) return;
    for (auto& row : credit) {
      for (double& c : row) c = std::clamp(c / deviation, -3.0, 3.0);
    }
  }

  MappoOptions own_;
  Critic critic_;
  std::uint64_t rounds_ = 0;
};

}  // namespace

AgentInfo mappo_info() {
  return agent_info<Mappo, MappoOptions>("mappo", "PPO, one agent per parameter, shared critic and counterfactual credit (Yu et al. 2022; Foerster et al. 2018)", 0);
}

}  // namespace gnomon::search
