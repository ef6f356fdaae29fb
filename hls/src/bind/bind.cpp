#include <algorithm>

#include "bind/binding.hpp"
#include "schedule/datapath.hpp"

namespace gnomon::hls {

int slots_of(const Pipe& pipe) { return pipe.loops.empty() ? pipe.depth : pipe.ii; }

bool may_share(const Node& node, const std::vector<Node>& nodes) {
  if (node.kind != NodeKind::compute) return false;
  if (node.code == OpCode::div || node.code == OpCode::rem) return true;
  if (node.code != OpCode::mul) return false;
  // A product with a constant is a few adders, and a narrow one is no larger than its multiplexers.
  const OperandBits bits = operand_bits(node, nodes);
  return bits.right > 4 && std::none_of(node.args.begin(), node.args.end(), [&](int a) { return nodes[static_cast<std::size_t>(a)].kind == NodeKind::constant; });
}

OperandBits operand_bits(const Node& node, const std::vector<Node>& nodes) {
  const auto width = [&](std::size_t a) {
    const NumberType& t = nodes[static_cast<std::size_t>(node.args[a])].type;
    return t.bits + (t.is_signed ? 0 : 1);
  };
  const int a = width(0), b = width(1);
  return {std::max(a, b), std::min(a, b), a < b};
}

namespace {

/// Whether two operations can be done by one unit, one after the other.
bool alike(const Node& a, const std::vector<Node>& a_nodes, const Node& b, const std::vector<Node>& b_nodes) {
  if (a.code != b.code || a.latency != b.latency) return false;
  if (a.code == OpCode::mul) {
    const OperandBits x = operand_bits(a, a_nodes), y = operand_bits(b, b_nodes);
    return x.left == y.left && x.right == y.right;
  }
  if (!(a.type == b.type)) return false;
  for (std::size_t i = 0; i < 2; ++i)
    if (!(a_nodes[static_cast<std::size_t>(a.args[i])].type == b_nodes[static_cast<std::size_t>(b.args[i])].type)) return false;
  return true;
}

void bind_units(Datapath& d, std::vector<BoundUnit>& units) {
  for (std::size_t p = 0; p < d.processes.size(); ++p) {
    const std::size_t first = units.size();
    auto& pipes = d.processes[p].pipes;
    for (std::size_t q = 0; q < pipes.size(); ++q)
      for (std::size_t n = 0; n < pipes[q].nodes.size(); ++n) {
        Node& node = pipes[q].nodes[n];
        const bool named = node.kind == NodeKind::compute && d.kernel.directives.units.count(op_names()[static_cast<std::size_t>(node.code)]) > 0;
        if (!may_share(node, pipes[q].nodes)) continue;
        const int slot = pipes[q].time[n] % slots_of(pipes[q]);
        const auto free = [&](const BoundUnit& u) {
          const BoundUnit::Use& one = u.uses.front();
          if (!alike(node, pipes[q].nodes, pipes[one.pipe].nodes[static_cast<std::size_t>(one.node)], pipes[one.pipe].nodes)) return false;
          if (!named && static_cast<int>(u.uses.size()) >= most_sharers) return false;
          return std::none_of(u.uses.begin(), u.uses.end(), [&](const BoundUnit::Use& use) {
            return use.pipe == q && pipes[q].time[static_cast<std::size_t>(use.node)] % slots_of(pipes[q]) == slot;
          });
        };
        auto at = std::find_if(units.begin() + static_cast<std::ptrdiff_t>(first), units.end(), free);
        if (at == units.end()) {
          BoundUnit unit;
          unit.code = node.code;
          unit.process = p;
          unit.latency = node.latency;
          const OperandBits bits = operand_bits(node, pipes[q].nodes);
          unit.left_bits = bits.left;
          unit.right_bits = bits.right;
          units.push_back(unit);
          at = units.end() - 1;
        }
        at->uses.push_back({q, static_cast<int>(n)});
        node.unit = static_cast<int>(at - units.begin());
      }
  }
}

/// Latest cycle of an iteration in which each node's value and each counter is wanted.
struct LastUses {
  std::vector<int> node;
  std::map<std::size_t, int> counter;
};

LastUses last_uses(const Datapath& d, const Pipe& pipe) {
  LastUses last{std::vector<int>(pipe.nodes.size(), -1), {}};
  const auto inside = [&](std::size_t l) { return std::find(pipe.loops.begin(), pipe.loops.end(), l) != pipe.loops.end(); };
  for (std::size_t n = 0; n < pipe.nodes.size(); ++n) {
    const Node& node = pipe.nodes[n];
    const int time = pipe.time[n];
    const auto want = [&](int value, int cycle) { last.node[static_cast<std::size_t>(value)] = std::max(last.node[static_cast<std::size_t>(value)], cycle); };
    // The bank that data comes from is chosen when it comes, a cycle later.
    for (std::size_t a = 0; a < node.args.size(); ++a) want(node.args[a], time + (node.kind == NodeKind::load && node.latency > 0 && a == 1 ? 1 : 0));
    for (const int g : node.guards) want(g, time);
    const auto count = [&](std::size_t l) {
      if (inside(l)) last.counter[l] = std::max(last.counter[l], time);
    };
    const auto sum = [&](const Affine& a) {
      for (std::size_t l = 0; l < a.coefficients.size(); ++l)
        if (a.coefficients[l] != 0) count(l);
    };
    sum(node.affine);
    for (const std::size_t l : node.loops) {
      count(l);
      if (d.kernel.loops[l].trip) sum(*d.kernel.loops[l].trip);
    }
  }
  return last;
}

class RegisterBinder {
 public:
  explicit RegisterBinder(const Pipe& pipe) : pipe_(pipe), slots_(slots_of(pipe)) {}

