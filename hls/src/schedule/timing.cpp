#include "schedule/timing.hpp"

#include <algorithm>
#include <deque>

#include "gnomon/base/text.hpp"
#include "ir/program.hpp"

namespace gnomon::hls {
namespace {

constexpr std::int64_t quiet_limit = 20'000;

/// Fifos as they stand at the beginning of a cycle, and what happens in it.
struct Fifo {
  std::int64_t depth = 1, count = 0;
  bool push = false, pop = false;
};

class ProcessTiming {
 public:
  ProcessTiming(const Datapath& d, std::size_t p) : d_(d), k_(d.kernel), process_(d.processes[p]) { counters_.assign(k_.loops.size(), 0); }

  void start(const ControlTrace* trace) {
    trace_ = trace;
    pc_ = 0;
    next_trip_.assign(k_.loops.size(), 0);
    next_taken_.assign(k_.ops.size(), 0);
    trips_.assign(k_.loops.size(), 0);
    std::fill(counters_.begin(), counters_.end(), 0);
    begin_step();
  }
  bool halted() const { return pc_ == process_.control.size(); }
  std::string waits_for(const std::vector<Fifo>& fifos) const {
    std::string text;
    for (const int s : blocked_on_) {
      const std::string name = in_quotes(k_.streams[static_cast<std::size_t>(s)].name);
      text += (text.empty() ? "" : ", ") + (fifos[static_cast<std::size_t>(s)].count == 0 ? "the empty stream " + name : "the full stream " + name);
    }
    return text;
  }

  /// One cycle; gives whether anything moved.
  bool cycle(std::vector<Fifo>& fifos) {
    blocked_on_.clear();
    const Control& step = process_.control[pc_];
    if (step.kind != Control::pipe) {
      if (step.kind == Control::enter) {
        pc_ = trip(step.id) < 1 ? step.target : pc_ + 1;
      } else if (++counters_[step.id] < trips_[step.id]) {
        pc_ = step.target;
      } else {
        counters_[step.id] = 0;
        ++pc_;
      }
      begin_step();
      return true;
    }
    const Pipe& pipe = process_.pipes[step.id];
    if (streams_.empty()) {
      if (--left_ == 0) {
        finish(pipe);
      }
      return true;
    }
    if (iterations_ == 0) {
      finish(pipe);
      return true;
    }
    // Would an iteration start? Its reads of the first cycle must find something.
    bool issue = issued_ < iterations_ && phase_ == 0;
    if (issue && !prepared_) prepare(pipe);
    if (issue)
      for (std::size_t i = 0; i < streams_.size(); ++i) {
        const Node& node = pipe.nodes[streams_[i]];
        if (node.kind != NodeKind::read || pipe.time[streams_[i]] != 0 || !next_[i]) continue;
        if (fifos[static_cast<std::size_t>(node.stream)].count == 0) {
          issue = false;
          blocked_on_.push_back(node.stream);
        }
      }
    // What stands in each stage now.
    const auto stage = [&](int t) -> const std::vector<char>* {
      if (t == 0) return issue ? &next_ : nullptr;
      return flight_[static_cast<std::size_t>(t)].empty() ? nullptr : &flight_[static_cast<std::size_t>(t)];
    };
    bool stalled = false;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      const Node& node = pipe.nodes[streams_[i]];
      const int t = pipe.time[streams_[i]];
      const auto* there = stage(t);
      if (there == nullptr || !(*there)[i] || (node.kind == NodeKind::read && t == 0)) continue;
      const Fifo& fifo = fifos[static_cast<std::size_t>(node.stream)];
      if (node.kind == NodeKind::read ? fifo.count == 0 : fifo.count == fifo.depth) {
        stalled = true;
        blocked_on_.push_back(node.stream);
      }
    }
    if (stalled) return false;
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      const Node& node = pipe.nodes[streams_[i]];
      const auto* there = stage(pipe.time[streams_[i]]);
      if (there == nullptr || !(*there)[i]) continue;
      (node.kind == NodeKind::read ? fifos[static_cast<std::size_t>(node.stream)].pop : fifos[static_cast<std::size_t>(node.stream)].push) = true;
    }
    bool moved = issue;
    for (const auto& f : flight_) moved = moved || !f.empty();
    const bool final_leaves = (pipe.depth > 1 && last_stage_ == pipe.depth - 1) || (pipe.depth == 1 && issue && issued_ + 1 == iterations_);
    for (std::size_t t = flight_.size(); t-- > 1;) flight_[t] = t == 1 ? std::vector<char>{} : flight_[t - 1];
    if (last_stage_ > 0) ++last_stage_;
    if (issue) {
      if (flight_.size() > 1) {
        flight_[1] = next_;
        flight_[1].push_back(1);  // never empty, whatever streams the pipeline has
      }
      prepared_ = false;
      if (++issued_ == iterations_) last_stage_ = 1;
    }
    phase_ = (phase_ + 1) % (pipe.loops.empty() ? 1 : pipe.ii);
    if (final_leaves) finish(pipe);
    return moved;
  }

