#include "gnomon/sim/part.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "gnomon/base/text.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/mapper.hpp"
#include "fluid.hpp"
#include "step_key.hpp"

namespace gnomon::sim {
namespace {

/// All that the mapping of a step depends on.
StepKey work_key(std::size_t core, const arch::ArrayWork& work) {
  CycleStep step;
  step.core = core;
  step.array = work;
  step.mapping.emplace();
  return step_key(step);
}

/// Equal steps of one core.
struct Kind {
  std::size_t core = 0;
  std::vector<std::size_t> occurrences;
  // Of one occurrence, by the analytical model.
  double cycles = 0, compute = 0, once = 0, bytes = 0;  ///< `once`: first fill and last write-back
  std::int64_t tiles = 1, macs = 0;
  // In the part.
  std::int64_t taken = 0;
  LatencyCurve curve;
  // For the fluid model, as the part shows them (FluidStep).
  double efficiency = 1, scale = 1, transfers = 1, spread = 1;
  double total() const { return cycles * static_cast<double>(occurrences.size()); }
  double cost(std::int64_t count) const { return once + (cycles - once) * static_cast<double>(count) / static_cast<double>(tiles); }
};

/// Vector work is cut where its streams are, not at array tiles.
constexpr std::int64_t vector_pieces = 1000;

/// What a step takes alone.
struct Alone {
  double cycles = 0, compute = 0, once = 0, bytes = 0;
  std::int64_t tiles = 1;
};

Alone alone(const arch::Design& design, const CycleStep& step) {
  Alone out;
  const auto fill = [&](const auto& e) {
    out.cycles = static_cast<double>(e.latency_cycles);
    out.compute = static_cast<double>(e.compute_cycles);
    out.bytes = static_cast<double>(e.counts.dram_read_bytes + e.counts.dram_write_bytes);
  };
  if (step.array) {
    const LayerEstimate e = estimate(design, design.cores[step.core], *step.array, *step.mapping);
    fill(e);
    out.once = std::min(out.cycles, static_cast<double>(e.prologue_cycles + e.epilogue_cycles));
    out.tiles = std::max<std::int64_t>(1, e.array_tiles);
  } else {
    fill(estimate_vector(design, step.core, step.vector, step.label));
    out.once = std::min(out.cycles, static_cast<double>(2 * design.memory.latency_cycles));
    out.tiles = vector_pieces;
  }
  return out;
}

Kind kind_of(const arch::Design& design, const CycleStep& step) {
  Kind kind;
  kind.core = step.core;
  const Alone full = alone(design, step);
  kind.cycles = full.cycles, kind.compute = full.compute, kind.once = full.once, kind.bytes = full.bytes;
  kind.tiles = full.tiles;
  if (step.array) kind.macs = step.array->macs();
  kind.curve = {{1}, {std::max(1.0, full.cycles)}, {full.once}, full.bytes};
  arch::Design slower = design;
  const std::int64_t peak = design.memory.bytes_per_cycle;
  for (const double share : {0.8, 0.6, 0.45, 0.3, 0.2, 0.1, 0.05}) {
    slower.memory.bytes_per_cycle = std::max<std::int64_t>(1, std::llround(share * static_cast<double>(peak)));
    const double is = static_cast<double>(slower.memory.bytes_per_cycle) / static_cast<double>(peak);
    if (is >= kind.curve.shares.back()) continue;
    const Alone at = alone(slower, step);
    kind.curve.shares.push_back(is);
    kind.curve.whole.push_back(std::max(1.0, at.cycles));
    kind.curve.once.push_back(at.once);
  }
  return kind;
}

std::int64_t share_of(std::int64_t whole, std::int64_t count, std::int64_t of) {
  return whole == 0 ? 0 : std::max<std::int64_t>(1, static_cast<std::int64_t>(static_cast<double>(whole) * static_cast<double>(count) / static_cast<double>(of)));
}

/// How many tiles of each kind of a core `share` of the core's cycles buys: kinds first that stand for the most cycles at the least cost.
void choose(std::vector<Kind>& kinds, std::size_t core, double share) {
  std::vector<Kind*> mine;
  double left = 0;
  for (Kind& kind : kinds) {
    if (kind.core != core) continue;
    mine.push_back(&kind);
    left += share * kind.total();
    kind.taken = 0;
  }
  const auto affordable = [](const Kind& kind, double budget) {
    const double per_tile = (kind.cycles - kind.once) / static_cast<double>(kind.tiles);
    if (budget < kind.cost(1)) return std::int64_t{0};
    if (per_tile <= 0 || budget >= kind.cycles) return kind.tiles;
    return std::clamp<std::int64_t>(static_cast<std::int64_t>((budget - kind.once) / per_tile), 1, kind.tiles);
  };
  const auto two = [](const Kind& kind) { return std::min<std::int64_t>(2, kind.tiles); };
  const auto worth = [&](const Kind& kind) { return kind.total() / std::max(1.0, kind.cost(two(kind))); };
  std::stable_sort(mine.begin(), mine.end(), [&](const Kind* a, const Kind* b) { return worth(*a) > worth(*b); });
  for (Kind* kind : mine) {
    // A kind may overdraw its share for its first two tiles, which give a rate; what is left bounds all.
    kind->taken = std::min(std::max(two(*kind), affordable(*kind, share * kind->total())), affordable(*kind, left));
    if (kind->taken > 0) left -= kind->cost(kind->taken);
  }
}

/// A cut of the work, and which kind each of its steps stands for.
struct Cut {
  std::vector<CycleStep> steps;
  std::vector<std::size_t> kinds;
  std::vector<std::int64_t> taken;

