#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"

namespace gnomon::arch {

/// A constant of the energy and area model, and where it comes from.
struct Constant {
  std::string name;
  double value = 0;
  std::string unit;
  std::string source;
};

/// A process node with its constants at nominal voltage.
struct Technology {
  std::string name;
  double node_nm = 0;
  double nominal_v = 0;
  std::vector<Constant> constants;
  double get(const std::string& constant) const;
};
std::vector<std::string> technology_names();
Expected<const Technology*> find_technology(const std::string& name);

/// Supply voltage for a clock: alpha-power law (Sakurai and Newton, JSSC 1990) through the node's nominal point; between the node's lowest and
/// highest voltage. Error: a clock that the node does not reach, with the highest one.
Expected<double> voltage_for_clock(const Technology& technology, double clock_mhz);

/// SRAM macro: energy per access, area and leakage as a stated function of capacity, port width and banks.
struct SramCost {
  double read_pj_per_byte = 0;
  double write_pj_per_byte = 0;
  double area_um2 = 0;
  double leakage_mw = 0;
};
SramCost sram_cost(const Technology& technology, std::int64_t bytes, std::int64_t bytes_per_cycle, std::int64_t banks);
/// The published points that the SRAM model was fitted to, and what the model says there.
struct SramFitPoint {
  std::string source;
  double kib = 0, width_bits = 0;
  double published_pj = 0, model_pj = 0;
  double published_um2 = 0, model_um2 = 0;  ///< 0 where not published
};
std::vector<SramFitPoint> sram_fit();

/// Energy of each kind of event of a design, at its clock's voltage; level costs in the order of Core::levels and Design::shared.
struct UnitEnergies {
  double voltage = 0;
  std::vector<double> mac_pj;         ///< per MAC, by core
  std::vector<double> pe_transfer_pj; ///< registers moved per MAC between neighbours, by core
  std::vector<double> vector_op_pj;   ///< per scalar operation, by core
  std::vector<std::vector<SramCost>> level;  ///< by core, level
  std::vector<SramCost> shared;
  double bus_pj_per_byte = 0;
  double dram_pj_per_byte = 0;
  double pin_static_mw = 0;    ///< PHY and pins, grows with the memory's bytes per cycle and clock
  double leakage_mw = 0;       ///< arrays, vector units, levels
  double clock_tree_pj_per_cycle = 0;
};
Expected<UnitEnergies> unit_energies(const Design& design);

/// Area by component (`npu.array`, `npu.ifmap`, `npu.vector`, `l2`, `bus`, `memory_phy`), adds up to area_um2.
std::vector<std::pair<std::string, double>> area_breakdown_um2(const Design& design);
double area_um2(const Design& design);

}  // namespace gnomon::arch
