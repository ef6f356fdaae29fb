#pragma once

#include <cstdint>
#include <vector>

namespace gnomon::hls {

/// Symmetric, per tensor, power-of-two scale (the least that saturates nothing), round half to even.
std::vector<std::int32_t> quantise(const std::vector<float>& values, int bits);

}  // namespace gnomon::hls
