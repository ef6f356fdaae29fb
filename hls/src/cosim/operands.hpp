#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gnomon/arch/lowering.hpp"
#include "gnomon/base/error.hpp"

namespace gnomon::hls {

/// The value in two's complement of `bits` (1 to 64) bits, sign-extended.
std::int64_t wrap(std::uint64_t value, int bits);

/// Operands of `g` products of M x K by K x N as the workload has them: for a convolution the images (batch, channel, row,
/// column) and the filters (filter, channel of its group, row, column), whose pixels are gathered (zero padding included) as the
/// array asks for them; else [g][m][k] and [g][k][n].
struct Operands {
  std::int64_t extent[arch::dim_count] = {1, 1, 1, 1};
  std::optional<workloads::Convolution> window;
  std::vector<std::int32_t> ifmap, filter;

  std::int64_t size(arch::Dim dim) const { return extent[static_cast<int>(dim)]; }
  std::int64_t outputs() const { return size(arch::Dim::g) * size(arch::Dim::m) * size(arch::Dim::n); }
};

/// Elements that the two operands have; what is asked for must agree with the extents. Unsupported: transposed windows, and more
/// than 2^27 elements in a tensor.
Expected<Operands> empty_operands(const arch::ArrayWork& work);
/// Uniform over the whole range of signed `bits`-bit numbers.
void fill_random(Operands& operands, int bits, std::uint64_t seed);

/// The ifmap column of row elements: where (g, m, k) lies in `ifmap`, or -1 for padding.
class IfmapAddress {
 public:
  explicit IfmapAddress(const Operands& operands) : operands_(operands) {}
  /// What only m decides, for one lane.
  struct Row {
    std::int64_t base = 0, y = 0, x = 0;
  };
  /// What only k decides.
  struct Tap {
    std::int64_t base = 0, y = 0, x = 0;
  };
  Row row(std::int64_t g, std::int64_t m) const;
  Tap tap(std::int64_t k) const;
  std::int64_t operator()(const Row& row, const Tap& tap) const;

 private:
  const Operands& operands_;
};
/// Where (g, k, n) lies in `filter`.
std::int64_t filter_index(const Operands& operands, std::int64_t g, std::int64_t k, std::int64_t n);

/// The products by the definition, in 64-bit integers cut to `accumulator_bits`: [g][m][n]. A convolution is computed as one
/// (sliding window over the images), not by way of the matrix product, so that it also checks the gathering.
std::vector<std::int64_t> reference_outputs(const Operands& operands, int accumulator_bits);

}  // namespace gnomon::hls
