#include "fluid.hpp"

#include <algorithm>
#include <cmath>
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

/// The fixed point of run_fluid, by turns.
void share_out(const std::vector<const FluidStep*>& running, double peak, std::vector<double>& shares) {
  const std::size_t n = running.size();
  shares.assign(n, 1);
  if (n == 1) return;
  std::vector<double> time(n, 0), waited(n, 0), out(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    const FluidStep& step = *running[i];
    if (step.transfers > 0) time[i] = step.curve->bytes / (step.transfers * step.efficiency * peak);
  }
  constexpr int turns = 60;
  for (int turn = 0; turn < turns; ++turn) {
    for (std::size_t i = 0; i < n; ++i) {
      const FluidStep& step = *running[i];
      out[i] = std::min(1.0, step.transfers * step.part * (time[i] + waited[i]) / cycles(step, shares[i]));
    }
    double change = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (time[i] <= 0) continue;
      double wait = 0;
      for (std::size_t j = 0; j < n; ++j) {
        if (j != i) wait += out[j] * (out[i] + (1 - out[i]) * running[j]->spread / 2) * time[j];
      }
      waited[i] = (waited[i] + running[i]->patience * wait) / 2;
      const double next = time[i] / (time[i] + waited[i]);
      change = std::max(change, std::abs(next - shares[i]));
      shares[i] = next;
    }
    if (change < 1e-5) break;
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
  for (std::size_t c = 0; c < cores.size(); ++c) out[c].assign(cores[c].size(), {});
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
      const double done = next / takes[i];
      time.cycles += next;
      const FluidStep& now = *running[i];
      if (now.transfers > 0) time.waited += done * now.part * now.curve->bytes / (now.efficiency * peak) * (1 / shares[i] - 1);
      left[c] -= done;
      if (left[c] > 1e-12) continue;
      left[c] = 1;
      ++step[c];
    }
  }
}

}  // namespace gnomon::sim
