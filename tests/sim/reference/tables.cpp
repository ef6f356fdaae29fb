#include "tables.hpp"

#include <algorithm>
#include <functional>

namespace gnomon::sim::reference {
namespace {

using arch::Dim;

std::size_t at(Dim dim) { return static_cast<std::size_t>(dim); }
std::int64_t up(std::int64_t a, std::int64_t b) { return (a + b - 1) / b; }

/// All combinations of the loops, outer to inner.
void cut(const arch::TileRange& range, const std::vector<arch::Loop>& loops, std::size_t depth, std::vector<std::int64_t>& index,
         const std::function<void(const arch::TileRange&, const std::vector<std::int64_t>&)>& use) {
  if (depth == loops.size()) {
    use(range, index);
    return;
  }
  const std::size_t d = at(loops[depth].dim);
  const std::int64_t piece = up(range.end[d] - range.begin[d], loops[depth].count);
  std::int64_t i = 0;
  for (std::int64_t begin = range.begin[d]; begin < range.end[d]; begin += piece, ++i) {
    arch::TileRange inner = range;
    inner.begin[d] = begin;
    inner.end[d] = std::min(begin + piece, range.end[d]);
    index[depth] = i;
    cut(inner, loops, depth + 1, index, use);
  }
}

bool relevant(int operand, Dim dim) {
  static const std::string letters[3] = {"gmk", "gnk", "gmn"};
  return letters[operand].find(arch::letter(dim)) != std::string::npos;
}

}  // namespace

Tables make_tables(const arch::Design& design, const Job& job) {
  const arch::Core& core = design.cores[job.core];
  const arch::Array& array = core.array;
  const arch::ArrayWork& work = *job.work;
  const arch::StepMapping& mapping = *job.mapping;
  const bool os = array.dataflow == arch::Dataflow::os;
  Tables out;

  std::vector<arch::Loop> loops;
  std::vector<std::size_t> outside;
  for (const arch::LevelLoops& entry : mapping.levels) {
    outside.push_back(loops.size());
    loops.insert(loops.end(), entry.loops.begin(), entry.loops.end());
  }
  arch::TileRange whole;
  for (int d = 0; d < 4; ++d) whole.end[d] = work.extent[d];
  std::vector<std::int64_t> index(loops.size());
  cut(whole, loops, 0, index, [&](const arch::TileRange& range, const auto& i) { out.tiles.push_back({range, i}); });

  // Tiles in levels.
  for (int o = 0; o < 3; ++o) {
    for (std::size_t e = 1; e < mapping.levels.size(); ++e) {
      if (!mapping.levels[e].keeps[o]) continue;
      Entry entry;
      entry.entry = e;
      entry.slots = level_of(design, job.core, e).double_buffered ? 2 : 1;
      for (std::size_t i = 0; i < out.tiles.size(); ++i) {
        bool fresh = i == 0;
        for (std::size_t l = 0; l < outside[e] && !fresh; ++l) fresh = relevant(o, loops[l].dim) && out.tiles[i].index[l] != out.tiles[i - 1].index[l];
        if (fresh) {
          LevelTile tile;
          tile.first = static_cast<std::int64_t>(i);
          tile.range = out.tiles[i].range;
          entry.tiles.push_back(tile);
        }
        LevelTile& tile = entry.tiles.back();
        tile.last = static_cast<std::int64_t>(i);
        for (int d = 0; d < 4; ++d) {
          tile.range.begin[d] = std::min(tile.range.begin[d], out.tiles[i].range.begin[d]);
          tile.range.end[d] = std::max(tile.range.end[d], out.tiles[i].range.end[d]);
        }
        entry.of.push_back(static_cast<std::int64_t>(entry.tiles.size()) - 1);
      }
      for (LevelTile& tile : entry.tiles) {
        if (!out.chain[o].empty()) tile.parent = out.chain[o].back().of[static_cast<std::size_t>(tile.first)];
        tile.elements = arch::tile_elements(work, static_cast<arch::Operand>(o), tile.range);
      }
      out.chain[o].push_back(std::move(entry));
    }
  }

  // Folds.
  const std::size_t rows = at(os ? Dim::m : Dim::k);
  const std::size_t cols = at(array.dataflow == arch::Dataflow::is ? Dim::m : Dim::n);
  const std::size_t along = at(os ? Dim::k : array.dataflow == arch::Dataflow::ws ? Dim::m : Dim::n);
  for (std::size_t i = 0; i < out.tiles.size(); ++i) {
    bool first = true;
    for (std::int64_t product = out.tiles[i].range.begin[0]; product < out.tiles[i].range.end[0]; ++product) {
      std::vector<std::int64_t> unused(mapping.folds.size());
      cut(out.tiles[i].range, mapping.folds, 0, unused, [&](const arch::TileRange& range, const auto&) {
        FoldRow fold;
        fold.tile = static_cast<std::int64_t>(i);
        fold.first_of_tile = first;
        fold.product = product;
        fold.m = range.begin[1];
        fold.n = range.begin[2];
        fold.k = range.begin[3];
        fold.r = range.end[rows] - range.begin[rows];
        fold.c = range.end[cols] - range.begin[cols];
        fold.t = range.end[along] - range.begin[along];
        fold.adds = range.begin[3] > 0;
        fold.is_final = range.end[3] == work.extent[3];
        out.sums = out.sums || fold.adds;
        out.folds.push_back(fold);
        first = false;
      });
    }
  }

  // Steps.
  out.tile_end.assign(out.tiles.size(), 0);
  std::int64_t largest = 0;
  for (std::size_t f = 0; f < out.folds.size(); ++f) {
    FoldRow& fold = out.folds[f];
    const std::int64_t lead = os ? 0 : fold.r;
    if (f == 0) {
      fold.X = lead;
    } else if (!array.overlap) {
      fold.X = out.folds[f - 1].e + lead;
    } else {
      const FoldRow& before = out.folds[f - 1];
      const std::int64_t delta = os ? std::max(before.t, (before.r - 1) + (before.c - 1) + before.r + std::max<std::int64_t>(0, before.t - fold.t))
                                    : std::max(before.t + std::max<std::int64_t>(0, before.r - fold.r), fold.r);
      fold.X = before.X + delta;
      for (int o = 0; o < 3 && fold.first_of_tile; ++o) {
        for (const Entry& entry : out.chain[o]) {
          const std::int64_t q = entry.of[static_cast<std::size_t>(fold.tile)];
          if (entry.tiles[static_cast<std::size_t>(q)].first != fold.tile || q < entry.slots) continue;
          const LevelTile& old = entry.tiles[static_cast<std::size_t>(q - entry.slots)];
          fold.X = std::max(fold.X, out.tile_end[static_cast<std::size_t>(old.last)] + lead);
        }
      }
    }
    fold.P = fold.X - lead;
    fold.D = fold.X + fold.t + (fold.r - 1) + (fold.c - 1);
    fold.e = os ? fold.D + fold.r : fold.D;
    largest = std::max(largest, fold.e);
    out.tile_end[static_cast<std::size_t>(fold.tile)] = largest;
  }

  // Transfers.
  const auto k_begins = [&](std::int64_t tile) { return out.tiles[static_cast<std::size_t>(tile)].range.begin[3] == 0; };
  const auto k_ends = [&](std::int64_t tile) { return out.tiles[static_cast<std::size_t>(tile)].range.end[3] == work.extent[3]; };
  const std::size_t shared = design.shared.size();
  for (int o = 0; o < 3; ++o) {
    for (std::size_t p = 0; p < out.chain[o].size(); ++p) {
      const Entry& entry = out.chain[o][p];
      for (std::size_t q = 0; q < entry.tiles.size(); ++q) {
        const LevelTile& tile = entry.tiles[q];
        for (const bool fill : {true, false}) {
          if (!fill && o != 2) continue;
          if (fill && o == 2 && k_begins(tile.first)) continue;
          const std::int64_t bits = o == 2 && (fill || !k_ends(tile.last)) ? array.accumulator_bits : array.precision.bits;
          Transfer t;
          t.fill = fill;
          t.operand = o;
          t.position = p + 1;
          t.tile = static_cast<std::int64_t>(q);
          t.bytes = (tile.elements * bits + 7) / 8;
          if (t.bytes == 0) continue;
          t.trigger = tile.last;
          if (fill) {
            t.trigger = -1;
            for (std::size_t up_to = 0; up_to <= p; ++up_to) {
              const Entry& holder = out.chain[o][up_to];
              const std::int64_t around = holder.of[static_cast<std::size_t>(tile.first)];
              if (around >= holder.slots) t.trigger = std::max(t.trigger, holder.tiles[static_cast<std::size_t>(around - holder.slots)].last);
            }
          }
          std::vector<std::int64_t> rates{level_of(design, job.core, entry.entry).bytes_per_cycle};
          const bool inner_in_core = entry.entry > shared;
          bool outer_in_core = false;
          if (p > 0) {
            outer_in_core = out.chain[o][p - 1].entry > shared;
            rates.push_back(level_of(design, job.core, out.chain[o][p - 1].entry).bytes_per_cycle);
            if (outer_in_core == inner_in_core) t.links.push_back(level_link(design, job.core, entry.entry));
          } else {
            t.links.push_back(0);
            rates.push_back(design.memory.bytes_per_cycle);
            t.latency = design.memory.latency_cycles;
          }
          if (inner_in_core != outer_in_core) {
            t.links.push_back(1);
            rates.push_back(design.bus_bytes_per_cycle);
          }
          t.cycles = up(t.bytes, *std::min_element(rates.begin(), rates.end()));
          out.transfers.push_back(t);
        }
      }
    }
  }
  const auto first_tile = [&](const Transfer& t) { return out.chain[t.operand][t.position - 1].tiles[static_cast<std::size_t>(t.tile)].first; };
  const auto entry_of = [&](const Transfer& t) { return static_cast<std::int64_t>(out.chain[t.operand][t.position - 1].entry); };
  std::sort(out.transfers.begin(), out.transfers.end(), [&](const Transfer& a, const Transfer& b) {
    if (a.trigger != b.trigger) return a.trigger < b.trigger;
    if (a.fill != b.fill) return b.fill;
    if (!a.fill) return std::tuple(-entry_of(a), a.operand, a.tile) < std::tuple(-entry_of(b), b.operand, b.tile);
    return std::tuple(first_tile(a), entry_of(a), a.operand) < std::tuple(first_tile(b), entry_of(b), b.operand);
  });
  for (std::size_t t = 0; t < out.transfers.size(); ++t) {
    const Transfer& transfer = out.transfers[t];
    LevelTile& tile = out.chain[transfer.operand][transfer.position - 1].tiles[static_cast<std::size_t>(transfer.tile)];
    (transfer.fill ? tile.fill : tile.write_back) = static_cast<int>(t);
  }
  return out;
}

}  // namespace gnomon::sim::reference
