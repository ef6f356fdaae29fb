#include "agents/trees.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace gnomon::search {

Trees::Trees(const RealMatrix& x, const RealVector& y, const std::vector<bool>& categorical, const TreesOptions& options, Random random)
    : x_(&x), y_(&y), categorical_(&categorical), options_(options), categories_(categorical) {
  if (options_.splits == 0) options_.splits = static_cast<std::size_t>(x.cols());
  std::vector<Eigen::Index> rows(static_cast<std::size_t>(y.size()));
  for (std::size_t t = 0; t < options_.trees; ++t) {
    std::iota(rows.begin(), rows.end(), 0);
    Random own = random.split(t);
    roots_.push_back(grow(rows, 0, rows.size(), own));
  }
  x_ = nullptr;
  y_ = nullptr;
  categorical_ = nullptr;
}

bool Trees::goes_yes(const Node& node, double value) const {
  return categories_[static_cast<std::size_t>(node.column)] ? value == node.at : value <= node.at;
}

std::int32_t Trees::grow(std::vector<Eigen::Index>& rows, std::size_t from, std::size_t to, Random& random) {
  const auto own = static_cast<std::int32_t>(nodes_.size());
  nodes_.emplace_back();
  const double n = static_cast<double>(to - from);
  double sum = 0, square = 0;
  for (std::size_t i = from; i < to; ++i) {
    const double y = (*y_)[rows[i]];
    sum += y;
    square += y * y;
  }
  Node node;
  node.mean = n > 0 ? sum / n : 0;
  node.variance = n > 0 ? std::max(0.0, square / n - node.mean * node.mean) : 1;
  if (to - from >= 2 * options_.leaf && node.variance > 1e-14) {
    double best = 0;
    for (std::size_t s = 0; s < options_.splits; ++s) {
      const auto column = static_cast<Eigen::Index>(random.integer(0, x_->cols() - 1));
      Node tried;
      tried.column = static_cast<std::int32_t>(column);
      if ((*categorical_)[static_cast<std::size_t>(column)]) {
        tried.at = (*x_)(rows[from + static_cast<std::size_t>(random.integer(0, static_cast<std::int64_t>(to - from) - 1))], column);
      } else {
        double low = HUGE_VAL, high = -HUGE_VAL;
        for (std::size_t i = from; i < to; ++i) {
          low = std::min(low, (*x_)(rows[i], column));
          high = std::max(high, (*x_)(rows[i], column));
        }
        if (!(high > low)) continue;
        tried.at = random.uniform(low, high);
      }
      double yes = 0, yes_sum = 0;
      for (std::size_t i = from; i < to; ++i) {
        if (!goes_yes(tried, (*x_)(rows[i], column))) continue;
        yes += 1;
        yes_sum += (*y_)[rows[i]];
      }
      const double no = n - yes, no_sum = sum - yes_sum;
      const double least = static_cast<double>(options_.leaf);
      if (yes < least || no < least) continue;
      const double gain = yes_sum * yes_sum / yes + no_sum * no_sum / no - sum * sum / n;
      if (gain <= best) continue;
      best = gain;
      node.column = tried.column;
      node.at = tried.at;
    }
  }
  if (node.column >= 0) {
    const auto first = rows.begin() + static_cast<std::ptrdiff_t>(from), last = rows.begin() + static_cast<std::ptrdiff_t>(to);
    const auto middle = std::partition(first, last, [&](Eigen::Index r) { return goes_yes(node, (*x_)(r, node.column)); });
    const auto split = static_cast<std::size_t>(middle - rows.begin());
    node.yes = grow(rows, from, split, random);
    node.no = grow(rows, split, to, random);
  }
  nodes_[static_cast<std::size_t>(own)] = node;
  return own;
}

void Trees::predict(const RealMatrix& x, Eigen::Ref<RealVector> mean, Eigen::Ref<RealVector> variance) const {
  const double n = static_cast<double>(roots_.size());
  for (Eigen::Index i = 0; i < x.rows(); ++i) {
    double sum = 0, square = 0, within = 0;
    for (const std::int32_t root : roots_) {
      const Node* node = &nodes_[static_cast<std::size_t>(root)];
      while (node->column >= 0) node = &nodes_[static_cast<std::size_t>(goes_yes(*node, x(i, node->column)) ? node->yes : node->no)];
      sum += node->mean;
      square += node->mean * node->mean;
      within += node->variance;
    }
    mean[i] = sum / n;
    variance[i] = std::max(0.0, square / n - mean[i] * mean[i]) + within / n;
  }
}

Predicted TreeModels::predict(const RealMatrix& x) const {
  Predicted out{RealMatrix(x.rows(), static_cast<Eigen::Index>(outputs_.size())), RealMatrix(x.rows(), static_cast<Eigen::Index>(outputs_.size()))};
  for (std::size_t k = 0; k < outputs_.size(); ++k) {
    const auto at = static_cast<Eigen::Index>(k);
    RealVector mean(x.rows()), variance(x.rows());
    outputs_[k].predict(x, mean, variance);
    out.mean.col(at) = mean;
    out.variance.col(at) = variance;
  }
  return out;
}

}  // namespace gnomon::search
