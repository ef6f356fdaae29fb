#pragma once

#include "schedule/datapath.hpp"

namespace gnomon::hls {

/// Storage and banks of every tensor by the directives: registers where a bank would have one element, RAM elsewhere.
std::vector<Memory> place_memories(const Kernel& kernel);

}  // namespace gnomon::hls
