#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/workloads/graph.hpp"
#include "gnomon/workloads/workload_json.hpp"

namespace gnomon::workloads {

struct LoadOptions {
  /// Takes the place of the graph inputs' leading dimension where that is symbolic or 1; a leading dimension fixed at anything else
  /// stays, and refuses a batch other than 1. In a topology CSV it multiplies the images, or the rows M.
  std::int64_t batch = 1;
  /// Sizes of other symbolic dimensions by name (`{"seq", 128}`); a reference may carry them too: `model.onnx?seq=128`.
  std::map<std::string, std::int64_t> dimensions;
  /// Relative paths are looked up from here (the folder of the file that names the workload).
  std::filesystem::path base;
  /// Leave unsupported nodes out (their outputs take the first input's shape) instead of refusing the model.
  bool skip_unsupported = false;
};

/// Loads `zoo:NAME`, `*.onnx`, `*.csv` (topology: M,N,K or convolution columns, told by the header) or `*.json` (workload JSON).
/// Errors: invalid_input for what is damaged, unsupported (every unsupported node by operator, name and count) for what has no model.
Expected<std::shared_ptr<const Graph>> load(const std::string& reference, const LoadOptions& options = {});

/// The same from memory: `kind` is `onnx`, `csv` or `json`, `shown_as` the name that errors use.
Expected<std::shared_ptr<const Graph>> parse(std::string_view bytes, const std::string& kind, const std::string& shown_as,
                                             const LoadOptions& options = {});

/// Names of the built-in models with a line on each (source, input shape, MACs).
struct ZooEntry {
  std::string name;
  std::string description;
  std::string source;
};
std::vector<ZooEntry> zoo_entries();

}  // namespace gnomon::workloads
