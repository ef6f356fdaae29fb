#include "gnomon/hls/cosim.hpp"

#include <algorithm>
#include <chrono>

#include "cosim/quantise.hpp"
#include "cosim/step.hpp"
#include "cosim/testbench.hpp"
#include "cosim/together.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/emit.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/sim/result.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {
namespace {

using arch::Dim;

/// The filters of a convolution whose values the model holds.
const std::vector<float>* filter_values(const workloads::Graph& graph, const arch::LoweredOperator& op,
                                        const arch::ArrayWork& work) {
  const workloads::Operator& source = graph.op(op.op);
  if (!work.window || !source.conv || op.steps.size() != 1 || source.inputs.size() < 2) return nullptr;
  const workloads::Tensor& filter = graph.tensor(source.inputs[1]);
  return filter.values ? filter.values.get() : nullptr;
}

struct Chosen {
  const arch::LoweredOperator* op;
  const arch::WorkStep* step;
};

Expected<std::vector<Chosen>> choose(const std::vector<arch::LoweredOperator>& lowered, const std::string& layer) {
  std::vector<Chosen> chosen;
  std::vector<std::string> names;
  bool known = false;
  for (const arch::LoweredOperator& op : lowered) {
    known = known || op.name == layer;
    bool has_array_work = false;
    for (const arch::WorkStep& step : op.steps) {
      known = known || step.label == layer;
      if (!step.array) continue;
      has_array_work = true;
      if (layer.empty() || op.name == layer || step.label == layer) chosen.push_back({&op, &step});
      if (step.label != op.name) names.push_back(step.label);
    }
    if (has_array_work) names.push_back(op.name);
  }
  if (!chosen.empty()) return chosen;
  if (known)
    return fail(ErrorKind::unsupported, "layer " + in_quotes(layer) + " has no array work; co-simulation runs the array");
  if (layer.empty()) return fail(ErrorKind::unsupported, "the workload has no array work; co-simulation runs the array");
  const std::string near = nearest(layer, names);
  return fail(
      ErrorKind::invalid_input,
      "unknown layer " + in_quotes(layer) + (near.empty() ? "" : "; did you mean " + in_quotes(near) + "?") + " (" +
          std::to_string(names.size()) + " layers have array work" +
          (names.size() <= 12 ? ": " + join(names) : ", from " + in_quotes(names.front()) + " to " + in_quotes(names.back())) +
          ")");
}

Expected<std::size_t> core_named(const arch::Design& design, const std::string& name) {
  for (std::size_t c = 0; c < design.cores.size(); ++c)
    if (design.cores[c].name == name) return c;
  return fail(ErrorKind::invalid_input, "the mapping names a core " + in_quotes(name) + " that the design does not have");
}

/// Same work, same mapping but for the name.
bool same(const arch::ArrayWork& a, const arch::StepMapping& map_a, const arch::ArrayWork& b, arch::StepMapping map_b) {
  map_b.step = map_a.step;
  if (!(map_a == map_b) || !std::equal(a.extent, a.extent + arch::dim_count, b.extent)) return false;
  if (a.window.has_value() != b.window.has_value()) return false;
  if (!a.window) return true;
  const workloads::Convolution &x = *a.window, &y = *b.window;
  return x.batch == y.batch && x.groups == y.groups && x.in_channels == y.in_channels && x.out_channels == y.out_channels &&
         x.in == y.in && x.out == y.out && x.kernel == y.kernel && x.stride == y.stride && x.dilation == y.dilation &&
         x.pad_begin == y.pad_begin && x.pad_end == y.pad_end && x.transposed == y.transposed;
}

double since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

Expected<Operands> operands_of(const Chosen& chosen, const std::vector<float>* values, int bits, std::uint64_t seed) {
  auto operands = empty_operands(*chosen.step->array);
  if (!operands) return fail(ErrorKind::unsupported, chosen.step->label + ": " + operands.error().text());
  fill_random(*operands, bits, derive(seed, chosen.step->label));
  if (values != nullptr && values->size() == operands->filter.size()) operands->filter = quantise(*values, bits);
  return operands;
}

/// All steps of the workload in one system, with the RTL that the steps alone have run on.
Expected<CosimTogether> cosimulate_together(const CosimRequest& request, const std::vector<arch::LoweredOperator>& lowered, const arch::Mapping& mapping, const StepRunner& runner) {
  const arch::Design& design = request.design;
  const CosimOptions& options = request.options;
  std::vector<bool> in_rtl(design.cores.size(), options.rtl_cores.empty());
  for (const std::string& name : options.rtl_cores) {
    auto core = core_named(design, name);
    if (!core) {
      std::vector<std::string> names;
      for (const arch::Core& one : design.cores) names.push_back(one.name);
      return fail(ErrorKind::invalid_input, unknown_word("core", name, names));
    }
    in_rtl[*core] = true;
  }
  auto plan = sim::plan(design, request.graph, lowered, mapping, "mapping");
  if (!plan) return fail(std::move(plan.error()));
  TogetherJob job;
  job.design_json = design.resolved_json;
  job.steps = sim::cycle_steps(*plan);
  job.cpu_seconds = options.cpu_seconds;
  auto model = sim::run_cycle_model(design, job.steps);
  if (!model) return fail(std::move(model.error()));
  std::int64_t cycles = 0;
  for (std::size_t i = 0; i < plan->size(); ++i) {
    const sim::PlannedStep& step = (*plan)[i];
    if (!step.step->array || !in_rtl[step.core]) continue;
    cycles += model->steps[i].latency_cycles;
    const arch::Array& array = design.cores[step.core].array;
    const Chosen chosen{step.op, step.step};
    auto operands = operands_of(chosen, filter_values(request.graph, *step.op, *step.step->array), array.precision.bits, options.seed);
    if (!operands) return fail(std::move(operands.error()));
    auto folds = enumerate_folds(design, design.cores[step.core], *step.step->array, *step.mapping);
    if (!folds) return fail(ErrorKind::unsupported, step.step->label + ": " + folds.error().text());
    TogetherJob::Array one{i, {}, reference_outputs(*operands, array.accumulator_bits)};
    one.job.array = *array_parameters(array);
    auto rtl = emit_array(one.job.array);
    if (!rtl) return fail(std::move(rtl.error()));
    const std::filesystem::path* library = runner.library(rtl->top);
    if (library == nullptr) return fail(ErrorKind::run_failed, step.step->label + ": the RTL of its array has not been built");
    std::error_code code;
    one.job.library = std::filesystem::absolute(*library, code).string();
    one.job.operands = std::move(*operands);
    one.job.folds = std::move(*folds);
    one.job.drive.stall = options.stall;
    one.job.drive.seed = options.seed;
    one.job.drive.max_cycles = options.max_cycles;
    job.arrays.push_back(std::move(one));
  }
  if (cycles > options.max_cycles)
    return fail(ErrorKind::unsupported, "all steps together take " + std::to_string(cycles) + " cycles of RTL; max_cycles (gnomon cosim --max-cycles) allows " + std::to_string(options.max_cycles));
  auto out = run_together(job, options.worker);
  if (!out) return out;
  for (std::size_t i = 0; i < plan->size(); ++i) out->steps[i].core = design.cores[(*plan)[i].core].name;
  return out;
}

Expected<CosimResult> finish(CosimResult result, const StepRunner& runner, std::chrono::steady_clock::time_point start) {
  result.tool = runner.tool;
  result.rtl_top = runner.rtl_top;
  result.verilate_seconds = runner.verilate_seconds;
  result.compile_seconds = runner.compile_seconds;
  result.seconds = since(start);
  return result;
}

}  // namespace

