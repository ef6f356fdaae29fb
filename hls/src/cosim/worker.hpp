#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cosim/driver.hpp"

namespace gnomon::hls {

/// Everything that a child needs for one work step; the tensors and folds go beside it as files.
struct WorkerJob {
  std::string library;
  std::string trace;
  ArrayParameters array;
  Operands operands;
  std::vector<Fold> folds;
  DriveOptions drive;
  double cpu_seconds = 900;
  /// For a run in the system: the design and the mapping of the one step as JSON; empty without.
  std::string design_json, mapping_json;
  std::int64_t core = 0;
  bool trace_in_system = false;  ///< the trace is of the run in the system
};

/// The job as files of a folder, and back.
Expected<void> write_job(const WorkerJob& job, const std::filesystem::path& folder);
Expected<WorkerJob> read_job(const std::filesystem::path& folder);

/// Geometry of a convolution as a list of numbers, and back.
std::vector<std::int64_t> window_numbers(const workloads::Convolution& c);
workloads::Convolution window_from(const std::vector<std::int64_t>& numbers);

/// Where RTL stood still or broke its protocol.
struct WorkerStop {
  std::int64_t cycle = -1;  ///< of the run alone, or of the one in the system; -1: no such place
  bool in_system = false;
};

/// Starts `worker` (program and first arguments) with a folder that holds the job, waits, and reads what it leaves there. A child
/// that crashes, uses up its CPU time or never ends gives an error and nothing else; one whose RTL stands still or breaks its protocol
/// says in `stop` where.
Expected<DriveResult> run_in_child(const WorkerJob& job, const std::vector<std::string>& worker, WorkerStop* stop = nullptr);

}  // namespace gnomon::hls
