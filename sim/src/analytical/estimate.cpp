#include "context.hpp"

namespace gnomon::sim {
namespace {

using arch::operand_count;

constexpr Dim irrelevant_dim[operand_count] = {Dim::n, Dim::m, Dim::k};
constexpr Dim relevant_dims[operand_count][3] = {{Dim::g, Dim::m, Dim::k}, {Dim::g, Dim::n, Dim::k}, {Dim::g, Dim::m, Dim::n}};

/// How often an operand's tiles come into a level, as the loops outside it are read from outer to inner.
struct Visits {
  /// Times that each distinct tile comes: blocks of the operand's irrelevant dimension outside the innermost relevant loop.
  std::int64_t times = 1;
  /// Not the same for all tiles: a smaller tile is not cut again by the innermost relevant loop, and stays through the loops between.
  bool uneven = false;
};

TileSums box_tiles(const Blocks& a, const Blocks& b, const Blocks& c, int bits, std::int64_t width) {
  TileSums sums;
  sums.longest = ceil_quotient(bytes_of(a.first * b.first * c.first, bits), width);
  for (int i = 0; i < a.sizes; ++i) {
    for (int j = 0; j < b.sizes; ++j) {
      const std::int64_t area = a.size[i] * b.size[j];
      const std::int64_t times = a.count[i] * b.count[j];
      for (int l = 0; l < c.sizes; ++l) {
        const std::int64_t bytes = bytes_of(area * c.size[l], bits);
        const std::int64_t n = times * c.count[l];
        sums.bytes += n * bytes;
        sums.cycles += n * ceil_quotient(bytes, width);
      }
    }
  }
  return sums;
}

/// An operand's transfers into and out of its innermost level, for the order in which they must follow each other.
struct Innermost {
  std::int64_t cycles = 0;
  std::int64_t longest = 0;
  std::size_t entry = 0;
  bool on_memory = false;
  bool two_slots = false;
};

/// Link cycles in use, and where they are.
struct Links {
  std::int64_t memory = 0;
  std::int64_t bus = 0;
  std::int64_t own[max_levels + 1];
};

/// Fewest steps from the first step of an array tile to the end of the one before, where folds overlap and no slot delays them.
std::int64_t shortest_tail(const Blocks& rows, const Blocks& cols, const Blocks& stream, bool os) {
  const std::int64_t r = rows.smallest(), c = cols.smallest(), t = stream.smallest();
  if (os) return std::min(2 * r + c - 2, t);
  return std::min(c + 2 * r - 2, t + r + c - 2);
}

std::int64_t saturated(Wide value) {
  constexpr Wide most = std::int64_t{1} << 62;
  return static_cast<std::int64_t>(std::min(value, most));
}

/// Compute cycles of `timing: "scalesim"`: folds x cycles per fold, whatever the mapping.
std::int64_t scalesim_cycles(const arch::ArrayWork& work, const arch::Array& array, const arch::SpatialDims& dims) {
  const std::int64_t r = array.rows, c = array.cols;
  const Wide folds = static_cast<Wide>(work.extent[0]) * ceil_quotient(work.size(dims.rows), r) * ceil_quotient(work.size(dims.cols), c);
  const std::int64_t skew = (arch::info(array.dataflow).outputs_stay() ? r : 2 * r) + c - 2;
  return saturated(folds * (skew + work.size(dims.streamed)));
}

}  // namespace

Traffic LayerContext::Impl::walked_traffic(const arch::StepMapping& mapping, std::size_t entry, int operand, std::int64_t width) const {
  std::vector<arch::FlatLoop> loops = arch::flatten(mapping);
  loops.resize(arch::loops_outside(mapping)[entry]);
  const auto o = static_cast<Operand>(operand);
  const bool results = o == Operand::ofmap;
  const arch::Array& array = core.array;
  Traffic out;
  arch::TileRange tile, last_seen;
  bool open = false;
  const auto transfer = [&](TileSums& sums, std::int64_t& n, int bits) {
    const std::int64_t bytes = bytes_of(arch::tile_elements(work, o, tile), bits);
    sums.bytes += bytes;
    const std::int64_t cycles = ceil_quotient(bytes, width);
    sums.cycles += cycles;
    sums.longest = std::max(sums.longest, cycles);
    sums.empty += cycles == 0 ? 1 : 0;
    n += bytes > 0 ? 1 : 0;
  };
  const auto close = [&] {
    if (open && results) transfer(out.back, out.backs, last_seen.end[at(Dim::k)] == work.size(Dim::k) ? array.precision.bits : array.accumulator_bits);
  };
  for (arch::TileWalk walk(work, loops); !walk.done(); walk.next()) {
    bool fresh = !open;
    for (int d = 0; d < arch::dim_count; ++d) {
      if (arch::relevant(o, static_cast<Dim>(d)) && walk.tile().begin[d] != tile.begin[d]) fresh = true;
    }
    if (fresh) {
      close();
      tile = walk.tile();
      open = true;
      if (!results) transfer(out.fill, out.fills, array.precision.bits);
      if (results && tile.begin[at(Dim::k)] > 0) transfer(out.fill, out.fills, array.accumulator_bits);
    }
    last_seen = walk.tile();
  }
  close();
  return out;
}

LayerEstimate LayerContext::Impl::estimate(const arch::StepMapping& mapping) {
  LayerEstimate out;
  const int bits = core.array.precision.bits;
  const int accumulator_bits = core.array.accumulator_bits;

  Blocks blocks[arch::dim_count];
  for (int d = 0; d < arch::dim_count; ++d) blocks[d].start(work.extent[d]);
  std::int64_t m_cuts[max_cuts], k_cuts[max_cuts];
  int m_count = 0, k_count = 0;
  Visits visits[operand_count];
  std::size_t parent[operand_count] = {0, 0, 0};
  std::int64_t parent_ready[operand_count] = {0, 0, 0};
  // Transfers that a single slot exposes, by memory link and by others; the most changes of a tile; the largest of an operand alone.
  std::int64_t exposed_cycles[2] = {0, 0};
  std::int64_t exposed_changes = 0;
  std::int64_t exposed_alone = 0;
  Links busy, free;  // cycles in use; and when the link is free after the first tiles' fills
  std::fill(busy.own, busy.own + entries.size(), 0);
  std::fill(free.own, free.own + entries.size(), 0);
  Innermost inner[operand_count];
  Holders holders;
  std::size_t last_entry = 0;  // where the innermost loop over array tiles stands
  Dim last_dim = Dim::g;
  std::int64_t last_fewest = 1;
  std::size_t innermost[operand_count] = {0, 0, 0};
  for (std::size_t i = 1; i < mapping.levels.size(); ++i) {
    for (int o = 0; o < operand_count; ++o) {
      if (mapping.levels[i].keeps[o]) innermost[o] = i;
    }
  }

  for (std::size_t i = 0; i < mapping.levels.size(); ++i) {
    for (int o = 0; i > 0 && o < operand_count; ++o) {
      if (!mapping.levels[i].keeps[o]) continue;
      const std::size_t p = parent[o];
      parent[o] = i;
      holders.add(o, i, entries[i].slots);
      const std::int64_t width = rate(i, p);
      const auto operand = static_cast<Operand>(o);
      const bool results = operand == Operand::ofmap;
      const bool window = operand == Operand::ifmap && work.window;
      const Blocks& a = blocks[at(relevant_dims[o][0])];
      const Blocks& b = blocks[at(relevant_dims[o][1])];
      const Blocks& c = blocks[at(relevant_dims[o][2])];
      Traffic traffic;
      if (visits[o].uneven) {
        traffic = walked_traffic(mapping, i, o, width);
      } else {
        const std::int64_t tiles = a.total * b.total * c.total;
        const std::int64_t times = visits[o].times;
        if (results) {
          traffic.back = box_tiles(a, b, c, bits, width);
          traffic.backs = tiles * times;
          if (times > 1) {
            const TileSums sums = box_tiles(a, b, c, accumulator_bits, width);
            traffic.fill = {(times - 1) * sums.bytes, (times - 1) * sums.cycles, sums.longest};
            traffic.back.longest = sums.longest;
            traffic.fills = (times - 1) * tiles;
            traffic.back.bytes += traffic.fill.bytes;
            traffic.back.cycles += traffic.fill.cycles;
          }
        } else {
          const TileSums sums = window ? window_tiles(a, m_cuts, m_count, k_cuts, k_count, width) : box_tiles(a, b, c, bits, width);
          traffic.fill = {times * sums.bytes, times * sums.cycles, sums.longest, times * sums.empty};
          traffic.fills = (tiles - sums.empty) * times;
        }
      }

      // First fill and last write-back: what the array cannot hide.
      const bool on_memory = p == 0;
      const bool on_bus = entries[i].in_core && !entries[p].in_core;
      const std::int64_t latency = on_memory ? design.memory.latency_cycles : 0;
      std::int64_t first_cycles = 0;
      if (results) {
        const std::int64_t last_bytes = bytes_of(a.last * b.last * c.last, bits);
        out.epilogue_cycles += ceil_quotient(last_bytes, width) + latency;
      } else {
        const std::int64_t elements = window ? a.first * pixels(0, b.first) * channels(0, c.first) : a.first * b.first * c.first;
        first_cycles = ceil_quotient(bytes_of(elements, bits), width);
        if (first_cycles > 0) {
          std::int64_t start = parent_ready[o];
          if (on_memory) start = std::max(start, free.memory);
          if (on_bus) start = std::max(start, free.bus);
          if (!on_memory && !on_bus) start = std::max(start, free.own[i]);
          if (on_memory) free.memory = start + first_cycles;
          if (on_bus) free.bus = start + first_cycles;
          if (!on_memory && !on_bus) free.own[i] = start + first_cycles;
          parent_ready[o] = start + first_cycles + latency;
        }
        out.prologue_cycles = std::max(out.prologue_cycles, parent_ready[o]);
      }

      const std::int64_t cycles = traffic.fill.cycles + traffic.back.cycles;
      if (on_memory) busy.memory += cycles;
      if (on_bus) busy.bus += cycles;
      if (!on_memory && !on_bus) busy.own[i] += cycles;
      if (i == innermost[o]) {
        inner[o] = {cycles, traffic.fill.longest + traffic.back.longest, i, on_memory, entries[i].slots == 2 && traffic.fill.empty == 0};
      }
      if (i == innermost[o] && entries[i].slots == 1) {
        // Each change of tile waits for its transfers one after the other and for one latency; an operand's own ones never overlap.
        const std::int64_t last = results ? ceil_quotient(bytes_of(a.last * b.last * c.last, bits), width) : first_cycles;
        exposed_cycles[on_memory ? 0 : 1] += cycles - last;
        if (on_memory) exposed_changes = std::max(exposed_changes, (results ? traffic.backs : traffic.fills) - 1);
        exposed_alone = std::max(exposed_alone, cycles - last + latency * (traffic.fills + traffic.backs - 1));
      }

      out.counts.level[entries[i].level].write += traffic.fill.bytes;
      out.counts.level[entries[i].level].read += traffic.back.bytes;
      if (on_memory) {
        out.counts.dram_read_bytes += traffic.fill.bytes;
        out.counts.dram_write_bytes += traffic.back.bytes;
      } else {
        out.counts.level[entries[p].level].read += traffic.fill.bytes;
        out.counts.level[entries[p].level].write += traffic.back.bytes;
      }
      if (on_bus) out.counts.bus_bytes += traffic.fill.bytes + traffic.back.bytes;
    }

    for (const arch::Loop& loop : mapping.levels[i].loops) {
      if (loop.count < 2) continue;
      std::int64_t visited[operand_count];
      for (int o = 0; o < operand_count; ++o) visited[o] = blocks[at(irrelevant_dim[o])].total;
      const std::int64_t fewest = blocks[at(loop.dim)].cut(loop.count);
      for (int o = 0; o < operand_count; ++o) {
        if (loop.dim == irrelevant_dim[o] || visited[o] == visits[o].times) continue;
        visits[o].uneven = fewest == 1;
        if (fewest > 1) visits[o].times = visited[o];
      }
      last_entry = i;
      last_dim = loop.dim;
      last_fewest = fewest;
      if (loop.dim == Dim::m) m_cuts[m_count++] = loop.count;
      if (loop.dim == Dim::k) k_cuts[k_count++] = loop.count;
    }
  }
  out.array_tiles = blocks[0].total * blocks[1].total * blocks[2].total * blocks[3].total;

  for (const arch::Loop& loop : mapping.folds) {
    if (loop.count > 1) blocks[at(loop.dim)].cut(loop.count);
  }
  const Blocks& rows = blocks[at(dims.rows)];
  const Blocks& cols = blocks[at(dims.cols)];
  const Blocks& stream = blocks[at(dims.streamed)];
  const Blocks& k = blocks[at(Dim::k)];
  const std::int64_t products = work.extent[0];
  const std::int64_t row_extent = work.size(dims.rows), col_extent = work.size(dims.cols), stream_extent = work.size(dims.streamed);
  out.folds = products * rows.total * cols.total * stream.total;

  // What the array moves. Each sum is over the blocks of two dimensions, once for every block of the third.
  const auto streams = [&](const Blocks& lanes, std::int64_t lane_extent, const Blocks& times, bool accumulators) {
    const int width = accumulators ? accumulator_bits : bits;
    if (width % 8 == 0) {
      std::int64_t time_extent = 0;
      for (int j = 0; j < times.sizes; ++j) time_extent += times.size[j] * times.count[j];
      return lane_extent * time_extent * (width / 8);
    }
    std::int64_t sum = 0;
    for (int j = 0; j < lanes.sizes; ++j) {
      for (int l = 0; l < times.sizes; ++l) sum += lanes.count[j] * times.count[l] * stream_bytes(lanes.size[j], times.size[l], accumulators);
    }
    return sum;
  };
  const auto row_blocks = [&](const Blocks& width_blocks, std::int64_t rows_extent, int width) {
    std::int64_t sum = 0;
    for (int j = 0; j < width_blocks.sizes; ++j) sum += width_blocks.count[j] * bytes_of(width_blocks.size[j], width);
    return sum * rows_extent;
  };
  const bool ws = arch::info(core.array.dataflow).stationary == Operand::filter;
  PortBytes& ifmap = out.array[at(Operand::ifmap)];
  PortBytes& filter = out.array[at(Operand::filter)];
  PortBytes& ofmap = out.array[at(Operand::ofmap)];
  std::int64_t final_bytes = 0, partial_bytes = 0;
  if (os) {
    ifmap.read = products * cols.total * streams(rows, row_extent, stream, false);
    filter.read = products * rows.total * streams(cols, col_extent, stream, false);
    final_bytes = row_blocks(cols, row_extent, bits);
    partial_bytes = k.total > 1 ? row_blocks(cols, row_extent, accumulator_bits) : 0;
  } else {
    std::int64_t preload = 0;
    // With overlap the preload is skewed too.
    if (core.array.overlap) {
      preload = streams(cols, col_extent, rows, false);
    } else {
      preload = row_blocks(cols, row_extent, bits);
    }
    (ws ? filter : ifmap).read = products * stream.total * preload;
    (ws ? ifmap : filter).read = products * cols.total * streams(rows, row_extent, stream, false);
    final_bytes = streams(cols, col_extent, stream, false);
    partial_bytes = k.total > 1 ? streams(cols, col_extent, stream, true) : 0;
  }
  ofmap.write = products * (final_bytes + (k.total - 1) * partial_bytes);
  ofmap.read = products * (k.total - 1) * partial_bytes;
  for (int o = 0; o < operand_count; ++o) {
    PortBytes& level = out.counts.level[entries[innermost[o]].level];
    level.read += out.array[o].read;
    level.write += out.array[o].write;
  }
  out.counts.macs = work.macs();

  // Compute cycles.
  Ports ports{{0, 0, 0}, &core.levels, core.array.dataflow, bits, accumulator_bits, core.array.overlap};
  bool streamed = true;
  for (int o = 0; o < operand_count; ++o) {
    ports.level[o] = static_cast<int>(entries[innermost[o]].level);
    streamed = streamed && mapping.layout[o] == arch::Layout::streamed;
  }
  const bool slots_bind = core.array.overlap && slots_may_bind(work, mapping, dims, os, holders);
  if (core.array.timing == arch::Timing::scalesim) {
    out.compute_cycles = scalesim_cycles(work, core.array, dims);
  } else {
    // The widest step that any fold could have, all movements at once.
    const std::int64_t row = bytes_of(rows.first, bits), col = bytes_of(cols.first, bits);
    const std::int64_t sums = bytes_of(cols.first, k.total > 1 ? accumulator_bits : bits);
    std::int64_t reads[operand_count] = {os || ws ? row : col, os || ws ? col : row, k.total > 1 ? sums : 0};
    // Where folds overlap, a lane still carries one element a step, but each fold's row is rounded up to bytes on its own.
    const bool packed = bits % 8 != 0 || accumulator_bits % 8 != 0;
    const std::int64_t in_flight = core.array.overlap && packed ? 2 + (rows.first + cols.first) / stream.smallest() : 0;
    bool ample = true;
    for (int o = 0; o < operand_count; ++o) {
      std::int64_t read = 0;
      for (int other = 0; other < operand_count; ++other) read += ports.level[other] == ports.level[o] ? reads[other] + in_flight : 0;
      const std::int64_t width = entries[innermost[o]].rate;
      ample = ample && read <= width && (o != at(Operand::ofmap) || std::max(sums, col) + in_flight <= width);
    }
    if (!streamed || (!ample && core.array.overlap)) {
      out.compute_cycles = walked_price(ports, work, mapping, dims, holders);
    } else if (core.array.overlap) {
      out.compute_cycles = overlapped_steps(work, mapping, dims, os, holders, slots_bind);
    } else if (ample) {
      out.compute_cycles = products * (2 * row_extent * cols.total * stream.total + col_extent * rows.total * stream.total +
                                       stream_extent * rows.total * cols.total - 2 * rows.total * cols.total * stream.total);
    } else {
      out.compute_cycles = 0;
      // Folds by size, and by whether partial sums come in and whether results are final.
      struct Part {
        std::int64_t size, count;
        bool first, last;
      };
      Part parts[(1 << max_cuts) + 2];
      int n = 0;
      for (int j = 0; j < k.sizes; ++j) {
        std::int64_t left = k.count[j];
        const bool first = k.size[j] == k.first, last = k.size[j] == k.last;
        if (k.total == 1) {
          parts[n++] = {k.size[j], 1, true, true};
          continue;
        }
        if (first) parts[n++] = {k.size[j], 1, true, false}, --left;
        if (last) parts[n++] = {k.size[j], 1, false, true}, --left;
        if (left > 0) parts[n++] = {k.size[j], left, false, false};
      }
      const Blocks& first_other = os ? rows : cols;
      const Blocks& second_other = os ? cols : stream;
      for (int j = 0; j < n; ++j) {
        for (int x = 0; x < first_other.sizes; ++x) {
          for (int y = 0; y < second_other.sizes; ++y) {
            FoldSize fold;
            if (os) {
              fold = {first_other.size[x], second_other.size[y], parts[j].size};
            } else {
              fold = {parts[j].size, first_other.size[x], second_other.size[y]};
            }
            const std::int64_t times = products * parts[j].count * first_other.count[x] * second_other.count[y];
            out.compute_cycles += times * fold_price(ports, fold, !parts[j].first, parts[j].last);
          }
        }
      }
    }
  }

  const std::int64_t exposed = std::max({exposed_cycles[0] + design.memory.latency_cycles * exposed_changes, exposed_cycles[1], exposed_alone});
  out.latency_cycles = out.prologue_cycles + out.compute_cycles + exposed + out.epilogue_cycles;
  if (out.array_tiles > 2 && last_fewest > 1) {
    // Operands whose tiles change with every array tile: with two slots, array tile a + 2 waits for E(a), then for the transfers of this change
    // one after the other, and for the latency. Without overlap E(a) ends the compute cycles of a; with overlap it lies a tail behind the
    // first step of a + 1.
    for (const bool on_memory : {true, false}) {
      std::int64_t cycles = 0, longest = 0;
      bool any = false;
      for (int o = 0; o < operand_count; ++o) {
        if (!inner[o].two_slots || inner[o].on_memory != on_memory || last_dim == irrelevant_dim[o] || last_entry >= inner[o].entry) continue;
        // Transfers between other levels need not share a link: the largest stands for them.
        cycles = on_memory ? cycles + inner[o].cycles : std::max(cycles, inner[o].cycles);
        longest += inner[o].longest;
        any = true;
      }
      if (!any) continue;
      const std::int64_t changes = out.array_tiles - 2;
      const std::int64_t waits = changes * (on_memory ? design.memory.latency_cycles : 0) + std::max<std::int64_t>(0, cycles - 2 * longest);
      const std::int64_t chain = core.array.overlap ? waits + (slots_bind ? 0 : changes * shortest_tail(rows, cols, stream, os)) : (out.compute_cycles + waits) / 2;
      out.latency_cycles = std::max(out.latency_cycles, out.prologue_cycles + chain + out.epilogue_cycles);
    }
  }
  if (busy.memory > 0) out.latency_cycles = std::max(out.latency_cycles, busy.memory + design.memory.latency_cycles);
  out.latency_cycles = std::max(out.latency_cycles, busy.bus);
  for (std::size_t i = 0; i < entries.size(); ++i) out.latency_cycles = std::max(out.latency_cycles, busy.own[i]);
  out.stall_cycles = out.latency_cycles - out.compute_cycles;
  return out;
}

}  // namespace gnomon::sim
