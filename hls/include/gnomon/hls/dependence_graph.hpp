#pragma once

#include <boost/graph/adjacency_list.hpp>
#include <cstdint>
#include <string>

#include "gnomon/hls/compile.hpp"

namespace gnomon::hls {

/// What a pipeline does in every iteration, as it is before scheduling and binding: no time, unit or interval is among it.
struct DependenceNode {
  std::string kind;                 ///< constant, affine, quotient, modulo, predicate, compute, load, store, read, write, hold, live_in, live_out
  std::string op;                   ///< of `compute`, else empty
  int bits = 0;                     ///< of the value
  int latency_cycles = 0;
  double delay_ns = 0;
  std::int64_t pipeline = 0;        ///< counted over all processes
  std::int64_t iterations = 1;      ///< of the pipeline's loops, by their largest extents
  std::int64_t ports = 0;           ///< load and store: accesses that the tensor's bank, or all banks where it is not constant, takes in a cycle; else 0
};
/// `to` starts at least `latency_cycles` after `from`, `distance` iterations later.
struct Dependence {
  int latency_cycles = 0;
  std::int64_t distance = 0;
};
using DependenceGraph = boost::adjacency_list<boost::vecS, boost::vecS, boost::bidirectionalS, DependenceNode, Dependence>;

/// All pipelines' nodes, with values' uses, and the order of accesses to memories and streams as edges.
DependenceGraph dependence_graph(const CompiledKernel& compiled);

}  // namespace gnomon::hls