  void add(const CycleStep& whole, std::size_t kind, std::int64_t count, std::int64_t tiles) {
    CycleStep step = whole;
    step.after.clear();
    if (count < tiles && step.array) {
      step.first_tiles = count;
    } else if (count < tiles) {
      step.vector = {share_of(step.vector.ops, count, tiles), share_of(step.vector.in_elements, count, tiles), share_of(step.vector.out_elements, count, tiles)};
    }
    taken.push_back(count);
    steps.push_back(std::move(step));
    kinds.push_back(kind);
  }
};

class PartSimulation {
 public:
  PartSimulation(const arch::Design& design, const std::vector<CycleStep>& steps, double fraction) : design_(design), steps_(steps), fraction_(fraction) {
    out_.cores.resize(design.cores.size());
    out_.fraction = fraction;
  }

  Expected<PartRun> run();

 private:
  const arch::Design& design_;
  const std::vector<CycleStep>& steps_;
  double fraction_;
  std::vector<Kind> kinds_;
  std::vector<std::size_t> kind_of_;  ///< by step
  std::vector<double> slowdown_, rate_;  ///< by kind
  /// Of the steps of a kind that were simulated and count: what they say about their transfers, and what they would take as a whole.
  struct Seen {
    double steps = 0, tiles = 0, transfers = 0, bytes = 0, held = 0, squares = 0, waited = 0, whole = 0;
    bool whole_known = true;  ///< more than one tile, or all
  };
  std::vector<Seen> seen_;  ///< by kind
  struct Measured {
    Cut cut;
    std::vector<double> waited;  ///< by core; negative where it does not count
    std::vector<double> cycles;  ///< by core
  };
  std::vector<Measured> measured_;
  std::vector<double> patience_;  ///< by core
  std::vector<char> complete_;  ///< by core: simulated whole, beside what it will meet
  PartRun out_;

  /// A core whose work is shorter than this share of the longest core's is simulated once more, beside the beginning of the others.
  static constexpr double short_core = 0.15;
  /// Shares of the fraction: for all cores in proportion, and for each short core.
  static constexpr double usual_share = 0.96, share_beside_short = 0.64, short_share = 0.12;

