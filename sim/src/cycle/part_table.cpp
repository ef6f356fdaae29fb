#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/part.hpp"
#include "gnomon/workloads/load.hpp"
#include "memory/kept_rows.hpp"

namespace gnomon::sim {
namespace {

using NetworkPtr = std::shared_ptr<const workloads::Graph>;

/// Stages of equal convolutions, each stage with half the pixels and up to twice the channels of the one before.
std::string convolutions(Random& random) {
  std::string csv = "Layer, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n";
  std::int64_t size = random.integer(24, 128), channels = 3, filters = random.pick<std::int64_t>({16, 24, 32, 48, 64});
  const std::int64_t stages = random.integer(2, 5);
  const auto layer = [&](const std::string& name, std::int64_t kernel, std::int64_t in, std::int64_t out, std::int64_t stride) {
    const std::int64_t padded = size + kernel - 1;
    for (const std::int64_t value : {padded, padded, kernel, kernel, in, out, stride}) csv += (csv.back() == '\n' ? name + ", " : "") + std::to_string(value) + ", ";
    csv += "\n";
  };
  for (std::int64_t s = 0; s < stages; ++s) {
    const bool bottleneck = random.chance(0.4);
    layer("s" + std::to_string(s), 3, channels, filters, 1);
    for (std::int64_t b = random.integer(1, 6); b > 0; --b) {
      const std::string name = "s" + std::to_string(s) + "b" + std::to_string(b);
      if (bottleneck) {
        const std::int64_t narrow = std::max<std::int64_t>(8, filters / 4);
        layer(name + "a", 1, filters, narrow, 1);
        layer(name + "b", 3, narrow, narrow, 1);
        layer(name + "c", 1, narrow, filters, 1);
      } else {
        layer(name, random.pick<std::int64_t>({1, 3, 3, 5}), filters, filters, 1);
      }
    }
    channels = filters;
    filters = std::min<std::int64_t>(512, filters * random.integer(1, 2));
    size = std::max<std::int64_t>(7, size / 2);
  }
  return csv;
}

/// Products of transformer blocks or of a perceptron.
std::string products(Random& random) {
  std::string csv = "Layer, M, N, K,\n";
  const std::int64_t m = random.log_integer(1, 1024), width = 32 * random.integer(3, 32), blocks = random.integer(1, 8);
  int at = 0;
  const auto product = [&](std::int64_t n, std::int64_t k) {
    csv += "p" + std::to_string(at++) + ", " + std::to_string(m) + ", " + std::to_string(n) + ", " + std::to_string(k) + ",\n";
  };
  if (random.chance(0.5)) {
    for (std::int64_t b = 0; b < blocks; ++b) {
      for (int i = 0; i < 4; ++i) product(width, width);
      product(2 * width, width);
      product(width, 2 * width);
    }
  } else {
    std::int64_t k = random.log_integer(64, 4096);
    for (std::int64_t l = random.integer(3, 8); l > 0; --l) {
      const std::int64_t n = random.log_integer(64, 4096);
      product(n, k);
      k = n;
    }
  }
  return csv;
}

Expected<NetworkPtr> random_network(Random& random) {
  const double kind = random.uniform();
  if (kind < 0.15) {
    // Depthwise convolutions, additions and pooling between the convolutions.
    return workloads::load("zoo:mbnet?depth=" + std::to_string(random.integer(2, 5)) + "&width=" + std::to_string(8 * random.integer(2, 8)) +
                           "&resolution=" + std::to_string(8 * random.integer(4, 8)));
  }
  return workloads::parse(kind < 0.65 ? convolutions(random) : products(random), "csv", "random network");
}

std::string_view any_dataflow(Random& random) {
  const auto& all = arch::dataflows();
  return all[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(all.size()) - 1))].name;
}

Json random_design(Random& random) {
  const std::int64_t clock = random.pick<std::int64_t>({200, 400, 600, 800, 1000});
  const auto core = [&](const char* name) {
    const std::int64_t cols = random.pick<std::int64_t>({8, 12, 16, 24, 32, 48, 64}), rows = random.pick<std::int64_t>({8, 12, 16, 24, 32, 48, 64});
    const auto level = [&](const char* operand) {
      return Json{{"name", operand}, {"holds", Json::array({operand})}, {"kib", random.pick<std::int64_t>({8, 16, 32, 64, 128})}, {"double_buffered", random.chance(0.9)}};
    };
    return Json{{"name", name},
                {"array", Json{{"rows", rows}, {"cols", cols}, {"dataflow", std::string(any_dataflow(random))}, {"precision", "int8"}, {"overlap", random.chance(0.6)}}},
                {"levels", Json::array({level("ifmap"), level("filter"), level("ofmap")})},
                {"vector", Json{{"lanes", cols}}}};
  };
  Json one = core("a"), two = one;
  if (random.chance(0.5)) two = core("b");
  two["name"] = "b";
  return Json{{"version", 1}, {"name", "pair"}, {"clock_mhz", clock}, {"cores", Json::array({one, two})},
              {"interconnect", Json{{"type", "bus"}, {"bytes_per_cycle", random.pick<std::int64_t>({32, 64, 128})}}},
              {"memory", Json{{"type", random.pick<std::string>({"ddr3-1600", "ddr4-2400", "lpddr4-3200", "hbm2-2000"})}, {"channels", 1}}}};
}

