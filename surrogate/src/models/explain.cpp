#include "gnomon/surrogate/explain.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

#include "features/layouts.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::surrogate {
namespace {

/// Rows that are asked together, so that memory does not grow with the orders.
constexpr Eigen::Index most_rows = 8192;

/// Medians of numbers, the most frequent of categories (the smallest code among equals); missing values are left out where any is there.
RealVector usual_row(const std::vector<Feature>& features, const RealMatrix& x) {
  RealVector out(x.cols());
  for (Eigen::Index c = 0; c < x.cols(); ++c) {
    std::vector<double> values;
    std::map<double, std::size_t> counts;
    for (const double value : x.col(c)) {
      if (std::isnan(value)) continue;
      values.push_back(value);
      ++counts[value];
    }
    if (values.empty()) {
      out[c] = std::nan("");
    } else if (!features[static_cast<std::size_t>(c)].categories.empty()) {
      const auto most = std::max_element(counts.begin(), counts.end(), [](const auto& a, const auto& b) { return a.second < b.second; });
      out[c] = most->first;
    } else {
      const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
      std::nth_element(values.begin(), middle, values.end());
      out[c] = *middle;
    }
  }
  return out;
}

/// What the header keeps of the training rows.
RealVector trained_row(const std::vector<Feature>& features) {
  const Layout layout = layout_of(features);
  RealVector out(static_cast<Eigen::Index>(features.size()));
  for (std::size_t f = 0; f < features.size(); ++f) {
    const Feature& feature = features[f];
    double value = 0;
    if (feature.categories.empty()) {
      value = feature.low == feature.high ? feature.low : from_scale(feature.scale, 1, feature.mean);
      if (const ColumnRule* rule = rule_of(layout, feature.name); rule && rule->whole) value = std::round(value);
      value = std::clamp(value, feature.low, feature.high);
    }
    out[static_cast<Eigen::Index>(f)] = value;
  }
  return out;
}

/// Whether rows a of x and b of y, and their nodes, are the same; missing values are equal to each other.
bool same_row(const Encoded& x, Eigen::Index a, const Encoded& y, Eigen::Index b) {
  const auto same = [](const auto& left, const auto& right) {
    for (Eigen::Index c = 0; c < left.cols(); ++c) {
      if (left[c] != right[c] && !(std::isnan(left[c]) && std::isnan(right[c]))) return false;
    }
    return true;
  };
  if (!same(x.rows.row(a), y.rows.row(b))) return false;
  if (x.nodes.rows() == 0 && y.nodes.rows() == 0) return true;
  const auto ra = static_cast<std::size_t>(a), rb = static_cast<std::size_t>(b);
  const Eigen::Index count = x.node_first[ra + 1] - x.node_first[ra];
  if (count != y.node_first[rb + 1] - y.node_first[rb]) return false;
  for (Eigen::Index i = 0; i < count; ++i) {
    if (!same(x.nodes.row(x.node_first[ra] + i), y.nodes.row(y.node_first[rb] + i))) return false;
  }
  return true;
}

/// Whether no row differs from the first one asked, in what is asked or in the background.
bool all_alike(const Encoded& asked, const Encoded& background) {
  for (Eigen::Index r = 1; r < asked.rows.rows(); ++r) {
    if (!same_row(asked, 0, asked, r)) return false;
  }
  for (Eigen::Index r = 0; r < background.rows.rows(); ++r) {
    if (!same_row(asked, 0, background, r)) return false;
  }
  return true;
}

/// Copies of one row with its nodes and edges, in which some inputs are the usual ones.
class Copies {
 public:
  Copies(const Encoded& asked, Eigen::Index row, const RealVector& usual, const RealVector& usual_node)
      : row_(asked.rows.row(row)), usual_(usual), usual_node_(usual_node) {
    const auto r = static_cast<std::size_t>(row);
    if (usual_node.size() == 0) return;
    first_ = asked.node_first[r];
    nodes_ = asked.nodes.middleRows(first_, asked.node_first[r + 1] - first_);
    edges_.assign(asked.edges.begin() + asked.edge_first[r], asked.edges.begin() + asked.edge_first[r + 1]);
  }
  Eigen::Index inputs() const { return usual_.size() + usual_node_.size(); }
  Eigen::Index nodes() const { return nodes_.rows(); }

