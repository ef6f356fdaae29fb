#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/sim/memory_port.hpp"
#include "transfers.hpp"

namespace gnomon::sim::cycle {

/// Told when something has happened at the present time; it looks at everything once all that happens at this time has happened.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void changed() = 0;
};

/// What does a core's work: the array or the vector unit. One work step at a time.
class Engine {
 public:
  virtual ~Engine() = default;
  /// Starts what can start now; true if something did.
  virtual bool advance() = 0;
  /// All tiles or chunks are done; transfers may still be under way.
  virtual bool finished() const = 0;
  virtual std::int64_t compute_cycles() const = 0;
  /// When it was first at work in this work step, and when last.
  std::int64_t first_ps() const { return first_ps_; }
  std::int64_t end_ps() const { return end_ps_; }
  /// Adds what the engine itself moved, once finished.
  virtual void add_counts(Counts& counts) const = 0;
  /// For messages: what it waits for.
  virtual std::string waits_for() const = 0;

 protected:
  std::int64_t first_ps_ = -1, end_ps_ = 0;
  void reset_activity() { first_ps_ = -1; }
  void note_activity(std::int64_t from_ps, std::int64_t to_ps) {
    if (first_ps_ < 0) first_ps_ = from_ps;
    end_ps_ = to_ps;
  }
};

}  // namespace gnomon::sim::cycle
