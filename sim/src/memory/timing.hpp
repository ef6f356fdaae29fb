#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

#include "rules.hpp"

namespace gnomon::sim {

/// When each command of one channel may come next, after the commands so far: the rules of the standard, compiled.
///
/// Commands that the same rules bind share a slot, so that a command updates few numbers. Banks are numbered by pseudo-channel, rank, bank group, bank.
class TimingState {
 public:
  /// Only rules between commands of `used` are kept.
  TimingState(const arch::Dram& dram, CommandMask used);

  /// The earliest cycle (first clock) of a command, by all rules and the command bus. For a rank command any bank of the rank stands for it;
  /// for PREsb and REFsb the bank's number in its group counts.
  std::int64_t earliest(DramCommand command, int bank) const {
    const Lookup& at = lookup(command);
    std::int64_t time = in(DramLevel::bank, at, bank);
    time = std::max(time, in(DramLevel::bank_group, at, bank >> group_shift_));
    time = std::max(time, in(DramLevel::rank, at, bank >> rank_shift_));
    time = std::max(time, in(DramLevel::pseudo_channel, at, bank >> pseudo_shift_));
    time = std::max(time, bus_[static_cast<std::size_t>(at.bus)]);
    return at.bank_set ? std::max(time, over_bank_set(at, bank)) : time;
  }
  /// The parts of `earliest` of a bank command: by what its bank, its group, and everything above went through.
  std::int64_t by_bank(DramCommand command, int bank) const {
    const Lookup& at = lookup(command);
    return at.bank_set ? over_bank_set(at, bank) : in(DramLevel::bank, at, bank);
  }
  std::int64_t by_group(DramCommand command, int group) const { return in(DramLevel::bank_group, lookup(command), group); }
  std::int64_t by_rank(DramCommand command, int rank) const {
    const Lookup& at = lookup(command);
    const std::int64_t time = std::max(in(DramLevel::rank, at, rank), in(DramLevel::pseudo_channel, at, rank >> (pseudo_shift_ - rank_shift_)));
    return std::max(time, bus_[static_cast<std::size_t>(at.bus)]);
  }
  void issue(DramCommand command, int bank, std::int64_t cycle);

  /// As if everything so far had happened so much later.
  void shift(std::int64_t cycles);

  int rank_of(int bank) const { return bank >> rank_shift_; }
  int group_of(int bank) const { return bank >> group_shift_; }

 private:
  struct Lookup {
    std::array<int, 4> slot{};
    int bus = 0;
    bool bank_set = false;
  };
  struct Update {
    int slot = 0;
    std::int64_t latency = 0;
  };
  struct Window {
    int slot = 0;
    /// Ring of the last `window` commands' times.
    int ring = 0, size = 0;
    std::int64_t before = 0, after = 0;
  };
  struct Updates {
    std::array<std::vector<Update>, 4> same;
    /// To the other ranks of the pseudo-channel.
    std::vector<Update> other_rank;
    std::vector<Window> windows;
    std::int64_t clocks = 1;
    int bus = 0;
  };

  const Lookup& lookup(DramCommand command) const { return lookups_[static_cast<std::size_t>(command)]; }
  std::int64_t in(DramLevel level, const Lookup& at, int index) const {
    const std::size_t l = static_cast<std::size_t>(level);
    return times_[l][static_cast<std::size_t>(index * slots_[l] + at.slot[l])];
  }
  std::int64_t over_bank_set(const Lookup& at, int bank) const;
  void raise(std::size_t level, int index, const Update& update, std::int64_t cycle) {
    std::int64_t& time = times_[level][static_cast<std::size_t>(index * slots_[level] + update.slot)];
    time = std::max(time, cycle + update.latency);
  }
  void compile(const arch::Dram& dram, CommandMask used);

  std::array<int, 4> slots_{};
  /// Of bank, bank group, rank, pseudo-channel; slot 0 of each is never raised.
  std::array<std::vector<std::int64_t>, 4> times_;
  std::array<std::int64_t, 2> bus_{};
  std::array<Lookup, dram_command_count> lookups_{};
  std::array<Updates, dram_command_count> updates_{};
  /// Per rank: rings of all windows, then their next places.
  std::vector<std::int64_t> rings_;
  std::vector<int> ring_at_;
  int ring_total_ = 0, ring_count_ = 0;
  int group_shift_ = 0, rank_shift_ = 0, pseudo_shift_ = 0, ranks_per_pseudo_ = 1, banks_per_group_ = 1, bank_groups_ = 1;
};

}  // namespace gnomon::sim
