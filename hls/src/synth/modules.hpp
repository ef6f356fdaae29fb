#pragma once

#include <string>
#include <utility>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "synth/yosys.hpp"

namespace gnomon::hls {

/// The modules of a text, in order.
struct Module {
  std::string name, text;
};
std::vector<Module> modules_of(const std::string& text);

/// Ports alone.
std::string black_box(const Module& module);

/// What a synthesis adds up.
struct SynthPart {
  std::string name;
  SynthJob job;
  std::int64_t count = 1;
  /// In place of `job`, a weighted sum of others: where a module is too wide to be synthesised whole, the same of fewer lanes (lanes are alike, so figures
  /// grow by the lane).
  std::vector<std::pair<double, SynthJob>> narrower;
  bool chained = false;  ///< a path through one lane goes on through the next, so paths grow by the lane as well
  int netlist = -1;      ///< parts of one number stand in one netlist, where the deepest of them decides how deep the others may be mapped; -1: alone
};

/// What the complete RTL of a design's core has beside array and banks: queues and sequencer, transfers, address generators of the streams, requantisation and
/// bias, vector unit. Not in it: the routing between lanes and banks, and of several cores, each with RTL of its own, the bus between them. For osu018, whose memories are flip-flops, queues are
/// parts of their own, reckoned by the bit, and wide units come from one and two lanes in place of two and four. Unsupported: designs without complete RTL (cosim --whole says which).
Expected<std::vector<SynthPart>> control_parts(const arch::Design& design, const std::string& target, std::size_t core = 0);

/// The complete RTL of a design's core in one run, but for its levels, which are black boxes there: `control_parts` and the array together, for FPGAs.
/// Unsupported: as control_parts, and what is too big for one run (size decides).
Expected<SynthPart> whole_part(const arch::Design& design, const std::string& target, std::size_t core = 0);

}  // namespace gnomon::hls
