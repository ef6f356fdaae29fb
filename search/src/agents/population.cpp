#include "agents/population.hpp"

#include <algorithm>
#include <cmath>

#include "gnomon/search/pareto.hpp"

namespace gnomon::search {

void ViolationSum::note(const std::vector<double>& violations) {
  for (std::size_t c = 0; c < sum_.size() && c < violations.size(); ++c) {
    if (violations[c] > 0) {
      sum_[c] += violations[c];
      count_[c] += 1;
    }
  }
}

double ViolationSum::operator()(const std::vector<double>& violations) const {
  double total = 0;
  for (std::size_t c = 0; c < violations.size(); ++c) {
    if (!(violations[c] > 0)) continue;
    const double mean = count_[c] > 0 ? sum_[c] / count_[c] : 1.0;
    total += mean > 0 && std::isfinite(mean) ? violations[c] / mean : 1.0;
  }
  return total;
}

bool better(const Member& a, const Member& b) {
  if (a.rank != b.rank) return a.rank < b.rank;
  return a.crowding > b.crowding;
}

void rank_members(std::vector<Member>& members, const ViolationSum& violation) {
  std::vector<std::size_t> feasible;
  std::vector<std::pair<double, std::size_t>> infeasible;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const double total = violation(members[i].violations);
    if (total <= 0)
      feasible.push_back(i);
    else
      infeasible.emplace_back(total, i);
  }
  std::vector<std::vector<double>> objectives;
  for (const std::size_t i : feasible) objectives.push_back(members[i].objectives);
  const std::vector<int> ranks = nondominated_ranks(objectives);
  int last = -1;
  for (const int r : ranks) last = std::max(last, r);
  std::vector<std::vector<std::size_t>> levels(static_cast<std::size_t>(last + 1));
  for (std::size_t k = 0; k < feasible.size(); ++k) levels[static_cast<std::size_t>(ranks[k])].push_back(k);
  for (std::size_t level = 0; level < levels.size(); ++level) {
    std::vector<std::vector<double>> front;
    for (const std::size_t k : levels[level]) front.push_back(objectives[k]);
    const std::vector<double> crowding = crowding_distances(front);
    for (std::size_t k = 0; k < levels[level].size(); ++k) {
      Member& m = members[feasible[levels[level][k]]];
      m.rank = static_cast<int>(level);
      m.crowding = crowding[k];
    }
  }
  std::sort(infeasible.begin(), infeasible.end());
  for (const auto& [total, i] : infeasible) {
    members[i].rank = ++last;
    members[i].crowding = 0;
  }
}

Elites::Elites(const AgentSetup& setup, std::int64_t most)
    : space_(setup.space), objectives_(setup.objectives), most_(static_cast<std::size_t>(most)), violation_(setup.constraints) {}

bool Elites::enter(const Told& told) {
  if (told.failed) return false;
  violation_.note(told.violations);
  Elite elite{to_genome(*space_, told.point), told.objectives, told.feasible() ? 0.0 : violation_(told.violations)};
  if (!best_.empty() && best_.front().violation > 0 && elite.violation <= 0) best_.clear();
  if (elite.violation > 0 && !best_.empty() && best_.front().violation <= 0) return false;
  if (elite.violation > 0 || objectives_ == 1) {
    const auto key = [](const Elite& e) { return e.violation > 0 ? e.violation : e.objectives.front(); };
    const auto at = std::upper_bound(best_.begin(), best_.end(), elite, [&](const Elite& a, const Elite& b) { return key(a) < key(b); });
    if (best_.size() >= most_ && at == best_.end()) return false;
    best_.insert(at, std::move(elite));
    if (best_.size() > most_) best_.pop_back();
    return true;
  }
  for (const Elite& e : best_) {
    if (dominates(e.objectives, elite.objectives) || e.objectives == elite.objectives) return false;
  }
  std::erase_if(best_, [&](const Elite& e) { return dominates(elite.objectives, e.objectives); });
  best_.push_back(std::move(elite));
  return true;
}

const Genome& Elites::pick(Random& random) const {
  const double u = random.uniform();
  const bool ordered = objectives_ == 1 || best_.front().violation > 0;
  return best_[static_cast<std::size_t>((ordered ? u * u : u) * static_cast<double>(best_.size()))].genome;
}

void describe_variation(FieldVisitor& v, VariationOptions& o) {
  field(v, {"crossover", "probability that a child has two parents"}, o.crossover, RealRange{0, 1});
  field(v, {"crossover_eta", "distribution index of SBX: larger keeps children nearer to their parents"}, o.crossover_eta,
        RealRange{0, 1000});
  field(v, {"mutations", "genes mutated in a child, on average"}, o.mutations, RealRange{0, 1000});
  field(v, {"spread", "size of a mutation step, as a fraction of the parameter's range"}, o.spread, RealRange{0, 1, true});
}

namespace {

/// One of the two children of simulated binary crossover, unbounded.
double sbx(double a, double b, double eta, Random& random) {
  const double u = random.uniform();
  const double power = 1.0 / (eta + 1.0);
  const double beta = u <= 0.5 ? std::pow(2 * u, power) : std::pow(1.0 / (2.0 * (1.0 - u)), power);
  return 0.5 * ((1 + beta) * a + (1 - beta) * b);
}

}  // namespace

