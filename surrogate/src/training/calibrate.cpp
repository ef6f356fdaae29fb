#include <algorithm>
#include <cmath>
#include <iterator>
#include <map>
#include <set>

#include "gnomon/base/random.hpp"
#include "models/scaling.hpp"
#include "training/trainer.hpp"

namespace gnomon::surrogate {
namespace {

/// The `level` quantile of scores with the finite-sample correction for `groups` independent groups; the largest where there are too few.
double conformal_quantile(std::vector<double> scores, std::size_t groups, double level) {
  if (scores.empty()) return 0;
  std::sort(scores.begin(), scores.end());
  const double corrected = level * (1 + 1 / static_cast<double>(std::max<std::size_t>(groups, 1)));
  const double rank = std::ceil(corrected * static_cast<double>(scores.size()));
  return scores[std::min(scores.size(), std::max<std::size_t>(1, static_cast<std::size_t>(rank))) - 1];
}

/// Half of the interval that just holds the label, beside what it spans anyhow.
double error_of(const HeldOut& held) {
  const ScaledAnswer& answer = held.answer;
  const double from = answer.zero ? 0.0 : answer.centre;
  if (held.truth >= from) {
    const double above = held.truth - answer.farther;
    return above <= from || (!answer.zero && above <= answer.other) ? 0 : above - from;
  }
  const double below = held.truth + answer.farther;
  return below >= from || below >= answer.other ? 0 : from - below;
}

double quantile_of(const std::vector<const HeldOut*>& rows, double floor, std::size_t groups, double level) {
  std::vector<double> scores;
  for (const HeldOut* held : rows) scores.push_back(error_of(*held) / (held->answer.spread + floor));
  return conformal_quantile(std::move(scores), groups, level);
}

/// Mean interval score of the rows in the label's unit.
double interval_score(const Target& target, const std::vector<const HeldOut*>& rows, bool inside, double level) {
  double sum = 0;
  const Finisher finisher(target);
  for (const HeldOut* held : rows) {
    const Finished answer = finisher(held->answer, inside);
    const double truth = from_scale(target.scale, target.divisor, held->truth);
    sum += answer.upper - answer.lower + 2 / (1 - level) * (std::max(0.0, answer.lower - truth) + std::max(0.0, truth - answer.upper));
  }
  return rows.empty() ? 0 : sum / static_cast<double>(rows.size());
}

/// Kinds of rows: thirds of each number, and words; of them all pairs. Cells of fewer rows say too little about a quantile.
constexpr std::size_t least_cell_rows = 40;
/// How much worse the interval score may get for the sake of few kinds.
constexpr double dearest = 1.25;
/// More rows than this do not make cells' quantiles surer.
constexpr std::size_t most_cell_rows = 3000;

/// Which third (of the numbers) or word each row has, for each feature that tells rows apart.
std::vector<std::vector<int>> kinds_of(const TrainingData& data, const std::vector<const HeldOut*>& rows) {
  std::vector<std::vector<int>> out;
  for (std::size_t f = 0; f < data.features.size(); ++f) {
    std::vector<double> values;
    for (const HeldOut* held : rows) values.push_back(data.encoded.rows(static_cast<Eigen::Index>(held->row), static_cast<Eigen::Index>(f)));
    std::vector<double> sorted;
    std::copy_if(values.begin(), values.end(), std::back_inserter(sorted), [](double v) { return !std::isnan(v); });
    if (sorted.empty()) continue;
    std::sort(sorted.begin(), sorted.end());
    const double low = sorted[sorted.size() / 3], high = sorted[2 * sorted.size() / 3];
    std::vector<int> kinds;
    for (const double v : values) kinds.push_back(!data.features[f].categories.empty() ? static_cast<int>(v) : std::isnan(v) ? 3 : v < low ? 0 : v < high ? 1 : 2);
    if (std::set<int>(kinds.begin(), kinds.end()).size() > 1 && std::find(out.begin(), out.end(), kinds) == out.end()) out.push_back(std::move(kinds));
  }
  return out;
}

/// The quantile that keeps the coverage in most kinds of rows, not just in the mean of all: each cell's own, and of these, weighted by rows, those that the `shares` of them
/// (ascending) do not exceed.
std::vector<double> quantiles_of_cells(const TrainingData& data, const std::vector<const HeldOut*>& all, double floor, double level, const std::vector<double>& shares) {
  std::vector<const HeldOut*> rows;
  const std::size_t step = (all.size() + most_cell_rows - 1) / most_cell_rows;
  for (std::size_t i = 0; i < all.size(); i += step) rows.push_back(all[i]);
  const auto kinds = kinds_of(data, rows);
  std::vector<std::pair<double, std::size_t>> quantiles;
  std::size_t total = 0;
  for (std::size_t a = 0; a < kinds.size(); ++a) {
    for (std::size_t b = a; b < kinds.size(); ++b) {
      std::map<std::pair<int, int>, std::vector<const HeldOut*>> cells;
      for (std::size_t i = 0; i < rows.size(); ++i) cells[{kinds[a][i], kinds[b][i]}].push_back(rows[i]);
      for (const auto& [kind, members] : cells) {
        if (members.size() < least_cell_rows) continue;
        std::set<std::size_t> groups;
        for (const HeldOut* held : members) groups.insert(data.columns.group[held->row]);
        quantiles.emplace_back(quantile_of(members, floor, groups.size(), level), members.size());
        total += members.size();
      }
    }
  }
  std::sort(quantiles.begin(), quantiles.end());
  double passed = 0;
  std::vector<double> out;
  for (const auto& [quantile, count] : quantiles) {
    passed += static_cast<double>(count);
    while (out.size() < shares.size() && passed >= shares[out.size()] * static_cast<double>(total)) out.push_back(quantile);
  }
  return out;
}

}  // namespace

void calibrate(Target& target, const Record& record, const TrainingData& data, double level) {
  const std::vector<std::size_t>& group = data.columns.group;
  std::vector<const HeldOut*> in, out;
  std::set<std::size_t> in_groups, out_groups;
  std::vector<double> spreads;
  for (const auto* list : {&record.groups, &record.sizes}) {
    for (const HeldOut& held : *list) {
      if (list == &record.groups && held.inside) spreads.push_back(held.answer.spread);
      if (std::isnan(held.truth)) continue;
      const bool outside = list == &record.sizes || !held.inside;
      (outside ? out : in).push_back(&held);
      (outside ? out_groups : in_groups).insert(group[held.row]);
    }
  }
  const double range = to_scale(target.scale, target.divisor, target.high) - to_scale(target.scale, target.divisor, target.low);
  if (in.empty()) std::swap(in, out), std::swap(in_groups, out_groups);
  if (in.empty()) {
    // Nothing was held out with a label: the interval is the whole range seen.
    target.spread_floor = 1;
    target.quantile = target.quantile_outside = 2 * std::max(range, 1e-6);
    return;
  }
  std::sort(spreads.begin(), spreads.end());
  target.spread_limit = spreads.empty() ? 1e300 : 1.5 * spreads.back() + 1e-12;
  const double typical = spreads.empty() ? 0 : spreads[spreads.size() / 2];
  // Without a floor, a row on which all members happen to agree would get an interval of no width; a very wide one makes all intervals alike.
  const double least = std::max(1e-4 * range, 1e-9);
  Target best = target;
  double best_score = HUGE_VAL;
  for (const double factor : {0.1, 0.3, 1.0, 3.0, 10.0, 100.0}) {
    for (const double base : {typical, least, 100 * least}) {
      if (!(base > 0)) continue;
      target.spread_floor = std::max(factor * base, least);
      target.quantile = quantile_of(in, target.spread_floor, in_groups.size(), level);
      target.quantile_outside = out.empty() ? 2 * target.quantile : std::max(target.quantile, quantile_of(out, target.spread_floor, out_groups.size(), level));
      const double inside_score = interval_score(target, in, true, level), outside_score = interval_score(target, out, false, level);
      const double score = std::log(inside_score + 1e-300) + (out.empty() ? 0 : std::log(outside_score + 1e-300));
      if (score < best_score) {
        best_score = score;
        best = target;
      }
    }
  }
  target = best;
  const double plain_score = interval_score(target, in, true, level), plain = target.quantile;
  const bool alone = target.family.empty();
  const auto cells = quantiles_of_cells(data, in, target.spread_floor, level, alone ? std::vector<double>{level, 0.95, 0.98, 1.0} : std::vector<double>{level});
  for (std::size_t i = 0; i < cells.size(); ++i) {
    const double before = target.quantile;
    target.quantile = std::max(plain, cells[i]);
    // A term alone knows no spread that is wider where it errs: it goes on to the kinds that it does worst as long as rows that are exact do not pay more for it.
    if (i > 0 && interval_score(target, in, true, level) > dearest * plain_score) target.quantile = before;
  }
  target.quantile_outside = std::max(target.quantile_outside, target.quantile);
  // Answers that are exact are so up to rounding.
  const double rounding = 1e-9 * (std::abs(to_scale(target.scale, target.divisor, target.low)) + std::abs(to_scale(target.scale, target.divisor, target.high)) + 1) / target.spread_floor;
  target.quantile = std::max(target.quantile, rounding);
  target.quantile_outside = std::max(target.quantile_outside, rounding);
}

std::vector<Fold> make_folds(const TrainingData& data, const Rows& rows, std::size_t group_folds, std::size_t size_folds, std::uint64_t seed) {
  std::vector<Fold> out;
  std::set<std::size_t> kinds;
  for (const std::size_t row : rows) kinds.insert(data.columns.group[row]);
  std::vector<std::size_t> order(kinds.begin(), kinds.end());
  Random(derive(seed, "folds")).shuffle(order);
  const std::size_t parts = std::min(group_folds, order.size());
  std::map<std::size_t, std::size_t> part_of;
  for (std::size_t i = 0; i < order.size(); ++i) part_of[order[i]] = i % std::max<std::size_t>(parts, 1);
  for (std::size_t p = 0; p < parts && parts >= 2; ++p) {
    Fold fold;
    for (const std::size_t row : rows) (part_of[data.columns.group[row]] == p ? fold.answer : fold.learn).push_back(row);
    if (!fold.learn.empty() && !fold.answer.empty()) out.push_back(std::move(fold));
  }
  std::size_t made = 0;
  for (std::size_t f = 0; f < data.features.size() && made < size_folds; ++f) {
    const Feature& feature = data.features[f];
    if (!feature.categories.empty() || feature.scale != "log" || feature.may_miss || feature.unit == "bits") continue;
    std::vector<double> values;
    for (const std::size_t row : rows) values.push_back(data.encoded.rows(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(f)));
    std::sort(values.begin(), values.end());
    if (std::set<double>(values.begin(), values.end()).size() < 4) continue;
    // The largest two fifths at most.
    const auto above = std::upper_bound(values.begin(), values.end(), values[values.size() * 3 / 5]);
    if (above == values.end()) continue;
    Fold fold;
    fold.sizes = true;
    for (const std::size_t row : rows) {
      (data.encoded.rows(static_cast<Eigen::Index>(row), static_cast<Eigen::Index>(f)) < *above ? fold.learn : fold.answer).push_back(row);
    }
    if (fold.answer.size() < 10 || fold.learn.size() < 30) continue;
    out.push_back(std::move(fold));
    ++made;
  }
  return out;
}

}  // namespace gnomon::surrogate
