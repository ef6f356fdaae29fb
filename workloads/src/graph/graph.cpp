#include "gnomon/workloads/graph.hpp"

#include <fmt/format.h>
#include <functional>
#include <map>
#include <queue>
#include <set>

#include "gnomon/base/text.hpp"

namespace gnomon::workloads {
namespace {

// Counts stay below this, so that sums and doublings of them in later models still fit in 64 bits.
constexpr std::int64_t largest_count = std::int64_t{1} << 62;

/// A product of non-negative factors, or nothing where it passes `largest_count`.
template <class Factors>
std::optional<std::int64_t> product_of(const Factors& factors) {
  std::int64_t value = 1;
  for (const std::int64_t factor : factors) {
    if (__builtin_mul_overflow(value, factor, &value) || value > largest_count) return std::nullopt;
  }
  return value;
}
std::optional<std::int64_t> product(std::initializer_list<std::int64_t> factors) { return product_of(factors); }
std::optional<std::int64_t> element_count(const std::vector<std::int64_t>& shape) { return product_of(shape); }

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

/// What is wrong with an operator's geometry; empty where nothing is.
std::string geometry_problem(const Operator& op) {
  if (op.conv) {
    const Convolution& c = *op.conv;
    if (c.batch < 1 || c.groups < 1 || c.in_channels < 1 || c.out_channels < 1) {
      return "batch, groups and channels of a convolution must be positive";
    }
    if (c.in_channels % c.groups || c.out_channels % c.groups) {
      return fmt::format("{} input and {} output channels are not multiples of {} groups", c.in_channels, c.out_channels, c.groups);
    }
    for (std::size_t axis = 0; axis < 2; ++axis) {
      if (c.in[axis] < 1 || c.out[axis] < 1 || c.kernel[axis] < 1 || c.stride[axis] < 1 || c.dilation[axis] < 1) {
        return "sizes, strides and dilations of a convolution must be positive";
      }
    }
    // Two steps, since the taps of one output and the number of outputs may each be near the limit.
    const auto pixels = c.transposed ? product({c.batch, c.in[0], c.in[1]}) : product({c.batch, c.out[0], c.out[1]});
    const auto per_pixel = product({c.out_channels, c.in_channels / c.groups, c.kernel[0], c.kernel[1]});
    if (!pixels || !per_pixel || !product({*pixels, *per_pixel})) return "its multiply-accumulates do not fit in 62 bits";
  }
  if (op.matmul) {
    const Matmul& m = *op.matmul;
    if (m.batch < 1 || m.m < 1 || m.n < 1 || m.k < 1) return "batch, m, n and k of a matrix product must be positive";
    if (!product({m.batch, m.m, m.n, m.k})) return "its multiply-accumulates do not fit in 62 bits";
  }
  if (op.attention) {
    const Attention& a = *op.attention;
    if (a.batch < 1 || a.heads < 1 || a.kv_heads < 1 || a.queries < 1 || a.keys < 1 || a.head_dim < 1) {
      return "batch, heads, tokens and head size of an attention must be positive";
    }
    if (a.heads % a.kv_heads) return fmt::format("{} query heads are not a multiple of {} key and value heads", a.heads, a.kv_heads);
    if (!product({2, a.batch, a.heads, a.queries, a.keys, a.head_dim})) return "its multiply-accumulates do not fit in 62 bits";
  }
  if (op.vector_ops < 0 || op.vector_ops > largest_count) return "its vector operations do not fit in 62 bits";
  return {};
}

struct TypeName {
  DType dtype;
  const char* name;
  int bits;
};
constexpr TypeName type_names[] = {{DType::f32, "f32", 32}, {DType::f16, "f16", 16}, {DType::bf16, "bf16", 16}, {DType::f64, "f64", 64},
                                   {DType::i8, "i8", 8},    {DType::i16, "i16", 16}, {DType::i32, "i32", 32},   {DType::i64, "i64", 64},
                                   {DType::u8, "u8", 8},    {DType::u16, "u16", 16}, {DType::u32, "u32", 32},   {DType::u64, "u64", 64},
                                   {DType::boolean, "boolean", 8}, {DType::text, "text", 8}};

struct ClassName {
  OpClass op_class;
  const char* name;
};
constexpr ClassName class_names[] = {
    {OpClass::convolution, "convolution"}, {OpClass::matmul, "matmul"},       {OpClass::attention, "attention"},
    {OpClass::pooling, "pooling"},         {OpClass::normalization, "normalization"}, {OpClass::elementwise, "elementwise"},
    {OpClass::softmax, "softmax"},         {OpClass::reduction, "reduction"}, {OpClass::embedding, "embedding"},
    {OpClass::movement, "movement"},       {OpClass::view, "view"},           {OpClass::routing, "routing"},
    {OpClass::tabular, "tabular"}};

}  // namespace

int bits(DType dtype) {
  for (const auto& entry : type_names) {
    if (entry.dtype == dtype) return entry.bits;
  }
  return 0;
}

std::string name(DType dtype) {
  for (const auto& entry : type_names) {
    if (entry.dtype == dtype) return entry.name;
  }
  return {};
}

std::optional<DType> dtype_named(std::string_view text) {
  for (const auto& entry : type_names) {
    if (text == entry.name) return entry.dtype;
  }
  return std::nullopt;
}

std::vector<std::string> dtype_names() {
  std::vector<std::string> out;
  for (const auto& entry : type_names) out.emplace_back(entry.name);
  return out;
}

std::string name(OpClass op_class) {
  for (const auto& entry : class_names) {
    if (entry.op_class == op_class) return entry.name;
  }
  return {};
}

std::optional<OpClass> op_class_named(std::string_view text) {
  for (const auto& entry : class_names) {
    if (text == entry.name) return entry.op_class;
  }
  return std::nullopt;
}

std::vector<std::string> op_class_names() {
  std::vector<std::string> out;
  for (const auto& entry : class_names) out.emplace_back(entry.name);
  return out;
}

std::int64_t Tensor::elements() const {
  std::int64_t value = 1;
  for (const std::int64_t size : shape) value *= size;
  return value;
}

std::int64_t Convolution::macs() const {
  const auto& pixels = transposed ? in : out;
  return batch * pixels[0] * pixels[1] * out_channels * (in_channels / groups) * kernel[0] * kernel[1];
}

std::int64_t Operator::macs() const {
  if (conv) return conv->macs();
  if (matmul) return matmul->macs();
  if (attention) return attention->macs();
  return 0;
}

TensorId Graph::add_tensor(Tensor tensor) {
  tensors_.push_back(std::move(tensor));
  producers_.emplace_back();
  consumers_.emplace_back();
  return tensors_.size() - 1;
}

OperatorId Graph::add_operator(Operator op) { return boost::add_vertex(std::move(op), graph_); }

Expected<void> Graph::finish() {
  std::vector<Problem> problems;
  const auto report = [&](std::string message) { problems.push_back({name_, {}, std::move(message)}); };

  std::int64_t elements_in_all = 0;
  for (const Tensor& tensor : tensors_) {
    bool positive = true;
    for (const std::int64_t size : tensor.shape) positive = positive && size >= 1;
    if (!positive) {
      report(fmt::format("tensor {} has shape {}; every dimension must be 1 or more", in_quotes(tensor.name), shape_text(tensor.shape)));
      continue;
    }
    const auto count = element_count(tensor.shape);
    if (!count || __builtin_add_overflow(elements_in_all, *count, &elements_in_all) || elements_in_all > largest_count) {
      report(fmt::format("tensor {} of shape {} is too big: elements must fit in 62 bits", in_quotes(tensor.name), shape_text(tensor.shape)));
      elements_in_all = 0;
      continue;
    }
    if (!(tensor.density >= 0.0 && tensor.density <= 1.0)) {
      report(fmt::format("tensor {} has density {}; allowed: 0 to 1", in_quotes(tensor.name), number(tensor.density)));
    }
  }

  const std::size_t count = operator_count();
  for (auto& list : consumers_) list.clear();
  for (auto& entry : producers_) entry.reset();
  std::set<std::string> names;
  std::int64_t macs_in_all = 0, vector_ops_in_all = 0;
  for (OperatorId id = 0; id < count; ++id) {
    const Operator& op = graph_[id];
    if (!names.insert(op.name).second) report(fmt::format("two operators are named {}; names must be unique", in_quotes(op.name)));
    bool known = true;
    for (const auto* list : {&op.inputs, &op.outputs}) {
      for (const TensorId tensor : *list) known = known && tensor < tensors_.size();
    }
    if (!known) {
      report(fmt::format("operator {} names a tensor that does not exist", in_quotes(op.name)));
      continue;
    }
    for (const TensorId tensor : op.outputs) {
      if (tensors_[tensor].constant) {
        report(fmt::format("operator {} writes the constant {}", in_quotes(op.name), in_quotes(tensors_[tensor].name)));
      } else if (producers_[tensor]) {
        report(fmt::format("tensor {} is written by both {} and {}; one producer is allowed", in_quotes(tensors_[tensor].name),
                           in_quotes(graph_[*producers_[tensor]].name), in_quotes(op.name)));
      } else {
        producers_[tensor] = id;
      }
    }
    std::set<TensorId> seen;
    for (const TensorId tensor : op.inputs) {
      if (seen.insert(tensor).second) consumers_[tensor].push_back(id);
    }
    if (std::string wrong = geometry_problem(op); !wrong.empty()) {
      report(fmt::format("operator {}: {}", in_quotes(op.name), wrong));
      continue;
    }
    if (__builtin_add_overflow(macs_in_all, op.macs(), &macs_in_all) || macs_in_all > largest_count ||
        __builtin_add_overflow(vector_ops_in_all, op.vector_ops, &vector_ops_in_all) || vector_ops_in_all > largest_count) {
      report("the operations of the whole graph do not fit in 62 bits");
      break;
    }
  }
  for (const auto* list : {&inputs_, &outputs_}) {
    for (const TensorId tensor : *list) {
      if (tensor >= tensors_.size()) report("the graph's inputs or outputs name a tensor that does not exist");
    }
  }
  for (const TensorId tensor : inputs_) {
    if (tensor < tensors_.size() && producers_[tensor]) {
      report(fmt::format("graph input {} is written by {}", in_quotes(tensors_[tensor].name), in_quotes(graph_[*producers_[tensor]].name)));
    }
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));

