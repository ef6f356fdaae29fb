#pragma once

#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gnomon/hls/kernel.hpp"
#include "ir/program.hpp"

namespace gnomon::hls {

class Machine;

/// Which op writes an element last, with the loops' counters then.
struct WriteWatch {
  std::optional<std::size_t> tensor, stream;  ///< one of the two
  std::int64_t element = 0;
  std::optional<std::size_t> op;  ///< none: nothing writes it
  std::vector<std::int64_t> counters;
};

/// What the processes of a running kernel share.
struct Shared {
  explicit Shared(const Kernel& kernel) : kernel_(kernel) { queues.resize(kernel.streams.size()); }

  /// All processes in turns, each until it blocks, to their end.
  Expected<void> run(const Kernel& kernel);
  std::int64_t depth(std::size_t stream) const;

  std::vector<std::vector<std::int64_t>> memory;
  std::vector<std::deque<std::int64_t>> queues;
  std::int64_t executed = 0, max_ops = 0;
  /// Only reads and writes are carried out, with zeros: what blocks, without what is computed.
  bool streams_only = false;
  ControlTrace* trace = nullptr;
  WriteWatch* watch = nullptr;

 private:
  const Kernel& kernel_;
};

/// One process, which runs until it ends or a stream blocks it.
class Machine {
 public:
  enum class State { done, blocked, too_long, broken_distance };
  Machine(const Kernel& kernel, std::size_t process, Shared& shared);
  State run();
  std::size_t position() const { return pc_; }
  std::size_t blocked_op() const { return program_[pc_].id; }
  std::size_t broken() const { return broken_; }

 private:
  struct Last {
    std::int64_t round = 0;
    bool wrote = false;
  };
  State execute(std::size_t i);
  std::int64_t place(const KernelOp& op) const;
  bool keeps_distance(std::size_t i, std::int64_t at);
  void note_write(std::size_t op);

  const Kernel& kernel_;
  Shared& shared_;
  std::vector<ProgramStep> program_;
  std::size_t pc_ = 0, broken_ = 0;
  std::vector<std::int64_t> values_, counters_, trips_, rounds_;
  std::vector<std::vector<NumberType>> types_;
  std::map<std::pair<std::size_t, std::int64_t>, Last> last_;
};

/// interpret() without verify(), for kernels that transformations made: accesses that a guard skips may point outside.
Expected<TensorValues> run_unchecked(const Kernel& kernel, const TensorValues& inputs, std::int64_t max_ops, ControlTrace* trace, WriteWatch* watch = nullptr);

/// Loops and their counters at the statement that writes an element of an output tensor or stream last, outermost first; empty where nothing writes it.
std::vector<std::pair<std::string, std::int64_t>> loops_of_last_write(const Kernel& kernel, const TensorValues& inputs, const std::string& output, std::int64_t element);

}  // namespace gnomon::hls
