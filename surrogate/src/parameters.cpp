#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/evaluator.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"
#include "told.hpp"

namespace gnomon::surrogate {
namespace {

using arch::Evaluation;
using arch::EvaluationJob;
using arch::LabelTable;

/// Rows that a first model takes, and that it ever takes.
constexpr std::size_t first_rows = 24, most_rows = 4000;

/// A parameter's value as a word; numbers are kept apart.
std::string word_of(const Json& value) { return value.is_string() ? value.get<std::string>() : value.is_number() ? number(value.get<double>()) : value.dump(); }

/// What has been told, a row for each design: its parameters, and the metrics that every result of them had.
class Told {
 public:
  std::size_t rows() const { return keys_.size(); }

  void add(const Json& parameters, const Evaluation& result) {
    if (!parameters.is_object() || !keys_.insert(parameters.dump()).second) return;
    std::map<std::string, double> metrics;
    for (const arch::Metric& metric : result.metrics)
      if (std::isfinite(metric.value)) metrics[metric.name] = metric.value;
    rows_.push_back({parameters, std::move(metrics)});
  }

  /// Metrics of all rows, in the order of their names.
  std::vector<std::string> metrics() const {
    std::vector<std::string> out;
    for (const auto& [name, value] : rows_.front().second)
      if (std::all_of(rows_.begin(), rows_.end(), [&](const auto& row) { return row.second.count(name) > 0; })) out.push_back(name);
    return out;
  }
  bool varies(const std::string& metric) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const auto& row) { return row.second.at(metric) != rows_.front().second.at(metric); });
  }
  double first(const std::string& metric) const { return rows_.front().second.at(metric); }

  /// The newest rows: a column for every parameter that all rows have, and one for each of some metrics.
  LabelTable table(const std::vector<std::string>& metrics) const {
    const std::size_t from = rows_.size() > most_rows ? rows_.size() - most_rows : 0;
    LabelTable out;
    for (const auto& [name, value] : rows_.front().first.items()) {
      LabelTable::Column column{name, "", true, {}, {}};
      bool everywhere = true;
      for (const auto& [parameters, unused] : rows_) {
        everywhere = everywhere && parameters.contains(name);
        column.numeric = column.numeric && everywhere && parameters.at(name).is_number();
      }
      if (!everywhere) continue;
      for (std::size_t r = from; r < rows_.size(); ++r) {
        const Json& here = rows_[r].first.at(name);
        if (column.numeric) column.numbers.push_back(here.get<double>());
        else column.words.push_back(word_of(here));
      }
      out.add(std::move(column));
    }
    for (const std::string& name : metrics) {
      LabelTable::Column column{name, "", true, {}, {}};
      for (std::size_t r = from; r < rows_.size(); ++r) column.numbers.push_back(rows_[r].second.at(name));
      out.add(std::move(column));
    }
    return out;
  }

 private:
  std::set<std::string> keys_;
  std::vector<std::pair<Json, std::map<std::string, double>>> rows_;
};

/// One row of a model's features out of a design's parameters.
Expected<LabelTable> row_of(const Model& model, const Json& parameters) {
  LabelTable out;
  std::vector<Problem> problems;
  for (const Feature& feature : model.info().features) {
    LabelTable::Column column{feature.name, feature.unit, feature.categories.empty(), {}, {}};
    const auto found = parameters.find(feature.name);
    if (found == parameters.end()) {
      problems.push_back({"", "surrogate model", "its feature " + in_quotes(feature.name) + " is no parameter of this campaign"});
    } else if (!column.numeric) {
      column.words.push_back(word_of(*found));
    } else if (found->is_number()) {
      column.numbers.push_back(found->get<double>());
    } else {
      problems.push_back({"", "surrogate model", "its feature " + in_quotes(feature.name) + " is a number, and the parameter is " + found->dump()});
    }
    if (problems.empty()) out.add(std::move(column));
  }
  if (!problems.empty()) return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  return out;
}

