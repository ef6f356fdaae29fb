#include <spawn.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <fstream>
#include <thread>

#include "engine_helpers.hpp"
#include "gnomon/base/random.hpp"

extern char** environ;

namespace gnomon::search::test {

std::string dump_results(const std::filesystem::path& folder) {
  sqlite3* db = nullptr;
  EXPECT_EQ(sqlite3_open_v2(store_path(folder).c_str(), &db, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  std::string out;
  for (const char* sql :
       {"SELECT * FROM trial ORDER BY number", "SELECT * FROM evaluation ORDER BY trial, fidelity",
        "SELECT * FROM metric ORDER BY trial, fidelity, position", "SELECT * FROM violation ORDER BY trial, position",
        "SELECT * FROM layer ORDER BY trial, fidelity, position", "SELECT * FROM energy ORDER BY trial, fidelity, position",
        "SELECT * FROM progress ORDER BY trial"}) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db, sql, -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(db);
    while (sqlite3_step(statement) == SQLITE_ROW) {
      for (int c = 0; c < sqlite3_column_count(statement); ++c) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement, c));
        out += text ? text : "NULL";
        out += '|';
      }
      out += '\n';
    }
    sqlite3_finalize(statement);
  }
  sqlite3_close(db);
  return out;
}

namespace {

Summary run(const Campaign& campaign, const RunOptions& options) {
  auto summary = run_campaign(campaign, options, test_registry());
  EXPECT_TRUE(summary) << summary.error().text();
  return summary ? std::move(*summary) : Summary{};
}

const char* const cycle_40 = R"("fidelity": "cycle", "budget": {"evaluations": 40}, "seed": 5)";
const char* const ladder_10 =
    R"("fidelity": {"ladder": ["analytical", "cycle"], "promote": 0.25}, "budget": {"evaluations": 10}, "seed": 5)";

TEST(Engine, WritesTheContractsFilesAndCountsAddUp) {
  const auto folder = fresh_folder("engine_files");
  const Campaign campaign = parse_campaign(campaign_text(plain_space(), cycle_40));
  std::vector<Progress> seen;
  RunOptions options = run_options(folder, 2);
  options.progress = [&](const Progress& p) { seen.push_back(p); };
  const Summary s = run(campaign, options);
  EXPECT_EQ(s.status, RunStatus::finished);
  EXPECT_EQ(s.trials, 40);
  EXPECT_EQ(s.failed, 0);
  EXPECT_EQ(s.evaluations_by_fidelity, (std::vector<std::pair<std::string, std::int64_t>>{{"cycle", 40}}));
  ASSERT_FALSE(seen.empty());
  EXPECT_EQ(seen.back().done, 40);
  EXPECT_EQ(seen.back().total, 40);
  const Json json = Json::parse(content(folder / "summary.json"));
  for (const char* key : {"schema", "provenance", "trials", "feasible", "failed", "best", "pareto", "hypervolume",
                          "evaluations_by_fidelity", "seconds"}) {
    EXPECT_TRUE(json.contains(key)) << key;
  }
  // The front of the summary is the front of the table: no feasible row beats it in both objectives.
  std::istringstream table(content(folder / "trials.csv"));
  std::string line;
  std::getline(table, line);
  EXPECT_EQ(line, "trial,state,feasible,fidelity,x,y,first,second,third,violation third <= 16,error");
  int rows = 0;
  while (std::getline(table, line)) {
    ++rows;
    std::vector<std::string> cell;
    std::istringstream cells(line);
    for (std::string c; std::getline(cells, c, ',');) cell.push_back(c);
    const double x = std::stod(cell[4]), y = std::stod(cell[5]), first = std::stod(cell[6]), second = std::stod(cell[7]);
    EXPECT_DOUBLE_EQ(first, (x - 3) * (x - 3) + y);
    EXPECT_EQ(cell[2], x + y <= 16 ? "1" : "0");
    if (cell[2] != "1") continue;
    for (const Json& p : json["pareto"]) {
      EXPECT_FALSE(first < p["objectives"]["first"].get<double>() && second < p["objectives"]["second"].get<double>());
    }
  }
  EXPECT_EQ(rows, 40);
  EXPECT_TRUE(std::filesystem::exists(folder / "report.html"));
  std::filesystem::remove_all(folder);
}

TEST(Engine, OneAndFourWorkersGiveTheSameBytes) {
  for (const char* agent : {"random", "nsga2", "bayes", "ippo"}) {
    for (const char* more : {cycle_40, ladder_10}) {
      const std::string text = campaign_text(plain_space(), std::string(more) + R"(, "agent": {"name": ")" + agent + "\"}");
      const auto one = fresh_folder("engine_one"), four = fresh_folder("engine_four");
      run(parse_campaign(text), run_options(one, 1));
      run(parse_campaign(text), run_options(four, 4));
      EXPECT_EQ(first_difference(content(one / "trials.csv"), content(four / "trials.csv")), "") << text;
      EXPECT_EQ(first_difference(content(one / "report.html"), content(four / "report.html")), "") << text;
      EXPECT_EQ(first_difference(dump_results(one), dump_results(four)), "") << text;
      std::filesystem::remove_all(one);
      std::filesystem::remove_all(four);
    }
  }
}

