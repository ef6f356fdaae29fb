#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "gnomon/arch/space.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/search/agent.hpp"

/// A point as agents vary it: every parameter has a gene, active or not, so that conditional parameters keep what they inherited.
namespace gnomon::search {

struct Gene {
  std::int64_t index = 0;           ///< discrete parameters: index into Parameter::values
  double position = 0.5;            ///< reals: place in [0, 1], on the log scale where the parameter is logarithmic
  std::vector<std::int64_t> order;  ///< permutations: indices into Parameter::values
  bool operator==(const Gene&) const = default;
};
using Genome = std::vector<Gene>;

/// Inactive parameters get the middle of their range.
Genome to_genome(const arch::Space& space, const arch::Point& point);
/// Normalised (inactive parameters absent); rules are not looked at.
arch::Point to_point(const arch::Space& space, const Genome& genome);
Genome random_genome(const arch::Space& space, Random& random);
/// Numbers that one genome takes: one per discrete or real parameter, size - 1 per permutation (its Lehmer digits).
std::size_t code_size(const arch::Space& space);
/// A genome from uniform numbers in [0, 1), `code_size` of them: equal shares of the interval for each value.
Genome genome_from_uniform(const arch::Space& space, const std::vector<double>& code);

/// Changes one gene to a different value. Integers and ordinals step by a geometric number of values either way (wider with
/// `spread`, a fraction of the range), categories jump, reals move by a normal step of `spread`, permutations swap two places or
/// move one item.
void mutate_gene(const arch::Parameter& parameter, Gene& gene, double spread, Random& random);
/// Mutates each gene with probability `rate`, at least one of those that can change.
void mutate(const arch::Space& space, Genome& genome, double rate, double spread, Random& random);
/// All points one change away that are fresh: the neighbouring values (and, for categories, all others) of each active parameter.
std::vector<arch::Point> fresh_neighbours(const arch::Space& space, const arch::Point& point,
                                          const std::function<bool(const arch::Point&)>& fresh);

/// The point is active at this parameter and the parameter has more than one value.
bool can_change(const arch::Parameter& parameter);

/// A fresh point near a genome: mutated with growing rate and spread until it is fresh and not among `taken`; then random draws;
/// nothing where both fail.
std::optional<arch::Point> fresh_variant(const arch::Space& space, const Genome& genome, const AskRequest& request,
                                         const std::vector<arch::Point>& taken, Random& random, int tries = 60);

}  // namespace gnomon::search
