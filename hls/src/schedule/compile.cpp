#include "gnomon/hls/compile.hpp"

#include <algorithm>

#include "emit/kernel_cpp.hpp"
#include "emit/kernel_rtl.hpp"
#include "gnomon/base/text.hpp"
#include "ir/functions.hpp"
#include "ir/machine.hpp"
#include "ir/transform.hpp"
#include "schedule/datapath.hpp"
#include "schedule/timing.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::hls {

namespace {

void report_binding(const Datapath& d, CompiledKernel& out) {
  for (const BoundUnit& unit : d.binding.units) {
    const BoundUnit::Use& use = unit.uses.front();
    const std::vector<Node>& nodes = d.processes[unit.process].pipes[use.pipe].nodes;
    const Node& node = nodes[static_cast<std::size_t>(use.node)];
    int bits[2];
    for (std::size_t a = 0; a < 2; ++a) bits[a] = nodes[static_cast<std::size_t>(node.args[a])].type.bits;
    out.units.push_back({d.kernel.processes[unit.process], op_names()[static_cast<std::size_t>(unit.code)], bits[0], bits[1], unit.latency, static_cast<std::int64_t>(unit.uses.size())});
  }
  for (const auto& process : d.binding.registers)
    for (const PipeRegisters& pipe : process) {
      for (const int bits : pipe.bits) out.register_bits += bits;
      out.registers += static_cast<std::int64_t>(pipe.bits.size());
      std::size_t values = 0;
      for (const auto& [node, list] : pipe.of_node) values += list.size();
      for (const auto& [loop, list] : pipe.of_counter) values += list.size();
      out.kept_values += static_cast<std::int64_t>(values);
    }
  for (std::size_t t = 0; t < d.kernel.tensors.size(); ++t) {
    const Memory& m = d.memories[t];
    const bool ram = m.storage == Memory::ram;
    out.memories.push_back({d.kernel.tensors[t].name, ram ? "ram" : "registers", m.banks, m.bank_elements, d.kernel.tensors[t].type.bits, ram ? m.read_ports : 0});
  }
}

}  // namespace

Expected<CompiledKernel> compile(const Kernel& kernel) {
  if (auto sound = verify(kernel); !sound) return fail(std::move(sound.error()));
  if (!kernel.directives.array.empty())
    return fail(Error(ErrorKind::unsupported, Problem{kernel.file, "/directives/bind", "a kernel bound to the systolic array is not scheduled; co-simulation runs it on the array"}));
  auto restructured = restructure(expand_functions(kernel));
  if (!restructured) return fail(std::move(restructured.error()));
  auto unrolled = unroll(*restructured);
  if (!unrolled) return fail(std::move(unrolled.error()));
  auto datapath = make_datapath(*unrolled);
  if (!datapath) return fail(std::move(datapath.error()));
  if (auto sound = check_schedule(*datapath); !sound) return fail(std::move(sound.error()));
  datapath->binding = bind(*datapath);
  if (auto sound = check_binding(*datapath); !sound) return fail(std::move(sound.error()));

  CompiledKernel out;
  out.schedule_verified = true;
  out.source = kernel;
  for (std::size_t p = 0; p < datapath->processes.size(); ++p)
    for (const Pipe& pipe : datapath->processes[p].pipes) {
      PipelineReport report{kernel.processes[p], {}, pipe.ii, pipe.resource_ii, pipe.recurrence_ii, pipe.depth};
      for (const std::size_t l : pipe.loops) report.loops.push_back(datapath->kernel.loops[l].name);
      if (!pipe.loops.empty()) out.ii = std::max<std::int64_t>(out.ii, pipe.ii);
      out.depth_cycles = std::max<std::int64_t>(out.depth_cycles, pipe.depth);
      out.pipelines.push_back(std::move(report));
    }
  report_binding(*datapath, out);
  ControlTrace trace;
  if (auto ran = run_unchecked(datapath->kernel, random_inputs(kernel, 1), std::int64_t{1} << 32, &trace); !ran) return fail(std::move(ran.error()));
  auto timing = simulate_timing(*datapath, {trace}, [](const std::string&, std::int64_t) { return false; });
  if (!timing) return fail(std::move(timing.error()));
  out.latency_cycles = timing->compute_cycles;
  out.total_cycles = timing->total_cycles;
  out.rtl = emit_kernel(*datapath);
  out.cpp = emit_kernel_cpp(*restructured);
  out.datapath = std::make_shared<const Datapath>(std::move(*datapath));
  return out;
}

Expected<Json> write_compiled(const CompiledKernel& compiled, const std::filesystem::path& folder) {
  std::error_code code;
  std::filesystem::create_directories(folder, code);
  if (code) return fail(ErrorKind::run_failed, "cannot make the folder " + in_quotes(folder.string()) + ": " + code.message());
  const std::vector<std::pair<std::string, std::string>> files{{compiled.rtl.top + ".sv", compiled.rtl.text},
                                                               {"kernel_" + compiled.source.name + ".cpp", compiled.cpp},
                                                               {"kernel_" + compiled.source.name + ".json", write_kernel(compiled.source).dump(2) + "\n"}};
  Json out;
  out["schema"] = "gnomon.hls/1";
  out["kernel"] = compiled.source.name;
  out["files"] = Json::array();
  for (const auto& [name, text] : files) {
    if (auto done = write_file(folder / name, text); !done) return fail(std::move(done.error()));
    out["files"].push_back((folder / name).string());
  }
  out["ii"] = compiled.ii;
  out["depth_cycles"] = compiled.depth_cycles;
  out["latency_cycles"] = compiled.latency_cycles;
  out["total_cycles"] = compiled.total_cycles;
  out["schedule_verified"] = compiled.schedule_verified;
  out["pipelines"] = Json::array();
  for (const PipelineReport& p : compiled.pipelines)
    out["pipelines"].push_back({{"process", p.process},
                                {"loops", p.loops},
                                {"ii", p.loops.empty() ? Json(nullptr) : Json(p.ii)},
                                {"resource_min_ii", p.resource_min_ii},
                                {"recurrence_min_ii", p.recurrence_min_ii},
                                {"depth_cycles", p.depth_cycles}});
  out["units"] = Json::array();
  for (const UnitReport& u : compiled.units)
    out["units"].push_back({{"process", u.process}, {"op", u.op}, {"left_bits", u.left_bits}, {"right_bits", u.right_bits}, {"latency_cycles", u.latency_cycles}, {"operations", u.operations}});
  out["registers"] = {{"count", compiled.registers}, {"bits", compiled.register_bits}, {"values", compiled.kept_values}};
  out["memories"] = Json::array();
  for (const MemoryReport& m : compiled.memories)
    out["memories"].push_back(
        {{"tensor", m.tensor}, {"storage", m.storage}, {"banks", m.banks}, {"bank_elements", m.bank_elements}, {"bits", m.bits}, {"read_ports", m.read_ports > 0 ? Json(m.read_ports) : Json(nullptr)}});
  return out;
}

}  // namespace gnomon::hls
