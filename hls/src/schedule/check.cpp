#include <algorithm>
#include <map>
#include <unordered_map>

#include "gnomon/base/text.hpp"
#include "ir/affine.hpp"
#include "ir/program.hpp"
#include "schedule/datapath.hpp"
#include "schedule/replay.hpp"

namespace gnomon::hls {
namespace {

/// Steps that are replayed at most per pipeline.
constexpr std::int64_t replay_limit = std::int64_t{1} << 21;

Error refused(const Kernel& kernel, const std::string& what) {
  return Error(ErrorKind::run_failed, Problem{kernel.file, "", "the schedule checker refuses the schedule of " + in_quotes(kernel.name) + ": " + what});
}

/// Cycles of the last write and read of an element.
struct Last {
  std::int64_t write = -1, read = -1;
};

struct Checker {
  const Datapath& d;
  std::size_t process;
  const Pipe& pipe;

  const Node& node(int n) const { return pipe.nodes[static_cast<std::size_t>(n)]; }
  int time(int n) const { return pipe.time[static_cast<std::size_t>(n)]; }
  int slots() const { return pipe.loops.empty() ? pipe.depth : pipe.ii; }

  std::string values() const {
    for (int n = 0; n < static_cast<int>(pipe.nodes.size()); ++n) {
      if (time(n) < 0) return "an operation without a time";
      if (!node(n).stable && time(n) >= pipe.depth) return "an operation behind the last stage";
      std::vector<int> used = node(n).args;
      used.insert(used.end(), node(n).guards.begin(), node(n).guards.end());
      for (const int a : used)
        if (time(a) + node(a).latency > time(n)) return "a value is used in cycle " + std::to_string(time(n)) + " and there in " + std::to_string(time(a) + node(a).latency);
    }
    return "";
  }

  /// Delays along the logic of one cycle, from the table, added up anew.
  std::string chains() const {
    const double clock = d.kernel.directives.clock_ns;
    std::vector<double> arrival(pipe.nodes.size(), 0);
    for (int n = 0; n < static_cast<int>(pipe.nodes.size()); ++n) {
      const Node& at = node(n);
      const double own = std::min(clock, delay_of(at, pipe.nodes, d.kernel, at.tensor >= 0 ? &d.memories[static_cast<std::size_t>(at.tensor)] : nullptr));
      double latest = 0;
      std::vector<int> used = at.args;
      used.insert(used.end(), at.guards.begin(), at.guards.end());
      for (const int a : used)
        if (time(a) + node(a).latency == time(n)) latest = std::max(latest, arrival[static_cast<std::size_t>(a)]);
      const double in = at.latency > 0 ? 0.3 : own;
      // What alone is longer than a cycle is told by the table and cannot be helped by a schedule.
      if (latest + in > clock + 1e-6 && latest > 0) return "a chain of " + number(latest + in) + " ns in a cycle of " + number(clock) + " ns";
      arrival[static_cast<std::size_t>(n)] = at.latency > 0 ? own : latest + own;
    }
    return "";
  }

  /// Whether the banks of two accesses differ in every iteration of the loops around them, whatever values they share.
  bool apart(const Node& a, const Node& b, const Memory& memory) const {
    const KernelOp &x = d.kernel.ops[a.op], &y = d.kernel.ops[b.op];
    if (a.tensor != b.tensor || a.kind != b.kind) return false;
    for (std::size_t dim = 0; dim < x.index.size(); ++dim) {
      Affine difference = x.index[dim];
      difference.coefficients.resize(d.kernel.loops.size(), 0);
      for (std::size_t l = 0; l < y.index[dim].coefficients.size(); ++l) difference.coefficients[l] -= y.index[dim].coefficients[l];
      const bool constant = std::all_of(difference.coefficients.begin(), difference.coefficients.end(), [](std::int64_t c) { return c == 0; });
      const std::int64_t by = memory.dimensions[dim].banks;
      if (constant && x.index[dim].values == y.index[dim].values && memory.dimensions[dim].kind != PartitionKind::block && (x.index[dim].constant - y.index[dim].constant) % by != 0) return true;
    }
    return false;
  }

