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
  /// As if everything between `before` (the same rank `period` cycles ago) and now had happened `periods` times more.
  void skip(const RankEnergy& before, std::int64_t cycle, std::int64_t period, std::int64_t periods) {
    const DramResidency then = before.residency(cycle - period), now = residency(cycle);
    past_.active_standby += periods * (now.active_standby - then.active_standby);
    past_.precharge_standby += periods * (now.precharge_standby - then.precharge_standby);
    past_.active_power_down += periods * (now.active_power_down - then.active_power_down);
    past_.precharge_power_down += periods * (now.precharge_power_down - then.precharge_power_down);
    past_.self_refresh += periods * (now.self_refresh - then.self_refresh);
    for (std::int64_t* time : {&from_, &until_, &sleep_from_}) *time += periods * period;
    refreshes += periods * (refreshes - before.refreshes);
    bank_refreshes += periods * (bank_refreshes - before.bank_refreshes);
    self_refreshes += periods * (self_refreshes - before.self_refreshes);
  }
  /// Whether a period did to this rank what the one before did.
  static bool periodic(const RankEnergy& a, const RankEnergy& b, const RankEnergy& c, std::int64_t cycle, std::int64_t period) {
    const DramResidency x = a.residency(cycle - 2 * period), y = b.residency(cycle - period), z = c.residency(cycle);
    return z.active_standby - y.active_standby == y.active_standby - x.active_standby &&
           z.precharge_standby - y.precharge_standby == y.precharge_standby - x.precharge_standby &&
           z.active_power_down - y.active_power_down == y.active_power_down - x.active_power_down &&
           z.precharge_power_down - y.precharge_power_down == y.precharge_power_down - x.precharge_power_down &&
           z.self_refresh - y.self_refresh == y.self_refresh - x.self_refresh && c.refreshes - b.refreshes == b.refreshes - a.refreshes &&
           c.bank_refreshes - b.bank_refreshes == b.bank_refreshes - a.bank_refreshes && c.activates == a.activates && c.precharges == a.precharges &&
           c.self_refreshes == a.self_refreshes && a.open_ == c.open_ && a.asleep_ == c.asleep_;
  }

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
