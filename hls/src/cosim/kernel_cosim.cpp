#include "gnomon/hls/kernel_cosim.hpp"

#include <algorithm>
#include <chrono>

#include "cosim/bench.hpp"
#include "cosim/build.hpp"
#include "cosim/diagnosis.hpp"
#include "cosim/kernel_job.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "ir/machine.hpp"
#include "schedule/timing.hpp"

namespace gnomon::hls {
namespace {

/// Several kernels as instances of one top module, ports with the prefix of the instance.
Rtl side_by_side(const std::vector<Rtl>& kernels) {
  if (kernels.size() == 1) return kernels[0];
  Rtl all;
  all.top = "kernels";
  std::string list = "  input logic clk,\n  input logic rst", body, modules;
  all.ports = {{"clk", 1, true}, {"rst", 1, true}};
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const Rtl& rtl = kernels[i];
    const std::string prefix = "u" + std::to_string(i) + "_";
    // Module names must differ even where kernels are named alike.
    std::string text = rtl.text;
    const std::size_t at = text.find("module " + rtl.top);
    text.replace(at + 7, rtl.top.size(), prefix + rtl.top);
    modules += "/* verilator lint_off DECLFILENAME */\n" + text;
    body += "  " + prefix + rtl.top + " " + prefix + "inst (.clk(clk), .rst(rst)";
    for (const Port& p : rtl.ports) {
      if (p.name == "clk" || p.name == "rst") continue;
      all.ports.push_back({prefix + p.name, p.bits, p.input});
      list += std::string(",\n  ") + (p.input ? "input" : "output") + " logic " + (p.name.ends_with("_data") || p.bits > 1 ? "[" + std::to_string(p.bits - 1) + ":0] " : "") + prefix + p.name;
      body += ", ." + p.name + "(" + prefix + p.name + ")";
    }
    body += ");\n";
  }
  all.text = modules + "module kernels (\n" + list + "\n);\n" + body + "endmodule\n";
  return all;
}

struct Plan {
  const CompiledKernel* kernel;
  std::vector<TensorValues> golden;
  Timing free, stalled;
};

/// Runs once more what came out wrong: with its waves around the first mismatch, and where outputs never came with RTL that tells what waits for what.
Expected<void> diagnose(const std::vector<const CompiledKernel*>& kernels, const CosimOptions& options, const Bench& bench, KernelJob job, std::vector<KernelCosim>& results) {
  std::size_t wrong = 0;
  bool stuck = false;
  while (wrong < results.size() && !results[wrong].mismatch) ++wrong;
  if (wrong == results.size()) return {};
  for (const KernelCosim& r : results) stuck = stuck || !r.stuck.empty();
  if (!stuck && bench.mismatch_trace.empty()) return {};
  const std::int64_t cycle = results[wrong].mismatch->cycle >= 0 ? results[wrong].mismatch->cycle : job.kernels[wrong].stuck_cycle;
  job.record.clear();
  job.trace = bench.mismatch_trace.string();
  job.trace_from = std::max<std::int64_t>(0, cycle - mismatch_margin_cycles);
  job.trace_to = cycle + mismatch_margin_cycles + 1;
  std::vector<Rtl> parts;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    parts.push_back(stuck ? observed(*kernels[i]) : kernels[i]->rtl);
    KernelDrive& drive = job.kernels[i];
    drive.tells_status = stuck;
    drive.busy_cycles = drive.surplus = 0;
    drive.first_input = drive.last_output = drive.first_busy = drive.stuck_cycle = -1;
    drive.stuck.clear();
    for (KernelPort& port : drive.outputs) port.values.clear(), port.cycles.clear();
  }
  auto built = build_model(side_by_side(parts), options.cache.empty() ? default_cache() : options.cache, !job.trace.empty());
  if (!built) return fail(std::move(built.error()));
  job.library = built->library.string();
  if (auto ran = run_kernel_job(job, options.worker); !ran) return fail(std::move(ran.error()));
  results[wrong].mismatch->trace = job.trace;
  for (std::size_t i = 0; i < kernels.size(); ++i)
    if (!results[i].stuck.empty())
      if (const std::string why = standing(*kernels[i], job.kernels[i].status); !why.empty()) results[i].stuck += "; " + why;
  return {};
}

}  // namespace

