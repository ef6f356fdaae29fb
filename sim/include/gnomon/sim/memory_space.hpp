#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gnomon/arch/dram.hpp"
#include "gnomon/arch/label_table.hpp"
#include "gnomon/arch/space_table.hpp"
#include "gnomon/sim/dram.hpp"

namespace gnomon::sim {

/// The controller space of ArchGym's DRAM environment (arXiv 2306.08888; value lists of its ant colony set-up): page policy 4, scheduler 3, buffer 3,
/// buffer size 1..8, response queue 2, refresh 2 (none, all_bank), refreshes put off 1..8 and pulled in 1..8, arbiter 3, active transactions 8
/// powers of two: 1,769,472 points. Names as in a memory file, `controller.page_policy` and so on.
std::vector<arch::SpaceTable::Axis> memory_space_axes();

/// Why a point has the outcome of another that was simulated.
struct FoldRule {
  std::string name;
  std::int64_t folded = 0;   ///< points that it (perhaps with others) folds
  std::int64_t checked = 0;  ///< of these, simulated all the same
};

struct MemorySpaceOptions {
  int jobs = 1;
  /// Folded points of each rule that are simulated all the same and must agree.
  std::int64_t check = 2000;
  std::uint64_t seed = 1;
  /// Where finished parts are kept until the table is whole; a run that finds it goes on. Empty: nothing is kept.
  std::filesystem::path partial;
  /// Told after each part: parts done, of how many, simulations so far. From one thread at a time.
  std::function<void(std::int64_t, std::int64_t, std::int64_t)> progress;
  /// Set from outside: stops between simulations with `interrupted`; the finished parts stay.
  const std::atomic<bool>* stop = nullptr;
};

struct MemorySpaceResult {
  arch::SpaceTable table;
  std::int64_t simulations = 0;  ///< of this run; checks apart
  std::int64_t resumed = 0;      ///< records that an interrupted run had left
  std::vector<FoldRule> rules;
};

/// Evaluates the whole space for a trace on a device: metrics `cycles`, `energy_pj` (to 1 pJ; 0 without currents), `read_latency_sum_cycles`, `refresh_missing`.
///
/// A run stands for every point of which it proves the same outcome: without refresh the refresh parameters do not matter; the simple arbiter
/// has no limit of transactions; a readwrite buffer has eight entries for all eight sizes; a limit that was never met stands for all looser ones, and for tighter ones down to the peak; where no answer
/// and no request overtook another, fifo and reorder are one. Results do not depend on `jobs` or on interruptions.
/// Errors: those of the trace; a folded point that does not agree (run_failed, with the point).
Expected<MemorySpaceResult> evaluate_memory_space(const arch::DramSpec& device, const std::vector<TraceRequest>& trace, const std::string& trace_name,
                                                  const MemorySpaceOptions& options);

/// Distinct points of such a table, drawn by the seed, as rows to learn from: the ten parameters; what they come to (`entries` of the request buffer in
/// all, per bank, `in_flight` at most, refreshes `owed` and `early`, 0 without refresh); the labels `total_time_us`, `energy_uj`, `power_mw`, `read_latency_cycles` (mean over all
/// requests), `refresh_missing`. The table must be indexed. Errors: a table of another space, more rows than points.
Expected<arch::LabelTable> memory_space_rows(const arch::SpaceTable& table, std::int64_t count, std::uint64_t seed);

}  // namespace gnomon::sim
