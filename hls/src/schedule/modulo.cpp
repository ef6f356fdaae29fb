// Boost.Graph's edge iterators look uninitialised to g++ 12 at -O2 and above.
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <algorithm>
#include <boost/graph/adjacency_list.hpp>
#include <boost/graph/bellman_ford_shortest_paths.hpp>
#include <boost/graph/howard_cycle_ratio.hpp>
#include <cmath>
#include <functional>
#include <sstream>

#include "gnomon/base/text.hpp"
#include "schedule/problem.hpp"

namespace gnomon::hls {
namespace {

struct EdgeWeights {
  double latency = 0;
  double distance = 0;
  std::int64_t length = 0;
};
using Graph = boost::adjacency_list<boost::vecS, boost::vecS, boost::directedS, boost::property<boost::vertex_index_t, int>, EdgeWeights>;

/// Uses per slot of the II and resource.
class Reservations {
 public:
  Reservations(const ScheduleProblem& problem, int ii) : problem_(problem), ii_(ii), used_(problem.capacity.size() * static_cast<std::size_t>(ii), 0) {}
  bool fits(int node, int time) const {
    for (const int r : problem_.uses[static_cast<std::size_t>(node)]) {
      int same = 0;
      for (const int other : problem_.uses[static_cast<std::size_t>(node)]) same += other == r;
      if (at(r, time) + same > problem_.capacity[static_cast<std::size_t>(r)]) return false;
    }
    return true;
  }
  void add(int node, int time, int sign) {
    for (const int r : problem_.uses[static_cast<std::size_t>(node)]) used_[slot(r, time)] += sign;
  }
  bool conflict(int node, int other) const {
    for (const int r : problem_.uses[static_cast<std::size_t>(node)])
      for (const int s : problem_.uses[static_cast<std::size_t>(other)])
        if (r == s) return true;
    return false;
  }

