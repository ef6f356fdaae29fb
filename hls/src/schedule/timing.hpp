#pragma once

#include <functional>
#include <string>
#include <vector>

#include "schedule/datapath.hpp"

namespace gnomon::hls {

/// Whether a port does not take part in a cycle (cycles count from the end of reset).
using Withheld = std::function<bool(const std::string& port, std::int64_t cycle)>;

struct Timing {
  std::int64_t compute_cycles = 0;  ///< `busy`, without the cycle in which the end is noticed, all runs together
  std::int64_t first_input = -1, last_output = -1;  ///< cycles of handshakes
  /// First input beat to last output beat, ends included; from the first busy cycle where there is no input.
  std::int64_t total_cycles = 0;
  std::int64_t longest_silence_cycles = 0;  ///< without a handshake at any port, from the end of the reset on
};

/// Cycles of a kernel from its schedule alone, handshake by handshake; `traces` (one per run, of the datapath's kernel) say what the
/// data decided. Errors: a deadlock, naming who waits for which
/// stream; unsupported: more than `max_cycles`.
Expected<Timing> simulate_timing(const Datapath& datapath, const std::vector<ControlTrace>& traces, const Withheld& withheld,
                                 std::int64_t max_cycles = std::int64_t{1} << 32);

}  // namespace gnomon::hls
