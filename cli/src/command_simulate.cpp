#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/document.hpp"
#include "memory_part.hpp"
#include "reals.hpp"
#include "simulate_beside.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string design, workload, mapping, fidelity = "cycle", model;
  std::vector<std::string> beside;
  double part = 0;
  std::int64_t batch = 1;
  std::int64_t seed = 1;
  bool json = false;
};

std::string mega(double bytes) { return fmt::format("{:.3f}", bytes / 1e6); }

void print_tables(const Options& options, const arch::Evaluation& evaluation) {
  std::vector<std::vector<std::string>> rows;
  for (const arch::LayerMetrics& layer : evaluation.layers) {
    rows.push_back({layer.name, layer.op, short_number(static_cast<double>(layer.macs)), grouped(layer.latency_cycles), grouped(layer.compute_cycles),
                    grouped(layer.stall_cycles), fmt::format("{:.1f}", 100 * layer.utilization), mega(static_cast<double>(layer.dram_read_bytes)),
                    mega(static_cast<double>(layer.dram_write_bytes)), fmt::format("{:.2f}", layer.energy_pj / 1e6)});
  }
  print(table({"layer", "op", "MACs", "latency_cycles", "compute_cycles", "stall_cycles", "util %", "DRAM rd MB", "DRAM wr MB", "energy uJ"}, rows, 2));
  print(fmt::format("\nTotal of {} on {} ({}):\n", options.workload, options.design, options.fidelity));
  std::vector<std::vector<std::string>> totals;
  for (const arch::Metric& metric : evaluation.metrics) {
    const auto* interval = [&]() -> const arch::Evaluation::Interval* {
      for (const auto& entry : evaluation.intervals) {
        if (entry.name == metric.name) return &entry;
      }
      return nullptr;
    }();
    totals.push_back({metric.name, number(metric.value), interval ? fmt::format("90 % between {} and {}", number(interval->lower), number(interval->upper)) : ""});
  }
  print(table({"metric", "value", ""}, totals));
  if (!evaluation.energy_breakdown_pj.empty()) {
    double total = 0;
    for (const auto& part : evaluation.energy_breakdown_pj) total += part.second;
    std::vector<std::vector<std::string>> parts;
    for (const auto& [name, energy_pj] : evaluation.energy_breakdown_pj) {
      parts.push_back({name, fmt::format("{:.3f}", energy_pj / 1e6), fmt::format("{:.1f}", total > 0 ? 100 * energy_pj / total : 0)});
    }
    print("\n" + table({"energy in", "uJ", "%"}, parts));
  }
  if (!evaluation.in_range) std::fputs("gnomon: the design lies outside what the surrogate was trained on; its figures are a guess\n", stderr);
}

