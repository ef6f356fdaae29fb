#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/error.hpp"
#include "gnomon/base/linalg.hpp"
#include "gnomon/surrogate/learner.hpp"
#include "gnomon/surrogate/term.hpp"

namespace gnomon {
class FieldVisitor;
}

namespace gnomon::surrogate {

/// One input column of a model, with what training saw of it.
struct Feature {
  std::string name;
  std::string unit;
  /// How the networks see the column: `linear`, `log` (of positive values) or `log1p`, log(1 + x).
  std::string scale = "linear";
  double low = 0, high = 0;      ///< smallest and largest training value, in the column's own unit
  double mean = 0, deviation = 1;  ///< of the scaled values
  bool may_miss = false;           ///< training rows lacked it at times; the model has an input that says so
  std::vector<std::string> categories;  ///< the words seen, for a categorical column; empty for a number
};

/// One output of a model.
struct Target {
  std::string name;
  std::string unit;
  std::string scale = "linear";    ///< linear | log | log1p, which is log(1 + y / divisor) here
  double divisor = 1;              ///< of log1p: the smallest positive training label
  double quantum = 0;              ///< 1 or 0.5 where all labels are multiples of it and small: answers are rounded to it; 0: not rounded
  double low = 0, high = 0;        ///< smallest and largest training label
  std::string family;              ///< of the learner that answers; empty: the analytical term alone
  std::string why;                 ///< why this one: the errors of all that were tried
  PhysicalTerm term;               ///< analytical term that the learner's answer is added to, in the target's scale; empty: none
  bool hurdle = false;             ///< a second output says whether the label is 0 at all
  double mean = 0, deviation = 1;  ///< of what the learner learned: scaled labels, less the scaled term
  /// The interval is z -+ quantile * (spread + spread_floor) in the target's scale, with the members' spread; other quantiles for rows outside
  /// the training range.
  double quantile = 0, quantile_outside = 0;
  double spread_floor = 0;
  double spread_limit = 0;  ///< largest spread among the calibration rows; beyond it a row is out of range
  /// Of what the learner learned where there is a term: smallest and largest in training. Both 0 (files of before): mean -+ 6 deviations.
  double residual_low = 0, residual_high = 0;
  /// Rows with features out of range are answered by the term alone, and their interval spans the learned answer too.
  bool term_outside = false;
};

/// One learner of a model: which outputs it gives, and what the model file holds of it.
struct Head {
  std::string family;
  std::vector<std::int64_t> targets;  ///< indices; those with a hurdle have a second output, behind all first ones
  std::string structure = "{}";       ///< Learner::structure
  std::int64_t weights = 0;
};

/// How well a model does on some rows, per target, in the label's own unit.
struct Score {
  std::string target;
  std::int64_t rows = 0;
  double r2 = 0;
  double smape_percent = 0;  ///< mean of 200 |p - y| / (|y| + |p| + a), a = Target::divisor where the scale is log1p (1 for counts), else 0
  double rmse = 0;
  double median_error_percent = 0;  ///< median of 100 |p - y| / |y| over rows with y != 0
  double coverage = 0;              ///< fraction of labels inside the interval
  double mean_width = 0;
  double interval_score = 0;        ///< mean of width + 2/alpha * distance outside (Gneiting and Raftery, JASA 2007); smaller is better
  double in_range = 0;              ///< fraction of rows that the model says it knows
};
struct SplitScores {
  std::string split;  ///< train | held-out groups | held-out sizes | test
  std::vector<Score> scores;
};

/// Everything about a model but its weights; the header of the model file.
struct ModelInfo {
  std::int64_t version = 2;
  std::string label_kind;       ///< where labels come from, in words: `cycle`, `hls4ml C synthesis`
  std::string label_tool;       ///< what computed them, as far as the table says: `yosys 0.23, xcup, composed`
  double level = 0.9;           ///< nominal coverage of the intervals
  std::uint64_t seed = 0;
  std::string training_sha256;  ///< of the training table (as CSV)
  std::int64_t training_rows = 0, calibration_rows = 0, test_rows = 0;
  std::string group;            ///< column that kept rows together in the splits; empty: rows with the same inputs
  std::vector<Feature> features;
  std::vector<Target> targets;
  std::vector<Feature> node_features;  ///< of node lists; empty: the model takes none
  std::string node_key;                ///< column that says which row a node belongs to
  std::vector<Head> heads;
  std::vector<SplitScores> metrics;
  std::vector<std::string> notes;    ///< columns left out and why, and the like
};

/// Field tables of the header's parts (base/fields.hpp), for model files and JSON output.
void describe(FieldVisitor& v, Feature& feature);
void describe(FieldVisitor& v, Target& target);
void describe(FieldVisitor& v, Head& head);
void describe(FieldVisitor& v, Score& score);
void describe(FieldVisitor& v, SplitScores& scores);
void describe(FieldVisitor& v, ModelInfo& info);

/// Answers for n rows: `mean` (the ensemble's centre, taken back to the label's unit), interval ends, and whether each row lies inside what
/// training saw. Matrices are [n, targets].
struct Prediction {
  RealMatrix mean, lower, upper;
  std::vector<std::uint8_t> in_range;
};

/// Features as numbers: rows [n, features], and nodes where the model takes node lists.
struct Encoded {
  RealMatrix rows;                          ///< in the order of `info().features`; categories as indices (-1: never seen), missing NaN
  RealMatrix nodes;                         ///< [nodes, node features], row by row
  std::vector<std::int32_t> node_first{0};  ///< [rows + 1], see NodeBatch
  std::vector<std::int32_t> edge_first{0};
  std::vector<std::pair<std::int32_t, std::int32_t>> edges;
};

/// What a feature may hold at all, whatever training saw of it: amounts and sizes are not negative, counts are whole.
struct Bound {
  double least = -std::numeric_limits<double>::infinity();
  bool above = false;  ///< `least` itself is not allowed
  bool whole = false;
  std::string due;  ///< for the message

