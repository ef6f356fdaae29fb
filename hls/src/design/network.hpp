#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "cosim/operands.hpp"
#include "gnomon/arch/lowering.hpp"
#include "gnomon/base/error.hpp"
#include "gnomon/workloads/graph.hpp"

namespace gnomon::hls {

/// What an operator's integers need beyond its inputs.
struct OperatorNumbers {
  std::vector<std::int32_t> weights;  ///< convolution: [filter][channel][row][column]; product: [batch][k][n]
  std::vector<std::int64_t> bias;     ///< by output column of the product, over all groups; empty: none
  int shift = 0;                      ///< bits that results are scaled down by
  std::int64_t factor = 1;            ///< mean of a window: the sum is multiplied by it first
  bool counted = false;               ///< mean: by a factor of each window's own number of elements instead
};

/// A network in integers, and what comes out of it.
struct Network {
  std::map<workloads::OperatorId, OperatorNumbers> numbers;
  std::map<workloads::TensorId, std::vector<std::int32_t>> values;  ///< of every tensor that is no constant
};

/// Runs the graph operator by operator in integers of `bits` bits with sums of `accumulator_bits`: the golden interpreter of complete
/// designs. It knows nothing of mappings, tiles and fusion.
///
/// Graph inputs, weights and biases are seeded noise; filters of convolutions whose values the model holds are those, quantised. Sums are scaled
/// down by a power of two (round half to even, saturating) chosen from their root mean square, so that values stay meaningful. Padding of a
/// largest-of-window counts as nothing. A mean of n elements is the sum of those in the image, times 65536 / n rounded, scaled down by 2^16; n counts the
/// window's elements in the image or, with count_include_pad, in image and padding (not those behind it, where sizes were rounded up); of none it is 0. Unsupported operators are refused, each by name.
Expected<Network> interpret_network(const workloads::Graph& graph, int bits, int accumulator_bits, std::uint64_t seed);

/// value / 2^shift, half to even, saturated to `bits` bits.
std::int32_t scaled_down(std::int64_t value, int shift, int bits);

/// Batch, channels, height and width of a pooling's input or output; with one axis, an image of one row.
std::vector<std::int64_t> image_shape(const workloads::Tensor& tensor);

/// The array work of a convolution or matrix product.
arch::ArrayWork array_work(const workloads::Operator& op);

}  // namespace gnomon::hls
