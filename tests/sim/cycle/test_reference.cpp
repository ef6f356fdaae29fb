#include <gtest/gtest.h>

#include <cstdlib>

#include "compare.hpp"

namespace gnomon::sim::testing {
namespace {

/// The truth is the slow reference in tests/sim/reference: it steps every cycle, moves real words and checks the products.
void compare_many(std::uint64_t seed, int cases, const CaseOptions& options) {
  const bool all = std::getenv("GNOMON_LONG") != nullptr;
  const int count = all ? cases * 40 : cases;
  int failures = 0;
  for (int i = 0; i < count && failures < 3; ++i) {
    const std::uint64_t one = derive(seed, static_cast<std::uint64_t>(i));
    Random random(one);
    const RandomCase drawn = random_case(random, options);
    const std::string difference = difference_to_reference(drawn, one);
    if (difference.empty()) continue;
    ++failures;
    ADD_FAILURE() << "case " << i << " of seed " << seed << ":\n" << difference << drawn.text();
  }
}

TEST(CycleModel, EqualsReferenceOnRandomSteps) { compare_many(1, 380, {}); }
TEST(CycleModel, EqualsReferenceOnOneCoreWithVectorWork) { compare_many(2, 60, {.steps = 3, .vector = true}); }
TEST(CycleModel, EqualsReferenceWhereCoresContend) { compare_many(3, 60, {.cores = 3, .steps = 4, .vector = true}); }

}  // namespace
}  // namespace gnomon::sim::testing
