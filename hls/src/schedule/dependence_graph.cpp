#include "gnomon/hls/dependence_graph.hpp"

#include <set>
#include <utility>

#include "schedule/datapath.hpp"

namespace gnomon::hls {
namespace {

const char* word_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::constant: return "constant";
    case NodeKind::affine: return "affine";
    case NodeKind::quotient: return "quotient";
    case NodeKind::modulo: return "modulo";
    case NodeKind::predicate: return "predicate";
    case NodeKind::compute: return "compute";
    case NodeKind::load: return "load";
    case NodeKind::store: return "store";
    case NodeKind::read: return "read";
    case NodeKind::write: return "write";
    case NodeKind::hold: return "hold";
    case NodeKind::live_in: return "live_in";
    case NodeKind::live_out: return "live_out";
  }
  return "";
}

}  // namespace

DependenceGraph dependence_graph(const CompiledKernel& compiled) {
  const Datapath& d = *compiled.datapath;
  DependenceGraph out;
  std::int64_t pipeline = 0;
  for (const Process& process : d.processes) {
    for (const Pipe& pipe : process.pipes) {
      const std::size_t first = boost::num_vertices(out);
      std::int64_t iterations = 1;
      for (const std::size_t loop : pipe.loops) iterations *= d.kernel.loops[loop].extent;
      for (const Node& node : pipe.nodes) {
        DependenceNode of;
        of.kind = word_of(node.kind);
        if (node.kind == NodeKind::compute) of.op = op_names()[static_cast<std::size_t>(node.code)];
        of.bits = node.type.bits;
        of.latency_cycles = node.latency;
        of.delay_ns = node.delay_ns;
        of.pipeline = pipeline;
        of.iterations = iterations;
        if (node.tensor >= 0 && (node.kind == NodeKind::load || node.kind == NodeKind::store)) {
          const Memory& memory = d.memories[static_cast<std::size_t>(node.tensor)];
          of.ports = (node.kind == NodeKind::load ? memory.read_ports : 1) * (node.bank >= 0 ? 1 : memory.banks);
        }
        boost::add_vertex(std::move(of), out);
      }
      // Values' uses, and guards; then what scheduling must keep besides.
      std::set<std::pair<std::size_t, std::size_t>> used;
      for (std::size_t to = 0; to < pipe.nodes.size(); ++to) {
        for (const auto* list : {&pipe.nodes[to].args, &pipe.nodes[to].guards}) {
          for (const int from : *list) {
            if (!used.emplace(static_cast<std::size_t>(from), to).second) continue;
            boost::add_edge(first + static_cast<std::size_t>(from), first + to, Dependence{pipe.nodes[static_cast<std::size_t>(from)].latency, 0}, out);
          }
        }
      }
      for (const DependenceEdge& edge : pipe.problem.edges) {
        const auto from = static_cast<std::size_t>(edge.from), to = static_cast<std::size_t>(edge.to);
        if (from >= pipe.nodes.size() || to >= pipe.nodes.size() || (edge.distance == 0 && used.contains({from, to}))) continue;
        boost::add_edge(first + from, first + to, Dependence{edge.latency, edge.distance}, out);
      }
      ++pipeline;
    }
  }
  return out;
}

}  // namespace gnomon::hls
