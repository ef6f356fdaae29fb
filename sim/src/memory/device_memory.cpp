#include "gnomon/sim/device_memory.hpp"

#include <algorithm>
#include <limits>
#include <queue>
#include <stdexcept>
#include <systemc>
#include <vector>

namespace gnomon::sim {
namespace {

std::int64_t now_ps() { return static_cast<std::int64_t>(sc_core::sc_time_stamp().value()); }

/// The controller model is run ahead of SystemC's time, as far as nobody can ask anything new: up to the next event that is pending, or to its
/// own next answer.
class DeviceMemoryModule final : public sc_core::sc_module, public DeviceMemory {
 public:
  DeviceMemoryModule(sc_core::sc_module_name name, const arch::Dram& dram, ClockDomain clock, std::size_t requesters)
      : sc_module(name), clock_(clock), memory_clock_{dram.tck_ps()}, burst_bytes_(dram.burst_bytes), bytes_(static_cast<std::uint64_t>(dram.bytes())), system_(dram) {
    for (std::size_t i = 0; i < requesters; ++i) {
      ports_.push_back(std::make_unique<Port>(*this, static_cast<int>(i)));
      ports_.back()->number = system_.add_port(*ports_.back());
    }
    SC_HAS_PROCESS(DeviceMemoryModule);
    SC_METHOD(on_wake);
    sensitive << wake_;
    dont_initialize();
  }

  MemoryPort& port(std::size_t requester) override { return *ports_.at(requester); }
  void tell_due() override { tell(now_ps()); }
  void catch_up() override {
    const std::int64_t limit = now_ps() / memory_clock_.period_ps;
    while (!system_.idle() && (system_.now() < limit || (system_.now() == limit && asked_))) {
      asked_ = false;
      system_.run(limit);
    }
    tell(now_ps());
    wake_.notify(sc_core::SC_ZERO_TIME);
  }
  DramStatistics statistics() override { return system_.statistics(memory_clock_.cycles(now_ps())); }

 private:
  struct Flight {
    MemoryClient* client = nullptr;
    std::uint64_t tag = 0;
    std::int64_t to_release = 0, to_complete = 0;  ///< pieces
    std::int64_t least_ps = 0;                     ///< when the other end is through
  };
  struct Answer {
    std::int64_t time_ps = 0;
    std::uint64_t order = 0;
    std::size_t flight = 0;
    bool completion = false;
    bool operator<(const Answer& other) const { return std::pair(time_ps, order) > std::pair(other.time_ps, other.order); }
  };

  struct Port : MemoryPort, DramClient {
    Port(DeviceMemoryModule& owner, int index) : module(owner), requester(index) {}
    void request(const MemoryRequest& request, MemoryClient& client) override { module.take(*this, request, client); }
    void released(std::uint64_t tag, std::int64_t cycle) override { module.released(*this, tag, cycle); }
    void completed(std::uint64_t tag, std::int64_t cycle) override { module.completed(tag, cycle); }
    DeviceMemoryModule& module;
    int requester = 0, number = 0;
    bool busy = false;
  };

  ClockDomain clock_, memory_clock_;
  std::int64_t burst_bytes_;
  std::uint64_t bytes_;
  DramSystem system_;
  std::vector<std::unique_ptr<Port>> ports_;
  std::vector<Flight> flights_;
  std::vector<int> flight_port_;
  std::vector<std::size_t> free_flights_;
  std::priority_queue<Answer> answers_;
  std::uint64_t order_ = 0;
  bool asked_ = false;  ///< since the last run
  std::vector<MemoryRun> pieces_;
  sc_core::sc_event wake_;

  /// Whole bursts, each once; split where addresses wrap around.
  void cut(const MemoryRequest& request) {
    pieces_.clear();
    const MemoryRun whole{request.address, request.bytes};
    const std::span<const MemoryRun> runs = request.runs.empty() ? std::span(&whole, 1) : request.runs;
    const auto burst = static_cast<std::uint64_t>(burst_bytes_);
    std::uint64_t done = 0;  // bursts up to here are in
    for (const MemoryRun& run : runs) {
      std::uint64_t first = run.address / burst;
      const std::uint64_t end = (run.address + static_cast<std::uint64_t>(run.bytes) + burst - 1) / burst;
      if (!pieces_.empty()) first = std::max(first, done);
      if (first >= end) continue;
      if (!pieces_.empty() && first == done) {
        pieces_.back().bytes += static_cast<std::int64_t>((end - first) * burst);
      } else {
        pieces_.push_back({first * burst, static_cast<std::int64_t>((end - first) * burst)});
      }
      done = end;
    }
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      pieces_[i].address %= bytes_;
      const std::uint64_t room = bytes_ - pieces_[i].address;
      if (static_cast<std::uint64_t>(pieces_[i].bytes) <= room) continue;
      const MemoryRun rest{0, pieces_[i].bytes - static_cast<std::int64_t>(room)};
      pieces_[i].bytes = static_cast<std::int64_t>(room);
      pieces_.insert(pieces_.begin() + static_cast<std::ptrdiff_t>(i) + 1, rest);
    }
  }

