#include "compare/analyse.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gnomon/base/text.hpp"
#include "gnomon/search/pareto.hpp"

namespace gnomon::search {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();
constexpr double reference = 1.1;
constexpr double front_share = 0.9;
constexpr double near_share = 0.01;

std::vector<std::int64_t> checkpoints_of(std::int64_t budget) {
  std::vector<std::int64_t> out;
  constexpr double per_decade = 16;
  for (double at = 0;; at += 1) {
    const auto n = static_cast<std::int64_t>(std::llround(std::pow(10.0, at / per_decade)));
    if (n >= budget) break;
    if (out.empty() || n > out.back()) out.push_back(n);
  }
  out.push_back(budget);
  return out;
}

class Analysis {
 public:
  Analysis(Comparison& c, const Campaign& campaign, const ProblemTruth& truth) : c_(c), campaign_(campaign), truth_(truth) {}

  void run(const std::vector<std::vector<std::vector<CompareCell>>>& cells) {
    c_.hypervolume = campaign_.objectives.size() > 1;
    c_.maximised = !c_.hypervolume && campaign_.objectives[0].maximise;
    c_.checkpoints = checkpoints_of(c_.budget);
    if (c_.hypervolume)
      scale(cells);
    else
      target_of_one(cells);
    if (campaign_.target) {
      goal_ = *campaign_.target;
      std::vector<std::string> parts;
      for (std::size_t k = 0; k < goal_.size(); ++k) {
        const ObjectiveSpec& o = campaign_.objectives[k];
        parts.push_back(o.metric + (o.maximise ? " >= " : " <= ") + number(goal_[k]));
        if (o.maximise) goal_[k] = -goal_[k];
      }
      c_.target_text = "one feasible design with " + join(parts, ", ");
    }
    c_.rows.resize(cells.size());
    for (std::size_t a = 0; a < cells.size(); ++a) {
      std::vector<double> pace;
      for (const CompareCell& cell : cells[a][0]) pace.push_back(cell.suggestion_ms);
      c_.suggestion_ms.push_back(quantile(pace, 0.5));
      for (const auto& runs : cells[a]) {
        curves_.clear();
        CompareRow row;
        for (const CompareCell& cell : runs) add(row, cell);
        finish(row);
        c_.rows[a].push_back(std::move(row));
        kept_curves_[{a, c_.rows[a].size() - 1}] = curves_;
        for (const CompareCell& cell : runs) c_.evaluations += cell.evaluations, c_.failed += cell.failed;
      }
    }
    std::vector<const CompareRow*> first;
    for (const auto& variants : c_.rows) first.push_back(&variants[0]);
    judge(first, c_.friedman, c_.pairs);
    if (std::any_of(c_.rows.begin(), c_.rows.end(), [](const auto& v) { return v.size() > 1; }) && c_.seeds > 1) tune();
  }

 private:
  Comparison& c_;
  const Campaign& campaign_;
  const ProblemTruth& truth_;
  double whole_ = 1;  // volume of the reference front
  std::vector<double> goal_;
  std::vector<std::vector<double>> curves_;  // of the row at hand, by seed
  std::map<std::pair<std::size_t, std::size_t>, std::vector<std::vector<double>>> kept_curves_;

  std::vector<double> scaled(const std::vector<double>& objectives) const {
    std::vector<double> out(objectives.size());
    for (std::size_t k = 0; k < out.size(); ++k) {
      const double span = c_.nadir[k] - c_.ideal[k];
      out[k] = (objectives[k] - c_.ideal[k]) / (span > 0 ? span : 1.0);
    }
    return out;
  }
  double share(const std::vector<std::vector<double>>& scaled_front) const {
    return hypervolume(scaled_front, std::vector<double>(c_.ideal.size(), reference)) / whole_;
  }

