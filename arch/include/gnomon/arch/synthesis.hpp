#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gnomon::arch {

/// A target of synthesis, and the metrics that it adds to an evaluation.
struct SynthesisInfo {
  std::string target;                ///< `xcup`; `xcup-complete`: with the control of the design's complete RTL
  std::vector<std::string> metrics;  ///< `fmax_mhz` where OpenSTA is installed (osu018), or where array or kernel fit a part (ice40)
  bool complete = false;             ///< of accelerators alone: a kernel's RTL is complete
};

const std::vector<SynthesisInfo>& synthesis_infos();
/// Targets as a job's option `synthesis` has them, joined by commas.
std::vector<std::string> synthesis_targets(const std::string& joined);
/// The metrics that targets give, each with the first target in the list that has it. Unknown targets give none.
std::vector<std::pair<std::string, std::string>> synthesis_metrics(const std::vector<std::string>& targets);

}  // namespace gnomon::arch
