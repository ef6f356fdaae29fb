#include <deque>
#include <map>
#include <vector>

#include "gnomon/sim/banks.hpp"
#include "movement.hpp"

namespace gnomon::sim {
namespace {

/// A fold in its place among the steps and in the tiles of its operands.
struct PlacedFold {
  arch::TileRange range;                       ///< one product of g
  arch::TileRange tile[arch::operand_count];  ///< of the operands' innermost levels
  std::int64_t tile_number[arch::operand_count] = {0, 0, 0};
  FoldSize size;
  std::int64_t x = 0;
  std::int64_t begin = 0;
  std::int64_t end = 0;
  Movements moves;
};

/// All folds of the work, in order.
class Folds {
 public:
  Folds(const Ports& ports, const arch::ArrayWork& work, const arch::StepMapping& mapping, const arch::SpatialDims& dims,
        const Holders& holders)
      : ports_(ports), work_(work), dims_(dims), os_(arch::info(ports.dataflow).outputs_stay()), tiles_(work, arch::flatten(mapping)), slots_(mapping, holders) {
    const std::vector<std::size_t> outside = arch::loops_outside(mapping);
    for (int o = 0; o < arch::operand_count; ++o) {
      depth_[o] = outside[arch::chain(mapping, static_cast<Operand>(o)).back()];
    }
    inner_.push_back({0, Dim::g, work.extent[0]});
    for (const arch::Loop& loop : mapping.folds) {
      if (loop.count > 1) inner_.push_back({0, loop.dim, loop.count});
    }
  }

  bool next(PlacedFold& fold) {
    const bool new_tile = !open_ || inside_->done();
    if (new_tile) {
      if (open_) tiles_.next();
      if (tiles_.done()) return false;
      open();
    }
    fold.range = inside_->tile();
    for (int d = 0; d < arch::dim_count; ++d) {
      fold.range.begin[d] += tiles_.tile().begin[d];
      fold.range.end[d] += tiles_.tile().begin[d];
    }
    inside_->next();
    fold.size = {fold.range.size(dims_.rows), fold.range.size(dims_.cols), fold.range.size(dims_.streamed)};
    const std::int64_t preload = steps_to_stream(fold.size, os_);
    if (first_) {
      fold.x = preload;
    } else if (ports_.overlap) {
      fold.x = x_ + fold_distance(last_, fold.size, os_);
    } else {
      fold.x = end_ + preload;
    }
    for (int o = 0; o < arch::operand_count; ++o) {
      fold.tile[o] = tiles_.tile(depth_[o]);
      fold.tile_number[o] = number_[o];
      if (!new_tile) continue;
      bool fresh = first_;
      for (int d = 0; d < arch::dim_count; ++d) {
        if (arch::relevant(static_cast<Operand>(o), static_cast<Dim>(d)) && fold.tile[o].begin[d] != tile_begin_[o][d]) fresh = true;
        tile_begin_[o][d] = fold.tile[o].begin[d];
      }
      if (fresh && !first_) fold.tile_number[o] = ++number_[o];
    }
    if (new_tile) {
      const std::int64_t earliest = slots_.earliest(tiles_, end_);
      if (ports_.overlap) fold.x = std::max(fold.x, earliest + preload);
    }
    fold.begin = fold.x - preload;
    fold.end = fold.x + steps_from_stream(fold.size, os_);
    fold.moves = movements_of(ports_, fold.size, fold.x, fold.range.begin[at(Dim::k)] > 0, fold.range.end[at(Dim::k)] == work_.size(Dim::k));
    first_ = false;
    x_ = fold.x;
    last_ = fold.size;
    end_ = std::max(end_, fold.end);
    return true;
  }

 private:
  const Ports& ports_;
  const arch::ArrayWork& work_;
  arch::SpatialDims dims_;
  bool os_;
  arch::TileWalk tiles_;
  SlotWatch slots_;
  std::vector<arch::FlatLoop> inner_;
  std::optional<arch::TileWalk> inside_;
  bool open_ = false;
  std::size_t depth_[arch::operand_count] = {};
  std::int64_t tile_begin_[arch::operand_count][arch::dim_count] = {};
  std::int64_t number_[arch::operand_count] = {0, 0, 0};
  bool first_ = true;
  std::int64_t x_ = 0, end_ = 0;
  FoldSize last_;

  void open() {
    arch::ArrayWork part;
    for (int d = 0; d < arch::dim_count; ++d) part.extent[d] = tiles_.tile().end[d] - tiles_.tile().begin[d];
    inside_.emplace(part, inner_);
    open_ = true;
  }
};

/// Turns of a step at the ports where words share banks.
class Turns {
 public:
  Turns(const Ports& ports, const arch::StepMapping& mapping, bool partial_sums) : ports_(ports), mapping_(mapping), partial_sums_(partial_sums), banks_(*ports.levels) {
    for (const arch::Layout layout : mapping.layout) any_ = any_ || layout != arch::Layout::streamed;
  }
  bool any() const { return any_; }

  std::int64_t of(const std::deque<PlacedFold>& folds, std::int64_t step) {
    banks_.clear();
    for (const PlacedFold& fold : folds) {
      for (int i = 0; i < fold.moves.n; ++i) touch(fold, fold.moves.item[i], step);
    }
    return banks_.turns();
  }

