#pragma once

#include <memory>

#include "gnomon/workloads/load.hpp"
#include "import/model.hpp"

namespace gnomon::workloads::import {

/// Infers every shape, folds what is constant, and builds the graph. Nodes may stand in any order.
/// Errors: invalid_input with the node's name where shapes disagree; unsupported with every operator that has no model.
Expected<std::shared_ptr<const Graph>> lower(Model model, const LoadOptions& options);

/// An ONNX file (protobuf, up to 2 GB; external weight files are not opened, their shapes suffice).
Expected<Model> read_onnx(const std::filesystem::path& path, const std::string& shown_as);
/// The same from memory.
Expected<Model> parse_onnx(std::string_view bytes, const std::string& shown_as);

/// A SCALE-Sim topology: `Layer, M, N, K` or `Layer name, IFMAP Height, ...`.
Expected<std::shared_ptr<const Graph>> read_topology(std::string_view text, const std::string& shown_as, std::int64_t batch);

}  // namespace gnomon::workloads::import
