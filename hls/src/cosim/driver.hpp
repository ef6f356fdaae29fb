#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cosim/folds.hpp"
#include "cosim/model.hpp"
#include "cosim/operands.hpp"
#include "gnomon/hls/cosim.hpp"

namespace gnomon::hls {

struct DriveOptions {
  double stall = 0;  ///< chance, per stream and cycle, that an operand is late or a result is not taken
  std::uint64_t seed = 1;
  std::int64_t max_cycles = 0;
  std::int64_t trace_from = 0, trace_to = std::int64_t{1} << 62;
  /// A file for the values at all ports in the first `record_cycles` cycles (see testbench.hpp), or empty.
  std::string record;
  std::int64_t record_cycles = 0;
};

struct DriveResult {
  std::vector<std::int64_t> outputs;  ///< [g][m][n], what left the array
  std::int64_t rtl_cycles = 0;        ///< first operand beat taken to last result beat, ends included
  std::int64_t stalls_injected = 0;   ///< cycles in between in which a withheld stream held the array
  std::vector<std::int64_t> output_cycles;  ///< [g][m][n], when it left, from the end of the reset
  std::optional<CosimSystem> system;  ///< where it was asked for; mismatches count against `outputs`
};

/// Feeds the folds through the streams of a compiled array and collects what comes out; `accumulate` folds get back what came
/// out before. Whether a withheld stream holds the array is found from outside: all streams are offered for a moment, and what
/// the array would take is looked at. Lanes beyond a fold's rows and columns carry noise. Errors: nothing moves for long (which
/// streams wait is said), more than `max_cycles`, results that nobody asked for, beats taken while the array is held. With such an error `stop_cycle` gets the cycle in which a stream
/// moved last, or the protocol was broken.
Expected<DriveResult> drive_array(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands,
                                  const std::vector<Fold>& folds, const DriveOptions& options, std::int64_t& stop_cycle);

}  // namespace gnomon::hls
