#include "import/geometry.hpp"

#include <algorithm>
#include <fmt/format.h>

#include "import/call.hpp"
#include "import/vector_cost.hpp"

namespace gnomon::workloads {
namespace {

using import::elements;
using import::plus;
using import::Shape;
using import::shape_text;
using import::times;
using import::two;
using import::wrong;

const Shape& input(const Graph& graph, const Operator& op, std::size_t index) {
  if (index >= op.inputs.size()) wrong(fmt::format("{} inputs; {} or more are needed", op.inputs.size(), index + 1));
  return graph.tensor(op.inputs[index]).shape;
}

const Shape& output(const Graph& graph, const Operator& op) { return graph.tensor(op.outputs.at(0)).shape; }

/// {height, width} of an image tensor [batch, channels, (height,) width].
std::array<std::int64_t, 2> spatial(const Shape& shape) { return two(Shape(shape.begin() + 2, shape.end()), 1); }

void need_image(const Shape& shape) {
  if (shape.size() != 3 && shape.size() != 4) {
    wrong(fmt::format("a tensor of shape {}; [batch, channels, width] or [batch, channels, height, width] is needed", shape_text(shape)));
  }
}

std::int64_t reach_of(std::int64_t kernel, std::int64_t dilation) { return plus(times(dilation, kernel - 1), 1); }

}  // namespace

Convolution convolution_from(const Graph& graph, const Operator& op, const form::ConvolutionForm& form) {
  const Shape &x = input(graph, op, 0), &w = input(graph, op, 1), &y = output(graph, op);
  need_image(x);
  if (w.size() != x.size() || y.size() != x.size()) wrong(fmt::format("input {}, filter {} and output {} differ in rank", shape_text(x), shape_text(w), shape_text(y)));
  Convolution c;
  c.batch = x[0];
  c.groups = form.groups;
  c.in_channels = x[1];
  c.in = spatial(x);
  c.out = spatial(y);
  c.kernel = spatial(w);
  c.stride = two(form.stride, 1);
  c.dilation = two(form.dilation, 1);
  c.pad_begin = two(form.pad_begin, 0);
  c.pad_end = two(form.pad_end, 0);
  c.transposed = form.transposed;
  c.out_channels = form.transposed ? times(w[1], form.groups) : w[0];
  const std::int64_t filter_in = form.transposed ? w[0] : times(w[1], form.groups);
  if (filter_in != x[1]) wrong(fmt::format("input {} has {} channels, filter {} with {} groups takes {}", shape_text(x), x[1], shape_text(w), form.groups, filter_in));
  if (y[0] != x[0] || y[1] != c.out_channels) {
    wrong(fmt::format("output {} must begin with batch {} and {} channels", shape_text(y), x[0], c.out_channels));
  }
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t reach = reach_of(c.kernel[axis], c.dilation[axis]), pads = plus(c.pad_begin[axis], c.pad_end[axis]);
    if (form.transposed) {
      const std::int64_t least = plus(times(c.stride[axis], c.in[axis] - 1), reach) - pads;
      if (c.out[axis] < least) wrong(fmt::format("output {} is too small: an axis has {} of at least {}", shape_text(y), c.out[axis], least));
    } else {
      const std::int64_t room = plus(c.in[axis], pads) - reach;
      const std::int64_t size = room < 0 ? 0 : room / c.stride[axis] + 1;
      if (c.out[axis] != size) wrong(fmt::format("output {} does not fit its geometry: an axis has {}, not {}", shape_text(y), c.out[axis], size));
    }
  }
  return c;
}

