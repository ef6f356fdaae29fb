#include "gnomon/sim/dram_checker.hpp"

#include <algorithm>
#include <limits>

namespace gnomon::sim {
namespace {

using T = arch::DramTiming;
using S = arch::DramStandard;
using C = DramCommand;

constexpr std::int64_t never = std::numeric_limits<std::int64_t>::min() / 4;
constexpr std::int64_t horizon = std::numeric_limits<std::int64_t>::max() / 4;

/// Something that happened, or that a command makes happen later (the precharge of RDA): when, and by which command.
struct Event {
  std::int64_t at = never;
  DramLogRecord by;
};

/// Clocks that a command takes on the command bus.
int clocks(S standard, C command) {
  const bool column = command == C::RD || command == C::RDA || command == C::WR || command == C::WRA;
  switch (standard) {
    case S::lpddr4:
      if (command == C::ACT || column) return 4;
      // Power-down is a pin of its own there.
      return command == C::PDE || command == C::PDX ? 1 : 2;
    case S::ddr5: return command == C::ACT || column ? 2 : 1;
    case S::lpddr5:
    case S::hbm2:
    case S::hbm3: return command == C::ACT ? 2 : 1;
    case S::ddr3:
    case S::ddr4: return 1;
  }
  return 1;
}

bool is_read(C c) { return c == C::RD || c == C::RDA; }
bool is_write(C c) { return c == C::WR || c == C::WRA; }

/// The device's numbers, put together as the standards put them.
struct Numbers {
  explicit Numbers(const arch::Dram& d) : dram(d), standard(d.standard), grouped(d.standard != S::ddr3 && d.standard != S::lpddr4) {
    const std::int64_t al = d[T::AL], burst = d.burst_cycles;
    const bool lp4 = standard == S::lpddr4, lp5 = standard == S::lpddr5, hbm = arch::is_hbm(standard);
    for (int c = 0; c < dram_command_count; ++c) {
      const auto i = static_cast<std::size_t>(c);
      length[i] = clocks(standard, static_cast<C>(c));
      // JESD79-5 counts from the clock in which CS_n is low, the first of two.
      reference[i] = standard == S::ddr5 ? 0 : length[i] - 1;
    }
    act_to_read = d[T::tRCD] - al;
    act_to_write = (hbm ? d[T::tRCDWR] : d[T::tRCD]) - al;
    // JESD209-4: tRTP counts from 8 clocks before the end of the burst; JESD209-5: from its end (tRBTP).
    read_to_precharge = al + d[T::tRTP] + (lp4 ? burst - 8 : lp5 ? burst : 0);
    // JESD209-4 starts write recovery and tWTR one clock later (tDQSS).
    write_end = d[T::CWL] + burst + (lp4 ? 1 : 0);
    // JESD209-5, bank group mode: within a group the array takes BL/n_max = 2 BL/n_min.
    write_end_group = write_end + (lp5 && d.bank_groups > 1 ? burst : 0);
    write_to_precharge = al + write_end + d[T::tWR];
    read_data = al + d[T::CL] + d[T::tDQSCK] + d[T::tWCKDQO];
    write_data = al + d[T::CWL];
    read_to_sleep = read_data + burst + (lp4 || lp5 ? 0 : 1);
    write_to_sleep = write_to_precharge;
    precharge_all = lp4 || lp5 ? d[T::tRPab] : d[T::tRP];
    switch (standard) {
      case S::ddr5: refresh_to_refresh = d[T::tRFCsb]; break;
      default: refresh_to_refresh = d[T::tRREFD]; break;
    }
    // Another bank may be opened after REFpb as after an ACT (LPDDR4), or after a time of its own.
    refresh_to_act = d[lp4 ? T::tRRD : lp5 ? T::tpbR2act : T::tRREFD];
    act_to_act = d[grouped ? T::tRRD_S : T::tRRD];
    column_to_column = d[grouped ? T::tCCD_S : T::tCCD];
    write_to_read = write_end + d[grouped ? T::tWTR_S : T::tWTR];
    has_precharge_gap = standard == S::ddr5 || lp4 || lp5;
    has_read_after_self_refresh = standard == S::ddr3 || standard == S::ddr4 || standard == S::ddr5;
  }
  std::int64_t operator[](T t) const { return dram[t]; }

