#include <algorithm>
#include <cstdio>
#include <ctime>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "console.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/benchmark.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/suggest.hpp"
#include "gnomon/surrogate/table.hpp"
#include "reals.hpp"
#include "surrogate_uses.hpp"

namespace gnomon::cli {

void add_suggest(CLI::App& parent, Action& action) {
  struct Options {
    std::string model, data, labelled, out;
    surrogate::SuggestOptions suggest;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("suggest", "Choose the rows of a table to label next: those that stand for many others of which no label tells");
  app->footer("Example:\n  gnomon surrogate suggest --model edge.gnomon --data candidates.csv --labelled labels.csv --count 32 --out next.csv");
  app->add_option("--model", options->model, "model file")->required();
  app->add_option("--data", options->data, "candidates: a table (.csv, .csv.gz) with the model's features, or designs (.json)")->required();
  app->add_option("--labelled", options->labelled, "the rows that have labels (as --data): what is like them need not be asked");
  app->add_option("--count", options->suggest.count, "rows to choose")->capture_default_str()->check(CLI::Range(std::size_t{1}, std::size_t{100000}));
  app->add_option("--seed", options->suggest.seed, "decides which candidates are looked at where there are many")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
  app->add_option("--out", options->out, "table (CSV) with the chosen rows, best first");
  app->add_flag("--json", options->json, "print one JSON document");
  app->callback([&action, options] {
    action = [options]() -> Expected<int> {
      auto model = surrogate::Model::load(options->model);
      if (!model) return fail(std::move(model.error()));
      auto loaded = load_tables(options->data, "", &*model);
      if (!loaded) return fail(std::move(loaded.error()));
      const arch::LabelTable* pool = &loaded->rows;
      surrogate::NetworkTables known;
      if (!options->labelled.empty()) {
        auto labelled = load_tables(options->labelled, "", &*model);
        if (!labelled) return fail(std::move(labelled.error()));
        known = std::move(*labelled);
      }
      auto chosen = surrogate::suggest(*model, *pool, options->suggest, &known.rows);
      if (!chosen) return fail(std::move(chosen.error()));
      if (!options->out.empty()) {
        if (auto written = write_file(options->out, surrogate::rows_of(*pool, *chosen).to_csv()); !written) return fail(std::move(written.error()));
      }
      if (options->json) {
        print_json(Json{{"schema", "gnomon.surrogate.suggest/1"}, {"model", options->model}, {"rows", *chosen}, {"provenance", provenance(model->info().training_sha256, options->suggest.seed)}});
      } else {
        std::string text;
        for (const std::size_t row : *chosen) text += std::to_string(row) + "\n";
        print(text);
      }
      return 0;
    };
  });
}

void add_benchmark(CLI::App& parent, Action& action) {
  struct Options {
    std::string data, nodes, out;
    surrogate::BenchmarkOptions benchmark;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("benchmark", "The wa-hls4ml protocol: models and baselines on labelled networks, scored on networks never seen");
  app->footer("Example:\n  gnomon surrogate benchmark --data layers.csv.gz --out benchmark");
  app->add_option("--data", options->data, "table of `gnomon dataset layers`, or of networks (.csv, .csv.gz), or records of the wa-hls4ml schema (.json, .jsonl)")->required();
  app->add_option("--nodes", options->nodes, "table of their layers (.csv, .csv.gz)");
  app->add_option("--targets", options->benchmark.targets, "labels, with commas between")->delimiter(',');
  app->add_option("--models", options->benchmark.models, "gnomon, analytical, mlp, gnn, transformer; default all that the data allow")->delimiter(',');
  app->add_option("--effort", options->benchmark.effort, "multiplies the epochs of the baselines")->capture_default_str()->check(reals(0.001, 100.0));
  app->add_option("--seed", options->benchmark.seed, "of training")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
  app->add_option("--out", options->out, "writes OUT.md and OUT.json");
  app->add_flag("--json", options->json, "print one JSON document");
  app->callback([&action, options] {
    action = [options]() -> Expected<int> {
      arch::LabelTable rows, nodes;
      bool has_nodes = false;
      if (is_json(options->data)) {
        auto tables = surrogate::load_wa_hls4ml(options->data);
        if (!tables) return fail(std::move(tables.error()));
        rows = std::move(tables->rows);
        nodes = std::move(tables->nodes);
        has_nodes = true;
      } else {
        auto table = surrogate::load_table(options->data);
        if (!table) return fail(std::move(table.error()));
        rows = std::move(*table);
        if (surrogate::is_layers_table(rows)) {
          const std::clock_t before = std::clock();
          auto tables = surrogate::layers_tables(rows);
          options->benchmark.features_us = 1e6 * static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC / static_cast<double>(std::max<std::size_t>(1, rows.rows()));
          if (!tables) return fail(std::move(tables.error()));
          rows = std::move(tables->rows);
          nodes = std::move(tables->nodes);
          has_nodes = true;
        }
      }
      if (!options->nodes.empty()) {
        auto table = surrogate::load_table(options->nodes);
        if (!table) return fail(std::move(table.error()));
        nodes = std::move(*table);
        has_nodes = true;
      }
      options->benchmark.progress = [](const std::string& what) { std::fprintf(stderr, "gnomon: %s\n", what.c_str()); };
      if (!rows.column("network")) {
        return invalid(options->data, "", "has no column \"network\"; the protocol wants a table of `gnomon dataset layers` (surrogate/data/layers.csv.gz is one), a table of networks with --nodes, or records of the wa-hls4ml schema");
      }
      auto report = surrogate::run_benchmark(rows, has_nodes ? &nodes : nullptr, options->benchmark);
      if (!report) return fail(std::move(report.error()));
      Json document = surrogate::benchmark_json(*report, options->benchmark);
      document["data"] = options->data;
      document["provenance"] = provenance(rows.to_csv(), options->benchmark.seed);
      const std::string text = surrogate::benchmark_markdown(*report, options->benchmark);
      if (!options->out.empty()) {
        if (auto written = write_file(options->out + ".md", text); !written) return fail(std::move(written.error()));
        if (auto written = write_file(options->out + ".json", document.dump(2) + "\n"); !written) return fail(std::move(written.error()));
      }
      if (options->json) print_json(document);
      else print(text);
      return 0;
    };
  });
}

}  // namespace gnomon::cli
