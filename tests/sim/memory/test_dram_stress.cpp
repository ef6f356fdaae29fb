// Random controllers on every device under random traffic: the independent checker finds no violation in the commands, and nothing is lost.
// GNOMON_LONG=1: ten million requests per standard.
#include <gtest/gtest.h>

#include <cstdlib>

#include "gnomon/sim/dram_checker.hpp"
#include "traffic.hpp"

namespace gnomon::sim {
namespace {

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