  void add(int node, std::optional<std::size_t> counter, int birth, int last, int bits) {
    const int kept = last - birth;
    if (kept <= 0) return;
    for (int q = 0; q * slots_ < kept; ++q) arcs_.push_back({node, counter, q, (birth + 1) % slots_, std::min(slots_, kept - q * slots_), bits});
  }

  PipeRegisters run() {
    // Left edge: by where they begin; the longer first where they begin alike.
    std::stable_sort(arcs_.begin(), arcs_.end(), [](const Arc& a, const Arc& b) { return std::pair(a.begin, -a.length) < std::pair(b.begin, -b.length); });
    PipeRegisters out;
    std::vector<std::vector<bool>> busy;
    for (const Arc& arc : arcs_) {
      std::size_t at = 0;
      for (; at < busy.size(); ++at) {
        bool free = out.bits[at] == arc.bits && arc.length < slots_;
        for (int i = 0; i < arc.length && free; ++i) free = !busy[at][static_cast<std::size_t>((arc.begin + i) % slots_)];
        if (free) break;
      }
      if (at == busy.size()) {
        busy.emplace_back(static_cast<std::size_t>(slots_), false);
        out.bits.push_back(arc.bits);
      }
      for (int i = 0; i < arc.length; ++i) busy[at][static_cast<std::size_t>((arc.begin + i) % slots_)] = true;
      auto& list = arc.counter ? out.of_counter[*arc.counter] : out.of_node[arc.node];
      list.resize(std::max<std::size_t>(list.size(), static_cast<std::size_t>(arc.turn) + 1), -1);
      list[static_cast<std::size_t>(arc.turn)] = static_cast<int>(at);
    }
    return out;
  }

 private:
  struct Arc {
    int node;
    std::optional<std::size_t> counter;
    int turn, begin, length, bits;
  };
  const Pipe& pipe_;
  int slots_;
  std::vector<Arc> arcs_;
};

int counter_width(std::int64_t extent) {
  int bits = 1;
  while (((extent - 1) >> bits) != 0) ++bits;
  return bits;
}

}  // namespace

Binding bind(Datapath& d) {
  Binding binding;
  bind_units(d, binding.units);
  for (const Process& process : d.processes) {
    auto& registers = binding.registers.emplace_back();
    for (const Pipe& pipe : process.pipes) {
      const LastUses last = last_uses(d, pipe);
      RegisterBinder binder(pipe);
      for (std::size_t n = 0; n < pipe.nodes.size(); ++n)
        if (!pipe.nodes[n].stable) binder.add(static_cast<int>(n), {}, pipe.time[n] + pipe.nodes[n].latency, last.node[n], pipe.nodes[n].type.bits);
      for (const auto& [l, cycle] : last.counter) binder.add(-1, l, 0, cycle, counter_width(d.kernel.loops[l].extent));
      registers.push_back(binder.run());
    }
  }
  return binding;
}

}  // namespace gnomon::hls
