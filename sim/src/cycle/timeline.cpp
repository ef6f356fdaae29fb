#include "timeline.hpp"

#include <algorithm>

#include "wide.hpp"

namespace gnomon::sim::cycle {
namespace {

constexpr auto g_dim = static_cast<std::size_t>(Dim::g);
constexpr auto k_dim = static_cast<std::size_t>(Dim::k);

std::int64_t ceil_div(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// Steps from a fold's first one to its first streamed element.
std::int64_t preload_steps(const ArrayStep& step, const Fold& fold) { return arch::info(step.core->array.dataflow).outputs_stay() ? 0 : fold.rows; }

void place(const ArrayStep& step, Fold& fold, std::int64_t preload_step) {
  fold.preload_step = preload_step;
  fold.stream_step = preload_step + preload_steps(step, fold);
  const std::int64_t last_pe = fold.stream_step + fold.streamed + (fold.rows - 1) + (fold.cols - 1);
  fold.end_step = last_pe + (arch::info(step.core->array.dataflow).outputs_stay() ? fold.rows : 0);
}

/// What the time and traffic of an array tile depend on when its folds follow each other without overlap, layouts apart.
struct TileClass {
  std::int64_t size[arch::dim_count];
  bool from_k_begin, to_k_end;
  bool operator==(const TileClass&) const = default;
};
struct TileClassHash {
  std::size_t operator()(const TileClass& c) const {
    std::uint64_t hash = c.from_k_begin * 2 + c.to_k_end;
    for (const std::int64_t size : c.size) hash = (hash ^ static_cast<std::uint64_t>(size)) * 0xff51afd7ed558ccdu, hash ^= hash >> 29;
    return hash;
  }
};
TileClass class_of(const ArrayStep& step, const TileRange& tile) {
  TileClass c{};
  for (std::size_t d = 0; d < arch::dim_count; ++d) c.size[d] = tile.end[d] - tile.begin[d];
  c.from_k_begin = tile.begin[k_dim] == 0;
  c.to_k_end = tile.end[k_dim] == step.work->size(Dim::k);
  return c;
}

/// `overlap: false`: fold after fold.
class SerialTimeline : public Timeline {
 public:
  explicit SerialTimeline(const ArrayStep& step) : step_(step), source_(step), pricer_(step) {}

  bool next(TileSpan& span) override {
    if (!source_.live()) return false;
    Entry entry;
    const TileClass tile = class_of(step_, source_.tile());
    const auto known = pricer_.banked() ? known_.end() : known_.find(tile);
    if (known != known_.end()) {
      entry = known->second;
    } else {
      source_.first_fold();
      do {
        Fold fold = source_.fold();
        place(step_, fold, 0);
        entry.cycles += pricer_.alone(fold);
        entry.traffic.add(pricer_.traffic(fold));
      } while (source_.next_fold());
      if (!pricer_.banked()) known_.emplace(tile, entry);
    }
    traffic_.add(entry.traffic);
    span.cycles = entry.cycles;
    span.marks.assign(1, {source_.tile_index() + 1, entry.cycles});
    source_.next_tile();
    return true;
  }

 private:
  struct Entry {
    std::int64_t cycles = 0;
    ArrayTraffic traffic;
  };
  const ArrayStep& step_;
  FoldSource source_;
  FoldPricer pricer_;
  std::unordered_map<TileClass, Entry, TileClassHash> known_;
};

/// `overlap: true`: the time between the first steps of two folds is a window in which all folds in flight move words.
class OverlapTimeline : public Timeline {
 public:
  explicit OverlapTimeline(const ArrayStep& step) : step_(step), source_(step), pricer_(step) {
    for (std::size_t o = 0; o < arch::operand_count; ++o) ends_[o].resize(step.chain[o].size());
    source_.first_fold();
    here_ = source_.fold();
    place(step_, here_, 0);
  }

  bool next(TileSpan& span) override {
    if (!live_) return false;
    span.cycles = 0;
    span.marks.clear();
    const std::int64_t tile = source_.tile_index();
    for (bool in_tile = true; in_tile;) {
      std::erase_if(in_flight_, [&](const Fold& fold) { return fold.end_step <= here_.preload_step; });
      in_flight_.push_back(here_);
      traffic_.add(pricer_.traffic(here_));
      latest_end_ = std::max(latest_end_, here_.end_step);

      in_tile = source_.next_fold();
      if (!in_tile) pending_.push_back({tile + 1, latest_end_});
      live_ = in_tile || next_tile();
      const std::int64_t first = here_.preload_step;
      std::int64_t length = latest_end_ - first;
      if (live_) {
        Fold following = source_.fold();
        place(step_, following, following_step(following, !in_tile));
        length = following.preload_step - first;
        here_ = following;
      }
      const Profile& profile = pricer_.window(in_flight_, first, length);
      while (!pending_.empty() && pending_.front().end_step <= first + length) {
        span.marks.push_back({pending_.front().tiles, span.cycles + profile.cycles(pending_.front().end_step - first)});
        pending_.pop_front();
      }
      span.cycles += profile.cycles();
    }
    return true;
  }

 private:
  struct Pending {
    std::int64_t tiles, end_step;
  };
  const ArrayStep& step_;
  FoldSource source_;
  FoldPricer pricer_;
  Fold here_;
  std::vector<Fold> in_flight_;
  std::deque<Pending> pending_;
  std::int64_t latest_end_ = 0;
  /// By operand and keeper, the largest e up to the end of the tile before the present one, and of the one before that.
  struct Ends {
    std::int64_t last[2] = {0, 0};
  };
  std::vector<Ends> ends_[arch::operand_count];
  bool live_ = true;

  bool next_tile() {
    if (!source_.next_tile()) return false;
    source_.first_fold();
    return true;
  }

  /// The first step of the fold after `here_`.
  std::int64_t following_step(const Fold& fold, bool begins_tile) {
    const std::int64_t t = here_.streamed, r = here_.rows, c = here_.cols;
    std::int64_t delta = 0;
    if (arch::info(step_.core->array.dataflow).outputs_stay()) {
      delta = std::max(t, (r - 1) + (c - 1) + r + std::max<std::int64_t>(0, t - fold.streamed));
    } else {
      delta = std::max(t + std::max<std::int64_t>(0, r - fold.rows), fold.rows);
    }
    std::int64_t start = here_.stream_step + delta - preload_steps(step_, fold);
    if (!begins_tile) return start;
    for (std::size_t o = 0; o < arch::operand_count; ++o) {
      const TileCursor& tile = source_.level_tile(static_cast<Operand>(o));
      if (tile.first() != source_.tile_index()) continue;
      for (std::size_t keeper = 0; keeper < ends_[o].size(); ++keeper) {
        if (!tile.begins(keeper)) continue;
        Ends& ends = ends_[o][keeper];
        ends.last[1] = ends.last[0];
        ends.last[0] = latest_end_;
        const int slots = step_.chain[o][keeper].slots;
        if (tile.index(keeper) >= slots) start = std::max(start, ends.last[slots - 1]);
      }
    }
    return start;
  }
};

/// `timing: "scalesim"`: the tool's cycles for the whole step, shared out over the array tiles by their multiplications.
class ScalesimTimeline : public Timeline {
 public:
  explicit ScalesimTimeline(const ArrayStep& step) : step_(step), source_(step), pricer_(step) {
    const arch::Array& array = step.core->array;
    const arch::ArrayWork& work = *step.work;
    const arch::DataflowInfo& flow = arch::info(array.dataflow);
    const std::int64_t folds = work.size(Dim::g) * ceil_div(work.size(flow.rows), array.rows) * ceil_div(work.size(flow.cols), array.cols);
    const std::int64_t preload = flow.outputs_stay() ? 0 : array.rows;
    total_ = folds * (preload + array.rows + array.cols + work.size(flow.streamed) - 2);
  }

  bool next(TileSpan& span) override {
    if (!source_.live()) return false;
    const TileClass tile = class_of(step_, source_.tile());
    auto known = traffics_.find(tile);
    if (known == traffics_.end()) {
      ArrayTraffic sum;
      source_.first_fold();
      do {
        sum.add(pricer_.traffic(source_.fold()));
      } while (source_.next_fold());
      known = traffics_.emplace(tile, sum).first;
    }
    traffic_.add(known->second);
    macs_ += tile.size[0] * tile.size[1] * tile.size[2] * tile.size[3];
    const auto until = static_cast<std::int64_t>(static_cast<Wide>(total_) * macs_ / step_.work->macs());
    span.cycles = until - spent_;
    spent_ = until;
    span.marks.assign(1, {source_.tile_index() + 1, span.cycles});
    source_.next_tile();
    return true;
  }

 private:
  const ArrayStep& step_;
  FoldSource source_;
  FoldPricer pricer_;
  std::unordered_map<TileClass, ArrayTraffic, TileClassHash> traffics_;
  std::int64_t total_ = 0, macs_ = 0, spent_ = 0;
};

}  // namespace

FoldSource::FoldSource(const ArrayStep& step)
    : step_(step),
      dims_(arch::spatial_dims(step.core->array.dataflow)),
      tiles_(step.loops, step.loops.size()),
      folds_(step.mapping->folds, step.mapping->folds.size()) {
  TileRange whole;
  for (std::size_t d = 0; d < arch::dim_count; ++d) whole.end[d] = step.work->extent[d];
  tiles_.reset(whole);
  for (std::size_t o = 0; o < arch::operand_count; ++o) level_tiles_.emplace_back(*step.work, step.loops, static_cast<Operand>(o), step.chain[o]);
}

bool FoldSource::next_tile() {
  live_ = live_ && tiles_.advance();
  if (!live_) return false;
  ++tile_index_;
  for (TileCursor& cursor : level_tiles_) {
    if (cursor.last() < tile_index_) cursor.next();
  }
  return true;
}

void FoldSource::first_fold() {
  product_ = tiles_.range().begin[g_dim];
  begin_product();
}

void FoldSource::begin_product() {
  TileRange range = tiles_.range();
  range.begin[g_dim] = product_;
  range.end[g_dim] = product_ + 1;
  folds_.reset(range);
}

bool FoldSource::next_fold() {
  if (folds_.advance()) return true;
  if (++product_ == tiles_.range().end[g_dim]) return false;
  begin_product();
  return true;
}

Fold FoldSource::fold() const {
  const TileRange& range = folds_.range();
  Fold fold;
  fold.rows = range.size(dims_.rows);
  fold.cols = range.size(dims_.cols);
  fold.streamed = range.size(dims_.streamed);
  fold.adds_partial_sums = range.begin[k_dim] != 0;
  fold.is_final = range.end[k_dim] == step_.work->size(Dim::k);
  static constexpr Dim matrix[arch::operand_count][2] = {{Dim::m, Dim::k}, {Dim::k, Dim::n}, {Dim::m, Dim::n}};
  for (std::size_t o = 0; o < arch::operand_count; ++o) {
    const arch::Layout layout = step_.mapping->layout[o];
    if (layout == arch::Layout::streamed) continue;
    const TileRange& stored = level_tiles_[o].range();
    const auto row = static_cast<std::size_t>(matrix[o][0]), col = static_cast<std::size_t>(matrix[o][1]);
    const std::int64_t rows = stored.end[row] - stored.begin[row], cols = stored.end[col] - stored.begin[col];
    Placement& place = fold.place[o];
    place.stride[row] = layout == arch::Layout::row_major ? cols : 1;
    place.stride[col] = layout == arch::Layout::row_major ? 1 : rows;
    place.base = (product_ - stored.begin[g_dim]) * rows * cols + (range.begin[row] - stored.begin[row]) * place.stride[row] +
                 (range.begin[col] - stored.begin[col]) * place.stride[col];
    place.tag = static_cast<int>(level_tiles_[o].index() % 2);
  }
  return fold;
}

std::unique_ptr<Timeline> make_timeline(const ArrayStep& step) {
  if (step.core->array.timing == arch::Timing::scalesim) return std::make_unique<ScalesimTimeline>(step);
  if (step.core->array.overlap) return std::make_unique<OverlapTimeline>(step);
  return std::make_unique<SerialTimeline>(step);
}

}  // namespace gnomon::sim::cycle
