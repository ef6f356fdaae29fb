#include <algorithm>
#include <cmath>
#include <numbers>

#include "problems/entry.hpp"

/// The WFG toolkit (Huband, Hingston, Barone and While, IEEE TEC 10(5), 2006): transformations b_, s_, r_ and shapes h, with three
/// objectives, four position and four distance parameters. Parameter i runs from 0 to 2i; the optimum of a distance parameter lies at
/// 0.35 of its range as published (WFG8 and WFG9 have it depend on the others), so nothing is shifted here.
namespace gnomon::search {
namespace {

constexpr double pi = std::numbers::pi;
constexpr std::size_t objectives = 3, position = 4, distance = 4, all = position + distance;
using Vector = std::vector<double>;

/// Rounding may leave [0, 1] by an ulp, on which floor() in the transformations would jump.
double clipped(double y) {
  return std::clamp(y, 0.0, 1.0);
}

double b_flat(double y, double a, double b, double c) {
  const double low = std::min(0.0, std::floor(y - b)) * a * (b - y) / b;
  const double high = std::min(0.0, std::floor(c - y)) * (1 - a) * (y - c) / (1 - c);
  return clipped(a + low - high);
}
double b_param(double y, double u, double a, double b, double c) {
  const double v = a - (1 - 2 * u) * std::abs(std::floor(0.5 - u) + a);
  return clipped(std::pow(y, b + (c - b) * v));
}
double s_linear(double y, double a) {
  return clipped(std::abs(y - a) / std::abs(std::floor(a - y) + a));
}
double s_decept(double y, double a, double b, double c) {
  const double left = std::floor(y - a + b) * (1 - c + (a - b) / b) / (a - b);
  const double right = std::floor(a + b - y) * (1 - c + (1 - a - b) / b) / (1 - a - b);
  return clipped(1 + (std::abs(y - a) - b) * (left + right + 1 / b));
}
double s_multi(double y, double a, double b, double c) {
  const double away = std::abs(y - c) / (2 * (std::floor(c - y) + c));
  return clipped((1 + std::cos((4 * a + 2) * pi * (0.5 - away)) + 4 * b * away * away) / (b + 2));
}
double r_sum(const Vector& y, std::size_t from, std::size_t to, bool weighted = false) {
  double sum = 0, weight = 0;
  for (std::size_t i = from; i < to; ++i) {
    const double w = weighted ? 2 * static_cast<double>(i + 1) : 1;
    sum += w * y[i];
    weight += w;
  }
  return clipped(sum / weight);
}
double r_nonsep(const Vector& y, std::size_t from, std::size_t to, std::size_t degree) {
  const std::size_t n = to - from;
  double sum = 0;
  for (std::size_t j = 0; j < n; ++j) {
    sum += y[from + j];
    for (std::size_t k = 0; k + 1 < degree; ++k) sum += std::abs(y[from + j] - y[from + (1 + j + k) % n]);
  }
  const auto a = static_cast<double>(degree);
  const double half = std::ceil(a / 2);
  return clipped(sum / (static_cast<double>(n) / a * half * (1 + 2 * a - 2 * half)));
}

/// The last reduction: position groups, then all distance parameters.
Vector reduced_sum(const Vector& y, bool weighted = false) {
  constexpr std::size_t group = position / (objectives - 1);
  Vector t;
  for (std::size_t m = 0; m + 1 < objectives; ++m) t.push_back(r_sum(y, m * group, (m + 1) * group, weighted));
  t.push_back(r_sum(y, position, y.size(), weighted));
  return t;
}
Vector reduced_nonsep(const Vector& y) {
  constexpr std::size_t group = position / (objectives - 1);
  Vector t;
  for (std::size_t m = 0; m + 1 < objectives; ++m) t.push_back(r_nonsep(y, m * group, (m + 1) * group, group));
  t.push_back(r_nonsep(y, position, y.size(), distance));
  return t;
}

enum class Shape { concave, convex_mixed, convex_disconnected, linear };

Vector shaped(const Vector& t, Shape shape) {
  Vector x(objectives);
  x[objectives - 1] = t[objectives - 1];
  for (std::size_t i = 0; i + 1 < objectives; ++i) {
    // WFG3 alone collapses all but the first position.
    const double a = shape == Shape::linear && i > 0 ? 0.0 : 1.0;
    x[i] = std::max(t[objectives - 1], a) * (t[i] - 0.5) + 0.5;
  }
  const auto grow = [&](std::size_t i) {
    return shape == Shape::linear ? x[i] : shape == Shape::concave ? std::sin(x[i] * pi / 2) : 1 - std::cos(x[i] * pi / 2);
  };
  const auto shrink = [&](std::size_t i) {
    return shape == Shape::linear ? 1 - x[i] : shape == Shape::concave ? std::cos(x[i] * pi / 2) : 1 - std::sin(x[i] * pi / 2);
  };
  Vector f(objectives);
  for (std::size_t m = 0; m < objectives; ++m) {
    double h = 1;
    for (std::size_t i = 0; i + 1 < objectives - m; ++i) h *= grow(i);
    if (m > 0) h *= shrink(objectives - 1 - m);
    if (m + 1 == objectives && shape == Shape::convex_mixed) h = 1 - x[0] - std::cos(10 * pi * x[0] + pi / 2) / (10 * pi);
    if (m + 1 == objectives && shape == Shape::convex_disconnected) h = 1 - x[0] * std::pow(std::cos(5 * x[0] * pi), 2);
    f[m] = x[objectives - 1] + 2 * static_cast<double>(m + 1) * h;
  }
  return f;
}

Vector scaled(const Values& v) {
  Vector y = v.reals("z", static_cast<int>(all));
  for (std::size_t i = 0; i < all; ++i) y[i] = clipped(y[i] / (2 * static_cast<double>(i + 1)));
  return y;
}
void linear_distance(Vector& y) {
  for (std::size_t i = position; i < all; ++i) y[i] = s_linear(y[i], 0.35);
}
Vector paired(const Vector& y) {
  Vector t(y.begin(), y.begin() + position);
  for (std::size_t i = position; i < all; i += 2) t.push_back(r_nonsep(y, i, i + 2, 2));
  return t;
}
constexpr double a_param = 0.98 / 49.98, b_of = 0.02, c_of = 50;

Vector wfg1(Vector y) {
  linear_distance(y);
  for (std::size_t i = position; i < all; ++i) y[i] = b_flat(y[i], 0.8, 0.75, 0.85);
  for (double& one : y) one = clipped(std::pow(one, 0.02));
  return shaped(reduced_sum(y, true), Shape::convex_mixed);
}
Vector wfg2(Vector y) {
  linear_distance(y);
  return shaped(reduced_sum(paired(y)), Shape::convex_disconnected);
}
Vector wfg3(Vector y) {
  linear_distance(y);
  return shaped(reduced_sum(paired(y)), Shape::linear);
}
Vector wfg4(Vector y) {
  for (double& one : y) one = s_multi(one, 30, 10, 0.35);
  return shaped(reduced_sum(y), Shape::concave);
}
Vector wfg5(Vector y) {
  for (double& one : y) one = s_decept(one, 0.35, 0.001, 0.05);
  return shaped(reduced_sum(y), Shape::concave);
}
Vector wfg6(Vector y) {
  linear_distance(y);
  return shaped(reduced_nonsep(y), Shape::concave);
}
Vector wfg7(const Vector& before) {
  Vector y = before;
  for (std::size_t i = 0; i < position; ++i) y[i] = b_param(before[i], r_sum(before, i + 1, all), a_param, b_of, c_of);
  linear_distance(y);
  return shaped(reduced_sum(y), Shape::concave);
}
Vector wfg8(const Vector& before) {
  Vector y = before;
  for (std::size_t i = position; i < all; ++i) y[i] = b_param(before[i], r_sum(before, 0, i), a_param, b_of, c_of);
  linear_distance(y);
  return shaped(reduced_sum(y), Shape::concave);
}
Vector wfg9(const Vector& before) {
  Vector y = before;
  for (std::size_t i = 0; i + 1 < all; ++i) y[i] = b_param(before[i], r_sum(before, i + 1, all), a_param, b_of, c_of);
  for (std::size_t i = 0; i < position; ++i) y[i] = s_decept(y[i], 0.35, 0.001, 0.05);
  for (std::size_t i = position; i < all; ++i) y[i] = s_multi(y[i], 30, 95, 0.35);
  return shaped(reduced_nonsep(y), Shape::concave);
}

}  // namespace

std::vector<ProblemEntry> wfg_problems() {
  std::string space = "{";
  for (std::size_t i = 1; i <= all; ++i) {
    space += (i > 1 ? ", \"z" : "\"z") + std::to_string(i) + "\": {\"real\": [0, " + std::to_string(2 * i) + "]}";
  }
  space += "}";
  const double sphere = 1.1 * 1.1 * 1.1 - pi / 6;
  std::vector<ProblemEntry> out;
  const auto add = [&](const char* name, const std::string& what, auto formula, double volume, const char* source) {
    ProblemInfo info = several(name, what + ", 8 reals, three objectives (Huband et al., IEEE TEC 10(5), 2006)", space, 3);
    if (volume > 0) {
      info.truth.ideal = {0, 0, 0};
      info.truth.nadir = {2, 4, 6};
      info.truth.hypervolume = volume;
    }
    info.truth.source = source;
    out.push_back({std::move(info), [formula](const Values& v) { return formula(scaled(v)); }});
  };
  const char* octant = "box minus the octant of the ellipsoid";
  const char* integrated = "integral over the shape functions";
  add("wfg1", "WFG1: flat regions, bias; mixed front", [](Vector y) { return wfg1(std::move(y)); }, 1.283022, integrated);
  add("wfg2", "WFG2: not separable; front of several pieces", [](Vector y) { return wfg2(std::move(y)); }, 1.264297, integrated);
  add("wfg3", "WFG3: not separable; front a line and more", [](Vector y) { return wfg3(std::move(y)); }, 0.0,
      "not known: beside the line, other points are not dominated (Ishibuchi, Masuda and Nojima, PPSN 2016)");
  add("wfg4", "WFG4: many local optima", [](Vector y) { return wfg4(std::move(y)); }, sphere, octant);
  add("wfg5", "WFG5: deceptive", [](Vector y) { return wfg5(std::move(y)); }, sphere, octant);
  add("wfg6", "WFG6: not separable", [](Vector y) { return wfg6(std::move(y)); }, sphere, octant);
  add("wfg7", "WFG7: biased by the other parameters", [](const Vector& y) { return wfg7(y); }, sphere, octant);
  add("wfg8", "WFG8: biased, distance depends on position", [](const Vector& y) { return wfg8(y); }, sphere, octant);
  add("wfg9", "WFG9: deceptive, biased, not separable", [](const Vector& y) { return wfg9(y); }, sphere, octant);
  return out;
}

}  // namespace gnomon::search
