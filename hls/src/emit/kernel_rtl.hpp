#pragma once

#include "gnomon/hls/emit.hpp"
#include "schedule/datapath.hpp"

namespace gnomon::hls {

/// SystemVerilog of a scheduled kernel, one module.
///
/// Boundary: `NAME_valid`, `NAME_ready`, `NAME_data` for every input and output tensor (elements row-major, one a beat) and stream;
/// `busy` while it computes. In every run the input tensors are loaded and what must be 0 is cleared, then all processes run, then
/// the output tensors are drained. A process stands still as a whole where a stream holds one of its operations, except that a
/// stream read in the first cycle of an iteration only keeps new iterations from starting.
Rtl emit_kernel(const Datapath& datapath);

}  // namespace gnomon::hls
