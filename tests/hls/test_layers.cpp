// Layers as hls4ml makes them: RTL in Verilator against the golden model (written from the definition, on integers) and against the timing
// model (control stepped without data), random networks of every kind, with and without stalls.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include "gnomon/base/random.hpp"
#include "gnomon/hls/layers.hpp"
#include "layers/dataset_networks.hpp"
#include "synth/yosys.hpp"

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

Network two_dense(std::int64_t inputs, std::int64_t hidden, std::int64_t outputs, std::int64_t reuse) {
  Network network;
  network.channels = inputs;
  network.layers = {{.type = "dense", .size = hidden, .activation = "relu", .reuse_factor = reuse}, {.type = "dense", .size = outputs, .reuse_factor = reuse}};
  return network;
}

// What is counted block by block against one run over the whole.
TEST(Layers, ComposedAgainstFlat) {
  if (auto version = yosys_version(); !version) GTEST_SKIP() << version.error().text();
  std::vector<Network> networks{two_dense(6, 4, 3, 2), two_dense(8, 4, 2, 8), two_dense(4, 6, 4, 1)};
  if (std::getenv("GNOMON_LONG") != nullptr) {
    networks.clear();
    for (int i = 0; i < 60; ++i) networks.push_back(small_network(derive(std::uint64_t{31}, static_cast<std::uint64_t>(i)), i));
  }
  const auto count = static_cast<int>(networks.size());
  std::vector<double> lut, ff;
  for (int i = 0; i < count; ++i) {
    const Network& network = networks[static_cast<std::size_t>(i)];
    SynthOptions options;
    auto composed = synthesise(network, options);
    options.flat = true;
    auto flat = synthesise(network, options);
    ASSERT_TRUE(composed && flat) << (composed ? flat.error().text() : composed.error().text());
    EXPECT_EQ(*composed->total.dsp, *flat->total.dsp) << "network " << i;
    EXPECT_EQ(*composed->total.bram, *flat->total.bram) << "network " << i;
    lut.push_back(std::abs(*composed->total.lut / *flat->total.lut - 1));
    ff.push_back(std::abs(*composed->total.ff / *flat->total.ff - 1));
    RecordProperty("network_" + std::to_string(i), std::to_string(lut.back()) + " " + std::to_string(ff.back()));
  }
  for (auto* differences : {&lut, &ff}) {
    std::nth_element(differences->begin(), differences->begin() + count / 2, differences->end());
    EXPECT_LE((*differences)[static_cast<std::size_t>(count / 2)], 0.05);
  }
}

// Reuse factors as hls4ml allows them: of the divisors of n_in x n_out, those that share a multiplier evenly.
TEST(Layers, ReuseFactors) {
  for (const auto& [n_in, n_out] : std::vector<std::pair<std::int64_t, std::int64_t>>{{16, 5}, {12, 8}, {7, 7}, {1, 6}, {36, 36}}) {
    std::vector<std::int64_t> expected;
    for (std::int64_t rf = 1; rf <= n_in * n_out; ++rf) {
      const std::int64_t limit = (n_in * n_out + std::min(n_in, rf) - 1) / std::min(n_in, rf);
      if ((limit % n_out == 0 || rf >= n_in) && (rf % n_in == 0 || rf < n_in) && n_in * n_out % rf == 0) expected.push_back(rf);
    }
    EXPECT_EQ(valid_reuse_factors(n_in, n_out), expected) << n_in << " x " << n_out;
  }
}

// Cycles in closed form: a dense layer with io_parallel takes its reuse factor, the levels of its adder tree, and three registers.
TEST(Layers, CyclesOfADenseLayer) {
  for (const auto& [n_in, n_out, reuse] : std::vector<std::array<std::int64_t, 3>>{{16, 8, 4}, {16, 8, 16}, {16, 8, 64}, {24, 6, 2}, {9, 3, 3}}) {
    Network network;
    network.channels = n_in;
    network.layers = {{.type = "dense", .size = n_out, .activation = "relu", .reuse_factor = reuse}};
    auto cycles = network_cycles(network);
    ASSERT_TRUE(cycles);
    std::int64_t tree = 0;
    while ((std::int64_t{1} << tree) < n_in / std::min(n_in, reuse)) ++tree;
    EXPECT_EQ(cycles->cycles, reuse + tree + 3 + 1);
    EXPECT_EQ(cycles->ii, reuse);
  }
}

}  // namespace
}  // namespace gnomon::hls
