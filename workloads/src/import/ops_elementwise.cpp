#include <algorithm>
#include <fmt/format.h>

#include "import/call.hpp"
#include "import/vector_cost.hpp"

namespace gnomon::workloads::import {
namespace {

/// Before opset 7 the second operand was broadcast only when asked to, and could be aligned at an axis.
Shape second_operand(const Call& call, std::size_t index) {
  Shape b = call.shape(index);
  if (index == 1 && call.opset < 7 && call.whole("broadcast", 0) != 0 && call.has_attribute("axis")) {
    const std::size_t axis = axis_of(call.whole("axis", 0), call.rank(0));
    if (axis + b.size() > call.rank(0)) wrong(fmt::format("axis {} leaves no room for {}", axis, shape_text(b)));
    b.resize(call.rank(0) - axis, 1);
  }
  return b;
}

void emit(Call& call, const Shape& out, DType dtype, std::size_t combined) {
  call.out(0, out, dtype);
  call.op.op_class = OpClass::elementwise;
  call.vector_work(elements(out), elementwise_cost(call.node.type, combined).value_or(1));
}

/// All inputs broadcast together; `dtype` of the first, or of the operator's rule.
void combine(Call& call, DType dtype) {
  if (!call.has(0)) wrong("input 0 is missing");
  Shape out = call.shape(0);
  std::size_t combined = 1;
  for (std::size_t i = 1; i < call.input_count(); ++i) {
    if (!call.has(i)) continue;
    out = broadcast(out, second_operand(call, i));
    ++combined;
  }
  emit(call, out, dtype, combined);
}

void arithmetic(Call& call) { combine(call, call.in(0).dtype); }
void comparison(Call& call) { combine(call, DType::boolean); }
/// Output like the first input, whatever the rest holds (limits, scales, slopes).
void like_first(Call& call) { emit(call, call.shape(0), call.in(0).dtype, 1); }
/// The limits only say how.
void clip(Call& call) {
  like_first(call);
  call.operands = std::vector<std::size_t>{0};
}
void like_first_boolean(Call& call) { emit(call, call.shape(0), DType::boolean, 1); }

void select(Call& call) {
  const Shape out = broadcast(broadcast(call.shape(0), call.shape(1)), call.shape(2));
  emit(call, out, call.in(1).dtype, 1);
}

void power(Call& call) {
  combine(call, call.in(0).dtype);
  const Value& exponent = call.in(1);
  if (exponent.data.known() && exponent.data.size() == 1) {
    const double value = call.known_reals(1, "exponent")[0];
    const std::int64_t count = elements(call.output(0)->shape);
    if (value == 1.0 || value == 2.0) call.vector_work(count, 1);
    else if (value == 3.0) call.vector_work(count, 2);
    else if (value == 0.5 || value == -1.0) call.vector_work(count, 4);
  }
}

void cast(Call& call) {
  const DType to = call.node.type == "CastLike" ? call.in(1).dtype : dtype_of_code(call.whole("to", 0));
  emit(call, call.shape(0), to, 1);
  call.operands = std::vector<std::size_t>{0};
  if (to == call.in(0).dtype) {
    call.op.op_class = OpClass::view;
    call.op.vector_ops = 0;
  }
}

void prelu(Call& call) {
  // The slope broadcasts to the input, never the other way round; old files give one slope a channel without trailing ones.
  emit(call, call.shape(0), call.in(0).dtype, 1);
}

/// Scale and zero point are constants of the pipeline, not operands.
void quantize(Call& call) {
  DType to = DType::u8;
  if (call.has(2)) to = call.in(2).dtype;
  else if (call.whole("output_dtype", 0) != 0) to = dtype_of_code(call.whole("output_dtype", 0));
  emit(call, call.shape(0), to, 1);
  call.operands = std::vector<std::size_t>{0};
}

void dequantize(Call& call) {
  emit(call, call.shape(0), call.in(1).dtype, 1);
  call.operands = std::vector<std::size_t>{0};
}

void quantize_dynamically(Call& call) {
  emit(call, call.shape(0), DType::u8, 1);
  call.out(1, {}, DType::f32);
  call.out(2, {}, DType::u8);
}

/// A, its scale and zero point, B, its scale and zero point, the result's scale and zero point.
void quantized_pair(Call& call) {
  emit(call, broadcast(call.shape(0), call.shape(3)), call.in(0).dtype, 1);
  call.operands = std::vector<std::size_t>{0, 3};
}

void quantized_single(Call& call) {
  like_first(call);
  call.operands = std::vector<std::size_t>{0};
}

void dropout(Call& call) {
  call.out(0, call.shape(0));
  call.out(1, call.shape(0), call.opset >= 10 ? DType::boolean : call.in(0).dtype);
  call.op.op_class = OpClass::view;
  call.operands = std::vector<std::size_t>{0};
}

void reduce(Call& call) {
  const Shape& x = call.shape(0);
  const bool keep = call.whole("keepdims", 1) != 0;
  std::vector<bool> reduced(x.size(), false);
  const auto axes = call.attribute_or_input("axes", 1);
  if (axes && !axes->empty()) {
    for (const std::int64_t axis : *axes) reduced[axis_of(axis, x.size())] = true;
  } else if (call.whole("noop_with_empty_axes", 0) == 0) {
    reduced.assign(x.size(), true);
  }
  Shape out;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (!reduced[i]) out.push_back(x[i]);
    else if (keep) out.push_back(1);
  }
  call.out(0, out);
  const RowCost cost = *reduction_cost(call.node.type);
  call.op.op_class = OpClass::reduction;
  call.op.vector_ops = plus(times(elements(x), cost.per_element), times(elements(out), cost.per_row));
  call.operands = std::vector<std::size_t>{0};
}

void arg_reduce(Call& call) {
  Shape out = call.shape(0);
  const std::size_t axis = axis_of(call.whole("axis", 0), out.size());
  if (call.whole("keepdims", 1) != 0) out[axis] = 1;
  else out.erase(out.begin() + static_cast<std::ptrdiff_t>(axis));
  call.out(0, out, DType::i64);
  call.op.op_class = OpClass::reduction;
  call.vector_work(elements(call.shape(0)), 1);
}

void cumulative_sum(Call& call) {
  call.out(0, call.shape(0));
  call.op.op_class = OpClass::reduction;
  call.vector_work(elements(call.shape(0)), 1);
  call.operands = std::vector<std::size_t>{0};
}

void top_k(Call& call) {
  const std::vector<std::int64_t> k = call.has_attribute("k") ? std::vector<std::int64_t>{call.whole("k", 0)} : call.known_wholes(1, "k");
  Shape out = call.shape(0);
  const std::size_t axis = axis_of(call.whole("axis", -1), out.size());
  if (k.size() != 1 || k[0] < 1 || k[0] > out[axis]) wrong(fmt::format("k must be 1 to {}", out[axis]));
  out[axis] = k[0];
  call.out(0, out);
  call.out(1, out, DType::i64);
  call.op.op_class = OpClass::reduction;
  call.vector_work(elements(call.shape(0)), heap_levels(k[0]));
  call.operands = std::vector<std::size_t>{0};
}

void rotary(Call& call) { emit(call, call.shape(0), call.in(0).dtype, 1); }

}  // namespace

