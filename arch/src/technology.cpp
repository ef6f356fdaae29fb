#include "gnomon/arch/technology.hpp"

#include <algorithm>
#include <cmath>

#include "gnomon/base/text.hpp"

namespace gnomon::arch {
namespace {

constexpr const char* horowitz = "Horowitz, ISSCC 2014, 45 nm, 0.9 V";
constexpr const char* aladdin =
    "Shao et al., Aladdin, ISCA 2014, 40 nm, 1 ns; scaled to 45 nm by length (energy) and its square (area)";
constexpr const char* stillmaker = "Stillmaker and Baas, Integration 58, 2017 (high-performance models)";
constexpr const char* keckler =
    "Keckler et al., IEEE Micro 31(5), 2011, table 1: 310 pJ for 256 random bits over 10 mm at 40 nm, 0.9 V (a wire's "
    "capacitance hardly scales)";
constexpr const char* assumption = "gnomon's assumption";

/// Constants at 45 nm and 0.9 V.
const std::vector<Constant>& base_constants() {
  static const std::vector<Constant> constants{
      {"int_add_8_pj", 0.03, "pJ", horowitz},
      {"int_add_16_pj", 0.05, "pJ", horowitz},
      {"int_add_32_pj", 0.1, "pJ", horowitz},
      {"int_mult_8_pj", 0.2, "pJ", horowitz},
      {"int_mult_32_pj", 3.1, "pJ", horowitz},
      {"fp_add_16_pj", 0.4, "pJ", horowitz},
      {"fp_add_32_pj", 0.9, "pJ", horowitz},
      {"fp_mult_16_pj", 1.1, "pJ", horowitz},
      {"fp_mult_32_pj", 3.7, "pJ", horowitz},
      {"int_add_8_um2", 36, "um2", horowitz},
      {"int_add_16_um2", 67, "um2", horowitz},
      {"int_add_32_um2", 137, "um2", horowitz},
      {"int_mult_8_um2", 282, "um2", horowitz},
      {"int_mult_32_um2", 3495, "um2", horowitz},
      {"fp_add_16_um2", 1360, "um2", horowitz},
      {"fp_add_32_um2", 4184, "um2", horowitz},
      {"fp_mult_16_um2", 1640, "um2", horowitz},
      {"fp_mult_32_um2", 7700, "um2", horowitz},
      {"register_pj_per_bit", 0.009 * 45 / 40, "pJ/bit", aladdin},
      {"register_um2_per_bit", 5.98 * 45 * 45 / (40 * 40), "um2/bit", aladdin},
      {"clock_pj_per_register_bit", 0.002, "pJ/bit/cycle", assumption},
      {"vector_registers", 16, "accumulators per lane", assumption},
      {"placement_density", 0.7, "1", assumption},
      {"wire_pj_per_bit_mm", 310.0 / 256 / 10, "pJ/bit/mm", keckler},
      {"wire_pitch_um", 0.28, "um", "intermediate metal, twice the minimum pitch of 0.14 um at 45 nm (ITRS 2007)"},
      {"sram_cell_um2", 0.346, "um2/bit", "6T cell, Mistry et al., IEDM 2007, 45 nm"},
      {"sram_cell_share", 0.6, "1", assumption},
      {"sram_edge_um2_per_sqrt_bit", 4, "um2", "decoder and sense amplifiers along a bank's two edges; gnomon's assumption"},
      {"sram_port_um2_per_bit", 10, "um2/bit",
       "output register, driver and bank multiplexer of a port's bit, 1.3 register bits; gnomon's assumption"},
      {"sram_bank_pj_64", 0.11, "pJ per square root of a bank's bytes", "fitted to the published points of sram_fit()"},
      {"sram_wire_share", 0.2, "1", "share of the macro's side that a bit travels; fitted to the published points of sram_fit()"},
      {"sram_write_share", 0.87, "1", "write over read energy, mean of four macros in Accelergy's reference outputs (65 nm)"},
      {"logic_leakage_mw_per_mm2", 10, "mW/mm2", "low-power process; gnomon's assumption"},
      {"sram_leakage_mw_per_mm2", 5, "mW/mm2", "low-power process; gnomon's assumption"},
      {"dram_pj_per_byte", 64, "pJ/byte",
       "LPDDR4 class, 8 pJ/bit, device and interface (as Accelergy uses it); it does not scale with the node"},
      {"phy_mw_per_gb_s", 2, "mW per GB/s", "termination, DLL and clocking of a powered interface; gnomon's assumption"},
      {"phy_um2_per_gb_s", 50000, "um2 per GB/s",
       "pads and PHY, of the order of 256 GB/s in 13 mm2 (HBM2 class); gnomon's assumption, does not scale with the node"},
  };
  return constants;
}

/// What differs from node to node. Energies and areas are the 45 nm constants times a factor; delay gives the nominal clock.
struct Node {
  const char* name;
  double nm;
  double nominal_v, lowest_v, highest_v, threshold_v;
  double speed_factor, area_factor, energy_factor;
  const char* source;
};

// speed: delay polynomial of 45 nm HP at 0.9 V over that of the node at its nominal voltage; energy likewise; area: the paper's
// table.
constexpr Node nodes[] = {
    {"130nm", 130, 1.3, 0.87, 1.6, 0.33, 0.394, 6.4, 9.02, "delay, energy and area factors"},
    {"90nm", 90, 1.2, 0.80, 1.5, 0.35, 0.534, 2.8, 4.60, "delay, energy and area factors"},
    {"65nm", 65, 1.1, 0.73, 1.4, 0.35, 0.658, 1.5, 2.40, "delay, energy and area factors"},
    {"45nm", 45, 0.9, 0.60, 1.2, 0.35, 1.0, 1.0, 1.0, "the base"},
    {"28nm", 28, 0.9, 0.60, 1.15, 0.32, 1.42, 0.368, 0.480,
     "factors interpolated in the logarithm of the node between 32 and 20 nm"},
    {"16nm", 16, 0.8, 0.53, 1.0, 0.27, 1.87, 0.19, 0.172, "delay, energy and area factors"},
    {"7nm", 7, 0.7, 0.47, 0.9, 0.27, 3.89, 0.059, 0.0684, "delay, energy and area factors"},
};

/// Clock of an array at 45 nm and nominal voltage: Aladdin's adders, multipliers and registers close 1 ns at 40 nm.
constexpr double base_clock_mhz = 1000;
constexpr double alpha = 1.3;

std::vector<Technology> make_technologies() {
  std::vector<Technology> out;
  for (const Node& node : nodes) {
    Technology technology;
    technology.name = node.name;
    technology.node_nm = node.nm;
    technology.nominal_v = node.nominal_v;
    technology.constants = base_constants();
    const std::string factors = std::string(stillmaker) + ": " + node.source;
    for (const Constant& constant :
         {Constant{"lowest_v", node.lowest_v, "V", assumption}, Constant{"highest_v", node.highest_v, "V", assumption},
          Constant{"threshold_v", node.threshold_v, "V", assumption},
          Constant{"alpha", alpha, "1", "Sakurai and Newton, JSSC 25(2), 1990, short channel"},
          Constant{"nominal_clock_mhz", base_clock_mhz * node.speed_factor, "MHz",
                   "1 ns at 45 nm (Aladdin's units); other nodes by " + factors},
          Constant{"area_factor", node.area_factor, "1", factors}, Constant{"energy_factor", node.energy_factor, "1", factors}}) {
      technology.constants.push_back(constant);
    }
    out.push_back(std::move(technology));
  }
  return out;
}

const std::vector<Technology>& technologies() {
  static const std::vector<Technology> all = make_technologies();
  return all;
}

/// alpha-power law: clock in proportion to (V - Vt)^alpha / V, through the nominal point.
double clock_at(const Technology& t, double volt) {
  const auto drive = [&](double v) { return std::pow(v - t.get("threshold_v"), t.get("alpha")) / v; };
  return t.get("nominal_clock_mhz") * drive(volt) / drive(t.nominal_v);
}

/// A power law between (and beyond) two published widths.
double by_bits(double bits, double low_bits, double low, double high_bits, double high) {
  return low * std::pow(bits / low_bits, std::log(high / low) / std::log(high_bits / low_bits));
}

struct Cost {
  double pj = 0, um2 = 0;
};
Cost adder(const Technology& t, int bits, bool floating) {
  if (floating) {
    const std::string name = bits > 16 ? "fp_add_32" : "fp_add_16";
    return {t.get(name + "_pj"), t.get(name + "_um2")};
  }
  if (bits <= 16) {
    return {by_bits(bits, 8, t.get("int_add_8_pj"), 16, t.get("int_add_16_pj")),
            by_bits(bits, 8, t.get("int_add_8_um2"), 16, t.get("int_add_16_um2"))};
  }
  return {by_bits(bits, 16, t.get("int_add_16_pj"), 32, t.get("int_add_32_pj")),
          by_bits(bits, 16, t.get("int_add_16_um2"), 32, t.get("int_add_32_um2"))};
}
Cost multiplier(const Technology& t, const Precision& p) {
  if (p.floating) {
    const std::string name = p.bits > 16 ? "fp_mult_32" : "fp_mult_16";
    return {t.get(name + "_pj"), t.get(name + "_um2")};
  }
  return {by_bits(p.bits, 8, t.get("int_mult_8_pj"), 32, t.get("int_mult_32_pj")),
          by_bits(p.bits, 8, t.get("int_mult_8_um2"), 32, t.get("int_mult_32_um2"))};
}

/// Register bits of a PE: `os` passes both operands on and keeps the sum; `ws` and `is` keep one operand, pass one and the sum
/// on. Overlap needs a second stationary register.
double register_bits(const Array& a) {
  const double operands = 2.0 * a.precision.bits + a.accumulator_bits;
  if (!a.overlap) return operands;
  return operands + (info(a.dataflow).outputs_stay() ? a.accumulator_bits : a.precision.bits);
}
/// Of these, the bits that change with every MAC.
double moving_bits(const Array& a) {
  return (info(a.dataflow).outputs_stay() ? 2.0 : 1.0) * a.precision.bits + a.accumulator_bits;
}

double lane_register_bits(const Technology& t, const Core& core) {
  return t.get("vector_registers") * core.array.accumulator_bits;
}

double array_area(const Technology& t, const Array& a) {
  const double pe = multiplier(t, a.precision).um2 + adder(t, a.accumulator_bits, a.precision.floating).um2 +
                    register_bits(a) * t.get("register_um2_per_bit");
  return static_cast<double>(a.pes()) * pe / t.get("placement_density") * t.get("area_factor");
}
double vector_area(const Technology& t, const Core& core) {
  const Array& a = core.array;
  const double lane = multiplier(t, a.precision).um2 + adder(t, a.accumulator_bits, a.precision.floating).um2 +
                      lane_register_bits(t, core) * t.get("register_um2_per_bit");
  return static_cast<double>(core.vector_lanes) * lane / t.get("placement_density") * t.get("area_factor");
}
double memory_gb_s(const Design& d) {
  if (d.memory.dram) return d.memory.dram->peak_bandwidth_gb_s();
  return static_cast<double>(d.memory.bytes_per_cycle) * d.clock_mhz * 1e-3;
}

}  // namespace

double Technology::get(const std::string& constant) const {
  for (const Constant& each : constants) {
    if (each.name == constant) return each.value;
  }
  return 0;
}

std::vector<std::string> technology_names() {
  std::vector<std::string> names;
  for (const Node& node : nodes) names.emplace_back(node.name);
  return names;
}

Expected<const Technology*> find_technology(const std::string& name) {
  for (const Technology& technology : technologies()) {
    if (technology.name == name) return &technology;
  }
  return fail(ErrorKind::invalid_input, unknown_word("technology", name, technology_names()));
}

Expected<double> voltage_for_clock(const Technology& technology, double clock_mhz) {
  double low = technology.get("lowest_v");
  double high = technology.get("highest_v");
  if (!(clock_mhz > 0))
    return fail(ErrorKind::invalid_input, "found a clock of " + number(clock_mhz) + " MHz; allowed: a number above 0");
  if (clock_mhz <= clock_at(technology, low)) return low;
  if (const double fastest = clock_at(technology, high); clock_mhz > fastest) {
    return fail(ErrorKind::invalid_input, "found " + number(clock_mhz) + " MHz; " + technology.name + " reaches at most " +
                                              number(std::floor(fastest)) + " MHz (at " + number(high) + " V)");
  }
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (clock_at(technology, middle) < clock_mhz ? low : high) = middle;
  }
  return high;
}

