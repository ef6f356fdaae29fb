#include <cstdio>
#include <fstream>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/cosim.hpp"
#include "gnomon/hls/design.hpp"
#include "gnomon/hls/kernel_cosim.hpp"
#include "gnomon/hls/layers.hpp"
#include "gnomon/search/store.hpp"
#include "gnomon/search/trial.hpp"
#include "gnomon/workloads/load.hpp"
#include "reals.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string kernel, design, workload, layer, mapping, campaign, base, trace, mismatch_trace = "mismatch.fst";
  std::optional<std::uint64_t> trial;
  std::vector<std::int64_t> window;
  std::int64_t batch = 1;
  hls::CosimOptions cosim;
  bool json = false, whole = false;
};

Expected<hls::CosimResult> run_kernel(const Options& options) {
  auto document = Document::load(options.kernel);
  if (!document) return fail(std::move(document.error()));
  if (hls::holds_network(*document)) {
    auto network = hls::read_network(*document);
    if (!network) return fail(std::move(network.error()));
    return hls::cosimulate_layers(*network, options.cosim);
  }
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

Expected<hls::DesignCosim> run_whole(const Options& options) {
  auto design = arch::load_design(options.design);
  if (!design) return fail(std::move(design.error()));
  workloads::LoadOptions load;
  load.batch = options.batch;
  auto graph = workloads::load(options.workload, load);
  if (!graph) return fail(std::move(graph.error()));
  hls::DesignRequest request{*design, **graph, {}, options.cosim, {}};
  if (!options.mapping.empty()) {
    auto document = Document::load(options.mapping);
    if (!document) return fail(std::move(document.error()));
    auto mapping = arch::read_mapping(*document);
    if (!mapping) return fail(std::move(mapping.error()));
    request.mapping = std::move(*mapping);
  }
  return hls::cosimulate_design(request);
}

std::string waves(const std::string& trace) { return trace.empty() ? std::string() : "; waves: " + trace; }

bool sound(const hls::DesignCosim& run, double stall) {
  return run.outputs_match() && (stall > 0 || run.cycle_difference == 0) && (!run.replay || run.replay->mismatches == 0);
}

void print_whole(const hls::DesignCosim& run) {
  std::vector<std::vector<std::string>> rows;
  for (const hls::DesignStep& step : run.steps)
    rows.push_back({step.label, grouped(step.latency_cycles), grouped(step.model_latency_cycles), grouped(step.latency_cycles - step.model_latency_cycles)});
  rows.push_back({"total", grouped(run.rtl_cycles), grouped(run.model_cycles), grouped(run.cycle_difference)});
  print(table({"step", "rtl_cycles", "model_cycles", "cycle_difference"}, rows));
  if (run.first_mismatch)
    print(fmt::format("first mismatch: {}[{}]: expected {}, got {} (written last in cycle {}){}\n", run.first_mismatch->tensor, fmt::join(run.first_mismatch->index, "]["), run.first_mismatch->expected,
                      run.first_mismatch->got, run.first_mismatch->cycle < 0 ? "-" : std::to_string(run.first_mismatch->cycle), waves(run.first_mismatch->trace)));
  print(fmt::format("outputs_match: {} ({} elements)\ncycle_difference: {}\n", run.outputs_match(), grouped(run.outputs), run.cycle_difference));
  if (run.replay) print(fmt::format("{}: {} cycles, {} mismatches\n", run.replay->tool, grouped(run.replay->cycles), grouped(run.replay->mismatches)));
  std::fprintf(stderr, "%s, %s; %.1f s (Verilator %.1f s, compiler %.1f s, simulation %.1f s)\n", run.rtl_top.c_str(), run.tool.c_str(), run.seconds, run.verilate_seconds,
               run.compile_seconds, run.simulate_seconds);
}

/// What decides the answer, by content and not by place: the same hash on every machine.
std::string inputs(const Options& options) {
  std::string all = options.layer + "\n" + number(options.cosim.stall) + (options.cosim.system ? " system" : "") + (options.cosim.together ? " together " + join(options.cosim.rtl_cores) : "") + (options.whole ? " whole" : "") + "\n" + std::to_string(options.batch) + "\n";
  for (const std::string& file : {options.kernel, options.design, options.workload, options.mapping,
                                  options.campaign.empty() ? std::string() : (std::filesystem::path(options.campaign) / "cosim" / ("trial-" + std::to_string(options.trial.value_or(0))) / "design.json").string()}) {
    const auto content = file.empty() || file.starts_with("zoo:") ? Expected<std::string>(file) : read_file(file, std::size_t{2} << 30);
    all += (content ? *content : file) + "\n";
  }
  return all;
}

void print_together(const hls::CosimTogether& together) {
  std::vector<std::vector<std::string>> lines;
  for (const hls::CosimTogether::Step& s : together.steps)
    lines.push_back({s.label, s.core, s.rtl ? "RTL" : "model", grouped(s.start_cycle), grouped(s.model_start_cycle), grouped(s.latency_cycles), grouped(s.model_latency_cycles), grouped(s.mismatches)});
  print("\nAll steps in one SystemC system:\n" + table({"step", "core", "array", "start_cycle", "model_start", "latency_cycles", "model_latency", "mismatches"}, lines));
  print(fmt::format("latency_cycles: {}, the models say {}; agrees: {}\n", grouped(together.latency_cycles), grouped(together.model_latency_cycles),
                    together.agrees ? "yes" : "no (" + together.difference + ")"));
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
  for (const hls::CosimStep& step : result.steps)
    if (step.replay) print(fmt::format("{} in {}: {} cycles, {} mismatches\n", step.label, step.replay->tool, grouped(step.replay->cycles), grouped(step.replay->mismatches)));
  if (result.total.first_mismatch) {
    const hls::Mismatch& at = *result.total.first_mismatch;
    // A kernel's says its place in `step`.
    std::string place = at.index.empty() ? fmt::format(" product {}, row {}, column {}", at.g, at.m, at.n) : std::string();
    for (const auto& [loop, value] : at.loops) place += fmt::format("{}{} = {}", &loop == &at.loops.front().first ? ", loops " : ", ", loop, value);
    print(fmt::format("first mismatch: {}{}: expected {}, got {} (cycle {}){}\n", at.step, place, at.expected, at.got, at.cycle < 0 ? "-" : std::to_string(at.cycle), waves(at.trace)));
  }
  std::vector<std::vector<std::string>> systems;
  for (const hls::CosimStep& step : result.steps) {
    if (!step.system) continue;
    const hls::CosimSystem& s = *step.system;
    systems.push_back({step.label, grouped(s.latency_cycles), grouped(s.model_latency_cycles), grouped(s.rtl_cycles), grouped(s.model_cycles), grouped(s.held_cycles),
                       grouped(s.waited_cycles), s.agrees ? "yes" : "no" + (s.difference.empty() ? "" : " (" + s.difference + ")")});
  }
  if (!systems.empty()) print("\nIn the SystemC system:\n" + table({"step", "latency_cycles", "model_latency", "rtl_cycles", "model_cycles", "held", "waited", "agrees"}, systems));
  if (result.together) print_together(*result.together);
  print(fmt::format("outputs_match: {}\ncycle_difference: {}\n", result.total.outputs_match, result.total.cycle_difference));
  std::fprintf(stderr, "%s, %s; %.1f s (Verilator %.1f s, compiler %.1f s)\n", result.rtl_top.c_str(), result.tool.c_str(), result.seconds, result.verilate_seconds,
               result.compile_seconds);
}

/// What the store keeps of a co-simulation of a trial: of its `kernel`, of its `array` (sums over the steps), or of the `whole` design. results.json has it in full.
Json stored_row(const std::string& kind, const std::string& workload, const Options& options, const Json& row) {
  Json out;
  out["kind"] = kind;
  out["workload"] = workload;
  out["layer"] = options.layer.empty() ? Json(nullptr) : Json(options.layer);
  out["stall"] = options.cosim.stall;
  out["seed"] = options.cosim.seed;
  for (const char* key : {"outputs_match", "outputs", "mismatches", "first_mismatch", "rtl_cycles", "model_cycles", "cycle_difference",
                          "stalls_injected", "rtl", "tool"})
    out[key] = row.at(key);
  return out;
}

/// The same of a workload on arrays in RTL among the models of all else.
Json together_row(const std::string& workload, const Options& options, const hls::CosimResult& run, const Json& entry) {
  Json row = hls::cosim_document(run);
  row["rtl_cycles"] = run.together->latency_cycles;
  row["model_cycles"] = run.together->model_latency_cycles;
  row["cycle_difference"] = run.together->latency_cycles - run.together->model_latency_cycles;
  std::int64_t outputs = 0, mismatches = 0, stalls = 0;
  for (const hls::CosimTogether::Step& step : run.together->steps) {
    outputs += step.outputs;
    mismatches += step.mismatches;
    stalls += step.stalls_injected;
  }
  row["outputs_match"] = mismatches == 0;
  row["outputs"] = outputs;
  row["mismatches"] = mismatches;
  row["stalls_injected"] = stalls;
  Json out = stored_row("together", workload, options, row);
  for (const char* key : {"in_rtl", "in_models"}) out[key] = entry.at(key);
  return out;
}

/// Adds a step of one workload to the sums over all.
void add(hls::CosimResult& total, hls::CosimResult&& one, const std::string& prefix) {
  for (hls::CosimStep& step : one.steps) {
    step.label = prefix + step.label;
    total.steps.push_back(std::move(step));
  }
  const hls::CosimFigures& f = one.total;
  total.total.outputs_match = total.total.outputs_match && f.outputs_match;
  total.total.outputs += f.outputs;
  total.total.mismatches += f.mismatches;
  if (!total.total.first_mismatch) total.total.first_mismatch = f.first_mismatch;
  total.total.rtl_cycles += f.rtl_cycles;
  total.total.model_cycles += f.model_cycles;
  total.total.stalls_injected += f.stalls_injected;
  total.total.cycle_difference += f.cycle_difference;
  total.rtl_top = one.rtl_top;
  total.tool = one.tool;
  total.verilate_seconds += one.verilate_seconds;
  total.compile_seconds += one.compile_seconds;
  total.seconds += one.seconds;
}

/// Of the waves that a trial's folder gets of every run.
constexpr std::int64_t opening_cycles = 512;

/// A kernel's trial: its RTL, C++, testbench, waves and results go to DIR/cosim/trial-N, the figures into the store's own table.
Expected<hls::CosimResult> run_kernel_trial(const Options& options, const search::StoredJob& stored, const std::filesystem::path& folder, Json& document) {
  if (options.cosim.system || !options.layer.empty())
    return fail(ErrorKind::usage, "trial " + std::to_string(*options.trial) + " is a kernel, which has no layers and no system around it; --layer and --system go with trials of accelerators");
  auto text = Document::parse(stored.job.design_json, "kernel of trial " + std::to_string(*options.trial));
  if (!text) return fail(std::move(text.error()));
  auto kernel = hls::read_kernel(*text);
  if (!kernel) return fail(std::move(kernel.error()));
  auto compiled = hls::compile(*kernel);
  if (!compiled) return fail(std::move(compiled.error()));
  if (auto files = hls::write_compiled(*compiled, folder); !files) return fail(std::move(files.error()));
  hls::CosimOptions cosim = options.cosim;
  cosim.artifacts = folder / "testbench";
  cosim.opening_cycles = opening_cycles;
  auto result = hls::cosimulate_compiled(*compiled, cosim);
  if (!result) return fail(std::move(result.error()));
  document = hls::cosim_document(*result);
  document["campaign"] = options.campaign;
  document["trial"] = *options.trial;
  document["parameters"] = Json::parse(stored.parameters_json);
  document["folder"] = folder.string();
  if (auto done = write_file(folder / "results.json", document.dump(2) + "\n"); !done) return fail(std::move(done.error()));
  auto store = search::Store::open(options.campaign);
  if (!store) return fail(std::move(store.error()));
  if (auto done = store->add_cosim(*options.trial, stored_row("kernel", kernel->name, options, hls::cosim_document(*result)).dump()); !done) return fail(std::move(done.error()));
  return result;
}

/// Design, RTL, shim, C++ of the products, testbenches, waves and results go to DIR/cosim/trial-N, the figures into the store's own table.
Expected<hls::CosimResult> run_trial(const Options& options, Json& document, bool& all_sound) {
  auto stored = search::stored_job(options.campaign, *options.trial, "rtl", options.base);
  if (!stored) return fail(std::move(stored.error()));
  if (stored->state != "done" && stored->state != "failed")
    return fail(ErrorKind::invalid_input, "trial " + std::to_string(*options.trial) + " is " + stored->state + "; a finished one is needed");
  const arch::EvaluationJob& job = stored->job;
  const std::filesystem::path folder = std::filesystem::path(options.campaign) / "cosim" / ("trial-" + std::to_string(*options.trial));
  if (job.subject == "kernel") return run_kernel_trial(options, *stored, folder, document);
  auto design_document = Document::parse(job.design_json, "design of trial " + std::to_string(*options.trial));
  if (!design_document) return fail(std::move(design_document.error()));
  auto design = arch::parse_design(*design_document);
  if (!design) return fail(std::move(design.error()));
  std::error_code made;
  std::filesystem::create_directories(folder, made);
  if (auto done = write_file(folder / "design.json", Json::parse(job.design_json).dump(2) + "\n"); !done) return fail(std::move(done.error()));

  hls::CosimOptions cosim = options.cosim;
  cosim.artifacts = folder / "rtl";
  cosim.opening_cycles = opening_cycles;
  // A trace is of the named layer, or of the whole design.
  if (options.layer.empty()) cosim.trace.clear();
  hls::CosimResult total;
  std::vector<Json> rows;
  Json whole = Json::array();
  for (const arch::WorkloadRef& workload : job.workloads) {
    workloads::LoadOptions load;
    load.batch = workload.batch;
    auto graph = workloads::load(workload.model, load);
    if (!graph) return fail(std::move(graph.error()));
    Json entry;
    hls::CosimOptions arrays = cosim;
    if (options.layer.empty()) {
      // The whole design, where it has RTL.
      hls::CosimOptions complete = options.cosim;
      complete.system = false;
      complete.opening_cycles = opening_cycles;
      if (job.workloads.size() > 1 && !options.trace.empty()) return fail(ErrorKind::usage, "a trace is of one run, and " + std::to_string(job.workloads.size()) + " workloads would run on the whole design; leave out --trace, the trial's folder gets the first cycles of each");
      complete.artifacts = folder / (job.workloads.size() > 1 ? "whole-" + std::to_string(whole.size()) : "whole");
      auto run = hls::cosimulate_design({*design, **graph, {}, complete, {}});
      if (!run && (run.error().kind() != ErrorKind::unsupported || !options.trace.empty())) return fail(std::move(run.error()));
      entry = run ? hls::design_cosim_document(*run) : Json{{"whole", false}, {"unsupported", run.error().text()}};
      entry["workload"] = workload.model;
      if (run) rows.push_back(stored_row("whole", workload.model, options, entry));
      if (!run) std::fprintf(stderr, "%s: no complete RTL: %s\n", workload.model.c_str(), run.error().text().c_str());
      if (run && !options.json) print_whole(*run);
      all_sound = all_sound && (!run || sound(*run, options.cosim.stall));
      // Without it, RTL in the place of all arrays in one SystemC system with levels, links and the memory.
      arrays.together = !run;
    }
    auto result = hls::cosimulate({*design, **graph, options.layer, {}, arrays});
    if (!result && arrays.together && result.error().kind() == ErrorKind::unsupported) {
      entry["together_unsupported"] = result.error().text();
      arrays.together = false;
      result = hls::cosimulate({*design, **graph, options.layer, {}, arrays});
    }
    if (!result) return fail(std::move(result.error()));
    rows.push_back(stored_row("array", workload.model, options, hls::cosim_document(*result)));
    if (result->together) {
      entry["in_rtl"] = Json::array();
      for (const arch::Core& core : design->cores) entry["in_rtl"].push_back("array of core " + core.name);
      entry["in_models"] = {"levels", "links", "memory (" + design->memory.type + ")", "vector work"};
      entry["together"] = hls::cosim_document(*result).at("together");
      rows.push_back(together_row(workload.model, options, *result, entry));
      std::fprintf(stderr, "%s: in RTL: %s; as models: %s\n", workload.model.c_str(), join(entry["in_rtl"].get<std::vector<std::string>>()).c_str(), join(entry["in_models"].get<std::vector<std::string>>()).c_str());
      if (!options.json) print_together(*result->together);
      all_sound = all_sound && result->together->agrees;
    }
    if (options.layer.empty()) whole.push_back(std::move(entry));
    add(total, std::move(*result), job.workloads.size() > 1 ? workload.model + ":" : "");
  }
  document = hls::cosim_document(total);
  document["campaign"] = options.campaign;
  document["trial"] = *options.trial;
  document["parameters"] = Json::parse(stored->parameters_json);
  document["folder"] = folder.string();
  document["whole"] = std::move(whole);
  if (auto done = write_file(folder / "results.json", document.dump(2) + "\n"); !done) return fail(std::move(done.error()));
  auto store = search::Store::open(options.campaign);
  if (!store) return fail(std::move(store.error()));
  for (const Json& row : rows)
    if (auto done = store->add_cosim(*options.trial, row.dump()); !done) return fail(std::move(done.error()));
  return total;
}

Expected<int> cosim(const Options& options) {
  if (!options.window.empty() && (options.trace.empty() || options.window[0] < 0 || options.window[1] <= options.window[0]))
    return fail(ErrorKind::usage, "--trace-cycles FROM TO goes with --trace and needs 0 <= FROM < TO");
  const int sources = (options.kernel.empty() ? 0 : 1) + (options.design.empty() && options.workload.empty() ? 0 : 1) + (options.campaign.empty() ? 0 : 1);
  if (sources != 1) return fail(ErrorKind::usage, "give one of --kernel K.json, --arch DESIGN.json with --workload W, or --campaign DIR with --trial N");
  if (options.campaign.empty() == options.trial.has_value()) return fail(ErrorKind::usage, "--campaign DIR and --trial N go together");
  if (!options.campaign.empty() && !options.mapping.empty()) return fail(ErrorKind::usage, "--mapping goes with --arch and --workload, not with --campaign");
  if (!options.kernel.empty() && (!options.layer.empty() || !options.mapping.empty() || options.cosim.system)) return fail(ErrorKind::usage, "--layer, --mapping and --system go with --arch and --workload, not with --kernel");
  if (!options.cosim.trace.empty() && !std::ofstream(options.cosim.trace, std::ios::app)) {
    return fail(ErrorKind::invalid_input, options.cosim.trace.string() + ": cannot be written");
  }
  if (options.campaign.empty() && options.kernel.empty() && (options.design.empty() || options.workload.empty())) return fail(ErrorKind::usage, "--arch and --workload go together");
  if (options.cosim.together && (options.design.empty() || !options.layer.empty() || options.whole)) return fail(ErrorKind::usage, "--together goes with --arch and --workload, without --layer and --whole");
  if (!options.cosim.rtl_cores.empty() && !options.cosim.together) return fail(ErrorKind::usage, "--rtl-core goes with --together");
  if (options.whole && (options.design.empty() || !options.layer.empty() || options.cosim.system))
    return fail(ErrorKind::usage, "--whole goes with --arch and --workload, without --layer and --system");
  if (options.whole) {
    auto run = run_whole(options);
    if (!run) return fail(std::move(run.error()));
    if (options.json) {
      Json whole = hls::design_cosim_document(*run);
      whole["provenance"] = provenance(inputs(options), options.cosim.seed);
      print_json(whole);
    } else {
      print_whole(*run);
    }
    return sound(*run, options.cosim.stall) ? 0 : 1;
  }
  Json document;
  bool all_sound = true;
  auto result = !options.campaign.empty() ? run_trial(options, document, all_sound) : options.kernel.empty() ? run_layer(options) : run_kernel(options);
  if (!result) return fail(std::move(result.error()));
  if (options.json) {
    if (document.is_null()) document = hls::cosim_document(*result);
    if (!document.contains("schema")) document["schema"] = "gnomon.cosim/1";
    document["provenance"] = provenance(inputs(options), options.cosim.seed);
    print_json(document);
  } else {
    print_result(*result);
  }
  all_sound = all_sound && result->total.outputs_match && result->total.cycle_difference == 0;
  all_sound = all_sound && (!result->together || result->together->agrees);
  for (const hls::CosimStep& step : result->steps) all_sound = all_sound && (!step.system || step.system->agrees) && (!step.replay || step.replay->mismatches == 0);
  return all_sound ? 0 : 1;
}

}  // namespace

