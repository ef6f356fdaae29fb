#pragma once

#include "gnomon/hls/compile.hpp"
#include "gnomon/hls/cosim.hpp"

namespace gnomon::hls {

/// One kernel's co-simulation: compiled RTL in Verilator against the interpreter, value by value, and against the timing model of
/// its schedule, cycle by cycle.
struct KernelCosim {
  bool outputs_match = true;
  std::int64_t outputs = 0, mismatches = 0;
  std::string first_mismatch;  ///< tensor and place, and run; empty: none
  std::optional<Mismatch> mismatch;  ///< the same with its values, its cycle, the kernel's loops there, and waves where they were asked for
  std::int64_t rtl_cycles = 0;        ///< first input beat to last output beat, ends included, all runs
  std::int64_t model_cycles = 0;      ///< the same by the timing model with ports that never wait
  std::int64_t stalls_injected = 0;   ///< cycles that the stalls of this run cost by the timing model
  std::int64_t cycle_difference = 0;  ///< rtl_cycles - stalls_injected - model_cycles
  std::int64_t busy_cycles = 0;       ///< of the RTL
  std::optional<CosimReplay> replay;  ///< in Icarus Verilog where asked for; of all kernels, with the first of them
  std::string stuck;                  ///< where outputs did not come: ports, processes and the streams that they wait for, full and empty streams; empty: all came
};

/// Runs several compiled kernels side by side in one compiled model, each `runs` times in a row with new seeded inputs. The
/// interpreter runs the source kernel, the timing model the schedule; `options.trace` goes with a single kernel.
Expected<std::vector<KernelCosim>> cosimulate_kernels(const std::vector<const CompiledKernel*>& kernels, const CosimOptions& options, int runs = 2);

/// One kernel in the form of the other co-simulations.
Expected<CosimResult> cosimulate_compiled(const CompiledKernel& kernel, const CosimOptions& options);

}  // namespace gnomon::hls
