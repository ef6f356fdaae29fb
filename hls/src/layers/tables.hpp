#pragma once

#include <cstdint>
#include <string>

#include "gnomon/hls/layers.hpp"

namespace gnomon::hls {

struct ValueType {
  bool is_signed = true;
  int bits = 8;
};
inline ValueType stored(const NumberType& type) { return {type.is_signed, type.bits}; }

/// Tables of at most 1024 entries over the upper bits of a value of type `in`.
int table_index_bits(const std::string& function, int bits);
/// `tanh` and `sigmoid`, rounded and clamped to `out`.
std::int64_t table_value(const std::string& function, const NumberType& in, const NumberType& out, std::int64_t index);
/// exp of minus a distance between values of type `in`, as a fraction of as many bits.
std::int64_t exponential(const NumberType& in, std::int64_t index);
/// 1 / sum of a softmax: sums of X-bit fractions, `sum_bits` wide, to X-bit fractions.
int inverse_index_bits(int sum_bits);
std::int64_t inverse_value(int bits, int sum_bits, std::int64_t index);

}  // namespace gnomon::hls