Expected<CosimResult> cosimulate(const CosimRequest& request) {
  const auto start = std::chrono::steady_clock::now();
  StepRunner runner(request.options);
  runner.replaced = request.rtl;
  if (auto sound = runner.check(); !sound) return fail(std::move(sound.error()));
  const arch::Design& design = request.design;
  if (design.cores.empty()) return fail(ErrorKind::invalid_input, "the design has no core");
  for (const arch::Core& core : design.cores)
    if (auto parameters = array_parameters(core.array); !parameters) return fail(std::move(parameters.error()));
  auto lowered = arch::lower(request.graph, sim::lowering_core(design));
  if (!lowered) return fail(std::move(lowered.error()));
  auto chosen = choose(*lowered, request.layer);
  if (!chosen) return fail(std::move(chosen.error()));
  if (request.options.together && !request.layer.empty()) return fail(ErrorKind::invalid_input, "all steps together are of a whole workload, and a layer is named");
  if (request.options.together && design.resolved_json.empty()) return fail(ErrorKind::unsupported, "all steps together need a design that was read from JSON");
  if (!request.options.trace.empty() && chosen->size() > 1)
    return fail(ErrorKind::invalid_input,
                "a trace is of one work step, and " + std::to_string(chosen->size()) + " would run; name one layer");

  arch::Mapping mapping = request.mapping;
  if (mapping.steps.empty()) {
    if (design.cores.size() > 1) {
      auto mapped = sim::map(design, request.graph, *lowered);
      if (!mapped) return fail(std::move(mapped.error()));
      mapping = std::move(*mapped);
    } else {
      for (std::size_t i = 0; i < chosen->size(); ++i) {
        auto mapped = sim::map_step(design, design.cores[0], *(*chosen)[i].step->array, (*chosen)[i].step->label);
        if (!mapped) return fail(std::move(mapped.error()));
        mapping.steps.push_back(std::move(*mapped));
      }
    }
  }

  struct Planned {
    Chosen chosen;
    const arch::StepMapping* mapping;
    std::size_t core;
    const std::vector<float>* values;
    std::int64_t repeats;
  };
  std::vector<Planned> plan;
  for (const Chosen& c : *chosen) {
    const arch::StepMapping* step = mapping.find(c.step->label);
    if (step == nullptr) return fail(ErrorKind::invalid_input, "the mapping has no step " + in_quotes(c.step->label));
    auto core = core_named(design, step->core);
    if (!core) return fail(std::move(core.error()));
    if (auto sound = arch::verify(design, design.cores[*core], *c.step->array, *step, "mapping", "/steps/" + c.step->label);
        !sound)
      return fail(std::move(sound.error()));
    const std::vector<float>* values = filter_values(request.graph, *c.op, *c.step->array);
    const auto twin = std::find_if(plan.begin(), plan.end(), [&](const Planned& p) {
      return values == nullptr && p.values == nullptr && p.core == *core &&
             same(*p.chosen.step->array, *p.mapping, *c.step->array, *step);
    });
    if (twin != plan.end()) {
      ++twin->repeats;
      continue;
    }
    if (auto accepted = runner.acceptable(design, *core, *c.step->array, *step); !accepted)
      return fail(std::move(accepted.error()));
    plan.push_back({c, step, *core, values, 1});
  }

  CosimResult result;
  for (const Planned& p : plan) {
    const arch::Array& array = design.cores[p.core].array;
    auto operands = operands_of(p.chosen, p.values, array.precision.bits, request.options.seed);
    if (!operands) return fail(std::move(operands.error()));
    const std::vector<std::int64_t> expected = reference_outputs(*operands, array.accumulator_bits);
    auto step = runner.run(design, p.core, *p.chosen.step->array, *p.mapping, std::move(*operands), expected);
    if (!step) return fail(std::move(step.error()));
    step->repeats = p.repeats;
    add(result.total, step->figures, p.repeats);
    result.steps.push_back(std::move(*step));
  }
  if (request.options.together) {
    auto together = cosimulate_together(request, *lowered, mapping, runner);
    if (!together) return fail(std::move(together.error()));
    result.together = std::move(*together);
  }
  return finish(std::move(result), runner, start);
}

