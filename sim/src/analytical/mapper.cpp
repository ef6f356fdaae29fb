#include "gnomon/sim/mapper.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "gnomon/base/text.hpp"
#include "gnomon/sim/analytical.hpp"
#include "nest.hpp"

namespace gnomon::sim {
namespace {

using arch::dim_count;
using arch::operand_count;

constexpr Dim irrelevant_dim[operand_count] = {Dim::n, Dim::m, Dim::k};
constexpr Dim orders[6][3] = {{Dim::m, Dim::n, Dim::k}, {Dim::m, Dim::k, Dim::n}, {Dim::n, Dim::m, Dim::k},
                              {Dim::n, Dim::k, Dim::m}, {Dim::k, Dim::m, Dim::n}, {Dim::k, Dim::n, Dim::m}};
constexpr std::size_t evaluated_candidates = 20;
constexpr std::size_t kept_candidates = 512;

/// Loops without empty iterations, as close to `count` as whole tiles allow.
std::int64_t whole_cuts(std::int64_t extent, std::int64_t count) { return ceil_quotient(extent, ceil_quotient(extent, count)); }

/// One way to cut the work: tiles of the outer levels by `outer` loops, array tiles by `inner` ones.
struct Candidate {
  std::int64_t outer[dim_count] = {1, 1, 1, 1};
  std::int64_t inner[dim_count] = {1, 1, 1, 1};
  int outer_order = 0;
  int inner_order = 0;
  bool shared = false;  ///< shared levels keep what they can hold
  double score = 0;
};

/// A size that a dimension may be cut into, with what a convolution's inputs then need.
struct Cut {
  std::int64_t count = 1;
  std::int64_t size = 1;
  std::int64_t most = 1;  ///< pixels (M) or channels (K) of the largest tile
  std::int64_t sum = 1;   ///< and of all tiles together
};

class StepMapper {
 public:
  StepMapper(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work, const std::string& label, Goal goal,
             const arch::UnitEnergies& units)
      : design_(design), core_(core), work_(work), label_(label), goal_(goal), units_(units), context_(design, core, work),
        dims_(arch::spatial_dims(core.array.dataflow)) {
    core_index_ = 0;
    for (std::size_t i = 0; i < design.cores.size(); ++i) {
      if (&design.cores[i] == &core) core_index_ = i;
    }
    for (int o = 0; o < operand_count; ++o) {
      for (std::size_t i = core.levels.size(); i-- > 0;) {
        if (core.levels[i].holds[o]) innermost_[o] = i;
      }
      for (const arch::Level& level : design.shared) in_shared_[o] = in_shared_[o] || level.holds[o];
    }
    const bool chains = std::any_of(std::begin(in_shared_), std::end(in_shared_), [](bool b) { return b; });
    two_deep_ = chains;
  }

  Expected<arch::StepMapping> run(double* cost) {
    for (const bool tiny : {false, true}) {
      candidates_.clear();
      cuts(tiny);
      single();
      if (two_deep_) nested();
      if (choose()) {
        if (cost) *cost = best_cost_;
        return best_;
      }
    }
    return too_small();
  }

 private:
  const arch::Design& design_;
  const arch::Core& core_;
  const arch::ArrayWork& work_;
  const std::string& label_;
  Goal goal_;
  const arch::UnitEnergies& units_;
  LayerContext context_;
  arch::SpatialDims dims_;
  std::size_t core_index_ = 0;
  std::size_t innermost_[operand_count] = {0, 0, 0};
  bool in_shared_[operand_count] = {false, false, false};
  bool two_deep_ = false;
  std::vector<Cut> cuts_[dim_count];
  std::vector<Candidate> candidates_;
  arch::StepMapping best_;
  double best_cost_ = 0;

  // ---- Sizes that each dimension may be cut into. ----

