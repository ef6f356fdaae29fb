#include <algorithm>

#include "cosim/kernel_job.hpp"
#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "layers/build.hpp"
#include "layers/timing.hpp"

namespace gnomon::hls {
namespace {

constexpr std::int64_t cycle_limit = std::int64_t{1} << 26;

/// What one stage's control remembers: cycles are stepped, data are not.
struct StageState {
  BlockKind kind;
  std::int64_t a, b, c, d, e;
  std::uint64_t live = 0;   ///< vectors on their way to the output, one bit a register
  bool busy = false;        ///< core: steps are being made
  std::int64_t step = 0;    ///< core: of the vector; window: column; gather: beat
  std::int64_t row = 0;
  bool full = false;        ///< window, gather

  std::int64_t registers() const { return kind == BlockKind::pipe ? a : c + 3 + d; }
  bool out_valid() const { return kind == BlockKind::pipe || kind == BlockKind::core ? (live >> (registers() - 1) & 1) != 0 : full; }
  bool in_ready(bool out_ready) const {
    const bool moves = out_ready || !out_valid();
    return kind == BlockKind::core ? moves && (!busy || step == a - 1) : moves;
  }
  void clock(bool in_valid, bool out_ready) {
    const bool moves = out_ready || !out_valid(), taken = in_valid && in_ready(out_ready);
    if (kind == BlockKind::pipe) {
      if (moves) live = live << 1 | (taken ? 1 : 0);
    } else if (kind == BlockKind::core) {
      if (!moves) return;
      // The vector's last step sends it on its way: operand, product, tree, sum, output.
      live = live << 1 | (busy && step == a - 1 ? 1 : 0);
      if (taken) busy = true, step = 0;
      else if (busy && step == a - 1) busy = false, step = 0;
      else if (busy) ++step;
    } else if (kind == BlockKind::gather) {
      if (!moves) return;
      full = false;
      if (taken) full = ++step == a, step = full ? 0 : step;
    } else {  // window: height a, width b, rows c, columns d, stride e
      if (!moves) return;
      full = false;
      if (!taken) return;
      full = step >= d - 1 && (step - (d - 1)) % e == 0 && row >= c - 1 && (row - (c - 1)) % e == 0;
      if (++step == b) step = 0, row = row + 1 == a ? 0 : row + 1;
    }
  }
};

}  // namespace

Expected<PortCycles> port_cycles(const BuiltNetwork& built, int inferences, double stall, std::uint64_t seed) {
  std::vector<StageState> stages;
  for (const Stage& s : built.stages) stages.push_back({s.kind, s.p[0], s.p[1], s.p[2], s.p[3], s.p[4]});
  const std::size_t n = stages.size();
  std::vector<char> valid(n + 1), ready(n + 1);
  PortCycles out;
  const std::int64_t in_all = built.in_beats * inferences, out_all = built.out_beats * inferences;
  std::int64_t taken = 0, given = 0, moved = 0;
  for (std::int64_t cycle = 0; given < out_all; ++cycle) {
    if (cycle >= cycle_limit) return fail(ErrorKind::unsupported, "an inference of more than " + std::to_string(cycle_limit) + " cycles");
    const bool offered = taken < in_all && !withheld(seed, stall, "in", cycle);
    ready[n] = !withheld(seed, stall, "out", cycle);
    for (std::size_t i = n; i-- > 0;) {
      valid[i + 1] = stages[i].out_valid();
      ready[i] = stages[i].in_ready(ready[i + 1] != 0);
    }
    valid[0] = offered;
    if (valid[0] && ready[0]) {
      if (taken == 0) out.first_input = cycle;
      ++taken;
    }
    if (valid[n] && ready[n]) {
      ++given;
      if (given % built.out_beats == 0) out.inference_ends.push_back(cycle);
    }
    if ((valid[0] && ready[0]) || (valid[n] && ready[n])) {
      out.longest_silence = std::max(out.longest_silence, cycle - moved);
      moved = cycle;
    }
    for (std::size_t i = 0; i < n; ++i) stages[i].clock(valid[i] != 0, ready[i + 1] != 0);
  }
  return out;
}

Expected<NetworkCycles> network_cycles(const Network& network, int inferences, double stall, std::uint64_t seed) {
  auto built = build_network(network, false);
  if (!built) return fail(std::move(built.error()));
  return network_cycles(*built, inferences, stall, seed);
}

Expected<NetworkCycles> network_cycles(const BuiltNetwork& built, int inferences, double stall, std::uint64_t seed) {
  auto ports = port_cycles(built, std::max(1, inferences), stall, seed);
  if (!ports) return fail(std::move(ports.error()));
  const auto& ends = ports->inference_ends;
  NetworkCycles out;
  out.cycles = ends.front() - ports->first_input + 1;
  out.total = ends.back() - ports->first_input + 1;
  out.longest_silence = ports->longest_silence;
  out.ii = ends.size() > 1 ? ends.back() - ends[ends.size() - 2] : out.cycles;
  return out;
}

}  // namespace gnomon::hls
