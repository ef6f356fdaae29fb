#pragma once

#include <algorithm>
#include <vector>

#include "gnomon/sim/dram.hpp"

namespace gnomon::sim {

/// Lower bounds, resource by resource, of the cycles that a piece of a trace takes, with as many requests as the controller may choose from taken together.
/// They leave out how resources wait for each other; a part of a simulation says how much longer it then takes.
class PieceBounds {
 public:
  explicit PieceBounds(const arch::Dram& dram);
  /// Requests of a piece.
  std::size_t piece() const { return piece_; }
  struct Bounds {
    double bus = 0, group = 0, bank = 0, activate = 0, turn = 0, buffer = 0, port = 0;
    double hits = 0, banks = 0;
    double most() const { return std::max({bus, group, bank, activate, turn, buffer, port}); }
  };
  /// Of the next piece: rows stay open from the one before.
  Bounds of(const std::vector<TraceRequest>& requests);

 private:
  struct BankPiece {
    std::int64_t requests = 0, misses = 0;
    std::vector<std::int64_t> rows;
  };
  struct BusPiece {
    std::int64_t requests = 0, turns = 0;
    bool last_write = false;
  };
  const arch::Dram& dram_;
  std::size_t piece_ = 32, ranks_ = 1, groups_ = 1, banks_ = 1;
  double entries_ = 0, column_ = 0, row_cycle_ = 0, miss_ = 0, hits_in_row_cycle_ = 0, activate_ = 0, answer_ = 0, turn_ = 0;
  std::vector<std::int64_t> open_, group_, rank_;
  std::vector<BankPiece> bank_;
  std::vector<BusPiece> bus_;
  std::vector<std::size_t> banks_touched_, buses_touched_;
};

}  // namespace gnomon::sim