  bool allows(double value) const;
};

struct ScaledAnswer;
class Finisher;
class TextPlan;
class LanePlan;

/// A trained surrogate. Per target: an analytical term where one was found that holds for sizes left out, and on it a learner (learner.hpp), the ones
/// that won on held-out groups and sizes; conformal intervals scaled by the members' spread (Lei et al., JASA 2018; Angelopoulos and
/// Bates 2023) from held-out groups, wider ones from held-out sizes for rows out of range. So that no extrapolation runs away, what is learned is
/// bounded: on a term, to the residuals seen, widened; without one, to the training labels' range, widened. An interval reaches the answer as it was
/// before, and without a term it grows with the distance beyond the features' ranges (a factor of x beyond a range in the log domain: a factor of x or more on
/// each side of a positive label), as far as a factor of 30 (log domain; ten times the labels' range in the linear one) beyond the answer's bounds. Immutable; predictions may run in several threads.
class Model {
 public:
  const ModelInfo& info() const { return info_; }
  std::size_t feature_count() const { return info_.features.size(); }
  std::size_t target_count() const { return info_.targets.size(); }

  /// Predicts rows x [n, features] in the order of `info().features`, in their own units; categorical columns hold the index into
  /// `categories` (-1 for a word never seen), missing values are NaN. Errors: wrong number of columns; a missing value where training had none;
  /// an infinite value; a negative one where training saw positive ones over a wide range, or amounts (B, bits, cycles, ...); in known layouts also a
  /// size of 0 or a count that is not whole; a model that takes node lists. Of columns whose smallest values were 0 and that have no unit of amounts, negative values are out of range, not an error.
  Expected<Prediction> predict(const RealMatrix& x) const;
  /// The means that `predict` gives [n, targets], without the work for spread, intervals and range. Errors as there.
  Expected<RealMatrix> predict_mean(const RealMatrix& x) const;
  Expected<RealMatrix> predict_mean(const Encoded& encoded) const;
  /// Takes the model's features out of a table by name (known layouts are imported first, see import.hpp); a column that was constant in
  /// training may be absent, or lack values. `nodes`: the node table, for models that take one. Errors: missing columns (nearest name), other
  /// units, words where numbers are due.
  Expected<Encoded> encode(const arch::LabelTable& table, const arch::LabelTable* nodes = nullptr) const;
  Expected<Prediction> predict(const Encoded& encoded) const;
  Expected<Prediction> predict(const arch::LabelTable& table, const arch::LabelTable* nodes = nullptr) const;
  /// Which features of each row lie outside what training saw [n * features], row by row.
  std::vector<std::uint8_t> outside(const RealMatrix& x) const;
  /// Why a row is out of range, in words (`rows = 300 is above 256`); empty where its features are inside.
  std::string why_out_of_range(const RealVector& row) const;
  /// The same of an encoded row, with its nodes (`node 2: bits = 24 is above 16`, counted from 0): the first node that is outside, of each feature.
  std::string why_out_of_range(const Encoded& encoded, Eigen::Index row) const;
  /// Per node feature the first of a row's nodes, counted from 0, that lies outside what training saw; -1 where none does.
  std::vector<std::int32_t> nodes_outside(const Encoded& encoded, Eigen::Index row) const;

