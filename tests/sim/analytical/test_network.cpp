// Whole networks: the other tool's totals, conservation, compulsory traffic, monotony, energy, the mapper and the evaluator.
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <sstream>

#include "cases.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/evaluator.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::test {
namespace {

struct Options {
  std::string dataflow = "ws";
  std::int64_t rows = 32, cols = 32;
  bool overlap = false;
  std::string timing = "rtl";
  double kib = 64;
  std::int64_t memory = 16, latency = 100;
  bool l2 = false;
  int cores = 1;
};

std::string design_json(const Options& o) {
  std::ostringstream out;
  out << R"({"version": 1, "name": "test", "clock_mhz": 800, "technology": "45nm", "cores": [)";
  for (int i = 0; i < o.cores; ++i) {
    out << (i ? ", " : "") << R"({"name": "npu)" << i << R"(", "array": {"rows": )" << o.rows << R"(, "cols": )" << o.cols << R"(, "dataflow": ")" << o.dataflow
        << R"(", "timing": ")" << o.timing << R"(", "overlap": )" << (o.overlap ? "true" : "false") << "}, \"levels\": [";
    for (const char* name : {"ifmap", "filter", "ofmap"}) {
      out << (name == std::string("ifmap") ? "" : ", ") << R"({"name": ")" << name << R"(", "holds": [")" << name << R"("], "kib": )" << o.kib << "}";
    }
    out << R"(], "vector": {"lanes": )" << o.cols << "}}";
  }
  out << "]";
  if (o.l2) out << R"(, "shared": [{"name": "l2", "holds": ["ifmap", "filter", "ofmap"], "kib": 1024}])";
  out << R"(, "memory": {"type": "ideal", "bytes_per_cycle": )" << o.memory << R"(, "latency_cycles": )" << o.latency << "}}";
  return out.str();
}

arch::Design design_of(const Options& o) {
  auto document = Document::parse(design_json(o), "test");
  EXPECT_TRUE(document);
  auto design = arch::parse_design(*document);
  EXPECT_TRUE(design) << (design ? "" : design.error().text());
  return design ? *design : arch::Design{};
}

std::shared_ptr<const workloads::Graph> load(const std::string& reference) {
  auto graph = workloads::load(reference);
  EXPECT_TRUE(graph) << (graph ? "" : graph.error().text());
  return graph ? *graph : std::make_shared<const workloads::Graph>();
}

double metric(const arch::Evaluation& e, const std::string& name) {
  const double* value = e.find(name);
  EXPECT_NE(value, nullptr) << name;
  return value ? *value : 0;
}

TEST(Scalesim, TotalsOfTheTool) {
  const char* data = std::getenv("GNOMON_DATA");
  if (!data) GTEST_SKIP() << "GNOMON_DATA is not set: no topologies to compare";
  std::ifstream table(std::string(GNOMON_SOURCE_DIR) + "/tests/sim/analytical/scalesim_totals.csv");
  ASSERT_TRUE(table);
  std::string line;
  int compared = 0;
  while (std::getline(table, line)) {
    if (line.empty() || line[0] == '#' || line.rfind("topology", 0) == 0) continue;
    std::stringstream fields(line);
    std::string topology, rows, cols;
    std::getline(fields, topology, ',');
    std::getline(fields, rows, ',');
    std::getline(fields, cols, ',');
    const auto graph = load(std::string(data) + "/topologies/" + topology + ".csv");
    for (const char* dataflow : {"ws", "os", "is"}) {
      std::string expected;
      std::getline(fields, expected, ',');
      Options o;
      o.dataflow = dataflow;
      o.rows = std::stoll(rows);
      o.cols = std::stoll(cols);
      o.timing = "scalesim";
      const auto result = sim::analyze(design_of(o), *graph);
      ASSERT_TRUE(result) << result.error().text();
      EXPECT_EQ(static_cast<std::int64_t>(metric(*result, "compute_cycles")), std::stoll(expected)) << line << " " << dataflow;
      ++compared;
    }
  }
  EXPECT_EQ(compared, 63);
}

