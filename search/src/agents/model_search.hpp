#pragma once

#include <deque>
#include <set>
#include <string>
#include <unordered_set>
#include <vector>

#include "agents/acquisition.hpp"
#include "agents/genome.hpp"

namespace gnomon::search {

struct ModelSearchOptions {
  std::size_t pool = 300;        ///< candidates
  std::size_t looked_at = 48;    ///< of them, by the exact variance
  std::size_t starts = 3;        ///< of the local search
  std::size_t steps = 6;         ///< of each local search at most
  std::size_t neighbours = 8;    ///< looked at exactly in each step
  double wander = 0;             ///< probability of any candidate instead of the best
  double uniform = 0;            ///< probability of a uniform draw before that
};

/// Whether a run still finds something new. A model that has settled on where nothing is to be found would search there for ever;
/// SMAC interleaves random designs for that reason (Hutter et al. 2011, 4.1).
class Progression {
 public:
  explicit Progression(std::size_t parameters) : patience_(2 * parameters) {}
  /// Failed trials say nothing here.
  void tell(const Told& told);
  /// ModelSearchOptions::wander: most of the share of the latest results (twice as many as there are parameters) whose outcome had
  /// been seen before, as on the plateaus of a table; at least, where nothing has joined the front (or been the best) for so many
  /// results, what rises from 0 to a half over as many again.
  double wander() const;
  /// Share of the latest results whose outcome had been seen before: 1 on a plateau, 0 where every design has figures of its own.
  double known() const;

 private:
  std::size_t patience_;
  std::vector<std::vector<double>> front_;
  std::set<std::vector<double>> outcomes_;
  std::deque<bool> known_;
  std::size_t told_ = 0, last_ = 0;
};

/// Non-failed rows, the best first: feasible ones before the others. One objective: by its value. Several: the front in a drawn
/// order, then the rest by the sum of scaled objectives. Infeasible ones by the sum of the limits that they break.
std::vector<const Row*> by_merit(const std::vector<const Row*>& rows, const Targets& targets, Random& random);

/// Proposes the points of one ask: candidates are mutants and crossings of the best rows and uniform draws; those that look best
/// by the cheap variance are looked at exactly; from the best few a search over neighbours that differ in one parameter goes on
/// while the acquisition grows. Each proposal is then believed.
class ModelSearch {
 public:
  ModelSearch(std::shared_ptr<const arch::Space> space, const Features& features, const AskRequest& request, Models& models,
              Acquisition& acquisition, std::vector<const Row*> merit, const ModelSearchOptions& options, Random random);
  void believe(const arch::Point& point);
  std::optional<arch::Point> next(const std::vector<arch::Point>& taken);
  /// The request's points: those that are there, then the search's, each under weights of its own drawn from `seed`; pending trials
  /// (the latest 64) are believed first.
  std::vector<arch::Point> fill(std::vector<arch::Point> points, std::size_t objectives, std::uint64_t seed);

 private:
  struct Scored {
    arch::Point point;
    double score = 0;
  };
  void make_pool();
  std::vector<Scored> exact(std::vector<arch::Point> points) const;
  std::vector<Scored> best_of(const std::vector<arch::Point>& points, std::size_t looked_at) const;

  std::shared_ptr<const arch::Space> space_;
  const Features& features_;
  const AskRequest& request_;
  Models& models_;
  Acquisition& acquisition_;
  std::vector<const Row*> merit_;
  ModelSearchOptions options_;
  Random random_;
  std::vector<arch::Point> pool_;
};

}  // namespace gnomon::search
