#include <algorithm>
#include <cmath>
#include <map>

#include "gnomon/base/text.hpp"
#include "ir/affine.hpp"
#include "ir/program.hpp"
#include "schedule/datapath.hpp"
#include "schedule/lower.hpp"
#include "schedule/memories.hpp"

namespace gnomon::hls {
namespace {

/// Pairs of nodes that a chain of combinational logic joins and that are too far apart for one cycle.
void add_chains(Pipe& pipe, double clock_ns) {
  const std::size_t n = pipe.nodes.size();
  std::vector<std::vector<int>> users(n);
  for (std::size_t v = 0; v < n; ++v) {
    for (const int a : pipe.nodes[v].args) users[static_cast<std::size_t>(a)].push_back(static_cast<int>(v));
    for (const int g : pipe.nodes[v].guards) users[static_cast<std::size_t>(g)].push_back(static_cast<int>(v));
  }
  std::vector<double> arrival(n, -1);
  std::vector<int> touched;
  for (std::size_t source = 0; source < n; ++source) {
    const double start = std::min(pipe.nodes[source].delay_ns, clock_ns);
    arrival[source] = start;
    touched.assign(1, static_cast<int>(source));
    // Users stand behind what they use, so that places in order are a topological order.
    for (std::size_t at = 0; at < touched.size(); ++at) {
      std::nth_element(touched.begin() + static_cast<std::ptrdiff_t>(at), touched.begin() + static_cast<std::ptrdiff_t>(at), touched.end());
      const auto v = static_cast<std::size_t>(touched[at]);
      if (v != source && pipe.nodes[v].latency > 0) continue;
      for (const int u : users[v]) {
        const auto to = static_cast<std::size_t>(u);
        // A unit with registers of its own takes its inputs at the beginning of a stage of its own.
        const double by = arrival[v] + (pipe.nodes[to].latency > 0 ? 0.3 : std::min(pipe.nodes[to].delay_ns, clock_ns));
        if (by > clock_ns + 1e-9) {
          pipe.problem.edges.push_back({static_cast<int>(source), u, pipe.nodes[source].latency + 1, 0});
          continue;
        }
        if (arrival[to] < 0) touched.push_back(u);
        arrival[to] = std::max(arrival[to], by);
      }
    }
    for (const int v : touched) arrival[static_cast<std::size_t>(v)] = -1;
  }
}

class Builder {
 public:
  explicit Builder(const Kernel& kernel) { result_.kernel = kernel; }

  Expected<Datapath> run() {
    const Kernel& kernel = result_.kernel;
    result_.memories = place_memories(kernel);
    for (std::size_t p = 0; p < kernel.processes.size(); ++p) {
      process_ = p;
      program_ = *make_program(kernel, p);
      Process process;
      if (auto done = region(0, program_.size(), process); !done) return fail(std::move(done.error()));
      result_.processes.push_back(std::move(process));
    }
    const std::string& wanted = kernel.directives.pipeline_loop;
    if (!wanted.empty() && !pipeline_loop_found_)
      return invalid(kernel.file, "/directives/pipeline/loop",
                     "loop " + in_quotes(wanted) + " cannot be one pipeline: it holds several loops, or loops whose trips depend on data or may be 0, or it was unrolled");
    return std::move(result_);
  }

 private:
  const KernelLoop& loop(std::size_t l) const { return result_.kernel.loops[l]; }

  /// The only loop directly inside steps (begin, end), if there is exactly one, and its place.
  std::optional<std::size_t> only_inner(std::size_t begin, std::size_t end) const {
    std::optional<std::size_t> found;
    for (std::size_t s = begin; s < end;) {
      if (program_[s].kind != ProgramStep::enter) {
        ++s;
        continue;
      }
      if (found) return std::nullopt;
      found = s;
      s = program_[s].target;
    }
    return found;
  }
  bool has_inner(std::size_t begin, std::size_t end) const {
    for (std::size_t s = begin; s < end; ++s)
      if (program_[s].kind == ProgramStep::enter) return true;
    return false;
  }
  /// Whether a loop can become part of the pipeline of the loop around it.
  bool merges(std::size_t l) const {
    if (loop(l).data_decides()) return false;
    return !loop(l).trip || affine_range(result_.kernel, *loop(l).trip, loop(l).parent).first >= 1;
  }

