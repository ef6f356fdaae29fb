#include <fmt/format.h>
#include <memory>

#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/part.hpp"
#include "gnomon/sim/trace_part.hpp"

namespace gnomon::cli {
namespace {

struct Options {
  std::string out, of = "networks";
  sim::PartTableOptions networks;
  sim::TracePartTableOptions traces;
};

Expected<int> write(const Options& options, const CLI::App& app) {
  const bool traces = options.of == "traces";
  for (const char* name : traces ? std::vector<const char*>{"--networks"} : std::vector<const char*>{"--kinds", "--memories", "--traces", "--requests"}) {
    if (app.count(name) > 0) return fail(ErrorKind::usage, std::string(name) + " is for --of " + (traces ? "networks" : "traces"));
  }
  if (!options.traces.kinds.empty() && !options.traces.traces.empty()) return fail(ErrorKind::usage, "--kinds are of random traces; with --traces there are none");
  sim::TracePartTableOptions of_traces = options.traces;
  of_traces.out = options.out;
  of_traces.count = options.networks.count, of_traces.seed = options.networks.seed, of_traces.fraction = options.networks.fraction;
  sim::PartTableOptions of_networks = options.networks;
  of_networks.out = options.out;
  auto rows = traces ? sim::write_trace_part_table(of_traces) : sim::write_part_table(of_networks);
  if (!rows) return fail(std::move(rows.error()));
  print(fmt::format("{} rows in {}\n", *rows, options.out));
  return 0;
}

}  // namespace

Command parts_dataset() {
  return {"parts", "A table of whole simulations beside the simulation of a small part of each", "gnomon dataset parts --out parts.csv --count 100\n  gnomon dataset parts --of traces --out trace-parts.csv --count 100",
          [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            app.add_option("--out", options->out, "the table (CSV); one of the same seed is taken up where it ends")->required();
            app.add_option("--of", options->of, "networks: two on two cores of a random design; traces: one or two on a random memory")->capture_default_str()->check(CLI::IsMember({"networks", "traces"}));
            app.add_option("--count", options->networks.count, "simulations; a row for each network or trace")->capture_default_str()->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000}));
            app.add_option("--seed", options->networks.seed, "of what is simulated and of the designs")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_option("--fraction", options->networks.fraction, "share of the work that the part may simulate")->capture_default_str()->check(CLI::Range(1e-6, 1.0));
            app.add_option("--networks", options->networks.networks, "workloads to draw from, with commas between; default random ones")->delimiter(',');
            app.add_option("--kinds", options->traces.kinds, "kinds of random traces, with commas between; default all: " + join(sim::trace_kinds()))->delimiter(',');
            app.add_option("--memories", options->traces.memories, "devices or memory files, whose controllers are drawn; default all devices")->delimiter(',');
            app.add_option("--traces", options->traces.traces, "traces to draw from (trace:PATTERN, .csv, .stl); default random ones")->delimiter(',');
            app.add_option("--requests", options->traces.requests, "of each random trace; default drawn from 40,000 to 300,000")->check(CLI::Range(std::int64_t{100}, std::int64_t{1000000000}));
            return [options, &app] { return write(*options, app); };
          }};
}

}  // namespace gnomon::cli
