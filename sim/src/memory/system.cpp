#include "system.hpp"

#include <algorithm>

#include "gnomon/base/text.hpp"

namespace gnomon::sim {

DramSystem::Impl::Impl(const arch::Dram& dram, const DramOptions& options) : dram_(dram), options_(options) {
  const arch::DramController& c = dram_.controller;
  simple_ = c.arbiter == arch::DramArbiter::simple;
  in_order_ = c.arbiter == arch::DramArbiter::reorder;
  queued_ = c.response_queue == arch::DramResponseQueue::reorder;
  if (options_.bursts_per_cycle <= 0) options_.bursts_per_cycle = dram_.channels * dram_.pseudo_channels;
  channels_.reserve(static_cast<std::size_t>(dram_.channels));
  for (int i = 0; i < dram_.channels; ++i) channels_.emplace_back(dram_, i, options_.log, *this);
  entries_.resize(static_cast<std::size_t>(dram_.channels));
  for (Entry& entry : entries_) {
    entry.pending.assign(max_requesters, 0);
    entry.since.assign(max_requesters, 0);
  }
  requesters_.resize(max_requesters);
  waited_for_.assign(max_requesters * max_requesters, 0);
}

int DramSystem::Impl::add_port(DramClient* client, TraceSource* source) {
  ports_.emplace_back();
  ports_.back().client = client;
  ports_.back().source = source;
  if (source) load_head(ports_.back());
  return static_cast<int>(ports_.size()) - 1;
}

Expected<void> DramSystem::Impl::submit(int number, const DramTransfer& transfer, std::int64_t cycle) {
  if (number < 0 || number >= static_cast<int>(ports_.size()))
    return fail(ErrorKind::usage, "memory port " + std::to_string(number) + " does not exist; there are " + std::to_string(ports_.size()));
  const std::uint64_t size = static_cast<std::uint64_t>(dram_.bytes());
  if (transfer.bytes < 1) return fail(ErrorKind::invalid_input, "a transfer of " + std::to_string(transfer.bytes) + " bytes; allowed: at least 1");
  if (transfer.address >= size || static_cast<std::uint64_t>(transfer.bytes) > size - transfer.address)
    return fail(ErrorKind::invalid_input, "a transfer of " + std::to_string(transfer.bytes) + " bytes at address " + std::to_string(transfer.address) +
                                              " leaves the memory of " + std::to_string(size) + " bytes");
  if (transfer.requester < 0 || transfer.requester >= max_requesters)
    return fail(ErrorKind::invalid_input, "requester " + std::to_string(transfer.requester) + "; allowed: 0 to " + std::to_string(max_requesters - 1));
  if (cycle > last_cycle)
    return fail(ErrorKind::invalid_input, "a transfer in cycle " + std::to_string(cycle) + "; allowed: at most " + std::to_string(last_cycle));
  Port& port = ports_[static_cast<std::size_t>(number)];
  const std::uint64_t burst = static_cast<std::uint64_t>(dram_.burst_bytes);
  const std::uint64_t first = transfer.address / burst * burst;
  const std::uint64_t end = (transfer.address + static_cast<std::uint64_t>(transfer.bytes) + burst - 1) / burst * burst;
  std::uint64_t slot;
  if (free_transfers_.empty()) {
    slot = transfers_.size();
    transfers_.emplace_back();
  } else {
    slot = free_transfers_.back();
    free_transfers_.pop_back();
  }
  transfers_[slot] = {transfer.tag, static_cast<std::int64_t>((end - first) / burst), 0, number};
  see(static_cast<std::size_t>(transfer.requester));
  port.queue.push_back({first, end, std::max(cycle, now_), slot, transfer.requester, transfer.write});
  if (!port.has_head) load_head(port);
  return {};
}

/// Makes the next burst of a port its head.
bool DramSystem::Impl::load_head(Port& port) {
  port.has_head = port.waits = false;
  Burst& head = port.head;
  head = Burst{};
  head.port = static_cast<std::int32_t>(&port - ports_.data());
  if (port.source) {
    TraceRequest request;
    if (failure_ || !port.source->next(request)) return false;
    if (request.address >= static_cast<std::uint64_t>(dram_.bytes())) {
      failure_ = Error(ErrorKind::invalid_input, "request " + std::to_string(trace_number_) + ": address " + std::to_string(request.address) +
                                                     " lies outside the memory of " + std::to_string(dram_.bytes()) + " bytes");
      return false;
    }
    if (request.cycle > last_cycle) {
      failure_ = Error(ErrorKind::invalid_input, "request " + std::to_string(trace_number_) + ": cycle " + std::to_string(request.cycle) +
                                                     "; allowed: at most " + std::to_string(last_cycle));
      return false;
    }
    ++trace_number_;
    head.address = request.address;
    head.write = request.write;
    head.offered = std::max(request.cycle, port.ready);
    head.transfer = no_transfer;
    head.last = true;
    head.requester = head.port;
    see(static_cast<std::size_t>(head.port));
  } else {
    if (port.queue.empty()) return false;
    Queued& from = port.queue.front();
    head.address = from.next;
    head.write = from.write;
    head.offered = std::max(from.cycle, port.ready);
    head.transfer = from.transfer;
    head.requester = from.requester;
    from.next += static_cast<std::uint64_t>(dram_.burst_bytes);
    head.last = from.next >= from.end;
    if (head.last) port.queue.pop_front();
  }
  using F = arch::DramField;
  const auto field = [&](F f) { return dram_.map.fields[static_cast<std::size_t>(f)].of(head.address); };
  port.channel = static_cast<int>(field(F::channel));
  std::uint64_t bank = field(F::pseudo_channel) * static_cast<std::uint64_t>(dram_.ranks) + field(F::rank);
  bank = bank * static_cast<std::uint64_t>(dram_.bank_groups) + field(F::bank_group);
  bank = bank * static_cast<std::uint64_t>(dram_.banks_per_group) + field(F::bank);
  head.bank = static_cast<std::int32_t>(bank);
  head.row = static_cast<std::uint32_t>(field(F::row));
  port.has_head = true;
  return true;
}

// ---- From the ports into the channels. ----

std::int64_t DramSystem::Impl::offer_cycle(const Port& port) const {
  if (!port.has_head || port.waits) return never;
  if (simple_ || port.active < dram_.controller.max_active_transactions) return port.head.offered;
  return port.frees.empty() ? never : std::max(port.head.offered, port.frees.front());
}

void DramSystem::Impl::handed_over(Port& port, std::int64_t cycle, bool late) {
  if (port.handed_at != cycle) {
    port.handed_at = cycle;
    port.handed = 0;
  }
  const bool more = ++port.handed < options_.bursts_per_cycle;
  port.ready = cycle + (more ? 0 : 1);
  // A burst that had to wait for room is acknowledged a cycle later.
  if (late) port.ready = cycle + (options_.bursts_per_cycle > 1 ? 1 : 2);
  if (port.head.last && port.client) {
    released_.push_back({cycle, notice_numbers_++, transfers_[port.head.transfer].tag, port.head.port});
  }
  load_head(port);
}

void DramSystem::Impl::offer(int number, std::int64_t cycle) {
  Port& port = ports_[static_cast<std::size_t>(number)];
  Entry& entry = entries_[static_cast<std::size_t>(port.channel)];
  note_waiting(port.channel, port.head);
  if (simple_) {
    entry.queue.push_back(port.head);
    port.waits = true;
    return;
  }
  while (!port.frees.empty() && port.frees.front() <= cycle) {
    port.frees.pop_front();
    --port.active;
  }
  ++port.active;
  active_.peak = std::max<std::int64_t>(active_.peak, port.active);
  // Nothing but the limit makes a burst wait here.
  if (cycle > port.head.offered) active_.met = true;
  port.head.number = port.taken++;
  entry.queue.push_back(port.head);
  handed_over(port, cycle, false);
}

std::int64_t DramSystem::Impl::accept_cycle(int channel) const {
  const Entry& entry = entries_[static_cast<std::size_t>(channel)];
  if (entry.queue.empty() || entry.refused) return never;
  return std::max(entry.accept_from, now_);
}

/// The channel takes the first burst that waits for it, or refuses it. `late`: right after a command that made room.
void DramSystem::Impl::accept(int number, std::int64_t cycle, bool late) {
  Entry& entry = entries_[static_cast<std::size_t>(number)];
  Channel& channel = channels_[static_cast<std::size_t>(number)];
  if (entry.queue.empty() || cycle < entry.accept_from) return;
  if (!channel.has_room()) {
    channel.refused();
    entry.refused = true;
    return;
  }
  const Burst burst = entry.queue.front();
  entry.queue.pop_front();
  entry.refused = false;
  entry.accept_from = cycle + (simple_ ? 1 : 2) + (late ? 1 : 0);
  channel.admit(burst, cycle);
  if (simple_) handed_over(ports_[static_cast<std::size_t>(burst.port)], cycle, late);
}

// ---- From the channels back. ----

void DramSystem::Impl::see(std::size_t requester) {
  if (requesters_[requester].seen) return;
  requesters_[requester].seen = true;
  seen_.push_back(requester);
}

void DramSystem::Impl::note_waiting(int channel, const Burst& burst) {
  Entry& entry = entries_[static_cast<std::size_t>(channel)];
  const std::size_t requester = static_cast<std::size_t>(burst.requester);
  if (entry.pending[requester]++ == 0) entry.since[requester] = burst.offered;
}

void DramSystem::Impl::note_served(int channel, const Burst& burst, std::int64_t cycle) {
  Entry& entry = entries_[static_cast<std::size_t>(channel)];
  for (const std::size_t waiting : seen_) {
    if (entry.pending[waiting] == 0) continue;
    const std::int64_t from = std::max(entry.last_served, entry.since[waiting]);
    if (cycle > from) waited_for_[waiting * max_requesters + static_cast<std::size_t>(burst.requester)] += cycle - from;
  }
  --entry.pending[static_cast<std::size_t>(burst.requester)];
  entry.last_served = cycle;
}

void DramSystem::Impl::served(const Burst& burst, std::uint64_t order, std::int64_t cycle, std::int64_t data_end) {
  Entry& entry = entries_[static_cast<std::size_t>(serving_)];
  note_served(serving_, burst, cycle);
  Requester& requester = requesters_[static_cast<std::size_t>(burst.requester)];
  requester.waiting += cycle - burst.offered;
  // Answers of one channel follow each other.
  const std::int64_t gap = simple_ ? 1 : 0;
  const auto give = [&](const Burst& b, std::int64_t at) {
    entry.last_answer = std::max(at, entry.last_answer + gap);
    answer(b, entry.last_answer);
  };
  const bool oldest = order == entry.order.next();
  if (!queued_) {
    // Counted as long as all came in order: then the two kinds of queue are the same so far.
    if (oldest) entry.order.pass();
    out_of_order_ = out_of_order_ || !oldest;
    return give(burst, data_end);
  }
  if (!oldest) {
    out_of_order_ = true;
    return entry.order.hold(order, data_end, burst);
  }
  entry.order.pass();
  give(burst, data_end);
  for (ReorderBuffer::Answer next; entry.order.take(next);) give(next.burst, next.cycle);
}

/// The channel gives its answer: through the arbiter to the port.
void DramSystem::Impl::answer(const Burst& burst, std::int64_t cycle) {
  if (simple_) return complete(burst, cycle);
  Port& port = ports_[static_cast<std::size_t>(burst.port)];
  const auto give = [&](const Burst& b, std::int64_t at) {
    port.last_answer = std::max(at, port.last_answer + 2);
    port.frees.push_back(port.last_answer + 2);
    complete(b, port.last_answer);
  };
  const bool oldest = burst.number == port.order.next();
  arbiter_out_of_order_ = arbiter_out_of_order_ || !oldest;
  if (oldest) port.order.pass();
  if (!in_order_) return give(burst, cycle);
  if (!oldest) return port.order.hold(burst.number, cycle, burst);
  give(burst, cycle);
  for (ReorderBuffer::Answer next; port.order.take(next);) give(next.burst, next.cycle);
}

void DramSystem::Impl::complete(const Burst& burst, std::int64_t cycle) {
  last_completion_ = std::max(last_completion_, cycle);
  Port& port = ports_[static_cast<std::size_t>(burst.port)];
  port.end = std::max(port.end, cycle);
  Requester& requester = requesters_[static_cast<std::size_t>(burst.requester)];
  const std::int64_t latency = cycle - burst.offered;
  if (burst.write) {
    ++requester.writes;
    write_latency_.add(latency);
  } else {
    ++requester.reads;
    requester.read_latency += latency;
    read_latency_.add(latency);
  }
  if (burst.transfer == no_transfer) return;
  Transfer& transfer = transfers_[burst.transfer];
  transfer.done = std::max(transfer.done, cycle);
  if (--transfer.bursts == 0) {
    notices_.push({transfer.done, notice_numbers_++, transfer.tag, transfer.port});
    free_transfers_.push_back(burst.transfer);
  }
}

// ---- Time. ----

/// The next cycle in which anything but the channels' own commands happens.
std::int64_t DramSystem::Impl::next_arrival() const {
  std::int64_t at = notices_.empty() ? never : notices_.top().cycle;
  for (const Port& port : ports_) at = std::min(at, offer_cycle(port));
  for (std::size_t c = 0; c < channels_.size(); ++c) at = std::min(at, accept_cycle(static_cast<int>(c)));
  return at;
}

std::int64_t DramSystem::Impl::next() {
  std::int64_t at = next_arrival();
  for (Channel& channel : channels_) at = std::min(at, channel.next_cycle());
  return std::max(at, now_);
}

/// Passes a long time in which nothing arrives.
void DramSystem::Impl::leap(std::int64_t until) {
  if (dram_.controller.refresh == arch::DramRefresh::none || until - now_ < 64 * dram_[arch::DramTiming::tREFI]) return;
  for (const Channel& channel : channels_) {
    if (!channel.empty()) return;
  }
  for (Channel& channel : channels_) channel.leap(now_, until);
}

void DramSystem::Impl::process(std::int64_t cycle) {
  now_ = cycle;
  for (;;) {
    bool offered = false;
    // Ports that offer in the same cycle take turns at going first.
    const std::size_t ports = ports_.size();
    const std::size_t turn = ports > 1 ? static_cast<std::size_t>(cycle) % ports : 0;
    for (std::size_t i = 0; i < ports; ++i) {
      const std::size_t p = i + turn < ports ? i + turn : i + turn - ports;
      if (offer_cycle(ports_[p]) > cycle) continue;
      offer(static_cast<int>(p), cycle);
      offered = true;
    }
    bool accepted = false;
    for (std::size_t c = 0; c < channels_.size(); ++c) {
      if (accept_cycle(static_cast<int>(c)) > cycle) continue;
      const std::size_t before = entries_[c].queue.size();
      accept(static_cast<int>(c), cycle, false);
      accepted = accepted || entries_[c].queue.size() != before;
    }
    if (!offered && !accepted) break;
  }
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    while (channels_[c].next_cycle() <= cycle) {
      serving_ = static_cast<int>(c);
      if (channels_[c].step(cycle)) accept(static_cast<int>(c), cycle, true);
    }
  }
}

