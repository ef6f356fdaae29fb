#pragma once

#include "campaign/pool.hpp"

namespace gnomon::search {

/// Worker programs, started when first needed, one job at a time each, reused until they have done `worker_recycle` of them. A
/// worker that crashes, runs out of its limits or hangs costs the trial that it had, and is replaced.
Expected<std::unique_ptr<Pool>> make_process_pool(const PoolOptions& options);

std::int64_t this_process();

}  // namespace gnomon::search