Expected<std::vector<KernelCosim>> cosimulate_kernels(const std::vector<const CompiledKernel*>& kernels, const CosimOptions& options, int runs) {
  if (kernels.empty()) return std::vector<KernelCosim>{};
  auto bench = make_bench(options, "");
  if (!bench) return fail(std::move(bench.error()));
  KernelJob job;
  job.cpu_seconds = options.cpu_seconds;
  job.trace = bench->trace.string();
  job.trace_from = bench->trace_from;
  job.trace_to = bench->trace_to;
  job.record = bench->record();
  job.record_cycles = bench->record_cycles;
  std::vector<Plan> plans;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const CompiledKernel& compiled = *kernels[i];
    const Kernel& kernel = compiled.source;
    Plan plan{&compiled, {}, {}, {}};
    KernelDrive drive;
    drive.prefix = kernels.size() == 1 ? "" : "u" + std::to_string(i) + "_";
    drive.stall = options.stall;
    drive.seed = std::to_string(derive(options.seed, i));
    const std::uint64_t seed = derive(options.seed, i);
    for (const KernelTensor& t : kernel.tensors) {
      if (t.kind == TensorKind::input) drive.inputs.push_back({t.name, t.type.is_signed, t.type.bits, {}, {}, 0});
      if (t.kind == TensorKind::output) drive.outputs.push_back({t.name, t.type.is_signed, t.type.bits, {}, {}, 0});
    }
    for (const KernelStream& s : kernel.streams) {
      if (s.kind == StreamKind::input) drive.inputs.push_back({s.name, s.type.is_signed, s.type.bits, {}, {}, 0});
      if (s.kind == StreamKind::output) drive.outputs.push_back({s.name, s.type.is_signed, s.type.bits, {}, {}, 0});
    }
    std::vector<ControlTrace> traces;
    for (int r = 0; r < runs; ++r) {
      const TensorValues inputs = random_inputs(kernel, derive(seed, static_cast<std::uint64_t>(r)));
      auto golden = interpret(kernel, inputs);
      if (!golden) return fail(std::move(golden.error()));
      ControlTrace trace;
      if (auto ran = run_unchecked(compiled.datapath->kernel, inputs, std::int64_t{1} << 34, &trace); !ran) return fail(std::move(ran.error()));
      traces.push_back(std::move(trace));
      for (KernelPort& p : drive.inputs) p.values.insert(p.values.end(), inputs.at(p.name).begin(), inputs.at(p.name).end());
      for (KernelPort& p : drive.outputs) p.expected += static_cast<std::int64_t>(golden->at(p.name).size());
      plan.golden.push_back(std::move(*golden));
    }
    const double stall = options.stall;
    auto free = simulate_timing(*compiled.datapath, traces, [](const std::string&, std::int64_t) { return false; });
    if (!free) return fail(std::move(free.error()));
    if (free->total_cycles > options.max_cycles)
      return fail(ErrorKind::unsupported, "kernel " + in_quotes(kernel.name) + " takes " + std::to_string(free->total_cycles) + " cycles; the limit is " +
                                              std::to_string(options.max_cycles) + " (--max-cycles)");
    auto stalled = simulate_timing(*compiled.datapath, traces, [&](const std::string& port, std::int64_t cycle) { return withheld(seed, stall, port, cycle); });
    if (!stalled) return fail(std::move(stalled.error()));
    plan.free = *free;
    plan.stalled = *stalled;
    drive.max_cycles = 10 * stalled->last_output + 1000;
    drive.patience_cycles = 2 * stalled->longest_silence_cycles + 1000;
    job.kernels.push_back(std::move(drive));
    plans.push_back(std::move(plan));
  }
  std::vector<Rtl> parts;
  for (const CompiledKernel* kernel : kernels) parts.push_back(kernel->rtl);
  const Rtl rtl = side_by_side(parts);
  auto built = build_model(rtl, options.cache.empty() ? default_cache() : options.cache, !job.trace.empty());
  if (!built) return fail(std::move(built.error()));
  job.library = built->library.string();
  if (auto ran = run_kernel_job(job, options.worker); !ran) return fail(std::move(ran.error()));

  auto replay = bench->finish(rtl);
  if (!replay) return fail(std::move(replay.error()));
  std::vector<KernelCosim> results;
  for (std::size_t i = 0; i < kernels.size(); ++i) {
    const KernelDrive& drive = job.kernels[i];
    const Plan& plan = plans[i];
    const Kernel& kernel = plan.kernel->source;
    KernelCosim result;
    result.stuck = drive.stuck;
    for (const KernelPort& port : drive.outputs) {
      std::size_t at = 0;
      for (std::size_t r = 0; r < plan.golden.size(); ++r) {
        const std::vector<std::int64_t>& expected = plan.golden[r].at(port.name);
        for (std::size_t e = 0; e < expected.size(); ++e, ++at) {
          ++result.outputs;
          const bool there = at < port.values.size();
          if (there && port.values[at] == expected[e]) continue;
          if (++result.mismatches > 1) continue;
          std::string place = std::to_string(e);
          std::vector<std::int64_t> index{static_cast<std::int64_t>(e)};
          for (const KernelTensor& t : kernel.tensors) {
            if (t.name != port.name) continue;
            place.clear();
            index.clear();
            std::int64_t rest = static_cast<std::int64_t>(e);
            for (std::size_t d = t.shape.size(); d-- > 0; rest /= t.shape[d]) {
              place = std::to_string(rest % t.shape[d]) + (place.empty() ? "" : "][") + place;
              index.insert(index.begin(), rest % t.shape[d]);
            }
          }
          result.first_mismatch = port.name + "[" + place + "] of run " + std::to_string(r) + (there ? "" : ", which never came");
          Mismatch& first = result.mismatch.emplace();
          first.step = result.first_mismatch;
          first.expected = expected[e];
          first.got = there ? port.values[at] : 0;
          first.cycle = there ? port.cycles[at] : -1;
          first.run = static_cast<std::int64_t>(r);
          first.index = std::move(index);
          first.loops = loops_of_last_write(kernel, random_inputs(kernel, derive(derive(options.seed, i), r)), port.name, static_cast<std::int64_t>(e));
        }
      }
    }
    // A kernel without inputs starts its next run by itself.
    if (!drive.inputs.empty()) result.mismatches += drive.surplus;
    if (result.mismatches > 0 && !result.mismatch) {
      result.first_mismatch = std::to_string(drive.surplus) + " elements more than there are";
      result.mismatch.emplace().step = result.first_mismatch;
      result.mismatch->cycle = drive.last_output;
    }
    result.outputs_match = result.mismatches == 0 && drive.stuck.empty();
    result.rtl_cycles = drive.last_output < 0 ? 0 : drive.last_output - (drive.first_input < 0 ? drive.first_busy : drive.first_input) + 1;
    result.model_cycles = plan.free.total_cycles;
    result.stalls_injected = plan.stalled.total_cycles - plan.free.total_cycles;
    result.cycle_difference = result.rtl_cycles - result.stalls_injected - result.model_cycles;
    result.busy_cycles = drive.busy_cycles;
    if (i == 0) result.replay = *replay;
    results.push_back(std::move(result));
  }
  if (auto told = diagnose(kernels, options, *bench, std::move(job), results); !told) return fail(std::move(told.error()));
  return results;
}

