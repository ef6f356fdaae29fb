#pragma once

#include <deque>
#include <memory>
#include <systemc>
#include <vector>

#include "array_core.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/device_memory.hpp"
#include "vector_unit.hpp"

namespace gnomon::sim::cycle {

/// A work step as the model runs it.
struct CoreWork {
  std::string label;
  const arch::ArrayWork* array = nullptr;  ///< with its mapping; otherwise vector work
  const arch::StepMapping* mapping = nullptr;
  arch::VectorWork vector;
  std::vector<std::size_t> after;  ///< positions of steps that must have ended before
  std::uint64_t address = 0;       ///< where its tensors lie in the memory
  ArrayStandIn* stand_in = nullptr;  ///< instead of the array's model
  std::int64_t first_tiles = 0;      ///< array work: only so many array tiles; 0: all
};

/// What the model found for a work step, and the state of it.
struct StepOutcome {
  bool ended = false;
  StepResult result;
  CycleRun::Activity activity;
};

/// One core: its array and vector unit, the transfers of its present work step, and its list of work steps.
class CoreModel : public sc_core::sc_module {
 public:
  CoreModel(sc_core::sc_module_name name, const arch::Design& design, std::size_t index, ClockDomain clock, LinkMap links, Observer& observer);
  /// Ends the present work step if everything of it is done, and begins the next if what it reads is there; true if something happened.
  bool advance(const std::vector<CoreWork>& work, std::vector<StepOutcome>& outcomes);
  void add_work(std::size_t position) { list_.push_back(position); }
  bool idle() const { return engine_ == nullptr && next_ == list_.size(); }
  const std::vector<TransferStream*>& streams() const { return streams_; }
  /// The streams whose next transfer is the core's next on all of its links.
  const std::vector<TransferStream*>& heads();
  void started() { heads_known_ = false; ++open_transfers_; }
  void completed() { --open_transfers_; }
  void waited_for_others(double cycles) { traffic_.memory_waited_cycles += cycles; }
  void held_memory(double cycles);
  std::string waits_for(const std::vector<CoreWork>& work) const;

 private:
  const arch::Design& design_;
  std::size_t index_;
  ClockDomain clock_;
  LinkMap links_;
  ArrayCore array_;
  VectorUnit vector_;
  std::vector<std::size_t> list_;
  std::size_t next_ = 0;
  Engine* engine_ = nullptr;  ///< of the present work step
  std::unique_ptr<ArrayStep> array_step_;
  std::unique_ptr<TileTransfers> transfers_;
  Counts counts_;
  std::int64_t start_ps_ = 0, open_transfers_ = 0;
  CycleRun::Activity traffic_;  ///< of the present work step, so far
  std::vector<TransferStream*> streams_, heads_;
  bool heads_known_ = false;

  void begin(const CoreWork& work);
};

/// A link other than the memory's: it is held by a transfer for its duration.
class Link : public sc_core::sc_module {
 public:
  Link(sc_core::sc_module_name name, ClockDomain clock, MemoryClient& owner);
  void hold(std::int64_t cycles, std::uint64_t tag);

 private:
  ClockDomain clock_;
  MemoryClient& owner_;
  std::uint64_t tag_ = 0;
  sc_core::sc_event done_;
  void on_done();
};

/// Links and their arbitration between cores; owner of cores, links and memory.
class Fabric : public sc_core::sc_module, public Observer, public MemoryClient {
 public:
  Fabric(sc_core::sc_module_name name, const arch::Design& design, std::vector<CoreWork> work, const std::vector<std::size_t>& core_of);
  const std::vector<StepOutcome>& outcomes() const { return outcomes_; }
  bool finished() const;
  /// What waits for what, where events have run out before the work is done.
  std::string waits_for() const;
  /// Array cycles that transfers of the first core waited, ready to start, for a link that a transfer of the second held last.
  const std::vector<std::vector<std::int64_t>>& waited_cycles() const { return waited_cycles_; }
  /// Of device memory, up to the present time.
  std::optional<DramStatistics> memory_statistics() const { return device_ ? std::optional(device_->statistics()) : std::nullopt; }

  void changed() override { changed_.notify(sc_core::SC_ZERO_TIME); }
  void memory_released(std::uint64_t tag, std::int64_t time_ps) override;
  void memory_completed(std::uint64_t tag, std::int64_t time_ps) override;

 private:
  struct Flight {
    TransferStream* stream = nullptr;
    Ticket ticket;
    CoreModel* core = nullptr;
    std::size_t core_index = 0;
    std::int64_t start_ps = 0;
  };
  ClockDomain clock_;
  std::vector<CoreWork> work_;
  std::vector<StepOutcome> outcomes_;
  std::unique_ptr<sc_core::sc_module> ideal_;
  std::unique_ptr<DeviceMemory> device_;
  std::vector<MemoryPort*> memory_;           ///< by core
  std::vector<std::unique_ptr<Link>> links_;  ///< by link number; none for the memory's
  std::vector<char> busy_;
  struct Holder {
    std::size_t core = 0;
    std::int64_t until_ps = 0;
  };
  std::vector<Holder> last_holder_;  ///< by link
  std::vector<std::vector<std::int64_t>> waited_cycles_;
  std::vector<MemoryRun> runs_;
  std::vector<std::unique_ptr<CoreModel>> cores_;
  std::deque<Flight> flights_;
  std::vector<std::uint64_t> free_flights_;
  sc_core::sc_event changed_;

  void settle();
  bool start_transfers();
  void start(CoreModel& core, std::size_t core_index, TransferStream& stream);
  bool links_free(const TransferStream& stream) const;
};

}  // namespace gnomon::sim::cycle
