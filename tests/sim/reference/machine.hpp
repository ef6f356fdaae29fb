#pragma once

#include <map>
#include <memory>
#include <set>
#include <tuple>

#include "gnomon/base/random.hpp"
#include "reference.hpp"

namespace gnomon::sim::reference {

/// A transfer in the order of its work step.
struct Transfer {
  bool fill = false;
  int operand = 0;
  std::size_t position = 0;  ///< in the operand's chain, the memory at 0
  std::int64_t tile = 0, trigger = -1, bytes = 0, cycles = 0, latency = 0;
  std::vector<int> links;
  std::int64_t may_start_at = -1, complete_at = -1;
  bool started = false, complete = false;
};

/// What is executed on a core: tells which transfers there are, and lives through the cycles.
class Work {
 public:
  virtual ~Work() = default;
  std::vector<Transfer> transfers;  ///< in their static order
  Outcome outcome;
  /// Everything that ends at cycle `now` ends.
  virtual void end(std::int64_t now) = 0;
  /// Starts a step (a chunk) if none runs and it may begin; true if one began.
  virtual bool begin(std::int64_t now) = 0;
  virtual bool worked_off() const = 0;
  virtual bool may_start(const Transfer& transfer) const = 0;
  virtual void start(Transfer& transfer) = 0;
  virtual void complete(Transfer& transfer) = 0;
  virtual void check() {}
};

std::unique_ptr<Work> array_work(const arch::Design& design, const Job& job, Random random);
std::unique_ptr<Work> vector_work(const arch::Design& design, const Job& job);

/// Numbers of links: memory 0, bus 1, shared levels from 2, then a row per core.
int level_link(const arch::Design& design, std::size_t core, std::size_t entry);
/// The level of a mapping's entry (not the memory's).
const arch::Level& level_of(const arch::Design& design, std::size_t core, std::size_t entry);

}  // namespace gnomon::sim::reference
