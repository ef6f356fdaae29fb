#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "compose.hpp"
#include "console.hpp"
#include "dataset.hpp"
#include "gnomon/arch/dataflow.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/temporary_folder.hpp"
#include "gnomon/surrogate/evaluator.hpp"

namespace gnomon::cli {
namespace {

/// A single core with three levels and one of five memories, in one of four technologies.
Json random_design(Random& random) {
  const auto size = [&] { return random.pick<std::int64_t>({4, 8, 12, 16, 24, 32, 48, 64, 96, 128}); };
  const std::int64_t rows = size(), cols = size();
  const bool overlap = random.chance(0.6);
  const std::string flow = random.pick(arch::dataflows()).name;
  const auto precision = random.pick<std::string>({"int8", "int8", "int16"});
  Json levels = Json::array();
  for (const char* operand : {"ifmap", "filter", "ofmap"}) {
    levels.push_back(Json{{"name", operand}, {"holds", Json::array({operand})}, {"kib", random.pick<std::int64_t>({4, 8, 16, 32, 64, 128, 256, 512})},
                          {"banks", random.pick<std::int64_t>({1, 1, 2, 4, 8, 16})}, {"double_buffered", random.chance(0.8)}});
  }
  Json memory{{"type", random.pick<std::string>({"ideal", "ideal", "ddr3-1600", "ddr4-2400", "lpddr4-3200", "hbm2-2000"})}};
  if (memory["type"] == "ideal") {
    memory["bytes_per_cycle"] = random.pick<std::int64_t>({4, 8, 16, 32, 64});
    memory["latency_cycles"] = random.integer(0, 200);
  } else {
    memory["channels"] = 1;
  }
  // With fewer lanes than columns no vector work rides along with the array's.
  const std::int64_t lanes = random.pick<std::int64_t>({std::max<std::int64_t>(4, cols / 2), cols, cols, 2 * cols, 128});
  Json out{{"version", 1}, {"name", "core"}, {"clock_mhz", random.pick<std::int64_t>({200, 400, 600, 800, 1000})}, {"technology", random.pick<std::string>({"45nm", "28nm", "16nm", "7nm"})},
           {"cores", Json::array({Json{{"name", "npu"}, {"array", Json{{"rows", rows}, {"cols", cols}, {"dataflow", flow}, {"precision", precision}, {"overlap", overlap}}}, {"levels", levels},
                                       {"vector", Json{{"lanes", lanes}}}}})},
           {"memory", memory}};
  if (random.chance(0.5)) out["interconnect"] = Json{{"type", "bus"}, {"bytes_per_cycle", random.pick<std::int64_t>({16, 32, 64, 128})}};
  return out;
}

/// Operators of convolutional networks and transformers, each with tensors of its own.
class RandomOperators {
 public:
  explicit RandomOperators(Random& random) : random_(random) {}

  std::string operator()(int count) {
    for (int i = 0; i < count; ++i) {
      name_ = fmt::format("o{}", i);
      const double kind = random_.uniform();
      if (kind < 0.35) convolution();
      else if (kind < 0.5) grouped();
      else if (kind < 0.75) product();
      else if (kind < 0.82) attention();
      else vector();
    }
    return Json{{"version", 1}, {"name", "operators"}, {"tensors", tensors_}, {"operators", operators_}}.dump();
  }

 private:
  /// MACs and elements of an operator at most, so that a table takes minutes.
  static constexpr std::int64_t most_macs = 600'000'000, most_elements = 4'000'000;

  Random& random_;
  std::string name_;
  Json tensors_ = Json::array(), operators_ = Json::array();

  std::string tensor(const char* what, std::vector<std::int64_t> shape, bool constant = false) {
    tensors_.push_back(Json{{"name", name_ + what}, {"shape", std::move(shape)}});
    if (constant) tensors_.back()["constant"] = true;
    return name_ + what;
  }
  void add(Json op) { operators_.push_back(std::move(op)); }

