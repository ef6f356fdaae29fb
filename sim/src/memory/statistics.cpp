#include <algorithm>

#include "system.hpp"

namespace gnomon::sim {
namespace {

void add(DramEnergy& to, const DramEnergy& e) {
  to.activate_pj += e.activate_pj;
  to.precharge_pj += e.precharge_pj;
  to.read_pj += e.read_pj;
  to.write_pj += e.write_pj;
  to.refresh_pj += e.refresh_pj;
  to.active_standby_pj += e.active_standby_pj;
  to.precharge_standby_pj += e.precharge_standby_pj;
  to.active_power_down_pj += e.active_power_down_pj;
  to.precharge_power_down_pj += e.precharge_power_down_pj;
  to.self_refresh_pj += e.self_refresh_pj;
}

void widen(DramLimit& to, const DramLimit& limit) {
  to.peak = std::max(to.peak, limit.peak);
  to.met = to.met || limit.met;
}

}  // namespace

DramStatistics DramSystem::Impl::statistics(std::int64_t up_to_cycle) const {
  DramStatistics out;
  out.cycles = last_completion_;
  const std::int64_t end = up_to_cycle < 0 ? last_completion_ : up_to_cycle;
  DramEnergy energy;
  for (std::size_t c = 0; c < channels_.size(); ++c) {
    const Channel& channel = channels_[c];
    DramChannelStatistics s;
    s.banks = channel.banks();
    s.data_cycles = channel.data_cycles();
    for (const DramBankStatistics& bank : s.banks) {
      s.reads += bank.reads;
      s.writes += bank.writes;
      out.activates += bank.activates;
      out.precharges += bank.precharges;
      out.row_hits += bank.row_hits;
      out.row_misses += bank.row_misses;
      out.row_conflicts += bank.row_conflicts;
    }
    s.bytes = (s.reads + s.writes) * dram_.burst_bytes;
    out.reads += s.reads;
    out.writes += s.writes;
    out.bytes += s.bytes;
    for (std::size_t r = 0; r < channel.ranks().size(); ++r) {
      const RankEnergy& counts = channel.ranks()[r];
      DramRankStatistics rank;
      rank.channel = static_cast<int>(c);
      rank.pseudo_channel = static_cast<int>(r) / dram_.ranks;
      rank.rank = static_cast<int>(r) % dram_.ranks;
      rank.refreshes = counts.refreshes + counts.bank_refreshes;
      rank.residency = counts.residency(end);
      out.refreshes += rank.refreshes;
      add(energy, rank_energy(dram_, counts, rank.residency));
      out.ranks.push_back(rank);
    }
    widen(out.request_buffer, channel.request_buffer());
    for (const RefreshManager& refresh : channel.refreshes()) {
      widen(out.refresh_postponed, refresh.postponed());
      widen(out.refresh_pulled_in, refresh.pulled_in());
    }
    out.channels.push_back(std::move(s));
  }
  out.active_transactions = active_;
  out.responses_out_of_order = out_of_order_;
  out.arbiter_out_of_order = arbiter_out_of_order_;
  out.peak_bandwidth_gb_s = dram_.peak_bandwidth_gb_s();
  const double ns = static_cast<double>(out.cycles) * static_cast<double>(dram_.tck_ps()) / 1000.0;
  if (ns > 0) out.bandwidth_gb_s = static_cast<double>(out.bytes) / ns;
  out.read_latency = read_latency_.summary();
  out.write_latency = write_latency_.summary();
  if (dram_.power) {
    out.energy = energy;
    const double run_ns = static_cast<double>(end) * static_cast<double>(dram_.tck_ps()) / 1000.0;
    // pJ / ns = mW.
    out.power_mw = run_ns > 0 ? energy.total_pj() / run_ns : 0.0;
  }
  std::vector<std::size_t> seen;
  for (std::size_t r = 0; r < requesters_.size(); ++r) {
    const Requester& from = requesters_[r];
    if (!from.seen) continue;
    seen.push_back(r);
    DramRequesterStatistics s;
    s.requester = static_cast<int>(r);
    s.reads = from.reads;
    s.writes = from.writes;
    s.bytes = (from.reads + from.writes) * dram_.burst_bytes;
    s.waiting_cycles = from.waiting;
    if (from.reads > 0) s.mean_read_latency_cycles = static_cast<double>(from.read_latency) / static_cast<double>(from.reads);
    out.requesters.push_back(s);
  }
  for (std::size_t waiting : seen) {
    auto& row = out.waited_for.emplace_back();
    for (std::size_t by : seen) row.push_back(waited_for_[waiting * max_requesters + by]);
  }
  return out;
}

DramSystem::DramSystem(const arch::Dram& dram, const DramOptions& options) : impl_(std::make_unique<Impl>(dram, options)) {}
DramSystem::~DramSystem() = default;
DramSystem::DramSystem(DramSystem&&) noexcept = default;
DramSystem& DramSystem::operator=(DramSystem&&) noexcept = default;
int DramSystem::add_port(DramClient& client) { return impl_->add_port(&client, nullptr); }
Expected<void> DramSystem::submit(int port, const DramTransfer& transfer, std::int64_t cycle) { return impl_->submit(port, transfer, cycle); }
std::int64_t DramSystem::run(std::int64_t limit_cycle) { return impl_->run(limit_cycle); }
std::int64_t DramSystem::next_event_cycle() const { return impl_->next_event_cycle(); }
bool DramSystem::idle() const { return impl_->idle(); }
std::int64_t DramSystem::now() const { return impl_->now(); }
const arch::Dram& DramSystem::dram() const { return impl_->dram(); }
DramStatistics DramSystem::statistics(std::int64_t up_to_cycle) const { return impl_->statistics(up_to_cycle); }

Expected<DramResult> run_trace(const arch::Dram& dram, TraceSource& source, const DramOptions& options) {
  auto run = run_traces(dram, {&source}, options);
  if (!run) return fail(std::move(run.error()));
  return DramResult{std::move(run->statistics)};
}

Expected<TracesResult> run_traces(const arch::Dram& dram, const std::vector<TraceSource*>& sources, const DramOptions& options) {
  if (sources.empty() || sources.size() > static_cast<std::size_t>(DramSystem::Impl::max_requesters))
    return fail(ErrorKind::invalid_input, std::to_string(sources.size()) + " traces at a time; allowed: 1 to " + std::to_string(DramSystem::Impl::max_requesters));
  DramOptions one = options;
  one.bursts_per_cycle = 1;
  DramSystem::Impl system(dram, one);
  for (TraceSource* source : sources) system.add_port(nullptr, source);
  auto done = system.run_to_end();
  // What a reader found wrong comes first: the run just stopped there.
  for (const TraceSource* source : sources) {
    if (auto status = source->status(); !status) return fail(std::move(status.error()));
  }
  if (!done) return fail(std::move(done.error()));
  TracesResult out{system.statistics(-1), {}};
  for (std::size_t p = 0; p < sources.size(); ++p) out.end_cycles.push_back(system.end_cycle(static_cast<int>(p)));
  return out;
}

}  // namespace gnomon::sim
