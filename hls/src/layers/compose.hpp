#pragma once

#include <memory>
#include <set>

#include "layers/blocks.hpp"
#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {

/// The blocks that a target's figures come from: for osu018 and ice40 registers, adders, products by constants and table columns are synthesised too, and
/// for osu018 memories are left out.
std::map<BlockKey, std::int64_t> needed_blocks(const BlockCounts& counts, const std::string& target);

/// Sums of blocks, each synthesised once per target and version of yosys and kept in the cache's folder.
class Composer {
 public:
  explicit Composer(SynthOptions options);
  ~Composer();
  /// Synthesises what is missing; gives how many that were.
  Expected<std::int64_t> prepare(const std::set<BlockKey>& keys);
  Expected<SynthResult> compose(const BlockCounts& counts, bool list_blocks = false);

 private:
  struct Store;
  SynthOptions options_;
  std::unique_ptr<Store> store_;
};

}  // namespace gnomon::hls
