#include "channel.hpp"

#include <array>
#include <bit>

namespace gnomon::sim {
namespace {

using C = DramCommand;
using T = arch::DramTiming;

CommandMask used_commands(const arch::Dram& dram) {
  const arch::DramController& c = dram.controller;
  CommandMask used = mask(C::ACT, C::PRE, C::RD, C::WR);
  if (c.page_policy != arch::DramPagePolicy::open) used |= mask(C::RDA, C::WRA);
  if (c.refresh == arch::DramRefresh::all_bank) used |= mask(C::PREA, C::REF);
  if (c.refresh == arch::DramRefresh::per_bank) used |= mask(C::REFpb);
  if (c.refresh == arch::DramRefresh::same_bank) used |= mask(C::PREsb, C::REFsb);
  if (c.power_down != arch::DramPowerDown::none) used |= mask(C::PDE, C::PDX);
  if (c.power_down == arch::DramPowerDown::self_refresh) used |= mask(C::SRE, C::SRX, C::REF);
  return used;
}

/// A rank as its refresh manager sees it.
template <class Banks>
class UnitView final : public RefreshManager::View {
 public:
  UnitView(Banks& banks, const arch::Dram& dram, int rank) : banks_(banks), dram_(dram), first_(rank * dram.banks_per_rank()) {}
  bool unit_idle(int unit) const override {
    bool idle = true;
    each(unit, [&](auto& bank) { idle = idle && bank.current < 0; });
    return idle;
  }
  void block_unit(int unit) override {
    each(unit, [&](auto& bank) { bank.blocked = true; });
  }

 private:
  Banks& banks_;
  const arch::Dram& dram_;
  int first_;

