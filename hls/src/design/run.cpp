#include <algorithm>
#include <chrono>
#include <cmath>

#include "cosim/bench.hpp"
#include "cosim/build.hpp"
#include "cosim/testbench.hpp"
#include "design/diagnosis.hpp"
#include "design/parts.hpp"
#include "design/run.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/design.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/mapper.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

double since(std::chrono::steady_clock::time_point start) { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }

/// Runs once more what has got stuck, with RTL that tells what waits for what, and with the waves around the last movement: words for an error.
std::string diagnosed(const DesignShape& shape, const Rtl& rtl, DesignJob job, std::int64_t cycle, const Bench& bench, const CosimOptions& options) {
  const bool waves = !bench.mismatch_trace.empty();
  job.tells_status = true;
  if (waves) set_window(job, bench.mismatch_trace.string(), cycle);
  auto built = build_model(observed_design(shape, rtl), options.cache.empty() ? default_cache() : options.cache, waves);
  if (!built) return "; what waits for what is not known: " + built.error().text();
  std::error_code code;
  job.library = std::filesystem::absolute(built->library, code).string();
  if (auto ran = run_design_job(job, options.worker); !ran) return "; what waits for what is not known: " + ran.error().text();
  const std::string standing = standing_of_design(shape, job.status);
  return (standing.empty() ? "" : "; " + standing) + (waves ? "; waves: " + bench.mismatch_trace.string() : "");
}

}  // namespace

void set_window(DesignJob& job, const std::string& trace, std::int64_t cycle) {
  job.trace = trace;
  job.trace_from = std::max<std::int64_t>(0, cycle - mismatch_margin_cycles);
  job.trace_to = cycle + mismatch_margin_cycles + 1;
}

std::int64_t cycle_limit(std::int64_t least, std::int64_t cycles, double stall) {
  return static_cast<std::int64_t>(static_cast<double>(least) + 2.0 * static_cast<double>(cycles) / std::pow(1 - stall, 4));
}

bool keeps_in_two(const std::vector<sim::PlannedStep>& plan, std::size_t core) {
  for (const sim::PlannedStep& step : plan)
    for (std::size_t o = 0; step.core == core && step.step->array && o < arch::operand_count; ++o)
      if (arch::chain(*step.mapping, static_cast<arch::Operand>(o)).size() > 2) return true;
  return false;
}

bool lays_out(const std::vector<sim::PlannedStep>& plan, std::size_t core) {
  for (const sim::PlannedStep& step : plan)
    for (std::size_t o = 0; step.core == core && step.step->array && o < arch::operand_count; ++o)
      if (step.mapping->layout[o] != arch::Layout::streamed) return true;
  return false;
}

std::vector<std::int32_t> first_memory(const workloads::Graph& graph, const DesignProgram& program, const Network& network, int precision_bits, std::uint64_t seed) {
  Random noise(derive(seed, "memory"));
  std::vector<std::int32_t> memory(static_cast<std::size_t>(program.memory_words));
  for (std::int32_t& word : memory) word = static_cast<std::int32_t>(wrap(noise.next(), precision_bits));
  for (const auto& [tensor, values] : network.values)
    if (!graph.producer(tensor)) std::copy(values.begin(), values.end(), memory.begin() + program.tensor_at.at(tensor));
  for (const auto& [op, at] : program.weights_at) {
    const std::vector<std::int32_t>& weights = network.numbers.at(op).weights;
    std::copy(weights.begin(), weights.end(), memory.begin() + at);
  }
  return memory;
}

std::int64_t compare_outputs(const workloads::Graph& graph, const DesignProgram& program, const Network& network, const std::vector<std::int32_t>& memory, DesignCosim& out) {
  std::int64_t wrong = -1;
  // Every stored tensor that an operator writes; of those that share a place the last, which is what lies there in the end.
  std::map<std::int64_t, workloads::TensorId> last_at;
  for (const workloads::OperatorId id : graph.order())
    for (const workloads::TensorId t : graph.op(id).outputs)
      if (network.values.count(t)) last_at[program.tensor_at.at(t)] = t;
  for (const auto& [at, tensor] : last_at) {
    const std::vector<std::int32_t>& expected = network.values.at(tensor);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ++out.outputs;
      const std::int32_t got = memory[static_cast<std::size_t>(at) + i];
      if (got == expected[i]) continue;
      if (out.mismatches++ > 0) continue;
      const workloads::Tensor& t = graph.tensor(tensor);
      DesignMismatch& first = out.first_mismatch.emplace(DesignMismatch{t.name, static_cast<std::int64_t>(i), expected[i], got, {}, -1, {}});
      std::int64_t rest = first.element;
      for (std::size_t d = t.shape.size(); d-- > 0; rest /= t.shape[d]) first.index.insert(first.index.begin(), rest % t.shape[d]);
      wrong = at + first.element;
    }
  }
  return wrong;
}

