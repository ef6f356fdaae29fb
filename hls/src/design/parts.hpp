#pragma once

#include <cstdint>

#include "gnomon/hls/design.hpp"
#include "gnomon/workloads/graph.hpp"

namespace gnomon::hls {

/// What a workload needs of the RTL, its mapping apart.
WorkloadParts parts_of(const workloads::Graph& graph);
/// The window of a convolution leaves out rows or columns between its taps, or windows leave them out between each other.
bool leaves_out(const workloads::Convolution& conv);
/// The window of a pooling leaves out rows or columns between its taps.
bool is_dilated(const workloads::Pooling& pooling);
/// The largest number of elements that the sum of a window is divided by, where the windows of a mean differ in it; 0: all have the same, or it is no mean.
std::int64_t most_counted(const workloads::Graph& graph, const workloads::Operator& op);

}  // namespace gnomon::hls
