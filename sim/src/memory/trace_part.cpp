#include <algorithm>
#include <cmath>
#include <limits>

#include "energy.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/trace_part.hpp"
#include "system.hpp"

namespace gnomon::sim {
namespace {

constexpr std::int64_t most_windows = 64, least_part = 64;
/// Requests of a window that only fill buffers and open rows; at most this share of it.
constexpr std::int64_t warm_requests = 96, least_windows = 12, window_requests = 240;
constexpr double warm_share = 0.4;
constexpr std::uint64_t place_seed = 20;
/// Pieces of a trace are taken to be as windows are whose bounds (logarithms) and hits per request differ by less than this.
constexpr double alike_bound = 0.25, alike_hits = 0.2;

/// Share of the time in which a bank is refreshed.
double refresh_share(const arch::Dram& dram) {
  using T = arch::DramTiming;
  const double interval = static_cast<double>(dram[T::tREFI]);
  if (dram.controller.refresh == arch::DramRefresh::none || interval <= 0) return 0;
  const auto share = [&](T own) { return static_cast<double>(dram[own] > 0 ? dram[own] : dram[T::tRFC]) / interval; };
  switch (dram.controller.refresh) {
    case arch::DramRefresh::per_bank: return share(T::tRFCpb);
    case arch::DramRefresh::same_bank: return share(T::tRFCsb);
    default: return std::min(0.9, static_cast<double>(dram[T::tRFC] + std::max(dram[T::tRP], dram[T::tRPab])) / interval);
  }
}

/// Whether refreshes come so often (of ranks in turns, of banks one by one) that a part has its share of them. Else it has by chance one or none.
bool frequent_refreshes(const arch::Dram& dram) {
  if (dram.controller.refresh == arch::DramRefresh::none) return false;
  return dram.controller.refresh != arch::DramRefresh::all_bank || dram.ranks * dram.pseudo_channels > 1;
}

/// Sums of a system at a moment.
struct Counts {
  double reads = 0, writes = 0, hits = 0, activates = 0, latency = 0, data = 0;
  DramEnergy energy;
  bool has_energy = false;
};

Counts counts_of(const DramStatistics& s) {
  Counts out;
  out.reads = static_cast<double>(s.reads);
  out.writes = static_cast<double>(s.writes);
  out.hits = static_cast<double>(s.row_hits);
  out.activates = static_cast<double>(s.activates);
  out.latency = s.read_latency.mean * static_cast<double>(s.read_latency.count);
  if (s.energy) {
    out.energy = *s.energy;
    out.has_energy = true;
  }
  return out;
}

double standby_pj(const DramEnergy& e) { return e.active_standby_pj + e.precharge_standby_pj + e.active_power_down_pj + e.precharge_power_down_pj + e.self_refresh_pj; }

/// A stretch of one trace: simulated or passed over.
struct Stretch {
  bool simulated = false;
  std::int64_t from = 0, to = 0;
  double cycles = 0, busy = 0;  ///< simulated
  // Of busy over bound in the window, by the requests taken and by those done; negative: not known.
  double ratio = -1, ratio_done = -1;
  double bound = 0, hits = 0;   ///< of the window's requests: logarithm of the bound, row hits of the pass, per request
  int active = 0;               ///< traces that are not at their end
};

/// Gives the ports of a system their requests, window by window.
class Sampler {
 public:
  struct Port final : public TraceSource {
    Sampler* sampler = nullptr;
    std::size_t number = 0;
    std::unique_ptr<TraceSource> source;
    TracePartPort said;
    std::vector<Stretch> stretches;
    std::int64_t position = 0, skip = 0;      ///< requests handed over or passed over; to be passed over
    std::int64_t head_from = 0;               ///< cycle from which the head can be taken
    double busy = 0;
    bool has_head = false, ended = false;
    // At the begin of the stretch and of the window.
    std::int64_t stretch_position = 0, window_position = 0;
    double stretch_busy = 0, window_busy = 0, window_done = 0;
    double ratio = 1, ratio_done = 1;
    double window_bound = 0, window_hits = 0;
    bool measured = false;

