#include <fmt/format.h>

#include <csignal>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <thread>

#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/memory.hpp"
#include "gnomon/sim/memory_space.hpp"

namespace gnomon::cli {
namespace {

std::atomic<bool> stop{false};
void on_interrupt(int) { stop = true; }

struct Options {
  std::string memory = "ddr3-1600", trace, out;
  sim::MemorySpaceOptions space;
  std::int64_t seed = 1;
  bool json = false;
};

constexpr std::size_t most_requests = 10'000'000;

enum Metric : std::size_t { cycles, energy, latency_sum, missing };

/// The best record by a figure (ties to the first), among those that keep their data or all.
template <class Figure>
std::size_t best(const arch::SpaceTable& table, bool retention, Figure figure) {
  std::size_t found = table.records();
  for (std::size_t r = 0; r < table.records(); ++r) {
    if (retention && table.values(r)[missing] > 0) continue;
    if (found == table.records() || figure(table.values(r)) < figure(table.values(found))) found = r;
  }
  return found;
}

/// The first point of a record's box.
Json point_json(const arch::SpaceTable& table, std::size_t record) {
  Json out = Json::object();
  for (std::size_t a = 0; a < table.axes().size(); ++a) {
    const arch::Value& value = table.axes()[a].values[static_cast<std::size_t>(std::countr_zero(table.box(record)[a]))];
    out[table.axes()[a].name] = std::visit([](const auto& v) { return Json(v); }, value);
  }
  return out;
}

Json outcome_json(const arch::SpaceTable& table, std::size_t record, double tck_ps) {
  const auto v = table.values(record);
  Json out{{"total_time_us", v[cycles] * tck_ps * 1e-6}, {"energy_pj", v[energy]}, {"power_mw", v[cycles] > 0 ? v[energy] / (v[cycles] * tck_ps) * 1e3 : 0}, {"refresh_missing", v[missing]}};
  out["point"] = point_json(table, record);
  return out;
}

Expected<int> run(Options options) {
  if (options.out.empty() || options.trace.empty() || options.memory.empty()) return fail(ErrorKind::usage, "--memory, --trace and --out take a name; found an empty text");
  auto spec = arch::load_dram_spec(options.memory);
  if (!spec) return fail(std::move(spec.error()));
  auto dram = arch::resolve(*spec, options.memory);
  if (!dram) return fail(std::move(dram.error()));
  auto source = sim::open_trace_source(options.trace, *dram);
  if (!source) return fail(std::move(source.error()));
  std::vector<sim::TraceRequest> trace;
  for (sim::TraceRequest request; (*source)->next(request);) {
    trace.push_back(request);
    if (trace.size() > most_requests) return fail(ErrorKind::invalid_input, options.trace + ": more than " + std::to_string(most_requests) + " requests; a space is evaluated for shorter traces");
  }
  if (auto fine = (*source)->status(); !fine) return fail(std::move(fine.error()));

  options.space.seed = static_cast<std::uint64_t>(options.seed);
  options.space.partial = options.out + ".partial";
  options.space.stop = &stop;
  auto last = std::chrono::steady_clock::now();
  options.space.progress = [&](std::int64_t done, std::int64_t all, std::int64_t simulations) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last < std::chrono::seconds(10) && done != all) return;
    last = now;
    std::fprintf(stderr, "gnomon: %s\n", fmt::format("{} of {} parts, {} simulations", done, all, grouped(simulations)).c_str());
  };
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  auto result = sim::evaluate_memory_space(*spec, trace, options.trace, options.space);
  if (!result) return fail(std::move(result.error()));
  if (auto saved = result->table.save(options.out); !saved) return fail(std::move(saved.error()));
  std::error_code ignored;
  std::filesystem::remove(options.space.partial, ignored);