  void take(Port& port, const MemoryRequest& request, MemoryClient& client) {
    if (port.busy) throw std::logic_error("a request to a memory port that is taken");
    port.busy = true;
    cut(request);
    std::size_t flight = flights_.size();
    if (free_flights_.empty()) {
      flights_.emplace_back();
      flight_port_.push_back(0);
    } else {
      flight = free_flights_.back();
      free_flights_.pop_back();
    }
    const std::int64_t start_ps = std::max(request.time_ps, now_ps());
    const auto count = static_cast<std::int64_t>(pieces_.size());
    std::int64_t least_ps = start_ps;
    if (request.bytes_per_cycle > 0) least_ps = clock_.next_edge(start_ps) + clock_.time_ps((request.bytes - 1) / request.bytes_per_cycle + 1);
    flights_[flight] = {&client, request.tag, count, count, least_ps};
    flight_port_[flight] = port.requester;
    const std::int64_t cycle = memory_clock_.cycles(start_ps);
    for (const MemoryRun& piece : pieces_) {
      const auto taken = system_.submit(port.number, {piece.address, piece.bytes, request.write, flight, port.requester}, cycle);
      if (!taken) throw std::runtime_error(taken.error().text());
    }
    asked_ = true;
    wake_.notify(sc_core::SC_ZERO_TIME);
  }

  void answer(std::size_t flight, std::int64_t cycle, bool completion) {
    const std::int64_t time_ps = clock_.next_edge(std::max({memory_clock_.time_ps(cycle), flights_[flight].least_ps, now_ps()}));
    answers_.push({time_ps, order_++, flight, completion});
  }
  void released(Port&, std::uint64_t flight, std::int64_t cycle) {
    if (--flights_[flight].to_release == 0) answer(flight, cycle, false);
  }
  void completed(std::uint64_t flight, std::int64_t cycle) {
    if (--flights_[flight].to_complete == 0) answer(flight, cycle, true);
  }

  /// The answers that are due; whether there were any.
  bool tell(std::int64_t now) {
    bool told = false;
    while (!answers_.empty() && answers_.top().time_ps <= now) {
      const Answer due = answers_.top();
      answers_.pop();
      const Flight flight = flights_[due.flight];
      told = true;
      if (due.completion) {
        free_flights_.push_back(due.flight);
        flight.client->memory_completed(flight.tag, now);
      } else {
        ports_[static_cast<std::size_t>(flight_port_[due.flight])]->busy = false;
        flight.client->memory_released(flight.tag, now);
      }
    }
    return told;
  }

  void on_wake() {
    const std::int64_t now = now_ps();
    const bool told = tell(now);
    // Whoever was told, and whoever else acts now, may ask something for this very time.
    if (told || sc_core::sc_pending_activity_at_current_time()) {
      wake_.notify(sc_core::SC_ZERO_TIME);
      return;
    }
    constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();
    std::int64_t next = never;
    if (sc_core::sc_pending_activity_at_future_time()) next = now + static_cast<std::int64_t>(sc_core::sc_time_to_pending_activity().value());
    while (!system_.idle()) {
      const std::int64_t horizon = answers_.empty() ? next : std::min(next, answers_.top().time_ps);
      // Cycles that begin before the horizon; what is asked at the horizon comes after them.
      const std::int64_t limit = horizon == never ? never / memory_clock_.period_ps : (horizon - 1) / memory_clock_.period_ps;
      // What was asked for the cycle that has been run to still takes part in it.
      if (system_.now() > limit || (system_.now() == limit && !asked_)) break;
      asked_ = false;
      system_.run(limit);
    }
    if (!answers_.empty()) next = std::min(next, answers_.top().time_ps);
    if (next == never || (answers_.empty() && system_.idle())) return;
    wake_.notify(sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(next - now)));
  }
};

}  // namespace

std::unique_ptr<DeviceMemory> make_device_memory(const std::string& name, const arch::Dram& dram, ClockDomain clock, std::size_t requesters) {
  return std::make_unique<DeviceMemoryModule>(name.c_str(), dram, clock, requesters);
}

}  // namespace gnomon::sim
