#include "timing.hpp"

#include <bit>
#include <map>
#include <tuple>

namespace gnomon::sim {
namespace {

constexpr std::int64_t long_ago = std::int64_t{-1} << 40;

int shift_of(int n) { return std::countr_zero(static_cast<unsigned>(n)); }
bool is_bank_set(DramCommand c) { return c == DramCommand::PREsb || c == DramCommand::REFsb; }
DramCommand command(int i) { return static_cast<DramCommand>(i); }

}  // namespace

TimingState::TimingState(const arch::Dram& dram, CommandMask used) {
  banks_per_group_ = dram.banks_per_group;
  bank_groups_ = dram.bank_groups;
  ranks_per_pseudo_ = dram.ranks;
  group_shift_ = shift_of(dram.banks_per_group);
  rank_shift_ = group_shift_ + shift_of(dram.bank_groups);
  pseudo_shift_ = rank_shift_ + shift_of(dram.ranks);
  compile(dram, used);
  const int banks = dram.banks_per_channel();
  for (std::size_t l = 0; l < 4; ++l) {
    const int shift = std::array<int, 4>{0, group_shift_, rank_shift_, pseudo_shift_}[l];
    times_[l].assign(static_cast<std::size_t>((banks >> shift) * slots_[l]), 0);
  }
  const int ranks = banks >> rank_shift_;
  rings_.assign(static_cast<std::size_t>(ring_total_ * ranks), long_ago);
  ring_at_.assign(static_cast<std::size_t>(ring_count_ * ranks), 0);
}

void TimingState::compile(const arch::Dram& dram, CommandMask used) {
  // What binds a command at a level: pairs of (preceding command, latency), where kind tells plain rules from sibling rules and windows.
  using Bound = std::tuple<int, int, std::int64_t, int>;
  std::array<std::array<std::vector<Bound>, dram_command_count>, 4> bounds;
  const auto rules = timing_rules(dram.standard);
  for (std::size_t r = 0; r < rules.size(); ++r) {
    const TimingRule& rule = rules[r];
    // A sibling rule binds ranks, from another rank's command.
    const std::size_t level = rule.sibling == DramSibling::other_rank ? static_cast<std::size_t>(DramLevel::rank) : static_cast<std::size_t>(rule.level);
    if (rule.sibling == DramSibling::other_rank && dram.ranks == 1) continue;
    for (int p = 0; p < dram_command_count; ++p) {
      if (!(rule.prev & used & mask(command(p)))) continue;
      for (int n = 0; n < dram_command_count; ++n) {
        if (!(rule.next & used & mask(command(n)))) continue;
        const std::int64_t latency = start_to_start(rule, command(p), command(n), dram);
        if (latency <= 0) continue;
        const int kind = rule.window > 1 ? 2 + static_cast<int>(r) : rule.sibling == DramSibling::other_rank ? 1 : 0;
        bounds[level][static_cast<std::size_t>(n)].push_back({p, kind, latency, rule.window});
      }
    }
  }
  std::map<std::size_t, int> ring_of_rule;
  for (std::size_t l = 0; l < 4; ++l) {
    std::map<std::vector<Bound>, int> slots;
    for (int n = 0; n < dram_command_count; ++n) {
      auto& mine = bounds[l][static_cast<std::size_t>(n)];
      if (mine.empty()) continue;
      std::sort(mine.begin(), mine.end());
      // Of several plain rules between the same two commands the longest counts.
      std::vector<Bound> strict;
      for (const Bound& b : mine) {
        if (!strict.empty() && std::get<0>(strict.back()) == std::get<0>(b) && std::get<1>(strict.back()) == std::get<1>(b)) strict.pop_back();
        strict.push_back(b);
      }
      const auto [known, fresh] = slots.try_emplace(strict, static_cast<int>(slots.size()) + 1);
      lookups_[static_cast<std::size_t>(n)].slot[l] = known->second;
      if (!fresh) continue;
      for (const auto& [p, kind, latency, window] : strict) {
        Updates& from = updates_[static_cast<std::size_t>(p)];
        if (kind == 0) {
          from.same[l].push_back({known->second, latency});
        } else if (kind == 1) {
          from.other_rank.push_back({known->second, latency});
        } else {
          const auto [ring, first] = ring_of_rule.try_emplace(static_cast<std::size_t>(kind - 2), ring_count_);
          if (first) {
            ++ring_count_;
            ring_total_ += window;
          }
          // A ring keeps the times from which the window counts; the place of the ring among its rank's rings is its number times the window.
          const std::int64_t before = reference_clock(dram.standard, command(p));
          from.windows.push_back({known->second, ring->second, window, before, latency - before});
        }
      }
    }
    slots_[l] = static_cast<int>(slots.size()) + 1;
  }
  for (int c = 0; c < dram_command_count; ++c) {
    const int bus = has_two_command_buses(dram.standard) && is_column(command(c)) ? 1 : 0;
    lookups_[static_cast<std::size_t>(c)].bus = bus;
    lookups_[static_cast<std::size_t>(c)].bank_set = is_bank_set(command(c));
    updates_[static_cast<std::size_t>(c)].bus = bus;
    updates_[static_cast<std::size_t>(c)].clocks = command_clocks(dram.standard, command(c));
  }
}

std::int64_t TimingState::over_bank_set(const Lookup& at, int bank) const {
  const int first = (bank >> rank_shift_ << rank_shift_) + (bank & (banks_per_group_ - 1));
  std::int64_t time = 0;
  for (int g = 0; g < bank_groups_; ++g) {
    const int b = first + (g << group_shift_);
    time = std::max({time, in(DramLevel::bank, at, b), in(DramLevel::bank_group, at, b >> group_shift_)});
  }
  return time;
}

void TimingState::shift(std::int64_t cycles) {
  for (auto& level : times_) {
    for (std::int64_t& time : level) time += cycles;
  }
  for (std::int64_t& time : rings_) time += cycles;
  for (std::int64_t& time : bus_) time += cycles;
}

void TimingState::issue(DramCommand c, int bank, std::int64_t cycle) {
  const Updates& u = updates_[static_cast<std::size_t>(c)];
  const int group = bank >> group_shift_, rank = bank >> rank_shift_, pseudo = bank >> pseudo_shift_;
  if (is_bank_set(c)) {
    const int first = (rank << rank_shift_) + (bank & (banks_per_group_ - 1));
    for (int g = 0; g < bank_groups_; ++g) {
      const int b = first + (g << group_shift_);
      for (const Update& update : u.same[0]) raise(0, b, update, cycle);
      for (const Update& update : u.same[1]) raise(1, b >> group_shift_, update, cycle);
    }
  } else {
    for (const Update& update : u.same[0]) raise(0, bank, update, cycle);
    for (const Update& update : u.same[1]) raise(1, group, update, cycle);
  }
  for (const Update& update : u.same[2]) raise(2, rank, update, cycle);
  for (const Update& update : u.same[3]) raise(3, pseudo, update, cycle);
  if (!u.other_rank.empty()) {
    const int first = pseudo * ranks_per_pseudo_;
    for (int r = first; r < first + ranks_per_pseudo_; ++r) {
      if (r == rank) continue;
      for (const Update& update : u.other_rank) raise(2, r, update, cycle);
    }
  }
  int pushed = -1;
  for (const Window& w : u.windows) {
    std::int64_t* ring = &rings_[static_cast<std::size_t>(rank * ring_total_ + w.ring * w.size)];
    int& at = ring_at_[static_cast<std::size_t>(rank * ring_count_ + w.ring)];
    if (pushed != w.ring) {
      // The place to be overwritten holds the oldest: after this one the oldest of the last `size` is the next place.
      ring[at] = cycle + w.before;
      at = at + 1 == w.size ? 0 : at + 1;
      pushed = w.ring;
    }
    raise(2, rank, {w.slot, w.after}, ring[at]);
  }
  bus_[static_cast<std::size_t>(u.bus)] = cycle + u.clocks;
}

}  // namespace gnomon::sim
