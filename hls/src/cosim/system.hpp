#pragma once

#include <deque>
#include <memory>

#include "cosim/streams.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/sim/banks.hpp"
#include "gnomon/sim/cycle.hpp"

namespace gnomon::hls {

/// Compiled RTL as the array of a core in the SystemC model: it is clocked cycle by cycle, waits where its operands' tiles are not
/// there, and is held where a step moves more than the ports of the levels pass in a cycle. What a step moves is found at its
/// streams: a fold's movements follow from the steps in which its first beats are taken, results are counted lane by lane.
class RtlArray : public sim::ArrayStandIn {
 public:
  /// All arguments must outlive it.
  RtlArray(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands, const std::vector<Fold>& folds,
           const arch::Design& design, std::size_t core, const arch::StepMapping& mapping, const DriveOptions& options);
  /// Errors: ports that are missing.
  Expected<void> begin() { return streams_.begin(); }

  /// Throws std::runtime_error where the RTL breaks its protocol, stands still or does not end.
  Span next_tile(std::int64_t waited_cycles) override;
  std::int64_t bytes_read(arch::Operand operand) const override { return read_[static_cast<std::size_t>(operand)]; }
  std::int64_t bytes_written(arch::Operand operand) const override { return written_[static_cast<std::size_t>(operand)]; }

  /// Where a run ended that did not come to its end: the clock cycle in which a stream moved last, or the protocol was broken; -1: it did not.
  std::int64_t stop_cycle() const { return stop_; }

  std::vector<std::int64_t> take_outputs() { return std::move(streams_.outputs); }
  /// Clock cycles of the RTL from its first step to the last result, ends included.
  std::int64_t rtl_cycles() const { return last_result_ - first_beat_ + 1; }
  std::int64_t stalls() const { return stalls_; }
  std::int64_t held_cycles() const { return held_; }
  std::int64_t waited_cycles() const { return waited_; }
  /// Those of held_cycles in which banks alone keep the array: their words take more turns than their bytes take cycles.
  std::int64_t bank_cycles() const { return bank_cycles_; }

 private:
  /// A fold whose words are on their way; steps count from the first one of all.
  struct Flight {
    std::size_t fold;
    std::int64_t columns_from, rows_from;  ///< the steps in which its first beats are taken; -1 before
  };
  ArrayStreams streams_;
  const arch::Design& design_;
  const std::vector<Fold>& folds_;
  const ArrayParameters& p_;
  DriveOptions options_;
  Random stall_;
  std::int64_t work_k_;
  std::size_t level_[arch::operand_count] = {};         ///< innermost, index into the core's levels
  std::vector<std::int64_t> rate_;                      ///< by core level
  std::deque<Flight> flights_;
  /// An operand's tile in its innermost level.
  struct BankedTile {
    std::int64_t number;
    sim::TileMatrix matrix;
  };
  std::vector<BankedTile> banked_[arch::operand_count];  ///< by array tile; empty: streamed
  int stored_bits_[arch::operand_count] = {};
  sim::BankTurns banks_;
  std::size_t ended_folds_ = 0;                         ///< all before have ended
  bool begun_ = false;
  std::int64_t step_ = 0, clock_ = 0, first_beat_ = -1, last_result_ = -1, stalls_ = 0, held_ = 0, waited_ = 0, bank_cycles_ = 0;
  std::int64_t moved_ = 0, stop_ = -1;
  std::int64_t read_[arch::operand_count] = {}, written_[arch::operand_count] = {};

  void cycle();
  void tick();
  /// `cycle`: whose waves are of interest.
  [[noreturn]] void fail_at(std::int64_t cycle, const std::string& what);
  [[noreturn]] void fail_run(const std::string& what) { fail_at(clock_, what); }
  void offer();
  void lay_out(const Operands& operands, const arch::StepMapping& mapping);
  void touch(arch::Operand operand, bool write, const Fold& fold, const Place& place);
  /// The largest number of cycles that a port needs for what the present step moves.
  std::int64_t price();
};

/// What the RTL and the models say of one work step in the system.
struct SystemRun {
  std::vector<std::int64_t> outputs;
  std::int64_t latency_cycles = 0, compute_cycles = 0;  ///< with the RTL
  std::int64_t model_latency_cycles = 0, model_compute_cycles = 0;
  std::int64_t rtl_cycles = 0;   ///< of the RTL's clock, first step to last result, waiting and holding included
  std::int64_t model_cycles = 0; ///< the model's array from its first step to its last
  std::int64_t held_cycles = 0, waited_cycles = 0, bank_cycles = 0, stalls_injected = 0;
  std::string difference;        ///< of the bytes at levels and memory between the two runs; empty where there is none
};

/// Runs a work step twice in the SystemC model of levels, links and memory: with the array's model, and with the RTL in its place. `stop_cycle` as with
/// drive_array.
Expected<SystemRun> run_in_system(LoadedModel& model, const ArrayParameters& parameters, const arch::Design& design, std::size_t core,
                                  const arch::ArrayWork& work, const arch::StepMapping& mapping, const Operands& operands,
                                  const std::vector<Fold>& folds, const DriveOptions& options, std::int64_t& stop_cycle);

}  // namespace gnomon::hls
