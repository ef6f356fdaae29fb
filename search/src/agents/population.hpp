#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "agents/genome.hpp"
#include "agents/sobol.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/search/agent.hpp"

/// What population-based agents share: constraint handling, ranking, variation, and a steady-state loop.
namespace gnomon::search {

/// One number for several violations: each positive one divided by the mean positive violation seen of its constraint, summed.
class ViolationSum {
 public:
  explicit ViolationSum(std::size_t constraints) : sum_(constraints, 0.0), count_(constraints, 0.0) {}
  void note(const std::vector<double>& violations);
  double operator()(const std::vector<double>& violations) const;

 private:
  std::vector<double> sum_, count_;
};

struct Member {
  Genome genome;
  std::vector<double> objectives;
  std::vector<double> violations;
  std::uint64_t number = 0;  ///< of the trial
  int rank = 0;              ///< 0 is best
  double crowding = 0;       ///< within a rank, more is better
};
bool better(const Member& a, const Member& b);

/// Constrained non-dominated rank and crowding distance (Deb, Pratap, Agarwal and Meyarivan, IEEE TEC 6(2), 2002): feasible
/// members by front and crowding within it; the infeasible ones behind, each a rank of its own, by violation.
void rank_members(std::vector<Member>& members, const ViolationSum& violation);

/// The best designs told so far: with one objective so many of them, in order; with several the front; while nothing feasible is
/// known, those that break the limits least.
class Elites {
 public:
  Elites(const AgentSetup& setup, std::int64_t most);
  /// Whether the result is one of them now.
  bool enter(const Told& told);
  bool empty() const { return best_.empty(); }
  /// One of them; with one objective better ones more often.
  const Genome& pick(Random& random) const;

 private:
  struct Elite {
    Genome genome;
    std::vector<double> objectives;
    double violation = 0;
  };
  std::shared_ptr<const arch::Space> space_;
  std::size_t objectives_, most_;
  ViolationSum violation_;
  std::vector<Elite> best_;
};

struct VariationOptions {
  double crossover = 0.9;
  double crossover_eta = 10;
  double mutations = 1.3;
  double spread = 0.12;
};
void describe_variation(FieldVisitor& v, VariationOptions& o);

/// One gene of a child of two parents. Ordered genes: simulated binary crossover (Deb and Agrawal, Complex Systems 9, 1995) on
/// the index, rounded at random; categories: either parent's; permutations: order crossover (Davis, IJCAI 1985).
void cross_gene(const arch::Parameter& parameter, Gene& child, const Gene& other, double eta, Random& random);
/// Crossover with probability `crossover`, then mutation of each gene with probability mutations / genes.
void vary(const arch::Space& space, Genome& child, const Genome& other, const VariationOptions& options, Random& random);

/// A steady-state evolutionary algorithm: a Sobol start, then children of two tournament winners; every told result enters the
/// population, which is cut back to its size by `rank`. A child that is known already is mutated further. Failed trials do not
/// enter. A child pending does not enter either until it is told.
class SteadyState : public Agent {
 public:
  SteadyState(const AgentSetup& setup, const std::string& name, std::int64_t population, const VariationOptions& variation);
  std::vector<arch::Point> ask(const AskRequest& request) const override;
  void tell(const Told& told) override;

 protected:
  /// Sets rank and crowding of all members.
  virtual void rank(std::vector<Member>& members, const ViolationSum& violation) const { rank_members(members, violation); }

 private:
  const Member& tournament(Random& random) const;

  std::shared_ptr<const arch::Space> space_;
  std::size_t population_;
  VariationOptions variation_;
  std::uint64_t seed_;
  SobolDesign initial_;
  std::vector<Member> members_;
  ViolationSum violation_;
  std::size_t told_ = 0;
};

}  // namespace gnomon::search
