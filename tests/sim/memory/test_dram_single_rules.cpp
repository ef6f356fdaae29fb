// Traces made for one rule each: what that rule allows follows in closed form from the data sheet's numbers, without refresh to the cycle or nearly so, with
// refresh to 1 %.
#include <gtest/gtest.h>

#include "traffic.hpp"

namespace gnomon::sim {
namespace {

using arch::DramTiming;

constexpr std::int64_t count = 20'000;
const char* row_map = R"("row-rank-bank-bankgroup-column-channel")";

struct Place {
  int group = 0, bank = 0;
  std::int64_t row = 0, column = 0;
};

arch::Dram ddr4(bool refresh, const std::function<void(arch::DramSpec&)>& change = {}) {
  return test::memory("ddr4-2400", [&](arch::DramSpec& spec) {
    spec.address_mapping = row_map;
    spec.controller.refresh = refresh ? "all_bank" : "none";
    if (change) change(spec);
  });
}

std::vector<TraceRequest> trace(const arch::Dram& d, const std::function<Place(std::int64_t)>& where, bool alternate_writes = false) {
  std::vector<TraceRequest> out;
  for (std::int64_t i = 0; i < count; ++i) {
    const Place p = where(i);
    arch::DramLocation at;
    at.bank_group = p.group;
    at.bank = p.bank;
    at.row = p.row;
    at.column = p.column;
    out.push_back({0, d.map.address(at), alternate_writes && i % 2 == 0});
  }
  return out;
}

/// Cycles per request within 0.5 % of `each` without refresh. With refresh, one of every tREFI cycles' worth is lost to the guard, the refresh and
/// opening again: within 1 %.
void expect_rate(const std::function<arch::Dram(bool)>& device, const std::function<Place(std::int64_t)>& where, double each, bool alternate_writes = false) {
  const arch::Dram quiet = device(false);
  const DramStatistics s = test::run(quiet, trace(quiet, where, alternate_writes));
  EXPECT_NEAR(static_cast<double>(s.cycles) / (each * count), 1, 0.005);
  const arch::Dram refreshed = device(true);
  const DramStatistics r = test::run(refreshed, trace(refreshed, where, alternate_writes));
  const double lost = static_cast<double>(refreshed[DramTiming::tRFC] + refreshed[DramTiming::tRC] + refreshed[DramTiming::tRCD]);
  const double share = 1 - lost / static_cast<double>(refreshed[DramTiming::tREFI]);
  EXPECT_NEAR(static_cast<double>(r.cycles) * share / (each * count), 1, 0.01);
}

TEST(DramSingleRules, OneRowIsBoundByTheColumnDelayOfAGroup) {
  expect_rate([](bool r) { return ddr4(r); }, [](std::int64_t i) { return Place{0, 0, 0, i % 128}; }, 6);  // tCCD_L
}

TEST(DramSingleRules, BankGroupsInTurnAreBoundByTheShortColumnDelay) {
  expect_rate([](bool r) { return ddr4(r); }, [](std::int64_t i) { return Place{static_cast<int>(i % 4), 0, 0, i / 4 % 128}; }, 4);  // tCCD_S
}

TEST(DramSingleRules, NewRowsInAllBanksAreBoundByFourActivates) {
  expect_rate([](bool r) { return ddr4(r); },
              [](std::int64_t i) { return Place{static_cast<int>(i % 4), static_cast<int>(i / 4 % 4), i / 16, 0}; }, 26.0 / 4);  // tFAW
}

TEST(DramSingleRules, NewRowsAreBoundByTwoActivatesWhereFourAreFree) {
  const auto device = [](bool r) {
    return ddr4(r, [](arch::DramSpec& spec) {
      spec.timing.values[static_cast<std::size_t>(DramTiming::tFAW)] = 5;
      spec.timing.values[static_cast<std::size_t>(DramTiming::tRRD_S)] = 5;
    });
  };
  expect_rate(device, [](std::int64_t i) { return Place{static_cast<int>(i % 4), static_cast<int>(i / 4 % 4), i / 16, 0}; }, 5);  // tRRD_S
}

TEST(DramSingleRules, NewRowsInOneGroupAreBoundByItsActivates) {
  const auto device = [](bool r) {
    return ddr4(r, [](arch::DramSpec& spec) {
      spec.timing.values[static_cast<std::size_t>(DramTiming::tRRD_L)] = 16;
      spec.timing.values[static_cast<std::size_t>(DramTiming::tFAW)] = 16;
    });
  };
  expect_rate(device, [](std::int64_t i) { return Place{0, static_cast<int>(i % 4), i / 4, 0}; }, 16);  // tRRD_L
}

TEST(DramSingleRules, NewRowsInOneBankAreBoundByTheRowCycle) {
  expect_rate([](bool r) { return ddr4(r); }, [](std::int64_t i) { return Place{0, 0, i, 0}; }, 56);  // tRC
}

TEST(DramSingleRules, WritesAndReadsInTurnAreBoundByTheTurnaround) {
  // Write to read CWL + BL/2 + tWTR_L, read to write CL + BL/2 + 2 - CWL.
  expect_rate([](bool r) { return ddr4(r); }, [](std::int64_t i) { return Place{0, 0, 0, i % 128}; }, (12 + 4 + 9 + 17 + 4 + 2 - 12) / 2.0, true);
  // Another group answers sooner: tWTR_S. One request at a time, or the scheduler would gather the reads of one bank.
  expect_rate([](bool r) { return ddr4(r, [](arch::DramSpec& spec) { spec.controller.request_buffer_size = 1; }); }, [](std::int64_t i) { return Place{static_cast<int>(i % 2), 0, 0, i / 2 % 128}; },
              (12 + 4 + 3 + 17 + 4 + 2 - 12) / 2.0, true);
}

TEST(DramSingleRules, RefreshesComeAtTheirRate) {
  const arch::Dram d = ddr4(true);
  std::vector<TraceRequest> sparse;
  for (std::int64_t i = 0; i <= 100; ++i) sparse.push_back({i * 9360, 0, false});
  const DramStatistics s = test::run(d, sparse);
  EXPECT_EQ(s.refreshes, 100);
}

}  // namespace
}  // namespace gnomon::sim
