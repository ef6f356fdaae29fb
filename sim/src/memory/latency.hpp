#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "gnomon/sim/dram.hpp"

namespace gnomon::sim {

/// Latencies in constant memory: exact below 4096 cycles, above in steps of 1/64 of the value, of which percentiles give the lower end.
class LatencyHistogram {
 public:
  void add(std::int64_t cycles) {
    if (cycles < 0) cycles = 0;
    sum_ += cycles;
    if (count_++ == 0 || cycles < min_) min_ = cycles;
    if (cycles > max_) max_ = cycles;
    const std::size_t at = bucket(cycles);
    if (at >= counts_.size()) counts_.resize(at + 64, 0);
    ++counts_[at];
  }
  DramLatency summary() const {
    DramLatency out;
    out.count = count_;
    if (count_ == 0) return out;
    out.min = min_;
    out.max = max_;
    out.mean = static_cast<double>(sum_) / static_cast<double>(count_);
    out.p50 = percentile(50);
    out.p95 = percentile(95);
    out.p99 = percentile(99);
    return out;
  }

 private:
  static constexpr std::int64_t exact = 4096;
  std::vector<std::int64_t> counts_;
  std::int64_t count_ = 0, sum_ = 0, min_ = 0, max_ = 0;

  static std::size_t bucket(std::int64_t cycles) {
    if (cycles < exact) return static_cast<std::size_t>(cycles);
    const int power = std::bit_width(static_cast<std::uint64_t>(cycles)) - 13;
    return static_cast<std::size_t>(exact + power * 64 + ((cycles >> (power + 6)) & 63));
  }
  static std::int64_t value(std::size_t bucket) {
    const std::int64_t at = static_cast<std::int64_t>(bucket);
    if (at < exact) return at;
    const std::int64_t power = (at - exact) / 64, step = (at - exact) % 64;
    return (64 + step) << (power + 6);
  }
  /// The smallest latency that at least `percent` of all reach or stay below.
  std::int64_t percentile(int percent) const {
    const std::int64_t wanted = (count_ * percent + 99) / 100;
    std::int64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= wanted) return value(i);
    }
    return max_;
  }
};

}  // namespace gnomon::sim
