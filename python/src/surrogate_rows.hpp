#pragma once

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>
#include <string>
#include <vector>

#include "gnomon/base/linalg.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::python {

using Array = pybind11::array_t<double, pybind11::array::c_style | pybind11::array::forcecast>;
using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

RealMatrix matrix_of(const Array& values);
Array array_of(const RealMatrix& matrix);

/// What Python gives a surrogate, whatever its form: rows and their nodes, and what its source says about them.
struct SurrogateRows {
  surrogate::NetworkTables tables;
  std::vector<std::string> features, categories;  ///< of a campaign's folder; empty: the source does not say
  std::vector<std::size_t> first;                 ///< of workloads on designs: the operators of design d are first[d] to first[d + 1] - 1; else empty

  const arch::LabelTable* nodes() const { return tables.nodes.rows() > 0 ? &tables.nodes : nullptr; }
};

void bind_surrogate_rows(pybind11::module_& module);

}  // namespace gnomon::python