  std::string resources() const {
    std::map<std::tuple<int, int, std::int64_t, int>, int> used;  // what, which, bank, slot
    for (int n = 0; n < static_cast<int>(pipe.nodes.size()); ++n) {
      const Node& at = node(n);
      const int slot = time(n) % slots();
      if (at.kind == NodeKind::load || at.kind == NodeKind::store) {
        const Memory& memory = d.memories[static_cast<std::size_t>(at.tensor)];
        if (memory.storage == Memory::registers) continue;
        const bool read = at.kind == NodeKind::load;
        // Of several accesses of a cycle that are proved to be in different banks, the first counts for all.
        const bool proved = std::any_of(pipe.nodes.begin(), pipe.nodes.begin() + n, [&](const Node& o) {
          return at.bundle >= 0 && o.bundle == at.bundle && time(static_cast<int>(&o - pipe.nodes.data())) == time(n);
        });
        if (proved) {
          for (int o = 0; o < n; ++o)
            if (node(o).bundle == at.bundle && !apart(node(o), at, memory)) return "accesses of one bank as if they were of several";
          continue;
        }
        for (std::int64_t b = 0; b < memory.banks; ++b)
          if ((at.bank < 0 || at.bank == b) && ++used[{read ? 0 : 1, at.tensor, b, slot}] > (read ? memory.read_ports : 1))
            return "two accesses of one port of " + in_quotes(d.kernel.tensors[static_cast<std::size_t>(at.tensor)].name);
      } else if (at.stream >= 0) {
        if (++used[{at.kind == NodeKind::read ? 2 : 3, at.stream, 0, slot}] > 1) return "two elements of one stream in a cycle";
      } else if (at.kind == NodeKind::compute) {
        const auto units = d.kernel.directives.units.find(op_names()[static_cast<std::size_t>(at.code)]);
        if (units != d.kernel.directives.units.end() && ++used[{4, static_cast<int>(at.code), 0, slot}] > units->second) return "more " + in_quotes(units->first) + " at a time than units";
      }
    }
    return "";
  }

  /// The accesses of every element, put on the time axis: in the order of the kernel, reads after the write that they need.
  std::string order() const {
    std::map<std::size_t, int> node_of;
    std::vector<bool> written(d.kernel.tensors.size(), false);
    for (int n = 0; n < static_cast<int>(pipe.nodes.size()); ++n) {
      if (node(n).kind == NodeKind::load || node(n).kind == NodeKind::store || node(n).stream >= 0) node_of[node(n).op] = n;
      if (node(n).kind == NodeKind::store) written[static_cast<std::size_t>(node(n).tensor)] = true;
    }
    std::unordered_map<std::int64_t, Last> last;
    std::map<int, std::int64_t> stream_last;
    std::string wrong;
    const std::int64_t tensors = static_cast<std::int64_t>(d.kernel.tensors.size());
    const bool complete = replay(
        d.kernel, process, pipe, replay_limit,
        [&](const PipeAccess& access) {
          const KernelOp& op = d.kernel.ops[access.op];
          if (!wrong.empty()) return;
          if (op.stream) {
            const int n = node_of.at(access.op);
            const std::int64_t cycle = access.iteration * slots() + time(n);
            const auto at = stream_last.find(2 * static_cast<int>(*op.stream) + (op.code == OpCode::write));
            if (at != stream_last.end() && at->second >= cycle) wrong = "elements of stream " + in_quotes(d.kernel.streams[*op.stream].name) + " out of order";
            stream_last[2 * static_cast<int>(*op.stream) + (op.code == OpCode::write)] = cycle;
          }
          if (!op.tensor || !written[*op.tensor]) return;
          // Places that depend on data are only known to differ by promise; without one they may all be the same.
          const bool by_data = op.code == OpCode::gather || op.code == OpCode::scatter;
          if (by_data && op.distance > 1) return;
          if (by_data || has_data_access(*op.tensor)) {
            // Three records a tensor: of all accesses, of those that may be in any part, and of those in each part.
            const auto record = [&](std::int64_t which) -> Last& { return last[-1 - static_cast<std::int64_t>(*op.tensor) - tensors * which]; };
            const int n = node_of.at(access.op);
            const auto part = part_of(op);
            for (const std::int64_t which : part ? std::vector<std::int64_t>{1, 2 + *part} : std::vector<std::int64_t>{0}) check(record(which), access, op, n, wrong);
            for (const std::int64_t which : {std::int64_t{0}, part ? 2 + *part : 1}) note(record(which), access, op, n);
            return;
          }
          const std::int64_t place = place_of(d.kernel, op, *access.counters);
          if (place < 0) return;
          Last& seen = last[place * tensors + static_cast<std::int64_t>(*op.tensor)];
          check(seen, access, op, node_of.at(access.op), wrong);
          note(seen, access, op, node_of.at(access.op));
        },
        [&] {
          last.clear();
          stream_last.clear();
        });
    return wrong.empty() ? order_of_pairs(complete) : wrong;
  }

