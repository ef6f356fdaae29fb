#include <gtest/gtest.h>

#include "gnomon/base/json.hpp"
#include "gnomon/search/campaign.hpp"
#include "problems.hpp"

namespace gnomon::search::test {
namespace {

const char* const design = R"({"version": 1, "name": "edge", "clock_mhz": 800, "technology": "45nm",
  "cores": [{"name": "npu", "array": {"rows": 16, "cols": 16, "dataflow": "ws"},
    "levels": [{"name": "buf", "holds": ["ifmap", "filter", "ofmap"], "kib": 128}], "vector": {"lanes": 16}}],
  "memory": {"type": "ideal", "bytes_per_cycle": 16, "latency_cycles": 100}})";

std::string campaign(
    const std::string& space =
        R"("cores.npu.array.rows": {"int": [8, 64], "step": "pow2"}, "clock_mhz": {"int": [200, 800], "step": 100})",
    const std::string& more = "") {
  return R"({"version": 1, "workloads": [{"model": "zoo:resnet18"}], "design": )" + std::string(design) + R"(, "space": {)" +
         space +
         R"(}, "objectives": [{"metric": "latency_s"}, {"metric": "energy_pj"}], "constraints": [{"metric": "area_um2", "max": 8e6}])" +
         more + "}";
}

Expected<Campaign> read(const std::string& text) {
  auto document = Document::parse(text, "c.json");
  if (!document) return fail(std::move(document.error()));
  return read_campaign(*document, "/tmp");
}

std::string problems_of(const std::string& text) {
  const auto read_it = read(text);
  return read_it ? "" : read_it.error().text();
}
#define EXPECT_SAYS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

TEST(Campaign, AGoodOneIsReadAndItsJobsCarryTheDesign) {
  const auto c = read(campaign());
  ASSERT_TRUE(c) << c.error().text();
  EXPECT_EQ(c->agent, "nsga2");
  EXPECT_EQ(c->batch, 8);
  EXPECT_EQ(c->violations(), 1u);
  Random random(1);
  arch::Point point{arch::Value(std::int64_t{32}), arch::Value(std::int64_t{500})};
  const auto job = make_job(*c, point, "cycle", 77);
  ASSERT_TRUE(job) << job.error().text();
  const Json made = Json::parse(job->design_json);
  EXPECT_EQ(made["cores"][0]["array"]["rows"], 32);
  EXPECT_EQ(made["clock_mhz"], 500);
  EXPECT_EQ(job->seed, 77u);
  EXPECT_EQ(job->parameters_json, R"({"cores.npu.array.rows":32,"clock_mhz":500})");
}

TEST(Campaign, EveryMistakeIsToldWithItsPlace) {
  EXPECT_SAYS(problems_of(campaign("", R"(, "agnet": {})")), "c.json: /agnet: unknown key \"agnet\"; did you mean \"agent\"?");
  EXPECT_SAYS(problems_of(campaign(R"("cores.npu.array.rowz": {"int": [1, 2]})")), "rowz");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [1, "a"]})")), "/space/clock_mhz");
  std::string text = campaign();
  text.replace(text.find("latency_s"), 9, "latencys");
  EXPECT_SAYS(problems_of(text), "c.json: /objectives/0/metric: ");
  EXPECT_SAYS(problems_of(text), "latency_s");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "rules": ["clock_mhz > 900"])")), "/rules");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "rules": ["clock_mhz >"])")), "/rules/0");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "agent": {"name": "bayse"})")),
              "/agent/name: unknown agent \"bayse\"; did you mean \"bayes\"?");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})",
                                   R"(, "agent": {"name": "nsga2", "options": {"population": -1}})")),
              "/agent/options/population");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "fidelity": "cycles")")),
              "/fidelity: unknown fidelity \"cycles\"; did you mean \"cycle\"?");
  EXPECT_SAYS(
      problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "fidelity": {"ladder": ["cycle", "analytical"]})")),
      "/fidelity/ladder/1: \"analytical\" does not come after \"cycle\"");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "budget": {"evaluations": 0})")),
              "/budget/evaluations: found 0; allowed: a whole number from 1");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "hypervolume_reference": [1])")),
              "/hypervolume_reference: found 1 values; allowed: one for each of 2 objectives");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "seeds": [{"clock_mhz": 900}])")), "/seeds/0");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "seed": -3)")), "/seed: found -3");
  EXPECT_SAYS(problems_of(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "command": ["x"])")),
              "/command: belongs to the subject \"command\"; found subject \"accelerator\"");
  text = campaign();
  text.replace(text.find("zoo:resnet18"), 12, "missing.onnx");
  EXPECT_SAYS(problems_of(text), "/workloads/0/model: /tmp/missing.onnx: no such file");
  text = campaign();
  text.replace(text.find("\"max\": 8e6"), 10, "\"min\": 9, \"max\": 8");
  EXPECT_SAYS(problems_of(text), "/constraints/0: no value lies between min 9 and max 8");
  text = campaign();
  text.replace(text.find(", \"max\": 8e6"), 12, "");
  EXPECT_SAYS(problems_of(text), "/constraints/0: found neither \"max\" nor \"min\"");
  text = campaign();
  text.replace(text.find("\"rows\": 16"), 10, "\"rows\": -16");
  EXPECT_SAYS(problems_of(text), "rows");
}

