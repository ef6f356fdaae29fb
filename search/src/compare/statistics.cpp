#include "gnomon/search/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace gnomon::search {
namespace {

/// Sum of t^3 - t over groups of equal values.
double tie_sum(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  double sum = 0;
  for (std::size_t i = 0; i < values.size();) {
    std::size_t j = i;
    while (j < values.size() && values[j] == values[i]) ++j;
    const auto t = static_cast<double>(j - i);
    sum += t * t * t - t;
    i = j;
  }
  return sum;
}

/// Number of ways for U = 0..n*m, by the recursion over sample sizes; as probabilities.
std::vector<double> u_distribution(std::size_t n, std::size_t m) {
  // Gaussian binomial coefficient: product over i of (1 - q^(m+i)) / (1 - q^i), one factor at a time.
  std::vector<double> ways(n * m + 1, 0.0);
  ways[0] = 1;
  for (std::size_t i = 1; i <= n; ++i) {
    for (std::size_t u = ways.size(); u-- > m + i;) ways[u] -= ways[u - m - i];
    for (std::size_t u = i; u < ways.size(); ++u) ways[u] += ways[u - i];
  }
  const double total = std::accumulate(ways.begin(), ways.end(), 0.0);
  for (double& w : ways) w = std::max(0.0, w) / total;
  return ways;
}

double pearson(const std::vector<double>& a, const std::vector<double>& b) {
  const auto n = static_cast<double>(a.size());
  const double mean_a = std::accumulate(a.begin(), a.end(), 0.0) / n, mean_b = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - mean_a) * (b[i] - mean_b);
    aa += (a[i] - mean_a) * (a[i] - mean_a);
    bb += (b[i] - mean_b) * (b[i] - mean_b);
  }
  if (aa <= 0 || bb <= 0) return std::numeric_limits<double>::quiet_NaN();
  return ab / std::sqrt(aa * bb);
}

}  // namespace

std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<std::size_t> order(values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto key = [&](std::size_t i) {
    return std::isnan(values[i]) ? std::numeric_limits<double>::infinity() : values[i];
  };
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  std::vector<double> out(values.size());
  for (std::size_t i = 0; i < order.size();) {
    std::size_t j = i;
    while (j < order.size() && key(order[j]) == key(order[i])) ++j;
    for (std::size_t k = i; k < j; ++k) out[order[k]] = 0.5 * static_cast<double>(i + 1 + j);
    i = j;
  }
  return out;
}

double quantile(std::vector<double> values, double fraction) {
  std::sort(values.begin(), values.end());
  const double at = fraction * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(at));
  const std::size_t high = std::min(low + 1, values.size() - 1);
  const double share = at - static_cast<double>(low);
  if (share <= 0 || values[low] == values[high]) return values[low];
  if (!std::isfinite(values[high]) || !std::isfinite(values[low])) return share < 0.5 ? values[low] : values[high];
  return values[low] + share * (values[high] - values[low]);
}

TwoSample mann_whitney(const std::vector<double>& a, const std::vector<double>& b) {
  TwoSample out;
  if (a.empty() || b.empty()) return out;
  const auto n = static_cast<double>(a.size()), m = static_cast<double>(b.size());
  for (const double x : a) {
    for (const double y : b) out.u += x < y ? 1.0 : x == y ? 0.5 : 0.0;
  }
  out.a12 = out.u / (n * m);
  std::vector<double> all = a;
  all.insert(all.end(), b.begin(), b.end());
  const double ties = tie_sum(all);
  if (ties == 0 && a.size() * b.size() <= 400) {
    out.exact = true;
    const std::vector<double> probability = u_distribution(a.size(), b.size());
    const auto least = static_cast<std::size_t>(std::min(out.u, n * m - out.u));
    double tail = 0;
    for (std::size_t u = 0; u <= least; ++u) tail += probability[u];
    out.p = std::min(1.0, 2 * tail);
    return out;
  }
  const double total = n + m;
  const double variance = n * m / 12 * (total + 1 - ties / (total * (total - 1)));
  if (variance <= 0) return out;
  const double z = std::max(0.0, std::abs(out.u - n * m / 2) - 0.5) / std::sqrt(variance);
  out.p = std::min(1.0, std::erfc(z / std::sqrt(2.0)));
  return out;
}

