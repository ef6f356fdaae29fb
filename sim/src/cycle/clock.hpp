#pragma once

#include <cstdint>
#include <stdexcept>
#include <systemc>

#include "gnomon/sim/memory_port.hpp"

namespace gnomon::sim::cycle {

inline std::int64_t now_ps() { return static_cast<std::int64_t>(sc_core::sc_time_stamp().value()); }

/// Notifies an event so many cycles from now. Simulated time ends after 2^62 ps (53 days).
inline void notify_after(sc_core::sc_event& event, const ClockDomain& clock, std::int64_t cycles) {
  constexpr std::int64_t limit = std::int64_t{1} << 62;
  if (cycles > (limit - now_ps()) / clock.period_ps) throw std::runtime_error("the simulated time passes 2^62 ps (53 days)");
  event.notify(sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(cycles * clock.period_ps)));
}

}  // namespace gnomon::sim::cycle
