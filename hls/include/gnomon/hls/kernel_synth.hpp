#pragma once

#include "gnomon/hls/kernel.hpp"
#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {

/// What a kernel's directives make of it, synthesised flat: its compiled RTL, or the array that they bind it to (at most 64 PEs). Errors are those of `compile`
/// and of `synthesise(Rtl)`.
Expected<SynthResult> synthesise(const Kernel& kernel, const SynthOptions& options);

}  // namespace gnomon::hls
