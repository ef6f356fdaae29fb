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

/// A single core with three levels and one of five memories.
Json random_design(Random& random) {
  const auto size = [&] { return random.pick<std::int64_t>({4, 8, 12, 16, 24, 32, 48, 64}); };
  const std::int64_t rows = size(), cols = size();
  const bool overlap = random.chance(0.6);
  const std::string flow = random.pick(arch::dataflows()).name;
  const auto precision = random.pick<std::string>({"int8", "int8", "int16"});
  Json levels = Json::array();
  for (const char* operand : {"ifmap", "filter", "ofmap"}) {
    levels.push_back(Json{{"name", operand}, {"holds", Json::array({operand})}, {"kib", random.pick<std::int64_t>({4, 8, 16, 32, 64, 128, 256})}, {"double_buffered", random.chance(0.8)}});
  }
  Json memory{{"type", random.pick<std::string>({"ideal", "ddr3-1600", "ddr4-2400", "lpddr4-3200", "hbm2-2000"})}};
  if (memory["type"] == "ideal") {
    memory["bytes_per_cycle"] = random.pick<std::int64_t>({4, 8, 16, 32, 64});
    memory["latency_cycles"] = random.integer(0, 200);
  } else {
    memory["channels"] = 1;
  }
  return Json{{"version", 1}, {"name", "core"}, {"clock_mhz", random.pick<std::int64_t>({200, 400, 600, 800, 1000})},
              {"cores", Json::array({Json{{"name", "npu"}, {"array", Json{{"rows", rows}, {"cols", cols}, {"dataflow", flow}, {"precision", precision}, {"overlap", overlap}}}, {"levels", levels},
                                          {"vector", Json{{"lanes", cols}}}}})},
              {"memory", memory}};
}

/// Four matrix products or convolutions.
std::string random_layers(Random& random) {
  if (random.chance(0.5)) {
    std::string csv = "Layer, M, N, K,\n";
    for (int l = 0; l < 4; ++l) csv += fmt::format("p{}, {}, {}, {},\n", l, random.log_integer(1, 512), random.log_integer(8, 1024), random.log_integer(8, 1024));
    return csv;
  }
  std::string csv = "Layer, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n";
  for (int l = 0; l < 4; ++l) {
    const std::int64_t kernel = random.pick<std::int64_t>({1, 3, 3, 5}), size = random.integer(7, 40) + kernel - 1;
    csv += fmt::format("c{}, {}, {}, {}, {}, {}, {}, {},\n", l, size, size, kernel, kernel, random.log_integer(3, 128), random.log_integer(8, 256), random.chance(0.2) ? 2 : 1);
  }
  return csv;
}

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
                const auto work = scratch->path() / (std::to_string(i) + ".csv");
                if (auto written = write_file(work, random_layers(random)); !written) return fail(std::move(written.error()));
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