  /// From this ratio of transfer to compute cycles on a step may wait for its transfers where another core uses the memory too.
  static constexpr double bound_share = 0.5;

  double total(std::size_t core) const {
    double sum = 0;
    for (const Kind& kind : kinds_) sum += kind.core == core ? kind.total() : 0.0;
    return sum;
  }
  /// Tiles of the step that are in the part: of its kind's middle occurrence; of all where the part is the whole.
  std::int64_t taken_at(std::size_t step) const {
    const Kind& kind = kinds_[kind_of_[step]];
    if (fraction_ == 1) return kind.tiles;
    return kind.occurrences[kind.occurrences.size() / 2] == step ? kind.taken : 0;
  }
  Expected<void> measure(const Cut& cut, const std::vector<char>& counts);
  FluidStep fluid(const Kind& kind, double part) const {
    return {&kind.curve, part, kind.efficiency, kind.scale, kind.transfers, patience_[kind.core], kind.spread};
  }
  void fit();
  void flow();
  Expected<void> measure_short(std::size_t core, double budget);
  void conclude();
};

Expected<PartRun> PartSimulation::run() {
  std::map<StepKey, std::size_t> known;
  for (const CycleStep& step : steps_) {
    if (step.core >= design_.cores.size()) return fail(ErrorKind::invalid_input, "step " + in_quotes(step.label) + ": no core " + std::to_string(step.core));
    if (step.array && !step.mapping) return fail(ErrorKind::invalid_input, "step " + in_quotes(step.label) + " has no mapping");
    const auto [at, is_new] = known.emplace(step_key(step), kinds_.size());
    if (is_new) kinds_.push_back(kind_of(design_, step));
    kind_of_.push_back(at->second);
    kinds_[at->second].occurrences.push_back(kind_of_.size() - 1);
  }
  slowdown_.assign(kinds_.size(), 0);
  rate_.assign(kinds_.size(), 0);
  seen_.assign(kinds_.size(), {});
  const std::size_t cores = design_.cores.size();
  complete_.assign(cores, fraction_ == 1);
  double longest = 0;
  for (std::size_t c = 0; c < cores; ++c) longest = std::max(longest, total(c));
  std::vector<char> is_short(cores, 0);
  for (std::size_t c = 0; c < cores; ++c) is_short[c] = total(c) > 0 && total(c) < short_core * longest;
  const auto short_cores = static_cast<double>(std::count(is_short.begin(), is_short.end(), 1));
  const double share = fraction_ == 1 ? 1 : fraction_ * (short_cores > 0 ? share_beside_short : usual_share);
  for (std::size_t c = 0; c < cores; ++c) choose(kinds_, c, is_short[c] || total(c) <= 0 ? share : std::min(1.0, share * std::sqrt(longest / total(c))));

  // In the order of the run; what was cut out of the middle leaves the order of the rest.
  Cut cut;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    if (const std::int64_t taken = taken_at(i); taken > 0) cut.add(steps_[i], kind_of_[i], taken, kinds_[kind_of_[i]].tiles);
  }
  if (cut.steps.empty()) {
    return fail(ErrorKind::unsupported, "no first tile of any step fits into " + number(100 * fraction_) + " % of the work: the networks are too small to be cut");
  }
  std::vector<char> counts(cores, 1);
  if (fraction_ < 1) {
    for (std::size_t c = 0; c < cores; ++c) counts[c] = is_short[c] ? 0 : 1;
  }
  if (auto done = measure(cut, counts); !done) return fail(std::move(done.error()));
  for (std::size_t c = 0; c < cores; ++c) {
    if (counts[c]) continue;
    if (auto done = measure_short(c, fraction_ * short_share / short_cores * longest); !done) return fail(std::move(done.error()));
  }
  conclude();
  return std::move(out_);
}

/// Runs a cut and takes note of what it says about the kinds of the cores that count.
Expected<void> PartSimulation::measure(const Cut& cut, const std::vector<char>& counts) {
  auto run = run_cycle_model(design_, cut.steps);
  if (!run) return fail(std::move(run.error()));
  const double peak = static_cast<double>(design_.memory.bytes_per_cycle);
  out_.simulated_cycles += run->simulated_cycles;
  std::map<std::size_t, double> times;
  std::vector<double> waited(counts.size(), 0), cycles(counts.size(), 0);
  for (std::size_t i = 0; i < cut.steps.size(); ++i) {
    const Kind& kind = kinds_[cut.kinds[i]];
    if (!counts[kind.core]) continue;
    const StepResult& r = run->steps[i];
    const CycleRun::Activity& at = run->activity[i];
    const auto latency = static_cast<double>(r.latency_cycles), compute = static_cast<double>(r.compute_cycles);
    const double bytes = static_cast<double>(r.counts.dram_read_bytes + r.counts.dram_write_bytes);
    const std::int64_t count = cut.taken[i];
    const auto taken = static_cast<double>(count), tiles = static_cast<double>(kind.tiles);
    const double alone = std::max({compute + kind.once, bytes / peak, 1.0});
    // A whole step is its own answer. Else: what comes before the first tile and after the last comes once.
    double whole = latency;
    if (count < kind.tiles && cut.steps[i].array) {
      const double per_tile = compute / taken, active = static_cast<double>(at.end_cycle - at.first_cycle), first = static_cast<double>(at.first_cycle);
      const double interval = count > 1 ? (active - per_tile) / (taken - 1) : std::max(per_tile, first - static_cast<double>(design_.memory.latency_cycles));
      whole = first + interval * (tiles - 1) + per_tile + std::max(0.0, latency - static_cast<double>(at.end_cycle));
    } else if (count < kind.tiles) {
      whole = latency * tiles / taken;
    }
    waited[kind.core] += at.memory_waited_cycles;
    cycles[kind.core] += latency;
    Seen& seen = seen_[cut.kinds[i]];
    seen.steps += 1;
    seen.tiles += taken;
    seen.transfers += static_cast<double>(at.memory_transfers);
    seen.bytes += bytes;
    seen.held += at.memory_held_cycles;
    seen.squares += at.memory_held_squares;
    seen.waited += at.memory_waited_cycles;
    seen.whole += whole;
    seen.whole_known = count > 1 || count == kind.tiles;
    // The mean where a kind occurs several times.
    const double before = times[cut.kinds[i]]++;
    const auto mean = [&](double& value, double one) { value += (one - value) / (before + 1); };
    mean(slowdown_[cut.kinds[i]], count == kind.tiles && kind.cycles > 0 ? latency / kind.cycles : latency / alone);
    mean(rate_[cut.kinds[i]], kind.cycles > 0 ? whole / kind.cycles : 1);
    PartCore& core = out_.cores[kind.core];
    core.part_cycles += latency;
    core.part_analytical_cycles += alone;
    core.part_compute_cycles += compute;
    core.part_bytes += bytes;
  }
  for (std::size_t c = 0; c < out_.cores.size(); ++c) {
    if (!counts[c]) waited[c] = -1;
    else for (const std::int64_t one : run->waited_cycles[c]) out_.cores[c].part_waited_cycles += static_cast<double>(one);
  }
  measured_.push_back({cut, std::move(waited), std::move(cycles)});
  if (run->memory && design_.memory.dram && out_.row_hit_rate == 0 && out_.bandwidth_share == 0) {
    const DramStatistics& m = *run->memory;
    const double tck = static_cast<double>(design_.memory.dram->tck_ps());
    out_.row_hit_rate = m.hit_rate();
    out_.bandwidth_share = m.peak_bandwidth_gb_s > 0 ? m.bandwidth_gb_s / m.peak_bandwidth_gb_s : 0;
    out_.read_latency_cycles = m.read_latency.mean * tck / static_cast<double>(design_.clock_period_ps);
  }
  return {};
}

/// A short core beside what the others do at the beginning, since that is all it will ever meet.
Expected<void> PartSimulation::measure_short(std::size_t core, double budget) {
  const double all = total(core);
  const bool complete = all <= budget;
  complete_[core] = complete;
  choose(kinds_, core, complete ? 1 : budget / all);
  Cut cut;
  double own = 0;
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Kind& kind = kinds_[kind_of_[i]];
    if (kind.core != core || kind.taken == 0) continue;
    const std::int64_t taken = complete ? kind.tiles : taken_at(i);
    if (taken == 0) continue;
    cut.add(steps_[i], kind_of_[i], taken, kind.tiles);
    own += kind.cost(taken);
  }
  // The others as far as they get in the core's slowed down life, cut like the core itself.
  constexpr double horizon = 2;
  for (std::size_t c = 0; c < design_.cores.size(); ++c) {
    double until = horizon * all, left = horizon * own;
    for (std::size_t i = 0; i < steps_.size() && until > 0 && left > 0; ++i) {
      const Kind& kind = kinds_[kind_of_[i]];
      if (c == core || kind.core != c) continue;
      const double reached = std::min(1.0, until / std::max(1.0, kind.cycles)), wanted = reached * static_cast<double>(kind.tiles) * own / all;
      const double per_tile = std::max(1.0, (kind.cycles - kind.once) / static_cast<double>(kind.tiles));
      const auto most = static_cast<std::int64_t>(std::max(1.0, (left - kind.once) / per_tile)) + (complete ? 2 : 0);
      const std::int64_t taken = std::clamp<std::int64_t>(static_cast<std::int64_t>(std::ceil(wanted)) + (complete ? 2 : 0), 1, std::min(most, kind.tiles));
      cut.add(steps_[i], kind_of_[i], taken, kind.tiles);
      left -= kind.cost(taken);
      until -= kind.cycles;
    }
  }
  std::vector<char> counts(design_.cores.size(), 0);
  counts[core] = 1;
  return measure(cut, counts);
}

