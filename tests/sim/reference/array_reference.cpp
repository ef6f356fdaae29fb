#include <algorithm>

#include "tables.hpp"

namespace gnomon::sim::reference {
namespace {

struct Word {
  std::int64_t value = 0;
  bool there = false;
};

/// One slot of a level, or the memory: all words of an operand, of which a tile's are there.
struct Store {
  std::int64_t tile = -1;
  std::vector<Word> words;
};

struct Pe {
  std::int64_t held[2] = {0, 0};           // ws, is: stationary registers
  std::int64_t right = 0, down = 0;        // to the next column, to the next row
  std::int64_t sum = 0, aside = 0;         // os: accumulator, and the finished one
  std::int64_t beat = -1;                  // which element of the stream `right` is, -1: none
  std::int64_t fold = -1;                  // and of which fold
};

class ArrayReference : public Work {
 public:
  ArrayReference(const arch::Design& design, const Job& job, Random random)
      : design_(design), job_(job), core_(design.cores[job.core]), work_(*job.work), tables_(make_tables(design, job)), random_(random) {
    rows_ = core_.array.rows;
    cols_ = core_.array.cols;
    pes_.resize(static_cast<std::size_t>(rows_ * cols_));
    transfers = tables_.transfers;
    for (const FoldRow& fold : tables_.folds) steps_ = std::max(steps_, fold.e);
    outcome.level.resize(core_.levels.size() + design.shared.size());
    draw();
    for (int o = 0; o < 3; ++o) {
      for (const Entry& entry : tables_.chain[o]) stores_[o].emplace_back(static_cast<std::size_t>(entry.slots), Store{-1, std::vector<Word>(size(o))});
    }
  }

  void end(std::int64_t now) override {
    if (running_ && now == step_end_) {
      running_ = false;
      ++steps_done_;
    }
  }

  bool begin(std::int64_t now) override {
    if (running_ || steps_done_ == steps_) return false;
    for (const FoldRow& fold : tables_.folds) {
      if (fold.P != steps_done_ || !fold.first_of_tile) continue;
      for (int o = 0; o < 3; ++o) {
        const std::size_t innermost = tables_.chain[o].size() - 1;
        if (!ready(o, innermost, tables_.chain[o][innermost].of[static_cast<std::size_t>(fold.tile)])) return false;
      }
    }
    const std::int64_t price = do_step(steps_done_);
    outcome.compute += price;
    step_end_ = now + price;
    if (job_.log_steps) {
      Step step{now - outcome.start, price, {}};
      for (const auto& [what, words] : moved_) step.moves.push_back({std::get<0>(what), std::get<1>(what), std::get<2>(what), words});
      outcome.steps.push_back(std::move(step));
    }
    running_ = true;
    return true;
  }

  bool worked_off() const override { return steps_done_ == steps_; }

  bool may_start(const Transfer& t) const override {
    const std::size_t p = t.position - 1;
    const LevelTile& tile = tile_of(t);
    const bool parent_ready = p == 0 || ready(t.operand, p - 1, tile.parent);
    if (t.fill) return parent_ready && slot_free(t.operand, p, t.tile);
    if (p + 1 == tables_.chain[2].size()) return parent_ready && steps_done_ >= tables_.tile_end[static_cast<std::size_t>(tile.last)];
    return parent_ready && inner_complete(t.operand, p, t.tile, false);
  }