  arch::Dram dram;
  S standard;
  bool grouped, has_precharge_gap = false, has_read_after_self_refresh = false;
  /// Clocks on the bus, and after how many of them the command's times begin.
  std::array<int, dram_command_count> length{}, reference{};
  std::int64_t act_to_read, act_to_write, read_to_precharge, write_end, write_end_group, write_to_precharge, read_data, write_data, read_to_sleep,
      write_to_sleep, precharge_all, refresh_to_refresh, refresh_to_act, act_to_act, column_to_column, write_to_read;
};

struct Bank {
  bool open = false;
  std::uint32_t row = 0;
  /// `precharge`: when the row begins to close; `precharge_cycles` until the bank may be used.
  Event act, read, write, precharge, refresh;
  std::int64_t precharge_cycles = 0;
  std::int64_t refreshes = 0;
};

struct Group {
  Event act, read, write;
};

/// A rank, or a stack of a pseudo-channel.
struct Rank {
  enum class State { awake, power_down, self_refresh };
  State state = State::awake;
  std::vector<Bank> banks;
  std::vector<Group> groups;
  Event act, read, write, precharge, refresh, bank_refresh, entry, exit, self_exit;
  /// The latest four activates, oldest at `oldest`.
  std::array<Event, 4> activates;
  std::size_t oldest = 0;
  /// Refreshes are counted from here.
  std::int64_t epoch = 0;
  int open_banks = 0;
};

/// Pins that one command, or one burst, has to itself.
struct Bus {
  std::int64_t free_from = never;
  DramLogRecord by;
  bool used = false;
};

std::string place(const DramLogRecord& r) {
  std::string out = "channel " + std::to_string(r.channel);
  if (r.pseudo_channel) out += " pseudo-channel " + std::to_string(r.pseudo_channel);
  out += " rank " + std::to_string(r.rank);
  switch (r.command) {
    case C::PREA:
    case C::REF:
    case C::PDE:
    case C::PDX:
    case C::SRE:
    case C::SRX: return out;
    case C::PREsb:
    case C::REFsb: return out + " banks " + std::to_string(r.bank);
    default: break;
  }
  out += " group " + std::to_string(r.bank_group) + " bank " + std::to_string(r.bank);
  if (r.command == C::ACT || is_read(r.command) || is_write(r.command)) out += " row " + std::to_string(r.row);
  return out;
}

std::string shown(const DramLogRecord& r) {
  const auto command = static_cast<std::size_t>(r.command);
  const std::string name = command < dram_command_names.size() ? std::string(dram_command_names[command]) : "command " + std::to_string(command);
  return name + " in cycle " + std::to_string(r.cycle) + " (" + place(r) + ")";
}

}  // namespace

std::string DramViolation::text() const {
  std::string out = rule + ": " + shown(command);
  if (earlier) out += " after " + shown(*earlier);
  if (needed_cycles || found_cycles) out += "; needed " + std::to_string(needed_cycles) + " cycles, found " + std::to_string(found_cycles);
  return out + "; record " + std::to_string(index);
}

class DramChecker::Impl {
 public:
  Impl(const arch::Dram& dram, const DramCheckOptions& options) : n_(dram), options_(options) {
    // A device that never refreshes has no rate to keep.
    if (dram.controller.refresh == arch::DramRefresh::none) options_.refresh_rate = false;
    postponed_ = dram.controller.refresh_max_postponed;
    pulled_in_ = dram.controller.refresh_max_pulled_in;
    const auto units = static_cast<std::size_t>(dram.channels) * static_cast<std::size_t>(dram.pseudo_channels);
    ranks_.resize(units * static_cast<std::size_t>(dram.ranks));
    for (Rank& rank : ranks_) {
      rank.banks.resize(static_cast<std::size_t>(dram.banks_per_rank()));
      rank.groups.resize(static_cast<std::size_t>(dram.bank_groups));
    }
    data_.resize(units);
    row_bus_.resize(static_cast<std::size_t>(dram.channels));
    column_bus_.resize(static_cast<std::size_t>(dram.channels));
    last_.assign(static_cast<std::size_t>(dram.channels), 0);
  }

  const DramCheckReport& report() const { return report_; }

