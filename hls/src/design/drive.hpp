#pragma once

#include <memory>
#include <optional>

#include "cosim/model.hpp"
#include "design/job.hpp"
#include "gnomon/sim/cycle_user.hpp"

namespace gnomon::hls {

/// Runs the program on a loaded model with an ideal memory of the job's latency or the job's device at its ports, and fills in the results. `stuck` says why a design does
/// not come to its end (nothing moves for long, it does not finish, it asks for words outside the memory), what it has done and what its ports show. Errors (run_failed): ports
/// that are missing.
Expected<void> drive_design(LoadedModel& model, DesignJob& job);

/// The compiled RTL of one core among several. What they share, the memory with its links, and when a work step may begin, is decided outside; its ports are those
/// of a device. In every cycle: `begin_cycle`, what is known by then, `end_cycle`.
class CoreRtl {
 public:
  virtual ~CoreRtl() = default;
  /// Finds the ports, resets, and lets the program's queues fill.
  virtual Expected<void> start() = 0;
  virtual void begin_cycle() = 0;
  /// These transfers are complete; what of them the RTL can be told by now it is told, once it has all their words.
  virtual void complete(const sim::CycleUser::Tags& transfers) = 0;
  /// The core's steps up to this one have ended.
  virtual bool reached(std::size_t step) const = 0;
  /// Whether anything may begin.
  virtual void set_run(bool runs) = 0;
  /// Whether what a transfer waits for has come.
  virtual bool has(const Progress& need) const = 0;
  /// The transfer with the memory that the RTL would begin in this cycle; it does after `begin_transfer`.
  virtual bool asks() = 0;
  virtual std::optional<sim::CycleUser::Request> begin_transfer() = 0;
  /// The memory has taken all of the last one.
  virtual void release() = 0;
  /// The same of a unit whose link several cores share: whether it would begin its next transfer, and whether it has the link.
  virtual bool asks(const SharedLink& link) const = 0;
  virtual void grant(const SharedLink& link, bool granted) = 0;
  virtual void end_cycle() = 0;
  virtual bool finished() const = 0;
  /// Writes down what was recorded.
  virtual Expected<void> write_record() const = 0;
  virtual std::int64_t last_moved() const = 0;
  /// The run does not come to its end: notes why, and what the core is at.
  virtual void give_up(std::int64_t cycle, const std::string& why) = 0;
};
/// `memory` is that of all cores.
std::unique_ptr<CoreRtl> make_core_rtl(LoadedModel& model, DesignJob& job, std::vector<std::int32_t>& memory);

}  // namespace gnomon::hls
