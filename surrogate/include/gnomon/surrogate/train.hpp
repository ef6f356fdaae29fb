#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

struct TrainOptions {
  std::vector<std::string> targets;   ///< columns to predict; numbers
  std::vector<std::string> features;  ///< columns to predict from; empty: all that are not targets, group or `ignore`
  std::vector<std::string> ignore;
  /// Columns whose words are chosen from few, also where most entries look like numbers (`1, 2, auto`); others of that kind are refused.
  std::vector<std::string> categories = {};
  /// Column whose rows of equal value stay on one side of every split (a kernel, a layer size); empty: rows with equal inputs stay together.
  std::string group;
  std::string label_kind;           ///< where labels come from and what computed them; empty: as far as the table's layout and its column `tool` say
  std::string label_tool = {};
  std::uint64_t seed = 1;
  std::string family = "auto";      ///< auto | a family of learner_families()
  std::string term = "auto";        ///< auto: an analytical term where it wins | never
  /// auto: with the family `auto`, a hurdle for counts that are 0 at times where it wins | always: for all such counts, whatever the family | never
  std::string hurdle = "auto";
  std::string learner_options;      ///< JSON of the family's own options, with a family named; empty: its defaults
  /// Parts that held-out groups are dealt to; 0: 5 up to 1,500 rows; 1: a fifth of the groups calibrates and is not learned, quickest.
  int folds = 0;
  int members = 5;                  ///< of the ensemble, as are the next three
  std::vector<int> hidden = {64, 64};
  std::string activation = "silu";  ///< tanh | relu | silu
  int max_epochs = 400;             ///< fewer for large tables: a member sees about two million rows in all, but at least 30 epochs
  double calibration_fraction = 0.2;
  /// Rows that only measure. -1: a tenth from 10,000 rows on, else none, where held-out groups measure.
  double test_fraction = -1;
  /// Which rows those are: `random` groups, the `largest` of every size, or all where `COLUMN=VALUE` (a family, a kernel).
  std::string split = "random";
  double level = 0.9;               ///< nominal coverage of the intervals
  int threads = 0;                  ///< 0: as many as the machine has; the result does not depend on it
  /// Node lists (layers, loops) of the rows; null: none. Columns but `node_key` (also a column of the rows), `inputs` and `name` are features.
  const arch::LabelTable* nodes = nullptr;
  std::string node_key = "network";
  /// Folder for finished pieces (terms and answers of folds, learners, members): a training that was interrupted goes on with them, to the same bytes. They are told apart by a hash of table,
  /// options and version; others and damaged ones are passed over. Empty: nothing is kept. Whoever saves the model removes it (`remove_checkpoints`).
  std::filesystem::path checkpoints = {};
  std::function<void(const std::string&)> say = {};  ///< told what becomes of the checkpoints

  /// What the labels' source tells, where nothing else was said of them.
  void take(const LabelSource& source) {
    if (label_kind.empty()) label_kind = source.kind;
    if (label_tool.empty()) label_tool = source.tool;
  }
};

/// Removes a folder of finished pieces and what a killed training left in it; other files in it stay, and then the folder too.
void remove_checkpoints(const std::filesystem::path& folder);

/// Least number of labelled rows that training takes.
inline constexpr std::size_t least_rows = 20;

/// Trains a model. Tables of known layouts are imported first (import.hpp). Scales are chosen by the columns: features of positive values that span a
/// factor of 4 or more are seen in the log domain; targets are log where all labels are positive, log1p where they reach 0, linear where they
/// are negative.
///
/// Groups (not rows) are dealt to folds by the seed. `auto` compares families, with and without an analytical term (term.hpp), per target, on
/// held-out groups and on held-out sizes (for up to four size features, the largest two fifths, which no learned row reaches), takes the
/// smallest product of the two mean errors, and writes what it saw into Target::why. Intervals come from held-out answers, each fold's by the variant that the
/// other folds would take, so that the choice does not flatter them: one quantile for rows in range from the groups, one for rows out of range from the
/// sizes, with the finite-sample correction (1 + 1/groups).
///
/// Errors (invalid_input): unknown columns, a target that is not numeric or without labels, a feature without a value, fewer than `least_rows`
/// rows or two groups, options out of range. Same table and options: same bytes, whatever the number of threads.
Expected<Model> train(const arch::LabelTable& table, const TrainOptions& options);

}  // namespace gnomon::surrogate
