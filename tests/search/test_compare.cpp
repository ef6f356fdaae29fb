#include <spawn.h>
#include <sys/wait.h>
#include <csignal>
#include <cmath>
#include <thread>

#include "engine_helpers.hpp"
#include "gnomon/search/compare.hpp"
#include "gnomon/search/problems.hpp"
#include "gnomon/search/agent.hpp"
#include "store/sqlite.hpp"
#include <nlohmann/json.hpp>

extern char** environ;

namespace gnomon::search::test {
namespace {

arch::EvaluatorRegistry problem_registry() {
  arch::EvaluatorRegistry registry;
  register_problems(registry);
  return registry;
}

Campaign problem(const std::string& name, int budget, const std::string& more = "") {
  return parse_campaign(R"({"version": 1, "name": "t", "subject": "problem", "problem": ")" + name + R"(", "budget": {"evaluations": )" +
                        std::to_string(budget) + "}" + more + "}");
}

CompareOptions options_of(const std::filesystem::path& folder, std::vector<std::string> agents, int seeds, int jobs) {
  CompareOptions o;
  o.out_dir = folder;
  o.agents = std::move(agents);
  o.seeds = seeds;
  o.jobs = jobs;
  o.worker_command = {SEARCH_TEST_WORKER, "worker"};
  return o;
}

/// What follows from the campaign alone, times left out.
std::string cells_of(const std::filesystem::path& folder) {
  Database db(folder / "compare.sqlite", Database::Mode::read);
  std::string out;
  Statement q(db, "SELECT key, agent, options, seed, budget, evaluations, feasible, failed, front FROM cell ORDER BY key");
  while (q.row()) {
    for (int c = 0; c < 9; ++c) out += q.text(c) + "|";
    out += "\n";
  }
  return out;
}

TEST(Compare, CellsAreTheRunsOfTheCampaign) {
  const auto folder = fresh_folder("compare_cells");
  const Campaign campaign = problem("g24", 40);
  auto comparison = compare_agents(campaign, options_of(folder, {"random", "nsga2"}, 3, 2), problem_registry());
  ASSERT_TRUE(comparison) << comparison.error().text();
  ASSERT_EQ(comparison->rows.size(), 2U);
  for (std::size_t a = 0; a < 2; ++a) {
    for (std::uint64_t seed = 0; seed < 3; ++seed) {
      Campaign one = *with_overrides(campaign, {.agent = comparison->agents[a].name, .fidelity = {}, .seed = seed, .budget = {}});
      const auto single = fresh_folder("compare_single");
      auto summary = run_campaign(one, run_options(single, 1), problem_registry());
      ASSERT_TRUE(summary) << summary.error().text();
      const double score = comparison->rows[a][0].scores[seed];
      if (summary->best.empty())
        EXPECT_TRUE(std::isinf(score));
      else
        EXPECT_EQ(summary->best[0].second.objectives[0], score);
      EXPECT_TRUE(summary->truth_source.find("CEC") != std::string::npos);
    }
  }
  EXPECT_TRUE(comparison->truth);
  EXPECT_EQ(comparison->optimum, -5.50801327159536);
  const Json document = Json::parse(content(folder / "compare.json"));
  EXPECT_EQ(document.at("schema"), "gnomon/compare/1");
  EXPECT_EQ(document.at("agents").size(), 2U);
  EXPECT_TRUE(std::filesystem::exists(folder / "compare.html"));
}

TEST(Compare, JobsOrderAndEarlierRunsDoNotMatter) {
  const auto one = fresh_folder("compare_one"), two = fresh_folder("compare_two");
  const Campaign campaign = problem("zdt1", 30);
  auto first = compare_agents(campaign, options_of(one, {"random", "sobol", "nsga2"}, 4, 1), problem_registry());
  ASSERT_TRUE(first) << first.error().text();
  // Grown in three steps, with three at a time.
  ASSERT_TRUE(compare_agents(campaign, options_of(two, {"nsga2"}, 2, 3), problem_registry()));
  ASSERT_TRUE(compare_agents(campaign, options_of(two, {"sobol", "nsga2"}, 4, 3), problem_registry()));
  std::int64_t runs = 0;
  CompareOptions last = options_of(two, {"random", "sobol", "nsga2"}, 4, 3);
  last.progress = [&](const CompareProgress&) { ++runs; };
  auto second = compare_agents(campaign, last, problem_registry());
  ASSERT_TRUE(second) << second.error().text();
  EXPECT_EQ(runs, 4);
  EXPECT_EQ(cells_of(one), cells_of(two));
  for (std::size_t a = 0; a < 3; ++a) EXPECT_EQ(first->rows[a][0].scores, second->rows[a][0].scores);
  EXPECT_EQ(first->friedman.p, second->friedman.p);
}

TEST(Compare, AnotherCampaignIsRefused) {
  const auto folder = fresh_folder("compare_other");
  ASSERT_TRUE(compare_agents(problem("zdt1", 8), options_of(folder, {"random"}, 1, 1), problem_registry()));
  auto other = compare_agents(problem("zdt2", 8), options_of(folder, {"random"}, 1, 1), problem_registry());
  ASSERT_FALSE(other);
  EXPECT_NE(other.error().text().find("/problem: the folder has \"zdt1\", the campaign has \"zdt2\""), std::string::npos) << other.error().text();
  auto unknown = compare_agents(problem("zdt1", 8), options_of(folder, {"random", "nsga"}, 1, 1), problem_registry());
  ASSERT_FALSE(unknown);
  EXPECT_NE(unknown.error().text().find("nsga"), std::string::npos);
}

TEST(Compare, SweepsAreEqualLoggedAndJudgedOnOtherSeeds) {
  for (const auto& [name, agent] : agents().entries()) {
    const auto sweep = sweep_of(name, "", 4);
    ASSERT_FALSE(sweep.empty());
    EXPECT_EQ(sweep[0], "{}");
    EXPECT_TRUE(sweep.size() == 4 || Json::parse(agent.options_schema()).at("properties").empty() || sweep.size() > 1) << name;
    AgentSetup setup;
    auto space = problem_space(**find_problem("gear_train"));
    setup.space = std::make_shared<const arch::Space>(*space);
    for (const std::string& options : sweep) {
      setup.options_json = options;
      EXPECT_TRUE(agent.make(setup)) << name << " " << options;
    }
  }
  const auto folder = fresh_folder("compare_sweep");
  CompareOptions options = options_of(folder, {"random", "nsga2"}, 4, 2);
  options.variants = 3;
  auto c = compare_agents(problem("g24", 40), options, problem_registry());
  ASSERT_TRUE(c) << c.error().text();
  ASSERT_EQ(c->rows[1].size(), 3U);
  ASSERT_EQ(c->tuned.size(), 2U);
  for (std::size_t s = 0; s < 4; ++s) {
    const std::size_t variant = c->tuned_variants[1][s % 2];
    EXPECT_EQ(c->tuned[1].scores[s], c->rows[1][variant].scores[s]);
    // The choice for this half was made by the other half's median.
    std::vector<double> medians;
    for (const auto& row : c->rows[1]) medians.push_back(quantile({row.scores[1 - s % 2], row.scores[3 - s % 2]}, 0.5));
    EXPECT_EQ(*std::min_element(medians.begin(), medians.end()), medians[variant]);
  }
}

/// A run that ends at a proven optimum has the scores of the whole run; the mean over the run is taken from that run's trials.
TEST(Compare, RunsEndAtAProvenOptimumWithTheSameScores) {
  const auto folder = fresh_folder("compare_optimum");
  const std::string one_objective = R"(, "objectives": [{"metric": "total_time_us"}], "constraints": [])";
  const Campaign campaign = problem("dram-stream", 300, one_objective);
  CompareOptions options = options_of(folder, {"ga", "random"}, 2, 2);
  options.judge = JudgedBy::anytime;
  auto c = compare_agents(campaign, options, problem_registry());
  ASSERT_TRUE(c) << c.error().text();
  ASSERT_TRUE(c->optimum);
  EXPECT_LT(c->evaluations, 4 * 300) << "no run ended early";
  for (std::size_t a = 0; a < 2; ++a) {
    for (std::uint64_t seed = 0; seed < 2; ++seed) {
      Campaign one = *with_overrides(campaign, {.agent = c->agents[a].name, .fidelity = {}, .seed = seed, .budget = {}});
      const auto single = fresh_folder("compare_optimum_single");
      ASSERT_TRUE(run_campaign(one, run_options(single, 1), problem_registry()));
      Database db(single / "campaign.sqlite", Database::Mode::read);
      Statement q(db, "SELECT value FROM metric WHERE name = 'total_time_us' ORDER BY trial");
      std::vector<double> best;
      while (q.row()) best.push_back(std::min(best.empty() ? HUGE_VAL : best.back(), q.real(0)));
      ASSERT_EQ(best.size(), 300U);
      double mean = 0;
      std::int64_t before = 0;
      for (const std::int64_t at : c->checkpoints) {
        mean += best[static_cast<std::size_t>(at - 1)] * static_cast<double>(at - before) / 300;
        before = at;
      }
      EXPECT_EQ(c->rows[a][0].scores[seed], best.back());
      EXPECT_NEAR(c->rows[a][0].anytime[seed], mean, 1e-9 * mean);
    }
  }
  const Json document = Json::parse(content(folder / "compare.json"));
  EXPECT_EQ(document.at("score").at("judged"), "mean over the run");
}

TEST(Compare, KilledAndResumedGivesTheSame) {
  const auto whole = fresh_folder("compare_whole"), killed = fresh_folder("compare_killed");
  const char* text = R"({"version": 1, "name": "k", "subject": "command", "command": ["unused"], "space": {"x": {"int": [0, 15]}, "y": {"int": [0, 15]}},
    "objectives": [{"metric": "first"}, {"metric": "second"}], "constraints": [{"metric": "third", "max": 16}], "fidelity": "cycle",
    "budget": {"evaluations": 24}})";
  const auto file = fresh_folder("compare_file") / "c.json";
  ASSERT_TRUE(write_file(file, text));
  const auto start = [&](const std::filesystem::path& folder) {
    std::vector<std::string> argv{SEARCH_TEST_WORKER, "compare", file.string(), folder.string()};
    std::vector<char*> raw;
    for (std::string& a : argv) raw.push_back(a.data());
    raw.push_back(nullptr);
    pid_t pid = 0;
    EXPECT_EQ(::posix_spawn(&pid, raw[0], nullptr, nullptr, raw.data(), environ), 0);
    return pid;
  };
  int status = 0;
  ::waitpid(start(whole), &status, 0);
  ASSERT_EQ(status, 0);
  int hits = 0;
  for (int kill = 0; kill < 6; ++kill) {
    const pid_t pid = start(killed);
    std::this_thread::sleep_for(std::chrono::milliseconds(60 + 50 * kill));
    ::kill(pid, SIGKILL);
    ::waitpid(pid, &status, 0);
    if (WIFSIGNALED(status)) ++hits;
  }
  ::waitpid(start(killed), &status, 0);
  ASSERT_EQ(status, 0);
  RecordProperty("kills that hit", hits);
  EXPECT_EQ(cells_of(whole), cells_of(killed));
  EXPECT_FALSE(std::filesystem::exists(killed / "runs") && !std::filesystem::is_empty(killed / "runs"));
}

}  // namespace
}  // namespace gnomon::search::test
