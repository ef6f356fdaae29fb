#pragma once

#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// The kernel with `tile` and `interchange` carried out (what the emitted C++ shows), or also `unroll` (what the RTL is made of).
/// Directives that are carried out are gone from the result. Where a factor does not divide a loop, stores, scatters, reads and
/// writes beyond its end are guarded by `when`; loads there may point outside and give anything. A new order of accesses is proved
/// by comparing, element by element, which write every access follows in both orders.
/// Errors (invalid_input, at the directive): loops that are no perfect nest, loops whose trip is not fixed, an order that changes
/// what the kernel computes; unsupported: kernels too large for that proof (2^23 accesses).
Expected<Kernel> restructure(const Kernel& kernel);
Expected<Kernel> unroll(const Kernel& restructured);

}  // namespace gnomon::hls
