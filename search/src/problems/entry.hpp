#pragma once

#include <functional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "gnomon/search/campaign.hpp"
#include "gnomon/search/problems.hpp"

namespace gnomon::search {

/// Parameters by name, as a problem's formula reads them.
class Values {
 public:
  explicit Values(const Json& values) : values_(values) {}
  double real(const std::string& name) const { return values_.at(name).get<double>(); }
  std::int64_t whole(const std::string& name) const { return values_.at(name).get<std::int64_t>(); }
  std::string word(const std::string& name) const { return values_.at(name).get<std::string>(); }
  std::vector<std::int64_t> order(const std::string& name) const { return values_.at(name).get<std::vector<std::int64_t>>(); }
  /// prefix1, prefix2, ...
  std::vector<double> reals(const std::string& prefix, int count) const {
    std::vector<double> out;
    for (int i = 1; i <= count; ++i) out.push_back(real(prefix + std::to_string(i)));
    return out;
  }

 private:
  const Json& values_;
};

struct ProblemEntry {
  ProblemInfo info;
  std::function<std::vector<double>(const Values&)> formula;
};

/// `{"x1": {"real": [0, 1]}, ...}`.
std::string unit_cube(int count);
/// Where the optimum of variable `i` (from 1) lies in [0, 1]: between 0.12 and 0.4, or 0.6 and 0.88, never in the middle and never at
/// an end, so that neither a start in the middle nor clipping at a bound finds it.
double shifted_place(int i);
/// |x - place| as a share of the longer side: 0 at the place, at most 1.
double distance_from(double x, double place);
/// The piecewise linear map of [0, 1] onto itself that takes `place` to `to`.
double moved(double x, double place, double to);
/// Objectives f1 ... fm, all minimised, and the same names as metrics.
ProblemInfo several(std::string name, std::string summary, std::string space_json, int objectives);

std::vector<ProblemEntry> zdt_problems();
std::vector<ProblemEntry> dtlz_problems();
std::vector<ProblemEntry> wfg_problems();
std::vector<ProblemEntry> constrained_problems();
std::vector<ProblemEntry> mixed_problems();
std::vector<ProblemEntry> table_problems();
/// The exact optimum or front of a controller table's problem under any of its metrics and limits; nothing for another problem, or where one
/// design is best in all objectives.
std::optional<ProblemTruth> table_truth(const std::string& problem, const std::vector<ObjectiveSpec>& objectives, const std::vector<ConstraintSpec>& constraints);

}  // namespace gnomon::search
