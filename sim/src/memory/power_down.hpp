#pragma once

#include "gnomon/sim/dram.hpp"

namespace gnomon::sim {

/// Sends one rank to power-down when it has no requests, and back. As DRAMSys' staggered policy: entry after a command that left the rank without requests, exit
/// for a request or a refresh; with self-refresh on, a rank that woke from precharge power-down and still has no requests goes to self-refresh.
class PowerDownManager {
 public:
  enum class State { awake, powered_down, self_refresh, extra_refresh };
  PowerDownManager() = default;
  explicit PowerDownManager(arch::DramPowerDown mode) : mode_(mode) {}

  bool enabled() const { return mode_ != arch::DramPowerDown::none; }
  /// The rank has no requests any more, or has its first one.
  void idle() {
    idle_ = true;
    if (state_ == State::awake) enter_ = true;
  }
  void busy() {
    idle_ = enter_ = enter_self_refresh_ = false;
    if (state_ != State::awake) exit_ = true;
  }
  void refresh_due() {
    enter_ = false;
    if (state_ != State::awake) exit_ = true;
  }
  bool asleep() const { return state_ == State::powered_down || state_ == State::self_refresh; }

  /// Whether it wants a command, and which.
  bool wants(DramCommand& command) const {
    if (exit_) {
      command = state_ == State::powered_down ? DramCommand::PDX : state_ == State::self_refresh ? DramCommand::SRX : DramCommand::REF;
      return true;
    }
    if (enter_self_refresh_) {
      command = DramCommand::SRE;
      return true;
    }
    if (enter_) {
      command = DramCommand::PDE;
      return true;
    }
    return false;
  }
  /// A command of the rank was issued; `banks_open` before it.
  void issued(DramCommand command, bool banks_open) {
    switch (command) {
      case DramCommand::PDE:
        state_ = State::powered_down;
        active_ = banks_open;
        enter_ = false;
        break;
      case DramCommand::SRE:
        state_ = State::self_refresh;
        enter_ = enter_self_refresh_ = false;
        break;
      case DramCommand::PDX:
        state_ = State::awake;
        exit_ = false;
        enter_self_refresh_ = !active_ && idle_ && mode_ == arch::DramPowerDown::self_refresh;
        break;
      case DramCommand::SRX: state_ = State::extra_refresh; break;
      case DramCommand::REF:
        if (state_ == State::extra_refresh) {
          state_ = State::awake;
          exit_ = false;
        }
        [[fallthrough]];
      case DramCommand::REFpb:
      case DramCommand::REFsb:
        if (idle_ && state_ == State::awake) enter_ = true;
        break;
      default: break;
    }
  }
  State state() const { return state_; }

 private:
  arch::DramPowerDown mode_ = arch::DramPowerDown::none;
  State state_ = State::awake;
  bool idle_ = false, active_ = false, enter_ = false, exit_ = false, enter_self_refresh_ = false;
};

}  // namespace gnomon::sim
