#include "cosim/step.hpp"

#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <cmath>

#include "cosim/bench.hpp"
#include "cosim/system.hpp"
#include "cosim/worker.hpp"
#include "emit/kernel_cpp.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/emit.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

/// A step's name as a folder's: what is no letter, digit, dot or line becomes a line.
std::string file_name(const std::string& label) {
  std::string out = label.substr(0, 100);
  for (char& c : out)
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_')) c = '_';
  return out.find_first_not_of('.') == out.npos ? "step" : out;
}

/// One product of the step (g of them make the step) as Vitis-style C++ whose loops are unrolled as the array is large, and its kernel file. Nothing where it
/// is too large for a kernel.
Expected<void> write_product(const arch::Array& array, const arch::ArrayWork& work, const std::filesystem::path& folder) {
  Kernel kernel = matmul_kernel(work.size(arch::Dim::m), work.size(arch::Dim::n), work.size(arch::Dim::k), array.precision.bits, array.accumulator_bits);
  kernel.name = "product";
  const std::int64_t rows = std::min(array.rows, work.size(arch::Dim::m)), cols = std::min(array.cols, work.size(arch::Dim::n));
  if (rows > 1) {
    kernel.directives.unroll["m"] = rows;
    kernel.directives.partition["a"] = {{PartitionKind::cyclic, 0, rows}};
    kernel.directives.partition["c"].push_back({PartitionKind::cyclic, 0, rows});
  }
  if (cols > 1) {
    kernel.directives.unroll["n"] = cols;
    kernel.directives.partition["b"] = {{PartitionKind::cyclic, 1, cols}};
    kernel.directives.partition["c"].push_back({PartitionKind::cyclic, 1, cols});
  }
  if (!verify(kernel)) return {};
  if (auto done = write_file(folder / "product.json", write_kernel(kernel).dump(2) + "\n"); !done) return done;
  return write_file(folder / "product.cpp", emit_kernel_cpp(kernel));
}

}  // namespace

Expected<void> StepRunner::check() const {
  if (!(options_.stall >= 0 && options_.stall <= 0.9))
    return fail(ErrorKind::invalid_input, "stall is " + number(options_.stall) + "; a chance from 0 to 0.9 is allowed");
  if (options_.max_cycles < 1)
    return fail(ErrorKind::invalid_input, "max_cycles is " + std::to_string(options_.max_cycles) + "; at least 1 is needed");
  if (!(options_.cpu_seconds >= 0.1 && options_.cpu_seconds <= 1e6))
    return fail(ErrorKind::invalid_input, "cpu_seconds is " + number(options_.cpu_seconds) + "; 0.1 to 1000000 is allowed");
  return {};
}

Expected<void> StepRunner::acceptable(const arch::Design& design, std::size_t core, const arch::ArrayWork& work,
                                      const arch::StepMapping& mapping) const {
  auto parameters = array_parameters(design.cores[core].array);
  if (!parameters) return fail(std::move(parameters.error()));
  if (auto rtl = emit_array(*parameters); !rtl) return fail(std::move(rtl.error()));
  auto folds = enumerate_folds(design, design.cores[core], work, mapping);
  if (!folds) return fail(ErrorKind::unsupported, mapping.step + ": " + folds.error().text());
  const std::int64_t steps = count_steps(*folds, *parameters);
  if (steps > options_.max_cycles)
    return fail(ErrorKind::unsupported, mapping.step + " takes " + std::to_string(steps) +
                                            " cycles of RTL; max_cycles (gnomon cosim --max-cycles) allows " +
                                            std::to_string(options_.max_cycles) + " for one step");
  return {};
}

