#include <algorithm>
#include <numeric>

#include "gnomon/sim/result.hpp"

namespace gnomon::sim {

Counts& Counts::operator+=(const Counts& other) {
  macs += other.macs;
  vector_ops += other.vector_ops;
  for (std::size_t i = 0; i < max_levels; ++i) {
    level[i].read += other.level[i].read;
    level[i].write += other.level[i].write;
  }
  dram_read_bytes += other.dram_read_bytes;
  dram_write_bytes += other.dram_write_bytes;
  bus_bytes += other.bus_bytes;
  return *this;
}

double EnergyBreakdown::total() const {
  return mac + pe_registers + std::accumulate(level.begin(), level.end(), 0.0) + vector + bus + dram + pins + leakage + clock;
}

EnergyBreakdown dynamic_energy(const arch::UnitEnergies& units, std::size_t core, const Counts& counts) {
  EnergyBreakdown e;
  const double macs = static_cast<double>(counts.macs);
  e.mac = macs * units.mac_pj[core];
  e.pe_registers = macs * units.pe_transfer_pj[core];
  e.vector = static_cast<double>(counts.vector_ops) * units.vector_op_pj[core];
  const std::vector<arch::SramCost>& own = units.level[core];
  e.level_count = own.size() + units.shared.size();
  for (std::size_t i = 0; i < e.level_count; ++i) {
    const arch::SramCost& cost = i < own.size() ? own[i] : units.shared[i - own.size()];
    e.level[i] = static_cast<double>(counts.level[i].read) * cost.read_pj_per_byte + static_cast<double>(counts.level[i].write) * cost.write_pj_per_byte;
  }
  e.bus = static_cast<double>(counts.bus_bytes) * units.bus_pj_per_byte;
  e.dram = static_cast<double>(counts.dram_read_bytes + counts.dram_write_bytes) * units.dram_pj_per_byte;
  return e;
}

EnergyBreakdown static_energy(const arch::Design& design, const arch::UnitEnergies& units, std::int64_t cycles) {
  EnergyBreakdown e;
  // mW x ps = 1e-15 J = 1e-3 pJ.
  const double mw_to_pj = static_cast<double>(cycles) * static_cast<double>(design.clock_period_ps) * 1e-3;
  e.pins = units.pin_static_mw * mw_to_pj;
  e.leakage = units.leakage_mw * mw_to_pj;
  e.clock = units.clock_tree_pj_per_cycle * static_cast<double>(cycles);
  return e;
}

arch::Core lowering_core(const arch::Design& design) {
  arch::Core core = design.cores.front();
  bool every_fuses = true;
  bool any_vector = false;
  for (const arch::Core& c : design.cores) {
    every_fuses = every_fuses && c.vector_lanes >= c.array.cols;
    any_vector = any_vector || c.vector_lanes > 0;
  }
  if (every_fuses) return core;
  core.vector_lanes = any_vector ? 1 : 0;
  core.array.cols = 2;
  return core;
}

}  // namespace gnomon::sim
