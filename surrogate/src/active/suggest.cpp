#include "gnomon/surrogate/suggest.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/surrogate/table.hpp"

namespace gnomon::surrogate {
namespace {

/// What the answers count beside an input whose weight is the usual one, and every which row is chosen for its doubt wherever it lies. Both by bench_active's spaces with five seeds.
constexpr double answers_count = 3;
constexpr std::size_t doubtful_every = 2;

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Inputs as the model standardises them, one coordinate per number, one per category, times their feature's weight.
RealMatrix places(const ModelInfo& info, const RealMatrix& x, const std::vector<double>& weights) {
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
        if (value >= 0) out(r, at + static_cast<Eigen::Index>(value)) = std::sqrt(0.5) * weights[f];
      } else {
        const double scaled = to_scale(feature.scale, divisor, value);
        if (std::isfinite(scaled) && feature.deviation > 0) out(r, at) = (scaled - feature.mean) / feature.deviation * weights[f];
      }
    }
    at += feature.categories.empty() ? 1 : static_cast<Eigen::Index>(feature.categories.size());
  }
  return out;
}

/// Answers in the scale that each target was learned in.
RealMatrix learned_scale(const Model& model, const RealMatrix& answers) {
  RealMatrix out(answers.rows(), answers.cols());
  for (Eigen::Index t = 0; t < answers.cols(); ++t) {
    const Target& target = model.info().targets[static_cast<std::size_t>(t)];
    for (Eigen::Index r = 0; r < answers.rows(); ++r) {
      const double value = to_scale(target.scale, target.divisor, answers(r, t));
      out(r, t) = std::isfinite(value) ? value : 0;
    }
  }
  return out;
}

/// Inputs, and beside them the answers in deviations of the pool's.
RealMatrix with_answers(const RealMatrix& inputs, const RealMatrix& answers, const RealMatrix& pool) {
  RealMatrix out = RealMatrix::Zero(inputs.rows(), inputs.cols() + answers.cols());
  out.leftCols(inputs.cols()) = inputs;
  for (Eigen::Index t = 0; t < answers.cols(); ++t) {
    const double mean = pool.col(t).mean(), deviation = std::sqrt((pool.col(t).array() - mean).square().mean());
    if (deviation > 0) out.col(inputs.cols() + t) = (answers.col(t).array() - mean) / deviation * answers_count;
  }
  return out;
}

/// Per feature how far the answers move, in deviations, the mean over targets, when the rows' values of it change places: 1 in the mean over features.
Expected<std::vector<double>> relevance(const Model& model, const Encoded& encoded, const RealMatrix& answers, std::uint64_t seed) {
  const Eigen::Index features = encoded.rows.cols(), n = encoded.rows.rows();
  std::vector<double> weights(static_cast<std::size_t>(features), 0);
  std::vector<double> deviations;
  for (Eigen::Index t = 0; t < answers.cols(); ++t) deviations.push_back(std::sqrt((answers.col(t).array() - answers.col(t).mean()).square().mean()));
  std::vector<Eigen::Index> order(static_cast<std::size_t>(n));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  double sum = 0;
  for (Eigen::Index f = 0; f < features; ++f) {
    Random random(derive(derive(seed, "relevance"), static_cast<std::uint64_t>(f)));
    random.shuffle(order);
    Encoded moved = encoded;
    for (Eigen::Index r = 0; r < n; ++r) moved.rows(r, f) = encoded.rows(order[static_cast<std::size_t>(r)], f);
    auto prediction = model.predict(moved);
    if (!prediction) return fail(std::move(prediction.error()));
    const RealMatrix other = learned_scale(model, prediction->mean);
    for (Eigen::Index t = 0; t < answers.cols(); ++t) {
      const double deviation = deviations[static_cast<std::size_t>(t)];
      if (deviation > 0) weights[static_cast<std::size_t>(f)] += std::sqrt((other.col(t) - answers.col(t)).array().square().mean()) / deviation / static_cast<double>(answers.cols());
    }
    sum += weights[static_cast<std::size_t>(f)];
  }
  for (double& weight : weights) weight = sum > 0 ? weight * static_cast<double>(features) / sum : 1;
  return weights;
}

