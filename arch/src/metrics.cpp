#include "gnomon/arch/metrics.hpp"

#include "gnomon/base/text.hpp"

namespace gnomon::arch {

const std::vector<MetricInfo>& metric_infos() {
  static const std::vector<MetricInfo> infos{
      // accelerator: totals and layers of an evaluation
      {"latency_cycles", "array cycles", "time from the first transfer to the last, in cycles of the array clock",
       "On one core the layers' latency_cycles are exclusive spans that add up to the total; on several cores the total is the "
       "end of the last one. "
       "Includes compute, filling and draining of the array, and waiting for levels, bus and memory. Host software and loading "
       "of the program are left out. Of a kernel: with the loading and draining of its tensors.",
       "accelerator kernel"},
      {"latency_s", "s", "latency_cycles x clock period", "The clock period is round(1e6 / clock_mhz) picoseconds; of a kernel its directive clock_ns.",
       "accelerator kernel"},
      {"compute_cycles", "array cycles", "cycles in which steps of the array (or chunks of the vector unit) run",
       "The sum of the prices of all steps: skew, preload, streaming and drain, and level ports that are narrower than a step "
       "needs. Waiting for data is not in it. Of a kernel: from inputs at hand to outputs, without loading and draining.",
       "accelerator kernel"},
      {"stall_cycles", "array cycles", "cycles in which a core waits for data",
       "latency_cycles - compute_cycles, layer by layer.", "accelerator"},
      {"macs", "MACs", "multiply-accumulates of the workload",
       "Convolutions and matrix products only, padding taps included, as published counts do; bias, pooling, softmax and other "
       "vector work are not MACs.",
       "accelerator"},
      {"utilization", "1", "MACs done over MACs that the array could have done in the same time",
       "macs / (latency_cycles x PEs x MACs per PE and cycle), 0 to 1. The denominator has the whole latency: fill, drain and "
       "stalls lower it. On several cores the PEs of all cores count.",
       "accelerator"},
      {"dram_read_bytes", "bytes", "bytes read from main memory",
       "Inputs, weights and returning partial sums, as the transfers move them; never below compulsory traffic (each input once, "
       "sliding windows as real pixels).",
       "accelerator"},
      {"dram_write_bytes", "bytes", "bytes written to main memory", "Final outputs, and partial sums that do not fit on chip.",
       "accelerator"},
      {"sram_read_bytes", "bytes", "bytes read from all levels",
       "What the array and the vector unit read from levels, and what transfers take out of them, summed over private and shared "
       "levels.",
       "accelerator"},
      {"sram_write_bytes", "bytes", "bytes written to all levels",
       "What the array, the vector unit and transfers put into levels, summed over private and shared levels.", "accelerator"},
      {"energy_pj", "pJ", "energy of the whole run",
       "Sum of event counts x unit energies (MACs, neighbour registers, vector operations, level accesses, bus, memory, clock "
       "tree) plus static power x latency. energy_breakdown_pj shows the parts; "
       "they add up. Host and power supply losses are left out.",
       "accelerator memory"},
      {"area_um2", "um2", "silicon area of the accelerator",
       "Arrays, vector units, levels, bus and memory interface; the memory devices themselves are left out.",
       "accelerator"},
      {"power_w", "W", "mean power", "energy_pj / latency_s, in watts.", "accelerator"},
      {"dram_row_hits", "bursts", "bursts that found their row open", "Of device memory (cycle fidelity); absent for ideal memory.", "accelerator"},
      {"dram_row_misses", "bursts", "bursts whose row had to be opened", "Bank closed or another row open. Of device memory; absent for ideal memory.",
       "accelerator"},
      {"dram_row_conflicts", "bursts", "bursts that found another row of their bank open", "Part of dram_row_misses: bank conflicts.", "accelerator"},
      {"dram_refreshes", "commands", "refresh commands in the run's time", "All kinds of refresh, counted as commands.", "accelerator"},
      {"dram_bandwidth_gb_s", "GB/s", "bytes of bursts over the run's time",
       "Whole bursts, so that a burst of which a part was asked for counts in full; 1 GB = 1e9 bytes. Over several workloads the mean by time.",
       "accelerator"},
      {"dram_read_latency_cycles", "memory cycles", "mean time of a read burst",
       "From its first offer to the controller to its last data beat. Over several workloads the mean by time.", "accelerator"},
      {"waited_cycles", "array cycles", "waiting of transfers for links and memory that others held",
       "Summed over transfers: from ready to start to started. `waiting` in the result says which core waited for which.", "accelerator"},
      {"peak_memory_bytes", "bytes", "most bytes of tensors alive at one time",
       "Operators in topological order, tensors at the array's precision, all weights included throughout; views share their "
       "input's bytes.",
       "accelerator"},
      {"edp_js", "J s", "energy-delay product", "energy_pj x 1e-12 x latency_s.", "accelerator", true},

      // surrogate
      {"in_range", "1", "whether the design is inside what the model was trained on",
       "1 or 0; a prediction outside is an extrapolation and says so.", "accelerator"},

      // memory
      {"cycles", "memory cycles", "from the first request to the last completion",
       "Ends with the last data beat of the last request.", "memory"},
      {"reads", "requests", "read requests completed", "A request is one burst.", "memory"},
      {"writes", "requests", "write requests completed", "A request is one burst.", "memory"},
      {"bandwidth_gb_s", "GB/s", "bytes moved over time",
       "(reads + writes) x bytes per burst / (cycles x tCK), 1 GB = 1e9 bytes.", "memory"},
      {"row_hits", "requests", "requests that found their row open",
       "The column command was the first command that the request needed.", "memory"},
      {"row_misses", "requests", "requests whose row had to be opened", "An activate was issued for the request.", "memory"},
      {"activates", "commands", "row activations", "Activate commands issued.", "memory"},
      {"refreshes", "commands", "refresh commands", "All kinds of refresh, counted as commands.", "memory"},
      {"mean_read_latency_cycles", "memory cycles", "mean time of a read",
       "From the cycle in which it was first offered to its last data beat.", "memory"},
      {"row_conflicts", "requests", "requests that found another row of their bank open", "Part of row_misses: bank conflicts.", "memory"},
      {"total_time_us", "us", "cycles x tCK", "Time of the whole trace.", "memory"},
      {"refresh_missing", "commands", "refreshes owed beyond what the standard allows",
       "0 keeps the data: a limit on it is the retention constraint. Without refresh: every refresh interval begun in the run. Else what "
       "was due at the end and put off by more than eight intervals.",
       "memory"},
      {"power_mw", "mW", "mean power of the memory", "energy / time; absent where the device file has no currents.", "memory"},

      // kernels, co-simulation, synthesis
      {"outputs_match", "1", "whether all outputs equal the interpreter's, to the bit", "1 or 0.", "accelerator kernel"},
      {"mismatches", "elements", "output elements that differ", "Compared with the golden interpreter.", "accelerator kernel"},
      {"rtl_cycles", "cycles", "cycles counted at the handshakes of the RTL",
       "From the first accepted input beat to the last output beat, in Verilator.", "accelerator kernel"},
      {"model_cycles", "cycles", "the same span in the cycle model", "Counted in array cycles by the event-driven model.",
       "accelerator kernel"},
      {"cycle_difference", "cycles", "rtl_cycles - model_cycles", "0 where the model is exact.", "accelerator kernel"},
      {"ii", "cycles", "initiation interval", "Cycles between the starts of successive iterations of the pipelined loop.",
       "kernel"},
      {"depth_cycles", "cycles", "pipeline depth", "From the start of an iteration to its last result.", "kernel"},
      {"register_bits", "bits", "bits of the registers that keep values for later cycles", "Of the schedule's pipelines; memories and control are not in it.", "kernel"},
      {"lut", "LUTs", "look-up tables after synthesis", "As the synthesis tool counts them for the target.", "accelerator kernel"},
      {"ff", "flip-flops", "flip-flops after synthesis", "As the synthesis tool counts them.", "accelerator kernel"},
      {"dsp", "DSPs", "DSP blocks after synthesis", "As the synthesis tool counts them.", "accelerator kernel"},
      {"bram", "BRAMs", "block memories after synthesis", "As the synthesis tool counts them.", "accelerator kernel"},
      {"fmax_mhz", "MHz", "highest clock", "From static timing analysis (osu018) or place and route (ice40, where it fits); xcup and xc7 have none.", "accelerator kernel"},
      {"cell_area_um2", "um2", "standard cells after synthesis", "By the synthesis tool with the OSU 0.18 um library; memories are not in it.", "accelerator kernel"},

      // runs
      {"trials", "trials", "trials finished at the last fidelity", "Failed ones included.", "run"},
      {"feasible", "trials", "trials that satisfy all constraints", "Every violation is at most 0; only these enter the front.",
       "run"},
      {"failed", "trials", "trials whose evaluation failed", "A crash, a limit, or a design that the evaluator refused.", "run"},
      {"hypervolume", "product of the objectives' units", "volume that the Pareto front dominates",
       "Measured from the reference point; larger is better. The reference is given, or the componentwise worst of the first 20 "
       "feasible trials, fixed from then on.",
       "run"},
      {"evaluations_by_fidelity", "evaluations", "how often each fidelity was run", "All rungs of a ladder, by name.", "run"},
      {"seconds", "s", "wall-clock time of the run", "Not part of the results that repeat.", "run"},
  };
  return infos;
}

Expected<const MetricInfo*> find_metric(const std::string& name) {
  const std::string bare = name.substr(0, name.find('@'));
  std::vector<std::string> names;
  for (const MetricInfo& info : metric_infos()) {
    if (info.name == bare) return &info;
    names.push_back(info.name);
  }
  return fail(ErrorKind::invalid_input, unknown_word("metric", bare, names));
}

}  // namespace gnomon::arch
