#pragma once

#include <cstdint>
#include <span>

namespace gnomon::sim {

/// A clock whose edges are the multiples of its period. Times are whole picoseconds; a crossing lands on the next edge of the receiving clock.
struct ClockDomain {
  std::int64_t period_ps = 1;

  /// The first edge at or after `time_ps` (not negative).
  std::int64_t next_edge(std::int64_t time_ps) const { return (time_ps + period_ps - 1) / period_ps * period_ps; }
  /// Cycles up to the first edge at or after `time_ps`.
  std::int64_t cycles(std::int64_t time_ps) const { return (time_ps + period_ps - 1) / period_ps; }
  std::int64_t time_ps(std::int64_t cycle) const { return cycle * period_ps; }
};

/// A contiguous piece of the memory.
struct MemoryRun {
  std::uint64_t address = 0;
  std::int64_t bytes = 0;
};

/// One access to the memory: a whole transfer of an array or a DMA engine, or one burst of a trace. Ideal memory takes transfers of any
/// length as one request; a device's adapter splits them into bursts.
struct MemoryRequest {
  /// When it is offered: now, or later.
  std::int64_t time_ps = 0;
  std::uint64_t address = 0;  ///< of the first byte
  std::int64_t bytes = 0;     ///< at least 1
  /// Where the bytes lie, ascending, if not in one piece from `address` on; only valid during the call. Ideal memory does not look at places.
  std::span<const MemoryRun> runs;
  bool write = false;
  int requester = 0;  ///< who asks: the core's index, or the trace's
  /// What the other end takes or gives in a cycle of the requester's clock; 0 where it takes any rate.
  std::int64_t bytes_per_cycle = 0;
  /// Given back with the answers.
  std::uint64_t tag = 0;
};

/// Who asks the memory. Each request is answered twice, at the same time or one after the other.
class MemoryClient {
 public:
  virtual ~MemoryClient() = default;
  /// The last byte has passed the port: it can take the next request.
  virtual void memory_released(std::uint64_t tag, std::int64_t time_ps) = 0;
  /// The data has arrived (read) or is stored (write).
  virtual void memory_completed(std::uint64_t tag, std::int64_t time_ps) = 0;
};

/// The way into a memory, the same for arrays, DMA engines and traces, and for ideal memory and devices behind it.
///
/// A port takes one request at a time: the next may be offered once the one before is released. Requests complete in the memory's own order.
class MemoryPort {
 public:
  virtual ~MemoryPort() = default;
  /// Offers a request; needs `bytes` > 0 and a port that is free at `time_ps`.
  virtual void request(const MemoryRequest& request, MemoryClient& client) = 0;
};

}  // namespace gnomon::sim
