#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/base/linalg.hpp"

namespace gnomon {
class FieldVisitor;
}

namespace gnomon::surrogate {

struct Feature;

/// x^power * P(x)^step * B(x)^blocks of one feature, with P(x) = 2^ceil(log2 x): what an address or a multiplexer of x entries is built for, and
/// B(x) = ceil(x / 512): block RAMs behind each other in a memory of x entries (512 x 36 bits each; AMD UG573, the 18 Kib block).
struct TermFactor {
  std::int64_t feature = 0;
  std::int64_t power = 0;
  std::int64_t step = 0;
  std::int64_t blocks = 0;

  double value(double x) const;
};
struct TermProduct {
  double coefficient = 0;
  std::vector<TermFactor> factors;  ///< none: a constant
};
/// A regime: either a question (is `feature`, or the ratio feature / over, at most `threshold`?) or a sum of products.
struct TermNode {
  std::int64_t feature = -1, over = -1;
  double threshold = 0;
  std::int64_t yes = -1, no = -1;  ///< indices of nodes, both larger than this one's; -1 at a leaf
  std::vector<TermProduct> products;
};
struct TermTree {
  std::vector<TermNode> nodes;
};

/// An analytical form found from labels: sums of few products of features and of their powers of two, with coefficients that are not negative
/// (but for the constant), one sum per regime. The answer is the median of several such trees, each of which saw other groups of rows.
struct PhysicalTerm {
  std::vector<TermTree> trees;

  /// Value and relative spread at one row of raw features (all of a model's features, in their own units). Never negative.
  void evaluate(const double* row, double& value, double& spread) const;
  bool empty() const { return trees.empty(); }
};

void describe(FieldVisitor& v, TermFactor& factor);
void describe(FieldVisitor& v, TermProduct& product);
void describe(FieldVisitor& v, TermNode& node);
void describe(FieldVisitor& v, TermTree& tree);
void describe(FieldVisitor& v, PhysicalTerm& term);
/// Whether every index is inside: children after their parents, features among `features`.
bool sound(const PhysicalTerm& term, std::size_t features);

/// The tree in words: `rf <= 2: 24 * d_out + 32.6 * d_in + ...`.
std::string in_words(const TermTree& tree, const std::vector<Feature>& features);

/// Fits a term to labels y [rows] (NaN: missing; negative labels are refused by an empty result) of x [rows, features].
///
/// Candidates are all products of up to four factors, one feature each, with the powers -1, 0, 1 and P(x) or B(x) for sizes; features in bits
/// take neither. Orthogonal least squares picks them one by one with swaps, on errors relative to the label, and the Bayesian information criterion says
/// when to stop and whether a regime is split: by a category, by bits, or by the ratio of two features, which stays meaningful for sizes
/// never seen (up to six sizes); a split costs `split_cost` logarithms
/// of the number of rows. At most 1,200 rows are looked at. Deterministic.
PhysicalTerm fit_term(const RealMatrix& x, const std::vector<Feature>& features, const RealVector& y, const std::vector<std::size_t>& group,
                      std::size_t groups, std::uint64_t seed, int trees = 5, double split_cost = 6);

}  // namespace gnomon::surrogate
