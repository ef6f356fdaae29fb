// Random controllers on every device under random traffic: the independent checker finds no violation in the commands, and nothing is lost.
// GNOMON_LONG=1: ten million requests per standard.
#include <gtest/gtest.h>

#include <cstdlib>

#include "gnomon/sim/dram_checker.hpp"
#include "traffic.hpp"

namespace gnomon::sim {
namespace {

// ACT after ACT in turn (tRRD_S) leaves no gap for a REFsb (tRRD_L): it must be made.
TEST(DramRefresh, RowsOpenedInTurnDoNotStarveSameBankRefresh) {
  const arch::Dram d = test::memory("ddr5-4800", [](arch::DramSpec& spec) {
    spec.controller.refresh = "same_bank";
    spec.controller.page_policy = "closed";
    spec.controller.request_buffer_size = 64;
    spec.controller.refresh_max_postponed = 1;
  });
  DramChecker checker(d);
  Random random(1);
  std::vector<TraceRequest> trace;
  for (int i = 0; i < 30'000; ++i) trace.push_back({0, random.next() % static_cast<std::uint64_t>(d.bytes()) / 64 * 64, false});
  const DramStatistics s = test::run(d, trace, &checker);
  const DramCheckReport& report = checker.finish(static_cast<std::uint64_t>(s.cycles));
  EXPECT_FALSE(report.violation) << report.violation->text();
  EXPECT_NEAR(static_cast<double>(s.refreshes), static_cast<double>(s.cycles) / 9375 * 4 * d.ranks * d.channels, 8.0 * d.ranks * d.channels);
}

class DramStress : public testing::TestWithParam<std::string> {};

TEST_P(DramStress, CheckerFindsNoViolation) {
  const char* wish = std::getenv("GNOMON_LONG");
  const bool thorough = wish && std::string(wish) != "0";
  const std::int64_t count = thorough ? 100'000 : 2'000;
  for (std::uint64_t seed = 1; seed <= (thorough ? 100u : 60u); ++seed) {
    Random random(derive(seed, GetParam()));
    const arch::Dram d = test::memory(GetParam(), [&](arch::DramSpec& spec) { test::randomise(spec, random); });
    SCOPED_TRACE("seed " + std::to_string(seed) + " " + d.resolved_json);
    DramChecker checker(d);
    const DramStatistics s = test::run(d, test::random_traffic(d, random, count), &checker);
    const DramCheckReport& report = checker.finish(static_cast<std::uint64_t>(s.cycles));
    ASSERT_FALSE(report.violation) << report.violation->text();
    EXPECT_EQ(s.reads + s.writes, count);
    const auto of = [&](DramCommand c) { return static_cast<std::int64_t>(report.by_command[static_cast<std::size_t>(c)]); };
    EXPECT_EQ(of(DramCommand::RD) + of(DramCommand::RDA), s.reads);
    EXPECT_EQ(of(DramCommand::WR) + of(DramCommand::WRA), s.writes);
    EXPECT_EQ(of(DramCommand::ACT), s.activates);
    EXPECT_EQ(of(DramCommand::REF) + of(DramCommand::REFpb) + of(DramCommand::REFsb), s.refreshes);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, DramStress, testing::ValuesIn(arch::dram_devices()), [](const auto& at) {
  std::string name = at.param;
  for (char& c : name) c = c == '-' ? '_' : c;
  return name;
});

}  // namespace
}  // namespace gnomon::sim
