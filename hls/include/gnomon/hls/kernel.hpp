#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/base/fields.hpp"

namespace gnomon::hls {

/// An integer type of 1 to 64 bits; its text form is `int8`, `uint4`, ...
struct IntType {
  bool is_signed = true;
  int bits = 32;
  std::string text() const { return (is_signed ? "int" : "uint") + std::to_string(bits); }
  bool operator==(const IntType&) const = default;
};
std::optional<IntType> type_named(const std::string& text);

/// `constant + sum of coefficient x loop`; its text form is `2*m + k - 1`, loops in the order of the nest.
struct Affine {
  std::int64_t constant = 0;
  std::vector<std::int64_t> coefficients;  ///< per loop of the kernel
  bool operator==(const Affine&) const = default;
};

enum class TensorKind { input, output, local };

struct KernelTensor {
  std::string name;
  TensorKind kind = TensorKind::input;
  IntType type;
  std::vector<std::int64_t> shape;
  std::int64_t elements() const;
  bool operator==(const KernelTensor&) const = default;
};

struct KernelLoop {
  std::string name;
  std::int64_t extent = 1;
  bool operator==(const KernelLoop&) const = default;
};

enum class OpCode { constant, load, store, add, sub, mul, mac, shl, shr, select, min, max, eq, ne, lt, le, cast };
const std::vector<std::string>& op_names();

/// One node of the expression DAG. Its value is computed exactly and then cut to `type` (two's complement).
/// `mac` is args[0] * args[1] + args[2]; `select` args[0] != 0 ? args[1] : args[2]; comparisons give 1 or 0; shifts by args[1]
/// bits, which counts as 64 where it is negative or larger; `shr` of a signed value keeps its sign.
struct KernelOp {
  std::string name;  ///< empty for a store
  OpCode code = OpCode::constant;
  IntType type;                       ///< of the value; a load's is the tensor's
  std::vector<std::size_t> args;      ///< indices of earlier ops
  std::optional<std::size_t> tensor;  ///< load, store
  std::vector<Affine> index;
  std::int64_t value = 0;  ///< constant
  /// Number of enclosing loops: the op runs inside the outermost `depth` loops, before or after the deeper ones as it stands in
  /// the list.
  std::size_t depth = 0;
  bool operator==(const KernelOp&) const = default;
};

struct Directives {
  /// Copies of the loop's body that run at the same time; divides nothing: the last round may be partly idle.
  std::map<std::string, std::int64_t> unroll;
  /// Steps between two iterations of the innermost loop.
  std::optional<std::int64_t> pipeline_ii;
  bool operator==(const Directives&) const = default;
};

/// A loop nest over integer tensors. Loops are one chain (each the only loop inside the one before it) and ops stand in the list
/// in the order in which they run; an op may belong to an outer loop, before or after what the inner loops do.
struct Kernel {
  std::string name;
  std::vector<KernelTensor> tensors;
  std::vector<KernelLoop> loops;  ///< outermost first
  std::vector<KernelOp> ops;
  Directives directives;
  std::string file;  ///< for messages
  bool operator==(const Kernel& other) const {
    return name == other.name && tensors == other.tensors && loops == other.loops && ops == other.ops &&
           directives == other.directives;
  }
};

/// Kernel JSON (design.md section 5), checked by verify(). Unsupported: directives of the contract that nothing here carries out
/// yet (`tile`, `interchange`, `partition`, `bind`, `stream`), fixed-point types.
Expected<Kernel> read_kernel(const Document& document);
/// The text form; reading it gives an equal kernel.
Json write_kernel(const Kernel& kernel);
Json kernel_schema();

/// Bounds of every access over the whole nest, widths, argument counts, order of definitions, sizes (at most 2^27 elements in all
/// tensors together), directives.
Expected<void> verify(const Kernel& kernel);

using TensorValues = std::map<std::string, std::vector<std::int64_t>>;

/// Runs the kernel as written, one op after the other: the bit-exact golden model. `inputs` has one vector per input tensor,
/// row-major, each value inside its type (64-bit unsigned ones as the same bits). Outputs and locals start at 0. Gives the output
/// tensors. Errors: missing, surplus or misfit inputs; unsupported: more than `max_ops` executed ops.
Expected<TensorValues> interpret(const Kernel& kernel, const TensorValues& inputs, std::int64_t max_ops = std::int64_t{1} << 34);

/// c[m][n] = sum over k of a[m][k] b[k][n], signed `bits`-bit inputs, accumulators of `accumulator_bits`.
Kernel matmul_kernel(std::int64_t m, std::int64_t n, std::int64_t k, int bits, int accumulator_bits);

/// What the array emitter needs to know of a kernel that is a matrix multiplication.
struct MatmulShape {
  std::int64_t m = 1, n = 1, k = 1;
  int bits = 8, accumulator_bits = 32;
  std::int64_t rows = 1, cols = 1;  ///< unroll of the loops over m and n
  std::string left, right, out;     ///< tensor names
};
/// Unsupported: a kernel of another form, with what differs.
Expected<MatmulShape> match_matmul(const Kernel& kernel);

}  // namespace gnomon::hls
