// The checker itself. Truth: times put together here, by hand, from the JEDEC standards; every rule must let a command pass in its first legal cycle
// and refuse it, by the rule's own name, one cycle before.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <set>

#include "script.hpp"

namespace gnomon::sim::test {
namespace {

using C = DramCommand;
using S = arch::DramStandard;
using T = arch::DramTiming;

/// A device of the standard with two ranks, whose timings are stretched so that each rule can bind alone.
arch::Dram stretched(const std::string& device) {
  auto spec = arch::load_dram_spec(device);
  EXPECT_TRUE(spec) << (spec ? "" : spec.error().text());
  spec->channels = 1;
  spec->ranks = 2;
  auto base = arch::resolve(*spec, device);
  EXPECT_TRUE(base) << (base ? "" : base.error().text());
  const auto has = [&](T t) { return arch::dram_timings()[static_cast<std::size_t>(t)].known_for(base->standard); };
  const auto set = [&](T t, std::int64_t value) {
    if (has(t)) spec->timing.values[static_cast<std::size_t>(t)] = value;
  };
  const auto& d = *base;
  const bool grouped = has(T::tRRD_L);
  const std::int64_t rrd = grouped ? std::max(d[T::tRRD_L], d[T::tRRD_S] + 2) : d[T::tRRD];
  set(T::tRC, d[T::tRAS] + std::max(d[T::tRP], d[T::tRPab]) + 7);
  set(T::tRRD_L, rrd);
  set(T::tFAW, 4 * rrd + 11);
  set(T::tCCD_L, std::max(d[T::tCCD_L], d[T::tCCD_S] + 2));
  set(T::tCCD_L_WR, d[T::tCCD_L_WR] + 3);
  set(T::tRTW, d[T::tRTW] + 3);
  set(T::tRTRS, 3);
  set(T::tRPab, d[T::tRP] + 5);
  set(T::tPPD, 6);
  set(T::tXP, 17);
  set(T::tCKE, 11);
  set(T::tPD, 13);
  set(T::tXS, 300);
  set(T::tXSDLL, 700);
  set(T::tCKESR, 19);
  set(T::tACTPDEN, 9);
  set(T::tPRPDEN, 10);
  set(T::tREFPDEN, 12);
  set(T::tRREFD, std::max<std::int64_t>(d[T::tRREFD], 40));
  if (has(T::tRFCpb)) set(T::tRFCpb, std::max<std::int64_t>(d[T::tRFCpb], 90));
  auto out = arch::resolve(*spec, device);
  EXPECT_TRUE(out) << (out ? "" : out.error().text());
  return *out;
}

/// All the cases of one standard; collects the rules that were shown to be tight.
class Cases {
 public:
  explicit Cases(const std::string& device) : d(stretched(device)), s(d.standard) {}

  const arch::Dram d;
  const S s;
  std::set<std::string> shown;

  bool flat() const { return s == S::ddr3 || s == S::lpddr4; }
  bool lp() const { return s == S::lpddr4 || s == S::lpddr5; }
  bool hbm() const { return arch::is_hbm(s); }
  bool per_bank() const { return lp() || hbm(); }
  std::int64_t t(T name) const { return d[name]; }

  /// `script` is fine with `command` `gap` clocks after record `earlier`, and breaks `rule` one clock before.
  void tight(const std::string& rule, const Script& script, std::size_t earlier, std::int64_t gap, C command, const Place& place = {}) {
    SCOPED_TRACE(arch::dram_standard_names()[static_cast<std::size_t>(s)] + ", " + rule);
    ASSERT_FALSE(script.verdict()) << "before the last command: " << script.verdict()->text();
    Script legal = script;
    legal.after(earlier, gap, command, place);
    EXPECT_FALSE(legal.verdict()) << legal.verdict()->text();
    Script early = script;
    early.after(earlier, gap - 1, command, place);
    const auto violation = early.verdict();
    ASSERT_TRUE(violation) << "one clock before is not refused";
    EXPECT_EQ(violation->rule, rule) << violation->text();
    EXPECT_EQ(violation->index, script.size());
    if (rule != "data bus" && rule != "tRTRS" && rule != "command bus") {
      EXPECT_EQ(violation->needed_cycles, violation->found_cycles + 1) << violation->text();
    }
    EXPECT_TRUE(violation->earlier) << violation->text();
    shown.insert(rule);
  }
  /// The last command of the script is refused whenever it comes.
  void refused(const std::string& rule, const Script& script) {
    SCOPED_TRACE(arch::dram_standard_names()[static_cast<std::size_t>(s)] + ", " + rule);
    const auto violation = script.verdict();
    ASSERT_TRUE(violation) << "nothing is refused";
    EXPECT_EQ(violation->rule, rule) << violation->text();
    EXPECT_EQ(violation->index, script.size() - 1) << violation->text();
    shown.insert(rule);
  }
  Script script() const { return Script(d); }

