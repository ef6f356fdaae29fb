#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cosim/worker.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/sim/cycle.hpp"

namespace gnomon::hls {

/// All work steps of a workload, for one run of the SystemC model with RTL in the place of arrays.
struct TogetherJob {
  std::string design_json;
  std::vector<sim::CycleStep> steps;
  struct Array {
    std::size_t step;
    WorkerJob job;  ///< without design and mapping
    std::vector<std::int64_t> expected;
  };
  std::vector<Array> arrays;  ///< by step, those of RTL
  double cpu_seconds = 900;
};

/// Runs the job in a child, once with the models' arrays and once with the RTL, and compares. Errors: those of the child and of the model.
Expected<CosimTogether> run_together(const TogetherJob& job, const std::vector<std::string>& worker);

/// The child's part.
bool holds_together_job(const std::filesystem::path& folder);
Expected<void> do_together_job(const std::filesystem::path& folder);

}  // namespace gnomon::hls