 private:
  std::size_t slot(int r, int time) const { return static_cast<std::size_t>(r) * static_cast<std::size_t>(ii_) + static_cast<std::size_t>(time % ii_); }
  int at(int r, int time) const { return used_[slot(r, time)]; }
  const ScheduleProblem& problem_;
  int ii_;
  std::vector<int> used_;
};

/// Longest way from each node to any end: who decides the length of the schedule goes first.
std::vector<std::int64_t> heights(const ScheduleProblem& problem, int ii) {
  std::vector<std::int64_t> height(static_cast<std::size_t>(problem.nodes), 0);
  for (int round = 0; round < problem.nodes + 1; ++round) {
    bool changed = false;
    for (auto e = problem.edges.rbegin(); e != problem.edges.rend(); ++e) {
      const std::int64_t by = height[static_cast<std::size_t>(e->to)] + e->latency - e->distance * ii;
      if (by <= height[static_cast<std::size_t>(e->from)]) continue;
      height[static_cast<std::size_t>(e->from)] = by;
      changed = true;
    }
    if (!changed) break;
  }
  return height;
}

}  // namespace

int resource_min_ii(const ScheduleProblem& problem) {
  std::vector<int> count(problem.capacity.size(), 0);
  for (const auto& uses : problem.uses)
    for (const int r : uses) ++count[static_cast<std::size_t>(r)];
  int ii = 1;
  for (std::size_t r = 0; r < count.size(); ++r) ii = std::max(ii, (count[r] + problem.capacity[r] - 1) / problem.capacity[r]);
  return ii;
}

int recurrence_min_ii(const ScheduleProblem& problem) {
  Graph graph(static_cast<std::size_t>(problem.nodes));
  for (const DependenceEdge& e : problem.edges)
    boost::add_edge(static_cast<std::size_t>(e.from), static_cast<std::size_t>(e.to), EdgeWeights{static_cast<double>(e.latency), static_cast<double>(e.distance), 0}, graph);
  const double ratio = boost::maximum_cycle_ratio(graph, boost::get(boost::vertex_index, graph), boost::get(&EdgeWeights::latency, graph),
                                                  boost::get(&EdgeWeights::distance, graph));
  // No cycle at all gives minus infinity.
  return ratio < 1 ? 1 : static_cast<int>(std::ceil(ratio - 1e-9));
}

std::optional<std::vector<int>> earliest_starts(const ScheduleProblem& problem, int ii) {
  const auto n = static_cast<std::size_t>(problem.nodes);
  Graph graph(n + 1);
  for (std::size_t v = 0; v < n; ++v) boost::add_edge(n, v, EdgeWeights{0, 0, 0}, graph);
  for (const DependenceEdge& e : problem.edges)
    boost::add_edge(static_cast<std::size_t>(e.from), static_cast<std::size_t>(e.to), EdgeWeights{0, 0, e.distance * ii - e.latency}, graph);
  // Longest paths as shortest ones of negated lengths.
  std::vector<std::int64_t> length(n + 1, 0);
  const bool sound = boost::bellman_ford_shortest_paths(
      graph, static_cast<int>(n + 1), boost::weight_map(boost::get(&EdgeWeights::length, graph)).distance_map(length.data()).root_vertex(n));
  if (!sound) return std::nullopt;
  std::vector<int> time(n);
  for (std::size_t v = 0; v < n; ++v) time[v] = static_cast<int>(-length[v]);
  return time;
}

std::optional<std::vector<int>> modulo_schedule(const ScheduleProblem& problem, int ii, int budget) {
  if (!earliest_starts(problem, ii)) return std::nullopt;
  const auto n = static_cast<std::size_t>(problem.nodes);
  const std::vector<std::int64_t> height = heights(problem, ii);
  std::vector<std::vector<const DependenceEdge*>> in(n), out(n);
  for (const DependenceEdge& e : problem.edges) {
    in[static_cast<std::size_t>(e.to)].push_back(&e);
    out[static_cast<std::size_t>(e.from)].push_back(&e);
  }
  std::vector<int> time(n, -1), last(n, -1);
  Reservations table(problem, ii);
  using Entry = std::pair<std::int64_t, int>;
  std::vector<Entry> heap;
  const auto push = [&](int v) {
    heap.push_back({height[static_cast<std::size_t>(v)], -v});
    std::push_heap(heap.begin(), heap.end());
  };
  for (int v = 0; v < problem.nodes; ++v) push(v);
  std::int64_t left = static_cast<std::int64_t>(budget) * problem.nodes + 64;
  const auto remove = [&](int v) {
    table.add(v, time[static_cast<std::size_t>(v)], -1);
    time[static_cast<std::size_t>(v)] = -1;
    push(v);
  };
  while (!heap.empty()) {
    if (--left < 0) return std::nullopt;
    std::pop_heap(heap.begin(), heap.end());
    const int v = -heap.back().second;
    heap.pop_back();
    const auto at = static_cast<std::size_t>(v);
    if (time[at] >= 0) continue;
    std::int64_t first = 0;
    for (const DependenceEdge* e : in[at])
      if (e->from != v && time[static_cast<std::size_t>(e->from)] >= 0)
        first = std::max(first, time[static_cast<std::size_t>(e->from)] + e->latency - e->distance * ii);
    int chosen = -1;
    for (int t = static_cast<int>(first); t < static_cast<int>(first) + ii && chosen < 0; ++t)
      if (table.fits(v, t)) chosen = t;
    if (chosen < 0) {
      chosen = std::max(static_cast<int>(first), last[at] + 1);
      for (int w = 0; w < problem.nodes; ++w)
        if (w != v && time[static_cast<std::size_t>(w)] >= 0 && time[static_cast<std::size_t>(w)] % ii == chosen % ii && table.conflict(v, w) && !table.fits(v, chosen)) remove(w);
      if (!table.fits(v, chosen)) return std::nullopt;
    }
    time[at] = last[at] = chosen;
    table.add(v, chosen, 1);
    for (const DependenceEdge* e : out[at]) {
      const auto to = static_cast<std::size_t>(e->to);
      if (e->to != v && time[to] >= 0 && time[to] < chosen + e->latency - e->distance * ii) remove(e->to);
    }
    for (const DependenceEdge* e : in[at]) {
      const auto from = static_cast<std::size_t>(e->from);
      if (e->from != v && time[from] >= 0 && chosen < time[from] + e->latency - e->distance * ii) remove(e->from);
    }
  }
  return time;
}

std::optional<std::vector<int>> exact_schedule(const ScheduleProblem& problem, int ii, std::int64_t max_tests, bool& undecided) {
  undecided = false;
  // Nodes whose resource cannot be short never need a slot of their own.
  std::vector<int> count(problem.capacity.size(), 0);
  for (const auto& uses : problem.uses)
    for (const int r : uses) ++count[static_cast<std::size_t>(r)];
  std::vector<int> limited;
  for (int v = 0; v < problem.nodes; ++v)
    for (const int r : problem.uses[static_cast<std::size_t>(v)])
      if (count[static_cast<std::size_t>(r)] > problem.capacity[static_cast<std::size_t>(r)]) {
        limited.push_back(v);
        break;
      }
  // slot[v]: time of v = slot + ii x stage, as edges over stages: t(v) - ii * k(v) = slot. With integer stages the constraint
  // t(to) >= t(from) + lat - dist * ii becomes k(to) - k(from) >= ceil((lat - dist * ii + slot(from) - slot(to)) / ii) between two
  // limited nodes. Longest paths between limited nodes through the others are found first.
  const auto n = static_cast<std::size_t>(problem.nodes);
  constexpr std::int64_t none = INT64_MIN / 4;
  if (n > 400) {
    undecided = true;
    return std::nullopt;
  }
  std::vector<std::vector<std::int64_t>> path(n, std::vector<std::int64_t>(n, none));
  for (std::size_t v = 0; v < n; ++v) path[v][v] = 0;
  for (const DependenceEdge& e : problem.edges) {
    auto& p = path[static_cast<std::size_t>(e.from)][static_cast<std::size_t>(e.to)];
    p = std::max(p, static_cast<std::int64_t>(e.latency) - e.distance * ii);
  }
  for (std::size_t k = 0; k < n; ++k)
    for (std::size_t i = 0; i < n; ++i)
      if (path[i][k] != none)
        for (std::size_t j = 0; j < n; ++j)
          if (path[k][j] != none) path[i][j] = std::max(path[i][j], path[i][k] + path[k][j]);
  for (std::size_t v = 0; v < n; ++v)
    if (path[v][v] > 0) return std::nullopt;

  std::vector<int> slot(n, -1);
  Reservations table(problem, ii);
  std::int64_t tests = 0;
  const auto ceil_div = [](std::int64_t a, std::int64_t b) { return a >= 0 ? (a + b - 1) / b : -((-a) / b); };
  // Stages of the first `placed` limited nodes: feasible if no cycle of stage constraints is positive.
  const auto feasible = [&](std::size_t placed) {
    std::vector<std::vector<std::int64_t>> stage(placed, std::vector<std::int64_t>(placed, none));
    for (std::size_t a = 0; a < placed; ++a)
      for (std::size_t b = 0; b < placed; ++b) {
        const auto i = static_cast<std::size_t>(limited[a]), j = static_cast<std::size_t>(limited[b]);
        if (path[i][j] != none) stage[a][b] = a == b ? 0 : ceil_div(path[i][j] + slot[i] - slot[j], ii);
      }
    for (std::size_t k = 0; k < placed; ++k)
      for (std::size_t i = 0; i < placed; ++i)
        if (stage[i][k] != none)
          for (std::size_t j = 0; j < placed; ++j)
            if (stage[k][j] != none) stage[i][j] = std::max(stage[i][j], stage[i][k] + stage[k][j]);
    for (std::size_t i = 0; i < placed; ++i)
      if (stage[i][i] > 0) return false;
    return true;
  };
  const std::function<bool(std::size_t)> place = [&](std::size_t a) -> bool {
    if (a == limited.size()) return true;
    const int v = limited[a];
    // The first node may stand in slot 0: a schedule that is shifted is a schedule.
    for (int s = 0; s < (a == 0 ? 1 : ii); ++s) {
      if (++tests > max_tests) {
        undecided = true;
        return false;
      }
      if (!table.fits(v, s)) continue;
      slot[static_cast<std::size_t>(v)] = s;
      table.add(v, s, 1);
      if (feasible(a + 1) && place(a + 1)) return true;
      table.add(v, s, -1);
      slot[static_cast<std::size_t>(v)] = -1;
      if (undecided) return false;
    }
    return false;
  };
  if (!place(0)) return std::nullopt;
  // Times: longest paths with every limited node rounded up to its slot, until nothing moves.
  std::vector<std::int64_t> time(n, 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t v = 0; v < n; ++v) {
      std::int64_t t = time[v];
      for (std::size_t u = 0; u < n; ++u)
        if (path[u][v] != none) t = std::max(t, time[u] + path[u][v]);
      if (slot[v] >= 0) t += (slot[v] - t % ii + ii) % ii;
      moved = moved || t != time[v];
      time[v] = t;
    }
  }
  return std::vector<int>(time.begin(), time.end());
}

