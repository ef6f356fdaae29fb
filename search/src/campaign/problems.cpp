#include "gnomon/search/problems.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <numbers>

#include "campaign/campaign_io.hpp"
#include "campaign/command.hpp"
#include "gnomon/base/text.hpp"
#include "problems/entry.hpp"
#include "problems/table.hpp"

namespace gnomon::search {
namespace {

std::vector<double> pressure_vessel(const Values& v) {
  const double shell = 0.0625 * static_cast<double>(v.whole("shell")), head = 0.0625 * static_cast<double>(v.whole("head"));
  const double r = v.real("radius"), l = v.real("length");
  const double cost = 0.6224 * shell * r * l + 1.7781 * head * r * r + 3.1661 * shell * shell * l + 19.84 * shell * shell * r;
  const double volume = std::numbers::pi * r * r * l + 4.0 / 3.0 * std::numbers::pi * r * r * r;
  return {cost, 0.0193 * r - shell, 0.00954 * r - head, 1296000.0 - volume};
}

std::vector<double> circle_tour(const Values& v) {
  // The stops lie on a unit circle; their names go round it in steps of three places.
  const std::vector<std::int64_t> order = v.order("tour");
  const auto n = static_cast<double>(order.size());
  const auto angle = [&](std::int64_t stop) {
    return 2 * std::numbers::pi * static_cast<double>(stop * 3 % static_cast<std::int64_t>(order.size())) / n;
  };
  double length = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    const double turn = angle(order[i]) - angle(order[(i + 1) % order.size()]);
    length += std::abs(2 * std::sin(turn / 2));
  }
  return {length};
}

struct Gemm {
  double m, n, k, count;
};
// ResNet-18 (He et al. 2016) at 224 x 224: output pixels, filters, filter volume, and how often the shape occurs.
constexpr Gemm resnet18[] = {{12544, 64, 147, 1}, {3136, 64, 576, 4},  {784, 128, 576, 1},  {784, 128, 1152, 3},
                             {784, 128, 64, 1},   {196, 256, 1152, 1}, {196, 256, 2304, 3}, {196, 256, 128, 1},
                             {49, 512, 2304, 1},  {49, 512, 4608, 3},  {49, 512, 256, 1},   {1, 1000, 512, 1}};

double times(double extent, double tile) {
  return std::ceil(extent / tile);
}

/// Tiled matrix products on an array: fill + stream + drain per fold, tiles moved by the loop order, double buffered (the longer
/// of the two counts), int8. Energy: per MAC, per byte of SRAM by the square root of capacity, per byte of DRAM, and leakage by
/// area; supply voltage rises with the clock.
std::vector<double> systolic(const Values& v) {
  const double rows = static_cast<double>(v.whole("rows")), cols = static_cast<double>(v.whole("cols"));
  const double ifmap = static_cast<double>(v.whole("ifmap_kib")), filter = static_cast<double>(v.whole("filter_kib")),
               ofmap = static_cast<double>(v.whole("ofmap_kib"));
  const double bandwidth = static_cast<double>(v.whole("bytes_per_cycle")), mhz = static_cast<double>(v.whole("clock_mhz"));
  const double tm = static_cast<double>(v.whole("tile_m")), tn = static_cast<double>(v.whole("tile_n")),
               tk = static_cast<double>(v.whole("tile_k"));
  const std::string dataflow = v.word("dataflow"), order = v.word("loop_order");
  const double excess =
      std::max({2 * tm * tk / (ifmap * 1024), 2 * tk * tn / (filter * 1024), 2 * 4 * tm * tn / (ofmap * 1024)}) - 1;

  double cycles = 0, energy = 0;
  const double volts = 0.7 + 0.4 * (mhz - 200) / 1300;
  const double scale = volts * volts / 0.81;
  for (const Gemm& g : resnet18) {
    const double m = std::min(tm, g.m), n = std::min(tn, g.n), k = std::min(tk, g.k);
    const double nm = times(g.m, m), nn = times(g.n, n), nk = times(g.k, k);
    double folds = 0, steps = 0;
    if (dataflow == "os")
      folds = times(m, rows) * times(n, cols), steps = k + 2 * rows + cols - 2;
    else if (dataflow == "ws")
      folds = times(k, rows) * times(n, cols), steps = m + 2 * rows + cols - 2;
    else
      folds = times(k, rows) * times(m, cols), steps = n + 2 * rows + cols - 2;
    // An operand is fetched once for every iteration of the loops outside its innermost relevant one.
    const auto fetches = [&](const std::string& relevant) {
      const std::size_t inner = std::max(order.find(relevant[0]), order.find(relevant[1]));
      double out = 1;
      for (std::size_t i = 0; i <= inner; ++i) out *= order[i] == 'm' ? nm : order[i] == 'n' ? nn : nk;
      return out;
    };
    const double spilled = fetches("mn");
    const double bytes = fetches("mk") * m * k + fetches("nk") * n * k + m * n * (spilled + 3 * (spilled - nm * nn));
    const double tile_cycles = folds * steps * nm * nn * nk;
    cycles += g.count * std::max(tile_cycles, bytes / bandwidth);
    const double macs = g.m * g.n * g.k;
    const double on_chip =
        macs * ((1 / cols) * std::sqrt(ifmap) + (1 / rows) * std::sqrt(filter)) + macs / std::max(rows, cols) * std::sqrt(ofmap);
    energy += g.count * (scale * (0.25 * macs + 0.15 * on_chip) + 20 * bytes);
  }
  const double area = 1200 * rows * cols + 5500 * (ifmap + filter + ofmap) + 9000 * bandwidth;
  const double seconds = cycles / (mhz * 1e6);
  energy += seconds * area * 0.02e6 * volts;
  return {seconds, energy, area, energy * 1e-12 * seconds, excess};
}

const std::vector<ProblemEntry>& entries() {
  static const std::vector<ProblemEntry> list = [] {
    std::vector<ProblemEntry> own{
      {{"pressure_vessel",
        "pressure vessel, two integers and two reals, three constraints; best known cost 6059.714335 (Sandgren, J. Mech. Des. "
        "112, 1990)",
        R"({"shell": {"int": [1, 99]}, "head": {"int": [1, 99]}, "radius": {"real": [10, 200]}, "length": {"real": [10, 200]}})",
        {},
        {{"cost", false}},
        {{"shell_short", 0}, {"head_short", 0}, {"volume_short", 0}},
        {"cost", "shell_short", "head_short", "volume_short"}},
       pressure_vessel},
      {{"circle_tour",
        "shortest round trip through 8 places on a unit circle, one permutation; shortest 16 sin(pi / 8)",
        R"({"tour": {"permutation": [0, 1, 2, 3, 4, 5, 6, 7]}})",
        {},
        {{"length", false}},
        {},
        {"length"}},
       circle_tour},
      {{"systolic",
        "closed-form systolic array for ResNet-18: 12 mixed parameters, tiles that must fit, area limit of 8 mm2",
        R"({"rows": {"ordinal": [4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128]},
            "cols": {"ordinal": [4, 6, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 64, 96, 128]},
            "ifmap_kib": {"int": [8, 1024], "step": "pow2"}, "filter_kib": {"int": [8, 1024], "step": "pow2"},
            "ofmap_kib": {"int": [8, 1024], "step": "pow2"}, "bytes_per_cycle": {"int": [2, 128], "step": "pow2"},
            "dataflow": {"categorical": ["os", "ws", "is"]}, "tile_m": {"int": [8, 1024], "step": "pow2"}, "tile_n": {"int": [8, 1024], "step": "pow2"},
            "tile_k": {"int": [8, 1024], "step": "pow2"}, "clock_mhz": {"int": [200, 1500], "step": 100},
            "loop_order": {"categorical": ["mnk", "mkn", "nmk", "nkm", "kmn", "knm"]}})",
        {},
        {{"latency_s", false}, {"energy_pj", false}},
        {{"area_um2", 8e6}, {"tile_excess", 0}},
        {"latency_s", "energy_pj", "area_um2", "edp_js", "tile_excess"}},
       systolic},
    };
    own[0].info.truth = {6059.714335, false, {}, {}, {}, "best known (Coello Coello, Comput. Ind. 41(2), 2000)"};
    own[1].info.truth = {16 * std::sin(std::numbers::pi / 8), true, {}, {}, {}, "perimeter of the regular octagon"};
    // The same array with one and with three objectives.
    ProblemEntry edp = own[2], front = own[2];
    edp.info.name = "systolic_edp";
    edp.info.summary = "the array of systolic: energy-delay product under the limits of area and tiles";
    edp.info.objectives = {{"edp_js", false}};
    edp.info.truth = {1.13902957e-6, false, {}, {}, {}, "best of 12 annealings of 30,000 steps (bench_agents)"};
    front.info.name = "systolic_front";
    front.info.summary = "the array of systolic: latency, energy and area; tiles must fit";
    front.info.objectives = {{"latency_s", false}, {"energy_pj", false}, {"area_um2", false}};
    front.info.constraints = {{"tile_excess", 0}};
    own.push_back(std::move(edp));
    own.push_back(std::move(front));
    std::vector<ProblemEntry> all;
    for (auto family : {zdt_problems, dtlz_problems, wfg_problems, constrained_problems, mixed_problems, table_problems}) {
      for (ProblemEntry& entry : family()) all.push_back(std::move(entry));
    }
    for (ProblemEntry& entry : own) all.push_back(std::move(entry));
    return all;
  }();
  return list;
}

