// Search agents on closed-form systolic arrays: how near they come to the best known design or front, and what a suggestion costs.
//
//   bench_agents [--problem edp|front|table-edp|table-front] [--variant 0..3] [--agents a,b] [--seeds 10] [--evaluations 1000]
//                [--batch 1] [--clipped] [--restore N]
//
// edp: one objective, energy-delay product; area and tiles are constraints. front: latency, energy and area; tiles are the
// constraint; hypervolume of the logarithms. table-*: 60,000 designs of fewer levels whose tiles follow from the buffers, so that
// the optimum and the front are exact. Variants change technology, network and limits. For the 12-parameter problems the best
// known values come from a long search of this program's own (see `reference_of`), which is not proven optimal. --restore N prints
// instead how long agents take to be told N results of uniform designs and to propose the next one.

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <map>
#include <string>
#include <vector>

#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/search/pareto.hpp"
#include "gnomon/search/study.hpp"

namespace {

using namespace gnomon;

struct Gemm {
  double m, n, k, count;
};

struct Variant {
  const char* name;
  std::vector<Gemm> network;
  double pe_area, kib_area, port_area, area_limit;      // um2
  double mac_pj, sram_pj, dram_pj, leakage_w_per_um2;   // the leakage at 1 V
  double low_volts, volt_rise;                          // supply at 200 MHz, and what 1300 MHz more add
};

const std::vector<Variant>& variants() {
  static const std::vector<Variant> list{
      {"resnet18", {{12544, 64, 147, 1}, {3136, 64, 576, 4}, {784, 128, 576, 1}, {784, 128, 1152, 3}, {784, 128, 64, 1}, {196, 256, 1152, 1},
                    {196, 256, 2304, 3}, {196, 256, 128, 1}, {49, 512, 2304, 1}, {49, 512, 4608, 3}, {49, 512, 256, 1}, {1, 1000, 512, 1}},
       1200, 5500, 9000, 8e6, 0.25, 0.15, 20, 2e-8, 0.7, 0.4},
      {"bert", {{384, 768, 768, 48}, {384, 384, 64, 144}, {384, 64, 384, 144}, {384, 3072, 768, 12}, {384, 768, 3072, 12}},
       700, 4000, 15000, 5e6, 0.12, 0.2, 35, 5e-8, 0.6, 0.6},
      {"mobilenet", {{12544, 32, 27, 1}, {12544, 9, 9, 32}, {12544, 64, 32, 1}, {3136, 128, 64, 1}, {3136, 128, 128, 1}, {784, 256, 128, 1},
                     {784, 256, 256, 1}, {196, 512, 256, 1}, {196, 512, 512, 5}, {49, 1024, 512, 1}, {49, 1024, 1024, 1}, {1, 1000, 1024, 1}},
       2200, 7000, 5000, 6e6, 0.5, 0.08, 10, 1e-8, 0.8, 0.3},
      {"recommender", {{256, 512, 13, 1}, {256, 256, 512, 1}, {256, 64, 256, 1}, {256, 512, 479, 1}, {256, 512, 512, 2}, {256, 256, 512, 1}, {256, 1, 256, 1}},
       1500, 9000, 12000, 10e6, 0.3, 0.3, 60, 4e-8, 0.65, 0.5},
  };
  return list;
}

struct Design {
  double rows, cols, ifmap, filter, ofmap, port, tile_m, tile_n, tile_k, mhz;
  int dataflow;  // os, ws, is
  std::string order;
};

struct Cost {
  double seconds, energy_pj, area, tile_excess;
};

// Folds of fill, stream and drain; tiles moved by the loop order and double buffered; int8 operands, 4-byte sums. Energy per MAC, per
// SRAM access by the square root of the capacity, per DRAM byte, and leakage by area.
Cost cost_of(const Variant& v, const Design& d) {
  Cost out{};
  out.tile_excess = std::max({2 * d.tile_m * d.tile_k / (d.ifmap * 1024), 2 * d.tile_k * d.tile_n / (d.filter * 1024),
                              8 * d.tile_m * d.tile_n / (d.ofmap * 1024)}) - 1;
  const double volts = v.low_volts + v.volt_rise * (d.mhz - 200) / 1300, scale = volts * volts / 0.81;
  double cycles = 0;
  for (const Gemm& g : v.network) {
    const double m = std::min(d.tile_m, g.m), n = std::min(d.tile_n, g.n), k = std::min(d.tile_k, g.k);
    const double nm = std::ceil(g.m / m), nn = std::ceil(g.n / n), nk = std::ceil(g.k / k);
    const double on_rows = d.dataflow == 0 ? m : k, on_cols = d.dataflow == 2 ? m : n, streamed = d.dataflow == 0 ? k : d.dataflow == 1 ? m : n;
    const double folds = std::ceil(on_rows / d.rows) * std::ceil(on_cols / d.cols), steps = streamed + 2 * d.rows + d.cols - 2;
    const auto fetches = [&](char a, char b) {
      const std::size_t inner = std::max(d.order.find(a), d.order.find(b));
      double times = 1;
      for (std::size_t i = 0; i <= inner; ++i) times *= d.order[i] == 'm' ? nm : d.order[i] == 'n' ? nn : nk;
      return times;
    };
    const double spilled = fetches('m', 'n');
    const double bytes = fetches('m', 'k') * m * k + fetches('n', 'k') * n * k + m * n * (spilled + 3 * (spilled - nm * nn));
    cycles += g.count * std::max(folds * steps * nm * nn * nk, bytes / d.port);
    const double macs = g.m * g.n * g.k;
    const double on_chip = macs * (std::sqrt(d.ifmap) / d.cols + std::sqrt(d.filter) / d.rows + std::sqrt(d.ofmap) / std::max(d.rows, d.cols));
    out.energy_pj += g.count * (scale * (v.mac_pj * macs + v.sram_pj * on_chip) + v.dram_pj * bytes);
  }
  out.area = v.pe_area * d.rows * d.cols + v.kib_area * (d.ifmap + d.filter + d.ofmap) + v.port_area * d.port;
  out.seconds = cycles / (d.mhz * 1e6);
  out.energy_pj += out.seconds * out.area * v.leakage_w_per_um2 * volts * 1e12;
  return out;
}

const char* const full_space =
    R"({"rows": {"ordinal": [4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128]},
        "cols": {"ordinal": [4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128]},
        "ifmap": {"int": [8, 1024], "step": "pow2"}, "filter": {"int": [8, 1024], "step": "pow2"}, "ofmap": {"int": [8, 1024], "step": "pow2"},
        "port": {"int": [2, 128], "step": "pow2"}, "dataflow": {"categorical": ["os", "ws", "is"]},
        "tile_m": {"int": [8, 1024], "step": "pow2"}, "tile_n": {"int": [8, 1024], "step": "pow2"}, "tile_k": {"int": [8, 1024], "step": "pow2"},
        "mhz": {"int": [200, 1500], "step": 100}, "order": {"categorical": ["mnk", "mkn", "nmk", "nkm", "kmn", "knm"]}})";
