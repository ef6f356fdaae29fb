#include <cmath>
#include <numbers>

#include "gnomon/base/text.hpp"
#include "problems/entry.hpp"

namespace gnomon::search {
namespace {

using Vector = std::vector<double>;

struct Bounds {
  double low, high;
};

std::string space_of(const std::vector<Bounds>& bounds) {
  std::string out = "{";
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    out += (i > 0 ? ", \"x" : "\"x") + std::to_string(i + 1) + "\": {\"real\": [" + number(bounds[i].low) + ", " +
           number(bounds[i].high) + "]}";
  }
  return out + "}";
}

/// Metrics: the objectives, then g1 ... gm, each of which must be <= 0.
ProblemEntry entry(const char* name, const std::string& summary, const std::vector<Bounds>& bounds, int objectives, int constraints,
                   Vector (*formula)(const Vector&)) {
  ProblemInfo info = several(name, summary, space_of(bounds), objectives);
  if (objectives == 1) {
    info.objectives[0].metric = info.metrics[0] = "f";
  }
  for (int i = 1; i <= constraints; ++i) {
    const std::string metric = "g" + std::to_string(i);
    info.metrics.push_back(metric);
    info.constraints.push_back({metric, 0});
  }
  const int n = static_cast<int>(bounds.size());
  return {std::move(info), [formula, n](const Values& v) { return formula(v.reals("x", n)); }};
}

double sq(double x) {
  return x * x;
}

Vector g01(const Vector& x) {
  double f = 0;
  for (int i = 0; i < 4; ++i) f += 5 * x[i] - 5 * sq(x[i]);
  for (int i = 4; i < 13; ++i) f -= x[i];
  return {f,
          2 * x[0] + 2 * x[1] + x[9] + x[10] - 10,
          2 * x[0] + 2 * x[2] + x[9] + x[11] - 10,
          2 * x[1] + 2 * x[2] + x[10] + x[11] - 10,
          -8 * x[0] + x[9],
          -8 * x[1] + x[10],
          -8 * x[2] + x[11],
          -2 * x[3] - x[4] + x[9],
          -2 * x[5] - x[6] + x[10],
          -2 * x[7] - x[8] + x[11]};
}
Vector g02(const Vector& x) {
  double sum4 = 0, product2 = 1, weighted = 0, product = 1, sum = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double c = std::cos(x[i]);
    sum4 += c * c * c * c;
    product2 *= c * c;
    weighted += static_cast<double>(i + 1) * sq(x[i]);
    product *= x[i];
    sum += x[i];
  }
  return {-std::abs((sum4 - 2 * product2) / std::sqrt(weighted)), 0.75 - product, sum - 7.5 * static_cast<double>(x.size())};
}
Vector g04(const Vector& x) {
  const double u = 85.334407 + 0.0056858 * x[1] * x[4] + 0.0006262 * x[0] * x[3] - 0.0022053 * x[2] * x[4];
  const double v = 80.51249 + 0.0071317 * x[1] * x[4] + 0.0029955 * x[0] * x[1] + 0.0021813 * sq(x[2]);
  const double w = 9.300961 + 0.0047026 * x[2] * x[4] + 0.0012547 * x[0] * x[2] + 0.0019085 * x[2] * x[3];
  return {5.3578547 * sq(x[2]) + 0.8356891 * x[0] * x[4] + 37.293239 * x[0] - 40792.141, u - 92, -u, v - 110, 90 - v, w - 25, 20 - w};
}
Vector g06(const Vector& x) {
  return {std::pow(x[0] - 10, 3) + std::pow(x[1] - 20, 3), 100 - sq(x[0] - 5) - sq(x[1] - 5), sq(x[0] - 6) + sq(x[1] - 5) - 82.81};
}
Vector g07(const Vector& x) {
  const double f = sq(x[0]) + sq(x[1]) + x[0] * x[1] - 14 * x[0] - 16 * x[1] + sq(x[2] - 10) + 4 * sq(x[3] - 5) + sq(x[4] - 3) +
                   2 * sq(x[5] - 1) + 5 * sq(x[6]) + 7 * sq(x[7] - 11) + 2 * sq(x[8] - 10) + sq(x[9] - 7) + 45;
  return {f,
          -105 + 4 * x[0] + 5 * x[1] - 3 * x[6] + 9 * x[7],
          10 * x[0] - 8 * x[1] - 17 * x[6] + 2 * x[7],
          -8 * x[0] + 2 * x[1] + 5 * x[8] - 2 * x[9] - 12,
          3 * sq(x[0] - 2) + 4 * sq(x[1] - 3) + 2 * sq(x[2]) - 7 * x[3] - 120,
          5 * sq(x[0]) + 8 * x[1] + sq(x[2] - 6) - 2 * x[3] - 40,
          sq(x[0]) + 2 * sq(x[1] - 2) - 2 * x[0] * x[1] + 14 * x[4] - 6 * x[5],
          0.5 * sq(x[0] - 8) + 2 * sq(x[1] - 4) + 3 * sq(x[4]) - x[5] - 30,
          -3 * x[0] + 6 * x[1] + 12 * sq(x[8] - 8) - 7 * x[9]};
}
Vector g08(const Vector& x) {
  constexpr double pi = std::numbers::pi;
  const double below = std::pow(x[0], 3) * (x[0] + x[1]);
  // At x1 = 0 the published formula is 0 / 0; its limit along the bound is taken as 0.
  const double f = below == 0 ? 0.0 : -std::pow(std::sin(2 * pi * x[0]), 3) * std::sin(2 * pi * x[1]) / below;
  return {f, sq(x[0]) - x[1] + 1, 1 - x[0] + sq(x[1] - 4)};
}
Vector g09(const Vector& x) {
  const double f = sq(x[0] - 10) + 5 * sq(x[1] - 12) + std::pow(x[2], 4) + 3 * sq(x[3] - 11) + 10 * std::pow(x[4], 6) + 7 * sq(x[5]) +
                   std::pow(x[6], 4) - 4 * x[5] * x[6] - 10 * x[5] - 8 * x[6];
  return {f,
          -127 + 2 * sq(x[0]) + 3 * std::pow(x[1], 4) + x[2] + 4 * sq(x[3]) + 5 * x[4],
          -282 + 7 * x[0] + 3 * x[1] + 10 * sq(x[2]) + x[3] - x[4],
          -196 + 23 * x[0] + sq(x[1]) + 6 * sq(x[5]) - 8 * x[6],
          4 * sq(x[0]) + sq(x[1]) - 3 * x[0] * x[1] + 2 * sq(x[2]) + 5 * x[5] - 11 * x[6]};
}
Vector g10(const Vector& x) {
  return {x[0] + x[1] + x[2],
          -1 + 0.0025 * (x[3] + x[5]),
          -1 + 0.0025 * (x[4] + x[6] - x[3]),
          -1 + 0.01 * (x[7] - x[4]),
          -x[0] * x[5] + 833.33252 * x[3] + 100 * x[0] - 83333.333,
          -x[1] * x[6] + 1250 * x[4] + x[1] * x[3] - 1250 * x[3],
          -x[2] * x[7] + 1250000 + x[2] * x[4] - 2500 * x[4]};
}
Vector g18(const Vector& x) {
  return {-0.5 * (x[0] * x[3] - x[1] * x[2] + x[2] * x[8] - x[4] * x[8] + x[4] * x[7] - x[5] * x[6]),
          sq(x[2]) + sq(x[3]) - 1,
          sq(x[8]) - 1,
          sq(x[4]) + sq(x[5]) - 1,
          sq(x[0]) + sq(x[1] - x[8]) - 1,
          sq(x[0] - x[4]) + sq(x[1] - x[5]) - 1,
          sq(x[0] - x[6]) + sq(x[1] - x[7]) - 1,
          sq(x[2] - x[4]) + sq(x[3] - x[5]) - 1,
          sq(x[2] - x[6]) + sq(x[3] - x[7]) - 1,
          sq(x[6]) + sq(x[7] - x[8]) - 1,
          x[1] * x[2] - x[0] * x[3],
          -x[2] * x[8],
          x[4] * x[8],
          x[5] * x[6] - x[4] * x[7]};
}
Vector g24(const Vector& x) {
  const double a = x[0];
  return {-a - x[1], -2 * std::pow(a, 4) + 8 * std::pow(a, 3) - 8 * sq(a) + x[1] - 2,
          -4 * std::pow(a, 4) + 32 * std::pow(a, 3) - 88 * sq(a) + 96 * a + x[1] - 36};
}

