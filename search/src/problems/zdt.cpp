#include <algorithm>
#include <cmath>
#include <numbers>

#include "problems/entry.hpp"

namespace gnomon::search {

std::string unit_cube(int count) {
  std::string out = "{";
  for (int i = 1; i <= count; ++i) out += (i > 1 ? ", \"x" : "\"x") + std::to_string(i) + "\": {\"real\": [0, 1]}";
  return out + "}";
}

double shifted_place(int i) {
  const double golden = std::fmod(0.6180339887498949 * i, 1.0);
  return golden < 0.5 ? 0.12 + 0.56 * golden : 0.32 + 0.56 * golden;
}

double distance_from(double x, double place) {
  return std::abs(x - place) / std::max(place, 1 - place);
}

double moved(double x, double place, double to) {
  return x <= place ? to * x / place : to + (1 - to) * (x - place) / (1 - place);
}

ProblemInfo several(std::string name, std::string summary, std::string space_json, int objectives) {
  ProblemInfo info;
  info.name = std::move(name);
  info.summary = std::move(summary);
  info.space_json = std::move(space_json);
  for (int k = 1; k <= objectives; ++k) {
    const std::string metric = "f" + std::to_string(k);
    info.objectives.push_back({metric, false});
    info.metrics.push_back(metric);
  }
  return info;
}

namespace {

constexpr double pi = std::numbers::pi;

/// Distance variables x2 ... xn, each as its distance from its shifted place.
std::vector<double> distances(const Values& v, int count) {
  std::vector<double> out;
  for (int i = 2; i <= count; ++i) out.push_back(distance_from(v.real("x" + std::to_string(i)), shifted_place(i)));
  return out;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double x : values) sum += x;
  return sum / static_cast<double>(values.size());
}

}  // namespace

std::vector<ProblemEntry> zdt_problems() {
  const std::string source = " (Zitzler, Deb and Thiele, Evol. Comp. 8(2), 2000)";
  const auto named = [&](const char* name, const std::string& what, int n, std::vector<double> ideal, std::vector<double> nadir, double volume) {
    ProblemInfo info = several(name, what + source, unit_cube(n), 2);
    info.truth.ideal = std::move(ideal);
    info.truth.nadir = std::move(nadir);
    info.truth.hypervolume = volume;
    info.truth.source = "area under the front's formula";
    return info;
  };
  std::vector<ProblemEntry> out;
  out.push_back({named("zdt1", "ZDT1, 10 reals, shifted; front f2 = 1 - sqrt(f1)", 10, {0, 0}, {1, 1}, 1.21 - 1.0 / 3), [](const Values& v) {
                   const double f1 = v.real("x1"), g = 1 + 9 * mean(distances(v, 10));
                   return std::vector<double>{f1, g * (1 - std::sqrt(f1 / g))};
                 }});
  out.push_back({named("zdt2", "ZDT2, 10 reals, shifted; concave front f2 = 1 - f1^2", 10, {0, 0}, {1, 1}, 1.21 - 2.0 / 3), [](const Values& v) {
                   const double f1 = v.real("x1"), g = 1 + 9 * mean(distances(v, 10));
                   return std::vector<double>{f1, g * (1 - (f1 / g) * (f1 / g))};
                 }});
  out.push_back({named("zdt3", "ZDT3, 10 reals, shifted; front of five pieces on f2 = 1 - sqrt(f1) - f1 sin(10 pi f1)", 10, {0, -0.7733690123},
                       {0.8518328654, 1}, 0.727452),
                 [](const Values& v) {
                   const double f1 = v.real("x1"), g = 1 + 9 * mean(distances(v, 10)), ratio = f1 / g;
                   return std::vector<double>{f1, g * (1 - std::sqrt(ratio) - ratio * std::sin(10 * pi * f1))};
                 }});
  out.push_back({named("zdt4", "ZDT4, 10 reals, shifted; 21^9 local fronts, the best f2 = 1 - sqrt(f1)", 10, {0, 0}, {1, 1}, 1.21 - 1.0 / 3),
                 [](const Values& v) {
                   double g = 1 + 10.0 * 9;
                   for (int i = 2; i <= 10; ++i) {
                     // [-5, 5] as published, with its 0 moved.
                     const double x = 10 * (moved(v.real("x" + std::to_string(i)), shifted_place(i), 0.5) - 0.5);
                     g += x * x - 10 * std::cos(4 * pi * x);
                   }
                   const double f1 = v.real("x1");
                   return std::vector<double>{f1, g * (1 - std::sqrt(f1 / g))};
                 }});
  out.push_back({named("zdt6", "ZDT6, 10 reals, shifted; front f2 = 1 - f1^2, thin and uneven", 10, {0.2807753188, 0}, {1, 0.9211652203}, 0.616407),
                 [](const Values& v) {
                   const double x1 = v.real("x1"), f1 = 1 - std::exp(-4 * x1) * std::pow(std::sin(6 * pi * x1), 6);
                   const double g = 1 + 9 * std::pow(mean(distances(v, 10)), 0.25);
                   return std::vector<double>{f1, g * (1 - (f1 / g) * (f1 / g))};
                 }});
  return out;
}

}  // namespace gnomon::search
