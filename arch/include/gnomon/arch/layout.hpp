#pragma once

#include <cstdint>
#include <vector>

#include "gnomon/arch/lowering.hpp"
#include "gnomon/arch/mapping.hpp"

namespace gnomon::arch {

/// A contiguous piece of an operand's tensor in the memory, from the tensor's first byte.
struct ByteRun {
  std::uint64_t offset = 0;
  std::int64_t bytes = 0;
  bool operator==(const ByteRun&) const = default;
};

/// Bytes that an operand's whole tensor takes in the memory.
std::int64_t stored_bytes(const ArrayWork& work, Operand operand, int bits);

/// Where a tile lies in its operand's tensor: contiguous pieces, ascending, neighbours merged.
///
/// Tensors are dense and row-major. Convolution: ifmap [image][channel][row][column] without padding, filter [group][filter][channel and taps],
/// ofmap [image][group][filter][row and column]. Other products: ifmap [batch][m][k], filter [batch][k][n], ofmap [batch][m][n].
/// Of a convolution's ifmap tile, the rows that are touched and, in them, the columns from the first to the last one touched: where a stride
/// leaves columns out in between, a burst covers them anyway. An element of a fraction of a byte takes the bytes that it lies in.
void memory_runs(const ArrayWork& work, Operand operand, const TileRange& range, int bits, std::vector<ByteRun>& out);

}  // namespace gnomon::arch
