#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/hls/emit.hpp"
#include "gnomon/hls/kernel.hpp"
#include "gnomon/workloads/graph.hpp"

namespace gnomon::hls {

struct CosimOptions {
  /// Chance, per stream and cycle, that an operand comes late or a result is not taken: 0 to 0.9.
  double stall = 0;
  std::uint64_t seed = 1;
  /// RTL cycles that one work step may take without stalls; a longer one is refused before anything is built.
  std::int64_t max_cycles = 50'000'000;
  /// CPU seconds of the child process of one work step.
  double cpu_seconds = 900;
  /// Where compiled RTL is kept; empty: $XDG_CACHE_HOME/gnomon or ~/.cache/gnomon.
  std::filesystem::path cache;
  /// An FST file with every signal, or empty. Only for a single work step.
  std::filesystem::path trace;
  /// The cycles that the trace shows; all of them up to the end of the run by default.
  std::int64_t trace_from = 0, trace_to = std::int64_t{1} << 62;
  /// An FST file with the cycles around the first mismatch, or around the last movement of RTL that gets stuck, made by a second run; with `artifacts` it is mismatch.fst in the run's folder.
  /// Empty: none.
  std::filesystem::path mismatch_trace;
  /// With `artifacts` and without `trace`: every run leaves its first cycles, so many, as opening.fst in its folder.
  std::int64_t opening_cycles = 0;
  /// Replays the first cycles (at most `replay_cycles`) of every step in Icarus Verilog, whose four-valued logic shows registers that
  /// were never set: the same values must stand on every output that means something.
  bool icarus = false;
  std::int64_t replay_cycles = 2000;
  /// Runs every step a second time with the RTL in the place of the array's model in the SystemC system: levels, ports, links and memory
  /// around it.
  bool system = false;
  /// Runs all work steps of the workload in one SystemC system too, vector work and shared memory included, with the RTL in the place of the arrays of the cores named
  /// (empty: of all).
  bool together = false;
  std::vector<std::string> rtl_cores;
  /// A folder for what every run leaves: RTL, C++ shim of arrays and designs, recorded ports, testbench and waves; or empty.
  std::filesystem::path artifacts;
  /// Program and first arguments of the child that loads the RTL; it is given one more argument and must pass it to
  /// cosim_worker_main(). Empty: the program that the environment variable GNOMON_COSIM_WORKER names, or the program that runs,
  /// with `cosim-worker`.
  std::vector<std::string> worker;
};

struct Mismatch {
  std::string step;
  std::int64_t g = 0, m = 0, n = 0;  ///< product, output row (pixel), output column (filter)
  std::int64_t expected = 0, got = 0;
  std::int64_t cycle = 0;  ///< of the RTL, from the end of its reset, in which it left; -1: it never came
  /// Kernels: run, place in the tensor or stream, and the loops of the kernel's file at the statement that writes it last.
  std::int64_t run = 0;
  std::vector<std::int64_t> index;
  std::vector<std::pair<std::string, std::int64_t>> loops;
  std::string trace;  ///< FST file of the cycles around it; empty: none was made
};

/// One work step, or (sums, first mismatch) all of them.
struct CosimFigures {
  bool outputs_match = true;
  std::int64_t outputs = 0;
  std::int64_t mismatches = 0;
  std::optional<Mismatch> first_mismatch;
  std::int64_t rtl_cycles = 0;        ///< at the handshakes: first operand beat taken to last result beat, ends included
  std::int64_t model_cycles = 0;      ///< compute cycles of the models with ports that never wait
  std::int64_t stalls_injected = 0;   ///< cycles in which a withheld stream held the array, found from outside the RTL
  std::int64_t cycle_difference = 0;  ///< rtl_cycles - stalls_injected - model_cycles
};

/// A work step with the RTL in the SystemC system, and what the system says with the array's model in its place.
struct CosimSystem {
  std::int64_t latency_cycles = 0, model_latency_cycles = 0;  ///< from the step's start to its last transfer's end
  std::int64_t compute_cycles = 0, model_compute_cycles = 0;
  std::int64_t rtl_cycles = 0, model_cycles = 0;              ///< of the array from its first step to its last, waiting included
  std::int64_t held_cycles = 0;                               ///< in which ports needed further cycles for a step
  std::int64_t waited_cycles = 0;                             ///< in which operands were not there
  std::int64_t stalls_injected = 0;
  std::int64_t mismatches = 0;
  /// Spans (without stalls), compute cycles and all bytes at levels and memory agree.
  bool agrees = true;
  std::string difference;  ///< what does not
};

/// All work steps in one SystemC system, cores side by side, with RTL in the place of arrays; and what the models say.
struct CosimTogether {
  struct Step {
    std::string label, core;
    bool rtl = false;  ///< its array was RTL
    std::int64_t start_cycle = 0, model_start_cycle = 0;
    std::int64_t latency_cycles = 0, model_latency_cycles = 0;
    std::int64_t outputs = 0, mismatches = 0;  ///< of RTL
    std::int64_t waited_cycles = 0, stalls_injected = 0;
  };
  std::vector<Step> steps;
  std::int64_t latency_cycles = 0, model_latency_cycles = 0;  ///< to the last step's end
  /// Outputs equal; without stalls every start, latency and byte count too.
  bool agrees = true;
  std::string difference;  ///< what does not
};

/// The same RTL in a second simulator, cycle by cycle.
struct CosimReplay {
  std::string tool;
  std::int64_t cycles = 0;
  std::int64_t mismatches = 0;  ///< cycles in which an output differs or is unknown
};

struct CosimStep {
  std::string label;
  std::int64_t macs = 0;
  std::int64_t repeats = 1;  ///< identical steps that this one stands for; they count in the sums
  arch::StepMapping mapping;
  CosimFigures figures;
  std::optional<CosimSystem> system;
  std::optional<CosimReplay> replay;
  double simulate_seconds = 0;
};

struct CosimResult {
  CosimFigures total;
  std::vector<CosimStep> steps;
  std::optional<CosimTogether> together;
  std::string rtl_top;
  std::string tool;                                  ///< Verilator's version
  double verilate_seconds = 0, compile_seconds = 0;  ///< 0 where the compile cache had it
  double seconds = 0;                                ///< all together, wall clock
};

struct CosimRequest {
  const arch::Design& design;
  const workloads::Graph& graph;
  /// An operator's name or a work step's label; empty: every array step of the workload, identical ones once.
  std::string layer;
  /// Empty: the mapper of the analytical model chooses.
  arch::Mapping mapping;
  CosimOptions options;
  /// In the place of the array's RTL: for tests that break it.
  std::optional<Rtl> rtl = {};
};

/// Runs the emitted RTL of the design's array on whole work steps, fold by fold in the mapping's order, in Verilator and in a
/// child process.
///
/// Operands are the model's filters where it has their values (convolutions; quantised symmetrically, per tensor, power-of-two
/// scale, round half to even, saturating) and seeded noise over the precision's whole range otherwise. A convolution's ifmap
/// stream is gathered from the real image with zero padding. Every output is compared with the direct integer computation
/// (reference_outputs, which a test holds against the interpreter). Not in the RTL: levels, memory and vector work; ports never
/// wait. Errors: unsupported (dataflow, precision, timing without RTL; too many cycles, naming the option), invalid_input
/// (unknown layer, with the nearest), run_failed (tools, a child that crashes, hangs or gets stuck).
Expected<CosimResult> cosimulate(const CosimRequest& request);

/// The RTL of a matrix multiplication kernel (`unroll` of its two output loops gives rows and columns; 1 where absent) against
/// the kernel's interpreter on seeded inputs.
Expected<CosimResult> cosimulate(const Kernel& kernel, const CosimOptions& options);

/// The fields of design.md section 4 for `cosim`.
Json cosim_document(const CosimResult& result);

/// The child's side: loads the compiled RTL, drives it, and leaves its results in the folder that the last argument names.
int cosim_worker_main(int argc, const char* const* argv);

}  // namespace gnomon::hls
