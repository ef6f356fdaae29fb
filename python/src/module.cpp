#include "module.hpp"

#include "gnomon/base/version.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "gnomon's compiled part; use the `gnomon` package.";
  module.def("version", &gnomon::version);
  module.def("commit", &gnomon::commit);
  gnomon::python::bind_errors(module);
  gnomon::python::bind_campaign(module);
  gnomon::python::bind_simulate(module);
  gnomon::python::bind_study(module);
  gnomon::python::bind_surrogate(module);
}
