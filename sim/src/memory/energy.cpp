#include "energy.hpp"

namespace gnomon::sim {

DramEnergy rank_energy(const arch::Dram& dram, const RankEnergy& counts, const DramResidency& residency) {
  using T = arch::DramTiming;
  DramEnergy out;
  if (!dram.power) return out;
  const double devices = dram.devices_per_rank();
  const double tck_ns = static_cast<double>(dram.tck_ps()) / 1000.0;
  const auto cycles = [](std::int64_t n, std::int64_t each) { return static_cast<double>(n) * static_cast<double>(each); };
  for (const arch::DramSupply& s : dram.power->supplies) {
    // mA x V x ns = pJ.
    const double unit = s.voltage_v * tck_ns * devices;
    out.activate_pj += unit * cycles(counts.activates, dram[T::tRAS]) * (s.IDD0 - s.IDD3N);
    out.precharge_pj += unit * cycles(counts.precharges, dram[T::tRC] - dram[T::tRAS]) * (s.IDD0 - s.IDD2N);
    out.read_pj += unit * cycles(counts.reads, dram.burst_cycles) * (s.IDD4R - s.IDD3N);
    out.write_pj += unit * cycles(counts.writes, dram.burst_cycles) * (s.IDD4W - s.IDD3N);
    out.refresh_pj += unit * cycles(counts.refreshes, dram[T::tRFC]) * (s.IDD5B - s.IDD3N);
    if (counts.bank_refreshes > 0) {
      // Without its own current, a bank's refresh takes its share of an all-bank refresh.
      const std::int64_t units =
          dram.controller.refresh == arch::DramRefresh::same_bank ? dram.banks_per_group : dram.banks_per_rank();
      const T own = dram.controller.refresh == arch::DramRefresh::same_bank ? T::tRFCsb : T::tRFCpb;
      out.refresh_pj += s.has_per_bank_refresh
                            ? unit * cycles(counts.bank_refreshes, dram[own]) * (s.IDD5PB - s.IDD3N)
                            : unit * cycles(counts.bank_refreshes, dram[T::tRFC]) * (s.IDD5B - s.IDD3N) / static_cast<double>(units);
    }
    out.active_standby_pj += unit * static_cast<double>(residency.active_standby) * s.IDD3N;
    out.precharge_standby_pj += unit * static_cast<double>(residency.precharge_standby) * s.IDD2N;
    out.active_power_down_pj += unit * static_cast<double>(residency.active_power_down) * s.IDD3P1;
    out.precharge_power_down_pj += unit * static_cast<double>(residency.precharge_power_down) * s.IDD2P1;
    // Every entry to self-refresh starts with a refresh, in the slow-exit power-down states.
    const double entries = cycles(counts.self_refreshes, dram[T::tRFC]);
    const double in_refresh = std::min(entries, static_cast<double>(residency.self_refresh));
    const double active_share = static_cast<double>(dram[T::tRFC] - dram[T::tRP]) / static_cast<double>(dram[T::tRFC]);
    out.self_refresh_pj += unit * (static_cast<double>(residency.self_refresh) - in_refresh) * s.IDD6;
    out.self_refresh_pj += unit * in_refresh * (active_share * s.IDD3P0 + (1 - active_share) * s.IDD2P0 + s.IDD5B - s.IDD3N);
  }
  return out;
}

}  // namespace gnomon::sim
