#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::cli {

struct BesideOptions {
  std::string design;
  std::vector<std::string> workloads;  ///< network i on core i
  double part = 0;                     ///< share of the simulation; 0: the whole
  std::string model;                   ///< of a table of `gnomon dataset parts`; empty: the part alone
  bool json = false;
};

/// Networks beside each other on the cores of one design, simulated whole or told from a part; prints cycles and throughput of each.
Expected<int> simulate_beside(const BesideOptions& options);

}  // namespace gnomon::cli