  /// One JSON header line, then the weights as little-endian float32. The header's last entry is the SHA-256 of all the rest.
  std::string to_bytes() const;
  Expected<void> save(const std::filesystem::path& path) const;
  /// Refuses what is not a model file, another version, a truncated or altered file.
  static Expected<Model> from_bytes(const std::string& bytes, const std::string& file);
  static Expected<Model> load(const std::filesystem::path& path);

 private:
  friend class Trainer;
  friend class ModelProbe;  // of the tests
  Model() = default;

  /// How far a row lies beyond what training saw, the farthest feature's each: logarithms; shares of the range in the log domain; of linear ranges.
  struct Beyond {
    double logarithms = 0, log_share = 0, share = 0;
  };
  /// Scaled and standardised inputs of some rows; and whether each row's features are inside the training ranges. `beyond`, where asked for, is
  /// empty if all are.
  Samples samples(const Encoded& encoded, Eigen::Index first, Eigen::Index count, std::uint8_t* in_range, std::vector<Beyond>* beyond = nullptr) const;
  /// Centre and spread in the targets' scales [targets, count], before rounding, and where a hurdle says 0. Without spread: of the terms alone. Intervals
  /// span `other` too, and reach `farther` on each side (see ScaledAnswer).
  struct Scaled {
    RealMatrix centre, spread, other, farther;
    Eigen::Matrix<bool, Eigen::Dynamic, Eigen::Dynamic> zero;
    ScaledAnswer at(Eigen::Index target, Eigen::Index row) const;
  };
  Scaled scaled(const Encoded& encoded, Eigen::Index first, Eigen::Index count, std::uint8_t* in_range, bool with_spread) const;
  Expected<void> check(const Encoded& encoded) const;
  /// Answers by `scaled` into matrices of the right size; without intervals the means alone.
  Expected<void> answer(const Encoded& encoded, bool intervals, Prediction& to) const;
  /// The same by the quick way where there is one, and for rows that it does not take as above. `encoded`: what x is part of, or null.
  Expected<Prediction> predict_any(const RealMatrix& x, const Encoded* encoded, bool intervals) const;
  /// Those of settle(), or `made` from the targets as they are now.
  const std::vector<Finisher>& finishers_or(std::vector<Finisher>& made) const;
  /// After training and loading: units that names or layouts tell where none is stated, and what queries need of features and targets.
  void settle();

  ModelInfo info_;
  std::vector<std::shared_ptr<const Learner>> learners_;  // one per head
  // Of settle(), so that a query makes none of them; none and null while training.
  std::vector<Bound> bounds_, node_bounds_;                      // one per feature
  std::vector<std::pair<double, double>> ranges_, node_ranges_;  // one per feature, in its scale
  std::shared_ptr<const TextPlan> text_plan_;
  std::shared_ptr<const std::vector<Finisher>> finishers_;  // one per target
  std::shared_ptr<const LanePlan> lanes_;                   // null where the learners do not answer rows side by side
};

/// Scores of a model on a table that has its features and at least one of its targets.
Expected<std::vector<Score>> evaluate(const Model& model, const arch::LabelTable& table, const arch::LabelTable* nodes = nullptr);

/// Scores of predictions against labels [n, targets] (NaN: no label). Targets without any label get a score of 0 rows.
std::vector<Score> score(const ModelInfo& info, const Prediction& prediction, const RealMatrix& labels);

/// Number of network inputs that a list of features makes: one per number, one more where it may miss, one per category.
int input_count(const std::vector<Feature>& features);

/// A value in its column's scale, and back. NaN where the scale does not take the value.
double to_scale(const std::string& scale, double divisor, double value);
double from_scale(const std::string& scale, double divisor, double value);

}  // namespace gnomon::surrogate
