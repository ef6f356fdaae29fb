#include <gtest/gtest.h>

#include "compare.hpp"

namespace gnomon::sim::testing {
namespace {

/// This program is linked with a copy of one implementation in which one constant is another (CMakeLists.txt says which): the comparisons of
/// test_reference.cpp and test_analytical.cpp must notice.
TEST(Mutant, IsNoticed) {
  int noticed = 0;
  constexpr int cases = 120;
  for (std::uint64_t i = 0; i < cases; ++i) {
    const std::uint64_t seed = derive(21, i);
    Random random(seed);
    const RandomCase drawn = random_case(random);
    AnalyticalAgreement agreement;
    const std::string difference = std::string(GNOMON_MUTATED) == "analytical" ? difference_to_analytical(drawn, agreement) : difference_to_reference(drawn, seed);
    noticed += difference.empty() ? 0 : 1;
  }
  RecordProperty("noticed", noticed);
  EXPECT_GT(noticed, 0) << "none of " << cases << " cases (seed 21) shows a difference";
}

}  // namespace
}  // namespace gnomon::sim::testing
