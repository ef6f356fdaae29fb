#include "plan.hpp"

#include "gnomon/arch/layout.hpp"

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

namespace {

std::uint64_t aligned(std::int64_t bytes) { return (static_cast<std::uint64_t>(bytes) + tensor_alignment - 1) / tensor_alignment * tensor_alignment; }

}  // namespace

std::uint64_t placed_bytes(const arch::Array& array, const arch::ArrayWork& work) {
  std::uint64_t bytes = aligned(arch::stored_bytes(work, Operand::ofmap, array.accumulator_bits));
  for (std::size_t o = 0; o < arch::operand_count; ++o) bytes += aligned(arch::stored_bytes(work, static_cast<Operand>(o), array.precision.bits));
  return bytes;
}

std::uint64_t placed_bytes(const arch::Array& array, const arch::VectorWork& work) {
  return aligned(arch::packed_bytes(work.in_elements, array.precision.bits)) + aligned(arch::packed_bytes(work.out_elements, array.precision.bits));
}

ArrayStep plan_array_step(const arch::Design& design, std::size_t core, const arch::ArrayWork& work, const arch::StepMapping& mapping, std::uint64_t address) {
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
  for (std::size_t o = 0; o < arch::operand_count; ++o) {
    step.operand_address[o] = address;
    address += aligned(arch::stored_bytes(work, static_cast<Operand>(o), step.core->array.precision.bits));
  }
  step.sums_address = address;
  return step;
}

}  // namespace gnomon::sim::cycle
