#include <algorithm>
#include <map>

#include "gnomon/arch/metrics.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/sim/result.hpp"

#include <nlohmann/json.hpp>

namespace gnomon::sim {
namespace {

/// Bytes that the array, the vector unit and transfers moved through all levels.
PortBytes sram(const Counts& counts) {
  PortBytes sum;
  for (const PortBytes& level : counts.level) {
    sum.read += level.read;
    sum.write += level.write;
  }
  return sum;
}

double share(std::int64_t macs, std::int64_t cycles, std::int64_t pes) {
  if (cycles <= 0 || pes <= 0) return 0;
  return static_cast<double>(macs) / (static_cast<double>(cycles) * static_cast<double>(pes));
}

/// Adds one core's dynamic energy to the sum by name.
class Components {
 public:
  explicit Components(const arch::Design& design) {
    for (const char* name : {"mac", "pe_registers"}) add(name);
    for (const arch::Core& core : design.cores) {
      first_level_.push_back(entries_.size());
      for (const arch::Level& level : core.levels) add(design.cores.size() > 1 ? core.name + "." + level.name : level.name);
    }
    shared_ = entries_.size();
    for (const arch::Level& level : design.shared) add(level.name);
    rest_ = entries_.size();
    for (const char* name : {"vector", "bus", "dram", "pins", "leakage", "clock"}) add(name);
  }

  void add(const arch::Design& design, std::size_t core, const EnergyBreakdown& e) {
    entries_[0].second += e.mac;
    entries_[1].second += e.pe_registers;
    const std::size_t own = design.cores[core].levels.size();
    for (std::size_t i = 0; i < e.level_count; ++i) entries_[i < own ? first_level_[core] + i : shared_ + i - own].second += e.level[i];
    const double rest[] = {e.vector, e.bus, e.dram, e.pins, e.leakage, e.clock};
    for (std::size_t i = 0; i < std::size(rest); ++i) entries_[rest_ + i].second += rest[i];
  }

  std::vector<std::pair<std::string, double>> take() { return std::move(entries_); }

 private:
  std::vector<std::pair<std::string, double>> entries_;
  std::vector<std::size_t> first_level_;
  std::size_t shared_ = 0;
  std::size_t rest_ = 0;