  void cuts(bool tiny) {
    for (int d = 0; d < dim_count; ++d) {
      const std::int64_t extent = work_.extent[d];
      std::int64_t unit = 32;
      if (static_cast<Dim>(d) == dims_.rows) unit = core_.array.rows;
      if (static_cast<Dim>(d) == dims_.cols) unit = core_.array.cols;
      if (static_cast<Dim>(d) == Dim::g) unit = 1;
      std::set<std::int64_t> counts{1};
      for (std::int64_t c : {2, 3, 4}) counts.insert(whole_cuts(extent, std::min<std::int64_t>(c, extent)));
      for (std::int64_t size = tiny ? 1 : unit; size < extent; size *= static_cast<Dim>(d) == Dim::g ? 4 : 2) {
        counts.insert(whole_cuts(extent, ceil_quotient(extent, size)));
      }
      if (work_.window && static_cast<Dim>(d) == Dim::m) {
        // Whole output rows share no input rows beyond the kernel's.
        const std::int64_t width = work_.window->out[1];
        for (std::int64_t rows = 1; rows * width < extent; rows *= 2) counts.insert(whole_cuts(extent, ceil_quotient(extent, rows * width)));
      }
      cuts_[d].clear();
      for (const std::int64_t count : counts) cuts_[d].push_back(cut(static_cast<Dim>(d), count));
    }
  }

  Cut cut(Dim dim, std::int64_t count) const {
    Cut out;
    const std::int64_t extent = work_.size(dim);
    out.count = count;
    out.size = ceil_quotient(extent, count);
    out.most = out.size;
    out.sum = extent;
    if (!work_.window || (dim != Dim::m && dim != Dim::k)) return out;
    arch::TileRange size;
    size.end[at(dim)] = out.size;
    const std::int64_t grid = count > 1 ? out.size : 0;
    const std::int64_t one = arch::largest_tile_elements(work_, Operand::ifmap, arch::TileRange{}, 1, 0);
    out.most = dim == Dim::m ? arch::largest_tile_elements(work_, Operand::ifmap, size, grid, 0)
                             : arch::largest_tile_elements(work_, Operand::ifmap, size, 1, grid) / std::max<std::int64_t>(one, 1);
    // Neighbouring tiles share pixels; the largest tile stands for all in the first comparison.
    out.sum = out.most * count;
    return out;
  }

  // ---- Candidates, with a first comparison by traffic and steps. ----

  bool fits(const Cut& g, const Cut& m, const Cut& n, const Cut& k, bool cuts_k, const std::vector<arch::Level>& levels, bool innermost_only,
            std::int64_t sharers) const {
    const int bits = core_.array.precision.bits;
    for (std::size_t i = 0; i < levels.size(); ++i) {
      const arch::Level& level = levels[i];
      std::int64_t need = 0;
      for (int o = 0; o < operand_count; ++o) {
        if (!level.holds[o] || (innermost_only && innermost_[o] > i)) continue;
        const std::int64_t elements = o == 0   ? g.size * (work_.window ? m.most * k.most : m.size * k.size)
                                      : o == 1 ? g.size * n.size * k.size
                                               : g.size * m.size * n.size;
        need += level.slots() * bytes_of(elements, o == 2 && cuts_k ? core_.array.accumulator_bits : bits);
      }
      if (need > level.bytes / sharers) return false;
    }
    return true;
  }

  bool partial_sums(std::int64_t k_size) const {
    if (k_size < work_.size(Dim::k)) return true;
    return !arch::info(core_.array.dataflow).outputs_stay() && k_size > core_.array.rows;
  }

  /// How often each distinct tile of an operand comes, for loops outer to inner.
  static std::int64_t visits(const Candidate& c, int operand, bool with_inner) {
    const Dim other = irrelevant_dim[operand];
    std::int64_t seen = 1, times = 1;
    const auto loop = [&](Dim dim, std::int64_t count) {
      if (count < 2) return;
      if (dim == other) {
        seen *= count;
      } else {
        times = seen;
      }
    };
    loop(Dim::g, c.outer[0]);
    for (const Dim dim : orders[c.outer_order]) loop(dim, c.outer[at(dim)]);
    if (with_inner) {
      loop(Dim::g, c.inner[0]);
      for (const Dim dim : orders[c.inner_order]) loop(dim, c.inner[at(dim)]);
    }
    return times;
  }

