#pragma once

#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/hls/compile.hpp"

namespace gnomon::hls {

/// One figure of what a compiled kernel consists of.
struct HardwareColumn {
  std::string name, unit;  ///< of a label table
};

/// What scheduled and bound hardware consists of before logic synthesis: bits of operators (one each after unrolling; shared units once, and their multiplexers), of
/// registers, counters, address arithmetic, memories by kind, streams and control. Counted from the data path that becomes RTL; what synthesis removes or shares is in it.
/// Columns, in order: II, depth and cycles of the schedule, then amounts.
const std::vector<HardwareColumn>& hardware_columns();
/// One value per column.
std::vector<double> hardware_of(const CompiledKernel& compiled);

/// Whether a JSON text is a kernel, or a list of kernels.
bool holds_kernels(const std::string& json);
/// The columns of one kernel or of a list, compiled: a row each, as the model `kernel` takes them. Errors as read_kernel() and compile() have them, with `file` and the place in the list.
Expected<arch::LabelTable> read_hardware_table(const std::string& json, const std::string& file);

}  // namespace gnomon::hls