    bool next(TraceRequest& request) override { return sampler->next(*this, request); }
    Expected<void> status() const override { return source->status(); }
  };

  Sampler(const arch::Dram& dram, std::int64_t given, double fraction) : random_(place_seed) {
    DramOptions options;
    options.bursts_per_cycle = 1;
    arch::Dram simulated = dram;
    // Under load, refreshes that may be put off come as often as others, but only when all are put off that may be: later than a part ends.
    simulated.controller.refresh_max_postponed = simulated.controller.refresh_max_pulled_in = 0;
    if (!frequent_refreshes(dram)) simulated.controller.refresh = arch::DramRefresh::none;
    system_ = std::make_unique<DramSystem::Impl>(simulated, options);
    const double budget = fraction * static_cast<double>(given);
    // Full buffers are to be passed through twice in a window, where that leaves some windows.
    const arch::DramController& c = dram.controller;
    const std::int64_t held = std::int64_t{c.buffer_capacity()} * dram.channels * (c.buffer == arch::DramBuffer::bankwise ? dram.banks_per_channel() : 1);
    const std::int64_t affordable = std::max<std::int64_t>(4, static_cast<std::int64_t>(budget / window_requests));
    windows_ = std::clamp<std::int64_t>(static_cast<std::int64_t>(budget / static_cast<double>(std::max(window_requests, 2 * held))), std::min(least_windows, affordable), most_windows);
    window_ = std::max<std::int64_t>(8, static_cast<std::int64_t>(budget / static_cast<double>(windows_)));
    warm_ = std::min(std::max(warm_requests, held), static_cast<std::int64_t>(warm_share * static_cast<double>(window_)));
    share_ = given / windows_;
    slow_ = frequent_refreshes(dram) ? 1 : 1 / (1 - refresh_share(dram));
  }

  std::vector<std::unique_ptr<Port>> ports;

  Expected<void> run() {
    jump();
    for (auto& port : ports) system_->add_port(nullptr, port.get());
    auto done = system_->run_to_end();
    for (const auto& port : ports) {
      if (auto fine = port->status(); !fine) return fail(std::move(fine.error()));
    }
    if (!done) return fail(std::move(done.error()));
    if (measuring_) end_window();
    end_stretches();
    return {};
  }

  std::int64_t simulated_cycles() const { return system_->statistics(-1).cycles; }
  // Of all windows together.
  Counts counts;
  double cycles = 0, requests = 0, scan_hits = 0;
  std::int64_t windows = 0;

 private:
  std::unique_ptr<DramSystem::Impl> system_;
  Random random_;
  std::int64_t windows_ = 0, window_ = 0, warm_ = 0, share_ = 0;
  double slow_ = 1;
  std::int64_t shares_ = 0;            ///< begun
  std::int64_t left_ = 0;              ///< requests of the share behind its window
  double passed_ = 0;                  ///< cycles that were passed over
  std::int64_t released_ = 0, stretch_from_ = 0, window_from_ = 0;
  bool measuring_ = false;
  Counts before_;

  bool next(Port& port, TraceRequest& request) {
    const std::int64_t now = system_->now();
    if (port.has_head) {
      port.has_head = false;
      port.position = std::min(port.position + 1, port.said.scan.requests);
      ++port.said.simulated;
      ++released_;
      port.busy += static_cast<double>(std::max<std::int64_t>(0, now - port.head_from)) + 1;
      if (!measuring_ && released_ >= warm_) begin_window();
      if (measuring_ && released_ >= window_) {
        end_window();
        jump();
      }
    }
    for (; port.skip > 0 && port.source->next(request); --port.skip) {
    }
    port.skip = 0;
    if (port.ended || !port.source->next(request)) {
      port.ended = true;
      return false;
    }
    // Arrivals lie in the time as it is told.
    const double arrival = static_cast<double>(request.cycle) - passed_;
    request.cycle = std::max<std::int64_t>(now, static_cast<std::int64_t>(std::llround(arrival)));
    port.head_from = std::max(request.cycle, port.position > 0 ? now + 1 : now);
    port.has_head = true;
    return true;
  }

