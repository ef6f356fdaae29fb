#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "bind/binding.hpp"
#include "gnomon/hls/kernel.hpp"
#include "schedule/problem.hpp"

namespace gnomon::hls {

/// Where the elements of a tensor are.
struct Memory {
  enum Storage { registers, ram };
  struct Dimension {
    PartitionKind kind = PartitionKind::cyclic;
    std::int64_t banks = 1;
    std::int64_t each = 1;  ///< elements per bank along the dimension
  };
  Storage storage = ram;
  int read_ports = 1;  ///< per bank of a RAM, beside one write port; registers have as many as are used
  std::vector<Dimension> dimensions;
  std::int64_t banks = 1, bank_elements = 1;
  /// Locals and outputs start at 0 in every run.
  bool clear = true;

  std::int64_t bank_of(const KernelTensor& tensor, std::int64_t element) const;
  std::int64_t offset_of(const KernelTensor& tensor, std::int64_t element) const;
};

enum class NodeKind { constant, affine, quotient, modulo, predicate, compute, load, store, read, write, hold, live_in, live_out };

/// One thing that a pipeline does in every iteration.
struct Node {
  NodeKind kind = NodeKind::constant;
  OpCode code = OpCode::constant;  ///< compute
  NumberType type;                 ///< of the value; exact products may have up to 128 bits
  /// Earlier nodes. load: address, and the bank where it is no constant; store: value, address, bank; affine: its values.
  std::vector<int> args;
  std::int64_t value = 0;           ///< constant; divisor of quotient and modulo; power of scale
  Affine affine;                    ///< over the kernel's loops; `values` are (place in args, factor)
  std::vector<std::size_t> loops;   ///< predicate: all their counters are 0 (`first`), or at their last iteration
  bool first = true;
  int tensor = -1, stream = -1;
  std::int64_t bank = -1;           ///< of a load or store, where it is a constant
  std::vector<int> guards;          ///< has its effect only where none of these is 0
  std::size_t op = 0;               ///< of the kernel; live_in and live_out: the op whose value is kept
  int latency = 0;                  ///< cycles until the value is there
  double delay_ns = 0;              ///< from inputs (latency 0) or from the clock (else) to the value
  bool stable = false;              ///< does not change while the pipeline runs
  double share_ns = 0;              ///< of the multiplexer before a unit that others may use as well
  int unit = -1;                    ///< place in the binding's units
  int bundle = -1;                  ///< accesses of one bundle start together, each in another bank
};

/// A loop nest (or a block of ops without loops) as one pipeline: an iteration starts every `ii` cycles, node n in cycle time[n].
struct Pipe {
  std::vector<std::size_t> loops;   ///< outermost first; the whole nest counts as one loop
  std::vector<std::size_t> ops;     ///< of the kernel, in order
  std::vector<Node> nodes;
  ScheduleProblem problem;
  std::vector<int> time;
  int ii = 1, depth = 1;
  int resource_ii = 1, recurrence_ii = 1;
  std::optional<std::size_t> count;  ///< op whose value is the number of iterations of the first loop
  std::vector<std::string> resources;  ///< names, for messages
};

/// Steps of a process: run a pipeline, enter a loop (to `target` where it has no iteration), go to its next iteration.
struct Control {
  enum Kind { pipe, enter, next } kind = pipe;
  std::size_t id = 0;
  std::size_t target = 0;
};

struct Process {
  std::vector<Control> control;
  std::vector<Pipe> pipes;
};

struct Datapath {
  Kernel kernel;  ///< restructured, unrolled, simplified
  std::vector<Memory> memories;  ///< per tensor
  std::vector<Process> processes;
  Binding binding;
};

/// Delay of a node by the table, in ns; dividers: cycles of latency.
double multiplexer_ns(double inputs);
double delay_of(const Node& node, const std::vector<Node>& nodes, const Kernel& kernel, const Memory* memory);
int divider_latency(int bits, double clock_ns);
int divider_bits_per_stage(int bits, double clock_ns);

/// Stores forwarded to later loads of the same element, stores that another follows removed, chains of wrapping sums and of minima
/// and maxima made trees (exact, since such sums are modular).
Kernel simplify(const Kernel& kernel);

/// Errors: a pipeline loop that cannot be one, an II below the least, partitions without hardware.
Expected<Datapath> make_datapath(const Kernel& unrolled);

/// Every schedule against the kernel, knowing nothing of how it was made: values are there when used, accesses of each element
/// happen in the order of the kernel (replayed in time), no port or unit is used twice in a cycle, chains fit in the clock.
Expected<void> check_schedule(const Datapath& datapath);

/// Dependence edges between the memory and stream nodes of a pipeline, by replaying the accesses of the kernel (at most
/// `max_visits`; beyond, every pair is taken to meet in the next iteration).
void add_dependences(const Kernel& kernel, std::size_t process, Pipe& pipe, std::int64_t max_visits = std::int64_t{1} << 21);

}  // namespace gnomon::hls
