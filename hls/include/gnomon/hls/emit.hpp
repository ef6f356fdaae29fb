#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/base/error.hpp"

namespace gnomon::hls {

/// Everything that decides the RTL of a systolic array; all of it becomes literals in the text.
struct ArrayParameters {
  std::int64_t rows = 1;
  std::int64_t cols = 1;
  int precision_bits = 8;     ///< signed operands
  int accumulator_bits = 32;  ///< wraps around (two's complement)
  bool overlap = false;
  arch::Dataflow dataflow = arch::Dataflow::os;
  bool operator==(const ArrayParameters&) const = default;

  /// How many folds back `fold_wait` can look: 0 without overlap, 1 for `os`, rows + cols - 1 for `ws` and `is`. A fold further
  /// back has always ended.
  std::int64_t wait_distance() const;
};

/// Two texts of one machine: `loops` (arrays and `for` loops in one clocked block, blocking, last to first), which Verilator
/// compiles fast whatever the size, and `modules` (a module per PE and per skew line), which synthesis handles hierarchically.
enum class RtlStyle { loops, modules };

struct Port {
  std::string name;
  int bits = 1;
  bool input = true;
};

/// One SystemVerilog module and its ports.
struct Rtl {
  std::string top;
  std::string text;
  std::vector<Port> ports;
};

/// The array of a design as RTL parameters. Unsupported: floating-point precisions, `timing: "scalesim"`.
Expected<ArrayParameters> array_parameters(const arch::Array& array);

/// SystemVerilog (IEEE 1800-2012 subset that Verilator, Icarus and yosys read) of the array of docs/microarchitecture.md, one
/// clock cycle a step.
///
/// Boundary: ready/valid streams, all of which the array joins, so that a late operand or a full output holds the whole array.
/// * `hold`: no step in this cycle, whatever is offered; for ports that need several cycles for what the step moves.
/// * `fold_*`: descriptors of folds in order: `rows`, `cols` (1 to the array's), `length` (T, at least 1), `accumulate` (partial
///   sums are added at the exit) and, with overlap, `wait`: d > 0 starts the fold (its preload) no earlier than the end of the
///   fold d places before it and of all before that one. One is kept ahead; a descriptor that comes late delays its fold.
/// * `ifmap_*`, `filter_*`, where outputs stay: in step X + t one beat each, the elements t of all rows (columns), lane 0 lowest.
///   Where an input stays: its words, a row a beat, bottom row first, in the r steps before X; of the other input, in step X + t,
///   the elements t of all rows. The skew is made inside. Lanes beyond the fold's rows (columns) do not matter.
/// * `ofmap_*`, `os`: one beat a drain step, top row first; lanes beyond the fold's columns are not meaningful. `psum_*`: one beat
///   in every drain step of a fold with `accumulate`.
/// * `ofmap_*`, `ws` and `is`: in every step in which a column gives a result, `ofmap_lanes` says which columns do; `psum_*`: in
///   every step with a lane in `psum_lanes`, whose results get the lane's partial sum added.
/// Errors: sizes beyond 256 x 256, operands beyond 32 bits, accumulators beyond 64 bits or narrower than the operands.
/// `tells_due`: one more output, `due` = {columns enter, rows enter, all that they need is there} with, for `os`, {a row drains} above: what the step at hand
/// moves, whatever `hold` says; for what prices steps.
Expected<Rtl> emit_array(const ArrayParameters& parameters, RtlStyle style = RtlStyle::loops, bool tells_due = false);

}  // namespace gnomon::hls