  void start(Transfer& t) override {
    const LevelTile& tile = tile_of(t);
    const std::size_t p = t.position - 1;
    const auto level = level_count(tables_.chain[t.operand][p].entry);
    Bytes& inner = outcome.level[level];
    (t.fill ? inner.write : inner.read) += t.bytes;
    if (p == 0) {
      (t.fill ? outcome.dram_read : outcome.dram_write) += t.bytes;
    } else {
      Bytes& outer = outcome.level[level_count(tables_.chain[t.operand][p - 1].entry)];
      (t.fill ? outer.read : outer.write) += t.bytes;
    }
    if (std::find(t.links.begin(), t.links.end(), 1) != t.links.end()) outcome.bus += t.bytes;
    // The words leave their place at the start; the new ones are there when the transfer is complete.
    std::vector<Word>& cargo = cargo_[&t];
    Store* from = nullptr;
    if (t.fill) {
      slot(t.operand, p, t.tile) = Store{t.tile, std::vector<Word>(size(t.operand))};
      from = p == 0 ? &memory_[t.operand] : &slot(t.operand, p - 1, tile.parent);
      if (p > 0 && from->tile != tile.parent) fault("a fill from a tile that is not there");
    } else {
      from = &slot(t.operand, p, t.tile);
      if (from->tile != t.tile) fault("a write-back of a tile that is not there");
      if (p > 0 && slot(t.operand, p - 1, tile.parent).tile != tile.parent) {
        slot(t.operand, p - 1, tile.parent) = Store{tile.parent, std::vector<Word>(size(t.operand))};
      }
    }
    cargo.resize(size(t.operand));
    for_words(t.operand, tile.range, [&](std::size_t w) {
      if (padding(t.operand, w)) return;
      if (!from->words[w].there) fault(t.fill ? "a fill of words that are not there" : "a write-back of words that are not there");
      cargo[w] = from->words[w];
    });
  }

  void complete(Transfer& t) override {
    const LevelTile& tile = tile_of(t);
    const std::size_t p = t.position - 1;
    Store& to = t.fill ? slot(t.operand, p, t.tile) : p == 0 ? memory_[t.operand] : slot(t.operand, p - 1, tile.parent);
    if (t.fill ? to.tile != t.tile : p > 0 && to.tile != tile.parent) fault("the tile has lost its slot during a transfer");
    const std::vector<Word>& cargo = cargo_[&t];
    for_words(t.operand, tile.range, [&](std::size_t w) { to.words[w] = cargo[w]; });
    cargo_.erase(&t);
  }

  void check() override {
    for (std::int64_t g = 0; g < work_.extent[0]; ++g) {
      for (std::int64_t m = 0; m < work_.extent[1]; ++m) {
        for (std::int64_t n = 0; n < work_.extent[2]; ++n) {
          std::int64_t sum = 0;
          for (std::int64_t k = 0; k < work_.extent[3]; ++k) sum = wrap(sum + original_[0][word(0, g, m, k)] * original_[1][word(1, g, k, n)]);
          const Word& result = memory_[2].words[word(2, g, m, n)];
          if (!result.there) return fault("a result has not reached the memory");
          if (result.value != sum) return fault("a result is wrong");
        }
      }
    }
  }

 private:
  const arch::Design& design_;
  const Job& job_;
  const arch::Core& core_;
  const arch::ArrayWork& work_;
  Tables tables_;
  Random random_;
  std::int64_t rows_ = 0, cols_ = 0, steps_ = 0, steps_done_ = 0, step_end_ = 0;
  bool running_ = false;
  std::vector<Pe> pes_;
  std::vector<std::int64_t> original_[2];
  std::vector<bool> is_padding_;
  Store memory_[3];
  std::vector<std::vector<Store>> stores_[3];  // by position in the chain and slot
  std::map<const Transfer*, std::vector<Word>> cargo_;

  // What the present step moves: elements by fold, operand, direction; words by port and bank.
  std::map<std::tuple<std::size_t, int, bool>, std::int64_t> moved_;
  std::map<std::tuple<std::size_t, bool, std::int64_t>, std::set<std::tuple<int, std::int64_t, std::int64_t>>> banks_;

  void fault(const std::string& what) {
    if (outcome.error.empty()) outcome.error = what + " (step " + std::to_string(steps_done_) + ")";
  }

  // ---- words ----

