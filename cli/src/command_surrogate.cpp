#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>
#include <unistd.h>

#include "command_surrogate.hpp"
#include "console.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"
#include "surrogate_uses.hpp"

namespace gnomon::cli {
namespace {

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> out;
  std::size_t begin = 0;
  while (begin <= list.size()) {
    const std::size_t comma = std::min(list.find(',', begin), list.size());
    const std::string_view word = trimmed(std::string_view(list).substr(begin, comma - begin));
    if (!word.empty()) out.emplace_back(word);
    begin = comma + 1;
  }
  return out;
}

Json scores_json(const std::vector<surrogate::Score>& scores) {
  Json out = Json::object();
  for (const surrogate::Score& score : scores) {
    out[score.target] = Json{{"rows", score.rows},
                             {"r2", score.r2},
                             {"smape_percent", score.smape_percent},
                             {"rmse", score.rmse},
                             {"median_error_percent", score.median_error_percent},
                             {"coverage", score.coverage},
                             {"mean_width", score.mean_width},
                             {"interval_score", score.interval_score},
                             {"in_range", score.in_range}};
  }
  return out;
}

std::string scores_table(const std::vector<std::pair<std::string, std::vector<surrogate::Score>>>& parts) {
  std::vector<std::vector<std::string>> rows;
  for (const auto& [label, scores] : parts) {
    for (const surrogate::Score& score : scores) {
      rows.push_back({label, score.target, std::to_string(score.rows), fmt::format("{:.4f}", score.r2), fmt::format("{:.2f}", score.smape_percent),
                      fmt::format("{:.4g}", score.rmse), fmt::format("{:.2f}", score.median_error_percent), fmt::format("{:.1f}", 100 * score.coverage),
                      fmt::format("{:.4g}", score.mean_width), fmt::format("{:.4g}", score.interval_score), fmt::format("{:.1f}", 100 * score.in_range)});
    }
  }
  return table({"rows of", "target", "rows", "R2", "SMAPE %", "RMSE", "median error %", "coverage %", "mean width", "interval score", "in range %"}, rows, 2);
}

/// Better told before a training than after it.
Expected<void> can_be_written(const std::filesystem::path& file) {
  std::error_code code;
  if (std::filesystem::is_directory(file, code)) return fail(ErrorKind::usage, "--out: " + file.string() + " is a folder; give a file");
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  if (!std::filesystem::is_directory(folder, code)) return fail(ErrorKind::usage, "--out: the folder " + folder.string() + " does not exist");
  if (::access(folder.c_str(), W_OK) != 0) return fail(ErrorKind::usage, "--out: nothing can be written in " + folder.string());
  return {};
}

void add_train(CLI::App& parent, Action& action) {
  struct Options {
    std::vector<std::string> data;
    std::string targets, features, ignore, categories, group, out, label_kind, label_tool, nodes, test;
    surrogate::TrainOptions train;
    std::uint64_t seed = 1;
    bool json = false;
  };
  auto options = std::make_shared<Options>();
  CLI::App* app = parent.add_subcommand("train", "Train a model on a label table or on campaigns' trials");
  app->footer("Example:\n  gnomon surrogate train --data out/edge-resnet50 --targets latency_s,energy_pj --out edge.gnomon\n\n"
              "Finished pieces are kept in FILE.checkpoints until FILE is written: an interrupted training that is started again with the same\narguments goes on, to the same bytes.");
  app->add_option("--data", options->data, "label table (.csv), or folders of campaigns")->required();
  app->add_option("--targets", options->targets, "columns to predict, with commas between")->required();
  app->add_option("--features", options->features, "columns to predict from; default all others (of tables and records that gnomon knows: those that are no names and labels), or a campaign's parameters");
  app->add_option("--ignore", options->ignore, "columns to leave out");
  app->add_option("--categories", options->categories, "columns of words among which some look like numbers (1, 2, auto); a campaign's parameters are known as such");
  app->add_option("--group", options->group, "column whose equal rows stay together when rows are held out (a kernel, a size)");
  std::vector<std::string> families{"auto"};
  for (const auto& family : surrogate::learner_families()) families.push_back(family.name);
  app->add_option("--family", options->train.family, "family of models; auto picks one per target on held-out groups and sizes")
      ->capture_default_str()->check(CLI::IsMember(families));
  app->add_option("--term", options->train.term, "auto: an analytical term where it wins; never")->capture_default_str()->check(CLI::IsMember({"auto", "never"}));
  app->add_option("--hurdle", options->train.hurdle, "a second output that says whether a count is 0 at all: auto: with --family auto where it wins; always; never")
      ->capture_default_str()->check(CLI::IsMember({"auto", "always", "never"}));
  app->add_option("--learner-options", options->train.learner_options, "JSON of the family's own options (members, rounds, width, ...)");
  app->add_option("--split", options->train.split, "test rows: random groups, the largest sizes, or all where COLUMN=VALUE")->capture_default_str();
  app->add_option("--test", options->test, "another table, to measure on; never learned");
  app->add_option("--nodes", options->nodes, "table of the rows' nodes (layers, loops), for families that take them");
  CLI::Option* key = app->add_option("--node-key", options->train.node_key, "column of both tables that says which row a node belongs to")->capture_default_str();
  app->add_option("--label-kind", options->label_kind, "where the labels come from, in words; kept in the model; default what the table tells");
  app->add_option("--label-tool", options->label_tool, "what computed them, in words; kept in the model; default what the table tells");
  app->add_option("--seed", options->seed, "decides splits and initial weights")->capture_default_str()->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 53));
  app->add_option("--out", options->out, "model file to write")->required();
  app->add_flag("--json", options->json, "print one JSON document");
  app->callback([&action, options, key] {
    const bool keyed = key->count() > 0;
    action = [options, keyed]() -> Expected<int> {
      if (keyed && options->nodes.empty()) return fail(ErrorKind::usage, "--node-key is of --nodes, the table of the rows' nodes; none is given");
      if (!options->nodes.empty() && options->data.size() == 1 && is_json(options->data[0])) return fail(ErrorKind::usage, "--nodes: records bring their own nodes; found " + in_quotes(options->nodes) + " beside " + options->data[0]);
      if (auto writable = can_be_written(options->out); !writable) return fail(std::move(writable.error()));
      if (!options->test.empty()) {
        if (auto readable = load_tables(options->test, is_json(options->test) ? "" : options->nodes); !readable) return fail(std::move(readable.error()));
      }
      const std::vector<std::filesystem::path> paths(options->data.begin(), options->data.end());
      surrogate::NetworkTables networks;
      Expected<surrogate::TrainingTable> data = surrogate::TrainingTable{};
      if (paths.size() == 1 && is_json(options->data[0])) {
        auto records = load_tables(options->data[0], "");
        if (!records) return fail(std::move(records.error()));
        networks = std::move(*records);
        data->table = networks.rows;
        data->source = networks.source;
        // Names and labels of records are no features: records without labels can be asked about.
        for (const arch::LabelTable::Column& column : networks.rows.columns())
          if (!surrogate::names_or_labels_networks(column.name)) data->features.push_back(column.name);
      } else {
        data = surrogate::load_training_tables(paths);
        if (!data) return fail(std::move(data.error()));
      }
      surrogate::TrainOptions train_options = options->train;
      if (networks.nodes.rows() > 0) train_options.nodes = &networks.nodes;
      Expected<arch::LabelTable> nodes = arch::LabelTable();
      if (!options->nodes.empty()) {
        nodes = surrogate::load_table(options->nodes);
        if (!nodes) return fail(std::move(nodes.error()));
        train_options.nodes = &*nodes;
      }
      train_options.targets = split(options->targets);
      train_options.features = options->features.empty() ? data->features : split(options->features);
      train_options.ignore = split(options->ignore);
      train_options.categories = options->categories.empty() ? data->categories : split(options->categories);
      train_options.group = options->group;
      train_options.label_kind = options->label_kind;
      train_options.label_tool = options->label_tool;
      train_options.take(data->source);
      train_options.seed = options->seed;
      train_options.checkpoints = options->out + ".checkpoints";
      train_options.say = [](const std::string& what) { std::fprintf(stderr, "gnomon: %s\n", what.c_str()); };
      auto model = surrogate::train(data->table, train_options);
      if (!model) return fail(std::move(model.error()));
      // A test that fails costs no training.
      auto saved = model->save(options->out);
      if (!saved) return fail(std::move(saved.error()));
      surrogate::remove_checkpoints(train_options.checkpoints);
      std::vector<surrogate::Score> tested;
      if (!options->test.empty()) {
        const bool own_nodes = is_json(options->test) || model->info().node_features.empty();
        auto data_of_test = load_tables(options->test, own_nodes ? "" : options->nodes, &*model);
        if (!data_of_test) return fail(std::move(data_of_test.error()));
        auto scores = surrogate::evaluate(*model, data_of_test->rows, data_of_test->nodes.rows() > 0 ? &data_of_test->nodes : nullptr);
        if (!scores) return fail(std::move(scores.error()));
        tested = std::move(*scores);
      }
      const surrogate::ModelInfo& info = model->info();
      if (options->json) {
        Json splits = Json::object();
        for (const auto& part : info.metrics) splits[part.split] = scores_json(part.scores);
        if (!tested.empty()) splits[options->test] = scores_json(tested);
        Json why = Json::object();
        for (const auto& target : info.targets) why[target.name] = target.why;
        print_json(Json{{"schema", "gnomon.surrogate.train/1"}, {"model", options->out}, {"training_rows", info.training_rows},
                        {"calibration_rows", info.calibration_rows}, {"test_rows", info.test_rows}, {"metrics", splits}, {"why", why}, {"notes", info.notes},
                        {"provenance", provenance(info.training_sha256, options->seed)}});
      } else {
        std::vector<std::pair<std::string, std::vector<surrogate::Score>>> parts;
        for (const auto& part : info.metrics) parts.emplace_back(part.split, part.scores);
        if (!tested.empty()) parts.emplace_back(options->test, tested);
        print(scores_table(parts));
        for (const auto& target : info.targets) {
          print(target.name + ": " + target.why + "\n");
          if (!target.term.empty()) print("  term: " + surrogate::in_words(target.term.trees.front(), info.features) + "\n");
        }
      }
      for (const std::string& note : info.notes) std::fprintf(stderr, "gnomon: %s\n", note.c_str());
      std::fprintf(stderr, "%s: %zu features, %zu targets\n", options->out.c_str(), model->feature_count(), model->target_count());
      return 0;
    };
  });
}