  /// `of_row` [copies][inputs] says which inputs are the row's own.
  Encoded made(const std::vector<std::vector<bool>>& of_row) const {
    Encoded out;
    const auto copies = static_cast<Eigen::Index>(of_row.size());
    const Eigen::Index features = usual_.size(), node_features = usual_node_.size();
    out.rows.resize(copies, features);
    out.nodes.resize(copies * nodes_.rows(), node_features);
    for (Eigen::Index i = 0; i < copies; ++i) {
      const std::vector<bool>& own = of_row[static_cast<std::size_t>(i)];
      for (Eigen::Index f = 0; f < features; ++f) out.rows(i, f) = own[static_cast<std::size_t>(f)] ? row_[f] : usual_[f];
      if (node_features == 0) continue;
      const Eigen::Index to = i * nodes_.rows();
      for (Eigen::Index f = 0; f < node_features; ++f) {
        auto column = out.nodes.col(f).segment(to, nodes_.rows());
        if (own[static_cast<std::size_t>(features + f)]) column = nodes_.col(f);
        else column.setConstant(usual_node_[f]);
      }
      for (const auto& [from, end] : edges_) {
        const auto shift = static_cast<std::int32_t>(to) - first_;
        out.edges.emplace_back(from + shift, end + shift);
      }
      out.node_first.push_back(static_cast<std::int32_t>(to + nodes_.rows()));
      out.edge_first.push_back(static_cast<std::int32_t>(out.edges.size()));
    }
    return out;
  }

 private:
  RealVector row_;
  const RealVector &usual_, &usual_node_;
  RealMatrix nodes_;
  std::int32_t first_ = 0;
  std::vector<std::pair<std::int32_t, std::int32_t>> edges_;
};

Expected<Explanation> explain_one(const Model& model, const Copies& copies, int orders, Random random) {
  const Eigen::Index n = copies.inputs();
  const auto inputs = static_cast<std::size_t>(n);
  Explanation one;
  one.contributions.assign(model.target_count(), std::vector<double>(inputs, 0.0));
  // Every order is a path of n + 1 rows from the usual one to the one asked; a few orders, each also reversed, are asked together.
  const Eigen::Index size = 2 * (n + 1) * std::max<Eigen::Index>(1, copies.nodes());
  const int together = static_cast<int>(std::clamp<Eigen::Index>(most_rows / size, 1, orders));
  for (int done = 0; done < orders; done += together) {
    std::vector<std::vector<std::size_t>> paths;
    for (int o = done; o < std::min(orders, done + together); ++o) {
      std::vector<std::size_t> order(inputs);
      std::iota(order.begin(), order.end(), std::size_t{0});
      random.shuffle(order);
      paths.push_back(order);
      std::reverse(order.begin(), order.end());
      paths.push_back(std::move(order));
    }
    std::vector<std::vector<bool>> of_row;
    for (const auto& path : paths) {
      std::vector<bool> own(inputs, false);
      of_row.push_back(own);
      for (const std::size_t f : path) {
        own[f] = true;
        of_row.push_back(own);
      }
    }
    const auto mean = model.predict_mean(copies.made(of_row));
    if (!mean) return fail(Error(mean.error()));
    for (std::size_t t = 0; t < model.target_count(); ++t) {
      const auto column = mean->col(static_cast<Eigen::Index>(t));
      if (done == 0) {
        one.usual.push_back(column[0]);
        one.answer.push_back(column[n]);
      }
      for (std::size_t p = 0; p < paths.size(); ++p) {
        const Eigen::Index begin = static_cast<Eigen::Index>(p) * (n + 1);
        for (Eigen::Index i = 0; i < n; ++i) {
          one.contributions[t][paths[p][static_cast<std::size_t>(i)]] += (column[begin + i + 1] - column[begin + i]) / (2.0 * orders);
        }
      }
    }
  }
  return one;
}

}  // namespace

