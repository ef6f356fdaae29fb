// Energy: by hand on a few commands, conservation of cycles over states, and power times time.
#include <gtest/gtest.h>

#include "gnomon/sim/analytical.hpp"
#include "traffic.hpp"

namespace gnomon::sim {
namespace {

using arch::DramTiming;

TEST(DramEnergy, OneReadByHand) {
  // DDR3-1600, no refresh: ACT at 0, RD at tRCD = 10, last data at 24. The bank stays open: 24 cycles of active standby.
  const arch::Dram d = test::memory("ddr3-1600", [](arch::DramSpec& s) { s.controller.refresh = "none"; });
  const DramStatistics s = test::run(d, {{0, 0, false}});
  ASSERT_EQ(s.cycles, 24);
  const double unit = 1.5 * 1.25 * 8;  // V x ns x devices: pJ per mA and cycle
  ASSERT_TRUE(s.energy);
  EXPECT_DOUBLE_EQ(s.energy->activate_pj, unit * 28 * (70 - 45));
  EXPECT_DOUBLE_EQ(s.energy->precharge_pj, 0);
  EXPECT_DOUBLE_EQ(s.energy->read_pj, unit * 4 * (140 - 45));
  EXPECT_DOUBLE_EQ(s.energy->active_standby_pj, unit * 24 * 45);
  EXPECT_DOUBLE_EQ(s.energy->precharge_standby_pj, 0);
}

TEST(DramEnergy, AutoPrechargeClosesWhenTheRowMay) {
  // Closed page, two reads of different banks far apart: each row is open from ACT until tRAS = 28 has passed (RDA + tRTP would be 16).
  const arch::Dram d = test::memory("ddr3-1600", [](arch::DramSpec& s) {
    s.controller.refresh = "none";
    s.controller.page_policy = "closed";
  });
  const DramStatistics s = test::run(d, {{0, 0, false}, {1000, 8192, true}});
  ASSERT_EQ(s.ranks.size(), 1u);
  EXPECT_EQ(s.precharges, 2);
  // The second: WRA at 1010, data until 1022, so the run ends while the row is still open.
  EXPECT_EQ(s.cycles, 1022);
  EXPECT_EQ(s.ranks[0].residency.active_standby, 28 + 22);
  EXPECT_EQ(s.ranks[0].residency.precharge_standby, 1000 - 28);
}

TEST(DramEnergy, RefreshCountsAsActiveUntilItsPrecharge) {
  const arch::Dram d = test::memory("ddr3-1600");
  // A refresh at 6239 of closed banks; the second read ends long after.
  const DramStatistics s = test::run(test::memory("ddr3-1600", [](arch::DramSpec& spec) { spec.controller.page_policy = "closed"; }),
                                     {{0, 0, false}, {7000, 0, false}});
  EXPECT_EQ(s.refreshes, 1);
  const double unit = 1.5 * 1.25 * 8;
  EXPECT_DOUBLE_EQ(s.energy->refresh_pj, unit * 88 * (170 - 45));
  EXPECT_EQ(s.ranks[0].residency.active_standby, 28 + (88 - 10) + 24);
  EXPECT_EQ(s.ranks[0].residency.total(), s.cycles);
}

TEST(DramEnergy, PowerDownSavesWhatTheTableSays) {
  const auto device = [](const char* power_down) {
    return test::memory("ddr3-1600", [&](arch::DramSpec& s) {
      s.controller.page_policy = "closed";
      s.controller.power_down = power_down;
    });
  };
  std::vector<TraceRequest> sparse;
  for (std::int64_t i = 0; i < 200; ++i) sparse.push_back({i * 2000, static_cast<std::uint64_t>(i % 8) * 8192, false});
  const DramStatistics awake = test::run(device("false"), sparse), down = test::run(device("true"), sparse), self = test::run(device("\"self_refresh\""), sparse);
  EXPECT_EQ(awake.ranks[0].residency.precharge_power_down, 0);
  EXPECT_GT(down.ranks[0].residency.precharge_power_down, down.cycles * 8 / 10);
  EXPECT_GT(self.ranks[0].residency.self_refresh, 0);
  for (const DramStatistics* s : {&awake, &down, &self}) EXPECT_EQ(s->ranks[0].residency.total(), s->cycles);
  EXPECT_LT(down.energy->total_pj(), 0.85 * awake.energy->total_pj());
  EXPECT_EQ(down.refreshes, awake.refreshes);
  // Waking takes tXP = 6 (and the command that asks for it one cycle).
  EXPECT_GE(down.read_latency.min, awake.read_latency.min);
  EXPECT_LE(down.read_latency.p50, awake.read_latency.p50 + 8);
}

TEST(DramEnergy, ConservedOnRandomRuns) {
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    for (const char* device : {"ddr3-1600", "ddr4-2400"}) {
      const arch::Dram d = test::memory(device, [&](arch::DramSpec& spec) {
        const auto power = spec.power;
        test::randomise(spec, random);
        spec.power = power;
        // One of the devices has no self-refresh current of its own kind; what has none is refused elsewhere.
        if (spec.controller.power_down != "false") spec.controller.power_down = "true";
      });
      const DramStatistics s = test::run(d, test::random_traffic(d, random, 2000));
      for (const DramRankStatistics& rank : s.ranks) EXPECT_EQ(rank.residency.total(), s.cycles);
      std::int64_t precharges = 0, activates = 0, reads = 0, writes = 0;
      for (const DramChannelStatistics& channel : s.channels) {
        for (const DramBankStatistics& bank : channel.banks) {
          EXPECT_LE(bank.precharges, bank.activates);
          EXPECT_LE(bank.activates, bank.precharges + 1);
          EXPECT_EQ(bank.row_hits + bank.row_misses, bank.reads + bank.writes);
          EXPECT_LE(bank.row_conflicts, bank.row_misses);
          precharges += bank.precharges;
          activates += bank.activates;
          reads += bank.reads;
          writes += bank.writes;
        }
      }
      EXPECT_EQ(reads + writes, 2000);
      EXPECT_EQ(activates, s.activates);
      EXPECT_EQ(precharges, s.precharges);
      ASSERT_TRUE(s.energy && s.power_mw);
      const double seconds = static_cast<double>(s.cycles) * static_cast<double>(d.tck_ps()) * 1e-12;
      EXPECT_NEAR(*s.power_mw * 1e-3 * seconds, s.energy->total_pj() * 1e-12, 1e-9 * s.energy->total_pj() * 1e-12);
      EXPECT_GE(static_cast<double>(s.cycles) * d.channels,
                static_cast<double>(s.bytes) / static_cast<double>(d.burst_bytes) * d.burst_cycles);
    }
  }
}

TEST(DramEnergy, NoCurrentsNoEnergy) {
  const arch::Dram d = test::memory("ddr3-1600", [](arch::DramSpec& s) { s.power.reset(); });
  const DramStatistics s = test::run(d, {{0, 0, false}});
  EXPECT_FALSE(s.energy);
  EXPECT_FALSE(s.power_mw);
}

TEST(DramEnergy, ClosedFormOfStreams) {
  // Whole rows one after the other, as the closed form takes them: the event-driven device counts the same commands in its own time, but for the first and last
  // rows of a stream and the rows that refreshes close.
  for (const char* device : {"ddr3-1600", "ddr4-2400", "ddr4-3200", "lpddr4-3200"}) {
    for (const char* policy : {"open", "closed"}) {
      for (const char* refresh : {"all_bank", "none"}) {
        for (const int writes : {0, 3}) {  // of four bursts in a row of bursts, whole rows of one kind
          SCOPED_TRACE(std::string(device) + ", " + policy + ", " + refresh + ", " + std::to_string(writes));
          const arch::Dram d = test::memory(device, [&](arch::DramSpec& s) {
            s.controller.page_policy = policy;
            s.controller.refresh = refresh;
          });
          std::vector<TraceRequest> requests;
          const std::int64_t bursts_per_group = 4096;
          std::int64_t read = 0, written = 0;
          for (std::int64_t i = 0; i < 8 * bursts_per_group; ++i) {
            const bool write = i / bursts_per_group % 4 < writes;
            (write ? written : read) += d.burst_bytes;
            requests.push_back({0, static_cast<std::uint64_t>(i * d.burst_bytes), write});
          }
          const DramStatistics s = test::run(d, requests);
          ASSERT_TRUE(s.energy);
          const auto closed = device_energy_pj(d, read, written, static_cast<double>(s.cycles * d.tck_ps()));
          ASSERT_TRUE(closed);
          EXPECT_NEAR(*closed / s.energy->total_pj(), 1, 0.03);
        }
      }
    }
  }
}

TEST(DramEnergy, ClosedFormOfIdleTime) {
  // One burst, and then nothing for a while: standby or power-down, and refreshes.
  for (const char* power_down : {"false", "true"}) {
    SCOPED_TRACE(power_down);
    const arch::Dram d = test::memory("ddr4-2400", [&](arch::DramSpec& s) { s.controller.power_down = power_down; });
    const DramStatistics s = test::run(d, {{0, 0, false}, {4'000'000, 0, false}});
    ASSERT_TRUE(s.energy);
    const auto closed = device_energy_pj(d, 2 * d.burst_bytes, 0, static_cast<double>(s.cycles * d.tck_ps()));
    ASSERT_TRUE(closed);
    EXPECT_NEAR(*closed / s.energy->total_pj(), 1, 0.03);
  }
  EXPECT_FALSE(device_energy_pj(test::memory("hbm2-2000"), 64, 0, 1000));  // its file has no currents
}

}  // namespace
}  // namespace gnomon::sim