Vector bnh(const Vector& x) {
  return {4 * sq(x[0]) + 4 * sq(x[1]), sq(x[0] - 5) + sq(x[1] - 5), sq(x[0] - 5) + sq(x[1]) - 25, 7.7 - sq(x[0] - 8) - sq(x[1] + 3)};
}
Vector srn(const Vector& x) {
  return {2 + sq(x[0] - 2) + sq(x[1] - 1), 9 * x[0] - sq(x[1] - 1), sq(x[0]) + sq(x[1]) - 225, x[0] - 3 * x[1] + 10};
}
Vector tnk(const Vector& x) {
  // atan2 is the limit of atan(x1 / x2) where x2 = 0.
  return {x[0], x[1], 1 + 0.1 * std::cos(16 * std::atan2(x[0], x[1])) - sq(x[0]) - sq(x[1]), sq(x[0] - 0.5) + sq(x[1] - 0.5) - 0.5};
}
Vector osy(const Vector& x) {
  double squares = 0;
  for (const double v : x) squares += v * v;
  return {-(25 * sq(x[0] - 2) + sq(x[1] - 2) + sq(x[2] - 1) + sq(x[3] - 4) + sq(x[4] - 1)),
          squares,
          2 - x[0] - x[1],
          x[0] + x[1] - 6,
          x[1] - x[0] - 2,
          x[0] - 3 * x[1] - 2,
          sq(x[2] - 3) + x[3] - 4,
          4 - sq(x[4] - 3) - x[5]};
}

}  // namespace