 private:
  std::int64_t trip(std::size_t l) {
    const KernelLoop& loop = k_.loops[l];
    if (loop.trip)
      trips_[l] = evaluate(*loop.trip, counters_);
    else if (loop.data_decides())
      trips_[l] = trace_->trips[l][next_trip_[l]++];
    else
      trips_[l] = loop.extent;
    return trips_[l];
  }
  void finish(const Pipe& pipe) {
    for (const std::size_t l : pipe.loops) counters_[l] = 0;
    ++pc_;
    begin_step();
  }
  std::int64_t count(const Pipe& pipe, std::size_t from) {
    if (from == pipe.loops.size()) return 1;
    const std::size_t l = pipe.loops[from];
    const std::int64_t trips = from == 0 ? trip(l) : k_.loops[l].trip ? evaluate(*k_.loops[l].trip, counters_) : k_.loops[l].extent;
    bool varies = false;
    for (std::size_t i = from + 1; i < pipe.loops.size(); ++i) varies = varies || k_.loops[pipe.loops[i]].trip.has_value();
    if (!varies) return trips < 1 ? 0 : trips * count(pipe, from + 1);
    std::int64_t total = 0;
    for (counters_[l] = 0; counters_[l] < trips; ++counters_[l]) total += count(pipe, from + 1);
    counters_[l] = 0;
    return total;
  }
  void begin_step() {
    if (halted() || process_.control[pc_].kind != Control::pipe) return;
    const Pipe& pipe = process_.pipes[process_.control[pc_].id];
    streams_.clear();
    for (std::size_t i = 0; i < pipe.nodes.size(); ++i)
      if (pipe.nodes[i].stream >= 0) streams_.push_back(i);
    iterations_ = count(pipe, 0);
    left_ = iterations_ == 0 ? 1 : (iterations_ - 1) * (pipe.loops.empty() ? 1 : pipe.ii) + pipe.depth;
    issued_ = 0;
    phase_ = 0;
    last_stage_ = 0;
    prepared_ = false;
    flight_.assign(static_cast<std::size_t>(pipe.depth), {});
  }
  /// Which stream operations the next iteration does.
  void prepare(const Pipe& pipe) {
    if (issued_ > 0)
      for (std::size_t i = pipe.loops.size(); i-- > 0;) {
        const std::size_t l = pipe.loops[i];
        const std::int64_t trips = i == 0 ? trips_[l] : k_.loops[l].trip ? evaluate(*k_.loops[l].trip, counters_) : k_.loops[l].extent;
        if (++counters_[l] < trips) break;
        counters_[l] = 0;
      }
    next_.assign(streams_.size(), 1);
    for (std::size_t i = 0; i < streams_.size(); ++i) {
      const Node& node = pipe.nodes[streams_[i]];
      for (const int g : node.guards) {
        const Node& guard = pipe.nodes[static_cast<std::size_t>(g)];
        if (guard.kind != NodeKind::predicate) continue;
        for (const std::size_t l : guard.loops) {
          const std::int64_t trips = l == pipe.loops.front() ? trips_[l] : k_.loops[l].trip ? evaluate(*k_.loops[l].trip, counters_) : k_.loops[l].extent;
          if (counters_[l] != (guard.first ? 0 : trips - 1)) next_[i] = 0;
        }
      }
      if (next_[i] && k_.ops[node.op].when) next_[i] = trace_->taken[node.op][next_taken_[node.op]++] ? 1 : 0;
    }
    prepared_ = true;
  }

  const Datapath& d_;
  const Kernel& k_;
  const Process& process_;
  const ControlTrace* trace_ = nullptr;
  std::size_t pc_ = 0;
  std::vector<std::int64_t> counters_, trips_;
  std::vector<std::size_t> next_trip_, next_taken_, streams_;
  std::int64_t iterations_ = 0, issued_ = 0, left_ = 0;
  int phase_ = 0, last_stage_ = 0;
  bool prepared_ = false;
  std::vector<char> next_;
  std::vector<std::vector<char>> flight_;
  std::vector<int> blocked_on_;
};

}  // namespace

