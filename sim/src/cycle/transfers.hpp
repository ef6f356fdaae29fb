#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <vector>

#include "gnomon/arch/layout.hpp"
#include "gnomon/sim/memory_port.hpp"
#include "gnomon/sim/result.hpp"
#include "plan.hpp"

namespace gnomon::sim::cycle {

/// The static order of a work step's transfers (docs/microarchitecture.md section 6).
struct TransferKey {
  std::int64_t trigger = -1;
  std::int64_t kind = 0;  ///< write-backs 0, fills 1
  std::int64_t then[3] = {0, 0, 0};
  auto operator<=>(const TransferKey&) const = default;
};

/// Links of the design, as a fabric numbers them.
struct LinkMap {
  std::size_t memory = 0, bus = 1;
  std::size_t shared = 2;  ///< the first shared level's own link
  std::size_t core = 2;    ///< the link of this core's first level
};

/// What a started transfer is remembered by until it is complete.
struct Ticket {
  std::int64_t index = 0, parent_index = 0;
};

/// Transfers of one kind (fills of an operand into a level, write-backs out of it, ...) in order; it stands at the next one.
class TransferStream {
 public:
  virtual ~TransferStream() = default;
  bool live() const { return live_; }
  const TransferKey& key() const { return key_; }
  std::int64_t bytes() const { return bytes_; }
  /// Links that a transfer holds, one or two; the memory's first.
  const std::vector<std::size_t>& links() const { return links_; }
  bool uses_memory() const { return memory_; }
  bool write() const { return write_; }
  /// Least rate of what it passes, the memory apart.
  std::int64_t bytes_per_cycle() const { return bytes_per_cycle_; }
  /// Where the next transfer's bytes lie in the memory, ascending; only for streams that use it.
  virtual void memory_runs(std::vector<MemoryRun>& runs) const = 0;
  /// Whether what the next transfer needs is there; links apart.
  virtual bool may_start() = 0;
  /// The next transfer starts; the stream goes on to the one after it.
  virtual Ticket start() = 0;
  virtual void complete(const Ticket& ticket) = 0;
  /// For messages: `fill of ifmap tile 3 in level l2`.
  virtual std::string describe() const = 0;

  /// Since when the next transfer may start and is the core's next on its links; negative while it may not. Kept by the fabric.
  std::int64_t waiting_since = -1;

 protected:
  bool live_ = true, memory_ = false, write_ = false;
  TransferKey key_;
  std::int64_t bytes_ = 0, bytes_per_cycle_ = 1;
  std::vector<std::size_t> links_;
};

class TileStream;

/// An operand's tiles in one level entry: which are filled, which have left, and whether a slot is free.
class TileBuffer {
 public:
  TileBuffer(Operand operand, int slots, const std::int64_t* ended_tiles) : operand_(operand), slots_(slots), ended_tiles_(ended_tiles), available_(slots - 1) {}
  /// The streams between this entry and the next inner one; none for an innermost entry.
  void set_inner(const TileStream* fills, const TileStream* write_backs) {
    inner_fills_ = fills;
    inner_write_backs_ = write_backs;
  }
  bool innermost() const { return inner_fills_ == nullptr; }
  /// `slot_trigger`: last array tile of tile `index - slots`, or -1.
  bool slot_free(std::int64_t index, std::int64_t slot_trigger);
  bool ready(std::int64_t index, std::int64_t slot_trigger, bool has_fill) {
    return has_fill ? filled_[slot(index)] == index : slot_free(index, slot_trigger);
  }
  void filled(std::int64_t index) { filled_[slot(index)] = index; }
  void written_back(std::int64_t index) { written_back_[slot(index)] = index; }
  /// Transfers between a tile here and the next inner entry, from start to completion.
  void inner_started(std::int64_t index) { ++open_[slot(index)]; }
  void inner_completed(std::int64_t index) { --open_[slot(index)]; }
  /// Every write-back into the tile is complete.
  bool all_written(std::int64_t index) const;

 private:
  std::size_t slot(std::int64_t index) const { return static_cast<std::size_t>(slots_ == 1 ? 0 : index & 1); }
  Operand operand_;
  int slots_;
  const std::int64_t* ended_tiles_;
  std::int64_t available_;  ///< outer entries: the largest index known to have its slot
  const TileStream* inner_fills_ = nullptr;
  const TileStream* inner_write_backs_ = nullptr;
  std::int64_t filled_[2] = {-1, -1};
  std::int64_t written_back_[2] = {-1, -1};
  std::int64_t open_[2] = {0, 0};
};

/// Fills of an operand into one level entry, or (ofmap) write-backs out of it.
class TileStream : public TransferStream {
 public:
  TileStream(const ArrayStep& step, Operand operand, std::size_t position, bool fill, const LinkMap& links, TileBuffer& buffer, TileBuffer* parent,
             const std::int64_t* ended_tiles, Counts& counts);
  bool may_start() override;
  Ticket start() override;
  void complete(const Ticket& ticket) override;
  void memory_runs(std::vector<MemoryRun>& runs) const override;
  std::string describe() const override;
  /// No further transfer concerns the parent's tile.
  bool past_parent(std::int64_t parent_index) const { return !live_ || (parent_ != nullptr && cursor_.parent_index() > parent_index); }

 private:
  const ArrayStep& step_;
  Operand operand_;
  std::size_t entry_;
  bool fill_;
  TileCursor cursor_;
  TileBuffer& buffer_;
  TileBuffer* parent_;
  const std::int64_t* ended_tiles_;
  Counts& counts_;
  std::size_t inner_count_ = 0, outer_count_ = 0;
  bool bus_ = false;

  void settle();
  /// The next transfer moves sums that are not finished.
  bool partial_sums() const;
  std::int64_t tile_bytes() const;
};

/// Bytes of a tile that its fill brings in (ifmap, filter).
std::int64_t fill_bytes(const ArrayStep& step, Operand operand, const TileRange& range);

/// All transfers of a work step on the array, and the tiles they move.
class TileTransfers {
 public:
  TileTransfers(const ArrayStep& step, const LinkMap& links, const std::int64_t* ended_tiles, Counts& counts);
  /// Whether array tile `tile` finds its operands' tiles; tiles are asked for in order.
  bool ready(std::int64_t tile);
  void append_streams(std::vector<TransferStream*>& streams);

 private:
  const ArrayStep& step_;
  std::vector<std::unique_ptr<TileBuffer>> buffers_[arch::operand_count];
  std::vector<std::unique_ptr<TileStream>> streams_;
  std::vector<TileCursor> level_tiles_;
  bool has_fill_[arch::operand_count] = {};

  void look_up(std::size_t operand);
};

}  // namespace gnomon::sim::cycle
