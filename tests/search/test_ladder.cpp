#include <cmath>
#include <nlohmann/json.hpp>

#include "campaign/residual.hpp"
#include "engine_helpers.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/search/statistics.hpp"

namespace gnomon::search::test {
namespace {

Summary run(const Campaign& campaign, const RunOptions& options) {
  auto summary = run_campaign(campaign, options, test_registry());
  EXPECT_TRUE(summary) << summary.error().text();
  return summary ? std::move(*summary) : Summary{};
}

std::string ladder(const std::string& by, int budget) {
  return R"("fidelity": {"ladder": ["analytical", "cycle"], "promote": 0.5, "by": ")" + by + R"("}, "budget": {"evaluations": )" +
         std::to_string(budget) + R"(}, "seed": 5)";
}

TEST(Ladder, ResultsDoNotDependOnJobsWithAResidualModel) {
  const auto one = fresh_folder("ladder_one"), two = fresh_folder("ladder_two");
  const Campaign campaign = parse_campaign(campaign_text(plain_space(), ladder("residual", 24)));
  run(campaign, run_options(one, 1));
  // In two sessions, with three workers.
  Campaign half = campaign;
  half.budget.evaluations = 10;
  run(half, run_options(two, 3));
  run(campaign, run_options(two, 3));
  EXPECT_EQ(first_difference(dump_results(one), dump_results(two)), "");
}

TEST(Ladder, AgreementIsThatOfTheDesignsThatBothRungsSaw) {
  const auto folder = fresh_folder("ladder_agreement");
  const Summary s = run(parse_campaign(campaign_text(plain_space(), ladder("rank", 24))), run_options(folder, 2));
  auto store = Store::open_read(folder);
  ASSERT_TRUE(store);
  std::vector<double> low, high;
  const std::vector<StoredTrial> trials = *store->trials();
  for (const StoredTrial& t : trials) {
    if (!t.at("analytical") || !t.at("cycle")) continue;
    low.push_back(t.at("analytical")->metrics[1].value);
    high.push_back(t.at("cycle")->metrics[1].value);
  }
  ASSERT_EQ(s.agreements.size(), 2U);
  EXPECT_EQ(s.agreements[1].metric, "second");
  EXPECT_EQ(s.agreements[1].designs, static_cast<std::int64_t>(low.size()));
  EXPECT_EQ(s.agreements[1].spearman, spearman(low, high));
  // `second` is scaled by 1.2 at the lower fidelity: the order is the same.
  EXPECT_NEAR(*s.agreements[1].spearman, 1, 1e-12);
  EXPECT_NEAR(*s.agreements[1].kendall, 1, 1e-12);
  const Json summary = Json::parse(content(folder / "summary.json"));
  EXPECT_EQ(summary.at("fidelity_agreement").size(), 2U);
}

TEST(Ladder, ToldResultsReachWorkerProcesses) {
  for (const int jobs : {1, 3}) {
    const auto folder = fresh_folder("ladder_heard");
    const std::string more = R"("fidelity": {"ladder": ["cycle", "rtl"], "promote": 0.5}, "agent": {"name": "random", "batch": 4}, "budget": {"evaluations": 8})";
    RunOptions options = run_options(folder, jobs);
    // Workers that start late know as much as those that were there.
    options.worker_recycle = 1;
    run(parse_campaign(campaign_text(plain_space(), more)), options);
    auto store = Store::open_read(folder);
    ASSERT_TRUE(store);
    const std::vector<StoredTrial> trials = *store->trials();
    for (const StoredTrial& t : trials) {
      const StoredEvaluation* rtl = t.at("rtl");
      if (!rtl) continue;
      // A batch: 4 results of `cycle` and 2 of `rtl`; those of earlier batches have been told.
      EXPECT_EQ(rtl->metrics.at(3).value, 6.0 * static_cast<double>(t.batch)) << t.number;
    }
  }
}

// The truth: high = low * exp(0.3 + x1 - 0.5 * [word is b]), a smooth ratio that a constant correction cannot follow.
TEST(Residual, FollowsARatioThatDependsOnTheDesign) {
  auto document = Document::parse(R"({"space": {"x": {"real": [0, 1]}, "word": {"categorical": ["a", "b"]}}, "rules": []})", "space");
  const arch::Space space = *arch::read_space(*document, "/space", "/rules");
  Residual residual(space, "cycle");
  Random random(3);
  const auto ratio = [&](const arch::Point& p) {
    return std::exp(0.3 + std::get<double>(*p[0]) - 0.5 * (std::get<std::string>(*p[1]) == "b" ? 1 : 0));
  };
  EXPECT_FALSE(residual.corrected(*space.sample(random), "analytical", {{"t", 1}}));
  for (int i = 0; i < 40; ++i) {
    const arch::Point p = *space.sample(random);
    const double low = std::exp(random.uniform(-2, 2));
    residual.learn(p, "analytical", {{"t", low}}, {{"t", low * ratio(p)}});
  }
  for (int i = 0; i < 20; ++i) {
    const arch::Point p = *space.sample(random);
    const auto corrected = residual.corrected(p, "analytical", {{"t", 2.0}});
    ASSERT_TRUE(corrected);
    EXPECT_NEAR((*corrected)[0].value / (2.0 * ratio(p)), 1, 0.02);
  }
}

}  // namespace
}  // namespace gnomon::search::test