  template <class F>
  void each(int unit, F&& f) const {
    int from = 0, step = 1, count = 1;
    switch (dram_.controller.refresh) {
      case arch::DramRefresh::per_bank: from = unit; break;
      case arch::DramRefresh::same_bank:
        from = unit;
        step = dram_.banks_per_group;
        count = dram_.bank_groups;
        break;
      default: count = dram_.banks_per_rank(); break;
    }
    for (int i = 0; i < count; ++i) f(banks_[static_cast<std::size_t>(first_ + from + i * step)]);
  }
};

}  // namespace

Channel::Channel(const arch::Dram& dram, int number, DramLogSink* log, BurstSink& sink)
    : dram_(dram), controller_(dram.controller), number_(number), log_(log), sink_(sink), timing_(dram, used_commands(dram)),
      banks_per_rank_(dram.banks_per_rank()) {
  const std::size_t banks = static_cast<std::size_t>(dram.banks_per_channel());
  const std::size_t ranks = static_cast<std::size_t>(dram.ranks * dram.pseudo_channels);
  banks_.resize(banks);
  statistics_.resize(banks);
  wishes_.resize(banks);
  words_per_rank_ = (banks_per_rank_ + 63) / 64;
  wanting_.assign(ranks * static_cast<std::size_t>(words_per_rank_), 0);
  ranks_.resize(ranks);
  open_banks_.assign(ranks, 0);
  rank_waiting_.assign(ranks, 0);
  for (std::size_t r = 0; r < ranks; ++r) {
    refresh_.emplace_back(dram, static_cast<int>(r));
    power_down_.emplace_back(controller_.power_down);
  }
  data_delay_[0] = data_delay(dram, false);
  data_delay_[1] = data_delay(dram, true);
}

// ---- Buffers. ----

std::int32_t Channel::take_slot() {
  if (free_ == none) {
    slots_.emplace_back();
    return static_cast<std::int32_t>(slots_.size() - 1);
  }
  const std::int32_t slot = free_;
  free_ = slots_[static_cast<std::size_t>(slot)].next;
  return slot;
}

void Channel::release_slot(std::int32_t slot) {
  slots_[static_cast<std::size_t>(slot)].next = free_;
  free_ = slot;
}

int Channel::buffer_level() const {
  switch (controller_.buffer) {
    case arch::DramBuffer::bankwise: return banks_[static_cast<std::size_t>(last_bank_)].count;
    case arch::DramBuffer::readwrite: return std::max(reads_waiting_, writes_waiting_);
    case arch::DramBuffer::shared: return waiting_;
  }
  return waiting_;
}

bool Channel::has_room() const { return buffer_level() < controller_.buffer_capacity(); }

void Channel::admit(const Burst& burst, std::int64_t cycle) {
  now_ = cycle;
  request_buffer_.peak = std::max<std::int64_t>(request_buffer_.peak, buffer_level() + 1);
  const std::int32_t slot = take_slot();
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  s.burst = burst;
  s.order = arrivals_++;
  Bank& bank = banks_[static_cast<std::size_t>(burst.bank)];
  s.prev = bank.tail;
  s.next = none;
  (bank.tail == none ? bank.head : slots_[static_cast<std::size_t>(bank.tail)].next) = slot;
  bank.tail = slot;
  ++bank.count;
  ++waiting_;
  ++(burst.write ? writes_waiting_ : reads_waiting_);
  last_bank_ = burst.bank;
  const int rank = rank_of(burst.bank);
  if (rank_waiting_[static_cast<std::size_t>(rank)]++ == 0) power_down_[static_cast<std::size_t>(rank)].busy();
  stale_ = true;
  if (controller_.write_high > 0) update_draining();
  evaluate(burst.bank);
  evaluate_refresh(rank);
}

void Channel::unlink(Bank& bank, std::int32_t slot) {
  Slot& s = slots_[static_cast<std::size_t>(slot)];
  (s.prev == none ? bank.head : slots_[static_cast<std::size_t>(s.prev)].next) = s.next;
  (s.next == none ? bank.tail : slots_[static_cast<std::size_t>(s.next)].prev) = s.prev;
  --bank.count;
}

// ---- Which request a bank takes, and the command that it needs. ----

std::int32_t Channel::pick(const Bank& bank) const {
  if (bank.head == none) return none;
  if (controller_.write_high > 0) return pick_drained(bank);
  if (controller_.scheduler == arch::DramScheduler::fifo || !bank.open) return bank.head;
  if (controller_.scheduler == arch::DramScheduler::frfcfs_grp) return pick_grouped(bank);
  for (std::int32_t i = bank.head; i != none; i = slots_[static_cast<std::size_t>(i)].next) {
    if (slots_[static_cast<std::size_t>(i)].burst.row == bank.row) return i;
  }
  return bank.head;
}

/// Of the row hits the oldest of the kind served last, unless an older one goes to the same address; else the oldest.
std::int32_t Channel::pick_grouped(const Bank& bank) const {
  std::int32_t first = none;
  for (std::int32_t i = bank.head; i != none; i = slots_[static_cast<std::size_t>(i)].next) {
    const Burst& burst = slots_[static_cast<std::size_t>(i)].burst;
    if (burst.row != bank.row) continue;
    if (first == none) first = i;
    if (burst.write != last_was_write_) continue;
    bool hazard = false;
    for (std::int32_t j = first; j != i && !hazard; j = slots_[static_cast<std::size_t>(j)].next) {
      hazard = slots_[static_cast<std::size_t>(j)].burst.address == burst.address;
    }
    if (!hazard) return i;
  }
  return first != none ? first : bank.head;
}

/// Of the kind whose turn it is, the oldest row hit (not with fifo), else the oldest; but a request of the other kind to the same address that came before goes first.
std::int32_t Channel::pick_drained(const Bank& bank) const {
  std::int32_t oldest = none, hit = none;
  for (std::int32_t i = bank.head; i != none; i = slots_[static_cast<std::size_t>(i)].next) {
    const Burst& burst = slots_[static_cast<std::size_t>(i)].burst;
    if (burst.write != draining_) continue;
    if (oldest == none) oldest = i;
    if (bank.open && burst.row == bank.row) {
      hit = i;
      break;
    }
  }
  std::int32_t chosen = hit != none && controller_.scheduler != arch::DramScheduler::fifo ? hit : oldest;
  if (chosen == none) return none;
  const std::uint64_t address = slots_[static_cast<std::size_t>(chosen)].burst.address;
  for (std::int32_t i = bank.head; i != chosen; i = slots_[static_cast<std::size_t>(i)].next) {
    if (slots_[static_cast<std::size_t>(i)].burst.address == address) return i;
  }
  return chosen;
}

/// Whether a further request of the bank goes to the open row.
bool Channel::another_hit(const Bank& bank) const {
  if (controller_.scheduler == arch::DramScheduler::fifo) {
    const std::int32_t second = slots_[static_cast<std::size_t>(bank.head)].next;
    return second != none && slots_[static_cast<std::size_t>(second)].burst.row == bank.row;
  }
  int hits = 0;
  for (std::int32_t i = bank.head; i != none; i = slots_[static_cast<std::size_t>(i)].next) {
    if (slots_[static_cast<std::size_t>(i)].burst.row == bank.row && ++hits == 2) return true;
  }
  return false;
}

void Channel::set_want(int bank, bool wants) {
  const int rank = rank_of(bank), in_rank = bank - rank * banks_per_rank_;
  const std::uint64_t bit = std::uint64_t{1} << (in_rank & 63);
  std::uint64_t& word = wanting_[static_cast<std::size_t>(rank * words_per_rank_ + (in_rank >> 6))];
  word = wants ? word | bit : word & ~bit;
}

void Channel::evaluate(int number) {
  Bank& bank = banks_[static_cast<std::size_t>(number)];
  if (bank.blocked || rank_asleep(rank_of(number))) {
    set_want(number, false);
    return;
  }
  const std::int32_t chosen = pick(bank);
  bank.current = chosen;
  set_want(number, chosen != none);
  if (chosen == none) return;
  const Burst& burst = slots_[static_cast<std::size_t>(chosen)].burst;
  C command = C::ACT;
  if (bank.open && burst.row != bank.row) {
    command = C::PRE;
  } else if (bank.open) {
    bool close = false;
    switch (controller_.page_policy) {
      case arch::DramPagePolicy::open: break;
      case arch::DramPagePolicy::closed: close = true; break;
      case arch::DramPagePolicy::open_adaptive: close = bank.count >= 2 && !another_hit(bank); break;
      case arch::DramPagePolicy::closed_adaptive: close = !another_hit(bank); break;
    }
    command = burst.write ? (close ? C::WRA : C::WR) : (close ? C::RDA : C::RD);
  }
  // Age 0 is kept for refreshes, which are older than any request.
  wishes_[static_cast<std::size_t>(number)] = {timing_.by_bank(command, number), slots_[static_cast<std::size_t>(chosen)].order + 1, command};
}

void Channel::update_draining() {
  const bool before = draining_;
  if (draining_) {
    if (writes_waiting_ == 0 || (writes_waiting_ <= controller_.write_low && reads_waiting_ > 0)) draining_ = false;
  }
  if (!draining_) {
    if (writes_waiting_ >= controller_.write_high || (reads_waiting_ == 0 && writes_waiting_ > 0)) draining_ = true;
  }
  if (draining_ != before) {
    for (int b = 0; b < static_cast<int>(banks_.size()); ++b) {
      if (banks_[static_cast<std::size_t>(b)].head != none) evaluate(b);
    }
  }
}

// ---- Refresh and power-down. ----

bool Channel::rank_asleep(int rank) const { return power_down_[static_cast<std::size_t>(rank)].asleep(); }

void Channel::evaluate_refresh(int rank) {
  RefreshManager& refresh = refresh_[static_cast<std::size_t>(rank)];
  if (!refresh.enabled() || now_ < refresh.due()) return;
  if (refresh.wakes(now_)) power_down_[static_cast<std::size_t>(rank)].refresh_due();
  UnitView view(banks_, dram_, rank);
  refresh.evaluate(now_, view);
  const int first = rank * banks_per_rank_;
  for (int b = first; b < first + banks_per_rank_; ++b) {
    if (banks_[static_cast<std::size_t>(b)].blocked) set_want(b, false);
  }
}

// ---- Commands. ----

/// Where a refresh that must come waits for nothing but the rank's ACTs, these wait: rows opened in turn, which may follow each other sooner than a refresh
/// may follow them, would put it off for ever.
void Channel::hold_activates(std::size_t rank, C refresh, int bank, std::int64_t distance) {
  if (!refresh_[rank].forced()) return;
  const std::int64_t ready = std::max({now_, refresh_[rank].not_before(), timing_.by_bank(refresh, bank)});
  // Commands may differ in length by a few clocks.
  last_activate_ = ready - distance - 4;
}

void Channel::consider_rank(int rank) {
  const std::size_t r = static_cast<std::size_t>(rank);
  const int first = rank * banks_per_rank_;
  const auto offer = [&](C command, int bank, std::uint64_t age, Choice::From from) {
    std::int64_t cycle = std::max(now_, timing_.earliest(command, bank));
    // Its banks may be closed ahead of time, but a refresh comes when it is due.
    if (from == Choice::From::refresh && (mask(command) & mask(C::REF, C::REFpb, C::REFsb))) cycle = std::max(cycle, refresh_[r].not_before());
    if (cycle < plan_.cycle || (cycle == plan_.cycle && age < plan_.age)) plan_ = {cycle, age, bank, command, from};
  };
  C command;
  if (power_down_[r].enabled() && power_down_[r].wants(command)) {
    offer(command, first, ~std::uint64_t{0} - 1, Choice::From::power_down);
    return;
  }
  const int unit = refresh_[r].enabled() ? refresh_[r].wanted() : -1;
  if (unit >= 0) {
    // Refreshes go before requests: age 0 is older than any.
    switch (controller_.refresh) {
      case arch::DramRefresh::all_bank: offer(open_banks_[r] > 0 ? C::PREA : C::REF, first, 0, Choice::From::refresh); break;
      case arch::DramRefresh::per_bank: {
        const bool open = banks_[static_cast<std::size_t>(first + unit)].open;
        offer(open ? C::PRE : C::REFpb, first + unit, 0, Choice::From::refresh);
        if (!open) hold_activates(r, C::REFpb, first + unit, dram_[T::tFAW]);
        break;
      }
      case arch::DramRefresh::same_bank: {
        bool open = false;
        for (int g = 0; g < dram_.bank_groups; ++g) open = open || banks_[static_cast<std::size_t>(first + unit + g * dram_.banks_per_group)].open;
        offer(open ? C::PREsb : C::REFsb, first + unit, 0, Choice::From::refresh);
        if (!open) hold_activates(r, C::REFsb, first + unit, dram_[T::tRRD_L]);
        break;
      }
      case arch::DramRefresh::none: break;
    }
  }
}

/// Of all banks of a rank that want something, the one that may have it first; the oldest request where several may.
void Channel::consider_banks(int rank) {
  const std::size_t first_word = static_cast<std::size_t>(rank * words_per_rank_);
  std::uint64_t any = 0;
  for (int w = 0; w < words_per_rank_; ++w) any |= wanting_[first_word + static_cast<std::size_t>(w)];
  if (any == 0) return;
  std::array<std::int64_t, dram_command_count> by_rank;
  for (const C command : {C::ACT, C::PRE, C::RD, C::RDA, C::WR, C::WRA}) {
    by_rank[static_cast<std::size_t>(command)] = std::max(now_, timing_.by_rank(command, rank));
  }
  const bool grouped = dram_.bank_groups > 1;
  std::int64_t best = plan_.cycle;
  std::uint64_t age = plan_.age;
  int chosen = none;
  for (int w = 0; w < words_per_rank_; ++w) {
    const int word = rank * banks_per_rank_ + w * 64;
    for (std::uint64_t bits = wanting_[first_word + static_cast<std::size_t>(w)]; bits != 0; bits &= bits - 1) {
      const int b = word + std::countr_zero(bits);
      const Wish& wish = wishes_[static_cast<std::size_t>(b)];
      std::int64_t cycle = std::max(wish.at, by_rank[static_cast<std::size_t>(wish.command)]);
      if (grouped) cycle = std::max(cycle, timing_.by_group(wish.command, timing_.group_of(b)));
      // Which of two is first is a coin toss to a branch predictor: no branch.
      const bool first = ((cycle < best) | ((cycle == best) & (wish.age < age))) & ((wish.command != C::ACT) | (cycle <= last_activate_));
      best = first ? cycle : best;
      age = first ? wish.age : age;
      chosen = first ? b : chosen;
    }
  }
  if (chosen != none) plan_ = {best, age, chosen, wishes_[static_cast<std::size_t>(chosen)].command, Choice::From::bank};
}

void Channel::plan() {
  plan_ = Choice{};
  stale_ = false;
  std::int64_t next = never;
  for (int r = 0; r < static_cast<int>(refresh_.size()); ++r) {
    const std::size_t rank = static_cast<std::size_t>(r);
    const RefreshManager& refresh = refresh_[rank];
    // A unit that waits to be refreshed leaves no other decision open; before that the due cycle is one.
    if (refresh.enabled() && refresh.wanted() < 0 && refresh.due() > now_) next = std::min(next, refresh.due());
    C command;
    if (power_down_[rank].enabled() && power_down_[rank].wants(command)) {
      consider_rank(r);
      continue;
    }
    last_activate_ = never;
    if (refresh.wanted() >= 0) consider_rank(r);
    consider_banks(r);
  }
  next_ = std::min(next, plan_.cycle);
}

bool Channel::step(std::int64_t cycle) {
  bool room = false;
  now_ = cycle;
  bool due = false;
  for (const RefreshManager& refresh : refresh_) due = due || (refresh.enabled() && refresh.due() <= cycle);
  if (due) {
    for (int r = 0; r < static_cast<int>(refresh_.size()); ++r) evaluate_refresh(r);
    stale_ = true;
  }
  if (stale_) plan();
  while (plan_.cycle == cycle) {
    const Choice choice = plan_;
    issue(choice);
    if (is_column(choice.command)) room = true;
    for (int r = 0; r < static_cast<int>(refresh_.size()); ++r) evaluate_refresh(r);
    stale_ = true;
    // The system admits what waits for this room before the next command is chosen.
    if (room) break;
    plan();
  }
  return room;
}

std::int64_t Channel::leap(std::int64_t cycle, std::int64_t until) {
  const std::int64_t period = dram_[T::tREFI];
  const auto run_to = [&](std::int64_t end) {
    while (next_cycle() <= end) step(next_cycle());
    now_ = cycle = end;
    stale_ = true;
  };
  cycle = std::max(cycle, now_);
  if (waiting_ > 0 || log_) return cycle;
  for (int attempt = 0; attempt < 20 && until - cycle > 40 * period; ++attempt) {
    const std::vector<RankEnergy> first = ranks_;
    const auto statistics = statistics_;
    run_to(cycle + period);
    const std::vector<RankEnergy> second = ranks_;
    const auto later = statistics_;
    const auto refresh = refresh_;
    run_to(cycle + period);
    bool periodic = true;
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      periodic = periodic && refresh_[r].as_before(refresh[r], period) && RankEnergy::periodic(first[r], second[r], ranks_[r], cycle, period);
    }
    for (std::size_t b = 0; b < statistics_.size(); ++b) {
      periodic = periodic && statistics_[b].refreshes - later[b].refreshes == later[b].refreshes - statistics[b].refreshes;
    }
    if (!periodic) continue;
    const std::int64_t periods = (until - cycle) / period - 4;
    for (std::size_t r = 0; r < ranks_.size(); ++r) {
      ranks_[r].skip(second[r], cycle, period, periods);
      refresh_[r].skip(periods);
    }
    for (Bank& bank : banks_) bank.activated += periods * period;
    for (std::size_t b = 0; b < statistics_.size(); ++b) statistics_[b].refreshes += periods * (statistics_[b].refreshes - later[b].refreshes);
    timing_.shift(periods * period);
    now_ = cycle += periods * period;
    stale_ = true;
    break;
  }
  return cycle;
}

