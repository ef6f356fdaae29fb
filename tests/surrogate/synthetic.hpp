#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/random.hpp"

/// A table whose truth is known: a roofline with categories, one target that is often zero, one that may be negative.
namespace synthetic {

struct Point {
  double m, n, k, rows, bytes_per_cycle;
  std::string dataflow;
};

inline double cycles(const Point& p) {
  const double compute = p.m * p.n * p.k / (p.rows * p.rows) * (p.dataflow == "os" ? 1.3 : 1.0);
  const double transfer = (p.m * p.k + p.k * p.n + p.m * p.n) / p.bytes_per_cycle;
  return std::sqrt(compute * compute + transfer * transfer) + 100;
}
inline double energy(const Point& p) { return 0.2 * p.m * p.n * p.k + 20 * (p.m * p.k + p.k * p.n) * (p.dataflow == "is" ? 1.5 : 1.0); }
inline double spills(const Point& p) { return std::max(0.0, std::floor(p.m * p.n / (1024 * p.rows)) - 3); }
inline double slack(const Point& p) { return std::log2(p.rows) - 0.5 * std::log2(p.m) + (p.dataflow == "ws" ? 0.4 : 0); }

inline Point draw(gnomon::Random& random, double most) {
  const auto size = [&] { return std::floor(std::exp(random.uniform(std::log(16.0), std::log(most)))); };
  Point p{size(), size(), size(), std::exp2(static_cast<double>(random.integer(3, 7))), 8.0 * static_cast<double>(random.integer(1, 8)), "ws"};
  p.dataflow = std::vector<std::string>{"os", "ws", "is"}[static_cast<std::size_t>(random.integer(0, 2))];
  return p;
}

/// `noise` is the deviation of the logarithm of the labels.
inline gnomon::arch::LabelTable table(std::size_t rows, std::uint64_t seed, double noise = 0, double most = 2048) {
  using Column = gnomon::arch::LabelTable::Column;
  Column m{"m"}, n{"n"}, k{"k"}, pe{"rows", "PEs"}, bw{"bytes_per_cycle", "B"}, dataflow{"dataflow", "", false}, group{"shape", "", false};
  Column c{"latency_cycles", "cycles"}, e{"energy_pj", "pJ"}, s{"spills"}, d{"slack"};
  gnomon::Random random(seed);
  for (std::size_t i = 0; i < rows; ++i) {
    const Point p = draw(random, most);
    m.numbers.push_back(p.m);
    n.numbers.push_back(p.n);
    k.numbers.push_back(p.k);
    pe.numbers.push_back(p.rows);
    bw.numbers.push_back(p.bytes_per_cycle);
    dataflow.words.push_back(p.dataflow);
    group.words.push_back("g" + std::to_string(i % 97));
    c.numbers.push_back(cycles(p) * std::exp(noise * random.normal()));
    e.numbers.push_back(energy(p) * std::exp(noise * random.normal()));
    s.numbers.push_back(spills(p));
    d.numbers.push_back(slack(p) + noise * random.normal());
  }
  gnomon::arch::LabelTable out;
  for (Column* column : {&m, &n, &k, &pe, &bw, &dataflow, &group, &c, &e, &s, &d}) out.add(*column);
  return out;
}

}  // namespace synthetic
