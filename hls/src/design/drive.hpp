#pragma once

#include "cosim/model.hpp"
#include "design/job.hpp"

namespace gnomon::hls {

/// Runs the program on a loaded model with an ideal memory of the job's latency at its ports, and fills in the results. Errors (run_failed): a design that
/// does not come to its end, saying what it has done and what its ports show, or that asks for words outside the memory.
Expected<void> drive_design(LoadedModel& model, DesignJob& job);

}  // namespace gnomon::hls
