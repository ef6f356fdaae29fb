#include "design/parts.hpp"

#include <algorithm>

#include "design/network.hpp"
#include "emit/text.hpp"

namespace gnomon::hls {

bool is_dilated(const workloads::Pooling& p) { return (p.kernel[0] > 1 && p.dilation[0] > 1) || (p.kernel[1] > 1 && p.dilation[1] > 1); }

bool leaves_out(const workloads::Convolution& c) {
  const auto along = [&](std::size_t axis) { return c.kernel[axis] > 1 && (c.dilation[axis] > 1 || c.kernel[axis] < c.stride[axis]); };
  return along(0) || along(1);
}

std::int64_t most_counted(const workloads::Graph& graph, const workloads::Operator& op) {
  if (op.type != "AveragePool" || !op.pooling) return 0;
  const workloads::Pooling& p = *op.pooling;
  const auto in = image_shape(graph.tensor(op.inputs[0])), out = image_shape(graph.tensor(op.outputs[0]));
  std::int64_t product = 1;
  bool differ = false;
  for (std::size_t axis = 0; axis < 2; ++axis) {
    std::int64_t least = p.kernel[axis], most = 0;
    for (std::int64_t o = 0; o < out[2 + axis]; ++o) {
      // Taps from the first one at or behind the beginning of what counts to the last one before its end.
      const std::int64_t before = p.count_include_pad ? p.pad_begin[axis] : 0, behind = p.count_include_pad ? p.pad_end[axis] : 0;
      const std::int64_t to_begin = p.pad_begin[axis] - before - o * p.stride[axis], to_end = in[2 + axis] + behind + p.pad_begin[axis] - o * p.stride[axis];
      const std::int64_t first = to_begin > 0 ? (to_begin + p.dilation[axis] - 1) / p.dilation[axis] : 0;
      const std::int64_t end = to_end > 0 ? std::min(p.kernel[axis], (to_end + p.dilation[axis] - 1) / p.dilation[axis]) : 0;
      least = std::min(least, std::max<std::int64_t>(0, end - first));
      most = std::max(most, end - first);
    }
    product *= most;
    differ = differ || least != most;
  }
  return differ ? std::max<std::int64_t>(1, product) : 0;
}

WorkloadParts parts_of(const workloads::Graph& graph) {
  WorkloadParts parts;
  for (const workloads::OperatorId id : graph.order()) {
    const workloads::Operator& op = graph.op(id);
    if (op.op_class == workloads::OpClass::convolution) {
      parts.images = parts.images || op.conv->batch > 1;
      parts.spread = parts.spread || leaves_out(*op.conv);
    } else if (op.op_class == workloads::OpClass::pooling && op.pooling) {
      parts.spread = parts.spread || is_dilated(*op.pooling);
      if (const std::int64_t most = most_counted(graph, op); most > 0) parts.mean_log = std::max(parts.mean_log, (bits_for(most) + 1) / 2 * 2);
    }
  }
  return parts;
}

}  // namespace gnomon::hls
