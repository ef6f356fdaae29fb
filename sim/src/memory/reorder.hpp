#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "channel.hpp"

namespace gnomon::sim {

/// Answers that wait for older ones: numbered bursts go in in any order and come out by number.
class ReorderBuffer {
 public:
  struct Answer {
    std::int64_t cycle = -1;
    Burst burst;
  };
  std::uint64_t next() const { return next_; }
  /// The number before the others: it goes straight through.
  void pass() { ++next_; }
  void hold(std::uint64_t number, std::int64_t cycle, const Burst& burst) {
    while (number - next_ >= ring_.size()) grow();
    ring_[number & (ring_.size() - 1)] = {cycle, burst};
    ++held_;
  }
  /// The next one, if it is there.
  bool take(Answer& answer) {
    if (held_ == 0) return false;
    Answer& at = ring_[next_ & (ring_.size() - 1)];
    if (at.cycle < 0) return false;
    answer = at;
    at.cycle = -1;
    --held_;
    ++next_;
    return true;
  }

 private:
  std::vector<Answer> ring_{std::vector<Answer>(64)};
  std::uint64_t next_ = 0;
  std::size_t held_ = 0;

  void grow() {
    std::vector<Answer> wider(ring_.size() * 2);
    for (std::uint64_t n = next_; n < next_ + ring_.size(); ++n) wider[n & (wider.size() - 1)] = ring_[n & (ring_.size() - 1)];
    ring_ = std::move(wider);
  }
};

}  // namespace gnomon::sim
