#include <algorithm>
#include <map>

#include "gnomon/base/text.hpp"
#include "gnomon/sim/analytical.hpp"
#include "gnomon/sim/mapper.hpp"
#include "run.hpp"

namespace gnomon::sim {
namespace {

/// Steps of one shape under one mapping have one answer.
bool same_work(const arch::ArrayWork& a, const arch::ArrayWork& b) {
  if (!std::equal(std::begin(a.extent), std::end(a.extent), std::begin(b.extent)) || a.window.has_value() != b.window.has_value()) return false;
  if (!a.window) return true;
  const workloads::Convolution &x = *a.window, &y = *b.window;
  return x.batch == y.batch && x.groups == y.groups && x.in_channels == y.in_channels && x.out_channels == y.out_channels && x.in == y.in && x.out == y.out &&
         x.kernel == y.kernel && x.stride == y.stride && x.dilation == y.dilation && x.pad_begin == y.pad_begin && x.pad_end == y.pad_end;
}
bool same_mapping(const arch::StepMapping& a, const arch::StepMapping& b) {
  return a.core == b.core && a.levels == b.levels && a.rows_size == b.rows_size && a.cols_size == b.cols_size && a.folds == b.folds &&
         std::equal(std::begin(a.layout), std::end(a.layout), std::begin(b.layout));
}

}  // namespace

Expected<void> supported(const arch::Design& design) {
  for (const arch::Core& core : design.cores) {
    if (core.levels.size() + design.shared.size() > max_levels) {
      return fail(ErrorKind::unsupported, "core " + in_quotes(core.name) + " sees " + std::to_string(core.levels.size() + design.shared.size()) +
                                              " levels; allowed: " + std::to_string(max_levels));
    }
  }
  return {};
}

Expected<arch::Evaluation> analyze_planned(const arch::Design& design, const workloads::Graph& graph,
                                           const std::vector<arch::LoweredOperator>& lowered, const arch::Mapping& mapping,
                                           const std::vector<PlannedStep>& steps) {
  if (auto ok = supported(design); !ok) return fail(std::move(ok.error()));
  struct Known {
    const PlannedStep* step;
    StepResult result;
  };
  std::multimap<std::int64_t, Known> known;  // by MACs
  std::vector<StepResult> results;
  std::vector<std::int64_t> core_free(design.cores.size(), 0);
  for (const PlannedStep& step : steps) {
    StepResult result;
    if (step.step->array) {
      const arch::ArrayWork& work = *step.step->array;
      if (work.macs() > std::int64_t{1} << 56) {
        return fail(ErrorKind::unsupported, "step " + in_quotes(step.step->label) + " has more than 2^56 MACs");
      }
      if (auto ok = LayerContext::supports(*step.mapping); !ok) return fail(std::move(ok.error()));
      const auto [begin, end] = known.equal_range(work.macs());
      const auto found = std::find_if(begin, end, [&](const auto& entry) {
        const PlannedStep& other = *entry.second.step;
        return other.core == step.core && same_work(*other.step->array, work) && same_mapping(*other.mapping, *step.mapping);
      });
      if (found != end) {
        result = found->second.result;
      } else {
        const LayerEstimate e = estimate(design, design.cores[step.core], work, *step.mapping);
        result.core = step.core;
        result.latency_cycles = e.latency_cycles;
        result.compute_cycles = e.compute_cycles;
        result.stall_cycles = e.stall_cycles;
        result.counts = e.counts;
        known.emplace(work.macs(), Known{&step, result});
      }
      result.label = step.step->label;
    } else {
      result = estimate_vector(design, step.core, step.step->vector, step.step->label);
    }
    result.start_cycle = core_free[step.core];
    for (const std::size_t before : step.after) {
      result.start_cycle = std::max(result.start_cycle, results[before].start_cycle + results[before].latency_cycles);
    }
    core_free[step.core] = result.start_cycle + result.latency_cycles;
    results.push_back(std::move(result));
  }
  if (design.cores.size() > 1 && !results.empty()) {
    // The cores share one memory link: the last step ends no earlier than the link could have carried everything.
    std::int64_t bytes = 0, end = 0;
    for (const StepResult& r : results) {
      bytes += r.counts.dram_read_bytes + r.counts.dram_write_bytes;
      end = std::max(end, r.start_cycle + r.latency_cycles);
    }
    const std::int64_t link = (bytes + design.memory.bytes_per_cycle - 1) / design.memory.bytes_per_cycle + design.memory.latency_cycles;
    if (link > end) {
      results.back().latency_cycles += link - results.back().start_cycle - results.back().latency_cycles;
      results.back().stall_cycles = results.back().latency_cycles - results.back().compute_cycles;
    }
  }
  std::optional<double> dram_pj;
  if (design.memory.dram) {
    std::int64_t read = 0, written = 0, end = 0;
    for (const StepResult& r : results) {
      read += r.counts.dram_read_bytes;
      written += r.counts.dram_write_bytes;
      end = std::max(end, r.start_cycle + r.latency_cycles);
    }
    dram_pj = device_energy_pj(*design.memory.dram, read, written, static_cast<double>(end) * static_cast<double>(design.clock_period_ps));
  }
  return assemble(design, graph, lowered, mapping, results, dram_pj);
}

Expected<arch::Evaluation> analyze(const arch::Design& design, const workloads::Graph& graph, const arch::Mapping& mapping, const std::string& mapping_file) {
  if (auto ok = supported(design); !ok) return fail(std::move(ok.error()));
  auto lowered = arch::lower(graph, lowering_core(design));
  if (!lowered) return fail(std::move(lowered.error()));
  auto steps = plan(design, graph, *lowered, mapping, mapping_file);
  if (!steps) return fail(std::move(steps.error()));
  return analyze_planned(design, graph, *lowered, mapping, *steps);
}

Expected<arch::Evaluation> analyze(const arch::Design& design, const workloads::Graph& graph) {
  if (auto ok = supported(design); !ok) return fail(std::move(ok.error()));
  auto lowered = arch::lower(graph, lowering_core(design));
  if (!lowered) return fail(std::move(lowered.error()));
  auto mapping = map(design, graph, *lowered);
  if (!mapping) return fail(std::move(mapping.error()));
  auto steps = plan(design, graph, *lowered, *mapping, "mapping");
  if (!steps) return fail(std::move(steps.error()));
  return analyze_planned(design, graph, *lowered, *mapping, *steps);
}

}  // namespace gnomon::sim
