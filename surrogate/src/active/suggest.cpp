#include "gnomon/surrogate/suggest.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/table.hpp"

namespace gnomon::surrogate {
namespace {

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Inputs as the model standardises them: one coordinate per number, one per category.
RealMatrix places(const ModelInfo& info, const RealMatrix& x) {
  Eigen::Index width = 0;
  for (const Feature& feature : info.features) width += feature.categories.empty() ? 1 : static_cast<Eigen::Index>(feature.categories.size());
  RealMatrix out = RealMatrix::Zero(x.rows(), width);
  Eigen::Index at = 0;
  for (std::size_t f = 0; f < info.features.size(); ++f) {
    const Feature& feature = info.features[f];
    const auto column = static_cast<Eigen::Index>(f);
    const double divisor = 1;
    for (Eigen::Index r = 0; r < x.rows(); ++r) {
      const double value = x(r, column);
      if (!feature.categories.empty()) {
        // Two words lie 1 apart.
        if (value >= 0) out(r, at + static_cast<Eigen::Index>(value)) = std::sqrt(0.5);
      } else {
        const double scaled = to_scale(feature.scale, divisor, value);
        if (std::isfinite(scaled) && feature.deviation > 0) out(r, at) = (scaled - feature.mean) / feature.deviation;
      }
    }
    at += feature.categories.empty() ? 1 : static_cast<Eigen::Index>(feature.categories.size());
  }
  return out;
}

}  // namespace

Expected<std::vector<std::size_t>> suggest(const Model& model, const arch::LabelTable& pool, const SuggestOptions& options) {
  if (options.count < 1 || options.count > pool.rows()) {
    return fail(ErrorKind::invalid_input, "count is " + std::to_string(options.count) + "; allowed: 1 to the pool's " + std::to_string(pool.rows()) + " rows");
  }
  std::vector<std::size_t> rows(pool.rows());
  std::iota(rows.begin(), rows.end(), std::size_t{0});
  const std::size_t looked_at = std::max(options.most_rows, options.count);
  if (rows.size() > looked_at) {
    Random random(derive(options.seed, "suggest"));
    random.shuffle(rows);
    rows.resize(looked_at);
    std::sort(rows.begin(), rows.end());
  }
  const arch::LabelTable part = rows_of(pool, rows);
  auto encoded = model.encode(part);
  if (!encoded) return fail(std::move(encoded.error()));
  auto prediction = model.predict(*encoded);
  if (!prediction) return fail(std::move(prediction.error()));

  const auto n = static_cast<Eigen::Index>(rows.size());
  std::vector<double> doubt(rows.size(), 0);
  for (std::size_t t = 0; t < model.target_count(); ++t) {
    const Target& target = model.info().targets[t];
    const auto column = static_cast<Eigen::Index>(t);
    std::vector<double> width(rows.size(), 0);
    for (Eigen::Index r = 0; r < n; ++r) {
      const double low = to_scale(target.scale, target.divisor, prediction->lower(r, column)), high = to_scale(target.scale, target.divisor, prediction->upper(r, column));
      width[static_cast<std::size_t>(r)] = std::isfinite(high - low) ? high - low : 0;
    }
    const double usual = median(width);
    for (std::size_t r = 0; r < rows.size(); ++r) doubt[r] += usual > 0 ? width[r] / usual : width[r] > 0 ? 1 : 0;
  }

  const RealMatrix place = places(model.info(), encoded->rows);
  std::vector<double> distance(rows.size(), 1);
  std::vector<char> taken(rows.size(), 0);
  std::vector<std::size_t> out;
  while (out.size() < options.count) {
    std::size_t best = rows.size();
    for (std::size_t r = 0; r < rows.size(); ++r) {
      if (!taken[r] && (best == rows.size() || doubt[r] * distance[r] > doubt[best] * distance[best])) best = r;
    }
    taken[best] = 1;
    out.push_back(rows[best]);
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double to_best = (place.row(static_cast<Eigen::Index>(r)) - place.row(static_cast<Eigen::Index>(best))).norm();
      distance[r] = out.size() == 1 ? to_best : std::min(distance[r], to_best);
    }
  }
  return out;
}

}  // namespace gnomon::surrogate