const char* const table_space =
    R"({"rows": {"ordinal": [4, 8, 16, 32, 64]}, "cols": {"ordinal": [4, 8, 16, 32, 64]}, "ifmap": {"ordinal": [16, 64, 128, 512]},
        "filter": {"ordinal": [16, 64, 128, 512]}, "ofmap": {"ordinal": [16, 64, 256]}, "port": {"ordinal": [4, 8, 16, 32, 64]},
        "dataflow": {"categorical": ["os", "ws"]}, "mhz": {"ordinal": [200, 500, 800, 1100, 1400]}})";

arch::Space space_from(const char* text) {
  const auto document = Document::parse(std::string("{\"space\": ") + text + ", \"rules\": []}", "bench");
  return arch::read_space(document.value(), "/space", "/rules").value();
}

class Bench {
 public:
  Bench(const std::string& name, std::size_t variant)
      : variant_(variants()[variant]), table_(name.starts_with("table")), edp_(name.ends_with("edp")), space_(space_from(table_ ? table_space : full_space)) {
    for (const char* n : {"rows", "cols", "ifmap", "filter", "ofmap", "port", "dataflow", "mhz"}) places_.push_back(*space_.index(n));
    if (!table_) {
      for (const char* n : {"tile_m", "tile_n", "tile_k", "order"}) places_.push_back(*space_.index(n));
    }
  }
  const arch::Space& space() const { return space_; }
  bool edp() const { return edp_; }
  bool table() const { return table_; }
  std::size_t objectives() const { return edp_ ? 1 : 3; }
  std::size_t constraints() const { return (edp_ ? 1u : 0u) + (table_ ? 0u : 1u); }

