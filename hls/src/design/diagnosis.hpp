#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "design/shape.hpp"
#include "gnomon/hls/emit.hpp"

namespace gnomon::hls {

/// The RTL of a complete design with a port `status` that tells the fill of its queues, what each unit is about to do and the counters that it waits for. For
/// diagnosis only: what users and synthesis get has none.
Rtl observed_design(const DesignShape& shape, Rtl rtl);

/// What that port says, in words: which unit waits for what, which queues are full and empty. Empty for a status of another design.
std::string standing_of_design(const DesignShape& shape, const std::vector<std::int64_t>& status);

}  // namespace gnomon::hls
