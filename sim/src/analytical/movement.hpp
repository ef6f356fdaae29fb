#pragma once

#include <limits>

#include "nest.hpp"

namespace gnomon::sim {

/// Elements of one operand on their way between the array and a port, step by step: a skewed stream (`lanes` lanes, each `length` long, one step
/// apart) or a block (`lanes` elements in each of `length` steps).
struct Movement {
  Operand operand;
  bool write;
  bool block;
  int bits;
  std::int64_t start;
  std::int64_t lanes;
  std::int64_t length;

  std::int64_t end() const { return start + length + (block ? 0 : lanes - 1); }
  std::int64_t elements(std::int64_t step) const {
    const std::int64_t u = step - start;
    if (u < 0 || step >= end()) return 0;
    if (block) return lanes;
    return std::min({u + 1, lanes, length, lanes + length - 1 - u});
  }
  /// The first step after `step` at which `elements` may differ.
  std::int64_t next_change(std::int64_t step) const {
    if (step < start) return start;
    if (step >= end()) return std::numeric_limits<std::int64_t>::max();
    if (block) return end();
    const std::int64_t u = step - start;
    if (u < std::min(lanes, length) - 1) return step + 1;
    if (u < std::max(lanes, length)) return start + std::max(lanes, length);
    return step + 1;
  }
};

struct Movements {
  Movement item[5];
  int n = 0;
};

/// All movements of a fold whose first streamed element enters in step `x`.
Movements movements_of(const Ports& ports, const FoldSize& fold, std::int64_t x, bool reads_sums, bool final_results);

/// The loads of all ports in a step, and the price they make.
class PortLoads {
 public:
  explicit PortLoads(const Ports& ports) : ports_(ports) {}
  void clear() { std::fill(&load_[0][0], &load_[0][0] + 2 * arch::operand_count, 0); }
  void add(const Movement& m, std::int64_t step) {
    const std::int64_t n = m.elements(step);
    if (n > 0) load_[m.write ? 1 : 0][slot(m.operand)] += bytes_of(n, m.bits);
  }
  std::int64_t price() const {
    std::int64_t price = 1;
    for (int o = 0; o < arch::operand_count; ++o) {
      const std::int64_t width = (*ports_.levels)[static_cast<std::size_t>(ports_.level[o])].bytes_per_cycle;
      for (const auto& port : load_) price = std::max(price, ceil_quotient(port[o], width));
    }
    return price;
  }

 private:
  const Ports& ports_;
  std::int64_t load_[2][arch::operand_count] = {};

  /// Operands in one level share its ports: the first of them stands for the level.
  int slot(Operand operand) const {
    for (int o = 0; o < at(operand); ++o) {
      if (ports_.level[o] == ports_.level[at(operand)]) return o;
    }
    return at(operand);
  }
};

}  // namespace gnomon::sim
