#pragma once

#include <cstdint>
#include <string>

#include "gnomon/hls/layers.hpp"

namespace gnomon::hls {

struct ValueType {
  bool is_signed = true;
  int bits = 8;
};
/// Stored type of a layer's outputs: what is never negative has no sign bit.
ValueType activation_type(const Layer& layer, int bits);

/// Tables of at most 1024 entries over the upper bits of the input: `tanh`, `sigmoid` (index signed), `exp` of minus a distance in [0, 2).
int table_index_bits(const std::string& function, int bits);
std::int64_t table_value(const std::string& function, int bits, std::int64_t index);
/// 1 / sum of a softmax: sums of X-bit fractions, `sum_bits` wide, to X-bit fractions.
int inverse_index_bits(int sum_bits);
std::int64_t inverse_value(int bits, int sum_bits, std::int64_t index);

}  // namespace gnomon::hls
