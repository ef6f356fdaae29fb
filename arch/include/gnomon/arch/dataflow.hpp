#pragma once

#include <string>
#include <vector>

namespace gnomon::arch {

/// What a level or a transfer carries: inputs, weights, outputs (and partial sums) of a matrix product.
enum class Operand { ifmap = 0, filter = 1, ofmap = 2 };
inline constexpr int operand_count = 3;

/// Dimensions of array work: `g` independent products (convolution groups, batch of a batched product) of an M x K by a K x N matrix.
enum class Dim { g = 0, m = 1, n = 2, k = 3 };
inline constexpr int dim_count = 4;

/// Which operand stays in the PEs; docs/microarchitecture.md sections 1 and 2.
enum class Dataflow { os, ws, is };

/// A line of the table of dataflows: what lies on the array and what moves. The models know these facts and no names.
///
/// Two families: where the outputs stay, both inputs stream in from the edges and finished accumulators drain; where an input stays, it is
/// preloaded, the other input streams past it, and results leave at the columns' exits.
struct DataflowInfo {
  Dataflow dataflow;
  std::string name;
  Dim rows, cols, streamed;
  Operand stationary;

  bool outputs_stay() const { return stationary == Operand::ofmap; }
  /// Where an input stays: the other input.
  Operand flowing() const { return stationary == Operand::filter ? Operand::ifmap : Operand::filter; }
};

/// All dataflows that the models compute, in the order of the enumeration.
const std::vector<DataflowInfo>& dataflows();
const DataflowInfo& info(Dataflow dataflow);

}  // namespace gnomon::arch
