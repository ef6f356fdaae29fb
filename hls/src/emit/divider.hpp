#pragma once

#include <string>
#include <vector>

#include "emit/sv_expression.hpp"
#include "schedule/datapath.hpp"

namespace gnomon::hls {

struct DividerText {
  std::string declarations, body, clocked;  ///< `clocked` goes where the pipeline's registers move
};

/// A restoring divider for `div` or `rem`, one in every cycle, as many quotient bits a stage as the clock allows; `args` are the
/// dividend and the divisor in the cycle in which the node starts, the result `name` is there `node.latency` cycles later.
DividerText emit_divider(const std::string& name, const Node& node, const std::vector<Signal>& args, double clock_ns);

}  // namespace gnomon::hls
