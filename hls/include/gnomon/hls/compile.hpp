#pragma once

#include <filesystem>
#include <memory>

#include "gnomon/hls/emit.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

struct Datapath;

/// One pipeline of a compiled kernel.
struct PipelineReport {
  std::string process;
  std::vector<std::string> loops;  ///< that became one pipeline; empty: operations outside pipelined loops
  std::int64_t ii = 1, resource_min_ii = 1, recurrence_min_ii = 1, depth_cycles = 1;
};

/// A multiplier of two variables, divider or remainder unit, and how many operations take it in turns.
struct UnitReport {
  std::string process, op;
  int left_bits = 0, right_bits = 0;
  int latency_cycles = 0;
  std::int64_t operations = 1;
};
/// Where a tensor is kept.
struct MemoryReport {
  std::string tensor, storage;  ///< `ram` or `registers`
  std::int64_t banks = 1, bank_elements = 1;
  int bits = 1;
  int read_ports = 0;  ///< per bank of a RAM, beside one write port
};

struct CompiledKernel {
  Kernel source;
  std::shared_ptr<const Datapath> datapath;
  Rtl rtl;
  std::string cpp;  ///< Vitis-style HLS C++
  std::vector<PipelineReport> pipelines;
  std::int64_t ii = 1;              ///< largest of the pipelined loops
  std::int64_t depth_cycles = 1;    ///< of the deepest pipeline
  std::int64_t latency_cycles = 0;  ///< computing, inputs at hand, outputs taken at once; data-dependent control as seeded inputs decide it
  std::int64_t total_cycles = 0;    ///< with loading and draining of tensors
  bool schedule_verified = false;   ///< the independent checkers accept every pipeline and the binding
  std::vector<UnitReport> units;
  std::vector<MemoryReport> memories;
  /// Registers that keep values of pipelines for later cycles, their bits, and the values kept (several take one register in turns).
  std::int64_t registers = 0, register_bits = 0, kept_values = 0;
};

/// Kernel to scheduled hardware: tile, interchange, unroll; pipelines scheduled and checked; RTL and C++ emitted.
/// Errors besides those of verify(): directives that cannot be carried out (restructuring that changes the result, an II below the
/// least, pipelines that are none), a deadlock of the scheduled hardware, run_failed where the checker refuses a schedule.
Expected<CompiledKernel> compile(const Kernel& kernel);

/// Fields of design.md section 4 for `hls`: writes KERNEL.sv, KERNEL.cpp and KERNEL.json (the kernel in its normal form) into
/// `folder`, and gives the document.
Expected<Json> write_compiled(const CompiledKernel& compiled, const std::filesystem::path& folder);

}  // namespace gnomon::hls
