#include <algorithm>
#include <functional>
#include <map>
#include <unordered_map>

#include "ir/program.hpp"
#include "schedule/datapath.hpp"
#include "schedule/replay.hpp"

namespace gnomon::hls {

bool replay(const Kernel& kernel, std::size_t process, const Pipe& pipe, std::int64_t max_visits,
            const std::function<void(const PipeAccess&)>& visit, const std::function<void()>& restart) {
  const auto program = *make_program(kernel, process);
  std::vector<bool> mine(kernel.ops.size(), false), loops(kernel.loops.size(), false);
  std::vector<bool> after(kernel.ops.size(), false);
  for (const std::size_t l : pipe.loops) loops[l] = true;
  const std::optional<std::size_t> innermost = pipe.loops.empty() ? std::nullopt : std::optional(pipe.loops.back());
  bool inner_seen = false;
  for (const std::size_t i : pipe.ops) {
    mine[i] = true;
    if (innermost && kernel.ops[i].loop == *innermost) inner_seen = true;
    after[i] = inner_seen && kernel.ops[i].loop != innermost;
  }
  std::vector<std::int64_t> counters(kernel.loops.size(), 0);
  const auto trips = [&](std::size_t l) { return kernel.loops[l].trip ? evaluate(*kernel.loops[l].trip, counters) : kernel.loops[l].extent; };
  std::int64_t steps = 0, iteration = -1;
  bool running = false;
  for (std::size_t pc = 0; pc < program.size();) {
    if (++steps > max_visits) return false;
    const ProgramStep& step = program[pc];
    switch (step.kind) {
      case ProgramStep::op:
        ++pc;
        if (!mine[step.id]) {
          running = false;
          break;
        }
        if (!running) {
          running = true;
          iteration = -1;
          restart();
        }
        // What stands before the inner loops belongs to the iteration that comes, what stands behind to the last one.
        visit({step.id, !innermost ? 0 : kernel.ops[step.id].loop == innermost || after[step.id] ? iteration : iteration + 1, &counters});
        break;
      case ProgramStep::enter:
        counters[step.id] = 0;
        if (!loops[step.id]) running = false;
        if (trips(step.id) < 1) {
          pc = step.target;
          break;
        }
        ++pc;
        if (loops[step.id] && !running) {
          running = true;
          iteration = -1;
          restart();
        }
        if (step.id == innermost) ++iteration;
        break;
      case ProgramStep::next:
        if (++counters[step.id] < trips(step.id)) {
          pc = step.target;
          if (step.id == innermost) ++iteration;
          if (!loops[step.id]) running = false;
        } else {
          counters[step.id] = 0;
          ++pc;
          if (!pipe.loops.empty() && step.id == pipe.loops.front()) running = false;
        }
        break;
    }
  }
  return true;
}

namespace {

/// Cycles from the start of one access to the start of a later one of the same element.
int access_latency(const Node& from, const Node& to) {
  if (from.kind == NodeKind::load && to.kind == NodeKind::store) return 0;  // a read in the cycle of a write sees the old value
  return 1;
}

}  // namespace

void add_dependences(const Kernel& kernel, std::size_t process, Pipe& pipe, std::int64_t max_visits) {
  std::map<std::size_t, int> node_of;
  std::vector<bool> written(kernel.tensors.size(), false), whole(kernel.tensors.size(), false);
  std::vector<int> accesses;
  for (std::size_t n = 0; n < pipe.nodes.size(); ++n) {
    const Node& node = pipe.nodes[n];
    if (node.kind != NodeKind::load && node.kind != NodeKind::store) continue;
    node_of[node.op] = static_cast<int>(n);
    const auto t = static_cast<std::size_t>(node.tensor);
    written[t] = written[t] || node.kind == NodeKind::store;
    const OpCode code = kernel.ops[node.op].code;
    whole[t] = whole[t] || code == OpCode::gather || code == OpCode::scatter;
  }
  std::map<std::pair<int, int>, std::int64_t> least;
  const auto meet = [&](int from, int to, std::int64_t distance) {
    const Node &a = pipe.nodes[static_cast<std::size_t>(from)], &b = pipe.nodes[static_cast<std::size_t>(to)];
    if (a.kind == NodeKind::load && b.kind == NodeKind::load) return;
    // Different banks: their places differ modulo the partition's factor, or lie in different blocks.
    if (a.bank >= 0 && b.bank >= 0 && a.bank != b.bank) return;
    // What the kernel promises of accesses whose places depend on data.
    const auto promised = [&](const Node& n) { return kernel.ops[n.op].distance; };
    if (distance > 0) distance = std::max(distance, std::min(promised(a), promised(b)));
    const auto at = least.find({from, to});
    if (at == least.end() || distance < at->second) least[{from, to}] = distance;
  };
  // Per element and accessing node, the last iteration.
  std::unordered_map<std::int64_t, std::vector<std::pair<int, std::int64_t>>> last;
  const bool complete = replay(
      kernel, process, pipe, max_visits,
      [&](const PipeAccess& access) {
        const KernelOp& op = kernel.ops[access.op];
        if (!op.tensor || !written[*op.tensor]) return;
        const std::int64_t place = whole[*op.tensor] ? -1 : place_of(kernel, op, *access.counters);
        if (place < 0 && !whole[*op.tensor]) return;
        auto& seen = last[place * static_cast<std::int64_t>(kernel.tensors.size()) + static_cast<std::int64_t>(*op.tensor)];
        const int node = node_of.at(access.op);
        bool known = false;
        for (auto& [other, iteration] : seen) {
          if (other != node || iteration != access.iteration) meet(other, node, access.iteration - iteration);
          if (other != node) continue;
          iteration = access.iteration;
          known = true;
        }
        if (!known) seen.push_back({node, access.iteration});
      },
      [&] { last.clear(); });
  if (!complete) {
    least.clear();
    for (const auto& [op_a, a] : node_of)
      for (const auto& [op_b, b] : node_of) {
        if (pipe.nodes[static_cast<std::size_t>(a)].tensor != pipe.nodes[static_cast<std::size_t>(b)].tensor) continue;
        if (!written[static_cast<std::size_t>(pipe.nodes[static_cast<std::size_t>(a)].tensor)]) continue;
        meet(a, b, op_a < op_b ? 0 : 1);
      }
  }
  for (const auto& [pair, distance] : least) {
    const Node &a = pipe.nodes[static_cast<std::size_t>(pair.first)], &b = pipe.nodes[static_cast<std::size_t>(pair.second)];
    pipe.problem.edges.push_back({pair.first, pair.second, access_latency(a, b), distance});
  }
  // Reads and writes of one stream keep their order.
  std::map<int, std::vector<int>> streams;
  for (std::size_t n = 0; n < pipe.nodes.size(); ++n)
    if (pipe.nodes[n].stream >= 0) streams[2 * pipe.nodes[n].stream + (pipe.nodes[n].kind == NodeKind::write)].push_back(static_cast<int>(n));
  for (const auto& [stream, nodes] : streams)
    for (std::size_t i = 0; i < nodes.size(); ++i)
      pipe.problem.edges.push_back({nodes[i], nodes[(i + 1) % nodes.size()], 1, i + 1 == nodes.size() ? 1 : 0});
}

}  // namespace gnomon::hls