void PartSimulation::conclude() {
  const double peak = static_cast<double>(design_.memory.bytes_per_cycle);
  double expected = 0, all = 0;
  for (std::size_t c = 0; c < out_.cores.size(); ++c) {
    PartCore& core = out_.cores[c];
    double known_rate = 0, known_cycles = 0;
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      if (kinds_[k].core != c || kinds_[k].taken == 0) continue;
      known_rate += rate_[k] * kinds_[k].total();
      known_cycles += kinds_[k].total();
    }
    const double usual = core.part_analytical_cycles > 0 ? core.part_cycles / core.part_analytical_cycles : 1;
    const double usual_rate = known_cycles > 0 ? known_rate / known_cycles : 1;
    // Kinds that are out: their transfers slowed down like those of kinds that wait for transfers, their compute not at all.
    double waiting = 0, transfer = 0;
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      const Kind& kind = kinds_[k];
      if (kind.core != c || kind.taken == 0 || kind.bytes / peak < bound_share * kind.compute) continue;
      waiting += rate_[k] * kind.total();
      transfer += kind.bytes / peak * static_cast<double>(kind.occurrences.size());
    }
    const auto unseen = [&](const Kind& kind, double otherwise) {
      return transfer > 0 && kind.cycles > 0 ? std::max(kind.compute + kind.once, kind.bytes / peak * waiting / transfer) / kind.cycles : otherwise;
    };
    for (std::size_t k = 0; k < kinds_.size(); ++k) {
      const Kind& kind = kinds_[k];
      if (kind.core != c) continue;
      const auto count = static_cast<double>(kind.occurrences.size());
      ++core.kinds;
      core.steps += static_cast<std::int64_t>(kind.occurrences.size());
      core.macs += kind.macs * static_cast<std::int64_t>(kind.occurrences.size());
      core.analytical_cycles += kind.total();
      core.compute_cycles += kind.compute * count;
      core.memory_bytes += kind.bytes * count;
      if (kind.bytes / peak > kind.compute) core.memory_bound += kind.total();
      if (kind.taken > 0) {
        ++core.sampled_kinds;
        core.sampled += kind.total();
        expected += kind.cost(kind.taken);
      }
      core.scaled_cycles += kind.total() * (kind.taken > 0 ? slowdown_[k] : usual);
      core.extrapolated_cycles += kind.total() * (kind.taken > 0 ? rate_[k] : unseen(kind, usual_rate));
      all += kind.total();
    }
    if (core.analytical_cycles > 0) {
      core.memory_bound /= core.analytical_cycles;
      core.sampled /= core.analytical_cycles;
    }
  }
  out_.expected_share = all > 0 ? expected / all : 0;
  flow();
}

