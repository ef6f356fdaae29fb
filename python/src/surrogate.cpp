#include "module.hpp"

#include <nlohmann/json.hpp>
#include <pybind11/numpy.h>
#include <pybind11/stl.h>

#include <cmath>
#include <optional>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel_hardware.hpp"
#include "gnomon/surrogate/evaluator.hpp"
#include "gnomon/surrogate/explain.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/suggest.hpp"
#include "gnomon/surrogate/table.hpp"
#include "gnomon/surrogate/train.hpp"

namespace py = pybind11;

namespace gnomon::python {
namespace {

using Array = py::array_t<double, py::array::c_style | py::array::forcecast>;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

RealMatrix matrix_of(const Array& values) {
  if (values.ndim() != 2) raise(Error(ErrorKind::invalid_input, "found an array of " + std::to_string(values.ndim()) + " dimensions; allowed: [rows, columns]"));
  return Eigen::Map<const RowMajor>(values.data(), values.shape(0), values.shape(1));
}

Array array_of(const RealMatrix& matrix) {
  Array out({matrix.rows(), matrix.cols()});
  Eigen::Map<RowMajor>(out.mutable_data(), matrix.rows(), matrix.cols()) = matrix;
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
  for (const auto& split : info.metrics) {
    for (const auto& score : split.scores) {
      metrics[split.split][score.target] = Json{{"rows", score.rows}, {"r2", score.r2}, {"smape_percent", score.smape_percent}, {"rmse", score.rmse},
                                                {"median_error_percent", score.median_error_percent}, {"coverage", score.coverage},
                                                {"mean_width", score.mean_width}, {"interval_score", score.interval_score}};
    }
  }
  return Json{{"label_kind", info.label_kind}, {"level", info.level}, {"seed", info.seed}, {"training_sha256", info.training_sha256},
              {"training_rows", info.training_rows}, {"calibration_rows", info.calibration_rows}, {"test_rows", info.test_rows},
              {"features", features}, {"targets", targets}, {"metrics", metrics}, {"notes", info.notes}}
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

struct Answer {
  RealMatrix x;
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
  return Answer{std::move(encoded->rows), std::move(*prediction)};
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

/// A column of a frame's cells as a CSV table of it would hold it; none where that text is what decides (other types than numbers and words, mixtures, infinite values).
std::optional<arch::LabelTable::Column> column_of(const std::string& name, PyObject* const* cells, py::ssize_t rows, py::ssize_t stride) {
  arch::LabelTable::Column out{name, "", true, {}, {}};
  bool numbers = false, words = false;
  for (py::ssize_t r = 0; r < rows; ++r) {
    PyObject* const cell = cells[r * stride];
    if (PyFloat_CheckExact(cell) || PyLong_CheckExact(cell) || cell == Py_None) {
      const double value = cell == Py_None ? std::nan("") : PyFloat_CheckExact(cell) ? PyFloat_AS_DOUBLE(cell) : PyLong_AsDouble(cell);
      if (PyErr_Occurred() != nullptr) PyErr_Clear();
      if (std::isinf(value) || (PyLong_CheckExact(cell) && !(std::abs(value) < 9e15))) return {};
      // A missing value is NaN among words too.
      numbers = numbers || !std::isnan(value);
      if (words && !std::isnan(value)) return {};
      if (words) out.words.emplace_back();
      else out.numbers.push_back(value);
    } else if (PyUnicode_CheckExact(cell)) {
      if (numbers) return {};
      if (!words) out.words.resize(static_cast<std::size_t>(r));
      words = true;
      Py_ssize_t size = 0;
      const char* const text = PyUnicode_AsUTF8AndSize(cell, &size);
      if (text == nullptr) {
        PyErr_Clear();
        return {};
      }
      double value = 0;
      const std::string_view word = trimmed({text, static_cast<std::size_t>(size)});
      if (word.empty() || parse_real(word, value)) return {};
      out.words.emplace_back(text, static_cast<std::size_t>(size));
    } else {
      return {};
    }
  }
  if (words) {
    out.numeric = false;
    out.numbers.clear();
  }
  return out;
}

/// Null where the table must go by its text.
std::optional<arch::LabelTable> table_of_cells(const std::vector<std::string>& names, const py::array& cells) {
  const auto columns = static_cast<py::ssize_t>(names.size());
  if (cells.dtype().kind() != 'O' || cells.ndim() != 2 || cells.shape(1) != columns || cells.shape(0) == 0 || columns == 0) return {};
  const auto size = static_cast<py::ssize_t>(sizeof(PyObject*));
  if (cells.strides(0) % size != 0 || cells.strides(1) % size != 0) return {};
  arch::LabelTable out;
  for (py::ssize_t c = 0; c < columns; ++c) {
    const std::string& name = names[static_cast<std::size_t>(c)];
    if (name.empty() || name.find_first_of("[]") != std::string::npos || trimmed(name) != name) return {};
    for (py::ssize_t other = 0; other < c; ++other)
      if (names[static_cast<std::size_t>(other)] == name) return {};
    auto column = column_of(name, static_cast<PyObject* const*>(cells.data()) + c * (cells.strides(1) / size), cells.shape(0), cells.strides(0) / size);
    if (!column) return {};
    out.add(std::move(*column));
  }
  return out;
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

Expected<surrogate::Model> train_table(const arch::LabelTable& table, surrogate::TrainOptions options) {
  return surrogate::train(table, options);
}

surrogate::TrainOptions options_of(const std::vector<std::string>& features, const std::vector<std::string>& targets, const std::string& group,
                                   std::uint64_t seed, const std::string& label_kind, const std::string& family) {
  surrogate::TrainOptions options;
  options.family = family;
  options.features = features;
  options.targets = targets;
  options.group = group;
  options.seed = seed;
  options.label_kind = label_kind;
  return options;
}

}  // namespace

void bind_surrogate(py::module_& module) {
  py::class_<surrogate::Model>(module, "SurrogateModel")
      .def_static(
          "train_csv",
          [](const std::string& csv, const std::vector<std::string>& features, const std::vector<std::string>& targets, const std::string& group,
             std::uint64_t seed, const std::string& label_kind, const std::string& family) {
            Expected<surrogate::Model> model = [&]() -> Expected<surrogate::Model> {
              py::gil_scoped_release released;
              auto table = arch::LabelTable::parse(csv, "table");
              if (!table) return fail(std::move(table.error()));
              return train_table(*table, options_of(features, targets, group, seed, label_kind, family));
            }();
            return value_or_raise(std::move(model));
          })
      .def_static(
          "train_arrays",
          [](const Array& x, const Array& y, const std::vector<std::string>& features, const std::vector<std::string>& targets,
             const std::optional<std::vector<std::string>>& groups, std::uint64_t seed, const std::string& label_kind, const std::string& family) {
            const RealMatrix inputs = matrix_of(x), labels = matrix_of(y);
            if (inputs.rows() != labels.rows() || inputs.cols() != static_cast<Eigen::Index>(features.size()) ||
                labels.cols() != static_cast<Eigen::Index>(targets.size()) || (groups && groups->size() != static_cast<std::size_t>(inputs.rows()))) {
              raise(Error(ErrorKind::invalid_input,
                          "X is [" + std::to_string(inputs.rows()) + ", " + std::to_string(inputs.cols()) + "] with " + std::to_string(features.size()) +
                              " feature names, Y is [" + std::to_string(labels.rows()) + ", " + std::to_string(labels.cols()) + "] with " +
                              std::to_string(targets.size()) + " target names" +
                              (groups ? ", groups has " + std::to_string(groups->size()) + " entries" : "") + "; allowed: as many rows each, a name a column"));
            }
            Expected<surrogate::Model> model = [&]() -> Expected<surrogate::Model> {
              py::gil_scoped_release released;
              std::vector<std::string> names = features;
              names.insert(names.end(), targets.begin(), targets.end());
              RealMatrix all(inputs.rows(), inputs.cols() + labels.cols());
              all << inputs, labels;
              arch::LabelTable table = surrogate::table_of(all, names);
              std::string group;
              if (groups) {
                group = "group";
                while (std::find(names.begin(), names.end(), group) != names.end()) group += "_";
                table.add({group, "", false, {}, *groups});
              }
              return train_table(table, options_of(features, targets, group, seed, label_kind, family));
            }();
            return value_or_raise(std::move(model));
          })
      .def_static("load", [](const std::string& path) { return value_or_raise(surrogate::Model::load(path)); })
      .def("save", [](const surrogate::Model& model, const std::string& path) { done_or_raise(model.save(path)); })
      .def("info", &info_json)
      .def("predict_array",
           [](const surrogate::Model& model, const Array& x) {
             const RealMatrix inputs = matrix_of(x);
             return answer(model, [&]() -> Expected<Answer> {
               py::gil_scoped_release released;
               auto prediction = model.predict(inputs);
               if (!prediction) return fail(std::move(prediction.error()));
               return Answer{inputs, std::move(*prediction)};
             }());
           })
      .def("explain_csv",
           [](const surrogate::Model& model, const std::string& csv, const std::string& background, int orders, std::uint64_t seed) {
             auto explained = value_or_raise([&]() -> Expected<std::vector<surrogate::Explanation>> {
               py::gil_scoped_release released;
               auto asked = arch::LabelTable::parse(csv, "table"), known = arch::LabelTable::parse(background, "background");
               if (!asked) return fail(std::move(asked.error()));
               if (!known) return fail(std::move(known.error()));
               return surrogate::explain(model, *asked, *known, orders, seed);
             }());
             const auto targets = static_cast<py::ssize_t>(model.target_count()), features = static_cast<py::ssize_t>(model.feature_count());
             py::array_t<double> usual({static_cast<py::ssize_t>(explained.size()), targets}), answer({static_cast<py::ssize_t>(explained.size()), targets}),
                 parts({static_cast<py::ssize_t>(explained.size()), targets, features});
             for (std::size_t r = 0; r < explained.size(); ++r) {
               for (py::ssize_t t = 0; t < targets; ++t) {
                 const auto row = static_cast<py::ssize_t>(r);
                 const auto at = static_cast<std::size_t>(t);
                 usual.mutable_at(row, t) = explained[r].usual[at];
                 answer.mutable_at(row, t) = explained[r].answer[at];
                 for (py::ssize_t f = 0; f < features; ++f) parts.mutable_at(row, t, f) = explained[r].contributions[at][static_cast<std::size_t>(f)];
               }
             }
             return py::make_tuple(usual, answer, parts);
           })
      .def("predict_records",
           [](const surrogate::Model& model, const std::string& json) {
             return answer(model, [&]() -> Expected<Answer> {
               py::gil_scoped_release released;
               auto tables = surrogate::takes_layer_texts(model) ? surrogate::read_wa_texts(json, "records") : surrogate::read_wa_hls4ml(json, "records");
               if (!tables) return fail(std::move(tables.error()));
               auto out = ask(model, tables->rows, tables->nodes.rows() > 0 && !model.info().node_features.empty() ? &tables->nodes : nullptr);
               if (out) out->unmodelled = std::move(tables->unmodelled);
               return out;
             }());
           })
      .def("predict_workload",
           [](const surrogate::Model& model, const std::string& designs, const std::string& workload, std::int64_t batch, const std::string& base) {
             return value_or_raise([&] {
               py::gil_scoped_release released;
               return predict_workload(model, designs, workload, batch, base);
             }());
           })
      .def("predict_cells",
           [](const surrogate::Model& model, const std::vector<std::string>& names, const py::array& cells) -> py::object {
             // The caller falls back on the text of the table, which also tells what is wrong.
             const auto table = table_of_cells(names, cells);
             if (!table) return py::none();
             auto asked = [&] {
               py::gil_scoped_release released;
               return ask(model, *table);
             }();
             if (!asked) return py::none();
             return answer(model, std::move(asked));
           })
      .def("takes_designs", &surrogate::takes_complete_designs)
      .def("predict_designs", [](const surrogate::Model& model, const std::string& json) {
        return answer(model, [&]() -> Expected<Answer> {
          py::gil_scoped_release released;
          auto table = surrogate::read_design_table(json, "designs");
          if (!table) return fail(std::move(table.error()));
          return ask(model, *table);
        }());
      })
      .def("suggest_csv",
           [](const surrogate::Model& model, const std::string& pool, const std::string& labelled, std::size_t count, std::uint64_t seed) {
             return value_or_raise([&]() -> Expected<std::vector<std::size_t>> {
               py::gil_scoped_release released;
               auto rows = arch::LabelTable::parse(pool, "pool");
               if (!rows) return fail(std::move(rows.error()));
               arch::LabelTable known;
               if (!labelled.empty()) {
                 auto parsed = arch::LabelTable::parse(labelled, "labelled");
                 if (!parsed) return fail(std::move(parsed.error()));
                 known = std::move(*parsed);
               }
               surrogate::SuggestOptions options;
               options.count = count;
               options.seed = seed;
               return surrogate::suggest(model, *rows, options, &known);
             }());
           })
      .def("predict_kernels", [](const surrogate::Model& model, const std::string& json) {
        return answer(model, [&]() -> Expected<Answer> {
          py::gil_scoped_release released;
          auto table = hls::read_hardware_table(json, "kernels");
          if (!table) return fail(std::move(table.error()));
          return ask(model, *table);
        }());
      })
      .def("predict_csv", [](const surrogate::Model& model, const std::string& csv) {
        return answer(model, [&]() -> Expected<Answer> {
          py::gil_scoped_release released;
          auto table = arch::LabelTable::parse(csv, "table");
          if (!table) return fail(std::move(table.error()));
          return ask(model, *table);
        }());
      });
}

}  // namespace gnomon::python
