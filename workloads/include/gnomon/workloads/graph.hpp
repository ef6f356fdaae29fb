#pragma once

#include <array>
#include <boost/graph/adjacency_list.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::workloads {

/// Element types that graphs carry. Integer and fixed-point precisions of hardware belong to the design, not to the graph.
enum class DType { f32, f16, bf16, f64, i8, i16, i32, i64, u8, u16, u32, u64, boolean, text };
/// Bits of one element; `text` counts 8 bits a character and is only legal in tabular workloads.
int bits(DType dtype);
std::string name(DType dtype);
std::optional<DType> dtype_named(std::string_view text);
/// Every name, in the order of the enumeration.
std::vector<std::string> dtype_names();

using TensorId = std::size_t;
using OperatorId = std::size_t;

/// A tensor of the graph. `shape` has no unknown dimensions once a graph is loaded.
struct Tensor {
  std::string name;
  std::vector<std::int64_t> shape;
  DType dtype = DType::f32;
  /// Fraction of elements that are not zero; 1 where nothing is known.
  double density = 1.0;
  /// Known before the run (weights, constants): read from memory, written by nobody.
  bool constant = false;
  /// Values of a constant where the model holds them; absent for weights without content.
  std::shared_ptr<const std::vector<float>> values;

  /// Number of elements; 1 for a scalar.
  std::int64_t elements() const;
};

/// What an operator costs is decided by its class; `Operator::type` keeps the name it was given.
enum class OpClass {
  convolution,    ///< Operator::conv is set
  matmul,         ///< Operator::matmul is set (Gemm, MatMul, batched)
  attention,      ///< fused attention; Operator::attention is set
  pooling,
  normalization,  ///< batch, layer, instance, group, local response
  elementwise,    ///< unary and binary arithmetic, activations, quantise
  softmax,
  reduction,
  embedding,      ///< gather of rows
  movement,       ///< data that changes place but not value: concat, transpose, slice, pad, resize
  view,           ///< no data moves at all: reshape, flatten, squeeze, identity
  routing,        ///< mixture of experts: choice of expert per token
  tabular         ///< decode, hash, vocabulary, join, ... of tabular pipelines
};
std::string name(OpClass op_class);
std::optional<OpClass> op_class_named(std::string_view text);
std::vector<std::string> op_class_names();

/// A convolution over up to two spatial axes (a 1-D convolution has height 1). Axes are {height, width}.
/// `transposed`: the geometry of the transposed convolution itself: in < out, the same number of MACs per input element and kernel tap.
struct Convolution {
  std::int64_t batch = 1;
  std::int64_t groups = 1;
  std::int64_t in_channels = 1;
  std::int64_t out_channels = 1;
  std::array<std::int64_t, 2> in{1, 1};
  std::array<std::int64_t, 2> out{1, 1};
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> dilation{1, 1};
  std::array<std::int64_t, 2> pad_begin{0, 0};
  std::array<std::int64_t, 2> pad_end{0, 0};
  bool transposed = false;

  /// Multiply-accumulates: batch x out pixels x out_channels x (in_channels / groups) x kernel taps, padding taps included (as every
  /// published count does); for `transposed`, input pixels take the place of output pixels.
  std::int64_t macs() const;
};

/// `batch` independent products [m, k] x [k, n]. A right-hand side that is the same for the whole batch has been folded into m.
struct Matmul {
  std::int64_t batch = 1;
  std::int64_t m = 1;
  std::int64_t n = 1;
  std::int64_t k = 1;
  std::int64_t macs() const { return batch * m * n * k; }
};

/// softmax(Q K^T) V with `heads` query heads over `kv_heads` key and value heads; `queries` new tokens against `keys` tokens (the KV cache
/// and the new ones). MACs: 2 x batch x heads x queries x keys x head_dim, whether causal or not (hardware that skips reports it apart).
struct Attention {
  std::int64_t batch = 1;
  std::int64_t heads = 1;
  std::int64_t kv_heads = 1;
  std::int64_t queries = 1;
  std::int64_t keys = 1;
  std::int64_t head_dim = 1;
  bool causal = false;
  std::int64_t macs() const { return 2 * batch * heads * queries * keys * head_dim; }
};

