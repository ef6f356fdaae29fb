#include "design/array_program.hpp"

#include <algorithm>

#include "design/parts.hpp"
#include "design/turns.hpp"
#include "gnomon/arch/layout.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/banks.hpp"

namespace gnomon::hls {

using arch::Dim;
using arch::Operand;
using arch::TileRange;

namespace {

std::size_t at(Dim dim) { return static_cast<std::size_t>(dim); }

/// An operand's tile in its level.
struct Tile {
  std::int64_t first = 0, last = 0;  ///< array tiles
  TileRange range;
  std::int64_t k_begin = 0, k_end = 0;
  std::size_t parent = 0;  ///< the tile around it in the next level outwards
};

/// A level that keeps an operand, and its tiles there.
struct Keeper {
  std::size_t entry = 0, level = 0;
  std::size_t engine = 0;  ///< moves its tiles from and to the next level outwards, or the memory
  int slots = 1;
  std::vector<Tile> tiles;
  std::vector<TileWords> words;
  std::int64_t slot_at = 0, slot_words = 0;
  std::vector<std::int64_t> fills;                     ///< that there are up to each tile
  std::vector<std::int64_t> inner_fills, inner_tiles;  ///< fills out of it, and tiles in the next level inwards, up to those of each tile
};

class ArrayCompiler {
 public:
  ArrayCompiler(ProgramState& state, const arch::ArrayWork& work, const arch::StepMapping& mapping, const ArrayPlace& place)
      : s_(state), core_(state.design.cores[0]), work_(work), mapping_(mapping), place_(place), places_(work) {
    for (std::size_t d = 0; d < arch::dim_count; ++d) size_[d] = work.extent[d];
  }

  Expected<void> run() {
    if (auto ok = check(); !ok) return ok;
    if (auto ok = walk_tiles(); !ok) return ok;
    if (auto ok = place_slots(); !ok) return ok;
    begin_ = s_.now;
    if (auto ok = transfers(); !ok) return ok;
    if (auto ok = folds(); !ok) return ok;
    s_.now[0] += tiles_;
    s_.array_ends.push_back(s_.now[0]);
    return {};
  }

 private:
  ProgramState& s_;
  const arch::Core& core_;
  const arch::ArrayWork& work_;
  const arch::StepMapping& mapping_;
  const ArrayPlace& place_;
  TilePlaces places_;
  std::int64_t size_[arch::dim_count] = {};
  bool sums_ = false;
  std::int64_t tiles_ = 0;
  std::vector<Keeper> kept_[arch::operand_count];  ///< from the memory inwards
  Progress begin_{};

  Expected<void> refuse(const std::string& what) const { return fail(ErrorKind::unsupported, "complete RTL of step " + in_quotes(mapping_.step) + ": " + what); }
  /// The core's, then the shared ones.
  const arch::Level& level(std::size_t index) const { return index < core_.levels.size() ? core_.levels[index] : s_.design.shared[index - core_.levels.size()]; }
  /// Words of an element of the operand in its level.
  std::int64_t width(std::size_t operand) const { return operand == 2 && sums_ ? s_.shape.sum_words : 1; }

