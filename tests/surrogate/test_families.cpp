#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "gnomon/surrogate/explain.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/term.hpp"
#include "gnomon/surrogate/train.hpp"
#include "models/forest.hpp"
#include "models/node_networks.hpp"

namespace gnomon::surrogate {
namespace {

using Column = arch::LabelTable::Column;

/// Three rows of 2, 1 and 3 nodes in chains, two row inputs, three node inputs.
Samples few_nodes() {
  Samples out;
  Random random(11);
  const auto fill = [&](Eigen::Index rows, Eigen::Index columns) {
    Mlp<float>::Batch x(rows, columns);
    for (float& value : x.reshaped()) value = static_cast<float>(random.normal());
    return x;
  };
  out.x = fill(2, 3);
  out.nodes.x = fill(3, 6);
  out.nodes.first = {0, 2, 3, 6};
  out.nodes.edge_first = {0, 1, 1, 3};
  out.nodes.edges = {{0, 1}, {3, 4}, {4, 5}};
  return out;
}

/// The truth is the difference quotient of the sum of squares of the answers.
template <template <class> class Network>
void check_gradient() {
  NodeNetworkOptions options;
  options.width = 8;
  options.heads = 2;
  options.deviations = {1.3, 0};
  const Samples samples = few_nodes();
  Network<double> net({2, 3, 2}, options, 5);
  const NodeInputs<double> in(samples);
  NodeTape<double> tape;
  const auto loss = [&] {
    NodeTape<double> scratch;
    return 0.5 * net.forward(in, scratch).squaredNorm();
  };
  const auto out = net.forward(in, tape);
  typename Network<double>::Gradients gradients;
  for (const auto& part : net.parts) gradients.push_back(Mlp<double>::Parameters::Zero(part.parameters().size()));
  net.backward(in, tape, out, gradients);
  for (std::size_t p = 0; p < net.parts.size(); ++p) {
    auto& parameters = net.parts[p].parameters();
    for (Eigen::Index i = 0; i < parameters.size(); i += 7) {
      const double kept = parameters[i], step = 1e-6;
      parameters[i] = kept + step;
      const double above = loss();
      parameters[i] = kept - step;
      const double below = loss();
      parameters[i] = kept;
      EXPECT_NEAR(gradients[p][i], (above - below) / (2 * step), 1e-6 * (1 + std::abs(gradients[p][i]))) << "part " << p << ", parameter " << i;
    }
  }
}

TEST(NodeNetworks, GraphGradient) { check_gradient<GraphNetwork>(); }
TEST(NodeNetworks, TransformerGradient) { check_gradient<TransformerNetwork>(); }

/// A multiplexed data path with a memory: the truth is the formula.
struct Path {
  static double luts(double in, double out, double reuse) { return 4000 + 24 * out + 33 * in + 5.4 * in * out / reuse * std::exp2(std::ceil(std::log2(out))); }
  static arch::LabelTable table(const std::vector<double>& sizes, const std::vector<double>& reuses) {
    Column in{"d_in"}, out{"d_out"}, reuse{"reuse"}, y{"luts"};
    for (const double a : sizes) {
      for (const double b : sizes) {
        for (const double r : reuses) {
          in.numbers.push_back(a);
          out.numbers.push_back(b);
          reuse.numbers.push_back(r);
          y.numbers.push_back(luts(a, b, r));
        }
      }
    }
    arch::LabelTable out_table;
    for (auto* column : {&in, &out, &reuse, &y}) out_table.add(*column);
    return out_table;
  }
};

TEST(Terms, FindTheFormAndExtrapolate) {
  const auto seen = Path::table({16, 24, 40, 64, 96, 100}, {2, 4, 8, 16});
  TrainOptions options;
  options.targets = {"luts"};
  options.threads = 1;
  const auto model = train(seen, options);
  ASSERT_TRUE(model) << model.error().text();
  EXPECT_FALSE(model->info().targets[0].term.empty()) << model->info().targets[0].why;
  const auto scores = evaluate(*model, Path::table({120, 200, 250}, {2, 4, 8, 16}));
  ASSERT_TRUE(scores);
  EXPECT_GT((*scores)[0].r2, 0.98) << model->info().targets[0].why << "\n" << in_words(model->info().targets[0].term.trees.front(), model->info().features);
  EXPECT_EQ((*scores)[0].in_range, 0);
  const auto again = Model::from_bytes(model->to_bytes(), "m");
  ASSERT_TRUE(again) << again.error().text();
  EXPECT_EQ(again->to_bytes(), model->to_bytes());
}

// y = 40 x is found as a term, and then holds wherever it is asked: the interval, however narrow, has the truth.
TEST(Terms, AreNotBoundedByTheLabelsSeen) {
  Column x{"x"}, y{"y"};
  for (int i = 0; i < 60; ++i) {
    x.numbers.push_back(100 + 200.0 * i / 59);
    y.numbers.push_back(40 * x.numbers.back());
  }
  arch::LabelTable table;
  for (auto* column : {&x, &y}) table.add(*column);
  TrainOptions options;
  options.targets = {"y"};
  options.threads = 1;
  const auto model = train(table, options);
  ASSERT_TRUE(model) << model.error().text();
  ASSERT_FALSE(model->info().targets[0].term.empty()) << model->info().targets[0].why;
  RealMatrix asked(5, 1);
  asked << 0.02, 3, 1000, 4000, 160000;
  const auto answer = model->predict(asked);
  ASSERT_TRUE(answer) << answer.error().text();
  for (Eigen::Index r = 0; r < asked.rows(); ++r) {
    const double truth = 40 * asked(r, 0);
    EXPECT_EQ(answer->in_range[static_cast<std::size_t>(r)], 0);
    // Far below the labels a term is kept at a thousandth of the smallest.
    if (r > 0) {
      EXPECT_NEAR(answer->mean(r, 0) / truth, 1, 1e-6);
    }
    EXPECT_LE(answer->lower(r, 0), truth);
    EXPECT_GE(answer->upper(r, 0), truth);
  }
  EXPECT_EQ(*model->predict_mean(asked), answer->mean);
}

// Without a term: intervals grow with the distance from what was seen, on either side, and a bounded answer's reaches the answer before the bound.
TEST(Terms, WithoutOneIntervalsGrowWithTheDistance) {
  Column x{"x"}, y{"y"};
  Random random(5);
  for (int i = 0; i < 300; ++i) {
    x.numbers.push_back(random.uniform(100, 1000));
    y.numbers.push_back(std::pow(x.numbers.back(), 1.5));
  }
  arch::LabelTable table;
  for (auto* column : {&x, &y}) table.add(*column);
  TrainOptions options;
  options.targets = {"y"};
  options.term = "never";
  options.threads = 1;
  options.max_epochs = 100;
  for (const char* family : {"ensemble", "trees"}) {
    options.family = family;
    const auto model = train(table, options);
    ASSERT_TRUE(model) << model.error().text();
    RealMatrix asked(6, 1);
    asked << 50, 10, 2, 2000, 10'000, 200'000;
    const auto answer = model->predict(asked);
    ASSERT_TRUE(answer) << answer.error().text();
    const auto width = [&](Eigen::Index r) { return std::log(answer->upper(r, 0) / answer->lower(r, 0)); };
    for (const Eigen::Index r : {0, 1, 3, 4}) EXPECT_GT(width(r + 1), width(r) + 1) << family << " " << asked(r, 0);
    // Trees answer with what they saw last; the interval has the truth for all that.
    for (const Eigen::Index r : {0, 3}) {
      EXPECT_LE(answer->lower(r, 0), std::pow(asked(r, 0), 1.5)) << family;
      EXPECT_GE(answer->upper(r, 0), std::pow(asked(r, 0), 1.5)) << family;
    }
  }
}

// The truth is the walk from question to question, for trees of few thresholds and of more than a byte counts, for few rows and many, values on thresholds among them.
TEST(Families, PackedTreesAnswerAsTheirNodes) {
  Random random(17);
  for (const int thresholds : {40, 3000}) {
    constexpr int inputs = 6;
    std::vector<TreeNode> nodes;
    std::vector<std::int32_t> roots;
    for (int t = 0; t < 75; ++t) {
      roots.push_back(static_cast<std::int32_t>(nodes.size()));
      nodes.emplace_back();
      for (std::size_t i = static_cast<std::size_t>(roots.back()); i < nodes.size(); ++i) {
        const bool inner = nodes.size() - static_cast<std::size_t>(roots.back()) < 120 && random.uniform() < 0.9;
        if (!inner) nodes[i] = {-1, static_cast<float>(random.uniform(-1, 1)), 0};
        else nodes[i] = {static_cast<std::int32_t>(random.integer(0, inputs - 1)), static_cast<float>(random.integer(0, thresholds)), static_cast<std::int32_t>(nodes.size())}, nodes.resize(nodes.size() + 2);
      }
    }
    const Forest forest(nodes, roots, inputs);
    const auto back = forest.nodes();
    ASSERT_EQ(back.size(), nodes.size());
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      ASSERT_TRUE(back[i].input == nodes[i].input && back[i].threshold == nodes[i].threshold && back[i].below == nodes[i].below) << i;
    }
    for (const Eigen::Index rows : {1, 5, 16, 41}) {
      Mlp<float>::Batch x(inputs, rows);
      for (Eigen::Index r = 0; r < rows; ++r)
        for (int i = 0; i < inputs; ++i) x(i, r) = static_cast<float>(random.integer(-1, thresholds + 1));
      std::vector<float> sums(static_cast<std::size_t>(rows), 0.5F);
      forest.add(x, sums.data());
      for (Eigen::Index r = 0; r < rows; ++r) {
        float sum = 0.5F;
        for (std::int32_t at : roots) {
          while (nodes[static_cast<std::size_t>(at)].input >= 0) {
            const TreeNode& node = nodes[static_cast<std::size_t>(at)];
            at = node.below + (x(node.input, r) < node.threshold ? 0 : 1);
          }
          sum += nodes[static_cast<std::size_t>(at)].threshold;
        }
        EXPECT_EQ(sums[static_cast<std::size_t>(r)], sum) << thresholds << " thresholds, row " << r << " of " << rows;
      }
    }
  }
}

TEST(Families, EveryFamilyLearnsAndIsReadBack) {
  Column a{"a"}, b{"b"}, y{"y"}, z{"z"};
  Random random(3);
  for (int i = 0; i < 160; ++i) {
    a.numbers.push_back(random.uniform(1, 20));
    b.numbers.push_back(random.uniform(1, 20));
    y.numbers.push_back(a.numbers.back() * b.numbers.back());
    z.numbers.push_back(std::max(0.0, std::floor(a.numbers.back() - b.numbers.back())));
  }
  arch::LabelTable table;
  for (auto* column : {&a, &b, &y, &z}) table.add(*column);
  for (const char* family : {"ensemble", "trees", "process", "blend"}) {
    TrainOptions options;
    options.targets = {"y", "z"};
    options.family = family;
    options.term = "never";
    options.folds = 1;
    options.max_epochs = 100;
    options.threads = 1;
    const auto model = train(table, options);
    ASSERT_TRUE(model) << family << ": " << model.error().text();
    EXPECT_GT(model->info().metrics[0].scores[0].r2, 0.9) << family;
    const auto again = Model::from_bytes(model->to_bytes(), "m");
    ASSERT_TRUE(again) << family << ": " << again.error().text();
    const auto one = *model->predict(table), two = *again->predict(table);
    EXPECT_LT((one.mean - two.mean).cwiseAbs().maxCoeff(), family == std::string("process") ? 0.5 : 1e-12) << family;
    EXPECT_EQ(*model->predict_mean(model->encode(table)->rows), one.mean) << family;
    const auto third = train(table, options);
    EXPECT_EQ(third->to_bytes(), model->to_bytes()) << family;
  }
}

/// Nodes add: the truth is the sum of a function of each node, so rows with more nodes than any learned must come out right where sums are built in.
TEST(Families, NodesAddUp) {
  const auto make = [](std::uint64_t seed, int rows, int least, int most, arch::LabelTable& table, arch::LabelTable& nodes) {
    Random random(seed);
    Column key{"network", "", false}, y{"luts"}, node_key{"network", "", false}, size{"size"};
    for (int r = 0; r < rows; ++r) {
      key.words.push_back("n" + std::to_string(r));
      double sum = 0;
      const auto count = random.integer(least, most);
      for (std::int64_t n = 0; n < count; ++n) {
        node_key.words.push_back(key.words.back());
        size.numbers.push_back(std::exp(random.uniform(0, 4)));
        sum += 10 * size.numbers.back() + 50;
      }
      y.numbers.push_back(sum);
    }
    Column constant{"clock"};
    constant.numbers.assign(key.words.size(), 5);
    for (auto* column : {&key, &constant, &y}) table.add(*column);
    for (auto* column : {&node_key, &size}) nodes.add(*column);
  };
  arch::LabelTable table, nodes, larger, larger_nodes;
  make(1, 250, 1, 4, table, nodes);
  make(2, 50, 6, 7, larger, larger_nodes);
  for (const char* family : {"graph", "transformer"}) {
    TrainOptions options;
    options.targets = {"luts"};
    options.features = {"clock"};
    options.group = "network";
    options.family = family;
    options.learner_options = R"({"width": 16, "layers": 1, "members": 2, "max_epochs": 40})";
    options.term = "never";
    options.folds = 1;
    options.threads = 1;
    options.nodes = &nodes;
    const auto model = train(table, options);
    ASSERT_TRUE(model) << family << ": " << model.error().text();
    EXPECT_GT(model->info().metrics[0].scores[0].r2, 0.9) << family;
    const auto scores = evaluate(*model, larger, &larger_nodes);
    ASSERT_TRUE(scores) << scores.error().text();
    std::printf("%s: networks longer than any learned: median error %.1f %%\n", family, (*scores)[0].median_error_percent);
    EXPECT_LT((*scores)[0].median_error_percent, family == std::string("graph") ? 20 : 40) << family;
    EXPECT_EQ(model->predict(larger).error().text(), "the model takes a list of nodes for each row; give the node table");
    const auto again = Model::from_bytes(model->to_bytes(), "m");
    ASSERT_TRUE(again) << again.error().text();
    EXPECT_EQ(again->predict(larger, &larger_nodes)->mean, model->predict(larger, &larger_nodes)->mean);
  }
}

TEST(Import, HlsynPragmasBecomeColumns) {
  const auto table = arch::LabelTable::parse("kernel,perf_cycles,lut,point_json\n"
                                             "a,100,7,\"{\"\"__PARA__L0\"\":4,\"\"__PARA__L1\"\":2,\"\"__PIPE__L0\"\":\"\"\"\"}\"\n"
                                             "b,0,0,\"{\"\"__PARA__L0\"\":1,\"\"__PIPE__L0\"\":\"\"flatten\"\",\"\"__TILE__L0\"\":8}\"\n",
                                             "t.csv");
  ASSERT_TRUE(table) << table.error().text();
  const auto made = import_layout(*table);
  ASSERT_TRUE(made) << made.error().text();
  const auto number = [&](const char* name, std::size_t row) { return (*made->table.column(name))->numbers[row]; };
  EXPECT_EQ(number("parallel", 0), 8);
  EXPECT_EQ(number("tile", 1), 8);
  EXPECT_EQ(number("pipelined", 0), 1);
  EXPECT_EQ(number("flattened", 1), 1);
  EXPECT_EQ(number("PARA_L1", 1), 0);  // kernel b has no such loop
  EXPECT_EQ((*made->table.column("PIPE_L0"))->words, (std::vector<std::string>{"on", "flatten"}));
  // The tool did not finish: no label, not a label of 0.
  EXPECT_TRUE(std::isnan(number("lut", 1)));
  const auto wrong = import_layout(*arch::LabelTable::parse("kernel,point_json\na,{\n", "w.csv"));
  EXPECT_EQ(wrong.error().text(), "w.csv: column \"point_json\": row 1: found \"{\"; a JSON object of pragmas is due");
}

/// Shapley values of a sum are its addends, each less its value at the usual row; they always add up.
TEST(Explain, AddsUpAndFindsTheAddends) {
  Column a{"a"}, b{"b"}, c{"c"}, y{"y"};
  Random random(9);
  for (int i = 0; i < 300; ++i) {
    a.numbers.push_back(random.uniform(-2, 2));
    b.numbers.push_back(random.uniform(-2, 2));
    c.numbers.push_back(random.uniform(-2, 2));
    y.numbers.push_back(3 * a.numbers.back() - 2 * b.numbers.back());
  }
  arch::LabelTable table;
  for (auto* column : {&a, &b, &c, &y}) table.add(*column);
  TrainOptions options;
  options.targets = {"y"};
  options.family = "ensemble";
  options.term = "never";
  options.folds = 1;
  options.max_epochs = 60;
  const auto model = train(table, options);
  ASSERT_TRUE(model) << model.error().text();
  // The program in C asks the same model.
  if (const char* path = std::getenv("GNOMON_TEST_MODEL")) {
    ASSERT_TRUE(model->save(path));
  }
  const auto asked = *arch::LabelTable::parse("a,b,c\n1.5,-1,1\n", "q.csv");
  const NetworkTables background{table, {}};
  const auto explained = explain(*model, NetworkTables{asked, {}}, &background, 8);
  ASSERT_TRUE(explained) << explained.error().text();
  const Explanation& one = explained->rows.front();
  const auto& parts = one.contributions[0];
  EXPECT_NEAR(parts[0] + parts[1] + parts[2], one.answer[0] - one.usual[0], 1e-6);
  const auto median = [](std::vector<double> values) {
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  };
  EXPECT_NEAR(parts[0], 3 * (1.5 - median(a.numbers)), 0.3);
  EXPECT_NEAR(parts[1], -2 * (-1 - median(b.numbers)), 0.3);
  EXPECT_NEAR(parts[2], 0, 0.2);
  // A row alone says nothing of what is usual: then it is the mean of what was learned, here near 0 in all three.
  const auto alone = explain(*model, NetworkTables{asked, {}});
  ASSERT_TRUE(alone) << alone.error().text();
  EXPECT_NE(alone->background.find(" training rows"), std::string::npos) << alone->background;
  const auto& moved = alone->rows.front().contributions[0];
  EXPECT_NEAR(moved[0] + moved[1] + moved[2], alone->rows.front().answer[0] - alone->rows.front().usual[0], 1e-6);
  const auto mean = [](const std::vector<double>& values) { return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()); };
  EXPECT_NEAR(moved[0], 3 * (1.5 - mean(a.numbers)), 0.3);
  EXPECT_NEAR(moved[1], -2 * (-1 - mean(b.numbers)), 0.3);
}

}  // namespace
}  // namespace gnomon::surrogate
