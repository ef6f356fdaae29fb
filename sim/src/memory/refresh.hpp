#pragma once

#include <cstdint>
#include <vector>

#include "gnomon/sim/dram.hpp"

namespace gnomon::sim {

/// Decides when a rank refreshes what. A unit is what one command refreshes: all banks (REF), one bank (REFpb), or the banks of one number in all
/// groups (REFsb). In every interval one unit is due; it may be put off while its banks have requests, and others may be done ahead while theirs have none.
///
/// The counting follows DRAMSys 5.1: a due refresh waits for a unit without requests, at most `refresh_max_postponed` intervals; then it is forced, and its
/// banks take no commands until it is done, from `refresh_guard_cycles` before it is due on. After each refresh another is pulled in if there is still a unit without requests, down to `refresh_max_pulled_in`.
class RefreshManager {
 public:
  RefreshManager() = default;
  RefreshManager(const arch::Dram& dram, int rank);

  /// What it knows about a rank when it decides.
  class View {
   public:
    virtual ~View() = default;
    /// No bank of the unit has a request that it works on.
    virtual bool unit_idle(int unit) const = 0;
    /// From now on its banks take no commands, until the unit is refreshed.
    virtual void block_unit(int unit) = 0;
  };

  bool enabled() const { return units_ > 0; }
  /// The cycle from which `evaluate` has something to decide.
  std::int64_t due() const { return in_self_refresh_ ? never_due : due_ - lead(); }
  /// The wanted refresh must not come before.
  std::int64_t not_before() const { return forced_ ? due_ : 0; }
  /// The rank has to leave power-down for a refresh.
  bool wakes(std::int64_t cycle) const { return units_ > 0 && cycle >= due(); }
  /// Decides at `cycle`; gives the unit to be refreshed now (its banks closed first), or -1.
  int evaluate(std::int64_t cycle, View& view);
  int wanted() const { return wanted_; }
  /// The wanted refresh cannot be put off.
  bool forced() const { return forced_; }
  /// The wanted unit's refresh was issued.
  void refreshed();

  void sleep(bool self_refresh) {
    asleep_ = true;
    in_self_refresh_ = self_refresh;
    wanted_ = -1;
  }
  void wake() { asleep_ = false; }
  /// The refresh that ends self-refresh was issued.
  void restart(std::int64_t cycle);

  /// Whether it stands as it stood `cycles` ago.
  bool as_before(const RefreshManager& then, std::int64_t cycles) const {
    if (in_self_refresh_ || units_ == 0) return in_self_refresh_ == then.in_self_refresh_;
    return due_ - then.due_ == cycles && flexibility_ == then.flexibility_ && pulling_in_ == then.pulling_in_ && forced_ == then.forced_ &&
           asleep_ == then.asleep_ && wanted_ == then.wanted_ && remaining_ == then.remaining_;
  }
  /// As if `periods` mean intervals (tREFI) had passed, each with one refresh of every unit.
  void skip(std::int64_t periods) {
    if (units_ == 0 || in_self_refresh_) return;
    index_ += periods * units_;
    due_ = due_of(index_);
    count_ += periods * units_;
  }

  const DramLimit& postponed() const { return postponed_; }
  const DramLimit& pulled_in() const { return pulled_in_; }
  std::int64_t count() const { return count_; }

 private:
  static constexpr std::int64_t never_due = std::int64_t{1} << 60;
  int units_ = 0;
  /// Interval of one unit: interval_ / units_, kept exact.
  std::int64_t interval_ = 0, offset_ = 0, index_ = 1, due_ = never_due;
  std::int64_t guard_ = 0;
  int max_postponed_ = 0, max_pulled_in_ = 0, flexibility_ = 0;
  bool pulling_in_ = false, forced_ = false, asleep_ = false, in_self_refresh_ = false;
  int wanted_ = -1;
  std::vector<int> remaining_;
  DramLimit postponed_, pulled_in_;
  std::int64_t count_ = 0;

  void next_interval();
  std::int64_t due_of(std::int64_t index) const { return offset_ + index * interval_ / units_; }
  int idle_unit(const View& view) const;
  /// Cycles before the due one in which the banks of a refresh that cannot be put off are stopped.
  std::int64_t lead() const { return flexibility_ == max_postponed_ && !pulling_in_ ? guard_ : 0; }
};

}  // namespace gnomon::sim