Matmul matmul_from(const Graph& graph, const Operator& op, const std::optional<form::MatmulForm>& form) {
  const Shape &a = input(graph, op, 0), &b = input(graph, op, 1), &y = output(graph, op);
  Matmul m;
  if (form) {
    m = {form->batch, form->m, form->n, form->k};
  } else {
    if (a.size() < 2 || b.size() < 2 || a.back() != b[b.size() - 2]) {
      wrong(fmt::format("{} x {} is no product [..., m, k] x [..., k, n]; say \"matmul\" with batch, m, n and k", shape_text(a), shape_text(b)));
    }
    const Shape batch = import::broadcast(Shape(a.begin(), a.end() - 2), Shape(b.begin(), b.end() - 2));
    const bool shared = elements(Shape(b.begin(), b.end() - 2)) == 1;
    m = {shared ? 1 : elements(batch), shared ? times(elements(batch), a[a.size() - 2]) : a[a.size() - 2], b.back(), a.back()};
  }
  // Operands may repeat over the batch, so theirs may be a fraction.
  const auto fits = [](std::int64_t whole, std::int64_t part) { return part > 0 && whole % part == 0; };
  if (!fits(times(times(m.batch, m.m), m.k), elements(a)) || !fits(times(times(m.batch, m.k), m.n), elements(b)) ||
      elements(y) != times(times(m.batch, m.m), m.n)) {
    wrong(fmt::format("{} x {} = {} is not {} products of {} x {} x {}", shape_text(a), shape_text(b), shape_text(y), m.batch, m.m, m.n, m.k));
  }
  return m;
}

Attention attention_from(const Graph& graph, const Operator& op, const form::AttentionForm& form) {
  const Shape &q = input(graph, op, 0), &k = input(graph, op, 1), &v = input(graph, op, 2);
  const auto problem = [&] { wrong(fmt::format("query {}, key {} and value {} do not match", shape_text(q), shape_text(k), shape_text(v))); };
  if (q.size() != k.size() || k != v || (q.size() != 3 && q.size() != 4) || q[0] != k[0]) problem();
  Attention a;
  a.batch = q[0];
  a.causal = form.causal;
  std::int64_t fresh = 0;
  if (q.size() == 4) {
    if (q[3] != k[3] || (form.heads && *form.heads != q[1]) || (form.kv_heads && *form.kv_heads != k[1])) problem();
    a.heads = q[1];
    a.kv_heads = k[1];
    a.queries = q[2];
    fresh = k[2];
    a.head_dim = q[3];
  } else {
    if (!form.heads) wrong("\"heads\" is needed with tensors [batch, tokens, heads x size]");
    a.heads = *form.heads;
    a.kv_heads = form.kv_heads.value_or(a.heads);
    if (q[2] % a.heads || k[2] % a.kv_heads || q[2] / a.heads != k[2] / a.kv_heads) problem();
    a.queries = q[1];
    fresh = k[1];
    a.head_dim = q[2] / a.heads;
  }
  if (a.heads % a.kv_heads) wrong(fmt::format("{} query heads are not a multiple of {} key and value heads", a.heads, a.kv_heads));
  a.keys = form.keys.value_or(fresh);
  if (a.keys < fresh) wrong(fmt::format("\"keys\" is {}, fewer than the {} of the key tensor", a.keys, fresh));
  if (elements(output(graph, op)) != elements(q)) wrong(fmt::format("output {} must be as large as the query {}", shape_text(output(graph, op)), shape_text(q)));
  return a;
}

Pooling pooling_from(const Graph& graph, const Operator& op, const form::PoolingForm& form) {
  const Shape &x = input(graph, op, 0), &y = output(graph, op);
  need_image(x);
  Pooling p{two(form.kernel, 1), two(form.stride, 1), two(form.dilation, 1), two(form.pad_begin, 0), two(form.pad_end, 0), form.count_include_pad};
  if (y.size() != x.size() || y[0] != x[0] || y[1] != x[1]) wrong(fmt::format("input {} and output {} do not match", shape_text(x), shape_text(y)));
  for (std::size_t axis = 0; axis < 2; ++axis) {
    const std::int64_t room = plus(spatial(x)[axis], plus(p.pad_begin[axis], p.pad_end[axis])) - reach_of(p.kernel[axis], p.dilation[axis]);
    const std::int64_t size = room < 0 ? 0 : room / p.stride[axis] + 1, out = spatial(y)[axis];
    // Sizes may have been rounded up.
    if (out != size && !(out == size + 1 && room % p.stride[axis] != 0)) {
      wrong(fmt::format("output {} does not fit its window: an axis has {}, not {}", shape_text(y), out, size));
    }
  }
  return p;
}

void check_shapes(const Graph& graph, const Operator& op) {
  if (op.op_class == OpClass::view) {
    const Shape &x = input(graph, op, 0), &y = output(graph, op);
    if (elements(x) != elements(y)) wrong(fmt::format("a view of {} cannot have shape {}", shape_text(x), shape_text(y)));
  }
  if (op.op_class == OpClass::normalization || op.op_class == OpClass::softmax) {
    const Shape &x = input(graph, op, 0), &y = output(graph, op);
    if (x != y) wrong(fmt::format("input {} and output {} must have the same shape", shape_text(x), shape_text(y)));
  }
}