class ProblemEvaluator final : public arch::Evaluator {
 public:
  Expected<arch::Evaluation> evaluate(const arch::EvaluationJob& job) override {
    auto options = Document::parse(job.options_json, "job");
    if (!options) return fail(std::move(options.error()));
    if (options->root().contains("table")) return from_table(options->root().at("table").dump(), job);
    const auto name = options->root().value("problem", std::string());
    auto info = find_problem(name);
    if (!info) return fail(std::move(info.error()));
    auto values = evaluate_problem(name, job.parameters_json);
    if (!values) return fail(std::move(values.error()));
    arch::Evaluation out;
    for (std::size_t i = 0; i < values->size(); ++i) out.metrics.push_back({(*info)->metrics[i], (*values)[i]});
    return out;
  }

 private:
  std::string open_;
  std::shared_ptr<const TableProblem> table_;

  Expected<arch::Evaluation> from_table(const std::string& options, const arch::EvaluationJob& job) {
    if (!table_ || open_ != options) {
      auto table = TableProblem::open(options);
      if (!table) return fail(std::move(table.error()));
      table_ = std::move(*table);
      open_ = options;
    }
    auto values = table_->evaluate(job.parameters_json);
    if (!values) return fail(std::move(values.error()));
    arch::Evaluation out;
    for (std::size_t i = 0; i < values->size(); ++i) out.metrics.push_back({table_->info().metrics[i], (*values)[i]});
    return out;
  }
};

}  // namespace