  std::int64_t extent(int operand, int which) const {
    static constexpr int dims[3][2] = {{1, 3}, {3, 2}, {1, 2}};
    return work_.extent[dims[operand][which]];
  }
  std::size_t size(int operand) const { return static_cast<std::size_t>(work_.extent[0] * extent(operand, 0) * extent(operand, 1)); }
  std::size_t word(int operand, std::int64_t g, std::int64_t row, std::int64_t col) const {
    return static_cast<std::size_t>((g * extent(operand, 0) + row) * extent(operand, 1) + col);
  }
  template <class Use>
  void for_words(int operand, const arch::TileRange& range, Use use) const {
    static constexpr int dims[3][2] = {{1, 3}, {3, 2}, {1, 2}};
    for (std::int64_t g = range.begin[0]; g < range.end[0]; ++g) {
      for (std::int64_t row = range.begin[dims[operand][0]]; row < range.end[dims[operand][0]]; ++row) {
        for (std::int64_t col = range.begin[dims[operand][1]]; col < range.end[dims[operand][1]]; ++col) use(word(operand, g, row, col));
      }
    }
  }
  bool padding(int operand, std::size_t w) const { return operand == 0 && is_padding_[w]; }
  std::int64_t wrap(std::int64_t value) const {
    const int bits = core_.array.accumulator_bits;
    const auto shifted = static_cast<std::uint64_t>(value) << (64 - bits);
    return static_cast<std::int64_t>(shifted) >> (64 - bits);
  }

  /// Random inputs; taps of a convolution that fall into the padding are zeros that nobody stores.
  void draw() {
    const int bits = std::min(core_.array.precision.bits, 16);
    const auto any = [&] { return random_.integer(-(std::int64_t{1} << (bits - 1)), (std::int64_t{1} << (bits - 1)) - 1); };
    is_padding_.assign(size(0), false);
    for (int o = 0; o < 2; ++o) {
      original_[o].resize(size(o));
      for (std::int64_t& value : original_[o]) value = any();
    }
    if (work_.window) {
      const workloads::Convolution& c = *work_.window;
      const std::int64_t taps = c.kernel[0] * c.kernel[1];
      for (std::int64_t g = 0; g < work_.extent[0]; ++g) {
        for (std::int64_t m = 0; m < work_.extent[1]; ++m) {
          for (std::int64_t k = 0; k < work_.extent[3]; ++k) {
            const std::int64_t pixel = m % (c.out[0] * c.out[1]), tap = k % taps;
            const std::int64_t y = pixel / c.out[1] * c.stride[0] - c.pad_begin[0] + tap / c.kernel[1] * c.dilation[0];
            const std::int64_t x = pixel % c.out[1] * c.stride[1] - c.pad_begin[1] + tap % c.kernel[1] * c.dilation[1];
            if (y >= 0 && y < c.in[0] && x >= 0 && x < c.in[1]) continue;
            is_padding_[word(0, g, m, k)] = true;
            original_[0][word(0, g, m, k)] = 0;
          }
        }
      }
    }
    for (int o = 0; o < 3; ++o) {
      memory_[o].words.resize(size(o));
      for (std::size_t w = 0; w < size(o) && o < 2; ++w) memory_[o].words[w] = {original_[o][w], true};
    }
  }

  // ---- tiles ----

  std::size_t level_count(std::size_t entry) const {
    const std::size_t shared = design_.shared.size();
    return entry > shared ? core_.levels.size() - (entry - shared) : core_.levels.size() + shared - entry;
  }
  const LevelTile& tile_of(const Transfer& t) const { return tables_.chain[t.operand][t.position - 1].tiles[static_cast<std::size_t>(t.tile)]; }
  Store& slot(int operand, std::size_t position, std::int64_t tile) {
    auto& slots = stores_[operand][position];
    return slots[static_cast<std::size_t>(tile) % slots.size()];
  }
  bool is_complete(int transfer) const { return transfer < 0 || transfers[static_cast<std::size_t>(transfer)].complete; }

