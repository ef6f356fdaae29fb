#include <gtest/gtest.h>

#include <cstdlib>

#include "compare.hpp"

namespace gnomon::sim::testing {
namespace {

/// The truth is the event-driven model, which equals the slow reference (test_reference.cpp).
int compare_many(std::uint64_t seed, int cases, const CaseOptions& options) {
  const int count = std::getenv("GNOMON_LONG") != nullptr ? cases * 40 : cases;
  int failures = 0, unhindered = 0;
  for (int i = 0; i < count && failures < 3; ++i) {
    Random random(derive(seed, static_cast<std::uint64_t>(i)));
    const RandomCase drawn = random_case(random, options);
    AnalyticalAgreement agreement;
    std::string difference = difference_to_analytical(drawn, agreement);
    if (options.ample && agreement.never_waited && agreement.analytical_latency != agreement.cycle_latency) {
      difference += "latency: analytical " + std::to_string(agreement.analytical_latency) + ", cycle " + std::to_string(agreement.cycle_latency) + "\n";
    }
    unhindered += agreement.never_waited ? 1 : 0;
    if (difference.empty()) continue;
    ++failures;
    ADD_FAILURE() << "case " << i << " of seed " << seed << ":\n" << difference << drawn.text();
  }
  return unhindered;
}

TEST(AnalyticalModel, CountsAsTheCycleModelEverywhere) { compare_many(11, 300, {}); }
TEST(AnalyticalModel, EqualsCycleModelWhereMemoryNeverStalls) {
  // Enough of the cases must be of that kind, or the test says nothing.
  EXPECT_GT(compare_many(12, 300, {.ample = true}), 50);
}

}  // namespace
}  // namespace gnomon::sim::testing
