#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

struct TrainOptions {
  std::vector<std::string> targets;   ///< columns to predict; numbers
  std::vector<std::string> features;  ///< columns to predict from; empty: all that are not targets, group or `ignore`
  std::vector<std::string> ignore;
  /// Column whose rows of equal value stay on one side of every split (a kernel, a layer size); empty: rows with equal inputs stay together.
  std::string group;
  std::string label_kind;
  std::uint64_t seed = 1;
  int members = 5;
  std::vector<int> hidden = {64, 64};
  std::string activation = "silu";  ///< tanh | relu | silu
  int max_epochs = 400;             ///< fewer for large tables: a member sees about two million rows in all, but at least 30 epochs
  double calibration_fraction = 0.2;
  double test_fraction = 0.1;       ///< 0: no test rows are held out
  double level = 0.9;               ///< nominal coverage of the intervals
  int threads = 0;                  ///< 0: as many as the machine has; the result does not depend on it
};

/// Least number of labelled rows that training takes.
inline constexpr std::size_t least_rows = 20;

/// Trains a model. Scales are chosen by the columns: features of positive values that span a factor of 8 or more are seen in the log
/// domain; targets are log where all labels are positive, log1p where they reach 0, linear where they are negative. Groups (not rows) are
/// dealt to training, calibration and test rows by the seed. Each network is trained with Adam on its own nine tenths of the training groups,
/// stops where the other tenth no longer improves, and skips missing labels. Interval quantiles come from the calibration groups, with the
/// finite-sample correction (1 + 1/groups).
///
/// Errors (invalid_input): unknown columns, a target that is not numeric or without labels, a feature without a value, fewer than `least_rows`
/// rows or two groups, options out of range. Same table and options: same bytes, whatever the number of threads.
Expected<Model> train(const arch::LabelTable& table, const TrainOptions& options);

}  // namespace gnomon::surrogate
