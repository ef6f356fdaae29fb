#include "plan.hpp"

namespace gnomon::sim::cycle {

const arch::Level& ArrayStep::level(std::size_t entry) const {
  const std::size_t shared = design->shared.size();
  if (entry <= shared) return design->shared[shared - entry];
  return core->levels[core->levels.size() - (entry - shared)];
}

std::size_t ArrayStep::innermost_level(Operand operand) const {
  return core->levels.size() - (chain[static_cast<std::size_t>(operand)].back().entry - design->shared.size());
}

std::size_t ArrayStep::count_index(std::size_t entry) const {
  const std::size_t shared = design->shared.size();
  return entry <= shared ? core->levels.size() + (shared - entry) : core->levels.size() - (entry - shared);
}

ArrayStep plan_array_step(const arch::Design& design, std::size_t core, const arch::ArrayWork& work, const arch::StepMapping& mapping) {
  ArrayStep step;
  step.design = &design;
  step.core_index = core;
  step.core = &design.cores[core];
  step.work = &work;
  step.mapping = &mapping;
  const bool rows_sum = arch::spatial_dims(step.core->array.dataflow).rows == Dim::k;
  for (std::size_t entry = 0; entry < mapping.levels.size(); ++entry) {
    for (std::size_t o = 0; o < arch::operand_count; ++o) {
      if (entry > 0 && mapping.levels[entry].keeps[o]) step.chain[o].push_back({entry, step.loops.size(), step.level(entry).slots()});
    }
    for (const Loop& loop : mapping.levels[entry].loops) {
      if (loop.count == 1) continue;
      step.loops.push_back(loop);
      step.partial_sums = step.partial_sums || loop.dim == Dim::k;
    }
  }
  for (const Loop& fold : mapping.folds) step.partial_sums = step.partial_sums || (rows_sum && fold.dim == Dim::k && fold.count > 1);
  return step;
}

}  // namespace gnomon::sim::cycle