  std::pair<std::vector<double>, std::vector<double>> evaluate(const arch::Point& point) const {
    const auto real = [&](std::size_t i) {
      const arch::Value& value = *point[places_[i]];
      const auto* whole = std::get_if<std::int64_t>(&value);
      return whole ? static_cast<double>(*whole) : std::get<double>(value);
    };
    const std::string& flow = std::get<std::string>(*point[places_[6]]);
    Design d{real(0), real(1), real(2), real(3), real(4), real(5), 0, 0, 0, real(7), flow == "os" ? 0 : flow == "ws" ? 1 : 2, "mnk"};
    if (table_) {
      // Square tiles that fit.
      d.tile_k = std::exp2(std::floor(0.5 * std::log2(std::min(d.ifmap, d.filter) * 512)));
      d.tile_m = std::min(std::exp2(std::floor(std::log2(d.ifmap * 512 / d.tile_k))), std::exp2(std::floor(0.5 * std::log2(d.ofmap * 128))));
      d.tile_n = std::min(std::exp2(std::floor(std::log2(d.filter * 512 / d.tile_k))), std::exp2(std::floor(0.5 * std::log2(d.ofmap * 128))));
    } else {
      d.tile_m = real(8), d.tile_n = real(9), d.tile_k = real(10);
      d.order = std::get<std::string>(*point[places_[11]]);
    }
    const Cost c = cost_of(variant_, d);
    std::vector<double> objectives, violations;
    if (edp_) {
      objectives = {c.seconds * c.energy_pj};
      violations.push_back(c.area / variant_.area_limit - 1);
    } else {
      objectives = {c.seconds, c.energy_pj, c.area};
    }
    if (!table_) violations.push_back(c.tile_excess);
    return {objectives, violations};
  }

 private:
  const Variant& variant_;
  bool table_, edp_;
  arch::Space space_;
  std::vector<std::size_t> places_;
};

bool feasible(const std::vector<double>& violations) {
  return std::all_of(violations.begin(), violations.end(), [](double v) { return v <= 0; });
}
std::vector<double> logs(std::vector<double> values) {
  for (double& v : values) v = std::log10(v);
  return values;
}

// One parameter, or now and then two, changed by one value or to any.
arch::Point moved(const arch::Space& space, arch::Point point, Random& random) {
  const int changes = random.chance(0.4) ? 2 : 1;
  for (int c = 0; c < changes; ++c) {
    const auto i = static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(point.size()) - 1));
    const auto& p = space.parameters()[i];
    const auto n = static_cast<std::int64_t>(p.size());
    auto at = static_cast<std::int64_t>(*arch::value_index(p, *point[i]));
    if (p.kind == arch::ParameterKind::categorical || random.chance(0.3))
      at = random.integer(0, n - 1);
    else
      at = std::clamp<std::int64_t>(at + (random.chance(0.5) ? 1 : -1), 0, n - 1);
    point[i] = p.values[static_cast<std::size_t>(at)];
  }
  return point;
}

struct Reference {
  double best = HUGE_VAL;               // objective
  std::vector<double> corner;           // of the hypervolume, in log10
  double hypervolume = 0;
  std::size_t front = 0;
};

