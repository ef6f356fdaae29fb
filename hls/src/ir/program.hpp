#pragma once

#include <functional>
#include <vector>

#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// A process as a list of steps: `enter` sets a loop's counter to 0 and goes to `target` (behind its `next`) where it runs no
/// iteration; `next` counts and goes back to `target` (the loop's body) while iterations are left.
struct ProgramStep {
  enum Kind { op, enter, next } kind = op;
  std::size_t id = 0;  ///< op or loop
  std::size_t target = 0;
};

/// The error is a loop that would be entered a second time, and the op that does it.
struct ReenteredLoop {
  std::size_t loop = 0, op = 0;
};
tl::expected<std::vector<ProgramStep>, ReenteredLoop> make_program(const Kernel& kernel, std::size_t process);

/// Value of an affine sum without values; counters per loop of the kernel.
std::int64_t evaluate(const Affine& affine, const std::vector<std::int64_t>& counters);

/// Calls `visit(op, counters)` for every execution of every op of a process in order, `count` loops running their extent and
/// `when` taken as true. Gives false, having stopped, where there are more than `max_visits`.
bool walk(const Kernel& kernel, std::size_t process, std::int64_t max_visits,
          const std::function<void(std::size_t, const std::vector<std::int64_t>&)>& visit);

/// Row-major place of an access whose index has no values; -1 outside the tensor, where a guard keeps it from being done.
std::int64_t place_of(const Kernel& kernel, const KernelOp& op, const std::vector<std::int64_t>& counters);

}  // namespace gnomon::hls