std::string default_type(OpClass op_class) {
  switch (op_class) {
    case OpClass::convolution: return "Conv";
    case OpClass::matmul: return "MatMul";
    case OpClass::attention: return "Attention";
    case OpClass::pooling: return "MaxPool";
    case OpClass::normalization: return "LayerNormalization";
    case OpClass::softmax: return "Softmax";
    case OpClass::reduction: return "ReduceSum";
    case OpClass::embedding: return "Gather";
    case OpClass::movement: return "Transpose";
    case OpClass::view: return "Reshape";
    case OpClass::routing: return "TopK";
    case OpClass::elementwise:
    case OpClass::tabular: return {};
  }
  return {};
}

std::optional<std::int64_t> default_vector_ops(const Graph& graph, const Operator& op) {
  const auto in_elements = [&] { return elements(input(graph, op, 0)); };
  const std::int64_t out_elements = elements(output(graph, op));
  const auto rows_of = [](const Shape& shape) { return shape.empty() ? 1 : elements(shape) / shape.back(); };
  switch (op.op_class) {
    case OpClass::convolution:
    case OpClass::matmul:
    case OpClass::movement:
    case OpClass::embedding:
    case OpClass::view: return 0;
    case OpClass::attention: {
      const Attention& a = *op.attention;
      return times(times(times(a.batch, a.heads), times(a.queries, a.keys)), attention_score_cost(a.causal || op.inputs.size() > 3));
    }
    case OpClass::pooling: {
      if (!op.pooling) return std::nullopt;
      const std::int64_t taps = times(op.pooling->kernel[0], op.pooling->kernel[1]);
      if (op.type == "MaxPool" || op.type == "GlobalMaxPool") return times(out_elements, taps);
      if (op.type == "AveragePool" || op.type == "GlobalAveragePool") return times(out_elements, plus(taps, 1));
      return std::nullopt;
    }
    case OpClass::elementwise: {
      const auto cost = elementwise_cost(op.type, op.inputs.size());
      return cost ? std::optional(times(out_elements, *cost)) : std::nullopt;
    }
    case OpClass::normalization: {
      const auto cost = normalization_cost(op.type);
      if (!cost || op.type == "GroupNormalization" || op.type == "LpNormalization" || op.type == "MeanVarianceNormalization") return std::nullopt;
      const Shape& x = input(graph, op, 0);
      std::int64_t rows = rows_of(x);
      if (op.type == "InstanceNormalization") rows = x.size() < 2 ? 1 : times(x[0], x[1]);
      return plus(times(elements(x), cost->per_element), times(rows, cost->per_row));
    }
    case OpClass::softmax: {
      const auto cost = softmax_cost(op.type);
      return cost ? std::optional(plus(times(in_elements(), cost->per_element), times(rows_of(input(graph, op, 0)), cost->per_row))) : std::nullopt;
    }
    case OpClass::reduction: {
      const auto cost = reduction_cost(op.type);
      return cost ? std::optional(plus(times(in_elements(), cost->per_element), times(out_elements, cost->per_row))) : std::nullopt;
    }
    case OpClass::routing: {
      // A choice of k out of the last dimension: each candidate meets a heap of log2(k) levels.
      const Shape &x = input(graph, op, 0), &y = output(graph, op);
      if (op.type != "TopK" || y.empty()) return std::nullopt;
      return times(elements(x), heap_levels(y.back()));
    }
    case OpClass::tabular: return std::nullopt;
  }
  return std::nullopt;
}

bool may_ride_along(const Graph& graph, const Operator& op) {
  const bool kind = op.op_class == OpClass::elementwise || (op.op_class == OpClass::normalization && op.type == "BatchNormalization");
  if (!kind || op.inputs.empty() || op.outputs.size() != 1) return false;
  const Tensor& first = graph.tensor(op.inputs[0]);
  if (first.constant || first.shape != graph.tensor(op.outputs[0]).shape) return false;
  return std::all_of(op.inputs.begin() + 1, op.inputs.end(), [&](TensorId id) { return graph.tensor(id).constant; });
}

}  // namespace gnomon::workloads