  void scale(const std::vector<std::vector<std::vector<CompareCell>>>& cells) {
    const std::size_t k = campaign_.objectives.size();
    c_.target = -front_share;
    if (truth_.hypervolume) {
      c_.truth = true;
      c_.ideal = truth_.ideal;
      c_.nadir = truth_.nadir;
      whole_ = *truth_.hypervolume;
      c_.target_text = "90 % of the hypervolume of the exact front";
      return;
    }
    std::vector<std::vector<double>> all;
    for (const auto& agent : cells) {
      for (const auto& variant : agent) {
        for (const CompareCell& cell : variant) {
          for (const auto& entry : cell.front) all.push_back(entry.objectives);
        }
      }
    }
    std::vector<std::vector<double>> front;
    for (const std::size_t i : nondominated(all)) front.push_back(all[i]);
    std::sort(front.begin(), front.end());
    front.erase(std::unique(front.begin(), front.end()), front.end());
    c_.ideal.assign(k, 0.0);
    c_.nadir.assign(k, 1.0);
    c_.target_text = "90 % of the hypervolume of the best front that all runs together found";
    if (front.empty()) return;
    c_.ideal = c_.nadir = front[0];
    for (const auto& point : front) {
      for (std::size_t i = 0; i < k; ++i) {
        c_.ideal[i] = std::min(c_.ideal[i], point[i]);
        c_.nadir[i] = std::max(c_.nadir[i], point[i]);
      }
    }
    std::vector<std::vector<double>> points;
    for (const auto& point : front) points.push_back(scaled(point));
    whole_ = hypervolume(points, std::vector<double>(k, reference));
    if (!(whole_ > 0)) whole_ = 1;
  }

  void target_of_one(const std::vector<std::vector<std::vector<CompareCell>>>& cells) {
    double best = infinity;
    for (const auto& agent : cells) {
      for (const auto& variant : agent) {
        for (const CompareCell& cell : variant) {
          if (!cell.front.empty()) best = std::min(best, cell.front.back().objectives[0]);
        }
      }
    }
    if (truth_.optimum) {
      c_.truth = true;
      c_.optimum = c_.maximised ? -*truth_.optimum : *truth_.optimum;
      best = *c_.optimum;
    }
    c_.target = best + near_share * (best == 0 ? 1.0 : std::abs(best));
    c_.target_text = std::string("within 1 % of the ") + (truth_.optimum ? "known optimum" : "best design that any run found");
    if (truth_.optimum && best == 0) c_.target_text = "at most 0.01 above the known optimum 0";
  }

  void add(CompareRow& row, const CompareCell& cell) {
    std::vector<double> curve;
    std::int64_t reached = -1;
    std::size_t next = 0;
    std::vector<std::vector<double>> front;
    double score = c_.hypervolume ? 0.0 : infinity;
    bool stale = false;
    const auto hit = [&](std::int64_t evaluation) {
      if (goal_.empty() && reached < 0 && score <= c_.target) reached = evaluation;
    };
    for (const std::int64_t at : c_.checkpoints) {
      for (; next < cell.front.size() && cell.front[next].evaluation <= at; ++next) {
        const auto& entry = cell.front[next];
        if (!goal_.empty() && reached < 0) {
          bool good = true;
          for (std::size_t k = 0; k < goal_.size(); ++k) good = good && entry.objectives[k] <= goal_[k];
          if (good) reached = entry.evaluation;
        }
        if (!c_.hypervolume) {
          score = entry.objectives[0];
          hit(entry.evaluation);
          continue;
        }
        std::vector<double> point = scaled(entry.objectives);
        std::erase_if(front, [&](const auto& other) { return dominates(point, other); });
        front.push_back(std::move(point));
        stale = true;
      }
      if (stale) {
        score = -share(front);
        stale = false;
        // The exact evaluation lies between two checkpoints: go back to it entry by entry.
        if (goal_.empty() && reached < 0 && score <= c_.target) reached = first_reach(cell, next);
      }
      curve.push_back(score);
    }
    row.scores.push_back(score);
    row.anytime.push_back(mean_of(curve));
    row.to_target.push_back(reached);
    curves_.push_back(std::move(curve));
  }

  double mean_of(const std::vector<double>& curve) const {
    double sum = 0, later = infinity;
    for (std::size_t i = curve.size(); i-- > 0;) {
      const std::int64_t before = i > 0 ? c_.checkpoints[i - 1] : 0;
      if (std::isfinite(curve[i])) later = curve[i];
      sum += later * static_cast<double>(c_.checkpoints[i] - before);
    }
    return sum / static_cast<double>(c_.budget);
  }

  const std::vector<double>& judged(const CompareRow& row) const { return c_.judged_by == JudgedBy::final ? row.scores : row.anytime; }

