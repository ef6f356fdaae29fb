#include "refresh.hpp"

#include <algorithm>

namespace gnomon::sim {

RefreshManager::RefreshManager(const arch::Dram& dram, int rank) {
  const arch::DramController& c = dram.controller;
  switch (c.refresh) {
    case arch::DramRefresh::none: return;
    case arch::DramRefresh::all_bank: units_ = 1; break;
    case arch::DramRefresh::per_bank: units_ = dram.banks_per_rank(); break;
    case arch::DramRefresh::same_bank: units_ = dram.banks_per_group; break;
  }
  interval_ = dram[arch::DramTiming::tREFI];
  // Ranks take turns: the first refreshes of n ranks are an n-th of an interval apart, in bit-reversed order.
  const int ranks = dram.ranks * dram.pseudo_channels;
  int reversed = 0;
  for (int bit = 1, from = ranks >> 1; bit < ranks; bit <<= 1, from >>= 1) {
    if (rank & bit) reversed |= from;
  }
  // Intervals count from the cycle before the first: there a request of cycle 0 sets off in DRAMSys 5.1, so that runs equal its own to the cycle.
  offset_ = -(reversed * (interval_ / units_) / ranks) - 1;
  due_ = due_of(index_);
  guard_ = std::min<std::int64_t>(c.refresh_guard_cycles, interval_ / units_ / 2);
  max_postponed_ = c.refresh_max_postponed * units_;
  max_pulled_in_ = c.refresh_max_pulled_in * units_;
  for (int u = 0; u < units_; ++u) remaining_.push_back(u);
}

void RefreshManager::next_interval() {
  ++index_;
  due_ = due_of(index_);
}

int RefreshManager::idle_unit(const View& view) const {
  for (int unit : remaining_) {
    if (view.unit_idle(unit)) return unit;
  }
  return -1;
}

int RefreshManager::evaluate(std::int64_t cycle, View& view) {
  if (forced_) return wanted_;
  wanted_ = -1;
  if (asleep_ || cycle < due()) return -1;
  // The interval of the last refresh is over; one whose refresh is still to come is never skipped.
  if (pulling_in_ && cycle >= due_of(index_ + 1)) {
    next_interval();
    pulling_in_ = false;
    if (cycle < due()) return -1;
  }
  const int idle = idle_unit(view);
  if (pulling_in_) {
    if (idle < 0) {
      pulling_in_ = false;
      next_interval();
    }
    wanted_ = idle;
  } else if (flexibility_ == max_postponed_) {
    forced_ = true;
    postponed_.met = true;
    wanted_ = idle >= 0 ? idle : remaining_.front();
    view.block_unit(wanted_);
  } else if (idle >= 0) {
    wanted_ = idle;
  } else {
    ++flexibility_;
    postponed_.peak = std::max<std::int64_t>(postponed_.peak, (flexibility_ + units_ - 1) / units_);
    next_interval();
  }
  return wanted_;
}

void RefreshManager::refreshed() {
  ++count_;
  remaining_.erase(std::find(remaining_.begin(), remaining_.end(), wanted_));
  if (remaining_.empty()) {
    for (int u = 0; u < units_; ++u) remaining_.push_back(u);
  }
  forced_ = false;
  wanted_ = -1;
  if (pulling_in_) {
    --flexibility_;
  } else {
    pulling_in_ = true;
  }
  pulled_in_.peak = std::max<std::int64_t>(pulled_in_.peak, (-flexibility_ + units_ - 1) / units_);
  if (flexibility_ == -max_pulled_in_) {
    pulled_in_.met = true;
    pulling_in_ = false;
    next_interval();
  }
}

void RefreshManager::restart(std::int64_t cycle) {
  ++count_;
  asleep_ = in_self_refresh_ = forced_ = pulling_in_ = false;
  wanted_ = -1;
  // The rank has refreshed itself, and now all its banks once more: nothing is owed or was done ahead, and all have an interval.
  flexibility_ = 0;
  offset_ = cycle;
  index_ = units_;
  due_ = due_of(index_);
  remaining_.clear();
  for (int u = 0; u < units_; ++u) remaining_.push_back(u);
}

}  // namespace gnomon::sim