void Channel::close(int number, std::int64_t at) {
  Bank& bank = banks_[static_cast<std::size_t>(number)];
  const std::size_t rank = static_cast<std::size_t>(rank_of(number));
  bank.open = false;
  --open_banks_[rank];
  ranks_[rank].precharge(at);
  ++statistics_[static_cast<std::size_t>(number)].precharges;
}

void Channel::log(const Choice& choice, std::uint32_t row, std::uint64_t address) {
  DramLogRecord record;
  const int rank = rank_of(choice.bank), in_rank = choice.bank - rank * banks_per_rank_;
  record.cycle = static_cast<std::uint64_t>(now_);
  record.command = choice.command;
  record.channel = static_cast<std::uint8_t>(number_);
  record.pseudo_channel = static_cast<std::uint8_t>(rank / dram_.ranks);
  record.rank = static_cast<std::uint8_t>(rank % dram_.ranks);
  const bool whole_rank = (mask(choice.command) & mask(C::PREA, C::REF, C::PDE, C::PDX, C::SRE, C::SRX)) != 0;
  const bool bank_set = choice.command == C::PREsb || choice.command == C::REFsb;
  if (!whole_rank) {
    record.bank = static_cast<std::uint8_t>(in_rank % dram_.banks_per_group);
    if (!bank_set) record.bank_group = static_cast<std::uint8_t>(in_rank / dram_.banks_per_group);
  }
  record.row = row;
  if (is_column(choice.command)) record.column = static_cast<std::uint32_t>(dram_.map.location(address).column);
  log_->record(record);
}