  void check(const DramLogRecord& r) {
    const std::uint64_t index = report_.commands++;
    const auto kind = static_cast<std::size_t>(r.command);
    if (kind < dram_command_count) ++report_.by_command[kind];
    report_.last_cycle = std::max(report_.last_cycle, r.cycle);
    if (report_.violation) return;
    now_ = r;
    index_ = index;
    if (!sound(r, kind)) return;
    at_ = static_cast<std::int64_t>(r.cycle) + n_.reference[kind];
    unit_ = static_cast<std::size_t>(r.channel) * static_cast<std::size_t>(n_.dram.pseudo_channels) + r.pseudo_channel;
    rank_ = &ranks_[unit_ * static_cast<std::size_t>(n_.dram.ranks) + r.rank];
    if (!command_bus(r) || !awake(r)) return;
    bool fine = false;
    switch (r.command) {
      case C::ACT: fine = activate(r); break;
      case C::RD:
      case C::RDA: fine = read(r); break;
      case C::WR:
      case C::WRA: fine = write(r); break;
      case C::PRE: fine = precharge_gap() && precharge(bank(r.bank_group, r.bank), n_[T::tRP]); break;
      case C::PREsb: fine = precharge_gap() && for_same_banks(r.bank, [&](Bank& b) { return precharge(b, n_[T::tRP]); }); break;
      case C::PREA: fine = precharge_gap() && for_all_banks([&](Bank& b) { return precharge(b, n_.precharge_all); }); break;
      case C::REF: fine = refresh_all(); break;
      case C::REFpb: fine = refresh_bank(r); break;
      case C::REFsb: fine = refresh_same_banks(r); break;
      case C::PDE: fine = power_down(); break;
      case C::PDX: fine = power_up(); break;
      case C::SRE: fine = self_refresh(); break;
      case C::SRX: fine = leave_self_refresh(); break;
    }
    if (!fine) return;
    if (r.command == C::PRE || r.command == C::PREsb || r.command == C::PREA) rank_->precharge = {at_, now_};
  }

  void finish(std::uint64_t end_cycle) {
    if (report_.violation || !options_.refresh_rate) return;
    const auto end = static_cast<std::int64_t>(std::min<std::uint64_t>(std::max(end_cycle, report_.last_cycle), static_cast<std::uint64_t>(horizon)));
    for (std::size_t i = 0; i < ranks_.size(); ++i) {
      const Rank& rank = ranks_[i];
      if (rank.state == Rank::State::self_refresh) continue;
      for (std::size_t b = 0; b < rank.banks.size(); ++b) {
        if (end < deadline(rank, rank.banks[b])) continue;
        now_ = {};
        now_.command = rank.banks[b].refresh.at == never ? C::REF : rank.banks[b].refresh.by.command;
        now_.cycle = static_cast<std::uint64_t>(end);
        const std::size_t unit = i / static_cast<std::size_t>(n_.dram.ranks);
        now_.channel = static_cast<std::uint8_t>(unit / static_cast<std::size_t>(n_.dram.pseudo_channels));
        now_.pseudo_channel = static_cast<std::uint8_t>(unit % static_cast<std::size_t>(n_.dram.pseudo_channels));
        now_.rank = static_cast<std::uint8_t>(i % static_cast<std::size_t>(n_.dram.ranks));
        now_.bank_group = static_cast<std::uint8_t>(b / static_cast<std::size_t>(n_.dram.banks_per_group));
        now_.bank = static_cast<std::uint8_t>(b % static_cast<std::size_t>(n_.dram.banks_per_group));
        index_ = report_.commands;
        broken("tREFI postponed", nullptr, deadline(rank, rank.banks[b]) - rank.epoch, end - rank.epoch);
        return;
      }
    }
  }

 private:
  bool broken(const char* rule, const Event* earlier = nullptr, std::int64_t needed = 0, std::int64_t found = 0) {
    DramViolation v;
    v.rule = rule;
    v.index = index_;
    v.command = now_;
    if (earlier && earlier->at != never) v.earlier = earlier->by;
    v.needed_cycles = needed;
    v.found_cycles = found;
    report_.violation = std::move(v);
    return false;
  }
  /// The command comes at least `cycles` after the event.
  bool after(const Event& event, std::int64_t cycles, const char* rule) {
    if (at_ - event.at >= cycles) return true;
    return broken(rule, &event, cycles, at_ - event.at);
  }

