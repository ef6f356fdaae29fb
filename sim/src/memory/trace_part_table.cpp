#include <algorithm>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/memory.hpp"
#include "gnomon/sim/trace_part.hpp"
#include "memory/kept_rows.hpp"

namespace gnomon::sim {
namespace {

/// A memory with a random controller, channels and mapping; a device that the refresh does not fit refreshes all banks.
Expected<arch::Dram> random_memory(Random& random, const std::string& device) {
  auto spec = arch::load_dram_spec(device);
  if (!spec) return fail(std::move(spec.error()));
  auto standard = arch::load_dram(device);
  if (!standard) return fail(std::move(standard.error()));
  arch::DramControllerSpec& c = spec->controller;
  c.scheduler = random.pick(arch::dram_scheduler_words());
  c.buffer = random.pick(arch::dram_buffer_words());
  c.request_buffer_size = random.log_integer(1, c.buffer == "bankwise" ? 8 : 64);
  c.page_policy = random.pick(arch::dram_page_policy_words());
  c.arbiter = random.chance(0.5) ? "simple" : random.pick(arch::dram_arbiter_words());
  c.response_queue = random.pick(arch::dram_response_queue_words());
  c.max_active_transactions = random.log_integer(1, 128);
  c.refresh_max_postponed = random.chance(0.5) ? 0 : random.integer(1, 8);
  c.refresh_max_pulled_in = random.chance(0.5) ? 0 : random.integer(1, 8);
  const double refresh = random.uniform();
  c.refresh = refresh < 0.1 ? "none" : refresh < 0.7 ? "all_bank" : refresh < 0.85 ? "per_bank" : "same_bank";
  if (!arch::is_hbm(standard->standard)) spec->channels = random.pick<std::int64_t>({1, 1, 2, 4});
  else spec->channels = random.pick<std::int64_t>({1, 2, 4, 8});
  if (random.chance(0.3)) {
    // Columns above the banks: consecutive bursts lie in different banks.
    std::string order = spec->address_mapping;
    if (const auto at = order.find("-column"); order.starts_with("\"row") && at != order.npos) {
      order.erase(at, 7);
      order.insert(4, "-column");
      spec->address_mapping = order;
    }
  }
  auto dram = arch::resolve(*spec, device);
  if (!dram) {
    // Not every standard refreshes by banks.
    spec->controller.refresh = "all_bank";
    dram = arch::resolve(*spec, device);
  }
  return dram;
}

struct Traces {
  std::vector<std::string> kinds;
  std::vector<std::function<Expected<std::unique_ptr<TraceSource>>(const arch::Dram&)>> open;
  std::string name;
};

Traces traces_of(const TracePartTableOptions& options, std::int64_t row) {
  Traces out;
  const std::int64_t group = row / designs_per_traces;
  Random random(derive(options.seed, "trace parts/traces/" + std::to_string(group)));
  const std::vector<std::string>& kinds = options.kinds.empty() ? trace_kinds() : options.kinds;
  out.name = options.traces.empty() ? std::to_string(group) : "";
  for (int i = random.chance(0.5) ? 2 : 1; i > 0; --i) {
    if (!options.traces.empty()) {
      const std::string reference = random.pick(options.traces);
      out.kinds.push_back(reference);
      out.name += (out.name.empty() ? "" : " beside ") + reference;
      out.open.push_back([reference](const arch::Dram& dram) { return open_trace_source(reference, dram); });
      continue;
    }
    const std::string kind = random.pick(kinds);
    const std::int64_t requests = options.requests > 0 ? options.requests : random.log_integer(40'000, 300'000);
    const std::uint64_t seed = random.next();
    out.kinds.push_back(kind);
    out.open.push_back([=](const arch::Dram& dram) -> Expected<std::unique_ptr<TraceSource>> {
      return random_trace(kind, kinds, seed, requests, dram.bytes(), dram.burst_bytes, trace_peak(dram));
    });
  }
  return out;
}

/// Rows of a simulation, one for each trace, as CSV lines.
Expected<std::string> lines_of(const TracePartTableOptions& options, const std::vector<std::string>& devices, std::int64_t row) {
  const Traces traces = traces_of(options, row);
  Random random(derive(options.seed, "trace parts/design/" + std::to_string(row)));
  const std::string device = random.pick(devices);
  auto dram = random_memory(random, device);
  if (!dram) return fail(std::move(dram.error()));
  std::vector<TraceOpener> openers;
  std::vector<std::unique_ptr<TraceSource>> sources;
  std::vector<TraceSource*> played;
  for (const auto& open : traces.open) {
    openers.push_back([&open, &dram] { return open(*dram); });
    auto source = open(*dram);
    if (!source) return fail(std::move(source.error()));
    played.push_back(source->get());
    sources.push_back(std::move(*source));
  }
  auto part = simulate_trace_part(*dram, openers, options.fraction);
  if (!part) return fail(std::move(part.error()));
  auto whole = run_traces(*dram, played);
  if (!whole) return fail(std::move(whole.error()));
  const DramStatistics& s = whole->statistics;
  const double hit_rate = static_cast<double>(s.row_hits) / static_cast<double>(s.reads + s.writes);
  std::string out;
  for (std::size_t p = 0; p < openers.size(); ++p) {
    const TracePartPort& port = part->ports[p];
    out += std::to_string(options.seed) + "," + std::to_string(row) + "," + std::to_string(p) + "," + std::to_string(openers.size()) + "," + traces.name + "," + traces.kinds[p] + "," + device;
    for (const TracePartFeature& feature : trace_part_features(*dram, *part, p)) out += "," + (feature.word.empty() ? number(feature.value) : feature.word);
    const double cycles = static_cast<double>(whole->end_cycles[p]), throughput = trace_throughput(*dram, port.scan.requests, cycles);
    const bool energy = s.energy && part->energy_pj && *part->energy_pj > 0 && s.energy->total_pj() > 0;
    out += "," + number(static_cast<double>(part->simulated_cycles) / static_cast<double>(s.cycles)) + "," + number(cycles) + "," + number(throughput) + "," +
           number(throughput - trace_throughput(*dram, port.scan.requests, port.cycles)) + "," + number(hit_rate - part->row_hit_rate) + "," +
           (energy ? number(std::log(s.energy->total_pj() / *part->energy_pj)) : "") + "\n";
  }
  return out;
}

std::string header() {
  std::string out = "seed,row,port,ports,trace,kind,memory";
  TracePartRun none;
  none.ports.resize(1);
  for (const TracePartFeature& feature : trace_part_features(arch::Dram{}, none, 0)) out += "," + feature.name + (feature.unit.empty() ? "" : " [" + feature.unit + "]");
  return out + ",part_share,cycles [cycles],throughput,part_error,row_hit_error,energy_error";
}

}  // namespace

Expected<std::int64_t> write_trace_part_table(const TracePartTableOptions& options) {
  std::vector<Problem> problems;
  if (options.count < 1 || options.count > 1'000'000) problems.push_back({"", "count", "found " + std::to_string(options.count) + "; allowed: 1 to 1000000"});
  for (const std::string& kind : options.kinds) {
    if (std::find(trace_kinds().begin(), trace_kinds().end(), kind) == trace_kinds().end()) problems.push_back({"", "kinds", unknown_word("kind of trace", kind, trace_kinds())});
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  const std::vector<std::string> devices = options.memories.empty() ? arch::dram_devices() : options.memories;
  for (const std::string& device : devices) {
    auto dram = arch::load_dram(device);
    if (!dram) return fail(std::move(dram.error()));
    for (const std::string& trace : options.traces) {
      if (auto source = open_trace_source(trace, *dram); !source) return fail(std::move(source.error()));
    }
  }
  // Rows follow from the options: a file is taken up by lines that are as they would be written now.
  const std::string seed = std::to_string(options.seed);
  const auto ports_of = [&](std::int64_t row) { return traces_of(options, row).open.size(); };
  const auto kept = kept_rows(options.out, header(), options.count, "seed " + seed + " and these traces", ports_of, [&](std::int64_t row, std::size_t port) {
    return seed + "," + std::to_string(row) + "," + std::to_string(port) + "," + std::to_string(ports_of(row)) + ",";
  });
  if (!kept) return fail(Error(kept.error()));
  // The last one simulated anew tells whether it was made with these options.
  if (kept->simulations > 0) {
    auto again = lines_of(options, devices, kept->simulations - 1);
    if (!again) return fail(std::move(again.error()));
    if (!kept->content.ends_with(*again)) return fail(ErrorKind::invalid_input, options.out.string() + ": its rows were made with other options; give another name, or remove it");
  }
  std::int64_t rows = kept->lines;
  if (auto done = write_file(options.out, kept->content); !done) return fail(std::move(done.error()));
  std::ofstream out(options.out, std::ios::app | std::ios::binary);
  for (std::int64_t row = kept->simulations; row < options.count; ++row) {
    auto lines = lines_of(options, devices, row);
    if (!lines) return fail(lines.error().kind(), "simulation " + std::to_string(row) + ": " + lines.error().text());
    out << *lines << std::flush;
    if (!out) return fail(ErrorKind::run_failed, options.out.string() + ": cannot be written");
    rows += std::count(lines->begin(), lines->end(), '\n');
    if (options.progress) options.progress(row + 1);
  }
  return rows;
}

}  // namespace gnomon::sim
