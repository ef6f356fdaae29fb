#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

namespace gnomon {

/// 64-bit mix of two words (SplitMix64 finaliser, Steele, Lea and Flood, OOPSLA 2014): `derive(seed, n)` gives the n-th child seed.
std::uint64_t derive(std::uint64_t seed, std::uint64_t n);
std::uint64_t derive(std::uint64_t seed, std::string_view name);

/// Counter-based random numbers: the n-th draw is a function of (seed, n) alone, so a stream can be rebuilt anywhere and does
/// not depend on threads, platform or library. The distributions are our own, since the standard library's differ between vendors.
class Random {
 public:
  explicit Random(std::uint64_t seed, std::uint64_t counter = 0) : seed_(seed), counter_(counter) {}

  std::uint64_t next();
  /// Uniform in [0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform whole number in [low, high], without modulo bias. Needs low <= high.
  std::int64_t integer(std::int64_t low, std::int64_t high);
  /// Whole number in [low, high], even in the logarithm. Needs 1 <= low <= high.
  std::int64_t log_integer(std::int64_t low, std::int64_t high);
  /// One of the values, which must be some; what stands twice is drawn twice as often.
  template <class T>
  T pick(std::initializer_list<T> values) {
    return values.begin()[integer(0, static_cast<std::int64_t>(values.size()) - 1)];
  }
  template <class T>
  const T& pick(const std::vector<T>& values) {
    return values[static_cast<std::size_t>(integer(0, static_cast<std::int64_t>(values.size()) - 1))];
  }
  /// Standard normal (Box-Muller, two draws each).
  double normal();
  bool chance(double probability) { return uniform() < probability; }
  /// An index drawn in proportion to the non-negative weights; the last index where all are zero.
  std::size_t weighted(std::span<const double> weights);
  template <class Range>
  void shuffle(Range& values) {
    for (std::size_t i = values.size(); i > 1; --i) {
      using std::swap;
      swap(values[i - 1], values[static_cast<std::size_t>(integer(0, static_cast<std::int64_t>(i) - 1))]);
    }
  }
  /// An independent stream.
  Random split(std::uint64_t n) const { return Random(derive(seed_, n)); }

  std::uint64_t seed() const { return seed_; }
  std::uint64_t counter() const { return counter_; }

 private:
  std::uint64_t seed_;
  std::uint64_t counter_;
};

}  // namespace gnomon
