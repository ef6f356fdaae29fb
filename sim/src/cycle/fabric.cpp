#include "fabric.hpp"

#include <algorithm>

#include "../memory/ideal_memory.hpp"
#include "clock.hpp"

namespace gnomon::sim::cycle {

CoreModel::CoreModel(sc_core::sc_module_name name, const arch::Design& design, std::size_t index, ClockDomain clock, LinkMap links, Observer& observer)
    : sc_module(name), design_(design), index_(index), clock_(clock), links_(links), array_("array", clock, observer), vector_("vector", clock, observer) {}

void CoreModel::begin(const CoreWork& work) {
  start_ps_ = now_ps();
  counts_ = {};
  traffic_ = {};
  streams_.clear();
  heads_known_ = false;
  if (work.array != nullptr) {
    array_step_ = std::make_unique<ArrayStep>(plan_array_step(design_, index_, *work.array, *work.mapping, work.address));
    if (work.first_tiles > 0) array_step_->tile_limit = work.first_tiles;
    transfers_ = std::make_unique<TileTransfers>(*array_step_, links_, array_.ended_tiles(), counts_);
    transfers_->append_streams(streams_);
    array_.begin(*array_step_, *transfers_, work.stand_in);
    engine_ = &array_;
  } else {
    vector_.begin(design_, plan_vector_step(design_.cores[index_], work.vector, work.address), links_, counts_);
    vector_.append_streams(streams_);
    engine_ = &vector_;
  }
}

void CoreModel::held_memory(double cycles) {
  ++traffic_.memory_transfers;
  traffic_.memory_held_cycles += cycles;
  traffic_.memory_held_squares += cycles * cycles;
}

bool CoreModel::advance(const std::vector<CoreWork>& work, std::vector<StepOutcome>& outcomes) {
  bool moved = false;
  if (engine_ != nullptr) {
    moved = engine_->advance();
    const auto has_left = [](const TransferStream* stream) { return stream->live(); };
    if (!engine_->finished() || open_transfers_ != 0 || std::any_of(streams_.begin(), streams_.end(), has_left)) return moved;
    const std::size_t position = list_[next_++];
    engine_->add_counts(counts_);
    StepOutcome& outcome = outcomes[position];
    StepResult& result = outcome.result;
    result.label = work[position].label;
    result.core = index_;
    result.start_cycle = clock_.cycles(start_ps_);
    result.latency_cycles = clock_.cycles(now_ps() - start_ps_);
    result.compute_cycles = engine_->compute_cycles();
    result.stall_cycles = result.latency_cycles - result.compute_cycles;
    result.counts = counts_;
    outcome.activity = traffic_;
    outcome.activity.first_cycle = clock_.cycles(engine_->first_ps() - start_ps_);
    outcome.activity.end_cycle = clock_.cycles(engine_->end_ps() - start_ps_);
    outcome.ended = true;
    engine_ = nullptr;
    streams_.clear();
    heads_.clear();
    moved = true;
  }
  if (next_ == list_.size()) return moved;
  const CoreWork& following = work[list_[next_]];
  if (!std::all_of(following.after.begin(), following.after.end(), [&](std::size_t before) { return outcomes[before].ended; })) return moved;
  begin(following);
  return true;
}

const std::vector<TransferStream*>& CoreModel::heads() {
  if (heads_known_) return heads_;
  heads_known_ = true;
  heads_.clear();
  for (TransferStream* stream : streams_) {
    if (!stream->live()) continue;
    const auto before = [&](const TransferStream* other) {
      if (!other->live() || !(other->key() < stream->key())) return false;
      const auto& links = other->links();
      return std::any_of(links.begin(), links.end(), [&](std::size_t link) {
        return std::find(stream->links().begin(), stream->links().end(), link) != stream->links().end();
      });
    };
    if (std::none_of(streams_.begin(), streams_.end(), before)) heads_.push_back(stream);
  }
  return heads_;
}

std::string CoreModel::waits_for(const std::vector<CoreWork>& work) const {
  if (next_ == list_.size()) return {};
  std::string text = "core " + design_.cores[index_].name + ", step " + work[list_[next_]].label;
  if (engine_ == nullptr) return text + " has not begun";
  if (!engine_->finished()) text += ": " + engine_->waits_for();
  for (const TransferStream* stream : streams_) {
    if (stream->live()) text += ", " + stream->describe();
  }
  return text;
}

Link::Link(sc_core::sc_module_name name, ClockDomain clock, MemoryClient& owner) : sc_module(name), clock_(clock), owner_(owner) {
  SC_HAS_PROCESS(Link);
  SC_METHOD(on_done);
  sensitive << done_;
  dont_initialize();
}

void Link::hold(std::int64_t cycles, std::uint64_t tag) {
  tag_ = tag;
  notify_after(done_, clock_, cycles);
}

void Link::on_done() {
  const std::uint64_t tag = tag_;
  owner_.memory_released(tag, now_ps());
  owner_.memory_completed(tag, now_ps());
}

Fabric::Fabric(sc_core::sc_module_name name, const arch::Design& design, std::vector<CoreWork> work, const std::vector<std::size_t>& core_of)
    : sc_module(name), clock_{design.clock_period_ps}, work_(std::move(work)), outcomes_(work_.size()) {
  if (design.memory.dram) {
    device_ = make_device_memory("memory", *design.memory.dram, clock_, design.cores.size());
    for (std::size_t c = 0; c < design.cores.size(); ++c) memory_.push_back(&device_->port(c));
  } else {
    auto memory = std::make_unique<IdealMemory>("memory", clock_, design.memory.bytes_per_cycle, design.memory.latency_cycles);
    memory_.assign(design.cores.size(), memory.get());
    ideal_ = std::move(memory);
  }
  const auto add_link = [&](const std::string& link) { links_.push_back(std::make_unique<Link>(link.c_str(), clock_, *this)); };
  links_.emplace_back();
  add_link("bus");
  for (std::size_t s = 0; s < design.shared.size(); ++s) add_link("shared_link_" + std::to_string(s));
  for (std::size_t c = 0; c < design.cores.size(); ++c) {
    LinkMap links;
    // Every core has its own way to a device, whose controller decides between them; ideal memory is one link.
    if (device_ && c > 0) {
      links.memory = links_.size();
      links_.emplace_back();
    }
    links.core = links_.size();
    for (std::size_t l = 0; l < design.cores[c].levels.size(); ++l) add_link("core_" + std::to_string(c) + "_link_" + std::to_string(l));
    cores_.push_back(std::make_unique<CoreModel>(("core_" + std::to_string(c)).c_str(), design, c, clock_, links, *this));
  }
  busy_.assign(links_.size(), 0);
  last_holder_.resize(links_.size());
  waited_cycles_.assign(cores_.size(), std::vector<std::int64_t>(cores_.size(), 0));
  for (std::size_t i = 0; i < work_.size(); ++i) cores_[core_of[i]]->add_work(i);
  SC_HAS_PROCESS(Fabric);
  SC_METHOD(settle);
  sensitive << changed_;
}

bool Fabric::finished() const {
  return std::all_of(cores_.begin(), cores_.end(), [](const auto& core) { return core->idle(); });
}

std::string Fabric::waits_for() const {
  std::string text;
  for (const auto& core : cores_) {
    const std::string one = core->waits_for(work_);
    if (!one.empty()) text += (text.empty() ? "" : "; ") + one;
  }
  return text;
}

/// Everything that can start at the present time starts, once all that happens at this time has happened.
void Fabric::settle() {
  for (bool moved = true; moved;) {
    moved = false;
    for (const auto& core : cores_) moved = core->advance(work_, outcomes_) || moved;
    moved = start_transfers() || moved;
  }
}

bool Fabric::links_free(const TransferStream& stream) const {
  return std::none_of(stream.links().begin(), stream.links().end(), [&](std::size_t link) { return busy_[link] != 0; });
}

/// Where several cores could use a link, the transfer that may start earliest goes first, ties to the core that stands first.
bool Fabric::start_transfers() {
  const std::int64_t now = now_ps();
  bool any = false;
  for (;;) {
    TransferStream* best = nullptr;
    std::size_t best_core = 0;
    for (std::size_t c = 0; c < cores_.size(); ++c) {
      for (TransferStream* stream : cores_[c]->heads()) {
        if (stream->waiting_since < 0 && stream->may_start()) stream->waiting_since = now;
        if (stream->waiting_since < 0 || !links_free(*stream)) continue;
        if (best == nullptr || stream->waiting_since < best->waiting_since) {
          best = stream;
          best_core = c;
        }
      }
    }
    if (best == nullptr) return any;
    start(*cores_[best_core], best_core, *best);
    any = true;
  }
}

void Fabric::start(CoreModel& core, std::size_t core_index, TransferStream& stream) {
  std::uint64_t tag = flights_.size();
  if (free_flights_.empty()) {
    flights_.emplace_back();
  } else {
    tag = free_flights_.back();
    free_flights_.pop_back();
  }
  const std::int64_t waited_ps = now_ps() - stream.waiting_since;
  if (waited_ps > 0) {
    const Holder* last = nullptr;
    for (const std::size_t link : stream.links()) {
      if (last == nullptr || last_holder_[link].until_ps > last->until_ps) last = &last_holder_[link];
    }
    waited_cycles_[core_index][last->core] += clock_.cycles(waited_ps);
    if (stream.uses_memory() && last->core != core_index) core.waited_for_others(static_cast<double>(waited_ps) / static_cast<double>(clock_.period_ps));
  }
  for (const std::size_t link : stream.links()) busy_[link] = 1;
  const std::int64_t bytes = stream.bytes();
  if (stream.uses_memory()) {
    MemoryRequest request;
    request.time_ps = now_ps();
    request.bytes = bytes;
    request.write = stream.write();
    request.requester = static_cast<int>(core_index);
    request.bytes_per_cycle = stream.bytes_per_cycle();
    request.tag = tag;
    if (device_) {
      stream.memory_runs(runs_);
      request.address = runs_.front().address;
      request.runs = runs_;
    }
    memory_[core_index]->request(request, *this);
  } else {
    links_[stream.links().front()]->hold((bytes - 1) / stream.bytes_per_cycle() + 1, tag);
  }
  stream.waiting_since = -1;
  flights_[tag] = {&stream, stream.start(), &core, core_index, now_ps()};
  core.started();
}

void Fabric::memory_released(std::uint64_t tag, std::int64_t) {
  const Flight& flight = flights_[tag];
  if (flight.stream->uses_memory()) flight.core->held_memory(static_cast<double>(now_ps() - flight.start_ps) / static_cast<double>(clock_.period_ps));
  for (const std::size_t link : flight.stream->links()) {
    busy_[link] = 0;
    last_holder_[link] = {flight.core_index, now_ps()};
  }
  changed();
}

void Fabric::memory_completed(std::uint64_t tag, std::int64_t) {
  const Flight& flight = flights_[tag];
  flight.stream->complete(flight.ticket);
  flight.core->completed();
  free_flights_.push_back(tag);
  changed();
}

}  // namespace gnomon::sim::cycle