Expected<Timing> simulate_timing(const Datapath& d, const std::vector<ControlTrace>& traces, const Withheld& withheld, std::int64_t max_cycles) {
  const Kernel& k = d.kernel;
  std::vector<Fifo> fifos;
  std::vector<std::int64_t> offered;  // per stream: elements that the outside still brings
  for (const KernelStream& s : k.streams) {
    const auto given = k.directives.streams.find(s.name);
    fifos.push_back({given == k.directives.streams.end() ? s.depth : given->second});
    offered.push_back(s.length * static_cast<std::int64_t>(traces.size()));
  }
  std::int64_t clear = 0;
  for (std::size_t t = 0; t < k.tensors.size(); ++t)
    if (d.memories[t].clear) clear = std::max(clear, d.memories[t].bank_elements);
  std::vector<ProcessTiming> processes;
  for (std::size_t p = 0; p < d.processes.size(); ++p) processes.emplace_back(d, p);

  Timing timing;
  enum { loading, computing, draining } state = loading;
  std::size_t run = 0;
  std::vector<std::int64_t> loaded(k.tensors.size(), 0), drained(k.tensors.size(), 0);
  std::int64_t cleared = 0, quiet = 0, silence = 0;
  std::int64_t first_busy = -1;
  for (std::int64_t cycle = 0; cycle < max_cycles; ++cycle) {
    bool moved = false, beat = false;
    const auto beat_in = [&] {
      beat = true;
      if (timing.first_input < 0) timing.first_input = cycle;
      moved = true;
    };
    const auto beat_out = [&] {
      beat = true;
      timing.last_output = cycle;
      moved = true;
    };
    for (std::size_t s = 0; s < fifos.size(); ++s) {
      fifos[s].push = fifos[s].pop = false;
      if (k.streams[s].kind == StreamKind::input && offered[s] > 0 && fifos[s].count < fifos[s].depth && !withheld(k.streams[s].name, cycle)) {
        fifos[s].push = true;
        --offered[s];
        beat_in();
      }
      if (k.streams[s].kind == StreamKind::output && fifos[s].count > 0 && !withheld(k.streams[s].name, cycle)) {
        fifos[s].pop = true;
        beat_out();
      }
    }
    auto next = state;
    if (state == loading) {
      bool ready = cleared == clear;
      for (std::size_t t = 0; t < k.tensors.size(); ++t)
        if (k.tensors[t].kind == TensorKind::input) ready = ready && loaded[t] == k.tensors[t].elements();
      if (ready && run < traces.size()) {
        next = computing;
        for (ProcessTiming& p : processes) p.start(&traces[run]);
        std::fill(loaded.begin(), loaded.end(), 0);
        moved = true;
      } else {
        for (std::size_t t = 0; t < k.tensors.size(); ++t)
          if (k.tensors[t].kind == TensorKind::input && run < traces.size() && loaded[t] < k.tensors[t].elements() && !withheld(k.tensors[t].name, cycle)) {
            ++loaded[t];
            beat_in();
          }
        if (cleared < clear) {
          ++cleared;
          moved = true;
        }
      }
    } else if (state == computing) {
      if (first_busy < 0) first_busy = cycle;
      bool all = true;
      std::vector<bool> halted;
      for (const ProcessTiming& p : processes) {
        halted.push_back(p.halted());
        all = all && p.halted();
      }
      if (all) {
        next = draining;
        // Per tensor: elements asked for so far, and whether one stands at the port.
        std::fill(drained.begin(), drained.end(), 0);
        moved = true;
      } else {
        ++timing.compute_cycles;
        for (std::size_t p = 0; p < processes.size(); ++p)
          if (!halted[p] && (k.directives.dataflow || p == 0 || halted[p - 1])) moved = processes[p].cycle(fifos) || moved;
      }
    } else {
      bool all = true;
      for (std::size_t t = 0; t < k.tensors.size(); ++t) {
        if (k.tensors[t].kind != TensorKind::output) continue;
        // drained: 0 nothing asked; i: element i - 1 stands at the port; elements + 1: all are gone.
        const std::int64_t elements = k.tensors[t].elements();
        if (drained[t] == 0) {
          drained[t] = 1;
          moved = true;
        } else if (drained[t] <= elements && !withheld(k.tensors[t].name, cycle)) {
          beat_out();
          ++drained[t];
        }
        all = all && drained[t] == elements + 1;
      }
      if (all) {
        next = loading;
        cleared = 0;
        ++run;
        moved = true;
      }
    }
    silence = beat ? 0 : silence + 1;
    timing.longest_silence_cycles = std::max(timing.longest_silence_cycles, silence);
    for (Fifo& f : fifos) {
      moved = moved || f.push || f.pop;
      f.count += (f.push ? 1 : 0) - (f.pop ? 1 : 0);
    }
    state = next;
    if (run == traces.size()) {
      bool empty = true;
      for (std::size_t s = 0; s < fifos.size(); ++s) empty = empty && (k.streams[s].kind != StreamKind::output || fifos[s].count == 0);
      if (empty) {
        timing.total_cycles = timing.last_output - (timing.first_input < 0 ? first_busy : timing.first_input) + 1;
        return timing;
      }
    }
    quiet = moved ? 0 : quiet + 1;
    if (quiet < quiet_limit) continue;
    std::vector<Problem> problems;
    for (std::size_t p = 0; p < processes.size(); ++p)
      if (state == computing && !processes[p].halted())
        problems.push_back({k.file, "/processes/" + std::to_string(p),
                            "deadlock of the scheduled hardware: process " + in_quotes(k.processes[p]) + " waits for " + processes[p].waits_for(fifos)});
    if (problems.empty()) problems.push_back({k.file, "", "the scheduled hardware stands still"});
    return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  }
  return fail(ErrorKind::unsupported, "the schedule of " + in_quotes(k.name) + " takes more than " + std::to_string(max_cycles) + " cycles");
}

}  // namespace gnomon::hls
