#pragma once

#include <deque>
#include <queue>

#include "channel.hpp"
#include "latency.hpp"
#include "reorder.hpp"

namespace gnomon::sim {

/// Ports, arbiter, response order and statistics around the channels.
///
/// Arbiter `simple`: a port's burst waits at its channel until that takes it, then comes the next. `fifo`, `reorder`: the arbiter takes up to
/// `max_active_transactions` bursts of a port and queues them for their channels, which take one every second cycle; a burst keeps its place until two cycles after
/// its answer, which follow each other every second cycle, with `reorder` in the order of the bursts. These hops are those of DRAMSys 5.1, where the first hop to the
/// controller is left out for all arbiters: an unloaded read takes the device's time and no more.
class DramSystem::Impl final : public BurstSink {
 public:
  Impl(const arch::Dram& dram, const DramOptions& options);

  int add_port(DramClient* client, TraceSource* source);
  Expected<void> submit(int port, const DramTransfer& transfer, std::int64_t cycle);
  std::int64_t run(std::int64_t limit_cycle);
  /// To the end of the trace; for systems without clients.
  Expected<void> run_to_end();
  std::int64_t next_event_cycle();
  bool idle() const;
  std::int64_t now() const { return now_; }
  const arch::Dram& dram() const { return dram_; }
  DramStatistics statistics(std::int64_t up_to_cycle) const;
  /// The last completion of a port's bursts.
  std::int64_t end_cycle(int port) const { return ports_[static_cast<std::size_t>(port)].end; }
  /// Bursts of a requester that are done.
  std::int64_t completed(int requester) const { return requesters_[static_cast<std::size_t>(requester)].reads + requesters_[static_cast<std::size_t>(requester)].writes; }
  static constexpr int max_requesters = 64;

 private:
  /// Of requests: a quarter of an hour of a fast memory. Beyond, refreshes alone would take longer than anybody waits.
  static constexpr std::int64_t last_cycle = std::int64_t{1} << 40;
  static constexpr std::uint64_t no_transfer = ~std::uint64_t{0};
  struct Queued {
    std::uint64_t next = 0, end = 0;
    std::int64_t cycle = 0;
    std::uint64_t transfer = no_transfer;
    int requester = 0;
    bool write = false;
  };
  struct Transfer {
    std::uint64_t tag = 0;
    std::int64_t bursts = 0, done = 0;
    int port = 0;
  };
  struct Port {
    DramClient* client = nullptr;
    TraceSource* source = nullptr;
    std::deque<Queued> queue;
    /// The next burst and its channel, where there is one.
    Burst head;
    int channel = 0;
    bool has_head = false;
    /// The head waits at its channel (simple).
    bool waits = false;
    /// No burst is handed over before; bursts handed over in the cycle `handed_at`.
    std::int64_t ready = 0, handed_at = -1;
    int handed = 0;
    // Arbiters fifo and reorder.
    int active = 0;
    std::deque<std::int64_t> frees;
    std::int64_t last_answer = -2, end = 0;
    std::uint64_t taken = 0;
    ReorderBuffer order;
  };
  /// Bursts on the way into a channel, and the order of its answers.
  struct Entry {
    std::deque<Burst> queue;
    /// The channel takes no burst before.
    std::int64_t accept_from = 0;
    bool refused = false;
    ReorderBuffer order;
    std::int64_t last_answer = -1;
    // Who waits here: bursts of each requester, since when there are some; and when the last burst was served.
    std::vector<std::int64_t> pending, since;
    std::int64_t last_served = 0;
  };
  struct Notice {
    std::int64_t cycle = 0;
    std::uint64_t number = 0, tag = 0;
    int port = 0;
    bool operator>(const Notice& o) const { return cycle != o.cycle ? cycle > o.cycle : number > o.number; }
  };
  struct Requester {
    bool seen = false;
    std::int64_t reads = 0, writes = 0, waiting = 0, read_latency = 0;
  };

  arch::Dram dram_;
  DramOptions options_;
  std::vector<Channel> channels_;
  std::vector<Entry> entries_;
  std::vector<Port> ports_;
  std::vector<Transfer> transfers_;
  std::vector<std::uint64_t> free_transfers_;
  std::priority_queue<Notice, std::vector<Notice>, std::greater<>> notices_;
  std::vector<Notice> released_;
  std::uint64_t notice_numbers_ = 0;
  std::int64_t now_ = 0, last_completion_ = 0;
  bool simple_ = true, in_order_ = false, queued_ = false;
  int serving_ = 0;
  std::uint64_t trace_number_ = 0;
  std::optional<Error> failure_;

  LatencyHistogram read_latency_, write_latency_;
  std::vector<Requester> requesters_;
  std::vector<std::size_t> seen_;
  std::vector<std::int64_t> waited_for_;
  DramLimit active_;
  bool out_of_order_ = false, arbiter_out_of_order_ = false;

  void served(const Burst& burst, std::uint64_t order, std::int64_t cycle, std::int64_t data_end) override;
  void see(std::size_t requester);
  void note_waiting(int channel, const Burst& burst);
  void note_served(int channel, const Burst& burst, std::int64_t cycle);
  void answer(const Burst& burst, std::int64_t cycle);
  void complete(const Burst& burst, std::int64_t cycle);
  bool load_head(Port& port);
  std::int64_t offer_cycle(const Port& port) const;
  void offer(int port, std::int64_t cycle);
  void handed_over(Port& port, std::int64_t cycle, bool late);
  std::int64_t accept_cycle(int channel) const;
  void accept(int channel, std::int64_t cycle, bool late);
  std::int64_t next();
  std::int64_t next_arrival() const;
  void leap(std::int64_t until);
  void process(std::int64_t cycle);
};

}  // namespace gnomon::sim
