#pragma once

#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// exp, log, recip or rsqrt as operations on integers: op 0 stands for the argument, the last op is the result. Tables are indexed by
/// an op of the unit. What the interpreter evaluates is what the hardware and the C++ are made of.
struct FunctionUnit {
  std::vector<KernelOp> ops;  ///< `args` and values of an index are places in `ops`; `tensor` is a place in `tables`
  std::vector<KernelTensor> tables;
};

/// Bits of argument and result at most, and bits of a logarithm behind the point.
constexpr int function_bits = 32, log_fraction = 31;

/// The unit for these types, made once.
const FunctionUnit& function_unit(OpCode code, const NumberType& from, const NumberType& to);
std::int64_t evaluate_function(const FunctionUnit& unit, std::int64_t argument);

/// The kernel with the operations of its units in their place; tables are constants in registers, shared by equal units of a process.
Kernel expand_functions(const Kernel& kernel);

}  // namespace gnomon::hls