// edp: 12 annealings of 30,000 steps. front: an archive of non-dominated designs, 300,000 changes of its members. Tables: all.
Reference reference_of(const Bench& problem) {
  Reference out;
  Random random(20261122);
  std::vector<std::vector<double>> archive;
  std::vector<arch::Point> members;
  const auto enter = [&](const arch::Point& point, const std::vector<double>& z) {
    for (const auto& a : archive) {
      if (search::dominates(a, z) || a == z) return;
    }
    for (std::size_t i = archive.size(); i-- > 0;) {
      if (!search::dominates(z, archive[i])) continue;
      archive[i] = archive.back(), members[i] = members.back();
      archive.pop_back(), members.pop_back();
    }
    archive.push_back(z), members.push_back(point);
  };
  if (!problem.edp()) {
    // The corner: what nine of ten uniform feasible designs stay below.
    std::vector<std::vector<double>> columns(3);
    for (int i = 0; i < 4000; ++i) {
      const arch::Point point = *problem.space().sample(random);
      const auto [f, v] = problem.evaluate(point);
      if (!feasible(v)) continue;
      const auto z = logs(f);
      for (std::size_t k = 0; k < 3; ++k) columns[k].push_back(z[k]);
      enter(point, z);
    }
    for (auto& column : columns) {
      std::sort(column.begin(), column.end());
      out.corner.push_back(column[column.size() * 9 / 10]);
    }
  }
  if (problem.table()) {
    const auto& parameters = problem.space().parameters();
    const auto total = static_cast<std::uint64_t>(*problem.space().cardinality());
    for (std::uint64_t n = 0; n < total; ++n) {
      std::uint64_t rest = n;
      arch::Point point;
      for (const auto& p : parameters) {
        point.push_back(p.values[rest % p.size()]);
        rest /= p.size();
      }
      const auto [f, v] = problem.evaluate(point);
      if (!feasible(v)) continue;
      out.best = std::min(out.best, f[0]);
      if (!problem.edp()) enter(point, logs(f));
    }
  } else if (problem.edp()) {
    for (int run = 0; run < 12; ++run) {
      arch::Point now = *problem.space().sample(random);
      const auto energy = [&](const arch::Point& p) {
        const auto [f, v] = problem.evaluate(p);
        double broken = 0;
        for (const double x : v) broken += std::max(0.0, x);
        if (broken <= 0) out.best = std::min(out.best, f[0]);
        return std::log10(f[0]) + (broken > 0 ? 1 + broken : 0);
      };
      double e = energy(now);
      constexpr int steps = 30000;
      for (int s = 0; s < steps; ++s) {
        const double temperature = 0.3 * std::pow(1e-4, static_cast<double>(s) / steps);
        arch::Point next = moved(problem.space(), now, random);
        const double then = energy(next);
        if (then <= e || random.chance(std::exp((e - then) / temperature))) now = std::move(next), e = then;
      }
    }
  } else {
    for (int s = 0; s < 300000; ++s) {
      const arch::Point point = moved(problem.space(), members[static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(members.size()) - 1))], random);
      const auto [f, v] = problem.evaluate(point);
      if (feasible(v)) enter(point, logs(f));
    }
  }
  if (!problem.edp()) {
    out.hypervolume = search::hypervolume(archive, out.corner);
    out.front = archive.size();
  }
  return out;
}

