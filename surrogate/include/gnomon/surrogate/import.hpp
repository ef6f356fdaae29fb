#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "gnomon/arch/label_table.hpp"
#include "gnomon/base/error.hpp"
#include "gnomon/surrogate/model.hpp"

namespace gnomon::surrogate {

/// A table of a known layout, with the columns that models learn from.
struct ImportedTable {
  std::string layout;                 ///< empty: no known layout, `table` is what was given
  arch::LabelTable table;
  std::vector<std::string> features;  ///< what to predict from unless the user says otherwise
  std::string label_kind;             ///< where labels come from
  std::string label_tool = {};        ///< what computed them: the words of the columns `tool`, `target` and `mode`, or what the layout tells
};

/// Recognises a table by its header and adds what its layout implies:
///
///   hls4ml layers: `d_in, d_out, prec, rf, strategy`: one fully connected layer a row. Features are those five; `prec` is in bits.
///   HLSyn: `kernel, point_json`: one design of a kernel a row. The pragmas become columns: `PARA_*` and `TILE_*` factors (0 where a kernel has no such
///     pragma), `PIPE_*` words (off, on, flatten; absent), and over all loops `parallel` and `tile` (products), `pipelined` and `flattened` (counts). Labels of rows whose `perf_cycles` is not
///     positive are missing: the tool did not finish there.
///   Networks of layers (docs/labels.md): `layers, network, family, precision_bits`: totals that physics gives, and `analytical_TARGET` columns, what an analytical model of
///     such layers expects. Features are these and the network's settings.
///   Complete designs (docs/labels.md): the columns of `design_features()` that describe one; those derived from them are added. Features are all of these.
///
/// `wanted`: columns that a model takes; those of pragmas that no row of the table has are added, so that the rows of one kernel can be asked about.
///
/// Errors: a point that is not a JSON object, a layer that does not have its fields.
Expected<ImportedTable> import_layout(const arch::LabelTable& table, const std::vector<std::string>& wanted = {});

/// Whether a column of records of networks names the network or is a label: `network, name, lut, ff, dsp, bram, cycles, ii`.
bool names_or_labels_networks(const std::string& column);

/// Where labels come from, and what computed them, as far as their source says; both in words.
struct LabelSource {
  std::string kind, tool;

  /// Of labels below each other: what is told of any.
  void add(const LabelSource& more);
};

/// A row table and the node table of its rows.
struct NetworkTables {
  arch::LabelTable rows;
  arch::LabelTable nodes;  ///< column `network` holds the row's `network`
  /// Per row, in words, what the source says and the columns cannot hold (none, or an empty text: nothing). Answers about such rows are out of range.
  std::vector<std::string> unmodelled = {};
  LabelSource source = {};
};
/// Reads records of the wa-hls4ml schema (arXiv 2511.05615): a JSON array of records, or one record a line. All values may be strings; an empty
/// `resource_report` or `latency_report` is a missing label, never 0. Rows: network, part, clock, totals over the layers, and the labels `lut, ff, dsp,
/// bram, cycles, ii` (largest latency and interval). Nodes: one per layer with its sizes, precision, reuse factor, MACs, multipliers (MACs / reuse factor)
/// and weight bits.
Expected<NetworkTables> load_wa_hls4ml(const std::filesystem::path& path);
Expected<NetworkTables> read_wa_hls4ml(const std::string& text, const std::string& file);

/// The same records as `gnomon dataset layers` describes networks, by the text of their layers, which is what the shipped model `network` takes; with labels where there are any, without nodes. Unsupported: several precisions or strategies in a network, other layers than dense and convolutional ones,
/// maximum pools, flatten layers, sums of a dense layer's input and output and the activations between, windows that reach beyond the image. Told as unmodelled: integer bits other than 1, reuse factors
/// that hls4ml would not take, parts of other families than UltraScale+. The clock, and the widths of accumulators and tables, are not looked at.
Expected<NetworkTables> load_wa_texts(const std::filesystem::path& path);
Expected<NetworkTables> read_wa_texts(const std::string& text, const std::string& file);
/// Whether a model's features are made of such a table.
bool takes_layer_texts(const Model& model);

/// A CSV table, plain or gzip-compressed.
Expected<arch::LabelTable> load_table(const std::filesystem::path& path);

}  // namespace gnomon::surrogate
