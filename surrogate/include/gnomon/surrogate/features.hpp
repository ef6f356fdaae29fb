#pragma once

#include <string>
#include <vector>

#include "gnomon/arch/design.hpp"
#include "gnomon/arch/evaluator.hpp"
#include "gnomon/arch/label_table.hpp"
#include "gnomon/arch/lowering.hpp"

namespace gnomon::surrogate {

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

}  // namespace gnomon::surrogate
