#pragma once

#include <memory>
#include <set>

#include "layers/blocks.hpp"
#include "gnomon/hls/synth.hpp"

namespace gnomon::hls {

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
