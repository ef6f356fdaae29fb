#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/surrogate/import.hpp"
#include "gnomon/surrogate/train.hpp"

/// The protocol of wa-hls4ml (arXiv 2511.05615) on any table of labelled networks.
namespace gnomon::surrogate {

struct BenchmarkOptions {
  std::vector<std::string> targets = {"bram", "dsp", "ff", "lut", "cycles", "ii"};
  std::vector<std::string> models;  ///< names of benchmark_models(); empty: all that the data allow
  std::uint64_t seed = 1;
  /// Multiplies the epochs of the baselines; below 1 for a look.
  double effort = 1;
  int threads = 0;
  double features_us = 0;  ///< what making a row's features took (layers_tables); added to the times of queries
  std::function<void(const std::string&)> progress;
};

/// How a model did on a target, by the protocol: SMAPE has 1 in the denominator, R2 and RMSE are of absolute values.
struct BenchmarkScore {
  std::string target;
  std::int64_t rows = 0;
  double r2 = 0, smape_percent = 0, rmse = 0, median_error_percent = 0, coverage = 0, mean_width = 0, interval_score = 0;
};
struct BenchmarkCell {
  std::string model, subset;
  std::vector<BenchmarkScore> scores;
};
struct BenchmarkModelInfo {
  std::string name, what;
  double train_cpu_s = 0, batch_us = 0, single_us = 0;  ///< processor time; a query with its features, in a batch and alone
};
struct BenchmarkReport {
  std::int64_t train_networks = 0, validation_networks = 0, test_networks = 0, exemplar_networks = 0, flat_networks = 0;
  std::vector<BenchmarkModelInfo> models;
  std::vector<BenchmarkCell> cells;
  std::vector<std::string> notes;
};

struct BenchmarkModel {
  std::string name, what;
  bool needs_nodes = false;
};
/// `gnomon`: what `train` chooses, on the analytical model of layers where the table has it; `analytical`: that model alone. Baselines of the paper, which see sizes only, nothing derived: `mlp` (statistics over layers by type, a network for
/// each target), `gnn` (messages along the chain of layers, pooled; the family `graph`, where the paper has GATv2 attention), `transformer` (encoder over layer tokens). All are trained on the same networks.
const std::vector<BenchmarkModel>& benchmark_models();

/// `train` (70 %), `validation` (15 %) or `test` (15 %), by a hash of the network's name: the same in every table that has it.
std::string benchmark_split(const std::string& network);

/// Whether a table is one of `gnomon dataset layers` (docs/labels.md), and such a table as `run_benchmark` takes it: a node per entry of the column `layers`, totals that
/// physics gives (MACs, weight bits, bit operations, steps), families as subsets, exemplars by name. Errors: a layer that does not have its fields.
bool is_layers_table(const arch::LabelTable& table);
Expected<NetworkTables> layers_tables(const arch::LabelTable& table);
/// The derived columns of such a table's rows alone (totals over the layers, `analytical_*`): what a model needs beside the columns `precision_bits, strategy, io, layer_count`.
Expected<std::vector<arch::LabelTable::Column>> layers_features(const arch::LabelTable& table);

/// Rows: `network` (a name; rows of equal name are one network at several settings), the targets, and features. Optional columns: `exemplar` (a word: the row is of
/// an exemplar network, never trained on, and scored apart under that word), `subset` (a word, say `dense`: scored apart too), `split` (else by hash), `flat_TARGET` (labels
/// of the same row synthesised flat: test rows that have them are scored apart on them). Nodes: `network` holds the row's `row` or, without such a column, its `network`; one node
/// per layer. Validation networks choose and calibrate, as `train` splits them; test and exemplar networks are seen by nobody.
/// Errors: missing columns, no test or training networks, unknown models (nearest name), those of `train`.
Expected<BenchmarkReport> run_benchmark(const arch::LabelTable& rows, const arch::LabelTable* nodes, const BenchmarkOptions& options);

/// Tables like the paper's (R2, SMAPE, RMSE by subset and model), then medians, intervals and times, with the published figures beside (facts of the
/// paper and of its public leaderboard: other labels, other tools, so beside and never mixed).
std::string benchmark_markdown(const BenchmarkReport& report, const BenchmarkOptions& options);
Json benchmark_json(const BenchmarkReport& report, const BenchmarkOptions& options);

}  // namespace gnomon::surrogate
