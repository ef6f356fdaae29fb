#include "gnomon/search/pareto.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

namespace gnomon::search {
namespace {

using Points = std::vector<std::vector<double>>;

double area(std::vector<std::pair<double, double>> points, double reference_x, double reference_y) {
  std::sort(points.begin(), points.end());
  double total = 0, lowest = reference_y;
  for (const auto& [x, y] : points) {
    if (y >= lowest) continue;
    total += (reference_x - x) * (lowest - y);
    lowest = y;
  }
  return total;
}

/// Sweeps the third axis upwards; each slab is the area of the points at or below it.
double volume(const Points& points, const std::vector<double>& reference) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return points[a][2] < points[b][2]; });
  std::vector<std::pair<double, double>> below;
  double total = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const std::vector<double>& p = points[order[i]];
    below.emplace_back(p[0], p[1]);
    const double top = i + 1 < order.size() ? points[order[i + 1]][2] : reference[2];
    if (top > p[2]) total += area(below, reference[0], reference[1]) * (top - p[2]);
  }
  return total;
}

Points front_of(const Points& points) {
  Points out;
  std::vector<std::size_t> keep = nondominated(points);
  for (const std::size_t i : keep) {
    if (std::find(out.begin(), out.end(), points[i]) == out.end()) out.push_back(points[i]);
  }
  return out;
}

double wfg(Points points, const std::vector<double>& reference);

double inclusive(const std::vector<double>& p, const std::vector<double>& reference) {
  double product = 1;
  for (std::size_t k = 0; k < p.size(); ++k) product *= reference[k] - p[k];
  return product;
}

double wfg(Points points, const std::vector<double>& reference) {
  if (points.empty()) return 0;
  if (reference.size() == 3) return volume(points, reference);
  // Worst last objective first keeps the limited sets small.
  std::sort(points.begin(), points.end(), [](const auto& a, const auto& b) { return a.back() > b.back(); });
  double total = 0;
  for (std::size_t i = 0; i < points.size(); ++i) {
    Points limited;
    for (std::size_t j = i + 1; j < points.size(); ++j) {
      std::vector<double> worse(points[j].size());
      for (std::size_t k = 0; k < worse.size(); ++k) worse[k] = std::max(points[i][k], points[j][k]);
      limited.push_back(std::move(worse));
    }
    total += inclusive(points[i], reference) - wfg(front_of(limited), reference);
  }
  return total;
}

}  // namespace

bool dominates(const std::vector<double>& a, const std::vector<double>& b) {
  bool better = false;
  for (std::size_t k = 0; k < a.size(); ++k) {
    if (a[k] > b[k]) return false;
    better = better || a[k] < b[k];
  }
  return better;
}

