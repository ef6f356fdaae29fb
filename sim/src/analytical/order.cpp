#include <array>
#include <map>
#include <vector>

#include "nest.hpp"

namespace gnomon::sim {
namespace {

/// A run of folds: what the folds before and after it need to know. Steps count from the run's first streamed element.
struct Span {
  FoldSize first, last;
  std::int64_t last_start = 0;
  std::int64_t end = 0;
};

struct Loop {
  Dim dim;
  std::int64_t count;
};

/// Composes the span of a loop nest from the spans of its full and its last, smaller, iterations.
class Composer {
 public:
  Composer(const arch::SpatialDims& dims, bool os) : dims_(dims), os_(os) {}

  void add(Dim dim, std::int64_t count) {
    if (loops_.size() < max_loops) loops_.push_back({dim, count});
  }
  void clear() { loops_.clear(); }

  Span span(const std::int64_t (&extent)[arch::dim_count]) {
    std::copy(extent, extent + arch::dim_count, size_);
    memo_.clear();
    return at_depth(0);
  }

  void append(Span& a, const Span& b) const {
    const std::int64_t shift = a.last_start + fold_distance(a.last, b.first, os_);
    a.end = std::max(a.end, shift + b.end);
    a.last_start = shift + b.last_start;
    a.last = b.last;
  }

 private:
  struct Small {
    Loop items[max_loops];
    std::size_t n = 0;
    void push_back(const Loop& l) { items[n++] = l; }
    void clear() { n = 0; }
    std::size_t size() const { return n; }
    const Loop& operator[](std::size_t i) const { return items[i]; }
  };
  Small loops_;
  arch::SpatialDims dims_;
  bool os_;
  std::int64_t size_[arch::dim_count] = {1, 1, 1, 1};
  std::map<std::array<std::int64_t, arch::dim_count + 1>, Span> memo_;

  Span leaf() const {
    const FoldSize fold{size_[at(dims_.rows)], size_[at(dims_.cols)], size_[at(dims_.streamed)]};
    return {fold, fold, 0, steps_from_stream(fold, os_)};
  }