  Expected<void> check() {
    for (std::size_t o = 0; o < arch::operand_count; ++o) {
      const std::string name = arch::operand_names()[o];
      if (mapping_.layout[o] != arch::Layout::streamed && !s_.shape.banked) return refuse("layout/" + name + " of the mapping, and the RTL is for \"streamed\"");
      const auto chain = arch::chain(mapping_, static_cast<Operand>(o));
      if (chain.size() != 2 && !s_.shape.nested) return refuse("the mapping keeps " + name + " in " + std::to_string(chain.size() - 1) + " levels, and the RTL is for one");
      for (std::size_t p = 1; p < chain.size(); ++p) {
        Keeper keeper;
        keeper.entry = chain[p];
        // Entries go from the memory inwards, levels from the array outwards.
        keeper.level = mapping_.levels.size() - 1 - chain[p];
        keeper.slots = level(keeper.level).slots();
        if (p > 1) keeper.engine = 1 + s_.shape.link_between(keeper.level, kept_[o].back().level);
        kept_[o].push_back(keeper);
      }
    }
    if (work_.window) {
      const workloads::Convolution& c = *work_.window;
      if (c.batch != 1 && !s_.shape.images) return refuse(std::to_string(c.batch) + " images, and the RTL is for one");
      if (leaves_out(c) && !s_.shape.spread) return refuse("a window that leaves rows or columns out, and the RTL is for others");
      for (int a = 0; a < 2; ++a) {
        if (c.pad_begin[a] > 16000 || c.kernel[a] > 16000 || (c.kernel[a] - 1) * c.dilation[a] >= 16000) return refuse("a window or padding of more than 16000 rows or columns");
        if (c.in[a] > 16000 || c.out[a] > 16000) return refuse("an image of more than 16000 rows or columns");
      }
    }
    const auto spatial = arch::spatial_dims(core_.array.dataflow);
    for (const arch::FlatLoop& loop : arch::flatten(mapping_)) sums_ = sums_ || loop.dim == Dim::k;
    for (const arch::Loop& loop : mapping_.folds) sums_ = sums_ || (spatial.rows == Dim::k && loop.dim == Dim::k && loop.count > 1);
    return {};
  }

  Expected<void> walk_tiles() {
    const auto flat = arch::flatten(mapping_);
    const auto outside = arch::loops_outside(mapping_);
    std::vector<std::int64_t> before, here(flat.size());
    for (arch::TileWalk walk(work_, flat); !walk.done(); walk.next()) {
      if (tiles_ > 2'000'000) return refuse("more than 2000000 array tiles");
      for (std::size_t i = 0; i < flat.size(); ++i)
        here[i] = walk.tile(i + 1).begin[at(flat[i].dim)] - walk.tile(i).begin[at(flat[i].dim)];
      for (std::size_t o = 0; o < arch::operand_count; ++o) {
        for (std::size_t p = 0; p < kept_[o].size(); ++p) {
          Keeper& keeper = kept_[o][p];
          bool fresh = before.empty();
          for (std::size_t i = 0; i < outside[keeper.entry] && !fresh; ++i)
            fresh = arch::relevant(static_cast<Operand>(o), flat[i].dim) && here[i] != before[i];
          if (fresh)
            keeper.tiles.push_back({tiles_, tiles_, walk.tile(outside[keeper.entry]), walk.tile().begin[at(Dim::k)], 0, p == 0 ? 0 : kept_[o][p - 1].tiles.size() - 1});
          keeper.tiles.back().last = tiles_;
          keeper.tiles.back().k_end = walk.tile().end[at(Dim::k)];
        }
      }
      before = here;
      ++tiles_;
    }
    for (std::size_t o = 0; o < arch::operand_count; ++o)
      for (Keeper& keeper : kept_[o])
        for (const Tile& tile : keeper.tiles) {
          keeper.words.push_back(places_.of(o, tile.range));
          if (keeper.words.back().elements != arch::tile_elements(work_, static_cast<Operand>(o), tile.range)) return refuse_tile(tile.range);
        }
    for (std::size_t o = 0; o < arch::operand_count; ++o)
      for (std::size_t p = 0; p < kept_[o].size(); ++p) count_transfers(o, p);
    return {};
  }

  /// A tile of the ifmap whose words the model counts in another way than they lie.
  Expected<void> refuse_tile(const TileRange& range) const {
    const workloads::Convolution& c = *work_.window;
    const std::int64_t pixels = c.out[0] * c.out[1];
    if (range.begin[at(Dim::m)] / pixels != (range.end[at(Dim::m)] - 1) / pixels)  // the model then counts some columns, or rows, alone
      return refuse(std::string("the mapping has a tile of ifmap that goes on to another image and begins in the last row of the one or ends in the first row of the other") +
                    (leaves_out(c) ? ", or whose rows of the one leave others out" : ""));
    const std::size_t axis = c.kernel[0] > 1 && c.stride[0] > 1 && c.dilation[0] > 1 && c.stride[0] != c.dilation[0] ? 0 : 1;
    return refuse("stride " + std::to_string(c.stride[axis]) + " with dilation " + std::to_string(c.dilation[axis]) + ": the " + (axis == 0 ? "rows" : "columns") +
                  " that a tile of the mapping reads lie at uneven distances");
  }