double chi_square_tail(double x, double degrees) {
  if (!(x > 0)) return 1;
  // Q(a, y), the regularised upper incomplete gamma function: series below a + 1, continued fraction (modified Lentz) above.
  const double a = degrees / 2, y = x / 2;
  const double front = std::exp(-y + a * std::log(y) - std::lgamma(a));
  constexpr int most = 10000;
  constexpr double tiny = 1e-300, small = 1e-15;
  if (y < a + 1) {
    double term = 1 / a, sum = term;
    for (int n = 1; n < most && std::abs(term) > small * std::abs(sum); ++n) {
      term *= y / (a + n);
      sum += term;
    }
    return std::clamp(1 - front * sum, 0.0, 1.0);
  }
  double b = y + 1 - a, c = 1 / tiny, d = 1 / b, h = d;
  for (int i = 1; i < most; ++i) {
    const double step = -i * (i - a);
    b += 2;
    d = step * d + b;
    if (std::abs(d) < tiny) d = tiny;
    c = b + step / c;
    if (std::abs(c) < tiny) c = tiny;
    d = 1 / d;
    const double change = d * c;
    h *= change;
    if (std::abs(change - 1) < small) break;
  }
  return std::clamp(front * h, 0.0, 1.0);
}

FriedmanTest friedman(const std::vector<std::vector<double>>& blocks) {
  FriedmanTest out;
  out.blocks = blocks.size();
  if (blocks.empty()) return out;
  const std::size_t k = blocks[0].size();
  const auto n = static_cast<double>(blocks.size()), treatments = static_cast<double>(k);
  out.mean_ranks.assign(k, 0.0);
  double ties = 0;
  for (const auto& block : blocks) {
    const std::vector<double> r = ranks(block);
    for (std::size_t j = 0; j < k; ++j) out.mean_ranks[j] += r[j] / n;
    ties += tie_sum(block);
  }
  if (k < 2 || blocks.size() < 2) return out;
  double sum = 0;
  for (const double r : out.mean_ranks) sum += (r - (treatments + 1) / 2) * (r - (treatments + 1) / 2);
  const double correction = 1 - ties / (n * treatments * (treatments * treatments - 1));
  if (correction <= 0) return out;
  out.chi2 = 12 * n / (treatments * (treatments + 1)) * sum / correction;
  out.p = chi_square_tail(out.chi2, treatments - 1);
  return out;
}

std::vector<double> holm(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> out(p_values.size());
  double largest = 0;
  for (std::size_t i = 0; i < order.size(); ++i) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - i) * p_values[order[i]]));
    out[order[i]] = largest;
  }
  return out;
}

double spearman(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2 || a.size() != b.size()) return std::numeric_limits<double>::quiet_NaN();
  return pearson(ranks(a), ranks(b));
}

double kendall(const std::vector<double>& a, const std::vector<double>& b) {
  if (a.size() < 2 || a.size() != b.size()) return std::numeric_limits<double>::quiet_NaN();
  double score = 0, untied_a = 0, untied_b = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      const int da = a[i] < a[j] ? -1 : a[i] > a[j] ? 1 : 0, db = b[i] < b[j] ? -1 : b[i] > b[j] ? 1 : 0;
      score += da * db;
      untied_a += da != 0 ? 1 : 0;
      untied_b += db != 0 ? 1 : 0;
    }
  }
  if (untied_a == 0 || untied_b == 0) return std::numeric_limits<double>::quiet_NaN();
  return score / std::sqrt(untied_a * untied_b);
}

}  // namespace gnomon::search
