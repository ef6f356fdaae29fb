#include <algorithm>
#include <map>
#include <set>

#include "bind/binding.hpp"
#include "gnomon/base/text.hpp"
#include "schedule/datapath.hpp"

namespace gnomon::hls {
namespace {

Error refused(const Kernel& kernel, const std::string& what) {
  return Error(ErrorKind::run_failed, Problem{kernel.file, "", "the binding checker refuses the binding of " + in_quotes(kernel.name) + ": " + what});
}

std::string check_units(const Datapath& d) {
  std::vector<std::map<std::pair<std::size_t, int>, int>> seen(d.processes.size());
  for (std::size_t u = 0; u < d.binding.units.size(); ++u) {
    const BoundUnit& unit = d.binding.units[u];
    std::set<std::pair<std::size_t, int>> taken;
    for (const auto& use : unit.uses) {
      const Pipe& pipe = d.processes[unit.process].pipes[use.pipe];
      const Node& node = pipe.nodes[static_cast<std::size_t>(use.node)];
      ++seen[unit.process][{use.pipe, use.node}];
      if (node.code != unit.code || node.latency != unit.latency || node.unit != static_cast<int>(u)) return "an operation on a unit of another kind";
      // Pipelines of a process never run at the same time.
      const int slot = pipe.time[static_cast<std::size_t>(use.node)] % (pipe.loops.empty() ? pipe.depth : pipe.ii);
      if (!taken.insert({use.pipe, slot}).second) return "two operations on one unit in a cycle";
      if (unit.code != OpCode::mul) continue;
      for (const int a : node.args) {
        const NumberType& t = pipe.nodes[static_cast<std::size_t>(a)].type;
        if (t.bits + (t.is_signed ? 0 : 1) > unit.left_bits) return "an operand that is wider than its unit";
      }
    }
  }
  for (std::size_t p = 0; p < d.processes.size(); ++p)
    for (std::size_t q = 0; q < d.processes[p].pipes.size(); ++q)
      for (std::size_t n = 0; n < d.processes[p].pipes[q].nodes.size(); ++n) {
        const bool bound = d.processes[p].pipes[q].nodes[n].unit >= 0;
        if (seen[p][{q, static_cast<int>(n)}] != (bound ? 1 : 0)) return "an operation without a unit, or with two";
      }
  for (const auto& [name, limit] : d.kernel.directives.units)
    for (std::size_t p = 0; p < d.processes.size(); ++p) {
      // As many as directed of operations of one form; other widths need units of their own.
      std::map<std::tuple<int, int, int>, std::int64_t> made;
      for (const BoundUnit& unit : d.binding.units)
        if (unit.process == p && op_names()[static_cast<std::size_t>(unit.code)] == name && unit.code == OpCode::mul &&
            ++made[{unit.left_bits, unit.right_bits, unit.latency}] > limit)
          return "more units of \"" + name + "\" than directed";
    }
  return "";
}

/// Iterations start every interval; what each register holds is followed cycle by cycle.
std::string check_registers(const Datapath& d, const Pipe& pipe, const PipeRegisters& registers) {
  const int interval = pipe.loops.empty() ? pipe.depth : pipe.ii;
  const int iterations = pipe.loops.empty() ? 1 : pipe.depth / interval + 3;
  using Content = std::pair<std::int64_t, int>;  // value (counters below 0), iteration
  std::vector<Content> holds(registers.bits.size(), {INT64_MAX, -1});
  struct Value {
    std::int64_t id;
    int birth, bits;
    const std::vector<int>* in;
  };
  std::vector<Value> values;
  for (const auto& [n, list] : registers.of_node)
    values.push_back({n, pipe.time[static_cast<std::size_t>(n)] + pipe.nodes[static_cast<std::size_t>(n)].latency, pipe.nodes[static_cast<std::size_t>(n)].type.bits, &list});
  for (const auto& [l, list] : registers.of_counter) values.push_back({-1 - static_cast<std::int64_t>(l), 0, 0, &list});
  std::map<std::int64_t, std::size_t> place;
  for (std::size_t v = 0; v < values.size(); ++v) {
    place[values[v].id] = v;
    for (const int r : *values[v].in) {
      if (r < 0 || static_cast<std::size_t>(r) >= registers.bits.size()) return "a register that there is not";
      if (values[v].id >= 0 && registers.bits[static_cast<std::size_t>(r)] != values[v].bits) return "a register of another width";
    }
  }
  // Every use: cycle of the iteration, value, cycle in which it is there without a register.
  struct Use {
    int cycle;
    std::int64_t value;
    int birth;
  };
  std::vector<Use> uses;
  const auto looped = [&](std::size_t l) { return std::find(pipe.loops.begin(), pipe.loops.end(), l) != pipe.loops.end(); };
  for (std::size_t n = 0; n < pipe.nodes.size(); ++n) {
    const Node& node = pipe.nodes[n];
    const auto use = [&](int a, int cycle) {
      const Node& from = pipe.nodes[static_cast<std::size_t>(a)];
      if (!from.stable) uses.push_back({cycle, a, pipe.time[static_cast<std::size_t>(a)] + from.latency});
    };
    const bool banked = node.kind == NodeKind::load && node.bank < 0 && node.args.size() > 1;
    for (std::size_t a = 0; a < node.args.size(); ++a) use(node.args[a], pipe.time[n] + (banked && a == 1 ? 1 : 0));
    for (const int g : node.guards) use(g, pipe.time[n]);
    std::set<std::size_t> counters;
    for (std::size_t l = 0; l < node.affine.coefficients.size(); ++l)
      if (node.affine.coefficients[l] != 0) counters.insert(l);
    for (const std::size_t l : node.loops) {
      counters.insert(l);
      if (!d.kernel.loops[l].trip) continue;
      for (std::size_t o = 0; o < d.kernel.loops[l].trip->coefficients.size(); ++o)
        if (d.kernel.loops[l].trip->coefficients[o] != 0) counters.insert(o);
    }
    for (const std::size_t l : counters)
      if (looped(l)) uses.push_back({pipe.time[n], -1 - static_cast<std::int64_t>(l), 0});
  }
  const int end = (iterations - 1) * interval + pipe.depth + interval + 1;
  for (int cycle = 0; cycle < end; ++cycle) {
    for (const Use& u : uses) {
      if (cycle < u.cycle || (cycle - u.cycle) % interval != 0 || (cycle - u.cycle) / interval >= iterations) continue;
      if (u.cycle < u.birth) return "a value that is used before it is there";
      if (u.cycle == u.birth) continue;
      const auto at = place.find(u.value);
      const auto turn = static_cast<std::size_t>((u.cycle - u.birth - 1) / interval);
      if (at == place.end() || turn >= values[at->second].in->size()) return "a value that no register keeps";
      const Content wanted{u.value, (cycle - u.cycle) / interval};
      if (holds[static_cast<std::size_t>((*values[at->second].in)[turn])] != wanted) return "a register that holds something else when it is read";
    }
    std::vector<Content> next = holds;
    std::set<int> written;
    for (const Value& v : values) {
      const int since = cycle - v.birth;
      if (((since % interval) + interval) % interval != 0) continue;
      for (std::size_t turn = 0; turn < v.in->size(); ++turn) {
        const int r = (*v.in)[turn];
        if (!written.insert(r).second) return "two values for one register in a cycle";
        next[static_cast<std::size_t>(r)] = turn == 0 ? (since < 0 || since / interval >= iterations ? Content{INT64_MAX, -1} : Content{v.id, since / interval})
                                                      : holds[static_cast<std::size_t>((*v.in)[turn - 1])];
      }
    }
    holds = std::move(next);
  }
  return "";
}

}  // namespace

Expected<void> check_binding(const Datapath& d) {
  if (const std::string wrong = check_units(d); !wrong.empty()) return fail(refused(d.kernel, wrong));
  for (std::size_t p = 0; p < d.processes.size(); ++p)
    for (std::size_t q = 0; q < d.processes[p].pipes.size(); ++q)
      if (const std::string wrong = check_registers(d, d.processes[p].pipes[q], d.binding.registers[p][q]); !wrong.empty()) return fail(refused(d.kernel, wrong));
  return {};
}

}  // namespace gnomon::hls