/// Rows of a simulation, one for each core, as CSV lines.
Expected<std::string> lines_of(const PartTableOptions& options, std::int64_t row) {
  const std::int64_t pair = row / designs_per_pair;
  Random networks(derive(options.seed, "parts/networks/" + std::to_string(options.networks.empty() ? pair : row)));
  std::vector<NetworkPtr> graphs;
  std::string name = std::to_string(pair);
  if (!options.networks.empty()) name.clear();
  for (int core = 0; core < 2; ++core) {
    Expected<NetworkPtr> graph = nullptr;
    if (options.networks.empty()) {
      graph = random_network(networks);
    } else {
      const std::string& reference = options.networks[static_cast<std::size_t>(networks.integer(0, static_cast<std::int64_t>(options.networks.size()) - 1))];
      name += (core == 0 ? "" : " beside ") + reference;
      graph = workloads::load(reference);
    }
    if (!graph) return fail(std::move(graph.error()));
    graphs.push_back(std::move(*graph));
  }
  Random designs(derive(options.seed, "parts/design/" + std::to_string(row)));
  auto document = Document::parse(random_design(designs).dump(), "design");
  if (!document) return fail(std::move(document.error()));
  auto design = arch::parse_design(*document);
  if (!design) return fail(std::move(design.error()));
  auto steps = side_by_side(*design, graphs);
  if (!steps) return fail(std::move(steps.error()));
  auto part = simulate_part(*design, *steps, options.fraction);
  if (!part) return fail(std::move(part.error()));
  auto whole = run_cycle_model(*design, *steps);
  if (!whole) return fail(std::move(whole.error()));
  std::string out;
  for (std::size_t core = 0; core < graphs.size(); ++core) {
    double end = 0;
    for (const StepResult& r : whole->steps) {
      if (r.core == core) end = std::max(end, static_cast<double>(r.start_cycle + r.latency_cycles));
    }
    const arch::Array& array = design->cores[core].array;
    out += std::to_string(options.seed) + "," + std::to_string(row) + "," + std::to_string(core) + "," + name + "," + design->memory.type + "," +
           std::string(arch::info(array.dataflow).name);
    for (const PartFeature& feature : part_features(*design, *part, core)) out += "," + number(feature.value);
    const double macs = static_cast<double>(part->cores[core].macs), pes = static_cast<double>(array.rows * array.cols);
    const double throughput = macs / (end * pes), most = compute_throughput(*design, *part, core);
    out += "," + number(static_cast<double>(part->simulated_cycles) / static_cast<double>(whole->simulated_cycles)) + "," + number(end) + "," + number(throughput) + "," +
           number(most > 0 ? (throughput - part_throughput(*design, *part, core)) / most : 0) + "\n";
  }
  return out;
}

std::string header() {
  std::string out = "seed,row,core,network,memory,dataflow";
  PartRun none;
  none.cores.resize(1);
  arch::Design design;
  design.cores.resize(1);
  for (const PartFeature& feature : part_features(design, none, 0)) out += "," + feature.name + (feature.unit.empty() ? "" : " [" + feature.unit + "]");
  return out + ",part_share,latency_cycles [cycles],throughput,part_error";
}

}  // namespace

Expected<std::int64_t> write_part_table(const PartTableOptions& options) {
  if (options.count < 1 || options.count > 1'000'000) return fail(ErrorKind::invalid_input, "count is " + std::to_string(options.count) + "; 1 to 1000000 is allowed");
  for (const std::string& reference : options.networks) {
    if (auto graph = workloads::load(reference); !graph) return fail(std::move(graph.error()));
  }
  const std::string seed = std::to_string(options.seed);
  const auto kept = kept_rows(options.out, header(), options.count, "seed " + seed, [](std::int64_t) { return std::size_t{2}; },
                              [&](std::int64_t row, std::size_t core) { return seed + "," + std::to_string(row) + "," + std::to_string(core) + ","; });
  if (!kept) return fail(Error(kept.error()));
  if (auto done = write_file(options.out, kept->content); !done) return fail(std::move(done.error()));
  std::ofstream out(options.out, std::ios::app | std::ios::binary);
  for (std::int64_t row = kept->simulations; row < options.count; ++row) {
    auto lines = lines_of(options, row);
    if (!lines) {
      return fail(lines.error().kind(), "simulation " + std::to_string(row) + ": " + lines.error().text());
    }
    out << *lines << std::flush;
    if (!out) return fail(ErrorKind::run_failed, options.out.string() + ": cannot be written");
    if (options.progress) options.progress(row + 1);
  }
  return 2 * options.count;
}

}  // namespace gnomon::sim
