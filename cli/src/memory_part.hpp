#pragma once

#include <string>
#include <vector>

#include "gnomon/base/error.hpp"

namespace gnomon::cli {

struct MemoryPartOptions {
  std::string memory;
  std::vector<std::string> traces;  ///< beside each other, each at a port of its own
  double part = 0;                  ///< share of the simulation; 0: the whole
  std::string model;                ///< of a table of `gnomon dataset parts --of traces`; empty: the part alone
  bool json = false;
};

/// Traces beside each other on a memory, simulated whole or told from a part; prints each one's cycles and throughput, row hits and energy of all.
Expected<int> simulate_traces(const MemoryPartOptions& options);

/// Whether `simulate --arch` names a memory: a device, or a file with a memory's `standard`.
bool is_memory(const std::string& arch);

}  // namespace gnomon::cli
