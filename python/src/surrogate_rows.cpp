#include "surrogate_rows.hpp"

#include <pybind11/stl.h>

#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "gnomon/base/json.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/features.hpp"
#include "gnomon/surrogate/table.hpp"
#include "load_tables.hpp"
#include "module.hpp"

namespace py = pybind11;

namespace gnomon::python {

RealMatrix matrix_of(const Array& values) {
  if (values.ndim() != 2) raise(Error(ErrorKind::invalid_input, "found an array of " + std::to_string(values.ndim()) + " dimensions; allowed: [rows, columns]"));
  return Eigen::Map<const RowMajor>(values.data(), values.shape(0), values.shape(1));
}

Array array_of(const RealMatrix& matrix) {
  Array out({matrix.rows(), matrix.cols()});
  Eigen::Map<RowMajor>(out.mutable_data(), matrix.rows(), matrix.cols()) = matrix;
  return out;
}

namespace {

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

/// An array [n, features] as a table: words for the numbers that stand for them.
arch::LabelTable table_of_array(const surrogate::Model& model, const RealMatrix& x) {
  arch::LabelTable out;
  for (std::size_t f = 0; f < model.feature_count(); ++f) {
    const surrogate::Feature& feature = model.info().features[f];
    arch::LabelTable::Column column{feature.name, "", feature.categories.empty(), {}, {}};
    for (const double value : x.col(static_cast<Eigen::Index>(f))) {
      if (column.numeric) column.numbers.push_back(value);
      else column.words.push_back(value >= 0 && value < static_cast<double>(feature.categories.size()) && value == std::floor(value) ? feature.categories[static_cast<std::size_t>(value)] : "never seen");
    }
    out.add(std::move(column));
  }
  return out;
}

Expected<arch::LabelTable> parse_nodes(const std::string& csv, const std::string& file) {
  return csv.empty() ? Expected<arch::LabelTable>(arch::LabelTable()) : arch::LabelTable::parse(csv, file);
}

JsonKind kind_named(const std::string& name) {
  return name == "designs" ? JsonKind::designs : name == "kernels" ? JsonKind::kernels : JsonKind::records;
}

/// Names and labels of records are no features of a model that is to be trained, as in the program.
void leave_names_out(SurrogateRows& rows, const surrogate::Model* model) {
  if (model) return;
  for (const auto& column : rows.tables.rows.columns())
    if (!surrogate::names_or_labels_networks(column.name)) rows.features.push_back(column.name);
}

/// Files as `gnomon surrogate train` and its sisters take them.
Expected<SurrogateRows> load_rows(const std::vector<std::string>& paths, const std::string& nodes, const surrogate::Model* model) {
  SurrogateRows out;
  if (paths.size() == 1 && (model || is_json(paths.front()))) {
    auto tables = load_tables(paths.front(), nodes, model);
    if (!tables) return fail(std::move(tables.error()));
    out.tables = std::move(*tables);
    leave_names_out(out, model);
    return out;
  }
  auto data = surrogate::load_training_tables({paths.begin(), paths.end()});
  if (!data) return fail(std::move(data.error()));
  out.tables.rows = std::move(data->table);
  out.features = std::move(data->features);
  out.categories = std::move(data->categories);
  out.tables.source = std::move(data->source);
  return out;
}

Expected<SurrogateRows> operator_rows(const std::string& designs, const std::string& workload, std::int64_t batch) {
  SurrogateRows out;
  std::vector<std::string> each;
  for (const Json& design : Json::parse(designs)) each.push_back(design.dump());
  auto table = surrogate::operator_table(each, {workload, batch, 1.0}, out.first);
  if (!table) return fail(std::move(table.error()));
  out.tables.rows = std::move(*table);
  return out;
}

/// Labels beside the rows; a column of that name is replaced.
void put_labels(SurrogateRows& rows, const std::vector<std::string>& names, const RealMatrix& y) {
  if (y.rows() != static_cast<Eigen::Index>(rows.tables.rows.rows()) || y.cols() != static_cast<Eigen::Index>(names.size())) {
    raise(Error(ErrorKind::invalid_input, "Y is [" + std::to_string(y.rows()) + ", " + std::to_string(y.cols()) + "], X has " + std::to_string(rows.tables.rows.rows()) + " rows, and there are " +
                                              std::to_string(names.size()) + " targets; allowed: a row of Y for each of X, a column for each target"));
  }
  arch::LabelTable out;
  for (const auto& column : rows.tables.rows.columns()) {
    if (std::find(names.begin(), names.end(), column.name) == names.end()) out.add(column);
  }
  for (std::size_t t = 0; t < names.size(); ++t) {
    const auto values = y.col(static_cast<Eigen::Index>(t));
    out.add({names[t], "", true, {values.begin(), values.end()}, {}});
  }
  rows.tables.rows = std::move(out);
}

template <class Make>
SurrogateRows made(Make make) {
  return value_or_raise([&] {
    py::gil_scoped_release released;
    return make();
  }());
}

}  // namespace

void bind_surrogate_rows(py::module_& module) {
  py::class_<SurrogateRows>(module, "SurrogateRows")
      .def_static("csv",
                  [](const std::string& csv, const std::string& what, const std::string& nodes) {
                    return made([&]() -> Expected<SurrogateRows> {
                      auto table = arch::LabelTable::parse(csv, what);
                      if (!table) return fail(std::move(table.error()));
                      auto list = parse_nodes(nodes, "nodes");
                      if (!list) return fail(std::move(list.error()));
                      return SurrogateRows{{std::move(*table), std::move(*list)}, {}, {}, {}};
                    });
                  })
      .def_static("cells",
                  // None: the caller falls back on the text of the table, which also tells what is wrong.
                  [](const std::vector<std::string>& names, const py::array& cells) -> std::optional<SurrogateRows> {
                    auto table = table_of_cells(names, cells);
                    if (!table) return {};
                    return SurrogateRows{{std::move(*table), {}}, {}, {}, {}};
                  })
      .def_static("array",
                  [](const surrogate::Model& model, const Array& x, const std::string& what) {
                    const RealMatrix inputs = matrix_of(x);
                    if (inputs.cols() != static_cast<Eigen::Index>(model.feature_count())) {
                      raise(Error(ErrorKind::invalid_input, what + ": found an array of shape [" + std::to_string(inputs.rows()) + ", " + std::to_string(inputs.cols()) + "]; allowed: [rows, " +
                                                                std::to_string(model.feature_count()) + "]"));
                    }
                    return SurrogateRows{{table_of_array(model, inputs), {}}, {}, {}, {}};
                  })
      .def_static("numbers",
                  [](const Array& x, const std::vector<std::string>& names) {
                    const RealMatrix inputs = matrix_of(x);
                    if (inputs.cols() != static_cast<Eigen::Index>(names.size())) {
                      raise(Error(ErrorKind::invalid_input, "X is [" + std::to_string(inputs.rows()) + ", " + std::to_string(inputs.cols()) + "] with " + std::to_string(names.size()) +
                                                                " feature names; allowed: a name a column"));
                    }
                    return SurrogateRows{{surrogate::table_of(inputs, names), {}}, {}, {}, {}};
                  })
      .def_static("json",
                  [](const std::string& text, const std::string& what, const std::string& kind, const surrogate::Model* model) {
                    return made([&]() -> Expected<SurrogateRows> {
                      auto tables = json_tables(text, what, kind_named(kind), model);
                      if (!tables) return fail(std::move(tables.error()));
                      SurrogateRows out{std::move(*tables), {}, {}, {}};
                      if (kind_named(kind) == JsonKind::records) leave_names_out(out, model);
                      return out;
                    });
                  })
      .def_static("files", [](const std::vector<std::string>& paths, const std::string& nodes,
                              const surrogate::Model* model) { return made([&] { return load_rows(paths, nodes, model); }); })
      .def_static("operators", [](const std::string& designs, const std::string& workload, std::int64_t batch) { return made([&] { return operator_rows(designs, workload, batch); }); })
      .def("set_nodes",
           [](SurrogateRows& rows, const SurrogateRows& nodes) { rows.tables.nodes = nodes.tables.rows; })
      .def("put_labels", [](SurrogateRows& rows, const std::vector<std::string>& names, const Array& y) { put_labels(rows, names, matrix_of(y)); })
      .def("put_words",
           [](SurrogateRows& rows, const std::string& name, const std::vector<std::string>& words) {
             if (words.size() != rows.tables.rows.rows()) {
               raise(Error(ErrorKind::invalid_input, "groups has " + std::to_string(words.size()) + " entries, X has " + std::to_string(rows.tables.rows.rows()) + " rows; allowed: one for each row"));
             }
             rows.tables.rows.add({name, "", false, {}, words});
           })
      .def("columns",
           [](const SurrogateRows& rows) {
             std::vector<std::string> names;
             for (const auto& column : rows.tables.rows.columns()) names.push_back(column.name);
             return names;
           })
      .def("__len__", [](const SurrogateRows& rows) { return rows.first.empty() ? rows.tables.rows.rows() : rows.first.size() - 1; });
}

}  // namespace gnomon::python
