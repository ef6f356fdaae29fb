#include "module.hpp"

#include <mutex>
#include <nlohmann/json.hpp>
#include <pybind11/stl.h>

#include "compose.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/sim/document.hpp"

namespace py = pybind11;

namespace gnomon::python {
namespace {

Expected<std::string> simulate(const std::string& design_text, const std::string& design_file, const std::string& base_folder,
                               const std::string& workload, std::int64_t batch, const std::string& mapping_text, const std::string& fidelity,
                               const std::string& model, std::uint64_t seed) {
  auto document = Document::parse(design_text, design_file);
  if (!document) return fail(std::move(document.error()));
  auto design = arch::parse_design(*document, base_folder);
  if (!design) return fail(std::move(design.error()));
  arch::EvaluationJob job;
  job.design_json = document->root().dump();
  job.base_folder = base_folder;
  const bool built_in = workload.starts_with("zoo:");
  job.workloads = {{built_in ? workload : std::filesystem::absolute(workload).string(), batch, 1.0}};
  job.fidelity = fidelity;
  job.seed = seed;
  job.mapping_json = mapping_text;
  if (!mapping_text.empty()) {
    auto mapping_document = Document::parse(mapping_text, "mapping");
    if (!mapping_document) return fail(std::move(mapping_document.error()));
    auto mapping = arch::read_mapping(*mapping_document);
    if (!mapping) return fail(std::move(mapping.error()));
  }
  if ((fidelity == "surrogate") == model.empty()) {
    return fail(ErrorKind::usage, "fidelity=\"surrogate\" and model=FILE go together");
  }
  if (!model.empty()) job.options_json = Json{{"model", model}}.dump();
  auto evaluator = evaluators().make("accelerator", fidelity);
  if (!evaluator) return fail(std::move(evaluator.error()));
  auto evaluation = (*evaluator)->evaluate(job);
  if (!evaluation) return fail(std::move(evaluation.error()));
  return sim::simulation_document(*design, job, *evaluation, workload).dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace

void bind_simulate(py::module_& module) {
  module.def(
      "simulate",
      [](const std::string& design_text, const std::string& design_file, const std::string& base_folder, const std::string& workload, std::int64_t batch,
         const std::string& mapping_text, const std::string& fidelity, const std::string& model, std::uint64_t seed) {
        // One SystemC kernel per process: calls from several threads take turns.
        static std::mutex one_at_a_time;
        Expected<std::string> result = [&]() -> Expected<std::string> {
          py::gil_scoped_release released;
          const std::lock_guard<std::mutex> guard(one_at_a_time);
          return simulate(design_text, design_file, base_folder, workload, batch, mapping_text, fidelity, model, seed);
        }();
        return value_or_raise(std::move(result));
      },
      py::arg("design_text"), py::arg("design_file"), py::arg("base_folder"), py::arg("workload"), py::arg("batch"), py::arg("mapping_text"),
      py::arg("fidelity"), py::arg("model"), py::arg("seed"));
}

}  // namespace gnomon::python