/// What the fluid model has to know of each kind, from what the part saw of its transfers.
void PartSimulation::fit() {
  const double peak = static_cast<double>(design_.memory.bytes_per_cycle);
  struct Mean {
    double bytes = 0, held = 0, tiles = 0, transfers = 0, squares = 0, weight = 0, scale = 0;
  };
  std::vector<Mean> means(out_.cores.size());
  Mean all;
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    Kind& kind = kinds_[k];
    const Seen& seen = seen_[k];
    if (seen.steps == 0 || seen.transfers == 0 || seen.held <= 0) continue;
    kind.efficiency = std::clamp(seen.bytes / (seen.held * peak), 1e-3, 1.0);
    kind.transfers = seen.transfers / seen.tiles * static_cast<double>(kind.tiles);
    kind.spread = std::max(1.0, seen.transfers * seen.squares / (seen.held * seen.held));
    const double share = seen.held / (seen.held + seen.waited);
    kind.scale = seen.whole_known ? std::clamp(seen.whole / seen.steps / kind.curve.cycles(share * kind.efficiency, 1), 0.7, 2.0) : 1;
    for (Mean* mean : {&means[kind.core], &all}) {
      mean->bytes += seen.bytes, mean->held += seen.held, mean->tiles += seen.tiles, mean->transfers += seen.transfers, mean->squares += seen.squares;
      mean->weight += kind.total();
      mean->scale += kind.total() * std::log(kind.scale);
    }
  }
  for (std::size_t k = 0; k < kinds_.size(); ++k) {
    Kind& kind = kinds_[k];
    const Mean& mean = means[kind.core].held > 0 ? means[kind.core] : all;
    if (seen_[k].held > 0 || mean.held <= 0) continue;
    kind.efficiency = std::clamp(mean.bytes / (mean.held * peak), 1e-3, 1.0);
    kind.transfers = mean.transfers / mean.tiles * static_cast<double>(kind.tiles);
    kind.spread = std::max(1.0, mean.transfers * mean.squares / (mean.held * mean.held));
    kind.scale = std::exp(mean.scale / mean.weight);
  }
  // How long transfers wait, on the part, by the model and in truth.
  patience_.assign(out_.cores.size(), 1);
  constexpr int turns = 6;
  for (int turn = 0; turn <= turns; ++turn) {
    for (const Measured& m : measured_) {
      std::vector<std::vector<FluidStep>> cores(out_.cores.size());
      for (std::size_t i = 0; i < m.cut.steps.size(); ++i) {
        const Kind& kind = kinds_[m.cut.kinds[i]];
        cores[kind.core].push_back(fluid(kind, static_cast<double>(m.cut.taken[i]) / static_cast<double>(kind.tiles)));
      }
      const auto takes = run_fluid(cores, peak);
      for (std::size_t c = 0; c < cores.size(); ++c) {
        double waited = 0, cycles = 0;
        for (const FluidTime& time : takes[c]) waited += time.waited, cycles += time.cycles;
        if (m.waited[c] < 0) continue;
        if (turn == turns) {
          out_.cores[c].patience = patience_[c];
          out_.cores[c].part_ratio = cycles > 0 ? m.cycles[c] / cycles : 1;
        } else if (waited > 0) {
          patience_[c] = std::clamp(patience_[c] * std::sqrt(std::max(1e-3, m.waited[c] / waited)), 0.2, 5.0);
        }
      }
    }
  }
  out_.efficiency = all.held > 0 ? std::min(1.0, all.bytes / (all.held * peak)) : 1;
}

