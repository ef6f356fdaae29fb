#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "gnomon/arch/dram.hpp"
#include "gnomon/sim/dram.hpp"
#include "gnomon/sim/memory_port.hpp"

namespace gnomon::sim {

/// A DRAM device with its controllers in a running SystemC simulation, behind one port for each requester.
///
/// A transfer becomes the bursts that its bytes lie in, each once, in ascending order; the controller takes them from the ports by its arbiter.
/// A port is free again when the last burst of its transfer has been taken; the transfer is complete when the last data beat of its last burst has
/// passed. Times cross to the memory clock at its next edge and back at the next edge of the requester's clock. Where the other end is
/// slower than the device (`MemoryRequest::bytes_per_cycle`), the transfer takes at least the time that the other end needs. Addresses
/// wrap around at the device's size.
class DeviceMemory {
 public:
  virtual ~DeviceMemory() = default;
  virtual MemoryPort& port(std::size_t requester) = 0;
  /// For requesters that act at all of their edges, once each: tells what is due at the present time.
  virtual void tell_due() = 0;
  /// Runs a memory cycle that begins at the present time, with what has been asked for it, and tells what is due then.
  virtual void catch_up() = 0;
  /// Counts, latencies and energy up to the present time.
  virtual DramStatistics statistics() = 0;
};

/// Makes the device inside the module that is being built. `clock` is the requesters'.
std::unique_ptr<DeviceMemory> make_device_memory(const std::string& name, const arch::Dram& dram, ClockDomain clock, std::size_t requesters);

}  // namespace gnomon::sim
