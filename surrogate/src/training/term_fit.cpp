#include <Eigen/Cholesky>
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>
#include <set>

#include "gnomon/base/random.hpp"
#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/term.hpp"

namespace gnomon::surrogate {
namespace {

using Index = Eigen::Index;
using Rows = std::vector<Index>;

constexpr std::size_t most_rows = 1200;
/// With more sizes than these, ratios of all pairs are too many to ask.
constexpr std::size_t most_ratio_sizes = 6;
constexpr std::size_t most_candidates = 1000;
constexpr std::size_t most_terms = 6;
/// Of simple products (one factor, or two plain ones), at most so many are always looked at.
constexpr std::size_t most_simple = 64;
constexpr std::size_t least_leaf = 16;
constexpr int deepest = 4;
/// A regime told by a ratio of sizes must gain more than one told by a word or by bits: in a narrow band of ratios, sizes are proportional, and a sum fitted
/// there says little about others.
constexpr double ratio_cost = 4;
/// Relative errors below a tenth of a percent are not worth another term.
constexpr double noise_floor = 1e-6;

/// Features that products may be made of, and those that only tell regimes apart.
struct Roles {
  std::vector<std::size_t> sizes;       // positive numbers
  std::vector<std::size_t> bits;        // positive numbers of bits
  std::vector<std::size_t> switches;    // categories and numbers of two values
};

Roles roles_of(const RealMatrix& x, const std::vector<Feature>& features, const Rows& rows) {
  Roles out;
  for (std::size_t f = 0; f < features.size(); ++f) {
    const Feature& feature = features[f];
    std::set<double> values;
    bool positive = true;
    for (const Index row : rows) {
      const double v = x(row, static_cast<Index>(f));
      positive = positive && v > 0;
      if (values.size() < 3) values.insert(v);
    }
    if (values.size() < 2) continue;
    if (!feature.categories.empty() || values.size() == 2) out.switches.push_back(f);
    else if (positive && !feature.may_miss) (feature.unit == "bits" ? out.bits : out.sizes).push_back(f);
  }
  return out;
}

/// All products of at most `factors` factors.
std::vector<TermProduct> products_of(const Roles& roles, const std::vector<Feature>& features, std::size_t factors, bool steps) {
  std::vector<TermProduct> out{{1, {}}};
  const auto grow = [&](std::size_t feature, const std::vector<TermFactor>& options) {
    const std::size_t before = out.size();
    for (std::size_t i = 0; i < before && out.size() < 200'000; ++i) {
      if (out[i].factors.size() >= factors) continue;
      for (TermFactor factor : options) {
        TermProduct product = out[i];
        factor.feature = static_cast<std::int64_t>(feature);
        product.factors.push_back(factor);
        out.push_back(std::move(product));
      }
    }
  };
  const std::vector<TermFactor> plain{{0, 1, 0, 0}, {0, -1, 0, 0}};
  for (const std::size_t f : roles.sizes) {
    std::vector<TermFactor> options = plain;
    if (steps) options.insert(options.end(), {{0, 0, 1, 0}, {0, 1, 1, 0}, {0, -1, 1, 0}});
    if (steps && features[f].high > 512) options.insert(options.end(), {{0, 0, 0, 1}, {0, -1, 0, 1}});
    grow(f, options);
  }
  for (const std::size_t f : roles.bits) grow(f, plain);
  // What only shrinks with size is no physical term.
  std::erase_if(out, [](const TermProduct& product) {
    return !product.factors.empty() &&
           std::none_of(product.factors.begin(), product.factors.end(), [](const TermFactor& f) { return f.power + f.step + f.blocks > 0; });
  });
  return out;
}

std::vector<TermProduct> candidates_of(const Roles& roles, const std::vector<Feature>& features) {
  for (std::size_t factors = 4; factors >= 1; --factors) {
    for (const bool steps : {true, false}) {
      std::vector<TermProduct> products = products_of(roles, features, factors, steps);
      if (products.size() <= most_candidates) return products;
    }
  }
  return {{1, {}}};
}

/// Weighted, normalised candidate columns of some rows.
struct Problem {
  RealMatrix columns;
  RealVector labels;
  RealVector norms;
};
Problem problem_of(const RealMatrix& columns, const RealVector& y, const RealVector& weight, const Rows& rows, const std::vector<Index>& picked) {
  Problem out;
  const auto n = static_cast<Index>(rows.size()), p = static_cast<Index>(picked.size());
  out.columns.resize(n, p);
  out.labels.resize(n);
  for (Index i = 0; i < n; ++i) out.labels[i] = y[rows[static_cast<std::size_t>(i)]] * weight[rows[static_cast<std::size_t>(i)]];
  for (Index c = 0; c < p; ++c) {
    const Index from = picked[static_cast<std::size_t>(c)];
    for (Index i = 0; i < n; ++i) {
      const Index row = rows[static_cast<std::size_t>(i)];
      out.columns(i, c) = columns(row, from) * weight[row];
    }
  }
  out.norms = out.columns.colwise().norm().transpose().array() + 1e-300;
  out.columns.array().rowwise() /= out.norms.transpose().array();
  return out;
}

struct Sum {
  std::vector<Index> terms;  // columns of the problem
  RealVector coefficients;   // of the normalised columns
  double score = 0;
};

double criterion(double squares, std::size_t terms, Index rows) {
  const auto n = static_cast<double>(rows);
  return n * std::log(squares / n + noise_floor) + 3 * std::log(n) * static_cast<double>(terms);
}

/// Orthogonal least squares, forward only: quick enough to try many regimes. `near` collects the best candidates of each step.
double forward_score(const Problem& problem, std::size_t terms, std::set<Index>* near, Index constant) {
  RealMatrix rest = problem.columns;
  RealVector residual = problem.labels;
  const double all = residual.squaredNorm();
  double best = criterion(all, 0, residual.size());
  for (std::size_t k = 1; k <= terms; ++k) {
    const RealVector along = rest.transpose() * residual;
    const RealVector left = rest.colwise().squaredNorm().transpose();
    std::vector<std::pair<double, Index>> gains;
    for (Index c = 0; c < along.size(); ++c) {
      if (left[c] > 1e-7 && (along[c] > 0 || c == constant)) gains.emplace_back(along[c] * along[c] / left[c], c);
    }
    if (gains.empty()) break;
    const std::size_t keep = std::min<std::size_t>(near ? 24 : 1, gains.size());
    std::partial_sort(gains.begin(), gains.begin() + static_cast<std::ptrdiff_t>(keep), gains.end(), [](const auto& a, const auto& b) {
      return a.first != b.first ? a.first > b.first : a.second < b.second;
    });
    if (near) {
      for (std::size_t i = 0; i < keep; ++i) near->insert(gains[i].second);
    }
    if (gains[0].first <= 1e-12 * all) break;
    const RealVector q = rest.col(gains[0].second) / std::sqrt(left[gains[0].second]);
    residual -= q * q.dot(residual);
    rest.noalias() -= q * (q.transpose() * rest);
    best = std::min(best, criterion(residual.squaredNorm(), k, residual.size()));
  }
  return best;
}

/// The same with swaps and without negative coefficients, on the Gram matrix of a few candidates.
class Selector {
 public:
  Selector(const Problem& problem, Index constant) : constant_(constant), rows_(problem.labels.size()) {
    gram_ = problem.columns.transpose() * problem.columns;
    along_ = problem.columns.transpose() * problem.labels;
    all_ = problem.labels.squaredNorm();
  }

