#pragma once

#include <cstddef>
#include <vector>

/// Rank statistics for comparing agents and fidelities. Smaller values are better wherever "better" matters.
namespace gnomon::search {

/// Ranks 1..n, ties share the mean of their places. NaN ranks last.
std::vector<double> ranks(const std::vector<double>& values);

/// Quantile by linear interpolation between order statistics (type 7 of Hyndman and Fan, Am. Stat. 50(4), 1996). An infinite
/// neighbour wins over interpolation. Needs at least one value.
double quantile(std::vector<double> values, double fraction);

struct TwoSample {
  double u = 0;        ///< pairs in which a is smaller than b, ties half
  double p = 1;        ///< two-sided
  double a12 = 0.5;    ///< Vargha and Delaney's effect size: P(a < b) + P(a = b) / 2
  bool exact = false;  ///< from the distribution of U rather than its normal approximation
};
/// Mann and Whitney's U test (Ann. Math. Stat. 18, 1947): exact without ties and up to 400 pairs, else the normal approximation
/// with tie and continuity correction. Empty samples: p = 1.
TwoSample mann_whitney(const std::vector<double>& a, const std::vector<double>& b);

struct FriedmanTest {
  double chi2 = 0, p = 1;
  std::size_t blocks = 0;
  std::vector<double> mean_ranks;  ///< one per treatment, 1 is best
};
/// Friedman's test (J. Am. Stat. Assoc. 32, 1937) with tie correction: `blocks[i][j]` is treatment j in block i. Chi-square
/// approximation with (treatments - 1) degrees of freedom.
FriedmanTest friedman(const std::vector<std::vector<double>>& blocks);

/// Holm's step-down correction (Scand. J. Stat. 6, 1979): adjusted p-values in the order given.
std::vector<double> holm(const std::vector<double>& p_values);

/// Spearman's rank correlation: Pearson's of the mean ranks. NaN where a side is constant or has fewer than two values.
double spearman(const std::vector<double>& a, const std::vector<double>& b);
/// Kendall's tau-b (Biometrika 33(3), 1945). NaN as `spearman`. O(n^2).
double kendall(const std::vector<double>& a, const std::vector<double>& b);

/// Upper tail of the chi-square distribution: P(X > x) with `degrees` degrees of freedom.
double chi_square_tail(double x, double degrees);

}  // namespace gnomon::search
