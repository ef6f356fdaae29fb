// Whether the rows that `surrogate suggest` chooses teach more than rows at random: labels of our simulators, ten seeds, medians.
//
//     bench_active [SEEDS] [SPACE...]     (default 10 dram-random dram-cloud-1 single-core; run in the repository's root)
//
// Spaces: ArchGym's DRAM controllers for two traces (search/tables) and the designs of bench/ladder/single-core.json with ResNet-18 by the cycle model. Per seed a
// pool of 2,000 random designs, 40 of them labelled at first, then four rounds of 40: those that the model of the labels so far suggests, or the next ones at random. The
// error is asked of 2,000 other designs: per label the root mean square error in percent of its range, the geometric mean over labels. Medians over seeds, and how
// many seeds the suggested rows win. The model: the default ensemble.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "gnomon/sim/memory_space.hpp"
#include "gnomon/surrogate/suggest.hpp"
#include "gnomon/surrogate/train.hpp"
#include "simulated.hpp"

namespace {

using namespace gnomon;
using arch::LabelTable;
using bench::take;

constexpr std::size_t pool_rows = 2000, test_rows = 2000, first_rows = 40, round_rows = 40;
constexpr int rounds = 4;

/// Distinct random designs of the space with their labels.
struct Space {
  LabelTable rows;
  std::vector<std::string> labels, ignore;
};

Space cores(std::size_t rows) {
  const std::vector<std::string> labels{"latency_cycles", "energy_pj"};
  return {bench::simulate(take(search::load_campaign("bench/ladder/single-core.json")), labels, rows), labels, {}};
}

Space controllers(const std::string& trace, std::size_t rows) {
  auto table = take(arch::SpaceTable::load("search/tables/dram-" + trace + ".table"));
  table.index();
  return {take(sim::memory_space_rows(table, static_cast<std::int64_t>(rows), 1)), {"total_time_us", "energy_uj", "power_mw", "read_latency_cycles"}, {"refresh_missing"}};
}

surrogate::Model learn(const Space& space, const std::vector<std::size_t>& rows, std::uint64_t seed) {
  surrogate::TrainOptions options;
  options.targets = space.labels;
  options.ignore = space.ignore;
  options.label_kind = "simulator";
  options.family = "ensemble";
  options.test_fraction = 0;
  options.seed = seed;
  options.threads = 1;
  return take(surrogate::train(surrogate::rows_of(space.rows, rows), options));
}

double error_of(const Space& space, const surrogate::Model& model, const LabelTable& test) {
  const surrogate::Prediction answers = take(model.predict(test));
  double logarithms = 0;
  for (std::size_t l = 0; l < space.labels.size(); ++l) {
    const auto& y = take(test.column(space.labels[l]))->numbers;
    const auto [low, high] = std::minmax_element(y.begin(), y.end());
    double squares = 0;
    for (std::size_t r = 0; r < y.size(); ++r) squares += std::pow(answers.mean(static_cast<Eigen::Index>(r), static_cast<Eigen::Index>(l)) - y[r], 2);
    logarithms += std::log(100 * std::sqrt(squares / static_cast<double>(y.size())) / (*high - *low));
  }
  return std::exp(logarithms / static_cast<double>(space.labels.size()));
}

/// Errors after the first labels and after each round.
std::vector<double> campaign(const Space& space, std::uint64_t seed, bool suggested) {
  std::vector<std::size_t> order(space.rows.rows());
  for (std::size_t r = 0; r < order.size(); ++r) order[r] = r;
  Random(seed).shuffle(order);
  const LabelTable test = surrogate::rows_of(space.rows, {order.begin() + pool_rows, order.begin() + pool_rows + test_rows});
  std::vector<std::size_t> rows(order.begin(), order.begin() + first_rows), left(order.begin() + first_rows, order.begin() + pool_rows);
  std::vector<double> out;
  for (int round = 0;; ++round) {
    const surrogate::Model model = learn(space, rows, seed);
    out.push_back(error_of(space, model, test));
    if (round == rounds) return out;
    std::vector<std::size_t> next(left.begin(), left.begin() + round_rows);
    if (suggested) {
      surrogate::SuggestOptions options;
      const LabelTable labelled = surrogate::rows_of(space.rows, rows);
      options.count = round_rows;
      options.seed = seed;
      const auto chosen = take(surrogate::suggest(model, surrogate::rows_of(space.rows, left), options, &labelled));
      for (std::size_t i = 0; i < round_rows; ++i) next[i] = left[chosen[i]];
    }
    for (const std::size_t r : next) {
      rows.push_back(r);
      left.erase(std::find(left.begin(), left.end(), r));
    }
  }
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return 0.5 * (values[(values.size() - 1) / 2] + values[values.size() / 2]);
}

}  // namespace

int main(int argc, char** argv) {
  const int seeds = argc > 1 ? std::max(1, std::atoi(argv[1])) : 10;
  std::vector<std::string> names(argv + std::min(argc, 2), argv + argc);
  if (names.empty()) names = {"dram-random", "dram-cloud-1", "single-core"};
  std::printf("%-14s %7s %12s %12s %9s %16s\n", "space", "labels", "suggested %", "random %", "ratio", "suggested wins");
  for (const std::string& name : names) {
    const Space space = name.starts_with("dram-") ? controllers(name.substr(5), 4 * pool_rows) : cores(pool_rows + test_rows);
    if (space.rows.rows() < pool_rows + test_rows) return std::fprintf(stderr, "bench_active: %s has %zu rows\n", name.c_str(), space.rows.rows()), 1;
    std::vector<std::vector<double>> errors[2], ratios(rounds + 1);
    for (auto& of : errors) of.resize(rounds + 1);
    for (int seed = 1; seed <= seeds; ++seed) {
      const auto chosen = campaign(space, static_cast<std::uint64_t>(seed), true), random = campaign(space, static_cast<std::uint64_t>(seed), false);
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        errors[0][i].push_back(chosen[i]);
        errors[1][i].push_back(random[i]);
        ratios[i].push_back(chosen[i] / random[i]);
      }
    }
    for (std::size_t i = 1; i < ratios.size(); ++i) {
      const auto wins = std::count_if(ratios[i].begin(), ratios[i].end(), [](double r) { return r < 1; });
      std::printf("%-14s %7zu %12.3f %12.3f %9.3f %10ld of %d\n", name.c_str(), first_rows + i * round_rows, median(errors[0][i]), median(errors[1][i]), median(ratios[i]), static_cast<long>(wins), seeds);
    }
    std::fflush(stdout);
  }
}