  Sum run(std::size_t most) {
    Sum best{{}, {}, criterion(all_, 0, rows_)};
    std::vector<Index> chosen;
    double error = all_;
    for (std::size_t k = 0; k < most; ++k) {
      const Index next = best_gain(chosen);
      if (next < 0) break;
      std::vector<Index> trial = chosen;
      trial.push_back(next);
      RealVector b;
      double e = solve(trial, b);
      for (int round = 0; round < 8 && swap(trial, b, e); ++round) {
      }
      if (!(e < error)) break;
      chosen = trial;
      error = e;
      if (const double score = criterion(e, chosen.size(), rows_); score < best.score) best = {chosen, b, score};
    }
    return best;
  }

 private:
  RealMatrix part(const std::vector<Index>& chosen) const {
    RealMatrix out = gram_(chosen, chosen);
    out.diagonal().array() += 1e-10;
    return out;
  }

  /// Least squares on `chosen`; terms that would be negative are dropped from it. Returns the sum of squares left.
  double solve(std::vector<Index>& chosen, RealVector& b) const {
    while (!chosen.empty()) {
      const RealVector right = along_(chosen);
      b = part(chosen).ldlt().solve(right);
      std::optional<std::size_t> worst;
      for (std::size_t i = 0; i < chosen.size(); ++i) {
        if (chosen[i] != constant_ && b[static_cast<Index>(i)] < 0 && (!worst || b[static_cast<Index>(i)] < b[static_cast<Index>(*worst)])) worst = i;
      }
      if (!worst) return std::max(0.0, all_ - right.dot(b));
      chosen.erase(chosen.begin() + static_cast<std::ptrdiff_t>(*worst));
    }
    b.resize(0);
    return all_;
  }

