#pragma once

#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/sim/result.hpp"

namespace gnomon::test {

/// What docs/microarchitecture.md says about a step of array work, found by writing every element of every movement down. Shares no code with the
/// model: loops are cut, folds placed and tiles told apart here again.
struct Walked {
  std::int64_t compute_cycles = 0;
  std::int64_t folds = 0;
  std::int64_t array_tiles = 0;
  std::int64_t macs = 0;
  sim::PortBytes array[arch::operand_count];
  sim::Counts counts;
};

class Walker {
 public:
  Walker(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work, const arch::StepMapping& mapping)
      : design_(design), core_(core), work_(work), mapping_(mapping) {}

  Walked run() {
    for (std::size_t i = 0; i < mapping_.levels.size(); ++i) {
      for (const arch::Loop& loop : mapping_.levels[i].loops) loops_.push_back({i, loop});
    }
    arch::TileRange all;
    for (int d = 0; d < 4; ++d) all.end[d] = work_.extent[d];
    std::vector<std::int64_t> index;
    cut(0, all, index);
    place();
    price();
    transfers();
    return out_;
  }

 private:
  struct NestLoop {
    std::size_t entry;
    arch::Loop loop;
  };
  struct Tile {
    arch::TileRange range;
    std::vector<std::int64_t> index;
    std::vector<arch::TileRange> around;  // after each loop
  };
  struct Fold {
    std::size_t tile;
    arch::TileRange range;
    std::int64_t r, c, t, x = 0, p = 0, e = 0;
  };
  const arch::Design& design_;
  const arch::Core& core_;
  const arch::ArrayWork& work_;
  const arch::StepMapping& mapping_;
  std::vector<NestLoop> loops_;
  std::vector<Tile> tiles_;
  std::vector<Fold> folds_;
  std::vector<arch::TileRange> trail_;
  Walked out_;

  static int at(arch::Dim d) { return static_cast<int>(d); }

  void cut(std::size_t depth, const arch::TileRange& range, std::vector<std::int64_t>& index) {
    if (depth == loops_.size()) {
      tiles_.push_back({range, index, trail_});
      return;
    }
    const int d = at(loops_[depth].loop.dim);
    const std::int64_t n = loops_[depth].loop.count;
    const std::int64_t size = (range.end[d] - range.begin[d] + n - 1) / n;
    for (std::int64_t i = 0; i < n; ++i) {
      arch::TileRange part = range;
      part.begin[d] = range.begin[d] + i * size;
      part.end[d] = std::min(part.begin[d] + size, range.end[d]);
      if (part.begin[d] >= part.end[d]) continue;
      index.push_back(i);
      trail_.push_back(part);
      cut(depth + 1, part, index);
      trail_.pop_back();
      index.pop_back();
    }
  }

  void cut_folds(std::size_t tile, std::size_t depth, const arch::TileRange& range) {
    if (depth == mapping_.folds.size()) {
      Fold f{tile, range, 0, 0, 0};
      f.r = range.size(mapping_.rows_dim);
      f.c = range.size(mapping_.cols_dim);
      for (const arch::Dim d : {arch::Dim::m, arch::Dim::n, arch::Dim::k}) {
        if (d != mapping_.rows_dim && d != mapping_.cols_dim) f.t = range.size(d);
      }
      folds_.push_back(f);
      out_.macs += f.r * f.c * f.t;
      return;
    }
    const int d = at(mapping_.folds[depth].dim);
    const std::int64_t n = mapping_.folds[depth].count;
    const std::int64_t size = (range.end[d] - range.begin[d] + n - 1) / n;
    for (std::int64_t b = range.begin[d]; b < range.end[d]; b += size) {
      arch::TileRange part = range;
      part.begin[d] = b;
      part.end[d] = std::min(b + size, range.end[d]);
      cut_folds(tile, depth + 1, part);
    }
  }

  std::size_t innermost(int o) const {
    std::size_t found = 0;
    for (std::size_t i = 0; i < mapping_.levels.size(); ++i) {
      if (mapping_.levels[i].keeps[o]) found = i;
    }
    return found;
  }

