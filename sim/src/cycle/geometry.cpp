#include "geometry.hpp"

#include <algorithm>

namespace gnomon::sim::cycle {
namespace {

std::int64_t pieces_of(std::int64_t extent, std::int64_t count, std::int64_t& size) {
  size = (extent + count - 1) / count;
  return (extent + size - 1) / size;
}

unsigned relevant_dims(Operand operand) {
  unsigned bits = 0;
  for (int d = 0; d < arch::dim_count; ++d) bits |= arch::relevant(operand, static_cast<Dim>(d)) ? 1u << d : 0u;
  return bits;
}

/// Loops outside the innermost keeper up to the last one that matters to the operand; those after it never begin a tile.
std::size_t depth_for(const std::vector<Loop>& loops, unsigned dims, std::size_t outside) {
  while (outside > 0 && (dims >> static_cast<int>(loops[outside - 1].dim) & 1u) == 0) --outside;
  return outside;
}

}  // namespace

Odometer::Odometer(std::vector<Loop> loops, std::size_t depth) : frames_(depth) {
  for (std::size_t i = 0; i < loops.size(); ++i) {
    const auto dim = static_cast<std::size_t>(loops[i].dim);
    if (i < depth) {
      frames_[i].dim = dim;
      frames_[i].count = loops[i].count;
    } else {
      inner_[dim].push_back(loops[i].count);
    }
  }
}

void Odometer::enter(Frame& frame) {
  frame.begin = range_.begin[frame.dim];
  frame.end = range_.end[frame.dim];
  frame.iterations = pieces_of(frame.end - frame.begin, frame.count, frame.size);
  frame.index = 0;
  range_.end[frame.dim] = std::min(frame.end, frame.begin + frame.size);
}

void Odometer::reset(const TileRange& range) {
  range_ = range;
  for (Frame& frame : frames_) enter(frame);
}

bool Odometer::advance() {
  std::size_t i = frames_.size();
  for (;;) {
    if (i == 0) return false;
    Frame& frame = frames_[--i];
    if (frame.index + 1 < frame.iterations) {
      ++frame.index;
      frame.moved = true;
      range_.begin[frame.dim] = frame.begin + frame.index * frame.size;
      range_.end[frame.dim] = std::min(frame.end, range_.begin[frame.dim] + frame.size);
      break;
    }
    frame.moved = frame.index != 0;
    range_.begin[frame.dim] = frame.begin;
    range_.end[frame.dim] = frame.end;
  }
  turned_ = i;
  while (++i < frames_.size()) enter(frames_[i]);
  return true;
}

std::size_t Odometer::first_changed(unsigned dims) const {
  for (std::size_t i = turned_; i < frames_.size(); ++i) {
    if (frames_[i].moved && (dims >> frames_[i].dim & 1u) != 0) return i;
  }
  return no_loop;
}

std::int64_t Odometer::pieces(std::int64_t extent, const std::vector<std::int64_t>& counts, std::size_t from) {
  std::int64_t size = 0;
  const std::int64_t n = pieces_of(extent, counts[from], size);
  if (from + 1 == counts.size()) return n;
  return (n - 1) * pieces(size, counts, from + 1) + pieces(extent - (n - 1) * size, counts, from + 1);
}

std::int64_t Odometer::leaves() const {
  std::int64_t product = 1;
  for (std::size_t d = 0; d < arch::dim_count; ++d) {
    if (!inner_[d].empty()) product *= pieces(range_.end[d] - range_.begin[d], inner_[d], 0);
  }
  return product;
}

TileCursor::TileCursor(const arch::ArrayWork& work, const std::vector<Loop>& loops, Operand operand, const std::vector<Keeper>& keepers)
    : odometer_(loops, depth_for(loops, relevant_dims(operand), keepers.back().outside)), dims_(relevant_dims(operand)) {
  for (const Keeper& keeper : keepers) {
    levels_.emplace_back();
    levels_.back().outside = keeper.outside;
    levels_.back().slots = keeper.slots;
  }
  TileRange whole;
  for (int d = 0; d < arch::dim_count; ++d) whole.end[d] = work.extent[d];
  odometer_.reset(whole);
  next();
}

void TileCursor::next() {
  if (!more_) {
    live_ = false;
    return;
  }
  first_ = ahead_first_;
  range_ = odometer_.range();
  k_begin_ = range_.begin[static_cast<int>(Dim::k)];
  for (Nested& level : levels_) {
    level.begins = level.index < 0 || ahead_changed_ < level.outside;
    if (!level.begins) continue;
    if (level.index >= 0) {
      level.last_of_before[1] = level.last_of_before[0];
      level.last_of_before[0] = first_ - 1;
    }
    ++level.index;
    level.trigger = level.last_of_before[level.slots - 1];
    level.k_begin = k_begin_;
  }
  last_ = first_ - 1;
  do {
    last_ += odometer_.leaves();
    k_end_ = odometer_.range().end[static_cast<int>(Dim::k)];
    more_ = odometer_.advance();
    if (!more_) break;
    ahead_changed_ = odometer_.first_changed(dims_);
  } while (ahead_changed_ >= levels_.back().outside);
  ahead_first_ = last_ + 1;
}

std::int64_t TileCursor::fill_trigger() const {
  std::int64_t trigger = -1;
  for (const Nested& level : levels_) trigger = std::max(trigger, level.trigger);
  return trigger;
}

}  // namespace gnomon::sim::cycle