Expected<int> simulate(const Options& options) {
  if (options.design.empty() || options.workload.empty()) return fail(ErrorKind::usage, "--arch and --workload take a file's name; found an empty text");
  if (is_memory(options.design)) {
    if (options.fidelity != "cycle" || !options.mapping.empty() || options.batch != 1) return fail(ErrorKind::usage, "a memory by itself has --fidelity cycle, and neither mapping nor batch");
    if (options.part == 0 && !options.model.empty()) return fail(ErrorKind::usage, "--model corrects what a part says; give --part, the share to simulate");
    if (options.part >= 1) return fail(ErrorKind::usage, "--part of traces is below 1; without it all is simulated");
    MemoryPartOptions traces{options.design, {options.workload}, options.part, options.model, options.json};
    traces.traces.insert(traces.traces.end(), options.beside.begin(), options.beside.end());
    return simulate_traces(traces);
  }
  if (!options.beside.empty() || options.part > 0) {
    if (options.fidelity != "cycle" || !options.mapping.empty() || options.batch != 1) {
      return fail(ErrorKind::usage, "--beside and --part are for --fidelity cycle, batch 1, with mappings that gnomon chooses");
    }
    if (options.part == 0 && !options.model.empty()) return fail(ErrorKind::usage, "--model corrects what a part says; give --part, the share to simulate");
    BesideOptions together{options.design, {options.workload}, options.part, options.model, options.json};
    together.workloads.insert(together.workloads.end(), options.beside.begin(), options.beside.end());
    return simulate_beside(together);
  }
  auto design = arch::load_design(options.design);
  if (!design) return fail(std::move(design.error()));
  auto document = Document::load(options.design);
  if (!document) return fail(std::move(document.error()));
  arch::EvaluationJob job;
  job.design_json = document->root().dump();
  job.base_folder = std::filesystem::path(options.design).parent_path().string();
  // The design's folder is where the design's own paths start; a path on the command line starts here.
  const bool built_in = options.workload.starts_with("zoo:");
  job.workloads = {{built_in ? options.workload : std::filesystem::absolute(options.workload).string(), options.batch, 1.0}};
  job.fidelity = options.fidelity;
  job.seed = static_cast<std::uint64_t>(options.seed);
  if (!options.mapping.empty()) {
    auto mapping_document = Document::load(options.mapping);
    if (!mapping_document) return fail(std::move(mapping_document.error()));
    auto mapping = arch::read_mapping(*mapping_document);
    if (!mapping) return fail(std::move(mapping.error()));
    job.mapping_json = mapping_document->root().dump();
  }
  if (!options.model.empty()) job.options_json = Json{{"model", options.model}}.dump();
  if (options.fidelity == "surrogate" && options.model.empty()) {
    return fail(ErrorKind::usage, "--fidelity surrogate needs --model FILE (from `gnomon surrogate train`)");
  }
  if (options.fidelity != "surrogate" && !options.model.empty()) {
    return fail(ErrorKind::usage, "--model is for --fidelity surrogate; this run has --fidelity " + options.fidelity);
  }
  auto evaluator = evaluators().make("accelerator", options.fidelity);
  if (!evaluator) return fail(std::move(evaluator.error()));
  auto evaluation = (*evaluator)->evaluate(job);
  if (!evaluation) return fail(std::move(evaluation.error()));
  if (options.json) {
    print_json(sim::simulation_document(*design, job, *evaluation, options.workload));
  } else {
    print_tables(options, *evaluation);
  }
  return 0;
}

}  // namespace

Command simulate_command() {
  return {"simulate", "Run one workload on one design and report cycles, traffic and energy, layer by layer",
          "gnomon simulate --arch examples/designs/edge.json --workload zoo:resnet18 --fidelity cycle\n  gnomon simulate --arch ddr4-2400 --workload trace:cloud-1 --part 0.05 --model part-trace", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("--arch", options->design, "design file (JSON); or a memory (file or device), whose workloads are traces")->required();
            app.add_option("--workload", options->workload, "zoo:NAME, or a .onnx, .csv (topology) or .json file")->required();
            app.add_option("--mapping", options->mapping, "mapping file (JSON); one is chosen per layer without it");
            app.add_option("--fidelity", options->fidelity, "analytical, surrogate, cycle or rtl")->capture_default_str();
            app.add_option("--model", options->model, "surrogate model, for --fidelity surrogate; with --part, of a table of `gnomon dataset parts`");
            app.add_option("--beside", options->beside, "workload for the next core, at the same time; may come several times")->allow_extra_args(false);
            app.add_option("--part", options->part, "share of the simulation to run (0.05); the whole is told from it")->check(reals(0.0, 1.0));
            app.add_option("--batch", options->batch, "batch size")->capture_default_str()->check(CLI::Range(1, 4096));
            app.add_option("--seed", options->seed, "seed of values that the model leaves open; only fidelity rtl has such")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_flag("--json", options->json, "print one JSON document");
            return [options] { return simulate(*options); };
          }};
}

}  // namespace gnomon::cli
