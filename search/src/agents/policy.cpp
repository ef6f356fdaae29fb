#include <algorithm>
#include <cmath>
#include <deque>
#include <numeric>

#include "agents/builtin.hpp"
#include "agents/genome.hpp"
#include "agents/info.hpp"
#include "agents/scalarise.hpp"
#include "gnomon/base/adam.hpp"
#include "gnomon/base/linalg.hpp"
#include "gnomon/base/nn.hpp"

namespace gnomon::search {
namespace {

struct PolicyOptions {
  double learning_rate = 0.02;
  double clip = 0.2;
  double entropy = 0.01;
  std::int64_t epochs = 4;
  std::int64_t update_every = 8;
  std::int64_t window = 32;
  std::int64_t history = 128;
  std::int64_t hidden = 32;
};

void describe(FieldVisitor& v, PolicyOptions& o) {
  field(v, {"learning_rate", "Adam's step size"}, o.learning_rate, RealRange{0, 10, true});
  field(v, {"clip", "how far a probability ratio may leave 1"}, o.clip, RealRange{0, 10, true});
  field(v, {"entropy", "weight of the entropy bonus, per choice in units of its largest entropy"}, o.entropy, RealRange{0, 10});
  field(v, {"epochs", "passes over the window in an update"}, o.epochs, Range{1, 1000});
  field(v, {"update_every", "told results between updates", "trials"}, o.update_every, Range{1, 100000});
  field(v, {"window", "latest results that an update learns from", "trials"}, o.window, Range{1, 100000});
  field(v, {"history", "latest results that rewards are ranked against", "trials"}, o.history, Range{2, 100000});
  field(v, {"hidden", "units of the hidden layer"}, o.hidden, Range{1, 4096});
}

using Net = Mlp<double>;
using Vector = Eigen::VectorXd;

/// One choice of a policy: which logits it has and how a gene follows from it. A parameter with more values than `most_levels`,
/// and a real, chooses a bin and then a uniform place inside it. A permutation draws its items one after the other by a softmax
/// over those left (Plackett-Luce).
struct Head {
  static constexpr std::size_t most_levels = 64, real_levels = 32;
  bool permutation = false;
  bool real = false;
  std::size_t values = 0;  ///< of the parameter
  std::size_t logits = 0;
  Eigen::Index first = 0;  ///< place of the first logit in its network's output

  explicit Head(const arch::Parameter& p) {
    permutation = p.kind == arch::ParameterKind::permutation;
    real = p.kind == arch::ParameterKind::real;
    values = p.size();
    logits = real ? real_levels : permutation ? values : std::min(values, most_levels);
  }

  /// Values first..last of a bin.
  std::pair<std::int64_t, std::int64_t> bin(std::size_t level) const {
    const auto from = static_cast<std::int64_t>(level * values / logits),
               to = static_cast<std::int64_t>((level + 1) * values / logits) - 1;
    return {from, std::max(from, to)};
  }

  /// What was chosen, as levels: one, or the whole order.
  std::vector<std::int64_t> action(const Gene& gene) const {
    if (permutation) return gene.order;
    if (real)
      return {std::min<std::int64_t>(static_cast<std::int64_t>(gene.position * static_cast<double>(logits)),
                                     static_cast<std::int64_t>(logits) - 1)};
    for (std::size_t level = 0; level < logits; ++level) {
      if (gene.index <= bin(level).second) return {static_cast<std::int64_t>(level)};
    }
    return {static_cast<std::int64_t>(logits) - 1};
  }

  Gene sample(const Vector& z, Random& random) const {
    Gene gene;
    std::vector<std::int64_t> left(logits);
    std::iota(left.begin(), left.end(), 0);
    const double top = z.maxCoeff();
    const auto draw = [&] {
      std::vector<double> weights;
      for (const std::int64_t i : left) weights.push_back(std::exp(z(i) - top));
      return random.weighted(weights);
    };
    if (permutation) {
      while (!left.empty()) {
        const std::size_t at = draw();
        gene.order.push_back(left[at]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(at));
      }
      return gene;
    }
    const std::size_t level = draw();
    if (real) {
      gene.position = (static_cast<double>(level) + random.uniform()) / static_cast<double>(logits);
    } else {
      const auto [from, to] = bin(level);
      gene.index = random.integer(from, to);
    }
    return gene;
  }

