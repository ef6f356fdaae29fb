#pragma once

#include <functional>
#include <map>
#include <string>

#include "gnomon/hls/compile.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// A kernel that verify() accepts, by seed alone: one or two processes, nests of up to three loops (perfect, with work before and
/// behind the inner loop, two loops in a row, trips that depend on outer loops or on data), all operations over integers of up to
/// 64 bits and fixed-point types, gathers and scatters, streams, and random directives.
Kernel random_kernel(std::uint64_t seed);

/// The kernel with directives drawn anew, as those of random kernels are; how its streams and processes work together stays.
Kernel with_random_directives(const Kernel& kernel, std::uint64_t seed);

/// Compiles a random kernel; directives that compile() refuses are dropped one after the other (their names go to `refused`).
Expected<CompiledKernel> compile_random(Kernel& kernel, std::map<std::string, int>* refused = nullptr);

/// Takes ops and directives away as long as `fails` says that the rest fails as well; gives the smallest found.
Kernel shrink(const Kernel& kernel, const std::function<bool(const Kernel&)>& fails);

/// What a kernel uses: operations, kinds of loops, directives; for the table of coverage.
std::vector<std::string> features(const Kernel& kernel);

}  // namespace gnomon::hls