  Bank& bank(int group, int number) { return rank_->banks[static_cast<std::size_t>(group * n_.dram.banks_per_group + number)]; }
  template <class F>
  bool for_all_banks(F&& f) {
    return std::all_of(rank_->banks.begin(), rank_->banks.end(), f);
  }
  template <class F>
  bool for_same_banks(int number, F&& f) {
    for (int g = 0; g < n_.dram.bank_groups; ++g) {
      if (!f(bank(g, number))) return false;
    }
    return true;
  }

  bool sound(const DramLogRecord& r, std::size_t kind) {
    if (kind >= dram_command_count) return broken("command not of the standard");
    const bool per_bank = n_.standard == S::lpddr4 || n_.standard == S::lpddr5 || arch::is_hbm(n_.standard);
    if ((r.command == C::REFsb || r.command == C::PREsb) && n_.standard != S::ddr5) return broken("command not of the standard");
    if (r.command == C::REFpb && !per_bank) return broken("command not of the standard");
    const arch::Dram& d = n_.dram;
    const bool column = is_read(r.command) || is_write(r.command);
    if (r.channel >= d.channels || r.pseudo_channel >= d.pseudo_channels || r.rank >= d.ranks || r.bank_group >= d.bank_groups ||
        r.bank >= d.banks_per_group || ((column || r.command == C::ACT) && r.row >= d.rows) || (column && r.column >= d.columns / d[T::BL]))
      return broken("address");
    if (r.cycle < last_[r.channel] || r.cycle > static_cast<std::uint64_t>(horizon)) {
      return broken("time order", nullptr, static_cast<std::int64_t>(last_[r.channel]), static_cast<std::int64_t>(std::min<std::uint64_t>(r.cycle, static_cast<std::uint64_t>(horizon))));
    }
    last_[r.channel] = r.cycle;
    return true;
  }

  /// One command at a time; HBM has a row bus and a column bus, which both pseudo-channels use.
  bool command_bus(const DramLogRecord& r) {
    const bool column = arch::is_hbm(n_.standard) && (is_read(r.command) || is_write(r.command));
    Bus& bus = (column ? column_bus_ : row_bus_)[r.channel];
    const auto first = static_cast<std::int64_t>(r.cycle);
    if (bus.used && first < bus.free_from) {
      const Event before{static_cast<std::int64_t>(bus.by.cycle), bus.by};
      return broken("command bus", &before, bus.free_from - before.at, first - before.at);
    }
    bus = {first + n_.length[static_cast<std::size_t>(r.command)], r, true};
    return true;
  }

  /// Whether the rank listens to this command, and long enough after it woke up.
  bool awake(const DramLogRecord& r) {
    switch (rank_->state) {
      case Rank::State::awake:
        if (r.command == C::PDX) return broken("PDX without power-down");
        if (r.command == C::SRX) return broken("SRX without self-refresh");
        break;
      case Rank::State::power_down:
        if (r.command == C::PDX) return true;
        return broken(r.command == C::SRX ? "SRX without self-refresh" : "command in power-down", &rank_->entry);
      case Rank::State::self_refresh:
        if (r.command == C::SRX) return true;
        return broken(r.command == C::PDX ? "PDX without power-down" : "command in self-refresh", &rank_->entry);
    }
    if (r.command == C::PDE) return after(rank_->exit, n_[T::tCKE], "tCKE") && after(rank_->self_exit, n_[T::tXS], "tXS");
    if (n_.has_read_after_self_refresh && (is_read(r.command) || is_write(r.command)) && !after(rank_->self_exit, n_[T::tXSDLL], "tXSDLL")) return false;
    return after(rank_->exit, n_[T::tXP], "tXP") && after(rank_->self_exit, n_[T::tXS], "tXS");
  }

  /// What an ACT, a REF and an SRE want of a bank: closed long enough, and not under refresh.
  bool rested(const Bank& b) {
    const bool by_all = b.precharge.by.command == C::PREA;
    return after(b.precharge, b.precharge_cycles, by_all && n_.precharge_all != n_[T::tRP] ? "tRPab" : "tRP");
  }
  bool unrefreshed(const Bank& b) { return after(b.refresh, b.refresh.by.command == C::REFsb ? n_[T::tRFCsb] : n_[T::tRFCpb], b.refresh.by.command == C::REFsb ? "tRFCsb" : "tRFCpb"); }
  bool no_refresh_of_rank() { return after(rank_->refresh, n_[T::tRFC], "tRFC"); }

