#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/workloads/graph.hpp"

namespace gnomon::arch {

char letter(Dim dim);

/// Which dimensions address an operand: ifmap g,m,k; filter g,n,k; ofmap g,m,n.
bool relevant(Operand operand, Dim dim);

/// Array work of one operator: extents per dimension. For a convolution, M counts output pixels in the order image, row, column and K counts
/// channel, kernel row, kernel column, and `window` says which pixels of the real input a range of M and K touches.
struct ArrayWork {
  std::int64_t extent[dim_count] = {1, 1, 1, 1};
  std::optional<workloads::Convolution> window;
  std::int64_t size(Dim dim) const { return extent[static_cast<int>(dim)]; }
  std::int64_t macs() const { return extent[0] * extent[1] * extent[2] * extent[3]; }
};

/// Work without MACs: `ops` scalar operations over streams of elements; 0 ops for data movement.
struct VectorWork {
  std::int64_t ops = 0;
  std::int64_t in_elements = 0;
  std::int64_t out_elements = 0;
};

/// One step of an operator on a core: array work or vector work. Attention and transposed convolution lower to several, in order.
struct WorkStep {
  std::string label;  ///< the operator's name, with `.qk`, `.softmax`, `.av`, `.col2im` where it has several
  std::optional<ArrayWork> array;
  VectorWork vector;
};

struct LoweredOperator {
  workloads::OperatorId op = 0;
  std::string name;
  std::string type;
  std::int64_t macs = 0;
  std::vector<WorkStep> steps;  ///< empty for views and for fused operators
  /// Scalar operations that ride along at this operator's outputs (fused successors and bias), and who they are.
  std::int64_t fused_vector_ops = 0;
  std::vector<std::string> fused;
  /// True for an operator that rides along with its producer: it gets a row with no cycles of its own.
  bool is_fused = false;
};

/// Vector operations per attention score: scaling 1, maximum 1, subtraction 1, exponential 4, sum 1, division 4.
inline constexpr std::int64_t softmax_ops_per_score = 12;

/// Operators in topological order, lowered. Convolutions give one array step (a transposed one an array step and `.col2im`), attention
/// `.qk` (queries of heads that share keys stacked in M), `.softmax` and `.av`; views none; everything else one vector step, in which a movement
/// has no operations and an embedding reads the rows it looks up. A third operand of a product is its bias: one fused operation an output.
/// A fusible operator rides along when its producer is array work of which it is the only
/// consumer and the core's vector unit has at least as many lanes as the array has columns; it then costs energy but no time and no
/// traffic. Fused operators may follow each other; an operator whose input is also an output of the graph is not fused.
/// Errors: unsupported (vector work, movements included, on a core without a vector unit; tensors beyond 2^48 elements, operators beyond
/// 2^56 MACs), listed by operator.
Expected<std::vector<LoweredOperator>> lower(const workloads::Graph& graph, const Core& core);

/// Largest sum of tensor bytes alive at one time when operators run in topological order, at the array's precision. All constants count
/// throughout (shape arguments do not), graph inputs from the start, graph outputs to the end; a view's output is its input.
std::int64_t peak_memory_bytes(const workloads::Graph& graph, const Precision& precision);

}  // namespace gnomon::arch