  Index best_gain(const std::vector<Index>& chosen) const {
    RealVector along = along_, left = RealVector::Ones(along_.size());
    if (!chosen.empty()) {
      const RealMatrix rows = gram_(chosen, Eigen::all);
      const RealMatrix through = part(chosen).ldlt().solve(rows);
      along -= through.transpose() * along_(chosen);
      left -= rows.cwiseProduct(through).colwise().sum().transpose();
    }
    Index best = -1;
    double gain = 1e-12 * all_;
    for (Index c = 0; c < along.size(); ++c) {
      if (left[c] <= 1e-7 || (along[c] <= 0 && c != constant_) || std::find(chosen.begin(), chosen.end(), c) != chosen.end()) continue;
      if (const double g = along[c] * along[c] / left[c]; g > gain) {
        gain = g;
        best = c;
      }
    }
    return best;
  }

  /// Exchanges the first term whose exchange helps.
  bool swap(std::vector<Index>& chosen, RealVector& b, double& error) const {
    for (std::size_t i = 0; i < chosen.size(); ++i) {
      std::vector<Index> others = chosen;
      others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
      const Index better = best_gain(others);
      if (better < 0 || better == chosen[i]) continue;
      others.push_back(better);
      RealVector trial;
      const double e = solve(others, trial);
      if (e < error * (1 - 1e-6) - 1e-12 * all_) {
        chosen = std::move(others);
        b = std::move(trial);
        error = e;
        return true;
      }
    }
    return false;
  }

  Index constant_, rows_;
  RealMatrix gram_;
  RealVector along_;
  double all_ = 0;
};

/// What a regime may be asked.
struct Question {
  Index feature = -1, over = -1;
  std::vector<double> thresholds;
};

class Grower {
 public:
  Grower(const RealMatrix& x, const std::vector<TermProduct>& candidates, const RealMatrix& columns, const RealVector& y, const RealVector& weight,
         const Roles& roles, double split_cost)
      : split_cost_(split_cost), x_(x), candidates_(candidates), columns_(columns), y_(y), weight_(weight), roles_(roles) {
    for (const std::size_t factors : {1, 2}) {
      std::set<Index> more = simple_;
      for (std::size_t c = 0; c < candidates.size(); ++c) {
        const auto& list = candidates[c].factors;
        const bool plain = std::all_of(list.begin(), list.end(), [](const TermFactor& f) { return f.step == 0 && f.blocks == 0; });
        if (list.size() <= factors && (plain || list.size() <= 1)) more.insert(static_cast<Index>(c));
      }
      if (more.size() <= most_simple) simple_ = std::move(more);
    }
  }

  TermTree tree(const Rows& rows) {
    TermTree out;
    grow(out, rows, deepest);
    return out;
  }

 private:
  double split_cost_;
  /// Where regimes are still mixed, what holds in one of them may be nowhere near the best products: simple ones are always among those that a question
  /// is judged by.
  std::set<Index> simple_{0};

  double asked(const Question& q, Index row) const { return q.over < 0 ? x_(row, q.feature) : x_(row, q.feature) / x_(row, q.over); }