  /// All fills out of a tile of an outer entry (`fills`) and all write-backs into it.
  bool inner_complete(int operand, std::size_t position, std::int64_t tile, bool fills) const {
    for (const LevelTile& inner : tables_.chain[operand][position + 1].tiles) {
      if (inner.parent != tile) continue;
      if (fills && !is_complete(inner.fill)) return false;
      if (!is_complete(inner.write_back)) return false;
    }
    return true;
  }
  bool slot_free(int operand, std::size_t position, std::int64_t tile) const {
    const Entry& entry = tables_.chain[operand][position];
    if (tile < entry.slots) return true;
    const std::int64_t before = tile - entry.slots;
    const LevelTile& old = entry.tiles[static_cast<std::size_t>(before)];
    if (position + 1 == tables_.chain[operand].size()) {
      return operand == 2 ? is_complete(old.write_back) : steps_done_ >= tables_.tile_end[static_cast<std::size_t>(old.last)];
    }
    return ready(operand, position, before) && inner_complete(operand, position, before, true) && is_complete(old.write_back);
  }
  bool ready(int operand, std::size_t position, std::int64_t tile) const {
    const LevelTile& here = tables_.chain[operand][position].tiles[static_cast<std::size_t>(tile)];
    return here.fill >= 0 ? is_complete(here.fill) : slot_free(operand, position, tile);
  }

  // ---- what passes the innermost levels' ports ----

  std::size_t innermost(int operand) const { return level_count(tables_.chain[operand].back().entry); }

  void count(std::size_t fold, int operand, bool write, std::int64_t row, std::int64_t col) {
    ++moved_[{fold, operand, write}];
    const arch::Layout layout = job_.mapping->layout[operand];
    if (layout == arch::Layout::streamed) return;
    const Entry& entry = tables_.chain[operand].back();
    const std::int64_t q = entry.of[static_cast<std::size_t>(tables_.folds[fold].tile)];
    const arch::TileRange& range = entry.tiles[static_cast<std::size_t>(q)].range;
    static constexpr int dims[3][2] = {{1, 3}, {3, 2}, {1, 2}};
    const std::int64_t rows = range.end[dims[operand][0]] - range.begin[dims[operand][0]];
    const std::int64_t cols = range.end[dims[operand][1]] - range.begin[dims[operand][1]];
    const std::int64_t y = row - range.begin[dims[operand][0]], x = col - range.begin[dims[operand][1]];
    const std::int64_t matrix = tables_.folds[fold].product - range.begin[0];
    const std::int64_t index = matrix * rows * cols + (layout == arch::Layout::row_major ? y * cols + x : x * rows + y);
    const arch::Level& level = level_of(design_, job_.core, entry.entry);
    const std::int64_t bits = operand == 2 && tables_.sums ? core_.array.accumulator_bits : core_.array.precision.bits;
    const std::int64_t bank_word = index * bits / 8 / std::max<std::int64_t>(1, level.bytes_per_cycle / level.banks);
    banks_[{innermost(operand), write, bank_word % level.banks}].insert({operand, q, bank_word});
  }

  std::int64_t read(std::size_t fold, int operand, std::int64_t row, std::int64_t col) {
    count(fold, operand, false, row, col);
    const std::size_t w = word(operand, tables_.folds[fold].product, row, col);
    if (padding(operand, w)) return 0;
    const Entry& entry = tables_.chain[operand].back();
    const std::int64_t q = entry.of[static_cast<std::size_t>(tables_.folds[fold].tile)];
    const Store& store = slot(operand, tables_.chain[operand].size() - 1, q);
    if (store.tile != q || !store.words[w].there) fault("the array reads a word that is not there");
    return store.words[w].value;
  }

  void write_result(std::size_t fold, std::int64_t m, std::int64_t n, std::int64_t value) {
    if (tables_.folds[fold].adds) value = wrap(value + read(fold, 2, m, n));
    count(fold, 2, true, m, n);
    const Entry& entry = tables_.chain[2].back();
    const std::int64_t q = entry.of[static_cast<std::size_t>(tables_.folds[fold].tile)];
    Store& store = slot(2, tables_.chain[2].size() - 1, q);
    if (store.tile != q) store = Store{q, std::vector<Word>(size(2))};
    store.words[word(2, tables_.folds[fold].product, m, n)] = {value, true};
  }