TEST(Network, MappingsVerifyAndTotalsAddUp) {
  for (const char* model : {"zoo:resnet18", "zoo:mobilenet_v1"}) {
    const auto graph = load(model);
    for (const char* dataflow : {"os", "ws", "is"}) {
      for (const bool overlap : {false, true}) {
        for (const bool l2 : {false, true}) {
          Options o;
          o.dataflow = dataflow;
          o.overlap = overlap;
          o.l2 = l2;
          const arch::Design design = design_of(o);
          const auto lowered = arch::lower(*graph, sim::lowering_core(design));
          ASSERT_TRUE(lowered) << lowered.error().text();
          const auto mapping = sim::map(design, *graph, *lowered);
          ASSERT_TRUE(mapping) << mapping.error().text();
          const auto steps = sim::plan(design, *graph, *lowered, *mapping, "mapping");  // verifies each
          ASSERT_TRUE(steps) << steps.error().text();
          const auto result = sim::analyze(design, *graph, *mapping);
          ASSERT_TRUE(result) << result.error().text();

          double latency = 0, energy = 0, reads = 0, writes = 0;
          std::int64_t macs = 0;
          for (const arch::LayerMetrics& row : result->layers) {
            latency += static_cast<double>(row.latency_cycles);
            energy += row.energy_pj;
            macs += row.macs;
            reads += static_cast<double>(row.dram_read_bytes);
            writes += static_cast<double>(row.dram_write_bytes);
            EXPECT_EQ(row.latency_cycles, row.compute_cycles + row.stall_cycles) << row.name;
            EXPECT_LE(row.utilization, 1.0) << row.name;
          }
          EXPECT_EQ(macs, graph->macs());
          EXPECT_DOUBLE_EQ(latency, metric(*result, "latency_cycles"));
          EXPECT_DOUBLE_EQ(reads, metric(*result, "dram_read_bytes"));
          EXPECT_DOUBLE_EQ(writes, metric(*result, "dram_write_bytes"));
          const double total = metric(*result, "energy_pj");
          EXPECT_NEAR(energy, total, 1e-9 * total);
          double parts = 0;
          for (const auto& [name, part] : result->energy_breakdown_pj) {
            EXPECT_GE(part, 0) << name;
            parts += part;
          }
          EXPECT_NEAR(parts, total, 1e-9 * total);
          // E = P t.
          EXPECT_NEAR(metric(*result, "power_w") * metric(*result, "latency_s") * 1e12, total, 1e-9 * total);
          EXPECT_DOUBLE_EQ(metric(*result, "latency_s"), metric(*result, "latency_cycles") * 1250e-12);
        }
      }
    }
  }
}

TEST(Network, NeverBelowCompulsoryTraffic) {
  const auto graph = load("zoo:resnet18");
  for (const char* dataflow : {"os", "ws", "is"}) {
    Options o;
    o.dataflow = dataflow;
    o.kib = 256;
    const arch::Design design = design_of(o);
    const auto lowered = arch::lower(*graph, design.cores[0]);
    ASSERT_TRUE(lowered);
    const auto result = sim::analyze(design, *graph);
    ASSERT_TRUE(result) << result.error().text();
    for (const arch::LoweredOperator& op : *lowered) {
      if (op.steps.size() != 1 || !op.steps[0].array) continue;
      const arch::ArrayWork& work = *op.steps[0].array;
      arch::TileRange all;
      for (int d = 0; d < arch::dim_count; ++d) all.end[d] = work.extent[d];
      const std::int64_t inputs = arch::tile_elements(work, arch::Operand::ifmap, all) + arch::tile_elements(work, arch::Operand::filter, all);
      const std::int64_t outputs = arch::tile_elements(work, arch::Operand::ofmap, all);
      const auto row = std::find_if(result->layers.begin(), result->layers.end(), [&](const auto& r) { return r.name == op.name; });
      ASSERT_NE(row, result->layers.end());
      EXPECT_GE(row->dram_read_bytes, inputs) << op.name;
      EXPECT_GE(row->dram_write_bytes, outputs) << op.name;
      // One array pass over each MAC: no more cycles of PEs than there are.
      EXPECT_GE(row->compute_cycles * design.cores[0].array.pes(), work.macs()) << op.name;
    }
  }
}