  /// What networks do with the outputs of convolutions and products; it rides along where the vector unit is wide enough.
  void maybe_activation(const std::string& of, const std::vector<std::int64_t>& shape) {
    if (!random_.chance(0.5)) return;
    const auto type = random_.pick<std::string>({"Relu", "Relu", "Gelu"});
    add(Json{{"name", name_ + ".act"}, {"op", "elementwise"}, {"type", type}, {"inputs", Json::array({of})}, {"outputs", Json::array({tensor(".act", shape)})}});
  }

  void convolution(std::int64_t groups, std::int64_t channels, std::int64_t filters, std::int64_t kernel) {
    const std::int64_t stride = random_.chance(0.2) ? 2 : 1, pad = kernel / 2;
    std::int64_t size = random_.log_integer(7, 112);
    const auto out = [&] { return (size + 2 * pad - kernel) / stride + 1; };
    while (size > 7 && (out() * out() * filters * (channels / groups) * kernel * kernel > most_macs || size * size * std::max(channels, filters) > most_elements)) size = size * 3 / 4;
    const std::vector<std::int64_t> result{1, filters, out(), out()};
    const std::string x = tensor(".x", {1, channels, size, size}), w = tensor(".w", {filters, channels / groups, kernel, kernel}, true), b = tensor(".b", {filters}, true), y = tensor("", result);
    add(Json{{"name", name_}, {"op", "convolution"}, {"type", "Conv"}, {"inputs", Json::array({x, w, b})}, {"outputs", Json::array({y})},
             {"convolution", Json{{"groups", groups}, {"stride", Json::array({stride, stride})}, {"pad_begin", Json::array({pad, pad})}, {"pad_end", Json::array({pad, pad})}}}});
    maybe_activation(y, result);
  }
  void convolution() { convolution(1, random_.log_integer(3, 768), random_.log_integer(8, 768), random_.pick<std::int64_t>({1, 1, 3, 3, 5, 7})); }
  void grouped() {
    if (random_.chance(0.7)) {
      const std::int64_t channels = random_.log_integer(8, 1024);
      return convolution(channels, channels, channels, random_.pick<std::int64_t>({3, 3, 5}));
    }
    const std::int64_t groups = random_.pick<std::int64_t>({2, 4, 8, 32});
    convolution(groups, groups * random_.log_integer(2, 32), groups * random_.log_integer(2, 32), random_.pick<std::int64_t>({1, 3, 3}));
  }

  void product() {
    std::int64_t m = random_.chance(0.2) ? 1 : random_.log_integer(1, 1024);
    const std::int64_t n = random_.log_integer(8, 4096), k = random_.log_integer(8, std::min<std::int64_t>(4096, most_elements / n));
    while (m > 1 && m * n * k > most_macs) m /= 2;
    const std::string x = tensor(".x", {m, k}), w = tensor(".w", {k, n}, true), y = tensor("", {m, n});
    Json inputs = Json::array({x, w});
    if (random_.chance(0.5)) inputs.push_back(tensor(".b", {n}, true));
    add(Json{{"name", name_}, {"op", "matmul"}, {"type", inputs.size() == 3 ? "Gemm" : "MatMul"}, {"inputs", inputs}, {"outputs", Json::array({y})}});
    maybe_activation(y, {m, n});
  }

  void attention() {
    const std::int64_t heads = random_.pick<std::int64_t>({1, 2, 4, 8, 12}), size = random_.pick<std::int64_t>({16, 32, 64}), keys = random_.log_integer(16, 384);
    const std::int64_t queries = random_.chance(0.2) ? 1 : keys;
    const std::string q = tensor(".q", {1, heads, queries, size}), k = tensor(".k", {1, heads, keys, size}), v = tensor(".v", {1, heads, keys, size}), y = tensor("", {1, heads, queries, size});
    add(Json{{"name", name_}, {"op", "attention"}, {"type", "Attention"}, {"inputs", Json::array({q, k, v})}, {"outputs", Json::array({y})}, {"attention", Json{{"heads", heads}}}});
  }

