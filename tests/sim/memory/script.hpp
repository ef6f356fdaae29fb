#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/sim/dram_checker.hpp"

/// Command sequences written by hand, and what the checker says of them.
namespace gnomon::sim::test {

struct Place {
  int bank_group = 0, bank = 0;
  std::uint32_t row = 0, column = 0;
  int rank = 0;
};

/// Clocks from a command's first to the one from which the standard counts: stated here once more, from the standards' command tables.
inline std::int64_t reference_clock(arch::DramStandard standard, DramCommand command) {
  using S = arch::DramStandard;
  using C = DramCommand;
  const bool column = command == C::RD || command == C::RDA || command == C::WR || command == C::WRA;
  const bool pin = command == C::PDE || command == C::PDX;
  if (standard == S::lpddr4) return pin ? 0 : command == C::ACT || column ? 3 : 1;
  if (standard == S::lpddr5 || standard == S::hbm2 || standard == S::hbm3) return command == C::ACT ? 1 : 0;
  return 0;
}

class Script {
 public:
  explicit Script(const arch::Dram& dram) : dram_(dram) {}

  /// In this cycle.
  Script& at(std::int64_t cycle, DramCommand command, const Place& place = {}) {
    DramLogRecord r;
    r.cycle = static_cast<std::uint64_t>(cycle);
    r.command = command;
    r.rank = static_cast<std::uint8_t>(place.rank);
    r.bank_group = static_cast<std::uint8_t>(place.bank_group);
    r.bank = static_cast<std::uint8_t>(place.bank);
    r.row = place.row;
    r.column = place.column;
    records_.push_back(r);
    return *this;
  }
  /// `gap` clocks after the command that was written as number `earlier` (from 0), counted as the standard counts.
  Script& after(std::size_t earlier, std::int64_t gap, DramCommand command, const Place& place = {}) {
    return at(cycle_after(earlier, gap, command), command, place);
  }
  std::int64_t cycle_after(std::size_t earlier, std::int64_t gap, DramCommand command) const {
    const DramLogRecord& e = records_.at(earlier);
    return static_cast<std::int64_t>(e.cycle) + reference_clock(dram_.standard, e.command) + gap - reference_clock(dram_.standard, command);
  }
  std::size_t size() const { return records_.size(); }
  std::vector<DramLogRecord>& records() { return records_; }

  std::optional<DramViolation> verdict(bool refresh_rate = false) const {
    DramChecker checker(dram_, {refresh_rate});
    for (const DramLogRecord& r : records_) checker.record(r);
    return checker.report().violation;
  }

 private:
  const arch::Dram& dram_;
  std::vector<DramLogRecord> records_;
};

}  // namespace gnomon::sim::test
