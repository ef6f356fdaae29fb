#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "gnomon/base/json.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/table.hpp"

namespace gnomon::surrogate {
namespace {

/// A folder that goes away with the test.
struct Folder {
  std::filesystem::path path;
  Folder() : path(std::filesystem::temp_directory_path() / ("gnomon_tables_" + std::to_string(::getpid()))) { std::filesystem::create_directories(path); }
  ~Folder() { std::filesystem::remove_all(path); }
};

TEST(Tables, TrialsOfACampaignGiveParametersAsFeatures) {
  const Folder folder;
  const std::string header = "trial,state,feasible,fidelity,array.rows,array.dataflow,latency_s,macs,violation area_um2,error\n";
  ASSERT_TRUE(write_file(folder.path / "trials.csv", header + "0,done,1,cycle,8,ws,0.5,1000,0,\n1,failed,0,,9,ws,,,,broken\n"
                                                              "2,done,1,analytical,12,ws,0.3,1000,0,\n3,done,0,cycle,16,os,0.25,1000,1,\n"));
  const auto loaded = load_training_table(folder.path);
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(loaded->features, (std::vector<std::string>{"array.rows", "array.dataflow", "macs"}));
  EXPECT_EQ(loaded->table.rows(), 2U);
  EXPECT_EQ((*loaded->table.column("array.rows"))->numbers, (std::vector<double>{8, 16}));

  // Metrics of a user's own command are told apart by the summary.
  ASSERT_TRUE(write_file(folder.path / "trials.csv", "trial,state,feasible,fidelity,x,smoothness,error\n0,done,1,cycle,3,0.5,\n"));
  ASSERT_TRUE(write_file(folder.path / "summary.json", R"({"best": {"smoothness": {"trial": 0, "metrics": {"smoothness": 0.5}}}})"));
  EXPECT_EQ(load_training_table(folder.path)->features, (std::vector<std::string>{"x"}));

  ASSERT_TRUE(write_file(folder.path / "trials.csv", header + "0,queued,0,,8,ws,,,,\n"));
  EXPECT_EQ(load_training_table(folder.path).error().text(), (folder.path / "trials.csv").string() + ": column \"state\": no trial is done yet");
  EXPECT_EQ(load_training_table(folder.path / "absent.csv").error().text(), (folder.path / "absent.csv").string() + ": no such file");
}

TEST(Tables, SeveralSourcesMustAgree) {
  const Folder folder;
  const auto a = folder.path / "a.csv", b = folder.path / "b.csv";
  ASSERT_TRUE(write_file(a, "x [mm],y\n1,2\n"));
  ASSERT_TRUE(write_file(b, "y,x [mm]\n4,three\n"));
  const auto both = load_training_tables({a, b});
  ASSERT_TRUE(both) << both.error().text();
  EXPECT_EQ((*both->table.column("x"))->words, (std::vector<std::string>{"1", "three"}));
  EXPECT_EQ((*both->table.column("y"))->numbers, (std::vector<double>{2, 4}));
  ASSERT_TRUE(write_file(b, "y,x [cm]\n4,3\n"));
  EXPECT_EQ(load_training_tables({a, b}).error().text(), b.string() + ": column \"x\": found the unit \"cm\"; " + a.string() + " has \"mm\"");
}

// Two rows worked by hand: y = (10, 20), p = (11, 18), intervals [9, 12] and [19, 21] at 90 %.
TEST(Scores, HandWorkedExample) {
  ModelInfo info;
  Target target;
  target.name = "y";
  target.scale = "log1p";
  target.divisor = 1;
  info.targets = {target};
  Prediction p;
  p.mean = (RealMatrix(3, 1) << 11, 18, 5).finished();
  p.lower = (RealMatrix(3, 1) << 9, 17, 0).finished();
  p.upper = (RealMatrix(3, 1) << 12, 19, 9).finished();
  p.in_range = {1, 0, 1};
  const RealMatrix y = (RealMatrix(3, 1) << 10, 20, std::nan("")).finished();
  const Score s = score(info, p, y)[0];
  EXPECT_EQ(s.rows, 2);
  EXPECT_DOUBLE_EQ(s.r2, 1 - 5.0 / 50);
  EXPECT_DOUBLE_EQ(s.smape_percent, (200.0 / 22 + 400.0 / 39) / 2);
  EXPECT_DOUBLE_EQ(s.rmse, std::sqrt(2.5));
  EXPECT_DOUBLE_EQ(s.coverage, 0.5);
  EXPECT_DOUBLE_EQ(s.mean_width, 2.5);
  EXPECT_NEAR(s.interval_score, (3 + (2 + 20 * 1)) / 2.0, 1e-12);
  EXPECT_DOUBLE_EQ(s.in_range, 0.5);
}

TEST(Scale, ThereAndBack) {
  for (const char* scale : {"linear", "log", "log1p"}) EXPECT_NEAR(from_scale(scale, 3, to_scale(scale, 3, 42.5)), 42.5, 1e-12) << scale;
  EXPECT_TRUE(std::isnan(to_scale("log", 1, 0)));
  EXPECT_TRUE(std::isnan(to_scale("log1p", 1, -1)));
  EXPECT_EQ(from_scale("log1p", 5, -100), 0);
}

}  // namespace
}  // namespace gnomon::surrogate
