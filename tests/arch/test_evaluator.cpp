#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::arch {
namespace {

double random_double(Random& random) {
  const std::uint64_t bits = random.next();
  double value;
  std::memcpy(&value, &bits, sizeof value);
  return std::isnan(value) ? 0.1 : value;
}

TEST(Evaluator, JobsTravelUnchanged) {
  EvaluationJob job;
  job.subject = "memory";
  job.design_json = R"({"name": "a\"b", "x": 0.1})";
  job.parameters_json = "{}";
  job.base_folder = "/some/where";
  job.workloads = {{"zoo:resnet50", 4, 0.1}, {"a b.onnx", 1, 1e-300}};
  job.fidelity = "cycle";
  job.mapping_json = "{}";
  job.options_json = "[1]";
  job.seed = std::numeric_limits<std::uint64_t>::max() - 1;
  auto again = job_from_json(to_json(job));
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(to_json(*again), to_json(job));
  EXPECT_EQ(again->seed, job.seed);
  EXPECT_EQ(again->workloads[1].weight, 1e-300);
  EXPECT_EQ(again->design_json, job.design_json);
}

TEST(Evaluator, EvaluationsTravelToTheBit) {
  constexpr std::uint64_t seed = 7;
  Random random(seed);
  Evaluation e;
  for (int i = 0; i < 200; ++i) e.metrics.push_back({"m" + std::to_string(i), random_double(random)});
  e.metrics.push_back({"inf", std::numeric_limits<double>::infinity()});
  e.metrics.push_back({"negative", -0.0});
  LayerMetrics layer;
  layer.name = "conv \xff";
  layer.op = "Conv";
  layer.macs = std::numeric_limits<std::int64_t>::max();
  layer.energy_pj = 0.1 + 0.2;
  layer.extra = {{"z", 1.0 / 3}, {"a", 2}};
  e.layers.push_back(layer);
  e.energy_breakdown_pj = {{"npu.array", 1.5}, {"bus", 1e-9}};
  e.intervals.push_back({"latency_s", 1, 2});
  e.in_range = false;
  auto again = evaluation_from_json(to_json(e));
  ASSERT_TRUE(again) << again.error().text();
  ASSERT_EQ(again->metrics.size(), e.metrics.size());
  for (std::size_t i = 0; i < e.metrics.size(); ++i) {
    EXPECT_EQ(again->metrics[i].name, e.metrics[i].name) << "seed " << seed;
    EXPECT_EQ(again->metrics[i].value, e.metrics[i].value) << "seed " << seed;
  }
  EXPECT_TRUE(std::signbit(*again->find("negative")));
  EXPECT_EQ(again->find("nothing"), nullptr);
  EXPECT_EQ(again->layers[0].macs, layer.macs);
  EXPECT_EQ(again->layers[0].energy_pj, layer.energy_pj);
  EXPECT_EQ(again->layers[0].extra, layer.extra);
  EXPECT_EQ(again->layers[0].name, "conv \xEF\xBF\xBD");
  EXPECT_EQ(again->energy_breakdown_pj, e.energy_breakdown_pj);
  EXPECT_EQ(again->intervals[0].upper, 2);
  EXPECT_FALSE(again->in_range);
}

TEST(Evaluator, DamagedMessagesAreErrors) {
  const std::string text = to_json(EvaluationJob{});
  for (std::size_t cut = 0; cut < text.size(); ++cut) EXPECT_FALSE(job_from_json(text.substr(0, cut)));
  EXPECT_FALSE(job_from_json("[]"));
  EXPECT_FALSE(job_from_json(R"({"subject": 1})"));
  EXPECT_FALSE(evaluation_from_json(
      R"({"metrics": {"a": "b"}, "layers": [], "energy_breakdown_pj": {}, "intervals": [], "in_range": true})"));
  EXPECT_FALSE(
      evaluation_from_json(R"({"metrics": {}, "layers": [1], "energy_breakdown_pj": {}, "intervals": [], "in_range": true})"));
  auto missing = evaluation_from_json(R"({"metrics": {}})");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().text().find("/layers: is missing"), std::string::npos);
}

