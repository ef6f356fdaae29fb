// Answers per CPU-second of one thread by the default ensemble (30 features, 6 targets) and single queries; the shipped model of layered networks, its features
// made from the text of the layers; then, slower, trees and the time to train.
//
//     bench_surrogate [ROWS]     (rows to train on; default 20000; run in the repository's root)
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
  const auto rate = [&](const auto& ask) {
    ask();
    const double start = cpu_seconds();
    int rounds = 0;
    while (cpu_seconds() - start < 1) ask(), ++rounds;
    return rounds * static_cast<double>(encoded->rows.rows()) / (cpu_seconds() - start);
  };
  std::printf("batch with intervals: %.0f rows per CPU-second\n", rate([&] { return model->predict(*encoded)->mean.sum(); }));
  std::printf("batch, means only: %.0f rows per CPU-second\n", rate([&] { return model->predict_mean(encoded->rows)->sum(); }));
  const auto single = [&](const char* what, const surrogate::Model& asked) {
    const double start = cpu_seconds();
    int queries = 0;
    for (; cpu_seconds() - start < 1; ++queries) (void)asked.predict(RealMatrix(encoded->rows.row(queries % 1000)));
    std::printf("single query%s: %.2f us\n", what, 1e6 * (cpu_seconds() - start) / queries);
  };
  single("", *model);
  const auto networks = surrogate::load_table("surrogate/data/layers.csv.gz");
  const auto shipped = surrogate::Model::load("network");
  if (!networks || !shipped) return std::fprintf(stderr, "%s\n", (networks ? shipped.error() : networks.error()).text().c_str()), 1;
  const double start = cpu_seconds();
  int rounds = 0;
  for (; cpu_seconds() - start < 2; ++rounds)
    if (const auto answer = shipped->predict(*networks); !answer) return std::fprintf(stderr, "%s\n", answer.error().text().c_str()), 1;
  std::printf("layered networks from their text, with intervals: %.0f rows per CPU-second\n", rounds * static_cast<double>(networks->rows()) / (cpu_seconds() - start));
  const arch::LabelTable one = surrogate::rows_of(*networks, {0});
  const double alone = cpu_seconds();
  int queries = 0;
  for (; cpu_seconds() - alone < 1; ++queries) (void)shipped->predict(one);
  std::printf("one layered network from its text: %.2f us\n", 1e6 * (cpu_seconds() - alone) / queries);
  auto forest = options();
  forest.family = "trees";
  forest.folds = 1;
  const auto trees = surrogate::train(table(4000, 4), forest);
  if (!trees) return std::fprintf(stderr, "%s\n", trees.error().text().c_str()), 1;
  single(" of trees (learned from 4,000 rows)", *trees);
  const auto labels = table(rows, 3);
  const double before = cpu_seconds();
  const auto trained = surrogate::train(labels, options());
  if (!trained) return std::fprintf(stderr, "%s\n", trained.error().text().c_str()), 1;
  std::printf("%ld rows, 5 members: trained in %.1f CPU s\n", static_cast<long>(rows), cpu_seconds() - before);
}
