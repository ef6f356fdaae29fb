#pragma once

#include <string>
#include <vector>

#include "gnomon/surrogate/model.hpp"
#include "gnomon/surrogate/train.hpp"
#include "models/scaling.hpp"
#include "training/columns.hpp"

namespace gnomon::surrogate {

class Checkpoints;
using Rows = std::vector<std::size_t>;

/// How a target may be answered.
struct Variant {
  std::string family;   ///< empty: the analytical term alone
  int term = 0;         ///< 0: none; 1: of few regimes; 2: of many; 3: the feature `analytical_TARGET` as it is
  bool hurdle = false;
  bool operator==(const Variant&) const = default;
  std::string name() const {
    const std::string form = term == 0 ? "" : term == 1 ? "simple term" : term == 2 ? "term" : "analytical model";
    return family.empty() ? form : (form.empty() ? "" : form + " + ") + family + (hurdle ? " with hurdle" : "");
  }
};

/// Everything that training looks at.
struct TrainingData {
  Columns columns;
  Encoded encoded;                     ///< all rows of the table
  std::vector<Feature> features;       ///< described by all labelled rows
  std::vector<Feature> node_features;
  std::vector<Target> targets;
  Checkpoints* checkpoints = nullptr;
};

/// What a held-out row got from a model that did not learn it, in the target's scale; NaN `truth` where there is no label.
struct HeldOut {
  std::size_t row = 0;
  double truth = 0;
  ScaledAnswer answer;
  bool inside = true;  ///< of what the model learned
  std::size_t fold = 0;  ///< in which it was held out
};

/// A variant's answers to one target: rows of held-out groups, and of held-out sizes.
struct Record {
  std::vector<HeldOut> groups, sizes;
};

/// Rows [targets] that a fold learns from and answers.
struct Fold {
  Rows learn, answer;
  bool sizes = false;  ///< the rows answered are larger than all that were learned
};

/// The feature that holds an analytical model's answer to a target, `analytical_TARGET` in the target's unit; -1: none does.
std::int64_t analytical_feature(const TrainingData& data, std::size_t target);

/// The rows given by index, in that order, with their nodes.
Encoded rows_of(const Encoded& encoded, const Rows& rows);

/// Group folds and size folds of some rows. Deterministic.
std::vector<Fold> make_folds(const TrainingData& data, const Rows& rows, std::size_t group_folds, std::size_t size_folds, std::uint64_t seed);

/// Sets quantiles, floor and limit of a target from a record: the floor that gives the smallest interval score, quantiles with the finite-sample
/// correction (1 + 1 / groups). In range the quantile keeps the coverage in most kinds of rows (thirds of every feature, words, and pairs of them), so that
/// it holds for mixes of rows other than the held-out one.
void calibrate(Target& target, const Record& record, const TrainingData& data, double level);

/// Builds models step by step; the only one besides the file reader who may.
class Trainer {
 public:
  /// `quick`: fewer members and epochs, for comparing variants. `piece`: the name by which learners are kept; empty: they are not.
  static Expected<Model> build(const TrainingData& data, const TrainOptions& options, const Rows& rows, const std::vector<Variant>& choice,
                               const std::vector<std::vector<PhysicalTerm>>& terms, bool quick, int threads, const std::string& piece = "");
  /// The terms of all targets, [kind of term - 1][target], for the kinds that `wanted` has.
  static std::vector<std::vector<PhysicalTerm>> terms(const TrainingData& data, const TrainOptions& options, const Rows& rows, const std::vector<Variant>& wanted,
                                                      int trees, const std::string& piece);
  /// Answers of a model to rows, one list per target.
  static std::vector<std::vector<HeldOut>> answers(const Model& model, const TrainingData& data, const Rows& learned, const Rows& rows);
  static Expected<Model> run(const arch::LabelTable& table, const TrainOptions& options);
};

}  // namespace gnomon::surrogate
