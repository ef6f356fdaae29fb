#pragma once

#include <algorithm>
#include <cstdint>

#include "gnomon/sim/dram.hpp"

namespace gnomon::sim {

/// Counts what one rank's energy depends on: commands, and cycles in each state. A rank is active while any of its banks is open; a bank that closes itself
/// (RDA, WRA) is open until its internal precharge; an all-bank refresh counts as active for tRFC - tRP, as in DRAMPower.
class RankEnergy {
 public:
  void activate(std::int64_t cycle) {
    ++activates;
    open(cycle);
  }
  /// A bank closes at `cycle`, now or later.
  void precharge(std::int64_t cycle) {
    ++precharges;
    --open_;
    until_ = std::max(until_, cycle);
  }
  void refresh(std::int64_t cycle, std::int64_t active_cycles) {
    open(cycle);
    --open_;
    until_ = std::max(until_, cycle + active_cycles);
  }
  void power_down(std::int64_t cycle, bool self_refresh) {
    settle(cycle);
    asleep_ = true;
    self_refresh_ = self_refresh;
    sleep_from_ = cycle;
  }
  void wake(std::int64_t cycle) {
    const std::int64_t slept = cycle - sleep_from_;
    (self_refresh_ ? past_.self_refresh : open_ > 0 ? past_.active_power_down : past_.precharge_power_down) += slept;
    asleep_ = false;
    from_ = cycle;
    until_ = std::max(until_, cycle);
  }

  /// As if the run ended at `cycle`.
  DramResidency residency(std::int64_t cycle) const {
    RankEnergy copy = *this;
    if (copy.asleep_) {
      copy.wake(std::max(cycle, sleep_from_));
    } else {
      copy.settle(cycle);
    }
    return copy.past_;
  }
  bool any_open() const { return open_ > 0; }

  std::int64_t activates = 0, precharges = 0, reads = 0, writes = 0, refreshes = 0, bank_refreshes = 0, self_refreshes = 0;

 private:
  /// Counts the cycles from `from_` to `cycle`: active as far as `until_` or while a bank is open.
  void settle(std::int64_t cycle) {
    if (cycle <= from_) return;
    const std::int64_t active_to = open_ > 0 ? cycle : std::clamp(until_, from_, cycle);
    past_.active_standby += active_to - from_;
    past_.precharge_standby += cycle - active_to;
    from_ = cycle;
  }
  void open(std::int64_t cycle) {
    if (open_++ == 0) {
      --open_;
      settle(cycle);
      ++open_;
    }
  }

  DramResidency past_;
  std::int64_t from_ = 0, until_ = 0, sleep_from_ = 0;
  int open_ = 0;
  bool asleep_ = false, self_refresh_ = false;
};

/// Energy of a rank by DRAMPower's equations (Chandrasekar et al., "Improved Power Modeling of DDR SDRAMs", DSD 2011), over all supplies and devices:
/// each command costs the current above standby for its duration, the rest is standby current by state.
DramEnergy rank_energy(const arch::Dram& dram, const RankEnergy& counts, const DramResidency& residency);

}  // namespace gnomon::sim