std::optional<FoundSchedule> least_ii(const ScheduleProblem& problem, int first, bool only) {
  FoundSchedule found;
  found.resource_ii = resource_min_ii(problem);
  found.recurrence_ii = recurrence_min_ii(problem);
  const int least = std::max({first, found.resource_ii, found.recurrence_ii});
  if (only && least > first) return std::nullopt;
  for (int ii = least; ii <= (only ? first : least + 64 + problem.nodes); ++ii) {
    auto time = modulo_schedule(problem, ii);
    if (!time && problem.nodes <= 64) {
      bool undecided = false;
      time = exact_schedule(problem, ii, 20'000, undecided);
    }
    if (!time) continue;
    found.ii = ii;
    found.time = std::move(*time);
    return found;
  }
  return std::nullopt;
}

Expected<NamedProblem> read_problem(const std::string& text, const std::string& file) {
  NamedProblem named;
  std::istringstream lines(text);
  std::string line;
  int number_of = 0;
  while (std::getline(lines, line)) {
    ++number_of;
    const auto wrong = [&](const std::string& what) { return invalid(file, "", "line " + std::to_string(number_of) + ": " + what); };
    line = line.substr(0, line.find('#'));
    std::istringstream words(line);
    std::string key;
    if (!(words >> key)) continue;
    std::vector<long long> values;
    for (std::string word; words >> word;) {
      long long value = 0;
      if (!parse_integer(word, value) || value < -1'000'000 || value > 1'000'000) return wrong(in_quotes(word) + " is not a number");
      values.push_back(value);
    }
    ScheduleProblem& p = named.problem;
    const auto node = [&](long long v) { return v >= 0 && v < p.nodes; };
    if (key == "nodes" && values.size() == 1 && values[0] > 0 && values[0] <= 100'000) {
      p.nodes = static_cast<int>(values[0]);
      p.uses.assign(static_cast<std::size_t>(p.nodes), {});
    } else if (key == "capacity" && values.size() == 2 && values[0] == static_cast<long long>(p.capacity.size()) && values[1] > 0) {
      p.capacity.push_back(static_cast<int>(values[1]));
    } else if (key == "use" && values.size() == 2 && node(values[0]) && values[1] >= 0 && values[1] < static_cast<long long>(p.capacity.size())) {
      p.uses[static_cast<std::size_t>(values[0])].push_back(static_cast<int>(values[1]));
    } else if (key == "edge" && values.size() == 4 && node(values[0]) && node(values[1]) && values[3] >= 0) {
      p.edges.push_back({static_cast<int>(values[0]), static_cast<int>(values[1]), static_cast<int>(values[2]), values[3]});
    } else if (key == "least_ii" && values.size() == 1) {
      named.least_ii = static_cast<int>(values[0]);
    } else {
      return wrong("nodes N, capacity R C (R counting from 0), use NODE R, edge FROM TO LATENCY DISTANCE or least_ii II are allowed");
    }
  }
  return named;
}

}  // namespace gnomon::hls
