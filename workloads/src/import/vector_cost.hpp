#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "gnomon/workloads/graph.hpp"

namespace gnomon::workloads {

/// Scalar operations per output element of an element-wise operator; nothing where the operator is not one.
/// `operands`: how many tensors are combined (Sum, Max, Min and Mean take any number).
std::optional<std::int64_t> elementwise_cost(std::string_view type, std::size_t operands);

/// Scalar operations per element of the normalised tensor, and per row (or group) over which statistics are taken.
struct RowCost {
  std::int64_t per_element = 0;
  std::int64_t per_row = 0;
};
std::optional<RowCost> normalization_cost(std::string_view type);
std::optional<RowCost> softmax_cost(std::string_view type);
/// Per input element, and per output element.
std::optional<RowCost> reduction_cost(std::string_view type);

/// Local response normalisation over a window of `size` channels, per element.
std::int64_t lrn_cost(std::int64_t size);
/// Scaling, mask and softmax of one score of an attention.
std::int64_t attention_score_cost(bool masked);
/// Comparisons that one element costs where the k largest are kept in a heap.
std::int64_t heap_levels(std::int64_t k);
/// Interpolated resampling, per output element: taps multiplied and added.
std::int64_t interpolation_cost(std::int64_t taps);

}  // namespace gnomon::workloads