Expected<CosimResult> cosimulate(const Kernel& kernel, const CosimOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  StepRunner runner(options);
  if (auto sound = runner.check(); !sound) return fail(std::move(sound.error()));
  if (auto sound = verify(kernel); !sound) return fail(std::move(sound.error()));
  auto shape = match_matmul(kernel);
  if (!shape) return fail(std::move(shape.error()));

  // A design around the array whose one level holds everything, for the models.
  arch::Design design;
  design.name = kernel.name;
  design.clock_mhz = 1000;
  design.clock_period_ps = 1000;
  design.technology = "45nm";
  arch::Core core;
  core.name = "kernel";
  core.array = {shape->rows,
                shape->cols,
                arch::Dataflow::os,
                {"int" + std::to_string(shape->bits), shape->bits, false},
                shape->accumulator_bits};
  arch::Level level;
  level.name = "tensors";
  std::fill(std::begin(level.holds), std::end(level.holds), true);
  level.bytes = std::int64_t{1} << 40;
  core.levels.push_back(level);
  design.cores.push_back(core);

  arch::ArrayWork work;
  work.extent[1] = shape->m;
  work.extent[2] = shape->n;
  work.extent[3] = shape->k;
  const auto folds = [](std::int64_t extent, std::int64_t size) { return (extent + size - 1) / size; };
  arch::StepMapping mapping;
  mapping.step = kernel.name;
  mapping.core = core.name;
  mapping.levels = {{"memory", {}, {true, true, true}}, {level.name, {}, {true, true, true}}};
  mapping.rows_dim = Dim::m;
  mapping.cols_dim = Dim::n;
  const std::int64_t row_folds = folds(shape->m, shape->rows), col_folds = folds(shape->n, shape->cols);
  mapping.rows_size = folds(shape->m, row_folds);
  mapping.cols_size = folds(shape->n, col_folds);
  mapping.folds = {{Dim::m, row_folds}, {Dim::n, col_folds}};
  if (auto accepted = runner.acceptable(design, 0, work, mapping); !accepted) return fail(std::move(accepted.error()));

  auto operands = empty_operands(work);
  if (!operands) return fail(std::move(operands.error()));
  fill_random(*operands, shape->bits, derive(options.seed, kernel.name));
  auto golden = interpret(kernel, {{shape->left, {operands->ifmap.begin(), operands->ifmap.end()}},
                                   {shape->right, {operands->filter.begin(), operands->filter.end()}}});
  if (!golden) return fail(std::move(golden.error()));
  CosimResult result;
  auto step = runner.run(design, 0, work, mapping, std::move(*operands), golden->at(shape->out));
  if (!step) return fail(std::move(step.error()));
  add(result.total, step->figures, 1);
  result.steps.push_back(std::move(*step));
  return finish(std::move(result), runner, start);
}