  /// How many transfers there are up to each tile.
  void count_transfers(std::size_t o, std::size_t p) {
    Keeper& keeper = kept_[o][p];
    if (p > 0) kept_[o][p - 1].inner_fills.resize(kept_[o][p - 1].tiles.size());
    if (p > 0) kept_[o][p - 1].inner_tiles.resize(kept_[o][p - 1].tiles.size());
    std::int64_t fills = 0;
    for (std::size_t q = 0; q < keeper.tiles.size(); ++q) {
      fills += has_fill(o, p, q) ? 1 : 0;
      keeper.fills.push_back(fills);
      if (p == 0) continue;
      kept_[o][p - 1].inner_fills[keeper.tiles[q].parent] = fills;
      kept_[o][p - 1].inner_tiles[keeper.tiles[q].parent] = static_cast<std::int64_t>(q) + 1;
    }
  }

  Expected<void> place_slots() {
    std::vector<std::int64_t> used(s_.shape.levels.size(), 0);
    for (std::size_t o = 0; o < arch::operand_count; ++o)
      for (Keeper& keeper : kept_[o]) {
        std::int64_t largest = 0;
        for (const TileWords& w : keeper.words) largest = std::max(largest, w.elements);
        keeper.slot_words = largest * width(o);
        keeper.slot_at = s_.shape.levels[keeper.level].offset + used[keeper.level];
        used[keeper.level] += keeper.slot_words * keeper.slots;
        if (used[keeper.level] > s_.shape.levels[keeper.level].words)
          return refuse("level " + in_quotes(level(keeper.level).name) + " has no room for the words of its tiles");
      }
    return {};
  }

  const Keeper& inmost(std::size_t operand) const { return kept_[operand].back(); }
  static std::int64_t slot(const Keeper& keeper, std::size_t index) { return keeper.slot_at + static_cast<std::int64_t>(index) % keeper.slots * keeper.slot_words; }
  bool has_fill(std::size_t operand, std::size_t position, std::size_t index) const {
    const Keeper& keeper = kept_[operand][position];
    return operand == 2 ? keeper.tiles[index].k_begin != 0 : keeper.words[index].elements > 0;
  }

  void ask(Progress& need, const Keeper& keeper, int cls, std::int64_t count) const {
    std::int64_t& mine = need[counter_of(keeper.engine, cls)];
    mine = std::max(mine, begin_[counter_of(keeper.engine, cls)] + count);
  }
  void ask_ended(Progress& need, std::int64_t tiles) const { need[0] = std::max(need[0], begin_[0] + tiles); }

  /// The slot of a tile is free (docs/microarchitecture.md section 5).
  void ask_slot(Progress& need, std::size_t o, std::size_t p, std::size_t index) const {
    const Keeper& keeper = kept_[o][p];
    if (index < static_cast<std::size_t>(keeper.slots)) return;
    const std::size_t old = index - static_cast<std::size_t>(keeper.slots);
    if (o == 2) ask(need, keeper, write_back_class, static_cast<std::int64_t>(old) + 1);
    if (p + 1 == kept_[o].size()) {
      if (o != 2) ask_ended(need, keeper.tiles[old].last + 1);
      return;
    }
    ask(need, kept_[o][p + 1], static_cast<int>(o), keeper.inner_fills[old]);
    if (o == 2) ask(need, kept_[o][p + 1], write_back_class, keeper.inner_tiles[old]);
  }

  /// The tile is there, or without a fill its slot.
  void ask_tile(Progress& need, std::size_t o, std::size_t p, std::size_t index) const {
    if (has_fill(o, p, index)) ask(need, kept_[o][p], static_cast<int>(o), kept_[o][p].fills[index]);
    else ask_slot(need, o, p, index);
  }