  void vector() {
    const double kind = random_.uniform();
    if (kind < 0.35) {
      const std::int64_t channels = random_.log_integer(8, 768), size = random_.log_integer(4, 64), kernel = random_.integer(2, 3), out = (size - kernel) / 2 + 1;
      const bool whole = random_.chance(0.3);
      const std::int64_t window = whole ? size : kernel, step = whole ? 1 : 2, left = whole ? 1 : out;
      return add(Json{{"name", name_}, {"op", "pooling"}, {"type", whole ? "AveragePool" : "MaxPool"}, {"inputs", Json::array({tensor(".x", {1, channels, size, size})})},
                      {"outputs", Json::array({tensor("", {1, channels, left, left})})}, {"pooling", Json{{"kernel", Json::array({window, window})}, {"stride", Json::array({step, step})}}}});
    }
    const std::vector<std::int64_t> shape{random_.log_integer(1, 1024), random_.log_integer(16, 3072)};
    Json inputs = Json::array({tensor(".x", shape)});
    std::string op = "elementwise", type = "Add";
    if (kind < 0.65) inputs.push_back(tensor(".z", shape));
    else if (kind < 0.75) type = random_.pick<std::string>({"Relu", "Gelu"});
    else if (kind < 0.9) op = "normalization", type = "LayerNormalization";
    else op = "softmax", type = "Softmax";
    add(Json{{"name", name_}, {"op", op}, {"type", type}, {"inputs", inputs}, {"outputs", Json::array({tensor("", shape)})}});
  }
};

}  // namespace

Command operators_dataset() {
  return {"operators", "A table of operators on random accelerators with latency and energy by the cycle model", "gnomon dataset operators --out operators.csv --count 100",
          [](CLI::App& app) -> Action {
            struct Options {
              std::string out;
              std::int64_t count = 100;
              std::int64_t seed = 1;
            };
            auto options = std::make_shared<Options>();
            app.add_option("--out", options->out, "the table (CSV)")->required();
            app.add_option("--count", options->count, "designs, each with four operators")->capture_default_str()->check(CLI::Range(std::int64_t{1}, std::int64_t{1000000}));
            app.add_option("--seed", options->seed, "of designs and operators")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
            return [options]() -> Expected<int> {
              auto scratch = TemporaryFolder::make();
              if (!scratch) return fail(std::move(scratch.error()));
              auto evaluator = evaluators().make("accelerator", "cycle");
              if (!evaluator) return fail(std::move(evaluator.error()));
              surrogate::LayerLabels labels;
              for (std::int64_t i = 0; i < options->count; ++i) {
                Random random(derive(static_cast<std::uint64_t>(options->seed), "operators/" + std::to_string(i)));
                arch::EvaluationJob job;
                job.design_json = random_design(random).dump();
                job.fidelity = "cycle";
                job.subject = "accelerator";
                job.seed = static_cast<std::uint64_t>(options->seed);
                // A name of its own: evaluators keep the workloads that they have read.
                const auto work = scratch->path() / (std::to_string(i) + ".json");
                if (auto written = write_file(work, RandomOperators(random)(4)); !written) return fail(std::move(written.error()));
                job.workloads = {{work.string(), 1, 1.0}};
                auto evaluation = (*evaluator)->evaluate(job);
                if (!evaluation) return fail(evaluation.error().kind(), "design " + std::to_string(i) + ": " + evaluation.error().text());
                if (auto added = labels.add(job, *evaluation); !added) return fail(std::move(added.error()));
              }
              if (auto written = write_file(options->out, labels.table().to_csv()); !written) return fail(std::move(written.error()));
              print(fmt::format("{} rows of {} designs in {}\n", labels.rows(), labels.designs(), options->out));
              return 0;
            };
          }};
}

}  // namespace gnomon::cli
