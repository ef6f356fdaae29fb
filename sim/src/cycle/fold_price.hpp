#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "plan.hpp"

namespace gnomon::sim::cycle {

/// Where a fold's words of one operand lie in its innermost level (used with layouts other than `streamed`).
struct Placement {
  std::int64_t base = 0;                      ///< index of the word at the fold's origin
  std::int64_t stride[arch::dim_count] = {};  ///< index distance of neighbours in each dimension
  int tag = 0;                                ///< tells the tiles apart that are in use together
};

/// One fold: its shape, and when it runs, in steps (docs/microarchitecture.md sections 2 and 3).
struct Fold {
  std::int64_t rows = 1, cols = 1, streamed = 1;
  bool adds_partial_sums = false;  ///< its K range does not begin at 0
  bool is_final = false;           ///< its K range ends at K
  Placement place[arch::operand_count];

  std::int64_t preload_step = 0;  ///< P
  std::int64_t stream_step = 0;   ///< X
  std::int64_t end_step = 0;      ///< e
};

/// Words of one operand that pass one port in a row of steps: lane l and beat t in step `start` + t + l (skewed) or `start` + t (a block).
struct Movement {
  int port = 0;
  Operand operand = Operand::ifmap;
  bool write = false;
  bool skewed = true;
  int bits = 8;
  std::int64_t start = 0, lanes = 1, beats = 1;
  std::int64_t base = 0, lane_stride = 0, beat_stride = 0;
  int tag = 0;

  std::int64_t steps() const { return skewed ? lanes + beats - 1 : beats; }
  /// Words in a step; `until` is lowered to the next step in which that may be different.
  std::int64_t words(std::int64_t step, std::int64_t& until) const;
};

/// Prices of a row of steps, as runs of equal price.
class Profile {
 public:
  void add(std::int64_t steps, std::int64_t price);
  std::int64_t cycles() const { return cycles_; }
  /// Cycles of the first `steps` steps.
  std::int64_t cycles(std::int64_t steps) const;

 private:
  struct Run {
    std::int64_t first_step, first_cycle, price;
  };
  std::vector<Run> runs_;
  std::int64_t steps_ = 0, cycles_ = 0;
};

/// Bytes between the array and the innermost levels, by operand.
struct ArrayTraffic {
  std::array<std::int64_t, arch::operand_count> read{}, write{};
  void add(const ArrayTraffic& other, std::int64_t times = 1);
};

/// Prices the steps of folds on one core with one mapping (section 4).
class FoldPricer {
 public:
  explicit FoldPricer(const ArrayStep& step);

  /// What a fold moves, with the steps counted from its own first one.
  const std::vector<Movement>& movements(const Fold& fold);
  ArrayTraffic traffic(const Fold& fold);
  /// `length` steps from `first` on, with these folds in flight; step numbers are those of the folds.
  const Profile& window(const std::vector<Fold>& in_flight, std::int64_t first, std::int64_t length);
  /// Cycles of a fold alone.
  std::int64_t alone(const Fold& fold);
  bool banked() const { return any_banked_; }
  bool banked(Operand operand) const { return banked_[static_cast<std::size_t>(operand)]; }

 private:
  struct Port {
    std::int64_t bytes_per_cycle = 1, banks = 1, word_bytes = 1;
  };
  using Key = std::vector<std::int64_t>;
  struct KeyHash {
    std::size_t operator()(const Key& key) const;
  };
  struct Bank {
    std::int64_t bank, tag, word;
    auto operator<=>(const Bank&) const = default;
  };
  const ArrayStep& step_;
  arch::Dataflow dataflow_;
  bool overlap_ = false;
  std::vector<Port> ports_;  ///< two per level: read, write
  int bits_[arch::operand_count] = {};
  std::int64_t period_[arch::operand_count] = {};  ///< a shift by so many words changes no conflict
  bool banked_[arch::operand_count] = {};
  bool any_banked_ = false;

  std::vector<Movement> movements_, placed_;
  std::unordered_map<Key, Profile, KeyHash> windows_;
  std::unordered_map<Key, ArrayTraffic, KeyHash> traffics_;
  Key key_, last_key_;
  const Profile* last_ = nullptr;
  std::vector<Fold> one_;
  std::vector<std::int64_t> port_bytes_;
  std::vector<Bank> touched_;

  Movement movement(const Fold& fold, Operand operand, bool write, int bits, std::int64_t start, Dim lane, std::int64_t lanes, Dim beat,
                    std::int64_t beats, bool skewed, bool reversed) const;
  void append_key(const Fold& fold, std::int64_t first);
  Profile price(std::int64_t length);
  std::int64_t turns(std::int64_t step, int port);
};

}  // namespace gnomon::sim::cycle