  /// log probability of an action; adds `weight` times its gradient to `gradient`, and `entropy_weight` times that of the first
  /// draw's entropy over its largest.
  double log_probability(const Vector& z, const std::vector<std::int64_t>& chosen, double weight, double entropy_weight,
                         Vector* gradient) const {
    std::vector<bool> gone(logits, false);
    double total = 0;
    for (std::size_t step = 0; step < chosen.size(); ++step) {
      if (permutation && step + 1 == logits) break;
      double top = -HUGE_VAL, sum = 0;
      for (std::size_t i = 0; i < logits; ++i) {
        if (!gone[i]) top = std::max(top, z(static_cast<Eigen::Index>(i)));
      }
      for (std::size_t i = 0; i < logits; ++i) {
        if (!gone[i]) sum += std::exp(z(static_cast<Eigen::Index>(i)) - top);
      }
      const double log_sum = top + std::log(sum);
      total += z(chosen[step]) - log_sum;
      if (gradient) {
        double entropy = 0;
        for (std::size_t i = 0; i < logits; ++i) {
          if (gone[i]) continue;
          const double log_p = z(static_cast<Eigen::Index>(i)) - log_sum;
          entropy -= std::exp(log_p) * log_p;
        }
        const double scale = step == 0 && logits > 1 ? entropy_weight / std::log(static_cast<double>(logits)) : 0;
        for (std::size_t i = 0; i < logits; ++i) {
          if (gone[i]) continue;
          const auto at = static_cast<Eigen::Index>(i);
          const double log_p = z(at) - log_sum;
          const double p = std::exp(log_p);
          (*gradient)(at) +=
              weight * ((chosen[step] == static_cast<std::int64_t>(i) ? 1.0 : 0.0) - p) - scale * p * (log_p + entropy);
        }
      }
      gone[static_cast<std::size_t>(chosen[step])] = true;
    }
    return total;
  }
};

/// One network with its optimiser and the parameters that it decides.
struct Actor {
  Net net;
  Adam<double> adam;
  std::vector<std::size_t> parameters;
};

/// Proximal policy optimisation (Schulman et al., arXiv 1707.06347) on the one-step problem of choosing a design. The policy is
/// factored: a softmax for each parameter, over the outputs of a network whose input is the weights of the objectives (the
/// constant 1 for one objective). `ppo` has one network and one clipped ratio for the whole design; `ippo` has one network,
/// optimiser and ratio per parameter, which share the reward and nothing else (de Witt et al., arXiv 2011.09533).
///
/// Each trial's weights are drawn from its number; its reward is the augmented Tchebycheff value of its objectives (logarithms
/// where they are positive, normalised over the history), turned into the normal quantile of its rank among the latest `history`
/// results under the same weights: no scale, no target. Infeasible results rank behind all feasible ones, by violation; failures
/// last. An update makes `epochs` passes over the latest `window` results, the ratio being to the policy that was in force when
/// the result arrived; there is no critic, the rank is the baseline. Inactive parameters take no part. Warm starts are learnt
/// from as if they had been proposed.
class PolicyAgent : public Agent {
 public:
  PolicyAgent(const AgentSetup& setup, const PolicyOptions& options, bool independent)
      : space_(setup.space),
        options_(options),
        objectives_(setup.objectives),
        seed_(derive(setup.seed, independent ? "ippo" : "ppo")) {
    for (const arch::Parameter& p : space_->parameters()) heads_.emplace_back(p);
    std::vector<std::vector<std::size_t>> groups;
    if (independent) {
      for (std::size_t i = 0; i < heads_.size(); ++i) groups.push_back({i});
    } else {
      groups.emplace_back(heads_.size());
      std::iota(groups[0].begin(), groups[0].end(), 0);
    }
    for (std::size_t g = 0; g < groups.size(); ++g) {
      Eigen::Index outputs = 0;
      for (const std::size_t i : groups[g]) {
        heads_[i].first = outputs;
        outputs += static_cast<Eigen::Index>(heads_[i].logits);
      }
      const std::vector<int> widths{static_cast<int>(objectives_), static_cast<int>(options_.hidden), static_cast<int>(outputs)};
      Net net(widths, Activation::tanh, derive(seed_, g), 0.01);
      AdamOptions adam;
      adam.learning_rate = options_.learning_rate;
      adam.clip_norm = 1;
      const Eigen::Index size = net.parameters().size();
      actors_.push_back({std::move(net), Adam<double>(size, adam), groups[g]});
    }
  }