namespace {

Json figures_json(const CosimFigures& f) {
  Json out;
  out["outputs_match"] = f.outputs_match;
  out["outputs"] = f.outputs;
  out["mismatches"] = f.mismatches;
  out["first_mismatch"] = nullptr;
  if (f.first_mismatch) {
    out["first_mismatch"] = Json{{"step", f.first_mismatch->step},
                                 {"g", f.first_mismatch->g},
                                 {"m", f.first_mismatch->m},
                                 {"n", f.first_mismatch->n},
                                 {"expected", f.first_mismatch->expected},
                                 {"got", f.first_mismatch->got},
                                 {"cycle", f.first_mismatch->cycle < 0 ? Json(nullptr) : Json(f.first_mismatch->cycle)},
                                 {"run", f.first_mismatch->run},
                                 {"index", f.first_mismatch->index},
                                 {"loops", Json::object()},
                                 {"trace", f.first_mismatch->trace.empty() ? Json(nullptr) : Json(f.first_mismatch->trace)}};
    for (const auto& [loop, value] : f.first_mismatch->loops) out["first_mismatch"]["loops"][loop] = value;
  }
  out["rtl_cycles"] = f.rtl_cycles;
  out["model_cycles"] = f.model_cycles;
  out["cycle_difference"] = f.cycle_difference;
  out["stalls_injected"] = f.stalls_injected;
  return out;
}

}  // namespace

Json cosim_document(const CosimResult& result) {
  Json out;
  out["schema"] = "gnomon.cosim/1";
  out.update(figures_json(result.total));
  out["seconds"] = result.seconds;
  out["verilate_seconds"] = result.verilate_seconds;
  out["compile_seconds"] = result.compile_seconds;
  out["rtl"] = result.rtl_top;
  out["tool"] = result.tool;
  out["steps"] = Json::array();
  for (const CosimStep& step : result.steps) {
    Json row;
    row["step"] = step.label;
    row["core"] = step.mapping.core;
    row["macs"] = step.macs;
    row["repeats"] = step.repeats;
    row.update(figures_json(step.figures));
    if (step.system) {
      const CosimSystem& system = *step.system;
      row["system"] = Json{{"agrees", system.agrees},
                           {"latency_cycles", system.latency_cycles},
                           {"model_latency_cycles", system.model_latency_cycles},
                           {"latency_difference", system.latency_cycles - system.model_latency_cycles},
                           {"compute_cycles", system.compute_cycles},
                           {"model_compute_cycles", system.model_compute_cycles},
                           {"rtl_cycles", system.rtl_cycles},
                           {"model_cycles", system.model_cycles},
                           {"held_cycles", system.held_cycles},
                           {"waited_cycles", system.waited_cycles},
                           {"stalls_injected", system.stalls_injected},
                           {"mismatches", system.mismatches},
                           {"difference", system.difference.empty() ? Json(nullptr) : Json(system.difference)}};
    }
    if (step.replay) row["replay"] = replay_json(*step.replay);
    row["simulate_seconds"] = step.simulate_seconds;
    out["steps"].push_back(std::move(row));
  }
  if (result.together) {
    const CosimTogether& t = *result.together;
    Json together{{"agrees", t.agrees}, {"latency_cycles", t.latency_cycles}, {"model_latency_cycles", t.model_latency_cycles},
                  {"difference", t.difference.empty() ? Json(nullptr) : Json(t.difference)}, {"steps", Json::array()}};
    for (const CosimTogether::Step& step : t.steps)
      together["steps"].push_back(Json{{"step", step.label}, {"core", step.core}, {"rtl", step.rtl}, {"start_cycle", step.start_cycle}, {"model_start_cycle", step.model_start_cycle},
                                       {"latency_cycles", step.latency_cycles}, {"model_latency_cycles", step.model_latency_cycles}, {"outputs", step.outputs},
                                       {"mismatches", step.mismatches}, {"waited_cycles", step.waited_cycles}, {"stalls_injected", step.stalls_injected}});
    out["together"] = std::move(together);
  }
  return out;
}

}  // namespace gnomon::hls
