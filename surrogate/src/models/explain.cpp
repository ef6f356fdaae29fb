#include "gnomon/surrogate/explain.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

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

}  // namespace

Expected<std::vector<Explanation>> explain(const Model& model, const arch::LabelTable& table, const arch::LabelTable& background, int orders, std::uint64_t seed) {
  if (!model.info().node_features.empty()) return fail(ErrorKind::unsupported, "explanations of models that take node lists are not built; explain a model of rows");
  if (orders < 1 || orders > 100'000) return fail(ErrorKind::invalid_input, "option orders: found " + std::to_string(orders) + "; allowed: 1 to 100000");
  const auto x = model.encode(table), known = model.encode(background);
  if (!x) return fail(Error(x.error()));
  if (!known) return fail(Error(known.error()));
  if (known->rows.rows() == 0) return fail(ErrorKind::invalid_input, "the background table has no rows");
  const auto features = static_cast<std::size_t>(model.feature_count());
  const auto n = static_cast<Eigen::Index>(features);
  const RealVector usual = usual_row(model.info().features, known->rows);
  std::vector<Explanation> out;
  for (Eigen::Index r = 0; r < x->rows.rows(); ++r) {
    Explanation one;
    one.contributions.assign(model.target_count(), std::vector<double>(features, 0.0));
    // Every order is a path of n + 1 rows from the usual one to the one asked; a few orders, each also reversed, are asked together.
    Random random(derive(derive(seed, "explain"), static_cast<std::uint64_t>(r)));
    const int together = static_cast<int>(std::clamp<Eigen::Index>(most_rows / (2 * (n + 1)), 1, orders));
    for (int done = 0; done < orders; done += together) {
      std::vector<std::vector<std::size_t>> paths;
      for (int o = done; o < std::min(orders, done + together); ++o) {
        std::vector<std::size_t> order(features);
        std::iota(order.begin(), order.end(), std::size_t{0});
        random.shuffle(order);
        paths.push_back(order);
        std::reverse(order.begin(), order.end());
        paths.push_back(std::move(order));
      }
      RealMatrix rows(static_cast<Eigen::Index>(paths.size()) * (n + 1), n);
      Eigen::Index at = 0;
      for (const auto& path : paths) {
        RealVector row = usual;
        rows.row(at++) = row.transpose();
        for (const std::size_t f : path) {
          row[static_cast<Eigen::Index>(f)] = x->rows(r, static_cast<Eigen::Index>(f));
          rows.row(at++) = row.transpose();
        }
      }
      const auto mean = model.predict_mean(rows);
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
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<std::vector<std::string>> out_of_range_reasons(const Model& model, const RealMatrix& x, const std::vector<std::uint8_t>& in_range) {
  std::vector<std::vector<std::string>> out(static_cast<std::size_t>(x.rows()));
  const auto& features = model.info().features;
  for (std::size_t r = 0; r < out.size() && r < in_range.size(); ++r) {
    if (in_range[r] != 0) continue;
    const std::vector<std::uint8_t> flags = model.outside(x.row(static_cast<Eigen::Index>(r)));
    for (std::size_t f = 0; f < features.size() && f < flags.size(); ++f) {
      if (flags[f] != 0) out[r].push_back(features[f].name);
    }
    if (out[r].empty()) out[r].push_back("members disagree");
  }
  return out;
}

}  // namespace gnomon::surrogate