  const arch::SpaceTable& table = result->table;
  const auto tck = static_cast<double>(dram->tck_ps());
  const auto power = [](std::span<const double> v) { return v[cycles] > 0 ? v[energy] / v[cycles] : 0; };
  Json document{{"schema", "gnomon.dataset.memory_space/1"}, {"file", options.out},       {"points", table.points()},
                {"records", table.records()},                {"simulations", result->simulations}, {"resumed", result->resumed}};
  document["rules"] = Json::array();
  for (const sim::FoldRule& rule : result->rules) document["rules"].push_back({{"rule", rule.name}, {"folded", rule.folded}, {"checked", rule.checked}});
  for (const bool retention : {false, true}) {
    const auto allowed = [&](std::size_t r) { return !retention || table.values(r)[missing] <= 0; };
    Json one{{"least_time", outcome_json(table, best(table, retention, [](auto v) { return v[cycles]; }), tck)},
             {"least_energy", outcome_json(table, best(table, retention, [](auto v) { return v[energy]; }), tck)},
             {"least_power", outcome_json(table, best(table, retention, power), tck)},
             {"least_read_latency", outcome_json(table, best(table, retention, [](auto v) { return v[latency_sum]; }), tck)},
             {"least_edp", outcome_json(table, best(table, retention, [](auto v) { return v[cycles] * v[energy]; }), tck)}};
    one["front"] = Json::array();
    for (const std::size_t r : table.front({cycles, energy}, allowed)) one["front"].push_back(outcome_json(table, r, tck));
    document[retention ? "with_retention" : "without_retention"] = std::move(one);
  }
  document["provenance"] = provenance(dram->resolved_json + options.trace, options.space.seed);
  if (options.json) {
    print_json(document);
    return 0;
  }
  print(fmt::format("{}: {} points in {} records from {} simulations\n\n", options.out, grouped(static_cast<std::int64_t>(table.points())),
                    grouped(static_cast<std::int64_t>(table.records())), grouped(result->simulations + result->resumed)));
  std::vector<std::vector<std::string>> rows;
  for (const sim::FoldRule& rule : result->rules) rows.push_back({rule.name, grouped(rule.folded), grouped(rule.checked)});
  print(cli::table({"points folded because of", "folded", "simulated all the same"}, rows));
  rows.clear();
  for (const char* which : {"without_retention", "with_retention"}) {
    for (const auto& [name, outcome] : document[which].items()) {
      if (name == "front") continue;
      rows.push_back({which, name, fmt::format("{:.3f}", outcome["total_time_us"].get<double>()), fmt::format("{:.3f}", outcome["energy_pj"].get<double>() * 1e-6),
                      fmt::format("{:.1f}", outcome["power_mw"].get<double>())});
    }
    rows.push_back({which, "front (time, energy)", fmt::format("{} outcomes", document[which]["front"].size()), "", ""});
  }
  print("\n" + cli::table({"refresh", "optimum", "time us", "energy uJ", "power mW"}, rows, 2));
  return 0;
}

}  // namespace

Command memory_space_dataset() {
  return {"memory-space", "Simulate every controller of ArchGym's DRAM space (1,769,472) for a trace, into a compact table",
          "gnomon dataset memory-space --trace trace:stream --out stream.table", [](CLI::App& app) -> Action {
            auto options = std::make_shared<Options>();
            options->space.jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
            app.add_option("--trace", options->trace, "trace:PATTERN, or a .csv or .stl file")->required();
            app.add_option("--out", options->out, "the table; finished parts are kept in FILE.partial until it is whole")->required();
            app.add_option("--memory", options->memory, "memory file or device name; its controller is what varies")->capture_default_str();
            app.add_option("--jobs", options->space.jobs, "threads; default all cores")->check(CLI::Range(1, 1024));
            app.add_option("--check", options->space.check, "folded points of each rule that are simulated all the same")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 30));
            app.add_option("--seed", options->seed, "decides which folded points are checked")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            app.add_flag("--json", options->json, "print one JSON document");
            return [options] { return run(*options); };
          }};
}

}  // namespace gnomon::cli