  /// The last array tile of the tile whose slot tile `index` takes, or -1.
  static std::int64_t slot_trigger(const Keeper& keeper, std::size_t index) {
    return index < static_cast<std::size_t>(keeper.slots) ? -1 : keeper.tiles[index - static_cast<std::size_t>(keeper.slots)].last;
  }
  /// The largest of the tile's and of those of the tiles around it.
  std::int64_t fill_trigger(std::size_t o, std::size_t p, std::size_t index) const {
    std::int64_t trigger = -1;
    for (std::size_t outer = p + 1; outer-- > 0; index = kept_[o][outer].tiles[index].parent) trigger = std::max(trigger, slot_trigger(kept_[o][outer], index));
    return trigger;
  }

  TransferWords transfer(std::size_t operand, std::size_t position, std::size_t index, bool write) const {
    const Keeper& keeper = kept_[operand][position];
    const TileWords& w = keeper.words[index];
    const Tile& tile = keeper.tiles[index];
    const bool sums = operand == 2 && (!write || tile.k_end != size_[at(Dim::k)]);
    const std::int64_t words = sums ? s_.shape.sum_words : 1;
    TransferWords t;
    t.write = write;
    t.engine = keeper.engine;
    t.cls = write ? write_back_class : static_cast<int>(operand);
    t.words = w.elements * words;
    t.lvl = slot(keeper, index);
    t.lstep = sums ? 1 : width(operand);
    t.need = begin_;
    if (position > 0) {  // in the outer level an element takes as many words as in the inner one
      const Keeper& outer = kept_[operand][position - 1];
      const InnerWords inner = places_.inside(operand, tile.range, w, outer.tiles[tile.parent].range, outer.words[tile.parent]);
      t.beat = s_.shape.link_beat(keeper.level, outer.level);
      t.mem = slot(outer, tile.parent) + inner.offset * width(operand);
      t.loops = inner.loops;
      t.rows = inner.rows_span;
      t.columns = inner.columns_span;
      for (auto& loop : t.loops) loop.second *= width(operand);
      if (sums) t.loops.insert(t.loops.begin(), {words, 1});
      return t;
    }
    t.bus = !s_.shape.levels[keeper.level].shared;
    t.beat = s_.beat(keeper.level);
    t.mem = sums ? place_.sums + w.mem * words : (operand == 0 ? place_.ifmap : operand == 1 ? place_.filter : place_.ofmap) + w.mem;
    t.loops = w.loops;
    t.rows = w.rows_span;
    t.columns = w.columns_span;
    if (sums && w.rows_span.total > 0) {
      for (auto& loop : t.loops) loop.second *= words;
      t.loops[0] = {words, 1};
      t.rows.step *= words;
      t.rows.stride *= words;
    } else if (sums) {
      for (auto& loop : t.loops) loop.second *= words;
      t.loops.insert(t.loops.begin(), {words, 1});
    }
    if (s_.shape.device) {
      const int bits = sums ? core_.array.accumulator_bits : core_.array.precision.bits;
      std::vector<arch::ByteRun> runs;
      arch::memory_runs(work_, static_cast<Operand>(operand), tile.range, bits, runs);
      for (const arch::ByteRun& run : runs) t.runs.push_back({(sums ? place_.device.sums : place_.device.operand[operand]) + run.offset, run.bytes});
      t.bytes = arch::packed_bytes(w.elements, bits);
      t.bytes_per_cycle = s_.bytes_per_cycle(keeper.level);
    }
    return t;
  }