/// RD, RDA, WR or WRA of the bank's current request: it leaves the buffer.
void Channel::column_command(const Choice& choice) {
  Bank& bank = banks_[static_cast<std::size_t>(choice.bank)];
  DramBankStatistics& s = statistics_[static_cast<std::size_t>(choice.bank)];
  const std::size_t rank = static_cast<std::size_t>(rank_of(choice.bank));
  const std::int32_t slot = bank.current;
  const Burst burst = slots_[static_cast<std::size_t>(slot)].burst;
  const std::uint64_t order = slots_[static_cast<std::size_t>(slot)].order;
  unlink(bank, slot);
  release_slot(slot);
  bank.current = none;
  --waiting_;
  --(burst.write ? writes_waiting_ : reads_waiting_);
  --rank_waiting_[rank];
  last_was_write_ = burst.write;
  ++(burst.write ? s.writes : s.reads);
  ++(burst.write ? ranks_[rank].writes : ranks_[rank].reads);
  ++(burst.opened ? s.row_misses : s.row_hits);
  if (burst.closed) ++s.row_conflicts;
  data_cycles_ += dram_.burst_cycles;
  if (choice.command == C::RDA || choice.command == C::WRA) {
    const std::int64_t start = now_ + (burst.write ? dram_[T::AL] + dram_[T::CWL] + dram_.burst_cycles + dram_[T::tWR]
                                                   : dram_[T::AL] + dram_[T::tRTP]);
    close(choice.bank, std::max(start, bank.activated + dram_[T::tRAS]));
  }
  sink_.served(burst, order, now_, now_ + data_delay_[burst.write ? 1 : 0] + dram_.burst_cycles);
}

