// What a run says about its limits is a proof: where a limit was never met, every looser one gives the identical run, command by command.
#include <gtest/gtest.h>

#include "traffic.hpp"

namespace gnomon::sim {
namespace {

struct Outcome {
  DramStatistics statistics;
  std::vector<DramLogRecord> commands;
};

Outcome simulate(const arch::DramSpec& spec, const std::vector<TraceRequest>& traffic) {
  Outcome out;
  test::CommandList list;
  const arch::Dram d = test::memory("ddr3-1600", [&](arch::DramSpec& s) { s = spec; });
  out.statistics = test::run(d, traffic, &list);
  out.commands = std::move(list.records);
  return out;
}

void expect_same(const Outcome& a, const Outcome& b, const std::string& what) {
  EXPECT_EQ(a.statistics.cycles, b.statistics.cycles) << what;
  EXPECT_TRUE(a.commands == b.commands) << what;
}

TEST(DramFolding, LimitsNeverMetStandForAllLooserOnes) {
  int buffers = 0, actives = 0, postponed = 0, pulled = 0, responses = 0, arbiters = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    arch::DramSpec spec = *arch::load_dram_spec("ddr3-1600");
    test::randomise(spec, random);
    if (random.chance(0.5)) spec.controller.request_buffer_size = 64;
    const arch::Dram d = test::memory("ddr3-1600", [&](arch::DramSpec& s) { s = spec; });
    auto traffic = test::random_traffic(d, random, 800);
    // Slow traffic, too: there limits are not met.
    if (random.chance(0.6)) {
      for (std::size_t i = 0; i < traffic.size(); ++i) traffic[i].cycle += static_cast<std::int64_t>(i) * random.integer(5, 40);
    }
    for (std::size_t i = 1; i < traffic.size(); ++i) traffic[i].cycle = std::max(traffic[i].cycle, traffic[i - 1].cycle);
    const Outcome base = simulate(spec, traffic);
    const DramStatistics& s = base.statistics;
    const auto vary = [&](const char* what, const std::function<void(arch::DramControllerSpec&)>& change) {
      arch::DramSpec other = spec;
      change(other.controller);
      expect_same(base, simulate(other, traffic), what);
    };
    if (!s.request_buffer.met && spec.controller.write_high == 0) {
      ++buffers;
      vary("smallest buffer", [&](auto& c) { c.request_buffer_size = std::max<std::int64_t>(1, s.request_buffer.peak); });
      vary("largest buffer", [](auto& c) { c.request_buffer_size = 4096; });
    }
    if (spec.controller.arbiter != "simple" && !s.active_transactions.met) {
      ++actives;
      vary("fewest transactions", [&](auto& c) { c.max_active_transactions = std::max<std::int64_t>(1, s.active_transactions.peak); });
      vary("most transactions", [](auto& c) { c.max_active_transactions = 65536; });
    }
    if (spec.controller.refresh != "none" && !s.refresh_postponed.met) {
      ++postponed;
      vary("most postponed", [](auto& c) { c.refresh_max_postponed = 64; });
    }
    if (spec.controller.refresh != "none" && !s.refresh_pulled_in.met) {
      ++pulled;
      vary("most pulled in", [](auto& c) { c.refresh_max_pulled_in = 64; });
    }
    if (spec.controller.arbiter == "simple") vary("transactions with the simple arbiter", [](auto& c) { c.max_active_transactions = 1; });
    if (spec.controller.refresh == "none") {
      vary("refresh limits without refresh", [](auto& c) {
        c.refresh_max_postponed = 3;
        c.refresh_max_pulled_in = 5;
      });
    }
    if (!s.responses_out_of_order) {
      ++responses;
      vary("the other response queue", [](auto& c) { c.response_queue = c.response_queue == "fifo" ? "reorder" : "fifo"; });
    }
    if (spec.controller.arbiter != "simple" && !s.arbiter_out_of_order) {
      ++arbiters;
      vary("the other queued arbiter", [](auto& c) { c.arbiter = c.arbiter == "fifo" ? "reorder" : "fifo"; });
    }
  }
  // Each kind came up often enough to mean something.
  for (int n : {buffers, actives, postponed, pulled, responses, arbiters}) EXPECT_GT(n, 15);
}

}  // namespace
}  // namespace gnomon::sim