TEST(Engine, KilledAnywhereItResumesToTheSameTrials) {
  const char* const long_cycle = R"("fidelity": "cycle", "budget": {"evaluations": 200}, "seed": 5)";
  const char* const long_ladder =
      R"("fidelity": {"ladder": ["analytical", "cycle"], "promote": 0.25}, "budget": {"evaluations": 50}, "seed": 5)";
  for (const char* more : {long_cycle, long_ladder}) {
    const auto folder = fresh_folder("engine_kill");
    const std::string text = campaign_text(plain_space(), std::string(more) + R"(, "agent": {"name": "nsga2", "batch": 5})");
    ASSERT_TRUE(write_file(folder / "campaign.json", text));
    const auto whole = folder / "whole", broken = folder / "broken";
    run(parse_campaign(text), run_options(whole, 2));
    const std::uint64_t seed = 20240611;
    Random random(seed);
    const auto start = [&](int jobs) {
      const std::string campaign = (folder / "campaign.json").string(), out = broken.string(), n = std::to_string(jobs);
      std::vector<const char*> argv{SEARCH_TEST_WORKER, "run", campaign.c_str(), out.c_str(), n.c_str(), nullptr};
      pid_t pid = 0;
      EXPECT_EQ(posix_spawn(&pid, argv[0], nullptr, nullptr, const_cast<char**>(argv.data()), environ), 0);
      return pid;
    };
    int killed = 0, status = 0;
    for (int round = 0; killed < 10 && round < 500; ++round) {
      const pid_t pid = start(1 + static_cast<int>(random.integer(0, 3)));
      std::this_thread::sleep_for(std::chrono::microseconds(random.integer(500, 50000)));
      ::kill(pid, SIGKILL);
      ::waitpid(pid, &status, 0);
      // A run that was faster than the kill leaves nothing to break: begin again.
      if (WIFSIGNALED(status)) ++killed;
      else std::filesystem::remove_all(broken);
    }
    const pid_t pid = start(4);
    ::waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    EXPECT_EQ(killed, 10) << "seed " << seed;
    EXPECT_EQ(first_difference(content(whole / "trials.csv"), content(broken / "trials.csv")), "") << "seed " << seed;
    EXPECT_EQ(first_difference(content(whole / "pareto.csv"), content(broken / "pareto.csv")), "");
    EXPECT_EQ(first_difference(content(whole / "report.html"), content(broken / "report.html")), "");
    EXPECT_EQ(first_difference(dump_results(whole), dump_results(broken)), "") << "seed " << seed;
    std::filesystem::remove_all(folder);
  }
}

