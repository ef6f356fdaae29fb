#include "cosim/folds.hpp"

#include <algorithm>
#include <array>

namespace gnomon::hls {
namespace {

using arch::Dim;

struct Cut {
  Dim dim;
  std::int64_t count;
  std::size_t entry;  ///< of StepMapping::levels; the folds come after the last entry
};

struct Walk {
  std::vector<Cut> cuts;
  std::vector<std::int64_t> index;
  arch::TileRange range;
};

/// Calls `visit` for every tile of cuts [at, end), the last cut fastest; false ends the walk.
template <class Visit>
bool walk(Walk& w, std::size_t at, std::size_t end, const Visit& visit) {
  if (at == end) return visit();
  const int d = static_cast<int>(w.cuts[at].dim);
  const std::int64_t begin = w.range.begin[d], stop = w.range.end[d];
  const std::int64_t tile = (stop - begin + w.cuts[at].count - 1) / w.cuts[at].count;
  bool go_on = true;
  std::int64_t i = 0;
  for (std::int64_t from = begin; from < stop && go_on; from += tile, ++i) {
    w.range.begin[d] = from;
    w.range.end[d] = std::min(stop, from + tile);
    w.index[at] = i;
    go_on = walk(w, at + 1, end, visit);
  }
  w.range.begin[d] = begin;
  w.range.end[d] = stop;
  return go_on;
}

}  // namespace

Expected<std::vector<Fold>> enumerate_folds(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work,
                                            const arch::StepMapping& mapping, std::int64_t limit) {
  Walk w;
  for (int d = 0; d < arch::dim_count; ++d) w.range.end[d] = work.extent[d];
  for (std::size_t e = 0; e < mapping.levels.size(); ++e)
    for (const arch::Loop& loop : mapping.levels[e].loops) w.cuts.push_back({loop.dim, loop.count, e});
  const std::size_t tile_cuts = w.cuts.size();
  for (const arch::Loop& loop : mapping.folds) w.cuts.push_back({loop.dim, loop.count, mapping.levels.size()});
  w.index.assign(w.cuts.size(), 0);
  for (const Cut& cut : w.cuts)
    if (cut.count < 1) return fail(ErrorKind::invalid_input, "a loop of the mapping has no iterations");

  // Operands in levels with one slot: a new tile there waits for the folds before. (With two slots, the folds of the tile before
  // the last have ended anyway: accumulators set aside have drained before the next fold is set aside.)
  struct SingleSlot {
    arch::Operand operand;
    std::size_t entry;
  };
  std::vector<SingleSlot> singles;
  for (int o = 0; o < arch::operand_count; ++o) {
    const auto operand = static_cast<arch::Operand>(o);
    for (std::size_t e = mapping.levels.size(); e-- > 1;) {
      if (!mapping.levels[e].keeps[o]) continue;
      const auto named = [&](const arch::Level& level) { return level.name == mapping.levels[e].level; };
      const auto in_core = std::find_if(core.levels.begin(), core.levels.end(), named);
      const auto shared = std::find_if(design.shared.begin(), design.shared.end(), named);
      const bool single =
          in_core != core.levels.end() ? !in_core->double_buffered : shared != design.shared.end() && !shared->double_buffered;
      if (single) singles.push_back({operand, e});
    }
  }

  std::vector<Fold> folds;
  std::vector<std::int64_t> before;
  bool too_many = false;
  walk(w, 0, tile_cuts, [&] {
    bool wait = false;
    if (!before.empty())
      for (const SingleSlot& single : singles)
        for (std::size_t c = 0; c < tile_cuts; ++c)
          wait = wait ||
                 (w.cuts[c].entry < single.entry && arch::relevant(single.operand, w.cuts[c].dim) && w.index[c] != before[c]);
    before = w.index;
    const std::int64_t g_end = w.range.end[0];
    for (std::int64_t g = w.range.begin[0]; g < g_end; ++g) {
      walk(w, tile_cuts, w.cuts.size(), [&] {
        if (static_cast<std::int64_t>(folds.size()) >= limit) {
          too_many = true;
          return false;
        }
        const auto& r = w.range;
        folds.push_back({g, r.begin[1], r.begin[2], r.begin[3], r.size(Dim::m), r.size(Dim::n), r.size(Dim::k), wait});
        wait = false;
        return true;
      });
      if (too_many) return false;
    }
    return true;
  });
  if (too_many) return fail(ErrorKind::unsupported, "co-simulation of more than " + std::to_string(limit) + " folds in one step");
  return folds;
}

std::int64_t count_steps(const std::vector<Fold>& folds, bool overlap) {
  std::int64_t start = 0, end = 0;
  for (std::size_t f = 0; f < folds.size(); ++f) {
    const Fold& fold = folds[f];
    if (f > 0) {
      const Fold& before = folds[f - 1];
      const std::int64_t drained = (before.rows - 1) + (before.cols - 1) + before.rows;
      const std::int64_t delta = std::max(before.length, drained + std::max<std::int64_t>(0, before.length - fold.length));
      start = overlap && !fold.wait ? start + delta : overlap ? std::max(start + delta, end) : end;
    }
    end = std::max(end, start + fold.length + (fold.rows - 1) + (fold.cols - 1) + fold.rows);
  }
  return end;
}

}  // namespace gnomon::hls
