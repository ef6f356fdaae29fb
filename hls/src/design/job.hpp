#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "design/program.hpp"

namespace gnomon::hls {

/// A run of a complete design's compiled RTL, in a child process.
struct DesignJob {
  std::string library, trace;
  DesignProgram program;
  std::vector<std::int32_t> memory;  ///< words, as the run finds and (result) leaves them
  std::int64_t word_bits = 8, lanes = 1, bias_words = 4096, latency_cycles = 0, max_cycles = 0;
  std::int64_t trace_from = 0, trace_to = std::int64_t{1} << 62;
  double stall = 0, cpu_seconds = 900;
  std::uint64_t seed = 1;
  bool has_vector = false;
  std::string device;  ///< the design as JSON where its memory is a device; empty: an ideal one
  /// Where the ports are written down, for a replay; empty: nowhere.
  std::string record;
  std::int64_t record_cycles = 0;
  std::int64_t watched_word = -1;  ///< of the memory
  /// Cycles without any movement at the ports after which the run counts as stuck; and whether the RTL has a port that tells what waits (diagnosis.hpp).
  std::int64_t patience_cycles = 1;
  bool tells_status = false;
  // Results.
  std::vector<std::int64_t> ends;  ///< by work step: the cycle, counted from the first one of the run, in which it has ended
  std::vector<std::int64_t> begins;  ///< the same for its beginning; only of one core among several
  std::int64_t stalled = 0;        ///< cycles in which a port of the memory or of the program was held back
  std::int64_t watched_cycle = -1; ///< the last in which the watched word was written
  std::string stuck;               ///< why the run did not come to its end; empty: it did
  std::int64_t stuck_cycle = -1;   ///< in which something moved last, or the RTL did what it may not
  std::vector<std::int64_t> status;
};

Expected<void> run_design_job(DesignJob& job, const std::vector<std::string>& worker);
/// A job's files in a folder, and what the run leaves of them there. `memory`: where words lie in no other job's.
Expected<void> write_design_job(DesignJob& job, const std::filesystem::path& folder, bool memory = true);
Expected<DesignJob> read_design_job(const std::filesystem::path& folder, bool memory = true);
Expected<void> write_design_result(DesignJob& job, const std::filesystem::path& folder, bool memory = true);
Expected<void> read_design_result(DesignJob& job, const std::filesystem::path& folder, bool memory = true);
bool holds_design_job(const std::filesystem::path& folder);
Expected<void> do_design_job(const std::filesystem::path& folder);

}  // namespace gnomon::hls