  /// `tiles`: array tiles; `held`: tiles of the shared levels.
  void score(Candidate& c, const Cut* const (&tiles)[dim_count], const Cut* const (&held)[dim_count]) const {
    const double bits = core_.array.precision.bits, sums = core_.array.accumulator_bits;
    const double g = static_cast<double>(work_.extent[0]), m = static_cast<double>(work_.extent[1]), n = static_cast<double>(work_.extent[2]),
                 k = static_cast<double>(work_.extent[3]);
    const auto bytes = [&](bool with_inner, const Cut* const (&t)[dim_count], int o) {
      const double v = static_cast<double>(visits(c, o, with_inner));
      if (o == 0) return v * bits / 8 * g * (work_.window ? static_cast<double>(t[1]->sum) * static_cast<double>(t[3]->sum) : m * k);
      if (o == 1) return v * bits / 8 * g * n * k;
      return g * m * n / 8 * (bits + 2 * (v - 1) * sums);
    };
    double dram = 0, bus = 0;
    for (int o = 0; o < operand_count; ++o) {
      const double near = bytes(true, tiles, o);
      bus += near;
      dram += c.shared && in_shared_[o] ? bytes(false, held, o) : near;
    }
    double folds = g, steps = 0;
    std::int64_t blocks[dim_count];
    for (int d = 0; d < dim_count; ++d) blocks[d] = c.outer[d] * c.inner[d];
    blocks[at(dims_.rows)] *= ceil_quotient(tiles[at(dims_.rows)]->size, core_.array.rows);
    blocks[at(dims_.cols)] *= ceil_quotient(tiles[at(dims_.cols)]->size, core_.array.cols);
    for (const Dim d : {Dim::m, Dim::n, Dim::k}) folds *= static_cast<double>(blocks[at(d)]);
    const double t = static_cast<double>(work_.size(dims_.streamed)) / static_cast<double>(blocks[at(dims_.streamed)]);
    const double r = static_cast<double>(work_.size(dims_.rows)) / static_cast<double>(blocks[at(dims_.rows)]);
    const double w = static_cast<double>(work_.size(dims_.cols)) / static_cast<double>(blocks[at(dims_.cols)]);
    const bool os = arch::info(core_.array.dataflow).outputs_stay();
    if (core_.array.timing == arch::Timing::scalesim) {
      steps = 0;
    } else if (core_.array.overlap) {
      steps = folds * (os ? std::max(t, 2 * r + w) : std::max(t, r));
    } else {
      steps = folds * (t + 2 * r + w);
    }
    // By way of a shared level, its ports bound both sides, and the first of its tiles must be there before any array tile can be.
    std::int64_t port = design_.bus_bytes_per_cycle;
    if (c.shared) {
      for (const arch::Level& level : design_.shared) port = std::min(port, level.bytes_per_cycle);
    }
    const double memory_rate = static_cast<double>(std::min(design_.memory.bytes_per_cycle, port));
    const double bus_rate = static_cast<double>(port);
    double first = 0;
    for (int o = 0; o < operand_count; ++o) {
      const double size = o == 0 ? static_cast<double>(tiles[1]->most * tiles[3]->most) : o == 1 ? static_cast<double>(tiles[2]->size * tiles[3]->size)
                                                                                                  : static_cast<double>(tiles[1]->size * tiles[2]->size);
      first += size * static_cast<double>(tiles[0]->size) * bits / 8;
      if (!c.shared || !in_shared_[o]) continue;
      first += (o == 0   ? static_cast<double>(held[1]->most * held[3]->most)
                : o == 1 ? static_cast<double>(held[2]->size * held[3]->size)
                         : static_cast<double>(held[1]->size * held[2]->size)) *
               static_cast<double>(held[0]->size) * bits / 8;
    }
    const double cycles = std::max({steps, dram / memory_rate, bus / bus_rate}) + first / memory_rate;
    const double energy = dram * units_.dram_pj_per_byte + bus * (units_.bus_pj_per_byte + 1) +
                          cycles * (units_.clock_tree_pj_per_cycle +
                                    (units_.leakage_mw + units_.pin_static_mw) * static_cast<double>(design_.clock_period_ps) * 1e-3);
    // MACs and array traffic hardly depend on the tiles; they keep the product from following traffic alone.
    const double base = g * m * n * k * (units_.mac_pj[core_index_] + units_.pe_transfer_pj[core_index_]);
    c.score = goal_ == Goal::latency ? cycles : goal_ == Goal::energy ? energy : (energy + base) * cycles;
  }

