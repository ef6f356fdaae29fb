// Boost graphs as node lists. Truth: the graphs' own edges; labels that only the edges decide.
#include <gtest/gtest.h>

#include <boost/graph/adjacency_list.hpp>
#include <cmath>
#include <iostream>

#include "gnomon/base/random.hpp"
#include "gnomon/surrogate/node_table.hpp"
#include "gnomon/surrogate/train.hpp"

namespace gnomon::surrogate {
namespace {

struct Work {
  double size = 1;
};
using Listed = boost::adjacency_list<boost::listS, boost::listS, boost::directedS, Work>;
using Indexed = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, Work>;

TEST(NodeTable, EdgesBecomeInputs) {
  Listed graph;
  const auto a = boost::add_vertex(Work{1}, graph), b = boost::add_vertex(Work{2}, graph), c = boost::add_vertex(Work{3}, graph);
  boost::add_edge(a, c, graph);
  boost::add_edge(b, c, graph);
  boost::add_edge(a, c, graph);  // twice: counts once
  boost::add_edge(c, c, graph);  // its own: no input
  NodeTable nodes("row");
  nodes.add("x", graph, [&](NodeTable::Line& line, Listed::vertex_descriptor v) {
    line.put("size", graph[v].size, "B");
    if (graph[v].size > 2) line.put("kind", "last");
  });
  const arch::LabelTable table = nodes.table();
  EXPECT_EQ((*table.column("row"))->words, (std::vector<std::string>{"x", "x", "x"}));
  EXPECT_EQ((*table.column("inputs"))->words, (std::vector<std::string>{"", "", "0 1"}));
  EXPECT_EQ((*table.column("size"))->numbers, (std::vector<double>{1, 2, 3}));
  EXPECT_EQ((*table.column("size"))->unit, "B");
  EXPECT_EQ((*table.column("kind"))->words, (std::vector<std::string>{"", "", "last"}));
}

/// The label is the sum over edges of both ends' sizes: no table of rows without the graph has it.
TEST(NodeTable, AGraphNetworkLearnsFromIt) {
  Random random(5);
  NodeTable nodes("row");
  arch::LabelTable rows;
  arch::LabelTable::Column row{"row", "", false, {}, {}}, total{"total", "", true, {}, {}}, label{"y", "", true, {}, {}};
  for (int r = 0; r < 300; ++r) {
    Indexed graph;
    const auto n = random.integer(3, 8);
    double sum = 0, y = 1;
    for (std::int64_t v = 0; v < n; ++v) {
      const double size = random.uniform(1, 8);
      boost::add_vertex(Work{size}, graph);
      sum += size;
      for (std::int64_t u = 0; u < v; ++u) {
        if (!random.chance(0.4)) continue;
        boost::add_edge(static_cast<std::size_t>(u), static_cast<std::size_t>(v), graph);
        y += graph[static_cast<std::size_t>(u)].size;
      }
    }
    nodes.add("r" + std::to_string(r), graph, [&](NodeTable::Line& line, Indexed::vertex_descriptor v) { line.put("size", graph[v].size); });
    row.words.push_back("r" + std::to_string(r));
    total.numbers.push_back(sum);
    label.numbers.push_back(y);
  }
  rows.add(row);
  rows.add(total);
  rows.add(label);
  const arch::LabelTable list = nodes.table();
  const auto r2 = [&](const std::string& family, bool with_nodes) {
    TrainOptions options;
    options.targets = {"y"};
    options.features = {"total"};
    options.family = family;
    options.term = "never";
    options.folds = 2;
    options.learner_options = family == "graph" ? R"({"members": 2, "width": 16, "layers": 2, "max_epochs": 60})" : R"({"members": 2, "hidden": [16], "max_epochs": 60})";
    options.node_key = "row";
    if (with_nodes) options.nodes = &list;
    const auto model = train(rows, options);
    if (!model) throw std::runtime_error(model.error().text());
    for (const auto& part : model->info().metrics) {
      if (part.split == "held-out groups") return part.scores.front().r2;
    }
    return -1.0;
  };
  const double with = r2("graph", true), without = r2("ensemble", false);
  std::cout << "seed 5: R2 on held-out graphs " << with << " with, " << without << " without\n";
  EXPECT_GT(with, 0.9);
  EXPECT_GT(with, without + 0.1);
}

}  // namespace
}  // namespace gnomon::surrogate
