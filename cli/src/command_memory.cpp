#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "command.hpp"
#include "console.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/memory.hpp"
#include "memory_part.hpp"
#include "reals.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string memory, trace, log, model;
  std::vector<std::string> beside;
  double part = 0;
  bool json = false;
};

void print_tables(const arch::Dram& dram, const std::string& trace, const sim::DramStatistics& s) {
  print(fmt::format("{} on {} ({} scheduler, {} buffer of {}, {} pages, refresh {}):\n", trace, dram.name,
                    arch::dram_scheduler_words()[static_cast<std::size_t>(dram.controller.scheduler)],
                    arch::dram_buffer_words()[static_cast<std::size_t>(dram.controller.buffer)], dram.controller.request_buffer_size,
                    arch::dram_page_policy_words()[static_cast<std::size_t>(dram.controller.page_policy)],
                    arch::dram_refresh_words()[static_cast<std::size_t>(dram.controller.refresh)]));
  const double us = static_cast<double>(s.cycles) * static_cast<double>(dram.tck_ps()) * 1e-6;
  const auto share = [&](std::int64_t part) {
    const std::int64_t all = s.reads + s.writes;
    return fmt::format("{} ({:.1f} %)", grouped(part), all > 0 ? 100.0 * static_cast<double>(part) / static_cast<double>(all) : 0.0);
  };
  std::vector<std::vector<std::string>> rows{
      {"cycles", grouped(s.cycles), fmt::format("{:.3f} us at {} ps", us, dram.tck_ps())},
      {"reads", grouped(s.reads), ""},
      {"writes", grouped(s.writes), ""},
      {"bandwidth", fmt::format("{:.3f} GB/s", s.bandwidth_gb_s), fmt::format("{:.1f} % of {:.2f} GB/s", 100 * s.bandwidth_gb_s / s.peak_bandwidth_gb_s, s.peak_bandwidth_gb_s)},
      {"row hits", share(s.row_hits), ""},
      {"row misses", share(s.row_misses), fmt::format("of which bank conflicts: {}", grouped(s.row_conflicts))},
      {"activates", grouped(s.activates), ""},
      {"refreshes", grouped(s.refreshes), sim::refresh_missing(dram, s) > 0 ? fmt::format("{} missing: data would be lost", sim::refresh_missing(dram, s)) : ""},
      {"read latency", fmt::format("{:.1f} cycles", s.read_latency.mean),
       fmt::format("p50 {}, p95 {}, p99 {}, max {}", s.read_latency.p50, s.read_latency.p95, s.read_latency.p99, s.read_latency.max)}};
  if (s.energy) {
    rows.push_back({"energy", fmt::format("{:.3f} uJ", s.energy->total_pj() * 1e-6), fmt::format("{:.1f} mW on average", s.power_mw.value_or(0))});
  } else {
    rows.push_back({"energy", "unknown", "the memory file has no currents"});
  }
  print(table({"", "value", ""}, rows));
}

Expected<int> memory(const Options& options) {
  if (options.memory.empty() || options.trace.empty()) return fail(ErrorKind::usage, "--memory and --trace take a name; found an empty text");
  if (options.part == 0 && !options.model.empty()) return fail(ErrorKind::usage, "--model corrects what a part says; give --part, the share to simulate");
  if (!options.beside.empty() || options.part > 0) {
    if (!options.log.empty()) return fail(ErrorKind::usage, "--log is for one trace, played whole");
    MemoryPartOptions together{options.memory, {options.trace}, options.part, options.model, options.json};
    together.traces.insert(together.traces.end(), options.beside.begin(), options.beside.end());
    return simulate_traces(together);
  }
  auto dram = arch::load_dram(options.memory);
  if (!dram) return fail(std::move(dram.error()));
  auto source = sim::open_trace_source(options.trace, *dram);
  if (!source) return fail(std::move(source.error()));
  sim::DramOptions run;
  std::unique_ptr<sim::DramLogWriter> log;
  if (!options.log.empty()) {
    auto made = sim::DramLogWriter::create(options.log, *dram);
    if (!made) return fail(std::move(made.error()));
    log = std::move(*made);
    run.log = log.get();
  }
  auto result = sim::run_trace(*dram, **source, run);
  if (!result) return fail(std::move(result.error()));
  if (log) {
    if (auto closed = log->close(); !closed) return fail(std::move(closed.error()));
  }
  if (options.json) {
    print_json(sim::memory_document(*dram, options.trace, result->statistics));
  } else {
    print_tables(*dram, options.trace, result->statistics);
  }
  return 0;
}

std::string notes() {
  return "gnomon memory --memory ddr4-2400 --trace trace:stream\n  gnomon memory --memory ddr4-2400 --trace long.csv --beside trace:cloud-1 --part 0.05 --model part-trace\n\nDevices: " + join(arch::dram_devices()) +
         "\nTraces: trace:PATTERN (`gnomon dataset traces --help` lists them), a .csv file (index,R|W,0xADDR: as fast as taken) or an .stl file\n"
         "(cycle: read|write 0xADDR: not before that cycle).";
}

}  // namespace

Command memory_command() {
  return {"memory", "Run a memory trace through a DRAM controller model", notes(), [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("--memory", options->memory, "memory file (JSON) or a device name")->required();
            app.add_option("--trace", options->trace, "trace:PATTERN, or a .csv or .stl file")->required();
            app.add_option("--beside", options->beside, "another trace at the same time, at a port of its own; may come several times")->allow_extra_args(false);
            app.add_option("--part", options->part, "share of the requests to simulate (0.05); the whole is told from it")->check(reals(0.0, 0.999));
            app.add_option("--model", options->model, "corrects what a part says: part-trace, or of a table of `gnomon dataset parts --of traces`");
            app.add_option("--log", options->log, "write the binary command log to this file");
            app.add_flag("--json", options->json, "print one JSON document");
            return [options] { return memory(*options); };
          }};
}

}  // namespace gnomon::cli
