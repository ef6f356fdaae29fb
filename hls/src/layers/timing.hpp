#pragma once

#include <vector>

#include "layers/build.hpp"

namespace gnomon::hls {

struct PortCycles {
  std::int64_t first_input = 0, longest_silence = 0;  ///< cycles without a handshake at a port
  std::vector<std::int64_t> inference_ends;  ///< cycle of the last output beat of each
};
Expected<PortCycles> port_cycles(const BuiltNetwork& built, int inferences, double stall, std::uint64_t seed);
Expected<NetworkCycles> network_cycles(const BuiltNetwork& built, int inferences, double stall, std::uint64_t seed);

}  // namespace gnomon::hls