  /// Steps (begin, end): blocks of ops, and loops between them, on the way to the loop `pipeline` where that is given.
  Expected<void> region(std::size_t begin, std::size_t end, Process& to, std::optional<std::size_t> pipeline = {}) {
    std::vector<std::size_t> block;
    const auto flush = [&]() -> Expected<void> {
      if (block.empty()) return {};
      auto done = add_pipe({}, block, to);
      block.clear();
      return done;
    };
    for (std::size_t s = begin; s < end;) {
      if (program_[s].kind == ProgramStep::op) {
        block.push_back(program_[s].id);
        ++s;
        continue;
      }
      if (auto done = flush(); !done) return done;
      if (auto done = pipeline ? from(s, *pipeline, to) : nest(s, to); !done) return done;
      s = program_[s].target;
    }
    return flush();
  }

  /// The loop that step `s` enters.
  Expected<void> nest(std::size_t s, Process& to) {
    // The chain of loops that may become one pipeline, from here inwards.
    std::vector<std::size_t> chain{s};
    // Whether there is another iteration is known at the end of one: no pipeline.
    bool closed = !loop(program_[s].id).repeat;
    for (std::size_t at = s;;) {
      const std::size_t end = program_[at].target - 1;
      if (!has_inner(at + 1, end)) break;
      const auto inner = only_inner(at + 1, end);
      if (!inner || !merges(program_[*inner].id)) {
        closed = false;
        break;
      }
      chain.push_back(*inner);
      at = *inner;
    }
    if (!closed) return outer(s, to);
    // The outermost loop of the pipeline: as told, or what gives the fewest cycles.
    const std::string& wanted = result_.kernel.directives.pipeline_loop;
    std::size_t first = 0, last = chain.size() - 1;
    for (std::size_t c = 0; c < chain.size(); ++c)
      if (loop(program_[chain[c]].id).name == wanted) {
        first = last = c;
        pipeline_loop_found_ = true;
      }
    std::optional<Process> best;
    double best_cycles = 0;
    std::optional<Error> error;
    for (std::size_t c = first; c <= last; ++c) {
      Process candidate;
      auto done = from(s, chain[c], candidate);
      if (!done) {
        if (!error) error = std::move(done.error());
        continue;
      }
      const double cycles = estimate(candidate);
      if (best && cycles >= best_cycles) continue;
      best = std::move(candidate);
      best_cycles = cycles;
    }
    if (!best) return fail(std::move(*error));
    append(*best, to);
    return {};
  }

  /// A process fragment in which the loops from `s` down to before `pipeline` are entered one by one.
  Expected<void> from(std::size_t s, std::size_t pipeline, Process& to) {
    if (s != pipeline) return outer(s, to, pipeline);
    std::vector<std::size_t> loops, ops;
    for (std::size_t i = s; i < program_[s].target; ++i) {
      if (program_[i].kind == ProgramStep::op) ops.push_back(program_[i].id);
      if (program_[i].kind == ProgramStep::enter) loops.push_back(program_[i].id);
    }
    return add_pipe(loops, ops, to);
  }

  Expected<void> outer(std::size_t s, Process& to, std::optional<std::size_t> pipeline = {}) {
    const std::size_t enter = to.control.size();
    to.control.push_back({Control::enter, program_[s].id, 0});
    if (auto done = region(s + 1, program_[s].target - 1, to, pipeline); !done) return done;
    to.control.push_back({Control::next, program_[s].id, enter + 1});
    to.control[enter].target = to.control.size();
    return {};
  }

