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
  return out;
}

}  // namespace gnomon::hls
