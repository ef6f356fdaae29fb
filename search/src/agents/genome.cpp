#include "agents/genome.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gnomon::search {
namespace {

using arch::Parameter;
using arch::ParameterKind;
using arch::Point;
using arch::Space;
using arch::Value;

double position_of(const Parameter& p, double value) {
  if (!(p.high > p.low)) return 0.5;
  const double at = p.log ? std::log(value / p.low) / std::log(p.high / p.low) : (value - p.low) / (p.high - p.low);
  return std::clamp(at, 0.0, 1.0);
}

double value_at(const Parameter& p, double position) {
  if (position <= 0) return p.low;
  if (position >= 1) return p.high;
  const double value = p.log ? p.low * std::pow(p.high / p.low, position) : p.low + position * (p.high - p.low);
  return std::clamp(value, p.low, p.high);
}

std::vector<std::int64_t> identity_order(std::size_t n) {
  std::vector<std::int64_t> order(n);
  std::iota(order.begin(), order.end(), 0);
  return order;
}

}  // namespace

bool can_change(const Parameter& p) {
  return p.kind == ParameterKind::real ? p.high > p.low : p.size() > 1;
}

Genome to_genome(const Space& space, const Point& point) {
  const auto& parameters = space.parameters();
  Genome genome(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    Gene& gene = genome[i];
    if (p.discrete()) gene.index = static_cast<std::int64_t>(p.size()) / 2;
    if (p.kind == ParameterKind::permutation) gene.order = identity_order(p.size());
    if (i >= point.size() || !point[i]) continue;
    const Value& value = *point[i];
    if (p.discrete()) {
      const auto at = std::find(p.values.begin(), p.values.end(), value);
      if (at != p.values.end()) gene.index = at - p.values.begin();
    } else if (p.kind == ParameterKind::real) {
      if (const double* real = std::get_if<double>(&value)) gene.position = position_of(p, *real);
    } else if (const auto* order = std::get_if<std::vector<std::int64_t>>(&value)) {
      gene.order = *order;
    }
  }
  return genome;
}

Point to_point(const Space& space, const Genome& genome) {
  const auto& parameters = space.parameters();
  Point point(parameters.size());
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    if (p.discrete())
      point[i] = p.values[static_cast<std::size_t>(genome[i].index)];
    else if (p.kind == ParameterKind::real)
      point[i] = value_at(p, genome[i].position);
    else
      point[i] = genome[i].order;
  }
  space.normalize(point);
  return point;
}

std::size_t code_size(const Space& space) {
  std::size_t n = 0;
  for (const Parameter& p : space.parameters())
    n += p.kind == ParameterKind::permutation ? std::max<std::size_t>(p.size(), 1) - 1 : 1;
  return n;
}

Genome genome_from_uniform(const Space& space, const std::vector<double>& code) {
  const auto& parameters = space.parameters();
  Genome genome(parameters.size());
  std::size_t at = 0;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    if (p.discrete()) {
      const auto n = static_cast<std::int64_t>(p.size());
      genome[i].index = std::min(n - 1, static_cast<std::int64_t>(code[at++] * static_cast<double>(n)));
    } else if (p.kind == ParameterKind::real) {
      genome[i].position = code[at++];
    } else {
      std::vector<std::int64_t> left = identity_order(p.size());
      while (left.size() > 1) {
        const auto pick = std::min(left.size() - 1, static_cast<std::size_t>(code[at++] * static_cast<double>(left.size())));
        genome[i].order.push_back(left[pick]);
        left.erase(left.begin() + static_cast<std::ptrdiff_t>(pick));
      }
      if (!left.empty()) genome[i].order.push_back(left[0]);
    }
  }
  return genome;
}

Genome random_genome(const Space& space, Random& random) {
  std::vector<double> code(code_size(space));
  for (double& u : code) u = random.uniform();
  return genome_from_uniform(space, code);
}

