// Layer evaluations per CPU-second of one thread: `LayerContext::estimate` for given mappings of a network's distinct layers, and the mapper's time.
//
//     bench_analytical [WORKLOAD]     (default zoo:resnet50)
#include <algorithm>
#include <cstdio>
#include <ctime>
#include <string>
#include <vector>

#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/mapper.hpp"
#include "gnomon/workloads/load.hpp"

namespace {

using namespace gnomon;

double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec);
}

Expected<arch::Design> design_with(const std::string& dataflow, bool overlap) {
  const std::string text = R"({"version": 1, "name": "bench", "clock_mhz": 800, "technology": "45nm", "cores": [{"name": "npu",
    "array": {"rows": 32, "cols": 32, "dataflow": ")" + dataflow + R"(", "overlap": )" + (overlap ? "true" : "false") + R"(},
    "levels": [{"name": "ifmap", "holds": ["ifmap"], "kib": 128}, {"name": "filter", "holds": ["filter"], "kib": 128},
               {"name": "ofmap", "holds": ["ofmap"], "kib": 128}], "vector": {"lanes": 32}}],
    "memory": {"type": "ideal", "bytes_per_cycle": 16, "latency_cycles": 100}})";
  auto document = Document::parse(text, "bench");
  if (!document) return fail(std::move(document.error()));
  return arch::parse_design(*document);
}

/// The same cuts in every order of the outermost loops: mappings as a search visits them.
std::vector<arch::StepMapping> variants(const arch::StepMapping& mapping) {
  std::vector<arch::StepMapping> out;
  arch::StepMapping m = mapping;
  auto& loops = m.levels[0].loops;
  std::sort(loops.begin(), loops.end(), [](const arch::Loop& a, const arch::Loop& b) { return a.dim < b.dim; });
  do {
    out.push_back(m);
  } while (std::next_permutation(loops.begin(), loops.end(), [](const arch::Loop& a, const arch::Loop& b) { return a.dim < b.dim; }));
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string workload = argc > 1 ? argv[1] : "zoo:resnet50";
  auto graph = workloads::load(workload);
  if (!graph) {
    std::fprintf(stderr, "%s\n", graph.error().text().c_str());
    return exit_code(graph.error().kind());
  }
  std::printf("| workload | array | layers | mappings | layer evaluations per CPU-second (median of 7) | ns per evaluation | mapper, CPU-ms for the network |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  std::int64_t checksum = 0;
  for (const char* dataflow : {"os", "ws", "is"}) {
    for (const bool overlap : {false, true}) {
      auto design = design_with(dataflow, overlap);
      if (!design) {
        std::fprintf(stderr, "%s\n", design.error().text().c_str());
        return exit_code(design.error().kind());
      }
      const arch::Core& core = design->cores[0];
      auto lowered = arch::lower(**graph, core);
      if (!lowered) {
        std::fprintf(stderr, "%s\n", lowered.error().text().c_str());
        return exit_code(lowered.error().kind());
      }
      std::vector<double> mapper_ms;
      Expected<arch::Mapping> mapping = arch::Mapping{};
      for (int run = 0; run < 3; ++run) {
        const double start = cpu_seconds();
        mapping = sim::map(*design, **graph, *lowered);
        mapper_ms.push_back(1e3 * (cpu_seconds() - start));
        if (!mapping) {
          std::fprintf(stderr, "%s\n", mapping.error().text().c_str());
          return exit_code(mapping.error().kind());
        }
      }
      std::sort(mapper_ms.begin(), mapper_ms.end());

      std::vector<sim::LayerContext> contexts;
      std::vector<std::pair<std::size_t, arch::StepMapping>> jobs;
      for (const arch::LoweredOperator& op : *lowered) {
        for (const arch::WorkStep& step : op.steps) {
          if (!step.array) continue;
          contexts.emplace_back(*design, core, *step.array);
          for (arch::StepMapping& m : variants(*mapping->find(step.label))) jobs.emplace_back(contexts.size() - 1, std::move(m));
        }
      }
      Random random(1);
      random.shuffle(jobs);
      for (const auto& [context, m] : jobs) checksum += contexts[context].estimate(m).latency_cycles;
      std::vector<double> rates;
      for (int run = 0; run < 7; ++run) {
        const double start = cpu_seconds();
        std::int64_t n = 0;
        while (n < 200000) {
          for (const auto& [context, m] : jobs) checksum += contexts[context].estimate(m).latency_cycles;
          n += static_cast<std::int64_t>(jobs.size());
        }
        rates.push_back(static_cast<double>(n) / (cpu_seconds() - start));
      }
      std::sort(rates.begin(), rates.end());
      std::printf("| %s | 32x32 %s%s | %zu | %zu | %.0f | %.0f | %.1f |\n", workload.c_str(), dataflow, overlap ? ", overlap" : "", contexts.size(), jobs.size(),
                  rates[3], 1e9 / rates[3], mapper_ms[1]);
    }
  }
  std::printf("\nchecksum %lld\n", static_cast<long long>(checksum));
  return 0;
}
