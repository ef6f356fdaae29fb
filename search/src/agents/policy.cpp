#include "agents/policy.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gnomon::search {

void describe_policy(FieldVisitor& v, PolicyOptions& o) {
  field(v, {"learning_rate", "Adam's step size"}, o.learning_rate, RealRange{0, 10, true});
  field(v, {"clip", "how far a probability ratio may leave 1"}, o.clip, RealRange{0, 10, true});
  field(v, {"entropy", "weight of the entropy bonus, per choice in units of its largest entropy"}, o.entropy, RealRange{0, 10});
  field(v, {"epochs", "passes over the window in an update"}, o.epochs, Range{1, 1000});
  field(v, {"update_every", "told results between updates", "trials"}, o.update_every, Range{1, 100000});
  field(v, {"window", "latest results that an update learns from", "trials"}, o.window, Range{1, 100000});
  field(v, {"history", "latest results that rewards are ranked against", "trials"}, o.history, Range{2, 100000});
  field(v, {"hidden", "units of the hidden layer"}, o.hidden, Range{1, 4096});
  field(v, {"imitation", "weight of imitating the best results"}, o.imitation, RealRange{0, 100});
  field(v, {"elites", "best results that are imitated", "trials"}, o.elites, Range{0, 1000});
  describe_edits(v, o);
}

void describe_edits(FieldVisitor& v, PolicyOptions& o) {
  field(v, {"edits", "share of the proposals that are one of the best designs with a few parameters decided anew"}, o.edits, RealRange{0, 1});
  field(v, {"steps", "share of those decisions about ordered parameters that go to the value next to the design's"}, o.steps, RealRange{0, 1});
  field(v, {"redecided", "parameters that an edit decides anew, on average, at least 1"}, o.redecided, RealRange{1, 1000});
}

Head::Head(const arch::Parameter& p) {
  permutation = p.kind == arch::ParameterKind::permutation;
  real = p.kind == arch::ParameterKind::real;
  ordered = !permutation && p.kind != arch::ParameterKind::categorical;
  values = p.size();
  logits = real ? real_levels : permutation ? values : std::min(values, most_levels);
  if (!ordered || logits < 4) return;
  const auto n = static_cast<Eigen::Index>(logits);
  const double width = std::max(0.6, static_cast<double>(logits) / 12);
  smoothing.resize(n, n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < n; ++j) smoothing(i, j) = std::exp(-0.5 * std::pow(static_cast<double>(i - j) / width, 2));
  }
}

std::pair<std::int64_t, std::int64_t> Head::bin(std::size_t level) const {
  const auto from = static_cast<std::int64_t>(level * values / logits), to = static_cast<std::int64_t>((level + 1) * values / logits) - 1;
  return {from, std::max(from, to)};
}

std::vector<std::int64_t> Head::action(const Gene& gene) const {
  if (permutation) return gene.order;
  const auto last = static_cast<std::int64_t>(logits) - 1;
  if (real) return {std::min<std::int64_t>(static_cast<std::int64_t>(gene.position * static_cast<double>(logits)), last)};
  if (logits == values) return {gene.index};
  for (std::size_t level = 0; level < logits; ++level) {
    if (gene.index <= bin(level).second) return {static_cast<std::int64_t>(level)};
  }
  return {last};
}

RealVector Head::log_softmax(const RealVector& outputs) const {
  RealVector z = smoothing.size() > 0 ? RealVector(smoothing * outputs) : outputs;
  z.array() -= z.maxCoeff();
  z.array() -= std::log(z.array().exp().sum());
  return z;
}

RealVector Head::through(const RealVector& gradient) const {
  return smoothing.size() > 0 ? RealVector(smoothing.transpose() * gradient) : gradient;
}

Gene Head::sample(const RealVector& log_p, Random& random) const {
  Gene gene;
  if (permutation) {
    std::vector<std::int64_t> left(logits);
    std::iota(left.begin(), left.end(), 0);
    std::vector<double> weights;
    while (!left.empty()) {
      weights.clear();
      for (const std::int64_t i : left) weights.push_back(std::exp(log_p(i)));
      const std::size_t at = random.weighted(weights);
      gene.order.push_back(left[at]);
      left.erase(left.begin() + static_cast<std::ptrdiff_t>(at));
    }
    return gene;
  }
  const RealVector weights = log_p.array().exp();
  const std::size_t level = random.weighted(std::span<const double>(weights.data(), logits));
  if (real) {
    gene.position = (static_cast<double>(level) + random.uniform()) / static_cast<double>(logits);
  } else {
    const auto [from, to] = bin(level);
    gene.index = from == to ? from : random.integer(from, to);
  }
  return gene;
}

