#pragma once

#include "gnomon/arch/evaluator.hpp"

namespace gnomon::hls {

/// `accelerator/rtl`.
void register_evaluators(arch::EvaluatorRegistry& registry);

/// `kernel/cycle` and `kernel/rtl`.
void register_kernels(arch::EvaluatorRegistry& registry);

/// The same evaluators; those of accelerators and kernels add `lut, ff, dsp, bram, fmax_mhz` (of a cell library `cell_area_um2` and `ff`) where
/// the job's options name a target: `{"synthesis": "xcup"}` (see synth.hpp for what is counted). A figure that a target does not
/// have is left out.
arch::EvaluatorRegistry with_synthesis(arch::EvaluatorRegistry inner);

}  // namespace gnomon::hls