void mutate_gene(const Parameter& p, Gene& gene, double spread, Random& random) {
  if (!can_change(p)) return;
  const auto n = static_cast<std::int64_t>(p.size());
  if (p.kind == ParameterKind::categorical) {
    const std::int64_t step = random.integer(1, n - 1);
    gene.index = (gene.index + step) % n;
  } else if (p.discrete()) {
    const double wide = std::max(1.0, spread * static_cast<double>(n));
    const auto step = 1 + static_cast<std::int64_t>(-std::log1p(-random.uniform()) * (wide - 0.5));
    const std::int64_t before = gene.index;
    gene.index = std::clamp<std::int64_t>(gene.index + (random.chance(0.5) ? step : -step), 0, n - 1);
    if (gene.index == before) gene.index = before == 0 ? 1 : before - 1;
  } else if (p.kind == ParameterKind::real) {
    double moved = gene.position + spread * random.normal();
    if (moved < 0) moved = -moved;
    if (moved > 1) moved = 2 - moved;
    gene.position = std::clamp(moved, 0.0, 1.0);
  } else {
    const auto a = static_cast<std::size_t>(random.integer(0, n - 1));
    auto b = static_cast<std::size_t>(random.integer(0, n - 2));
    if (b >= a) ++b;
    if (random.chance(0.5)) {
      std::swap(gene.order[a], gene.order[b]);
    } else {
      const std::int64_t item = gene.order[a];
      gene.order.erase(gene.order.begin() + static_cast<std::ptrdiff_t>(a));
      gene.order.insert(gene.order.begin() + static_cast<std::ptrdiff_t>(b), item);
    }
  }
}

void mutate(const Space& space, Genome& genome, double rate, double spread, Random& random) {
  const auto& parameters = space.parameters();
  std::vector<std::size_t> candidates;
  bool changed = false;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (!can_change(parameters[i])) continue;
    candidates.push_back(i);
    if (random.chance(rate)) {
      mutate_gene(parameters[i], genome[i], spread, random);
      changed = true;
    }
  }
  if (changed || candidates.empty()) return;
  const std::size_t i = candidates[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(candidates.size()) - 1))];
  mutate_gene(parameters[i], genome[i], spread, random);
}

std::vector<Point> fresh_neighbours(const Space& space, const Point& point, const std::function<bool(const Point&)>& fresh) {
  std::vector<Point> out;
  const auto& parameters = space.parameters();
  const Genome genome = to_genome(space, point);
  const auto offer = [&](std::size_t i, Gene gene) {
    Genome next = genome;
    next[i] = std::move(gene);
    Point candidate = to_point(space, next);
    if (fresh(candidate)) out.push_back(std::move(candidate));
  };
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    const Parameter& p = parameters[i];
    if (!can_change(p) || i >= point.size() || !point[i]) continue;
    Gene gene = genome[i];
    if (p.kind == ParameterKind::categorical) {
      for (std::int64_t v = 0; v < static_cast<std::int64_t>(p.size()); ++v) {
        if (v == genome[i].index) continue;
        gene.index = v;
        offer(i, gene);
      }
    } else if (p.discrete()) {
      for (const int step : {-1, 1, -2, 2}) {
        gene.index = genome[i].index + step;
        if (gene.index >= 0 && gene.index < static_cast<std::int64_t>(p.size())) offer(i, gene);
      }
    } else if (p.kind == ParameterKind::real) {
      for (const double step : {-0.02, 0.02, -0.1, 0.1}) {
        gene.position = genome[i].position + step;
        if (gene.position >= 0 && gene.position <= 1) offer(i, gene);
      }
    } else {
      for (std::size_t k = 0; k + 1 < p.size(); ++k) {
        gene.order = genome[i].order;
        std::swap(gene.order[k], gene.order[k + 1]);
        offer(i, gene);
      }
    }
  }
  return out;
}

std::optional<Point> fresh_variant(const Space& space, const Genome& genome, const AskRequest& request,
                                   const std::vector<Point>& taken, Random& random, int tries) {
  const auto usable = [&](const Point& point) {
    return std::find(taken.begin(), taken.end(), point) == taken.end() && request.fresh(point);
  };
  const double d = static_cast<double>(std::max<std::size_t>(space.parameters().size(), 1));
  for (int t = 0; t < tries; ++t) {
    Genome child = genome;
    const double grown = static_cast<double>(t) / static_cast<double>(tries);
    mutate(space, child, std::min(1.0, (1.0 + 2.0 * grown * d) / d), 0.05 + 0.3 * grown, random);
    Point point = to_point(space, child);
    if (usable(point)) return point;
  }
  for (int t = 0; t < 20; ++t) {
    auto point = space.sample(random, 200);
    if (point && usable(*point)) return point;
  }
  return {};
}

}  // namespace gnomon::search