Gene Head::sample_other(const RealVector& log_p, const Gene& gene, Random& random) const {
  if (permutation || real || logits != values || logits < 2) return sample(log_p, random);
  RealVector others = log_p;
  others[gene.index] = -HUGE_VAL;
  const double top = others.maxCoeff();
  const RealVector weights = (others.array() - top).exp();
  Gene out = gene;
  out.index = static_cast<std::int64_t>(random.weighted(std::span<const double>(weights.data(), logits)));
  return out;
}

void Head::step(Gene& gene, Random& random) const {
  if (real) {
    gene.position = std::clamp(gene.position + random.normal() / static_cast<double>(logits), 0.0, 1.0);
    return;
  }
  const std::int64_t last = static_cast<std::int64_t>(values) - 1;
  const std::int64_t by = random.chance(0.5) ? 1 : -1;
  gene.index = std::clamp<std::int64_t>(gene.index + (gene.index + by < 0 || gene.index + by > last ? -by : by), 0, last);
}

namespace {

/// log of the probability left for the items from `step` on.
double log_left(const RealVector& log_p, const std::vector<std::int64_t>& order, std::size_t step) {
  double top = -HUGE_VAL, sum = 0;
  for (std::size_t i = step; i < order.size(); ++i) top = std::max(top, log_p(order[i]));
  for (std::size_t i = step; i < order.size(); ++i) sum += std::exp(log_p(order[i]) - top);
  return top + std::log(sum);
}

}  // namespace

double Head::log_probability(const RealVector& log_p, const std::vector<std::int64_t>& chosen) const {
  if (!permutation) return log_p(chosen.front());
  double total = 0;
  for (std::size_t step = 0; step + 1 < chosen.size(); ++step) total += log_p(chosen[step]) - log_left(log_p, chosen, step);
  return total;
}

void Head::add_gradient(const RealVector& log_p, const std::vector<std::int64_t>& chosen, double weight, RealVector& gradient) const {
  if (!permutation) {
    gradient -= weight * log_p.array().exp().matrix();
    gradient(chosen.front()) += weight;
    return;
  }
  for (std::size_t step = 0; step + 1 < chosen.size(); ++step) {
    const double left = log_left(log_p, chosen, step);
    gradient(chosen[step]) += weight;
    for (std::size_t i = step; i < chosen.size(); ++i) gradient(chosen[i]) -= weight * std::exp(log_p(chosen[i]) - left);
  }
}

PolicyAgent::PolicyAgent(const AgentSetup& setup, const std::string& name, const PolicyOptions& options, bool independent)
    : space_(setup.space), options_(options), objectives_(setup.objectives), seed_(derive(setup.seed, name)), best_(setup, std::max<std::int64_t>(options.elites, 1)) {
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
    Mlp<double> net(widths, Activation::tanh, derive(seed_, g), 0.01);
    AdamOptions adam;
    adam.learning_rate = options_.learning_rate;
    adam.clip_norm = 1;
    const Eigen::Index size = net.parameters().size();
    actors_.push_back({std::move(net), Adam<double>(size, adam), groups[g]});
  }
  next_update_ = static_cast<std::size_t>(options_.update_every);
}

std::size_t PolicyAgent::kept() const { return static_cast<std::size_t>(std::max(options_.history, options_.window)); }

std::vector<arch::Point> PolicyAgent::ask(const AskRequest& request) const {
  std::vector<arch::Point> out;
  for (std::size_t k = 0; k < request.count; ++k) {
    AskRequest one = request;
    one.number = request.number + k;
    Random random(one.seed(seed_));
    const RealVector context = context_of(one.number);
    const std::vector<RealVector> log_p = log_probabilities(context);
    const std::size_t wanted = std::max<std::size_t>(draws(), 1);
    std::vector<Genome> drawn;
    std::vector<arch::Point> points;
    Genome last;
    for (std::size_t t = 0; t < 40 + 2 * wanted && drawn.size() < wanted; ++t) {
      last = proposal(log_p, random);
      arch::Point point = to_point(*space_, last);
      if (!request.fresh(point) || std::find(out.begin(), out.end(), point) != out.end()) continue;
      drawn.push_back(last);
      points.push_back(std::move(point));
    }
    std::optional<arch::Point> point;
    if (!points.empty()) point = points[wanted > 1 ? prefer(drawn, context) : 0];
    if (!point) point = fresh_variant(*space_, last, request, out, random);
    if (!point) break;
    out.push_back(std::move(*point));
  }
  return out;
}

