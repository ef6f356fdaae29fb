// Co-simulation of whole layers: generated RTL in Verilator against the direct computation (outputs) and the models of sim/
// (cycles).
#include <gtest/gtest.h>

#include <cstdlib>

#include <nlohmann/json.hpp>

#include "cosim/folds.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/register.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/sim/result.hpp"
#include "gnomon/workloads/load.hpp"
#include "rtl_case.hpp"

namespace gnomon::hls {
namespace {

CosimOptions options() {
  CosimOptions o;
  o.cache = test_cache();
  o.worker = {GNOMON_COSIM_WORKER};
  return o;
}

/// A design around an array; `changes` are applied to the JSON.
arch::Design design(const std::function<void(Json&)>& changes = {}) {
  Json json = Json::parse(R"({"version": 1, "name": "edge", "clock_mhz": 800, "cores": [{"name": "npu",
      "array": {"rows": 16, "cols": 16, "dataflow": "os", "precision": "int8", "accumulator_bits": 32},
      "levels": [{"name": "ifmap", "holds": ["ifmap"], "kib": 64}, {"name": "filter", "holds": ["filter"], "kib": 64},
                 {"name": "ofmap", "holds": ["ofmap"], "kib": 64}], "vector": {"lanes": 16}}],
      "memory": {"type": "ideal", "bytes_per_cycle": 16, "latency_cycles": 50}})");
  if (changes) changes(json);
  auto design = arch::parse_design(Document::wrap(json, "edge.json"));
  EXPECT_TRUE(design) << design.error().text();
  return *design;
}

std::shared_ptr<const workloads::Graph> graph(const std::string& reference) {
  auto loaded = workloads::load(reference);
  EXPECT_TRUE(loaded) << loaded.error().text();
  return *loaded;
}

std::shared_ptr<const workloads::Graph> topology(const std::string& csv, const std::string& name) {
  const auto path = std::filesystem::path(GNOMON_BINARY_DIR) / (name + ".csv");
  EXPECT_TRUE(write_file(path, csv));
  return graph(path.string());
}

void expect_equal(const Expected<CosimResult>& result) {
  ASSERT_TRUE(result) << result.error().text();
  EXPECT_TRUE(result->total.outputs_match);
  EXPECT_EQ(result->total.mismatches, 0);
  EXPECT_FALSE(result->total.first_mismatch);
  EXPECT_EQ(result->total.cycle_difference, 0);
  EXPECT_EQ(result->total.rtl_cycles, result->total.model_cycles + result->total.stalls_injected);
  EXPECT_GT(result->total.rtl_cycles, 0);
}

TEST(Cosim, ALayerOfResNet50) {
  const arch::Design d = design();
  const auto g = graph("zoo:resnet50");
  auto lowered = arch::lower(*g, d.cores[0]);
  ASSERT_TRUE(lowered) << lowered.error().text();
  std::string layer;
  for (const auto& op : *lowered)
    if (op.macs > 50'000'000 && !op.steps.empty() && op.steps[0].array && op.steps[0].array->size(arch::Dim::k) > 1000)
      layer = op.name;
  ASSERT_FALSE(layer.empty());
  for (const double stall : {0.0, 0.3}) {
    CosimOptions o = options();
    o.stall = stall;
    auto result = cosimulate({d, *g, layer, {}, o});
    expect_equal(result);
    EXPECT_EQ(result->total.stalls_injected > 0, stall > 0);
  }
}

// Grouped, strided and padded convolutions, and products, on arrays with and without overlap, with levels of one slot and of two.
TEST(Cosim, WholeTopologies) {
  const auto products = topology("Layer, M, N, K,\na, 37, 29, 61,\nb, 5, 100, 3,\nc, 64, 1, 200,\n", "hls_products");
  const auto windows = topology(
      "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"
      "c1, 18, 18, 3, 3, 3, 20, 2,\nc2, 9, 9, 3, 3, 20, 12, 1,\nc3, 7, 7, 1, 1, 12, 33, 1,\n",
      "hls_windows");
  int seed = 0;
  for (const std::string flow : {"os", "ws", "is"})
  for (const bool overlap : {false, true})
    for (const bool double_buffered : {true, false})
      for (const auto& g : {products, windows}) {
        const arch::Design d = design([&](Json& j) {
          j["cores"][0]["array"].update(Json{{"rows", 5}, {"cols", 6}, {"dataflow", flow}, {"overlap", overlap}, {"accumulator_bits", 18}});
          for (Json& level : j["cores"][0]["levels"]) level.update(Json{{"kib", 1}, {"double_buffered", double_buffered}});
        });
        SCOPED_TRACE(flow + " " + std::string(overlap ? "overlap " : "") + (double_buffered ? "two slots " : "one slot ") + g->name());
        CosimOptions o = options();
        o.seed = static_cast<std::uint64_t>(++seed);
        o.stall = seed % 2 == 0 ? 0.2 : 0;
        auto result = cosimulate({d, *g, "", {}, o});
        expect_equal(result);
        EXPECT_EQ(result->steps.size(), 3u);
      }
}

