#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/dram.hpp"
#include "gnomon/base/error.hpp"
#include "gnomon/sim/dram_log.hpp"

/// Cycle-exact, event-driven model of DRAM channels and their controllers, without SystemC. All times are memory clock cycles.
///
/// Modelled: every timing rule of the standard (docs of `sim/src/memory/rules.hpp`), the command bus, refresh, power-down, the controller's buffers,
/// schedulers, page policies and queues, the arbiter. Not modelled: data, ECC, on-die termination, training, row hammer.
namespace gnomon::sim {

/// A contiguous piece of memory to be read or written. It is done in whole bursts: every burst that it touches.
struct DramTransfer {
  std::uint64_t address = 0;
  std::int64_t bytes = 0;
  bool write = false;
  std::uint64_t tag = 0;
  /// Whom statistics name; 0 to 63.
  int requester = 0;
};

/// Who is told what becomes of its transfers. Both calls may submit.
class DramClient {
 public:
  virtual ~DramClient() = default;
  /// The controller has taken the last burst: the port is free for the next transfer in this cycle.
  virtual void released(std::uint64_t tag, std::int64_t cycle) = 0;
  /// The last data beat of the last burst has passed, and the answer had its turn in the response order.
  virtual void completed(std::uint64_t tag, std::int64_t cycle) = 0;
};

struct DramOptions {
  /// Gets every command; may be null.
  DramLogSink* log = nullptr;
  /// Bursts that a port can hand over in one cycle, each to another channel; 0: as many as there are channels and pseudo-channels.
  int bursts_per_cycle = 0;
};

struct DramBankStatistics {
  std::int64_t activates = 0, precharges = 0, reads = 0, writes = 0, refreshes = 0;
  /// By what the request found: its row open; the bank closed or another row open (misses), of which the latter are conflicts.
  std::int64_t row_hits = 0, row_misses = 0, row_conflicts = 0;
};

/// How near a run came to one of the controller's limits. Where `met` is false, every looser limit, and every limit down to `peak`,
/// gives the identical run.
struct DramLimit {
  std::int64_t peak = 0;
  bool met = false;
};

struct DramEnergy {
  double activate_pj = 0, precharge_pj = 0, read_pj = 0, write_pj = 0, refresh_pj = 0;
  double active_standby_pj = 0, precharge_standby_pj = 0, active_power_down_pj = 0, precharge_power_down_pj = 0, self_refresh_pj = 0;
  double total_pj() const {
    return activate_pj + precharge_pj + read_pj + write_pj + refresh_pj + active_standby_pj + precharge_standby_pj + active_power_down_pj +
           precharge_power_down_pj + self_refresh_pj;
  }
};

/// Cycles of a rank in each state; they add up to the cycles of the run.
struct DramResidency {
  std::int64_t active_standby = 0, precharge_standby = 0, active_power_down = 0, precharge_power_down = 0, self_refresh = 0;
  std::int64_t total() const { return active_standby + precharge_standby + active_power_down + precharge_power_down + self_refresh; }
};

struct DramRankStatistics {
  int channel = 0, pseudo_channel = 0, rank = 0;
  std::int64_t refreshes = 0;
  DramResidency residency;
};

struct DramChannelStatistics {
  std::int64_t reads = 0, writes = 0, bytes = 0;
  /// Banks by pseudo-channel, rank, bank group, bank.
  std::vector<DramBankStatistics> banks;
  /// Cycles in which data passed.
  std::int64_t data_cycles = 0;
};

/// Latency of bursts, from the cycle in which the port first offered it to its completion.
struct DramLatency {
  std::int64_t count = 0, min = 0, max = 0, p50 = 0, p95 = 0, p99 = 0;
  double mean = 0;
};

struct DramRequesterStatistics {
  int requester = 0;
  std::int64_t reads = 0, writes = 0, bytes = 0;
  /// From first offer to the burst's RD or WR command, summed over bursts.
  std::int64_t waiting_cycles = 0;
  double mean_read_latency_cycles = 0;
};

struct DramStatistics {
  /// Up to the last completion.
  std::int64_t cycles = 0;
  std::int64_t reads = 0, writes = 0, bytes = 0;
  std::int64_t activates = 0, precharges = 0, refreshes = 0, row_hits = 0, row_misses = 0, row_conflicts = 0;
  double bandwidth_gb_s = 0, peak_bandwidth_gb_s = 0;
  DramLatency read_latency, write_latency;
  std::vector<DramChannelStatistics> channels;
  std::vector<DramRankStatistics> ranks;
  std::vector<DramRequesterStatistics> requesters;
  /// [waiting][served], by the order of `requesters`: cycles in which the one had bursts waiting in a channel that worked on a burst of the other.
  std::vector<std::vector<std::int64_t>> waited_for;
  /// Absent where the memory file has no currents.
  std::optional<DramEnergy> energy;
  std::optional<double> power_mw;