  void single() {
    for (const Cut& g : cuts_[0]) {
      for (const Cut& m : cuts_[1]) {
        for (const Cut& n : cuts_[2]) {
          for (const Cut& k : cuts_[3]) {
            if (!fits(g, m, n, k, partial_sums(k.size), core_.levels, false, 1)) continue;
            const Cut* const tiles[dim_count] = {&g, &m, &n, &k};
            for (int order = 0; order < 6; ++order) {
              if (repeated(order, m.count, n.count, k.count)) continue;
              Candidate c;
              for (int d = 0; d < dim_count; ++d) c.outer[d] = tiles[d]->count;
              c.outer_order = order;
              score(c, tiles, tiles);
              candidates_.push_back(c);
            }
          }
        }
      }
    }
    keep_best();
  }

  /// Loops of one iteration may stand anywhere: one order stands for all.
  static bool repeated(int order, std::int64_t m, std::int64_t n, std::int64_t k) {
    const std::int64_t count[dim_count] = {1, m, n, k};
    for (int i = 0; i < 2; ++i) {
      const Dim a = orders[order][i], b = orders[order][i + 1];
      if (at(a) > at(b) && (count[at(a)] == 1 || count[at(b)] == 1)) return true;
    }
    return false;
  }

  /// Larger tiles in the shared levels around the best array tiles.
  void nested() {
    const std::vector<Candidate> tiles(candidates_.begin(), candidates_.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(candidates_.size(), 12)));
    const auto sharers = static_cast<std::int64_t>(design_.cores.size());
    std::vector<Candidate> found;
    for (const Candidate& tile : tiles) {
      for (const Cut& g : cuts_[0]) {
        for (const Cut& m : cuts_[1]) {
          for (const Cut& n : cuts_[2]) {
            for (const Cut& k : cuts_[3]) {
              const Cut* const held[dim_count] = {&g, &m, &n, &k};
              bool around = true;
              for (int d = 0; d < dim_count; ++d) around = around && held[d]->count <= tile.outer[d];
              if (!around || !fits(g, m, n, k, partial_sums(ceil_quotient(work_.size(Dim::k), tile.outer[3])), design_.shared, false, sharers)) continue;
              Candidate c;
              c.shared = true;
              c.inner_order = tile.outer_order;
              Cut inside[dim_count];
              const Cut* inside_at[dim_count];
              for (int d = 0; d < dim_count; ++d) {
                c.outer[d] = held[d]->count;
                c.inner[d] = whole_cuts(held[d]->size, ceil_quotient(held[d]->size, ceil_quotient(work_.extent[d], tile.outer[d])));
                inside[d] = *held[d];
                for (const Cut& known : cuts_[d]) {
                  if (known.count == tile.outer[d]) inside[d] = known;
                }
                inside_at[d] = &inside[d];
              }
              const Cut* const tiles_at[dim_count] = {inside_at[0], inside_at[1], inside_at[2], inside_at[3]};
              for (int order = 0; order < 6; ++order) {
                if (repeated(order, m.count, n.count, k.count)) continue;
                c.outer_order = order;
                score(c, tiles_at, held);
                found.push_back(c);
              }
            }
          }
        }
      }
    }
    candidates_.insert(candidates_.end(), found.begin(), found.end());
    keep_best();
  }

  void keep_best() {
    const auto better = [](const Candidate& a, const Candidate& b) { return a.score < b.score; };
    std::stable_sort(candidates_.begin(), candidates_.end(), better);
    if (candidates_.size() > kept_candidates) candidates_.resize(kept_candidates);
  }

  // ---- The mapping of a candidate, and the comparison of the best by the model. ----

