#include "module.hpp"

#include <map>

namespace py = pybind11;

namespace gnomon::python {
namespace {

/// Carried through pybind11's translation; the Python side sees only the classes below.
struct Raised {
  Error error;
};

struct Classes {
  py::object base, usage, input, unsupported, run, infeasible, interrupted;
};

Classes& classes() {
  // Never destroyed: exceptions may be raised until the interpreter is gone.
  static auto* all = new Classes;
  return *all;
}

py::object make(py::module_& module, const char* name, const py::object& bases, const char* doc) {
  py::object made = py::reinterpret_steal<py::object>(
      PyErr_NewExceptionWithDoc((std::string("gnomon.") + name).c_str(), doc, bases.ptr(), nullptr));
  module.attr(name) = made;
  return made;
}

}  // namespace

void raise(const Error& error) { throw Raised{error}; }

void bind_errors(py::module_& module) {
  Classes& all = classes();
  const auto builtin = [](PyObject* type) { return py::reinterpret_borrow<py::object>(type); };
  all.base = make(module, "Error", builtin(PyExc_Exception), "Base of everything that gnomon raises. `problems`: list of (file, pointer, message); `exit_code`: that of the command line.");
  all.usage = make(module, "UsageError", py::make_tuple(all.base, builtin(PyExc_TypeError)), "A call with arguments that do not go together.");
  all.input = make(module, "InputError", py::make_tuple(all.base, builtin(PyExc_ValueError)), "A file or a value is wrong.");
  all.unsupported = make(module, "UnsupportedError", py::make_tuple(all.base, builtin(PyExc_NotImplementedError)), "Right, but no model for it is built.");
  all.run = make(module, "RunError", py::make_tuple(all.base, builtin(PyExc_RuntimeError)), "The run itself failed.");
  all.infeasible = make(module, "InfeasibleError", all.base, "Finished, and nothing satisfies the constraints.");
  all.interrupted = make(module, "InterruptedError", all.base, "Stopped from outside, state saved.");
  py::register_exception_translator([](std::exception_ptr thrown) {
    try {
      if (thrown) std::rethrow_exception(thrown);
    } catch (const Raised& raised) {
      Classes& known = classes();
      const Error& error = raised.error;
      const py::object* type = &known.base;
      switch (error.kind()) {
        case ErrorKind::usage: type = &known.usage; break;
        case ErrorKind::invalid_input: type = &known.input; break;
        case ErrorKind::unsupported: type = &known.unsupported; break;
        case ErrorKind::run_failed: type = &known.run; break;
        case ErrorKind::infeasible: type = &known.infeasible; break;
        case ErrorKind::interrupted: type = &known.interrupted; break;
      }
      py::object exception = (*type)(error.text());
      py::list problems;
      for (const Problem& problem : error.problems()) problems.append(py::make_tuple(problem.file, problem.pointer, problem.message));
      exception.attr("problems") = problems;
      exception.attr("exit_code") = exit_code(error.kind());
      PyErr_SetObject(type->ptr(), exception.ptr());
    }
  });
}

}  // namespace gnomon::python
