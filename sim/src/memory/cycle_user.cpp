#include "gnomon/sim/cycle_user.hpp"

#include <systemc>

#include "gnomon/sim/device_memory.hpp"
#include "gnomon/sim/session.hpp"
#include "ideal_memory.hpp"

namespace gnomon::sim {
namespace {

class Edges final : public sc_core::sc_module, public MemoryClient {
 public:
  Edges(sc_core::sc_module_name name, const arch::Design& design, CycleUser& user)
      : sc_module(name), clock_{design.clock_period_ps}, user_(user) {
    if (design.memory.dram) device_ = make_device_memory("memory", *design.memory.dram, clock_, design.cores.size());
    else ideal_ = std::make_unique<IdealMemory>("memory", clock_, design.memory.bytes_per_cycle, design.memory.latency_cycles);
    SC_HAS_PROCESS(Edges);
    SC_METHOD(on_edge);
    sensitive << edge_;
  }
  std::optional<DramStatistics> statistics() { return device_ ? std::optional(device_->statistics()) : std::nullopt; }
  void memory_released(std::uint64_t tag, std::int64_t) override { released_.push_back(tag); }
  void memory_completed(std::uint64_t tag, std::int64_t) override { completed_.push_back(tag); }

 private:
  ClockDomain clock_;
  CycleUser& user_;
  std::unique_ptr<DeviceMemory> device_;
  std::unique_ptr<IdealMemory> ideal_;
  CycleUser::Tags released_, completed_;
  std::int64_t cycle_ = 0;
  sc_core::sc_event edge_;

  void ask(const CycleUser::Request& wish) {
    MemoryRequest request;
    request.time_ps = clock_.time_ps(cycle_);
    request.address = wish.runs.empty() ? 0 : wish.runs.front().address;
    request.bytes = wish.bytes;
    request.runs = wish.runs;
    request.write = wish.write;
    request.requester = static_cast<int>(wish.core);
    request.bytes_per_cycle = wish.bytes_per_cycle;
    request.tag = wish.tag;
    MemoryPort& port = device_ ? device_->port(wish.core) : *ideal_;
    port.request(request, *this);
  }

  void on_edge() {
    // What is known by now; what is asked upon it; what a memory cycle that begins now has to say; what is asked upon that.
    if (device_) device_->tell_due();
    else ideal_->tell_due();
    user_.begin(cycle_);
    do {
      const auto wishes = user_.hear(released_, completed_);
      released_.clear();
      completed_.clear();
      for (const CycleUser::Request& wish : wishes) ask(wish);
      if (device_) device_->catch_up();
    } while (!released_.empty() || !completed_.empty());
    ++cycle_;
    if (!user_.finished()) edge_.notify(sc_core::sc_time::from_value(static_cast<sc_dt::uint64>(clock_.period_ps)));
  }
};

}  // namespace

Expected<std::optional<DramStatistics>> run_against_memory(const arch::Design& design, CycleUser& user) {
  if (design.memory.kind != arch::MemoryKind::ideal && !design.memory.dram) return fail(ErrorKind::invalid_input, "memory type \"" + design.memory.type + "\": the design has not been resolved");
  auto session = SimSession::open();
  if (!session) return fail(std::move(session.error()));
  try {
    Edges edges("edges", design, user);
    if (auto ran = session->run(); !ran) return fail(std::move(ran.error()));
    return edges.statistics();
  } catch (const std::exception& error) {
    return fail(ErrorKind::run_failed, std::string("simulation: ") + error.what());
  }
}

}  // namespace gnomon::sim