  bool activate(const DramLogRecord& r) {
    Bank& b = bank(r.bank_group, r.bank);
    Group& group = rank_->groups[r.bank_group];
    if (b.open) return broken("ACT on an open bank", &b.act);
    if (!no_refresh_of_rank() || !bank_refreshed(b) || !rested(b) || !after(b.act, n_[T::tRC], "tRC")) return false;
    if (!after(rank_->bank_refresh, n_.refresh_to_act, n_.standard == S::lpddr4 ? "tRRD" : n_.standard == S::lpddr5 ? "tpbR2act" : "tRREFD")) return false;
    if (n_.grouped && !after(group.act, n_[T::tRRD_L], "tRRD_L")) return false;
    if (!after(rank_->act, n_.act_to_act, n_.grouped ? "tRRD_S" : "tRRD")) return false;
    if (!after(rank_->activates[rank_->oldest], n_[T::tFAW], "tFAW")) return false;
    if (!on_time(b)) return false;
    b.open = true;
    b.row = r.row;
    ++rank_->open_banks;
    b.act = group.act = rank_->act = rank_->activates[rank_->oldest] = {at_, r};
    rank_->oldest = (rank_->oldest + 1) % 4;
    return true;
  }
  bool bank_refreshed(const Bank& b) { return b.refresh.at == never || b.refresh.by.command == C::REF || unrefreshed(b); }

  /// RD and WR: the row is open and stays what it was.
  bool column_state(const DramLogRecord& r, const Bank& b, std::int64_t from_activate, const char* rule) {
    const bool reading = is_read(r.command);
    if (!b.open) return broken(reading ? "RD on a closed bank" : "WR on a closed bank", &b.precharge);
    if (b.row != r.row) return broken(reading ? "RD of another row" : "WR of another row", &b.act);
    return after(b.act, from_activate, rule);
  }

  bool data_bus(const DramLogRecord& r, std::int64_t latency) {
    Bus& bus = data_[unit_];
    const std::int64_t start = at_ + latency;
    const bool switched = bus.used && bus.by.rank != r.rank;
    if (bus.used && start < bus.free_from + (switched ? n_[T::tRTRS] : 0)) {
      const Event before{static_cast<std::int64_t>(bus.by.cycle), bus.by};
      return broken(start < bus.free_from ? "data bus" : "tRTRS", &before, bus.free_from + (switched ? n_[T::tRTRS] : 0), start);
    }
    bus = {start + n_.dram.burst_cycles, r, true};
    return true;
  }

  bool read(const DramLogRecord& r) {
    Bank& b = bank(r.bank_group, r.bank);
    Group& group = rank_->groups[r.bank_group];
    if (!column_state(r, b, n_.act_to_read, "tRCD")) return false;
    if (n_.grouped) {
      if (!after(group.read, n_[T::tCCD_L], "tCCD_L") || !after(group.write, n_.write_end_group + n_[T::tWTR_L], "tWTR_L")) return false;
    }
    if (!after(rank_->read, n_.column_to_column, n_.grouped ? "tCCD_S" : "tCCD")) return false;
    if (!after(rank_->write, n_.write_to_read, n_.grouped ? "tWTR_S" : "tWTR")) return false;
    if (!data_bus(r, n_.read_data)) return false;
    b.read = group.read = rank_->read = {at_, r};
    if (r.command == C::RDA) auto_precharge(b);
    return true;
  }

  bool write(const DramLogRecord& r) {
    Bank& b = bank(r.bank_group, r.bank);
    Group& group = rank_->groups[r.bank_group];
    if (!column_state(r, b, n_.act_to_write, arch::is_hbm(n_.standard) ? "tRCDWR" : "tRCD")) return false;
    if (n_.grouped) {
      const bool own = n_.standard == S::ddr5;
      if (!after(group.write, n_[own ? T::tCCD_L_WR : T::tCCD_L], own ? "tCCD_L_WR" : "tCCD_L")) return false;
    }
    if (!after(rank_->write, n_.column_to_column, n_.grouped ? "tCCD_S" : "tCCD")) return false;
    if (!after(rank_->read, n_[T::tRTW], "tRTW")) return false;
    if (!data_bus(r, n_.write_data)) return false;
    b.write = group.write = rank_->write = {at_, r};
    if (r.command == C::WRA) auto_precharge(b);
    return true;
  }