const std::vector<ProblemInfo>& problems() {
  static const std::vector<ProblemInfo> list = [] {
    std::vector<ProblemInfo> out;
    for (const ProblemEntry& entry : entries()) out.push_back(entry.info);
    return out;
  }();
  return list;
}

Expected<const ProblemInfo*> find_problem(const std::string& name) {
  std::vector<std::string> names;
  for (const ProblemInfo& info : problems()) {
    if (info.name == name) return &info;
    names.push_back(info.name);
  }
  return fail(ErrorKind::invalid_input, unknown_word("problem", name, names));
}

Expected<arch::Space> problem_space(const ProblemInfo& problem) {
  const Json both{{"space", Json::parse(problem.space_json)}, {"rules", problem.rules}};
  return arch::read_space(Document::wrap(both, problem.name), "/space", "/rules");
}

Expected<std::vector<double>> evaluate_problem(const std::string& name, const std::string& parameters_json) {
  for (const ProblemEntry& entry : entries()) {
    if (entry.info.name != name) continue;
    auto document = Document::parse(parameters_json, "parameters");
    if (!document) return fail(std::move(document.error()));
    try {
      return entry.formula(Values(document->root()));
    } catch (const std::exception& error) {
      return fail(ErrorKind::invalid_input, "problem " + in_quotes(name) + " cannot read its parameters: " + error.what());
    }
  }
  return fail(std::move(find_problem(name).error()));
}

Expected<void> problem_fits(const ProblemInfo& problem, const arch::Space& space) {
  auto own = problem_space(problem);
  if (!own) return fail(std::move(own.error()));
  std::vector<Problem> wrong;
  std::vector<std::string> names;
  for (const arch::Parameter& p : own->parameters()) names.push_back(p.name);
  for (const arch::Parameter& p : space.parameters()) {
    if (std::find(names.begin(), names.end(), p.name) == names.end())
      wrong.push_back({"", "", unknown_word("parameter", p.name, names)});
    else if (p.active_if != own->parameters()[*own->index(p.name)].active_if)
      wrong.push_back({"", "", "the parameter " + in_quotes(p.name) + " of a problem is active where the problem says"});
  }
  for (const std::string& name : names) {
    if (!space.index(name)) wrong.push_back({"", "", "the parameter " + in_quotes(name) + " of the problem is missing"});
  }
  if (!wrong.empty()) return fail(Error(ErrorKind::invalid_input, std::move(wrong)));
  return {};
}

void register_problems(arch::EvaluatorRegistry& registry) {
  registry.add("problem", "analytical", [] { return std::make_unique<ProblemEvaluator>(); });
  for (const char* fidelity : {"analytical", "surrogate", "cycle", "rtl"}) {
    registry.add("command", fidelity, [] { return make_command_evaluator(); });
  }
}

}  // namespace gnomon::search
