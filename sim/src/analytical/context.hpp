#pragma once

#include <unordered_map>
#include <vector>

#include "gnomon/sim/analytical.hpp"
#include "nest.hpp"

namespace gnomon::sim {

/// How often each number occurs.
struct Tally {
  std::int64_t value = 0;
  std::int64_t count = 0;
};

/// Two independent hashes of a sequence: equal only for equal sequences, for all that matters.
struct CutKey {
  std::uint64_t a = 0x9e3779b97f4a7c15ull, b = 0xc2b2ae3d27d4eb4full;
  void add(std::uint64_t x) {
    a = (a ^ x) * 0xff51afd7ed558ccdull;
    a ^= a >> 32;
    b = (b + x) * 0x9fb21c651e98df25ull;
    b ^= b >> 29;
  }
  bool operator==(const CutKey&) const = default;
};
struct CutKeyHash {
  std::size_t operator()(const CutKey& key) const { return key.a; }
};

/// Bytes and link cycles of all tiles of an operand, each counted once.
struct TileSums {
  std::int64_t bytes = 0;
  std::int64_t cycles = 0;
  std::int64_t longest = 0;  ///< cycles of the largest one
  std::int64_t empty = 0;    ///< how many are padding alone: nothing is transferred
};

/// Everything that passes between an entry and its parent for one operand.
struct Traffic {
  TileSums fill, back;
  std::int64_t fills = 0, backs = 0;
};

/// A scratchpad as the transfers see it, by level entry of a mapping (0: memory).
struct EntryInfo {
  std::size_t level = 0;  ///< index into Counts::level
  bool in_core = false;
  int slots = 1;
  std::int64_t rate = 0;
};

struct LayerContext::Impl {
  const arch::Design& design;
  const arch::Core& core;
  arch::ArrayWork work;
  arch::SpatialDims dims;
  bool os;
  std::vector<EntryInfo> entries;
  /// sub_byte[b][n]: bytes of rows of 1..n elements together, for precisions that are no whole bytes. [0] operands, [1] accumulators.
  std::vector<std::int64_t> row_sums[2];
  /// A convolution's distinct pixels: by cut of M, by cut of K, and sums of both for a width.
  std::unordered_map<CutKey, std::vector<Tally>, CutKeyHash> pixel_tallies;
  std::unordered_map<CutKey, std::vector<Tally>, CutKeyHash> channel_tallies;
  std::unordered_map<CutKey, TileSums, CutKeyHash> window_sums;

  Impl(const arch::Design& d, const arch::Core& c, const arch::ArrayWork& w);

  LayerEstimate estimate(const arch::StepMapping& mapping);

  /// Fills and write-backs by walking over the tiles, for visits that differ from tile to tile.
  Traffic walked_traffic(const arch::StepMapping& mapping, std::size_t entry, int operand, std::int64_t width) const;

  /// Link cycles of a transfer are its bytes over this rate.
  std::int64_t rate(std::size_t entry, std::size_t parent) const;
  /// Bytes of `steps` rows that ramp up to `most` elements and down again (a skewed stream of lanes x length).
  std::int64_t stream_bytes(std::int64_t lanes, std::int64_t length, bool accumulators) const;

  std::int64_t pixels(std::int64_t begin, std::int64_t end) const;
  std::int64_t channels(std::int64_t begin, std::int64_t end) const;
  TileSums window_tiles(const Blocks& g, const std::int64_t* m_cuts, int m_count, const std::int64_t* k_cuts, int k_count, std::int64_t width);
};

}  // namespace gnomon::sim
