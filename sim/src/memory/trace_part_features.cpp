#include <algorithm>

#include "gnomon/sim/trace_part.hpp"

namespace gnomon::sim {

std::vector<TracePartFeature> trace_part_features(const arch::Dram& dram, const TracePartRun& part, std::size_t self) {
  using T = arch::DramTiming;
  const arch::DramController& c = dram.controller;
  const TracePartPort& mine = part.ports[self];
  const TraceScan& scan = mine.scan;
  const auto over = [](double a, double b) { return b > 0 ? a / b : 0.0; };
  const double peak = trace_peak(dram), buses = static_cast<double>(dram.channels) * dram.pseudo_channels;
  const auto share = [&](double requests, double cycles) { return over(requests, cycles * peak); };
  const double requests = static_cast<double>(scan.requests);
  // All other traces together.
  double other_requests = 0, other_cost = 0, other_cycles = 0, other_writes = 0, other_hits = 0, other_part = 0;
  for (std::size_t p = 0; p < part.ports.size(); ++p) {
    if (p == self) continue;
    const TracePartPort& other = part.ports[p];
    other_requests += static_cast<double>(other.scan.requests);
    other_writes += static_cast<double>(other.scan.writes);
    other_hits += other.scan.hits;
    other_cost += other.scan.cost_cycles;
    other_cycles = std::max(other_cycles, other.cycles);
    other_part += share(other.window_requests, other.window_cycles);
  }
  const auto bursts = [&](T timing) { return static_cast<double>(dram[timing]) / dram.burst_cycles; };
  const double entries = c.buffer == arch::DramBuffer::bankwise ? static_cast<double>(c.request_buffer_size) * dram.banks_per_channel() : c.buffer_capacity();
  const double in_flight = c.arbiter == arch::DramArbiter::simple ? entries : std::min<double>(entries, c.max_active_transactions);
  const auto word = [](const std::vector<std::string>& words, auto value) { return words[static_cast<std::size_t>(value)]; };
  const double told = trace_throughput(dram, scan.requests, mine.cycles);
  const double arrivals = share(requests, static_cast<double>(scan.last_arrival_cycle));
  return {{"scheduler", "", 0, word(arch::dram_scheduler_words(), c.scheduler)},
          {"page_policy", "", 0, word(arch::dram_page_policy_words(), c.page_policy)},
          {"buffer", "", 0, word(arch::dram_buffer_words(), c.buffer)},
          {"refresh", "", 0, word(arch::dram_refresh_words(), c.refresh)},
          {"arbiter", "", 0, word(arch::dram_arbiter_words(), c.arbiter)},
          {"power_down", "", 0, word(arch::dram_power_down_words(), c.power_down)},
          // Of the part.
          {"told_throughput", "", told, ""},
          {"part_throughput", "", share(mine.window_requests, mine.window_cycles), ""},
          {"part_bandwidth_share", "", part.bandwidth_share, ""},
          {"part_busy_share", "", over(mine.busy, mine.window_cycles), ""},
          {"part_ratio", "", over(mine.busy, mine.cost), ""},
          {"part_ratio_deviation", "", mine.ratio_deviation, ""},
          {"done_ratio_deviation", "", mine.done_deviation, ""},
          {"taken_throughput", "", trace_throughput(dram, scan.requests, mine.taken_cycles), ""},
          {"done_throughput", "", trace_throughput(dram, scan.requests, mine.done_cycles), ""},
          {"taken_less_done", "", trace_throughput(dram, scan.requests, mine.taken_cycles) - trace_throughput(dram, scan.requests, mine.done_cycles), ""},
          {"part_hit_rate", "", part.hit_rate, ""},
          {"part_less_scan_hit_rate", "", part.hit_rate - part.scan_hit_rate, ""},
          {"told_hit_rate", "", part.row_hit_rate, ""},
          {"part_read_latency_bursts", "", part.read_latency_cycles / dram.burst_cycles, ""},
          {"part_waiting_share", "", over(part.waiting_bursts, in_flight * dram.channels), ""},
          {"windows", "", static_cast<double>(part.windows), ""},
          {"simulated_requests", "", static_cast<double>(part.simulated), ""},
          // Of the whole trace.
          {"bound_throughput", "", share(requests, scan.cost_cycles), ""},
          {"no_wait_throughput", "", share(requests, scan.no_wait_cycles), ""},
          {"arrival_throughput", "", scan.last_arrival_cycle > 0 ? std::min(arrivals, 4.0) : 4.0, ""},
          {"arrival_deviation", "", scan.arrival_deviation, ""},
          {"write_share", "", over(static_cast<double>(scan.writes), requests), ""},
          {"turns_per_request", "", scan.turns, ""},
          {"scan_hit_rate", "", over(scan.hits, requests), ""},
          {"banks_touched", "", scan.banks, ""},
          {"next_share", "", scan.next, ""},
          {"near_share", "", scan.near, ""},
          {"bus_bound", "", scan.bus, ""},
          {"group_bound", "", scan.group, ""},
          {"bank_bound", "", scan.bank, ""},
          {"activate_bound", "", scan.activate, ""},
          {"turn_bound", "", scan.turn, ""},
          {"buffer_bound", "", scan.buffer, ""},
          {"port_bound", "", scan.port, ""},
          {"cost_deviation", "", scan.cost_deviation, ""},
          {"slow_deviation", "", scan.slow_deviation, ""},
          // Of the other traces.
          {"other_to_own_requests", "", over(other_requests, requests), ""},
          {"other_to_own_cost", "", over(other_cost, scan.cost_cycles), ""},
          {"other_to_own_cycles", "", over(other_cycles, mine.cycles), ""},
          {"other_part_throughput", "", other_part, ""},
          {"other_write_share", "", over(other_writes, other_requests), ""},
          {"other_hit_rate", "", over(other_hits, other_requests), ""},
          // Of the design.
          {"refresh_share", "", part.refresh_share, ""},
          {"refresh_postponed", "", static_cast<double>(c.refresh_max_postponed), ""},
          {"refresh_pulled_in", "", static_cast<double>(c.refresh_max_pulled_in), ""},
          {"refresh_intervals", "", over(mine.cycles, static_cast<double>(dram[T::tREFI])), ""},
          {"entries", "", entries, ""},
          {"in_flight", "", in_flight, ""},
          {"buses", "", buses, ""},
          {"ranks", "", static_cast<double>(dram.ranks), ""},
          {"banks", "", static_cast<double>(dram.banks_per_channel()), ""},
          {"row_cycle_bursts", "", bursts(T::tRC), ""},
          {"access_bursts", "", bursts(T::tRCD) + bursts(T::CL), ""},
          {"four_activates_bursts", "", bursts(T::tFAW), ""},
          {"column_bursts", "", std::max(bursts(T::tCCD), bursts(T::tCCD_L)), ""}};
}

}  // namespace gnomon::sim
