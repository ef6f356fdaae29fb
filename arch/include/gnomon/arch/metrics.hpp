#pragma once

#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::arch {

/// A named figure: what it counts, in which unit, and how it is defined. The one source of `gnomon explain`, docs/glossary.md and column heads.
struct MetricInfo {
  std::string name;        ///< `latency_s`
  std::string unit;        ///< `s`
  std::string summary;     ///< one line
  std::string definition;  ///< formula and what is left out, a short paragraph
  std::string subjects;    ///< which subjects have it: `accelerator`, `memory kernel`, ...
  bool compound = false;   ///< computed from other metrics (`edp_js` = energy x delay)
};

const std::vector<MetricInfo>& metric_infos();
/// Also finds `NAME@MODEL`. Error: the nearest known name.
Expected<const MetricInfo*> find_metric(const std::string& name);

}  // namespace gnomon::arch