TEST(Network, PartialSumsStayOnChipWhereTheyFit) {
  // All outputs of every layer fit into 4 MiB at accumulator width: nothing but final results is written.
  const auto graph = load("zoo:resnet18");
  Options o;
  o.kib = 8192;
  const arch::Design design = design_of(o);
  const auto lowered = arch::lower(*graph, design.cores[0]);
  ASSERT_TRUE(lowered);
  const auto result = sim::analyze(design, *graph);
  ASSERT_TRUE(result);
  for (const arch::LoweredOperator& op : *lowered) {
    if (op.steps.size() != 1 || !op.steps[0].array) continue;
    const auto row = std::find_if(result->layers.begin(), result->layers.end(), [&](const auto& r) { return r.name == op.name; });
    const arch::ArrayWork& work = *op.steps[0].array;
    EXPECT_EQ(row->dram_write_bytes, work.size(arch::Dim::g) * work.size(arch::Dim::m) * work.size(arch::Dim::n)) << op.name;
  }
}

TEST(Monotone, MoreBandwidthOrBufferIsNeverSlower) {
  const std::uint64_t seed = 4711;
  for (std::uint64_t i = 0; i < 1500; ++i) {
    Random random(derive(seed, i));
    Case c = random_case(random);
    SCOPED_TRACE("seed " + std::to_string(seed) + " case " + std::to_string(i));
    arch::Core& core = c.design.cores[0];
    for (arch::Layout& layout : c.mapping.layout) layout = arch::Layout::streamed;
    const auto latency = [&] { return sim::estimate(c.design, core, c.work, c.mapping).latency_cycles; };
    const std::int64_t before = latency();
    switch (random.integer(0, 4)) {
      case 0: c.design.memory.bytes_per_cycle += random.integer(1, 20); break;
      case 1: c.design.bus_bytes_per_cycle += random.integer(1, 20); break;
      case 2: core.levels[0].bytes_per_cycle += random.integer(1, 20); break;
      case 3: core.levels.back().bytes *= 2; break;
      default: c.design.memory.latency_cycles = 0; break;
    }
    EXPECT_LE(latency(), before);
  }
}

TEST(Latency, OneTileIsFillsComputeAndWriteBack) {
  // 10 x 10 ifmap and 10 x 8 filter over a 4-byte bus with latency 7: 25 + 20 cycles, ready 7 later; 80 final bytes take 20, there 7 later.
  arch::Design design = ample_design(arch::Dataflow::ws, 16, 16);
  design.bus_bytes_per_cycle = 4;
  design.memory.latency_cycles = 7;
  arch::ArrayWork work;
  work.extent[1] = 10;
  work.extent[2] = 8;
  work.extent[3] = 10;
  arch::StepMapping mapping = whole_mapping(design, design.cores[0], work);
  fill_folds(design.cores[0], work, mapping, 16, 16, true);
  const sim::LayerEstimate e = sim::estimate(design, design.cores[0], work, mapping);
  EXPECT_EQ(e.compute_cycles, 10 + 10 + 9 + 7);
  EXPECT_EQ(e.prologue_cycles, 25 + 20 + 7);
  EXPECT_EQ(e.epilogue_cycles, 20 + 7);
  EXPECT_EQ(e.latency_cycles, 52 + 36 + 27);
  // Two tiles of M: the second is there before the first is worked off; what shows is the first fill, all steps, the last write-back.
  mapping.levels[0].loops = {{arch::Dim::m, 2}};
  fill_folds(design.cores[0], work, mapping, 16, 16, true);
  const sim::LayerEstimate two = sim::estimate(design, design.cores[0], work, mapping);
  EXPECT_EQ(two.compute_cycles, 2 * (10 + 5 + 9 + 7));
  EXPECT_EQ(two.latency_cycles, (13 + 20 + 7) + 62 + (10 + 7));
}

TEST(Vector, ChunksShareTheLink) {
  // 100 bytes in and 100 out through 400 bytes of levels: one chunk; 25 cycles in, 5 latency, 10 of work, 25 out, 5 latency.
  arch::Design design = ample_design(arch::Dataflow::os, 4, 4);
  design.cores[0].vector_lanes = 10;
  for (arch::Level& level : design.cores[0].levels) level.bytes = 150;
  design.memory.bytes_per_cycle = 4;
  design.memory.latency_cycles = 5;
  sim::StepResult r = sim::estimate_vector(design, 0, {100, 100, 100}, "v");
  EXPECT_EQ(r.compute_cycles, 10);
  EXPECT_EQ(r.latency_cycles, 25 + 5 + 10 + 25 + 5);
  // 200 bytes of levels: two chunks of 50 and 50. Fills end at 13 + 5 and 26 + 5; work at 23 and 36; write-backs 26..39 and 39..52, there at 57.
  for (arch::Level& level : design.cores[0].levels) level.bytes = 67;
  r = sim::estimate_vector(design, 0, {100, 100, 100}, "v");
  EXPECT_EQ(r.compute_cycles, 10);
  EXPECT_EQ(r.latency_cycles, 57);
  EXPECT_EQ(r.counts.level[0].read, 200);
  EXPECT_EQ(r.counts.level[0].write, 200);
}