  std::vector<Question> questions(const Rows& rows) const {
    std::vector<Question> out;
    for (const std::size_t f : roles_.switches) out.push_back({static_cast<Index>(f), -1, {}});
    for (const std::size_t f : roles_.bits) out.push_back({static_cast<Index>(f), -1, {}});
    for (std::size_t i = 0; i < roles_.sizes.size() && roles_.sizes.size() <= most_ratio_sizes; ++i) {
      for (std::size_t j = i + 1; j < roles_.sizes.size(); ++j) {
        out.push_back({static_cast<Index>(roles_.sizes[i]), static_cast<Index>(roles_.sizes[j]), {}});
      }
    }
    if (out.empty()) {
      for (const std::size_t f : roles_.sizes) out.push_back({static_cast<Index>(f), -1, {}});
    }
    for (Question& q : out) {
      std::vector<double> values;
      for (const Index row : rows) values.push_back(asked(q, row));
      std::sort(values.begin(), values.end());
      std::vector<double> kinds = values;
      kinds.erase(std::unique(kinds.begin(), kinds.end(), [](double a, double b) { return b - a <= 1e-9 * std::abs(a); }), kinds.end());
      const auto between = [&](std::size_t i) { return kinds[i] > 0 ? std::sqrt(kinds[i] * kinds[i + 1]) : 0.5 * (kinds[i] + kinds[i + 1]); };
      std::set<double> thresholds;
      if (kinds.size() <= 9) {
        for (std::size_t i = 0; i + 1 < kinds.size(); ++i) thresholds.insert(between(i));
      } else {
        for (std::size_t i = 0; i < 8; ++i) {
          const double value = values[i * (values.size() - 1) / 8];
          const auto at = std::upper_bound(kinds.begin(), kinds.end(), value * (1 + 1e-9));
          if (at != kinds.end()) thresholds.insert(between(static_cast<std::size_t>(at - kinds.begin()) - 1));
        }
        // Regimes end where nothing is: the widest gaps, by ratio.
        std::vector<std::pair<double, std::size_t>> gaps;
        for (std::size_t i = 0; i + 1 < kinds.size(); ++i) gaps.emplace_back(kinds[i] > 0 ? kinds[i + 1] / kinds[i] : kinds[i + 1] - kinds[i], i);
        std::sort(gaps.rbegin(), gaps.rend());
        for (std::size_t i = 0; i < 4; ++i) thresholds.insert(between(gaps[i].second));
      }
      q.thresholds.assign(thresholds.begin(), thresholds.end());
    }
    return out;
  }

  void grow(TermTree& tree, const Rows& rows, int depth) {
    const std::size_t self = tree.nodes.size();
    tree.nodes.emplace_back();
    std::vector<Index> all(static_cast<std::size_t>(columns_.cols()));
    for (std::size_t c = 0; c < all.size(); ++c) all[c] = static_cast<Index>(c);
    std::set<Index> near = simple_;
    forward_score(problem_of(columns_, y_, weight_, rows, all), most_terms + 2, &near, 0);
    const std::vector<Index> few(near.begin(), near.end());  // the constant, candidate 0, stays the first
    const Problem problem = problem_of(columns_, y_, weight_, rows, few);
    // A term needs rows to stand on.
    const Sum sum = Selector(problem, 0).run(std::min(most_terms, std::max<std::size_t>(1, rows.size() / 12)));

    const double cost = split_cost_ * std::log(static_cast<double>(rows.size()));
    double best = sum.score;
    std::optional<std::pair<Question, double>> question;
    if (depth > 0 && rows.size() >= 2 * least_leaf) {
      for (const Question& q : questions(rows)) {
        for (const double threshold : q.thresholds) {
          Rows yes, no;
          for (const Index row : rows) (asked(q, row) <= threshold ? yes : no).push_back(row);
          if (yes.size() < least_leaf || no.size() < least_leaf) continue;
          const double score = forward_score(problem_of(columns_, y_, weight_, yes, few), 4, nullptr, 0) +
                               forward_score(problem_of(columns_, y_, weight_, no, few), 4, nullptr, 0) + cost * (q.over < 0 ? 1 : ratio_cost);
          if (score < best) {
            best = score;
            question = {q, threshold};
          }
        }
      }
    }
    if (question) {
      Rows yes, no;
      for (const Index row : rows) (asked(question->first, row) <= question->second ? yes : no).push_back(row);
      tree.nodes[self].feature = question->first.feature;
      tree.nodes[self].over = question->first.over;
      tree.nodes[self].threshold = question->second;
      tree.nodes[self].yes = static_cast<std::int64_t>(tree.nodes.size());
      grow(tree, yes, depth - 1);
      tree.nodes[self].no = static_cast<std::int64_t>(tree.nodes.size());
      grow(tree, no, depth - 1);
      return;
    }
    for (std::size_t i = 0; i < sum.terms.size(); ++i) {
      const Index column = sum.terms[i];
      TermProduct product = candidates_[static_cast<std::size_t>(few[static_cast<std::size_t>(column)])];
      product.coefficient = sum.coefficients[static_cast<Index>(i)] / problem.norms[column];
      if (product.coefficient != 0) tree.nodes[self].products.push_back(std::move(product));
    }
  }

