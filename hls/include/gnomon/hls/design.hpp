#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/emit.hpp"
#include "gnomon/workloads/graph.hpp"

namespace gnomon::hls {

/// What the RTL of a design has for some workloads and mappings only.
struct WorkloadParts {
  bool images = false;  ///< address generators and transfers that go on from image to image, for convolutions of a batch
  bool nested = false;  ///< a unit for each level that fills from another one, and one for the bus to shared levels, for mappings that keep an operand in two levels or more
  bool spread = false;  ///< steps of several rows and columns, for dilated windows, and transfers that leave some out, which convolutions with windows smaller than their stride need too
  bool banked = false;  ///< what counts the turns of words that share banks, for mappings with layouts other than `streamed`
  int mean_log = 0;     ///< reciprocals of counts below this power of two, for means over each window's own number of elements; 0: none
};

/// SystemVerilog of a complete design: array, levels with their banks, address generators, the unit that requantises results, vector unit, transfers
/// to the memory and the sequencer that starts them (docs/rtl.md, "Complete designs"). It depends on the design alone; what it computes is given to it as
/// a program of descriptors.
///
/// One core (several: emit_core), any levels in it and shared ones, ideal or device memory, integer precisions; accumulators a multiple of the precision; rates that do not cut words. Everything else
/// is refused as unsupported, naming the field.
Expected<Rtl> emit_design(const arch::Design& design, const WorkloadParts& parts = {});

/// The same of one core of a design with several (with its part of shared levels). Its ports are those for a device memory whatever the memory is: it asks for each transfer, which begins in
/// the cycle in which links and memory take it, and nothing of a work step begins while `run` is low.
Expected<Rtl> emit_core(const arch::Design& design, std::size_t core, const WorkloadParts& parts = {});

/// A work step of a whole run.
struct DesignStep {
  std::string label;
  std::int64_t latency_cycles = 0;        ///< of the RTL, from the step's start to its end
  std::int64_t model_latency_cycles = 0;  ///< of the SystemC cycle model
  std::string core;                       ///< which one runs it
  /// In the RTL and in the model: the end of the step before on the core, and of steps of other cores that it reads from; 0 without any.
  std::int64_t start_cycle = 0, model_start_cycle = 0;
};

/// What is wrong first, by tensor and element in the order of execution.
struct DesignMismatch {
  std::string tensor;
  std::int64_t element = 0;
  std::int64_t expected = 0, got = 0;
  std::vector<std::int64_t> index;  ///< the element by the tensor's dimensions
  std::int64_t cycle = -1;          ///< of the run, in which its word of the memory was written last; -1: never, or before anything began
  std::string trace;                ///< FST file of the cycles around it; empty: none was made
};

struct DesignCosim {
  std::int64_t outputs = 0, mismatches = 0;  ///< elements of all stored tensors that operators write
  std::optional<DesignMismatch> first_mismatch;
  std::int64_t rtl_cycles = 0;    ///< the whole run: start to the last end
  std::int64_t model_cycles = 0;  ///< latency_cycles of the SystemC cycle model
  std::int64_t cycle_difference = 0;  ///< rtl_cycles - model_cycles; what stalls cost is in it
  std::int64_t stalls_injected = 0;   ///< cycles in which a port of the memory or of the program was held back
  std::vector<DesignStep> steps;
  std::optional<CosimReplay> replay;  ///< of the first cycles in Icarus Verilog, where asked for
  std::string rtl_top, tool;
  double verilate_seconds = 0, compile_seconds = 0, simulate_seconds = 0, seconds = 0;
  bool outputs_match() const { return mismatches == 0; }
};

struct DesignRequest {
  const arch::Design& design;
  const workloads::Graph& graph;
  /// Empty: the mapper of the analytical model chooses.
  arch::Mapping mapping;
  CosimOptions options;
  /// In the place of emit_design(design): for tests that break it.
  std::optional<Rtl> rtl;
  /// The same by core, in the place of emit_core, for designs with several.
  std::vector<Rtl> core_rtl;
};

/// Runs a whole workload on the RTL of a whole design in Verilator, in a child process, and compares every tensor that it writes with the golden
/// interpreter, and the end of every work step with the SystemC cycle model.
///
/// Integers: interpret_network (seeded inputs, weights and biases, filters quantised where the model holds their values; results scaled down by powers of two).
/// The memory answers as the design's ideal memory does, or is the cycle model's device in a SystemC simulation; `options.stall` holds its ports and those of the program back and delays its answers, seeded. Several cores run in one simulation with
/// the memory, each in its own RTL; who may begin a work step and whose transfer goes first on the bus is decided there, as the cycle model does. `options.artifacts` gets RTL (of several cores in a folder each),
/// program, testbench and vectors; `options.icarus` replays them. Errors: unsupported (design, operator or mapping without complete RTL), run_failed (tools, a child that fails or gets stuck).
Expected<DesignCosim> cosimulate_design(const DesignRequest& request);

Json design_cosim_document(const DesignCosim& result);

}  // namespace gnomon::hls