class Constant final : public Evaluator {
  Expected<Evaluation> evaluate(const EvaluationJob&) override { return Evaluation{{{"one", 1}}, {}, {}, {}, true}; }
};

TEST(Evaluator, RegistryMakesAndRefuses) {
  EvaluatorRegistry registry;
  registry.add("accelerator", "cycle", [] { return std::make_unique<Constant>(); });
  registry.add("accelerator", "analytical", [] { return std::make_unique<Constant>(); });
  registry.add("problem", "analytical", [] { return std::make_unique<Constant>(); });
  auto made = registry.make("accelerator", "cycle");
  ASSERT_TRUE(made);
  EXPECT_EQ(*(*made)->evaluate({})->find("one"), 1);
  EXPECT_FALSE((*made)->needs_process());
  auto fidelity = registry.make("accelerator", "rtl");
  ASSERT_FALSE(fidelity);
  EXPECT_EQ(fidelity.error().kind(), ErrorKind::unsupported);
  EXPECT_EQ(fidelity.error().text(), "the subject \"accelerator\" has no fidelity \"rtl\"; it has: analytical, cycle");
  auto subject = registry.make("kernel", "rtl");
  ASSERT_FALSE(subject);
  EXPECT_EQ(subject.error().text(), "no evaluator of the subject \"kernel\" is built; built: accelerator, problem");
}

/// The inner answer, and beside it the length of an option that the inner evaluator never sees.
class Doubled final : public Evaluator {
 public:
  explicit Doubled(std::unique_ptr<Evaluator> inner) : inner_(std::move(inner)) {}
  Expected<Evaluation> evaluate(const EvaluationJob& job) override {
    EvaluationJob plain = job;
    const std::string text = take_option(plain, "text");
    auto answer = inner_->evaluate(plain);
    answer->metrics.push_back({"length", static_cast<double>(text.size())});
    return answer;
  }

 private:
  std::unique_ptr<Evaluator> inner_;
};

TEST(Evaluator, WrappedRegistriesKeepWhatTheWrapGivesBack) {
  EvaluatorRegistry registry;
  registry.add("accelerator", "cycle", [] { return std::make_unique<Constant>(); });
  registry.add("problem", "analytical", [] { return std::make_unique<Constant>(); });
  const EvaluatorRegistry all = wrapped(std::move(registry), [](const std::string& subject, const std::string&, std::unique_ptr<Evaluator> inner) -> std::unique_ptr<Evaluator> {
    if (subject == "problem") return inner;
    return std::make_unique<Doubled>(std::move(inner));
  });
  EXPECT_EQ(all.subjects(), (std::vector<std::string>{"accelerator", "problem"}));
  EvaluationJob job;
  job.options_json = R"({"text": "four"})";
  auto outer = (*all.make("accelerator", "cycle"))->evaluate(job);
  EXPECT_EQ(*outer->find("one"), 1);
  EXPECT_EQ(*outer->find("length"), 4);
  EXPECT_EQ((*all.make("problem", "analytical"))->evaluate(job)->find("length"), nullptr);
  EXPECT_FALSE(all.make("accelerator", "rtl"));
}

TEST(Evaluator, OptionsAreTakenOutOfAJob) {
  EvaluationJob job;
  job.options_json = R"({"synthesis": "xcup", "other": 1})";
  EXPECT_EQ(take_option(job, "synthesis"), "xcup");
  EXPECT_EQ(job.options_json, R"({"other":1})");
  EXPECT_EQ(take_option(job, "synthesis"), "");
  EXPECT_EQ(take_option(job, "other"), "") << "not a text";
  EXPECT_EQ(job.options_json, R"({"other":1})");
  job.options_json = R"({"synthesis": "xcup"})";
  take_option(job, "synthesis");
  EXPECT_EQ(job.options_json, "");
  job.options_json = "damaged \"synthesis\"";
  EXPECT_EQ(take_option(job, "synthesis"), "");
}

}  // namespace
}  // namespace gnomon::arch
