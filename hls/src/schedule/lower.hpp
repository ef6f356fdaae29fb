#pragma once

#include "schedule/datapath.hpp"

namespace gnomon::hls {

/// Makes the nodes of a pipeline from its ops: addresses and banks, predicates of ops outside its innermost loop, exact products,
/// registers for values that pass from one pipeline to another.
void lower_pipe(const Kernel& kernel, const std::vector<Memory>& memories, Pipe& pipe);

}  // namespace gnomon::hls