  static void append(const Process& from, Process& to) {
    const std::size_t steps = to.control.size(), pipes = to.pipes.size();
    for (Control c : from.control) {
      if (c.kind == Control::pipe)
        c.id += pipes;
      else
        c.target += steps;
      to.control.push_back(c);
    }
    to.pipes.insert(to.pipes.end(), from.pipes.begin(), from.pipes.end());
  }

  double estimate(const Process& process) const {
    double total = 0, times = 1;
    for (const Control& c : process.control) {
      if (c.kind == Control::enter) {
        total += times;
        times *= static_cast<double>(loop(c.id).extent);
      } else if (c.kind == Control::next) {
        total += times;
        times /= static_cast<double>(loop(c.id).extent);
      } else {
        const Pipe& pipe = process.pipes[c.id];
        double iterations = 1;
        for (const std::size_t l : pipe.loops) iterations *= static_cast<double>(loop(l).extent);
        total += times * ((iterations - 1) * pipe.ii + pipe.depth);
      }
    }
    return total;
  }

  Expected<void> add_pipe(const std::vector<std::size_t>& loops, const std::vector<std::size_t>& ops, Process& to) {
    Pipe pipe;
    pipe.loops = loops;
    pipe.ops = ops;
    if (!loops.empty()) pipe.count = loop(loops.front()).count;
    lower_pipe(result_.kernel, result_.memories, pipe);
    if (pipe.nodes.empty()) return {};
    if (auto done = schedule(pipe); !done) return done;
    to.control.push_back({Control::pipe, to.pipes.size(), 0});
    to.pipes.push_back(std::move(pipe));
    return {};
  }

  Expected<void> schedule(Pipe& pipe) {
    const Kernel& kernel = result_.kernel;
    const double clock_ns = kernel.directives.clock_ns;
    ScheduleProblem& problem = pipe.problem;
    problem.nodes = static_cast<int>(pipe.nodes.size());
    problem.uses.assign(pipe.nodes.size(), {});
    for (Node& node : pipe.nodes) {
      if (node.kind == NodeKind::compute && (node.code == OpCode::div || node.code == OpCode::rem)) {
        node.latency = divider_latency(dividend_bits(node, pipe.nodes), clock_ns);
      } else if (node.kind == NodeKind::compute && node.code == OpCode::mul) {
        if (may_share(node, pipe.nodes)) node.share_ns = sharing_ns();
        const double delay = delay_of(node, pipe.nodes, kernel, nullptr);
        if (delay > clock_ns) node.latency = static_cast<int>(std::ceil(delay / clock_ns));
      }
      node.delay_ns = delay_of(node, pipe.nodes, kernel, node.tensor >= 0 ? &result_.memories[static_cast<std::size_t>(node.tensor)] : nullptr);
    }
    for (std::size_t n = 0; n < pipe.nodes.size(); ++n) {
      for (const int a : pipe.nodes[n].args) problem.edges.push_back({a, static_cast<int>(n), pipe.nodes[static_cast<std::size_t>(a)].latency, 0});
      for (const int g : pipe.nodes[n].guards) problem.edges.push_back({g, static_cast<int>(n), pipe.nodes[static_cast<std::size_t>(g)].latency, 0});
    }
    add_chains(pipe, clock_ns);
    add_dependences(kernel, process_, pipe);
    if (pipe.loops.empty()) problem.edges.erase(std::remove_if(problem.edges.begin(), problem.edges.end(), [](const DependenceEdge& e) { return e.distance > 0; }), problem.edges.end());
    bundle_accesses(pipe);
    add_resources(pipe);

    std::optional<FoundSchedule> found;
    if (pipe.loops.empty()) {
      int horizon = 8;
      for (const DependenceEdge& e : problem.edges) horizon += e.latency;
      horizon = std::min(horizon + problem.nodes, 1 << 16);
      auto time = modulo_schedule(problem, horizon, 64);
      if (time) found = FoundSchedule{1, std::move(*time), 1, 1};
    } else {
      const auto wanted = kernel.directives.pipeline_ii;
      found = least_ii(problem, static_cast<int>(wanted.value_or(1)), wanted.has_value());
      if (!found && wanted) {
        const int resources = resource_min_ii(problem), recurrences = recurrence_min_ii(problem);
        std::string why = "; the schedule does not come out at this interval";
        if (recurrences > *wanted) why = "; recurrences in loop " + in_quotes(loop(pipe.loops.front()).name) + " need at least " + std::to_string(recurrences);
        else if (resources > *wanted) why = "; " + busiest(pipe) + " needs at least " + std::to_string(resources) + " in loop " + in_quotes(loop(pipe.loops.front()).name);
        return invalid(kernel.file, "/directives/pipeline/ii", "an interval of " + std::to_string(*wanted) + " cycles is not possible" + why);
      }
    }
    if (!found) return fail(Error(ErrorKind::unsupported, Problem{kernel.file, "", "no schedule was found for a pipeline of " + std::to_string(problem.nodes) + " operations"}));
    pipe.time = std::move(found->time);
    pipe.resource_ii = found->resource_ii;
    pipe.recurrence_ii = found->recurrence_ii;
    pipe.depth = 1;
    for (std::size_t n = 0; n < pipe.nodes.size(); ++n)
      if (!pipe.nodes[n].stable || pipe.nodes[n].kind == NodeKind::live_out) pipe.depth = std::max(pipe.depth, pipe.time[n] + 1);
    pipe.ii = pipe.loops.empty() ? pipe.depth : found->ii;
    return {};
  }

