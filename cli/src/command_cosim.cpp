#include <cstdio>
#include <fstream>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/kernel_cosim.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string kernel, design, workload, layer, mapping, campaign, trace, cache;
  std::optional<std::uint64_t> trial;
  std::int64_t batch = 1;
  hls::CosimOptions cosim;
  bool json = false;
};

Expected<hls::CosimResult> run_kernel(const Options& options) {
  auto document = Document::load(options.kernel);
  if (!document) return fail(std::move(document.error()));
  auto kernel = hls::read_kernel(*document);
  if (!kernel) return fail(std::move(kernel.error()));
  if (!kernel->directives.array.empty()) return hls::cosimulate(*kernel, options.cosim);
  auto compiled = hls::compile(*kernel);
  if (!compiled) return fail(std::move(compiled.error()));
  return hls::cosimulate_compiled(*compiled, options.cosim);
}

Expected<hls::CosimResult> run_layer(const Options& options) {
  auto design = arch::load_design(options.design);
  if (!design) return fail(std::move(design.error()));
  workloads::LoadOptions load;
  load.batch = options.batch;
  auto graph = workloads::load(options.workload, load);
  if (!graph) return fail(std::move(graph.error()));
  hls::CosimRequest request{*design, **graph, options.layer, {}, options.cosim};
  if (!options.mapping.empty()) {
    auto document = Document::load(options.mapping);
    if (!document) return fail(std::move(document.error()));
    auto mapping = arch::read_mapping(*document);
    if (!mapping) return fail(std::move(mapping.error()));
    request.mapping = std::move(*mapping);
  }
  return hls::cosimulate(request);
}

/// What decides the answer, by content and not by place: the same hash on every machine.
std::string inputs(const Options& options) {
  std::string all = options.layer + "\n" + number(options.cosim.stall) + "\n" + std::to_string(options.batch) + "\n";
  for (const std::string& file : {options.kernel, options.design, options.workload, options.mapping}) {
    const auto content = file.empty() || file.starts_with("zoo:") ? Expected<std::string>(file) : read_file(file, std::size_t{2} << 30);
    all += (content ? *content : file) + "\n";
  }
  return all;
}

void print_result(const hls::CosimResult& result) {
  std::vector<std::vector<std::string>> rows;
  const auto add = [&rows](const std::string& label, std::int64_t repeats, const hls::CosimFigures& figures) {
    rows.push_back({label, std::to_string(repeats), grouped(figures.outputs), grouped(figures.mismatches), grouped(figures.rtl_cycles), grouped(figures.model_cycles),
                    grouped(figures.stalls_injected), grouped(figures.cycle_difference)});
  };
  for (const hls::CosimStep& step : result.steps) add(step.label, step.repeats, step.figures);
  if (result.steps.size() != 1) add("total", 1, result.total);
  print(table({"step", "times", "outputs", "mismatches", "rtl_cycles", "model_cycles", "stalls_injected", "cycle_difference"}, rows));
  if (result.total.first_mismatch) {
    const hls::Mismatch& at = *result.total.first_mismatch;
    print(fmt::format("first mismatch: {} product {}, row {}, column {}: expected {}, got {}\n", at.step, at.g, at.m, at.n, at.expected, at.got));
  }
  print(fmt::format("outputs_match: {}\ncycle_difference: {}\n", result.total.outputs_match, result.total.cycle_difference));
  std::fprintf(stderr, "%s, %s; %.1f s (Verilator %.1f s, compiler %.1f s)\n", result.rtl_top.c_str(), result.tool.c_str(), result.seconds, result.verilate_seconds,
               result.compile_seconds);
}

Expected<int> cosim(const Options& options) {
  const int sources = (options.kernel.empty() ? 0 : 1) + (options.design.empty() && options.workload.empty() ? 0 : 1) + (options.campaign.empty() ? 0 : 1);
  if (sources != 1) return fail(ErrorKind::usage, "give one of --kernel K.json, --arch DESIGN.json with --workload W, or --campaign DIR with --trial N");
  if (!options.campaign.empty() || options.trial) {
    return fail(ErrorKind::unsupported, "cosim of a campaign's trial is not built in this version; give its design with --arch and --workload");
  }
  if (!options.kernel.empty() && (!options.layer.empty() || !options.mapping.empty())) return fail(ErrorKind::usage, "--layer and --mapping go with --arch and --workload, not with --kernel");
  if (!options.cosim.trace.empty() && !std::ofstream(options.cosim.trace, std::ios::app)) {
    return fail(ErrorKind::invalid_input, options.cosim.trace.string() + ": cannot be written");
  }
  if (options.kernel.empty() && (options.design.empty() || options.workload.empty())) return fail(ErrorKind::usage, "--arch and --workload go together");
  auto result = options.kernel.empty() ? run_layer(options) : run_kernel(options);
  if (!result) return fail(std::move(result.error()));
  if (options.json) {
    Json document = hls::cosim_document(*result);
    if (!document.contains("schema")) document["schema"] = "gnomon.cosim/1";
    document["provenance"] = provenance(inputs(options), options.cosim.seed);
    print_json(document);
  } else {
    print_result(*result);
  }
  return result->total.outputs_match && result->total.cycle_difference == 0 ? 0 : 1;
}

}  // namespace

Command cosim_command() {
  return {"cosim", "Run generated RTL in Verilator against the models: outputs bit by bit, cycles at the handshakes",
          "gnomon cosim --arch examples/designs/edge-os.json --workload zoo:resnet18 --layer layer4.1.conv2", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("--kernel", options->kernel, "kernel file (JSON)");
            app.add_option("--arch", options->design, "design file (JSON)");
            app.add_option("--workload", options->workload, "zoo:NAME, or a .onnx, .csv (topology) or .json file");
            app.add_option("--layer", options->layer, "one layer's name; all array layers without it");
            app.add_option("--mapping", options->mapping, "mapping file (JSON); one is chosen per layer without it");
            app.add_option("--batch", options->batch, "batch size")->capture_default_str()->check(CLI::Range(1, 4096));
            app.add_option("--campaign", options->campaign, "folder of a campaign");
            app.add_option("--trial", options->trial, "number of a trial of that campaign");
            app.add_option("--stall", options->cosim.stall, "chance per stream and cycle that data is held back, 0 to 0.9")->check(CLI::Range(0.0, 0.9))->capture_default_str();
            app.add_option("--seed", options->cosim.seed, "seed of values and stalls")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--max-cycles", options->cosim.max_cycles, "RTL cycles that one step may take")->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))->capture_default_str();
            app.add_option("--trace", options->trace, "write every signal to this FST file (one layer or kernel)");
            app.add_flag("--json", options->json, "print one JSON document");
            return [options] {
              options->cosim.trace = options->trace;
              return cosim(*options);
            };
          }};
}

}  // namespace gnomon::cli