Command cosim_command() {
  return {"cosim", "Run generated RTL in Verilator against the models: outputs bit by bit, cycles at the handshakes",
          "gnomon cosim --arch examples/designs/edge-os.json --workload zoo:resnet18 --layer layer4.1.conv2", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("--kernel", options->kernel, "kernel file, or network of layers (JSON)");
            app.add_option("--arch", options->design, "design file (JSON)");
            app.add_option("--workload", options->workload, "zoo:NAME, or a .onnx, .csv (topology) or .json file");
            app.add_option("--layer", options->layer, "one layer's name; all array layers without it");
            app.add_option("--mapping", options->mapping, "mapping file (JSON); one is chosen per layer without it");
            app.add_option("--batch", options->batch, "batch size")->capture_default_str()->check(CLI::Range(1, 4096));
            app.add_option("--campaign", options->campaign, "folder of a campaign");
            app.add_option("--trial", options->trial, "number of a trial of that campaign; RTL, C++, testbench, waves and results go to DIR/cosim/trial-N, figures into its store");
            app.add_option("--base", options->base, "folder of the campaign file, where its workload files are looked up");
            app.add_option("--stall", options->cosim.stall, "chance per port and cycle that data is held back, 0 to 0.9")->check(reals(0.0, 0.9))->capture_default_str();
            app.add_option("--seed", options->cosim.seed, "seed of values and stalls")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--max-cycles", options->cosim.max_cycles, "RTL cycles that one step may take")->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 40))->capture_default_str();
            app.add_option("--trace-cycles", options->window, "FROM TO: cycles after reset that the trace shows; all without it")->expected(2);
            app.add_flag("--icarus", options->cosim.icarus, "replay the first 2000 cycles of each step, kernel or whole design in Icarus Verilog too");
            app.add_flag("--system", options->cosim.system, "run each step once more with the RTL in the SystemC system of levels, ports, links and memory");
            app.add_flag("--together", options->cosim.together, "run all steps in one SystemC system too, RTL in the place of the arrays: cores side by side, memory and links shared");
            app.add_option("--rtl-core", options->cosim.rtl_cores, "with --together: a core whose array is RTL, the others' are models (may be repeated); all without it");
            app.add_flag("--whole", options->whole, "run the whole workload on RTL of the whole design: levels, transfers, sequencer and vector unit too");
            app.add_option("--trace", options->trace, "write every signal to this FST file (one layer, kernel or whole design)");
            app.add_option("--mismatch-trace", options->mismatch_trace, "where outputs differ or RTL gets stuck: FST file of the 64 cycles before and behind; a trial's goes to its folder")->capture_default_str();
            app.add_flag("--json", options->json, "print one JSON document");
            return [options] {
              options->cosim.trace = options->trace;
              options->cosim.mismatch_trace = options->mismatch_trace;
              if (options->window.size() == 2) {
                options->cosim.trace_from = options->window[0];
                options->cosim.trace_to = options->window[1];
              }
              return cosim(*options);
            };
          }};
}

}  // namespace gnomon::cli