  /// The bank closes by itself as soon as tRAS, tRTP and tWR let it.
  void auto_precharge(Bank& b) {
    const std::int64_t start =
        std::max({b.act.at + n_[T::tRAS], b.read.at + n_.read_to_precharge, b.write.at + n_.write_to_precharge});
    b.precharge = {start, now_};
    b.precharge_cycles = n_[T::tRP];
    b.open = false;
    --rank_->open_banks;
  }

  bool precharge_gap() { return no_refresh_of_rank() && (!n_.has_precharge_gap || after(rank_->precharge, n_[T::tPPD], "tPPD")); }
  bool precharge(Bank& b, std::int64_t until_usable) {
    if (b.open) {
      if (!after(b.act, n_[T::tRAS], "tRAS") || !after(b.read, n_.read_to_precharge, "tRTP") || !after(b.write, n_.write_to_precharge, "tWR")) return false;
      b.open = false;
      --rank_->open_banks;
    }
    // Of a bank that is closing already, the later end counts.
    if (b.precharge.at == never || at_ + until_usable >= b.precharge.at + b.precharge_cycles) {
      b.precharge = {at_, now_};
      b.precharge_cycles = until_usable;
    }
    return true;
  }

  /// Cycle from which on a bank has been without refresh for too long.
  std::int64_t deadline(const Rank& rank, const Bank& b) const { return rank.epoch + (b.refreshes + postponed_ + 2) * n_[T::tREFI]; }
  bool on_time(const Bank& b) {
    if (!options_.refresh_rate || at_ < deadline(*rank_, b)) return true;
    return broken("tREFI postponed", &b.refresh, deadline(*rank_, b) - rank_->epoch, at_ - rank_->epoch);
  }
  bool refreshed(Bank& b) {
    if (options_.refresh_rate) {
      if (!on_time(b)) return false;
      const std::int64_t earliest = rank_->epoch + (b.refreshes - pulled_in_) * n_[T::tREFI];
      if (at_ < earliest) return broken("tREFI pulled in", &b.refresh, earliest - rank_->epoch, at_ - rank_->epoch);
    }
    ++b.refreshes;
    b.refresh = {at_, now_};
    return true;
  }

  bool refresh_all() {
    if (!no_refresh_of_rank()) return false;
    for (Bank& b : rank_->banks) {
      if (b.open) return broken("REF with an open bank", &b.act);
      if (!rested(b) || !bank_refreshed(b)) return false;
    }
    for (Bank& b : rank_->banks) {
      if (!refreshed(b)) return false;
    }
    rank_->refresh = {at_, now_};
    return true;
  }

  bool refresh_bank(const DramLogRecord& r) {
    Bank& b = bank(r.bank_group, r.bank);
    if (b.open) return broken("REFpb with an open bank", &b.act);
    if (!no_refresh_of_rank() || !bank_refreshed(b) || !rested(b)) return false;
    if (!after(rank_->bank_refresh, n_.refresh_to_refresh, "tRREFD")) return false;
    if (!after(rank_->act, n_.act_to_act, n_.grouped ? "tRRD_S" : "tRRD") || !refreshed(b)) return false;
    rank_->bank_refresh = {at_, now_};
    return true;
  }

  bool refresh_same_banks(const DramLogRecord& r) {
    if (!no_refresh_of_rank()) return false;
    const bool closed = for_same_banks(r.bank, [&](Bank& b) {
      if (b.open) return broken("REFsb with an open bank", &b.act);
      return rested(b) && bank_refreshed(b);
    });
    if (!closed || !after(rank_->bank_refresh, n_.refresh_to_refresh, "tRFCsb") || !after(rank_->act, n_.act_to_act, "tRRD_S")) return false;
    if (!for_same_banks(r.bank, [&](Bank& b) { return refreshed(b); })) return false;
    rank_->bank_refresh = {at_, now_};
    return true;
  }