// Mappings that the mapper would not choose: K cut by loops (partial sums leave and come back), several tiles per dimension,
// folds in both orders.
TEST(Cosim, RandomMappings) {
  int run = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const bool overlap = random.chance(0.5), twice = random.chance(0.5);
    const arch::Design d = design([&](Json& j) {
      j["cores"][0]["array"].update(Json{{"rows", 4}, {"cols", 4}, {"overlap", overlap}});
      for (Json& level : j["cores"][0]["levels"]) level["double_buffered"] = twice || random.chance(0.3);
      if (random.chance(0.5))
        j["shared"] = Json::array({Json{
            {"name", "l2"}, {"holds", {"ifmap", "filter", "ofmap"}}, {"kib", 64}, {"double_buffered", random.chance(0.5)}}});
    });
    const std::int64_t m = random.integer(1, 30), n = random.integer(1, 30), k = random.integer(1, 40);
    const auto g = topology(
        "Layer, M, N, K,\nx, " + std::to_string(m) + ", " + std::to_string(n) + ", " + std::to_string(k) + ",\n", "hls_random");
    auto lowered = arch::lower(*g, d.cores[0]);
    ASSERT_TRUE(lowered);
    const arch::WorkStep& step = (*lowered)[0].steps.at(0);
    auto mapped = sim::map_step(d, d.cores[0], *step.array, step.label);
    ASSERT_TRUE(mapped) << mapped.error().text();
    // Loops of whole tiles only: a count c with ceil(D / ceil(D / c)) = c leaves no iteration empty.
    std::int64_t tile[arch::dim_count] = {1, m, n, k};
    const auto cut = [&](arch::Dim dim, std::int64_t most) {
      std::int64_t& size = tile[static_cast<int>(dim)];
      std::int64_t count = random.integer(1, std::min(most, size));
      const std::int64_t part = (size + count - 1) / count;
      count = (size + part - 1) / part;
      size = part;
      return arch::Loop{dim, count};
    };
    for (arch::LevelLoops& level : mapped->levels) level.loops.clear();
    std::vector<arch::Dim> dims{arch::Dim::m, arch::Dim::n, arch::Dim::k};
    random.shuffle(dims);
    for (const arch::Dim dim : dims) mapped->levels[0].loops.push_back(cut(dim, 3));
    random.shuffle(dims);
    for (const arch::Dim dim : dims) mapped->levels[1].loops.push_back(cut(dim, 2));
    const std::int64_t row_folds = (tile[1] + 3) / 4, col_folds = (tile[2] + 3) / 4;
    mapped->rows_size = (tile[1] + row_folds - 1) / row_folds;
    mapped->cols_size = (tile[2] + col_folds - 1) / col_folds;
    mapped->folds = {{arch::Dim::m, row_folds}, {arch::Dim::n, col_folds}};
    if (random.chance(0.5)) std::swap(mapped->folds[0], mapped->folds[1]);
    if (!arch::verify(d, d.cores[0], *step.array, *mapped, "mapping", "x")) continue;
    ++run;
    CosimOptions o = options();
    o.seed = seed;
    o.stall = random.chance(0.3) ? 0.3 : 0;
    arch::Mapping mapping;
    mapping.steps.push_back(*mapped);
    expect_equal(cosimulate({d, *g, "", mapping, o}));
  }
  EXPECT_GE(run, 60);
}

TEST(Cosim, EqualLayersRunOnce) {
  const auto g = topology("Layer, M, N, K,\na, 10, 9, 8,\nb, 10, 9, 8,\nc, 10, 9, 7,\n", "hls_equal");
  auto result = cosimulate({design(), *g, "", {}, options()});
  expect_equal(result);
  ASSERT_EQ(result->steps.size(), 2u);
  EXPECT_EQ(result->steps[0].repeats, 2);
  EXPECT_EQ(result->total.rtl_cycles, 2 * result->steps[0].figures.rtl_cycles + result->steps[1].figures.rtl_cycles);
}

TEST(Cosim, ExampleKernels) {
  for (const std::string name : {"matmul", "matmul_narrow"}) {
    SCOPED_TRACE(name);
    auto document = Document::load(std::string(GNOMON_SOURCE_DIR) + "/examples/kernels/" + name + ".json");
    ASSERT_TRUE(document);
    auto kernel = read_kernel(*document);
    ASSERT_TRUE(kernel) << kernel.error().text();
    CosimOptions o = options();
    o.stall = 0.25;
    expect_equal(cosimulate(*kernel, o));
  }
}

