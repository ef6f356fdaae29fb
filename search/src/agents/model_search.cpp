#include "agents/model_search.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gnomon/search/pareto.hpp"

namespace gnomon::search {

std::vector<const Row*> by_merit(const std::vector<const Row*>& rows, const Targets& targets, Random& random) {
  std::vector<std::pair<double, const Row*>> keyed;
  std::vector<std::vector<double>> objectives;
  std::vector<std::size_t> who;
  for (const Row* row : rows) {
    if (row->told.failed) continue;
    double key = 0;
    if (row->told.feasible()) {
      std::vector<double> scaled(targets.objectives());
      for (std::size_t k = 0; k < scaled.size(); ++k) key += scaled[k] = targets.objective(k, row->told.objectives[k]);
      if (scaled.size() > 1) {
        who.push_back(keyed.size());
        objectives.push_back(std::move(scaled));
      } else {
        key = row->told.objectives.front();  // not the scaled one, which is cut off
      }
    }
    keyed.emplace_back(key, row);
  }
  if (!objectives.empty()) {
    double least = HUGE_VAL;
    for (const std::size_t i : who) least = std::min(least, keyed[i].first);
    for (const std::size_t f : nondominated(objectives)) keyed[who[f]].first = least - 1 - random.uniform();
  }
  const auto violation = [&](const Row* row) {
    double total = 0;
    for (std::size_t c = targets.objectives(); c < targets.outputs(); ++c) total += std::max(0.0, targets.value(c, row->told).value_or(0.0));
    return total;
  };
  std::vector<std::pair<double, const Row*>> infeasible;
  std::erase_if(keyed, [&](const auto& entry) {
    if (entry.second->told.feasible()) return false;
    infeasible.emplace_back(violation(entry.second), entry.second);
    return true;
  });
  const auto before = [](const auto& a, const auto& b) { return a.first < b.first; };
  std::stable_sort(keyed.begin(), keyed.end(), before);
  std::stable_sort(infeasible.begin(), infeasible.end(), before);
  std::vector<const Row*> out;
  for (const auto& [key, row] : keyed) out.push_back(row);
  for (const auto& [key, row] : infeasible) out.push_back(row);
  return out;
}

void Progression::tell(const Told& told) {
  if (told.failed) return;
  ++told_;
  std::vector<double> outcome = told.objectives;
  outcome.insert(outcome.end(), told.violations.begin(), told.violations.end());
  known_.push_back(!outcomes_.insert(std::move(outcome)).second);
  if (known_.size() > patience_) known_.pop_front();
  if (!told.feasible()) return;
  if (std::any_of(front_.begin(), front_.end(), [&](const auto& f) { return f == told.objectives || dominates(f, told.objectives); })) return;
  std::erase_if(front_, [&](const auto& f) { return dominates(told.objectives, f); });
  front_.push_back(told.objectives);
  last_ = told_;
}

double Progression::known() const { return static_cast<double>(std::count(known_.begin(), known_.end(), true)) / static_cast<double>(patience_); }

double Progression::wander() const {
  if (front_.empty()) return 0;
  constexpr double most_idle = 0.5, most_known = 0.8;
  const double patience = static_cast<double>(patience_), idle = static_cast<double>(told_ - last_);
  return std::max(most_known * known(), std::clamp((idle / patience - 1) * most_idle, 0.0, most_idle));
}

ModelSearch::ModelSearch(std::shared_ptr<const arch::Space> space, const Features& features, const AskRequest& request, Models& models,
                         Acquisition& acquisition, std::vector<const Row*> merit, const ModelSearchOptions& options, Random random)
    : space_(std::move(space)),
      features_(features),
      request_(request),
      models_(models),
      acquisition_(acquisition),
      merit_(std::move(merit)),
      options_(options),
      random_(random) {
  make_pool();
}

void ModelSearch::make_pool() {
  std::unordered_set<std::string> seen;
  const auto offer = [&](arch::Point point) {
    if (!request_.fresh(point) || !seen.insert(space_->key(point)).second) return;
    pool_.push_back(std::move(point));
  };
  const double d = static_cast<double>(space_->parameters().size());
  const std::size_t size = options_.pool;
  constexpr std::size_t most_elites = 24;
  const std::size_t elites = std::min(merit_.size(), most_elites);
  if (elites > 0) {
    std::vector<Genome> genomes;
    for (std::size_t i = 0; i < elites; ++i) genomes.push_back(to_genome(*space_, merit_[i]->told.point));
    const auto pick = [&]() -> const Genome& {
      // Better ones more often.
      const double u = random_.uniform();
      return genomes[static_cast<std::size_t>(u * u * static_cast<double>(elites))];
    };
    for (std::size_t t = 0; t < 2 * size && pool_.size() < size * 6 / 10; ++t) {
      Genome child = pick();
      mutate(*space_, child, std::min(1.0, random_.uniform(0.5, 3.0) / d), random_.uniform(0.02, 0.3), random_);
      offer(to_point(*space_, child));
    }
    for (std::size_t t = 0; t < size && pool_.size() < size * 8 / 10; ++t) {
      Genome child = pick();
      const Genome& other = pick();
      for (std::size_t i = 0; i < child.size(); ++i) {
        if (random_.chance(0.5)) child[i] = other[i];
      }
      offer(to_point(*space_, child));
    }
  }
  for (std::size_t t = 0; t < size && pool_.size() < size; ++t) {
    auto point = space_->sample(random_, 500);
    if (!point) break;
    offer(std::move(*point));
  }
}

void ModelSearch::believe(const arch::Point& point) {
  const RealVector x = features_.of(point);
  const Predicted known = models_.glance(x.transpose());
  models_.believe(x);
  acquisition_.believe(known.mean.row(0).transpose());
}

std::vector<ModelSearch::Scored> ModelSearch::exact(std::vector<arch::Point> points) const {
  std::vector<Scored> out;
  if (points.empty()) return out;
  const Predicted predicted = models_.predict(features_.of(points));
  for (std::size_t i = 0; i < points.size(); ++i)
    out.push_back({std::move(points[i]), acquisition_(predicted, static_cast<Eigen::Index>(i))});
  std::stable_sort(out.begin(), out.end(), [](const Scored& x, const Scored& y) { return x.score > y.score; });
  return out;
}

std::vector<ModelSearch::Scored> ModelSearch::best_of(const std::vector<arch::Point>& points, std::size_t looked_at) const {
  if (points.size() <= looked_at) return exact(points);
  const Predicted rough = models_.glance(features_.of(points));
  std::vector<double> score(points.size());
  for (std::size_t i = 0; i < points.size(); ++i) score[i] = acquisition_(rough, static_cast<Eigen::Index>(i));
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(looked_at), order.end(),
                    [&](std::size_t x, std::size_t y) { return score[x] != score[y] ? score[x] > score[y] : x < y; });
  std::vector<arch::Point> chosen;
  for (std::size_t i = 0; i < looked_at; ++i) chosen.push_back(points[order[i]]);
  return exact(std::move(chosen));
}

