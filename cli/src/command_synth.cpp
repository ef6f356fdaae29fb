#include <algorithm>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel_synth.hpp"
#include "gnomon/hls/layers.hpp"
#include "gnomon/hls/synth.hpp"
#include "gnomon/search/trial.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string kernel, design, workload, layer, mapping, campaign, base;
  std::optional<std::uint64_t> trial;
  int jobs = 0;
  hls::SynthOptions synth;
  bool no_timing = false, json = false;
};

/// The compiled kernel, or the array that its directives ask for.
Expected<hls::SynthResult> synthesise_kernel(const Document& document, const Options& options) {
  auto kernel = hls::read_kernel(document);
  if (!kernel) return fail(std::move(kernel.error()));
  return hls::synthesise(*kernel, options.synth);
}

Expected<hls::SynthResult> run_kernel(const Options& options, std::string& inputs) {
  auto document = Document::load(options.kernel);
  if (!document) return fail(std::move(document.error()));
  inputs = document->root().dump();
  if (!hls::holds_network(*document)) return synthesise_kernel(*document, options);
  auto network = hls::read_network(*document);
  if (!network) return fail(std::move(network.error()));
  return hls::synthesise(*network, options.synth);
}

Expected<hls::SynthResult> run_design(const Options& options, std::string& inputs) {
  Expected<arch::Design> design = arch::Design{};
  if (!options.campaign.empty()) {
    auto stored = search::stored_job(options.campaign, *options.trial, "rtl", options.base);
    if (!stored) return fail(std::move(stored.error()));
    inputs = stored->job.design_json;
    auto document = Document::parse(inputs, "design of trial " + std::to_string(*options.trial));
    if (!document) return fail(std::move(document.error()));
    if (stored->job.subject == "kernel") return synthesise_kernel(*document, options);
    design = arch::parse_design(*document);
  } else {
    design = arch::load_design(options.design);
    if (design) inputs = design->resolved_json;
  }
  if (!design) return fail(std::move(design.error()));
  return hls::synthesise(*design, options.synth);
}

std::string shown(const std::optional<double>& value) { return value ? number(*value) : "-"; }

void print_result(const hls::SynthResult& result) {
  std::vector<std::vector<std::string>> rows;
  const auto row = [&](const std::string& name, std::int64_t count, const hls::SynthFigures& f) {
    rows.push_back({name, grouped(count), shown(f.lut), shown(f.ff), shown(f.dsp), shown(f.bram), f.area_um2 ? fmt::format("{:.0f}", *f.area_um2) : "-", grouped(f.cell_count)});
  };
  for (const hls::SynthBlock& block : result.blocks) row(block.name, block.count, block.each);
  row("total", 1, result.total);
  print(table({"block", "times", "lut", "ff", "dsp", "bram", "area_um2", "cell_count"}, rows));
  print(fmt::format("target: {}, {}, {}\nfmax_mhz: {}{}\n", result.target, result.tool, result.mode, result.fmax_mhz ? fmt::format("{:.1f}", *result.fmax_mhz) : "unknown",
                    result.timing_tool.empty() ? "" : " (" + result.timing_tool + ")"));
  if (result.power_mw) print(fmt::format("power_mw: {:.2f} at fmax, default activity\n", *result.power_mw));
  for (const std::string& note : result.notes) std::fprintf(stderr, "gnomon: %s\n", note.c_str());
  std::fprintf(stderr, "%.1f s\n", result.seconds);
}

Expected<int> synth(const Options& options) {
  const int sources = (options.kernel.empty() ? 0 : 1) + (options.design.empty() ? 0 : 1) + (options.campaign.empty() ? 0 : 1);
  if (sources != 1) return fail(ErrorKind::usage, "give one of --kernel K.json, --arch DESIGN.json, or --campaign DIR with --trial N");
  if (options.synth.complete && !options.kernel.empty()) return fail(ErrorKind::usage, "--complete is for designs; a kernel's RTL is complete");
  if (options.campaign.empty() == options.trial.has_value()) return fail(ErrorKind::usage, "--campaign DIR and --trial N go together");
  Options run = options;
  run.synth.timing = !options.no_timing;
  run.synth.jobs = options.jobs > 0 ? options.jobs : static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::string inputs;
  auto result = run.kernel.empty() ? run_design(run, inputs) : run_kernel(run, inputs);
  if (!result) return fail(std::move(result.error()));
  if (options.json) {
    Json document = hls::synth_document(*result);
    document["provenance"] = provenance(inputs + "\n" + options.synth.target + (options.synth.complete ? " complete" : "") + (options.synth.flat ? " flat" : ""), 0);
    print_json(document);
  } else {
    print_result(*result);
  }
  return 0;
}

}  // namespace

Command synth_command() {
  return {"synth", "Synthesise a kernel or a design by yosys and report its resources", "gnomon synth --arch examples/designs/edge-os.json --target xcup",
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("--kernel", options->kernel, "kernel file, or network of layers (JSON)");
            app.add_option("--arch", options->design, "design file (JSON)");
            app.add_option("--workload", options->workload, "accepted as by cosim; resources do not depend on it");
            app.add_option("--layer", options->layer, "accepted as by cosim; resources do not depend on it");
            app.add_option("--mapping", options->mapping, "accepted as by cosim; resources do not depend on it");
            app.add_option("--campaign", options->campaign, "folder of a campaign");
            app.add_option("--trial", options->trial, "number of a trial of that campaign");
            app.add_option("--base", options->base, "folder of the campaign file, where its workload files are looked up");
            app.add_option("--target", options->synth.target, "xcup, xc7, ice40 or osu018")->required()->check(CLI::IsMember(hls::synth_targets()));
            app.add_option("--jobs", options->jobs, "blocks at a time; default one per processor")->check(CLI::Range(1, 64));
            app.add_flag("--flat", options->synth.flat, "one flat run over the array, or with --complete over array and control, instead of blocks composed");
            app.add_flag("--complete", options->synth.complete, "of a design: with the control of its complete RTL (minutes the first time)");
            app.add_flag("--no-timing", options->no_timing, "no place and route or static timing; fmax stays unknown");
            app.add_flag("--json", options->json, "print one JSON document");
            return [options] { return synth(*options); };
          }};
}

}  // namespace gnomon::cli