  std::vector<arch::Point> ask(const AskRequest& request) const override {
    std::vector<arch::Point> out;
    for (std::size_t k = 0; k < request.count; ++k) {
      AskRequest one = request;
      one.number = request.number + k;
      Random random(one.seed(seed_));
      const Vector context = context_of(one.number);
      std::vector<Vector> logits;
      for (const Actor& actor : actors_) logits.push_back(actor.net.forward(context));
      Genome genome;
      std::optional<arch::Point> point;
      constexpr int tries = 40;
      for (int t = 0; t < tries && !point; ++t) {
        genome = draw(logits, random);
        arch::Point drawn = to_point(*space_, genome);
        if (request.fresh(drawn) && std::find(out.begin(), out.end(), drawn) == out.end()) point = std::move(drawn);
      }
      if (!point) point = fresh_variant(*space_, genome, request, out, random);
      if (!point) break;
      out.push_back(std::move(*point));
    }
    return out;
  }

  void tell(const Told& told) override {
    Sample s;
    s.told = told;
    s.context = context_of(told.number);
    const Genome genome = to_genome(*space_, told.point);
    for (std::size_t i = 0; i < heads_.size(); ++i)
      s.actions.push_back(told.point[i] ? heads_[i].action(genome[i]) : std::vector<std::int64_t>{});
    for (const Actor& actor : actors_)
      s.log_old.push_back(log_probability(actor, actor.net.forward(s.context), s, 0, 0, nullptr));
    samples_.push_back(std::move(s));
    const auto most = static_cast<std::size_t>(std::max(options_.history, options_.window));
    if (samples_.size() > most) samples_.pop_front();
    if (++told_ % static_cast<std::size_t>(options_.update_every) == 0) update();
  }

 private:
  struct Sample {
    Told told;
    Vector context;
    std::vector<std::vector<std::int64_t>> actions;  ///< by parameter; empty where inactive
    std::vector<double> log_old;                     ///< by actor
  };

  Vector context_of(std::uint64_t trial) const {
    Random random(derive(derive(seed_, "weights"), trial));
    const std::vector<double> weights = random_weights(objectives_, random);
    return Eigen::Map<const Vector>(weights.data(), static_cast<Eigen::Index>(weights.size()));
  }

  Genome draw(const std::vector<Vector>& logits, Random& random) const {
    Genome genome(heads_.size());
    for (std::size_t a = 0; a < actors_.size(); ++a) {
      for (const std::size_t i : actors_[a].parameters) {
        genome[i] = heads_[i].sample(logits[a].segment(heads_[i].first, static_cast<Eigen::Index>(heads_[i].logits)), random);
      }
    }
    return genome;
  }

  double log_probability(const Actor& actor, const Vector& logits, const Sample& s, double weight, double entropy,
                         Vector* gradient) const {
    double total = 0;
    for (const std::size_t i : actor.parameters) {
      if (s.actions[i].empty()) continue;
      const Head& head = heads_[i];
      const auto size = static_cast<Eigen::Index>(head.logits);
      Vector part = Vector::Zero(size);
      total += head.log_probability(logits.segment(head.first, size), s.actions[i], weight, entropy, gradient ? &part : nullptr);
      if (gradient) gradient->segment(head.first, size) += part;
    }
    return total;
  }