/// The whole by the fluid model.
void PartSimulation::flow() {
  fit();
  std::vector<std::vector<FluidStep>> cores(out_.cores.size());
  for (std::size_t i = 0; i < steps_.size(); ++i) {
    const Kind& kind = kinds_[kind_of_[i]];
    cores[kind.core].push_back(fluid(kind, 1));
  }
  const auto takes = run_fluid(cores, static_cast<double>(design_.memory.bytes_per_cycle));
  for (std::size_t c = 0; c < cores.size(); ++c) {
    if (complete_[c]) out_.cores[c].fluid_cycles = out_.cores[c].part_cycles;
    else for (const FluidTime& time : takes[c]) out_.cores[c].fluid_cycles += time.cycles;
  }
}

}  // namespace

Expected<std::vector<CycleStep>> side_by_side(const arch::Design& design, const std::vector<std::shared_ptr<const workloads::Graph>>& networks) {
  if (networks.empty() || networks.size() > design.cores.size()) {
    return fail(ErrorKind::invalid_input, "design " + in_quotes(design.name) + " has " + std::to_string(design.cores.size()) + " cores for " +
                                              std::to_string(networks.size()) + " networks; one core for each is needed");
  }
  std::vector<CycleStep> out;
  for (std::size_t core = 0; core < networks.size(); ++core) {
    auto lowered = arch::lower(*networks[core], design.cores[core]);
    if (!lowered) return fail(std::move(lowered.error()));
    std::map<StepKey, arch::StepMapping> known;
    for (const arch::LoweredOperator& op : *lowered) {
      for (const arch::WorkStep& work : op.steps) {
        CycleStep step;
        step.label = std::to_string(core) + ":" + work.label;
        step.core = core;
        step.array = work.array;
        step.vector = work.vector;
        if (work.array) {
          const StepKey key = work_key(core, *work.array);
          auto found = known.find(key);
          if (found == known.end()) {
            auto mapping = map_step(design, design.cores[core], *work.array, work.label);
            if (!mapping) return fail(std::move(mapping.error()));
            found = known.emplace(key, std::move(*mapping)).first;
          }
          step.mapping = found->second;
        }
        out.push_back(std::move(step));
      }
    }
  }
  return out;
}