 private:
  const Ports& ports_;
  const arch::StepMapping& mapping_;
  bool partial_sums_;
  bool any_ = false;
  BankTurns banks_;

  void touch(const PlacedFold& fold, const Movement& m, std::int64_t step) {
    const arch::Layout layout = mapping_.layout[at(m.operand)];
    const std::int64_t u = step - m.start;
    if (layout == arch::Layout::streamed || u < 0 || step >= m.end()) return;
    const int bits = m.operand == Operand::ofmap && partial_sums_ ? ports_.accumulator_bits : ports_.bits;
    const TileMatrix matrix(m.operand, layout, fold.tile[at(m.operand)]);
    const std::int64_t first = m.block ? 0 : std::max<std::int64_t>(0, u - m.length + 1);
    const std::int64_t last = m.block ? m.lanes - 1 : std::min(u, m.lanes - 1);
    for (std::int64_t lane = first; lane <= last; ++lane) {
      // Stationary words are shifted in, those of the last row first.
      const bool shifted_in = !m.write && m.operand == arch::info(ports_.dataflow).stationary && m.operand != Operand::ofmap;
      const std::int64_t beat = m.block ? u : u - lane;
      const std::int64_t index = index_of(fold, m, matrix, lane, shifted_in ? m.length - 1 - beat : beat);
      banks_.touch(static_cast<std::size_t>(ports_.level[at(m.operand)]), m.write, m.operand, fold.tile_number[at(m.operand)], index, bits);
    }
  }

  /// Place in the tile's matrix of what lane `lane` of the movement carries as its element `t`.
  std::int64_t index_of(const PlacedFold& fold, const Movement& m, const TileMatrix& matrix, std::int64_t lane, std::int64_t t) const {
    const arch::DataflowInfo& flow = arch::info(ports_.dataflow);
    // What enters along the rows has the rows' dimension on its lanes, all else the columns'; what stays is told apart by its rows in time.
    const bool by_rows = flow.outputs_stay() ? m.operand == Operand::ifmap : m.operand == flow.flowing();
    const Dim lane_dim = by_rows ? flow.rows : flow.cols;
    const Dim time_dim = m.operand == flow.stationary ? flow.rows : flow.streamed;
    const auto place = [&](Dim dim) { return fold.range.begin[at(dim)] + (dim == lane_dim ? lane : dim == time_dim ? t : 0); };
    const auto [row, col] = matrix_dims(m.operand);
    return matrix.index(place(Dim::g), place(row), place(col));
  }
};

}  // namespace

std::int64_t walked_price(const Ports& ports, const arch::ArrayWork& work, const arch::StepMapping& mapping, const arch::SpatialDims& dims,
                          const Holders& holders) {
  bool cuts_k = std::any_of(mapping.folds.begin(), mapping.folds.end(), [](const arch::Loop& l) { return l.dim == Dim::k && l.count > 1; });
  for (const arch::LevelLoops& entry : mapping.levels) {
    for (const arch::Loop& loop : entry.loops) cuts_k = cuts_k || (loop.dim == Dim::k && loop.count > 1);
  }
  Turns turns(ports, mapping, cuts_k);
  PortLoads loads(ports);
  Folds folds(ports, work, mapping, dims, holders);
  std::deque<PlacedFold> flying;
  std::map<std::vector<std::int64_t>, std::int64_t> known;
  std::vector<std::int64_t> key;
  std::int64_t sum = 0;

  // The steps from `from` to `to`, in which nothing but the folds in `flying` moves.
  const auto window = [&](std::int64_t from, std::int64_t to) {
    if (to <= from) return;
    if (!turns.any()) {
      // The same folds at the same distances have the same prices.
      key.assign(1, to - from);
      for (const PlacedFold& fold : flying) {
        for (int i = 0; i < fold.moves.n; ++i) {
          const Movement& m = fold.moves.item[i];
          if (m.end() <= from || m.start >= to) continue;
          key.insert(key.end(), {at(m.operand) * 4 + (m.write ? 2 : 0) + (m.block ? 1 : 0), m.bits, m.start - from, m.lanes, m.length});
        }
      }
      if (const auto found = known.find(key); found != known.end()) {
        sum += found->second;
        return;
      }
    }
    std::int64_t cost = 0;
    for (std::int64_t step = from; step < to;) {
      std::int64_t next = turns.any() ? step + 1 : to;
      loads.clear();
      for (const PlacedFold& fold : flying) {
        for (int i = 0; i < fold.moves.n; ++i) {
          loads.add(fold.moves.item[i], step);
          next = std::min(next, fold.moves.item[i].next_change(step));
        }
      }
      std::int64_t price = loads.price();
      if (turns.any()) price = std::max(price, turns.of(flying, step));
      cost += (next - step) * price;
      step = next;
    }
    sum += cost;
    if (!turns.any()) known.emplace(key, cost);
  };

  PlacedFold fold;
  std::int64_t done = 0;
  std::int64_t end = 0;
  while (folds.next(fold)) {
    // Later folds begin no earlier than this one; what is before its first step is settled.
    window(done, fold.begin);
    done = std::max(done, fold.begin);
    while (!flying.empty() && flying.front().end <= done) flying.pop_front();
    flying.push_back(fold);
    end = std::max(end, fold.end);
  }
  window(done, end);
  return sum;
}

}  // namespace gnomon::sim