  /// Number of the operand's tile in the entry, by array tile.
  std::vector<std::size_t> tile_numbers(int o, std::size_t entry) const {
    std::vector<std::size_t> q;
    for (std::size_t a = 0; a < tiles_.size(); ++a) {
      bool fresh = a == 0;
      for (std::size_t l = 0; a > 0 && l < loops_.size(); ++l) {
        if (loops_[l].entry < entry && arch::relevant(static_cast<arch::Operand>(o), loops_[l].loop.dim) && tiles_[a].index[l] != tiles_[a - 1].index[l]) fresh = true;
      }
      q.push_back(q.empty() ? 0 : q.back() + (fresh ? 1 : 0));
    }
    return q;
  }

  arch::TileRange tile_of(std::size_t a, std::size_t entry) const {
    arch::TileRange range;
    for (int d = 0; d < 4; ++d) range.end[d] = work_.extent[d];
    for (std::size_t l = 0; l < loops_.size(); ++l) {
      if (loops_[l].entry < entry) range = tiles_[a].around[l];
    }
    return range;
  }

  const arch::Level& level(std::size_t entry) const {
    const std::size_t shared = design_.shared.size();
    return entry <= shared ? design_.shared[shared - entry] : core_.levels[core_.levels.size() - 1 - (entry - shared - 1)];
  }
  std::size_t level_index(std::size_t entry) const {
    const std::size_t shared = design_.shared.size();
    return entry <= shared ? core_.levels.size() + shared - entry : core_.levels.size() - 1 - (entry - shared - 1);
  }

  void place() {
    const bool os = core_.array.dataflow == arch::Dataflow::os;
    for (std::size_t a = 0; a < tiles_.size(); ++a) {
      for (std::int64_t g = tiles_[a].range.begin[0]; g < tiles_[a].range.end[0]; ++g) {
        arch::TileRange product = tiles_[a].range;
        product.begin[0] = g;
        product.end[0] = g + 1;
        cut_folds(a, 0, product);
      }
    }
    out_.array_tiles = static_cast<std::int64_t>(tiles_.size());
    out_.folds = static_cast<std::int64_t>(folds_.size());
    // Tile numbers in every level that keeps an operand, and the level's slots.
    std::vector<std::pair<std::vector<std::size_t>, std::size_t>> kept;
    for (int o = 0; o < 3; ++o) {
      for (std::size_t entry = 1; entry < mapping_.levels.size(); ++entry) {
        if (mapping_.levels[entry].keeps[o]) kept.emplace_back(tile_numbers(o, entry), static_cast<std::size_t>(level(entry).slots()));
      }
    }
    for (std::size_t f = 0; f < folds_.size(); ++f) {
      Fold& now = folds_[f];
      const std::int64_t lead = os ? 0 : now.r;  // X - P
      if (f == 0) {
        now.x = lead;
      } else {
        const Fold& was = folds_[f - 1];
        if (!core_.array.overlap) {
          now.x = was.e + lead;
        } else if (os) {
          now.x = was.x + std::max(was.t, (was.r - 1) + (was.c - 1) + was.r + std::max<std::int64_t>(0, was.t - now.t));
        } else {
          now.x = was.x + std::max(was.t + std::max<std::int64_t>(0, was.r - now.r), now.r);
        }
        if (core_.array.overlap && was.tile != now.tile) {
          for (const auto& [q, slots] : kept) {
            if (q[now.tile] == q[was.tile] || q[now.tile] < slots) continue;
            std::int64_t latest = 0;
            for (std::size_t h = 0; h < f; ++h) {
              if (q[folds_[h].tile] <= q[now.tile] - slots) latest = std::max(latest, folds_[h].e);
            }
            now.x = std::max(now.x, latest + lead);
          }
        }
      }
      now.p = now.x - lead;
      now.e = now.x + now.t + (now.r - 1) + (now.c - 1) + (os ? now.r : 0);
    }
  }