class ParameterSurrogate final : public arch::Evaluator {
 public:
  explicit ParameterSurrogate(std::string subject) : subject_(std::move(subject)) {}

  Expected<Evaluation> evaluate(const EvaluationJob& given) override {
    EvaluationJob job = given;
    const std::string file = arch::take_option(job, "model");
    const Json parameters = Json::parse(job.parameters_json, nullptr, false);
    if (!parameters.is_object()) return fail(ErrorKind::invalid_input, "the fidelity surrogate of a " + subject_ + " answers from a campaign's parameters, and the job has none");
    if (!file.empty()) {
      auto known = files_.find(file);
      if (known == files_.end()) {
        auto model = Model::load(file);
        if (!model) return fail(std::move(model.error()));
        known = files_.emplace(file, std::move(*model)).first;
      }
      return answer(known->second, parameters);
    }
    if (auto learned = learn(); !learned) return fail(std::move(learned.error()));
    if (learned_) return answer(*learned_, parameters);
    Evaluation nothing;
    nothing.in_range = false;
    return nothing;
  }

  Expected<void> check(const EvaluationJob& job) override {
    EvaluationJob plain = job;
    if (arch::take_option(plain, "model").empty()) return {};
    if (auto answered = evaluate(job); !answered) return fail(std::move(answered.error()));
    return {};
  }

  void observe(const EvaluationJob& job, const Evaluation& result) override {
    if (job.subject != subject_ || job.fidelity == "surrogate") return;
    told_.add(Json::parse(job.parameters_json, nullptr, false), result);
  }

 private:
  std::string subject_;
  Told told_;
  std::map<std::string, Model> files_;
  std::optional<Model> learned_;
  std::vector<arch::Metric> constant_;  ///< metrics that were the same in all rows
  std::size_t learned_rows_ = 0;

  Expected<Evaluation> answer(const Model& model, const Json& parameters) const {
    auto table = row_of(model, parameters);
    if (!table) return fail(std::move(table.error()));
    auto prediction = model.predict(*table);
    if (!prediction) return fail(std::move(prediction.error()));
    Evaluation out;
    out.in_range = prediction->in_range[0] != 0;
    for (std::size_t t = 0; t < model.target_count(); ++t) {
      const std::string& name = model.info().targets[t].name;
      const auto at = static_cast<Eigen::Index>(t);
      out.metrics.push_back({name, prediction->mean(0, at)});
      out.intervals.push_back({name, prediction->lower(0, at), prediction->upper(0, at)});
    }
    if (&model == (learned_ ? &*learned_ : nullptr)) out.metrics.insert(out.metrics.end(), constant_.begin(), constant_.end());
    return out;
  }

  Expected<void> learn() {
    const std::size_t rows = told_.rows();
    if (rows < first_rows || (learned_ && rows < learned_rows_ + learned_rows_ / 3)) return {};
    std::vector<arch::Metric> constant;
    TrainOptions options = told_options(200);
    for (const std::string& metric : told_.metrics()) {
      if (told_.varies(metric)) options.targets.push_back(metric);
      else constant.push_back({metric, told_.first(metric)});
    }
    if (options.targets.empty()) return {};
    LabelTable table = told_.table(options.targets);
    for (const LabelTable::Column& column : table.columns())
      if (std::find(options.targets.begin(), options.targets.end(), column.name) == options.targets.end()) options.features.push_back(column.name);
    auto model = train(table, options);
    if (!model) return fail(std::move(model.error()));
    learned_ = std::move(*model);
    constant_ = std::move(constant);
    learned_rows_ = rows;
    return {};
  }
};

}  // namespace

std::unique_ptr<arch::Evaluator> make_parameter_surrogate(const std::string& subject) { return std::make_unique<ParameterSurrogate>(subject); }

}  // namespace gnomon::surrogate
