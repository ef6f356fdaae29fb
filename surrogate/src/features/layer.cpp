#include <algorithm>
#include <map>

#include "gnomon/arch/mapping.hpp"
#include "gnomon/surrogate/features.hpp"

namespace gnomon::surrogate {
namespace {

using arch::Dim;
using arch::Operand;

constexpr Operand operands[] = {Operand::ifmap, Operand::filter, Operand::ofmap};

/// What of a design is the same for all layers.
struct DesignNumbers {
  double clock_mhz = 0, cores = 0, rows = 0, cols = 0, overlap = 0, bits = 0, accumulator_bits = 0, lanes = 0;
  double held_bytes[arch::operand_count] = {}, port_bytes[arch::operand_count] = {}, banks[arch::operand_count] = {};
  double shared_bytes = 0, bus_bytes = 0, memory_bytes = 0, memory_latency = 0, channels = 0;
  std::string dataflow, timing, memory, technology;
};

DesignNumbers numbers_of(const arch::Design& design) {
  const arch::Core& core = design.cores.front();
  DesignNumbers d;
  d.clock_mhz = design.clock_mhz;
  d.cores = static_cast<double>(design.cores.size());
  d.rows = static_cast<double>(core.array.rows);
  d.cols = static_cast<double>(core.array.cols);
  d.overlap = core.array.overlap ? 1 : 0;
  d.bits = core.array.precision.bits;
  d.accumulator_bits = core.array.accumulator_bits;
  d.lanes = static_cast<double>(core.vector_lanes);
  for (const Operand operand : operands) {
    const auto o = static_cast<std::size_t>(operand);
    bool innermost = true;
    for (const arch::Level& level : core.levels) {
      if (!level.holds[o]) continue;
      d.held_bytes[o] += static_cast<double>(level.bytes);
      if (innermost) {
        d.port_bytes[o] = static_cast<double>(level.bytes_per_cycle);
        d.banks[o] = static_cast<double>(level.banks);
      }
      innermost = false;
    }
  }
  for (const arch::Level& level : design.shared) d.shared_bytes += static_cast<double>(level.bytes);
  d.bus_bytes = static_cast<double>(design.bus_bytes_per_cycle);
  d.memory_bytes = static_cast<double>(design.memory.bytes_per_cycle);
  d.memory_latency = static_cast<double>(design.memory.latency_cycles);
  d.channels = static_cast<double>(design.memory.dram ? design.memory.dram->channels : 1);
  d.dataflow = arch::info(core.array.dataflow).name;
  d.timing = core.array.timing == arch::Timing::scalesim ? "scalesim" : "rtl";
  d.memory = design.memory.type;
  d.technology = design.technology;
  return d;
}

/// What of an operator is the same on all designs but for the precision.
struct WorkNumbers {
  double g = 0, m = 0, n = 0, k = 0, macs = 0, steps = 0, vector_ops = 0, elements = 0;
  double least_bytes[arch::operand_count] = {};  // of the operands, each once
  std::string kind;
};

WorkNumbers numbers_of(const arch::LoweredOperator& op, int bits) {
  WorkNumbers w;
  std::int64_t most = -1;
  bool vector = false;
  for (const arch::WorkStep& step : op.steps) {
    w.vector_ops += static_cast<double>(step.vector.ops);
    w.elements += static_cast<double>(step.vector.in_elements) + static_cast<double>(step.vector.out_elements);
    if (!step.array) {
      vector = true;
      continue;
    }
    const arch::ArrayWork& work = *step.array;
    arch::TileRange all;
    for (int dim = 0; dim < arch::dim_count; ++dim) all.end[dim] = work.extent[dim];
    for (const Operand operand : operands) {
      w.least_bytes[static_cast<std::size_t>(operand)] += static_cast<double>(arch::packed_bytes(arch::tile_elements(work, operand, all), bits));
    }
    w.macs += static_cast<double>(work.macs());
    if (work.macs() > most) {
      most = work.macs();
      w.g = static_cast<double>(work.size(Dim::g));
      w.m = static_cast<double>(work.size(Dim::m));
      w.n = static_cast<double>(work.size(Dim::n));
      w.k = static_cast<double>(work.size(Dim::k));
    }
  }
  w.steps = static_cast<double>(op.steps.size());
  w.vector_ops += static_cast<double>(op.fused_vector_ops);
  w.kind = most < 0 ? "vector" : vector ? "mixed" : "array";
  return w;
}

/// A feature with the way to its value; the one list from which names, units and columns come.
struct Row {
  const DesignNumbers& d;
  const WorkNumbers& w;
  const arch::LayerMetrics& a;
};
struct Entry {
  LayerFeature feature;
  double (*number)(const Row&) = nullptr;
  std::string (*word)(const Row&) = nullptr;
};

const std::vector<Entry>& entries() {
  static const std::vector<Entry> list{
      {{"kind", "", "array, vector or mixed work", true}, nullptr, [](const Row& r) { return r.w.kind; }},
      {{"g", "", "independent products"}, [](const Row& r) { return r.w.g; }},
      {{"m", "", "rows of the product: output pixels"}, [](const Row& r) { return r.w.m; }},
      {{"n", "", "columns of the product: filters"}, [](const Row& r) { return r.w.n; }},
      {{"k", "", "length of the sums: filter volume"}, [](const Row& r) { return r.w.k; }},
      {{"macs", "", "multiply-accumulates"}, [](const Row& r) { return r.w.macs; }},
      {{"steps", "", "work steps"}, [](const Row& r) { return r.w.steps; }},
      {{"vector_ops", "", "scalar operations, fused ones included"}, [](const Row& r) { return r.w.vector_ops; }},
      {{"vector_elements", "", "elements streamed by vector work"}, [](const Row& r) { return r.w.elements; }},
      {{"least_ifmap_bytes", "B", "the input, each element once"}, [](const Row& r) { return r.w.least_bytes[0]; }},
      {{"least_filter_bytes", "B", "the weights, each once"}, [](const Row& r) { return r.w.least_bytes[1]; }},
      {{"least_ofmap_bytes", "B", "the output, each element once"}, [](const Row& r) { return r.w.least_bytes[2]; }},
      {{"clock_mhz", "MHz", "array clock"}, [](const Row& r) { return r.d.clock_mhz; }},
      {{"cores", "", "cores of the design"}, [](const Row& r) { return r.d.cores; }},
      {{"rows", "PEs", "array rows of the first core"}, [](const Row& r) { return r.d.rows; }},
      {{"cols", "PEs", "array columns of the first core"}, [](const Row& r) { return r.d.cols; }},
      {{"dataflow", "", "what stays in the PEs", true}, nullptr, [](const Row& r) { return r.d.dataflow; }},
      {{"timing", "", "array timing", true}, nullptr, [](const Row& r) { return r.d.timing; }},
      {{"overlap", "", "folds overlap"}, [](const Row& r) { return r.d.overlap; }},
      {{"bits", "bit", "operand width"}, [](const Row& r) { return r.d.bits; }},
      {{"accumulator_bits", "bit", "accumulator width"}, [](const Row& r) { return r.d.accumulator_bits; }},
      {{"vector_lanes", "", "lanes of the vector unit"}, [](const Row& r) { return r.d.lanes; }},
      {{"ifmap_bytes", "B", "capacity of the core's levels for inputs"}, [](const Row& r) { return r.d.held_bytes[0]; }},
      {{"filter_bytes", "B", "capacity of the core's levels for weights"}, [](const Row& r) { return r.d.held_bytes[1]; }},
      {{"ofmap_bytes", "B", "capacity of the core's levels for outputs"}, [](const Row& r) { return r.d.held_bytes[2]; }},
      {{"ifmap_port_bytes", "B/cycle", "port of the innermost level of inputs"}, [](const Row& r) { return r.d.port_bytes[0]; }},
      {{"filter_port_bytes", "B/cycle", "port of the innermost level of weights"}, [](const Row& r) { return r.d.port_bytes[1]; }},
      {{"ofmap_port_bytes", "B/cycle", "port of the innermost level of outputs"}, [](const Row& r) { return r.d.port_bytes[2]; }},
      {{"ifmap_banks", "", "banks of the innermost level of inputs"}, [](const Row& r) { return r.d.banks[0]; }},
      {{"filter_banks", "", "banks of the innermost level of weights"}, [](const Row& r) { return r.d.banks[1]; }},
      {{"ofmap_banks", "", "banks of the innermost level of outputs"}, [](const Row& r) { return r.d.banks[2]; }},
      {{"shared_bytes", "B", "capacity of shared levels"}, [](const Row& r) { return r.d.shared_bytes; }},
      {{"bus_bytes_per_cycle", "B/cycle", "interconnect"}, [](const Row& r) { return r.d.bus_bytes; }},
      {{"memory", "", "type of the memory", true}, nullptr, [](const Row& r) { return r.d.memory; }},
      {{"memory_bytes_per_cycle", "B/cycle", "ideal memory's port"}, [](const Row& r) { return r.d.memory_bytes; }},
      {{"memory_latency_cycles", "cycles", "ideal memory's latency"}, [](const Row& r) { return r.d.memory_latency; }},
      {{"channels", "", "memory channels"}, [](const Row& r) { return r.d.channels; }},
      {{"technology", "", "process", true}, nullptr, [](const Row& r) { return r.d.technology; }},
      {{"analytical_latency_cycles", "cycles", "analytical model"}, [](const Row& r) { return static_cast<double>(r.a.latency_cycles); }},
      {{"analytical_compute_cycles", "cycles", "analytical model (exact)"}, [](const Row& r) { return static_cast<double>(r.a.compute_cycles); }},
      {{"analytical_stall_cycles", "cycles", "analytical model"}, [](const Row& r) { return static_cast<double>(r.a.stall_cycles); }},
      {{"dram_read_bytes", "B", "traffic (exact)"}, [](const Row& r) { return static_cast<double>(r.a.dram_read_bytes); }},
      {{"dram_write_bytes", "B", "traffic (exact)"}, [](const Row& r) { return static_cast<double>(r.a.dram_write_bytes); }},
      {{"sram_read_bytes", "B", "traffic of all levels (exact)"}, [](const Row& r) { return static_cast<double>(r.a.sram_read_bytes); }},
      {{"sram_write_bytes", "B", "traffic of all levels (exact)"}, [](const Row& r) { return static_cast<double>(r.a.sram_write_bytes); }},
      {{"analytical_energy_pj", "pJ", "analytical model"}, [](const Row& r) { return r.a.energy_pj; }},
  };
  return list;
}

}  // namespace

const std::vector<LayerFeature>& layer_features() {
  static const std::vector<LayerFeature> list = [] {
    std::vector<LayerFeature> out;
    for (const Entry& entry : entries()) out.push_back(entry.feature);
    return out;
  }();
  return list;
}

arch::LabelTable layer_table(const arch::Design& design, const std::vector<arch::LoweredOperator>& lowered,
                             const arch::Evaluation& analytical, std::vector<std::size_t>* layers) {
  std::map<std::string, const arch::LoweredOperator*> by_name;
  for (const arch::LoweredOperator& op : lowered) by_name[op.name] = &op;
  const DesignNumbers d = numbers_of(design);
  const int bits = design.cores.front().array.precision.bits;
  std::vector<arch::LabelTable::Column> columns;
  for (const Entry& entry : entries()) columns.push_back({entry.feature.name, entry.feature.unit, !entry.feature.words, {}, {}});
  if (layers) layers->clear();
  for (std::size_t i = 0; i < analytical.layers.size(); ++i) {
    const arch::LayerMetrics& row = analytical.layers[i];
    const auto op = by_name.find(row.name);
    if (op == by_name.end() || row.latency_cycles <= 0) continue;
    if (layers) layers->push_back(i);
    const WorkNumbers w = numbers_of(*op->second, bits);
    const Row at{d, w, row};
    for (std::size_t c = 0; c < columns.size(); ++c) {
      if (entries()[c].number) columns[c].numbers.push_back(entries()[c].number(at));
      else columns[c].words.push_back(entries()[c].word(at));
    }
  }
  arch::LabelTable out;
  for (auto& column : columns) out.add(std::move(column));
  return out;
}

}  // namespace gnomon::surrogate