  const RealMatrix& x_;
  const std::vector<TermProduct>& candidates_;
  const RealMatrix& columns_;
  const RealVector& y_;
  const RealVector& weight_;
  const Roles& roles_;
};

}  // namespace

PhysicalTerm fit_term(const RealMatrix& x, const std::vector<Feature>& features, const RealVector& y, const std::vector<std::size_t>& group,
                      std::size_t groups, std::uint64_t seed, int trees, double split_cost) {
  PhysicalTerm out;
  Rows rows;
  std::vector<double> positive;
  for (Index r = 0; r < y.size(); ++r) {
    if (std::isnan(y[r])) continue;
    if (y[r] < 0) return out;
    rows.push_back(r);
    if (y[r] > 0) positive.push_back(y[r]);
  }
  if (rows.size() < 2 * least_leaf || positive.empty()) return out;
  if (rows.size() > most_rows) {
    Random(derive(seed, "rows")).shuffle(rows);
    rows.resize(most_rows);
    std::sort(rows.begin(), rows.end());
  }
  const Roles roles = roles_of(x, features, rows);
  if (roles.sizes.empty() && roles.bits.empty()) return out;
  const std::vector<TermProduct> candidates = candidates_of(roles, features);
  RealMatrix columns = RealMatrix::Ones(x.rows(), static_cast<Index>(candidates.size()));
  for (std::size_t c = 0; c < candidates.size(); ++c) {
    for (const TermFactor& factor : candidates[c].factors) {
      for (const Index row : rows) columns(row, static_cast<Index>(c)) *= factor.value(x(row, factor.feature));
    }
  }
  std::nth_element(positive.begin(), positive.begin() + static_cast<std::ptrdiff_t>(positive.size() / 2), positive.end());
  const double typical = positive[positive.size() / 2];
  RealVector weight = RealVector::Zero(y.size());
  for (const Index row : rows) weight[row] = 1 / (y[row] + 0.3 * typical);

  Grower grower(x, candidates, columns, y, weight, roles, split_cost);
  out.trees.push_back(grower.tree(rows));
  // The other trees each lack a share of the groups; where they disagree, the form is not known.
  std::vector<std::size_t> order(groups);
  for (std::size_t g = 0; g < groups; ++g) order[g] = g;
  Random(derive(seed, "groups")).shuffle(order);
  for (int t = 1; t < trees; ++t) {
    std::vector<bool> absent(groups, false);
    for (std::size_t i = static_cast<std::size_t>(t) - 1; i < order.size(); i += static_cast<std::size_t>(trees) - 1) absent[order[i]] = true;
    Rows part;
    for (const Index row : rows) {
      if (!absent[group[static_cast<std::size_t>(row)]]) part.push_back(row);
    }
    if (part.size() >= 2 * least_leaf) out.trees.push_back(grower.tree(part));
  }
  return out;
}

}  // namespace gnomon::surrogate