TEST(Campaign, ManyMistakesAreToldAtOnce) {
  std::string text = campaign(R"("clock_mhz": {"int": [200, 800]})",
                              R"(, "fidelity": "cycles", "agent": {"name": "bayse"}, "rules": ["clock_mhz > 900"])");
  text.replace(text.find("latency_s"), 9, "latencys");
  const auto read_it = read(text);
  ASSERT_FALSE(read_it);
  EXPECT_EQ(read_it.error().kind(), ErrorKind::invalid_input);
  EXPECT_GE(read_it.error().problems().size(), 4u) << read_it.error().text();
}

// A kernel's groups of directives are there for parameters to name, whether the file has them or not; its fidelities are its own.
TEST(Campaign, AKernelIsReadWithItsDirectives) {
  const std::string head = R"({"version": 1, "subject": "kernel", "design": {"name": "k", "loops": []}, "objectives": [{"metric": "ii", "goal": "min"}], "space": {)";
  const auto c = read(head + R"("directives.unroll.i": {"int": [1, 4]}}})");
  ASSERT_TRUE(c) << c.error().text();
  EXPECT_EQ(c->ladder, std::vector<std::string>{"cycle"});
  EXPECT_SAYS(c->design_json, "\"unroll\":{}");
  const auto wrong = read(head + R"("directives.unroll.i": {"int": [1, 4]}}, "fidelity": "analytical"})");
  ASSERT_FALSE(wrong);
  EXPECT_SAYS(wrong.error().text(), "cycle");
  const auto nowhere = read(head + R"("directives.unrol.i": {"int": [1, 4]}}})");
  ASSERT_FALSE(nowhere);
  EXPECT_SAYS(nowhere.error().text(), "unroll");
}

TEST(Campaign, AProblemBringsItsSpaceAndGoals) {
  const auto c = read(R"({"version": 1, "subject": "problem", "problem": "pressure_vessel"})");
  ASSERT_TRUE(c) << c.error().text();
  EXPECT_EQ(c->space.parameters().size(), 4u);
  EXPECT_EQ(c->objectives[0].metric, "cost");
  EXPECT_EQ(c->violations(), 3u);
  EXPECT_SAYS(problems_of(R"({"version": 1, "subject": "problem", "problem": "zdt9"})"),
              "/problem: unknown problem \"zdt9\"; did you mean \"zdt1\"?");
  EXPECT_SAYS(
      problems_of(R"({"version": 1, "subject": "problem", "problem": "circle_tour", "space": {"tuor": {"int": [1, 2]}}})"),
      "did you mean \"tour\"?");
}