  arch::StepMapping mapping_of(const Candidate& c) const {
    arch::StepMapping out;
    out.step = label_;
    out.core = core_.name;
    arch::LevelLoops memory{"memory", {}, {true, true, true}};
    out.levels.push_back(memory);
    for (std::size_t i = design_.shared.size(); i-- > 0;) {
      arch::LevelLoops entry{design_.shared[i].name, {}, {false, false, false}};
      for (int o = 0; o < operand_count; ++o) entry.keeps[o] = c.shared && design_.shared[i].holds[o];
      out.levels.push_back(std::move(entry));
    }
    const std::size_t last_outer = out.levels.size() - 1;
    for (std::size_t i = core_.levels.size(); i-- > 0;) {
      arch::LevelLoops entry{core_.levels[i].name, {}, {false, false, false}};
      for (int o = 0; o < operand_count; ++o) entry.keeps[o] = core_.levels[i].holds[o];
      out.levels.push_back(std::move(entry));
    }
    const auto add = [](std::vector<arch::Loop>& loops, Dim dim, std::int64_t count) {
      if (count > 1) loops.push_back({dim, count});
    };
    add(out.levels[0].loops, Dim::g, c.outer[0]);
    for (const Dim dim : orders[c.outer_order]) add(out.levels[0].loops, dim, c.outer[at(dim)]);
    add(out.levels[last_outer].loops, Dim::g, c.inner[0]);
    for (const Dim dim : orders[c.inner_order]) add(out.levels[last_outer].loops, dim, c.inner[at(dim)]);

    std::int64_t size[dim_count];
    for (int d = 0; d < dim_count; ++d) size[d] = ceil_quotient(ceil_quotient(work_.extent[d], c.outer[d]), c.inner[d]);
    out.rows_dim = dims_.rows;
    out.cols_dim = dims_.cols;
    const auto folds = [&](Dim dim, std::int64_t pes, std::int64_t& spatial) {
      const std::int64_t n = whole_cuts(size[at(dim)], ceil_quotient(size[at(dim)], pes));
      add(out.folds, dim, n);
      spatial = ceil_quotient(size[at(dim)], n);
    };
    folds(dims_.cols, core_.array.cols, out.cols_size);
    folds(dims_.rows, core_.array.rows, out.rows_size);
    return out;
  }

  bool choose() {
    std::size_t evaluated = 0;
    bool found = false;
    for (const Candidate& c : candidates_) {
      arch::StepMapping mapping = mapping_of(c);
      if (!holds(mapping)) continue;
      const LayerEstimate e = context_.estimate(mapping);
      const double cycles = static_cast<double>(e.latency_cycles);
      const double energy = goal_ == Goal::latency ? 0
                                                   : dynamic_energy(units_, core_index_, e.counts).total() +
                                                         static_energy(design_, units_, e.latency_cycles).total();
      const double cost = goal_ == Goal::latency ? cycles : goal_ == Goal::energy ? energy : energy * cycles;
      if (!found || cost < best_cost_) {
        best_cost_ = cost;
        best_ = std::move(mapping);
        found = true;
      }
      if (++evaluated == evaluated_candidates) break;
    }
    return found;
  }

  bool holds(const arch::StepMapping& mapping) const {
    const std::vector<std::int64_t> needed = arch::capacity_needed(core_, design_.shared, work_, mapping);
    const auto sharers = static_cast<std::int64_t>(design_.cores.size());
    for (std::size_t i = 1; i < needed.size(); ++i) {
      const std::size_t shared = design_.shared.size();
      const std::int64_t there = i <= shared ? design_.shared[shared - i].bytes / sharers : core_.levels[core_.levels.size() - 1 - (i - 1 - shared)].bytes;
      if (needed[i] > there) return false;
    }
    return true;
  }

