#include "engine_helpers.hpp"
#include "gnomon/search/pareto.hpp"
#include "gnomon/search/report.hpp"

namespace gnomon::search::test {
namespace {

struct Finished {
  std::filesystem::path folder;
  Json data;
};

Finished finished(const std::string& name, const std::string& more, const std::string& agent = "nsga2") {
  Finished out;
  out.folder = fresh_folder(name);
  const auto summary =
      run_campaign(parse_campaign(campaign_text(plain_space(), more + R"(, "agent": {"name": ")" + agent + "\"}")),
                   run_options(out.folder, 2), test_registry());
  EXPECT_TRUE(summary) << summary.error().text();
  auto store = Store::open_read(out.folder);
  out.data = report_data(*store).value();
  return out;
}

TEST(Report, DataAgreeWithTheStore) {
  const auto [folder, data] = finished("report_data", R"("fidelity": "cycle", "budget": {"evaluations": 60}, "seed": 5)");
  const Json summary = Json::parse(content(folder / "summary.json"));
  EXPECT_EQ(data["trials"].size(), 60u);
  EXPECT_EQ(data["summary"]["feasible"], summary["feasible"]);
  ASSERT_EQ(data["front"].size(), summary["pareto"].size());
  for (std::size_t i = 0; i < data["front"].size(); ++i) EXPECT_EQ(data["front"][i], summary["pareto"][i]["trial"]);
  // Convergence ends at the summary's hypervolume and never falls; the best first objective never rises.
  double volume = 0, best = 1e300;
  for (const Json& row : data["convergence"]) {
    EXPECT_GE(row[2].get<double>(), volume);
    volume = row[2].get<double>();
    if (row[1].is_null()) continue;
    EXPECT_LE(row[1].get<double>(), best);
    best = row[1].get<double>();
  }
  EXPECT_NEAR(volume, summary["hypervolume"].get<double>(), 1e-4 * volume);
  EXPECT_EQ(best, summary["best"]["first"]["objectives"]["first"].get<double>());
  // The hypervolume of the front by the definition of the reference: the worst of the first 20 feasible trials.
  std::vector<double> worst{-1e300, -1e300};
  std::vector<std::vector<double>> points;
  for (const Json& t : data["trials"]) {
    if (t["s"] != "feasible" && t["s"] != "front") continue;
    const std::vector<double> p{t["m"][0].get<double>(), t["m"][1].get<double>()};
    if (points.size() < 20) {
      for (std::size_t k = 0; k < 2; ++k) worst[k] = std::max(worst[k], p[k]);
    }
    points.push_back(p);
  }
  EXPECT_EQ(summary["hypervolume_reference"].get<std::vector<double>>(), worst);
  EXPECT_DOUBLE_EQ(summary["hypervolume"].get<double>(), hypervolume(points, worst));
  for (const Json& n : data["front"]) {
    const Json& details = data["details"][std::to_string(n.get<int>())];
    EXPECT_EQ(details["rows"][0][0], "conv1");
    EXPECT_EQ(details["energy"].size(), 2u);
  }
  std::filesystem::remove_all(folder);
}

TEST(Report, ThePageHoldsItsDataSafelyAndNothingFromOutside) {
  auto [folder, data] = finished("report_page", R"("fidelity": "cycle", "budget": {"evaluations": 10}, "seed": 5)");
  data["name"] = "</script><script>alert(1)</script> %SCRIPT% %DATA% & <!-- \xff";
  const std::string page = render_report(data);
  EXPECT_EQ(page.find("alert(1)</script>"), std::string::npos);
  EXPECT_EQ(page.find("http://") == std::string::npos, false) << "the SVG name space is the only address";
  std::size_t addresses = 0;
  for (std::size_t at = page.find("http"); at != std::string::npos; at = page.find("http", at + 1)) {
    ++addresses;
    EXPECT_TRUE(page.compare(at, 26, "http://www.w3.org/2000/svg") == 0) << page.substr(at, 60);
  }
  EXPECT_EQ(addresses, 1u);
  const std::string mark = "type=\"application/json\">";
  const std::size_t from = page.find(mark) + mark.size();
  const Json back = Json::parse(page.substr(from, page.find("</script>", from) - from));
  EXPECT_EQ(back["trials"], data["trials"]);
  EXPECT_EQ(back["name"].get<std::string>().substr(0, 9), "</script>");
  std::filesystem::remove_all(folder);
}

TEST(Report, IsWrittenAgainToTheSameBytes) {
  const auto [folder, data] = finished(
      "report_again", R"("fidelity": {"ladder": ["analytical", "cycle"]}, "budget": {"evaluations": 8}, "seed": 5)", "bayes");
  const std::string before = content(folder / "report.html");
  EXPECT_LT(before.size(), 3u << 20);
  ASSERT_TRUE(write_report(folder));
  EXPECT_EQ(content(folder / "report.html"), before);
  EXPECT_FALSE(std::filesystem::exists(folder / "campaign.sqlite-wal")) << "reading leaves nothing behind";
  std::filesystem::remove_all(folder);
}

TEST(Report, CampaignsWithoutAnythingFeasibleAreDrawnToo) {
  const auto folder = fresh_folder("report_infeasible");
  std::string text = campaign_text(plain_space(), R"("fidelity": "cycle", "budget": {"evaluations": 10}, "seed": 5)");
  text.replace(text.find("\"max\": 16"), 9, "\"max\": -1");
  ASSERT_TRUE(run_campaign(parse_campaign(text), run_options(folder, 2), test_registry()));
  const Json data = report_data(*Store::open_read(folder)).value();
  EXPECT_TRUE(data["front"].empty());
  EXPECT_TRUE(data["summary"]["hypervolume"].is_null());
  EXPECT_FALSE(render_report(data).empty());
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gnomon::search::test