  for (OperatorId id = 0; id < count; ++id) boost::clear_out_edges(id, graph_);
  std::vector<std::size_t> waiting(count, 0);
  for (OperatorId id = 0; id < count; ++id) {
    std::set<TensorId> seen;
    for (const TensorId tensor : graph_[id].inputs) {
      if (!producers_[tensor] || !seen.insert(tensor).second) continue;
      boost::add_edge(*producers_[tensor], id, Edge{tensor}, graph_);
      ++waiting[id];
    }
  }

  order_.clear();
  order_.reserve(count);
  std::priority_queue<OperatorId, std::vector<OperatorId>, std::greater<>> ready;
  for (OperatorId id = 0; id < count; ++id) {
    if (waiting[id] == 0) ready.push(id);
  }
  while (!ready.empty()) {
    const OperatorId id = ready.top();
    ready.pop();
    order_.push_back(id);
    for (auto [edge, end] = boost::out_edges(id, graph_); edge != end; ++edge) {
      const OperatorId next = boost::target(*edge, graph_);
      if (--waiting[next] == 0) ready.push(next);
    }
  }
  if (order_.size() != count) {
    std::vector<std::string> stuck;
    for (OperatorId id = 0; id < count && stuck.size() < 5; ++id) {
      if (waiting[id] > 0) stuck.push_back(in_quotes(graph_[id].name));
    }
    order_.clear();
    return invalid(name_, {}, fmt::format("operators wait for each other in a cycle: {}", join(stuck)));
  }
  return {};
}

std::int64_t Graph::macs() const {
  std::int64_t total = 0;
  for (OperatorId id = 0; id < operator_count(); ++id) total += graph_[id].macs();
  return total;
}

std::int64_t Graph::weight_elements() const {
  std::int64_t total = 0;
  for (TensorId id = 0; id < tensors_.size(); ++id) {
    if (tensors_[id].constant && !consumers_[id].empty()) total += tensors_[id].elements();
  }
  return total;
}

std::int64_t Graph::activation_elements() const {
  std::int64_t total = 0;
  for (OperatorId id = 0; id < operator_count(); ++id) {
    if (graph_[id].op_class == OpClass::view) continue;
    for (const TensorId tensor : graph_[id].outputs) total += tensors_[tensor].elements();
  }
  return total;
}

}  // namespace gnomon::workloads
