#include <chrono>
#include <filesystem>

#include "cosim/build.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/layers.hpp"
#include "layers/timing.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {

bool holds_network(const Document& document) {
  const Json& root = document.root();
  return root.is_object() && root.contains("layers") && !root.contains("body") && !root.contains("loops");
}

Expected<Json> write_network_files(const Network& network, const std::filesystem::path& folder) {
  auto built = build_network(network, true);
  if (!built) return fail(std::move(built.error()));
  auto cycles = network_cycles(*built, 3, 0, 1);
  if (!cycles) return fail(std::move(cycles.error()));
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) return fail(ErrorKind::invalid_input, folder.string() + ": cannot be made: " + code.message());
  const auto rtl = folder / "network.sv", cpp = folder / "network.cpp", json = folder / "network.json";
  auto text = emit_network_cpp(network);
  if (!text) return fail(std::move(text.error()));
  if (auto done = write_file(rtl, built->rtl.text); !done) return fail(std::move(done.error()));
  if (auto done = write_file(cpp, *text); !done) return fail(std::move(done.error()));
  if (auto done = write_file(json, write_network(network).dump(2) + "\n"); !done) return fail(std::move(done.error()));
  Json out;
  out["schema"] = "gnomon.hls/1";
  out["files"] = Json::array({rtl.string(), cpp.string(), json.string()});
  out["ii"] = cycles->ii;
  out["depth_cycles"] = cycles->cycles;
  out["latency_cycles"] = cycles->cycles;
  out["schedule_verified"] = nullptr;  // no scheduler decided anything; co-simulation checks the cycles
  auto shapes = network_shapes(network);
  if (!shapes) return fail(std::move(shapes.error()));
  out["reuse_factors"] = Json::array();
  out["types"] = Json::array();
  for (const LayerShape& s : *shapes) {
    out["reuse_factors"].push_back(s.n_in > 0 ? Json(s.reuse_factor) : Json(nullptr));
    const LayerTypes& t = s.types;
    Json types{{"input", vendor_type(t.in)}, {"output", vendor_type(t.out)}};
    if (s.n_in > 0) types.update(Json{{"weight", vendor_type(t.weight)}, {"bias", vendor_type(t.bias)}, {"accum", t.accum ? Json(vendor_type(*t.accum)) : Json(nullptr)}, {"result", vendor_type(t.result)}});
    out["types"].push_back(std::move(types));
  }
  return out;
}

Expected<CosimResult> cosimulate_layers(const Network& network, const CosimOptions& options, const std::optional<Rtl>& rtl) {
  const auto start = std::chrono::steady_clock::now();
  auto cycles = network_cycles(network, 3);
  if (!cycles) return fail(std::move(cycles.error()));
  auto run = cosimulate_network(network, options, 3, rtl);
  if (!run) return fail(std::move(run.error()));
  if (!run->stuck.empty())
    return fail(ErrorKind::run_failed, "the RTL of network " + in_quotes(network.name) + " does not come to its end: " + run->stuck + (run->mismatch && !run->mismatch->trace.empty() ? "; waves: " + run->mismatch->trace : ""));
  CosimResult out;
  CosimStep step;
  step.label = network.name;
  step.figures.outputs_match = run->mismatches == 0;
  step.figures.outputs = run->outputs;
  step.figures.mismatches = run->mismatches;
  step.figures.rtl_cycles = run->rtl_cycles;
  step.figures.model_cycles = cycles->total;
  step.figures.stalls_injected = run->model_cycles - cycles->total;
  step.figures.cycle_difference = run->rtl_cycles - run->model_cycles;
  step.figures.first_mismatch = run->mismatch;
  step.replay = run->replay;
  out.total = step.figures;
  out.steps.push_back(std::move(step));
  out.rtl_top = "network";
  if (auto version = verilator_version()) out.tool = *version;
  out.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  return out;
}

}  // namespace gnomon::hls