Expected<CosimStep> StepRunner::run(const arch::Design& design, std::size_t core, const arch::ArrayWork& work,
                                    const arch::StepMapping& mapping, Operands operands,
                                    const std::vector<std::int64_t>& expected) {
  const auto start = std::chrono::steady_clock::now();
  if (auto accepted = acceptable(design, core, work, mapping); !accepted) return fail(std::move(accepted.error()));
  WorkerJob job;
  job.array = *array_parameters(design.cores[core].array);
  job.folds = *enumerate_folds(design, design.cores[core], work, mapping);

  auto bench = make_bench(options_, "testbench/" + file_name(mapping.step));
  if (!bench) return fail(std::move(bench.error()));
  const Rtl rtl = replaced ? *replaced : *emit_array(job.array);
  rtl_top = rtl.top;
  auto library = libraries_.find(rtl.top);
  if (library == libraries_.end()) {
    auto built = build_model(rtl, options_.cache.empty() ? default_cache() : options_.cache, !bench->trace.empty());
    if (!built) return fail(std::move(built.error()));
    tool = built->tool;
    verilate_seconds += built->verilate_seconds;
    compile_seconds += built->compile_seconds;
    library = libraries_.emplace(rtl.top, built->library).first;
    if (!options_.artifacts.empty()) {
      std::error_code made;
      std::filesystem::create_directories(options_.artifacts, made);
      if (auto done = write_file(options_.artifacts / (rtl.top + ".sv"), rtl.text); !done) return fail(std::move(done.error()));
      if (auto done = write_file(options_.artifacts / (rtl.top + "_shim.cpp"), shim_text(rtl)); !done)
        return fail(std::move(done.error()));
    }
  }
  if (!options_.artifacts.empty())
    if (auto done = write_product(design.cores[core].array, work, bench->folder); !done) return fail(std::move(done.error()));
  std::error_code code;
  job.library = std::filesystem::absolute(library->second, code).string();
  job.trace = bench->trace.string();
  job.operands = std::move(operands);
  job.cpu_seconds = options_.cpu_seconds;
  job.drive.stall = options_.stall;
  job.drive.seed = options_.seed;
  job.drive.trace_from = bench->trace_from;
  job.drive.trace_to = bench->trace_to;
  job.drive.record = bench->record();
  job.drive.record_cycles = bench->record_cycles;
  // Four streams that each come with chance 1 - p: a step takes (1 - p)^-4 cycles at most on average.
  job.drive.max_cycles = static_cast<std::int64_t>(10'000 + 2.0 * static_cast<double>(count_steps(job.folds, job.array)) /
                                                                std::pow(1 - options_.stall, 4));
  if (options_.system) {
    if (design.resolved_json.empty()) return fail(ErrorKind::unsupported, mapping.step + ": a kernel has no system around it");
    job.design_json = design.resolved_json;
    job.mapping_json = arch::write_mapping(arch::Mapping{{mapping}}).dump();
    job.core = static_cast<std::int64_t>(core);
  }
  // The same work once more, with the waves around a cycle; how it ends is known.
  const auto leave_waves = [&](const WorkerStop& place) -> Expected<void> {
    auto traced = build_model(rtl, options_.cache.empty() ? default_cache() : options_.cache, true);
    if (!traced) return fail(std::move(traced.error()));
    WorkerJob again = job;
    again.library = std::filesystem::absolute(traced->library, code).string();
    again.trace = bench->mismatch_trace.string();
    again.trace_in_system = place.in_system;
    again.drive.trace_from = std::max<std::int64_t>(0, place.cycle - mismatch_margin_cycles);
    again.drive.trace_to = place.cycle + mismatch_margin_cycles + 1;
    again.drive.record.clear();
    if (!place.in_system) again.design_json.clear();
    auto ran = run_in_child(again, options_.worker);
    return ran ? Expected<void>() : fail(std::move(ran.error()));
  };
  WorkerStop stop;
  auto driven = run_in_child(job, options_.worker, &stop);
  if (!driven) {
    std::string waves;
    if (stop.cycle >= 0 && !bench->mismatch_trace.empty()) {
      (void)leave_waves(stop);  // fails as the run before did
      if (std::filesystem::exists(bench->mismatch_trace, code)) waves = "; waves: " + bench->mismatch_trace.string();
    }
    return fail(ErrorKind::run_failed, mapping.step + ": " + driven.error().text() + waves);
  }
  auto model = model_cycles(design, core, work, mapping);
  if (!model) return fail(std::move(model.error()));

  CosimStep step;
  step.label = mapping.step;
  step.macs = work.macs();
  step.mapping = mapping;
  CosimFigures& figures = step.figures;
  figures.outputs = static_cast<std::int64_t>(expected.size());
  const std::int64_t m = work.size(arch::Dim::m), n = work.size(arch::Dim::n);
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (expected[i] == driven->outputs[i]) continue;
    const std::int64_t at = static_cast<std::int64_t>(i);
    if (figures.mismatches++ == 0)
      figures.first_mismatch = Mismatch{step.label, at / (m * n), at / n % m, at % n, expected[i], driven->outputs[i], driven->output_cycles[i], 0, {}, {}, {}};
  }
  figures.outputs_match = figures.mismatches == 0;
  figures.rtl_cycles = driven->rtl_cycles;
  figures.stalls_injected = driven->stalls_injected;
  figures.model_cycles = *model;
  figures.cycle_difference = figures.rtl_cycles - figures.stalls_injected - figures.model_cycles;
  if (figures.first_mismatch && !bench->mismatch_trace.empty()) {
    if (auto left = leave_waves({figures.first_mismatch->cycle, false}); !left) return fail(ErrorKind::run_failed, mapping.step + ": " + left.error().text());
    figures.first_mismatch->trace = bench->mismatch_trace.string();
  }
  auto replay = bench->finish(rtl);
  if (!replay) return fail(std::move(replay.error()));
  step.replay = std::move(*replay);
  step.system = driven->system;
  if (step.system) {
    CosimSystem& system = *step.system;
    system.agrees = system.difference.empty() && system.mismatches == 0 &&
                    system.compute_cycles - system.stalls_injected == system.model_compute_cycles &&
                    (options_.stall > 0 ||
                     (system.latency_cycles == system.model_latency_cycles && system.rtl_cycles == system.model_cycles));
  }
  step.simulate_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return step;
}

void add(CosimFigures& total, const CosimFigures& figures, std::int64_t repeats) {
  total.outputs_match = total.outputs_match && figures.outputs_match;
  total.outputs += repeats * figures.outputs;
  total.mismatches += repeats * figures.mismatches;
  if (!total.first_mismatch) total.first_mismatch = figures.first_mismatch;
  total.rtl_cycles += repeats * figures.rtl_cycles;
  total.model_cycles += repeats * figures.model_cycles;
  total.stalls_injected += repeats * figures.stalls_injected;
  total.cycle_difference += repeats * figures.cycle_difference;
}

}  // namespace gnomon::hls
