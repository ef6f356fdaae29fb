#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/hls/compile.hpp"

namespace gnomon::hls {

/// The kernel's RTL with one more output, `status`: 32 bits each for how many elements every stream holds, whether every process runs, and whether a stream
/// operation is due. For a second run that tells why the first stood still; RTL for users and for synthesis has no such port.
Rtl observed(const CompiledKernel& kernel);

/// What `status` says: which process waits for which stream, and which streams are full and which empty.
std::string standing(const CompiledKernel& kernel, const std::vector<std::int64_t>& status);

}  // namespace gnomon::hls
