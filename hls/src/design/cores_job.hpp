#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cosim/model.hpp"
#include "design/job.hpp"

namespace gnomon::hls {

/// A run of the compiled RTL of several cores at one memory, in a child process.
struct CoresJob {
  struct Core {
    std::string name;
    std::size_t index = 0;  ///< in the design
    std::vector<std::size_t> steps;  ///< of the whole run, in the core's order
    DesignJob job;                   ///< its memory stays empty
  };
  std::vector<Core> cores;
  std::vector<std::string> labels;               ///< of all work steps
  std::vector<std::vector<std::size_t>> after;   ///< by work step: earlier steps, of other cores, that must have ended before
  std::vector<std::int32_t> memory;              ///< words, as the run finds and (result) leaves them
  std::string design;                            ///< as JSON
  std::int64_t max_cycles = 0, patience_cycles = 1;
  double cpu_seconds = 900;
};

Expected<void> run_cores_job(CoresJob& job, const std::vector<std::string>& worker);
bool holds_cores_job(const std::filesystem::path& folder);
Expected<void> do_cores_job(const std::filesystem::path& folder);

/// Runs the cores on loaded models, by core, at the design's memory (docs/microarchitecture.md sections 6 and 7): who may begin a work step, and whose transfer goes first. Fills in the results
/// of each core; those that do not come to their end say so in `stuck`.
Expected<void> drive_cores(std::vector<LoadedModel>& models, CoresJob& job);

}  // namespace gnomon::hls
