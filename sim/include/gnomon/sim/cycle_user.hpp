#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/sim/dram.hpp"
#include "gnomon/sim/memory_port.hpp"

namespace gnomon::sim {

/// What works cycle by cycle at a design's memory: generated RTL of its cores, say. A device has a port for each core; an ideal memory has one.
class CycleUser {
 public:
  struct Request {
    std::vector<MemoryRun> runs;  ///< ascending
    std::int64_t bytes = 0, bytes_per_cycle = 0;
    bool write = false;
    std::uint64_t tag = 0;
    std::size_t core = 0;  ///< whose port
  };
  /// Tags of requests, in the order of what was said about them.
  using Tags = std::vector<std::uint64_t>;
  virtual ~CycleUser() = default;
  /// The edge of the array clock at which cycle `cycle` (from 0 on) begins. What this and `hear` throw becomes an error of the run.
  virtual void begin(std::int64_t cycle) = 0;
  /// What the memory has released (its port can take the next request in this cycle) and completed at this edge; called once or, where edges of both clocks
  /// fall together, more often in a cycle. Returns the requests that begin in this cycle upon what has been heard so far, in the order in which they reach the memory; at most one in a
  /// cycle at a port.
  virtual std::vector<Request> hear(const Tags& released, const Tags& completed) = 0;
  /// No further edge is wanted.
  virtual bool finished() const = 0;
};

/// Runs `user` against the design's memory, a device (`Memory::dram`) or an ideal one, in a SystemC simulation whose array clock has an edge in every cycle. Gives a device's statistics.
/// Errors: invalid_input (an unresolved device), run_failed (what SystemC, the memory or the user says; a simulation that is running in this process already).
Expected<std::optional<DramStatistics>> run_against_memory(const arch::Design& design, CycleUser& user);

}  // namespace gnomon::sim
