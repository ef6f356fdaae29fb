#pragma once

#include <optional>
#include <string>
#include <vector>

#include "gnomon/workloads/graph.hpp"

/// How a workload JSON's operators get their geometry from what is written and from the shapes of their tensors.
/// The functions throw import::Fault where the two disagree.
namespace gnomon::workloads {
namespace form {

struct ConvolutionForm {
  std::int64_t groups = 1;
  std::vector<std::int64_t> stride = {1, 1}, dilation = {1, 1}, pad_begin = {0, 0}, pad_end = {0, 0};
  bool transposed = false;
};

struct MatmulForm {
  std::int64_t batch = 1, m = 1, n = 1, k = 1;
};

struct AttentionForm {
  std::optional<std::int64_t> heads, kv_heads, keys;
  bool causal = false;
};

struct PoolingForm {
  std::vector<std::int64_t> kernel = {1, 1}, stride = {1, 1}, dilation = {1, 1}, pad_begin = {0, 0}, pad_end = {0, 0};
  bool count_include_pad = false;
};

}  // namespace form

Convolution convolution_from(const Graph& graph, const Operator& op, const form::ConvolutionForm& form);
Matmul matmul_from(const Graph& graph, const Operator& op, const std::optional<form::MatmulForm>& form);
Attention attention_from(const Graph& graph, const Operator& op, const form::AttentionForm& form);
Pooling pooling_from(const Graph& graph, const Operator& op, const form::PoolingForm& form);
/// Views keep the number of elements, normalisation and softmax the shape.
void check_shapes(const Graph& graph, const Operator& op);

/// The usual operator of a class; empty where there is none.
std::string default_type(OpClass op_class);
/// Vector operations by the price table; nothing where it has no entry or the entry needs more than shapes.
std::optional<std::int64_t> default_vector_ops(const Graph& graph, const Operator& op);
/// The rule behind Operator::fusible.
bool may_ride_along(const Graph& graph, const Operator& op);

}  // namespace gnomon::workloads