  void begin_window() {
    measuring_ = true;
    window_from_ = system_->now();
    before_ = counts_of(system_->statistics(window_from_));
    for (auto& port : ports) {
      port->window_position = port->position;
      port->window_busy = port->busy;
      port->window_done = static_cast<double>(system_->completed(static_cast<int>(port->number)));
    }
  }

  void end_window() {
    measuring_ = false;
    ++windows;
    const std::int64_t now = system_->now();
    const Counts after = counts_of(system_->statistics(now));
    const double took = static_cast<double>(now - window_from_);
    cycles += took;
    counts.reads += after.reads - before_.reads;
    counts.writes += after.writes - before_.writes;
    counts.hits += after.hits - before_.hits;
    counts.activates += after.activates - before_.activates;
    counts.latency += after.latency - before_.latency;
    counts.has_energy = after.has_energy;
    for (double DramEnergy::*part : {&DramEnergy::activate_pj, &DramEnergy::precharge_pj, &DramEnergy::read_pj, &DramEnergy::write_pj, &DramEnergy::active_standby_pj,
                                     &DramEnergy::precharge_standby_pj, &DramEnergy::active_power_down_pj, &DramEnergy::precharge_power_down_pj, &DramEnergy::self_refresh_pj}) {
      counts.energy.*part += after.energy.*part - before_.energy.*part;
    }
    for (auto& port : ports) {
      const TraceScan& scan = port->said.scan;
      const double cost = scan.cost_at(port->position) - scan.cost_at(port->window_position);
      const double busy = port->busy - port->window_busy;
      const double handed = static_cast<double>(port->position - port->window_position);
      requests += handed;
      scan_hits += scan.hits_at(port->position) - scan.hits_at(port->window_position);
      // What buffers took up, or gave, is not what the memory did in this time.
      const double done = static_cast<double>(system_->completed(static_cast<int>(port->number))) - port->window_done;
      if (handed < 1 || cost <= 0 || done < 1) continue;
      port->ratio = busy / cost;
      port->ratio_done = busy / (cost * done / handed);
      port->window_bound = std::log(cost / handed);
      port->window_hits = (scan.hits_at(port->position) - scan.hits_at(port->window_position)) / handed;
      port->measured = true;
      port->said.busy += busy;
      port->said.cost += cost;
      port->said.cost_done += cost * done / handed;
      port->said.window_cycles += took;
      port->said.window_requests += handed;
    }
  }

  void end_stretches() {
    const std::int64_t now = system_->now();
    for (auto& port : ports) {
      if (port->position == port->stretch_position) continue;
      Stretch s{true, port->stretch_position, port->position, static_cast<double>(now - stretch_from_), port->busy - port->stretch_busy};
      s.active = active();
      if (port->measured) s.ratio = port->ratio, s.ratio_done = port->ratio_done, s.bound = port->window_bound, s.hits = port->window_hits;
      port->measured = false;
      port->stretches.push_back(s);
    }
  }

  /// Passes over the requests up to the next window: those left of this share, and some of the next.
  void jump() {
    end_stretches();
    std::int64_t pass = left_;
    left_ = 0;
    if (shares_ < windows_) {
      const std::int64_t free = std::max<std::int64_t>(0, share_ - window_), at = random_.integer(0, free);
      pass += at;
      left_ = free - at;
      ++shares_;
    } else {
      // What is left of all traces.
      pass = 0;
      for (const auto& port : ports) pass += port->said.scan.requests - port->position;
    }
    const double begin = static_cast<double>(system_->now()) + passed_;
    // As much time as lets so many requests pass, but none beyond the end of a trace, from which the others are faster.
    double low = 0, high = 1;
    double first_end = std::numeric_limits<double>::infinity();
    for (const auto& port : ports) {
      if (!port->ended && port->position < port->said.scan.requests) first_end = std::min(first_end, advance(port->said.scan, begin, port->position, port->said.scan.requests, port->ratio * slow_) - begin);
    }
    const auto passed = [&](double time) {
      std::int64_t sum = 0;
      for (const auto& port : ports) sum += passed_in(*port, begin, time);
      return sum;
    };
    double time = 0;
    if (pass > 0 && std::isfinite(first_end)) {
      if (passed(first_end) <= pass) {
        time = first_end;
        if (ports.size() > 1) left_ += pass - passed(first_end);
      } else {
        high = first_end;
        for (int i = 0; i < 60 && high - low > 0.5; ++i) {
          const double middle = (low + high) / 2;
          (passed(middle) < pass ? low : high) = middle;
        }
        time = high;
      }
    }
    const int now_active = active();
    for (auto& port : ports) {
      const std::int64_t skip = time > 0 ? passed_in(*port, begin, time) : 0;
      if (skip > 0) port->stretches.push_back({false, port->position, port->position + skip, 0, 0, -1, -1, 0, 0, now_active});
      // A head that is at the memory already is simulated in place of the last of those passed over.
      port->skip += skip;
      port->position += skip;
      port->stretch_position = port->position;
      port->stretch_busy = port->busy;
    }
    passed_ += std::floor(time);
    released_ = 0;
    stretch_from_ = system_->now();
  }

