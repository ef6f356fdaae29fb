#include <cmath>
#include <numbers>

#include "problems/entry.hpp"

namespace gnomon::search {
namespace {

constexpr double pi = std::numbers::pi;
constexpr int objectives = 3;
constexpr int position = objectives - 1;

/// Distance variables with their optimum moved from 0.5 to a place of each one's own.
std::vector<double> centred(const Values& v, int count) {
  std::vector<double> out;
  for (int i = position + 1; i <= count; ++i) out.push_back(moved(v.real("x" + std::to_string(i)), shifted_place(i), 0.5));
  return out;
}

double rastrigin(const std::vector<double>& z) {
  double sum = static_cast<double>(z.size());
  for (const double x : z) sum += (x - 0.5) * (x - 0.5) - std::cos(20 * pi * (x - 0.5));
  return 100 * sum;
}
double sphere(const std::vector<double>& z) {
  double sum = 0;
  for (const double x : z) sum += (x - 0.5) * (x - 0.5);
  return sum;
}

std::vector<double> on_sphere(double a, double b, double g) {
  a *= pi / 2;
  b *= pi / 2;
  return {(1 + g) * std::cos(a) * std::cos(b), (1 + g) * std::cos(a) * std::sin(b), (1 + g) * std::sin(a)};
}

}  // namespace

std::vector<ProblemEntry> dtlz_problems() {
  const std::string source = " (Deb, Thiele, Laumanns and Zitzler, CEC 2002)";
  const auto named = [&](const char* name, const std::string& what, int n, std::vector<double> ideal, std::vector<double> nadir, double volume,
                         const char* from) {
    ProblemInfo info = several(name, what + source, unit_cube(n), objectives);
    info.truth.ideal = std::move(ideal);
    info.truth.nadir = std::move(nadir);
    info.truth.hypervolume = volume;
    info.truth.source = from;
    return info;
  };
  const double box = 1.1 * 1.1 * 1.1;
  std::vector<ProblemEntry> out;
  out.push_back({named("dtlz1", "DTLZ1, 7 reals, three objectives, shifted; front: the plane f1 + f2 + f3 = 0.5, behind 11^5 - 1 local ones", 7, {0, 0, 0},
                       {0.5, 0.5, 0.5}, box - 1.0 / 6, "box minus the simplex below the plane"),
                 [](const Values& v) {
                   const double a = v.real("x1"), b = v.real("x2"), g = rastrigin(centred(v, 7));
                   return std::vector<double>{0.5 * a * b * (1 + g), 0.5 * a * (1 - b) * (1 + g), 0.5 * (1 - a) * (1 + g)};
                 }});
  out.push_back({named("dtlz2", "DTLZ2, 7 reals, three objectives, shifted; front: the unit sphere's octant", 7, {0, 0, 0}, {1, 1, 1}, box - pi / 6,
                       "box minus the sphere's octant"),
                 [](const Values& v) { return on_sphere(v.real("x1"), v.real("x2"), sphere(centred(v, 7))); }});
  out.push_back({named("dtlz3", "DTLZ3, 7 reals, three objectives, shifted; front as DTLZ2, behind 3^5 - 1 local ones", 7, {0, 0, 0}, {1, 1, 1}, box - pi / 6,
                       "box minus the sphere's octant"),
                 [](const Values& v) { return on_sphere(v.real("x1"), v.real("x2"), rastrigin(centred(v, 7))); }});
  out.push_back({named("dtlz4", "DTLZ4, 7 reals, three objectives, shifted; front as DTLZ2, reached evenly from few points only", 7, {0, 0, 0}, {1, 1, 1},
                       box - pi / 6, "box minus the sphere's octant"),
                 [](const Values& v) { return on_sphere(std::pow(v.real("x1"), 100), std::pow(v.real("x2"), 100), sphere(centred(v, 7))); }});
  out.push_back({named("dtlz7", "DTLZ7, 7 reals, three objectives, shifted; front of four pieces", 7, {0, 0, 2.614008731}, {0.85940075, 0.85940075, 6}, 0.602062,
                       "integral over the front's formula"),
                 [](const Values& v) {
                   double sum = 0;
                   for (int i = 3; i <= 7; ++i) sum += distance_from(v.real("x" + std::to_string(i)), shifted_place(i));
                   const double g = 1 + 9 * sum / 5, a = v.real("x1"), b = v.real("x2");
                   const double h = 3 - a / (1 + g) * (1 + std::sin(3 * pi * a)) - b / (1 + g) * (1 + std::sin(3 * pi * b));
                   return std::vector<double>{a, b, (1 + g) * h};
                 }});
  return out;
}

}  // namespace gnomon::search
