#include "cosim/system.hpp"

#include <algorithm>
#include <stdexcept>

#include "gnomon/base/text.hpp"

namespace gnomon::hls {

using arch::Operand;

RtlArray::RtlArray(LoadedModel& model, const ArrayParameters& parameters, const Operands& operands, const std::vector<Fold>& folds,
                   const arch::Design& design, std::size_t core, const arch::StepMapping& mapping, const DriveOptions& options)
    : streams_(model, parameters, operands, folds, options.seed),
      design_(design),
      folds_(folds),
      p_(parameters),
      options_(options),
      stall_(derive(options.seed, "stalls")),
      work_k_(operands.size(arch::Dim::k)),
      banks_(design.cores[core].levels) {
  streams_.trace_from = options.trace_from;
  streams_.trace_to = options.trace_to;
  const auto& levels = design.cores[core].levels;
  for (const arch::Level& level : levels) rate_.push_back(level.bytes_per_cycle);
  for (int o = 0; o < arch::operand_count; ++o) {
    const std::string& innermost = mapping.levels[arch::chain(mapping, static_cast<Operand>(o)).back()].level;
    for (std::size_t l = 0; l < levels.size(); ++l)
      if (levels[l].name == innermost) level_[o] = l;
  }
  lay_out(operands, mapping);
}

void RtlArray::lay_out(const Operands& operands, const arch::StepMapping& mapping) {
  arch::ArrayWork work;
  std::copy(std::begin(operands.extent), std::end(operands.extent), work.extent);
  const std::vector<arch::FlatLoop> loops = arch::flatten(mapping);
  const auto cuts_k = [](const auto& loop) { return loop.dim == arch::Dim::k && loop.count > 1; };
  const bool sums = std::any_of(loops.begin(), loops.end(), cuts_k) || std::any_of(mapping.folds.begin(), mapping.folds.end(), cuts_k);
  for (int o = 0; o < arch::operand_count; ++o) {
    const auto operand = static_cast<Operand>(o);
    stored_bits_[o] = operand == Operand::ofmap && sums ? p_.accumulator_bits : p_.precision_bits;
    if (mapping.layout[o] == arch::Layout::streamed) continue;
    const std::size_t depth = arch::loops_outside(mapping)[arch::chain(mapping, operand).back()];
    arch::TileRange before;
    for (arch::TileWalk walk(work, loops); !walk.done(); walk.next()) {
      const arch::TileRange& tile = walk.tile(depth);
      bool fresh = false;
      for (int d = 0; d < arch::dim_count; ++d) fresh = fresh || (arch::relevant(operand, static_cast<arch::Dim>(d)) && tile.begin[d] != before.begin[d]);
      const std::int64_t last = banked_[o].empty() ? 0 : banked_[o].back().number;
      banked_[o].push_back({fresh ? last + 1 : last, {operand, mapping.layout[o], tile}});
      before = tile;
    }
  }
}

void RtlArray::touch(Operand operand, bool write, const Fold& fold, const Place& place) {
  const auto o = static_cast<std::size_t>(operand);
  if (banked_[o].empty()) return;
  const BankedTile& tile = banked_[o].at(static_cast<std::size_t>(fold.tile));
  banks_.touch(level_[o], write, operand, tile.number, tile.matrix.index(fold.g, place.first, place.second), stored_bits_[o]);
}

void RtlArray::tick() {
  streams_.clock(true);
  streams_.cycle = ++clock_;
}

void RtlArray::fail_at(std::int64_t cycle, const std::string& what) {
  stop_ = cycle;
  throw std::runtime_error(what + "; step " + std::to_string(step_) + ", " + streams_.where());
}

void RtlArray::offer() {
  streams_.put();
  streams_.hold.set(0);
  streams_.rows.valid.set(streams_.rows_left());
  streams_.columns.valid.set(streams_.columns_left());
  streams_.psum.valid.set(1);
  streams_.ofmap.ready.set(1);
}

/// One clock in which nothing may move.
void RtlArray::cycle() {
  streams_.clock(false);
  if (streams_.rows.moves() || streams_.columns.moves() || streams_.psum.moves() || streams_.ofmap.moves())
    fail_run("the RTL moved a stream while it was held");
  if (streams_.fold_valid.get() && streams_.fold_ready.get()) ++streams_.next_fold;
  tick();
  if (clock_ > options_.max_cycles) fail_run("the RTL has not finished after " + std::to_string(clock_) + " cycles");
}

std::int64_t RtlArray::price() {
  const bool held = streams_.held;
  const auto lanes_in = [](std::int64_t u, std::int64_t lanes, std::int64_t beats) {  // lanes l with 0 <= u - l < beats
    const std::int64_t first = std::max<std::int64_t>(0, u - beats + 1), last = std::min(lanes - 1, u);
    return std::max<std::int64_t>(0, last - first + 1);
  };
  const bool any_banked = std::any_of(std::begin(banked_), std::end(banked_), [](const auto& tiles) { return !tiles.empty(); });
  banks_.clear();
  const auto skewed = [&](std::int64_t u, std::int64_t lanes, std::int64_t beats, const auto& visit) {
    if (!any_banked) return;
    for (std::int64_t lane = std::max<std::int64_t>(0, u - beats + 1); lane <= std::min(u, lanes - 1); ++lane) visit(lane, u - lane);
  };
  std::vector<std::int64_t> reads(rate_.size(), 0), writes(rate_.size(), 0);
  const auto move = [&](Operand operand, bool write, std::int64_t words, int bits) {
    if (words == 0) return;
    const auto o = static_cast<std::size_t>(operand);
    const std::int64_t bytes = arch::packed_bytes(words, bits);
    (write ? writes : reads)[level_[o]] += bytes;
    (write ? written_ : read_)[o] += bytes;
  };
  const Operand at_rows = p_.dataflow == arch::Dataflow::is ? Operand::filter : Operand::ifmap;
  const Operand at_columns = at_rows == Operand::ifmap ? Operand::filter : Operand::ifmap;
  for (const Flight& flight : flights_) {
    const Fold& fold = folds_[flight.fold];
    if (flight.rows_from >= 0) {
      const std::int64_t u = step_ - flight.rows_from;
      move(at_rows, false, lanes_in(u, fold.rows, fold.length), p_.precision_bits);
      skewed(u, fold.rows, fold.length, [&](std::int64_t lane, std::int64_t beat) { touch(at_rows, false, fold, row_place(p_.dataflow, fold, lane, beat)); });
    }
    if (flight.columns_from >= 0) {
      const std::int64_t u = step_ - flight.columns_from;
      const std::int64_t beats = streams_.beats_at_columns(fold);
      const auto at = [&](std::int64_t lane, std::int64_t beat) { touch(at_columns, false, fold, column_place(p_.dataflow, fold, lane, beat)); };
      if (!held || p_.overlap) {
        move(at_columns, false, lanes_in(u, fold.cols, beats), p_.precision_bits);
        skewed(u, fold.cols, beats, at);
      } else if (u < beats) {
        move(at_columns, false, fold.cols, p_.precision_bits);
        for (std::int64_t lane = 0; lane < fold.cols; ++lane) at(lane, u);
      }
    }
  }
  // Results, fold by fold.
  if (streams_.ofmap.valid.get()) {
    std::size_t fold = folds_.size();
    std::int64_t words = 0;
    const auto flush = [&] {
      if (words == 0) return;
      const Fold& f = folds_[fold];
      const std::int64_t k_part = held ? f.rows : f.length;
      if (f.accumulate()) move(Operand::ofmap, false, words, p_.accumulator_bits);
      move(Operand::ofmap, true, words, f.k + k_part == work_k_ ? p_.precision_bits : p_.accumulator_bits);
    };
    for (std::int64_t j = 0; j < p_.cols; ++j) {
      const Position& at = streams_.result_at[static_cast<std::size_t>(j)];
      if (held && !streams_.ofmap_lanes.get_lane(j, 1)) continue;
      if (at.fold >= folds_.size() || j >= folds_[at.fold].cols) continue;
      if (at.fold != fold) {
        flush();
        words = 0;
        fold = at.fold;
      }
      ++words;
      const Place place = result_place(p_.dataflow, folds_[fold], j, at.beat);
      if (folds_[fold].accumulate()) touch(Operand::ofmap, false, folds_[fold], place);
      touch(Operand::ofmap, true, folds_[fold], place);
    }
    flush();
  }
  std::int64_t cycles = 1;
  for (std::size_t l = 0; l < rate_.size(); ++l)
    cycles = std::max({cycles, (reads[l] + rate_[l] - 1) / rate_[l], (writes[l] + rate_[l] - 1) / rate_[l]});
  const std::int64_t turns = any_banked ? banks_.turns() : 0;
  bank_cycles_ += std::max<std::int64_t>(0, turns - cycles);
  return std::max(cycles, turns);
}

RtlArray::Span RtlArray::next_tile(std::int64_t waited_cycles) {
  Span span;
  // The RTL's clock runs on while the operands of the tile are on their way; a long wait is not clocked to its end.
  constexpr std::int64_t longest_wait = 1024;
  waited_ += waited_cycles;
  for (std::int64_t w = 0; w < std::min(waited_cycles, longest_wait); ++w) {
    offer();
    streams_.columns.valid.set(0);
    cycle();
  }
  last_result_ += std::max<std::int64_t>(0, waited_cycles - longest_wait);
  streams_.cycle = clock_ += std::max<std::int64_t>(0, waited_cycles - longest_wait);

  const std::int64_t patience = 4 * (p_.rows + p_.cols) + 64;
  std::int64_t still = 0;
  bool tile_begun = false;
  while (streams_.results_left > 0) {
    offer();
    streams_.look();
    const bool rows = streams_.rows.moves(), columns = streams_.columns.moves();
    if (columns && streams_.column_at.beat == 0) {
      const Fold& fold = folds_[streams_.column_at.fold];
      if (fold.begins_tile) {
        if (tile_begun) return span;  // the operands of the next tile may not be there yet
        tile_begun = true;
      }
      flights_.push_back({streams_.column_at.fold, step_, -1});
    }
    if (rows && streams_.row_at.beat == 0)
      for (Flight& flight : flights_)
        if (flight.fold == streams_.row_at.fold) flight.rows_from = step_;
    if (!tile_begun) {  // the first descriptor is on its way
      if (begun_ || ++still > patience) fail_at(moved_, "the RTL is stuck: it does not begin");
      if (rows || streams_.ofmap.moves()) fail_run("the RTL moved a stream before its first step");
      cycle();
      continue;
    }
    if (first_beat_ < 0) first_beat_ = clock_;
    // Streams that come late hold all of the array, cycle after cycle.
    while (options_.stall > 0) {
      const bool late_rows = stall_.chance(options_.stall) && rows, late_columns = stall_.chance(options_.stall) && columns;
      const bool late_psum = stall_.chance(options_.stall) && streams_.psum.moves();
      const bool full = stall_.chance(options_.stall) && streams_.ofmap.moves();
      if (!late_rows && !late_columns && !late_psum && !full) break;
      if (late_rows) streams_.rows.valid.set(0);
      if (late_columns) streams_.columns.valid.set(0);
      if (late_psum) streams_.psum.valid.set(0);
      if (full) streams_.ofmap.ready.set(0);
      cycle();
      ++stalls_;
      ++span.cycles;
      offer();
      streams_.look();
    }
    const std::int64_t cycles = price();
    if (cycles > 1) {
      streams_.hold.set(1);
      for (std::int64_t c = 1; c < cycles; ++c) cycle();
      held_ += cycles - 1;
    }
    offer();
    streams_.clock(false);
    if (auto done = streams_.take(); !done) fail_run(done.error().text());
    if (streams_.took_rows != rows || streams_.took_columns != columns)
      fail_run("the RTL does not take what it would have taken before it was held");
    tick();
    ++step_;
    span.cycles += cycles;
    still = streams_.took_rows || streams_.took_columns || streams_.took_ofmap ? 0 : still + 1;
    if (still == 0) moved_ = clock_ - 1;
    if (still > patience) fail_at(moved_, "the RTL is stuck: no stream has moved for " + std::to_string(still) + " steps");
    begun_ = true;
    if (streams_.took_ofmap) last_result_ = clock_ - 1;
    while (ended_folds_ < folds_.size() && streams_.results_open[ended_folds_] == 0) {
      ++ended_folds_;
      if (ended_folds_ == folds_.size() || folds_[ended_folds_].begins_tile) {
        const std::int64_t tiles = folds_[ended_folds_ - 1].tile + 1;
        span.marks.push_back({tiles, span.cycles});
      }
    }
    std::erase_if(flights_, [&](const Flight& flight) { return flight.fold < ended_folds_; });
  }
  return span;
}

Expected<SystemRun> run_in_system(LoadedModel& model, const ArrayParameters& parameters, const arch::Design& design, std::size_t core,
                                  const arch::ArrayWork& work, const arch::StepMapping& mapping, const Operands& operands,
                                  const std::vector<Fold>& folds, const DriveOptions& options, std::int64_t& stop_cycle) {
  sim::CycleStep step;
  step.label = mapping.step;
  step.core = core;
  step.array = work;
  step.mapping = mapping;
  auto expected = sim::run_cycle_model(design, {step});
  if (!expected) return fail(std::move(expected.error()));
  // As many cycles as the model takes, twice, and what stalls may add.
  DriveOptions limited = options;
  limited.max_cycles = static_cast<std::int64_t>(10'000 + 2.0 * static_cast<double>(expected->steps[0].latency_cycles) /
                                                              ((1 - options.stall) * (1 - options.stall) * (1 - options.stall) * (1 - options.stall)));
  RtlArray array(model, parameters, operands, folds, design, core, mapping, limited);
  if (auto done = array.begin(); !done) return fail(std::move(done.error()));
  auto run = sim::run_cycle_model(design, step, array);
  stop_cycle = array.stop_cycle();
  if (!run) return fail(std::move(run.error()));

  SystemRun out;
  out.outputs = array.take_outputs();
  const sim::StepResult &got = run->steps[0], &model_says = expected->steps[0];
  out.latency_cycles = got.latency_cycles;
  out.compute_cycles = got.compute_cycles;
  out.model_latency_cycles = model_says.latency_cycles;
  out.model_compute_cycles = model_says.compute_cycles;
  out.rtl_cycles = array.rtl_cycles();
  out.model_cycles = expected->activity[0].end_cycle - expected->activity[0].first_cycle;
  out.held_cycles = array.held_cycles();
  out.waited_cycles = array.waited_cycles();
  out.bank_cycles = array.bank_cycles();
  out.stalls_injected = array.stalls();
  const auto compare = [&](const std::string& what, std::int64_t rtl, std::int64_t says) {
    if (rtl != says)
      out.difference += (out.difference.empty() ? "" : "; ") + what + " " + std::to_string(rtl) + ", the model says " + std::to_string(says);
  };
  for (std::size_t l = 0; l < design.cores[core].levels.size() + design.shared.size(); ++l) {
    compare("bytes read from level " + std::to_string(l) + ":", got.counts.level[l].read, model_says.counts.level[l].read);
    compare("bytes written to level " + std::to_string(l) + ":", got.counts.level[l].write, model_says.counts.level[l].write);
  }
  compare("bytes read from memory:", got.counts.dram_read_bytes, model_says.counts.dram_read_bytes);
  compare("bytes written to memory:", got.counts.dram_write_bytes, model_says.counts.dram_write_bytes);
  return out;
}

}  // namespace gnomon::hls
