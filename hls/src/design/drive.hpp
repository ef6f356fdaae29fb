#pragma once

#include "cosim/model.hpp"
#include "design/job.hpp"

namespace gnomon::hls {

/// Runs the program on a loaded model with an ideal memory of the job's latency or the job's device at its ports, and fills in the results. `stuck` says why a design does
/// not come to its end (nothing moves for long, it does not finish, it asks for words outside the memory), what it has done and what its ports show. Errors (run_failed): ports
/// that are missing.
Expected<void> drive_design(LoadedModel& model, DesignJob& job);

}  // namespace gnomon::hls
