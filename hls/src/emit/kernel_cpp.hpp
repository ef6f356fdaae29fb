#pragma once

#include <string>

#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// The kernel (tiled and interchanged; unrolling is left to the pragmas) as C++ for Vitis HLS: one top function `kernel_NAME` with
/// arrays and streams as arguments, a function per process, and the directives as pragmas.
std::string emit_kernel_cpp(const Kernel& restructured);

}  // namespace gnomon::hls