  std::int64_t price() {
    std::map<std::pair<std::size_t, bool>, std::int64_t> bytes;
    for (const auto& [what, elements] : moved_) {
      const auto& [fold, operand, write] = what;
      const bool sums = operand == 2 && (!write || !tables_.folds[fold].is_final);
      const std::int64_t bits = sums ? core_.array.accumulator_bits : core_.array.precision.bits;
      const std::int64_t row = (elements * bits + 7) / 8;
      bytes[{innermost(operand), write}] += row;
      Bytes& level = outcome.level[innermost(operand)];
      (write ? level.write : level.read) += row;
    }
    std::int64_t cycles = 1;
    for (const auto& [port, sum] : bytes) {
      const std::int64_t rate = core_.levels[port.first].bytes_per_cycle;
      cycles = std::max(cycles, (sum + rate - 1) / rate);
    }
    for (const auto& [bank, words] : banks_) cycles = std::max(cycles, static_cast<std::int64_t>(words.size()));
    return cycles;
  }

  // ---- the array ----

  Pe& pe(std::int64_t i, std::int64_t j) { return pes_[static_cast<std::size_t>(i * cols_ + j)]; }

  std::int64_t do_step(std::int64_t s) {
    moved_.clear();
    banks_.clear();
    if (core_.array.dataflow == arch::Dataflow::os) {
      step_os(s);
    } else {
      step_held(s);
    }
    return price();
  }

  void step_held(std::int64_t s) {
    const bool ws = core_.array.dataflow == arch::Dataflow::ws;
    const bool overlap = core_.array.overlap;
    const auto bank = [&](std::size_t f) { return overlap ? f % 2 : 0; };
    // The row of stationary words that a column takes in at this step, and the word that a row takes in at its left end.
    struct Shift {
      std::size_t fold;
      std::int64_t column, arrived, value;  // words that the column has taken in before
    };
    std::vector<Shift> shifts;
    std::vector<Pe> left(static_cast<std::size_t>(rows_));
    for (std::size_t f = 0; f < tables_.folds.size(); ++f) {
      const FoldRow& fold = tables_.folds[f];
      if (s < fold.P || s >= fold.e) continue;
      for (std::int64_t j = 0; j < fold.c; ++j) {
        const std::int64_t u = s - fold.P - (overlap ? j : 0);
        if (u < 0 || u >= fold.r) continue;
        const std::int64_t k = fold.k + fold.r - 1 - u;
        shifts.push_back({f, j, u, ws ? read(f, 1, k, fold.n + j) : read(f, 0, fold.m + j, k)});
      }
      for (std::int64_t i = 0; i < fold.r; ++i) {
        const std::int64_t t = s - fold.X - i;
        if (t < 0 || t >= fold.t) continue;
        Pe& edge = left[static_cast<std::size_t>(i)];
        if (edge.beat >= 0) fault("two folds enter a row in one step");
        edge.right = ws ? read(f, 0, fold.m + t, fold.k + i) : read(f, 1, fold.k + i, fold.n + t);
        edge.beat = t;
        edge.fold = static_cast<std::int64_t>(f);
      }
    }
    // Against the direction of movement, so that every PE sees its neighbours' registers of the step before.
    for (std::int64_t i = rows_ - 1; i >= 0; --i) {
      for (std::int64_t j = cols_ - 1; j >= 0; --j) {
        const Pe& from = j == 0 ? left[static_cast<std::size_t>(i)] : pe(i, j - 1);
        Pe& here = pe(i, j);
        const std::int64_t above = i == 0 ? 0 : pe(i - 1, j).down;
        here.right = from.right;
        here.beat = from.beat;
        here.fold = from.fold;
        here.down = above;
        if (here.beat >= 0) here.down = wrap(above + here.right * here.held[bank(static_cast<std::size_t>(here.fold))]);
      }
    }
    std::set<std::int64_t> taken;
    for (std::size_t f = 0; f < tables_.folds.size(); ++f) {
      const FoldRow& fold = tables_.folds[f];
      if (s < fold.P || s >= fold.e) continue;
      for (std::int64_t j = 0; j < fold.c; ++j) {
        const std::int64_t t = s - fold.X - (fold.r - 1) - j;
        if (t < 0 || t >= fold.t) continue;
        if (!taken.insert(j).second) fault("two folds leave a column in one step");
        const Pe& exit = pe(fold.r - 1, j);
        if (exit.fold != static_cast<std::int64_t>(f) || exit.beat != t) fault("another result stands at the exit");
        if (ws) {
          write_result(f, fold.m + t, fold.n + j, exit.down);
        } else {
          write_result(f, fold.m + j, fold.n + t, exit.down);
        }
      }
    }
    for (const Shift& shift : shifts) {
      const std::size_t b = bank(shift.fold);
      for (std::int64_t i = shift.arrived; i > 0; --i) pe(i, shift.column).held[b] = pe(i - 1, shift.column).held[b];
      pe(0, shift.column).held[b] = shift.value;
    }
  }

