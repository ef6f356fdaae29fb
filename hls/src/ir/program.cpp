#include "ir/program.hpp"

#include <algorithm>

namespace gnomon::hls {

tl::expected<std::vector<ProgramStep>, ReenteredLoop> make_program(const Kernel& kernel, std::size_t process) {
  std::vector<ProgramStep> steps;
  std::vector<std::pair<std::size_t, std::size_t>> open;  // loop and its `enter`
  std::vector<bool> entered(kernel.loops.size(), false);
  const auto close = [&] {
    const auto [loop, enter] = open.back();
    open.pop_back();
    steps.push_back({ProgramStep::next, loop, enter + 1});
    steps[enter].target = steps.size();
  };
  for (std::size_t i = 0; i < kernel.ops.size(); ++i) {
    if (kernel.ops[i].process != process) continue;
    const std::vector<std::size_t> path = kernel.path(kernel.ops[i].loop);
    std::size_t common = 0;
    while (common < path.size() && common < open.size() && open[common].first == path[common]) ++common;
    while (open.size() > common) close();
    for (std::size_t d = common; d < path.size(); ++d) {
      if (entered[path[d]]) return tl::unexpected(ReenteredLoop{path[d], i});
      entered[path[d]] = true;
      open.push_back({path[d], steps.size()});
      steps.push_back({ProgramStep::enter, path[d], 0});
    }
    steps.push_back({ProgramStep::op, i, 0});
  }
  while (!open.empty()) close();
  return steps;
}

std::int64_t evaluate(const Affine& affine, const std::vector<std::int64_t>& counters) {
  // Unsigned, since single terms may pass 64 bits (a loop of one iteration may have any factor).
  std::uint64_t sum = static_cast<std::uint64_t>(affine.constant);
  for (std::size_t l = 0; l < affine.coefficients.size(); ++l)
    sum += static_cast<std::uint64_t>(affine.coefficients[l]) * static_cast<std::uint64_t>(counters[l]);
  return static_cast<std::int64_t>(sum);
}

bool walk(const Kernel& kernel, std::size_t process, std::int64_t max_visits,
          const std::function<void(std::size_t, const std::vector<std::int64_t>&)>& visit) {
  const auto program = make_program(kernel, process);
  if (!program) return false;
  std::vector<std::int64_t> counters(kernel.loops.size(), 0);
  const auto trips = [&](std::size_t l) {
    const KernelLoop& loop = kernel.loops[l];
    return loop.trip ? evaluate(*loop.trip, counters) : loop.extent;
  };
  std::int64_t steps = 0;
  for (std::size_t pc = 0; pc < program->size();) {
    if (++steps > 4 * max_visits) return false;
    const ProgramStep& step = (*program)[pc];
    switch (step.kind) {
      case ProgramStep::op:
        visit(step.id, counters);
        ++pc;
        break;
      case ProgramStep::enter:
        counters[step.id] = 0;
        pc = trips(step.id) > 0 ? pc + 1 : step.target;
        break;
      case ProgramStep::next:
        if (++counters[step.id] < trips(step.id)) {
          pc = step.target;
        } else {
          counters[step.id] = 0;
          ++pc;
        }
        break;
    }
  }
  return true;
}

std::int64_t place_of(const Kernel& kernel, const KernelOp& op, const std::vector<std::int64_t>& counters) {
  std::int64_t place = 0;
  const auto& shape = kernel.tensors[*op.tensor].shape;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    const std::int64_t at = evaluate(op.index[d], counters);
    if (at < 0 || at >= shape[d]) return -1;
    place = place * shape[d] + at;
  }
  return place;
}

}  // namespace gnomon::hls
