#pragma once

#include <deque>
#include <memory>
#include <systemc>

#include "engine.hpp"
#include "gnomon/sim/cycle.hpp"
#include "timeline.hpp"

namespace gnomon::sim::cycle {

/// The systolic array: executes the array tiles of a work step, one event at least for each.
class ArrayCore : public sc_core::sc_module, public Engine {
 public:
  ArrayCore(sc_core::sc_module_name name, ClockDomain clock, Observer& observer);
  /// Begins a work step. `step` and `transfers` stay where they are until it is finished. `stand_in`: who says what the array does, or
  /// nobody: the model.
  void begin(const ArrayStep& step, TileTransfers& transfers, ArrayStandIn* stand_in);
  /// Array tiles whose steps have all ended; what slots and write-backs wait for.
  const std::int64_t* ended_tiles() const { return &ended_tiles_; }

  bool advance() override;
  bool finished() const override { return !busy_ && next_tile_ == tiles_; }
  std::int64_t compute_cycles() const override { return compute_cycles_; }
  void add_counts(Counts& counts) const override;
  std::string waits_for() const override;

 private:
  struct Mark {
    std::int64_t tiles, time_ps;
  };
  ClockDomain clock_;
  Observer& observer_;
  const ArrayStep* step_ = nullptr;
  TileTransfers* transfers_ = nullptr;
  std::unique_ptr<Timeline> timeline_;
  ArrayStandIn* stand_in_ = nullptr;
  TileSpan span_;
  std::deque<Mark> marks_;
  bool busy_ = false;
  std::int64_t next_tile_ = 0, tiles_ = 0, all_tiles_ = 0, ended_tiles_ = 0, free_ps_ = 0, compute_cycles_ = 0;
  sc_core::sc_event wake_;

  void on_wake();
  void settle(std::int64_t now);
};

}  // namespace gnomon::sim::cycle
