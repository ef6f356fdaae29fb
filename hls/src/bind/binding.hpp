#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "gnomon/base/error.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

struct Datapath;
struct Node;
struct Pipe;

/// A multiplier or divider, and the operations of its process that take it in turns.
struct BoundUnit {
  OpCode code = OpCode::mul;
  std::size_t process = 0;
  int left_bits = 0, right_bits = 0;  ///< operands of a multiplier as signed numbers, the wider one left
  int latency = 0;
  struct Use {
    std::size_t pipe = 0;
    int node = 0;
  };
  std::vector<Use> uses;
};

/// Registers that keep a pipeline's values until their last use. A value is there from cycle `birth` of its iteration on; its first
/// register takes it at the end of that cycle, each further one takes what the register before it holds one interval later.
struct PipeRegisters {
  std::vector<int> bits;                               ///< per register
  std::map<int, std::vector<int>> of_node;             ///< node -> its registers in turn
  std::map<std::size_t, std::vector<int>> of_counter;  ///< loop whose counter is wanted in later cycles
};

struct Binding {
  std::vector<BoundUnit> units;
  std::vector<std::vector<PipeRegisters>> registers;  ///< by process and pipeline
};

/// Cycles after which a pipeline's resources are free again: its interval; a block runs once, for its depth.
int slots_of(const Pipe& pipe);
/// Whether an operation's unit may be one that others use as well: multiplications of two variables, divisions, remainders.
bool may_share(const Node& node, const std::vector<Node>& nodes);
/// Operand widths of a multiplication as signed numbers, the wider one first, and whether the operands stand the other way round.
struct OperandBits {
  int left = 0, right = 0;
  bool swapped = false;
};
OperandBits operand_bits(const Node& node, const std::vector<Node>& nodes);

/// The most operations that share a unit where no directive limits the units: what their delay has room for.
constexpr int most_sharers = 8;

/// Units by slot of the modulo schedule, first fit; registers by lifetime, left edge over the slots of the interval.
Binding bind(Datapath& datapath);

/// Knows nothing of bind(): every operation has a unit of its kind and widths for itself in its slot, and registers, followed cycle
/// by cycle, hold the value of the right iteration at every use.
Expected<void> check_binding(const Datapath& datapath);

}  // namespace gnomon::hls