  /// What no replay has shown: accesses that meet at a promised distance at the earliest, and, where the replay came to its limit, all
  /// pairs of accesses as if they met in every iteration.
  std::string order_of_pairs(bool replayed) const {
    std::vector<bool> written(d.kernel.tensors.size(), false);
    for (const Node& n : pipe.nodes)
      if (n.kind == NodeKind::store) written[static_cast<std::size_t>(n.tensor)] = true;
    const auto accesses = [&](const Node& n) { return n.kind == NodeKind::load || n.kind == NodeKind::store || n.stream >= 0; };
    for (int first = 0; first < static_cast<int>(pipe.nodes.size()); ++first) {
      if (!accesses(node(first))) continue;
      for (int later = 0; later < static_cast<int>(pipe.nodes.size()); ++later) {
        const Node &a = node(first), &b = node(later);
        if (!accesses(b) || a.tensor != b.tensor || a.stream != b.stream) continue;
        const KernelOp &x = d.kernel.ops[a.op], &y = d.kernel.ops[b.op];
        std::int64_t rounds = a.op < b.op ? 0 : 1;
        if (rounds > 0 && pipe.loops.empty()) continue;
        if (a.tensor >= 0) {
          if (!written[static_cast<std::size_t>(a.tensor)] || (a.kind == NodeKind::load && b.kind == NodeKind::load)) continue;
          if (replayed && ((x.distance == 1 && y.distance == 1) || x.loop != y.loop || pipe.loops.empty() || x.loop != pipe.loops.back())) continue;
          const auto part = part_of(x), other = part_of(y);
          if (part && other && *part != *other) continue;
          if (rounds > 0) rounds = std::min(x.distance, y.distance);
        } else if (replayed || a.kind != b.kind) {
          continue;
        }
        const int gap = a.kind == NodeKind::load && b.kind == NodeKind::store ? 0 : 1;
        if (time(later) + rounds * slots() < time(first) + gap)
          return a.tensor >= 0 ? "accesses of " + in_quotes(d.kernel.tensors[static_cast<std::size_t>(a.tensor)].name) + " that may meet, out of order"
                               : "elements of stream " + in_quotes(d.kernel.streams[static_cast<std::size_t>(a.stream)].name) + " out of order";
      }
    }
    return "";
  }

  /// The part of a partitioned tensor that an access stays in, whatever its loops and values are: its index modulo the factor, or the
  /// block. Accesses of different parts never meet.
  std::optional<std::int64_t> part_of(const KernelOp& op) const {
    std::int64_t part = 0;
    const auto given = d.kernel.directives.partition.find(d.kernel.tensors[*op.tensor].name);
    if (given == d.kernel.directives.partition.end()) return std::nullopt;
    for (const Partition& p : given->second) {
      const std::int64_t size = d.kernel.tensors[*op.tensor].shape[p.dim], factor = p.kind == PartitionKind::complete ? size : p.factor;
      const Affine& e = op.index[p.dim];
      if (p.kind == PartitionKind::block) {
        const std::int64_t each = (size + factor - 1) / factor;
        const auto [low, high] = affine_range(d.kernel, e, op.loop);
        if (!e.values.empty() || low < 0 || low / each != high / each) return std::nullopt;
        part = part * factor + static_cast<std::int64_t>(low / each);
        continue;
      }
      for (const std::int64_t c : e.coefficients)
        if (c % factor != 0) return std::nullopt;
      for (const auto& v : e.values)
        if (v.second % factor != 0) return std::nullopt;
      part = part * factor + ((e.constant % factor) + factor) % factor;
    }
    return part;
  }
  bool has_data_access(std::size_t tensor) const {
    return std::any_of(pipe.ops.begin(), pipe.ops.end(), [&](std::size_t i) {
      const KernelOp& op = d.kernel.ops[i];
      return op.tensor == tensor && op.distance == 1 && (op.code == OpCode::gather || op.code == OpCode::scatter);
    });
  }

  void check(const Last& seen, const PipeAccess& access, const KernelOp& op, int n, std::string& wrong) const {
    const std::int64_t cycle = access.iteration * slots() + time(n);
    const std::string name = in_quotes(d.kernel.tensors[*op.tensor].name);
    if (writes_tensor(op.code)) {
      if (seen.write >= cycle) wrong = "two writes of an element of " + name + " out of order";
      if (seen.read > cycle) wrong = "an element of " + name + " is overwritten before it is read";
    } else {
      if (seen.write >= cycle) wrong = "an element of " + name + " is read in cycle " + std::to_string(cycle) + " and written in " + std::to_string(seen.write);
    }
  }
  void note(Last& seen, const PipeAccess& access, const KernelOp& op, int n) const {
    const std::int64_t cycle = access.iteration * slots() + time(n);
    if (writes_tensor(op.code))
      seen.write = std::max(seen.write, cycle);
    else
      seen.read = std::max(seen.read, cycle);
  }
};

}  // namespace

Expected<void> check_schedule(const Datapath& d) {
  for (std::size_t p = 0; p < d.processes.size(); ++p)
    for (const Pipe& pipe : d.processes[p].pipes) {
      const Checker checker{d, p, pipe};
      for (const std::string& problem : {checker.values(), checker.chains(), checker.resources(), checker.order()})
        if (!problem.empty()) return fail(refused(d.kernel, problem));
    }
  return {};
}

}  // namespace gnomon::hls