Expected<Explanations> explain(const Model& model, const Encoded& asked, const Encoded* background, int orders, std::uint64_t seed) {
  if (orders < 1 || orders > 100'000) return fail(ErrorKind::invalid_input, "option orders: found " + std::to_string(orders) + "; allowed: 1 to 100000");
  const ModelInfo& info = model.info();
  Explanations out;
  for (const Feature& feature : info.features) out.inputs.push_back(feature.name);
  for (const Feature& feature : info.node_features) out.inputs.push_back("nodes." + feature.name);
  if (asked.rows.rows() == 0) return out;
  const Encoded& known = background ? *background : asked;
  if (known.rows.rows() == 0) return fail(ErrorKind::invalid_input, "the background table has no rows");
  RealVector usual, usual_node;
  if (all_alike(asked, known)) {
    usual = trained_row(info.features);
    usual_node = trained_row(info.node_features);
    out.background = "what the model keeps of its " + std::to_string(info.training_rows) +
                     " training rows: the mean of each number in its scale, the first of each feature's words (all rows given are alike, and tell nothing of what is usual)";
  } else {
    usual = usual_row(info.features, known.rows);
    if (!info.node_features.empty()) usual_node = usual_row(info.node_features, known.nodes);
    const std::string rows = std::to_string(known.rows.rows());
    out.background = "medians and most frequent words of the " + rows + (background ? " rows of the background" : " rows asked");
  }
  for (Eigen::Index r = 0; r < asked.rows.rows(); ++r) {
    auto one = explain_one(model, Copies(asked, r, usual, usual_node), orders, Random(derive(derive(seed, "explain"), static_cast<std::uint64_t>(r))));
    if (!one) return fail(std::move(one.error()));
    out.rows.push_back(std::move(*one));
  }
  return out;
}

Expected<Explanations> explain(const Model& model, const NetworkTables& asked, const NetworkTables* background, int orders, std::uint64_t seed) {
  const auto encoded = [&](const NetworkTables& tables) { return model.encode(tables.rows, tables.nodes.rows() > 0 ? &tables.nodes : nullptr); };
  const auto x = encoded(asked);
  if (!x) return fail(Error(x.error()));
  if (!background) return explain(model, *x, nullptr, orders, seed);
  const auto known = encoded(*background);
  if (!known) return fail(Error(known.error()));
  return explain(model, *x, &*known, orders, seed);
}

std::vector<std::vector<std::string>> out_of_range_reasons(const Model& model, const Encoded& x, const std::vector<std::uint8_t>& in_range) {
  std::vector<std::vector<std::string>> out(static_cast<std::size_t>(x.rows.rows()));
  const auto& features = model.info().features;
  const auto& node_features = model.info().node_features;
  for (std::size_t r = 0; r < out.size() && r < in_range.size(); ++r) {
    if (in_range[r] != 0) continue;
    const std::vector<std::uint8_t> flags = model.outside(x.rows.row(static_cast<Eigen::Index>(r)));
    for (std::size_t f = 0; f < features.size() && f < flags.size(); ++f) {
      if (flags[f] != 0) out[r].push_back(features[f].name);
    }
    const std::vector<std::int32_t> nodes = model.nodes_outside(x, static_cast<Eigen::Index>(r));
    for (std::size_t f = 0; f < nodes.size(); ++f)
      if (nodes[f] >= 0) out[r].push_back("nodes." + node_features[f].name);
    if (out[r].empty()) out[r].push_back("members disagree");
  }
  return out;
}

}  // namespace gnomon::surrogate
