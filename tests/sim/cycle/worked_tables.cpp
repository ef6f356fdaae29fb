#include "worked_tables.hpp"

#include <map>
#include <sstream>
#include <stdexcept>

#include "reference.hpp"

namespace gnomon::sim::testing {
namespace {

using arch::Dim;

const char* name(arch::Dataflow dataflow) { return dataflow == arch::Dataflow::os ? "os" : dataflow == arch::Dataflow::ws ? "ws" : "is"; }

/// `filter 2, psum 1, ofmap 1`: words read, partial sums read, results written.
std::string moves_of(const reference::Step& step, std::size_t fold, bool is_final) {
  std::string text;
  for (const reference::Move& move : step.moves) {
    if (move.fold != fold) continue;
    const std::string what = move.operand == 0 ? "ifmap" : move.operand == 1 ? "filter" : move.write ? (is_final ? "result" : "sum out") : "sum in";
    text += (text.empty() ? "" : ", ") + what + " " + std::to_string(move.words);
  }
  return text;
}

}  // namespace

RandomCase worked_case(arch::Dataflow dataflow, bool overlap) {
  RandomCase out;
  arch::Design& design = out.design;
  design.clock_mhz = 1000;
  design.clock_period_ps = 1000;
  design.bus_bytes_per_cycle = 8;
  design.memory.type = "ideal";
  design.memory.bytes_per_cycle = 8;
  design.memory.latency_cycles = 0;
  arch::Core core;
  core.name = "core";
  core.array.rows = core.array.cols = 2;
  core.array.dataflow = dataflow;
  core.array.overlap = overlap;
  core.array.precision = {"int8", 8, false};
  core.array.accumulator_bits = 32;
  const char* names[3] = {"ifmap", "filter", "ofmap"};
  for (int o = 0; o < 3; ++o) {
    arch::Level level;
    level.name = names[o];
    level.holds[o] = true;
    level.bytes = 1024;
    level.bytes_per_cycle = o == 2 ? 4 : 2;
    core.levels.push_back(level);
  }
  design.cores.push_back(core);

  RandomCase::Step step;
  step.work.extent[0] = 1;
  const arch::SpatialDims dims = arch::spatial_dims(dataflow);
  step.work.extent[static_cast<int>(dims.rows)] = 3;
  step.work.extent[static_cast<int>(dims.cols)] = 2;
  step.work.extent[static_cast<int>(dims.streamed)] = 3;
  step.mapping.step = "step0";
  step.mapping.core = "core";
  step.mapping.rows_dim = dims.rows;
  step.mapping.cols_dim = dims.cols;
  step.mapping.rows_size = step.mapping.cols_size = 2;
  step.mapping.folds = {{dims.rows, 2}};
  arch::LevelLoops memory;
  memory.level = "memory";
  memory.keeps[0] = memory.keeps[1] = memory.keeps[2] = true;
  step.mapping.levels.push_back(memory);
  for (int o = 2; o >= 0; --o) {
    arch::LevelLoops entry;
    entry.level = names[o];
    entry.keeps[o] = true;
    step.mapping.levels.push_back(entry);
  }
  out.steps.push_back(step);
  return out;
}

std::string worked_tables() {
  std::ostringstream out;
  out << "## Worked tables\n\n"
         "A 2 x 2 array, int8 words and 32-bit sums, levels of 2 (ifmap, filter) and 4 (ofmap) bytes per cycle; three rows of work, two columns, three streamed\n"
         "elements: fold 0 has r = 2, fold 1 has r = 1. Cycles count from the first step. `sum in` and `sum out` are partial sums, `result` is final. (Written by\n"
         "`test_worked_tables` with GNOMON_WRITE_DOCS=1, from the slow reference; the test compares.)\n";
  for (const arch::Dataflow dataflow : {arch::Dataflow::os, arch::Dataflow::ws, arch::Dataflow::is}) {
    for (const bool overlap : {false, true}) {
      const RandomCase worked = worked_case(dataflow, overlap);
      const RandomCase::Step& step = worked.steps[0];
      reference::Job job;
      job.work = &step.work;
      job.mapping = &step.mapping;
      job.log_steps = true;
      const reference::Outcome outcome = reference::run(worked.design, {job}, 1).at(0);
      if (!outcome.error.empty()) throw std::runtime_error(outcome.error);
      const bool sums = dataflow != arch::Dataflow::os;
      out << "\n### `" << name(dataflow) << "`, overlap: " << (overlap ? "true" : "false") << "\n\n"
          << "M = " << step.work.extent[1] << ", N = " << step.work.extent[2] << ", K = " << step.work.extent[3] << ": " << outcome.steps.size() << " steps, "
          << outcome.compute << " cycles.\n\n| step | cycle | price | fold 0 | fold 1 |\n|---|---|---|---|---|\n";
      for (std::size_t s = 0; s < outcome.steps.size(); ++s) {
        const reference::Step& row = outcome.steps[s];
        out << "| " << s << " | " << row.start - outcome.steps[0].start << " | " << row.price << " | " << moves_of(row, 0, !sums) << " | " << moves_of(row, 1, true)
            << " |\n";
      }
    }
  }
  return out.str();
}

}  // namespace gnomon::sim::testing
