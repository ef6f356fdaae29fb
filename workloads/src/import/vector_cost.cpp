#include "import/vector_cost.hpp"

#include <algorithm>
#include <array>

/// Every price of vector work stands here. Unit prices: an addition, multiplication, comparison, minimum, maximum, selection, rounding,
/// conversion or logic operation is 1; a division, square root or reciprocal is 4; an elementary function (exp, log, erf, tanh, sin, ...)
/// is 4. The 4 is the usual ratio of initiation intervals between multiplication and exp/div on narrow vector units that iterate or
/// interpolate; compound functions are the sum of their steps as commonly evaluated, given behind each.
namespace gnomon::workloads {
namespace {

struct Price {
  std::string_view type;
  std::int64_t ops;
};

constexpr Price elementwise[] = {
    // One step.
    {"Add", 1}, {"Sub", 1}, {"Mul", 1}, {"Neg", 1}, {"Abs", 1}, {"Sign", 1}, {"Floor", 1}, {"Ceil", 1}, {"Round", 1}, {"Cast", 1},
    {"CastLike", 1}, {"Relu", 1}, {"Equal", 1}, {"Greater", 1}, {"Less", 1}, {"GreaterOrEqual", 1}, {"LessOrEqual", 1}, {"And", 1},
    {"Or", 1}, {"Xor", 1}, {"Not", 1}, {"Where", 1}, {"IsNaN", 1}, {"IsInf", 1}, {"BitShift", 1}, {"BitwiseAnd", 1}, {"BitwiseOr", 1},
    {"BitwiseXor", 1}, {"BitwiseNot", 1},
    // One expensive step.
    {"Div", 4}, {"Mod", 4}, {"Sqrt", 4}, {"Reciprocal", 4}, {"Exp", 4}, {"Log", 4}, {"Erf", 4}, {"Tanh", 4}, {"Sin", 4}, {"Cos", 4},
    {"Tan", 4}, {"Asin", 4}, {"Acos", 4}, {"Atan", 4}, {"Sinh", 4}, {"Cosh", 4}, {"Asinh", 4}, {"Acosh", 4}, {"Atanh", 4},
    {"Pow", 9},              // log, multiply, exp; a known exponent of 2 is 1, of 0.5 or -1 is 4
    {"Clip", 2},             // minimum, maximum
    {"LeakyRelu", 2},        // multiply, select
    {"PRelu", 2},
    {"ThresholdedRelu", 2},  // compare, select
    {"Shrink", 4},           // two comparisons, add, select
    {"Sigmoid", 10},         // negate, exp, add, divide
    {"HardSigmoid", 4},      // multiply, add, minimum, maximum
    {"HardSwish", 5},        // HardSigmoid, multiply
    {"Swish", 11},           // Sigmoid, multiply
    {"Elu", 7},              // exp, subtract, multiply, select
    {"Selu", 8},             // Elu, multiply
    {"Celu", 11},            // Elu of x / alpha
    {"Softplus", 9},         // exp, add, log
    {"Softsign", 6},         // absolute value, add, divide
    {"Mish", 14},            // Softplus, tanh, multiply
    {"Gelu", 8},             // erf form: multiply, erf, add, multiply, multiply
    {"FastGelu", 12},        // tanh form: three multiplications for the cube, add, multiply, tanh, add, multiply, multiply
    {"BiasGelu", 9}, {"QuickGelu", 12},
    {"RotaryEmbedding", 3},  // two multiplications, one addition
    // Quantisation: multiply by the reciprocal scale, round, add zero point, clip.
    {"QuantizeLinear", 5},
    {"DequantizeLinear", 2},
    {"DynamicQuantizeLinear", 7},  // minimum and maximum first
    {"QLinearAdd", 10}, {"QLinearMul", 10}, {"QLinearSigmoid", 17}, {"QLinearLeakyRelu", 9},  // dequantise, compute, quantise
};

struct RowPrice {
  std::string_view type;
  RowCost cost;
};

constexpr RowPrice normalizations[] = {
    {"BatchNormalization", {2, 0}},      // multiply and add: statistics are constants at inference
    {"LayerNormalization", {7, 21}},     // sum, subtract, square, sum, multiply, scale, shift; row: 2 divisions, add, root, 2 reciprocals
    {"InstanceNormalization", {7, 21}},
    {"GroupNormalization", {7, 21}},
    {"MeanVarianceNormalization", {5, 21}},
    {"SkipLayerNormalization", {8, 21}},
    {"RMSNormalization", {4, 13}},       // square, sum, multiply, scale; row: division, add, root, reciprocal
    {"SimplifiedLayerNormalization", {4, 13}},
    {"SkipSimplifiedLayerNormalization", {5, 13}},
    {"LpNormalization", {3, 8}},         // square, sum, multiply; row: root, reciprocal
};

constexpr RowPrice softmaxes[] = {
    {"Softmax", {11, 0}},     // maximum, subtract, exp, sum, divide
    {"LogSoftmax", {8, 4}},   // maximum, subtract, exp, sum, subtract; row: log
    {"Hardmax", {2, 0}},      // maximum, compare
};

constexpr RowPrice reductions[] = {
    {"ReduceSum", {1, 0}}, {"ReduceMean", {1, 1}}, {"ReduceMax", {1, 0}}, {"ReduceMin", {1, 0}}, {"ReduceProd", {1, 0}},
    {"ReduceL1", {2, 0}}, {"ReduceL2", {2, 4}}, {"ReduceSumSquare", {2, 0}}, {"ReduceLogSum", {1, 4}}, {"ReduceLogSumExp", {7, 5}},
    {"ArgMax", {1, 0}}, {"ArgMin", {1, 0}}, {"CumSum", {1, 0}},
};

template <class Table>
std::optional<RowCost> row_cost(const Table& table, std::string_view type) {
  for (const RowPrice& price : table) {
    if (price.type == type) return price.cost;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::int64_t> elementwise_cost(std::string_view type, std::size_t operands) {
  if (type == "Sum" || type == "Max" || type == "Min") return std::max<std::int64_t>(1, static_cast<std::int64_t>(operands) - 1);
  if (type == "Mean") return std::max<std::int64_t>(1, static_cast<std::int64_t>(operands));
  for (const Price& price : elementwise) {
    if (price.type == type) return price.ops;
  }
  return std::nullopt;
}

std::optional<RowCost> normalization_cost(std::string_view type) { return row_cost(normalizations, type); }
std::optional<RowCost> softmax_cost(std::string_view type) { return row_cost(softmaxes, type); }
std::optional<RowCost> reduction_cost(std::string_view type) { return row_cost(reductions, type); }

// Square, `size` additions, multiply by alpha / size, add bias, power, divide.
std::int64_t lrn_cost(std::int64_t size) { return 1 + size + 1 + 1 + 9 + 4; }
std::int64_t attention_score_cost(bool masked) { return 1 + (masked ? 1 : 0) + 11; }
std::int64_t heap_levels(std::int64_t k) {
  std::int64_t levels = 1;
  while (levels < 62 && (std::int64_t{1} << levels) <= k) ++levels;
  return levels;
}
std::int64_t interpolation_cost(std::int64_t taps) { return 2 * taps - 1; }

}  // namespace gnomon::workloads