std::vector<std::pair<std::string, double>> area_breakdown_um2(const Design& design) {
  std::vector<std::pair<std::string, double>> out;
  const auto technology = find_technology(design.technology);
  if (!technology) return out;
  const Technology& t = **technology;
  const auto level = [&](const std::string& name, const Level& l) {
    out.emplace_back(name, sram_cost(t, l.bytes, l.bytes_per_cycle, l.banks).area_um2);
  };
  for (const Core& core : design.cores) {
    out.emplace_back(core.name + ".array", array_area(t, core.array));
    for (const Level& l : core.levels) level(core.name + "." + l.name, l);
    if (core.vector_lanes > 0) out.emplace_back(core.name + ".vector", vector_area(t, core));
  }
  for (const Level& l : design.shared) level(l.name, l);
  double logic = 0;
  for (const auto& entry : out) logic += entry.second;
  // The bus runs along the side of what it joins, a track a bit.
  const double pitch_um = t.get("wire_pitch_um") * std::sqrt(t.get("area_factor"));
  out.emplace_back("bus", 8.0 * static_cast<double>(design.bus_bytes_per_cycle) * pitch_um * std::sqrt(logic));
  out.emplace_back("memory_phy", t.get("phy_um2_per_gb_s") * memory_gb_s(design));
  return out;
}

