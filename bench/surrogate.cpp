// Answers per CPU-second of one thread by the default ensemble (30 features, 6 targets) and single queries; the shipped model of layered networks, its features
// made from the text of the layers; then, slower, trees and the time to train.
//
//     bench_surrogate [ROWS]     (rows to train on; default 20000; run in the repository's root)
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "gnomon/base/random.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"

namespace {

using namespace gnomon;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

constexpr int features = 30, targets = 6;

/// Log-uniform features, and targets that are smooth functions of some of them.
arch::LabelTable table(Eigen::Index rows, std::uint64_t seed) {
  Random random(seed);
  RealMatrix all(rows, features + targets);
  for (Eigen::Index r = 0; r < rows; ++r) {
    for (int f = 0; f < features; ++f) all(r, f) = std::exp(random.uniform(0, 6));
    for (int t = 0; t < targets; ++t) all(r, features + t) = std::hypot(all(r, t) * all(r, t + 1), 30 * all(r, t + 2) * std::sqrt(all(r, t + 9))) + 50;
  }
  std::vector<std::string> names;
  for (int f = 0; f < features; ++f) names.push_back("x" + std::to_string(f));
  for (int t = 0; t < targets; ++t) names.push_back("y" + std::to_string(t));
  return surrogate::table_of(all, names);
}

surrogate::TrainOptions options() {
  surrogate::TrainOptions out;
  for (int t = 0; t < targets; ++t) out.targets.push_back("y" + std::to_string(t));
  out.family = "ensemble";
  out.term = "never";
  out.threads = 1;
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a figure as soon as it is there
  const Eigen::Index rows = argc > 1 ? std::atol(argv[1]) : 20'000;
  auto quick = options();
  quick.folds = 1;
  quick.max_epochs = 5;
  const auto model = surrogate::train(table(2000, 1), quick);
  if (!model) return std::fprintf(stderr, "%s\n", model.error().text().c_str()), 1;
  const auto encoded = model->encode(table(100'000, 2));
  if (!encoded) return std::fprintf(stderr, "%s\n", encoded.error().text().c_str()), 1;
  // Five rounds each, the median: other work on the machine comes and goes.
  const auto seconds_each = [&](double count, const auto& ask) {
    ask();
    std::vector<double> rounds;
    for (int round = 0; round < 5; ++round) {
      const double start = cpu_seconds();
      double done = 0;
      while (cpu_seconds() - start < 0.2) ask(), done += count;
      rounds.push_back((cpu_seconds() - start) / done);
    }
    std::nth_element(rounds.begin(), rounds.begin() + 2, rounds.end());
    return rounds[2];
  };
  const auto all = static_cast<double>(encoded->rows.rows());
  std::printf("batch with intervals: %.0f rows per CPU-second\n", 1 / seconds_each(all, [&] { return model->predict(*encoded)->mean.sum(); }));
  std::printf("batch, means only: %.0f rows per CPU-second\n", 1 / seconds_each(all, [&] { return model->predict_mean(encoded->rows)->sum(); }));
  const auto single = [&](const char* what, const surrogate::Model& asked) {
    const double each = seconds_each(100, [&] {
      for (int i = 0; i < 100; ++i) (void)asked.predict(RealMatrix(encoded->rows.row(i)));
    });
    std::printf("single query%s: %.2f us\n", what, 1e6 * each);
  };
  single("", *model);
  const auto networks = surrogate::load_table("surrogate/data/layers.csv.gz");
  const auto shipped = surrogate::Model::load("network");
  if (!networks || !shipped) return std::fprintf(stderr, "%s\n", (networks ? shipped.error() : networks.error()).text().c_str()), 1;
  if (const auto answer = shipped->predict(*networks); !answer) return std::fprintf(stderr, "%s\n", answer.error().text().c_str()), 1;
  std::printf("layered networks from their text, with intervals: %.0f rows per CPU-second\n",
              1 / seconds_each(static_cast<double>(networks->rows()), [&] { (void)shipped->predict(*networks); }));
  const arch::LabelTable one = surrogate::rows_of(*networks, {0});
  std::printf("one layered network from its text: %.2f us\n", 1e6 * seconds_each(1, [&] { (void)shipped->predict(one); }));
  const auto parts = surrogate::Model::load("part-trace");
  if (!parts) return std::fprintf(stderr, "%s\n", parts.error().text().c_str()), 1;
  RealVector middle(static_cast<Eigen::Index>(parts->feature_count()));
  for (Eigen::Index f = 0; f < middle.size(); ++f) {
    const surrogate::Feature& feature = parts->info().features[static_cast<std::size_t>(f)];
    middle[f] = feature.categories.empty() ? 0.5 * (feature.low + feature.high) : 0;
  }
  std::printf("single query of the shipped part-trace (trees): %.2f us\n", 1e6 * seconds_each(1, [&] { (void)parts->predict(RealMatrix(middle.transpose())); }));
  auto forest = options();
  forest.family = "trees";
  forest.folds = 1;
  const auto trees = surrogate::train(table(4000, 4), forest);
  if (!trees) return std::fprintf(stderr, "%s\n", trees.error().text().c_str()), 1;
  single(" of trees (learned from 4,000 rows)", *trees);
  auto gauss = options();
  gauss.family = "process";
  gauss.folds = 1;
  const auto process = surrogate::train(table(800, 5), gauss);
  if (!process) return std::fprintf(stderr, "%s\n", process.error().text().c_str()), 1;
  single(" of a Gaussian process (800 rows)", *process);
  for (const char* family : {"graph", "transformer"}) {
    // Chains of six nodes of four features each; targets are sums over nodes.
    auto learned = options();
    learned.targets = {"y0"};
    learned.node_key = "network";
    learned.family = family;
    learned.folds = 1;
    Random random(6);
    arch::LabelTable of_rows, of_nodes;
    arch::LabelTable::Column key{"network", "", false, {}, {}}, label{"y0", "", true, {}, {}}, wide{"x0", "", true, {}, {}}, node_key{"network", "", false, {}, {}};
    std::vector<arch::LabelTable::Column> node;
    for (int f = 0; f < 4; ++f) node.push_back({"n" + std::to_string(f), "", true, {}, {}});
    for (int r = 0; r < 300; ++r) {
      key.words.push_back("r" + std::to_string(r));
      wide.numbers.push_back(random.uniform(1, 2));
      double sum = 0;
      for (int n = 0; n < 6; ++n) {
        node_key.words.push_back(key.words.back());
        for (auto& column : node) column.numbers.push_back(std::exp(random.uniform(0, 6)));
        sum += node[0].numbers.back() * node[1].numbers.back();
      }
      label.numbers.push_back(sum);
    }
    for (auto* column : {&key, &label, &wide}) of_rows.add(*column);
    of_nodes.add(node_key);
    for (auto& column : node) of_nodes.add(column);
    learned.learner_options = R"({"max_epochs": 10})";
    learned.nodes = &of_nodes;
    const auto trained = surrogate::train(of_rows, learned);
    if (!trained) return std::fprintf(stderr, "%s\n", trained.error().text().c_str()), 1;
    const auto asked = trained->encode(surrogate::rows_of(of_rows, {0}), &of_nodes);
    if (!asked) return std::fprintf(stderr, "%s\n", asked.error().text().c_str()), 1;
    std::printf("single query of a %s of six nodes: %.2f us\n", family, 1e6 * seconds_each(1, [&] { (void)trained->predict(*asked); }));
  }
  const auto labels = table(rows, 3);
  const double before = cpu_seconds();
  const auto trained = surrogate::train(labels, options());
  if (!trained) return std::fprintf(stderr, "%s\n", trained.error().text().c_str()), 1;
  std::printf("%ld rows, 5 members: trained in %.1f CPU s\n", static_cast<long>(rows), cpu_seconds() - before);
}