struct Query {
  std::string model, data, nodes;
  bool json = false;
};

void add_evaluate(CLI::App& parent, Action& action) {
  CLI::App* app = parent.add_subcommand("evaluate", "Score a model on a table that has its targets");
  app->footer("Example:\n  gnomon surrogate evaluate --model edge.gnomon --data out/other/trials.csv");
  auto query = std::make_shared<Query>();
  app->add_option("--model", query->model, "model file")->required();
  app->add_option("--data", query->data, "label table (.csv, .csv.gz) with the model's features, designs (.json: one or a list), or wa-hls4ml records (.json, .json.gz, .jsonl)")->required();
  app->add_option("--nodes", query->nodes, "table of the rows' nodes, for models that take them");
  app->add_flag("--json", query->json, "print one JSON document");
  app->callback([&action, query] {
    action = [query]() -> Expected<int> {
      auto model = surrogate::Model::load(query->model);
      if (!model) return fail(std::move(model.error()));
      auto data = load_tables(query->data, query->nodes, &*model);
      if (!data) return fail(std::move(data.error()));
      auto scores = surrogate::evaluate(*model, data->rows, data->nodes.rows() > 0 ? &data->nodes : nullptr);
      if (!scores) return fail(std::move(scores.error()));
      if (query->json) print_json(Json{{"schema", "gnomon.surrogate.evaluate/1"}, {"model", query->model}, {"targets", scores_json(*scores)}});
      else print(scores_table({{query->data, *scores}}));
      return 0;
    };
  });
}

}  // namespace

Command surrogate_command() {
  return {"surrogate", "Train, evaluate and query learned models of latency, energy and resources",
          "gnomon surrogate predict --model edge.gnomon --data designs.csv", [](CLI::App& app) -> Action {
            auto action = std::make_shared<Action>();
            app.require_subcommand(1);
            add_suggest(app, *action);
            add_benchmark(app, *action);
            add_train(app, *action);
            add_evaluate(app, *action);
            add_predict(app, *action);
            add_surrogate_explain(app, *action);
            return [action] { return (*action)(); };
          }};
}

}  // namespace gnomon::cli
