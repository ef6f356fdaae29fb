#include <algorithm>

#include "gnomon/sim/analytical.hpp"

namespace gnomon::sim {

std::optional<double> device_energy_pj(const arch::Dram& dram, std::int64_t read_bytes, std::int64_t written_bytes, double ps) {
  using T = arch::DramTiming;
  if (!dram.power) return std::nullopt;
  const auto per_burst = static_cast<double>(dram.burst_bytes);
  const double reads = static_cast<double>(read_bytes) / per_burst, writes = static_cast<double>(written_bytes) / per_burst;
  const double tck_ps = static_cast<double>(dram.tck_ps()), ranks = static_cast<double>(dram.channels) * dram.pseudo_channels * dram.ranks;
  const double cycles = ps / tck_ps;  // of every rank
  const auto of = [&](T timing) { return static_cast<double>(dram[timing]); };
  const bool keeps_rows = dram.controller.page_policy == arch::DramPagePolicy::open || dram.controller.page_policy == arch::DramPagePolicy::open_adaptive;
  const double bursts_per_row = keeps_rows ? static_cast<double>(dram.columns) * dram.data_width_bits / 8 / per_burst : 1;
  const double activates = (reads + writes) / bursts_per_row;
  const double refreshes = dram.controller.refresh == arch::DramRefresh::none ? 0 : cycles / of(T::tREFI) * ranks;
  // Open rows stay open until a refresh: with a burst in each interval, always. Closed ones are open for tRAS at least.
  const double open = keeps_rows ? cycles * std::min(1.0, (reads + writes) / std::max(refreshes, 1e-9)) : std::min(cycles, activates / ranks * of(T::tRAS));
  const double busy = std::min(cycles, (reads + writes) * dram.burst_cycles / ranks);
  const double asleep = dram.controller.power_down == arch::DramPowerDown::none ? 0 : (cycles - busy) / std::max(1.0, cycles);
  const bool by_bank = dram.controller.refresh == arch::DramRefresh::per_bank || dram.controller.refresh == arch::DramRefresh::same_bank;
  const double pieces = dram.controller.refresh == arch::DramRefresh::same_bank ? dram.banks_per_group : dram.banks_per_rank();
  const double piece_cycles = of(dram.controller.refresh == arch::DramRefresh::same_bank ? T::tRFCsb : T::tRFCpb);
  double sum = 0;
  for (const arch::DramSupply& s : dram.power->supplies) {
    const double unit = s.voltage_v * tck_ps * 1e-3 * dram.devices_per_rank();  // mA x V x ns = pJ
    double current_cycles = activates * (of(T::tRAS) * (s.IDD0 - s.IDD3N) + (of(T::tRC) - of(T::tRAS)) * (s.IDD0 - s.IDD2N));
    current_cycles += reads * dram.burst_cycles * (s.IDD4R - s.IDD3N) + writes * dram.burst_cycles * (s.IDD4W - s.IDD3N);
    current_cycles += by_bank && s.has_per_bank_refresh ? refreshes * pieces * piece_cycles * (s.IDD5PB - s.IDD3N) : refreshes * of(T::tRFC) * (s.IDD5B - s.IDD3N);
    current_cycles += ranks * (1 - asleep) * (open * s.IDD3N + (cycles - open) * s.IDD2N) + ranks * asleep * (open * s.IDD3P1 + (cycles - open) * s.IDD2P1);
    sum += unit * current_cycles;
  }
  return sum;
}

}  // namespace gnomon::sim