  /// Normal quantiles of the ranks of the window's results, each among the history under its own weights.
  std::vector<double> advantages(std::size_t from) const {
    const std::size_t begin = samples_.size() > static_cast<std::size_t>(options_.history)
                                  ? samples_.size() - static_cast<std::size_t>(options_.history)
                                  : 0;
    std::vector<ObjectiveScale> scales;
    std::vector<double> low(objectives_, HUGE_VAL), high(objectives_, -HUGE_VAL);
    for (std::size_t k = 0; k < objectives_; ++k) {
      std::vector<double> values;
      for (std::size_t i = begin; i < samples_.size(); ++i) {
        if (!samples_[i].told.failed) values.push_back(samples_[i].told.objectives[k]);
      }
      scales.emplace_back(values);
      for (const double v : values) {
        low[k] = std::min(low[k], scales[k](v));
        high[k] = std::max(high[k], scales[k](v));
      }
    }
    const auto cost = [&](const Told& t, const Vector& context) {
      if (t.failed) return HUGE_VAL;
      if (!t.feasible()) return 1e6 + std::asinh(t.total_violation());
      std::vector<double> z(objectives_), weights(context.data(), context.data() + context.size());
      for (std::size_t k = 0; k < objectives_; ++k)
        z[k] = (scales[k](t.objectives[k]) - low[k]) / std::max(high[k] - low[k], 1e-9);
      return tchebycheff(weights, z);
    };
    std::vector<double> out;
    for (std::size_t i = from; i < samples_.size(); ++i) {
      const double own = cost(samples_[i].told, samples_[i].context);
      double worse = 0, n = 0;
      for (std::size_t j = begin; j < samples_.size(); ++j) {
        const double other = cost(samples_[j].told, samples_[i].context);
        worse += other > own ? 1.0 : other == own ? 0.5 : 0.0;
        n += 1;
      }
      out.push_back(normal_quantile(std::clamp(worse / n, 0.01, 0.99)));
    }
    return out;
  }

  void update() {
    const std::size_t from = samples_.size() > static_cast<std::size_t>(options_.window)
                                 ? samples_.size() - static_cast<std::size_t>(options_.window)
                                 : 0;
    const std::vector<double> advantage = advantages(from);
    const double n = static_cast<double>(advantage.size());
    for (std::size_t a = 0; a < actors_.size(); ++a) {
      Actor& actor = actors_[a];
      for (std::int64_t epoch = 0; epoch < options_.epochs; ++epoch) {
        Vector gradient = Vector::Zero(actor.net.parameters().size());
        for (std::size_t i = 0; i < advantage.size(); ++i) {
          const Sample& s = samples_[from + i];
          Net::Trace trace;
          const Vector logits = actor.net.forward(s.context, trace);
          const double ratio = std::exp(std::clamp(log_probability(actor, logits, s, 0, 0, nullptr) - s.log_old[a], -20.0, 20.0));
          // The clipped objective has no gradient where the ratio has left the band on the side that the advantage favours.
          const bool clipped = advantage[i] > 0 ? ratio > 1 + options_.clip : ratio < 1 - options_.clip;
          Vector ascent = Vector::Zero(logits.size());
          log_probability(actor, logits, s, clipped ? 0 : advantage[i] * ratio / n, options_.entropy / n, &ascent);
          const Vector loss = -ascent;
          actor.net.backward(trace, loss, gradient);
        }
        actor.adam.step(actor.net.parameters(), gradient);
      }
    }
  }

  std::shared_ptr<const arch::Space> space_;
  PolicyOptions options_;
  std::size_t objectives_;
  std::uint64_t seed_;
  std::vector<Head> heads_;
  std::vector<Actor> actors_;
  std::deque<Sample> samples_;
  std::size_t told_ = 0;
};

class Ppo final : public PolicyAgent {
 public:
  Ppo(const AgentSetup& setup, const PolicyOptions& options) : PolicyAgent(setup, options, false) {}
};
class Ippo final : public PolicyAgent {
 public:
  Ippo(const AgentSetup& setup, const PolicyOptions& options) : PolicyAgent(setup, options, true) {}
};

}  // namespace

AgentInfo ppo_info() {
  return agent_info<Ppo, PolicyOptions>(
      "ppo", "proximal policy optimisation, one network for the whole design (Schulman et al. 2017)", 0);
}
AgentInfo ippo_info() {
  return agent_info<Ippo, PolicyOptions>(
      "ippo", "independent PPO, one agent per parameter with a shared reward (de Witt et al. 2020)", 0);
}

}  // namespace gnomon::search
