#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "gnomon/arch/evaluator.hpp"
#include "gnomon/base/json.hpp"
#include "gnomon/sim/dram.hpp"

/// Memories by themselves: traces played on them, as a command, as an evaluator, and as a document.
namespace gnomon::sim {

/// Opens a trace for a memory: `trace:PATTERN` (see workloads/trace.hpp) or a `.csv` or `.stl` file, read as a stream. An access beyond the
/// device's end is an error that names the line.
Expected<std::unique_ptr<TraceSource>> open_trace_source(const std::string& trace, const arch::Dram& dram);

/// Refresh commands owed beyond what the standards allow (the metric `refresh_missing`): without refresh, one for each begun interval, rank and
/// unit of refresh; else what was due by the end less what was issued, less eight intervals.
std::int64_t refresh_missing(const arch::Dram& dram, const DramStatistics& statistics);

/// The document that `gnomon memory --json` prints: the contract's fields, then latency percentiles, banks, ranks' states, energy by command
/// and state, and provenance. Energies are null where the memory file has no currents.
Json memory_document(const arch::Dram& dram, const std::string& trace, const DramStatistics& statistics);

/// `memory/cycle`: the job's design is a memory file, its workloads are traces. Over several traces counts, times and energies are weighted sums;
/// bandwidth, power and the mean latency follow from them. Traces are read once per object and kept, up to four million requests each.
void register_memory(arch::EvaluatorRegistry& registry);

}  // namespace gnomon::sim