  int active() const {
    int out = 0;
    for (const auto& port : ports) out += !port->ended && port->position < port->said.scan.requests ? 1 : 0;
    return out;
  }

  /// Requests of a trace that `time` cycles from `begin` on let pass, by its bounds and the ratio of the last window.
  std::int64_t passed_in(const Port& port, double begin, double time) const {
    const TraceScan& scan = port.said.scan;
    std::int64_t at = port.position;
    double now = begin;
    while (!port.ended && at < scan.requests) {
      const std::int64_t end = std::min(scan.requests, (at / scan.segment_requests + 1) * scan.segment_requests);
      const double then = advance(scan, now, at, end, port.ratio * slow_);
      if (then <= begin + time) {
        now = then;
        at = end;
        continue;
      }
      std::int64_t low = at, high = end;
      while (high - low > 1) {
        const std::int64_t middle = low + (high - low) / 2;
        (advance(scan, now, at, middle, port.ratio * slow_) <= begin + time ? low : high) = middle;
      }
      return low - port.position;
    }
    return at - port.position;
  }

 public:
  /// The time after requests [from, to), which take their bound times `ratio`, from `begin` on, and not before their arrivals.
  static double advance(const TraceScan& scan, double begin, std::int64_t from, std::int64_t to, double ratio) {
    if (scan.last_arrival_cycle == 0) return begin + ratio * (scan.cost_at(to) - scan.cost_at(from));
    double time = begin;
    for (std::int64_t at = from; at < to;) {
      const auto segment = static_cast<std::size_t>(at / scan.segment_requests);
      const std::int64_t end = std::min(to, static_cast<std::int64_t>(segment + 1) * scan.segment_requests);
      time += ratio * (scan.cost_at(end) - scan.cost_at(at));
      // The arrival of the segment's last request, or in between of one of its requests.
      const double before = segment == 0 ? 0 : static_cast<double>(scan.arrival[segment - 1]), last = static_cast<double>(scan.arrival[segment]);
      const std::int64_t first = static_cast<std::int64_t>(segment) * scan.segment_requests, size = std::min(scan.segment_requests, scan.requests - first);
      time = std::max(time, before + (last - before) * static_cast<double>(end - first) / static_cast<double>(size));
      at = end;
    }
    return time;
  }

