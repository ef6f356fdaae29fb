#include "fluid.hpp"

#include <algorithm>
#include <limits>

namespace gnomon::sim {
namespace {

double at(const std::vector<double>& shares, const std::vector<double>& values, double share) {
  const std::size_t n = shares.size();
  if (n == 1) return values[0];
  std::size_t i = 0;
  while (i + 2 < n && share < shares[i + 1]) ++i;
  const double low = 1 / shares[i], high = 1 / shares[i + 1];
  return std::max(1.0, values[i] + (values[i + 1] - values[i]) * (1 / share - low) / (high - low));
}

double cycles(const FluidStep& step, double share) { return step.scale * step.curve->cycles(share * step.efficiency, step.part); }

/// The share of the memory's time that each step may have, by turns: what it uses of it, and what that leaves to the others.
void share_out(const std::vector<const FluidStep*>& running, double peak, std::vector<double>& shares) {
  const std::size_t n = running.size();
  shares.assign(n, 1);
  if (n == 1) return;
  const double fair = 1 / static_cast<double>(n);
  std::vector<double> used(n);
  constexpr int turns = 40;
  for (int turn = 0; turn < turns; ++turn) {
    double all = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const FluidStep& step = *running[i];
      used[i] = std::min(shares[i], step.curve->bytes * step.part / (cycles(step, shares[i]) * peak * step.efficiency));
      all += used[i];
    }
    double change = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const double next = (shares[i] + std::max(fair, 1 - (all - used[i]))) / 2;
      change = std::max(change, std::abs(next - shares[i]));
      shares[i] = next;
    }
    if (change < 1e-4) break;
  }
}

}  // namespace

double LatencyCurve::cycles(double share, double part) const {
  const double all = at(shares, whole, share);
  if (part >= 1) return all;
  const double first = std::min(all, at(shares, once, share));
  return std::max(1.0, first + (all - first) * part);
}

std::vector<std::vector<FluidTime>> run_fluid(const std::vector<std::vector<FluidStep>>& cores, double peak) {
  std::vector<std::vector<FluidTime>> out(cores.size());
  std::vector<std::size_t> step(cores.size(), 0);
  std::vector<double> left(cores.size(), 1), shares;
  for (std::size_t c = 0; c < cores.size(); ++c) out[c].assign(cores[c].size(), {0, 0});
  while (true) {
    std::vector<std::size_t> who;
    std::vector<const FluidStep*> running;
    for (std::size_t c = 0; c < cores.size(); ++c) {
      if (step[c] == cores[c].size()) continue;
      who.push_back(c);
      running.push_back(&cores[c][step[c]]);
    }
    if (who.empty()) return out;
    share_out(running, peak, shares);
    double next = std::numeric_limits<double>::infinity();
    std::vector<double> takes(who.size());
    for (std::size_t i = 0; i < who.size(); ++i) {
      takes[i] = cycles(*running[i], shares[i]);
      next = std::min(next, left[who[i]] * takes[i]);
    }
    for (std::size_t i = 0; i < who.size(); ++i) {
      const std::size_t c = who[i];
      FluidTime& time = out[c][step[c]];
      time.cycles += next;
      time.share += next / takes[i] * shares[i];
      left[c] -= next / takes[i];
      if (left[c] > 1e-12) continue;
      left[c] = 1;
      ++step[c];
    }
  }
}

}  // namespace gnomon::sim