  /// The order of docs/microarchitecture.md section 6.
  Expected<void> transfers() {
    struct Ordered {
      std::array<std::int64_t, 5> key;
      TransferWords words;
    };
    std::vector<Ordered> all;
    for (std::size_t o = 0; o < arch::operand_count; ++o)
      for (std::size_t p = 0; p < kept_[o].size(); ++p) {
        const Keeper& keeper = kept_[o][p];
        const auto operand = static_cast<std::int64_t>(o), entry = static_cast<std::int64_t>(keeper.entry);
        for (std::size_t q = 0; q < keeper.tiles.size(); ++q) {
          const Tile& tile = keeper.tiles[q];
          const auto around = [&](TransferWords& t) {
            if (p > 0) ask_tile(t.need, o, p - 1, tile.parent);
          };
          if (has_fill(o, p, q)) {
            TransferWords t = transfer(o, p, q, false);
            ask_slot(t.need, o, p, q);
            around(t);
            all.push_back({{fill_trigger(o, p, q), 1, tile.first, entry, operand}, t});
          }
          if (o == 2) {
            TransferWords t = transfer(o, p, q, true);
            if (p + 1 == kept_[o].size()) ask_ended(t.need, tile.last + 1);
            else ask(t.need, kept_[o][p + 1], write_back_class, keeper.inner_tiles[q]);
            around(t);
            all.push_back({{tile.last, 0, -entry, operand, static_cast<std::int64_t>(q)}, t});
          }
        }
      }
    std::sort(all.begin(), all.end(), [](const Ordered& a, const Ordered& b) { return a.key < b.key; });
    for (const Ordered& one : all)
      if (auto ok = s_.add(one.words); !ok) return ok;
    return {};
  }

  void add_config() {
    const std::size_t step = s_.array_ends.size();
    s_.config.begin();
    s_.config.set("bank", static_cast<std::int64_t>(step % 2));
    s_.config.set("need_e", step >= 2 ? s_.array_ends[step - 2] : 0);
    workloads::Convolution c;
    if (places_.windowed()) c = *work_.window;
    // Taps are counted in rows and columns.
    s_.config.set("kh", (c.kernel[0] - 1) * c.dilation[0] + 1);
    s_.config.set("kw", (c.kernel[1] - 1) * c.dilation[1] + 1);
    if (s_.shape.spread) {
      s_.config.set("dy", c.dilation[0]);
      s_.config.set("dx", c.dilation[1]);
    }
    s_.config.set("ow", c.out[1]);
    s_.config.set("h", c.in[0]);
    s_.config.set("w", c.in[1]);
    s_.config.set("sy", places_.windowed() ? c.stride[0] : 0);
    s_.config.set("sx", places_.windowed() ? c.stride[1] : 0);
    if (s_.shape.images) {
      s_.config.set("oh", c.out[0]);
      s_.config.set("y0", -c.pad_begin[0]);
    }
    s_.config.set("x0", -c.pad_begin[1]);
    s_.config.set("has_bias", place_.bias >= 0 ? 1 : 0);
    s_.config.set("relu", place_.relu ? 1 : 0);
    s_.config.set("shift", place_.shift);
  }

  Expected<void> folds() {
    auto folds = enumerate_folds(s_.design, core_, work_, mapping_);
    if (!folds) return refuse(folds.error().text());
    const std::size_t step = s_.array_ends.size();
    if (step > 60000) return refuse("more than 60000 array steps");
    add_config();
    std::size_t q[arch::operand_count] = {};
    const std::size_t bank = step % 2;
    const arch::Dataflow flow = core_.array.dataflow;
    for (std::size_t f = 0; f < folds->size(); ++f) {
      const Fold& fold = (*folds)[f];
      for (std::size_t o = 0; o < arch::operand_count; ++o)
        if (inmost(o).tiles[q[o]].last < fold.tile) ++q[o];
      s_.fold.begin();
      s_.fold.set("a_rows", fold.rows);
      s_.fold.set("a_cols", fold.cols);
      s_.fold.set("a_length", fold.length);
      s_.fold.set("a_accumulate", fold.accumulate() ? 1 : 0);
      // A work step begins when all folds of the one before have ended.
      if (s_.shape.array.overlap) s_.fold.set("a_wait", f == 0 ? (s_.now[0] > 0 ? 1 : 0) : fold.wait);
      Progress need = begin_;
      if (fold.begins_tile) {
        for (std::size_t o = 0; o < arch::operand_count; ++o)
          if (inmost(o).tiles[q[o]].first == fold.tile) ask_tile(need, o, kept_[o].size() - 1, q[o]);
      }
      s_.fold.set("g_begin", fold.begins_tile ? 1 : 0);
      s_.fold.set("g_need_c", static_cast<std::int64_t>(step) + 1);
      s_.set_needs(s_.fold, "g_", need);
      for (std::size_t o = 0; o < arch::operand_count; ++o) {
        const std::string prefix = o == 0 ? "pi_" : o == 1 ? "pf_" : "pr_";
        const bool by_columns = flow == arch::Dataflow::is ? o == 0 : o == 1;
        set_if(prefix + "lanes", by_columns ? fold.cols : fold.rows);
        set_if(prefix + "adds", fold.accumulate() ? 1 : 0);
        set_if(prefix + "odd", s_.program.folds.count % 2);
        set_if(prefix + "level", static_cast<std::int64_t>(inmost(o).level));
        if (s_.shape.banked) add_turns(prefix, o, q[o], fold);
      }
      add_ifmap(fold, q[0], static_cast<std::int64_t>(bank), flow);
      add_filter(fold, q[1], flow);
      const bool last = f + 1 == folds->size() || (*folds)[f + 1].begins_tile;
      add_result(fold, q[2], static_cast<std::int64_t>(bank), last, flow);
    }
    return {};
  }

