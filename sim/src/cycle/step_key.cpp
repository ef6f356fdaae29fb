#include "step_key.hpp"

namespace gnomon::sim {

StepKey step_key(const CycleStep& step) {
  StepKey key{static_cast<std::int64_t>(step.core)};
  const auto add = [&](auto... values) { (key.push_back(static_cast<std::int64_t>(values)), ...); };
  if (!step.array) {
    add(step.vector.ops, step.vector.in_elements, step.vector.out_elements);
    return key;
  }
  add(step.first_tiles);
  for (const std::int64_t extent : step.array->extent) add(extent);
  if (step.array->window) {
    const workloads::Convolution& c = *step.array->window;
    add(c.batch, c.groups, c.in_channels, c.out_channels, c.transposed);
    for (const auto& pair : {c.in, c.out, c.kernel, c.stride, c.dilation, c.pad_begin, c.pad_end}) add(pair[0], pair[1]);
  }
  const auto add_loops = [&](const std::vector<arch::Loop>& loops) {
    for (const arch::Loop& loop : loops) add(loop.dim, loop.count);
    add(-1);
  };
  add(-1);
  for (const arch::LevelLoops& level : step.mapping->levels) {
    for (const bool keeps : level.keeps) add(keeps);
    add_loops(level.loops);
  }
  add_loops(step.mapping->folds);
  for (const arch::Layout layout : step.mapping->layout) add(layout);
  return key;
}

}  // namespace gnomon::sim