Expected<PartRun> simulate_part(const arch::Design& design, const std::vector<CycleStep>& steps, double fraction) {
  if (!(fraction > 0 && fraction <= 1)) return fail(ErrorKind::invalid_input, "fraction is " + number(fraction) + "; more than 0 and at most 1 is allowed");
  return PartSimulation(design, steps, fraction).run();
}

namespace {

/// MACs per cycle and PE where core `self` takes so many cycles; 0 where it has nothing to do.
double throughput(const arch::Design& design, const PartRun& part, std::size_t self, double cycles) {
  const arch::Array& array = design.cores[self].array;
  return cycles > 0 ? static_cast<double>(part.cores[self].macs) / (cycles * static_cast<double>(array.rows * array.cols)) : 0;
}

}  // namespace

double part_throughput(const arch::Design& design, const PartRun& part, std::size_t self) {
  const PartCore& core = part.cores[self];
  return (throughput(design, part, self, core.fluid_cycles) + throughput(design, part, self, core.extrapolated_cycles)) / 2;
}

double compute_throughput(const arch::Design& design, const PartRun& part, std::size_t self) {
  return throughput(design, part, self, part.cores[self].compute_cycles);
}

double corrected_throughput(const arch::Design& design, const PartRun& part, std::size_t self, double part_error) {
  const double most = compute_throughput(design, part, self);
  return std::clamp(part_throughput(design, part, self) + part_error * most, 0.0, most);
}