void Channel::issue(const Choice& choice) {
  const int rank = rank_of(choice.bank);
  const std::size_t r = static_cast<std::size_t>(rank);
  const int first = rank * banks_per_rank_;
  Bank& bank = banks_[static_cast<std::size_t>(choice.bank)];
  const bool any_open = open_banks_[r] > 0;
  timing_.issue(choice.command, choice.bank, now_);
  if (log_) {
    const std::uint64_t address = is_column(choice.command) ? slots_[static_cast<std::size_t>(bank.current)].burst.address : 0;
    const bool has_row = choice.command == C::ACT || is_column(choice.command);
    log(choice, has_row ? slots_[static_cast<std::size_t>(bank.current)].burst.row : 0, address);
  }
  switch (choice.command) {
    case C::ACT: {
      Burst& burst = slots_[static_cast<std::size_t>(bank.current)].burst;
      bank.open = true;
      bank.row = burst.row;
      bank.activated = now_;
      burst.opened = true;
      ++open_banks_[r];
      ranks_[r].activate(now_);
      ++statistics_[static_cast<std::size_t>(choice.bank)].activates;
      break;
    }
    case C::PRE:
      if (choice.from == Choice::From::bank) slots_[static_cast<std::size_t>(bank.current)].burst.closed = true;
      close(choice.bank, now_);
      break;
    case C::PREsb:
      for (int g = 0; g < dram_.bank_groups; ++g) {
        const int b = first + (choice.bank - first) % dram_.banks_per_group + g * dram_.banks_per_group;
        if (banks_[static_cast<std::size_t>(b)].open) close(b, now_);
      }
      break;
    case C::PREA:
      for (int b = first; b < first + banks_per_rank_; ++b) {
        if (banks_[static_cast<std::size_t>(b)].open) close(b, now_);
      }
      break;
    case C::RD:
    case C::RDA:
    case C::WR:
    case C::WRA: column_command(choice); break;
    case C::REF:
    case C::REFpb:
    case C::REFsb: refreshed(choice); break;
    case C::PDE:
    case C::SRE:
      ranks_[r].power_down(now_, choice.command == C::SRE);
      if (choice.command == C::SRE) ++ranks_[r].self_refreshes;
      refresh_[r].sleep(choice.command == C::SRE);
      break;
    case C::PDX:
    case C::SRX:
      ranks_[r].wake(now_);
      if (choice.command == C::PDX) refresh_[r].wake();
      break;
  }
  if (power_down_[r].enabled()) {
    power_down_[r].issued(choice.command, any_open);
    if (rank_waiting_[r] == 0) power_down_[r].idle();
  }
  if (controller_.write_high > 0) update_draining();
  const bool one_bank = choice.command == C::ACT || choice.command == C::PRE || is_column(choice.command);
  if (one_bank) {
    evaluate(choice.bank);
  } else {
    for (int b = first; b < first + banks_per_rank_; ++b) evaluate(b);
  }
}

