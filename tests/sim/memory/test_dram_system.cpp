// Ports and transfers: everything submitted comes back once, in the cycle announced; several ports share; channels work side by side.
#include <gtest/gtest.h>

#include <limits>
#include <map>

#include "traffic.hpp"

namespace gnomon::sim {
namespace {

struct Told : DramClient {
  struct Times {
    std::int64_t released = -1, completed = -1;
  };
  std::map<std::uint64_t, Times> times;
  std::function<void(std::uint64_t, std::int64_t)> on_release;
  void released(std::uint64_t tag, std::int64_t cycle) override {
    EXPECT_EQ(times[tag].released, -1);
    times[tag].released = cycle;
    if (on_release) on_release(tag, cycle);
  }
  void completed(std::uint64_t tag, std::int64_t cycle) override {
    EXPECT_EQ(times[tag].completed, -1);
    EXPECT_NE(times[tag].released, -1);
    times[tag].completed = cycle;
  }
};

constexpr std::int64_t far = std::int64_t{1} << 40;

void drain(DramSystem& system) {
  while (!system.idle()) system.run(far);
}

arch::Dram ddr4(const std::function<void(arch::DramSpec&)>& change = {}) { return test::memory("ddr4-2400", change); }

TEST(DramSystem, TransferOfManyBurstsTakesWhatTheSameTraceTakes) {
  const arch::Dram d = ddr4();
  DramSystem system(d);
  Told client;
  const int port = system.add_port(client);
  ASSERT_TRUE(system.submit(port, {0, 64 * 10'000, false, 7, 0}, 0));
  drain(system);
  std::vector<TraceRequest> trace;
  for (std::uint64_t i = 0; i < 10'000; ++i) trace.push_back({0, i * 64, false});
  const DramStatistics expected = test::run(d, trace);
  EXPECT_EQ(client.times.at(7).completed, expected.cycles);
  EXPECT_EQ(system.statistics().reads, 10'000);
  EXPECT_EQ(system.statistics().cycles, expected.cycles);
  EXPECT_EQ(system.statistics().activates, expected.activates);
}

TEST(DramSystem, OddBytesTakeEveryBurstThatTheyTouch) {
  DramSystem system(ddr4());
  Told client;
  const int port = system.add_port(client);
  ASSERT_TRUE(system.submit(port, {60, 10, false, 0, 0}, 0));
  ASSERT_TRUE(system.submit(port, {128, 64, true, 1, 0}, 0));
  ASSERT_TRUE(system.submit(port, {64, 1, false, 2, 0}, 0));
  drain(system);
  EXPECT_EQ(system.statistics().reads, 3);
  EXPECT_EQ(system.statistics().writes, 1);
}

TEST(DramSystem, RunInStepsEqualsRunAtOnce) {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    const arch::Dram d = ddr4([&](arch::DramSpec& spec) { test::randomise(spec, random); });
    const auto traffic = test::random_traffic(d, random, 400);
    const auto play = [&](std::int64_t step, Told& client) {
      DramOptions options;
      options.bursts_per_cycle = 1;  // as a trace
      DramSystem system(d, options);
      const int port = system.add_port(client);
      for (std::size_t i = 0; i < traffic.size(); ++i) {
        const DramTransfer transfer{traffic[i].address, d.burst_bytes, traffic[i].write, i, 0};
        EXPECT_TRUE(system.submit(port, transfer, traffic[i].cycle));
      }
      while (!system.idle()) {
        const std::int64_t before = system.now(), next = system.next_event_cycle();
        EXPECT_GE(next, before);
        const std::int64_t reached = system.run(step > 0 ? before + step : far);
        EXPECT_GE(reached, before);
        if (reached < next) {
          EXPECT_EQ(reached, before + step);
        }
      }
      return system.statistics();
    };
    Told at_once, in_steps;
    const DramStatistics a = play(0, at_once), b = play(random.integer(1, 50), in_steps);
    EXPECT_EQ(a.cycles, b.cycles);
    ASSERT_EQ(at_once.times.size(), traffic.size());
    for (const auto& [tag, times] : at_once.times) {
      EXPECT_EQ(times.released, in_steps.times.at(tag).released);
      EXPECT_EQ(times.completed, in_steps.times.at(tag).completed);
      EXPECT_GE(times.completed, times.released + d.burst_cycles);
    }
    EXPECT_EQ(a.cycles, test::run(d, traffic).cycles);
  }
}

TEST(DramSystem, ClientsSubmitFromTheirCalls) {
  // A port that submits its next burst when one is released keeps the memory as busy as one that has submitted all.
  const arch::Dram d = ddr4();
  DramSystem system(d);
  Told client;
  const int port = system.add_port(client);
  client.on_release = [&](std::uint64_t tag, std::int64_t cycle) {
    if (tag == 999) return;
    EXPECT_TRUE(system.submit(port, {(tag + 1) * 64, 64, false, tag + 1, 0}, cycle));
  };
  ASSERT_TRUE(system.submit(port, {0, 64, false, 0, 0}, 0));
  drain(system);
  ASSERT_EQ(client.times.size(), 1000u);
  std::vector<TraceRequest> trace;
  for (std::uint64_t i = 0; i < 1000; ++i) trace.push_back({0, i * 64, false});
  EXPECT_EQ(system.statistics().cycles, test::run(d, trace).cycles);
}

TEST(DramSystem, PortsShareAndKnowWhomTheyWaitedFor) {
  const arch::Dram d = ddr4();
  DramSystem system(d);
  Told a, b;
  const int port_a = system.add_port(a), port_b = system.add_port(b);
  ASSERT_TRUE(system.submit(port_a, {0, 64 * 2000, false, 1, 3}, 0));
  ASSERT_TRUE(system.submit(port_b, {std::uint64_t{4} << 30, 64 * 2000, true, 2, 5}, 0));
  drain(system);
  const DramStatistics s = system.statistics();
  ASSERT_EQ(s.requesters.size(), 2u);
  EXPECT_EQ(s.requesters[0].requester, 3);
  EXPECT_EQ(s.requesters[0].reads, 2000);
  EXPECT_EQ(s.requesters[1].writes, 2000);
  EXPECT_GT(s.waited_for[0][1], 0);
  EXPECT_GT(s.waited_for[1][0], 0);
  for (std::size_t i = 0; i < 2; ++i) EXPECT_LE(s.waited_for[i][0] + s.waited_for[i][1], s.cycles);
  // Alone, each is faster.
  EXPECT_GT(s.cycles, test::run(d, [] {
              std::vector<TraceRequest> t;
              for (std::uint64_t i = 0; i < 2000; ++i) t.push_back({0, i * 64, false});
              return t;
            }()).cycles);
}

TEST(DramSystem, OneRequesterWaitsForNobodyElse) {
  DramSystem system(ddr4());
  Told client;
  const int port = system.add_port(client);
  ASSERT_TRUE(system.submit(port, {0, 64 * 100, false, 1, 0}, 0));
  drain(system);
  const DramStatistics s = system.statistics();
  ASSERT_EQ(s.waited_for.size(), 1u);
  EXPECT_LE(s.waited_for[0][0], s.cycles);
}

TEST(DramSystem, ChannelsWorkSideBySide) {
  const auto cycles = [](std::int64_t channels) {
    const arch::Dram d = ddr4([&](arch::DramSpec& spec) {
      spec.channels = channels;
      spec.address_mapping = R"("row-bank-column-bankgroup-channel")";
    });
    DramSystem system(d);
    Told client;
    const int port = system.add_port(client);
    EXPECT_TRUE(system.submit(port, {0, 64 * 40'000, false, 1, 0}, 0));
    drain(system);
    EXPECT_EQ(static_cast<std::int64_t>(system.statistics().channels.size()), channels);
    return static_cast<double>(system.statistics().cycles);
  };
  const double one = cycles(1);
  EXPECT_NEAR(cycles(2) / one, 0.5, 0.01);
  EXPECT_NEAR(cycles(4) / one, 0.25, 0.01);
}

TEST(DramSystem, HbmReachesItsPeakOnAllPseudoChannels) {
  const arch::Dram d = test::memory("hbm2-2000", [](arch::DramSpec& spec) { spec.controller.refresh = "none"; });
  DramSystem system(d);
  Told client;
  const int port = system.add_port(client);
  ASSERT_TRUE(system.submit(port, {0, std::int64_t{1} << 22, false, 1, 0}, 0));
  drain(system);
  const DramStatistics s = system.statistics();
  EXPECT_GT(s.bandwidth_gb_s, 0.5 * s.peak_bandwidth_gb_s);
  EXPECT_LE(s.bandwidth_gb_s, s.peak_bandwidth_gb_s);
}

TEST(DramSystem, RefusesWhatItCannotDo) {
  const arch::Dram d = ddr4();
  DramSystem system(d);
  Told client;
  const int port = system.add_port(client);
  const auto message = [&](int p, const DramTransfer& t) {
    auto done = system.submit(p, t, 0);
    return done ? std::string() : done.error().text();
  };
  EXPECT_NE(message(port, {std::uint64_t{8} << 30, 64, false, 1, 0}).find("leaves the memory of 8589934592 bytes"), std::string::npos);
  EXPECT_NE(message(port, {(std::uint64_t{8} << 30) - 32, 64, false, 1, 0}).find("leaves the memory"), std::string::npos);
  EXPECT_NE(message(port, {~std::uint64_t{0}, 64, false, 1, 0}).find("leaves the memory"), std::string::npos);
  EXPECT_NE(message(port, {0, 0, false, 1, 0}).find("at least 1"), std::string::npos);
  EXPECT_NE(message(port, {0, 64, false, 1, 64}).find("0 to 63"), std::string::npos);
  EXPECT_NE(message(port + 1, {0, 64, false, 1, 0}).find("does not exist"), std::string::npos);
  EXPECT_TRUE(system.idle());
}

TEST(DramSystem, TraceOutsideTheDeviceNamesItsRequest) {
  const arch::Dram d = ddr4();
  test::ListSource source({{0, 0, false}, {0, std::uint64_t{8} << 30, false}, {0, 64, false}});
  const auto result = run_trace(d, source);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::invalid_input);
  EXPECT_NE(result.error().text().find("request 1: address 8589934592 lies outside"), std::string::npos) << result.error().text();
}

TEST(DramSystem, TimesThatNobodyWaitsForAreRefused) {
  test::ListSource source({{0, 0, false}, {std::int64_t{1} << 62, 64, false}});
  const auto result = run_trace(ddr4(), source);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().text().find("request 1: cycle 4611686018427387904; allowed: at most 1099511627776"), std::string::npos);
  DramSystem system(ddr4());
  Told client;
  const int port = system.add_port(client);
  EXPECT_FALSE(system.submit(port, {0, 64, false, 1, 0}, std::int64_t{1} << 62));
  EXPECT_EQ(system.run(std::numeric_limits<std::int64_t>::max()), 0);
  EXPECT_EQ(system.run(100'000), 100'000);
  EXPECT_EQ(system.statistics().refreshes, 100'000 / 9360);
}

TEST(DramSystem, LongPausesChangeNothingButTheTimeTheyTake) {
  // With a log every refresh is simulated; without one, pauses are passed in leaps. Everything else is equal.
  for (const std::string& device : arch::dram_devices()) {
    for (std::uint64_t seed = 1; seed <= 25; ++seed) {
      SCOPED_TRACE(device + " seed " + std::to_string(seed));
      Random random(derive(seed, device));
      const arch::Dram d = test::memory(device, [&](arch::DramSpec& spec) {
        const auto power = spec.power;
        test::randomise(spec, random);
        if (spec.controller.power_down == "false") spec.power = power;
      });
      auto traffic = test::random_traffic(d, random, 60);
      std::int64_t cycle = 0;
      for (auto& request : traffic) {
        if (random.chance(0.1)) cycle += random.integer(1, random.chance(0.5) ? 300 : 70) * d[arch::DramTiming::tREFI] + random.integer(0, 5000);
        request.cycle = cycle += random.integer(0, 100);
      }
      test::CommandList list;
      const DramStatistics a = test::run(d, traffic, &list), b = test::run(d, traffic);
      EXPECT_EQ(a.cycles, b.cycles);
      EXPECT_EQ(a.refreshes, b.refreshes);
      EXPECT_EQ(a.activates, b.activates);
      EXPECT_EQ(a.precharges, b.precharges);
      EXPECT_EQ(a.read_latency.mean, b.read_latency.mean);
      EXPECT_EQ(a.refresh_postponed.met, b.refresh_postponed.met);
      EXPECT_EQ(a.refresh_pulled_in.met, b.refresh_pulled_in.met);
      ASSERT_EQ(a.ranks.size(), b.ranks.size());
      for (std::size_t r = 0; r < a.ranks.size(); ++r) {
        EXPECT_EQ(a.ranks[r].refreshes, b.ranks[r].refreshes);
        EXPECT_EQ(a.ranks[r].residency.active_standby, b.ranks[r].residency.active_standby);
        EXPECT_EQ(a.ranks[r].residency.precharge_standby, b.ranks[r].residency.precharge_standby);
        EXPECT_EQ(a.ranks[r].residency.precharge_power_down, b.ranks[r].residency.precharge_power_down);
        EXPECT_EQ(a.ranks[r].residency.active_power_down, b.ranks[r].residency.active_power_down);
        EXPECT_EQ(a.ranks[r].residency.self_refresh, b.ranks[r].residency.self_refresh);
      }
      for (std::size_t c = 0; c < a.channels.size(); ++c) {
        for (std::size_t k = 0; k < a.channels[c].banks.size(); ++k) EXPECT_EQ(a.channels[c].banks[k].refreshes, b.channels[c].banks[k].refreshes);
      }
      EXPECT_DOUBLE_EQ(a.energy ? a.energy->total_pj() : 0, b.energy ? b.energy->total_pj() : 0);
    }
  }
}

TEST(DramSystem, AQuarterOfAnHourPassesAtOnce) {
  const arch::Dram d = ddr4();
  const std::int64_t end = std::int64_t{1} << 40;
  const DramStatistics s = test::run(d, {{0, 0, false}, {end, 64, false}});
  EXPECT_EQ(s.refreshes, (end + 1) / 9360);
  EXPECT_EQ(s.ranks[0].residency.total(), s.cycles);
}

TEST(DramSystem, EmptyTraceTakesNoTime) {
  test::ListSource source({});
  const auto result = run_trace(ddr4(), source);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->statistics.cycles, 0);
  EXPECT_EQ(result->statistics.bandwidth_gb_s, 0);
  EXPECT_EQ(*result->statistics.power_mw, 0);
}

TEST(DramSystem, SameRunSameCommands) {
  Random random(5);
  const arch::Dram d = ddr4();
  const auto traffic = test::random_traffic(d, random, 3000);
  test::CommandList a, b;
  test::run(d, traffic, &a);
  test::run(d, traffic, &b);
  EXPECT_TRUE(a.records == b.records);
  EXPECT_GT(a.records.size(), 3000u);
}

TEST(DramSystem, PercentilesOfKnownLatencies) {
  // Row hits far apart: all latencies equal; the first opens the row.
  const arch::Dram d = ddr4([](arch::DramSpec& s) { s.controller.refresh = "none"; });
  std::vector<TraceRequest> trace;
  for (std::int64_t i = 0; i < 100; ++i) trace.push_back({i * 100, static_cast<std::uint64_t>(i) * 64, false});
  const DramLatency l = test::run(d, trace).read_latency;
  EXPECT_EQ(l.count, 100);
  EXPECT_EQ(l.min, 21);
  EXPECT_EQ(l.p50, 21);
  EXPECT_EQ(l.p99, 21);
  EXPECT_EQ(l.max, 38);
  EXPECT_DOUBLE_EQ(l.mean, (99 * 21 + 38) / 100.0);
}

TEST(DramSystem, WriteDrainGathersWrites) {
  // Reads and writes in turn in one row: with a drain far fewer turns between them, so fewer cycles.
  const auto cycles = [](std::int64_t high, std::int64_t low) {
    const arch::Dram d = ddr4([&](arch::DramSpec& s) {
      s.controller.write_high = high;
      s.controller.write_low = low;
      s.controller.refresh = "none";
    });
    std::vector<TraceRequest> trace;
    for (std::int64_t i = 0; i < 4000; ++i) trace.push_back({0, static_cast<std::uint64_t>(i / 2 % 64 + i % 2 * 64) * 64, i % 2 == 1});
    return test::run(d, trace).cycles;
  };
  EXPECT_LT(cycles(16, 2), cycles(0, 0) * 6 / 10);
}

}  // namespace
}  // namespace gnomon::sim