Expected<CosimResult> cosimulate_compiled(const CompiledKernel& kernel, const CosimOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  auto results = cosimulate_kernels({&kernel}, options);
  if (!results) return fail(std::move(results.error()));
  const KernelCosim& k = results->front();
  if (!k.stuck.empty())
    return fail(ErrorKind::run_failed, "the RTL of kernel " + in_quotes(kernel.source.name) + " does not come to its end: " + k.stuck +
                                           (k.mismatch && !k.mismatch->trace.empty() ? "; waves: " + k.mismatch->trace : ""));
  CosimResult out;
  CosimStep step;
  step.label = kernel.source.name;
  step.figures.outputs_match = k.outputs_match;
  step.figures.outputs = k.outputs;
  step.figures.mismatches = k.mismatches;
  step.figures.first_mismatch = k.mismatch;
  step.figures.rtl_cycles = k.rtl_cycles;
  step.figures.model_cycles = k.model_cycles;
  step.figures.stalls_injected = k.stalls_injected;
  step.figures.cycle_difference = k.cycle_difference;
  step.replay = k.replay;
  out.total = step.figures;
  out.steps.push_back(std::move(step));
  out.rtl_top = kernel.rtl.top;
  if (auto version = verilator_version()) out.tool = *version;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace gnomon::hls
