#pragma once

#include "gnomon/arch/evaluator.hpp"

namespace gnomon::hls {

/// `accelerator/rtl`.
void register_evaluators(arch::EvaluatorRegistry& registry);

}  // namespace gnomon::hls
