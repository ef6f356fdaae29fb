#include <algorithm>
#include <chrono>

#include "cosim/bench.hpp"
#include "cosim/build.hpp"
#include "cosim/testbench.hpp"
#include "design/cores_job.hpp"
#include "design/diagnosis.hpp"
#include "design/parts.hpp"
#include "design/run.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/mapper.hpp"

namespace gnomon::hls {

arch::Design core_alone(const arch::Design& design, std::size_t core) {
  arch::Design out = design;
  out.cores = {design.cores[core]};
  for (arch::Level& level : out.shared) level.bytes /= static_cast<std::int64_t>(design.cores.size());
  return out;
}

Expected<DesignShape> core_shape(const arch::Design& design, std::size_t core, bool nested) {
  const std::string name = "RTL of the complete design " + in_quotes(design.name) + ": ", field = "/cores/" + std::to_string(core);
  const arch::Array &own = design.cores[core].array, &first = design.cores[0].array;
  if (own.precision.name != first.precision.name)
    return fail(ErrorKind::unsupported, name + field + "/array/precision: " + in_quotes(own.precision.name) + "; all cores must have that of the first one, " + in_quotes(first.precision.name));
  if (own.accumulator_bits != first.accumulator_bits)
    return fail(ErrorKind::unsupported, name + field + "/array/accumulator_bits: " + std::to_string(own.accumulator_bits) + "; all cores must have those of the first one, " + std::to_string(first.accumulator_bits));
  auto shape = design_shape(core_alone(design, core), nested);
  if (!shape) {
    std::string text = shape.error().text();
    for (std::size_t at = text.find("/cores/0"); at != std::string::npos; at = text.find("/cores/0", at + field.size())) text.replace(at, 8, field);
    return fail(shape.error().kind(), text);
  }
  shape->device = true;
  shape->granted = true;
  shape->flight_log = DesignShape{}.flight_log;
  return shape;
}

Expected<Rtl> emit_core(const arch::Design& design, std::size_t core, const WorkloadParts& parts) {
  auto shape = core_shape(design, core, parts.nested);
  if (!shape) return fail(std::move(shape.error()));
  add_parts(*shape, parts);
  return emit_shape(*shape);
}

namespace {

/// A core that has work, on its way into the run and back.
struct Part {
  DesignShape shape;
  Rtl rtl;
  Bench bench;
};

double since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

std::string beside(const std::string& file, const std::string& core) {
  const std::filesystem::path path = file;
  return (path.parent_path() / (path.stem().string() + "-" + core + path.extension().string())).string();
}

Expected<std::string> library_of(const Rtl& rtl, const CosimOptions& options, bool waves, DesignCosim* out) {
  auto built = build_model(rtl, options.cache.empty() ? default_cache() : options.cache, waves);
  if (!built) return fail(std::move(built.error()));
  if (out != nullptr) {
    out->tool = built->tool;
    out->verilate_seconds += built->verilate_seconds;
    out->compile_seconds += built->compile_seconds;
  }
  std::error_code code;
  return std::filesystem::absolute(built->library, code).string();
}

/// Runs once more what is wrong, with waves of the cycles around one; `tells`: with RTL that tells what waits for what.
Expected<void> run_again(CoresJob& job, const std::vector<Part>& parts, std::int64_t cycle, bool tells, const CosimOptions& options) {
  for (std::size_t c = 0; c < parts.size(); ++c) {
    DesignJob& one = job.cores[c].job;
    const std::string trace = parts[c].bench.mismatch_trace.string();
    one.tells_status = tells;
    auto library = library_of(tells ? observed_design(parts[c].shape, parts[c].rtl) : parts[c].rtl, options, !trace.empty(), nullptr);
    if (!library) return fail(std::move(library.error()));
    one.library = *library;
    if (!trace.empty()) set_window(one, trace, cycle);
  }
  return run_cores_job(job, options.worker);
}

/// Where the cores stand, for an error.
std::string standing(const CoresJob& ran, CoresJob again, const std::vector<Part>& parts, const CosimOptions& options) {
  std::int64_t cycle = 0;
  std::string text;
  for (const CoresJob::Core& core : ran.cores) {
    cycle = std::max(cycle, core.job.stuck_cycle);
    if (!core.job.stuck.empty()) text += (text.empty() ? "" : "; ") + ("core " + in_quotes(core.name)) + ": " + core.job.stuck;
  }
  if (auto done = run_again(again, parts, cycle, true, options); !done) return text + "; what waits for what is not known: " + done.error().text();
  for (std::size_t c = 0; c < parts.size(); ++c) {
    const std::string one = standing_of_design(parts[c].shape, again.cores[c].job.status);
    if (!one.empty()) text += "; in core " + in_quotes(again.cores[c].name) + ": " + one;
    if (!parts[c].bench.mismatch_trace.empty()) text += "; waves: " + parts[c].bench.mismatch_trace.string();
  }
  return text;
}

DesignJob job_of(const DesignRequest& request, const Part& part) {
  DesignJob job;
  job.trace = part.bench.trace.string();
  job.trace_from = part.bench.trace_from;
  job.trace_to = part.bench.trace_to;
  job.record = part.bench.record();
  job.record_cycles = part.bench.record_cycles;
  job.word_bits = part.shape.array.precision_bits;
  job.lanes = part.shape.dma_lanes;
  job.bias_words = part.shape.bias_words;
  job.has_vector = part.shape.vector_lanes > 0;
  job.device = request.design.resolved_json;
  job.stall = request.options.stall;
  job.cpu_seconds = request.options.cpu_seconds;
  return job;
}

Expected<Bench> bench_of(const CosimOptions& options, const std::string& core) {
  CosimOptions own = options;
  if (!own.trace.empty()) own.trace = beside(options.trace, core);
  auto bench = make_bench(own, own.artifacts.empty() ? "" : core);
  if (bench && !bench->mismatch_trace.empty() && options.artifacts.empty()) bench->mismatch_trace = beside(bench->mismatch_trace.string(), core);
  return bench;
}

/// RTL, testbench and replay of each core.
Expected<void> finish(const std::vector<Part>& parts, const CosimOptions& options, DesignCosim& out) {
  for (const Part& part : parts) {
    if (!options.artifacts.empty())
      if (auto done = write_file(part.bench.folder / "shim.cpp", shim_text(part.rtl)); !done) return done;
    auto replay = part.bench.finish(part.rtl);
    if (!replay) return fail(std::move(replay.error()));
    if (!*replay) continue;
    if (!out.replay) out.replay = CosimReplay{(*replay)->tool, 0, 0};
    out.replay->cycles += (*replay)->cycles;
    out.replay->mismatches += (*replay)->mismatches;
  }
  return {};
}

}  // namespace

Expected<DesignCosim> cosimulate_cores(const DesignRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  const arch::Design& design = request.design;
  const CosimOptions& options = request.options;
  for (std::size_t c = 0; c < design.cores.size(); ++c)
    if (auto shape = core_shape(design, c); !shape) return fail(std::move(shape.error()));
  auto lowered = arch::lower(request.graph, sim::lowering_core(design));
  if (!lowered) return fail(std::move(lowered.error()));
  arch::Mapping mapping = request.mapping;
  if (mapping.steps.empty()) {
    auto mapped = sim::map(design, request.graph, *lowered);
    if (!mapped) return fail(std::move(mapped.error()));
    mapping = std::move(*mapped);
  }
  auto plan = sim::plan(design, request.graph, *lowered, mapping, "mapping");
  if (!plan) return fail(std::move(plan.error()));
  if (plan->empty()) return fail(ErrorKind::unsupported, "the workload has no work");
  const arch::Array& array = design.cores[0].array;
  auto network = interpret_network(request.graph, array.precision.bits, array.accumulator_bits, options.seed);
  if (!network) return fail(std::move(network.error()));

  DesignCosim out;
  CoresJob job;
  std::vector<Part> parts;
  for (std::size_t c = 0; c < design.cores.size(); ++c) {
    CoresJob::Core core;
    core.name = design.cores[c].name;
    core.index = c;
    for (std::size_t i = 0; i < plan->size(); ++i)
      if ((*plan)[i].core == c) core.steps.push_back(i);
    if (core.steps.empty()) continue;
    auto shape = core_shape(design, c, keeps_in_two(*plan, c));
    if (!shape) return fail(std::move(shape.error()));
    WorkloadParts wanted = parts_of(request.graph);
    wanted.banked = lays_out(*plan, c);
    add_parts(*shape, wanted);
    auto rtl = request.core_rtl.empty() ? emit_shape(*shape) : Expected<Rtl>(request.core_rtl.at(c));
    if (!rtl) return fail(std::move(rtl.error()));
    auto program = compile_design_program(design, *shape, request.graph, *plan, *network, c);
    if (!program) return fail(std::move(program.error()));
    auto bench = bench_of(options, core.name);
    if (!bench) return fail(std::move(bench.error()));
    out.rtl_top += (out.rtl_top.empty() ? "" : " ") + rtl->top;
    parts.push_back({std::move(*shape), std::move(*rtl), std::move(*bench)});
    core.job = job_of(request, parts.back());
    core.job.program = std::move(*program);
    core.job.seed = derive(options.seed, core.name);
    job.cores.push_back(std::move(core));
  }
  auto model = sim::run_cycle_model(design, sim::cycle_steps(*plan));
  if (!model) return fail(std::move(model.error()));
  std::int64_t all = 0;
  for (const sim::StepResult& step : model->steps) {
    out.steps.push_back({step.label, 0, step.latency_cycles, design.cores[step.core].name, 0, step.start_cycle});
    out.model_cycles = std::max(out.model_cycles, step.start_cycle + step.latency_cycles);
    all = std::max(all, step.latency_cycles);
  }
  if (out.model_cycles > options.max_cycles)
    return fail(ErrorKind::unsupported, "the run takes " + std::to_string(out.model_cycles) + " cycles of RTL; max_cycles (gnomon cosim --max-cycles) allows " + std::to_string(options.max_cycles));
  job.max_cycles = cycle_limit(10'000, out.model_cycles, options.stall);
  job.patience_cycles = std::min(job.max_cycles, cycle_limit(1000, all, options.stall));
  for (std::size_t c = 0; c < parts.size(); ++c) {
    auto library = library_of(parts[c].rtl, options, !parts[c].bench.trace.empty(), &out);
    if (!library) return fail(std::move(library.error()));
    DesignJob& one = job.cores[c].job;
    one.library = *library;
    one.max_cycles = job.max_cycles;
    one.patience_cycles = job.patience_cycles;
  }
  const DesignProgram& places = job.cores[0].job.program;
  job.memory = first_memory(request.graph, places, *network, array.precision.bits, options.seed);
  for (const sim::PlannedStep& step : *plan) {
    job.labels.push_back(step.step->label);
    job.after.push_back(step.after);
  }
  job.design = design.resolved_json;
  job.cpu_seconds = options.cpu_seconds;
  CoresJob again = job;
  for (CoresJob::Core& core : again.cores) {
    core.job.trace.clear();
    core.job.record.clear();
  }
  const auto simulated = std::chrono::steady_clock::now();
  if (auto ran = run_cores_job(job, options.worker); !ran) return fail(std::move(ran.error()));
  out.simulate_seconds = since(simulated);
  if (std::any_of(job.cores.begin(), job.cores.end(), [](const CoresJob::Core& core) { return !core.job.stuck.empty(); }))
    return fail(ErrorKind::run_failed, "the RTL of the complete design " + in_quotes(design.name) + " does not come to its end: " + standing(job, std::move(again), parts, options));

  for (const CoresJob::Core& core : job.cores) {
    out.stalls_injected += core.job.stalled;
    for (std::size_t i = 0; i < core.steps.size(); ++i) {
      DesignStep& step = out.steps[core.steps[i]];
      step.start_cycle = core.job.begins.at(i);
      step.latency_cycles = core.job.ends[i] - step.start_cycle;
      out.rtl_cycles = std::max(out.rtl_cycles, core.job.ends[i]);
    }
  }
  out.cycle_difference = out.rtl_cycles - out.model_cycles;
  const std::int64_t wrong = compare_outputs(request.graph, places, *network, job.memory, out);
  if (out.first_mismatch) {
    // Once more, to see when the word was written; and where waves are asked for with those around it.
    for (CoresJob::Core& core : again.cores) core.job.watched_word = wrong;
    CoresJob traced = again;
    if (auto ran = run_cores_job(again, options.worker); !ran) return fail(std::move(ran.error()));
    for (const CoresJob::Core& core : again.cores) out.first_mismatch->cycle = std::max(out.first_mismatch->cycle, core.job.watched_cycle);
    if (!parts[0].bench.mismatch_trace.empty()) {
      if (auto ran = run_again(traced, parts, out.first_mismatch->cycle >= 0 ? out.first_mismatch->cycle : out.rtl_cycles, false, options); !ran) return fail(std::move(ran.error()));
      for (const Part& part : parts) out.first_mismatch->trace += (out.first_mismatch->trace.empty() ? "" : ", ") + part.bench.mismatch_trace.string();
    }
  }
  if (auto done = finish(parts, options, out); !done) return fail(std::move(done.error()));
  out.seconds = since(start);
  return out;
}

}  // namespace gnomon::hls