  void price() {
    const arch::Array& array = core_.array;
    std::int64_t end = 0;
    for (const Fold& f : folds_) end = std::max(end, f.e);
    // Elements by step, level, port, fold and operand; words by step, level and port.
    using Port = std::tuple<std::int64_t, std::size_t, bool>;
    std::map<std::tuple<std::int64_t, std::size_t, bool, std::size_t, int, int>, std::int64_t> rows;
    std::map<Port, std::set<std::tuple<int, std::size_t, std::int64_t>>> words;
    std::vector<std::size_t> number[3];
    for (int o = 0; o < 3; ++o) number[o] = tile_numbers(o, innermost(o));
    bool sums = false;
    for (const NestLoop& l : loops_) sums = sums || (l.loop.dim == arch::Dim::k && l.loop.count > 1);
    for (const arch::Loop& l : mapping_.folds) sums = sums || (l.dim == arch::Dim::k && l.count > 1);
    for (std::size_t i = 0; i < folds_.size(); ++i) {
      const Fold& f = folds_[i];
      const bool reads_sums = f.range.begin[3] > 0;
      const bool final_results = f.range.end[3] == work_.extent[3];
      const auto touch = [&](std::int64_t step, int o, bool write, std::int64_t m, std::int64_t n, std::int64_t k) {
        const std::size_t entry = innermost(o);
        int bits = array.precision.bits;
        if (o == 2 && (!write || !final_results)) bits = array.accumulator_bits;
        ++rows[{step, level_index(entry), write, i, o, bits}];
        if (mapping_.layout[o] == arch::Layout::streamed) return;
        const arch::TileRange tile = tile_of(f.tile, entry);
        const std::int64_t dm = m - tile.begin[1], dn = n - tile.begin[2], dk = k - tile.begin[3];
        const std::int64_t sm = tile.end[1] - tile.begin[1], sn = tile.end[2] - tile.begin[2], sk = tile.end[3] - tile.begin[3];
        const std::int64_t row = o == 1 ? dk : dm, col = o == 0 ? dk : dn;
        const std::int64_t height = o == 1 ? sk : sm, width = o == 0 ? sk : sn;
        const std::int64_t product = f.range.begin[0] - tile.begin[0];
        const std::int64_t element = product * height * width + (mapping_.layout[o] == arch::Layout::row_major ? row * width + col : col * height + row);
        const std::int64_t stored = o == 2 && sums ? array.accumulator_bits : array.precision.bits;
        const std::int64_t word = std::max<std::int64_t>(1, level(entry).bytes_per_cycle / level(entry).banks);
        words[{step, level_index(entry), write}].insert({o, number[o][f.tile], element * stored / 8 / word});
      };
      const std::int64_t m0 = f.range.begin[1], n0 = f.range.begin[2], k0 = f.range.begin[3];
      if (array.dataflow == arch::Dataflow::os) {
        for (std::int64_t t = 0; t < f.t; ++t) {
          for (std::int64_t x = 0; x < f.r; ++x) touch(f.x + t + x, 0, false, m0 + x, n0, k0 + t);
          for (std::int64_t y = 0; y < f.c; ++y) touch(f.x + t + y, 1, false, m0, n0 + y, k0 + t);
        }
        const std::int64_t drain = f.x + f.t + (f.r - 1) + (f.c - 1);
        for (std::int64_t x = 0; x < f.r; ++x) {
          for (std::int64_t y = 0; y < f.c; ++y) {
            touch(drain + x, 2, true, m0 + x, n0 + y, k0);
            if (reads_sums) touch(drain + x, 2, false, m0 + x, n0 + y, k0);
          }
        }
        continue;
      }
      const bool ws = array.dataflow == arch::Dataflow::ws;
      for (std::int64_t x = 0; x < f.r; ++x) {
        for (std::int64_t y = 0; y < f.c; ++y) {
          // Words are shifted in from above: those of the last row come first.
          const std::int64_t step = f.p + (f.r - 1 - x) + (array.overlap ? y : 0);
          if (ws) {
            touch(step, 1, false, m0, n0 + y, k0 + x);
          } else {
            touch(step, 0, false, m0 + y, n0, k0 + x);
          }
        }
      }
      for (std::int64_t t = 0; t < f.t; ++t) {
        for (std::int64_t x = 0; x < f.r; ++x) {
          if (ws) {
            touch(f.x + t + x, 0, false, m0 + t, n0, k0 + x);
          } else {
            touch(f.x + t + x, 1, false, m0, n0 + t, k0 + x);
          }
        }
        for (std::int64_t y = 0; y < f.c; ++y) {
          const std::int64_t step = f.x + t + (f.r - 1) + y;
          const std::int64_t m = ws ? m0 + t : m0 + y, n = ws ? n0 + y : n0 + t;
          touch(step, 2, true, m, n, k0);
          if (reads_sums) touch(step, 2, false, m, n, k0);
        }
      }
    }
    std::map<Port, std::int64_t> load;
    for (const auto& [where, n] : rows) {
      const auto& [step, l, write, fold, o, bits] = where;
      const std::int64_t bytes = (n * bits + 7) / 8;
      load[{step, l, write}] += bytes;
      (write ? out_.array[o].write : out_.array[o].read) += bytes;
      (write ? out_.counts.level[l].write : out_.counts.level[l].read) += bytes;
    }
    std::vector<std::int64_t> cost(static_cast<std::size_t>(end), 1);
    for (const auto& [port, bytes] : load) {
      auto& c = cost[static_cast<std::size_t>(std::get<0>(port))];
      const std::int64_t width = core_.levels[std::get<1>(port)].bytes_per_cycle;
      c = std::max(c, (bytes + width - 1) / width);
    }
    for (const auto& [port, touched] : words) {
      std::map<std::int64_t, std::int64_t> banks;
      auto& c = cost[static_cast<std::size_t>(std::get<0>(port))];
      for (const auto& [o, q, word] : touched) c = std::max(c, ++banks[word % core_.levels[std::get<1>(port)].banks]);
    }
    for (const std::int64_t c : cost) out_.compute_cycles += c;
  }

