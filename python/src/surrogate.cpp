#include <nlohmann/json.hpp>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <algorithm>
#include <mutex>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/surrogate/evaluator.hpp"
#include "gnomon/surrogate/explain.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/learner.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/suggest.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"
#include "load_tables.hpp"
#include "module.hpp"
#include "surrogate_rows.hpp"

namespace py = pybind11;

namespace gnomon::python {
namespace {

/// A score as the field table has it, without the target's name, which is its key.
Json scores_json(const std::vector<surrogate::Score>& scores) {
  Json out = Json::object();
  for (const surrogate::Score& score : scores) {
    Json entry = write_fields(score);
    entry.erase("target");
    out[score.target] = std::move(entry);
  }
  return out;
}

std::string info_json(const surrogate::Model& model) {
  const surrogate::ModelInfo& info = model.info();
  Json features = Json::array(), targets = Json::array(), metrics = Json::object();
  for (const auto& feature : info.features) {
    features.push_back(Json{{"name", feature.name}, {"unit", feature.unit}, {"low", feature.low}, {"high", feature.high}, {"categories", feature.categories}});
  }
  for (const auto& target : info.targets) {
    targets.push_back(Json{{"name", target.name}, {"unit", target.unit}, {"low", target.low}, {"high", target.high}, {"family", target.family}, {"why", target.why}});
  }
  for (const auto& split : info.metrics) metrics[split.split] = scores_json(split.scores);
  return Json{{"label_kind", info.label_kind}, {"label_tool", info.label_tool}, {"takes_nodes", !info.node_features.empty()}, {"level", info.level}, {"seed", info.seed}, {"training_sha256", info.training_sha256},
              {"training_rows", info.training_rows}, {"calibration_rows", info.calibration_rows}, {"test_rows", info.test_rows},
              {"features", features}, {"targets", targets}, {"metrics", metrics}, {"notes", info.notes}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct Answer {
  surrogate::Encoded x;
  surrogate::Prediction prediction;
  std::vector<std::string> unmodelled = {};
};

Expected<Answer> ask(const surrogate::Model& model, const arch::LabelTable& table, const arch::LabelTable* nodes = nullptr) {
  auto encoded = model.encode(table, nodes);
  if (!encoded) return fail(std::move(encoded.error()));
  auto prediction = model.predict(*encoded);
  if (!prediction) {
    std::vector<Problem> problems = prediction.error().problems();
    for (Problem& problem : problems) problem.file = table.file();
    return fail(Error(prediction.error().kind(), std::move(problems)));
  }
  return Answer{std::move(*encoded), std::move(*prediction)};
}

py::tuple answer(const surrogate::Model& model, Expected<Answer> asked) {
  const Answer given = value_or_raise(std::move(asked));
  const surrogate::Prediction& found = given.prediction;
  py::array_t<bool> in_range(static_cast<py::ssize_t>(found.in_range.size()));
  std::copy(found.in_range.begin(), found.in_range.end(), in_range.mutable_data());
  auto reasons = surrogate::out_of_range_reasons(model, given.x, found.in_range);
  for (std::size_t r = 0; r < given.unmodelled.size(); ++r) {
    if (given.unmodelled[r].empty()) continue;
    in_range.mutable_at(static_cast<py::ssize_t>(r)) = false;
    reasons[r].insert(reasons[r].begin(), given.unmodelled[r]);
  }
  return py::make_tuple(array_of(found.mean), array_of(found.lower), array_of(found.upper), in_range, reasons);
}

/// Whole workloads on designs, one JSON object each: `metrics`, `intervals` (name: [lower, upper]), `in_range`.
Expected<std::string> predict_workload(const surrogate::Model& model, const std::string& designs, const std::string& workload, std::int64_t batch, const std::string& base) {
  const Json list = Json::parse(designs);
  surrogate::WorkloadPredictor predictor(model);
  Json out = Json::array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    arch::EvaluationJob job;
    job.design_json = list[i].dump();
    job.base_folder = base;
    job.workloads = {{workload, batch, 1.0}};
    job.fidelity = "surrogate";
    auto answer = predictor.predict(job);
    if (!answer) {
      std::vector<Problem> problems = answer.error().problems();
      for (Problem& problem : problems)
        if (problem.file.empty() || problem.file == "design") problem.file = "design " + std::to_string(i);
      return fail(problems.empty() ? answer.error() : Error(answer.error().kind(), std::move(problems)));
    }
    Json metrics = Json::object(), intervals = Json::object();
    for (const arch::Metric& metric : answer->metrics) metrics[metric.name] = metric.value;
    for (const auto& interval : answer->intervals) intervals[interval.name] = Json::array({interval.lower, interval.upper});
    out.push_back(Json{{"metrics", metrics}, {"intervals", intervals}, {"in_range", answer->in_range}});
  }
  return out.dump();
}

/// The options of `gnomon surrogate train`, by its names.
surrogate::TrainOptions options_of(const Json& given, const SurrogateRows& rows) {
  surrogate::TrainOptions options;
  options.targets = given.at("targets").get<std::vector<std::string>>();
  options.features = given.at("features").get<std::vector<std::string>>();
  options.ignore = given.at("ignore").get<std::vector<std::string>>();
  options.categories = given.at("categories").get<std::vector<std::string>>();
  if (options.features.empty()) options.features = rows.features;
  if (options.categories.empty()) options.categories = rows.categories;
  options.group = given.at("group").get<std::string>();
  options.family = given.at("family").get<std::string>();
  options.term = given.at("term").get<std::string>();
  options.hurdle = given.at("hurdle").get<std::string>();
  options.learner_options = given.at("learner_options").get<std::string>();
  options.split = given.at("split").get<std::string>();
  options.node_key = given.at("node_key").get<std::string>();
  options.label_kind = given.at("label_kind").get<std::string>();
  options.label_tool = given.at("label_tool").get<std::string>();
  options.take(rows.tables.source);
  options.seed = given.at("seed").get<std::uint64_t>();
  options.checkpoints = given.at("checkpoints").get<std::string>();
  options.nodes = rows.nodes();
  return options;
}

/// Explanations by row; those of a workload's operators are added up to one for each design.
py::tuple told(const surrogate::Explanations& explained, const std::vector<std::size_t>& first, std::size_t targets) {
  const std::size_t inputs = explained.inputs.size(), rows = first.empty() ? explained.rows.size() : first.size() - 1;
  py::array_t<double> usual({rows, targets}), answer({rows, targets}), parts({rows, targets, inputs});
  for (auto* each : {&usual, &answer, &parts}) std::fill_n(each->mutable_data(), each->size(), 0.0);
  for (std::size_t row = 0; row < rows; ++row) {
    for (std::size_t r = first.empty() ? row : first[row]; r < (first.empty() ? row + 1 : first[row + 1]); ++r) {
      const surrogate::Explanation& one = explained.rows[r];
      for (std::size_t t = 0; t < targets; ++t) {
        usual.mutable_at(row, t) += one.usual[t];
        answer.mutable_at(row, t) += one.answer[t];
        for (std::size_t f = 0; f < inputs; ++f) parts.mutable_at(row, t, f) += one.contributions[t][f];
      }
    }
  }
  return py::make_tuple(usual, answer, parts, explained.inputs, explained.background);
}

/// Rows to label next; of designs with a workload those whose operators come first.
Expected<std::vector<std::size_t>> suggest(const surrogate::Model& model, const SurrogateRows& pool, const SurrogateRows* labelled, std::size_t count, std::uint64_t seed) {
  if (pool.nodes()) return fail(ErrorKind::unsupported, "suggestions of models that take node lists are not built");
  surrogate::SuggestOptions options;
  options.seed = seed;
  const bool designs = !pool.first.empty();
  if (designs && count > pool.first.size() - 1) {
    return fail(ErrorKind::invalid_input, "count: found " + std::to_string(count) + "; allowed: at most " + std::to_string(pool.first.size() - 1) + ", as many designs as the pool has");
  }
  options.count = designs ? pool.tables.rows.rows() : count;
  auto chosen = surrogate::suggest(model, pool.tables.rows, options, labelled ? &labelled->tables.rows : nullptr);
  if (!chosen || !designs) return chosen;
  std::vector<std::size_t> out;
  for (const std::size_t row : *chosen) {
    const auto design = static_cast<std::size_t>(std::upper_bound(pool.first.begin(), pool.first.end(), row) - pool.first.begin()) - 1;
    if (out.size() < count && std::find(out.begin(), out.end(), design) == out.end()) out.push_back(design);
  }
  return out;
}

}  // namespace

void bind_surrogate(py::module_& module) {
  py::class_<surrogate::Model> model(module, "SurrogateModel");
  bind_surrogate_rows(module);
  model
      .def_static("train",
                  [](const SurrogateRows& rows, const std::string& options_json) {
                    // What becomes of checkpoints may be told by any thread.
                    std::vector<std::string> said;
                    std::mutex guard;
                    auto trained = [&] {
                      py::gil_scoped_release released;
                      surrogate::TrainOptions options = options_of(Json::parse(options_json), rows);
                      options.say = [&](const std::string& what) {
                        const std::scoped_lock lock(guard);
                        said.push_back(what);
                      };
                      return surrogate::train(rows.tables.rows, options);
                    }();
                    return py::make_tuple(value_or_raise(std::move(trained)), said);
                  })
      .def_static("remove_checkpoints", [](const std::string& folder) { surrogate::remove_checkpoints(folder); })
      .def_static("families",
                  [] {
                    std::vector<std::string> names;
                    for (const auto& family : surrogate::learner_families()) names.push_back(family.name);
                    return names;
                  })
      .def_static("load", [](const std::string& path) { return value_or_raise(surrogate::Model::load(path)); })
      .def("save", [](const surrogate::Model& self, const std::string& path) { done_or_raise(self.save(path)); })
      .def("info", &info_json)
      .def("wanted", &wanted_by)
      .def("takes_designs", &surrogate::takes_complete_designs)
      .def("takes_operators", &surrogate::takes_operators)
      .def("predict_array",
           [](const surrogate::Model& self, const Array& x) {
             const RealMatrix inputs = matrix_of(x);
             return answer(self, [&]() -> Expected<Answer> {
               py::gil_scoped_release released;
               auto prediction = self.predict(inputs);
               if (!prediction) return fail(std::move(prediction.error()));
               return Answer{surrogate::Encoded{inputs}, std::move(*prediction)};
             }());
           })
      .def("predict",
           [](const surrogate::Model& self, const SurrogateRows& rows) {
             return answer(self, [&]() -> Expected<Answer> {
               py::gil_scoped_release released;
               auto out = ask(self, rows.tables.rows, rows.nodes());
               if (out) out->unmodelled = rows.tables.unmodelled;
               return out;
             }());
           })
      .def("predict_workload",
           [](const surrogate::Model& self, const std::string& designs, const std::string& workload, std::int64_t batch, const std::string& base) {
             return value_or_raise([&] {
               py::gil_scoped_release released;
               return predict_workload(self, designs, workload, batch, base);
             }());
           })
      .def("evaluate",
           [](const surrogate::Model& self, const SurrogateRows& rows) {
             return scores_json(value_or_raise([&] {
                      py::gil_scoped_release released;
                      return surrogate::evaluate(self, rows.tables.rows, rows.nodes());
                    }()))
                 .dump();
           })
      .def("score",
           [](const surrogate::Model& self, const Array& mean, const Array& lower, const Array& upper, const py::array_t<bool>& in_range, const Array& labels) {
             surrogate::Prediction given{matrix_of(mean), matrix_of(lower), matrix_of(upper), {}};
             for (py::ssize_t r = 0; r < in_range.size(); ++r) given.in_range.push_back(in_range.at(r) ? 1 : 0);
             const RealMatrix y = matrix_of(labels);
             if (y.rows() != given.mean.rows() || y.cols() != given.mean.cols()) {
               raise(Error(ErrorKind::invalid_input, "Y is [" + std::to_string(y.rows()) + ", " + std::to_string(y.cols()) + "]; allowed: [" + std::to_string(given.mean.rows()) + ", " +
                                                         std::to_string(given.mean.cols()) + "], a row for each of X, a column for each target"));
             }
             return scores_json(surrogate::score(self.info(), given, y)).dump();
           })
      .def("explain",
           [](const surrogate::Model& self, const SurrogateRows& asked, const SurrogateRows* background, int orders, std::uint64_t seed) {
             const auto explained = value_or_raise([&] {
               py::gil_scoped_release released;
               return surrogate::explain(self, asked.tables, background ? &background->tables : nullptr, orders, seed);
             }());
             return told(explained, asked.first, self.target_count());
           })
      .def("suggest", [](const surrogate::Model& self, const SurrogateRows& pool, const SurrogateRows* labelled, std::size_t count, std::uint64_t seed) {
        return value_or_raise([&] {
          py::gil_scoped_release released;
          return suggest(self, pool, labelled, count, seed);
        }());
      });
}

}  // namespace gnomon::python
