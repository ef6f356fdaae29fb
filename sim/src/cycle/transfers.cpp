#include "transfers.hpp"

#include <algorithm>
#include <limits>


namespace gnomon::sim::cycle {
std::int64_t fill_bytes(const ArrayStep& step, Operand operand, const TileRange& range) {
  return arch::packed_bytes(arch::tile_elements(*step.work, operand, range), step.core->array.precision.bits);
}

bool TileBuffer::slot_free(std::int64_t index, std::int64_t slot_trigger) {
  if (index < slots_) return true;
  if (innermost()) {
    return operand_ == Operand::ofmap ? written_back_[slot(index)] == index - slots_ : *ended_tiles_ > slot_trigger;
  }
  while (available_ < index) {
    const std::int64_t old = available_ + 1 - slots_;
    if (open_[slot(old)] != 0 || !inner_fills_->past_parent(old)) break;
    if (operand_ == Operand::ofmap && (!inner_write_backs_->past_parent(old) || written_back_[slot(old)] != old)) break;
    ++available_;
  }
  return available_ >= index;
}

bool TileBuffer::all_written(std::int64_t index) const { return open_[slot(index)] == 0 && inner_write_backs_->past_parent(index); }

TileStream::TileStream(const ArrayStep& step, Operand operand, std::size_t position, bool fill, const LinkMap& links, TileBuffer& buffer,
                       TileBuffer* parent, const std::int64_t* ended_tiles, Counts& counts)
    : step_(step),
      operand_(operand),
      entry_(step.chain[static_cast<std::size_t>(operand)][position].entry),
      fill_(fill),
      cursor_(*step.work, step.loops, operand,
              {step.chain[static_cast<std::size_t>(operand)].begin(), step.chain[static_cast<std::size_t>(operand)].begin() + static_cast<std::ptrdiff_t>(position) + 1}),
      buffer_(buffer),
      parent_(parent),
      ended_tiles_(ended_tiles),
      counts_(counts) {
  write_ = !fill;
  inner_count_ = step.count_index(entry_);
  bytes_per_cycle_ = step.level(entry_).bytes_per_cycle;
  const bool inner_shared = step.is_shared(entry_);
  if (parent == nullptr) {
    memory_ = true;
    links_.push_back(links.memory);
    bus_ = !inner_shared;
  } else {
    const std::size_t outer = step.chain[static_cast<std::size_t>(operand)][position - 1].entry;
    outer_count_ = step.count_index(outer);
    bytes_per_cycle_ = std::min(bytes_per_cycle_, step.level(outer).bytes_per_cycle);
    bus_ = step.is_shared(outer) != inner_shared;
    if (!bus_) links_.push_back(inner_shared ? links.shared + (inner_count_ - step.core->levels.size()) : links.core + inner_count_);
  }
  if (bus_) {
    links_.push_back(links.bus);
    bytes_per_cycle_ = std::min(bytes_per_cycle_, step.design->bus_bytes_per_cycle);
  }
  settle();
}

bool TileStream::partial_sums() const {
  return operand_ == Operand::ofmap && (fill_ || cursor_.k_end() != step_.work->size(Dim::k));
}

std::int64_t TileStream::tile_bytes() const {
  const arch::Array& array = step_.core->array;
  if (operand_ != Operand::ofmap) return fill_bytes(step_, operand_, cursor_.range());
  return arch::packed_bytes(arch::tile_elements(*step_.work, operand_, cursor_.range()), partial_sums() ? array.accumulator_bits : array.precision.bits);
}

/// Comes to rest at the next transfer that takes place.
void TileStream::settle() {
  const auto operand = static_cast<std::int64_t>(operand_);
  const auto entry = static_cast<std::int64_t>(entry_);
  for (; cursor_.live(); cursor_.next()) {
    if ((fill_ ? cursor_.first() : cursor_.last()) >= step_.tile_limit) break;
    if (fill_ && operand_ == Operand::ofmap && cursor_.from_k_begin()) continue;
    bytes_ = tile_bytes();
    if (bytes_ == 0) continue;
    if (fill_) {
      key_ = {cursor_.fill_trigger(), 1, {cursor_.first(), entry, operand}};
    } else {
      key_ = {cursor_.last(), 0, {-entry, operand, cursor_.index()}};
    }
    return;
  }
  live_ = false;
}

void TileStream::memory_runs(std::vector<MemoryRun>& runs) const {
  std::vector<arch::ByteRun> pieces;
  const bool sums = partial_sums();
  const arch::Array& array = step_.core->array;
  arch::memory_runs(*step_.work, operand_, cursor_.range(), sums ? array.accumulator_bits : array.precision.bits, pieces);
  runs.clear();
  const std::uint64_t base = sums ? step_.sums_address : step_.operand_address[static_cast<std::size_t>(operand_)];
  for (const arch::ByteRun& piece : pieces) runs.push_back({base + piece.offset, piece.bytes});
}

bool TileStream::may_start() {
  const bool parent_fill = operand_ != Operand::ofmap || (parent_ != nullptr && !cursor_.parent_from_k_begin());
  if (fill_) {
    if (!buffer_.slot_free(cursor_.index(), cursor_.slot_trigger())) return false;
  } else if (buffer_.innermost() ? *ended_tiles_ <= cursor_.last() : !buffer_.all_written(cursor_.index())) {
    return false;
  }
  // An outer entry never looks at the trigger.
  return parent_ == nullptr || parent_->ready(cursor_.parent_index(), -1, parent_fill);
}

Ticket TileStream::start() {
  const Ticket ticket{cursor_.index(), parent_ == nullptr ? 0 : cursor_.parent_index()};
  PortBytes& inner = counts_.level[inner_count_];
  (fill_ ? inner.write : inner.read) += bytes_;
  if (parent_ == nullptr) {
    (fill_ ? counts_.dram_read_bytes : counts_.dram_write_bytes) += bytes_;
  } else {
    PortBytes& outer = counts_.level[outer_count_];
    (fill_ ? outer.read : outer.write) += bytes_;
    parent_->inner_started(ticket.parent_index);
  }
  if (bus_) counts_.bus_bytes += bytes_;
  cursor_.next();
  settle();
  return ticket;
}

void TileStream::complete(const Ticket& ticket) {
  if (fill_) {
    buffer_.filled(ticket.index);
  } else {
    buffer_.written_back(ticket.index);
  }
  if (parent_ != nullptr) parent_->inner_completed(ticket.parent_index);
}

std::string TileStream::describe() const {
  return std::string(fill_ ? "fill of " : "write-back of ") + arch::operand_names()[static_cast<std::size_t>(operand_)] + " tile " +
         std::to_string(cursor_.index()) + " in level " + step_.level(entry_).name;
}

TileTransfers::TileTransfers(const ArrayStep& step, const LinkMap& links, const std::int64_t* ended_tiles, Counts& counts) : step_(step) {
  for (std::size_t o = 0; o < arch::operand_count; ++o) {
    const auto operand = static_cast<Operand>(o);
    const std::vector<Keeper>& chain = step.chain[o];
    for (const Keeper& keeper : chain) buffers_[o].push_back(std::make_unique<TileBuffer>(operand, keeper.slots, ended_tiles));
    for (std::size_t p = 0; p < chain.size(); ++p) {
      TileBuffer* parent = p == 0 ? nullptr : buffers_[o][p - 1].get();
      streams_.push_back(std::make_unique<TileStream>(step, operand, p, true, links, *buffers_[o][p], parent, ended_tiles, counts));
      const TileStream* fills = streams_.back().get();
      const TileStream* write_backs = nullptr;
      if (operand == Operand::ofmap) {
        streams_.push_back(std::make_unique<TileStream>(step, operand, p, false, links, *buffers_[o][p], parent, ended_tiles, counts));
        write_backs = streams_.back().get();
      }
      if (parent != nullptr) parent->set_inner(fills, write_backs);
    }
    level_tiles_.emplace_back(*step.work, step.loops, operand, chain);
    look_up(o);
  }
}

void TileTransfers::look_up(std::size_t operand) {
  const TileCursor& tile = level_tiles_[operand];
  const auto o = static_cast<Operand>(operand);
  has_fill_[operand] = o == Operand::ofmap ? !tile.from_k_begin() : fill_bytes(step_, o, tile.range()) > 0;
}

bool TileTransfers::ready(std::int64_t tile) {
  for (std::size_t o = 0; o < arch::operand_count; ++o) {
    TileCursor& cursor = level_tiles_[o];
    if (cursor.last() < tile) {
      cursor.next();
      look_up(o);
    }
    if (cursor.first() != tile) continue;
    if (!buffers_[o].back()->ready(cursor.index(), cursor.slot_trigger(), has_fill_[o])) return false;
  }
  return true;
}

void TileTransfers::append_streams(std::vector<TransferStream*>& streams) {
  for (const auto& stream : streams_) streams.push_back(stream.get());
}

}  // namespace gnomon::sim::cycle
