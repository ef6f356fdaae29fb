#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/compile.hpp"
#include "gnomon/hls/layers.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string kernel, out;
  bool json = false;
};

Expected<int> write_network(const Document& document, const Options& options) {
  auto network = hls::read_network(document);
  if (!network) return fail(std::move(network.error()));
  auto result = hls::write_network_files(*network, options.out);
  if (!result) return fail(std::move(result.error()));
  if (options.json) {
    (*result)["provenance"] = provenance(document.root().dump(), 1);
    print_json(*result);
    return 0;
  }
  print(fmt::format("ii: {}\nlatency_cycles: {}\n", (*result)["ii"].get<std::int64_t>(), (*result)["latency_cycles"].get<std::int64_t>()));
  for (const auto& file : (*result)["files"]) print(file.get<std::string>() + "\n");
  return 0;
}

Expected<int> compile_kernel(const Options& options) {
  auto document = Document::load(options.kernel);
  if (!document) return fail(std::move(document.error()));
  if (hls::holds_network(*document)) return write_network(*document, options);
  auto kernel = hls::read_kernel(*document);
  if (!kernel) return fail(std::move(kernel.error()));
  auto compiled = hls::compile(*kernel);
  if (!compiled) return fail(std::move(compiled.error()));
  auto result = hls::write_compiled(*compiled, options.out);
  if (!result) return fail(std::move(result.error()));
  if (options.json) {
    const auto content = read_file(options.kernel);
    (*result)["provenance"] = provenance(content ? *content : options.kernel, 1);
    print_json(*result);
    return 0;
  }
  std::vector<std::vector<std::string>> rows;
  for (const hls::PipelineReport& p : compiled->pipelines)
    rows.push_back({p.process, p.loops.empty() ? "-" : join(p.loops, " "), p.loops.empty() ? "-" : std::to_string(p.ii), std::to_string(p.resource_min_ii),
                    std::to_string(p.recurrence_min_ii), std::to_string(p.depth_cycles)});
  print(table({"process", "pipelined loops", "ii", "resource_min_ii", "recurrence_min_ii", "depth_cycles"}, rows));
  if (!compiled->units.empty()) {
    rows.clear();
    for (const hls::UnitReport& u : compiled->units)
      rows.push_back({u.process, u.op, fmt::format("{} x {}", u.left_bits, u.right_bits), std::to_string(u.latency_cycles), std::to_string(u.operations)});
    print(table({"process", "unit", "bits", "latency_cycles", "operations"}, rows));
  }
  rows.clear();
  for (const hls::MemoryReport& m : compiled->memories)
    rows.push_back({m.tensor, m.storage, std::to_string(m.banks), fmt::format("{} x {}", m.bank_elements, m.bits), m.read_ports > 0 ? std::to_string(m.read_ports) : "-"});
  print(table({"tensor", "storage", "banks", "elements x bits", "read_ports"}, rows));
  print(fmt::format("registers: {} of {} bits together, for {} values\n", compiled->registers, compiled->register_bits, compiled->kept_values));
  print(fmt::format("ii: {}\ndepth_cycles: {}\nlatency_cycles: {}\nschedule_verified: {}\n", compiled->ii, compiled->depth_cycles, compiled->latency_cycles,
                    compiled->schedule_verified));
  for (const auto& file : (*result)["files"]) print(file.get<std::string>() + "\n");
  return 0;
}

}  // namespace

Command hls_command() {
  return {"hls", "Compile a kernel to SystemVerilog and HLS C++, with a checked schedule", "gnomon hls --kernel examples/kernels/fir.json --out build/fir",
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("--kernel", options->kernel, "kernel file, or network of layers (JSON)")->required();
            app.add_option("--out", options->out, "folder that the files are written to")->required();
            app.add_flag("--json", options->json, "print one JSON document");
            return [options] { return compile_kernel(*options); };
          }};
}

}  // namespace gnomon::cli
