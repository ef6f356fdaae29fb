#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/arch/dram.hpp"
#include "gnomon/sim/dram_log.hpp"

namespace gnomon::sim {

/// Where a rule holds: between commands that share this part of the memory.
enum class DramLevel { bank, bank_group, rank, pseudo_channel, channel };
inline constexpr int dram_level_count = 5;
/// `same`: the two commands share the part named by the level. `other_rank`: they share it, and go to different ranks.
enum class DramSibling { same, other_rank };

using CommandMask = std::uint32_t;
constexpr CommandMask mask(DramCommand c) { return CommandMask{1} << static_cast<int>(c); }
template <class... C>
constexpr CommandMask mask(DramCommand c, C... more) {
  return mask(c) | mask(more...);
}

/// One timing rule: a command of `next` may come no earlier than `latency` cycles after a command of `prev` (with `window` w: after the w-th last one).
///
/// `latency` is a sum of timing names, `burst` (cycles of data) and numbers, as "CWL + burst + tWR". It counts from the
/// reference clock of `prev` to that of `next` (`reference_clock`).
struct TimingRule {
  std::string_view name;
  DramLevel level;
  CommandMask prev, next;
  std::string_view latency;
  int window = 1;
  DramSibling sibling = DramSibling::same;
};

/// The rules of a standard; everything about its timing follows from here. Sources: JESD79-3F, JESD79-4C, JESD79-5B, JESD209-4C, JESD209-5B,
/// JESD235D, JESD238A.
std::span<const TimingRule> timing_rules(arch::DramStandard standard);

/// Clocks that a command takes on its command bus.
int command_clocks(arch::DramStandard standard, DramCommand command);
/// Of a command of several clocks, the one from which times count, from 0: the last, but in ddr5 the first (where CS_n is low).
int reference_clock(arch::DramStandard standard, DramCommand command);
/// HBM has one bus for column commands (RD, WR) and one for all others.
bool has_two_command_buses(arch::DramStandard standard);
constexpr bool is_column(DramCommand c) {
  return (mask(c) & mask(DramCommand::RD, DramCommand::RDA, DramCommand::WR, DramCommand::WRA)) != 0;
}
/// Cycles from the first clock of a RD or WR command to its first data beat.
std::int64_t data_delay(const arch::Dram& dram, bool write);

/// Value of a latency expression; unknown names are a defect of the table and end the program.
std::int64_t evaluate(std::string_view latency, const arch::Dram& dram);
/// From first clock to first clock, for one pair of commands.
std::int64_t start_to_start(const TimingRule& rule, DramCommand prev, DramCommand next, const arch::Dram& dram);

}  // namespace gnomon::sim