/// The window of a pooling; axes are {height, width}. A global pooling has the whole input as its window.
struct Pooling {
  std::array<std::int64_t, 2> kernel{1, 1};
  std::array<std::int64_t, 2> stride{1, 1};
  std::array<std::int64_t, 2> dilation{1, 1};
  std::array<std::int64_t, 2> pad_begin{0, 0};
  std::array<std::int64_t, 2> pad_end{0, 0};
  bool count_include_pad = false;  ///< a mean is divided by its window's elements in the padding too
};

struct Operator {
  /// Unique in its graph.
  std::string name;
  /// The operator's name in its source format, e.g. `Conv`, `MatMul`, `LRN`.
  std::string type;
  OpClass op_class = OpClass::elementwise;
  /// Operands in the source's order; constants included, absent optional ones left out, and so are those that only say how (the
  /// target of a reshape, the starts of a slice, scales and zero points of a quantised product). A convolution's are input, filter,
  /// bias; a matrix product's left, right, bias; an attention's query, key, value, and then mask and cache.
  std::vector<TensorId> inputs;
  std::vector<TensorId> outputs;
  std::optional<Convolution> conv;
  std::optional<Matmul> matmul;
  std::optional<Attention> attention;
  std::optional<Pooling> pooling;
  /// Scalar operations on the vector unit: one per element and elementary function (an exponential counts 4, a division or
  /// square root 4, a comparison, addition or multiplication 1); the table is src/import/vector_cost.cpp. 0 for convolutions,
  /// matrix products, views and movements; the scaling and softmax of a fused attention count.
  std::int64_t vector_ops = 0;
  /// May ride along with the operator that produces its first input, at that operator's output: unary element-wise work and folded
  /// normalisation whose other operands are constants.
  bool fusible = false;

  /// 0 for anything but convolutions, matrix products and attention.
  std::int64_t macs() const;
};

/// A workload: operators joined by tensors, acyclic, in a Boost.Graph `adjacency_list` whose edges carry the tensor.
/// Built by the importers; read-only afterwards (shared between threads without locks).
class Graph {
 public:
  struct Edge {
    TensorId tensor;
  };
  using Boost = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, Operator, Edge>;

  explicit Graph(std::string graph_name = {}) : name_(std::move(graph_name)) {}

  TensorId add_tensor(Tensor tensor);
  /// Adds an operator; edges follow from its tensors. Operators may be added in any order.
  OperatorId add_operator(Operator op);
  void set_inputs(std::vector<TensorId> ids) { inputs_ = std::move(ids); }
  void set_outputs(std::vector<TensorId> ids) { outputs_ = std::move(ids); }

  const std::string& name() const { return name_; }
  std::size_t tensor_count() const { return tensors_.size(); }
  std::size_t operator_count() const { return boost::num_vertices(graph_); }
  const Tensor& tensor(TensorId id) const { return tensors_.at(id); }
  const Operator& op(OperatorId id) const { return graph_[id]; }
  const Boost& boost_graph() const { return graph_; }
  const std::vector<TensorId>& inputs() const { return inputs_; }
  const std::vector<TensorId>& outputs() const { return outputs_; }

  /// Who writes the tensor; nothing for graph inputs and constants.
  std::optional<OperatorId> producer(TensorId id) const { return producers_.at(id); }
  const std::vector<OperatorId>& consumers(TensorId id) const { return consumers_.at(id); }
  /// Operators so that each comes after those it reads from; ties in the order of insertion.
  const std::vector<OperatorId>& order() const { return order_; }

  /// Checks that the graph is acyclic, every tensor has one producer at most, shapes are positive and counts fit in 63 bits;
  /// computes `order()`. Every importer ends with it.
  Expected<void> finish();

  std::int64_t macs() const;
  /// Elements of constants that operators read (weights and biases), each counted once.
  std::int64_t weight_elements() const;
  /// Elements of everything that operators write, views excluded.
  std::int64_t activation_elements() const;

 private:
  std::string name_;
  Boost graph_;
  std::vector<Tensor> tensors_;
  std::vector<std::optional<OperatorId>> producers_;
  std::vector<std::vector<OperatorId>> consumers_;
  std::vector<TensorId> inputs_, outputs_;
  std::vector<OperatorId> order_;
};

}  // namespace gnomon::workloads
