#pragma once

#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

/// Value of an op that touches neither memory nor streams nor loops, from its arguments' types and stored bits.
std::int64_t evaluate_op(const KernelOp& op, const NumberType* types, const std::int64_t* args);

}  // namespace gnomon::hls
