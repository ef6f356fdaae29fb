#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include <nlohmann/json.hpp>

#include "gnomon/hls/design.hpp"
#include "gnomon/workloads/load.hpp"
#include "rtl_case.hpp"

namespace gnomon::hls {

inline bool long_run() {
  const char* wish = std::getenv("GNOMON_LONG");
  return wish != nullptr && std::string(wish) != "0";
}

inline arch::Design design(const std::string& flow, bool overlap, const std::function<void(Json&)>& changes = {}) {
  Json json = Json::parse(R"({"version": 1, "name": "small", "clock_mhz": 800, "cores": [{"name": "npu",
      "array": {"rows": 4, "cols": 4, "dataflow": "os", "precision": "int8", "accumulator_bits": 32},
      "levels": [{"name": "ifmap", "holds": ["ifmap"], "kib": 8, "banks": 4}, {"name": "filter", "holds": ["filter"], "kib": 8},
                 {"name": "ofmap", "holds": ["ofmap"], "kib": 8, "banks": 3}], "vector": {"lanes": 4}}],
      "interconnect": {"type": "bus", "bytes_per_cycle": 8}, "memory": {"type": "ideal", "bytes_per_cycle": 4, "latency_cycles": 3}})");
  json["cores"][0]["array"]["dataflow"] = flow;
  json["cores"][0]["array"]["overlap"] = overlap;
  if (changes) changes(json);
  auto made = arch::parse_design(Document::wrap(json, "small.json"));
  EXPECT_TRUE(made) << made.error().text();
  return *made;
}

inline std::shared_ptr<const workloads::Graph> workload(const std::string& name) {
  auto graph = workloads::load((std::filesystem::path(GNOMON_SOURCE_DIR) / name).string());
  EXPECT_TRUE(graph) << graph.error().text();
  return *graph;
}

inline std::shared_ptr<const workloads::Graph> products(const std::string& rows) {
  auto graph = workloads::parse("Layer,M,N,K\n" + rows, "csv", "products.csv");
  EXPECT_TRUE(graph) << graph.error().text();
  return *graph;
}

inline CosimOptions options() {
  CosimOptions o;
  o.cache = test_cache();
  o.worker = {GNOMON_COSIM_WORKER};
  return o;
}

/// Bits and cycles of a run; its figures.
inline DesignCosim check(const arch::Design& design, const workloads::Graph& graph, double stall = 0, std::uint64_t seed = 1) {
  CosimOptions o = options();
  o.stall = stall;
  o.seed = seed;
  auto run = cosimulate_design({design, graph, {}, o});
  EXPECT_TRUE(run) << run.error().text();
  if (!run) return {};
  EXPECT_GT(run->outputs, 0);
  EXPECT_EQ(run->mismatches, 0) << run->first_mismatch->tensor << "[" << run->first_mismatch->element << "]: " << run->first_mismatch->expected << ", got "
                                << run->first_mismatch->got;
  if (stall > 0) {
    EXPECT_GT(run->stalls_injected, 0);
    EXPECT_GE(run->cycle_difference, 0);
    return std::move(*run);
  }
  EXPECT_EQ(run->cycle_difference, 0);
  for (const DesignStep& step : run->steps) EXPECT_EQ(step.latency_cycles, step.model_latency_cycles) << step.label;
  return std::move(*run);
}

inline constexpr const char* flows[] = {"os", "ws", "is"};

}  // namespace gnomon::hls