  /// Where the fold's words lie in banks. Two tiles of an operand at most are in use together.
  void add_turns(const std::string& prefix, std::size_t o, std::size_t index, const Fold& fold) {
    const arch::Layout layout = mapping_.layout[o];
    s_.fold.set(prefix + "banked", layout == arch::Layout::streamed ? 0 : 1);
    if (layout == arch::Layout::streamed) return;
    const arch::Dataflow flow = core_.array.dataflow;
    const sim::TileMatrix matrix(static_cast<Operand>(o), layout, inmost(o).tiles[index].range);
    const auto position = [&](std::int64_t lane, std::int64_t beat) {
      const bool by_columns = flow == arch::Dataflow::is ? o == 0 : o == 1;
      const Place place = o == 2 ? result_place(flow, fold, lane, beat) : by_columns ? column_place(flow, fold, lane, beat) : row_place(flow, fold, lane, beat);
      return matrix.index(fold.g, place.first, place.second) * (o == 2 && sums_ ? core_.array.accumulator_bits : core_.array.precision.bits);
    };
    const BankPlaces places = bank_places(s_.shape);
    const DesignShape::Level& level = s_.shape.levels[inmost(o).level];
    s_.fold.set(prefix + "tag", static_cast<std::int64_t>(index % 2));
    s_.fold.set(prefix + "base", places.of(position(0, 0), level));
    s_.fold.set(prefix + "by_lane", places.of(position(1, 0) - position(0, 0), level));
    s_.fold.set(prefix + "by_beat", places.of(position(0, 1) - position(0, 0), level));
  }

  void set_if(const std::string& name, std::int64_t value) {
    if (s_.fold.has(name)) s_.fold.set(name, value);
  }

  /// Where in its tile an element of index `index` along one dimension lies.
  static std::int64_t within(const TileWords& w, const TileRange& r, Dim dim, std::int64_t index) { return (index - r.begin[at(dim)]) * w.step[at(dim)]; }