std::vector<PartFeature> part_features(const arch::Design& design, const PartRun& part, std::size_t self) {
  const PartCore& mine = part.cores[self];
  // All other cores together; a longer co-runner contends to the end, a shorter one does not.
  double other_cycles = 0, other_bytes = 0, other_scaled = 0, other_bound = 0;
  for (std::size_t c = 0; c < part.cores.size(); ++c) {
    if (c == self) continue;
    other_cycles += part.cores[c].analytical_cycles;
    other_bytes += part.cores[c].memory_bytes;
    other_scaled += part.cores[c].scaled_cycles;
    other_bound = std::max(other_bound, part.cores[c].memory_bound);
  }
  const arch::Array& array = design.cores[self].array;
  const double pes = static_cast<double>(array.rows * array.cols);
  const double peak = static_cast<double>(design.memory.bytes_per_cycle);
  const auto over = [](double a, double b) { return b > 0 ? a / b : 0.0; };
  const auto macs = static_cast<double>(mine.macs);
  // Estimates as shares of what compute alone allows, and beside each other: where they differ is where they err.
  const auto share = [&](double cycles) { return over(mine.compute_cycles, cycles); };
  return {{"fluid_throughput", "", over(macs, mine.fluid_cycles * pes)},
          {"fluid_share", "", share(mine.fluid_cycles)},
          {"extrapolated_share", "", share(mine.extrapolated_cycles)},
          {"scaled_share", "", share(mine.scaled_cycles)},
          {"analytical_share", "", share(mine.analytical_cycles)},
          {"fluid_less_extrapolated", "", share(mine.fluid_cycles) - share(mine.extrapolated_cycles)},
          {"fluid_less_scaled", "", share(mine.fluid_cycles) - share(mine.scaled_cycles)},
          {"patience", "", mine.patience},
          {"part_ratio", "", mine.part_ratio},
          {"memory_efficiency", "", part.efficiency},
          {"part_throughput", "", over(macs, mine.scaled_cycles * pes)},
          {"extrapolated_throughput", "", over(macs, mine.extrapolated_cycles * pes)},
          {"analytical_throughput", "", over(macs, mine.analytical_cycles * pes)},
          {"compute_throughput", "", over(macs, mine.compute_cycles * pes)},
          {"memory_throughput", "", over(macs, mine.memory_bytes / peak * pes)},
          {"shared_memory_throughput", "", over(macs, (mine.memory_bytes + other_bytes) / peak * pes)},
          {"part_slowdown", "", over(mine.part_cycles, mine.part_analytical_cycles)},
          {"part_waited_share", "", over(mine.part_waited_cycles, mine.part_cycles)},
          {"part_stall_share", "", 1 - over(mine.part_compute_cycles, mine.part_cycles)},
          {"part_bytes_per_cycle_share", "", over(mine.part_bytes, mine.part_cycles * peak)},
          {"sampled_share", "", mine.sampled},
          {"memory_bound_share", "", mine.memory_bound},
          {"other_memory_bound_share", "", other_bound},
          {"other_to_own_analytical", "", over(other_cycles, mine.analytical_cycles)},
          {"other_to_own_scaled", "", over(other_scaled, mine.scaled_cycles)},
          {"other_demand_share", "", over(other_bytes, other_cycles * peak)},
          {"own_demand_share", "", over(mine.memory_bytes, mine.analytical_cycles * peak)},
          {"row_hit_rate", "", part.row_hit_rate},
          {"bandwidth_share", "", part.bandwidth_share},
          {"read_latency_cycles", "cycles", part.read_latency_cycles},
          {"memory_latency_cycles", "cycles", static_cast<double>(design.memory.latency_cycles)},
          {"memory_bytes_per_cycle", "B/cycle", peak},
          {"pes", "", pes}};
}

}  // namespace gnomon::sim
