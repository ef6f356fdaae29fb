#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/base/error.hpp"

namespace gnomon::hls {

/// Everything that decides the RTL of an output-stationary array; all of it becomes literals in the text.
struct ArrayParameters {
  std::int64_t rows = 1;
  std::int64_t cols = 1;
  int precision_bits = 8;     ///< signed operands
  int accumulator_bits = 32;  ///< wraps around (two's complement)
  bool overlap = false;
  bool operator==(const ArrayParameters&) const = default;
};

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

/// The array of a design as RTL parameters. Unsupported: dataflows other than `os`, floating-point precisions, `timing:
/// "scalesim"`.
Expected<ArrayParameters> array_parameters(const arch::Array& array);

/// SystemVerilog (IEEE 1800-2012 subset that Verilator, Icarus and yosys read) of the `os` array of docs/microarchitecture.md,
/// one clock cycle a step.
///
/// Boundary: ready/valid streams, all of which the array joins, so that a late operand or a full output holds the whole array.
/// * `fold_*`: descriptors of folds in order: `rows`, `cols` (1 to the array's), `length` (T, at least 1), `accumulate` (partial
///   sums are added at the exit) and, with overlap, `wait` (start no earlier than the end of the fold before: its slot is still in
///   use). One is kept ahead; a descriptor that comes late delays its fold.
/// * `ifmap_*`, `filter_*`: in step X + t one beat each, the elements t of all rows (columns), lane 0 lowest; the skew is made
///   inside. Lanes beyond the fold's rows (columns) do not matter.
/// * `psum_*`: one beat in every drain step of a fold with `accumulate`.
/// * `ofmap_*`: one beat a drain step, top row first; lanes beyond the fold's columns are not meaningful.
/// Loop style (arrays and `for` loops, blocking assignments in one clocked block, last to first), which Verilator compiles fast
/// whatever the size.
/// Errors: sizes beyond 256 x 256, operands beyond 32 bits, accumulators beyond 64 bits or narrower than the operands.
Expected<Rtl> emit_os_array(const ArrayParameters& parameters);

}  // namespace gnomon::hls
