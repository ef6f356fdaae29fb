#include "context.hpp"

#include "gnomon/base/text.hpp"

namespace gnomon::sim {
namespace {

/// Calls `block(begin, end)` for every piece that nested loops cut out of [begin, end).
template <class F>
void for_blocks(std::int64_t begin, std::int64_t end, const std::int64_t* cuts, int n, const F& block) {
  if (n == 0) {
    block(begin, end);
    return;
  }
  const std::int64_t piece = ceil_quotient(end - begin, cuts[0]);
  for (std::int64_t b = begin; b < end; b += piece) for_blocks(b, std::min(b + piece, end), cuts + 1, n - 1, block);
}

template <class F>
std::vector<Tally> tally(std::int64_t extent, const std::int64_t* cuts, int n, const F& value) {
  std::unordered_map<std::int64_t, std::size_t> place;
  std::vector<Tally> out;
  for_blocks(0, extent, cuts, n, [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t v = value(begin, end);
    const auto [at_index, fresh] = place.try_emplace(v, out.size());
    if (fresh) out.push_back({v, 0});
    ++out[at_index->second].count;
  });
  return out;
}

std::vector<std::int64_t> row_sums_of(std::int64_t longest, int bits) {
  std::vector<std::int64_t> out;
  if (bits % 8 == 0) return out;
  out.push_back(0);
  for (std::int64_t n = 1; n <= longest; ++n) out.push_back(out.back() + bytes_of(n, bits));
  return out;
}

}  // namespace

LayerContext::Impl::Impl(const arch::Design& d, const arch::Core& c, const arch::ArrayWork& w)
    : design(d), core(c), work(w), dims(arch::spatial_dims(c.array.dataflow)), os(arch::info(c.array.dataflow).outputs_stay()) {
  if (work.window) {
    // A pointwise convolution touches one pixel per output: a plain matrix.
    const workloads::Convolution& shape = *work.window;
    if (shape.kernel[0] * shape.kernel[1] == 1 && shape.stride[0] * shape.stride[1] == 1 && shape.in == shape.out && shape.pad_begin[0] == 0 && shape.pad_begin[1] == 0) {
      work.window.reset();
    }
  }
  entries.push_back({0, false, 1, design.memory.bytes_per_cycle});
  for (std::size_t i = design.shared.size(); i-- > 0;) {
    const arch::Level& level = design.shared[i];
    entries.push_back({core.levels.size() + i, false, level.slots(), level.bytes_per_cycle});
  }
  for (std::size_t i = core.levels.size(); i-- > 0;) entries.push_back({i, true, core.levels[i].slots(), core.levels[i].bytes_per_cycle});
  const std::int64_t longest = std::max(core.array.rows, core.array.cols);
  row_sums[0] = row_sums_of(longest, core.array.precision.bits);
  row_sums[1] = row_sums_of(longest, core.array.accumulator_bits);
}

std::int64_t LayerContext::Impl::rate(std::size_t entry, std::size_t parent) const {
  std::int64_t w = std::min(entries[entry].rate, entries[parent].rate);
  if (entries[entry].in_core && !entries[parent].in_core) w = std::min(w, design.bus_bytes_per_cycle);
  return std::max<std::int64_t>(w, 1);
}

std::int64_t LayerContext::Impl::stream_bytes(std::int64_t lanes, std::int64_t length, bool accumulators) const {
  const int bits = accumulators ? core.array.accumulator_bits : core.array.precision.bits;
  if (bits % 8 == 0) return lanes * length * (bits / 8);
  const std::int64_t most = std::min(lanes, length);
  const std::int64_t plateau = std::max(lanes, length) - most + 1;
  return 2 * row_sums[accumulators ? 1 : 0][static_cast<std::size_t>(most - 1)] + plateau * bytes_of(most, bits);
}

std::int64_t LayerContext::Impl::pixels(std::int64_t begin, std::int64_t end) const {
  arch::TileRange range;
  range.begin[at(Dim::m)] = begin;
  range.end[at(Dim::m)] = end;
  return arch::tile_elements(work, Operand::ifmap, range);
}

std::int64_t LayerContext::Impl::channels(std::int64_t begin, std::int64_t end) const {
  const std::int64_t taps = work.window->kernel[0] * work.window->kernel[1];
  return quotient(end - 1, taps) - quotient(begin, taps) + 1;
}

TileSums LayerContext::Impl::window_tiles(const Blocks& g, const std::int64_t* m_cuts, int m_count, const std::int64_t* k_cuts, int k_count,
                                          std::int64_t width) {
  CutKey m_key, k_key;
  for (int i = 0; i < m_count; ++i) m_key.add(static_cast<std::uint64_t>(m_cuts[i]));
  for (int i = 0; i < k_count; ++i) k_key.add(static_cast<std::uint64_t>(k_cuts[i]));
  CutKey key = m_key;
  key.add(~std::uint64_t{0});
  key.add(k_key.a);
  key.add(k_key.b);
  key.add(static_cast<std::uint64_t>(width));
  for (int i = 0; i < g.sizes; ++i) {
    key.add(static_cast<std::uint64_t>(g.size[i]));
    key.add(static_cast<std::uint64_t>(g.count[i]));
  }
  if (const auto found = window_sums.find(key); found != window_sums.end()) return found->second;

  auto [m_at, m_fresh] = pixel_tallies.try_emplace(m_key);
  if (m_fresh) m_at->second = tally(work.size(Dim::m), m_cuts, m_count, [&](std::int64_t b, std::int64_t e) { return pixels(b, e); });
  auto [k_at, k_fresh] = channel_tallies.try_emplace(k_key);
  if (k_fresh) k_at->second = tally(work.size(Dim::k), k_cuts, k_count, [&](std::int64_t b, std::int64_t e) { return channels(b, e); });
  TileSums sums;
  for (int i = 0; i < g.sizes; ++i) {
    for (const Tally& k : k_at->second) {
      for (const Tally& m : m_at->second) {
        const std::int64_t bytes = bytes_of(g.size[i] * k.value * m.value, core.array.precision.bits);
        const std::int64_t times = g.count[i] * k.count * m.count;
        sums.bytes += times * bytes;
        const std::int64_t cycles = ceil_quotient(bytes, width);
        sums.cycles += times * cycles;
        sums.longest = std::max(sums.longest, cycles);
        sums.empty += cycles == 0 ? times : 0;
      }
    }
  }
  window_sums.emplace(key, sums);
  return sums;
}

LayerContext::LayerContext(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work)
    : impl_(std::make_unique<Impl>(design, core, work)) {}
LayerContext::~LayerContext() = default;
LayerContext::LayerContext(LayerContext&&) noexcept = default;
LayerContext& LayerContext::operator=(LayerContext&&) noexcept = default;

LayerEstimate LayerContext::estimate(const arch::StepMapping& mapping) const { return impl_->estimate(mapping); }

Expected<void> LayerContext::supports(const arch::StepMapping& mapping) {
  int cuts[arch::dim_count] = {0, 0, 0, 0};
  int loops = 1;
  const auto count = [&](const std::vector<arch::Loop>& nest) {
    for (const arch::Loop& loop : nest) {
      if (loop.count < 2) continue;
      ++cuts[at(loop.dim)];
      ++loops;
    }
  };
  for (const arch::LevelLoops& entry : mapping.levels) count(entry.loops);
  count(mapping.folds);
  for (int d = 0; d < arch::dim_count; ++d) {
    if (cuts[d] > max_cuts) {
      return fail(ErrorKind::unsupported, "the mapping of step " + in_quotes(mapping.step) + " cuts dimension \"" + arch::letter(static_cast<Dim>(d)) + "\" by " +
                                              std::to_string(cuts[d]) + " loops; the analytical model allows " + std::to_string(max_cuts));
    }
  }
  if (mapping.levels.size() > max_levels + 1 || loops > max_loops) {
    return fail(ErrorKind::unsupported, "the mapping of step " + in_quotes(mapping.step) + " has more levels or loops than the analytical model allows");
  }
  return {};
}

LayerEstimate estimate(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work, const arch::StepMapping& mapping) {
  return LayerContext(design, core, work).estimate(mapping);
}

}  // namespace gnomon::sim
