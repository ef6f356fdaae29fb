// Command logs of other simulators, for devices whose timings are ours: the checker accepts them, and refuses them as soon as a command comes too
// early or a refresh is left out. Logs (data/*.csv): Ramulator 2.1 (c5b1c3a, its command recorder; a third writes) and DRAMSys 5.1 (6b01467, sparse
// traffic with power-down), on the Micron DDR3-1600 and the harmonised DDR4-2400 device.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include "gnomon/sim/dram_checker.hpp"

namespace gnomon::sim::test {
namespace {

using C = DramCommand;

struct Peer {
  const char *file, *device;
  /// What the log was counted to hold when it was recorded.
  std::uint64_t activates, refreshes, sleeps;
};
const Peer peers[] = {{"ramulator_ddr3", "ddr3-1600", 1450, 2, 0},
                      {"ramulator_ddr4", "ddr4-2400", 1500, 2, 0},
                      {"dramsys_ddr3_power_down", "ddr3-1600", 840, 70, 409},
                      {"dramsys_ddr4_power_down", "ddr4-2400", 552, 18, 198}};

std::vector<DramLogRecord> load(const std::string& name) {
  std::ifstream in(std::string(GNOMON_SOURCE_DIR) + "/tests/sim/memory/data/" + name + ".csv");
  std::vector<DramLogRecord> out;
  std::string line, cell;
  std::getline(in, line);
  EXPECT_EQ(line, "cycle,command,rank,bank_group,bank,row,column");
  while (std::getline(in, line)) {
    std::istringstream cells(line);
    std::vector<std::string> c;
    while (std::getline(cells, cell, ',')) c.push_back(cell);
    EXPECT_EQ(c.size(), 7u);
    DramLogRecord r;
    r.cycle = std::stoull(c[0]);
    const auto found = std::find(dram_command_names.begin(), dram_command_names.end(), c[1]);
    EXPECT_NE(found, dram_command_names.end()) << c[1];
    r.command = static_cast<C>(found - dram_command_names.begin());
    r.rank = static_cast<std::uint8_t>(std::stoi(c[2]));
    const bool of_bank = r.command == C::ACT || r.command == C::PRE || r.command == C::RD || r.command == C::RDA || r.command == C::WR || r.command == C::WRA;
    if (of_bank) {
      r.bank_group = static_cast<std::uint8_t>(std::stoi(c[3]));
      r.bank = static_cast<std::uint8_t>(std::stoi(c[4]));
    }
    if (of_bank && r.command != C::PRE) r.row = static_cast<std::uint32_t>(std::stoul(c[5]));
    if (of_bank && r.command != C::PRE && r.command != C::ACT) r.column = static_cast<std::uint32_t>(std::stoul(c[6]));
    out.push_back(r);
  }
  return out;
}

DramCheckReport check(const arch::Dram& dram, const std::vector<DramLogRecord>& records) {
  DramChecker checker(dram);
  for (const DramLogRecord& r : records) checker.record(r);
  return checker.finish();
}

class PeerLog : public testing::TestWithParam<Peer> {
 protected:
  void SetUp() override {
    auto loaded = arch::load_dram(GetParam().device);
    ASSERT_TRUE(loaded) << loaded.error().text();
    dram = *loaded;
    records = load(GetParam().file);
  }
  arch::Dram dram;
  std::vector<DramLogRecord> records;
};
INSTANTIATE_TEST_SUITE_P(Checker, PeerLog, testing::ValuesIn(peers), [](const auto& at) { return std::string(at.param.file); });

TEST_P(PeerLog, IsAccepted) {
  const DramCheckReport report = check(dram, records);
  EXPECT_FALSE(report.violation) << report.violation->text();
  EXPECT_EQ(report.commands, records.size());
  EXPECT_EQ(report.by_command[static_cast<std::size_t>(C::ACT)], GetParam().activates);
  EXPECT_EQ(report.by_command[static_cast<std::size_t>(C::REF)], GetParam().refreshes);
  EXPECT_EQ(report.by_command[static_cast<std::size_t>(C::PDE)], GetParam().sleeps);
  EXPECT_EQ(report.by_command[static_cast<std::size_t>(C::PDX)], GetParam().sleeps);
}

TEST_P(PeerLog, WithoutOneRefreshIsNot) {
  std::vector<DramLogRecord> without;
  bool dropped = false;
  for (const DramLogRecord& r : records) {
    if (r.command == C::REF && !dropped) {
      dropped = true;
      continue;
    }
    without.push_back(r);
  }
  ASSERT_TRUE(dropped);
  const DramCheckReport report = check(dram, without);
  ASSERT_TRUE(report.violation);
  EXPECT_EQ(report.violation->rule, "tREFI postponed") << report.violation->text();
}

/// Each column command that comes exactly tRCD after its ACT, and each ACT exactly tRP after its PRE, moved one cycle ahead.
TEST_P(PeerLog, WithATightCommandAheadIsNot) {
  std::map<std::pair<int, int>, std::size_t> activate, precharge;
  std::size_t tried = 0;
  for (std::size_t i = 0; i < records.size() && tried < 60; ++i) {
    const DramLogRecord r = records[i];
    const std::pair<int, int> bank{r.bank_group, r.bank};
    const char* rule = nullptr;
    if (r.command == C::ACT) {
      const auto before = precharge.find(bank);
      if (before != precharge.end() && r.cycle == records[before->second].cycle + static_cast<std::uint64_t>(dram[arch::DramTiming::tRP])) rule = "tRP";
      activate[bank] = i;
    } else if (r.command == C::PRE) {
      precharge[bank] = i;
    } else if (r.command == C::RD || r.command == C::WR) {
      const auto before = activate.find(bank);
      if (before != activate.end() && r.cycle == records[before->second].cycle + static_cast<std::uint64_t>(dram[arch::DramTiming::tRCD])) rule = "tRCD";
    }
    // The slot before must be free, or the command bus speaks first.
    if (!rule || records[i - 1].cycle + 1 >= r.cycle) continue;
    std::vector<DramLogRecord> ahead(records.begin(), records.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    ahead.back().cycle -= 1;
    const DramCheckReport report = check(dram, ahead);
    ASSERT_TRUE(report.violation) << rule << ", record " << i;
    EXPECT_EQ(report.violation->rule, rule) << report.violation->text();
    EXPECT_EQ(report.violation->index, i);
    ++tried;
  }
  EXPECT_GE(tried, 20u);
}

}  // namespace
}  // namespace gnomon::sim::test
