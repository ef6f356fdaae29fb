#pragma once

#include <memory>
#include <string>

#include "gnomon/base/error.hpp"

namespace gnomon::sim {

/// Release of the SystemC library that is linked, e.g. `2.3.4`.
std::string systemc_version();

/// The process's one SystemC kernel, lent out for one simulation. Modules are made while a session is open and must be gone before it ends;
/// then the next session starts on a fresh kernel. Thousands of sessions may follow each other in one process, one thread at a time.
///
/// SystemC's kernel is a global object that cannot start twice. The session puts a new simulation context in its place; the old one is left
/// as it is, since deleting it is not safe (about 15 KB a session). SystemC's own error reports become errors of `run`; it prints nothing.
class SimSession {
 public:
  /// Error: a session is open already.
  static Expected<SimSession> open();
  ~SimSession();
  SimSession(SimSession&&) noexcept;
  SimSession& operator=(SimSession&&) = delete;

  /// Runs until no event is left. Errors: what SystemC reports, and what a process throws.
  Expected<void> run();

 private:
  SimSession() = default;
  bool open_ = true;
};

}  // namespace gnomon::sim
