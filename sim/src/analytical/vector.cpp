#include "gnomon/sim/analytical.hpp"
#include "nest.hpp"

namespace gnomon::sim {

StepResult estimate_vector(const arch::Design& design, std::size_t core_index, const arch::VectorWork& work, const std::string& label) {
  const arch::Core& core = design.cores[core_index];
  const int bits = core.array.precision.bits;
  const std::int64_t in = arch::packed_bytes(work.in_elements, bits);
  const std::int64_t out = arch::packed_bytes(work.out_elements, bits);
  std::int64_t space = 0;
  for (const arch::Level& level : core.levels) space += level.bytes;
  space = std::max<std::int64_t>(space, 1);
  const auto up = [](Wide a, std::int64_t b) { return static_cast<std::int64_t>((a + b - 1) / b); };
  const std::int64_t chunks = std::max<std::int64_t>(1, up(static_cast<Wide>(2) * (in + out), space));
  const std::int64_t rate = std::max<std::int64_t>(1, std::min({design.memory.bytes_per_cycle, design.bus_bytes_per_cycle, core.levels[0].bytes_per_cycle}));
  const std::int64_t latency = design.memory.latency_cycles;
  const std::int64_t lanes = std::max<std::int64_t>(core.vector_lanes, 1);
  const auto part = [chunks](std::int64_t total, std::int64_t i) {
    const auto upto = [&](std::int64_t n) { return static_cast<std::int64_t>(static_cast<Wide>(total) * n / chunks); };
    return upto(i + 1) - upto(i);
  };

  StepResult r;
  r.label = label;
  r.core = core_index;
  r.counts.vector_ops = work.ops;
  r.counts.dram_read_bytes = in;
  r.counts.dram_write_bytes = out;
  r.counts.bus_bytes = in + out;
  r.counts.level[0] = {in + out, in + out};

  // Order on the link: the first two fills, then the write-back of chunk i before the fill of chunk i + 2.
  std::int64_t link = 0, end = 0, last = 0;
  std::int64_t filled[2] = {0, 0};        // by chunk mod 2: the fill is complete
  std::int64_t written[2] = {0, 0};       // by chunk mod 2: the write-back is complete, its slot free
  const auto fill = [&](std::int64_t i, std::int64_t slot_free) {
    const std::int64_t d = ceil_quotient(part(in, i), rate);
    filled[i % 2] = slot_free;
    if (d == 0) return;
    link = std::max(link, slot_free) + d;
    filled[i % 2] = link + latency;
    last = std::max(last, filled[i % 2]);
  };
  fill(0, 0);
  if (chunks > 1) fill(1, 0);
  for (std::int64_t i = 0; i < chunks; ++i) {
    const std::int64_t work_cycles = up(part(work.ops, i), lanes);
    r.compute_cycles += work_cycles;
    end = std::max({end, filled[i % 2], written[i % 2]}) + work_cycles;
    const std::int64_t d = ceil_quotient(part(out, i), rate);
    written[i % 2] = end;
    if (d > 0) {
      link = std::max(link, end) + d;
      written[i % 2] = link + latency;
      last = std::max(last, written[i % 2]);
    }
    if (i + 2 < chunks) fill(i + 2, end);
  }
  r.latency_cycles = std::max(end, last);
  r.stall_cycles = r.latency_cycles - r.compute_cycles;
  return r;
}

}  // namespace gnomon::sim
