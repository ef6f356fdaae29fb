#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::hls {

/// Starts `worker` (program and first arguments; empty: the one that the environment names, or this program) with a folder that holds a job, and
/// waits. A child that crashes, uses up its CPU time or never ends gives an error and nothing else.
Expected<void> run_child(const std::filesystem::path& folder, const std::vector<std::string>& worker, double cpu_seconds);

/// The child's side: generated code that never ends is ended after so much CPU time, whatever the parent does, and leaves no core file.
void limit_this_process(double cpu_seconds);

}  // namespace gnomon::hls
