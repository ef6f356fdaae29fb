#pragma once

#include <memory>
#include <systemc>

#include "engine.hpp"

namespace gnomon::sim::cycle {

/// Vector work bound to its core: chunks of operations and bytes (docs/microarchitecture.md section 7).
struct VectorStep {
  const arch::Core* core = nullptr;
  std::int64_t ops = 0, in_bytes = 0, out_bytes = 0, chunks = 1;
  std::uint64_t in_address = 0, out_address = 0;  ///< in the memory

  /// The `chunk`-th part of a quantity.
  std::int64_t part(std::int64_t quantity, std::int64_t chunk) const;
  std::int64_t cycles(std::int64_t chunk) const;
};
VectorStep plan_vector_step(const arch::Core& core, const arch::VectorWork& work, std::uint64_t address = 0);

/// The vector unit: chunk after chunk, two slots for inputs and two for outputs.
class VectorUnit : public sc_core::sc_module, public Engine {
 public:
  VectorUnit(sc_core::sc_module_name name, ClockDomain clock, Observer& observer);
  ~VectorUnit() override;
  void begin(const arch::Design& design, const VectorStep& step, const LinkMap& links, Counts& counts);
  void append_streams(std::vector<TransferStream*>& streams);

  bool advance() override;
  bool finished() const override { return !busy_ && next_chunk_ == step_.chunks; }
  std::int64_t compute_cycles() const override { return compute_cycles_; }
  void add_counts(Counts& counts) const override;
  std::string waits_for() const override;

 private:
  class ChunkStream;
  ClockDomain clock_;
  Observer& observer_;
  VectorStep step_;
  std::unique_ptr<ChunkStream> fills_, write_backs_;
  bool busy_ = false;
  std::int64_t next_chunk_ = 0, ended_chunks_ = 0, compute_cycles_ = 0;
  /// By slot: the chunk last filled (written back). A device completes transfers in any order.
  std::int64_t filled_[2] = {-1, -1}, written_back_[2] = {-1, -1};
  sc_core::sc_event wake_;

  void on_wake();
  void start_chunk();
  bool output_slot_free(std::int64_t chunk) const;
};

}  // namespace gnomon::sim::cycle
