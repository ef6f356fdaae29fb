#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/sim/dram.hpp"

/// The result of long traces on a memory, alone or beside each other, from a small part of the simulation: windows of requests, with all traces at once.
namespace gnomon::sim {

/// Opens a trace at its beginning; called several times.
using TraceOpener = std::function<Expected<std::unique_ptr<TraceSource>>()>;

/// What one pass over a trace says without simulating: for pieces of as many requests as the controller holds, the largest of the bounds that its
/// resources set (data bus, column commands of a bank group, row cycles of a bank, activates of a rank, turns of the bus, places in the buffers, the port).
struct TraceScan {
  std::int64_t requests = 0, writes = 0;
  std::int64_t last_arrival_cycle = 0;
  double cost_cycles = 0;      ///< sum of the bounds
  double hits = 0;             ///< row hits, within the pieces, of what their order allows
  double no_wait_cycles = 0;   ///< the end, if pieces took their bound and none began before its arrival
  // Shares of cost_cycles by the resource that sets the bound.
  double bus = 0, group = 0, bank = 0, activate = 0, turn = 0, buffer = 0, port = 0;
  double banks = 0;            ///< touched by a piece, in the mean
  // Shares of requests by the distance to the one before: the next burst; within 8 KiB; further.
  double next = 0, near = 0, far = 0;
  double turns = 0;            ///< changes between reads and writes, per request
  double cost_deviation = 0;   ///< of pieces' bounds, over their mean
  double slow_deviation = 0;   ///< the same of sixteenths of the trace
  double arrival_deviation = 0;  ///< of the pieces' arrival times' differences, over their mean; 0 without times

  // Sums up to the end of each segment.
  std::int64_t segment_requests = 0;
  std::vector<double> cost_sum, hit_sum;
  std::vector<std::int64_t> arrival;
  double cost_at(std::int64_t request) const { return at(cost_sum, request); }
  double hits_at(std::int64_t request) const { return at(hit_sum, request); }

