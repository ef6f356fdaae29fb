#include <map>
#include <set>
#include <systemc>

#include "clock.hpp"
#include "fabric.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/session.hpp"
#include "step_key.hpp"

namespace gnomon::sim {
namespace {

Expected<void> check(const arch::Design& design, const std::vector<CycleStep>& steps, const std::string& mapping_file) {
  if (design.memory.kind == arch::MemoryKind::device && !design.memory.dram) {
    return fail(ErrorKind::invalid_input, "memory type " + in_quotes(design.memory.type) + ": the design has not been resolved");
  }
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const CycleStep& step = steps[i];
    if (step.core >= design.cores.size()) return fail(ErrorKind::invalid_input, "step " + in_quotes(step.label) + ": no core " + std::to_string(step.core));
    const arch::Core& core = design.cores[step.core];
    if (core.levels.size() + design.shared.size() > max_levels) {
      return fail(ErrorKind::unsupported, "core " + in_quotes(core.name) + " sees more than " + std::to_string(max_levels) + " levels");
    }
    for (const std::size_t before : step.after) {
      if (before >= i) return fail(ErrorKind::invalid_input, "step " + in_quotes(step.label) + " waits for a later one");
    }
    if (!step.array) {
      if (core.vector_lanes < 1) return fail(ErrorKind::unsupported, "step " + in_quotes(step.label) + ": core " + in_quotes(core.name) + " has no vector unit");
      continue;
    }
    if (step.first_tiles < 0) return fail(ErrorKind::invalid_input, "step " + in_quotes(step.label) + ": " + std::to_string(step.first_tiles) + " first tiles");
    if (!step.mapping) return fail(ErrorKind::invalid_input, mapping_file + ": step " + in_quotes(step.label) + " has no mapping");
    const auto valid = arch::verify(design, core, *step.array, *step.mapping, mapping_file, "/steps/" + step.label);
    if (!valid) return fail(valid.error());
  }
  return {};
}

/// `arrays`: by step, or empty.
Expected<CycleRun> run_steps(const arch::Design& design, const std::vector<CycleStep>& steps, const std::string& mapping_file,
                             const std::vector<ArrayStandIn*>& arrays) {
  if (auto fine = check(design, steps, mapping_file); !fine) return fail(fine.error());
  std::set<std::size_t> cores;
  for (const CycleStep& step : steps) cores.insert(step.core);
  const bool alone = cores.size() <= 1;

  std::vector<cycle::CoreWork> work;
  std::vector<std::size_t> core_of, simulated(steps.size());
  std::map<StepKey, std::size_t> known;
  std::uint64_t address = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const CycleStep& step = steps[i];
    if (alone && !design.memory.dram && arrays.empty()) {
      const auto [at, is_new] = known.emplace(step_key(step), work.size());
      simulated[i] = at->second;
      if (!is_new) continue;
    } else {
      simulated[i] = work.size();
    }
    cycle::CoreWork one;
    one.label = step.label;
    one.array = step.array ? &*step.array : nullptr;
    one.mapping = step.mapping ? &*step.mapping : nullptr;
    one.vector = step.vector;
    if (!alone) one.after = step.after;
    one.address = address;
    one.first_tiles = step.first_tiles;
    one.stand_in = arrays.empty() ? nullptr : arrays[i];
    const arch::Array& array = design.cores[step.core].array;
    address += step.array ? cycle::placed_bytes(array, *step.array) : cycle::placed_bytes(array, step.vector);
    work.push_back(std::move(one));
    core_of.push_back(step.core);
  }

  auto session = SimSession::open();
  if (!session) return fail(session.error());
  CycleRun run;
  run.simulated_steps = static_cast<std::int64_t>(work.size());
  std::vector<cycle::StepOutcome> outcomes;
  try {
    cycle::Fabric fabric("fabric", design, std::move(work), core_of);
    if (auto ran = session->run(); !ran) return fail(ran.error());
    if (!fabric.finished()) return fail(ErrorKind::run_failed, "internal error: the model has stopped before its work is done: " + fabric.waits_for());
    outcomes = fabric.outcomes();
    run.memory = fabric.memory_statistics();
    run.waited_cycles = fabric.waited_cycles();
    run.simulated_cycles = cycle::now_ps() / design.clock_period_ps;
  } catch (const std::exception& error) {
    return fail(ErrorKind::run_failed, std::string("internal error in the cycle model: ") + error.what());
  }
  std::int64_t start = 0;
  for (std::size_t i = 0; i < steps.size(); ++i) {
    StepResult result = outcomes[simulated[i]].result;
    result.label = steps[i].label;
    if (alone) {
      result.start_cycle = start;
      start += result.latency_cycles;
    }
    run.steps.push_back(std::move(result));
    run.activity.push_back(outcomes[simulated[i]].activity);
  }
  return run;
}

}  // namespace

Expected<CycleRun> run_cycle_model(const arch::Design& design, const std::vector<CycleStep>& steps, const std::string& mapping_file) {
  return run_steps(design, steps, mapping_file, {});
}

Expected<CycleRun> run_cycle_model(const arch::Design& design, const CycleStep& step, ArrayStandIn& array) {
  if (!step.array) return fail(ErrorKind::invalid_input, "step " + in_quotes(step.label) + " is no array work");
  return run_steps(design, {step}, "mapping", {&array});
}

Expected<CycleRun> run_cycle_model(const arch::Design& design, const std::vector<CycleStep>& steps, const std::vector<ArrayStandIn*>& arrays) {
  if (arrays.size() != steps.size()) return fail(ErrorKind::invalid_input, std::to_string(arrays.size()) + " arrays for " + std::to_string(steps.size()) + " steps");
  for (std::size_t i = 0; i < steps.size(); ++i)
    if (arrays[i] != nullptr && !steps[i].array) return fail(ErrorKind::invalid_input, "step " + in_quotes(steps[i].label) + " is no array work");
  return run_steps(design, steps, "mapping", arrays);
}

std::vector<TensorPlaces> tensor_places(const arch::Design& design, const std::vector<CycleStep>& steps) {
  std::vector<TensorPlaces> out;
  std::uint64_t address = 0;
  for (const CycleStep& step : steps) {
    TensorPlaces& places = out.emplace_back();
    const arch::Core& core = design.cores[step.core];
    if (step.array) {
      const cycle::ArrayStep planned = cycle::plan_array_step(design, step.core, *step.array, *step.mapping, address);
      for (std::size_t o = 0; o < arch::operand_count; ++o) places.operand[o] = planned.operand_address[o];
      places.sums = planned.sums_address;
      address += cycle::placed_bytes(core.array, *step.array);
    } else {
      const cycle::VectorStep planned = cycle::plan_vector_step(core, step.vector, address);
      places.operand[0] = planned.in_address;
      places.operand[arch::operand_count - 1] = planned.out_address;
      address += cycle::placed_bytes(core.array, step.vector);
    }
  }
  return out;
}

}  // namespace gnomon::sim
