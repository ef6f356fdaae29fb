#include <chrono>
#include <iostream>
#include <nlohmann/json.hpp>

#include "gnomon/base/text.hpp"
#include "gnomon/workloads/load.hpp"
#include "gnomon/workloads/workload_json.hpp"

// workload_dump [--batch N] [--skip] [--full] WORKLOAD...
// One JSON document a line and workload: its counts, shapes and operators, or its error. For the checks written in Python.

namespace {

using gnomon::Json;
namespace workloads = gnomon::workloads;

Json described(const workloads::Graph& graph) {
  Json out = {{"name", graph.name()},
              {"macs", graph.macs()},
              {"weights", graph.weight_elements()},
              {"activations", graph.activation_elements()},
              {"tensors", Json::object()},
              {"operators", Json::array()}};
  for (workloads::TensorId id = 0; id < graph.tensor_count(); ++id) {
    const auto& tensor = graph.tensor(id);
    out["tensors"][tensor.name] = {{"shape", tensor.shape}, {"dtype", name(tensor.dtype)}, {"constant", tensor.constant}};
  }
  for (const auto id : graph.order()) {
    const auto& op = graph.op(id);
    out["operators"].push_back({{"name", op.name}, {"type", op.type}, {"class", name(op.op_class)}, {"macs", op.macs()},
                                {"vector_ops", op.vector_ops}, {"fusible", op.fusible}});
  }
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  workloads::LoadOptions options;
  bool full = false;
  for (int i = 1; i < argc; ++i) {
    const std::string argument = argv[i];
    long long batch = 0;
    if (argument == "--batch" && i + 1 < argc && gnomon::parse_integer(argv[i + 1], batch)) {
      options.batch = batch;
      ++i;
      continue;
    }
    if (argument == "--skip") {
      options.skip_unsupported = true;
      continue;
    }
    if (argument == "--full") {
      full = true;
      continue;
    }
    const auto start = std::chrono::steady_clock::now();
    const auto graph = workloads::load(argument, options);
    const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    Json out;
    if (!graph) {
      out = {{"error", graph.error().text()}, {"exit_code", exit_code(graph.error().kind())}};
    } else {
      out = full ? workloads::write_workload(**graph) : described(**graph);
      if (!full) out["seconds"] = seconds;
    }
    std::cout << out.dump(-1, ' ', false, Json::error_handler_t::replace) << "\n";
  }
}
