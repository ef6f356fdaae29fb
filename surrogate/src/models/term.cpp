#include "gnomon/surrogate/term.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "gnomon/base/fields.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {
namespace {

constexpr std::size_t most_trees = 32;

double tree_value(const TermTree& tree, const double* row) {
  std::size_t at = 0;
  while (tree.nodes[at].yes >= 0) {
    const TermNode& node = tree.nodes[at];
    const double asked = node.over < 0 ? row[node.feature] : row[node.feature] / row[node.over];
    at = static_cast<std::size_t>(asked <= node.threshold ? node.yes : node.no);
  }
  double sum = 0;
  for (const TermProduct& product : tree.nodes[at].products) {
    double value = product.coefficient;
    for (const TermFactor& factor : product.factors) value *= factor.value(row[factor.feature]);
    sum += value;
  }
  return std::isfinite(sum) ? std::max(0.0, sum) : 0.0;
}

}  // namespace

double TermFactor::value(double x) const {
  double out = power == 1 ? x : power == -1 ? 1 / x : 1;
  if (step == 1) out *= std::exp2(std::ceil(std::log2(x) - 1e-9));
  if (blocks == 1) out *= std::ceil(x / 512 - 1e-9);
  return out;
}

void PhysicalTerm::evaluate(const double* row, double& value, double& spread) const {
  std::array<double, most_trees> values{};
  const std::size_t n = std::min(trees.size(), most_trees);
  for (std::size_t t = 0; t < n; ++t) values[t] = tree_value(trees[t], row);
  std::sort(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(n));
  value = n % 2 == 1 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
  double sum = 0;
  for (std::size_t t = 0; t < n; ++t) sum += std::abs(values[t] - value);
  spread = value > 0 ? std::min(10.0, sum / (static_cast<double>(n) * value)) : (sum > 0 ? 10.0 : 0.0);
}

void describe(FieldVisitor& v, TermFactor& f) {
  field(v, {"feature", "index of the feature", "", Key::required}, f.feature, Range{0, 1'000'000});
  field(v, {"power", "power of the feature"}, f.power, Range{-1, 1});
  field(v, {"step", "power of the power of two not below it"}, f.step, Range{0, 1});
  field(v, {"blocks", "power of the number of block RAMs behind each other"}, f.blocks, Range{0, 1});
}
void describe(FieldVisitor& v, TermProduct& p) {
  field(v, {"coefficient", "factor", "", Key::required}, p.coefficient);
  field(v, {"factors", "none: a constant"}, p.factors, Length{0, 8});
}
void describe(FieldVisitor& v, TermNode& n) {
  field(v, {"feature", "what is asked; -1 at a leaf"}, n.feature, Range{-1, 1'000'000});
  field(v, {"over", "divided by; -1 for nothing"}, n.over, Range{-1, 1'000'000});
  field(v, {"threshold", "at most this: yes"}, n.threshold);
  field(v, {"yes", "node where so; -1 at a leaf"}, n.yes, Range{-1, 1'000'000});
  field(v, {"no", "node where not; -1 at a leaf"}, n.no, Range{-1, 1'000'000});
  field(v, {"products", "a leaf's sum"}, n.products, Length{0, 64});
}
void describe(FieldVisitor& v, TermTree& t) { field(v, {"nodes", "the root first", "", Key::required}, t.nodes, Length{1, 1000}); }
void describe(FieldVisitor& v, PhysicalTerm& t) { field(v, {"trees", "their median is the term"}, t.trees, Length{0, most_trees}); }

bool sound(const PhysicalTerm& term, std::size_t features) {
  const auto inside = [&](std::int64_t f) { return f >= 0 && static_cast<std::size_t>(f) < features; };
  for (const TermTree& tree : term.trees) {
    const auto nodes = static_cast<std::int64_t>(tree.nodes.size());
    for (std::int64_t i = 0; i < nodes; ++i) {
      const TermNode& node = tree.nodes[static_cast<std::size_t>(i)];
      if (node.yes >= 0 || node.no >= 0) {
        if (node.yes <= i || node.no <= i || node.yes >= nodes || node.no >= nodes || !inside(node.feature) || (node.over >= 0 && !inside(node.over))) return false;
      }
      for (const TermProduct& product : node.products) {
        for (const TermFactor& factor : product.factors) {
          if (!inside(factor.feature)) return false;
        }
      }
    }
  }
  return true;
}

std::string in_words(const TermTree& tree, const std::vector<Feature>& features) {
  const auto name = [&](std::int64_t f) { return features[static_cast<std::size_t>(f)].name; };
  const auto rounded = [](double value) {
    const double scale = value == 0 ? 1 : std::pow(10.0, 3 - std::floor(std::log10(std::abs(value))));
    return number(std::round(value * scale) / scale);
  };
  std::string out;
  struct Visit {
    std::int64_t node;
    std::string path;
  };
  std::vector<Visit> open{{0, ""}};
  while (!open.empty()) {
    const Visit visit = open.back();
    open.pop_back();
    const TermNode& node = tree.nodes[static_cast<std::size_t>(visit.node)];
    if (node.yes >= 0) {
      const std::string asked = name(node.feature) + (node.over >= 0 ? " / " + name(node.over) : "");
      const std::string before = visit.path.empty() ? "" : visit.path + " and ";
      open.push_back({node.no, before + asked + " > " + rounded(node.threshold)});
      open.push_back({node.yes, before + asked + " <= " + rounded(node.threshold)});
      continue;
    }
    if (!out.empty()) out += "; ";
    if (!visit.path.empty()) out += visit.path + ": ";
    std::vector<std::string> sum;
    for (const TermProduct& product : node.products) {
      std::string text = rounded(product.coefficient);
      for (const TermFactor& factor : product.factors) {
        if (factor.power == 1) text += " * " + name(factor.feature);
        if (factor.power == -1) text += " / " + name(factor.feature);
        if (factor.step == 1) text += " * P(" + name(factor.feature) + ")";
        if (factor.blocks == 1) text += " * B(" + name(factor.feature) + ")";
      }
      sum.push_back(text);
    }
    out += sum.empty() ? "0" : join(sum, " + ");
  }
  return out;
}

}  // namespace gnomon::surrogate
