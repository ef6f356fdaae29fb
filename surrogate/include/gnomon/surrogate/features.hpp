#pragma once

#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/label_table.hpp"
#include "gnomon/arch/lowering.hpp"

namespace gnomon::surrogate {

class Model;

/// One feature of an operator on a design.
struct LayerFeature {
  std::string name;
  std::string unit;
  std::string summary;
  bool words = false;  ///< a category
};

/// The features in the order of the table's columns: the operator's dimensions and least traffic, the design's array, levels, bus, memory and
/// clock, and what the analytical model says (cycles, traffic, energy).
const std::vector<LayerFeature>& layer_features();

/// One row for each operator that takes time, in the order of `analytical.layers`, with the columns of `layer_features()`. `analytical` is the
/// analytical model's answer for the same design, graph and mapping. `layers` receives the index of each row in `analytical.layers`.
/// Of several array steps (attention), M, N and K are those of the one with the most MACs; MACs, traffic and vector work are sums. What is
/// not seen: the order of operators, other cores, the state that an earlier operator leaves in a level or a DRAM row.
arch::LabelTable layer_table(const arch::Design& design, const std::vector<arch::LoweredOperator>& lowered,
                             const arch::Evaluation& analytical, std::vector<std::size_t>* layers = nullptr);

/// Whether a model's features are those of operators on a design.
bool takes_operators(const Model& model);
/// Rows of layer_features() for the operators of a workload on each design (JSON): those of design d are first[d] to first[d + 1] - 1. Errors name `design d`.
Expected<arch::LabelTable> operator_table(const std::vector<std::string>& designs, const arch::WorkloadRef& workload, std::vector<std::size_t>& first);

/// One feature of a complete design's resources: a column that describes it (as `gnomon dataset designs` writes them), or one derived from these.
struct DesignFeature {
  std::string name;
  std::string unit;
  bool derived = false;
};

/// Description: array (`rows, cols, dataflow, overlap, precision_bits, accumulator_bits`), the level of each operand (`ifmap_kib, ifmap_banks,
/// ifmap_bytes_per_cycle`, `filter_...`, `ofmap_...`), vector `lanes`, and the memory as the bus lets it through. Derived, what physics gives: PEs, hardware
/// products, bits of the PEs' registers, of the skew lines, of results and of streams, lanes of a transfer, bits of the vector unit, block RAMs of the banks, the width of those banks that are too
/// small for one, lanes of the streams, bits of products and of the words that levels join; and `analytical_lut, _ff, _dsp, _cell_ff, _cell_area_um2, _fmax_mhz`: sums over the units by lanes and
/// bits, fmax by the longest chain of lanes.
const std::vector<DesignFeature>& design_features();

/// Whether a table has all columns of the description.
bool is_design_table(const arch::LabelTable& table);
/// The table with the derived columns that it lacks; it is a design table.
arch::LabelTable with_design_features(arch::LabelTable table);

/// The description of each design, a row each. Unsupported, naming the field: what has no complete RTL (several cores, shared levels, device memory,
/// floating point), and levels that hold several operands.
Expected<arch::LabelTable> design_table(const std::vector<arch::Design>& designs);
/// Whether a model's features are those of complete designs.
bool takes_complete_designs(const Model& model);
/// Whether a JSON text is a design, or a list of designs.
bool holds_designs(const std::string& json);
/// Descriptions of one design or of a list of designs, with the derived features. Errors as the reader of designs has them, with `file`.
Expected<arch::LabelTable> read_design_table(const std::string& json, const std::string& file);

}  // namespace gnomon::surrogate
