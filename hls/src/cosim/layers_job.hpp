#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::hls {

/// One stream of vectors into compiled RTL and one out of it: ports in_valid, in_ready, in_data, out_valid, out_ready, out_data.
struct LayersJob {
  std::string library, trace, record, seed = "1";
  std::int64_t trace_from = 0, trace_to = std::int64_t{1} << 62, record_cycles = 0;
  double stall = 0, cpu_seconds = 900;
  std::int64_t patience_cycles = 0;  ///< without a handshake at a port before the network counts as stuck
  bool tells_status = false;         ///< the RTL is that of observed()
  std::int64_t in_bits = 1, in_elements = 1, out_bits = 1, out_elements = 1, out_beats = 1, max_cycles = 1;
  bool out_signed = true;
  std::vector<std::int64_t> inputs;
  // Results.
  std::vector<std::int64_t> outputs, beat_cycles;  ///< cycles from the end of the reset
  std::int64_t first_input = 0, last_output = -1, surplus = 0;
  std::string stuck;              ///< what stood at the ports when nothing moved any more or the cycles were over; empty: all outputs came
  std::int64_t last_moved = 0;    ///< cycle of the last handshake at a port
  std::vector<std::int64_t> status;  ///< then, where the RTL tells it
};

/// Starts the child, waits, and fills in the results.
Expected<void> run_layers_job(LayersJob& job, const std::vector<std::string>& worker);
/// The child's side.
bool holds_layers_job(const std::filesystem::path& folder);
Expected<void> do_layers_job(const std::filesystem::path& folder);

}  // namespace gnomon::hls
