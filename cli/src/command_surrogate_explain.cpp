#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "command_surrogate.hpp"
#include "console.hpp"
#include "gnomon/surrogate/explain.hpp"
#include "gnomon/surrogate/import.hpp"
#include "surrogate_uses.hpp"

namespace gnomon::cli {

void add_surrogate_explain(CLI::App& parent, Action& action) {
  struct Options {
    std::string model, data, nodes, background, background_nodes;
    int row = -1, orders = 32;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("explain", "Which features moved each answer away from the usual one (Shapley values)");
  app->footer("Example:\n  gnomon surrogate explain --model edge.gnomon --data designs.csv --row 0");
  app->add_option("--model", options->model, "model file")->required();
  app->add_option("--data", options->data, "label table (.csv, .csv.gz) with the model's features, designs (.json), or wa-hls4ml records (.json, .json.gz, .jsonl)")->required();
  app->add_option("--background", options->background, "table whose medians and most frequent words are the usual row; default the same as --data, or what the model keeps of its training where that has one row");
  app->add_option("--nodes", options->nodes, "table of the rows' nodes, for models that take them; each node feature is moved over all the row's nodes at once");
  app->add_option("--background-nodes", options->background_nodes, "table of the nodes of --background; default --nodes")->needs("--background");
  app->add_option("--row", options->row, "only this row, counted from 0; default all")->check(CLI::NonNegativeNumber);
  app->add_option("--orders", options->orders, "random orders of the features, each also reversed")->capture_default_str()->check(CLI::Range(1, 100'000));
  app->add_flag("--json", options->json, "print one JSON document");
  app->callback([&action, options] {
    action = [options]() -> Expected<int> {
      auto model = surrogate::Model::load(options->model);
      if (!model) return fail(std::move(model.error()));
      auto asked = load_tables(options->data, options->nodes, &*model);
      if (!asked) return fail(std::move(asked.error()));
      std::optional<surrogate::NetworkTables> background;
      if (!options->background.empty()) {
        auto given = load_tables(options->background, options->background_nodes.empty() ? options->nodes : options->background_nodes, &*model);
        if (!given) return fail(std::move(given.error()));
        background = std::move(*given);
      }
      if (options->row >= 0) {
        if (static_cast<std::size_t>(options->row) >= asked->rows.rows()) {
          return invalid(options->data, "", "row " + std::to_string(options->row) + " is asked for; the table has " + std::to_string(asked->rows.rows()));
        }
        if (!background) background = *asked;
        asked->rows = surrogate::rows_of(asked->rows, {static_cast<std::size_t>(options->row)});
      }
      const auto explained = surrogate::explain(*model, *asked, background ? &*background : nullptr, options->orders);
      if (!explained) return fail(Error(explained.error()));
      const auto& info = model->info();
      const std::vector<std::string>& inputs = explained->inputs;
      Json rows = Json::array();
      for (std::size_t r = 0; r < explained->rows.size(); ++r) {
        const auto& one = explained->rows[r];
        const std::size_t number = options->row >= 0 ? static_cast<std::size_t>(options->row) : r;
        Json entry{{"row", number}};
        for (std::size_t t = 0; t < info.targets.size(); ++t) {
          Json contributions = Json::object();
          for (std::size_t f = 0; f < inputs.size(); ++f) contributions[inputs[f]] = one.contributions[t][f];
          entry[info.targets[t].name] = Json{{"usual", one.usual[t]}, {"answer", one.answer[t]}, {"contributions", contributions}};
        }
        if (!options->json) {
          for (std::size_t t = 0; t < info.targets.size(); ++t) {
            std::vector<std::size_t> order(inputs.size());
            std::iota(order.begin(), order.end(), std::size_t{0});
            std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return std::abs(one.contributions[t][a]) > std::abs(one.contributions[t][b]); });
            std::vector<std::vector<std::string>> lines{{"usual", fmt::format("{:.5g}", one.usual[t])}};
            for (const std::size_t f : order) lines.push_back({inputs[f], fmt::format("{:+.5g}", one.contributions[t][f])});
            lines.push_back({"answer", fmt::format("{:.5g}", one.answer[t])});
            print(table({fmt::format("row {}: {}", number, info.targets[t].name), info.targets[t].unit}, lines, 1));
          }
        }
        rows.push_back(std::move(entry));
      }
      if (options->json) {
        print_json(Json{{"schema", "gnomon.surrogate.explain/1"}, {"model", options->model},
                        {"method", "Shapley values by " + std::to_string(2 * options->orders) + " orders of the features, from the usual row"},
                        {"background", explained->background}, {"rows", rows}});
      } else {
        print("usual: " + explained->background + "\n");
      }
      return 0;
    };
  });
}

}  // namespace gnomon::cli
