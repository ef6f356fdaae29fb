#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "console.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/evaluator.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"
#include "surrogate_uses.hpp"

namespace gnomon::cli {
namespace {

struct Query {
  std::string model, data, nodes, records, workload;
  std::vector<std::string> designs;
  std::int64_t batch = 1;
  bool json = false;
};

/// The first `count` of reasons that stand between semicolons, and how many more there are.
std::string first_of(const std::string& reasons, std::size_t count) {
  std::size_t end = 0, found = 0;
  for (; found < count; ++found) {
    end = reasons.find("; ", found == 0 ? 0 : end + 2);
    if (end == reasons.npos) return reasons;
  }
  std::size_t more = 1;
  for (std::size_t at = end; (at = reasons.find("; ", at + 2)) != reasons.npos;) ++more;
  return reasons.substr(0, end) + "; and " + std::to_string(more) + " more (--json has all)";
}

std::string with_interval(double mean, double lower, double upper) { return fmt::format("{:.5g} ({:.5g} .. {:.5g})", mean, lower, upper); }

/// Every row of a table.
Expected<int> predict_rows(const Query& query, const surrogate::Model& model) {
  const std::string& file = query.records.empty() ? query.data : query.records;
  if (!query.records.empty() && !is_json(file)) return fail(ErrorKind::usage, "--wa-json takes records (.json, .json.gz, .jsonl); found " + in_quotes(file));
  auto data = load_tables(file, query.nodes, &model);
  if (!data) return fail(std::move(data.error()));
  auto x = model.encode(data->rows, data->nodes.rows() > 0 ? &data->nodes : nullptr);
  if (!x) return fail(std::move(x.error()));
  auto prediction = model.predict(*x);
  if (!prediction) {
    std::vector<Problem> problems = prediction.error().problems();
    for (Problem& problem : problems) problem.file = file;
    return fail(Error(prediction.error().kind(), std::move(problems)));
  }
  const auto& targets = model.info().targets;
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  for (Eigen::Index i = 0; i < prediction->mean.rows(); ++i) {
    const auto r = static_cast<std::size_t>(i);
    const std::string unmodelled = r < data->unmodelled.size() ? data->unmodelled[r] : std::string();
    const bool in_range = prediction->in_range[r] != 0 && unmodelled.empty();
    Json entry = Json::object();
    std::vector<std::string> row{std::to_string(i)};
    for (Eigen::Index t = 0; t < prediction->mean.cols(); ++t) {
      entry[targets[static_cast<std::size_t>(t)].name] = Json{{"mean", prediction->mean(i, t)}, {"lower", prediction->lower(i, t)}, {"upper", prediction->upper(i, t)}};
      row.push_back(with_interval(prediction->mean(i, t), prediction->lower(i, t), prediction->upper(i, t)));
    }
    std::string why = prediction->in_range[r] != 0 ? "" : model.why_out_of_range(*x, i);
    if (!unmodelled.empty()) why = unmodelled + (why.empty() ? "" : "; " + why);
    entry["in_range"] = in_range;
    if (!why.empty()) entry["out_of_range"] = why;
    row.push_back(in_range ? "yes" : why.empty() ? "no" : "no: " + first_of(why, 3));
    list.push_back(std::move(entry));
    rows.push_back(std::move(row));
  }
  if (query.json) {
    print_json(Json{{"schema", "gnomon.surrogate.predict/1"}, {"model", query.model}, {"level", model.info().level}, {"rows", list}});
    return 0;
  }
  std::vector<std::string> head{"row"};
  for (const auto& target : targets) head.push_back(target.name + (target.unit.empty() ? "" : " [" + target.unit + "]"));
  head.push_back("in range");
  print(table(head, rows, 0));
  return 0;
}

/// A whole workload on each design.
Expected<int> predict_workload(const Query& query, const surrogate::Model& model) {
  std::vector<std::string> files = query.designs;
  if (!query.data.empty()) files.push_back(query.data);
  surrogate::WorkloadPredictor predictor(model);
  // The design's folder is where the design's own paths start; a path on the command line starts here.
  const std::string workload = query.workload.starts_with("zoo:") ? query.workload : std::filesystem::absolute(query.workload).string();
  Json list = Json::array();
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> head;
  for (const std::string& file : files) {
    auto document = Document::load(file);
    if (!document) return fail(std::move(document.error()));
    const Json& root = document->root();
    const std::size_t count = root.is_array() ? root.size() : 1;
    if (count == 0) return invalid(file, "", "is an empty list; designs are due");
    for (std::size_t i = 0; i < count; ++i) {
      const Json& design = root.is_array() ? root[i] : root;
      arch::EvaluationJob job;
      job.design_json = design.dump();
      job.base_folder = std::filesystem::path(file).parent_path().string();
      job.workloads = {{workload, query.batch, 1.0}};
      job.fidelity = "surrogate";
      auto answer = predictor.predict(job);
      if (!answer) {
        std::vector<Problem> problems = answer.error().problems();
        for (Problem& problem : problems) {
          if (problem.file.empty() || problem.file == "design") problem.file = file + (root.is_array() ? " /" + std::to_string(i) : "");
        }
        return fail(problems.empty() ? answer.error() : Error(answer.error().kind(), std::move(problems)));
      }
      const std::string name = design.is_object() && design.contains("name") && design["name"].is_string() ? design["name"].get<std::string>() : file;
      Json entry{{"design", name}}, metrics = Json::object();
      std::vector<std::string> row{name};
      head = {"design"};
      for (const arch::Metric& metric : answer->metrics) metrics[metric.name] = metric.value;
      for (const auto& interval : answer->intervals) {
        const double* mean = answer->find(interval.name);
        if (!mean) continue;
        entry[interval.name] = Json{{"mean", *mean}, {"lower", interval.lower}, {"upper", interval.upper}};
        head.push_back(interval.name);
        row.push_back(with_interval(*mean, interval.lower, interval.upper));
      }
      entry["metrics"] = std::move(metrics);
      entry["in_range"] = answer->in_range;
      head.push_back("in range");
      row.push_back(answer->in_range ? "yes" : "no");
      list.push_back(std::move(entry));
      rows.push_back(std::move(row));
    }
  }
  if (query.json) {
    print_json(Json{{"schema", "gnomon.surrogate.predict/1"}, {"model", query.model}, {"level", model.info().level}, {"workload", query.workload}, {"rows", list}});
  } else {
    print(table(head, rows, 1));
  }
  return 0;
}

Expected<int> predict(const Query& query) {
  const int sources = (query.data.empty() ? 0 : 1) + (query.records.empty() ? 0 : 1) + (query.designs.empty() ? 0 : 1);
  if (sources != 1) return fail(ErrorKind::usage, "give one of --data, --wa-json and --arch; found " + std::to_string(sources));
  if (query.workload.empty() && !query.designs.empty()) return fail(ErrorKind::usage, "--arch needs --workload, what the designs run; resources of designs come from --data DESIGN.json");
  if (!query.workload.empty() && query.designs.empty() && (query.data.empty() || !query.data.ends_with(".json"))) return fail(ErrorKind::usage, "--workload is for designs: --arch DESIGN.json");
  auto model = surrogate::Model::load(query.model);
  if (!model) return fail(std::move(model.error()));
  return query.workload.empty() ? predict_rows(query, *model) : predict_workload(query, *model);
}

}  // namespace

void add_predict(CLI::App& parent, Action& action) {
  CLI::App* app = parent.add_subcommand("predict", "Predict the targets of each row, with 90 % intervals and whether the row is in range");
  app->footer(
      "Examples:\n  gnomon surrogate predict --model edge.gnomon --data designs.csv --json\n  gnomon surrogate predict --model network --wa-json networks.json\n"
      "  gnomon surrogate predict --model accelerator --arch examples/designs/edge.json --workload zoo:resnet18");
  auto query = std::make_shared<Query>();
  app->add_option("--model", query->model, "model file")->required();
  app->add_option("--data", query->data, "label table (.csv, .csv.gz) with the model's features, designs (.json: one or a list), or wa-hls4ml records (.json, .json.gz, .jsonl)");
  app->add_option("--wa-json", query->records, "records of the wa-hls4ml schema, the same as by --data");
  app->add_option("--arch", query->designs, "designs (.json: one or a list) that run --workload; may come several times")->allow_extra_args(false);
  app->add_option("--workload", query->workload, "zoo:NAME, or a .onnx, .csv (topology) or .json file, for --arch");
  CLI::Option* batch = app->add_option("--batch", query->batch, "batch size of the workload")->capture_default_str()->check(CLI::Range(1, 4096));
  app->add_option("--nodes", query->nodes, "table of the rows' nodes, for models that take them");
  app->add_flag("--json", query->json, "print one JSON document");
  app->callback([&action, query, batch] {
    action = [query, batched = batch->count() > 0] {
      if (batched && query->workload.empty()) return Expected<int>(fail(ErrorKind::usage, "--batch is of --workload; none is given"));
      return predict(*query);
    };
  });
}

}  // namespace gnomon::cli
