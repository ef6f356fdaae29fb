// Timing rules: every rule of every standard's table is tight (not at t-1, yes at t), and the compiled state agrees with the table, read rule by rule.
#include <gtest/gtest.h>

#include <optional>

#include "gnomon/base/random.hpp"
#include "timing.hpp"
#include "traffic.hpp"

namespace gnomon::sim {
namespace {

using arch::DramStandard;
using arch::DramTiming;

constexpr CommandMask all_commands = (CommandMask{1} << dram_command_count) - 1;

/// A device whose timings are small and all positive, so that any one of them can be made the one that binds.
arch::Dram plain_device(DramStandard standard) {
  arch::Dram d;
  d.standard = standard;
  const bool flat = standard == DramStandard::ddr3 || standard == DramStandard::lpddr4;
  d.bank_groups = flat ? 1 : 4;
  d.banks_per_group = 4;
  d.ranks = 2;
  d.pseudo_channels = arch::is_hbm(standard) ? 2 : 1;
  d.timings.fill(10);
  d.timings[static_cast<std::size_t>(DramTiming::AL)] = 0;
  d.timings[static_cast<std::size_t>(DramTiming::tCCD_S)] = 4;
  d.timings[static_cast<std::size_t>(DramTiming::tRRD_S)] = 4;
  d.timings[static_cast<std::size_t>(DramTiming::tWTR_S)] = 4;
  d.burst_cycles = 4;
  return d;
}

int bank_number(const arch::Dram& d, int pseudo, int rank, int group, int bank) {
  return ((pseudo * d.ranks + rank) * d.bank_groups + group) * d.banks_per_group + bank;
}

bool is_rank_command(DramCommand c) {
  using enum DramCommand;
  return (mask(c) & mask(PREA, REF, PDE, PDX, SRE, SRX)) != 0;
}
bool is_set_command(DramCommand c) { return c == DramCommand::PREsb || c == DramCommand::REFsb; }

/// Whether two commands share the part of the memory that the rule names, by the banks that each of them takes.
bool applies(const arch::Dram& d, const TimingRule& rule, DramCommand prev, int a, DramCommand next, int b) {
  const int per_rank = d.banks_per_rank();
  const int rank_a = a / per_rank, rank_b = b / per_rank, pseudo_a = rank_a / d.ranks, pseudo_b = rank_b / d.ranks;
  if (rule.sibling == DramSibling::other_rank) return pseudo_a == pseudo_b && rank_a != rank_b;
  switch (rule.level) {
    case DramLevel::channel: return true;
    case DramLevel::pseudo_channel: return pseudo_a == pseudo_b;
    case DramLevel::rank: return rank_a == rank_b;
    default: break;
  }
  if (rank_a != rank_b) return false;
  const auto takes = [&](DramCommand c, int bank, int other) {
    if (is_rank_command(c)) return true;
    return is_set_command(c) ? bank % d.banks_per_group == other % d.banks_per_group : bank == other;
  };
  for (int x = rank_a * per_rank; x < (rank_a + 1) * per_rank; ++x) {
    if (!takes(prev, a, x)) continue;
    for (int y = rank_a * per_rank; y < (rank_a + 1) * per_rank; ++y) {
      if (!takes(next, b, y)) continue;
      if (rule.level == DramLevel::bank ? x == y : x / d.banks_per_group == y / d.banks_per_group) return true;
    }
  }
  return false;
}

struct Issued {
  DramCommand command;
  int bank;
  std::int64_t cycle;
};

/// The earliest cycle of a command after a history, straight from the table: every rule, every earlier command.
std::int64_t by_the_table(const arch::Dram& d, const std::vector<Issued>& history, DramCommand next, int bank) {
  std::int64_t earliest = 0;
  for (const Issued& before : history) {
    const bool same_bus = !has_two_command_buses(d.standard) || is_column(before.command) == is_column(next);
    if (same_bus) earliest = std::max(earliest, before.cycle + command_clocks(d.standard, before.command));
  }
  for (const TimingRule& rule : timing_rules(d.standard)) {
    if (!(rule.next & mask(next))) continue;
    int seen = 0;
    for (auto before = history.rbegin(); before != history.rend(); ++before) {
      if (!(rule.prev & mask(before->command)) || !applies(d, rule, before->command, before->bank, next, bank)) continue;
      if (++seen < rule.window) continue;
      earliest = std::max(earliest, before->cycle + start_to_start(rule, before->command, next, d));
      if (rule.window > 1) break;
    }
  }
  return earliest;
}

/// Names of the timings that a latency adds up.
std::vector<DramTiming> added_timings(std::string_view latency) {
  std::vector<DramTiming> out;
  for (const arch::DramTimingInfo& info : arch::dram_timings()) {
    std::size_t at = 0;
    while ((at = latency.find(info.name, at)) != std::string_view::npos) {
      const std::size_t end = at + info.name.size();
      const bool whole = (at == 0 || latency[at - 1] == ' ') && (end == latency.size() || latency[end] == ' ');
      if (whole && (at < 2 || latency[at - 2] != '-')) out.push_back(info.timing);
      at = end;
    }
  }
  return out;
}

/// A place for the second command that shares no more with the first (bank 0 of everything) than the rule's level.
int place_of_next(const arch::Dram& d, const TimingRule& rule) {
  const int other_group = d.bank_groups > 1 ? 1 : 0;
  if (rule.sibling == DramSibling::other_rank) return bank_number(d, 0, 1, 0, 0);
  switch (rule.level) {
    case DramLevel::bank: return bank_number(d, 0, 0, 0, 0);
    case DramLevel::bank_group: return bank_number(d, 0, 0, 0, 1);
    case DramLevel::rank: return bank_number(d, 0, 0, other_group, 1);
    default: return bank_number(d, 0, 1, other_group, 1);
  }
}

class TimingRules : public testing::TestWithParam<DramStandard> {};

TEST_P(TimingRules, EveryRuleIsTight) {
  const DramStandard standard = GetParam();
  int checked = 0;
  for (const TimingRule& rule : timing_rules(standard)) {
    for (int p = 0; p < dram_command_count; ++p) {
      for (int n = 0; n < dram_command_count; ++n) {
        const auto prev = static_cast<DramCommand>(p), next = static_cast<DramCommand>(n);
        if (!(rule.prev & mask(prev)) || !(rule.next & mask(next))) continue;
        // One of the timings in the rule, made long, must make this rule the one that binds.
        bool binds = false;
        for (const DramTiming timing : added_timings(rule.latency)) {
          arch::Dram d = plain_device(standard);
          d.timings[static_cast<std::size_t>(timing)] = 700;
          TimingState state(d, all_commands);
          std::vector<Issued> history;
          std::int64_t cycle = 5000;
          // A window is filled with commands to different banks, as early as the other rules let them come.
          for (int i = 0; i < rule.window; ++i) {
            const int bank = rule.window == 1 ? 0 : bank_number(d, 0, 0, d.bank_groups > 1 ? i % d.bank_groups : 0, i);
            cycle = std::max(cycle, state.earliest(prev, bank));
            state.issue(prev, bank, cycle);
            history.push_back({prev, bank, cycle});
          }
          const int at = rule.window == 1 ? place_of_next(d, rule) : bank_number(d, 0, 0, d.bank_groups > 1 ? 3 : 0, 2);
          const std::int64_t bound = history.front().cycle + start_to_start(rule, prev, next, d);
          if (by_the_table(d, history, next, at) != bound) continue;
          binds = true;
          ++checked;
          const std::int64_t earliest = state.earliest(next, at);
          const auto ready = [&](std::int64_t t) { return t >= earliest; };
          EXPECT_FALSE(ready(bound - 1)) << rule.name << ": " << dram_command_names[static_cast<std::size_t>(p)] << " to "
                                         << dram_command_names[static_cast<std::size_t>(n)];
          EXPECT_TRUE(ready(bound)) << rule.name << ": " << dram_command_names[static_cast<std::size_t>(p)] << " to "
                                    << dram_command_names[static_cast<std::size_t>(n)] << ", earliest " << earliest - bound << " later";
        }
        EXPECT_TRUE(binds) << rule.name << " (" << rule.latency << ") never binds between " << dram_command_names[static_cast<std::size_t>(p)] << " and "
                           << dram_command_names[static_cast<std::size_t>(n)];
      }
    }
  }
  EXPECT_GT(checked, 100);
}

TEST_P(TimingRules, CompiledStateAgreesWithTheTable) {
  const DramStandard standard = GetParam();
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    arch::Dram d = plain_device(standard);
    for (auto& t : d.timings) t = random.integer(1, random.chance(0.2) ? 200 : 30);
    d.burst_cycles = static_cast<int>(random.integer(1, 8));
    TimingState state(d, all_commands);
    std::vector<Issued> history;
    std::int64_t now = 1000;
    for (int i = 0; i < 60; ++i) {
      const auto command = static_cast<DramCommand>(random.integer(0, dram_command_count - 1));
      const int bank = static_cast<int>(random.integer(0, d.banks_per_channel() - 1));
      now = std::max(now, state.earliest(command, bank)) + random.integer(0, random.chance(0.2) ? 50 : 0);
      state.issue(command, bank, now);
      history.push_back({command, bank, now});
      for (int probe = 0; probe < 12; ++probe) {
        const auto next = static_cast<DramCommand>(random.integer(0, dram_command_count - 1));
        const int at = static_cast<int>(random.integer(0, d.banks_per_channel() - 1));
        ASSERT_EQ(std::max<std::int64_t>(state.earliest(next, at), now), std::max(by_the_table(d, history, next, at), now))
            << dram_command_names[static_cast<std::size_t>(next)] << " of bank " << at << " after " << i + 1 << " commands";
      }
    }
  }
}

TEST_P(TimingRules, LatenciesNameKnownTimingsOnly) {
  const arch::Dram d = plain_device(GetParam());
  for (const TimingRule& rule : timing_rules(GetParam())) {
    EXPECT_GT(evaluate(rule.latency, d), -100) << rule.name;
    EXPECT_FALSE(added_timings(rule.latency).empty()) << rule.latency;
    for (const DramTiming timing : added_timings(rule.latency)) {
      EXPECT_TRUE(arch::dram_timings()[static_cast<std::size_t>(timing)].known_for(GetParam())) << rule.name << ": " << rule.latency;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Standards, TimingRules,
                         testing::Values(DramStandard::ddr3, DramStandard::ddr4, DramStandard::ddr5, DramStandard::lpddr4, DramStandard::lpddr5,
                                         DramStandard::hbm2, DramStandard::hbm3),
                         [](const auto& at) { return arch::dram_standard_names()[static_cast<std::size_t>(at.param)]; });

}  // namespace
}  // namespace gnomon::sim
