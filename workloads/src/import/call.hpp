#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "import/model.hpp"

/// What an operator's handler sees of one node: its inputs with inferred shapes, its attributes, and where to say what comes out.
namespace gnomon::workloads::import {

/// Constants of at most this many elements are computed; larger ones keep only their shape.
inline constexpr std::int64_t fold_limit = 1 << 16;
/// And at most this many elements in one model, so that a small file cannot ask for much memory.
inline constexpr std::int64_t fold_budget = 1 << 24;
/// Dimensions that a tensor may have.
inline constexpr std::size_t most_dimensions = 64;

/// Thrown by handlers, caught by `lower()`: never leaves the library.
struct Fault {
  ErrorKind kind;
  std::string message;
};
/// The model is wrong.
[[noreturn]] void wrong(std::string message);
/// The model is right, but there is no model of this operator or form.
[[noreturn]] void refuse(std::string message);

std::string shape_text(const Shape& shape);
/// Number of elements; wrong() beyond 2^62 or below zero.
std::int64_t elements(const Shape& shape);
/// Arithmetic that says so instead of overflowing; results stay within +-2^62.
std::int64_t times(std::int64_t a, std::int64_t b);
std::int64_t plus(std::int64_t a, std::int64_t b);
/// NumPy broadcasting of two shapes.
Shape broadcast(const Shape& a, const Shape& b);
/// An axis counted from the front; wrong() where it is outside [-rank, rank).
std::size_t axis_of(std::int64_t axis, std::size_t rank);

struct Value {
  std::string name;
  Shape shape;
  DType dtype = DType::f32;
  /// Element type in which a constant is stored, where that differs (dequantised weights).
  std::optional<DType> stored;
  bool constant = false;
  /// Nothing is known since its producer has no model.
  bool unknown = false;
  Data data;
  std::optional<TensorId> tensor;
};

class Call {
 public:
  Call(const Node& the_node, std::int64_t the_opset, std::int64_t the_batch, std::int64_t& the_budget, std::vector<Value*> the_inputs,
       std::vector<Value*> the_outputs)
      : node(the_node), opset(the_opset), batch(the_batch), fold_budget_(the_budget), inputs_(std::move(the_inputs)),
        outputs_(std::move(the_outputs)) {}

  const Node& node;
  const std::int64_t opset;
  /// More than 1 where a batch took the place of leading ones: constant reshape targets are scaled with it.
  const std::int64_t batch;
  /// What is emitted unless everything is constant; the handler fills class and geometry.
  Operator op;
  /// Indices of the inputs that are operands; all present ones unless set.
  std::optional<std::vector<std::size_t>> operands;

  std::size_t input_count() const { return inputs_.size(); }
  std::size_t output_count() const { return outputs_.size(); }
  bool has(std::size_t index) const { return index < inputs_.size() && inputs_[index]; }
  bool has_output(std::size_t index) const { return index < outputs_.size() && outputs_[index]; }
  /// Input by index; wrong() where it is absent.
  const Value& in(std::size_t index) const;
  const Shape& shape(std::size_t index) const { return in(index).shape; }
  std::size_t rank(std::size_t index) const { return in(index).shape.size(); }
  Value* output(std::size_t index) { return has_output(index) ? outputs_[index] : nullptr; }
  /// Sets an output's shape and type; an absent output is passed over.
  void out(std::size_t index, Shape shape, DType dtype);
  void out(std::size_t index, Shape shape) { out(index, std::move(shape), in(0).dtype); }
  /// Sets the output as a constant of known whole numbers.
  void out_values(std::size_t index, Shape shape, DType dtype, std::vector<std::int64_t> values);

  bool has_attribute(const std::string& key) const { return node.attributes.count(key) > 0; }
  std::int64_t whole(const std::string& key, std::int64_t fallback) const;
  double real(const std::string& key, double fallback) const;
  std::string text(const std::string& key, const std::string& fallback) const;
  std::vector<std::int64_t> wholes(const std::string& key, std::vector<std::int64_t> fallback = {}) const;
  /// Whole numbers that must be known before the run: refuse() where the input is computed from data.
  std::vector<std::int64_t> known_wholes(std::size_t index, std::string_view what) const;
  std::vector<double> known_reals(std::size_t index, std::string_view what) const;
  /// An axes-like parameter that moved from an attribute to an input between opsets; nothing where it is in neither.
  std::optional<std::vector<std::int64_t>> attribute_or_input(const std::string& key, std::size_t index) const;

  /// Elementary operations: `per_element` for each of `count` elements.
  void vector_work(std::int64_t count, std::int64_t per_element) { op.vector_ops = times(count, per_element); }

  /// Whether `count` values may be computed and kept: not more than `fold_limit`, nor than what the model has left in all.
  bool may_fold(std::int64_t count);

 private:
  std::int64_t& fold_budget_;
  std::vector<Value*> inputs_, outputs_;
};

using Handler = void (*)(Call&);
/// `Type`, or `domain:Type` outside of the ONNX standard domain.
using HandlerTable = std::unordered_map<std::string_view, Handler>;

void add_convolution(HandlerTable& table);
void add_elementwise(HandlerTable& table);
void add_matmul(HandlerTable& table);
void add_movement(HandlerTable& table);
void add_normalization(HandlerTable& table);
void add_pooling(HandlerTable& table);
void add_resample(HandlerTable& table);
void add_shape(HandlerTable& table);

/// The handler of a node's operator, or nullptr.
Handler handler_of(const Node& node);

/// Computes the outputs' values from the inputs' (all constant, shapes inferred), where gnomon can and the result is small enough;
/// leaves them unknown otherwise.
void fold(Call& call);

/// The ONNX element type code as ours; refuse() where there is none.
DType dtype_of_code(std::int64_t code);

/// Sizes of a window (convolution, pooling) along each spatial axis.
struct Window {
  std::vector<std::int64_t> kernel, stride, dilation, pad_begin, pad_end, out;
};
/// Resolves strides, dilations, pads and auto_pad and computes the output sizes. `spatial`: input sizes; `kernel`: window sizes.
Window window_of(const Call& call, const Shape& spatial, const std::vector<std::int64_t>& kernel, bool ceil_mode);
/// A one- or two-dimensional list as {height, width}; one dimension gives height `fill`.
std::array<std::int64_t, 2> two(const std::vector<std::int64_t>& list, std::int64_t fill);

}  // namespace gnomon::workloads::import
