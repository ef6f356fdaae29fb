// Requests per CPU-second of one thread: the DRAM model on streams, random reads, mixed traffic and sparse reads, beside three published simulators.
//
//     bench_memory [REQUESTS]     (default 1000000; the sparse run always has 3,000)
//
// DDR4-2400, two mappings: `row` (row, bank, bank group, column) and `bg` (row, bank, column, bank group). The trace is generated while it runs, as a
// file would be read; latency statistics are kept. Last: designs of ArchGym's controller space on its device, 10,000 random reads each.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#include "gnomon/base/random.hpp"
#include "gnomon/sim/dram.hpp"
#include "gnomon/workloads/trace.hpp"

namespace {

using namespace gnomon;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

/// A generated pattern; `every` > 0 spaces its requests.
class PatternSource : public sim::TraceSource {
 public:
  PatternSource(const std::string& pattern, std::uint64_t count, std::int64_t every) : every_(every) {
    workloads::TraceOptions options;
    options.count = count;
    auto made = workloads::make_trace(pattern, options);
    if (made) stream_ = std::move(*made);
  }
  bool next(sim::TraceRequest& request) override {
    workloads::MemoryAccess access;
    if (!stream_ || !stream_->next(access)) return false;
    request = {every_ > 0 ? at_++ * every_ : static_cast<std::int64_t>(access.cycle), access.address, access.write};
    return true;
  }

 private:
  std::unique_ptr<workloads::AccessStream> stream_;
  std::int64_t every_, at_ = 0;
};

Expected<arch::Dram> ddr4(const char* mapping) {
  auto spec = arch::load_dram_spec("ddr4-2400");
  if (!spec) return fail(spec.error());
  spec->address_mapping = std::string("\"") + mapping + "\"";
  return arch::resolve(*spec, "bench");
}

int measure(const char* pattern, const char* map_name, const char* mapping, std::uint64_t count, std::int64_t every) {
  const auto dram = ddr4(mapping);
  if (!dram) {
    std::fprintf(stderr, "%s\n", dram.error().text().c_str());
    return exit_code(dram.error().kind());
  }
  std::vector<double> seconds;
  std::int64_t cycles = 0;
  for (int run = 0; run < 5; ++run) {
    PatternSource source(pattern, count, every);
    const double start = cpu_seconds();
    const auto result = sim::run_trace(*dram, source);
    seconds.push_back(cpu_seconds() - start);
    if (!result) {
      std::fprintf(stderr, "%s\n", result.error().text().c_str());
      return exit_code(result.error().kind());
    }
    cycles = result->statistics.cycles;
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  std::printf("| gnomon | %s%s, %s | %llu | %lld | %.4f | %.0f k | %.0f |\n", pattern, every ? ", one every 500 cycles" : "", map_name,
              static_cast<unsigned long long>(count), static_cast<long long>(cycles), median, static_cast<double>(count) / median / 1000, peak_mb());
  return 0;
}

/// Random designs of ArchGym's space, as its listed values have it.
int measure_space() {
  const auto device = arch::load_dram_spec("ddr3-1600");
  if (!device) return 1;
  Random random(42);
  const auto word = [&](const std::vector<std::string>& words) {
    return words[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(words.size()) - 1))];
  };
  for (const char* pattern : {"stream", "random"}) {
    const int designs = 200;
    const double start = cpu_seconds();
    for (int i = 0; i < designs; ++i) {
      arch::DramSpec spec = *device;
      arch::DramControllerSpec& c = spec.controller;
      c.page_policy = word(arch::dram_page_policy_words());
      c.scheduler = word(arch::dram_scheduler_words());
      c.buffer = word(arch::dram_buffer_words());
      c.request_buffer_size = random.integer(1, 8);
      c.response_queue = word(arch::dram_response_queue_words());
      c.refresh = word({"none", "all_bank"});
      c.refresh_max_postponed = random.integer(1, 8);
      c.refresh_max_pulled_in = random.integer(1, 8);
      c.arbiter = word(arch::dram_arbiter_words());
      c.max_active_transactions = std::int64_t{1} << random.integer(0, 7);
      const auto dram = arch::resolve(spec, "bench");
      PatternSource source(pattern, 10'000, 0);
      if (!dram || !sim::run_trace(*dram, source)) return 1;
    }
    const double each = (cpu_seconds() - start) / designs;
    std::printf("| gnomon | ArchGym designs, %s | 10000 each | | %.5f a design | %.0f k | %.0f |\n", pattern, each, 10'000 / each / 1000, peak_mb());
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const long given = argc > 1 ? std::atol(argv[1]) : 1'000'000;
  const std::uint64_t count = given > 0 ? static_cast<std::uint64_t>(given) : 1'000'000;
  const char *row = "row-rank-bank-bankgroup-column-channel", *bg = "row-rank-bank-column-bankgroup-channel";
  std::printf("| simulator | trace, mapping | requests | cycles | CPU-s (median of 5) | requests per CPU-s | peak MB |\n|---|---|---|---|---|---|---|\n");
  int failed = 0;
  for (const char* pattern : {"seq", "rand", "mix"}) {
    failed |= measure(pattern, "row", row, count, 0);
    failed |= measure(pattern, "bg", bg, count, 0);
  }
  failed |= measure("seq", "row", row, 3000, 500);
  failed |= measure("rand", "row", row, 3000, 500);
  failed |= measure_space();
  // Measured by us on the same kind of machine: 100,000 requests; DRAMSys with elaboration, trace parsing and power, the others their simulation loops.
  std::printf("| DRAMSys 5.1, 32 shared | seq, row | 100000 | 537133 | 0.37 | 270 k | 14 |\n");
  std::printf("| DRAMSys 5.1, 32 shared | rand, row | 100000 | 691490 | 0.86 | 116 k | 20 |\n");
  std::printf("| DRAMSys 5.1, 32 shared | seq, bg | 100000 | 420263 | 0.43 | 233 k | 14 |\n");
  std::printf("| Ramulator 2.1 | seq, bg | 100000 | 420259 | 0.48 | 207 k | 7 |\n");
  std::printf("| Ramulator 2.1 | rand, row | 100000 | 692570 | 1.00 | 100 k | 7 |\n");
  std::printf("| DRAMsim3 | seq, row | 100000 | 511228 | 0.54 | 185 k | 6 |\n");
  std::printf("| DRAMsim3 | rand, bg | 100000 | 688451 | 1.20 | 83 k | 7 |\n");
  std::printf("| DRAMSys 5.1 | 3,000 reads, one every 500 cycles, row | 3000 | 1.5 M | 0.02 | 150 k | |\n");
  std::printf("| Ramulator 2.1 | the same | 3000 | 1.5 M | 0.08 | 38 k | |\n");
  std::printf("| DRAMsim3 | the same | 3000 | 1.5 M | 0.37 | 8 k | |\n");
  return failed;
}