TEST(Engine, ALargerBudgetGoesOnWithTheSameTrials) {
  for (const char* fidelity : {R"("cycle")", R"({"ladder": ["analytical", "cycle"], "promote": 0.4})"}) {
    const auto text = [&](int n) {
      return campaign_text(plain_space(), R"("seed": 3, "fidelity": )" + std::string(fidelity) +
                                              R"(, "budget": {"evaluations": )" + std::to_string(n) + "}");
    };
    const auto folder = fresh_folder("engine_budget"), direct = fresh_folder("engine_direct");
    // 13 is not a multiple of the batch: the cut batch is taken up where it was left.
    EXPECT_EQ(run(parse_campaign(text(13)), run_options(folder, 2)).evaluations, 13);
    EXPECT_EQ(run(parse_campaign(text(30)), run_options(folder, 2)).evaluations, 30);
    run(parse_campaign(text(30)), run_options(direct, 2));
    EXPECT_EQ(first_difference(content(folder / "trials.csv"), content(direct / "trials.csv")), "");
    EXPECT_EQ(first_difference(dump_results(folder), dump_results(direct)), "");
    // A budget that is used up asks for nothing.
    EXPECT_EQ(run(parse_campaign(text(20)), run_options(folder, 2)).evaluations, 30);
    std::filesystem::remove_all(folder);
    std::filesystem::remove_all(direct);
  }
}

TEST(Engine, AnotherCampaignIsRefusedWithTheDifference) {
  const auto folder = fresh_folder("engine_other");
  run(parse_campaign(campaign_text(plain_space(), R"("fidelity": "cycle", "budget": {"evaluations": 8}, "seed": 1)")),
      run_options(folder, 2));
  const Campaign other = parse_campaign(campaign_text(R"({"x": {"int": [0, 15]}, "y": {"int": [0, 12]}})",
                                                      R"("fidelity": "cycle", "budget": {"evaluations": 8}, "seed": 2)"));
  const auto refused = run_campaign(other, run_options(folder, 2), test_registry());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::invalid_input);
  const std::string said = refused.error().text();
  EXPECT_NE(said.find("holds another campaign"), std::string::npos) << said;
  EXPECT_NE(said.find("/seed: the folder has 1, the campaign has 2"), std::string::npos) << said;
  EXPECT_NE(said.find("/space/y/int/1: the folder has 15, the campaign has 12"), std::string::npos) << said;
  RunOptions fresh = run_options(folder, 2);
  fresh.fresh = true;
  EXPECT_EQ(run(other, fresh).evaluations, 8);
  std::filesystem::remove_all(folder);
}

TEST(Engine, InterruptedItSavesAndGoesOn) {
  const auto folder = fresh_folder("engine_stop"), direct = fresh_folder("engine_undisturbed");
  const Campaign campaign = parse_campaign(campaign_text(plain_space(), cycle_40));
  std::atomic<bool> stop = false;
  RunOptions options = run_options(folder, 2);
  options.stop = &stop;
  options.progress = [&](const Progress& p) { stop = p.done >= 11; };
  const Summary first = run(campaign, options);
  EXPECT_EQ(first.status, RunStatus::interrupted);
  EXPECT_EQ(first.outcome(), ErrorKind::interrupted);
  EXPECT_GE(first.trials, 11);
  EXPECT_LT(first.trials, 40);
  EXPECT_TRUE(std::filesystem::exists(folder / "trials.csv"));
  run(campaign, run_options(folder, 2));
  run(campaign, run_options(direct, 1));
  EXPECT_EQ(first_difference(dump_results(folder), dump_results(direct)), "");
  std::filesystem::remove_all(folder);
  std::filesystem::remove_all(direct);
}

TEST(Engine, WallTimeStopsAtABatch) {
  const auto folder = fresh_folder("engine_wall"), direct = fresh_folder("engine_wall_direct");
  const Campaign campaign = parse_campaign(
      campaign_text(plain_space(), R"("fidelity": "cycle", "budget": {"evaluations": 200, "wall_s": 0.000001}, "seed": 4)"));
  const Summary s = run(campaign, run_options(folder, 2));
  EXPECT_EQ(s.status, RunStatus::wall_time);
  EXPECT_EQ(s.trials % 8, 0);
  EXPECT_LT(s.trials, 200);
  EXPECT_EQ(run(campaign, run_options(folder, 2)).trials, s.trials);
  std::filesystem::remove_all(folder);
  std::filesystem::remove_all(direct);
}

