#pragma once

#include "design_case.hpp"
#include "gnomon/arch/lowering.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/sim/result.hpp"
#include "random_case.hpp"

namespace gnomon::hls {

/// Work and mapping of a random case as a workload: products and convolutions, each on inputs of its own.
inline std::shared_ptr<const workloads::Graph> workload_of(const sim::testing::RandomCase& drawn) {
  Json json = Json::parse(R"({"version": 1, "name": "drawn", "tensors": [], "operators": []})");
  const auto tensor = [&](const std::string& name, const std::vector<std::int64_t>& shape, bool constant) {
    json["tensors"].push_back(Json{{"name", name}, {"shape", shape}});
    if (constant) json["tensors"].back()["constant"] = true;
  };
  for (std::size_t s = 0; s < drawn.steps.size(); ++s) {
    const arch::ArrayWork& work = drawn.steps[s].work;
    const std::string n = "s" + std::to_string(s);
    if (!work.window) {
      tensor(n + ".x", {work.extent[0], work.extent[1], work.extent[3]}, false);
      tensor(n + ".w", {work.extent[0], work.extent[3], work.extent[2]}, true);
      tensor(n + ".y", {work.extent[0], work.extent[1], work.extent[2]}, false);
      json["operators"].push_back(Json{{"name", n}, {"op", "matmul"}, {"type", "MatMul"}, {"inputs", {n + ".x", n + ".w"}}, {"outputs", {n + ".y"}}});
      continue;
    }
    const workloads::Convolution& c = *work.window;
    tensor(n + ".x", {c.batch, c.in_channels, c.in[0], c.in[1]}, false);
    tensor(n + ".w", {c.out_channels, c.in_channels / c.groups, c.kernel[0], c.kernel[1]}, true);
    tensor(n + ".y", {c.batch, c.out_channels, c.out[0], c.out[1]}, false);
    json["operators"].push_back(Json{{"name", n}, {"op", "convolution"}, {"type", "Conv"}, {"inputs", {n + ".x", n + ".w"}}, {"outputs", {n + ".y"}},
                                     {"convolution", Json{{"groups", c.groups}, {"stride", c.stride}, {"pad_begin", c.pad_begin}, {"pad_end", c.pad_end}, {"dilation", c.dilation}}}});
  }
  auto graph = workloads::parse(json.dump(), "json", "drawn.json");
  EXPECT_TRUE(graph) << graph.error().text() << json.dump();
  return graph ? *graph : nullptr;
}

/// A tile of a convolution that has no complete RTL: it goes on to another image in a way, or windows of a stride and a dilation lie at uneven distances.
inline bool refuses_tile(const std::string& error) {
  return error.find("goes on to another image") != std::string::npos || error.find("lie at uneven distances") != std::string::npos;
}

/// The RTL supports the design; else another one is drawn.
inline bool has_design_rtl(const sim::testing::RandomCase& drawn) {
  const arch::Core& core = drawn.design.cores[0];
  if (core.array.accumulator_bits % core.array.precision.bits != 0) return false;
  for (const auto* levels : {&core.levels, &drawn.design.shared})
    for (const arch::Level& level : *levels)
      if (std::none_of(std::begin(level.holds), std::end(level.holds), [](bool holds) { return holds; })) return false;
  return true;
}

/// And the mapping keeps an operand in several levels.
inline bool has_rtl(const sim::testing::RandomCase& drawn) {
  if (!has_design_rtl(drawn)) return false;
  bool nested = false;
  for (const auto& step : drawn.steps) {
    for (int o = 0; o < 3; ++o) nested = nested || arch::chain(step.mapping, static_cast<arch::Operand>(o)).size() > 2;
  }
  return nested;
}

inline arch::Design design_of(const sim::testing::RandomCase& drawn, const std::string& memory) {
  const arch::Core& core = drawn.design.cores[0];
  const int bits = core.array.precision.bits, words = bits == 16 ? 2 : 1;  // rates that do not cut a word
  const std::string flow = core.array.dataflow == arch::Dataflow::os ? "os" : core.array.dataflow == arch::Dataflow::ws ? "ws" : "is";
  return design(flow, core.array.overlap, [&](Json& json) {
    Json& to = json["cores"][0];
    to["array"]["rows"] = core.array.rows;
    to["array"]["cols"] = core.array.cols;
    to["array"]["precision"] = core.array.precision.name;
    to["array"]["accumulator_bits"] = core.array.accumulator_bits;
    to["vector"]["lanes"] = core.vector_lanes;
    const auto list = [&](const std::vector<arch::Level>& levels) {
      Json all = Json::array();
      for (const arch::Level& level : levels) {
        Json holds = Json::array();
        for (int o = 0; o < 3; ++o)
          if (level.holds[o]) holds.push_back(arch::operand_names()[o]);
        all.push_back(Json{{"name", level.name}, {"holds", holds}, {"kib", static_cast<double>(level.bytes) / 1024}, {"banks", std::min(level.banks, level.bytes)},
                           {"bytes_per_cycle", level.bytes_per_cycle * words}, {"double_buffered", level.double_buffered}});
      }
      return all;
    };
    to["levels"] = list(core.levels);
    json["interconnect"]["bytes_per_cycle"] = drawn.design.bus_bytes_per_cycle * words;
    if (memory == "ideal") json["memory"] = Json{{"type", memory}, {"bytes_per_cycle", drawn.design.memory.bytes_per_cycle * words}, {"latency_cycles", drawn.design.memory.latency_cycles}};
    else json["memory"] = Json{{"type", memory}, {"channels", 1}};
    if (drawn.design.shared.empty()) return;
    std::vector<arch::Level> shared = drawn.design.shared;  // as large as they must be
    for (arch::Level& level : shared) level.bytes = 1;
    for (const auto& step : drawn.steps) {
      const auto needed = arch::capacity_needed(core, drawn.design.shared, step.work, step.mapping);
      for (std::size_t l = 0; l < shared.size(); ++l) shared[l].bytes = std::max(shared[l].bytes, needed[shared.size() - l]);
    }
    json["shared"] = list(shared);
  });
}

/// `with_layouts`: as they were drawn, else streamed.
inline arch::Mapping mapping_of(const sim::testing::RandomCase& drawn, const arch::Design& made, const workloads::Graph& graph, bool with_layouts = false) {
  arch::Mapping out;
  auto lowered = arch::lower(graph, sim::lowering_core(made));
  EXPECT_TRUE(lowered) << lowered.error().text();
  if (!lowered) return out;
  std::vector<std::string> labels;
  for (const arch::LoweredOperator& op : *lowered)
    for (const arch::WorkStep& step : op.steps) labels.push_back(step.label);
  EXPECT_EQ(labels.size(), drawn.steps.size());
  for (std::size_t s = 0; s < labels.size(); ++s) {
    out.steps.push_back(drawn.steps[s].mapping);
    out.steps.back().step = labels[s];
    out.steps.back().core = made.cores[0].name;
    if (with_layouts) continue;
    for (arch::Layout& layout : out.steps.back().layout) layout = arch::Layout::streamed;
  }
  return out;
}

}  // namespace gnomon::hls
