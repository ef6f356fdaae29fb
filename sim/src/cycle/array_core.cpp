#include "array_core.hpp"

#include <algorithm>

#include "clock.hpp"
#include "wide.hpp"

namespace gnomon::sim::cycle {

ArrayCore::ArrayCore(sc_core::sc_module_name name, ClockDomain clock, Observer& observer) : sc_module(name), clock_(clock), observer_(observer) {
  SC_HAS_PROCESS(ArrayCore);
  SC_METHOD(on_wake);
  sensitive << wake_;
  dont_initialize();
}

void ArrayCore::begin(const ArrayStep& step, TileTransfers& transfers, ArrayStandIn* stand_in) {
  step_ = &step;
  transfers_ = &transfers;
  stand_in_ = stand_in;
  timeline_ = stand_in == nullptr ? make_timeline(step) : nullptr;
  marks_.clear();
  busy_ = false;
  next_tile_ = 0;
  ended_tiles_ = 0;
  compute_cycles_ = 0;
  reset_activity();
  Odometer all(step.loops, 0);
  TileRange whole;
  for (std::size_t d = 0; d < arch::dim_count; ++d) whole.end[d] = step.work->extent[d];
  all.reset(whole);
  all_tiles_ = all.leaves();
  tiles_ = std::min(all_tiles_, step.tile_limit);
}

bool ArrayCore::advance() {
  if (busy_ || next_tile_ == tiles_ || !transfers_->ready(next_tile_)) return false;
  const std::int64_t now = now_ps();
  if (stand_in_ == nullptr) {
    timeline_->next(span_);
  } else {
    const ArrayStandIn::Span span = stand_in_->next_tile(next_tile_ == 0 ? 0 : (now - free_ps_) / clock_.period_ps);
    span_.cycles = span.cycles;
    span_.marks.clear();
    for (const ArrayStandIn::Span::Mark& mark : span.marks) span_.marks.push_back({mark.tiles, mark.after_cycles});
  }
  ++next_tile_;
  busy_ = true;
  for (const TileSpan::Mark& mark : span_.marks) marks_.push_back({mark.tiles, now + clock_.time_ps(mark.after_cycles)});
  free_ps_ = now + clock_.time_ps(span_.cycles);
  // The end of the last tile may lie behind the beginning of one that does not take place.
  if (next_tile_ == tiles_ && tiles_ < all_tiles_ && (marks_.empty() || marks_.back().tiles < tiles_)) marks_.push_back({tiles_, free_ps_});
  note_activity(now, free_ps_);
  compute_cycles_ += span_.cycles;
  if (compute_cycles_ < 0) throw std::runtime_error("the compute cycles of a work step pass 2^63");
  settle(now);
  return true;
}

void ArrayCore::on_wake() {
  settle(now_ps());
  observer_.changed();
}

/// Takes note of what has ended by now and wakes for the next end.
void ArrayCore::settle(std::int64_t now) {
  for (; !marks_.empty() && marks_.front().time_ps <= now; marks_.pop_front()) ended_tiles_ = marks_.front().tiles;
  if (busy_ && free_ps_ <= now) busy_ = false;
  std::int64_t next = -1;
  if (!marks_.empty()) next = marks_.front().time_ps;
  if (busy_ && (next < 0 || free_ps_ < next)) next = free_ps_;
  if (next >= 0) notify_after(wake_, clock_, (next - now) / clock_.period_ps);
}

void ArrayCore::add_counts(Counts& counts) const {
  for (std::size_t o = 0; o < arch::operand_count; ++o) {
    const auto operand = static_cast<Operand>(o);
    PortBytes& level = counts.level[step_->innermost_level(operand)];
    level.read += stand_in_ == nullptr ? timeline_->traffic().read[o] : stand_in_->bytes_read(operand);
    level.write += stand_in_ == nullptr ? timeline_->traffic().write[o] : stand_in_->bytes_written(operand);
  }
  const std::int64_t macs = step_->work->macs();
  counts.macs += tiles_ == all_tiles_ ? macs : static_cast<std::int64_t>(static_cast<Wide>(macs) * tiles_ / all_tiles_);
}

std::string ArrayCore::waits_for() const { return "array tile " + std::to_string(next_tile_) + " of " + std::to_string(tiles_); }

}  // namespace gnomon::sim::cycle