  /// Of the multiplexers before a multiplier, where the process has several products.
  double sharing_ns() const {
    const Kernel& kernel = result_.kernel;
    const auto products = std::count_if(kernel.ops.begin(), kernel.ops.end(), [&](const KernelOp& op) { return op.process == process_ && (op.code == OpCode::mul || op.code == OpCode::mac); });
    if (products < 2) return 0;
    return multiplexer_ns(static_cast<double>(kernel.directives.units.count("mul") > 0 ? products : std::min<std::ptrdiff_t>(products, most_sharers)));
  }

  static int dividend_bits(const Node& node, const std::vector<Node>& nodes) {
    const NumberType& a = nodes[static_cast<std::size_t>(node.args[0])].type;
    const NumberType& b = nodes[static_cast<std::size_t>(node.args[1])].type;
    const int up = node.code == OpCode::div ? node.type.fraction - a.fraction + b.fraction : 0;
    return a.bits + std::max(0, up);
  }

  std::string busiest(const Pipe& pipe) const {
    std::vector<int> count(pipe.problem.capacity.size(), 0);
    for (const auto& uses : pipe.problem.uses)
      for (const int r : uses) ++count[static_cast<std::size_t>(r)];
    std::size_t most = 0;
    for (std::size_t r = 0; r < count.size(); ++r)
      if (count[r] * pipe.problem.capacity[most] > count[most] * pipe.problem.capacity[r]) most = r;
    return pipe.resources.empty() ? "nothing" : pipe.resources[most];
  }

  /// Whether two accesses of one iteration surely are in different banks, though nobody knows in which: along one partitioned dimension
  /// their places differ by a constant that the number of banks does not divide.
  bool in_different_banks(const Node& a, const Node& b) const {
    const KernelOp &x = result_.kernel.ops[a.op], &y = result_.kernel.ops[b.op];
    if (a.tensor != b.tensor || a.kind != b.kind || x.loop != y.loop) return false;
    const Memory& memory = result_.memories[static_cast<std::size_t>(a.tensor)];
    for (std::size_t d = 0; d < x.index.size(); ++d) {
      const Memory::Dimension& dim = memory.dimensions[d];
      if (dim.banks > 1 && dim.kind != PartitionKind::block && x.index[d].coefficients == y.index[d].coefficients && x.index[d].values == y.index[d].values &&
          (x.index[d].constant - y.index[d].constant) % dim.banks != 0)
        return true;
    }
    return false;
  }

