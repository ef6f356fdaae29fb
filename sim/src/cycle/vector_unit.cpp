#include "vector_unit.hpp"

#include <algorithm>

#include "clock.hpp"
#include "plan.hpp"
#include "wide.hpp"

namespace gnomon::sim::cycle {
namespace {

constexpr std::int64_t slots = 2;

}  // namespace

std::int64_t VectorStep::part(std::int64_t quantity, std::int64_t chunk) const {
  const auto until = [&](std::int64_t i) { return static_cast<std::int64_t>(static_cast<Wide>(quantity) * i / chunks); };
  return until(chunk + 1) - until(chunk);
}

std::int64_t VectorStep::cycles(std::int64_t chunk) const {
  const std::int64_t work = part(ops, chunk);
  return work == 0 ? 0 : (work - 1) / core->vector_lanes + 1;
}

VectorStep plan_vector_step(const arch::Core& core, const arch::VectorWork& work, std::uint64_t address) {
  VectorStep step;
  step.core = &core;
  step.ops = work.ops;
  step.in_bytes = arch::packed_bytes(work.in_elements, core.array.precision.bits);
  step.out_bytes = arch::packed_bytes(work.out_elements, core.array.precision.bits);
  std::int64_t capacity = 0;
  for (const arch::Level& level : core.levels) capacity += level.bytes;
  const auto twice = 2 * (static_cast<Wide>(step.in_bytes) + step.out_bytes);
  step.chunks = std::max<std::int64_t>(1, static_cast<std::int64_t>((twice + capacity - 1) / capacity));
  step.in_address = address;
  step.out_address = address + placed_bytes(core.array, arch::VectorWork{0, work.in_elements, 0});
  return step;
}

/// Inputs of chunks from the memory, or outputs to it.
class VectorUnit::ChunkStream : public TransferStream {
 public:
  ChunkStream(VectorUnit& unit, const arch::Design& design, bool fill, const LinkMap& links, Counts& counts) : unit_(unit), fill_(fill), counts_(counts) {
    memory_ = true;
    write_ = !fill;
    links_ = {links.memory, links.bus};
    bytes_per_cycle_ = std::min(unit.step_.core->levels.front().bytes_per_cycle, design.bus_bytes_per_cycle);
    settle();
  }
  /// Chunks before this one need no further transfer.
  std::int64_t chunk() const { return chunk_; }
  bool may_start() override { return fill_ ? unit_.ended_chunks_ > chunk_ - slots : unit_.ended_chunks_ > chunk_; }
  Ticket start() override {
    const Ticket ticket{chunk_, 0};
    (fill_ ? counts_.dram_read_bytes : counts_.dram_write_bytes) += bytes_;
    counts_.bus_bytes += bytes_;
    moved_ += static_cast<std::uint64_t>(bytes_);
    ++chunk_;
    settle();
    return ticket;
  }
  void complete(const Ticket& ticket) override { (fill_ ? unit_.filled_ : unit_.written_back_)[ticket.index % slots] = ticket.index; }
  void memory_runs(std::vector<MemoryRun>& runs) const override {
    runs.assign(1, {(fill_ ? unit_.step_.in_address : unit_.step_.out_address) + moved_, bytes_});
  }
  std::string describe() const override { return std::string(fill_ ? "fill" : "write-back") + " of vector chunk " + std::to_string(chunk_); }

 private:
  VectorUnit& unit_;
  bool fill_;
  Counts& counts_;
  std::int64_t chunk_ = 0;
  std::uint64_t moved_ = 0;

  void settle() {
    for (; chunk_ < unit_.step_.chunks; ++chunk_) {
      bytes_ = unit_.step_.part(fill_ ? unit_.step_.in_bytes : unit_.step_.out_bytes, chunk_);
      if (bytes_ == 0) continue;
      key_ = fill_ ? TransferKey{std::max<std::int64_t>(chunk_ - slots, -1), 1, {chunk_, 0, 0}} : TransferKey{chunk_, 0, {0, 0, chunk_}};
      return;
    }
    live_ = false;
  }
};

VectorUnit::VectorUnit(sc_core::sc_module_name name, ClockDomain clock, Observer& observer) : sc_module(name), clock_(clock), observer_(observer) {
  SC_HAS_PROCESS(VectorUnit);
  SC_METHOD(on_wake);
  sensitive << wake_;
  dont_initialize();
}

VectorUnit::~VectorUnit() = default;

void VectorUnit::begin(const arch::Design& design, const VectorStep& step, const LinkMap& links, Counts& counts) {
  step_ = step;
  busy_ = false;
  reset_activity();
  next_chunk_ = ended_chunks_ = compute_cycles_ = 0;
  std::fill(std::begin(filled_), std::end(filled_), -1);
  std::fill(std::begin(written_back_), std::end(written_back_), -1);
  fills_ = std::make_unique<ChunkStream>(*this, design, true, links, counts);
  write_backs_ = std::make_unique<ChunkStream>(*this, design, false, links, counts);
}

void VectorUnit::append_streams(std::vector<TransferStream*>& streams) {
  streams.push_back(fills_.get());
  streams.push_back(write_backs_.get());
}

/// The output that had the slot has been written back, or there was none and the chunk has ended.
bool VectorUnit::output_slot_free(std::int64_t chunk) const {
  const std::int64_t old = chunk - slots;
  if (old < 0) return true;
  return step_.part(step_.out_bytes, old) == 0 ? ended_chunks_ > old : written_back_[old % slots] == old;
}

bool VectorUnit::advance() {
  if (busy_ || next_chunk_ == step_.chunks) return false;
  const bool has_input = step_.part(step_.in_bytes, next_chunk_) > 0;
  if (has_input ? filled_[next_chunk_ % slots] != next_chunk_ : ended_chunks_ <= next_chunk_ - slots) return false;
  if (!output_slot_free(next_chunk_)) return false;
  start_chunk();
  return true;
}

void VectorUnit::start_chunk() {
  const std::int64_t cycles = step_.cycles(next_chunk_);
  ++next_chunk_;
  compute_cycles_ += cycles;
  note_activity(now_ps(), now_ps() + clock_.time_ps(cycles));
  if (cycles == 0) {
    ended_chunks_ = next_chunk_;
    return;
  }
  busy_ = true;
  notify_after(wake_, clock_, cycles);
}

void VectorUnit::on_wake() {
  busy_ = false;
  ended_chunks_ = next_chunk_;
  observer_.changed();
}

void VectorUnit::add_counts(Counts& counts) const {
  counts.level[0].write += step_.in_bytes + step_.out_bytes;
  counts.level[0].read += step_.in_bytes + step_.out_bytes;
  counts.vector_ops += step_.ops;
}

std::string VectorUnit::waits_for() const { return "vector chunk " + std::to_string(next_chunk_) + " of " + std::to_string(step_.chunks); }

}  // namespace gnomon::sim::cycle