  /// Another bank group, or where there is none another bank.
  Place elsewhere() const { return flat() ? Place{0, 1} : Place{1, 0}; }

  void rows() {
    const std::int64_t read_rcd = t(T::tRCD) - t(T::AL), write_rcd = (hbm() ? t(T::tRCDWR) : t(T::tRCD)) - t(T::AL);
    tight("tRCD", script().at(0, C::ACT), 0, read_rcd, C::RD);
    tight(hbm() ? "tRCDWR" : "tRCD", script().at(0, C::ACT), 0, write_rcd, C::WR);
    tight("tRAS", script().at(0, C::ACT), 0, t(T::tRAS), C::PRE);
    tight("tRAS", script().at(0, C::ACT), 0, t(T::tRAS), C::PREA);
    tight("tRP", script().at(0, C::ACT).after(0, t(T::tRAS) + 50, C::PRE), 1, t(T::tRP), C::ACT, {0, 0, 1});
    tight("tRP", script().at(0, C::ACT).after(0, t(T::tRAS) + 50, C::PRE), 1, t(T::tRP), C::REF);
    tight(lp() ? "tRPab" : "tRP", script().at(0, C::ACT).after(0, t(T::tRAS) + 50, C::PREA), 1, lp() ? t(T::tRPab) : t(T::tRP), C::ACT, {0, 0, 1});
    tight(lp() ? "tRPab" : "tRP", script().at(0, C::ACT).after(0, t(T::tRAS) + 50, C::PREA), 1, lp() ? t(T::tRPab) : t(T::tRP), C::SRE);
    tight("tRC", script().at(0, C::ACT).after(0, t(T::tRAS), C::PRE), 0, t(T::tRC), C::ACT, {0, 0, 1});
    const std::int64_t rrd = flat() ? t(T::tRRD) : t(T::tRRD_L);
    if (flat()) {
      tight("tRRD", script().at(0, C::ACT), 0, rrd, C::ACT, {0, 1});
    } else {
      tight("tRRD_S", script().at(0, C::ACT), 0, t(T::tRRD_S), C::ACT, {1, 0});
      tight("tRRD_L", script().at(0, C::ACT), 0, rrd, C::ACT, {0, 1});
    }
    Script four = script().at(0, C::ACT);
    for (int i = 1; i < 4; ++i) four.after(static_cast<std::size_t>(i - 1), rrd, C::ACT, flat() ? Place{0, i} : Place{i % 4, i / 4});
    tight("tFAW", four, 0, t(T::tFAW), C::ACT, flat() ? Place{0, 4} : Place{0, 1});
    if (s == S::ddr5 || lp()) {
      const Place other = elsewhere();
      Script two = script().at(0, C::ACT).after(0, rrd, C::ACT, other).after(1, t(T::tRAS) + 20, C::PRE);
      tight("tPPD", two, 2, t(T::tPPD), C::PRE, other);
    }
  }

  /// Two open banks: the first and `place`, both long open.
  Script open(const Place& place) const { return script().at(0, C::ACT).after(0, t(T::tRC), C::ACT, place); }

