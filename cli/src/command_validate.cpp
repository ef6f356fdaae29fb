#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "compose.hpp"
#include "console.hpp"
#include "gnomon/arch/design.hpp"
#include "gnomon/arch/mapping.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"
#include "gnomon/hls/layers.hpp"
#include "gnomon/search/campaign.hpp"
#include "gnomon/workloads/load.hpp"

namespace gnomon::cli {
namespace {

/// What kind of file it is, by what it holds: each kind has keys that no other has.
std::string kind_of(const Json& root) {
  const auto has = [&root](const char* key) { return root.is_object() && root.contains(key); };
  if (has("objectives") || has("space") || has("budget") || has("agent")) return "campaign";
  if (has("cores")) return "design";
  if (has("steps")) return "mapping";
  if (has("operators")) return "workload";
  if (has("layers") && !has("body") && !has("loops")) return "network";
  if (has("body") || has("loops") || has("nest")) return "kernel";
  if (has("standard") || has("address_mapping")) return "memory";
  return "";
}

Expected<std::string> check(const std::string& file) {
  const std::string extension = std::filesystem::path(file).extension().string();
  if (extension == ".onnx" || extension == ".csv" || file.starts_with("zoo:")) {
    auto graph = workloads::load(file);
    if (!graph) return fail(std::move(graph.error()));
    return fmt::format("workload: {} operators, {} MACs, {} weights", (*graph)->operator_count(), grouped((*graph)->macs()), grouped((*graph)->weight_elements()));
  }
  auto document = Document::load(file);
  if (!document) return fail(std::move(document.error()));
  const std::string kind = kind_of(document->root());
  if (kind == "campaign") {
    auto campaign = load_campaign(file);
    if (!campaign) return fail(std::move(campaign.error()));
    return fmt::format("campaign: {} parameters, {} objectives, {} constraints", campaign->space.parameters().size(), campaign->objectives.size(), campaign->violations());
  }
  if (kind == "design") {
    auto design = arch::load_design(file);
    if (!design) return fail(std::move(design.error()));
    return fmt::format("design: {}, {} core(s) at {} MHz", design->name, design->cores.size(), number(design->clock_mhz));
  }
  if (kind == "mapping") {
    auto mapping = arch::read_mapping(*document);
    if (!mapping) return fail(std::move(mapping.error()));
    return fmt::format("mapping: {} steps", mapping->steps.size());
  }
  if (kind == "workload") {
    auto graph = workloads::load(file);
    if (!graph) return fail(std::move(graph.error()));
    return fmt::format("workload: {} operators, {} MACs", (*graph)->operator_count(), grouped((*graph)->macs()));
  }
  if (kind == "kernel") {
    auto kernel = hls::read_kernel(*document);
    if (!kernel) return fail(std::move(kernel.error()));
    return std::string("kernel: ") + kernel->name;
  }
  if (kind == "network") {
    auto network = hls::read_network(*document);
    if (!network) return fail(std::move(network.error()));
    return std::string("network: ") + network->name;
  }
  if (kind == "memory") {
    auto dram = arch::load_dram(file.find('/') == std::string::npos && !file.ends_with(".json") ? "./" + file : file);
    if (!dram) return fail(std::move(dram.error()));
    return fmt::format("memory: {}, {} GiB in {} channel(s), {:.1f} GB/s", dram->name, number(static_cast<double>(dram->bytes()) / 1073741824.0), dram->channels, dram->peak_bandwidth_gb_s());
  }
  return invalid(file, "", "not a file that gnomon knows: a campaign has \"objectives\", a design \"cores\", a mapping \"steps\", a workload \"operators\", a kernel \"body\", a memory \"standard\"");
}

}  // namespace

Command validate_command() {
  return {"validate", "Check a campaign, design, mapping, workload, kernel or memory file; all its errors at once", "gnomon validate examples/edge-resnet50.json",
          [](CLI::App& app) -> Action {
            auto file = std::make_shared<std::string>();
            app.add_option("FILE", *file, "the file; its kind is told by its content")->required();
            return [file]() -> Expected<int> {
              auto verdict = check(*file);
              if (!verdict) return fail(std::move(verdict.error()));
              print(*file + ": ok, " + *verdict + "\n");
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
