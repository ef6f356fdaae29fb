#pragma once

#include <vector>

#include "layers/nodes.hpp"

namespace gnomon::hls {

/// The control of one stage, for the timing model. pipe: stages. core: reuse factor, rounds, tree levels, stages after. window: height, width,
/// kernel rows, columns, stride. gather: beats.
struct Stage {
  BlockKind kind = BlockKind::pipe;
  std::array<std::int64_t, 5> p{};
  std::string name;  ///< for people
};

struct BuiltNetwork {
  BlockCounts counts;
  std::vector<Stage> stages;
  Rtl rtl;                      ///< where text was asked for
  int in_bits = 0, out_bits = 0;  ///< of one element
  bool out_signed = true;
  std::int64_t in_elements = 0, in_beats = 1, out_elements = 0, out_beats = 1;
};

Expected<BuiltNetwork> build_network(const Network& network, bool text);

}  // namespace gnomon::hls
