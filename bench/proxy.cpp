// Proxies of the DRAM simulator: learned models of ArchGym's controller space, from the tables of all its designs (search/tables).
//
//     bench_proxy [ROWS] [TRACE...]     (default 20000 stream random cloud-1 cloud-2; run where search/tables is; family: GNOMON_PROXY_FAMILY, default ensemble)
//
// Per trace and label: RMSE in percent of the label's range on a fifth of the rows (random), and on all rows of one size left out of training:
// request_buffer_size 5, max_active_transactions 16. Then microseconds of processor time per query alone and in batches, features included, beside the simulator
// on the same designs in the same run, and DRAMSys 5.1 (measured once on another day: processor time of a whole run).
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "gnomon/arch/dram.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/sim/memory.hpp"
#include "gnomon/sim/memory_space.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"

namespace {

using namespace gnomon;
using arch::LabelTable;

const std::vector<std::string> labels{"total_time_us", "energy_uj", "power_mw", "read_latency_cycles"};

double cpu_seconds(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

const LabelTable::Column& column(const LabelTable& table, const std::string& name) { return **table.column(name); }

/// Training rows of each trace's parameters and what they come to; `refresh_missing` is no input.
surrogate::TrainOptions options_for(std::uint64_t seed) {
  surrogate::TrainOptions options;
  options.targets = labels;
  options.ignore = {"refresh_missing"};
  options.label_kind = "gnomon memory-space";
  options.seed = seed;
  options.test_fraction = 0;
  const char* family = std::getenv("GNOMON_PROXY_FAMILY");
  options.family = family ? family : "ensemble";
  return options;
}

struct Split {
  std::string name;
  std::vector<std::size_t> learn, test;
};

std::vector<Split> splits(const LabelTable& rows) {
  std::vector<Split> out{{"random fifth", {}, {}}, {"buffer size 5 left out", {}, {}}, {"16 transactions left out", {}, {}}};
  Random random(7);
  for (std::size_t r = 0; r < rows.rows(); ++r) {
    const bool held[] = {random.chance(0.2), column(rows, "request_buffer_size").numbers[r] == 5, column(rows, "max_active_transactions").numbers[r] == 16};
    for (std::size_t s = 0; s < out.size(); ++s) (held[s] ? out[s].test : out[s].learn).push_back(r);
  }
  return out;
}

void errors(const LabelTable& test, const surrogate::Prediction& prediction) {
  for (std::size_t t = 0; t < labels.size(); ++t) {
    const auto& y = column(test, labels[t]).numbers;
    double squares = 0, low = y[0], high = y[0], covered = 0;
    for (std::size_t r = 0; r < y.size(); ++r) {
      const auto row = static_cast<Eigen::Index>(r), at = static_cast<Eigen::Index>(t);
      const double e = prediction.mean(row, at) - y[r];
      squares += e * e;
      low = std::min(low, y[r]);
      high = std::max(high, y[r]);
      covered += prediction.lower(row, at) <= y[r] && y[r] <= prediction.upper(row, at);
    }
    const auto n = static_cast<double>(y.size());
    std::printf("  %8.3f (%3.0f)", 100 * std::sqrt(squares / n) / (high - low), 100 * covered / n);
  }
}

int fail_with(const Error& error) {
  std::fprintf(stderr, "bench_proxy: %s\n", error.text().c_str());
  return 1;
}

/// Processor seconds of the simulator for the design of a row.
double simulate(const LabelTable& rows, std::size_t r, const std::string& trace) {
  auto spec = arch::load_dram_spec("ddr3-1600");
  arch::DramControllerSpec& c = spec->controller;
  const auto word = [&](const char* name) { return column(rows, name).words[r]; };
  const auto size = [&](const char* name) { return static_cast<std::int64_t>(column(rows, name).numbers[r]); };
  c.page_policy = word("page_policy"), c.scheduler = word("scheduler"), c.buffer = word("buffer"), c.response_queue = word("response_queue");
  c.refresh = word("refresh"), c.arbiter = word("arbiter");
  c.request_buffer_size = size("request_buffer_size"), c.max_active_transactions = size("max_active_transactions");
  c.refresh_max_postponed = size("refresh_max_postponed"), c.refresh_max_pulled_in = size("refresh_max_pulled_in");
  auto dram = arch::resolve(*spec, "ddr3-1600");
  auto source = sim::open_trace_source("trace:" + trace, *dram);
  const double before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
  if (auto done = sim::run_trace(*dram, **source); !done) std::exit(fail_with(done.error()));
  return cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before;
}

double dramsys_s(const std::string& trace) { return trace == "stream" ? 0.036 : trace == "random" ? 0.064 : trace == "cloud-1" ? 0.049 : 0.058; }

}  // namespace

int main(int argc, char** argv) {
  const std::int64_t count = argc > 1 ? std::atoll(argv[1]) : 20000;
  std::vector<std::string> traces(argv + std::min(argc, 2), argv + argc);
  if (traces.empty()) traces = {"stream", "random", "cloud-1", "cloud-2"};
  std::printf("RMSE in %% of the label's range (coverage of the 90 %% intervals in %%)\n%-8s %-26s", "trace", "test rows");
  for (const std::string& label : labels) std::printf("  %14s", label.c_str());
  std::printf("  training, CPU s\n");
  std::string speeds;
  for (const std::string& trace : traces) {
    auto table = arch::SpaceTable::load("search/tables/dram-" + trace + ".table");
    if (!table) return fail_with(table.error());
    table->index();
    auto rows = sim::memory_space_rows(*table, count, 1);
    if (!rows) return fail_with(rows.error());
    for (const Split& split : splits(*rows)) {
      const LabelTable learn = surrogate::rows_of(*rows, split.learn), test = surrogate::rows_of(*rows, split.test);
      double before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
      auto model = surrogate::train(learn, options_for(1));
      if (!model) return fail_with(model.error());
      const double training = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - before;
      before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
      auto prediction = model->predict(test);
      const double batch_us = 1e6 * (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before) / static_cast<double>(split.test.size());
      if (!prediction) return fail_with(prediction.error());
      std::printf("%-8s %-26s", trace.c_str(), split.name.c_str());
      errors(test, *prediction);
      std::printf("  %8.1f\n", training);
      std::fflush(stdout);
      if (split.name != "random fifth") continue;
      auto encoded = model->encode(test);
      if (!encoded) return fail_with(encoded.error());
      constexpr int queries = 2000;
      before = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
      double sink = 0;
      for (int q = 0; q < queries; ++q) {
        const RealMatrix one = encoded->rows.row(q % encoded->rows.rows());
        sink += model->predict(one)->mean(0, 0);
      }
      const double single_us = 1e6 * (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - before) / queries;
      double simulated = 0;
      constexpr std::size_t runs = 20;
      for (std::size_t i = 0; i < runs; ++i) simulated += simulate(*rows, split.test[i], trace) / runs;
      char line[200];
      std::snprintf(line, sizeof line, "%-8s %12.2f %12.2f %14.0f %14.0f %16.0f %14.0f\n", trace.c_str(), single_us, batch_us, 1e6 * simulated, 1e6 * simulated / single_us,
                    1e6 * dramsys_s(trace), 1e6 * dramsys_s(trace) / single_us);
      speeds += line;
      if (!std::isfinite(sink)) return 1;
    }
  }
  std::printf("\n%-8s %12s %12s %14s %14s %16s %14s\n%s", "trace", "us alone", "us in batch", "simulator, us", "times faster", "DRAMSys 5.1, us", "times faster", speeds.c_str());
  return 0;
}