  bool power_down() {
    // Bursts first: what the rank still owes or takes must be over.
    if (!after(rank_->read, n_.read_to_sleep, "tRDPDEN") || !after(rank_->write, n_.write_to_sleep, "tWRPDEN")) return false;
    if (!after(rank_->act, n_[T::tACTPDEN], "tACTPDEN") || !after(rank_->precharge, n_[T::tPRPDEN], "tPRPDEN")) return false;
    if (!after(rank_->refresh, n_[T::tREFPDEN], "tREFPDEN") || !after(rank_->bank_refresh, n_[T::tREFPDEN], "tREFPDEN")) return false;
    rank_->state = Rank::State::power_down;
    rank_->entry = {at_, now_};
    return true;
  }
  bool power_up() {
    if (!after(rank_->entry, n_[T::tPD], "tPD")) return false;
    rank_->state = Rank::State::awake;
    rank_->exit = {at_, now_};
    return true;
  }
  bool self_refresh() {
    for (const Bank& b : rank_->banks) {
      if (b.open) return broken("SRE with an open bank", &b.act);
      if (!rested(b) || !bank_refreshed(b)) return false;
    }
    if (!no_refresh_of_rank() || !after(rank_->read, n_.read_to_sleep, "tRDPDEN")) return false;
    if (!for_all_banks([&](Bank& b) { return on_time(b); })) return false;
    rank_->state = Rank::State::self_refresh;
    rank_->entry = {at_, now_};
    return true;
  }
  bool leave_self_refresh() {
    if (!after(rank_->entry, n_[T::tCKESR], "tCKESR")) return false;
    rank_->state = Rank::State::awake;
    rank_->self_exit = {at_, now_};
    // The device has refreshed itself; the controller's count begins anew.
    rank_->epoch = at_;
    for (Bank& b : rank_->banks) b.refreshes = 0;
    return true;
  }

  Numbers n_;
  DramCheckOptions options_;
  std::int64_t postponed_ = 0, pulled_in_ = 0;
  std::vector<Rank> ranks_;
  std::vector<Bus> data_, row_bus_, column_bus_;
  std::vector<std::uint64_t> last_;
  DramCheckReport report_;
  // The command under examination.
  DramLogRecord now_;
  std::uint64_t index_ = 0;
  std::int64_t at_ = 0;
  std::size_t unit_ = 0;
  Rank* rank_ = nullptr;
};

DramChecker::DramChecker(const arch::Dram& dram, const DramCheckOptions& options) : impl_(std::make_unique<Impl>(dram, options)) {}
DramChecker::~DramChecker() = default;
void DramChecker::record(const DramLogRecord& record) { impl_->check(record); }
const DramCheckReport& DramChecker::finish(std::uint64_t end_cycle) {
  impl_->finish(end_cycle);
  return impl_->report();
}
const DramCheckReport& DramChecker::report() const { return impl_->report(); }

std::vector<std::string> dram_checker_rules(arch::DramStandard standard) {
  std::vector<std::string> out{"time order", "address", "command not of the standard", "command bus", "data bus", "tRTRS",
                               "ACT on an open bank", "RD on a closed bank", "WR on a closed bank", "RD of another row", "WR of another row",
                               "REF with an open bank", "SRE with an open bank", "command in power-down", "command in self-refresh",
                               "PDX without power-down", "SRX without self-refresh",
                               "tRCD", "tRP", "tRAS", "tRC", "tRTP", "tWR", "tFAW", "tRTW", "tRFC", "tREFI postponed", "tREFI pulled in",
                               "tXP", "tCKE", "tPD", "tXS", "tCKESR", "tACTPDEN", "tPRPDEN", "tREFPDEN", "tRDPDEN", "tWRPDEN"};
  const auto add = [&](std::initializer_list<const char*> more) { out.insert(out.end(), more.begin(), more.end()); };
  if (standard == S::ddr3 || standard == S::lpddr4) {
    add({"tRRD", "tCCD", "tWTR"});
  } else {
    add({"tRRD_S", "tRRD_L", "tCCD_S", "tCCD_L", "tWTR_S", "tWTR_L"});
  }
  if (standard == S::ddr3 || standard == S::ddr4 || standard == S::ddr5) add({"tXSDLL"});
  if (standard == S::ddr5) add({"tCCD_L_WR", "tPPD", "tRFCsb", "tRREFD", "REFsb with an open bank"});
  if (standard == S::lpddr4 || standard == S::lpddr5) add({"tRPab", "tPPD", "tRFCpb", "tRREFD", "REFpb with an open bank"});
  if (standard == S::lpddr5) add({"tpbR2act"});
  if (arch::is_hbm(standard)) add({"tRCDWR", "tRFCpb", "tRREFD", "REFpb with an open bank"});
  return out;
}

}  // namespace gnomon::sim
