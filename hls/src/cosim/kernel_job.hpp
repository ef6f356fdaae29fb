#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gnomon/hls/emit.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// One port of a compiled kernel and what goes through it in all runs together.
struct KernelPort {
  std::string name;
  bool is_signed = false;
  std::int64_t bits = 1;
  std::vector<std::int64_t> values;  ///< inputs: given; outputs: taken
  std::vector<std::int64_t> cycles;  ///< outputs: in which each was taken, from the end of the reset
  std::int64_t expected = 0;         ///< outputs: elements
};

/// A kernel (one of several in one model, told apart by the prefix of its ports) and what its ports bring.
struct KernelDrive {
  std::string prefix;
  std::vector<KernelPort> inputs, outputs;
  std::string seed;
  double stall = 0;
  std::int64_t max_cycles = 0;
  std::int64_t patience_cycles = 0;  ///< without a handshake at any port before the kernel counts as stuck
  bool tells_status = false;         ///< the RTL is that of observed()
  // Results.
  std::int64_t busy_cycles = 0, first_input = -1, last_output = -1, first_busy = -1, surplus = 0;
  std::string stuck;  ///< what waited when nothing moved any more or the cycles were over; empty: all outputs came
  std::int64_t stuck_cycle = -1;
  std::vector<std::int64_t> status;  ///< then, where the RTL tells it
};

struct KernelJob {
  std::string library, trace, record;
  std::int64_t trace_from = 0, trace_to = std::int64_t{1} << 62, record_cycles = 0;
  double cpu_seconds = 900;
  std::vector<KernelDrive> kernels;
};

/// Chance-based, the same for the driver and the timing model: whether a port takes no part in a cycle.
bool withheld(std::uint64_t seed, double stall, const std::string& port, std::int64_t cycle);

/// Starts the child, waits, and fills in the results.
Expected<void> run_kernel_job(KernelJob& job, const std::vector<std::string>& worker);
/// The child's side: whether the folder holds such a job, and doing it.
bool holds_kernel_job(const std::filesystem::path& folder);
Expected<void> do_kernel_job(const std::filesystem::path& folder);

}  // namespace gnomon::hls
