#pragma once

#include <algorithm>
#include <boost/graph/graph_traits.hpp>
#include <cstddef>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "gnomon/arch/label_table.hpp"

namespace gnomon::surrogate {

/// Boost graphs (layers of a network, operations of a kernel) as the node list that `TrainOptions::nodes` and `Model::encode` take: a line a vertex, in the order of the graph's
/// vertices, with the row's key, the positions of its predecessors in `inputs`, and what a caller's function says of it.
///
///   NodeTable nodes("network");
///   nodes.add("resnet18", graph.boost_graph(), [&](NodeTable::Line& line, auto vertex) {
///     line.put("op", workloads::info(graph.op(vertex).kind).name);
///     line.put("macs", double(graph.op(vertex).macs()), "MACs");
///   });
///   options.nodes = &nodes.table();
class NodeTable {
 public:
  explicit NodeTable(std::string key = "network") : key_(std::move(key)) {}

  /// One vertex. What some vertices have and others not is missing there (numbers) or empty (words).
  class Line {
   public:
    void put(std::string_view name, double value, std::string_view unit = "") { owner_.cell(name, unit, true).numbers.back() = value; }
    void put(std::string_view name, std::string_view word) { owner_.cell(name, "", false).words.back() = word; }

   private:
    friend class NodeTable;
    explicit Line(NodeTable& owner) : owner_(owner) {}
    NodeTable& owner_;
  };

  /// Adds a graph: any model of Boost's VertexListGraph and EdgeListGraph that is directed. An edge from u to v makes u an input of v; several edges between two vertices count once, and
  /// an edge from a vertex to itself not at all (say with `put` what it means).
  template <class Graph, class Describe>
  void add(const std::string& row, const Graph& graph, Describe describe) {
    using Traits = boost::graph_traits<Graph>;
    std::map<typename Traits::vertex_descriptor, std::size_t> position;
    for (auto [v, end] = vertices(graph); v != end; ++v) position.emplace(*v, position.size());
    std::vector<std::vector<std::size_t>> inputs(position.size());
    for (auto [e, end] = edges(graph); e != end; ++e) {
      const std::size_t from = position.at(source(*e, graph)), to = position.at(target(*e, graph));
      if (from != to) inputs[to].push_back(from);
    }
    std::size_t at = 0;
    for (auto [v, end] = vertices(graph); v != end; ++v, ++at) {
      begin_line();
      std::sort(inputs[at].begin(), inputs[at].end());
      inputs[at].erase(std::unique(inputs[at].begin(), inputs[at].end()), inputs[at].end());
      std::string list;
      for (const std::size_t from : inputs[at]) list += (list.empty() ? "" : " ") + std::to_string(from);
      Line line(*this);
      line.put(key_, std::string_view(row));
      line.put("inputs", std::string_view(list));
      describe(line, *v);
    }
  }

  /// All graphs so far.
  arch::LabelTable table() const {
    arch::LabelTable out;
    for (const auto& column : columns_) out.add(column);
    return out;
  }

 private:
  std::string key_;
  std::vector<arch::LabelTable::Column> columns_;
  std::size_t rows_ = 0;

  void begin_line() {
    ++rows_;
    for (auto& column : columns_) fill(column);
  }
  void fill(arch::LabelTable::Column& column) const {
    if (column.numeric) column.numbers.resize(rows_, std::numeric_limits<double>::quiet_NaN());
    else column.words.resize(rows_);
  }
  arch::LabelTable::Column& cell(std::string_view name, std::string_view unit, bool numeric) {
    auto found = std::find_if(columns_.begin(), columns_.end(), [&](const auto& column) { return column.name == name && column.numeric == numeric; });
    if (found == columns_.end()) {
      columns_.push_back({std::string(name), std::string(unit), numeric, {}, {}});
      found = columns_.end() - 1;
      fill(*found);
    }
    return *found;
  }
};

}  // namespace gnomon::surrogate