Expected<DesignCosim> cosimulate_design(const DesignRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  const arch::Design& design = request.design;
  const CosimOptions& options = request.options;
  if (!(options.stall >= 0 && options.stall <= 0.9)) return fail(ErrorKind::invalid_input, "stall is " + number(options.stall) + "; a chance from 0 to 0.9 is allowed");
  if (design.cores.size() > 1) return cosimulate_cores(request);
  auto shape = design_shape(design);
  if (!shape) return fail(std::move(shape.error()));
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
  WorkloadParts parts = parts_of(request.graph);
  parts.nested = keeps_in_two(*plan, 0);
  parts.banked = lays_out(*plan, 0);
  if (parts.nested) shape = design_shape(design, true);
  if (!shape) return fail(std::move(shape.error()));
  add_parts(*shape, parts);
  auto rtl = request.rtl ? Expected<Rtl>(*request.rtl) : emit_design(design, parts);
  if (!rtl) return fail(std::move(rtl.error()));
  auto network = interpret_network(request.graph, shape->array.precision_bits, shape->array.accumulator_bits, options.seed);
  if (!network) return fail(std::move(network.error()));
  DesignJob job;
  auto program = compile_design_program(design, *shape, request.graph, *plan, *network);
  if (!program) return fail(std::move(program.error()));
  job.program = std::move(*program);
  auto model = sim::run_cycle_model(design, sim::cycle_steps(*plan));
  if (!model) return fail(std::move(model.error()));

  DesignCosim out;
  for (const sim::StepResult& step : model->steps) {
    out.steps.push_back({step.label, 0, step.latency_cycles, design.cores[step.core].name, 0, step.start_cycle});
    out.model_cycles = std::max(out.model_cycles, step.start_cycle + step.latency_cycles);
  }
  if (out.model_cycles > options.max_cycles)
    return fail(ErrorKind::unsupported, "the run takes " + std::to_string(out.model_cycles) + " cycles of RTL; max_cycles (gnomon cosim --max-cycles) allows " +
                                            std::to_string(options.max_cycles));
  job.memory = first_memory(request.graph, job.program, *network, shape->array.precision_bits, options.seed);

  auto bench = make_bench(options, "");
  if (!bench) return fail(std::move(bench.error()));
  auto built = build_model(*rtl, options.cache.empty() ? default_cache() : options.cache, !bench->trace.empty());
  if (!built) return fail(std::move(built.error()));
  out.rtl_top = rtl->top;
  out.tool = built->tool;
  out.verilate_seconds = built->verilate_seconds;
  out.compile_seconds = built->compile_seconds;
  std::error_code code;
  job.library = std::filesystem::absolute(built->library, code).string();
  job.trace = bench->trace.string();
  job.trace_from = bench->trace_from;
  job.trace_to = bench->trace_to;
  job.record = bench->record();
  job.record_cycles = bench->record_cycles;
  job.word_bits = shape->array.precision_bits;
  job.lanes = shape->dma_lanes;
  job.bias_words = shape->bias_words;
  job.latency_cycles = design.memory.latency_cycles;
  job.has_vector = shape->vector_lanes > 0;
  if (shape->device) job.device = design.resolved_json;
  job.stall = options.stall;
  job.seed = options.seed;
  job.cpu_seconds = options.cpu_seconds;
  job.max_cycles = cycle_limit(10'000, out.model_cycles, options.stall);
  // Between two movements lies at most a work step.
  std::int64_t longest = 0;
  for (const DesignStep& step : out.steps) longest = std::max(longest, step.model_latency_cycles);
  job.patience_cycles = std::min(job.max_cycles, cycle_limit(1000, longest, options.stall));
  DesignJob again = job;
  again.trace.clear();
  again.record.clear();
  const auto simulated = std::chrono::steady_clock::now();
  if (auto ran = run_design_job(job, options.worker); !ran) return fail(std::move(ran.error()));
  out.simulate_seconds = since(simulated);
  if (!job.stuck.empty()) return fail(ErrorKind::run_failed, "the RTL of the complete design " + in_quotes(design.name) + " does not come to its end: " + job.stuck + diagnosed(*shape, *rtl, std::move(again), job.stuck_cycle, *bench, options));

  std::int64_t before = 0;
  for (std::size_t i = 0; i < out.steps.size(); ++i) {
    out.steps[i].start_cycle = before;
    out.steps[i].latency_cycles = job.ends[i] - before;
    before = job.ends[i];
  }
  out.rtl_cycles = before;
  out.cycle_difference = out.rtl_cycles - out.model_cycles;
  out.stalls_injected = job.stalled;
  again.watched_word = compare_outputs(request.graph, job.program, *network, job.memory, out);
  if (out.first_mismatch) {
    // Once more, to see when the word was written; and where waves are asked for with those around it.
    const std::string trace = bench->mismatch_trace.string();
    DesignJob traced = again;
    if (auto ran = run_design_job(again, options.worker); !ran) return fail(std::move(ran.error()));
    out.first_mismatch->cycle = again.watched_cycle;
    if (!trace.empty()) {
      const std::int64_t cycle = again.watched_cycle >= 0 ? again.watched_cycle : out.rtl_cycles;
      auto with_trace = build_model(*rtl, options.cache.empty() ? default_cache() : options.cache, true);
      if (!with_trace) return fail(std::move(with_trace.error()));
      traced.library = std::filesystem::absolute(with_trace->library, code).string();
      set_window(traced, trace, cycle);
      if (auto ran = run_design_job(traced, options.worker); !ran) return fail(std::move(ran.error()));
      out.first_mismatch->trace = trace;
    }
  }
  if (!options.artifacts.empty())
    if (auto done = write_file(bench->folder / "shim.cpp", shim_text(*rtl)); !done) return fail(std::move(done.error()));
  auto replay = bench->finish(*rtl);
  if (!replay) return fail(std::move(replay.error()));
  out.replay = std::move(*replay);
  out.seconds = since(start);
  return out;
}

Json design_cosim_document(const DesignCosim& r) {
  Json out;
  out["schema"] = "gnomon.cosim/1";
  out["whole"] = true;
  out["outputs_match"] = r.outputs_match();
  out["outputs"] = r.outputs;
  out["mismatches"] = r.mismatches;
  out["first_mismatch"] = nullptr;
  if (r.first_mismatch)
    out["first_mismatch"] = Json{{"tensor", r.first_mismatch->tensor}, {"element", r.first_mismatch->element}, {"index", r.first_mismatch->index}, {"expected", r.first_mismatch->expected}, {"got", r.first_mismatch->got},
                                 {"cycle", r.first_mismatch->cycle < 0 ? Json(nullptr) : Json(r.first_mismatch->cycle)}, {"trace", r.first_mismatch->trace.empty() ? Json(nullptr) : Json(r.first_mismatch->trace)}};
  out["rtl_cycles"] = r.rtl_cycles;
  out["model_cycles"] = r.model_cycles;
  out["cycle_difference"] = r.cycle_difference;
  out["stalls_injected"] = r.stalls_injected;
  out["seconds"] = r.seconds;
  out["verilate_seconds"] = r.verilate_seconds;
  out["compile_seconds"] = r.compile_seconds;
  out["simulate_seconds"] = r.simulate_seconds;
  out["rtl"] = r.rtl_top;
  out["tool"] = r.tool;
  if (r.replay) out["replay"] = replay_json(*r.replay);
  out["steps"] = Json::array();
  for (const DesignStep& step : r.steps)
    out["steps"].push_back(Json{{"step", step.label}, {"core", step.core}, {"start_cycle", step.start_cycle}, {"model_start_cycle", step.model_start_cycle}, {"latency_cycles", step.latency_cycles}, {"model_latency_cycles", step.model_latency_cycles},
                                {"latency_difference", step.latency_cycles - step.model_latency_cycles}});
  return out;
}

}  // namespace gnomon::hls