  /// Accesses that are in different banks whenever they happen together start together, and take one port of every bank together.
  void bundle_accesses(Pipe& pipe) {
    std::vector<std::vector<int>> bundles;
    for (std::size_t n = 0; n < pipe.nodes.size(); ++n) {
      const Node& node = pipe.nodes[n];
      if ((node.kind != NodeKind::load && node.kind != NodeKind::store) || node.bank >= 0) continue;
      if (result_.memories[static_cast<std::size_t>(node.tensor)].storage == Memory::registers) continue;
      const auto at = std::find_if(bundles.begin(), bundles.end(), [&](const std::vector<int>& b) {
        return std::all_of(b.begin(), b.end(), [&](int m) { return in_different_banks(pipe.nodes[static_cast<std::size_t>(m)], node); });
      });
      if (at == bundles.end())
        bundles.push_back({static_cast<int>(n)});
      else
        at->push_back(static_cast<int>(n));
    }
    int horizon = 1;
    for (const DependenceEdge& e : pipe.problem.edges) horizon = std::min(horizon + e.latency, 1 << 20);
    for (const auto& bundle : bundles) {
      if (bundle.size() < 2) continue;
      const std::size_t edges = pipe.problem.edges.size();
      for (std::size_t i = 1; i < bundle.size(); ++i) {
        pipe.problem.edges.push_back({bundle[0], bundle[i], 0, 0});
        pipe.problem.edges.push_back({bundle[i], bundle[0], 0, 0});
      }
      // One may need what another gives.
      if (!earliest_starts(pipe.problem, horizon)) {
        pipe.problem.edges.resize(edges);
        continue;
      }
      for (const int n : bundle) pipe.nodes[static_cast<std::size_t>(n)].bundle = bundle[0];
    }
  }

  void add_resources(Pipe& pipe) {
    const Kernel& kernel = result_.kernel;
    std::map<std::string, int> known;
    const auto resource = [&](const std::string& name, int capacity) {
      const auto [at, fresh] = known.insert({name, static_cast<int>(pipe.problem.capacity.size())});
      if (fresh) {
        pipe.problem.capacity.push_back(capacity);
        pipe.resources.push_back(name);
      }
      return at->second;
    };
    for (std::size_t n = 0; n < pipe.nodes.size(); ++n) {
      const Node& node = pipe.nodes[n];
      auto& uses = pipe.problem.uses[n];
      if (node.kind == NodeKind::load || node.kind == NodeKind::store) {
        const auto t = static_cast<std::size_t>(node.tensor);
        const Memory& memory = result_.memories[t];
        if (memory.storage == Memory::registers || (node.bundle >= 0 && node.bundle != static_cast<int>(n))) continue;
        const bool read = node.kind == NodeKind::load;
        // A bank that is known only when it runs takes a port of every bank: no two such accesses ever wait for each other.
        for (std::int64_t b = node.bank < 0 ? 0 : node.bank; b < (node.bank < 0 ? memory.banks : node.bank + 1); ++b)
          uses.push_back(resource(std::string(read ? "the read" : "the write") + " port of bank " + std::to_string(b) + " of " + in_quotes(kernel.tensors[t].name), read ? memory.read_ports : 1));
      } else if (node.stream >= 0) {
        uses.push_back(resource("stream " + in_quotes(kernel.streams[static_cast<std::size_t>(node.stream)].name) + (node.kind == NodeKind::read ? " (reads)" : " (writes)"), 1));
      } else if (node.kind == NodeKind::compute) {
        const auto units = kernel.directives.units.find(op_names()[static_cast<std::size_t>(node.code)]);
        if (units != kernel.directives.units.end()) uses.push_back(resource("the units of \"" + units->first + "\"", static_cast<int>(units->second)));
      }
    }
  }

  Datapath result_;
  std::size_t process_ = 0;
  std::vector<ProgramStep> program_;
  bool pipeline_loop_found_ = false;
};

}  // namespace

Expected<Datapath> make_datapath(const Kernel& unrolled) { return Builder(simplify(unrolled)).run(); }

}  // namespace gnomon::hls