  void add(std::string name) { entries_.emplace_back(std::move(name), 0.0); }
};

std::string mapping_json(const arch::LoweredOperator& op, const arch::Mapping& mapping) {
  arch::Mapping own;
  for (const arch::WorkStep& step : op.steps) {
    if (!step.array) continue;
    if (const arch::StepMapping* found = mapping.find(step.label)) own.steps.push_back(*found);
  }
  return own.steps.empty() ? std::string() : arch::write_mapping(own).dump();
}

}  // namespace

Expected<arch::Evaluation> assemble(const arch::Design& design, const workloads::Graph& graph,
                                    const std::vector<arch::LoweredOperator>& lowered, const arch::Mapping& mapping,
                                    const std::vector<StepResult>& steps, std::optional<double> dram_energy_pj) {
  auto units = arch::unit_energies(design);
  if (!units) return fail(std::move(units.error()));
  if (dram_energy_pj) {
    std::int64_t bytes = 0;
    for (const StepResult& step : steps) bytes += step.counts.dram_read_bytes + step.counts.dram_write_bytes;
    units->dram_pj_per_byte = bytes > 0 ? *dram_energy_pj / static_cast<double>(bytes) : 0;
  }
  std::map<std::string, const StepResult*> by_label;
  for (const StepResult& step : steps) by_label[step.label] = &step;
  std::map<std::string, const arch::LoweredOperator*> by_name;
  for (const arch::LoweredOperator& op : lowered) by_name[op.name] = &op;
  // A fused operator's work is done where its producer runs.
  std::map<std::string, std::size_t> fused_core;
  std::int64_t pes = 0;
  for (const arch::Core& core : design.cores) pes += core.array.pes();

  arch::Evaluation out;
  Components components(design);
  arch::LayerMetrics total;
  std::int64_t span_sum = 0;
  for (const arch::LoweredOperator& op : lowered) {
    if (op.steps.empty() && !op.is_fused) continue;
    arch::LayerMetrics row;
    row.name = op.name;
    row.op = op.type;
    row.macs = op.macs;
    std::size_t core = 0;
    std::int64_t row_pes = 0;
    if (op.is_fused) {
      const auto where = fused_core.find(op.name);
      core = where == fused_core.end() ? 0 : where->second;
      Counts counts;
      counts.vector_ops = graph.op(op.op).vector_ops;
      const EnergyBreakdown e = dynamic_energy(*units, core, counts);
      components.add(design, core, e);
      row.energy_pj = e.total();
    }
    for (std::size_t i = 0; i < op.steps.size(); ++i) {
      const auto found = by_label.find(op.steps[i].label);
      if (found == by_label.end()) {
        return fail(ErrorKind::run_failed, "step " + in_quotes(op.steps[i].label) + " of operator " + in_quotes(op.name) + " has no result");
      }
      const StepResult& step = *found->second;
      core = step.core;
      row_pes = std::max(row_pes, design.cores[core].array.pes());
      Counts counts = step.counts;
      if (i == 0) {
        // What rides along and has no row of its own: the bias.
        std::int64_t own = op.fused_vector_ops;
        for (const std::string& name : op.fused) {
          fused_core[name] = core;
          if (const auto other = by_name.find(name); other != by_name.end()) own -= graph.op(other->second->op).vector_ops;
        }
        counts.vector_ops += std::max<std::int64_t>(own, 0);
      }
      const EnergyBreakdown e = dynamic_energy(*units, core, counts);
      components.add(design, core, e);
      row.energy_pj += e.total();
      row.latency_cycles += step.latency_cycles;
      row.compute_cycles += step.compute_cycles;
      row.stall_cycles += step.stall_cycles;
      row.dram_read_bytes += counts.dram_read_bytes;
      row.dram_write_bytes += counts.dram_write_bytes;
      const PortBytes bytes = sram(counts);
      row.sram_read_bytes += bytes.read;
      row.sram_write_bytes += bytes.write;
      total.latency_cycles = std::max(total.latency_cycles, step.start_cycle + step.latency_cycles);
    }
    row.utilization = share(row.macs, row.latency_cycles, row_pes);
    row.mapping_json = mapping_json(op, mapping);
    total.macs += row.macs;
    total.compute_cycles += row.compute_cycles;
    total.stall_cycles += row.stall_cycles;
    total.dram_read_bytes += row.dram_read_bytes;
    total.dram_write_bytes += row.dram_write_bytes;
    total.sram_read_bytes += row.sram_read_bytes;
    total.sram_write_bytes += row.sram_write_bytes;
    span_sum += row.latency_cycles;
    out.layers.push_back(std::move(row));
  }

  const EnergyBreakdown passing = static_energy(design, *units, total.latency_cycles);
  components.add(design, 0, passing);
  for (arch::LayerMetrics& row : out.layers) {
    if (span_sum > 0) row.energy_pj += passing.total() * static_cast<double>(row.latency_cycles) / static_cast<double>(span_sum);
  }
  out.energy_breakdown_pj = components.take();
  for (const auto& [name, energy] : out.energy_breakdown_pj) total.energy_pj += energy;

  arch::Precision widest = design.cores.front().array.precision;
  for (const arch::Core& core : design.cores) {
    if (core.array.precision.bits > widest.bits) widest = core.array.precision;
  }
  const double seconds = static_cast<double>(total.latency_cycles) * static_cast<double>(design.clock_period_ps) * 1e-12;
  const double joules = total.energy_pj * 1e-12;
  std::map<std::string, double> value{
      {"latency_s", seconds},
      {"latency_cycles", static_cast<double>(total.latency_cycles)},
      {"compute_cycles", static_cast<double>(total.compute_cycles)},
      {"stall_cycles", static_cast<double>(total.stall_cycles)},
      {"macs", static_cast<double>(total.macs)},
      {"utilization", share(total.macs, total.latency_cycles, pes)},
      {"dram_read_bytes", static_cast<double>(total.dram_read_bytes)},
      {"dram_write_bytes", static_cast<double>(total.dram_write_bytes)},
      {"sram_read_bytes", static_cast<double>(total.sram_read_bytes)},
      {"sram_write_bytes", static_cast<double>(total.sram_write_bytes)},
      {"energy_pj", total.energy_pj},
      {"edp_js", joules * seconds},
      {"area_um2", arch::area_um2(design)},
      {"power_w", seconds > 0 ? joules / seconds : 0.0},
      {"peak_memory_bytes", static_cast<double>(arch::peak_memory_bytes(graph, widest))},
  };
  for (const arch::MetricInfo& info : arch::metric_infos()) {
    if (const auto found = value.find(info.name); found != value.end()) {
      out.metrics.push_back({found->first, found->second});
      value.erase(found);
    }
  }
  for (const auto& [name, v] : value) out.metrics.push_back({name, v});
  return out;
}

}  // namespace gnomon::sim