  // For folding a design space: what a run proves about other values of the controller's parameters.
  DramLimit request_buffer, active_transactions, refresh_postponed, refresh_pulled_in;
  /// Whether any answer left a channel's response queue, or the arbiter, before an older one could have (then fifo and reorder differ).
  bool responses_out_of_order = false;
  bool arbiter_out_of_order = false;
  /// 1 - activates / bursts, where there were bursts.
  double hit_rate() const {
    return reads + writes > 0 ? 1.0 - static_cast<double>(activates) / static_cast<double>(reads + writes) : 0.0;
  }
};

/// A memory with its ports. Ports share the channels through the controller's arbiter; channels run independently.
class DramSystem {
 public:
  explicit DramSystem(const arch::Dram& dram, const DramOptions& options = {});
  ~DramSystem();
  DramSystem(DramSystem&&) noexcept;
  DramSystem& operator=(DramSystem&&) noexcept;

  /// The port's number. `client` must outlive the system.
  int add_port(DramClient& client);
  /// Queues a transfer at a port, to be offered from `cycle` on, behind those that wait there. `cycle` is not before `now()` and not before that of an earlier
  /// submit of the same port. Refused with an error: no bytes, a piece outside the device, a requester that is none, a cycle beyond 2^40.
  Expected<void> submit(int port, const DramTransfer& transfer, std::int64_t cycle);
  /// Simulates all cycles up to and including `limit_cycle`, but stops at the end of the first in which a client was told something; gives
  /// the cycle that it has run to. A submit made for that cycle still takes part in it when run goes on. An idle system runs to limits up to 2^40 only.
  std::int64_t run(std::int64_t limit_cycle);
  /// A cycle before which nothing can happen (no client will be told anything); -1 where nothing is to come at all.
  std::int64_t next_event_cycle() const;
  /// No transfer is waiting or under way.
  bool idle() const;
  /// Run to.
  std::int64_t now() const;
  const arch::Dram& dram() const;
  /// Of everything so far. Energy and residency end with `up_to_cycle`, or where omitted with the last completion.
  DramStatistics statistics(std::int64_t up_to_cycle = -1) const;

  class Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

/// One request of a trace: one burst.
struct TraceRequest {
  /// Not before this cycle.
  std::int64_t cycle = 0;
  std::uint64_t address = 0;
  bool write = false;
};

/// Gives a trace's requests one after the other, so that a long trace needs no more memory than a short one.
class TraceSource {
 public:
  virtual ~TraceSource() = default;
  /// False at the end, and where reading fails.
  virtual bool next(TraceRequest& request) = 0;
  /// What made reading fail, if anything.
  virtual Expected<void> status() const { return {}; }
};

struct DramResult {
  DramStatistics statistics;
};

/// Plays a trace in order through one port, at most one request a cycle, as fast as taken, none before its cycle. An address outside the
/// device and a cycle beyond 2^40 are errors that name the request (from 0).
Expected<DramResult> run_trace(const arch::Dram& dram, TraceSource& source, const DramOptions& options = {});

struct TracesResult {
  DramStatistics statistics;               ///< of all traces together; `requesters` has each, by its port
  std::vector<std::int64_t> end_cycles;    ///< of each trace, its last completion
};
/// Plays traces beside each other, each in order through a port of its own (64 at most). Errors: as above; a failing reader's own.
Expected<TracesResult> run_traces(const arch::Dram& dram, const std::vector<TraceSource*>& sources, const DramOptions& options = {});

/// Writes the binary log of `dram_log.hpp` to a file. Errors (disk full) are kept until `close`.
class DramLogWriter : public DramLogSink {
 public:
  static Expected<std::unique_ptr<DramLogWriter>> create(const std::filesystem::path& path, const arch::Dram& dram);
  virtual Expected<void> close() = 0;
};

}  // namespace gnomon::sim