  void columns() {
    const std::int64_t late = t(T::tRC), burst = d.burst_cycles;
    const std::int64_t after_write = t(T::CWL) + burst + (s == S::lpddr4 ? 1 : 0);
    const std::int64_t after_write_in_group = after_write + (s == S::lpddr5 ? burst : 0);
    if (flat()) {
      tight("tCCD", open({0, 1}).after(1, late, C::RD), 2, t(T::tCCD), C::RD, {0, 1});
      tight("tCCD", open({0, 1}).after(1, late, C::WR), 2, t(T::tCCD), C::WR, {0, 1});
      tight("tWTR", open({0, 1}).after(1, late, C::WR), 2, after_write + t(T::tWTR), C::RD, {0, 1});
    } else {
      const bool own = s == S::ddr5;
      tight("tCCD_S", open({1, 0}).after(1, late, C::RD), 2, t(T::tCCD_S), C::RD, {1, 0});
      tight("tCCD_S", open({1, 0}).after(1, late, C::WR), 2, t(T::tCCD_S), C::WR, {1, 0});
      tight("tCCD_L", open({0, 1}).after(1, late, C::RD), 2, t(T::tCCD_L), C::RD, {0, 1});
      tight(own ? "tCCD_L_WR" : "tCCD_L", open({0, 1}).after(1, late, C::WR), 2, own ? t(T::tCCD_L_WR) : t(T::tCCD_L), C::WR, {0, 1});
      tight("tWTR_S", open({1, 0}).after(1, late, C::WR), 2, after_write + t(T::tWTR_S), C::RD, {1, 0});
      tight("tWTR_L", open({0, 1}).after(1, late, C::WR), 2, after_write_in_group + t(T::tWTR_L), C::RD, {0, 1});
    }
    tight("tRTW", open(elsewhere()).after(1, late, C::RD), 2, t(T::tRTW), C::WR, elsewhere());
    // Precharge after columns.
    const std::int64_t read_pre = t(T::AL) + t(T::tRTP) + (s == S::lpddr4 ? burst - 8 : s == S::lpddr5 ? burst : 0);
    const std::int64_t write_pre = t(T::AL) + after_write + t(T::tWR);
    tight("tRTP", script().at(0, C::ACT).after(0, late, C::RD), 1, read_pre, C::PRE);
    tight("tWR", script().at(0, C::ACT).after(0, late, C::WR), 1, write_pre, C::PREA);
    tight("tRP", script().at(0, C::ACT).after(0, late, C::RDA), 1, read_pre + t(T::tRP), C::ACT, {0, 0, 1});
    tight("tRP", script().at(0, C::ACT).after(0, late, C::WRA), 1, write_pre + t(T::tRP), C::REF);
    // The automatic precharge waits for tRAS, so tRC holds.
    tight("tRC", script().at(0, C::ACT).after(0, t(T::tRCD), C::RDA), 0, t(T::tRC), C::ACT, {0, 0, 1});
    // Two ranks share the data pins.
    Script ranks = script().at(0, C::ACT).after(0, 20, C::ACT, {0, 0, 0, 0, 1}).after(1, late, C::RD);
    tight("tRTRS", ranks, 2, burst + t(T::tRTRS), C::RD, {0, 0, 0, 0, 1});
    const std::int64_t read_data = t(T::CL) + t(T::tDQSCK) + t(T::tWCKDQO);
    Script overlap = ranks;
    overlap.after(2, read_data + burst - 1 - t(T::CWL), C::WR, {0, 0, 0, 0, 1});
    refused("data bus", overlap);
  }

  void refreshes() {
    tight("tRFC", script().at(10, C::REF), 0, t(T::tRFC), C::ACT);
    tight("tRFC", script().at(10, C::REF), 0, t(T::tRFC), C::REF);
    tight("tRFC", script().at(10, C::REF), 0, t(T::tRFC), C::PREA);
    tight("tRFC", script().at(10, C::REF), 0, t(T::tRFC), C::SRE);
    refused("REF with an open bank", script().at(0, C::ACT).at(t(T::tRC), C::REF));
    refused("SRE with an open bank", script().at(0, C::ACT).at(t(T::tRC), C::SRE));
    if (per_bank()) {
      tight("tRFCpb", script().at(10, C::REFpb), 0, t(T::tRFCpb), C::ACT);
      tight("tRFCpb", script().at(10, C::REFpb), 0, t(T::tRFCpb), C::REF);
      tight("tRREFD", script().at(10, C::REFpb), 0, t(T::tRREFD), C::REFpb, elsewhere());
      const char* const other = s == S::lpddr4 ? "tRRD" : s == S::lpddr5 ? "tpbR2act" : "tRREFD";
      tight(other, script().at(10, C::REFpb), 0, t(s == S::lpddr4 ? T::tRRD : s == S::lpddr5 ? T::tpbR2act : T::tRREFD), C::ACT, elsewhere());
      refused("REFpb with an open bank", script().at(0, C::ACT).at(t(T::tRC), C::REFpb));
    } else {
      refused("command not of the standard", script().at(0, C::REFpb));
    }
    if (s == S::ddr5) {
      tight("tRFCsb", script().at(10, C::REFsb), 0, t(T::tRFCsb), C::ACT, {3, 0});
      tight("tRFCsb", script().at(10, C::REFsb), 0, t(T::tRFCsb), C::REFsb, {0, 1});
      tight("tRREFD", script().at(10, C::REFsb), 0, t(T::tRREFD), C::ACT, {0, 1});
      refused("REFsb with an open bank", script().at(0, C::ACT, {3, 1}).at(t(T::tRC), C::REFsb, {0, 1}));
    } else {
      refused("command not of the standard", script().at(0, C::REFsb));
    }
  }

