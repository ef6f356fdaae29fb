#pragma once

#include <functional>
#include <vector>

#include "schedule/datapath.hpp"

namespace gnomon::hls {

struct PipeAccess {
  std::size_t op = 0;
  std::int64_t iteration = 0;  ///< of the pipeline since it started
  const std::vector<std::int64_t>* counters = nullptr;
};

/// Calls `visit` for every execution of every op of a pipeline in the order of the kernel, loops that depend on data at their most;
/// `restart` where the pipeline starts anew. False where there is more than `max_visits` to do.
bool replay(const Kernel& kernel, std::size_t process, const Pipe& pipe, std::int64_t max_visits,
            const std::function<void(const PipeAccess&)>& visit, const std::function<void()>& restart);

}  // namespace gnomon::hls
