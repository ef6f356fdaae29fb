#pragma once

#include <string>
#include <vector>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/base/fields.hpp"
#include "gnomon/search/campaign.hpp"

namespace gnomon::search {

/// Where the metric `accuracy` of co-exploration comes from; exactly one source.
struct AccuracySpec {
  std::vector<std::string> command;
  std::string table, trainer;
  bool callable = false;
  std::int64_t epochs = 12;
};
void describe(FieldVisitor& v, AccuracySpec& s);

/// Parameters called `network.NAME` are sizes of the workloads' models, not of the design.
bool network_parameter(const std::string& name);
/// The part of a space, and of a point, that goes into the design.
arch::Space hardware_space(const arch::Space& space);
arch::Point hardware_point(const arch::Space& space, const arch::Point& point);
/// `?depth=3&width=16`, or nothing.
std::string network_suffix(const arch::Space& space, const arch::Point& point);
/// The model with the sizes appended to those that it has.
std::string with_sizes(const std::string& model, const std::string& suffix);

/// What `make_job` adds to a job's options for `evaluate_job`; an empty text where there is nothing to add.
std::string accuracy_options(const Campaign& campaign, const arch::Point& point);

/// An evaluation, and behind it, where the job asks for it, the accuracy of the network: metric `accuracy`, and `trained` (1, or 0 where the hardware
/// misses one of its limits; then nothing is trained and the accuracy is 0, which never counts, since such a design is infeasible). Networks that this
/// process has seen are not trained again.
Expected<arch::Evaluation> evaluate_job(arch::Evaluator& evaluator, const arch::EvaluationJob& job);

}  // namespace gnomon::search
