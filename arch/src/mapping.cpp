#include "gnomon/arch/mapping.hpp"

#include <algorithm>
#include <numeric>

namespace gnomon::arch {
namespace {

constexpr int at(Dim dim) {
  return static_cast<int>(dim);
}
std::int64_t ceil_div(std::int64_t a, std::int64_t b) {
  return a / b + (a % b != 0 ? 1 : 0);
}

/// Greatest common divisor of the places where tiles begin inside a piece of `extent` that starts at 0, after the loops from
/// `from` on; 0 if the only place is 0. The last piece of a loop may be smaller and is then cut at other places than the full
/// ones.
std::int64_t grid_of(const std::vector<std::int64_t>& counts, std::size_t from, std::int64_t extent) {
  while (from < counts.size() && counts[from] == 1) ++from;
  if (from == counts.size()) return 0;
  const std::int64_t piece = ceil_div(extent, counts[from]);
  const std::int64_t pieces = ceil_div(extent, piece);
  const std::int64_t rest = extent - (pieces - 1) * piece;
  std::int64_t grid = pieces > 1 ? piece : 0;
  grid = std::gcd(grid, grid_of(counts, from + 1, piece));
  if (rest != piece) grid = std::gcd(grid, grid_of(counts, from + 1, rest));
  return grid;
}

}  // namespace

const StepMapping* Mapping::find(const std::string& step) const {
  const auto found = std::find_if(steps.begin(), steps.end(), [&](const StepMapping& s) { return s.step == step; });
  return found == steps.end() ? nullptr : &*found;
}

SpatialDims spatial_dims(Dataflow dataflow) {
  const DataflowInfo& about = info(dataflow);
  return {about.rows, about.cols, about.streamed};
}

std::vector<std::size_t> chain(const StepMapping& mapping, Operand operand) {
  std::vector<std::size_t> out{0};
  for (std::size_t i = 1; i < mapping.levels.size(); ++i) {
    if (mapping.levels[i].keeps[static_cast<int>(operand)]) out.push_back(i);
  }
  return out;
}

std::vector<FlatLoop> flatten(const StepMapping& mapping) {
  std::vector<FlatLoop> out;
  for (std::size_t i = 0; i < mapping.levels.size(); ++i) {
    for (const Loop& loop : mapping.levels[i].loops) {
      if (loop.count > 1) out.push_back({i, loop.dim, loop.count});
    }
  }
  return out;
}

std::vector<std::size_t> loops_outside(const StepMapping& mapping) {
  std::vector<std::size_t> out;
  std::size_t loops = 0;
  for (const LevelLoops& entry : mapping.levels) {
    out.push_back(loops);
    loops += static_cast<std::size_t>(
        std::count_if(entry.loops.begin(), entry.loops.end(), [](const Loop& l) { return l.count > 1; }));
  }
  return out;
}

TileWalk::TileWalk(const ArrayWork& work, std::vector<FlatLoop> loops)
    : loops_(std::move(loops)), ranges_(loops_.size() + 1), pieces_(loops_.size()) {
  for (int d = 0; d < dim_count; ++d) {
    ranges_[0].end[d] = work.extent[d];
    if (work.extent[d] < 1) done_ = true;
  }
  if (!done_) enter(0);
}

/// Puts the loops from `from` on to their first iteration.
void TileWalk::enter(std::size_t from) {
  for (std::size_t i = from; i < loops_.size(); ++i) {
    const int d = at(loops_[i].dim);
    ranges_[i + 1] = ranges_[i];
    pieces_[i] = ceil_div(ranges_[i].end[d] - ranges_[i].begin[d], std::max<std::int64_t>(loops_[i].count, 1));
    ranges_[i + 1].end[d] = ranges_[i].begin[d] + pieces_[i];
  }
}

void TileWalk::next() {
  for (std::size_t i = loops_.size(); i-- > 0;) {
    const int d = at(loops_[i].dim);
    if (ranges_[i + 1].end[d] >= ranges_[i].end[d]) continue;
    const std::int64_t begin = ranges_[i + 1].end[d];
    ranges_[i + 1].begin[d] = begin;
    ranges_[i + 1].end[d] = std::min(begin + pieces_[i], ranges_[i].end[d]);
    changed_ = i;
    enter(i + 1);
    return;
  }
  done_ = true;
}

std::vector<std::int64_t> capacity_needed(const Core& core, const std::vector<Level>& shared, const ArrayWork& work,
                                          const StepMapping& mapping) {
  const auto level_named = [&](const std::string& name) -> const Level* {
    for (const auto* levels : {&shared, &core.levels}) {
      for (const Level& level : *levels) {
        if (level.name == name) return &level;
      }
    }
    return nullptr;
  };
  const auto cuts_k = [](const std::vector<Loop>& loops) {
    return std::any_of(loops.begin(), loops.end(), [](const Loop& l) { return l.dim == Dim::k && l.count > 1; });
  };
  bool partial_sums = cuts_k(mapping.folds);
  for (const LevelLoops& entry : mapping.levels) partial_sums = partial_sums || cuts_k(entry.loops);

  std::vector<std::int64_t> needed(mapping.levels.size(), 0);
  TileRange size;
  for (int d = 0; d < dim_count; ++d) size.end[d] = work.extent[d];
  std::vector<std::int64_t> m_counts, k_counts;
  for (std::size_t i = 0; i < mapping.levels.size(); ++i) {
    const LevelLoops& entry = mapping.levels[i];
    if (i > 0) {
      const Level* level = level_named(entry.level);
      const bool window = work.window && entry.keeps[static_cast<int>(Operand::ifmap)];
      const std::int64_t m_grid = window ? grid_of(m_counts, 0, work.size(Dim::m)) : 0;
      const std::int64_t k_grid = window ? grid_of(k_counts, 0, work.size(Dim::k)) : 0;
      for (int o = 0; level && o < operand_count; ++o) {
        if (!entry.keeps[o]) continue;
        const auto operand = static_cast<Operand>(o);
        const int bits = operand == Operand::ofmap && partial_sums ? core.array.accumulator_bits : core.array.precision.bits;
        needed[i] += level->slots() * packed_bytes(largest_tile_elements(work, operand, size, m_grid, k_grid), bits);
      }
    }
    for (const Loop& loop : entry.loops) {
      size.end[at(loop.dim)] = ceil_div(size.end[at(loop.dim)], std::max<std::int64_t>(loop.count, 1));
      if (loop.dim == Dim::m) m_counts.push_back(std::max<std::int64_t>(loop.count, 1));
      if (loop.dim == Dim::k) k_counts.push_back(std::max<std::int64_t>(loop.count, 1));
    }
  }
  return needed;
}

}  // namespace gnomon::arch