void PolicyAgent::tell(const Told& told) {
  PolicySample s;
  s.told = told;
  s.context = context_of(told.number);
  const Genome genome = to_genome(*space_, told.point);
  for (std::size_t i = 0; i < heads_.size(); ++i)
    s.actions.push_back(told.point[i] ? heads_[i].action(genome[i]) : std::vector<std::int64_t>{});
  const std::vector<RealVector> log_p = log_probabilities(s.context);
  for (const Actor& actor : actors_) s.log_old.push_back(log_probability(actor, log_p, s));
  best_.enter(told);
  samples_.push_back(std::move(s));
  if (samples_.size() > kept()) samples_.pop_front();
  if (++told_ < next_update_) return;
  // Sooner or later an update for every trial would make a long study slow to restore.
  constexpr std::size_t many = 1000;
  next_update_ = told_ + std::max({static_cast<std::size_t>(options_.update_every), told_ / 64, told_ > many ? (told_ - many) / 8 : 0});
  update();
}

RealVector PolicyAgent::context_of(std::uint64_t trial) const {
  Random random(derive(derive(seed_, "weights"), trial));
  const std::vector<double> weights = random_weights(objectives_, random);
  return Eigen::Map<const RealVector>(weights.data(), static_cast<Eigen::Index>(weights.size()));
}

std::vector<RealVector> PolicyAgent::log_probabilities(const RealVector& context) const {
  std::vector<RealVector> out(heads_.size());
  for (const Actor& actor : actors_) {
    const RealVector outputs = actor.net.forward(context);
    for (const std::size_t i : actor.parameters)
      out[i] = heads_[i].log_softmax(outputs.segment(heads_[i].first, static_cast<Eigen::Index>(heads_[i].logits)));
  }
  return out;
}

double PolicyAgent::log_probability(const Actor& actor, const std::vector<RealVector>& log_p, const PolicySample& s) const {
  double total = 0;
  for (const std::size_t i : actor.parameters) {
    if (!s.actions[i].empty()) total += heads_[i].log_probability(log_p[i], s.actions[i]);
  }
  return total;
}

Genome PolicyAgent::draw(const std::vector<RealVector>& log_p, Random& random) const {
  Genome genome(heads_.size());
  for (std::size_t i = 0; i < heads_.size(); ++i) genome[i] = heads_[i].sample(log_p[i], random);
  return genome;
}

Genome PolicyAgent::proposal(const std::vector<RealVector>& log_p, Random& random) const {
  if (best_.empty() || told_ < static_cast<std::size_t>(options_.window) || !random.chance(options_.edits)) return draw(log_p, random);
  Genome genome = best_.pick(random);
  const auto last = static_cast<std::int64_t>(heads_.size()) - 1;
  const double more = (options_.redecided - 1) / options_.redecided;
  do {
    const auto i = static_cast<std::size_t>(random.integer(0, last));
    if (heads_[i].ordered && random.chance(options_.steps)) {
      heads_[i].step(genome[i], random);
      continue;
    }
    // Flatter than the policy: an edit explores.
    constexpr double flatness = 0.5;
    genome[i] = heads_[i].sample_other(flatness * log_p[i], genome[i], random);
  } while (random.chance(more));
  return genome;
}

