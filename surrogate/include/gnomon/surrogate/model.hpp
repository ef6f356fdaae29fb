#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/error.hpp"
#include "gnomon/base/linalg.hpp"
#include "gnomon/base/nn.hpp"

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
  double low = 0, high = 0;        ///< smallest and largest training label
  double mean = 0, deviation = 1;  ///< of the scaled labels
  /// The interval is z -+ quantile * (spread + spread_floor) in standardised scaled units, with the ensemble's spread.
  double quantile = 0;
  double spread_floor = 0;
  double spread_limit = 0;  ///< largest spread among the calibration rows; beyond it a row is out of range
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
  std::string split;  ///< train | calibration | test
  std::vector<Score> scores;
};

/// Everything about a model but its weights; the header of the model file.
struct ModelInfo {
  std::int64_t version = 1;
  std::string label_kind;       ///< where labels come from, in words: `cycle`, `hls4ml C synthesis`
  double level = 0.9;           ///< nominal coverage of the intervals
  std::uint64_t seed = 0;
  std::string training_sha256;  ///< of the training table (as CSV)
  std::int64_t training_rows = 0, calibration_rows = 0, test_rows = 0;
  std::string group;            ///< column that kept rows together in the splits; empty: rows with the same inputs
  std::vector<Feature> features;
  std::vector<Target> targets;
  std::vector<std::int64_t> hidden;  ///< widths of the hidden layers
  std::string activation = "silu";
  std::int64_t members = 0;
  std::vector<SplitScores> metrics;
  std::vector<std::string> notes;    ///< columns left out and why, and the like
};

/// Field tables of the header's parts (base/fields.hpp), for model files and JSON output.
void describe(FieldVisitor& v, Feature& feature);
void describe(FieldVisitor& v, Target& target);
void describe(FieldVisitor& v, Score& score);
void describe(FieldVisitor& v, SplitScores& scores);
void describe(FieldVisitor& v, ModelInfo& info);

/// Answers for n rows: `mean` (the ensemble's centre, taken back to the label's unit), interval ends, and whether each row lies inside what
/// training saw. Matrices are [n, targets].
struct Prediction {
  RealMatrix mean, lower, upper;
  std::vector<std::uint8_t> in_range;
};

/// A trained surrogate: a ridge-regression base (in log domain a power law) plus the mean of an ensemble of small multi-output networks that
/// learned what the base leaves, with split-conformal intervals scaled by the ensemble's spread (Lei et al., JASA 2018; Angelopoulos and
/// Bates 2023) from held-out groups. Scaled outputs are bounded to the training labels' range widened by half of it on each side, and
/// intervals by twice, so that no extrapolation runs away. Immutable; predictions may run in several threads.
class Model {
 public:
  const ModelInfo& info() const { return info_; }
  std::size_t feature_count() const { return info_.features.size(); }
  std::size_t target_count() const { return info_.targets.size(); }

  /// Predicts rows x [n, features] in the order of `info().features`, in their own units; categorical columns hold the index into
  /// `categories` (-1 for a word never seen), missing values are NaN. Errors: wrong number of columns; a missing value where training had none;
  /// an infinite value; a value that the column's scale does not take is out of range, not an error.
  Expected<Prediction> predict(const RealMatrix& x) const;
  /// Takes the model's features out of a table by name; a column that was constant in training may be absent, or lack
  /// values. Errors: missing columns (nearest name), other units, words where numbers are due.
  Expected<RealMatrix> encode(const arch::LabelTable& table) const;
  Expected<Prediction> predict(const arch::LabelTable& table) const;
  /// Why a row is out of range, in words (`rows = 300 is above 256`); empty where its features are inside.
  std::string why_out_of_range(const RealVector& row) const;

  /// One JSON header line, then the weights as little-endian float32. The header's last entry is the SHA-256 of all the rest.
  std::string to_bytes() const;
  Expected<void> save(const std::filesystem::path& path) const;
  /// Refuses what is not a model file, another version, a truncated or altered file.
  static Expected<Model> from_bytes(const std::string& bytes, const std::string& file);
  static Expected<Model> load(const std::filesystem::path& path);

 private:
  friend class Trainer;
  Model() = default;

  /// Scaled and standardised inputs, one column per row of x; and whether each row's features are inside the training ranges.
  Mlp<float>::Batch inputs(const RealMatrix& x, Eigen::Index first, Eigen::Index count, std::vector<std::uint8_t>& in_range) const;
  /// Centre and spread of the ensemble, standardised scaled units, [targets, rows].
  void outputs(const Mlp<float>::Batch& in, Mlp<float>::Batch& centre, Mlp<float>::Batch& spread) const;
  Expected<void> check(const RealMatrix& x) const;

  ModelInfo info_;
  Mlp<float> base_;  // one linear layer
  std::vector<Mlp<float>> members_;
};

/// Scores of a model on a table that has its features and at least one of its targets.
Expected<std::vector<Score>> evaluate(const Model& model, const arch::LabelTable& table);

/// Scores of predictions against labels [n, targets] (NaN: no label). Targets without any label get a score of 0 rows.
std::vector<Score> score(const ModelInfo& info, const Prediction& prediction, const RealMatrix& labels);

/// Number of network inputs that a list of features makes: one per number, one more where it may miss, one per category.
int input_count(const std::vector<Feature>& features);

/// A value in its column's scale, and back. NaN where the scale does not take the value.
double to_scale(const std::string& scale, double divisor, double value);
double from_scale(const std::string& scale, double divisor, double value);

}  // namespace gnomon::surrogate