struct Options {
  std::string problem = "edp", agents = "random,ga,nsga2,bayes,auto", agent_options;
  std::size_t variant = 0, seeds = 10, evaluations = 1000, batch = 1, first_seed = 0, restore = 0;
  bool clipped = false;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

void run(const Bench& problem, const Reference& reference, const std::string& agent, const Options& options) {
  const std::vector<std::size_t> marks{100, 300, 1000, 3000};
  std::map<std::size_t, std::vector<double>> scores;
  std::vector<double> ask_ms;
  for (std::size_t seed = 0; seed < options.seeds; ++seed) {
    search::StudyOptions o;
    o.agent = agent;
    o.agent_options_json = options.agent_options;
    for (std::size_t k = 0; k < problem.objectives(); ++k) o.objectives.push_back({"f" + std::to_string(k), false});
    o.constraints = problem.constraints();
    o.seed = options.first_seed + seed;
    auto study = search::Study::create(problem.space(), o);
    if (!study) {
      std::fprintf(stderr, "%s\n", study.error().text().c_str());
      return;
    }
    double best = HUGE_VAL;
    std::vector<std::vector<double>> front;
    std::size_t done = 0;
    while (done < options.evaluations) {
      const std::clock_t start = std::clock();
      const auto trials = study->ask(std::min(options.batch, options.evaluations - done));
      const double ms = 1000.0 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
      if (done >= 280 && done < 320 && !trials.empty()) ask_ms.push_back(ms / static_cast<double>(trials.size()));
      if (trials.empty()) break;
      for (const auto& trial : trials) {
        auto [f, v] = problem.evaluate(trial.point);
        if (feasible(v)) {
          best = std::min(best, f[0]);
          if (!problem.edp()) front.push_back(logs(f));
        }
        if (options.clipped) {
          for (double& x : v) x = std::max(x, 0.0);
        }
        if (!study->tell(trial.number, f, v)) std::abort();
        ++done;
        if (std::find(marks.begin(), marks.end(), done) == marks.end()) continue;
        scores[done].push_back(problem.edp() ? best / reference.best : 100 * search::hypervolume(front, reference.corner) / reference.hypervolume);
      }
    }
  }
  double mean_ms = 0;
  for (const double ms : ask_ms) mean_ms += ms / static_cast<double>(ask_ms.size());
  std::printf("%-8s", agent.c_str());
  for (const auto& [mark, values] : scores)
    std::printf("  %6.2f [%.2f-%.2f]", median(values), *std::min_element(values.begin(), values.end()), *std::max_element(values.begin(), values.end()));
  std::printf("  %8.3f\n", mean_ms);
  std::fflush(stdout);
}

void restore(const Bench& problem, const std::string& agent, std::size_t count) {
  search::StudyOptions o;
  o.agent = agent;
  for (std::size_t k = 0; k < problem.objectives(); ++k) o.objectives.push_back({"f" + std::to_string(k), false});
  o.constraints = problem.constraints();
  auto study = search::Study::create(problem.space(), o);
  if (!study) return;
  Random random(7);
  const auto since = [](std::clock_t start) { return static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC; };
  const std::clock_t start = std::clock();
  for (std::size_t i = 0; i < count; ++i) {
    const arch::Point point = *problem.space().sample(random);
    const auto [f, v] = problem.evaluate(point);
    (void)study->tell(point, f, v);
  }
  const double told = since(start);
  study->ask(1);
  std::printf("%-8s %7.3f %7.3f\n", agent.c_str(), told, since(start) - told);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; ++i) {
    const std::string key = argv[i];
    if (key == "--clipped") {
      options.clipped = true;
      continue;
    }
    if (i + 1 >= argc) {
      std::fprintf(stderr, "bench_agents: %s needs a value\n", key.c_str());
      return 2;
    }
    const char* value = argv[++i];
    const auto count = [&] { return static_cast<std::size_t>(std::strtoull(value, nullptr, 10)); };
    if (key == "--problem")
      options.problem = value;
    else if (key == "--variant")
      options.variant = std::min(count(), variants().size() - 1);
    else if (key == "--agents")
      options.agents = value;
    else if (key == "--options")
      options.agent_options = value;
    else if (key == "--seeds")
      options.seeds = count();
    else if (key == "--first-seed")
      options.first_seed = count();
    else if (key == "--evaluations")
      options.evaluations = count();
    else if (key == "--restore")
      options.restore = count();
    else if (key == "--batch")
      options.batch = std::max<std::size_t>(count(), 1);
    else {
      std::fprintf(stderr, "bench_agents: unknown option %s\n", key.c_str());
      return 2;
    }
  }
  if (options.problem != "edp" && options.problem != "front" && options.problem != "table-edp" && options.problem != "table-front") {
    std::fprintf(stderr, "bench_agents: --problem is edp, front, table-edp or table-front\n");
    return 2;
  }
  const Bench problem(options.problem, options.variant);
  const auto each_agent = [&](const auto& what) {
    std::string rest = options.agents;
    while (!rest.empty()) {
      const std::size_t comma = rest.find(',');
      what(rest.substr(0, comma));
      rest = comma == std::string::npos ? "" : rest.substr(comma + 1);
    }
  };
  if (options.restore > 0) {
    std::printf("%s, %s: CPU s to be told %zu results, and to propose the next design\n", options.problem.c_str(), variants()[options.variant].name,
                options.restore);
    each_agent([&](const std::string& agent) { restore(problem, agent, options.restore); });
    return 0;
  }
  const Reference reference = reference_of(problem);
  std::printf("%s, %s, seeds %zu..%zu, batch %zu%s; ", options.problem.c_str(), variants()[options.variant].name, options.first_seed,
              options.first_seed + options.seeds - 1, options.batch, options.clipped ? ", satisfied constraints told as 0" : "");
  if (problem.edp())
    std::printf("best / best known (%.9g), median [range]", reference.best);
  else
    std::printf("hypervolume in %% of the reference front's (%zu designs), median [range]", reference.front);
  std::printf(" at 100, 300, 1000 evaluations; CPU ms per suggestion around 300\n");
  each_agent([&](const std::string& agent) { run(problem, reference, agent, options); });
  return 0;
}
