#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gnomon/search/agent.hpp"

namespace gnomon::search {

/// Sobol points (Sobol, USSR Comp. Math. 7, 1967) with the direction numbers of Joe and Kuo (SIAM J. Sci. Comput. 30, 2008, set
/// new-joe-kuo-6) in up to `max_dimensions` dimensions, randomised by a digital shift (one random word per dimension,
/// exclusive-or), which keeps the net property. Dimensions beyond the table are independent uniform numbers.
class SobolSequence {
 public:
  static constexpr std::size_t max_dimensions = 40;
  static constexpr int bits = 32;
  /// `shift_seed` 0 leaves the sequence as published.
  SobolSequence(std::size_t dimensions, std::uint64_t shift_seed);
  /// The point number `index` (0 is the origin before the shift), each coordinate in [0, 1).
  std::vector<double> point(std::uint64_t index) const;
  std::size_t dimensions() const { return dimensions_; }

 private:
  std::size_t dimensions_;
  std::uint64_t seed_;
  std::vector<std::vector<std::uint32_t>> directions_;
  std::vector<std::uint32_t> shift_;
};

/// Goes through a Sobol sequence of a space and gives the points that are fresh, in order. Which ones come next follows from what
/// is known already: the place in the sequence is only a note of where nothing fresh lies before.
class SobolDesign {
 public:
  SobolDesign(std::shared_ptr<const arch::Space> space, std::uint64_t seed);
  /// Up to `count` fresh points, none of them in `taken`; looks at up to `tries` points of the sequence for each.
  std::vector<arch::Point> next(std::size_t count, const AskRequest& request, const std::vector<arch::Point>& taken = {},
                                std::size_t tries = 4096) const;

 private:
  std::shared_ptr<const arch::Space> space_;
  SobolSequence sequence_;
  mutable std::uint64_t known_before_ = 0;  // every earlier point of the sequence is told, pending or breaks a rule
};

AgentInfo sobol_info();

}  // namespace gnomon::search