/// Width of the intervals in the learned scale, the mean over targets, each by its median.
std::vector<double> doubts(const Model& model, const Prediction& prediction) {
  const auto rows = static_cast<std::size_t>(prediction.mean.rows());
  const RealMatrix low = learned_scale(model, prediction.lower), high = learned_scale(model, prediction.upper);
  std::vector<double> out(rows, 0);
  for (Eigen::Index t = 0; t < low.cols(); ++t) {
    std::vector<double> width(rows);
    for (std::size_t r = 0; r < rows; ++r) width[r] = high(static_cast<Eigen::Index>(r), t) - low(static_cast<Eigen::Index>(r), t);
    const double usual = median(width);
    for (std::size_t r = 0; r < rows; ++r) out[r] += (usual > 0 ? width[r] / usual : width[r] > 0 ? 1 : 0) / static_cast<double>(low.cols());
  }
  return out;
}

}  // namespace

Expected<std::vector<std::size_t>> suggest(const Model& model, const arch::LabelTable& pool, const SuggestOptions& options, const arch::LabelTable* labelled) {
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

  const std::vector<double> doubt = doubts(model, *prediction);
  const RealMatrix answers = learned_scale(model, prediction->mean);
  auto weights = relevance(model, *encoded, answers, options.seed);
  if (!weights) return fail(std::move(weights.error()));
  const RealMatrix place = with_answers(places(model.info(), encoded->rows, *weights), answers, answers);
  // The nearest of the rows that are known or chosen, and how far it is.
  std::vector<double> distance(rows.size(), std::numeric_limits<double>::infinity());
  std::vector<std::size_t> group(rows.size(), 0);
  std::size_t groups = 0;
  const auto add = [&](const RealMatrix& places, Eigen::Index row) {
    for (std::size_t r = 0; r < rows.size(); ++r) {
      const double away = (place.row(static_cast<Eigen::Index>(r)) - places.row(row)).squaredNorm();
      if (away < distance[r]) {
        distance[r] = away;
        group[r] = groups;
      }
    }
    ++groups;
  };
  if (labelled != nullptr && labelled->rows() > 0) {
    auto known = model.encode(*labelled);
    if (!known) return fail(std::move(known.error()));
    auto told = model.predict(*known);
    if (!told) return fail(std::move(told.error()));
    const RealMatrix known_places = with_answers(places(model.info(), known->rows, *weights), learned_scale(model, told->mean), answers);
    for (Eigen::Index r = 0; r < known_places.rows(); ++r) add(known_places, r);
  }
  std::vector<char> taken(rows.size(), 0);
  std::vector<std::size_t> out;
  while (out.size() < options.count) {
    std::size_t best = rows.size();
    if (groups == 0) {
      best = static_cast<std::size_t>(std::max_element(doubt.begin(), doubt.end()) - doubt.begin());
    } else {
      std::vector<double> untold(groups, -1);  // -1: no row of the group is left
      for (std::size_t r = 0; r < rows.size(); ++r)
        if (!taken[r]) untold[group[r]] = std::max(0.0, untold[group[r]]) + distance[r] * doubt[r];
      const auto largest = static_cast<std::size_t>(std::max_element(untold.begin(), untold.end()) - untold.begin());
      const bool anywhere = out.size() % doubtful_every == doubtful_every - 1;
      for (std::size_t r = 0; r < rows.size(); ++r)
        if (!taken[r] && (anywhere || group[r] == largest) && (best == rows.size() || distance[r] * doubt[r] > distance[best] * doubt[best])) best = r;
    }
    taken[best] = 1;
    out.push_back(rows[best]);
    add(place, static_cast<Eigen::Index>(best));
  }
  return out;
}

}  // namespace gnomon::surrogate