std::vector<ProblemEntry> constrained_problems() {
  std::vector<ProblemEntry> out;
  const auto one = [&](const char* name, const std::string& what, const std::vector<Bounds>& bounds, int constraints, double optimum,
                       Vector (*formula)(const Vector&)) {
    out.push_back(entry(name, what + " (Liang et al., problem definitions of CEC 2006)", bounds, 1, constraints, formula));
    out.back().info.truth.optimum = optimum;
    out.back().info.truth.source = "best known, published with its point in the report of CEC 2006";
    out.back().info.truth.proven = false;
  };
  const auto many = [&](const char* name, const std::string& what, const std::vector<Bounds>& bounds, int constraints, Vector ideal,
                        Vector nadir, double volume, const char* source, Vector (*formula)(const Vector&)) {
    out.push_back(entry(name, what, bounds, 2, constraints, formula));
    out.back().info.truth.ideal = std::move(ideal);
    out.back().info.truth.nadir = std::move(nadir);
    out.back().info.truth.hypervolume = volume;
    out.back().info.truth.source = source;
  };
  std::vector<Bounds> b(13, {0, 1});
  b[9] = b[10] = b[11] = {0, 100};
  one("g01", "G01: 13 reals, 9 linear constraints", b, 9, -15, g01);
  one("g02", "G02: 20 reals, 2 constraints, many local optima", std::vector<Bounds>(20, {0, 10}), 2, -0.80361910412559, g02);
  one("g04", "G04: 5 reals, 6 constraints", {{78, 102}, {33, 45}, {27, 45}, {27, 45}, {27, 45}}, 6, -30665.53867178332, g04);
  one("g06", "G06: 2 reals, a sickle of 0.007 % that is feasible", {{13, 100}, {0, 100}}, 2, -6961.81387558015, g06);
  one("g07", "G07: 10 reals, 8 constraints", std::vector<Bounds>(10, {-10, 10}), 8, 24.30620906818, g07);
  one("g08", "G08: 2 reals, 2 constraints, many local optima", {{0, 10}, {0, 10}}, 2, -0.0958250414180359, g08);
  one("g09", "G09: 7 reals, 4 constraints", std::vector<Bounds>(7, {-10, 10}), 4, 680.630057374402, g09);
  one("g10", "G10: 8 reals, 6 constraints, 0.001 % feasible",
      {{100, 10000}, {1000, 10000}, {1000, 10000}, {10, 1000}, {10, 1000}, {10, 1000}, {10, 1000}, {10, 1000}}, 6, 7049.24802052867, g10);
  std::vector<Bounds> hexagon(9, {-10, 10});
  hexagon[8] = {0, 20};
  one("g18", "G18: 9 reals, 13 constraints", hexagon, 13, -0.866025403784439, g18);
  one("g24", "G24: 2 reals, feasible region of two pieces", {{0, 3}, {0, 4}}, 2, -5.50801327159536, g24);
  many("bnh", "BNH: 2 reals, 2 constraints, two objectives (Binh and Korn, 1997)", {{0, 5}, {0, 3}}, 2, {0, 4}, {136, 50}, 1.02543,
       "area under the front's two arcs: x1 = x2 up to 3, then x2 = 3", bnh);
  many("srn", "SRN: 2 reals, 2 constraints, two objectives (Srinivas and Deb, Evol. Comp. 2(3), 1994)", {{-20, 20}, {-20, 20}}, 2,
       {10.1, -217.739021}, {222.969212, 2.61}, 0.750761,
       "area under the front's three arcs: along the line, x1 = -2.5, along the circle", srn);
  many("tnk", "TNK: 2 reals, 2 constraints, two objectives, front of three pieces (Tanaka et al., 1995)", {{0, 3.141592653589793}, {0, 3.141592653589793}}, 2, {0.0416642476, 0.0416642476}, {1.038449778, 1.038449778}, 0.518884,
       "area under the first constraint's border, 2,000,000 points", tnk);
  many("osy", "OSY: 6 reals, 6 constraints, two objectives, front of five pieces (Osyczka and Kundu, 1995)",
       {{0, 10}, {0, 10}, {1, 5}, {0, 6}, {1, 5}, {0, 10}}, 6, {-274, 4}, {-42, 76}, 0.968863,
       "area under the front's five segments (Deb, Multi-Objective Optimization, 2001, 8.3)", osy);
  return out;
}

}  // namespace gnomon::search