TEST(Engine, ASpaceThatIsUsedUpEndsTheRun) {
  const auto folder = fresh_folder("engine_small");
  const Campaign campaign =
      parse_campaign(campaign_text(R"({"x": {"int": [0, 3]}, "y": {"int": [0, 4]}})",
                                   R"("rules": ["x != 2"], "fidelity": "cycle", "budget": {"evaluations": 100}, "seed": 4)"));
  const Summary s = run(campaign, run_options(folder, 3));
  EXPECT_EQ(s.status, RunStatus::exhausted);
  EXPECT_EQ(s.trials, 15);
  EXPECT_EQ(s.pareto.empty(), false);
  std::filesystem::remove_all(folder);
}

TEST(Engine, TheLadderPromotesByRankAndCountsTheLastRung) {
  const auto folder = fresh_folder("engine_ladder");
  const Campaign campaign = parse_campaign(campaign_text(plain_space(), ladder_10));
  const Summary s = run(campaign, run_options(folder, 2));
  EXPECT_EQ(s.evaluations, 10);
  EXPECT_EQ(s.evaluations_by_fidelity, (std::vector<std::pair<std::string, std::int64_t>>{{"analytical", 40}, {"cycle", 10}}));
  const auto trials = std::move(Store::open_read(folder)->trials()).value();
  std::map<std::uint64_t, int> promoted;
  for (const StoredTrial& t : trials) {
    if (t.at("cycle")) ++promoted[t.batch];
    EXPECT_TRUE(t.at("analytical"));
  }
  // A quarter of each batch of 8.
  for (const auto& [batch, n] : promoted) EXPECT_EQ(n, 2) << batch;
  // Nobody who stayed behind dominates, at the rung where that was decided, a feasible one who went on.
  for (const StoredTrial& a : trials) {
    for (const StoredTrial& b : trials) {
      if (a.batch != b.batch || a.at("cycle") || !b.at("cycle")) continue;
      const auto& low = a.at("analytical")->metrics;
      const auto& high = b.at("analytical")->metrics;
      if (low[2].value > 16 || high[2].value > 16) continue;
      EXPECT_FALSE(low[0].value < high[0].value && low[1].value < high[1].value);
    }
  }
  std::filesystem::remove_all(folder);
}

TEST(Engine, NothingFeasibleIsAnOutcome) {
  const auto folder = fresh_folder("engine_infeasible");
  std::string text = campaign_text(plain_space(), R"("fidelity": "cycle", "budget": {"evaluations": 16}, "seed": 4)");
  text.replace(text.find("\"max\": 16"), 9, "\"max\": -1");
  const Summary s = run(parse_campaign(text), run_options(folder, 2));
  EXPECT_EQ(s.feasible, 0);
  EXPECT_EQ(s.outcome(), ErrorKind::infeasible);
  EXPECT_TRUE(s.pareto.empty());
  EXPECT_FALSE(s.hypervolume);
  std::filesystem::remove_all(folder);
}

TEST(Engine, AFidelityWithoutEvaluatorIsUnsupportedBeforeAnythingIsWritten) {
  const auto folder = fresh_folder("engine_none");
  arch::EvaluatorRegistry registry;
  registry.add("command", "analytical", [] { return std::make_unique<TroubleEvaluator>(false); });
  const auto refused = run_campaign(parse_campaign(campaign_text(plain_space(), cycle_40)), run_options(folder, 2), registry);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::unsupported);
  EXPECT_FALSE(std::filesystem::exists(store_path(folder)));
  std::filesystem::remove_all(folder);
}

TEST(Engine, TwoRunsInOneFolderAreRefused) {
  const auto folder = fresh_folder("engine_lock");
  const auto held = Store::open(folder);
  ASSERT_TRUE(held);
  const auto refused =
      run_campaign(parse_campaign(campaign_text(plain_space(), cycle_40)), run_options(folder, 2), test_registry());
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("another run is writing here"), std::string::npos);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gnomon::search::test
