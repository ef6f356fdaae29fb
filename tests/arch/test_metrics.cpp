#include <gtest/gtest.h>

#include <set>

#include "gnomon/arch/metrics.hpp"

namespace gnomon::arch {
namespace {

// design.md section 4 promises these fields to users.
TEST(Metrics, EveryFieldOfTheContractIsDefinedOnce) {
  std::set<std::string> names;
  for (const MetricInfo& info : metric_infos()) {
    EXPECT_TRUE(names.insert(info.name).second) << info.name << " twice";
    EXPECT_FALSE(info.unit.empty()) << info.name;
    EXPECT_FALSE(info.summary.empty()) << info.name;
    EXPECT_FALSE(info.definition.empty()) << info.name;
    EXPECT_FALSE(info.subjects.empty()) << info.name;
  }
  for (const char* name : {"macs",
                           "latency_cycles",
                           "compute_cycles",
                           "stall_cycles",
                           "utilization",
                           "dram_read_bytes",
                           "dram_write_bytes",
                           "sram_read_bytes",
                           "sram_write_bytes",
                           "energy_pj",
                           "latency_s",
                           "area_um2",
                           "power_w",
                           "peak_memory_bytes",
                           "edp_js",
                           "cycles",
                           "reads",
                           "writes",
                           "bandwidth_gb_s",
                           "row_hits",
                           "row_misses",
                           "activates",
                           "refreshes",
                           "mean_read_latency_cycles",
                           "power_mw",
                           "outputs_match",
                           "rtl_cycles",
                           "model_cycles",
                           "cycle_difference",
                           "ii",
                           "depth_cycles",
                           "lut",
                           "ff",
                           "dsp",
                           "bram",
                           "fmax_mhz",
                           "trials",
                           "feasible",
                           "failed",
                           "hypervolume",
                           "seconds"}) {
    EXPECT_TRUE(names.count(name)) << name;
  }
}

TEST(Metrics, FindsPerModelNamesAndTellsTheNearest) {
  auto found = find_metric("latency_s@zoo:resnet50");
  ASSERT_TRUE(found);
  EXPECT_EQ((*found)->name, "latency_s");
  EXPECT_TRUE((*find_metric("edp_js"))->compound);
  auto missing = find_metric("latency_c");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().text().find("unknown metric \"latency_c\"; did you mean \"latency_s\"?"), std::string::npos)
      << missing.error().text();
}

}  // namespace
}  // namespace gnomon::arch
