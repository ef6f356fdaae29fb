#pragma once

#include <pybind11/pybind11.h>
#include <string>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/base/error.hpp"

namespace gnomon::python {

/// Raises the Python exception for an error (`gnomon.Error` and its children, made in errors.cpp).
[[noreturn]] void raise(const Error& error);

template <class T>
T value_or_raise(Expected<T> expected) {
  if (!expected) raise(expected.error());
  return std::move(*expected);
}
inline void done_or_raise(const Expected<void>& done) {
  if (!done) raise(done.error());
}

void bind_campaign(pybind11::module_& module);
void bind_errors(pybind11::module_& module);
void bind_simulate(pybind11::module_& module);
void bind_study(pybind11::module_& module);
void bind_surrogate(pybind11::module_& module);

}  // namespace gnomon::python
