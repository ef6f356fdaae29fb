#pragma once

#include "machine.hpp"

namespace gnomon::sim::reference {

/// An array tile: its ranges, and the index of each loop.
struct ArrayTile {
  arch::TileRange range;
  std::vector<std::int64_t> index;
};

/// A tile of an operand in one level entry.
struct LevelTile {
  std::int64_t first = 0, last = 0;  ///< array tiles a(q), b(q)
  arch::TileRange range;
  std::int64_t parent = 0;
  std::int64_t elements = 0;
  int fill = -1, write_back = -1;  ///< transfers, by position in the order
};

struct Entry {
  std::size_t entry = 0;
  std::int64_t slots = 1;
  std::vector<std::int64_t> of;  ///< by array tile: which tile it uses
  std::vector<LevelTile> tiles;
};

struct FoldRow {
  std::int64_t tile = 0;  ///< array tile
  bool first_of_tile = false;
  std::int64_t product = 0;
  std::int64_t m = 0, n = 0, k = 0;     ///< origin
  std::int64_t r = 1, c = 1, t = 1;
  bool adds = false, is_final = false;
  std::int64_t P = 0, X = 0, D = 0, e = 0;
};

/// Sections 1, 3, 5 and 6 as tables.
struct Tables {
  std::vector<ArrayTile> tiles;
  std::vector<Entry> chain[3];  ///< without the memory, outermost first
  std::vector<FoldRow> folds;
  std::vector<std::int64_t> tile_end;  ///< by array tile: the largest e of all folds up to its last
  std::vector<Transfer> transfers;
  bool sums = false;  ///< partial sums exist
};

Tables make_tables(const arch::Design& design, const Job& job);

}  // namespace gnomon::sim::reference
