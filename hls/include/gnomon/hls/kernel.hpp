#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gnomon/base/fields.hpp"
#include "gnomon/hls/number_type.hpp"

namespace gnomon::hls {

/// `constant + sum of factor x loop + sum of factor x value`; its text form is `2*m + k - 1`, loops first.
struct Affine {
  std::int64_t constant = 0;
  std::vector<std::int64_t> coefficients;                      ///< per loop of the kernel
  std::vector<std::pair<std::size_t, std::int64_t>> values = {};  ///< op and factor; only in gathers and scatters
  bool operator==(const Affine&) const = default;
};

/// `constant` tensors have values in the file; `local` ones and outputs start at 0 in every run.
enum class TensorKind { input, output, local, constant };

struct KernelTensor {
  std::string name;
  TensorKind kind = TensorKind::input;
  NumberType type;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> values = {};  ///< of a constant, row-major, as stored bits
  std::int64_t elements() const;
  bool operator==(const KernelTensor&) const = default;
};

enum class StreamKind { input, output, local };

/// A first-in first-out channel of `depth` elements between two processes, or between the outside and one.
struct KernelStream {
  std::string name;
  StreamKind kind = StreamKind::local;
  NumberType type;
  std::int64_t depth = 2;
  std::int64_t length = 0;  ///< elements that an input stream brings in one run
  bool operator==(const KernelStream&) const = default;
};

struct KernelLoop {
  std::string name;
  std::int64_t extent = 1;  ///< iterations, or the most where `trip` or `count` is there
  std::optional<std::size_t> parent = {};
  std::size_t process = 0;
  std::optional<Affine> trip = {};        ///< iterations as a sum of outer loops
  std::optional<std::size_t> count = {};  ///< iterations as the value of an op outside: clamped to 0 .. extent
  /// The loop runs once and goes on, `extent` times at most, while this op in its body (in no loop inside it) is not 0.
  std::optional<std::size_t> repeat = {};
  /// Whether data says how often it runs.
  bool data_decides() const { return count.has_value() || repeat.has_value(); }
  bool operator==(const KernelLoop&) const = default;
};

enum class OpCode {
  constant, load, store, gather, scatter, read, write, index,
  add, sub, mul, mac, div, rem, shl, shr, bit_and, bit_or, bit_xor, clz,
  select, min, max, eq, ne, lt, le, cast,
  scale, exp, log, recip, rsqrt
};
const std::vector<std::string>& op_names();
/// load, gather, store, scatter
bool touches_tensor(OpCode code);
/// store, scatter
bool writes_tensor(OpCode code);
bool touches_stream(OpCode code);
bool is_comparison(OpCode code);
/// exp, log, recip, rsqrt
bool is_function(OpCode code);
/// store, scatter, write: ops without a value
bool has_no_value(OpCode code);
std::size_t args_of(OpCode code);

/// One node of the expression DAG. Its value is computed exactly and then rounded and wrapped or clamped into `type`.
/// `mac` is args[0] * args[1] + args[2]; `select` args[0] != 0 ? args[1] : args[2]; comparisons give 1 or 0; shifts are by args[1]
/// (an integer) bits, which counts as 64 where it is negative or larger; `shr` of a signed value keeps its sign. `div` is the
/// quotient at the type's fraction, truncated towards 0; by 0 it gives the type's largest value (smallest for a negative
/// dividend). `rem` (integers) has the dividend's sign; by 0 it gives the dividend. Bit operations and `clz` (leading zeros of
/// the stored bits) take values of equal fraction. `gather`/`scatter` are load/store whose indices may hold values; `read`/`write`
/// take from and give to a stream; `index` is an affine sum of loops as a value. `scale` is args[0] x 2^value, exactly.
/// `exp`, `log` (natural), `recip` (1 / x) and `rsqrt` (1 / sqrt x) of values of up to 32 bits give up to 32 bits (`log`: at most 31
/// behind the point): a value that is off by less than 1/8 of the type's last bit is rounded as the type says, so that the error
/// is below 9/8 of the last bit where it rounds down and 5/8 else; exact results are exact. exp, recip and rsqrt clamp what does not
/// fit, whatever the type says; recip of 0 and rsqrt of 0 and less give the largest value, log of 0 and less the smallest.
struct KernelOp {
  std::string name;  ///< empty for ops without a value
  OpCode code = OpCode::constant;
  NumberType type;                    ///< of the value; a load's is the tensor's, a read's the stream's
  std::vector<std::size_t> args;      ///< indices of earlier ops
  std::optional<std::size_t> tensor;  ///< load, store, gather, scatter
  std::vector<Affine> index;
  std::int64_t value = 0;             ///< constant, as stored bits; scale: the power of 2, -64 to 64
  std::optional<std::size_t> loop = {};  ///< innermost loop around it
  std::size_t process = 0;
  std::optional<std::size_t> stream = {};
  /// store, scatter, read, write: done only where this value is not 0 (a read that is not done has the value 0).
  std::optional<std::size_t> when = {};
  /// gather, scatter: iterations of the innermost loop within which two accesses of the tensor never meet. 1: any two may. A
  /// promise of the kernel that the interpreter checks.
  std::int64_t distance = 1;
  bool operator==(const KernelOp&) const = default;
};

enum class PartitionKind { cyclic, block, complete };
struct Partition {
  PartitionKind kind = PartitionKind::complete;
  std::size_t dim = 0;
  std::int64_t factor = 1;  ///< banks along the dimension; `complete`: its size
  bool operator==(const Partition&) const = default;
};

struct Directives {
  /// Loop -> iterations of the inner of the two loops that it becomes (`NAME_tile` outside, `NAME` inside).
  std::map<std::string, std::int64_t> tile;
  /// New order of loops that stand in one perfect nest, outermost first; after tiling.
  std::vector<std::vector<std::string>> interchange;
  /// Copies of the loop's body that run at the same time; divides nothing: the last round may be partly idle. Loops inside are
  /// jammed. After tile and interchange.
  std::map<std::string, std::int64_t> unroll;
  /// Cycles between iterations of pipelined loops; the least where absent.
  std::optional<std::int64_t> pipeline_ii;
  /// Outermost loop of the pipeline; the best one where absent.
  std::string pipeline_loop;
  std::map<std::string, std::vector<Partition>> partition;
  std::map<std::string, std::string> storage;    ///< tensor -> `registers`, `ram_1r1w`, `ram_2r1w`
  std::map<std::string, std::int64_t> units;     ///< operation (`mul`, `div`, `rem`) -> units of a process
  std::map<std::string, std::int64_t> streams;   ///< stream -> depth
  bool dataflow = true;                          ///< false: processes one after the other, in their order
  double clock_ns = 10;                          ///< what may be chained in one cycle, by the delay table
  /// `os`: a matrix multiplication on the systolic array of emit.hpp instead of the general compiler.
  std::string array;
  bool operator==(const Directives&) const = default;
};

/// Processes over private tensors, connected by streams; each is a tree of loops with ops in the order in which they run. A loop
/// stands where its first op stands.
struct Kernel {
  std::string name;
  std::vector<std::string> processes = {"main"};
  std::vector<KernelTensor> tensors;
  std::vector<KernelStream> streams = {};
  std::vector<KernelLoop> loops;
  std::vector<KernelOp> ops;
  Directives directives;
  std::string file;  ///< for messages
  bool operator==(const Kernel& other) const {
    return name == other.name && processes == other.processes && tensors == other.tensors && streams == other.streams &&
           loops == other.loops && ops == other.ops && directives == other.directives;
  }
  /// Loops around a loop or an op, outermost first (itself last).
  std::vector<std::size_t> path(std::optional<std::size_t> innermost) const;
};

/// Kernel JSON (design.md section 5), checked by verify(); all errors at once.
Expected<Kernel> read_kernel(const Document& document);
/// The text form; reading it gives an equal kernel.
Json write_kernel(const Kernel& kernel);
Json kernel_schema();

/// Bounds of every access over the whole nest (gathers and scatters by the intervals of their values), widths of exact results,
/// argument counts, order of definitions, sizes (at most 2^27 elements in all tensors together), owners of tensors and ends of
/// streams, streams that block for ever where control does not depend on data, directives.
Expected<void> verify(const Kernel& kernel);

using TensorValues = std::map<std::string, std::vector<std::int64_t>>;

/// What the data decided in one run, in the order in which it happened.
struct ControlTrace {
  std::vector<std::vector<std::int64_t>> trips;  ///< per loop with `count` or `repeat`: iterations of each entry
  std::vector<std::vector<bool>> taken;          ///< per stream op with `when`: whether it was done
};

/// Runs the kernel as written, one op after the other, processes in turns: the bit-exact golden model. `inputs` has one vector per
/// input tensor and input stream, each value inside its type (64-bit unsigned ones as the same bits). Outputs and locals start at
/// 0. Gives output tensors and output streams. Errors: missing, surplus or misfit inputs; streams that block for ever; a broken
/// conflict distance; unsupported: more than `max_ops` executed ops.
Expected<TensorValues> interpret(const Kernel& kernel, const TensorValues& inputs, std::int64_t max_ops = std::int64_t{1} << 34,
                                 ControlTrace* trace = nullptr);

/// One vector per input tensor and stream, uniform over each type.
TensorValues random_inputs(const Kernel& kernel, std::uint64_t seed);

/// c[m][n] = sum over k of a[m][k] b[k][n], signed `bits`-bit inputs, accumulators of `accumulator_bits`.
Kernel matmul_kernel(std::int64_t m, std::int64_t n, std::int64_t k, int bits, int accumulator_bits);

/// Top-k by quick-select with zero eliminators as in SpAtten: `lanes` elements a cycle against a pivot, what is better and what is
/// worse packed into two buffers, again on the side that has the k-th; then the places of the k largest in order of arrival.
struct TopkShape {
  std::int64_t n = 64, k = 32, lanes = 4;  ///< powers of two, lanes <= k <= n
  int bits = 16;                           ///< of an element, signed
};
Expected<Kernel> topk_kernel(const TopkShape& shape);
/// Select passes of one run of such a kernel, counted by its interpreter; `fill` and `filter` are none.
struct TopkPasses {
  std::int64_t passes = 0, rows = 0;
  std::vector<std::int64_t> ids;
  /// SpAtten's model: a cycle per row and 3 per pass. The compiled kernel takes 3 more, which find that there is no further pass.
  std::int64_t cycles() const { return rows + 3 * passes; }
};
Expected<TopkPasses> topk_passes(const Kernel& kernel, const TensorValues& inputs);

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