  void sleep() {
    const std::int64_t burst = d.burst_cycles;
    tight("tPD", script().at(10, C::PDE), 0, t(T::tPD), C::PDX);
    tight("tXP", script().at(10, C::PDE).after(0, t(T::tPD), C::PDX), 1, t(T::tXP), C::ACT);
    tight("tXP", script().at(10, C::PDE).after(0, t(T::tPD), C::PDX), 1, t(T::tXP), C::REF);
    tight("tCKE", script().at(10, C::PDE).after(0, t(T::tPD), C::PDX), 1, t(T::tCKE), C::PDE);
    tight("tCKESR", script().at(10, C::SRE), 0, t(T::tCKESR), C::SRX);
    tight("tXS", script().at(10, C::SRE).after(0, t(T::tCKESR), C::SRX), 1, t(T::tXS), C::ACT);
    tight("tXS", script().at(10, C::SRE).after(0, t(T::tCKESR), C::SRX), 1, t(T::tXS), C::PDE);
    if (s == S::ddr3 || s == S::ddr4 || s == S::ddr5) {
      Script awake = script().at(10, C::SRE).after(0, t(T::tCKESR), C::SRX).after(1, t(T::tXS), C::ACT);
      tight("tXSDLL", awake, 1, t(T::tXSDLL), C::RD);
    }
    tight("tACTPDEN", script().at(0, C::ACT), 0, t(T::tACTPDEN), C::PDE);
    tight("tPRPDEN", script().at(0, C::ACT).at(t(T::tRC), C::PRE), 1, t(T::tPRPDEN), C::PDE);
    tight("tREFPDEN", script().at(10, C::REF), 0, t(T::tREFPDEN), C::PDE);
    const std::int64_t read = t(T::AL) + t(T::CL) + t(T::tDQSCK) + t(T::tWCKDQO) + burst + (lp() ? 0 : 1);
    tight("tRDPDEN", script().at(0, C::ACT).at(t(T::tRC), C::RD), 1, read, C::PDE);
    tight("tWRPDEN", script().at(0, C::ACT).at(t(T::tRC), C::WR), 1, t(T::AL) + t(T::CWL) + burst + (s == S::lpddr4 ? 1 : 0) + t(T::tWR), C::PDE);
    refused("command in power-down", script().at(10, C::PDE).at(1000, C::ACT));
    refused("command in power-down", script().at(10, C::PDE).at(1000, C::REF));
    refused("command in self-refresh", script().at(10, C::SRE).at(1000, C::ACT));
    refused("PDX without power-down", script().at(10, C::PDX));
    refused("PDX without power-down", script().at(10, C::SRE).at(1000, C::PDX));
    refused("SRX without self-refresh", script().at(10, C::PDE).at(1000, C::SRX));
    // The other rank hears all that.
    EXPECT_FALSE(script().at(10, C::PDE).at(1000, C::ACT, {0, 0, 0, 0, 1}).verdict());
  }

