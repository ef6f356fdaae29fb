#pragma once

#include <cstdint>
#include <vector>

#include "agents/models.hpp"
#include "gnomon/base/random.hpp"

namespace gnomon::search {

struct TreesOptions {
  std::size_t trees = 32;
  std::size_t leaf = 2;       ///< rows that a leaf has at least
  std::size_t splits = 0;     ///< random splits tried per node; 0: one per column
};

/// Extremely randomised trees (Geurts, Ernst and Wehenkel, Mach. Learn. 63, 2006): each node takes the best, by reduction of
/// variance, of random splits. Ordered columns split at a threshold, categorical ones into one category and the others. The
/// prediction's mean is the mean over trees, its variance that of the leaves' means plus the mean variance within leaves (Hutter,
/// Xu, Hoos and Leyton-Brown, Artif. Intell. 206, 2014, 4.3.2).
class Trees {
 public:
  Trees(const RealMatrix& x, const RealVector& y, const std::vector<bool>& categorical, const TreesOptions& options, Random random);
  void predict(const RealMatrix& x, Eigen::Ref<RealVector> mean, Eigen::Ref<RealVector> variance) const;

 private:
  struct Node {
    std::int32_t column = -1;  ///< -1: a leaf
    double at = 0;             ///< threshold, or category
    std::int32_t yes = -1, no = -1;
    double mean = 0, variance = 0;
  };
  std::int32_t grow(std::vector<Eigen::Index>& rows, std::size_t from, std::size_t to, Random& random);
  bool goes_yes(const Node& node, double value) const;

  const RealMatrix* x_ = nullptr;  ///< while growing
  const RealVector* y_ = nullptr;
  const std::vector<bool>* categorical_ = nullptr;
  TreesOptions options_;
  std::vector<bool> categories_;
  std::vector<Node> nodes_;
  std::vector<std::int32_t> roots_;
};

/// One set of trees per output.
class TreeModels final : public Models {
 public:
  explicit TreeModels(std::vector<bool> categorical) : categorical_(std::move(categorical)) {}
  void add(const RealMatrix& x, const RealVector& y, const TreesOptions& options, Random random) {
    outputs_.emplace_back(x, y, categorical_, options, random);
  }
  Predicted glance(const RealMatrix& x) const override { return predict(x); }
  Predicted predict(const RealMatrix& x) const override;
  /// Trees are not grown anew within an ask; the acquisition counts what is believed.
  void believe(const RealVector&) override {}

 private:
  std::vector<bool> categorical_;
  std::vector<Trees> outputs_;
};

}  // namespace gnomon::search