  /// The whole's end of a trace, with what all windows said of one of the two ratios.
  static double end_of_whole(const Port& port, double slow, double Stretch::*ratio, double mean) {
    double time = 0;
    const auto& all = port.stretches;
    for (std::size_t i = 0; i < all.size(); ++i) {
      const Stretch& s = all[i];
      if (s.simulated) {
        time += s.cycles + (slow - 1) * std::min(s.busy, s.cycles);
        continue;
      }
      const TraceScan& scan = port.said.scan;
      for (std::int64_t at = s.from; at < s.to;) {
        const std::int64_t end = std::min(s.to, (at / scan.segment_requests + 1) * scan.segment_requests);
        const double requests = static_cast<double>(end - at), cost = scan.cost_at(end) - scan.cost_at(at);
        const double bound = std::log(std::max(1e-9, cost / requests)), hits = (scan.hits_at(end) - scan.hits_at(at)) / requests;
        double sum = 0, n = 0;
        for (std::size_t j = 0; j < all.size(); ++j) {
          if (all[j].*ratio < 0) continue;
          const double by_bound = (all[j].bound - bound) / alike_bound, by_hits = (all[j].hits - hits) / alike_hits;
          const double apart = static_cast<double>(j > i ? j - i : i - j);
          const double weight = (1e-3 + std::exp(-by_bound * by_bound - by_hits * by_hits)) * (all[j].active == s.active ? 1 : 0.02) / (1 + apart / 8);
          sum += weight * all[j].*ratio;
          n += weight;
        }
        time = advance(scan, time, at, end, (n > 0 ? sum / n : mean) * slow);
        at = end;
      }
    }
    return time;
  }
  /// Deviation of a ratio from window to window, over its mean.
  static double deviation(const Port& port, double Stretch::*ratio) {
    double n = 0, sum = 0, squares = 0;
    for (const Stretch& s : port.stretches) {
      if (s.*ratio < 0) continue;
      n += 1, sum += s.*ratio, squares += s.*ratio * (s.*ratio);
    }
    return n > 1 && sum > 0 ? std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n))) / (sum / n) : 0;
  }
  double slow() const { return slow_; }
};

}  // namespace

double trace_peak(const arch::Dram& dram) { return std::min(1.0, static_cast<double>(dram.channels) * dram.pseudo_channels / dram.burst_cycles); }

double trace_throughput(const arch::Dram& dram, std::int64_t requests, double cycles) { return cycles > 0 ? static_cast<double>(requests) / (cycles * trace_peak(dram)) : 0; }