std::vector<std::size_t> nondominated(const Points& points) {
  std::vector<std::size_t> order(points.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
  std::vector<std::size_t> front;
  if (!points.empty() && points[0].size() == 2) {
    double lowest = std::numeric_limits<double>::infinity();
    const std::vector<double>* last = nullptr;
    for (const std::size_t i : order) {
      if (points[i][1] < lowest || (last && points[i] == *last)) {
        front.push_back(i);
        lowest = points[i][1];
        last = &points[i];
      }
    }
  } else {
    // In lexicographic order nobody later dominates somebody earlier.
    for (const std::size_t i : order) {
      const bool beaten = std::any_of(front.begin(), front.end(), [&](std::size_t f) { return dominates(points[f], points[i]); });
      if (!beaten) front.push_back(i);
    }
  }
  std::sort(front.begin(), front.end());
  return front;
}

std::vector<int> nondominated_ranks(const Points& points) {
  const std::size_t n = points.size();
  std::vector<int> rank(n, -1), beaten_by(n, 0);
  std::vector<std::vector<std::size_t>> beats(n);
  for (std::size_t i = 0; i < n; ++i) {
    for (std::size_t j = i + 1; j < n; ++j) {
      if (dominates(points[i], points[j])) {
        beats[i].push_back(j);
        ++beaten_by[j];
      } else if (dominates(points[j], points[i])) {
        beats[j].push_back(i);
        ++beaten_by[i];
      }
    }
  }
  std::vector<std::size_t> current;
  for (std::size_t i = 0; i < n; ++i) {
    if (beaten_by[i] == 0) current.push_back(i);
  }
  for (int level = 0; !current.empty(); ++level) {
    std::vector<std::size_t> next;
    for (const std::size_t i : current) {
      rank[i] = level;
      for (const std::size_t j : beats[i]) {
        if (--beaten_by[j] == 0) next.push_back(j);
      }
    }
    current = std::move(next);
  }
  return rank;
}

std::vector<double> crowding_distances(const Points& points) {
  const std::size_t n = points.size();
  constexpr double infinite = std::numeric_limits<double>::infinity();
  std::vector<double> out(n, 0.0);
  if (n == 0) return out;
  std::vector<std::size_t> order(n), distinct;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return points[a] < points[b]; });
  for (const std::size_t i : order) {
    if (distinct.empty() || points[distinct.back()] != points[i]) distinct.push_back(i);
  }
  for (std::size_t k = 0; k < points[0].size(); ++k) {
    std::stable_sort(distinct.begin(), distinct.end(), [&](std::size_t a, std::size_t b) { return points[a][k] < points[b][k]; });
    const double span = points[distinct.back()][k] - points[distinct.front()][k];
    out[distinct.front()] = out[distinct.back()] = infinite;
    if (!(span > 0)) continue;
    for (std::size_t i = 1; i + 1 < distinct.size(); ++i) {
      out[distinct[i]] += (points[distinct[i + 1]][k] - points[distinct[i - 1]][k]) / span;
    }
  }
  return out;
}

double hypervolume(const Points& points, const std::vector<double>& reference) {
  Points inside;
  for (const auto& p : points) {
    bool beats = p.size() == reference.size();
    for (std::size_t k = 0; beats && k < reference.size(); ++k) beats = p[k] < reference[k];
    if (beats) inside.push_back(p);
  }
  if (inside.empty() || reference.empty()) return 0;
  if (reference.size() == 1) {
    double best = inside[0][0];
    for (const auto& p : inside) best = std::min(best, p[0]);
    return reference[0] - best;
  }
  if (reference.size() == 2) {
    std::vector<std::pair<double, double>> pairs;
    for (const auto& p : inside) pairs.emplace_back(p[0], p[1]);
    return area(std::move(pairs), reference[0], reference[1]);
  }
  inside = front_of(inside);
  return reference.size() == 3 ? volume(inside, reference) : wfg(std::move(inside), reference);
}

HypervolumeTracker::HypervolumeTracker(std::size_t objectives, std::optional<std::vector<double>> reference, std::size_t warmup)
    : objectives_(objectives), warmup_(warmup), fixed_(std::move(reference)) {}

bool HypervolumeTracker::add(const std::vector<double>& point) {
  if (point.size() != objectives_) return false;
  ++seen_;
  cached_.reset();
  if (worst_.empty()) worst_ = point;
  for (std::size_t k = 0; k < objectives_; ++k) worst_[k] = std::max(worst_[k], point[k]);
  if (!fixed_ && seen_ >= warmup_) fixed_ = worst_;
  if (std::any_of(front_.begin(), front_.end(), [&](const auto& f) { return dominates(f, point); })) return false;
  if (std::find(front_.begin(), front_.end(), point) != front_.end()) return true;
  std::erase_if(front_, [&](const auto& f) { return dominates(point, f); });
  front_.push_back(point);
  return true;
}

std::optional<std::vector<double>> HypervolumeTracker::reference() const {
  if (fixed_) return fixed_;
  if (worst_.empty()) return {};
  return worst_;
}

double HypervolumeTracker::value() const {
  if (!cached_) {
    const auto where = reference();
    cached_ = where ? hypervolume(front_, *where) : 0.0;
  }
  return *cached_;
}

}  // namespace gnomon::search