  void step_os(std::int64_t s) {
    const bool overlap = core_.array.overlap;
    std::vector<Pe> left(static_cast<std::size_t>(rows_)), top(static_cast<std::size_t>(cols_));
    for (std::size_t f = 0; f < tables_.folds.size(); ++f) {
      const FoldRow& fold = tables_.folds[f];
      if (s < fold.P || s >= fold.e) continue;
      for (std::int64_t i = 0; i < fold.r; ++i) {
        const std::int64_t t = s - fold.X - i;
        if (t < 0 || t >= fold.t) continue;
        Pe& edge = left[static_cast<std::size_t>(i)];
        edge.right = read(f, 0, fold.m + i, fold.k + t);
        edge.beat = t;
        edge.fold = static_cast<std::int64_t>(f);
      }
      for (std::int64_t j = 0; j < fold.c; ++j) {
        const std::int64_t t = s - fold.X - j;
        if (t >= 0 && t < fold.t) top[static_cast<std::size_t>(j)].down = read(f, 1, fold.k + t, fold.n + j);
      }
      // A row leaves at the top, the rows below move up.
      if (s >= fold.D) {
        for (std::int64_t j = 0; j < fold.c; ++j) {
          const auto reg = [&](std::int64_t i) -> std::int64_t& { return overlap ? pe(i, j).aside : pe(i, j).sum; };
          write_result(f, fold.m + (s - fold.D), fold.n + j, reg(0));
          for (std::int64_t i = 0; i + 1 < fold.r; ++i) reg(i) = reg(i + 1);
        }
      }
    }
    for (std::int64_t i = rows_ - 1; i >= 0; --i) {
      for (std::int64_t j = cols_ - 1; j >= 0; --j) {
        const Pe& from = j == 0 ? left[static_cast<std::size_t>(i)] : pe(i, j - 1);
        Pe& here = pe(i, j);
        here.down = i == 0 ? top[static_cast<std::size_t>(j)].down : pe(i - 1, j).down;
        here.right = from.right;
        here.beat = from.beat;
        here.fold = from.fold;
        if (here.beat < 0) continue;
        const FoldRow& fold = tables_.folds[static_cast<std::size_t>(here.fold)];
        if (j >= fold.c) continue;
        here.sum = wrap((here.beat == 0 ? 0 : here.sum) + here.right * here.down);
        if (overlap && here.beat == fold.t - 1) here.aside = here.sum;
      }
    }
  }
};

}  // namespace

std::unique_ptr<Work> array_work(const arch::Design& design, const Job& job, Random random) {
  return std::make_unique<ArrayReference>(design, job, random);
}

}  // namespace gnomon::sim::reference