double area_um2(const Design& design) {
  double sum = 0;
  for (const auto& entry : area_breakdown_um2(design)) sum += entry.second;
  return sum;
}

Expected<UnitEnergies> unit_energies(const Design& design) {
  auto technology = find_technology(design.technology);
  if (!technology) return fail(std::move(technology.error()));
  const Technology& t = **technology;
  auto volt = voltage_for_clock(t, design.clock_mhz);
  if (!volt) return fail(std::move(volt.error()));
  UnitEnergies out;
  out.voltage = *volt;
  const double swing = *volt / t.nominal_v;
  const double dynamic = t.get("energy_factor") * swing * swing;
  const auto scaled = [&](SramCost cost) {
    cost.read_pj_per_byte *= swing * swing;
    cost.write_pj_per_byte *= swing * swing;
    cost.leakage_mw *= swing;
    out.leakage_mw += cost.leakage_mw;
    return cost;
  };
  double clocked_bits = 0;
  double logic_um2 = 0;
  for (const Core& core : design.cores) {
    const Array& a = core.array;
    const double mac = multiplier(t, a.precision).pj + adder(t, a.accumulator_bits, a.precision.floating).pj;
    out.mac_pj.push_back(mac * dynamic);
    out.pe_transfer_pj.push_back(moving_bits(a) * t.get("register_pj_per_bit") * dynamic);
    // An operation reads two registers and writes one.
    out.vector_op_pj.push_back((mac + 3.0 * a.accumulator_bits * t.get("register_pj_per_bit")) * dynamic);
    clocked_bits +=
        static_cast<double>(a.pes()) * register_bits(a) + static_cast<double>(core.vector_lanes) * lane_register_bits(t, core);
    logic_um2 += array_area(t, a) + vector_area(t, core);
    auto& levels = out.level.emplace_back();
    for (const Level& l : core.levels) levels.push_back(scaled(sram_cost(t, l.bytes, l.bytes_per_cycle, l.banks)));
  }
  for (const Level& l : design.shared) out.shared.push_back(scaled(sram_cost(t, l.bytes, l.bytes_per_cycle, l.banks)));
  // Leakage belongs to transistors, not to area: an area at 45 nm counts, whatever it has shrunk to.
  out.leakage_mw += t.get("logic_leakage_mw_per_mm2") * logic_um2 / t.get("area_factor") * 1e-6 * *volt / 0.9;
  double chip_um2 = 0;
  for (const auto& [name, um2] : area_breakdown_um2(design)) {
    if (name != "bus" && name != "memory_phy") chip_um2 += um2;
  }
  out.bus_pj_per_byte =
      8 * t.get("wire_pj_per_bit_mm") * std::sqrt(chip_um2) * 1e-3 * swing * swing * (t.nominal_v / 0.9) * (t.nominal_v / 0.9);
  out.dram_pj_per_byte = t.get("dram_pj_per_byte");
  out.pin_static_mw = t.get("phy_mw_per_gb_s") * memory_gb_s(design);
  out.clock_tree_pj_per_cycle = clocked_bits * t.get("clock_pj_per_register_bit") * dynamic;
  return out;
}

}  // namespace gnomon::arch