  void add_ifmap(const Fold& fold, std::size_t index, std::int64_t bank, arch::Dataflow flow) {
    const TileWords& w = inmost(0).words[index];
    const TileRange& r = inmost(0).tiles[index].range;
    DescriptorWriter& d = s_.fold;
    d.set("i_beats", flow == arch::Dataflow::is ? fold.rows : fold.length);
    d.set("i_bank", bank);
    d.set("i_base", slot(inmost(0), index) + within(w, r, Dim::g, fold.g));
    if (!places_.windowed()) {
      d.set("i_ma", within(w, r, Dim::m, fold.m));
      d.set("i_ka", within(w, r, Dim::k, fold.k));
      d.set("i_am_row", w.step[at(Dim::m)]);
      d.set("i_ak_c", w.step[at(Dim::k)]);
      set_if("i_am_image", w.step[at(Dim::m)]);
      return;
    }
    const workloads::Convolution& c = *work_.window;
    const std::int64_t taps = c.kernel[0] * c.kernel[1], pixels = c.out[0] * c.out[1], oy = fold.m % pixels / c.out[1], ox = fold.m % c.out[1];
    const std::int64_t channel = fold.k / taps, ky = fold.k % taps / c.kernel[1], kx = fold.k % c.kernel[1];
    d.set("i_ma", (fold.m / pixels - w.first_image) * w.image_words + oy * w.m_row - w.y_origin + ox * w.step[at(Dim::m)] - w.x_origin);
    d.set("i_y", oy * c.stride[0] - c.pad_begin[0]);
    d.set("i_x", ox * c.stride[1] - c.pad_begin[1]);
    d.set("i_ox", ox);
    set_if("i_oy", oy);
    set_if("i_am_image", w.image_words - (c.out[0] - 1) * w.m_row - (c.out[1] - 1) * w.step[at(Dim::m)]);
    d.set("i_ka", (channel - w.first_channel) * w.channel + ky * w.tap_y + kx * w.tap_x);
    d.set("i_ky", ky * c.dilation[0]);
    d.set("i_kx", kx * c.dilation[1]);
    d.set("i_am_x", w.step[at(Dim::m)]);
    d.set("i_am_row", w.m_row - (c.out[1] - 1) * w.step[at(Dim::m)]);
    d.set("i_ak_x", w.tap_x);
    d.set("i_ak_y", w.tap_y - (c.kernel[1] - 1) * w.tap_x);
    d.set("i_ak_c", w.channel - (c.kernel[0] - 1) * w.tap_y - (c.kernel[1] - 1) * w.tap_x);
  }

  void add_filter(const Fold& fold, std::size_t index, arch::Dataflow flow) {
    const TileWords& w = inmost(1).words[index];
    const TileRange& r = inmost(1).tiles[index].range;
    DescriptorWriter& d = s_.fold;
    const std::int64_t n_step = w.step[at(Dim::n)], k_step = w.step[at(Dim::k)];
    std::int64_t k = fold.k, lane = n_step, beat = k_step, beats = fold.length;
    if (flow == arch::Dataflow::ws) {  // the bottom row first
      k += fold.rows - 1;
      beat = -k_step;
      beats = fold.rows;
    } else if (flow == arch::Dataflow::is) {
      lane = k_step;
      beat = n_step;
    }
    d.set("f_beats", beats);
    d.set("f_base", slot(inmost(1), index) + within(w, r, Dim::g, fold.g) + within(w, r, Dim::n, fold.n) + within(w, r, Dim::k, k));
    d.set("f_ls", lane);
    d.set("f_bs", beat);
  }

  void add_result(const Fold& fold, std::size_t index, std::int64_t bank, bool last, arch::Dataflow flow) {
    const TileWords& w = inmost(2).words[index];
    const TileRange& r = inmost(2).tiles[index].range;
    const std::int64_t wide = width(2), k_part = flow == arch::Dataflow::os ? fold.length : fold.rows;
    const bool swapped = flow == arch::Dataflow::is;
    DescriptorWriter& d = s_.fold;
    d.set("r_beats", flow == arch::Dataflow::os ? fold.rows : fold.length);
    d.set("r_cols", fold.cols);
    d.set("r_bank", bank);
    d.set("r_final", fold.k + k_part == size_[at(Dim::k)] ? 1 : 0);
    d.set("r_last", last ? 1 : 0);
    d.set("r_base", slot(inmost(2), index) + (within(w, r, Dim::g, fold.g) + within(w, r, Dim::m, fold.m) + within(w, r, Dim::n, fold.n)) * wide);
    d.set("r_ls", w.step[at(swapped ? Dim::m : Dim::n)] * wide);
    d.set("r_bs", w.step[at(swapped ? Dim::n : Dim::m)] * wide);
    const std::int64_t column = work_.window ? fold.g * size_[at(Dim::n)] + fold.n : fold.n;
    d.set("r_bias", place_.bias >= 0 ? place_.bias + column : 0);
  }
};

}  // namespace

Expected<void> compile_array_step(ProgramState& state, const arch::ArrayWork& work, const arch::StepMapping& mapping, const ArrayPlace& place) {
  return ArrayCompiler(state, work, mapping, place).run();
}

}  // namespace gnomon::hls
