#pragma once

#include <memory>

#include "gnomon/base/json.hpp"
#include "gnomon/workloads/graph.hpp"

/// The workload JSON: tensors with shapes, and the operators that join them. It can hold every graph, so an imported model can be written,
/// edited and read again.
namespace gnomon::workloads {

/// Reads through the field table; all problems of the file are collected. A geometry left out is worked out from the tensors' shapes, and
/// one that is given must agree with them. A batch other than 1 is refused: the file states its shapes.
Expected<std::shared_ptr<const Graph>> read_workload(const Document& document, std::int64_t batch = 1);
/// The graph as workload JSON; `read_workload` gives an equal graph, except for the values of constants, which are not written.
Json write_workload(const Graph& graph);
/// JSON Schema of the format.
Json workload_schema();

}  // namespace gnomon::workloads
