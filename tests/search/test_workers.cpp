#include "engine_helpers.hpp"

namespace gnomon::search::test {
namespace {

/// One trial in trouble among three sound ones; what the store says of the bad one.
std::string reason_of(const std::string& trouble, const std::string& limits, int recycle = 1000) {
  const auto folder = fresh_folder("workers_" + trouble);
  const std::string space =
      R"({"trouble": {"categorical": ["none", ")" + trouble + R"("]}, "x": {"int": [0, 3]}, "y": {"int": [0, 0]}})";
  const Campaign campaign = parse_campaign(campaign_text(
      space,
      R"("fidelity": "cycle", "rules": ["trouble == \"none\" or x == 1"], "budget": {"evaluations": 5}, "agent": {"name": "random"}, "seed": 4, "limits": )" +
          limits));
  RunOptions options = run_options(folder, 2);
  options.worker_recycle = recycle;
  const auto summary = run_campaign(campaign, options, test_registry());
  EXPECT_TRUE(summary) << summary.error().text();
  if (!summary) return "";
  EXPECT_EQ(summary->trials, 5);
  std::string reason;
  int failed = 0;
  const std::vector<StoredTrial> trials = std::move(Store::open_read(folder)->trials()).value();
  for (const StoredTrial& t : trials) {
    if (t.state != "failed") continue;
    ++failed;
    reason = t.error;
    EXPECT_NE(t.params_json.find(trouble), std::string::npos) << "only the trial in trouble fails: " << t.params_json;
  }
  EXPECT_EQ(summary->failed, failed);
  EXPECT_LE(failed, 1);
  std::filesystem::remove_all(folder);
  return reason;
}

const char* const limits = R"({"cpu_s": 1, "memory_mib": 1024, "hang_s": 1})";

TEST(Workers, ACrashCostsOneTrial) {
#if defined(__SANITIZE_ADDRESS__)
  // The sanitiser catches the signal, reports and exits.
  EXPECT_EQ(reason_of("crash", limits), "the worker ended with exit code 1 before it answered");
#else
  EXPECT_EQ(reason_of("crash", limits), "the worker was ended by signal 11 (Segmentation fault)");
#endif
}
TEST(Workers, AnAbortCostsOneTrial) {
  EXPECT_EQ(reason_of("abort", limits), "the worker was ended by signal 6 (Aborted)");
}
TEST(Workers, AnExitCostsOneTrial) {
  EXPECT_EQ(reason_of("exit", limits), "the worker ended with exit code 7 before it answered");
}
TEST(Workers, AnEndlessLoopRunsOutOfProcessorTime) {
  EXPECT_EQ(reason_of("spin", limits), "the evaluation used more than 1 s of processor time");
}
TEST(Workers, AWaitForNothingIsAHang) {
  EXPECT_EQ(reason_of("sleep", limits), "the evaluation hung: no processor time used for 1 s");
}
TEST(Workers, MemoryIsLimited) {
#if !defined(__SANITIZE_ADDRESS__)
  // To touch a gibibyte may take more than a second of processor time.
  EXPECT_EQ(reason_of("memory", R"({"cpu_s": 60, "memory_mib": 1024, "hang_s": 1})"), "the evaluation needs more than the 1024 MiB it may use");
#else
  GTEST_SKIP() << "the address sanitiser needs an unlimited address space";
#endif
}
TEST(Workers, AnErrorIsKeptAsItsText) {
  EXPECT_EQ(reason_of("error", limits), "this design is wrong, on purpose");
}
TEST(Workers, WhatAnEvaluatorPrintsDoesNoHarm) {
  EXPECT_EQ(reason_of("noise", limits), "");
}
TEST(Workers, AnObjectiveThatIsNoNumberFailsTheTrial) {
  EXPECT_EQ(reason_of("nan", limits), "metric \"first\" is nan");
}
TEST(Workers, ReplacedWorkersGoOn) {
  EXPECT_EQ(reason_of("error", limits, 1), "this design is wrong, on purpose");
}

TEST(Workers, AProgramThatIsNotThereIsSaid) {
  const auto folder = fresh_folder("workers_missing");
  RunOptions options = run_options(folder, 2);
  options.worker_command = {"/nowhere/worker"};
  const auto refused =
      run_campaign(parse_campaign(campaign_text(plain_space(), R"("fidelity": "cycle")")), options, test_registry());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind(), ErrorKind::run_failed);
  EXPECT_NE(refused.error().text().find("/nowhere/worker"), std::string::npos) << refused.error().text();
  std::filesystem::remove_all(folder);
}

TEST(Workers, AProgramThatIsNoWorkerIsSaid) {
  const auto folder = fresh_folder("workers_false");
  RunOptions options = run_options(folder, 2);
  options.worker_command = {"false"};
  const auto summary =
      run_campaign(parse_campaign(campaign_text(plain_space(), R"("fidelity": "cycle", "budget": {"evaluations": 8})")), options,
                   test_registry());
  if (summary)
    EXPECT_EQ(summary->failed, summary->trials);
  else
    EXPECT_EQ(summary.error().kind(), ErrorKind::run_failed);
  std::filesystem::remove_all(folder);
}

/// A user's program: awk reads the parameters' JSON from stdin and answers with metrics.
TEST(Workers, AUsersCommandIsASubject) {
  const auto folder = fresh_folder("workers_command");
  ASSERT_TRUE(write_file(folder / "square.awk", R"({ match($0, /"x":[0-9]+/); x = substr($0, RSTART + 4, RLENGTH - 4);
    if (x == 5) { print "five is not allowed" > "/dev/stderr"; exit 9 } printf "{\"square\": %d, \"fidelity_is_cycle\": %d}\n", x * x, ENVIRON["GNOMON_FIDELITY"] == "cycle" })"));
  const std::string text =
      R"({"version": 1, "subject": "command", "command": ["awk", "-f", "square.awk"], "space": {"x": {"int": [3, 9]}},
      "objectives": [{"metric": "square"}], "fidelity": "cycle", "budget": {"evaluations": 20}, "agent": {"name": "sobol"}})";
  auto campaign = read_campaign(Document::parse(text, "campaign.json").value(), folder);
  ASSERT_TRUE(campaign) << campaign.error().text();
  arch::EvaluatorRegistry registry;
  register_problems(registry);
  RunOptions options = run_options(folder / "out", 2);
  options.worker_command = {SEARCH_TEST_WORKER, "plain-worker"};
  const auto summary = run_campaign(*campaign, options, registry);
  ASSERT_TRUE(summary) << summary.error().text();
  EXPECT_EQ(summary->status, RunStatus::exhausted);
  EXPECT_EQ(summary->trials, 7);
  EXPECT_EQ(summary->failed, 1);
  ASSERT_EQ(summary->best.size(), 1u);
  EXPECT_EQ(summary->best[0].second.objectives[0], 9);
  EXPECT_EQ(summary->best[0].second.metrics[1].value, 1);
  ASSERT_EQ(summary->notes.size(), 2u);
  EXPECT_EQ(summary->notes[0], "1 failed: command \"awk\" ended with exit code 9: five is not allowed");
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gnomon::search::test
