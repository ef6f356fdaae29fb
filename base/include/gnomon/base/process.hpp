#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon {

struct ProcessOptions {
  std::string input;                ///< given on the child's stdin, which is then closed
  double wall_seconds = 0;          ///< 0: no limit; when it is over, the child's process group is killed
  std::filesystem::path folder;     ///< working folder; empty: ours
  std::size_t output_limit_bytes = std::size_t{16} << 20;  ///< of stdout and of stderr; a child that prints more is killed
};

struct ProcessResult {
  int exit_status = 0;  ///< exit code, or 128 + signal
  bool timed_out = false;
  bool too_much_output = false;
  std::string out, err;
};

/// Runs a program found on PATH with exactly these arguments (never a shell) and waits for it.
/// The child is killed where this process dies, by whatever signal; what the child itself has started is not.
/// Error (run_failed): it cannot be started. A non-zero exit status is a result, not an error.
Expected<ProcessResult> run_process(const std::vector<std::string>& arguments, const ProcessOptions& options = {});

/// Full path of a program on PATH; empty if there is none.
std::filesystem::path find_program(const std::string& name);

/// Full path of the program that runs.
std::filesystem::path this_program();

}  // namespace gnomon