std::optional<arch::Point> ModelSearch::next(const std::vector<arch::Point>& taken) {
  const auto free = [&](const arch::Point& p) { return std::find(taken.begin(), taken.end(), p) == taken.end(); };
  std::erase_if(pool_, [&](const arch::Point& p) { return !free(p); });
  if (options_.uniform > 0 && random_.chance(options_.uniform)) {
    for (int t = 0; t < 20; ++t) {
      auto point = space_->sample(random_, 500);
      if (!point || !request_.fresh(*point) || !free(*point)) continue;
      believe(*point);
      return point;
    }
  }
  if (!pool_.empty() && random_.chance(options_.wander)) {
    const arch::Point point = pool_[static_cast<std::size_t>(random_.integer(0, static_cast<std::int64_t>(pool_.size()) - 1))];
    believe(point);
    return point;
  }
  const std::vector<Scored> scored = best_of(pool_, options_.looked_at);
  if (scored.empty()) return {};
  Scored best = scored.front();
  for (std::size_t start = 0; start < std::min(options_.starts, scored.size()); ++start) {
    Scored here = scored[start];
    for (std::size_t step = 0; step < options_.steps; ++step) {
      const auto near = fresh_neighbours(*space_, here.point, [&](const arch::Point& p) { return free(p) && request_.fresh(p); });
      const std::vector<Scored> around = best_of(near, options_.neighbours);
      if (around.empty() || !(around.front().score > here.score)) break;
      here = around.front();
    }
    if (here.score > best.score) best = here;
  }
  believe(best.point);
  return best.point;
}

std::vector<arch::Point> ModelSearch::fill(std::vector<arch::Point> points, std::size_t objectives, std::uint64_t seed) {
  constexpr std::size_t most_believed = 64;
  const auto& pending = request_.pending;
  for (std::size_t i = pending.size() > most_believed ? pending.size() - most_believed : 0; i < pending.size(); ++i) believe(pending[i]);
  for (const arch::Point& point : points) believe(point);
  while (points.size() < request_.count) {
    Random weights(derive(derive(seed, "weights"), request_.number + points.size()));
    acquisition_.weigh(random_weights(objectives, weights));
    auto point = next(points);
    if (!point) break;
    points.push_back(std::move(*point));
  }
  return points;
}

}  // namespace gnomon::search