std::int64_t DramSystem::Impl::run(std::int64_t limit_cycle) {
  std::vector<Notice> told;
  // Refreshes go on for ever: without work there is no end to run to but a given one.
  if (limit_cycle > last_cycle && idle()) return now_;
  while (true) {
    leap(std::min(next_arrival(), limit_cycle));
    const std::int64_t at = next();
    if (at > limit_cycle) {
      now_ = std::max(now_, limit_cycle);
      return now_;
    }
    process(at);
    if (released_.empty() && (notices_.empty() || notices_.top().cycle > at)) continue;
    told.swap(released_);
    const std::size_t releases = told.size();
    while (!notices_.empty() && notices_.top().cycle <= at) {
      told.push_back(notices_.top());
      notices_.pop();
    }
    for (std::size_t i = 0; i < told.size(); ++i) {
      DramClient& client = *ports_[static_cast<std::size_t>(told[i].port)].client;
      i < releases ? client.released(told[i].tag, at) : client.completed(told[i].tag, at);
    }
    return at;
  }
}

Expected<void> DramSystem::Impl::run_to_end() {
  while (!idle() && !failure_) {
    leap(next_arrival());
    process(next());
  }
  if (failure_) return fail(*failure_);
  return {};
}

std::int64_t DramSystem::Impl::next_event_cycle() { return idle() ? -1 : next(); }

bool DramSystem::Impl::idle() const {
  if (!notices_.empty()) return false;
  for (const Port& port : ports_) {
    if (port.has_head || !port.queue.empty()) return false;
  }
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    if (!channels_[c].empty() || !entries_[c].queue.empty()) return false;
  }
  return true;
}

}  // namespace gnomon::sim
