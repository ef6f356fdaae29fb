#include "campaign/accuracy.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/process.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::search {

void describe(FieldVisitor& v, AccuracySpec& s) {
  field(v, {"command", "program and arguments: parameters as JSON on stdin, {\"accuracy\": number} on stdout"}, s.command, Length{0, 1000});
  field(v, {"table", "CSV with the network's parameters and a column accuracy"}, s.table);
  field(v, {"trainer", "trained anew for each network: `digits` (scikit-learn's handwritten digits, zoo:mbnet)"}, s.trainer, Choice{{"", "digits"}});
  field(v, {"epochs", "passes of the trainer over its images"}, s.epochs, Range{1, 10000});
  field(v, {"callable", "a Python function that is given to gnomon.Campaign.run(accuracy=...)"}, s.callable);
  if (!v.reading()) return;
  const int sources = (s.command.empty() ? 0 : 1) + (s.table.empty() ? 0 : 1) + (s.trainer.empty() ? 0 : 1) + (s.callable ? 1 : 0);
  if (sources != 1) v.problem("", "found " + std::to_string(sources) + " sources of accuracy; allowed: one of command, table, trainer, callable");
}

namespace {

constexpr std::string_view prefix = "network.";

Expected<double> from_command(std::vector<std::string> argv, const std::string& parameters, const std::string& folder) {
  if (argv[0].find('/') != std::string::npos && argv[0][0] != '/') argv[0] = (std::filesystem::path(folder) / argv[0]).lexically_normal().string();
  ProcessOptions options;
  options.input = parameters + "\n";
  options.folder = folder;
  constexpr double most_s = 24 * 3600;
  options.wall_seconds = most_s;
  auto result = run_process(argv, options);
  if (!result) return fail(std::move(result.error()));
  const std::string shown = "accuracy: " + in_quotes(argv[0]);
  if (result->exit_status != 0) {
    const std::string_view said = trimmed(result->err);
    constexpr std::size_t longest = 300;
    return fail(ErrorKind::run_failed, shown + " ended with exit code " + std::to_string(result->exit_status) +
                                           (said.empty() ? std::string() : ": " + std::string(said.substr(said.size() > longest ? said.size() - longest : 0))));
  }
  auto answer = Document::parse(result->out, "stdout of " + argv[0]);
  if (!answer) return fail(std::move(answer.error()));
  const Json& root = answer->root();
  if (!root.is_object() || !root.contains("accuracy") || !root.at("accuracy").is_number())
    return fail(ErrorKind::run_failed, shown + " answered no {\"accuracy\": number}");
  const double accuracy = root.at("accuracy").get<double>();
  if (!std::isfinite(accuracy)) return fail(ErrorKind::run_failed, shown + " answered an accuracy that is not finite");
  return accuracy;
}

Expected<double> from_table(const std::string& file, const Json& network) {
  auto table = arch::LabelTable::load(file);
  if (!table) return fail(std::move(table.error()));
  auto accuracy = table->column("accuracy");
  if (!accuracy) return fail(std::move(accuracy.error()));
  if (!(*accuracy)->numeric) return fail(ErrorKind::invalid_input, file + ": the column accuracy is not numeric");
  std::vector<const arch::LabelTable::Column*> columns;
  for (const auto& [name, value] : network.items()) {
    const auto full = table->column(name);
    const auto column = full ? full : table->column(name.substr(prefix.size()));
    if (!column) return fail(Error(column.error()));
    columns.push_back(*column);
  }
  for (std::size_t r = 0; r < table->rows(); ++r) {
    std::size_t i = 0;
    bool same = true;
    for (const auto& [name, value] : network.items()) {
      const auto& column = *columns[i++];
      same = same && (column.numeric ? value.is_number() && column.numbers[r] == value.get<double>() : value.is_string() && column.words[r] == value.get<std::string>());
    }
    if (same && std::isfinite((*accuracy)->numbers[r])) return (*accuracy)->numbers[r];
  }
  return fail(ErrorKind::run_failed, file + ": no row has this network: " + network.dump());
}

Expected<double> accuracy_of(const Json& source, const Json& network, const std::string& parameters, const std::string& folder) {
  static std::mutex mutex;
  static std::map<std::string, double> known;
  const std::string key = source.dump() + network.dump();
  // A user's command sees all parameters and may use them.
  const std::string full = source.contains("command") ? key + parameters : key;
  {
    const std::lock_guard lock(mutex);
    if (const auto at = known.find(full); at != known.end()) return at->second;
  }
  Expected<double> out = fail(ErrorKind::run_failed, "");
  if (source.contains("table")) {
    out = from_table(source.at("table").get<std::string>(), network);
  } else if (source.contains("trainer")) {
    const char* python = std::getenv("GNOMON_PYTHON");
    out = from_command({python ? python : "python3", "-m", "gnomon.trainer", "--epochs", std::to_string(source.at("epochs").get<std::int64_t>())},
                       network.dump(), folder);
  } else {
    out = from_command(source.at("command").get<std::vector<std::string>>(), parameters, folder);
  }
  if (out) {
    const std::lock_guard lock(mutex);
    known[full] = *out;
  }
  return out;
}

/// Whether every limit on the hardware holds; limits on metrics that are not there are left to the campaign, which will say so.
bool keeps(const Json& limits, const arch::Evaluation& evaluation) {
  for (const Json& limit : limits) {
    const double* value = evaluation.find(limit.at("metric").get<std::string>());
    if (!value) continue;
    if (limit.contains("max") && !(*value <= limit.at("max").get<double>())) return false;
    if (limit.contains("min") && !(*value >= limit.at("min").get<double>())) return false;
  }
  return true;
}

}  // namespace