TEST(Mapper, SaysWhichLevelIsTooSmall) {
  Options o;
  o.kib = 7.0 / 1024;  // two tiles of one 32-bit partial sum need 8 bytes
  const auto graph = load("zoo:resnet18");
  const auto result = sim::analyze(design_of(o), *graph);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::invalid_input) << result.error().text();
  EXPECT_NE(result.error().text().find("need "), std::string::npos) << result.error().text();
  EXPECT_NE(result.error().text().find("level \"ofmap\""), std::string::npos) << result.error().text();
}

TEST(Mapper, TinyLevelsAndManyCoresStillMap) {
  const auto graph = load("zoo:mobilenet_v1");
  for (const double kib : {0.125, 1.0, 16.0}) {
    Options o;
    o.kib = kib;
    o.dataflow = "os";
    o.cores = 2;
    const arch::Design design = design_of(o);
    const auto result = sim::analyze(design, *graph);
    ASSERT_TRUE(result) << kib << " KiB: " << result.error().text();
    EXPECT_GT(metric(*result, "latency_cycles"), 0);
  }
}

TEST(Mapper, ChoosesForItsGoal) {
  const auto graph = load("zoo:resnet18");
  Options o;
  o.l2 = true;
  const arch::Design design = design_of(o);
  const auto lowered = arch::lower(*graph, design.cores[0]);
  ASSERT_TRUE(lowered);
  const auto value = [&](sim::Goal goal, const char* name) {
    const auto mapping = sim::map(design, *graph, *lowered, goal);
    EXPECT_TRUE(mapping);
    const auto result = sim::analyze(design, *graph, *mapping);
    EXPECT_TRUE(result);
    return metric(*result, name);
  };
  EXPECT_LE(value(sim::Goal::latency, "latency_cycles"), 1.001 * value(sim::Goal::energy, "latency_cycles"));
  EXPECT_LE(value(sim::Goal::energy, "energy_pj"), 1.001 * value(sim::Goal::latency, "energy_pj"));
}

TEST(Evaluator, SeveralWorkloadsAreWeightedSums) {
  arch::EvaluatorRegistry registry;
  sim::register_analytical(registry);
  auto evaluator = registry.make("accelerator", "analytical");
  ASSERT_TRUE(evaluator) << evaluator.error().text();
  arch::EvaluationJob job;
  job.design_json = design_json(Options{});
  job.workloads = {{"zoo:resnet18", 1, 2.0}, {"zoo:alexnet", 1, 0.5}};
  const auto both = (*evaluator)->evaluate(job);
  ASSERT_TRUE(both) << both.error().text();
  for (const char* name : {"latency_s", "energy_pj", "dram_read_bytes"}) {
    const double expected = 2 * metric(*both, std::string(name) + "@zoo:resnet18") + 0.5 * metric(*both, std::string(name) + "@zoo:alexnet");
    EXPECT_NEAR(metric(*both, name), expected, 1e-12 * expected);
  }
  EXPECT_DOUBLE_EQ(metric(*both, "area_um2"), metric(*both, "area_um2@zoo:alexnet"));
  // The mapping that a layer used gives the same answer when it is handed in.
  job.workloads = {{"zoo:alexnet", 1, 1.0}};
  const auto chosen = (*evaluator)->evaluate(job);
  ASSERT_TRUE(chosen);
  EXPECT_DOUBLE_EQ(metric(*chosen, "latency_s"), metric(*both, "latency_s@zoo:alexnet"));
  job.mapping_json = R"({"version": 1, "steps": {}})";
  const auto missing = (*evaluator)->evaluate(job);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().kind(), ErrorKind::invalid_input);
  job.mapping_json.clear();
  job.options_json = R"({"gaol": "latency"})";
  EXPECT_FALSE((*evaluator)->evaluate(job));
  job.options_json = R"({"goal": "latency"})";
  EXPECT_TRUE((*evaluator)->evaluate(job));
}

}  // namespace
}  // namespace gnomon::test