  Span at_depth(std::size_t depth) {
    if (depth == loops_.size()) return leaf();
    // Every ragged loop doubles the work; beyond a few, equal pieces are looked up.
    const bool remember = loops_.size() > 10;
    std::array<std::int64_t, arch::dim_count + 1> key{};
    if (remember) {
      key = {static_cast<std::int64_t>(depth), size_[0], size_[1], size_[2], size_[3]};
      if (const auto found = memo_.find(key); found != memo_.end()) return found->second;
    }
    const int d = at(loops_[depth].dim);
    const std::int64_t whole = size_[d];
    const std::int64_t piece = ceil_quotient(whole, loops_[depth].count);
    const std::int64_t pieces = ceil_quotient(whole, piece);
    const std::int64_t rest = whole - (pieces - 1) * piece;
    const std::int64_t full = rest == piece ? pieces : pieces - 1;
    Span out;
    if (full > 0) {
      size_[d] = piece;
      out = at_depth(depth + 1);
      if (full > 1) {
        const std::int64_t period = out.last_start + fold_distance(out.last, out.first, os_);
        out.last_start += (full - 1) * period;
        out.end += (full - 1) * period;
      }
    }
    if (rest != piece) {
      size_[d] = rest;
      const Span tail = at_depth(depth + 1);
      if (full > 0) {
        append(out, tail);
      } else {
        out = tail;
      }
    }
    size_[d] = whole;
    if (remember) memo_[key] = out;
    return out;
  }
};

void add_folds(Composer& composer, const arch::StepMapping& mapping, std::int64_t products) {
  if (products > 1) composer.add(Dim::g, products);
  for (const arch::Loop& loop : mapping.folds) {
    if (loop.count > 1) composer.add(loop.dim, loop.count);
  }
}

/// Tile by tile, for slots that delay folds.
std::int64_t walk(const arch::ArrayWork& work, const arch::StepMapping& mapping, const arch::SpatialDims& dims, bool os, const Holders& holders) {
  SlotWatch slots(mapping, holders);
  Composer composer(dims, os);
  std::map<std::array<std::int64_t, arch::dim_count>, Span> spans;
  std::int64_t start = 0, end = 0;
  FoldSize last;
  bool first = true;
  for (arch::TileWalk tiles(work, arch::flatten(mapping)); !tiles.done(); tiles.next()) {
    std::array<std::int64_t, arch::dim_count> size{};
    for (int d = 0; d < arch::dim_count; ++d) size[static_cast<std::size_t>(d)] = tiles.tile().end[d] - tiles.tile().begin[d];
    auto [found, fresh] = spans.try_emplace(size);
    if (fresh) {
      composer.clear();
      add_folds(composer, mapping, size[0]);
      const std::int64_t extent[arch::dim_count] = {size[0], size[1], size[2], size[3]};
      found->second = composer.span(extent);
    }
    const Span& span = found->second;
    const std::int64_t preload = steps_to_stream(span.first, os);
    std::int64_t at_step = first ? preload : start + fold_distance(last, span.first, os);
    at_step = std::max(at_step, slots.earliest(tiles, end) + preload);
    end = std::max(end, at_step + span.end);
    start = at_step + span.last_start;
    last = span.last;
    first = false;
  }
  return end;
}

}  // namespace

SlotWatch::SlotWatch(const arch::StepMapping& mapping, const Holders& holders) {
  const std::vector<std::size_t> outside = arch::loops_outside(mapping);
  for (int i = 0; i < holders.n; ++i) held_.push_back({holders.item[i], outside[holders.item[i].entry]});
}

std::int64_t SlotWatch::earliest(const arch::TileWalk& tiles, std::int64_t end) {
  std::int64_t step = 0;
  for (Held& held : held_) {
    const arch::TileRange& range = tiles.tile(held.depth);
    bool fresh = false;
    for (int d = 0; d < arch::dim_count; ++d) {
      if (arch::relevant(static_cast<Operand>(held.holder.operand), static_cast<Dim>(d)) && range.begin[d] != held.begin[d]) fresh = true;
      held.begin[d] = range.begin[d];
    }
    if (!fresh || first_) continue;
    held.before_last = held.before;
    held.before = end;
    step = std::max(step, held.holder.slots < 2 ? held.before : held.before_last);
  }
  first_ = false;
  return step;
}

// With two slots, the tile before last has been used up when the last one's folds have streamed for as long as results take to leave: always so for `os`.
bool slots_may_bind(const arch::ArrayWork& work, const arch::StepMapping& mapping, const arch::SpatialDims& dims, bool os, const Holders& holders) {
  Blocks blocks[arch::dim_count];
  std::int64_t tiles = 1;
  for (int d = 0; d < arch::dim_count; ++d) blocks[d].start(work.extent[d]);
  for (std::size_t i = 0; i < mapping.levels.size(); ++i) {
    for (int h = 0; h < holders.n; ++h) {
      if (holders.item[h].entry != i || holders.item[h].slots > 1) continue;
      for (int d = 0; d < arch::dim_count; ++d) {
        if (arch::relevant(static_cast<Operand>(holders.item[h].operand), static_cast<Dim>(d)) && blocks[d].total > 1) return true;
      }
    }
    for (const arch::Loop& loop : mapping.levels[i].loops) {
      if (loop.count > 1) blocks[at(loop.dim)].cut(loop.count);
    }
  }
  for (const Blocks& b : blocks) tiles *= b.total;
  if (tiles == 1 || os) return false;
  std::int64_t folds = blocks[at(Dim::g)].smallest();
  const std::int64_t stream = blocks[at(dims.streamed)].smallest();
  for (const arch::Loop& loop : mapping.folds) {
    if (loop.count > 1) folds *= blocks[at(loop.dim)].cut(loop.count);
  }
  return folds * stream < 2 * blocks[at(dims.rows)].first + blocks[at(dims.cols)].first - 2;
}

std::int64_t overlapped_steps(const arch::ArrayWork& work, const arch::StepMapping& mapping, const arch::SpatialDims& dims, bool os,
                              const Holders& holders, bool slots_bind) {
  if (slots_bind) return walk(work, mapping, dims, os, holders);
  Composer composer(dims, os);
  for (const arch::LevelLoops& entry : mapping.levels) {
    for (const arch::Loop& loop : entry.loops) {
      if (loop.count > 1) composer.add(loop.dim, loop.count);
    }
  }
  std::int64_t products = 1;
  {
    Blocks g;
    g.start(work.extent[0]);
    for (const arch::LevelLoops& entry : mapping.levels) {
      for (const arch::Loop& loop : entry.loops) {
        if (loop.dim == Dim::g && loop.count > 1) g.cut(loop.count);
      }
    }
    products = g.first;
  }
  // Edge tiles of g hold fewer products; a loop of that many pieces of one product each serves both.
  add_folds(composer, mapping, products);
  const Span span = composer.span(work.extent);
  return steps_to_stream(span.first, os) + span.end;
}

}  // namespace gnomon::sim