void add_elementwise(HandlerTable& table) {
  for (const char* type : {"Add", "Sub", "Mul", "Div", "Mod", "Sum", "Max", "Min", "Mean", "And", "Or", "Xor", "BitShift", "BitwiseAnd",
                           "BitwiseOr", "BitwiseXor"}) {
    table[type] = arithmetic;
  }
  for (const char* type : {"Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"}) table[type] = comparison;
  for (const char* type : {"Neg", "Abs", "Sign", "Floor", "Ceil", "Round", "Relu", "Not", "BitwiseNot", "Sqrt", "Reciprocal", "Exp", "Log", "Erf",
                           "Tanh", "Sin", "Cos", "Tan", "Asin", "Acos", "Atan", "Sinh", "Cosh", "Asinh", "Acosh", "Atanh", "LeakyRelu",
                           "ThresholdedRelu", "Shrink", "Sigmoid", "HardSigmoid", "HardSwish", "Swish", "Elu", "Selu", "Celu", "Softplus",
                           "Softsign", "Mish", "Gelu"}) {
    table[type] = like_first;
  }
  table["Clip"] = clip;
  table["IsNaN"] = like_first_boolean;
  table["IsInf"] = like_first_boolean;
  table["com.microsoft:Gelu"] = like_first;
  table["com.microsoft:FastGelu"] = like_first;
  table["com.microsoft:QuickGelu"] = like_first;
  table["com.microsoft:BiasGelu"] = like_first;
  table["Where"] = select;
  table["Pow"] = power;
  table["Cast"] = cast;
  table["CastLike"] = cast;
  table["PRelu"] = prelu;
  table["QuantizeLinear"] = quantize;
  table["DequantizeLinear"] = dequantize;
  table["DynamicQuantizeLinear"] = quantize_dynamically;
  table["com.microsoft:QLinearAdd"] = quantized_pair;
  table["com.microsoft:QLinearMul"] = quantized_pair;
  table["com.microsoft:QLinearSigmoid"] = quantized_single;
  table["com.microsoft:QLinearLeakyRelu"] = quantized_single;
  table["Dropout"] = dropout;
  for (const char* type : {"ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceL1", "ReduceL2", "ReduceSumSquare",
                           "ReduceLogSum", "ReduceLogSumExp"}) {
    table[type] = reduce;
  }
  table["ArgMax"] = arg_reduce;
  table["ArgMin"] = arg_reduce;
  table["CumSum"] = cumulative_sum;
  table["TopK"] = top_k;
  table["RotaryEmbedding"] = rotary;
}

}  // namespace gnomon::workloads::import
