#pragma once

#include <cstdint>
#include <vector>

#include "cosim/driver.hpp"
#include "cosim/testbench.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::hls {

/// A stream's position: fold, and beat within it.
struct Position {
  std::size_t fold = 0;
  std::int64_t beat = 0;
};

/// A ready/valid stream of lanes.
struct Stream {
  const char* name;
  PortData valid, ready, data;
  bool moves() const { return valid.get() && ready.get(); }
};

/// The streams of a compiled array as seen from outside: what each gives or takes next, and the data for it.
class ArrayStreams {
 public:
  ArrayStreams(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands, const std::vector<Fold>& folds,
               std::uint64_t seed);
  ArrayStreams(const ArrayStreams&) = delete;
  ArrayStreams& operator=(const ArrayStreams&) = delete;

  /// Finds the ports, and resets the array.
  Expected<void> begin();
  /// Puts the next fold, and on streams that have moved the next beat.
  void put();
  /// Half a clock: false evaluates what is offered, true is the edge.
  void clock(bool edge) {
    clk.set(edge ? 1 : 0);
    model.eval();
    time_ += 5;
    if (cycle >= trace_from && cycle < trace_to) model.dump(time_);
  }
  /// Evaluates without telling a trace.
  void look() {
    clk.set(0);
    model.eval();
  }
  bool rows_left() const { return row_at.fold < folds.size(); }
  bool columns_left() const { return column_at.fold < folds.size(); }
  /// After clock(false): takes note of what moves at the coming edge; errors where that is against the protocol.
  Expected<void> take();
  /// Both input streams, psum and ofmap, for messages.
  std::string where() const;
  std::int64_t beats_at_columns(const Fold& fold) const { return held ? fold.rows : fold.length; }
  std::int64_t results_per_column(const Fold& fold) const { return held ? fold.length : fold.rows; }

  LoadedModel& model;
  const ArrayParameters& p;
  const bool held;  ///< an input stays in the PEs
  const Operands& o;
  const std::vector<Fold>& folds;
  PortData clk, rst, hold, fold_valid, fold_ready, fold_rows, fold_cols, fold_length, fold_accumulate, fold_wait;
  Stream rows{}, columns{}, psum{"psum", {}, {}, {}}, ofmap{"ofmap", {}, {}, {}};
  PortData psum_lanes, ofmap_lanes;
  std::size_t next_fold = 0;
  Position row_at, column_at;
  std::vector<Position> result_at;          ///< by column
  std::vector<std::int64_t> results_open;   ///< by fold: results that have not left
  std::int64_t results_left = 0;
  std::vector<std::int64_t> outputs;        ///< [g][m][n]
  std::vector<std::int64_t> output_cycles;  ///< [g][m][n]
  std::int64_t cycle = 0;                   ///< from the end of the reset
  std::int64_t trace_from = 0, trace_to = std::int64_t{1} << 62;
  Recorder* recorder = nullptr;             ///< told of every cycle
  bool took_fold = false, took_rows = false, took_columns = false, took_psum = false, took_ofmap = false;

 private:
  IfmapAddress address_;
  Random noise_;
  std::uint64_t time_ = 0;
  std::vector<std::uint8_t> psum_stale_;
  bool rows_new_ = true, columns_new_ = true, psum_new_ = true;
  std::vector<IfmapAddress::Row> lines_;
  std::vector<IfmapAddress::Tap> taps_;

  Expected<void> connect();
  void put_rows();
  void put_columns();
  void put_psum();
  void put_fold();
  Expected<void> take_ofmap();
  std::size_t output_at(const Fold& fold, std::int64_t col, std::int64_t beat) const {
    const Place at = result_place(p.dataflow, fold, col, beat);
    return static_cast<std::size_t>((fold.g * o.size(arch::Dim::m) + at.first) * o.size(arch::Dim::n) + at.second);
  }
  std::uint64_t ifmap_value(const IfmapAddress::Row& row, const IfmapAddress::Tap& tap) const {
    const std::int64_t at = address_(row, tap);
    return at < 0 ? 0 : static_cast<std::uint64_t>(std::int64_t{o.ifmap[static_cast<std::size_t>(at)]});
  }
  std::uint64_t filter_value(std::int64_t g, const Place& at) const {
    return static_cast<std::uint64_t>(
        std::int64_t{o.filter[static_cast<std::size_t>(filter_index(o, g, at.first, at.second))]});
  }
  void skip_narrow(Position& at, std::int64_t col) const {
    while (at.fold < folds.size() && folds[at.fold].cols <= col) ++at.fold;
  }
};

}  // namespace gnomon::hls
