#pragma once

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
