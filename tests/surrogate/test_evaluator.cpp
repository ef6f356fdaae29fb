#include <gtest/gtest.h>

#include <filesystem>

#include "gnomon/arch/design.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/surrogate/evaluator.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"

namespace gnomon::surrogate {
namespace {

struct Design {
  std::int64_t rows = 16, cols = 16, ifmap_kib = 64, bytes_per_cycle = 16;
  double clock_mhz = 500;
  std::string dataflow = "ws";
};

std::string json_of(const Design& d) {
  return R"({"version": 1, "name": "t", "clock_mhz": )" + std::to_string(d.clock_mhz) + R"(, "cores": [{"name": "npu", "array": {"rows": )" +
         std::to_string(d.rows) + R"(, "cols": )" + std::to_string(d.cols) + R"(, "dataflow": ")" + d.dataflow +
         R"("}, "levels": [{"name": "ifmap", "holds": ["ifmap"], "kib": )" + std::to_string(d.ifmap_kib) +
         R"(}, {"name": "filter", "holds": ["filter"], "kib": 64}, {"name": "ofmap", "holds": ["ofmap"], "kib": 64}], "vector": {"lanes": 64}}],)" +
         R"( "interconnect": {"type": "bus", "bytes_per_cycle": 32}, "memory": {"type": "ideal", "bytes_per_cycle": )" +
         std::to_string(d.bytes_per_cycle) + R"(, "latency_cycles": 50}})";
}

Design draw(Random& random) {
  Design d;
  d.rows = random.integer(1, 8) * 4;
  d.cols = random.integer(1, 8) * 4;
  d.ifmap_kib = std::int64_t{16} << random.integer(0, 3);
  d.bytes_per_cycle = random.integer(1, 8) * 4;
  d.clock_mhz = random.uniform(300, 800);
  d.dataflow = std::vector<std::string>{"os", "ws", "is"}[static_cast<std::size_t>(random.integer(0, 2))];
  return d;
}

class SurrogateEvaluator : public testing::Test {
 protected:
  std::filesystem::path folder = std::filesystem::temp_directory_path() / ("gnomon_evaluator_" + std::to_string(::getpid()));
  arch::EvaluatorRegistry registry;
  std::unique_ptr<arch::Evaluator> analytical;

  void SetUp() override {
    std::filesystem::create_directories(folder);
    ASSERT_TRUE(write_file(folder / "gemm.csv", "name,M,N,K\nfc1,64,256,128\nfc2,200,64,256\nfc3,16,512,64\nfc4,400,100,36\nfc5,128,128,128\n"));
    sim::register_analytical(registry);
    register_evaluators(registry);
    analytical = std::move(*registry.make("accelerator", "analytical"));
  }
  void TearDown() override { std::filesystem::remove_all(folder); }

  arch::EvaluationJob job(const Design& design, const std::string& fidelity) const {
    arch::EvaluationJob out;
    out.design_json = json_of(design);
    out.base_folder = folder.string();
    out.workloads = {{(folder / "gemm.csv").string(), 1, 1.0}};
    out.fidelity = fidelity;
    return out;
  }

