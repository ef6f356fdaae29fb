#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "gnomon/arch/technology.hpp"

namespace gnomon::arch {
namespace {

Design edge() {
  Design d;
  d.name = "edge";
  d.clock_mhz = 800;
  d.clock_period_ps = 1250;
  d.technology = "45nm";
  Core core;
  core.name = "npu";
  core.array.rows = core.array.cols = 32;
  core.array.dataflow = Dataflow::ws;
  core.array.precision = {"int8", 8, false};
  core.levels = {{"ifmap", {true, false, false}, 65536, 8, 32, true},
                 {"filter", {false, true, false}, 65536, 1, 32, true},
                 {"ofmap", {false, false, true}, 65536, 1, 128, true}};
  core.vector_lanes = 32;
  d.cores.push_back(core);
  d.shared.push_back({"l2", {true, true, true}, 1 << 20, 4, 64, true});
  d.bus_bytes_per_cycle = 16;
  d.memory.bytes_per_cycle = 16;
  return d;
}
UnitEnergies energies(const Design& d) {
  auto out = unit_energies(d);
  EXPECT_TRUE(out) << out.error().text();
  return *out;
}
double component(const Design& d, const std::string& name) {
  for (const auto& [key, value] : area_breakdown_um2(d)) {
    if (key == name) return value;
  }
  ADD_FAILURE() << name;
  return 0;
}

TEST(Technology, EveryConstantHasUnitAndSource) {
  for (const std::string& name : technology_names()) {
    const Technology& t = **find_technology(name);
    for (const Constant& c : t.constants) {
      EXPECT_FALSE(c.unit.empty()) << c.name;
      EXPECT_FALSE(c.source.empty()) << c.name;
      EXPECT_GT(c.value, 0) << c.name;
      EXPECT_EQ(t.get(c.name), c.value) << c.name << " twice";
    }
    EXPECT_LT(t.get("threshold_v"), t.get("lowest_v"));
    EXPECT_LT(t.get("lowest_v"), t.nominal_v);
    EXPECT_LT(t.nominal_v, t.get("highest_v"));
  }
  auto missing = find_technology("54nm");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().text().find("unknown technology \"54nm\"; did you mean \"45nm\"?"), std::string::npos)
      << missing.error().text();
}

// Horowitz, ISSCC 2014: 8-bit multiplication 0.2 pJ, 32-bit addition 0.1 pJ at 45 nm, 0.9 V; areas 282 and 137 um2.
TEST(Technology, PublishedOperationsAtTheNominalPoint) {
  Design d = edge();
  d.clock_mhz = (*find_technology("45nm"))->get("nominal_clock_mhz");
  const UnitEnergies e = energies(d);
  EXPECT_NEAR(e.voltage, 0.9, 1e-9);
  EXPECT_NEAR(e.mac_pj[0], 0.3, 1e-9);
  d.cores[0].array.precision = {"int32", 32, false};
  EXPECT_NEAR(energies(d).mac_pj[0], 3.1 + 0.1, 1e-9);
  d.cores[0].array.precision = {"fp16", 16, true};
  EXPECT_NEAR(energies(d).mac_pj[0], 1.1 + 0.9, 1e-9);
  d.cores[0].array.precision = {"fp32", 32, true};
  EXPECT_NEAR(energies(d).mac_pj[0], 3.7 + 0.9, 1e-9);
  EXPECT_NEAR(e.dram_pj_per_byte, 64, 0);
}

TEST(Technology, VoltageFollowsTheAlphaPowerLaw) {
  for (const std::string& name : technology_names()) {
    const Technology& t = **find_technology(name);
    const double nominal = t.get("nominal_clock_mhz");
    EXPECT_NEAR(*voltage_for_clock(t, nominal), t.nominal_v, 1e-9) << name;
    EXPECT_EQ(*voltage_for_clock(t, 1), t.get("lowest_v"));
    auto too_fast = voltage_for_clock(t, 10 * nominal);
    ASSERT_FALSE(too_fast);
    EXPECT_NE(too_fast.error().text().find(name + " reaches at most"), std::string::npos);
    double before = 0;
    for (double clock = 0.05 * nominal;; clock *= 1.05) {
      auto volt = voltage_for_clock(t, clock);
      if (!volt) {
        EXPECT_GT(clock, nominal);
        break;
      }
      EXPECT_GE(*volt, before);
      before = *volt;
      if (*volt <= t.get("lowest_v")) continue;
      // f = k (V - Vt)^alpha / V through the nominal point.
      const auto drive = [&](double v) { return std::pow(v - t.get("threshold_v"), t.get("alpha")) / v; };
      EXPECT_NEAR(nominal * drive(*volt) / drive(t.nominal_v), clock, 1e-6 * clock);
    }
  }
  EXPECT_TRUE(voltage_for_clock(**find_technology("45nm"), 1200));  // the range of the contract's campaign
  EXPECT_FALSE(voltage_for_clock(**find_technology("45nm"), 0));
  EXPECT_FALSE(voltage_for_clock(**find_technology("45nm"), std::nan("")));
}

TEST(Technology, AFasterClockCostsEnergyPerOperation) {
  Design slow = edge(), fast = edge();
  slow.clock_mhz = 800;
  fast.clock_mhz = 1200;
  const UnitEnergies a = energies(slow), b = energies(fast);
  const double ratio = (b.voltage / a.voltage) * (b.voltage / a.voltage);
  EXPECT_GT(ratio, 1);
  EXPECT_NEAR(b.mac_pj[0], a.mac_pj[0] * ratio, 1e-9);
  EXPECT_NEAR(b.pe_transfer_pj[0], a.pe_transfer_pj[0] * ratio, 1e-9);
  EXPECT_NEAR(b.vector_op_pj[0], a.vector_op_pj[0] * ratio, 1e-9);
  EXPECT_NEAR(b.level[0][0].read_pj_per_byte, a.level[0][0].read_pj_per_byte * ratio, 1e-9);
  EXPECT_NEAR(b.bus_pj_per_byte, a.bus_pj_per_byte * ratio, 1e-9);
  EXPECT_NEAR(b.clock_tree_pj_per_cycle, a.clock_tree_pj_per_cycle * ratio, 1e-6);
  EXPECT_NEAR(b.leakage_mw, a.leakage_mw * b.voltage / a.voltage, 1e-9);
  EXPECT_GT(b.pin_static_mw, a.pin_static_mw);
  EXPECT_GT(area_um2(fast), area_um2(slow));  // the interface carries more bytes a second
}

TEST(Technology, NothingIsFree) {
  const Design base = edge();
  const auto changed = [&](const std::function<void(Design&)>& change) {
    Design d = base;
    change(d);
    return d;
  };
  const Design wide_memory = changed([](Design& d) { d.memory.bytes_per_cycle = 32; });
  EXPECT_GT(component(wide_memory, "memory_phy"), component(base, "memory_phy"));
  EXPECT_GT(energies(wide_memory).pin_static_mw, energies(base).pin_static_mw);
  const Design wide_bus = changed([](Design& d) { d.bus_bytes_per_cycle = 64; });
  EXPECT_GT(component(wide_bus, "bus"), component(base, "bus"));
  const Design wide_port = changed([](Design& d) { d.cores[0].levels[0].bytes_per_cycle = 256; });
  EXPECT_GT(component(wide_port, "npu.ifmap"), component(base, "npu.ifmap"));
  EXPECT_GT(energies(wide_port).level[0][0].read_pj_per_byte, energies(base).level[0][0].read_pj_per_byte);
  const Design overlapping = changed([](Design& d) { d.cores[0].array.overlap = true; });
  EXPECT_GT(component(overlapping, "npu.array"), component(base, "npu.array"));
  EXPECT_GT(energies(overlapping).clock_tree_pj_per_cycle, energies(base).clock_tree_pj_per_cycle);
  const Design lanes = changed([](Design& d) { d.cores[0].vector_lanes = 64; });
  EXPECT_GT(component(lanes, "npu.vector"), component(base, "npu.vector"));
  const Design bigger = changed([](Design& d) { d.cores[0].array.rows = 64; });
  EXPECT_NEAR(component(bigger, "npu.array"), 2 * component(base, "npu.array"), 1e-6);
  EXPECT_GT(energies(bigger).leakage_mw, energies(base).leakage_mw);
  const Design wide_sums = changed([](Design& d) { d.cores[0].array.accumulator_bits = 48; });
  EXPECT_GT(energies(wide_sums).mac_pj[0], energies(base).mac_pj[0]);
}

TEST(Technology, AreaAddsUp) {
  const Design d = edge();
  double sum = 0;
  std::map<std::string, int> names;
  for (const auto& [name, value] : area_breakdown_um2(d)) {
    sum += value;
    EXPECT_GT(value, 0) << name;
    EXPECT_EQ(++names[name], 1) << name;
  }
  EXPECT_DOUBLE_EQ(sum, area_um2(d));
  for (const char* name : {"npu.array", "npu.ifmap", "npu.filter", "npu.ofmap", "npu.vector", "l2", "bus", "memory_phy"})
    EXPECT_EQ(names[name], 1) << name;
}

// A larger SRAM is never cheaper per access nor smaller; a wider port never cheaper; more banks never smaller.
TEST(Technology, SramIsMonotone) {
  for (const std::string& name : technology_names()) {
    const Technology& t = **find_technology(name);
    for (std::int64_t banks = 1; banks <= 64; banks *= 4) {
      for (std::int64_t port = 1; port <= 512; port *= 2) {
        SramCost before;
        for (std::int64_t bytes = 64; bytes <= std::int64_t{1} << 26; bytes += bytes / 3) {
          const SramCost cost = sram_cost(t, bytes, port, banks);
          EXPECT_GT(cost.read_pj_per_byte, before.read_pj_per_byte);
          EXPECT_GT(cost.write_pj_per_byte, before.write_pj_per_byte);
          EXPECT_GT(cost.area_um2, before.area_um2);
          EXPECT_GT(cost.leakage_mw, before.leakage_mw);
          const SramCost wider = sram_cost(t, bytes, 2 * port, banks), split = sram_cost(t, bytes, port, 2 * banks);
          EXPECT_GT(wider.area_um2, cost.area_um2);
          EXPECT_GT(wider.read_pj_per_byte, cost.read_pj_per_byte);
          EXPECT_GT(split.area_um2, cost.area_um2);
          before = cost;
        }
      }
    }
  }
}

TEST(Technology, SmallerNodesAreSmallerAndCheaper) {
  double area = 1e18, energy = 1e18, node = 1e9;
  for (const std::string& name : technology_names()) {
    Design d = edge();
    d.technology = name;
    d.clock_mhz = 100;
    const double logic = component(d, "npu.array");
    const double mac = energies(d).mac_pj[0];
    EXPECT_LT((*find_technology(name))->node_nm, node);
    EXPECT_LT(logic, area) << name;
    EXPECT_LT(mac, energy) << name;
    node = (*find_technology(name))->node_nm;
    area = logic;
    energy = mac;
  }
}

// The table in arch/technology.md is what the model says, and its stated error is the true one.
TEST(Technology, SramFitIsTheDocumentedTable) {
  std::ifstream page(std::string(GNOMON_SOURCE_DIR) + "/arch/technology.md");
  ASSERT_TRUE(page) << "arch/technology.md";
  std::stringstream text;
  text << page.rdbuf();
  double worst = 0, worst_large = 0;
  for (const SramFitPoint& p : sram_fit()) {
    const double error = p.model_pj / p.published_pj - 1;
    char row[300];
    std::snprintf(row, sizeof row, "| %s | %.3f | %.3f | %+.0f %% |", p.source.c_str(), p.published_pj, p.model_pj, 100 * error);
    EXPECT_NE(text.str().find(row), std::string::npos) << row;
    worst = std::max(worst, std::abs(error));
    if (p.kib >= 8) worst_large = std::max(worst_large, std::abs(error));
    if (p.published_um2 > 0) {
      std::snprintf(row, sizeof row, "| %s | %.0f | %.0f |", p.source.c_str(), p.published_um2, p.model_um2);
      EXPECT_NE(text.str().find(row), std::string::npos) << row;
    }
  }
  EXPECT_GE(sram_fit().size(), 8u);
  char stated[120];
  std::snprintf(stated, sizeof stated, "largest relative error is %.0f %%; from 8 KB on it is %.0f %%", 100 * worst,
                100 * worst_large);
  EXPECT_NE(text.str().find(stated), std::string::npos) << stated;
  EXPECT_LT(worst, 0.5);
}

// Every constant that the model uses is listed with its source.
TEST(Technology, ConstantsAreTheDocumentedOnes) {
  std::ifstream page(std::string(GNOMON_SOURCE_DIR) + "/arch/technology.md");
  std::stringstream text;
  text << page.rdbuf();
  for (const Constant& c : (*find_technology("45nm"))->constants) {
    EXPECT_NE(text.str().find("`" + c.name + "`"), std::string::npos) << c.name;
  }
}

}  // namespace
}  // namespace gnomon::arch