  std::int64_t first_reach(const CompareCell& cell, std::size_t until) const {
    // The share grows with every entry, so bisection over prefixes finds the first that suffices.
    std::size_t low = 1, high = until;
    while (low < high) {
      const std::size_t middle = (low + high) / 2;
      std::vector<std::vector<double>> points;
      for (std::size_t i = 0; i < middle; ++i) points.push_back(scaled(cell.front[i].objectives));
      std::vector<std::vector<double>> front;
      for (const std::size_t i : nondominated(points)) front.push_back(points[i]);
      if (-share(front) <= c_.target)
        high = middle;
      else
        low = middle + 1;
    }
    return cell.front[low - 1].evaluation;
  }

  static Band band(const std::vector<double>& values) {
    return {quantile(values, 0.5), quantile(values, 0.25), quantile(values, 0.75)};
  }

  void finish(CompareRow& row) const {
    row.band = band(row.scores);
    row.curve.clear();
    for (std::size_t i = 0; i < c_.checkpoints.size(); ++i) {
      std::vector<double> column;
      for (const auto& curve : curves_) column.push_back(curve[i]);
      row.curve.push_back(band(column));
    }
    std::int64_t spent = 0;
    row.reached = 0;
    for (const std::int64_t at : row.to_target) {
      spent += at < 0 ? c_.budget : at;
      if (at >= 0) ++row.reached;
    }
    row.mean_to_target = row.reached > 0 ? static_cast<double>(spent) / static_cast<double>(row.reached) : -1;
  }

  void judge(const std::vector<const CompareRow*>& rows, FriedmanTest& all, std::vector<ComparePair>& pairs) const {
    std::vector<std::vector<double>> blocks;
    for (std::size_t s = 0; s < static_cast<std::size_t>(c_.seeds); ++s) {
      blocks.emplace_back();
      for (const CompareRow* row : rows) blocks.back().push_back(judged(*row)[s]);
    }
    all = friedman(blocks);
    std::vector<double> p;
    for (std::size_t a = 0; a < rows.size(); ++a) {
      for (std::size_t b = a + 1; b < rows.size(); ++b) {
        pairs.push_back({a, b, mann_whitney(judged(*rows[a]), judged(*rows[b])), 1});
        p.push_back(pairs.back().test.p);
      }
    }
    const std::vector<double> adjusted = holm(p);
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i].p_holm = adjusted[i];
  }

  void tune() {
    std::vector<const CompareRow*> rows;
    for (std::size_t a = 0; a < c_.rows.size(); ++a) {
      std::vector<std::size_t> chosen;
      CompareRow out;
      out.scores.resize(static_cast<std::size_t>(c_.seeds));
      out.to_target.resize(out.scores.size());
      out.anytime.resize(out.scores.size());
      curves_.assign(out.scores.size(), {});
      for (const std::size_t half : {std::size_t{0}, std::size_t{1}}) {
        // Seeds of this half are scored with what the other half likes best.
        std::size_t best = 0;
        double least = infinity;
        for (std::size_t v = 0; v < c_.rows[a].size(); ++v) {
          std::vector<double> others;
          for (std::size_t s = 1 - half; s < out.scores.size(); s += 2) others.push_back(judged(c_.rows[a][v])[s]);
          const double median = quantile(others, 0.5);
          if (median < least) least = median, best = v;
        }
        chosen.push_back(best);
        for (std::size_t s = half; s < out.scores.size(); s += 2) {
          out.scores[s] = c_.rows[a][best].scores[s];
          out.anytime[s] = c_.rows[a][best].anytime[s];
          out.to_target[s] = c_.rows[a][best].to_target[s];
          curves_[s] = kept_curves_.at({a, best})[s];
        }
      }
      finish(out);
      c_.tuned.push_back(std::move(out));
      c_.tuned_variants.push_back(std::move(chosen));
    }
    for (const CompareRow& row : c_.tuned) rows.push_back(&row);
    judge(rows, c_.tuned_friedman, c_.tuned_pairs);
  }
};

}  // namespace

void analyse(Comparison& comparison, const std::vector<std::vector<std::vector<CompareCell>>>& cells, const Campaign& campaign,
             const ProblemTruth& truth) {
  Analysis(comparison, campaign, truth).run(cells);
}

}  // namespace gnomon::search