Expected<TracePartRun> simulate_trace_part(const arch::Dram& dram, const std::vector<TraceOpener>& traces, double fraction) {
  if (!(fraction > 0 && fraction < 1)) return fail(ErrorKind::invalid_input, "the part is " + number(fraction) + " of the whole; above 0 and below 1 is allowed");
  if (traces.empty() || traces.size() > static_cast<std::size_t>(DramSystem::Impl::max_requesters))
    return fail(ErrorKind::invalid_input, std::to_string(traces.size()) + " traces at a time; allowed: 1 to " + std::to_string(DramSystem::Impl::max_requesters));
  std::vector<TraceScan> scans;
  std::int64_t requests = 0;
  for (const TraceOpener& open : traces) {
    auto source = open();
    if (!source) return fail(std::move(source.error()));
    auto scan = scan_trace(dram, **source);
    if (!scan) return fail(std::move(scan.error()));
    if (scan->requests == 0) return fail(ErrorKind::invalid_input, "a trace has no requests");
    requests += scan->requests;
    scans.push_back(std::move(*scan));
  }
  if (fraction * static_cast<double>(requests) < static_cast<double>(least_part)) {
    return fail(ErrorKind::invalid_input, number(100 * fraction) + " % of " + std::to_string(requests) + " requests are too few to tell the whole from (" + std::to_string(least_part) +
                                              " at least): simulate it whole, or a larger part");
  }
  Sampler sampler(dram, requests, fraction);
  for (std::size_t p = 0; p < traces.size(); ++p) {
    auto source = traces[p]();
    if (!source) return fail(std::move(source.error()));
    auto port = std::make_unique<Sampler::Port>();
    port->sampler = &sampler;
    port->number = p;
    port->source = std::move(*source);
    port->said.scan = std::move(scans[p]);
    sampler.ports.push_back(std::move(port));
  }
  if (auto done = sampler.run(); !done) return fail(std::move(done.error()));

  TracePartRun out;
  out.fraction = fraction;
  out.windows = sampler.windows;
  out.simulated_cycles = sampler.simulated_cycles();
  out.refresh_share = refresh_share(dram);
  const Counts& c = sampler.counts;
  const double bursts = c.reads + c.writes;
  const double served = std::max(1.0, bursts);
  double all_hits = 0;
  std::int64_t reads = 0, writes = 0;
  for (auto& port : sampler.ports) {
    TracePartPort& said = port->said;
    said.ratio_deviation = Sampler::deviation(*port, &Stretch::ratio);
    said.done_deviation = Sampler::deviation(*port, &Stretch::ratio_done);
    said.taken_cycles = Sampler::end_of_whole(*port, sampler.slow(), &Stretch::ratio, said.cost > 0 ? said.busy / said.cost : 1);
    said.done_cycles = Sampler::end_of_whole(*port, sampler.slow(), &Stretch::ratio_done, said.cost_done > 0 ? said.busy / said.cost_done : 1);
    // What differs less from window to window says more.
    constexpr double least = 0.02;
    const double of_taken = 1 / (said.ratio_deviation * said.ratio_deviation + least * least), of_done = 1 / (said.done_deviation * said.done_deviation + least * least);
    // No port has more than its peak.
    const double least_cycles = static_cast<double>(said.scan.requests) / trace_peak(dram);
    for (double* cycles : {&said.taken_cycles, &said.done_cycles}) *cycles = std::max(*cycles, least_cycles);
    said.cycles = (of_taken * said.taken_cycles + of_done * said.done_cycles) / (of_taken + of_done);
    out.simulated += port->said.simulated;
    out.cycles = std::max(out.cycles, port->said.cycles);
    all_hits += port->said.scan.hits;
    reads += port->said.scan.requests - port->said.scan.writes;
    writes += port->said.scan.writes;
    out.ports.push_back(std::move(port->said));
  }
  const double n = static_cast<double>(requests);
  out.hit_rate = c.hits / served;
  out.scan_hit_rate = sampler.requests > 0 ? sampler.scan_hits / sampler.requests : 0;
  out.row_hit_rate = std::clamp(all_hits / n + out.hit_rate - out.scan_hit_rate, 0.0, 1.0);
  if (sampler.cycles > 0) {
    out.bandwidth_share = bursts * dram.burst_cycles / (sampler.cycles * dram.channels * dram.pseudo_channels);
    out.read_latency_cycles = c.reads > 0 ? c.latency / c.reads : 0;
    out.waiting_bursts = out.read_latency_cycles * bursts / sampler.cycles;
  }
  if (c.has_energy && sampler.cycles > 0) {
    // Rows that the whole opens, by those that the part opened beyond what its hits leave.
    const double activates = std::max(0.0, n * (c.activates / served + out.hit_rate - out.row_hit_rate));
    double pj = c.activates > 0 ? activates * (c.energy.activate_pj + c.energy.precharge_pj) / c.activates : 0;
    RankEnergy one;
    one.reads = 1;
    const double read = rank_energy(dram, one, {}).read_pj;
    one = {};
    one.writes = 1;
    const double write = rank_energy(dram, one, {}).write_pj;
    pj += read * static_cast<double>(reads) + write * static_cast<double>(writes);
    pj += standby_pj(c.energy) * out.cycles / sampler.cycles;
    const std::int64_t interval = dram[arch::DramTiming::tREFI];
    if (dram.controller.refresh != arch::DramRefresh::none && interval > 0) {
      one = {};
      double units = static_cast<double>(dram.channels) * dram.pseudo_channels * dram.ranks;
      if (dram.controller.refresh == arch::DramRefresh::all_bank) {
        one.refreshes = 1;
      } else {
        one.bank_refreshes = 1;
        units *= dram.controller.refresh == arch::DramRefresh::per_bank ? dram.banks_per_rank() : dram.banks_per_group;
      }
      pj += rank_energy(dram, one, {}).refresh_pj * units * out.cycles / static_cast<double>(interval);
    }
    out.energy_pj = pj;
  }
  return out;
}

double corrected_trace_throughput(const arch::Dram& dram, const TracePartRun& part, std::size_t self, double part_error) {
  const TracePartPort& port = part.ports[self];
  return std::clamp(trace_throughput(dram, port.scan.requests, port.cycles) + part_error, 1e-6, 1.0);
}

double corrected_row_hit_rate(const TracePartRun& part, double row_hit_error) { return std::clamp(part.row_hit_rate + row_hit_error, 0.0, 1.0); }

double corrected_energy_pj(const TracePartRun& part, double energy_error) { return part.energy_pj.value_or(0) * std::exp(energy_error); }

}  // namespace gnomon::sim
