#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "layers/build.hpp"

namespace gnomon::hls {

/// The network's RTL with one more output, `status`: for every stage 32 bits of its handshakes, of the beats that it took, and of those that it gave. For a second run that tells
/// why the first stood still; RTL for users and for synthesis has no such port.
Rtl observed(const BuiltNetwork& network);

/// What `status` says: which stream between which stages is blocked, and which streams are full and which empty.
std::string standing(const BuiltNetwork& network, int inferences, const std::vector<std::int64_t>& status);

}  // namespace gnomon::hls