void Channel::refreshed(const Choice& choice) {
  const int rank = rank_of(choice.bank);
  const std::size_t r = static_cast<std::size_t>(rank);
  const int first = rank * banks_per_rank_;
  int from = choice.bank, step = 1, count = 1;
  if (choice.command == C::REF) {
    from = first;
    count = banks_per_rank_;
    ++ranks_[r].refreshes;
    ranks_[r].refresh(now_, dram_[T::tRFC] - dram_[T::tRP]);
  } else {
    ++ranks_[r].bank_refreshes;
    if (choice.command == C::REFsb) {
      from = first + (choice.bank - first) % dram_.banks_per_group;
      step = dram_.banks_per_group;
      count = dram_.bank_groups;
    }
    const std::int64_t duration = dram_[choice.command == C::REFsb ? T::tRFCsb : T::tRFCpb] - dram_[T::tRP];
    ranks_[r].refresh(now_, std::max<std::int64_t>(duration, 0));
  }
  for (int i = 0; i < count; ++i) {
    const std::size_t b = static_cast<std::size_t>(from + i * step);
    banks_[b].blocked = false;
    ++statistics_[b].refreshes;
  }
  if (choice.from == Choice::From::power_down) {
    refresh_[r].restart(now_);
    for (int b = first; b < first + banks_per_rank_; ++b) banks_[static_cast<std::size_t>(b)].blocked = false;
  } else {
    refresh_[r].refreshed();
  }
}

}  // namespace gnomon::sim
