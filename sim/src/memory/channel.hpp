#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "energy.hpp"
#include "gnomon/sim/dram.hpp"
#include "power_down.hpp"
#include "refresh.hpp"
#include "timing.hpp"

namespace gnomon::sim {

inline constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max() / 4;

/// A burst on its way: from a port, through a channel's buffers, to its answer.
struct Burst {
  std::uint64_t address = 0;
  std::int64_t offered = 0;
  /// The port's transfer that it belongs to, and whether it is the last of it.
  std::uint64_t transfer = 0;
  /// Its number at its port, where the arbiter counts them.
  std::uint64_t number = 0;
  std::int32_t port = 0;
  std::int32_t requester = 0;
  std::uint32_t row = 0;
  std::int32_t bank = 0;
  bool write = false;
  bool last = false;
  /// A command that opens its row, one that closes another for it.
  bool opened = false, closed = false;
};

/// What a channel tells the system about a burst whose RD or WR command was issued.
class BurstSink {
 public:
  virtual ~BurstSink() = default;
  /// The data's last beat passes just before `data_end`; `order` is the burst's number in the channel (from 0).
  virtual void served(const Burst& burst, std::uint64_t order, std::int64_t cycle, std::int64_t data_end) = 0;
};

/// One channel: its banks, buffers, scheduler, refresh, power-down and timing.
///
/// In a cycle, in this order: `admit` (arrivals), `step` (commands). Between cycles nothing happens but what `next_cycle` announces.
class Channel {
 public:
  Channel(const arch::Dram& dram, int number, DramLogSink* log, BurstSink& sink);

  /// Whether there is room for a burst of this kind now. DRAMSys' rule: the buffers are looked at before the burst is, so a bank-wise buffer asks for room at the
  /// bank of the burst taken before, and a read-write buffer for room of both kinds.
  bool has_room() const;
  /// Takes a burst; needs room.
  void admit(const Burst& burst, std::int64_t cycle);
  /// Notes that a burst was refused for want of room.
  void refused() { request_buffer_.met = true; }

  /// The next cycle in which `step` does something, if nothing is admitted before; `never` where there is none. At least the cycle of the last step.
  std::int64_t next_cycle() {
    if (stale_) plan();
    return next_;
  }
  /// Issues what is due in this cycle. Gives whether a RD or WR command made room.
  bool step(std::int64_t cycle);

  /// Nothing arrives before `until`: goes there in leaps. Refreshes of a memory without requests repeat every tREFI; once they do, whole periods are
  /// counted and not simulated. Only without a log. Gives the cycle that it has reached, at least `cycle`.
  std::int64_t leap(std::int64_t cycle, std::int64_t until);

  bool empty() const { return waiting_ == 0; }
  int waiting() const { return waiting_; }

  const DramLimit& request_buffer() const { return request_buffer_; }
  const std::vector<RefreshManager>& refreshes() const { return refresh_; }
  const std::vector<RankEnergy>& ranks() const { return ranks_; }
  const std::vector<DramBankStatistics>& banks() const { return statistics_; }
  std::int64_t data_cycles() const { return data_cycles_; }

 private:
  static constexpr std::int32_t none = -1;
  struct Slot {
    Burst burst;
    std::uint64_t order = 0;
    std::int32_t next = none, prev = none;
  };
  struct Bank {
    std::int32_t head = none, tail = none, count = 0;
    /// The request that it works on, or none.
    std::int32_t current = none;
    bool open = false;
    bool blocked = false;
    std::uint32_t row = 0;
    std::int64_t activated = 0;
  };
  /// The command that a bank wants for its request: not before `at` by what the bank went through.
  struct Wish {
    std::int64_t at = 0;
    std::uint64_t age = 0;
    DramCommand command = DramCommand::ACT;
  };
  struct Choice {
    std::int64_t cycle = never;
    std::uint64_t age = ~std::uint64_t{0};
    int bank = none;
    DramCommand command = DramCommand::ACT;
    enum class From { bank, refresh, power_down } from = From::bank;
  };

  const arch::Dram& dram_;
  const arch::DramController& controller_;
  int number_;
  DramLogSink* log_;
  BurstSink& sink_;
  TimingState timing_;
  std::vector<Bank> banks_;
  std::vector<DramBankStatistics> statistics_;
  std::vector<RankEnergy> ranks_;
  std::vector<RefreshManager> refresh_;
  std::vector<PowerDownManager> power_down_;
  std::vector<std::int32_t> open_banks_, rank_waiting_;
  std::vector<Slot> slots_;
  std::int32_t free_ = none;
  std::vector<Wish> wishes_;
  /// Banks that have a wish: one bit each, `words_per_rank_` words a rank.
  std::vector<std::uint64_t> wanting_;
  int words_per_rank_ = 1;
  int waiting_ = 0, reads_waiting_ = 0, writes_waiting_ = 0, last_bank_ = 0;
  std::uint64_t arrivals_ = 0;
  bool last_was_write_ = false;
  bool draining_ = false;
  std::int64_t now_ = 0, next_ = never;
  /// What comes next; `stale_` after anything that may change it.
  Choice plan_;
  bool stale_ = true;
  /// While a rank's banks are considered: no ACT after this cycle.
  std::int64_t last_activate_ = never;
  std::int64_t data_delay_[2], data_cycles_ = 0;
  DramLimit request_buffer_;
  int banks_per_rank_;

  int rank_of(int bank) const { return timing_.rank_of(bank); }
  std::int32_t take_slot();
  void release_slot(std::int32_t slot);
  void unlink(Bank& bank, std::int32_t slot);
  std::int32_t pick(const Bank& bank) const;
  std::int32_t pick_grouped(const Bank& bank) const;
  std::int32_t pick_drained(const Bank& bank) const;
  bool another_hit(const Bank& bank) const;
  void evaluate(int bank);
  void set_want(int bank, bool wants);
  void update_draining();
  void evaluate_refresh(int rank);
  bool rank_asleep(int rank) const;
  void plan();
  void hold_activates(std::size_t rank, DramCommand refresh, int bank, std::int64_t distance);
  void consider_rank(int rank);
  void consider_banks(int rank);
  void issue(const Choice& choice);
  void column_command(const Choice& choice);
  void log(const Choice& choice, std::uint32_t row, std::uint64_t address);
  void refreshed(const Choice& choice);
  void close(int bank, std::int64_t at);
  int buffer_level() const;
};

}  // namespace gnomon::sim
