// Layers as hls4ml makes them: RTL in Verilator against the golden model (written from the definition, on integers) and against the timing
// model (control stepped without data), random networks of every kind, with and without stalls.
#include <gtest/gtest.h>

#include <cstdlib>

#include "gnomon/base/random.hpp"
#include "gnomon/hls/layers.hpp"
#include "layers/dataset_networks.hpp"

namespace gnomon::hls {
namespace {

TEST(Layers, RandomNetworksInVerilator) {
  const int count = std::getenv("GNOMON_LONG") != nullptr ? 200 : 14;
  const std::uint64_t seed = 20;
  std::int64_t stalled = 0;
  for (int i = 0; i < count; ++i) {
    const Network network = small_network(derive(seed, static_cast<std::uint64_t>(i)), i);
    CosimOptions options;
    options.seed = static_cast<std::uint64_t>(i) + 1;
    options.worker = {GNOMON_COSIM_WORKER};
    for (const double stall : {0.0, 0.3}) {
      options.stall = stall;
      auto result = cosimulate_network(network, options, 3);
      ASSERT_TRUE(result) << result.error().text() << "\nseed " << seed << ", network " << i;
      EXPECT_EQ(result->mismatches, 0) << result->first_mismatch << "\nseed " << seed << ", network " << i << ", stall " << stall;
      EXPECT_EQ(result->rtl_cycles, result->model_cycles) << "seed " << seed << ", network " << i << ", stall " << stall;
      if (stall > 0) stalled += result->rtl_cycles;
    }
  }
  EXPECT_GT(stalled, 0);
}

}  // namespace
}  // namespace gnomon::hls