bool network_parameter(const std::string& name) {
  return name.starts_with(prefix);
}

arch::Space hardware_space(const arch::Space& space) {
  std::vector<arch::Parameter> parameters;
  for (const arch::Parameter& p : space.parameters()) {
    if (!network_parameter(p.name)) parameters.push_back(p);
  }
  return {std::move(parameters), {}};
}

arch::Point hardware_point(const arch::Space& space, const arch::Point& point) {
  arch::Point out;
  for (std::size_t i = 0; i < point.size(); ++i) {
    if (!network_parameter(space.parameters()[i].name)) out.push_back(point[i]);
  }
  return out;
}

std::string network_suffix(const arch::Space& space, const arch::Point& point) {
  std::string out;
  for (std::size_t i = 0; i < point.size(); ++i) {
    const std::string& name = space.parameters()[i].name;
    if (!network_parameter(name) || !point[i]) continue;
    out += (out.empty() ? "?" : "&") + name.substr(prefix.size()) + "=" + arch::to_text(*point[i]);
  }
  return out;
}

std::string with_sizes(const std::string& model, const std::string& suffix) {
  if (suffix.empty()) return model;
  return model.find('?') == std::string::npos ? model + suffix : model + "&" + suffix.substr(1);
}

std::string accuracy_options(const Campaign& campaign, const arch::Point& point) {
  Json out = Json::object();
  const std::string suffix = network_suffix(campaign.space, point);
  if (!suffix.empty()) out["suffix"] = suffix;
  if (!campaign.accuracy_json.empty()) {
    const Json source = Json::parse(campaign.accuracy_json);
    if (!source.contains("callable")) out["source"] = source;
    Json network = Json::object();
    const Json all = campaign.space.to_json(point);
    for (const auto& [name, value] : all.items()) {
      if (network_parameter(name)) network[name] = value;
    }
    out["network"] = std::move(network);
    out["limits"] = Json::array();
    for (const ConstraintSpec& k : campaign.constraints) {
      if (k.metric == "accuracy") continue;
      Json limit{{"metric", k.metric}};
      if (k.max) limit["max"] = *k.max;
      if (k.min) limit["min"] = *k.min;
      out["limits"].push_back(std::move(limit));
    }
    out["folder"] = campaign.folder.string();
  }
  return out.empty() ? std::string() : out.dump();
}

Expected<arch::Evaluation> evaluate_job(arch::Evaluator& evaluator, const arch::EvaluationJob& job) {
  if (job.options_json.find("\"exploration\"") == std::string::npos) return evaluator.evaluate(job);
  auto options = Document::parse(job.options_json, "job");
  if (!options) return fail(std::move(options.error()));
  Json own = options->root();
  const Json more = own.at("exploration");
  own.erase("exploration");
  arch::EvaluationJob hardware = job;
  hardware.options_json = own.empty() ? std::string() : own.dump();
  auto result = evaluator.evaluate(hardware);
  if (!result) return result;
  // Metrics of one workload are named as the campaign names it, without the sizes of this network.
  if (more.contains("suffix")) {
    const std::string first = more.at("suffix").get<std::string>(), next = "&" + first.substr(1);
    for (arch::Metric& m : result->metrics) {
      if (m.name.find('@') == std::string::npos) continue;
      for (const std::string& suffix : {first, next}) {
        if (m.name.ends_with(suffix)) m.name.resize(m.name.size() - suffix.size());
      }
    }
  }
  if (!more.contains("source")) return result;
  if (!keeps(more.at("limits"), *result)) {
    result->metrics.push_back({"accuracy", 0});
    result->metrics.push_back({"trained", 0});
    return result;
  }
  auto accuracy = accuracy_of(more.at("source"), more.at("network"), job.parameters_json, more.at("folder").get<std::string>());
  if (!accuracy) return fail(std::move(accuracy.error()));
  result->metrics.push_back({"accuracy", *accuracy});
  result->metrics.push_back({"trained", 1});
  return result;
}

}  // namespace gnomon::search