  void transfers() {
    out_.counts.macs = out_.macs;
    const std::size_t shared = design_.shared.size();
    for (int o = 0; o < 3; ++o) {
      std::size_t parent = 0;
      for (std::size_t entry = 1; entry < mapping_.levels.size(); ++entry) {
        if (!mapping_.levels[entry].keeps[o]) continue;
        const std::vector<std::size_t> q = tile_numbers(o, entry);
        const bool bus = entry > shared && parent <= shared;
        for (std::size_t a = 0; a < tiles_.size(); ++a) {
          const std::int64_t elements = arch::tile_elements(work_, static_cast<arch::Operand>(o), tile_of(a, entry));
          const auto bytes = [&](std::int64_t bits) { return (elements * bits + 7) / 8; };
          auto& here = out_.counts.level[level_index(entry)];
          if (a == 0 || q[a] != q[a - 1]) {
            std::int64_t b = o < 2 ? bytes(core_.array.precision.bits) : tiles_[a].range.begin[3] > 0 ? bytes(core_.array.accumulator_bits) : 0;
            here.write += b;
            (parent == 0 ? out_.counts.dram_read_bytes : out_.counts.level[level_index(parent)].read) += b;
            if (bus) out_.counts.bus_bytes += b;
          }
          if (o == 2 && (a + 1 == tiles_.size() || q[a] != q[a + 1])) {
            std::int64_t b = bytes(tiles_[a].range.end[3] == work_.extent[3] ? core_.array.precision.bits : core_.array.accumulator_bits);
            here.read += b;
            (parent == 0 ? out_.counts.dram_write_bytes : out_.counts.level[level_index(parent)].write) += b;
            if (bus) out_.counts.bus_bytes += b;
          }
        }
        parent = entry;
      }
    }
  }
};

}  // namespace gnomon::test
