#include "ideal_memory.hpp"

#include <algorithm>
#include <stdexcept>

namespace gnomon::sim {
namespace {

std::int64_t now_ps() { return static_cast<std::int64_t>(sc_core::sc_time_stamp().value()); }

}  // namespace

IdealMemory::IdealMemory(sc_core::sc_module_name name, ClockDomain clock, std::int64_t bytes_per_cycle, std::int64_t latency_cycles)
    : sc_module(name), clock_(clock), bytes_per_cycle_(bytes_per_cycle), latency_ps_(clock.time_ps(latency_cycles)) {
  SC_HAS_PROCESS(IdealMemory);
  SC_METHOD(on_wake);
  sensitive << wake_;
  dont_initialize();
}

void IdealMemory::request(const MemoryRequest& request, MemoryClient& client) {
  if (busy_) throw std::logic_error("a request to a memory port that is taken");
  const std::int64_t rate = request.bytes_per_cycle > 0 ? std::min(request.bytes_per_cycle, bytes_per_cycle_) : bytes_per_cycle_;
  const std::int64_t cycles = request.bytes / rate + (request.bytes % rate != 0 ? 1 : 0);
  const std::int64_t start = clock_.next_edge(std::max(request.time_ps, now_ps()));
  busy_ = true;
  release_ = {start + clock_.time_ps(cycles), request.tag, &client};
  completions_.push_back({release_.time_ps + latency_ps_, request.tag, &client});
  schedule();
}

void IdealMemory::schedule() {
  std::int64_t next = -1;
  if (busy_) next = release_.time_ps;
  if (!completions_.empty() && (next < 0 || completions_.front().time_ps < next)) next = completions_.front().time_ps;
  // The earlier of two notifications of an event stands.
  if (next >= 0) wake_.notify(sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(next - now_ps())));
}

void IdealMemory::on_wake() {
  const std::int64_t now = now_ps();
  if (busy_ && release_.time_ps <= now) {
    busy_ = false;
    release_.client->memory_released(release_.tag, now);
  }
  while (!completions_.empty() && completions_.front().time_ps <= now) {
    const Answer done = completions_.front();
    completions_.pop_front();
    done.client->memory_completed(done.tag, now);
  }
  schedule();
}

}  // namespace gnomon::sim
