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

  // Tiles of operands in levels: a new one takes the slot of the one `slots` tiles before.
  struct Kept {
    arch::Operand operand;
    std::size_t entry;
    int slots;
    std::int64_t last[2] = {-1, -1};  // last fold of the tile before, and of the one before that
  };
  std::vector<Kept> kept;
  for (int o = 0; o < arch::operand_count; ++o) {
    const auto operand = static_cast<arch::Operand>(o);
    for (std::size_t e = mapping.levels.size(); e-- > 1;) {
      if (!mapping.levels[e].keeps[o]) continue;
      const auto named = [&](const arch::Level& level) { return level.name == mapping.levels[e].level; };
      const auto in_core = std::find_if(core.levels.begin(), core.levels.end(), named);
      const auto shared = std::find_if(design.shared.begin(), design.shared.end(), named);
      const int slots = in_core != core.levels.end() ? in_core->slots() : shared != design.shared.end() ? shared->slots() : 2;
      kept.push_back({operand, e, slots});
    }
  }
  ArrayParameters reach;
  reach.rows = core.array.rows;
  reach.cols = core.array.cols;
  reach.overlap = core.array.overlap;
  reach.dataflow = core.array.dataflow;
  const std::int64_t farthest = reach.wait_distance();
  const arch::SpatialDims dims = arch::spatial_dims(core.array.dataflow);

  std::vector<Fold> folds;
  std::vector<std::int64_t> before;
  bool too_many = false;
  walk(w, 0, tile_cuts, [&] {
    std::int64_t wait = 0;
    const auto now = static_cast<std::int64_t>(folds.size());
    const std::int64_t tile = folds.empty() ? 0 : folds.back().tile + 1;
    if (!before.empty())
      for (Kept& held : kept) {
        bool fresh = false;
        for (std::size_t c = 0; c < tile_cuts; ++c)
          fresh = fresh || (w.cuts[c].entry < held.entry && arch::relevant(held.operand, w.cuts[c].dim) && w.index[c] != before[c]);
        if (!fresh) continue;
        held.last[1] = held.last[0];
        held.last[0] = now - 1;
        const std::int64_t last = held.last[held.slots - 1];
        if (last >= 0 && now - last <= farthest) wait = wait == 0 ? now - last : std::min(wait, now - last);
      }
    before = w.index;
    const std::int64_t g_end = w.range.end[0];
    for (std::int64_t g = w.range.begin[0]; g < g_end; ++g) {
      walk(w, tile_cuts, w.cuts.size(), [&] {
        if (static_cast<std::int64_t>(folds.size()) >= limit) {
          too_many = true;
          return false;
        }
        const auto& r = w.range;
        folds.push_back({g, r.begin[1], r.begin[2], r.begin[3], r.size(dims.rows), r.size(dims.cols), r.size(dims.streamed),
                         wait, tile, static_cast<std::int64_t>(folds.size()) == now});
        wait = 0;
        return true;
      });
      if (too_many) return false;
    }
    return true;
  });
  if (too_many) return fail(ErrorKind::unsupported, "co-simulation of more than " + std::to_string(limit) + " folds in one step");
  return folds;
}

std::vector<FoldSteps> fold_steps(const std::vector<Fold>& folds, const ArrayParameters& array) {
  const bool os = arch::info(array.dataflow).outputs_stay();
  std::vector<FoldSteps> steps;
  std::vector<std::int64_t> ended;  // the largest end of all folds so far
  for (std::size_t f = 0; f < folds.size(); ++f) {
    const Fold& fold = folds[f];
    const std::int64_t preload = os ? 0 : fold.rows;
    FoldSteps at;
    if (f > 0 && !array.overlap) {
      at.begin = ended.back();
    } else if (f > 0) {
      const Fold& before = folds[f - 1];
      const std::int64_t drained = (before.rows - 1) + (before.cols - 1) + before.rows;
      const std::int64_t delta =
          os ? std::max(before.length, drained + std::max<std::int64_t>(0, before.length - fold.length))
             : std::max(before.length + std::max<std::int64_t>(0, before.rows - fold.rows), fold.rows);
      at.begin = steps.back().stream + delta - preload;
      if (fold.wait > 0 && fold.wait <= static_cast<std::int64_t>(f))
        at.begin = std::max(at.begin, ended[f - static_cast<std::size_t>(fold.wait)]);
    }
    at.stream = at.begin + preload;
    at.end = at.stream + fold.length + (fold.rows - 1) + (fold.cols - 1) + (os ? fold.rows : 0);
    steps.push_back(at);
    ended.push_back(std::max(at.end, ended.empty() ? 0 : ended.back()));
  }
  return steps;
}

std::int64_t count_steps(const std::vector<Fold>& folds, const ArrayParameters& array) {
  std::int64_t end = 0;
  for (const FoldSteps& at : fold_steps(folds, array)) end = std::max(end, at.end);
  return end;
}

Place row_place(arch::Dataflow dataflow, const Fold& f, std::int64_t lane, std::int64_t beat) {
  switch (dataflow) {
    case arch::Dataflow::os: return {f.m + lane, f.k + beat};
    case arch::Dataflow::ws: return {f.m + beat, f.k + lane};
    case arch::Dataflow::is: break;
  }
  return {f.k + lane, f.n + beat};
}

Place column_place(arch::Dataflow dataflow, const Fold& f, std::int64_t lane, std::int64_t beat) {
  switch (dataflow) {
    case arch::Dataflow::os: return {f.k + beat, f.n + lane};
    case arch::Dataflow::ws: return {f.k + f.rows - 1 - beat, f.n + lane};
    case arch::Dataflow::is: break;
  }
  return {f.m + lane, f.k + f.rows - 1 - beat};
}

Place result_place(arch::Dataflow dataflow, const Fold& f, std::int64_t lane, std::int64_t beat) {
  if (dataflow == arch::Dataflow::is) return {f.m + lane, f.n + beat};
  return {f.m + beat, f.n + lane};
}

}  // namespace gnomon::hls