  tl::unexpected<Error> too_small() const {
    Candidate smallest;
    for (int d = 0; d < dim_count; ++d) smallest.outer[d] = work_.extent[d];
    const arch::StepMapping mapping = mapping_of(smallest);
    const std::vector<std::int64_t> needed = arch::capacity_needed(core_, design_.shared, work_, mapping);
    for (std::size_t i = 1; i < needed.size(); ++i) {
      if (i <= design_.shared.size()) continue;
      const arch::Level& level = core_.levels[core_.levels.size() - 1 - (i - 1 - design_.shared.size())];
      if (needed[i] > level.bytes) {
        return fail(ErrorKind::invalid_input, "step " + in_quotes(label_) + ": level " + in_quotes(level.name) + " of core " + in_quotes(core_.name) + " has " +
                                                std::to_string(level.bytes) + " bytes; its smallest tiles need " + std::to_string(needed[i]));
      }
    }
    return fail(ErrorKind::invalid_input, "step " + in_quotes(label_) + ": no tiles fit into the levels of core " + in_quotes(core_.name));
  }
};

/// What decides the mapping of a step on a core of the same kind.
using Shape = std::vector<std::int64_t>;
Shape shape_of(const arch::ArrayWork& work, std::size_t core) {
  Shape shape{static_cast<std::int64_t>(core)};
  for (const std::int64_t extent : work.extent) shape.push_back(extent);
  if (work.window) {
    const workloads::Convolution& c = *work.window;
    shape.insert(shape.end(), {c.batch, c.groups, c.in_channels, c.out_channels});
    for (const auto* pair : {&c.in, &c.out, &c.kernel, &c.stride, &c.dilation, &c.pad_begin, &c.pad_end}) shape.insert(shape.end(), pair->begin(), pair->end());
    shape.push_back(c.transposed ? 1 : 0);
  }
  return shape;
}

}  // namespace

Expected<arch::StepMapping> map_step(const arch::Design& design, const arch::Core& core, const arch::ArrayWork& work, const std::string& label, Goal goal) {
  auto units = arch::unit_energies(design);
  if (!units) return fail(std::move(units.error()));
  return StepMapper(design, core, work, label, goal, *units).run(nullptr);
}

Expected<arch::Mapping> map(const arch::Design& design, const workloads::Graph& graph, const std::vector<arch::LoweredOperator>& lowered, Goal goal) {
  auto units = arch::unit_energies(design);
  if (!units) return fail(std::move(units.error()));
  struct Known {
    arch::StepMapping mapping;
    std::int64_t cycles = 0;
  };
  std::map<Shape, Known> known;
  arch::Mapping out;
  std::vector<std::int64_t> core_free(design.cores.size(), 0);
  std::map<workloads::OperatorId, std::int64_t> ready;  // when an operator's results are there
  for (const arch::LoweredOperator& op : lowered) {
    std::int64_t start = 0;
    for (const workloads::TensorId input : graph.op(op.op).inputs) {
      if (const auto producer = graph.producer(input)) {
        if (const auto found = ready.find(*producer); found != ready.end()) start = std::max(start, found->second);
      }
    }
    for (const arch::WorkStep& step : op.steps) {
      std::size_t chosen = design.cores.size();
      std::int64_t best_end = 0;
      std::optional<Error> problem;
      for (std::size_t core = 0; core < design.cores.size(); ++core) {
        std::int64_t cycles = 0;
        if (step.array) {
          Shape shape = shape_of(*step.array, core);
          auto found = known.find(shape);
          if (found == known.end()) {
            auto mapping = StepMapper(design, design.cores[core], *step.array, step.label, goal, *units).run(nullptr);
            if (!mapping) {
              if (!problem) problem = std::move(mapping.error());
              continue;
            }
            const std::int64_t latency = estimate(design, design.cores[core], *step.array, *mapping).latency_cycles;
            found = known.emplace(std::move(shape), Known{std::move(*mapping), latency}).first;
          }
          cycles = found->second.cycles;
        } else {
          if (design.cores[core].vector_lanes == 0) continue;
          cycles = estimate_vector(design, core, step.vector, step.label).latency_cycles;
        }
        const std::int64_t end = std::max(start, core_free[core]) + cycles;
        if (chosen == design.cores.size() || end < best_end) {
          chosen = core;
          best_end = end;
        }
        if (design.cores.size() == 1) break;
      }
      if (chosen == design.cores.size()) {
        if (problem) return fail(std::move(*problem));
        return fail(ErrorKind::unsupported, "step " + in_quotes(step.label) + " needs a vector unit, and no core has one");
      }
      core_free[chosen] = best_end;
      start = best_end;
      if (!step.array) continue;
      arch::StepMapping mapping = known.at(shape_of(*step.array, chosen)).mapping;
      mapping.step = step.label;
      out.steps.push_back(std::move(mapping));
    }
    ready[op.op] = start;
  }
  return out;
}

}  // namespace gnomon::sim