  void states() {
    refused("ACT on an open bank", script().at(0, C::ACT).at(2 * t(T::tRC), C::ACT));
    refused("RD on a closed bank", script().at(0, C::RD));
    refused("WR on a closed bank", script().at(0, C::ACT).at(500, C::RDA).at(1000, C::WR));
    refused("RD of another row", script().at(0, C::ACT, {0, 0, 5}).at(500, C::RD, {0, 0, 4}));
    refused("WR of another row", script().at(0, C::ACT, {0, 0, 5}).at(500, C::WR, {0, 0, 4}));
    refused("address", script().at(0, C::ACT, {0, 0, static_cast<std::uint32_t>(d.rows)}));
    refused("address", script().at(0, C::ACT, {d.bank_groups, 0}));
    refused("address", script().at(0, C::ACT, {0, d.banks_per_group}));
    refused("address", script().at(0, C::ACT, {0, 0, 0, 0, 2}));
    refused("address", script().at(0, C::ACT).at(500, C::RD, {0, 0, 0, static_cast<std::uint32_t>(d.columns / t(T::BL))}));
    refused("time order", script().at(1000, C::ACT).at(999, C::ACT, {0, 0, 0, 0, 1}));
    refused("command not of the standard", script().at(0, static_cast<C>(200)));
    // Commands to two ranks meet only on the bus.
    const std::int64_t clocks = s == S::lpddr4 ? 4 : s == S::ddr3 || s == S::ddr4 ? 1 : 2;
    Script next = script().at(100, C::ACT).at(100 + clocks, C::ACT, {0, 0, 0, 0, 1});
    EXPECT_FALSE(next.verdict()) << next.verdict()->text();
    refused("command bus", script().at(100, C::ACT).at(99 + clocks, C::ACT, {0, 0, 0, 0, 1}));
    if (hbm()) {
      // Row and column commands have buses of their own.
      Script both = script().at(0, C::ACT).at(500, C::ACT, {1, 0}).at(500, C::RD);
      EXPECT_FALSE(both.verdict()) << both.verdict()->text();
    }
  }

  /// Refreshes at their rate: the first may wait one interval beyond its own, the next may come when the first was due.
  void refresh_rate() {
    const std::int64_t interval = t(T::tREFI), clock = reference_clock(s, C::REF);
    const auto rate = [&](const Script& script) { return script.verdict(true); };
    Script late = script().at(2 * interval - clock - 1, C::REF);
    EXPECT_FALSE(rate(late)) << rate(late)->text();
    Script too_late = script().at(2 * interval - clock, C::REF);
    ASSERT_TRUE(rate(too_late));
    EXPECT_EQ(rate(too_late)->rule, "tREFI postponed");
    Script soon = script().at(interval / 2, C::REF).at(interval - clock, C::REF);
    EXPECT_FALSE(rate(soon)) << rate(soon)->text();
    Script too_soon = script().at(interval / 2, C::REF).at(interval - clock - 1, C::REF);
    ASSERT_TRUE(rate(too_soon));
    EXPECT_EQ(rate(too_soon)->rule, "tREFI pulled in");
    // A log that just stops refreshing is found out at its end.
    DramChecker silent(d);
    silent.finish(static_cast<std::uint64_t>(2 * interval - 1));
    EXPECT_FALSE(silent.report().violation);
    silent.finish(static_cast<std::uint64_t>(2 * interval));
    ASSERT_TRUE(silent.report().violation);
    EXPECT_EQ(silent.report().violation->rule, "tREFI postponed");
    arch::Dram patient = d;
    patient.controller.refresh_max_postponed = 8;
    patient.controller.refresh_max_pulled_in = 8;
    Script postponed(patient);
    postponed.at(10 * interval - clock - 1, C::REF);
    EXPECT_FALSE(postponed.verdict(true));
    Script nine(patient);
    for (int i = 0; i < 9; ++i) nine.at(10 + i * (t(T::tRFC) + 1), C::REF);
    EXPECT_FALSE(nine.verdict(true)) << nine.verdict(true)->text();
    nine.at(10 + 9 * (t(T::tRFC) + 1), C::REF);
    ASSERT_TRUE(nine.verdict(true));
    EXPECT_EQ(nine.verdict(true)->rule, "tREFI pulled in");
    shown.insert({"tREFI postponed", "tREFI pulled in"});
  }
};

class Standard : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Checker, Standard,
                         testing::Values("ddr3-1600", "ddr4-2400", "ddr5-4800", "lpddr4-3200", "lpddr5-6400", "hbm2-2000", "hbm3-6400"),
                         [](const auto& one) { return std::string(one.param).substr(0, std::string(one.param).find('-')); });

TEST_P(Standard, EveryRuleIsTight) {
  Cases cases(GetParam());
  cases.rows();
  cases.columns();
  cases.refreshes();
  cases.sleep();
  cases.states();
  cases.refresh_rate();
  const auto rules = dram_checker_rules(cases.s);
  EXPECT_EQ(cases.shown, std::set<std::string>(rules.begin(), rules.end())) << "each rule of the checker has a case, and no case another rule";
}

TEST(Checker, AddsUpCommandsAndSpeaksOfBoth) {
  auto dram = arch::load_dram("ddr4-2400");
  ASSERT_TRUE(dram);
  DramChecker checker(*dram, {false});
  Script script(*dram);
  script.at(5, C::ACT, {2, 1, 77}).at(10, C::RD, {2, 1, 77, 3}).at(12, C::RD, {2, 1, 77, 4});
  for (const DramLogRecord& r : script.records()) checker.record(r);
  const DramCheckReport& report = checker.finish();
  EXPECT_EQ(report.commands, 3u);
  EXPECT_EQ(report.by_command[static_cast<std::size_t>(C::RD)], 2u);
  EXPECT_EQ(report.last_cycle, 12u);
  ASSERT_TRUE(report.violation);
  EXPECT_EQ(report.violation->text(),
            "tRCD: RD in cycle 10 (channel 0 rank 0 group 2 bank 1 row 77) after ACT in cycle 5 (channel 0 rank 0 group 2 bank 1 row 77); needed 17 cycles, "
            "found 5; record 1");
}

/// A log file with this header, memory text and records.
std::filesystem::path write_log(const std::string& name, const DramLogHeader& header, const std::string& memory, const std::vector<DramLogRecord>& records,
                                std::size_t cut = 0) {
  const auto path = std::filesystem::temp_directory_path() / ("gnomon_" + std::to_string(getpid()) + "_" + name);
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(&header), sizeof header);
  out << memory;
  out.write(reinterpret_cast<const char*>(records.data()), static_cast<std::streamsize>(records.size() * sizeof(DramLogRecord) - cut));
  return path;
}