 private:
  double at(const std::vector<double>& sums, std::int64_t request) const;
};
/// Errors: those of reading; an address outside the memory.
Expected<TraceScan> scan_trace(const arch::Dram& dram, TraceSource& source);

/// One trace. Rates are per cycle.
struct TracePartPort {
  TraceScan scan;
  std::int64_t simulated = 0;    ///< requests
  double busy = 0;               ///< cycles in windows in which the port had a request that was not taken
  double cost = 0, cost_done = 0;  ///< bounds of the windows' requests, of those taken and of those done
  double window_cycles = 0, window_requests = 0;
  // Of busy over cost from window to window, over their mean.
  double ratio_deviation = 0, done_deviation = 0;
  double taken_cycles = 0, done_cycles = 0;  ///< the whole's, by either
  double cycles = 0;             ///< told: of the whole, up to the trace's end
};

struct TracePartRun {
  std::vector<TracePartPort> ports;
  double fraction = 0;                    ///< as asked for
  std::int64_t windows = 0;
  std::int64_t simulated = 0, simulated_cycles = 0;  ///< requests and cycles, warming up included
  double refresh_share = 0;               ///< of the time, in which a bank is refreshed
  // In windows.
  double hit_rate = 0, scan_hit_rate = 0, bandwidth_share = 0, read_latency_cycles = 0, waiting_bursts = 0;
  // Told: of the whole, all traces together.
  double row_hit_rate = 0, cycles = 0;
  std::optional<double> energy_pj;        ///< absent where the memory has no currents
};

/// Simulates a part of traces that are played as `run_traces` plays them: the passes of `scan_trace`, then windows spread over the requests (one at a random place, by a
/// fixed seed, of each of up to 64 equal shares), with some requests before each to fill buffers and open rows. Requests between windows are passed over; how many of
/// each trace follows from how fast the traces were in the window before, and their arrivals move with the time so told. Refreshes of all banks of
/// the one rank of a channel are left out, since a part has by chance one or none of them; all others are simulated.
///
/// A trace's end is told from the pieces' bounds: in windows as measured, between windows times how much longer than the bound windows with the same
/// traces and like bounds and row hits took, those near by more than others, never before the
/// arrivals, all longer by the share of refreshes that were left out. How much a window did is counted by the requests taken and by those done, which differ as buffers fill and empty; the one that
/// differs less from window to window weighs more. Hits, activates and energy by what the windows had beyond the pass, background power and refreshes by time.
/// Errors: those of reading; a fraction outside (0, 1); traces too short for a part (fewer than 64 requests in it).
Expected<TracePartRun> simulate_trace_part(const arch::Dram& dram, const std::vector<TraceOpener>& traces, double fraction);

/// Bursts per cycle that one port can have at most: the data buses', and one.
double trace_peak(const arch::Dram& dram);
/// Bursts per cycle over `trace_peak`, from a trace's begin to its end.
double trace_throughput(const arch::Dram& dram, std::int64_t requests, double cycles);

/// What a model learns from, for trace `self`: always these, in this order; words for the controller's policies, else numbers.
struct TracePartFeature {
  std::string name, unit;
  double value = 0;
  std::string word;  ///< where it is one
};
std::vector<TracePartFeature> trace_part_features(const arch::Dram& dram, const TracePartRun& part, std::size_t self);

// With the labels below, as a model predicts them.
double corrected_trace_throughput(const arch::Dram& dram, const TracePartRun& part, std::size_t self, double part_error);
double corrected_row_hit_rate(const TracePartRun& part, double row_hit_error);
double corrected_energy_pj(const TracePartRun& part, double energy_error);

/// Kinds of trace that `random_trace` draws: `stream`, `strided`, `random`, `blocks`, `hot`, `tiles`, `pointer`, and of these `mix` (several at a time) and
/// `phases` (one after the other).
const std::vector<std::string>& trace_kinds();
/// A seeded trace: kind, footprint, writes, arrivals (as fast as taken, even, random, in bursts) are drawn. `kinds` are those that a mix or phases are made of.
/// `bursts_per_cycle` is what the memory can do, around which arrivals are drawn.
std::unique_ptr<TraceSource> random_trace(const std::string& kind, const std::vector<std::string>& kinds, std::uint64_t seed, std::int64_t requests, std::int64_t bytes,
                                          std::int64_t burst_bytes, double bursts_per_cycle);

struct TracePartTableOptions {
  std::filesystem::path out;
  std::int64_t count = 200;  ///< simulations of one or two traces; a row for each trace
  std::uint64_t seed = 1;
  double fraction = 0.05;
  std::int64_t requests = 0;             ///< of each trace; 0: drawn from 40,000 to 300,000
  std::vector<std::string> kinds;        ///< of trace_kinds(); empty: all
  std::vector<std::string> memories;     ///< devices or memory files, whose controllers and channels are drawn; empty: all devices
  std::vector<std::string> traces;       ///< trace references in place of random traces
  std::function<void(std::int64_t)> progress;  ///< told the simulations done
};

/// A table (CSV) of parts and wholes of traces. Columns: seed, row, port, trace (what must stay together in splits: the traces, `designs_per_traces` designs each), kind, memory,
/// those of `trace_part_features`, `part_share` (simulated cycles of the part over the whole's), and of the whole simulation the labels `cycles`, `throughput` (of
/// `trace_peak`), `part_error` (what the told throughput lacks of it), `row_hit_error` (what the told rate lacks) and `energy_error` (logarithm of the true energy over the told one).
/// A file of the same seed and options is taken up where it ends; returns the rows. Errors: unknown kinds and devices; a file that holds something else.
Expected<std::int64_t> write_trace_part_table(const TracePartTableOptions& options);
inline constexpr std::int64_t designs_per_traces = 2;

}  // namespace gnomon::sim
