#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>

#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"
#include "synthetic.hpp"

namespace gnomon::surrogate {
namespace {

TrainOptions options_for_synthetic() {
  TrainOptions options;
  options.targets = {"latency_cycles", "energy_pj", "spills", "slack"};
  options.ignore = {"shape"};
  options.seed = 3;
  options.family = "ensemble";
  options.term = "never";
  options.test_fraction = 0.1;
  return options;
}

/// One model for the tests that only ask it something.
const Model& shared_model() {
  static const Model model = [] {
    auto trained = train(synthetic::table(2500, 1, 0.03), options_for_synthetic());
    if (!trained) throw std::runtime_error(trained.error().text());
    return std::move(*trained);
  }();
  return model;
}

const Score& of(const std::vector<Score>& scores, const std::string& target) {
  for (const Score& score : scores) {
    if (score.target == target) return score;
  }
  throw std::runtime_error("no score of " + target);
}

// The truth is a known function; fresh rows of the same distribution must be predicted, and 90 % intervals must cover 80 to 99 % of them.
TEST(Train, LearnsAKnownFunctionAndKnowsItsError) {
  const auto scores = evaluate(shared_model(), synthetic::table(2000, 77, 0.03));
  ASSERT_TRUE(scores) << scores.error().text();
  for (const Score& score : *scores) {
    std::printf("%-16s R2 %.4f SMAPE %.2f %% median %.2f %% coverage %.3f width %.4g score %.4g in range %.3f\n", score.target.c_str(), score.r2,
                score.smape_percent, score.median_error_percent, score.coverage, score.mean_width, score.interval_score, score.in_range);
  }
  EXPECT_GT(of(*scores, "latency_cycles").r2, 0.97);
  EXPECT_LT(of(*scores, "latency_cycles").smape_percent, 8);
  EXPECT_GT(of(*scores, "energy_pj").r2, 0.97);
  EXPECT_GT(of(*scores, "slack").r2, 0.99);
  EXPECT_GT(of(*scores, "spills").r2, 0.8);
  for (const Score& score : *scores) {
    EXPECT_GE(score.coverage, 0.8) << score.target;
    EXPECT_LE(score.coverage, 0.99) << score.target;
    EXPECT_GE(score.in_range, 0.95) << score.target;
  }
}

TEST(Train, HeaderRecordsWhatWasSeen) {
  const ModelInfo& info = shared_model().info();
  EXPECT_EQ(info.training_rows + info.test_rows, 2500);
  EXPECT_NEAR(static_cast<double>(info.test_rows), 250, 25);
  EXPECT_NEAR(static_cast<double>(info.calibration_rows), 450, 25);
  EXPECT_EQ(info.features.size(), 6U);
  EXPECT_EQ(info.features[0].scale, "log");
  EXPECT_EQ(info.features[3].unit, "PEs");
  EXPECT_EQ(info.features[3].low, 8);
  EXPECT_EQ(info.features[3].high, 128);
  EXPECT_EQ(info.features[5].categories, (std::vector<std::string>{"is", "os", "ws"}));
  EXPECT_EQ(info.targets[0].scale, "log");
  EXPECT_EQ(info.targets[2].scale, "log1p");
  EXPECT_EQ(info.targets[2].divisor, 1);
  EXPECT_EQ(info.targets[3].scale, "linear");
  ASSERT_EQ(info.metrics.size(), 3U);
  EXPECT_EQ(info.metrics[1].split, "held-out groups");
  EXPECT_EQ(info.metrics[2].split, "test");
  EXPECT_EQ(info.training_sha256.size(), 64U);
}

TEST(Predict, FlagsWhatTrainingNeverSaw) {
  const Model& model = shared_model();
  // m, n, k, rows, bytes_per_cycle, dataflow (2 = ws)
  RealMatrix x(5, 6);
  x << 100, 100, 100, 32, 32, 2,   //
      5000, 100, 100, 32, 32, 2,   // m beyond the range
      100, 100, 100, 4, 32, 2,     // rows below it
      100, 100, 100, 32, 32, -1,   // a word never seen
      0, 100, 100, 32, 32, 2;      // no logarithm
  const auto prediction = model.predict(x);
  ASSERT_TRUE(prediction) << prediction.error().text();
  EXPECT_EQ(prediction->in_range, (std::vector<std::uint8_t>{1, 0, 0, 0, 0}));
  EXPECT_EQ(model.why_out_of_range(x.row(0)), "");
  EXPECT_EQ(model.why_out_of_range(x.row(1)).find("m = 5000 is above "), 0U) << model.why_out_of_range(x.row(1));
  EXPECT_EQ(model.why_out_of_range(x.row(2)), "rows = 4 is below 8");
  EXPECT_EQ(model.why_out_of_range(x.row(3)), "dataflow is a word that training did not see");
  for (Eigen::Index t = 0; t < 4; ++t) {
    for (Eigen::Index r = 0; r < 5; ++r) {
      EXPECT_LE(prediction->lower(r, t), prediction->mean(r, t));
      EXPECT_GE(prediction->upper(r, t), prediction->mean(r, t));
    }
  }
  // Training saw nothing negative: no size at all, and the message says which rows.
  RealMatrix negative = x;
  negative(4, 0) = -3;
  negative(1, 2) = -1;
  const auto refused = model.predict(negative);
  ASSERT_FALSE(refused);
  ASSERT_EQ(refused.error().problems().size(), 2U);
  EXPECT_EQ(refused.error().problems()[0].message.find("row 5, \"m\": found -3; "), 0U) << refused.error().text();
  EXPECT_EQ(refused.error().problems()[1].message.find("row 2, \"k\": found -1; "), 0U) << refused.error().text();
  // The range is widened by 5 % of the logarithmic range 8..128, to about 147.
  x.row(0)[3] = 146;
  EXPECT_EQ(model.predict(x)->in_range[0], 1);
  x.row(0)[3] = 149;
  EXPECT_EQ(model.predict(x)->in_range[0], 0);
}

TEST(Predict, FarRowsStayBoundedAndNonNegative) {
  RealMatrix x(2, 6);
  x << 1e30, 1e30, 1e30, 1e30, 1e30, 0, 1e-30, 1e-30, 1e-30, 1e-30, 1e-30, 0;
  const auto prediction = shared_model().predict(x);
  ASSERT_TRUE(prediction) << prediction.error().text();
  EXPECT_TRUE(prediction->mean.allFinite());
  EXPECT_GE(prediction->mean.leftCols(3).minCoeff(), 0);
  EXPECT_EQ(prediction->in_range, (std::vector<std::uint8_t>{0, 0}));
}

TEST(Predict, AnswersDoNotDependOnTheCompany) {
  const auto x = *shared_model().encode(synthetic::table(700, 5));
  const auto together = *shared_model().predict(x);
  for (const Eigen::Index r : {0, 255, 256, 699}) {
    const auto alone = *shared_model().predict(x.rows.row(r));
    // Blocked matrix products may round differently in other places of a batch; a float's last bits are all that may differ.
    EXPECT_NEAR(alone.mean(0, 0) / together.mean(r, 0), 1, 1e-5);
  }
}

TEST(Train, SameSeedSameBytesOnAnyNumberOfThreads) {
  const auto table = synthetic::table(200, 9);
  TrainOptions options = options_for_synthetic();
  options.max_epochs = 20;
  options.threads = 1;
  const auto one = train(table, options);
  options.threads = 4;
  const auto four = train(table, options);
  ASSERT_TRUE(one && four);
  EXPECT_EQ(one->to_bytes(), four->to_bytes());
  options.seed = 4;
  EXPECT_NE(train(table, options)->to_bytes(), one->to_bytes());
}

// The truth: which labels are counts that are 0 at times (of these only `spills`), and a fresh table of the same function.
TEST(Train, HurdlesWhereAsked) {
  for (const std::string asked : {"auto", "always", "never"}) {
    TrainOptions options = options_for_synthetic();
    options.hurdle = asked;
    options.max_epochs = 40;
    const auto model = train(synthetic::table(800, 5, 0.03), options);
    ASSERT_TRUE(model) << model.error().text();
    for (const Target& target : model->info().targets) EXPECT_EQ(target.hurdle, asked == "always" && target.name == "spills") << asked << " " << target.name;
    const auto scores = evaluate(*model, synthetic::table(500, 78, 0.03));
    ASSERT_TRUE(scores) << scores.error().text();
    EXPECT_GT(of(*scores, "spills").r2, 0.5) << asked;
  }
  TrainOptions wrong = options_for_synthetic();
  wrong.hurdle = "sometimes";
  const auto refused = train(synthetic::table(100, 5, 0.03), wrong);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text().find("always"), std::string::npos);
}

TEST(Train, GroupsStayTogether) {
  // Labels depend on the group alone, which no feature tells: were rows of one group on both sides of a split, memory would help.
  Random random(5);
  arch::LabelTable::Column x{"x"}, group{"g", "", false}, y{"y"};
  for (int i = 0; i < 600; ++i) {
    const int g = i % 60;
    x.numbers.push_back(g + 0.001 * random.uniform());  // nearly names the group
    group.words.push_back("g" + std::to_string(g));
    y.numbers.push_back(Random(derive(77, static_cast<std::uint64_t>(g))).uniform(1, 100));
  }
  arch::LabelTable table;
  for (auto* column : {&x, &group, &y}) table.add(*column);
  TrainOptions options;
  options.family = "ensemble";
  options.term = "never";
  options.targets = {"y"};
  options.ignore = {};
  options.group = "g";
  const auto model = train(table, options);
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_EQ(model->info().features.size(), 1U);
  // Honest: on groups never seen nothing can be known, and the intervals say so.
  EXPECT_LT(model->info().metrics.back().scores[0].r2, 0.5);
  EXPECT_GT(model->info().metrics.back().scores[0].coverage, 0.7);
  EXPECT_EQ(model->info().training_rows % 10, 0);
  EXPECT_EQ(model->info().calibration_rows % 10, 0);
}

TEST(Train, MissingLabelsAndFeatures) {
  auto full = synthetic::table(800, 21);
  arch::LabelTable table;
  Random random(8);
  for (auto column : full.columns()) {
    if (column.name == "energy_pj" || column.name == "bytes_per_cycle") {
      for (double& value : column.numbers) value = random.chance(0.3) ? std::nan("") : value;
    }
    table.add(column);
  }
  const auto model = train(table, options_for_synthetic());
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_TRUE(model->info().features[4].may_miss);
  const auto scores = *evaluate(*model, synthetic::table(500, 22));
  EXPECT_GT(of(scores, "energy_pj").r2, 0.9);
  RealMatrix x(1, 6);
  x << 100, 100, 100, 32, std::nan(""), 2;
  EXPECT_TRUE(model->predict(x));
  x << 100, std::nan(""), 100, 32, 8, 2;
  EXPECT_EQ(model->predict(x).error().text(), "row 1, \"n\": no value, and training had one in every row");
  x << 100, HUGE_VAL, 100, 32, 8, 2;
  EXPECT_EQ(model->predict(x).error().text(), "row 1, \"n\": found inf; a finite number is due");
  EXPECT_EQ(model->predict(x.leftCols(2)).error().text(), "found 2 feature columns; the model takes 6");
}

TEST(Train, RefusesWhatCannotBeLearned) {
  const auto error = [](const arch::LabelTable& table, const TrainOptions& options) {
    const auto model = train(table, options);
    return model ? std::string("trained") : model.error().text();
  };
  const auto table = *arch::LabelTable::parse(synthetic::table(60, 2).to_csv(), "t.csv");
  TrainOptions options;
  EXPECT_EQ(error(table, options), "t.csv: no targets are given; name the columns to predict");
  options.targets = {"latency_cycle"};
  EXPECT_EQ(error(table, options).find("t.csv: unknown column \"latency_cycle\"; did you mean \"latency_cycles\"?"), 0U) << error(table, options);
  options.targets = {"dataflow"};
  EXPECT_EQ(error(table, options), "t.csv: column \"dataflow\": holds words; a target is a number");
  options.targets = {"energy_pj"};
  options.features = {"m", "energy_pj"};
  EXPECT_EQ(error(table, options), "t.csv: column \"energy_pj\": is both a feature and a target");
  options.features = {"m", "n"};
  options.members = 1;
  EXPECT_EQ(error(table, options), "option members: found 1; allowed: 2 to 100");
  options.members = 5;
  options.activation = "sigmoid";
  EXPECT_EQ(error(table, options), "option activation: unknown value \"sigmoid\"; allowed: tanh, relu, silu");
  options.activation = "relu";
  options.calibration_fraction = 0.9;
  EXPECT_EQ(error(table, options), "option calibration_fraction: found 0.9; allowed: 0.05 to 0.5");

  TrainOptions plain;
  plain.targets = {"y"};
  EXPECT_EQ(error(*arch::LabelTable::parse("x,y\n1,2\n", "one.csv"), plain), "one.csv: 1 labelled rows; training takes at least 20");
  std::string same = "x,y\n", no_label = "x,y\n";
  for (int i = 0; i < 30; ++i) {
    same += "1,2\n";
    no_label += std::to_string(i) + ",\n";
  }
  EXPECT_NE(error(*arch::LabelTable::parse(same, "same.csv"), plain).find("same.csv: all rows are of one group"), std::string::npos);
  RealMatrix endless = RealMatrix::Random(40, 2);
  endless(7, 1) = HUGE_VAL;
  EXPECT_EQ(error(table_of(endless, {"x", "y"}), plain), "row 8, column \"y\": found inf; a finite number is due");
  EXPECT_EQ(error(*arch::LabelTable::parse(no_label, "n.csv"), plain), "n.csv: column \"y\": has no value in any row");
}

TEST(Predict, ConstantColumnsMayBeAbsent) {
  std::string with = "x,c,y\n";
  for (int i = 1; i <= 60; ++i) with += std::to_string(i) + ",5," + std::to_string(2 * i) + "\n";
  TrainOptions options;
  options.targets = {"y"};
  options.max_epochs = 20;
  const auto model = train(*arch::LabelTable::parse(with, "t.csv"), options);
  ASSERT_TRUE(model) << model.error().text();
  const auto whole = model->predict(*arch::LabelTable::parse("x,c\n7,5\n", "a.csv"));
  const auto absent = model->predict(*arch::LabelTable::parse("x\n7\n", "b.csv"));
  const auto blank = model->predict(*arch::LabelTable::parse("x,c\n7,\n", "c.csv"));
  const auto other = model->predict(*arch::LabelTable::parse("x,c\n7,6\n", "d.csv"));
  ASSERT_TRUE(whole && absent && blank && other);
  EXPECT_EQ(absent->mean, whole->mean);
  EXPECT_EQ(blank->mean, whole->mean);
  EXPECT_EQ(absent->in_range[0], 1);
  EXPECT_EQ(other->in_range[0], 0);
  EXPECT_EQ(model->predict(*arch::LabelTable::parse("c\n5\n", "e.csv")).error().text(), "e.csv: the model wants a column \"x\", which the table lacks (the table has: c)");
  EXPECT_EQ(model->predict(*arch::LabelTable::parse("x\nmany\n", "f.csv")).error().text(),
            "f.csv: row 1 (line 2), column \"x\": found \"many\"; the model takes numbers here");
}

// Labels of hls4ml 1.x C synthesis (single dense layers, both dimensions below 224). Sizes held out, so that no (d_in, d_out) of the test was learned.
TEST(RealData, DenseLayersOfHls4ml) {
  const char* folder = std::getenv("GNOMON_DATA");
  const auto path = std::filesystem::path(folder ? folder : "") / "hls" / "dense_layer_hls4ml.csv";
  if (!std::getenv("GNOMON_LONG")) GTEST_SKIP() << "GNOMON_LONG is not set";
  if (!folder || !std::filesystem::exists(path)) GTEST_SKIP() << "GNOMON_DATA is not set, or lacks hls/dense_layer_hls4ml.csv";
  const auto raw = arch::LabelTable::load(path);
  ASSERT_TRUE(raw) << raw.error().text();
  arch::LabelTable table;
  for (const auto& column : raw->columns()) table.add(column);
  const auto numbers = [&](const char* name) { return (*raw->column(name))->numbers; };
  arch::LabelTable::Column multipliers{"multipliers"}, weight_bits{"weight_bits"}, size{"size", "", false};
  for (std::size_t r = 0; r < raw->rows(); ++r) {
    const double in = numbers("d_in")[r], out = numbers("d_out")[r];
    multipliers.numbers.push_back(in * out / numbers("rf")[r]);
    weight_bits.numbers.push_back(in * out * numbers("prec")[r]);
    size.words.push_back(std::to_string(in) + "x" + std::to_string(out));
  }
  for (auto* column : {&multipliers, &weight_bits, &size}) table.add(*column);
  TrainOptions options;
  options.targets = {"FF_hls", "LUT_hls", "DSP_hls", "BRAM_18K_hls", "WorstLatency_hls"};
  options.features = {"d_in", "d_out", "prec", "rf", "strategy", "multipliers", "weight_bits"};
  options.group = "size";
  options.test_fraction = 0.2;
  const auto start = std::chrono::steady_clock::now();
  const auto model = train(table, options);
  ASSERT_TRUE(model) << model.error().text();
  std::printf("%zu rows trained in %.2f s\n", table.rows(), std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  for (const Score& score : model->info().metrics.back().scores) {
    std::printf("%-18s unseen sizes: R2 %.3f SMAPE %.2f %% median %.2f %% coverage %.3f\n", score.target.c_str(), score.r2, score.smape_percent,
                score.median_error_percent, score.coverage);
    EXPECT_GT(score.coverage, 0.6) << score.target;
    if (score.target == "WorstLatency_hls" || score.target == "FF_hls") {
      EXPECT_GT(score.r2, 0.9) << score.target;
    }
  }
}

}  // namespace
}  // namespace gnomon::surrogate
