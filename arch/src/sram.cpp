#include <algorithm>
#include <cmath>

#include "gnomon/arch/technology.hpp"

/// One model for all SRAM, stated here and nowhere else.
///
/// Energy of a 64-bit read at 45 nm, 0.9 V: b sqrt(bytes of a bank) + 64 s w side, where b is the bit lines' and word line's
/// part, s the share of the macro's side that a bit travels, w the energy of a wire and `side` the square root of the macro's
/// area. Narrower and wider words in proportion. Area: bits x cell / share of cells + edges x sqrt(bits of a bank) per bank + a
/// part per bit of each of the two ports. Leakage in proportion to the area. So wider ports cost area, leakage and (through the
/// side) energy, and more banks cost area and save bit-line energy.
namespace gnomon::arch {
namespace {

double area_45_um2(const Technology& t, double bytes, double port_bytes, double banks) {
  const double bits = 8 * bytes;
  return bits * t.get("sram_cell_um2") / t.get("sram_cell_share") +
         banks * t.get("sram_edge_um2_per_sqrt_bit") * std::sqrt(bits / banks) +
         2 * 8 * port_bytes * t.get("sram_port_um2_per_bit");
}

double read_45_pj_per_byte(const Technology& t, double bytes, double port_bytes, double banks) {
  const double side_mm = std::sqrt(area_45_um2(t, bytes, port_bytes, banks)) * 1e-3;
  return t.get("sram_bank_pj_64") / 8 * std::sqrt(bytes / banks) +
         8 * t.get("sram_wire_share") * t.get("wire_pj_per_bit_mm") * side_mm;
}

/// A published macro; figures of other nodes are brought to 45 nm, 0.9 V by the given factors.
struct Published {
  const char* source;
  double kib, width_bits, banks;
  double pj, energy_to_45;
  double um2, area_to_45;
};

// 65 nm at 1.0 V to 45 nm at 0.9 V: 0.525 in energy and 0.66 in area (Stillmaker and Baas, Integration 2017); 40 nm by length.
const Published points[] = {
    {"Horowitz, ISSCC 2014: 8 KB cache, 45 nm", 8, 64, 1, 10, 1, 0, 1},
    {"Horowitz, ISSCC 2014: 32 KB cache, 45 nm", 32, 64, 1, 20, 1, 0, 1},
    {"Horowitz, ISSCC 2014: 1 MB cache, 45 nm", 1024, 64, 1, 100, 1, 0, 1},
    {"Keckler et al., IEEE Micro 2011: 8 KB SRAM, 40 nm", 8, 64, 1, 14, 45.0 / 40, 0, 1},
    {"Accelergy, Eyeriss-like: global buffer 128 KB in 32 banks, 65 nm", 128, 64, 32, 18.18, 0.525, 217000, 0.66},
    {"Accelergy, Eyeriss-like: weight scratchpad 192 x 16 b, 65 nm", 0.375, 16, 1, 1.977, 0.525, 5816, 0.66},
    {"Accelergy, Eyeriss-like: psum scratchpad 16 x 16 b, 65 nm", 0.03125, 16, 1, 0.251, 0.525, 124, 0.66},
    {"Accelergy, Eyeriss-like: ifmap scratchpad 12 x 16 b, 65 nm", 0.0234375, 16, 1, 0.202, 0.525, 70, 0.66},
};

}  // namespace

SramCost sram_cost(const Technology& technology, std::int64_t bytes, std::int64_t bytes_per_cycle, std::int64_t banks) {
  const double size = static_cast<double>(std::max<std::int64_t>(bytes, 1));
  const double port = static_cast<double>(std::max<std::int64_t>(bytes_per_cycle, 1));
  const double pieces = static_cast<double>(std::max<std::int64_t>(banks, 1));
  const double area = area_45_um2(technology, size, port, pieces);
  SramCost cost;
  cost.read_pj_per_byte = read_45_pj_per_byte(technology, size, port, pieces) * technology.get("energy_factor");
  cost.write_pj_per_byte = cost.read_pj_per_byte * technology.get("sram_write_share");
  cost.area_um2 = area * technology.get("area_factor");
  cost.leakage_mw = technology.get("sram_leakage_mw_per_mm2") * area * 1e-6 * technology.nominal_v / 0.9;
  return cost;
}

std::vector<SramFitPoint> sram_fit() {
  std::vector<SramFitPoint> out;
  const Technology& t = **find_technology("45nm");
  for (const Published& p : points) {
    SramFitPoint point;
    point.source = p.source;
    point.kib = p.kib;
    point.width_bits = p.width_bits;
    point.published_pj = p.pj * p.energy_to_45;
    point.published_um2 = p.um2 * p.area_to_45;
    const double port = p.width_bits / 8;
    point.model_pj = read_45_pj_per_byte(t, p.kib * 1024, port, p.banks) * port;
    if (p.um2 > 0) point.model_um2 = area_45_um2(t, p.kib * 1024, port, p.banks);
    out.push_back(std::move(point));
  }
  return out;
}

}  // namespace gnomon::arch
