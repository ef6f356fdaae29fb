// Simulated array cycles per CPU-second of one thread: the event-driven model on a network, with ideal memory.
//
//     bench_cycle [WORKLOAD]     (default zoo:resnet18)
//
// Every distinct layer is simulated once; the cycles counted are those that were simulated, not those of layers recognised as equal.
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "gnomon/base/json.hpp"
#include "gnomon/sim/cycle.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/workloads/load.hpp"

namespace {

using namespace gnomon;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

double peak_mb() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

Expected<arch::Design> design_with(const std::string& dataflow, bool overlap, const std::string& shared, const std::string& memory) {
  const std::string text = R"({"version": 1, "name": "bench", "clock_mhz": 800, "technology": "45nm", "cores": [{"name": "npu",
    "array": {"rows": 32, "cols": 32, "dataflow": ")" + dataflow + R"(", "overlap": )" + (overlap ? "true" : "false") + R"(},
    "levels": [{"name": "ifmap", "holds": ["ifmap"], "kib": 64}, {"name": "filter", "holds": ["filter"], "kib": 64},
               {"name": "ofmap", "holds": ["ofmap"], "kib": 64}], "vector": {"lanes": 32}}], )" + shared + R"(
    "memory": )" + memory + "}";
  auto document = Document::parse(text, "bench");
  if (!document) return fail(std::move(document.error()));
  return arch::parse_design(*document);
}

struct Row {
  std::int64_t cycles = 0, steps = 0;
  double seconds = 0;
};

Expected<Row> measure(const arch::Design& design, const workloads::Graph& graph, int runs) {
  const auto lowered = arch::lower(graph, sim::lowering_core(design));
  if (!lowered) return fail(lowered.error());
  const auto mapping = sim::map(design, graph, *lowered);
  if (!mapping) return fail(mapping.error());
  const auto planned = sim::plan(design, graph, *lowered, *mapping, "mapping");
  if (!planned) return fail(planned.error());
  const std::vector<sim::CycleStep> steps = sim::cycle_steps(*planned);
  std::vector<double> seconds;
  Row row;
  for (int run = 0; run < runs; ++run) {
    const double start = cpu_seconds();
    const auto ran = sim::run_cycle_model(design, steps);
    seconds.push_back(cpu_seconds() - start);
    if (!ran) return fail(ran.error());
    row.cycles = ran->simulated_cycles;
    row.steps = ran->simulated_steps;
  }
  std::sort(seconds.begin(), seconds.end());
  row.seconds = seconds[seconds.size() / 2];
  return row;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string workload = argc > 1 ? argv[1] : "zoo:resnet18";
  const auto graph = workloads::load(workload);
  if (!graph) {
    std::fprintf(stderr, "%s\n", graph.error().text().c_str());
    return exit_code(graph.error().kind());
  }
  const std::string l2 = R"("shared": [{"name": "l2", "holds": ["ifmap", "filter", "ofmap"], "kib": 512}],)";
  const std::string ideal = R"({"type": "ideal", "bytes_per_cycle": 16, "latency_cycles": 100})", ddr4 = R"({"type": "ddr4-2400"})";
  const struct {
    const char* dataflow;
    bool overlap;
    bool shared;
    bool dram = false;
  } cases[] = {{"ws", false, false}, {"ws", true, false}, {"ws", false, true}, {"os", false, false}, {"os", true, false}, {"is", true, false},
               {"ws", false, false, true}, {"ws", true, false, true}};
  std::printf("| simulator | workload | array | simulated cycles | CPU-s (median of 7) | cycles per CPU-s | peak MB |\n|---|---|---|---|---|---|---|\n");
  for (const auto& one : cases) {
    const auto design = design_with(one.dataflow, one.overlap, one.shared ? l2 : "", one.dram ? ddr4 : ideal);
    const auto row = design ? measure(*design, **graph, 7) : Expected<Row>(fail(design.error()));
    if (!row) {
      std::fprintf(stderr, "%s\n", row.error().text().c_str());
      return exit_code(row.error().kind());
    }
    std::printf("| gnomon cycle | %s, %lld steps | 32x32 %s%s%s%s | %lld | %.4f | %.3g M | %.0f |\n", workload.c_str(), static_cast<long long>(row->steps),
                one.dataflow, one.overlap ? " overlap" : "", one.shared ? ", 512 KiB shared level" : "", one.dram ? ", DDR4-2400" : "", static_cast<long long>(row->cycles), row->seconds,
                1e-6 * static_cast<double>(row->cycles) / row->seconds, peak_mb());
  }
  // Measured by us on the same kind of machine (one thread, user seconds of the tool).
  std::printf("| SCALE-Sim, compute only | ResNet-18 | 32x32 ws | 2519836 | 5.2 | 0.485 M | 320 |\n");
  std::printf("| SCALE-Sim, with memory | ViT-S | 32x32 ws | 397880 | 84.1 | 0.0047 M | 1184 |\n");
  return 0;
}