TEST(Cosim, TheDocumentHasTheContractsFields) {
  auto result = cosimulate(matmul_kernel(3, 4, 5, 8, 32), options());
  expect_equal(result);
  const Json json = cosim_document(*result);
  for (const char* key : {"schema", "outputs_match", "mismatches", "first_mismatch", "rtl_cycles", "model_cycles",
                          "cycle_difference", "stalls_injected", "seconds"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["outputs_match"], true);
  EXPECT_TRUE(json["first_mismatch"].is_null());
  // One PE (no unroll): 12 folds of 5 + 1 steps.
  EXPECT_EQ(json["rtl_cycles"], 72);
}

TEST(Cosim, WritesATrace) {
  CosimOptions o = options();
  o.trace = std::filesystem::path(GNOMON_BINARY_DIR) / "hls_trace.fst";
  std::filesystem::remove(o.trace);
  expect_equal(cosimulate(matmul_kernel(2, 2, 3, 8, 32), o));
  EXPECT_GT(std::filesystem::file_size(o.trace), 100u);
}

// The fidelity `rtl`: the cycle model's figures, each array step held against the RTL.
TEST(RtlEvaluator, AnswersAsTheCycleModelAndSaysThatOutputsMatch) {
  arch::EvaluatorRegistry registry;
  register_evaluators(registry);
  sim::register_cycle(registry);
  arch::EvaluationJob job;
  job.design_json =
      R"({"version": 1, "name": "tiny", "clock_mhz": 800, "cores": [{"name": "npu", "array": {"rows": 4, "cols": 4, "dataflow": "os", "overlap": true},
      "levels": [{"name": "all", "holds": ["ifmap", "filter", "ofmap"], "kib": 4}], "vector": {"lanes": 4}}], "memory": {"type": "ideal", "bytes_per_cycle": 4, "latency_cycles": 9}})";
  const auto g = topology("Layer, M, N, K,\na, 30, 20, 10,\nb, 5, 6, 70,\n", "hls_evaluator");
  job.workloads = {{(std::filesystem::path(GNOMON_BINARY_DIR) / "hls_evaluator.csv").string(), 1, 1.0}};
  // The child is the program that runs; here it is the one built for tests.
  setenv("GNOMON_COSIM_WORKER", GNOMON_COSIM_WORKER, 1);
  setenv("XDG_CACHE_HOME", test_cache().c_str(), 1);
  auto rtl = (*registry.make("accelerator", "rtl"))->evaluate(job);
  ASSERT_TRUE(rtl) << rtl.error().text();
  auto cycle = (*registry.make("accelerator", "cycle"))->evaluate(job);
  ASSERT_TRUE(cycle) << cycle.error().text();
  for (const char* metric : {"latency_cycles", "compute_cycles", "energy_pj", "dram_read_bytes"})
    EXPECT_EQ(*rtl->find(metric), *cycle->find(metric)) << metric;
  ASSERT_NE(rtl->find("outputs_match"), nullptr);
  EXPECT_EQ(*rtl->find("outputs_match"), 1);
  EXPECT_GT(*rtl->find("rtl_cycles"), 0);
  EXPECT_EQ(*rtl->find("cycle_difference"), 0);

  std::string ws = job.design_json;
  ws.replace(ws.find("\"os\""), 4, "\"ws\"");
  job.design_json = ws;
  auto held = (*registry.make("accelerator", "rtl"))->evaluate(job);
  ASSERT_TRUE(held) << held.error().text();
  EXPECT_EQ(*held->find("outputs_match"), 1);
  EXPECT_EQ(*held->find("cycle_difference"), 0);
  std::string scalesim = job.design_json;
  scalesim.replace(scalesim.find("\"overlap\": true"), 15, "\"timing\": \"scalesim\"");
  job.design_json = scalesim;
  auto refused = (*registry.make("accelerator", "rtl"))->evaluate(job);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
}

TEST(Cosim, RefusalsSayWhatToDo) {
  const auto g = topology("Layer, M, N, K,\nfirst, 40, 40, 40,\nsecond, 8, 9, 10,\n", "hls_errors");
  const auto text = [](const Expected<CosimResult>& result, ErrorKind kind) {
    EXPECT_FALSE(result);
    if (result) return std::string();
    EXPECT_EQ(result.error().kind(), kind);
    return result.error().text();
  };
  EXPECT_NE(text(cosimulate({design(), *g, "secnd", {}, options()}), ErrorKind::invalid_input).find("did you mean \"second\"?"),
            std::string::npos);
  CosimOptions few = options();
  few.max_cycles = 100;
  EXPECT_NE(text(cosimulate({design(), *g, "first", {}, few}), ErrorKind::unsupported)
                .find("max_cycles (gnomon cosim --max-cycles) allows 100"),
            std::string::npos);
  CosimOptions often = options();
  often.stall = 0.95;
  EXPECT_NE(text(cosimulate({design(), *g, "first", {}, often}), ErrorKind::invalid_input).find("stall is 0.95"),
            std::string::npos);
  CosimOptions traced = options();
  traced.trace = "all.fst";
  EXPECT_NE(text(cosimulate({design(), *g, "", {}, traced}), ErrorKind::invalid_input).find("name one layer"), std::string::npos);
  const arch::Design real = design([](Json& j) { j["cores"][0]["array"]["precision"] = "fp16"; });
  EXPECT_NE(text(cosimulate({real, *g, "first", {}, options()}), ErrorKind::unsupported).find("not for \"fp16\""), std::string::npos);
  CosimOptions lost = options();
  lost.worker = {"/nowhere/worker"};
  EXPECT_NE(text(cosimulate({design(), *g, "second", {}, lost}), ErrorKind::run_failed).find("/nowhere/worker"),
            std::string::npos);
}

}  // namespace
}  // namespace gnomon::hls
