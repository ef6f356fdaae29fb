#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/dram.hpp"
#include "gnomon/base/error.hpp"
#include "gnomon/sim/dram_log.hpp"

/// An independent witness of DRAM command sequences: it replays a command log against a device's timings, by rules written down from the JEDEC
/// standards (JESD79-3F, 79-4, 79-5, 209-4, 209-5, 235, 238). It shares no rule, table or code with the model that makes the logs.
///
/// Times between commands of several clocks are counted between their last clocks, as the standards draw them (DDR5: their first). Where a standard leaves a value to
/// the vendor or to the mode registers, the rule takes the device's value, or the least that any mode allows; so a controller may wait longer
/// than the checker demands, but never less. Not checked: mode registers, ZQ calibration, on-die termination, row hammer, slow power-down exit.
namespace gnomon::sim {

/// The first thing that a log does which the standard forbids.
struct DramViolation {
  /// `tRCD`, `tFAW`, ... by the standards' names; `data bus`, `command bus`, `time order`, `address` and states (`ACT on an open bank`, ...).
  std::string rule;
  /// Which record, from 0.
  std::uint64_t index = 0;
  DramLogRecord command;
  /// The command that forbids it, where there is one.
  std::optional<DramLogRecord> earlier;
  /// The least number of cycles between the two (counted as said above), and how many there were; both 0 where the rule is no time.
  std::int64_t needed_cycles = 0, found_cycles = 0;
  /// Rule, both commands with cycle and place, and the times, on one line.
  std::string text() const;
};

struct DramCheckOptions {
  /// Whether refreshes must come at their rate. A device's refresh may lag by the postponed ones of its controller and one that is under way, and
  /// may be ahead by those pulled in and one. Off for `refresh: none`.
  bool refresh_rate = true;
};

/// What a whole log came to.
struct DramCheckReport {
  std::uint64_t commands = 0;
  std::array<std::uint64_t, dram_command_count> by_command{};
  /// Of the last command.
  std::uint64_t last_cycle = 0;
  std::optional<DramViolation> violation;
};

/// Checks one run, command by command (each channel in time order), in memory that does not grow with the log. After the first violation it goes on
/// counting but checks no more.
class DramChecker : public DramLogSink {
 public:
  explicit DramChecker(const arch::Dram& dram, const DramCheckOptions& options = {});
  ~DramChecker() override;
  void record(const DramLogRecord& record) override;
  /// Ends the run: refreshes that are overdue at `end_cycle` (0: at the last command) are violations too.
  const DramCheckReport& finish(std::uint64_t end_cycle = 0);
  const DramCheckReport& report() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Names of all rules that the checker knows for a standard.
std::vector<std::string> dram_checker_rules(arch::DramStandard standard);

/// Streams a log file (`dram_log.hpp`) through the checker, against the memory in its header or, where given, another one. Errors: no such file, no
/// log, a memory that cannot be read, a last record cut off.
Expected<DramCheckReport> check_dram_log(const std::filesystem::path& path, const arch::Dram* dram = nullptr, const DramCheckOptions& options = {});

}  // namespace gnomon::sim
