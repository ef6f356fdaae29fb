// A proxy of a core that runs a whole network: learned from simulations of random designs of a campaign's space (its parameters are the features).
//
//     bench_proxy_core [ROWS] [CAMPAIGN]     (default 40000 bench/ladder/single-core.json; run in the repository's root; about half an hour of processor time)
//
// Per label: RMSE in percent of the label's range on a fifth of the rows (random), and on all rows of one size left out of training: 32 rows of PEs,
// 16 bytes a cycle of memory. Then microseconds of processor time per query alone and in batch (features included there), beside the simulator.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "gnomon/surrogate/train.hpp"
#include "simulated.hpp"

namespace {

using namespace gnomon;
using arch::LabelTable;
using bench::simulate;
using bench::stop;
using bench::take;

const std::vector<std::string> labels{"latency_cycles", "energy_pj"};

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

struct Split {
  std::string name, column;
  double left_out = 0;
  std::vector<std::size_t> learn, test;
};

std::vector<Split> splits(const LabelTable& rows) {
  std::vector<Split> out{{"random fifth", "", 0, {}, {}},
                         {"32 rows left out", "cores.npu.array.rows", 32, {}, {}},
                         {"16 bytes a cycle left out", "memory.bytes_per_cycle", 16, {}, {}}};
  Random random(7);
  for (std::size_t r = 0; r < rows.rows(); ++r)
    for (Split& split : out) {
      const bool held = split.column.empty() ? random.chance(0.2) : take(rows.column(split.column))->numbers[r] == split.left_out;
      (held ? split.test : split.learn).push_back(r);
    }
  return out;
}

surrogate::TrainOptions options() {
  surrogate::TrainOptions o;
  o.targets = labels;
  o.label_kind = "cycle model";
  o.test_fraction = 0;
  o.family = "ensemble";
  o.term = "never";
  o.learner_options = R"({"members": 5, "hidden": [64, 64, 64], "max_epochs": 1000, "rows_seen": 16000000})";
  return o;
}

void errors(const LabelTable& test, const surrogate::Prediction& prediction) {
  for (std::size_t t = 0; t < labels.size(); ++t) {
    const auto& y = take(test.column(labels[t]))->numbers;
    const auto [low, high] = std::minmax_element(y.begin(), y.end());
    double squares = 0, covered = 0;
    for (std::size_t r = 0; r < y.size(); ++r) {
      const auto row = static_cast<Eigen::Index>(r), at = static_cast<Eigen::Index>(t);
      squares += std::pow(prediction.mean(row, at) - y[r], 2);
      covered += prediction.lower(row, at) <= y[r] && y[r] <= prediction.upper(row, at);
    }
    const auto n = static_cast<double>(y.size());
    std::printf("  %8.3f (%3.0f)", 100 * std::sqrt(squares / n) / (*high - *low), 100 * covered / n);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto count = static_cast<std::size_t>(std::max(100LL, argc > 1 ? std::atoll(argv[1]) : 40000));
  const search::Campaign campaign = take(search::load_campaign(argc > 2 ? argv[2] : "bench/ladder/single-core.json"));
  double before = cpu_seconds();
  const LabelTable rows = simulate(campaign, labels, count);
  const double simulator_us = 1e6 * (cpu_seconds() - before) / static_cast<double>(count);
  std::printf("RMSE in %% of the label's range (coverage of the 90 %% intervals in %%), %zu rows\n%-26s", count, "test rows");
  for (const std::string& label : labels) std::printf("  %14s", label.c_str());
  std::printf("  training, CPU s\n");
  double alone_us = 0, batch_us = 0;
  for (const Split& split : splits(rows)) {
    const LabelTable test = surrogate::rows_of(rows, split.test);
    before = cpu_seconds();
    const surrogate::Model model = take(surrogate::train(surrogate::rows_of(rows, split.learn), options()));
    const double training = cpu_seconds() - before;
    before = cpu_seconds();
    const surrogate::Prediction prediction = take(model.predict(test));
    batch_us = 1e6 * (cpu_seconds() - before) / static_cast<double>(split.test.size());
    std::printf("%-26s", split.name.c_str());
    errors(test, prediction);
    std::printf("  %8.1f\n", training);
    std::fflush(stdout);
    const auto encoded = take(model.encode(test));
    constexpr int queries = 5000;
    before = cpu_seconds();
    for (int q = 0; q < queries; ++q) {
      const RealMatrix one = encoded.rows.row(q % encoded.rows.rows());
      if (!std::isfinite(take(model.predict(one)).mean(0, 0))) return 1;
    }
    alone_us = 1e6 * (cpu_seconds() - before) / queries;
  }
  std::printf("\nus a query alone %.2f, in batch %.2f; simulator %.0f us: %.0f times a query\n", alone_us, batch_us, simulator_us, simulator_us / alone_us);
  return 0;
}
