#pragma once

#include <cstdint>
#include <deque>
#include <systemc>

#include "gnomon/sim/memory_port.hpp"

namespace gnomon::sim {

/// Memory with one access port of a fixed rate for reads and writes together, and a fixed latency: B bytes pass in ceil(B / rate) cycles of
/// the array's clock and are there `latency_cycles` later. The rate is the lower one of the memory and of the other end. Addresses do not
/// matter to it, and any length is one request.
class IdealMemory : public sc_core::sc_module, public MemoryPort {
 public:
  IdealMemory(sc_core::sc_module_name name, ClockDomain clock, std::int64_t bytes_per_cycle, std::int64_t latency_cycles);
  void request(const MemoryRequest& request, MemoryClient& client) override;
  /// For requesters that act at all of their edges, once each: tells what is due at the present time.
  void tell_due() { on_wake(); }

 private:
  struct Answer {
    std::int64_t time_ps;
    std::uint64_t tag;
    MemoryClient* client;
  };
  ClockDomain clock_;
  std::int64_t bytes_per_cycle_, latency_ps_;
  bool busy_ = false;
  Answer release_{};
  std::deque<Answer> completions_;
  sc_core::sc_event wake_;

  void on_wake();
  void schedule();
};

}  // namespace gnomon::sim
