#pragma once

#include <utility>
#include <vector>

#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// For every op, ends of an interval that holds its stored value whatever the inputs are.
std::vector<std::pair<Wide, Wide>> value_ranges(const Kernel& kernel);

}  // namespace gnomon::hls