TEST(Campaign, OverridesAreCheckedAndChangeTheIdentityButForTheBudget) {
  const auto c =
      read(campaign(R"("clock_mhz": {"int": [200, 800]})", R"(, "agent": {"name": "nsga2", "options": {"population": 10}})"))
          .value();
  Overrides o;
  o.budget = 7;
  EXPECT_EQ(campaign_hash(resolved_json(c)), campaign_hash(resolved_json(with_overrides(c, o).value())));
  o.agent = "bayes";
  const auto changed = with_overrides(c, o).value();
  EXPECT_TRUE(changed.agent_options_json.empty());
  EXPECT_NE(campaign_hash(resolved_json(c)), campaign_hash(resolved_json(changed)));
  const auto differences = campaign_differences(resolved_json(c), resolved_json(changed));
  ASSERT_EQ(differences.size(), 2u);
  EXPECT_EQ(differences[0], "/agent/name: the folder has \"nsga2\", the campaign has \"bayes\"");
  o.agent = "cmaes";
  EXPECT_EQ(with_overrides(c, o).error().kind(), ErrorKind::unsupported);
  o.agent = "nsag2";
  EXPECT_SAYS(with_overrides(c, o).error().text(), "--agent: unknown agent \"nsag2\"; did you mean \"nsga2\"?");
  o = {};
  o.fidelity = "cylce";
  EXPECT_EQ(with_overrides(c, o).error().kind(), ErrorKind::usage);
}

TEST(Campaign, ViolationsAreInTheMetricsUnitAndMissingMetricsAreNamed) {
  const auto c = read(campaign()).value();
  EXPECT_EQ(violations_of(c, {{"area_um2", 9e6}}).value(), std::vector<double>{1e6});
  EXPECT_EQ(limit_names(c), std::vector<std::string>{"area_um2 <= 8e+06"});
  EXPECT_SAYS(objectives_of(c, {{"latency_z", 1}, {"energy_pj", 1}}).error().text(),
              "the evaluation has no metric \"latency_s\"");
}

TEST(Campaign, TheSchemaListsWhatTheReaderReads) {
  const Json schema = campaign_schema();
  for (const char* key : {"version", "name", "subject", "workloads", "design", "space", "rules", "objectives", "constraints",
                          "agent", "budget", "fidelity", "seed"}) {
    EXPECT_TRUE(schema["properties"].contains(key)) << key;
    EXPECT_FALSE(schema["properties"][key].value("description", "").empty()) << key;
  }
  EXPECT_EQ(schema["additionalProperties"], false);
}

TEST(Campaign, MutatedFilesAreReadOrRefusedButNeverCrash) {
  const std::uint64_t seed = 99;
  Random random(seed);
  const std::string good =
      campaign(R"("cores.npu.array.rows": {"int": [8, 64], "step": "pow2"}, "clock_mhz": {"real": [200, 800]})",
               R"(, "rules": ["cores.npu.array.rows * 2 <= 100"], "fidelity": {"ladder": ["analytical", "cycle"]})");
  const std::string alphabet = R"({}[]",:0123456789.eE-+truefalsnl\/ minax<>=*%)";
  int refused = 0;
  for (int round = 0; round < 1500; ++round) {
    std::string bad = good;
    const auto changes = random.integer(1, 3);
    for (std::int64_t k = 0; k < changes; ++k) {
      const auto at = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(bad.size()) - 1));
      const char c = random.chance(0.8)
                         ? alphabet[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(alphabet.size()) - 1))]
                         : static_cast<char>(random.next());
      if (random.chance(0.4))
        bad[at] = c;
      else if (random.chance(0.5))
        bad.insert(at, 1, c);
      else
        bad.erase(at, static_cast<std::size_t>(random.integer(1, 20)));
    }
    const auto result = read(bad);
    if (result) continue;
    ++refused;
    EXPECT_FALSE(result.error().text().empty()) << "seed " << seed << " round " << round;
  }
  EXPECT_GT(refused, 500);
}

}  // namespace
}  // namespace gnomon::search::test