void cross_gene(const arch::Parameter& p, Gene& child, const Gene& other, double eta, Random& random) {
  if (p.kind == arch::ParameterKind::categorical) {
    if (random.chance(0.5)) child = other;
  } else if (p.discrete()) {
    if (child.index == other.index) return;
    double a = static_cast<double>(child.index), b = static_cast<double>(other.index);
    if (random.chance(0.5)) std::swap(a, b);
    const double x = std::clamp(sbx(a, b, eta, random), 0.0, static_cast<double>(p.size() - 1));
    const double low = std::floor(x);
    child.index = std::clamp<std::int64_t>(static_cast<std::int64_t>(low) + (random.chance(x - low) ? 1 : 0), 0,
                                           static_cast<std::int64_t>(p.size()) - 1);
  } else if (p.kind == arch::ParameterKind::real) {
    const double x = random.chance(0.5) ? sbx(child.position, other.position, eta, random)
                                        : sbx(other.position, child.position, eta, random);
    child.position = std::clamp(x, 0.0, 1.0);
  } else {
    const auto n = static_cast<std::int64_t>(p.size());
    auto from = static_cast<std::size_t>(random.integer(0, n - 1));
    auto to = static_cast<std::size_t>(random.integer(0, n - 1));
    if (from > to) std::swap(from, to);
    const std::vector<std::int64_t> slice(child.order.begin() + static_cast<std::ptrdiff_t>(from),
                                          child.order.begin() + static_cast<std::ptrdiff_t>(to) + 1);
    std::vector<std::int64_t> next;
    for (const std::int64_t item : other.order) {
      if (next.size() == from) next.insert(next.end(), slice.begin(), slice.end());
      if (std::find(slice.begin(), slice.end(), item) == slice.end()) next.push_back(item);
    }
    if (next.size() == from) next.insert(next.end(), slice.begin(), slice.end());
    child.order = std::move(next);
  }
}

void vary(const arch::Space& space, Genome& child, const Genome& other, const VariationOptions& options, Random& random) {
  const auto& parameters = space.parameters();
  const double rate = std::min(1.0, options.mutations / static_cast<double>(std::max<std::size_t>(parameters.size(), 1)));
  if (random.chance(options.crossover)) {
    for (std::size_t i = 0; i < parameters.size(); ++i)
      cross_gene(parameters[i], child[i], other[i], options.crossover_eta, random);
  }
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (can_change(parameters[i]) && random.chance(rate)) mutate_gene(parameters[i], child[i], options.spread, random);
  }
}

SteadyState::SteadyState(const AgentSetup& setup, const std::string& name, std::int64_t population,
                         const VariationOptions& variation)
    : space_(setup.space),
      population_(static_cast<std::size_t>(population)),
      variation_(variation),
      seed_(derive(setup.seed, name)),
      initial_(setup.space, derive(setup.seed, name + "/initial")),
      violation_(setup.constraints) {}

std::vector<arch::Point> SteadyState::ask(const AskRequest& request) const {
  std::vector<arch::Point> out;
  const std::size_t started = told_ + request.pending.size();
  if (started < population_) out = initial_.next(std::min(request.count, population_ - started), request);
  if (members_.empty()) {
    if (out.size() < request.count) {
      for (arch::Point& point : initial_.next(request.count - out.size(), request, out)) out.push_back(std::move(point));
    }
    return out;
  }
  const auto usable = [&](const arch::Point& point) {
    return std::find(out.begin(), out.end(), point) == out.end() && request.fresh(point);
  };
  while (out.size() < request.count) {
    AskRequest one = request;
    one.number = request.number + out.size();
    Random random(one.seed(seed_));
    std::optional<arch::Point> found;
    Genome child;
    constexpr int tries = 12;
    for (int t = 0; t < tries && !found; ++t) {
      child = tournament(random).genome;
      vary(*space_, child, tournament(random).genome, variation_, random);
      arch::Point point = to_point(*space_, child);
      if (usable(point)) found = std::move(point);
    }
    if (!found) found = fresh_variant(*space_, child, request, out, random);
    if (!found) break;
    out.push_back(std::move(*found));
  }
  return out;
}

void SteadyState::tell(const Told& told) {
  ++told_;
  if (told.failed) return;
  violation_.note(told.violations);
  members_.push_back({to_genome(*space_, told.point), told.objectives, told.violations, told.number, 0, 0});
  rank(members_, violation_);
  if (members_.size() <= population_) return;
  members_.erase(std::max_element(members_.begin(), members_.end(), [](const Member& a, const Member& b) { return better(a, b); }));
}

const Member& SteadyState::tournament(Random& random) const {
  const auto last = static_cast<std::int64_t>(members_.size()) - 1;
  const Member& a = members_[static_cast<std::size_t>(random.integer(0, last))];
  const Member& b = members_[static_cast<std::size_t>(random.integer(0, last))];
  return better(b, a) ? b : a;
}

}  // namespace gnomon::search
