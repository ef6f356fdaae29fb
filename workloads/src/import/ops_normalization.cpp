#include <algorithm>
#include <fmt/format.h>

#include "import/call.hpp"
#include "import/vector_cost.hpp"

namespace gnomon::workloads::import {
namespace {

void priced(Call& call, std::int64_t rows) {
  const RowCost cost = *normalization_cost(call.node.type);
  call.op.op_class = OpClass::normalization;
  call.op.vector_ops = plus(times(elements(call.shape(0)), cost.per_element), times(rows, cost.per_row));
}

void need_channels(const Call& call, std::initializer_list<std::size_t> inputs) {
  const Shape& x = call.shape(0);
  if (x.size() < 2) wrong(fmt::format("its input has shape {}; batch and channels are needed", shape_text(x)));
  for (const std::size_t i : inputs) {
    if (elements(call.shape(i)) != x[1]) wrong(fmt::format("parameter {} does not match {} channels", shape_text(call.shape(i)), x[1]));
  }
}

void batch_normalization(Call& call) {
  if (call.rank(0) == 1) {
    call.out(0, call.shape(0));
  } else {
    need_channels(call, {1, 2, 3, 4});
    call.out(0, call.shape(0));
  }
  for (std::size_t i = 1; i < call.output_count(); ++i) call.out(i, call.shape(3), call.in(3).dtype);
  priced(call, 0);
}

void instance_normalization(Call& call) {
  need_channels(call, {1, 2});
  call.out(0, call.shape(0));
  priced(call, times(call.shape(0)[0], call.shape(0)[1]));
}

void group_normalization(Call& call) {
  const std::int64_t groups = call.whole("num_groups", 0);
  need_channels(call, {});
  if (groups < 1 || call.shape(0)[1] % groups) wrong(fmt::format("{} channels are not a multiple of {} groups", call.shape(0)[1], groups));
  call.out(0, call.shape(0));
  priced(call, times(call.shape(0)[0], groups));
}

/// Layer and root-mean-square normalisation over the axes from `axis` on; further outputs are the rows' statistics.
void layer_normalization(Call& call) {
  const Shape& x = call.shape(0);
  const std::size_t axis = axis_of(call.whole("axis", -1), x.size());
  Shape rows(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(axis));
  const std::int64_t count = elements(rows);
  rows.resize(x.size(), 1);
  call.out(0, x);
  call.out(1, rows, DType::f32);
  call.out(2, rows, DType::f32);
  priced(call, count);
}

/// The fused forms of ONNX Runtime: input, skip, scale, shift, bias; output 3 is the sum before normalisation.
void skip_normalization(Call& call) {
  const Shape& x = call.shape(0);
  if (x.empty()) wrong("a scalar has no rows");
  const Shape rows(x.begin(), x.end() - 1);
  call.out(0, x);
  call.out(1, rows, DType::f32);
  call.out(2, rows, DType::f32);
  call.out(3, x);
  priced(call, elements(rows));
}

void local_response(Call& call) {
  const std::int64_t size = call.whole("size", 0);
  if (size < 1) wrong("attribute size must be 1 or more");
  if (call.rank(0) < 2) wrong(fmt::format("its input has shape {}; batch and channels are needed", shape_text(call.shape(0))));
  call.out(0, call.shape(0));
  call.op.op_class = OpClass::normalization;
  call.vector_work(elements(call.shape(0)), lrn_cost(std::min(size, call.shape(0)[1])));
}

void lp_normalization(Call& call) {
  const std::size_t axis = axis_of(call.whole("axis", -1), call.rank(0));
  call.out(0, call.shape(0));
  priced(call, elements(call.shape(0)) / std::max<std::int64_t>(1, call.shape(0)[axis]));
}

void mean_variance(Call& call) {
  std::int64_t per_row = 1;
  for (const std::int64_t axis : call.wholes("axes", {0, 2, 3})) per_row = times(per_row, call.shape(0)[axis_of(axis, call.rank(0))]);
  call.out(0, call.shape(0));
  priced(call, elements(call.shape(0)) / std::max<std::int64_t>(1, per_row));
}

void softmax(Call& call) {
  const Shape& x = call.shape(0);
  const std::int64_t fallback = call.opset >= 13 ? -1 : 1;
  const std::int64_t given = call.whole("axis", fallback);
  const std::size_t axis = x.empty() ? 0 : (given == static_cast<std::int64_t>(x.size()) ? x.size() - 1 : axis_of(given, x.size()));
  // Before opset 13 the tensor was a matrix cut at the axis: a row is everything behind it.
  std::int64_t row = 1;
  for (std::size_t i = axis; i < x.size(); ++i) {
    if (i == axis || call.opset < 13) row = times(row, x[i]);
  }
  const RowCost cost = *softmax_cost(call.node.type);
  call.out(0, x);
  call.op.op_class = OpClass::softmax;
  call.op.vector_ops = plus(times(elements(x), cost.per_element), times(elements(x) / std::max<std::int64_t>(1, row), cost.per_row));
}

}  // namespace

void add_normalization(HandlerTable& table) {
  table["BatchNormalization"] = batch_normalization;
  table["InstanceNormalization"] = instance_normalization;
  table["GroupNormalization"] = group_normalization;
  table["LayerNormalization"] = layer_normalization;
  table["RMSNormalization"] = layer_normalization;
  // ONNX Runtime writes this one into the standard domain.
  table["SimplifiedLayerNormalization"] = layer_normalization;
  table["com.microsoft:SkipLayerNormalization"] = skip_normalization;
  table["com.microsoft:SkipSimplifiedLayerNormalization"] = skip_normalization;
  table["LRN"] = local_response;
  table["LpNormalization"] = lp_normalization;
  table["MeanVarianceNormalization"] = mean_variance;
  table["Softmax"] = softmax;
  table["LogSoftmax"] = softmax;
  table["Hardmax"] = softmax;
}

}  // namespace gnomon::workloads::import