TEST(CheckerFile, ReadsLogsAndRefusesWhatIsNone) {
  auto dram = arch::load_dram("ddr4-2400");
  ASSERT_TRUE(dram);
  Script script(*dram);
  script.at(0, C::ACT).at(17, C::RD).at(39, C::PRE);
  DramLogHeader header;
  header.memory_bytes = static_cast<std::uint32_t>(dram->resolved_json.size());
  const auto good = write_log("good.log", header, dram->resolved_json, script.records());
  const auto report = check_dram_log(good);
  ASSERT_TRUE(report) << report.error().text();
  EXPECT_EQ(report->commands, 3u);
  EXPECT_FALSE(report->violation);
  // The same commands are too fast for another device.
  auto slow = arch::load_dram("ddr4-3200");
  ASSERT_TRUE(slow);
  const auto other = check_dram_log(good, &*slow);
  ASSERT_TRUE(other);
  ASSERT_TRUE(other->violation);
  EXPECT_EQ(other->violation->rule, "tRCD");
  const auto bad = [&](const std::filesystem::path& path, const std::string& said) {
    const auto result = check_dram_log(path);
    ASSERT_FALSE(result);
    EXPECT_NE(result.error().text().find(said), std::string::npos) << result.error().text();
    std::filesystem::remove(path);
  };
  bad(write_log("cut.log", header, dram->resolved_json, script.records(), 5), "ends within record 2");
  DramLogHeader wrong = header;
  wrong.magic[0] = 'X';
  bad(write_log("magic.log", wrong, dram->resolved_json, script.records()), "no DRAM command log");
  wrong = header;
  wrong.record_bytes = 16;
  bad(write_log("size.log", wrong, dram->resolved_json, script.records()), "records of 16 bytes");
  wrong = header;
  wrong.memory_bytes = 0xffffffff;
  bad(write_log("huge.log", wrong, dram->resolved_json, script.records()), "memory file of");
  wrong = header;
  wrong.memory_bytes = 1 << 19;
  bad(write_log("short.log", wrong, dram->resolved_json, script.records()), "ends within its memory file");
  wrong = header;
  wrong.memory_bytes = 10;
  bad(write_log("json.log", wrong, dram->resolved_json, {}), "memory");
  bad(std::filesystem::temp_directory_path() / "gnomon_no_such.log", "could not be opened");
  std::filesystem::remove(good);
}

}  // namespace
}  // namespace gnomon::sim::test