  /// A slower fidelity whose truth is known: the analytical model plus contention that grows with traffic and falls with bandwidth.
  arch::Evaluation truth(const Design& design) {
    auto evaluation = analytical->evaluate(job(design, "analytical"));
    if (!evaluation) throw std::runtime_error(evaluation.error().text());
    double cycles = 0, energy = 0;
    for (arch::LayerMetrics& layer : evaluation->layers) {
      layer.latency_cycles += (layer.dram_read_bytes + layer.dram_write_bytes) / design.bytes_per_cycle / 2 + 10;
      layer.energy_pj *= 1.1;
      cycles += static_cast<double>(layer.latency_cycles);
      energy += layer.energy_pj;
    }
    for (arch::Metric& metric : evaluation->metrics) {
      if (metric.name == "latency_cycles") metric.value = cycles;
      if (metric.name == "energy_pj") metric.value = energy;
      if (metric.name == "latency_s") metric.value = cycles / (design.clock_mhz * 1e6);
    }
    return std::move(*evaluation);
  }
};

TEST_F(SurrogateEvaluator, LayerTableHoldsTheFeaturesByName) {
  LayerLabels labels;
  Design design;
  ASSERT_TRUE(labels.add(job(design, "cycle"), truth(design)));
  EXPECT_EQ(labels.rows(), 5U);
  const auto table = labels.table();
  EXPECT_EQ(table.columns().size(), layer_features().size() + 4);
  const auto numbers = [&](const char* name) { return (*table.column(name))->numbers; };
  // fc1: M 64, N 256, K 128; operands once at one byte each.
  EXPECT_EQ(numbers("m")[0], 64);
  EXPECT_EQ(numbers("n")[0], 256);
  EXPECT_EQ(numbers("k")[0], 128);
  EXPECT_EQ(numbers("macs")[0], 64.0 * 256 * 128);
  EXPECT_EQ(numbers("least_ifmap_bytes")[0], 64 * 128);
  EXPECT_EQ(numbers("least_filter_bytes")[0], 256 * 128);
  EXPECT_EQ(numbers("least_ofmap_bytes")[0], 64 * 256);
  EXPECT_EQ(numbers("ifmap_bytes")[0], 64 * 1024);
  EXPECT_EQ((*table.column("dataflow"))->words[0], "ws");
  EXPECT_GT(numbers("latency_cycles")[0], numbers("analytical_latency_cycles")[0]);
  // The same again adds nothing.
  ASSERT_TRUE(labels.add(job(design, "cycle"), truth(design)));
  EXPECT_EQ(labels.rows(), 5U);
}

TEST_F(SurrogateEvaluator, LearnsFromWhatItIsTold) {
  const std::uint64_t seed = 31;
  Random random(seed);
  const auto surrogate = make_accelerator_surrogate();
  Design design;
  auto before = surrogate->evaluate(job(design, "surrogate"));
  ASSERT_TRUE(before) << before.error().text();
  EXPECT_FALSE(before->in_range) << "nothing is learned yet";
  EXPECT_EQ(*before->find("latency_cycles"), *analytical->evaluate(job(design, "analytical"))->find("latency_cycles"));

  for (int i = 0; i < 60; ++i) {
    const Design d = draw(random);
    surrogate->observe(job(d, "cycle"), truth(d));
    // Results of its own or of the analytical fidelity teach nothing.
    surrogate->observe(job(d, "analytical"), *before);
  }
  int covered = 0, inside = 0;
  double worst = 0;
  constexpr int tests = 30;
  for (int i = 0; i < tests; ++i) {
    const Design d = draw(random);
    const auto answer = surrogate->evaluate(job(d, "surrogate"));
    ASSERT_TRUE(answer) << answer.error().text();
    const arch::Evaluation right = truth(d);
    const double cycles = *right.find("latency_cycles");
    inside += answer->in_range;
    ASSERT_EQ(answer->intervals.size(), 3U);
    for (const auto& interval : answer->intervals) {
      if (interval.name == "latency_cycles") covered += cycles >= interval.lower && cycles <= interval.upper;
    }
    if (answer->in_range) worst = std::max(worst, std::abs(*answer->find("latency_cycles") / cycles - 1));
    // Totals are the sums of the rows.
    double sum = 0;
    for (const arch::LayerMetrics& layer : answer->layers) {
      sum += static_cast<double>(layer.latency_cycles);
      EXPECT_GE(layer.latency_cycles, layer.compute_cycles);
    }
    EXPECT_EQ(sum, *answer->find("latency_cycles"));
  }
  std::printf("in range %d of %d, covered %d, worst error in range %.2f %% (seed %llu)\n", inside, tests, covered, 100 * worst,
              static_cast<unsigned long long>(seed));
  EXPECT_GE(inside, tests / 2);
  EXPECT_GE(covered, tests * 8 / 10);
  EXPECT_LT(worst, 0.15);

  Design strange;
  strange.rows = 256;
  strange.cols = 256;
  const auto far = surrogate->evaluate(job(strange, "surrogate"));
  ASSERT_TRUE(far) << far.error().text();
  EXPECT_FALSE(far->in_range);
}

TEST_F(SurrogateEvaluator, AnswersFromAModelFileOfLayers) {
  Random random(7);
  LayerLabels labels;
  for (int i = 0; i < 40; ++i) {
    const Design d = draw(random);
    ASSERT_TRUE(labels.add(job(d, "cycle"), truth(d)));
  }
  TrainOptions options;
  options.family = "ensemble";
  options.term = "never";
  options.folds = 1;
  options.targets = {"latency_cycles", "energy_pj"};
  options.ignore = {"layer"};
  options.group = "design";
  options.max_epochs = 100;
  const auto model = train(labels.table(), options);
  ASSERT_TRUE(model) << model.error().text();
  const std::string path = (folder / "layers.gnomon").string();
  ASSERT_TRUE(model->save(path));
  const Design d = draw(random);
  arch::EvaluationJob asked = job(d, "surrogate");
  asked.options_json = "{\"model\": \"" + path + "\"}";
  const auto answer = make_accelerator_surrogate()->evaluate(asked);
  ASSERT_TRUE(answer) << answer.error().text();
  const double right = *truth(d).find("latency_cycles");
  EXPECT_NEAR(*answer->find("latency_cycles") / right, 1, 0.15);
  EXPECT_GT(*answer->find("area_um2"), 0);
  // Two workloads of weights 1 and 2: three times the one.
  asked.workloads.push_back(asked.workloads[0]);
  asked.workloads[1].weight = 2;
  const auto three = make_accelerator_surrogate()->evaluate(asked);
  ASSERT_TRUE(three) << three.error().text();
  EXPECT_NEAR(*three->find("latency_cycles"), 3 * *answer->find("latency_cycles"), 1);
  EXPECT_NEAR(three->intervals[0].upper / (3 * answer->intervals[0].upper), 1, 1e-9);
  EXPECT_EQ(three->in_range, answer->in_range);

  asked.options_json = "{\"model\": \"" + (folder / "absent").string() + "\"}";
  EXPECT_EQ(make_accelerator_surrogate()->evaluate(asked).error().text(), (folder / "absent").string() + ": no such file");
  asked.options_json = "{\"modle\": \"x\"}";
  EXPECT_EQ(make_accelerator_surrogate()->evaluate(asked).error().text(), "options: /modle: unknown key \"modle\"; did you mean \"model\"? (allowed: goal, model)");
}

TEST_F(SurrogateEvaluator, AnswersFromAModelOfACampaign) {
  Random random(9);
  std::string csv = "trial,state,feasible,fidelity,cores.npu.array.rows,cores.npu.array.cols,cores.npu.array.dataflow,clock_mhz,memory.bytes_per_cycle,";
  csv += "latency_s,energy_pj,macs\n";
  for (int i = 0; i < 250; ++i) {
    Design d = draw(random);
    d.ifmap_kib = 64;
    const arch::Evaluation t = truth(d);
    csv += std::to_string(i) + ",done,1,cycle," + std::to_string(d.rows) + "," + std::to_string(d.cols) + "," + d.dataflow + "," +
           std::to_string(d.clock_mhz) + "," + std::to_string(d.bytes_per_cycle) + "," + std::to_string(1e6 * *t.find("latency_s")) + "e-6," +
           std::to_string(*t.find("energy_pj")) + "," + std::to_string(*t.find("macs")) + "\n";
  }
  ASSERT_TRUE(write_file(folder / "trials.csv", csv));
  const auto data = load_training_table(folder);
  ASSERT_TRUE(data) << data.error().text();
  TrainOptions options;
  options.family = "ensemble";
  options.term = "never";
  options.folds = 1;
  options.targets = {"latency_s", "energy_pj"};
  options.features = data->features;
  const auto model = train(data->table, options);
  ASSERT_TRUE(model) << model.error().text();
  const std::string path = (folder / "campaign.gnomon").string();
  ASSERT_TRUE(model->save(path));

  const auto surrogate = make_accelerator_surrogate();
  int near = 0;
  for (int i = 0; i < 20; ++i) {
    Design d = draw(random);
    d.ifmap_kib = 64;
    arch::EvaluationJob asked = job(d, "surrogate");
    asked.options_json = "{\"model\": \"" + path + "\"}";
    const auto answer = surrogate->evaluate(asked);
    ASSERT_TRUE(answer) << answer.error().text();
    near += std::abs(*answer->find("latency_s") / *truth(d).find("latency_s") - 1) < 0.2;
    EXPECT_TRUE(answer->find("area_um2") && answer->find("edp_js"));
  }
  EXPECT_GE(near, 16);

  // Another workload has other MACs, and the model says that it does not know it.
  arch::EvaluationJob other = job(Design{}, "surrogate");
  other.options_json = "{\"model\": \"" + path + "\"}";
  const auto known = surrogate->evaluate(other);
  ASSERT_TRUE(known) << known.error().text();
  EXPECT_TRUE(known->in_range);
  ASSERT_TRUE(write_file(folder / "other.csv", "name,M,N,K\nfc1,64,256,129\n"));
  other.workloads[0].model = (folder / "other.csv").string();
  const auto unknown = surrogate->evaluate(other);
  ASSERT_TRUE(unknown) << unknown.error().text();
  EXPECT_FALSE(unknown->in_range);

  // A model of anything else is refused.
  const auto strange = train(*arch::LabelTable::parse([] {
    std::string text = "voltage,latency_cycles,energy_pj\n";
    for (int i = 1; i < 40; ++i) text += std::to_string(i) + "," + std::to_string(i * i) + "," + std::to_string(3 * i) + "\n";
    return text;
  }(), "t.csv"), [] {
    TrainOptions o;
    o.family = "ensemble";
    o.term = "never";
    o.folds = 1;
    o.targets = {"latency_cycles", "energy_pj"};
    o.max_epochs = 5;
    return o;
  }());
  ASSERT_TRUE(strange);
  ASSERT_TRUE(strange->save(path + "2"));
  other.options_json = "{\"model\": \"" + path + "2\"}";
  EXPECT_EQ(surrogate->evaluate(other).error().text(),
            "surrogate model: its feature \"voltage\" is neither a feature of layers nor a path into this design");
}

}  // namespace
}  // namespace gnomon::surrogate