std::vector<double> PolicyAgent::rewards(const std::vector<std::size_t>& which, std::size_t begin) const {
  std::vector<ObjectiveScale> scales;
  std::vector<double> low(objectives_, HUGE_VAL), high(objectives_, -HUGE_VAL);
  std::vector<std::vector<double>> good;
  for (std::size_t i = begin; i < samples_.size() && objectives_ > 1; ++i) {
    if (samples_[i].told.feasible()) good.push_back(samples_[i].told.objectives);
  }
  const std::vector<double> ends = ends_of_front(good);
  for (std::size_t k = 0; k < objectives_; ++k) {
    std::vector<double> values;
    for (std::size_t i = begin; i < samples_.size(); ++i) {
      if (!samples_[i].told.failed) values.push_back(samples_[i].told.objectives[k]);
    }
    scales.emplace_back(values, ends.empty() ? -HUGE_VAL : ends[k]);
    for (const double v : values) {
      low[k] = std::min(low[k], scales[k](v));
      high[k] = std::max(high[k], scales[k](v));
    }
  }
  // Normalised objectives once, [objectives] per sample; what cannot be compared so gets its cost here.
  constexpr double behind = 1e6;
  std::vector<std::vector<double>> z(samples_.size());
  std::vector<double> fixed(samples_.size(), -1);
  const auto prepare = [&](std::size_t i) {
    const Told& t = samples_[i].told;
    if (t.failed) {
      fixed[i] = HUGE_VAL;
    } else if (!t.feasible()) {
      fixed[i] = behind + std::asinh(t.total_violation());
    } else if (z[i].empty()) {
      z[i].resize(objectives_);
      for (std::size_t k = 0; k < objectives_; ++k) {
        z[i][k] = objectives_ == 1 ? t.objectives[0] : (scales[k](t.objectives[k]) - low[k]) / std::max(high[k] - low[k], 1e-9);
      }
    }
  };
  // Of many results every second, third, ... is compared with.
  constexpr std::size_t most_compared = 160;
  const std::size_t step = std::max<std::size_t>(1, (samples_.size() - begin) / most_compared);
  for (std::size_t i = begin; i < samples_.size(); ++i) prepare(i);
  for (const std::size_t i : which) prepare(i);
  std::vector<double> weights(objectives_), out, costs;
  const auto cost = [&](std::size_t i) {
    if (fixed[i] >= 0) return fixed[i];
    return objectives_ == 1 ? z[i][0] : tchebycheff(weights, z[i]);
  };
  // With one objective costs do not depend on the sample whose reward is asked for. Feasible ones come before the others even
  // where the objective exceeds the cost of the latter.
  const auto before = [&](std::size_t a, std::size_t b) {
    const bool bad_a = fixed[a] >= 0, bad_b = fixed[b] >= 0;
    if (bad_a != bad_b) return bad_b ? 1.0 : 0.0;
    const double ca = cost(a), cb = cost(b);
    return ca < cb ? 1.0 : ca == cb ? 0.5 : 0.0;
  };
  for (const std::size_t i : which) {
    for (std::size_t k = 0; k < objectives_; ++k) weights[k] = samples_[i].context(static_cast<Eigen::Index>(k));
    double worse = 0, n = 0;
    for (std::size_t j = begin; j < samples_.size(); j += step) {
      worse += before(i, j);
      n += 1;
    }
    out.push_back(normal_quantile(std::clamp(worse / std::max(n, 1.0), 0.005, 0.995)));
  }
  return out;
}

void PolicyAgent::ascend(const std::vector<Pull>& pulls, double entropy) {
  if (pulls.empty()) return;
  // With one objective all samples share one input.
  const auto columns = static_cast<Eigen::Index>(objectives_ == 1 ? 1 : pulls.size());
  RealMatrix input(static_cast<Eigen::Index>(objectives_), columns);
  for (Eigen::Index c = 0; c < columns; ++c) input.col(c) = pulls[static_cast<std::size_t>(c)].sample->context;
  for (std::size_t a = 0; a < actors_.size(); ++a) {
    Actor& actor = actors_[a];
    Mlp<double>::Trace trace;
    const RealMatrix outputs = actor.net.forward(input, trace);
    RealMatrix loss = RealMatrix::Zero(outputs.rows(), columns);
    for (const std::size_t i : actor.parameters) {
      const Head& head = heads_[i];
      const auto size = static_cast<Eigen::Index>(head.logits);
      for (Eigen::Index c = 0; c < columns; ++c) {
        const RealVector log_p = head.log_softmax(outputs.col(c).segment(head.first, size));
        RealVector gradient = RealVector::Zero(size);
        const std::size_t from = objectives_ == 1 ? 0 : static_cast<std::size_t>(c), to = objectives_ == 1 ? pulls.size() : from + 1;
        for (std::size_t s = from; s < to; ++s) {
          if (pulls[s].weight[a] != 0 && !pulls[s].sample->actions[i].empty())
            head.add_gradient(log_p, pulls[s].sample->actions[i], pulls[s].weight[a], gradient);
        }
        if (head.logits > 1) {
          const RealVector p = log_p.array().exp();
          const double h = -p.dot(log_p);
          const double scale = entropy / std::log(static_cast<double>(head.logits)) / static_cast<double>(columns);
          gradient.array() -= scale * p.array() * (log_p.array() + h);
        }
        loss.col(c).segment(head.first, size) -= head.through(gradient);
      }
    }
    RealVector total = RealVector::Zero(actor.net.parameters().size());
    actor.net.backward(trace, loss, total);
    actor.adam.step(actor.net.parameters(), total);
  }
}

}  // namespace gnomon::search
