#include <algorithm>
#include <bit>
#include <deque>
#include <map>

#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"
#include "ir/evaluate.hpp"
#include "ir/functions.hpp"
#include "ir/machine.hpp"
#include "ir/program.hpp"

namespace gnomon::hls {
namespace {

__extension__ typedef unsigned __int128 UnsignedWide;

/// Modulo 2^128: what verify() lets through is exact, or wraps where only low bits count.
Wide times(Wide a, Wide b) { return static_cast<Wide>(static_cast<UnsignedWide>(a) * static_cast<UnsignedWide>(b)); }
Wide plus(Wide a, Wide b) { return static_cast<Wide>(static_cast<UnsignedWide>(a) + static_cast<UnsignedWide>(b)); }

}  // namespace

std::int64_t evaluate_op(const KernelOp& op, const NumberType* types, const std::int64_t* args) {
  const auto value = [&](int a) { return exact(types[a], args[a]); };
  // Both values at one fraction.
  const auto aligned = [&](int a, int b, Wide& x, Wide& y) {
    const int fraction = std::max(types[a].fraction, types[b].fraction);
    x = times(value(a), Wide{1} << (fraction - types[a].fraction));
    y = times(value(b), Wide{1} << (fraction - types[b].fraction));
    return fraction;
  };
  Wide x = 0, y = 0;
  switch (op.code) {
    case OpCode::constant:
      return op.value;
    case OpCode::add: {
      const int fraction = aligned(0, 1, x, y);
      return quantise(op.type, plus(x, y), fraction);
    }
    case OpCode::sub: {
      const int fraction = aligned(0, 1, x, y);
      return quantise(op.type, plus(x, times(y, -1)), fraction);
    }
    case OpCode::mul:
      return quantise(op.type, times(value(0), value(1)), types[0].fraction + types[1].fraction);
    case OpCode::mac: {
      const int product = types[0].fraction + types[1].fraction, fraction = std::max(product, types[2].fraction);
      x = times(times(value(0), value(1)), Wide{1} << (fraction - product));
      return quantise(op.type, plus(x, times(value(2), Wide{1} << (fraction - types[2].fraction))), fraction);
    }
    case OpCode::div: {
      x = value(0), y = value(1);
      if (y == 0) return static_cast<std::int64_t>(x < 0 ? op.type.lowest() : op.type.highest());
      const int up = op.type.fraction - types[0].fraction + types[1].fraction;
      if (up >= 0)
        x *= Wide{1} << up;
      else
        y *= Wide{1} << -up;
      return quantise(op.type, x / y, op.type.fraction);
    }
    case OpCode::rem:
      x = value(0), y = value(1);
      return quantise(op.type, y == 0 ? x : x % y, 0);
    case OpCode::shl:
    case OpCode::shr: {
      const Wide by = value(1);
      const int count = by < 0 || by > 64 ? 64 : static_cast<int>(by);
      if (op.code == OpCode::shl) return count == 64 ? 0 : quantise(op.type, times(value(0), Wide{1} << count), types[0].fraction);
      return quantise(op.type, value(0) >> count, types[0].fraction);
    }
    case OpCode::bit_and:
      return quantise(op.type, value(0) & value(1), types[0].fraction);
    case OpCode::bit_or:
      return quantise(op.type, value(0) | value(1), types[0].fraction);
    case OpCode::bit_xor:
      return quantise(op.type, value(0) ^ value(1), types[0].fraction);
    case OpCode::clz: {
      const int bits = types[0].bits;
      const std::uint64_t low = static_cast<std::uint64_t>(args[0]) << (64 - bits);
      return quantise(op.type, low == 0 ? bits : std::countl_zero(low), 0);
    }
    case OpCode::select: {
      const int chosen = args[0] != 0 ? 1 : 2;
      return quantise(op.type, value(chosen), types[chosen].fraction);
    }
    case OpCode::min:
    case OpCode::max: {
      aligned(0, 1, x, y);
      const int chosen = (op.code == OpCode::min ? x <= y : x >= y) ? 0 : 1;
      return quantise(op.type, value(chosen), types[chosen].fraction);
    }
    case OpCode::eq:
    case OpCode::ne:
    case OpCode::lt:
    case OpCode::le:
      aligned(0, 1, x, y);
      return op.code == OpCode::eq ? x == y : op.code == OpCode::ne ? x != y : op.code == OpCode::lt ? x < y : x <= y;
    case OpCode::cast:
      return quantise(op.type, value(0), types[0].fraction);
    case OpCode::scale:
      return quantise(op.type, value(0), types[0].fraction - static_cast<int>(op.value));
    case OpCode::exp:
    case OpCode::log:
    case OpCode::recip:
    case OpCode::rsqrt:
      return evaluate_function(function_unit(op.code, types[0], op.type), args[0]);
    default:
      return 0;
  }
}

// ---- One process. ----

Machine::Machine(const Kernel& kernel, std::size_t process, Shared& shared)
    : kernel_(kernel), shared_(shared), program_(*make_program(kernel, process)) {
  values_.resize(kernel.ops.size());
  counters_.resize(kernel.loops.size());
  trips_.resize(kernel.loops.size());
  rounds_.resize(kernel.loops.size());
  types_.resize(kernel.ops.size());
  for (std::size_t i = 0; i < kernel.ops.size(); ++i)
    for (const std::size_t a : kernel.ops[i].args) types_[i].push_back(kernel.ops[a].type);
}

Machine::State Machine::run() {
  const auto trips = [&](std::size_t l) {
    const KernelLoop& loop = kernel_.loops[l];
    if (loop.trip) return evaluate(*loop.trip, counters_);
    if (!loop.count) return loop.extent;
    const Wide wanted = exact(kernel_.ops[*loop.count].type, values_[*loop.count]);
    const std::int64_t trip = static_cast<std::int64_t>(std::clamp<Wide>(wanted, 0, loop.extent));
    if (shared_.trace != nullptr) shared_.trace->trips[l].push_back(trip);
    return trip;
  };
  while (pc_ < program_.size()) {
    const ProgramStep& step = program_[pc_];
    switch (step.kind) {
      case ProgramStep::op:
        if (shared_.streams_only && !touches_stream(kernel_.ops[step.id].code)) break;
        if (++shared_.executed > shared_.max_ops) return State::too_long;
        if (const State state = execute(step.id); state != State::done) return state;
        break;
      case ProgramStep::enter:
        counters_[step.id] = 0;
        ++rounds_[step.id];
        // A loop with `count` is a pipeline of its own: its iterations never overlap with what ran before it.
        if (kernel_.loops[step.id].count) last_.clear();
        trips_[step.id] = trips(step.id);
        if (trips_[step.id] < 1) {
          pc_ = step.target;
          continue;
        }
        break;
      case ProgramStep::next: {
        if (shared_.streams_only && ++shared_.executed > shared_.max_ops) return State::too_long;
        ++rounds_[step.id];
        const auto& repeat = kernel_.loops[step.id].repeat;
        if (++counters_[step.id] < trips_[step.id] && (!repeat || values_[*repeat] != 0)) {
          pc_ = step.target;
          continue;
        }
        if (repeat && shared_.trace != nullptr) shared_.trace->trips[step.id].push_back(counters_[step.id]);
        counters_[step.id] = 0;
        break;
      }
    }
    ++pc_;
  }
  return State::done;
}

Machine::State Machine::execute(std::size_t i) {
  const KernelOp& op = kernel_.ops[i];
  const bool taken = !op.when || values_[*op.when] != 0;
  switch (op.code) {
    case OpCode::load:
    case OpCode::gather: {
      const std::int64_t at = place(op);
      if (op.when && !taken) {
        values_[i] = 0;
        return State::done;
      }
      values_[i] = shared_.memory[*op.tensor][static_cast<std::size_t>(at)];
      if (op.code == OpCode::gather && !keeps_distance(i, at)) return State::broken_distance;
      return State::done;
    }
    case OpCode::store:
    case OpCode::scatter: {
      if (!taken) return State::done;
      const std::int64_t at = place(op);
      if (shared_.watch != nullptr && shared_.watch->tensor == op.tensor && shared_.watch->element == at) note_write(i);
      shared_.memory[*op.tensor][static_cast<std::size_t>(at)] =
          quantise(op.type, exact(types_[i][0], values_[op.args[0]]), types_[i][0].fraction);
      if (op.code == OpCode::scatter && !keeps_distance(i, at)) return State::broken_distance;
      return State::done;
    }
    case OpCode::read: {
      values_[i] = 0;
      if (taken) {
        auto& queue = shared_.queues[*op.stream];
        if (queue.empty()) return State::blocked;
        values_[i] = queue.front();
        queue.pop_front();
      }
      if (shared_.trace != nullptr && op.when) shared_.trace->taken[i].push_back(taken);
      return State::done;
    }
    case OpCode::write: {
      if (taken) {
        const KernelStream& stream = kernel_.streams[*op.stream];
        auto& queue = shared_.queues[*op.stream];
        if (stream.kind == StreamKind::local && static_cast<std::int64_t>(queue.size()) >= shared_.depth(*op.stream))
          return State::blocked;
        // Nothing is taken from the queue of an output.
        if (shared_.watch != nullptr && shared_.watch->stream == op.stream && shared_.watch->element == static_cast<std::int64_t>(queue.size())) note_write(i);
        queue.push_back(shared_.streams_only ? 0 : quantise(op.type, exact(types_[i][0], values_[op.args[0]]), types_[i][0].fraction));
      }
      if (shared_.trace != nullptr && op.when) shared_.trace->taken[i].push_back(taken);
      return State::done;
    }
    case OpCode::index:
      values_[i] = quantise(op.type, evaluate(op.index[0], counters_), 0);
      return State::done;
    default: {
      std::int64_t args[3] = {0, 0, 0};
      for (std::size_t a = 0; a < op.args.size(); ++a) args[a] = values_[op.args[a]];
      values_[i] = evaluate_op(op, types_[i].data(), args);
      return State::done;
    }
  }
}

void Machine::note_write(std::size_t op) {
  shared_.watch->op = op;
  shared_.watch->counters = counters_;
}

std::int64_t Machine::place(const KernelOp& op) const {
  std::int64_t at = 0;
  const auto& shape = kernel_.tensors[*op.tensor].shape;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    std::int64_t along = evaluate(op.index[d], counters_);
    for (const auto& [value, factor] : op.index[d].values) along += factor * values_[value];
    // verify() keeps done accesses inside; what a guard skips may point anywhere.
    at = at * shape[d] + std::clamp<std::int64_t>(along, 0, shape[d] - 1);
  }
  return at;
}

bool Machine::keeps_distance(std::size_t i, std::int64_t at) {
  const KernelOp& op = kernel_.ops[i];
  if (op.distance <= 1) return true;
  const std::int64_t now = op.loop ? rounds_[*op.loop] : 0;
  auto& last = last_[{*op.tensor, at}];
  const bool met = last.round > 0 && last.round < now && now - last.round < op.distance &&
                   (writes_tensor(op.code) || last.wrote);
  const bool wrote = writes_tensor(op.code) || (last.round == now && last.wrote);
  last = {now, wrote};
  broken_ = i;
  return !met;
}

Expected<void> Shared::run(const Kernel& kernel) {
  std::vector<Machine> machines;
  for (std::size_t p = 0; p < kernel.processes.size(); ++p) machines.emplace_back(kernel, p, *this);
  std::vector<Machine::State> states(machines.size(), Machine::State::blocked);
  const auto at = [&](std::size_t op) { return "/body/" + std::to_string(op); };
  for (;;) {
    bool moved = false, all_done = true;
    for (std::size_t p = 0; p < machines.size(); ++p) {
      if (states[p] == Machine::State::done) continue;
      const std::size_t before = machines[p].position();
      const std::int64_t executed_before = executed;
      states[p] = machines[p].run();
      // A blocked attempt counts as one op; more than that is progress.
      moved = moved || machines[p].position() != before || executed > executed_before + 1 || states[p] == Machine::State::done;
      if (states[p] == Machine::State::too_long)
        return fail(Error(ErrorKind::unsupported, Problem{kernel.file, "", "interpreting " + in_quotes(kernel.name) + " takes more than " +
                                                                               std::to_string(max_ops) + " operations"}));
      if (states[p] == Machine::State::broken_distance) {
        const std::size_t op = machines[p].broken();
        return fail(Error(ErrorKind::invalid_input,
                          Problem{kernel.file, at(op) + "/distance",
                                  "two accesses of " + in_quotes(kernel.tensors[*kernel.ops[op].tensor].name) + " meet within fewer than " +
                                      std::to_string(kernel.ops[op].distance) + " iterations; the declared conflict distance does not hold"}));
      }
      all_done = all_done && states[p] == Machine::State::done;
      if (!kernel.directives.dataflow && states[p] != Machine::State::done) break;
    }
    if (all_done) break;
    if (moved) continue;
    std::vector<Problem> problems;
    for (std::size_t p = 0; p < machines.size(); ++p) {
      if (states[p] == Machine::State::done) continue;
      const std::size_t op = machines[p].blocked_op();
      const KernelStream& stream = kernel.streams[*kernel.ops[op].stream];
      problems.push_back({kernel.file, at(op),
                          "deadlock: process " + in_quotes(kernel.processes[p]) + " waits for ever to " +
                              (kernel.ops[op].code == OpCode::read ? "read from the empty stream " : "write to the full stream ") +
                              in_quotes(stream.name) +
                              (kernel.ops[op].code == OpCode::read ? "" : " of depth " + std::to_string(depth(*kernel.ops[op].stream)))});
      if (!kernel.directives.dataflow) break;
    }
    return fail(Error(ErrorKind::invalid_input, std::move(problems)));
  }
  std::vector<Problem> left;
  for (std::size_t s = 0; s < kernel.streams.size(); ++s)
    if (kernel.streams[s].kind != StreamKind::output && !queues[s].empty())
      left.push_back({kernel.file, "/streams/" + std::to_string(s),
                      std::to_string(queues[s].size()) + " elements of stream " + in_quotes(kernel.streams[s].name) + " are never read"});
  if (!left.empty()) return fail(Error(ErrorKind::invalid_input, std::move(left)));
  return {};
}

std::int64_t Shared::depth(std::size_t stream) const {
  const auto given = kernel_.directives.streams.find(kernel_.streams[stream].name);
  return given == kernel_.directives.streams.end() ? kernel_.streams[stream].depth : given->second;
}

Expected<TensorValues> interpret(const Kernel& kernel, const TensorValues& inputs, std::int64_t max_ops, ControlTrace* trace) {
  if (auto sound = verify(kernel); !sound) return fail(std::move(sound.error()));
  Wide work = 0;
  for (const KernelOp& op : kernel.ops) {
    Wide times = 1;
    for (const std::size_t l : kernel.path(op.loop))
      if (times <= max_ops) times *= kernel.loops[l].extent;
    work += times;
  }
  if (work > max_ops)
    return fail(ErrorKind::unsupported,
                "interpreting " + in_quotes(kernel.name) + " takes more than " + std::to_string(max_ops) + " operations");

  return run_unchecked(kernel, inputs, 2 * max_ops, trace);
}

Expected<TensorValues> run_unchecked(const Kernel& kernel, const TensorValues& inputs, std::int64_t max_ops, ControlTrace* trace, WriteWatch* watch) {
  Shared shared(kernel);
  shared.max_ops = max_ops;
  shared.trace = trace;
  shared.watch = watch;
  if (trace != nullptr) *trace = {std::vector<std::vector<std::int64_t>>(kernel.loops.size()), std::vector<std::vector<bool>>(kernel.ops.size())};
  std::size_t used = 0;
  const auto check = [&](const std::string& name, const NumberType& type, std::int64_t elements) -> Expected<std::vector<std::int64_t>> {
    const auto given = inputs.find(name);
    if (given == inputs.end()) return fail(ErrorKind::invalid_input, "no values for the input " + in_quotes(name));
    ++used;
    if (static_cast<std::int64_t>(given->second.size()) != elements)
      return fail(ErrorKind::invalid_input, "input " + in_quotes(name) + " has " + std::to_string(elements) + " elements, " +
                                                std::to_string(given->second.size()) + " values are given");
    for (std::size_t i = 0; i < given->second.size(); ++i) {
      const Wide value = exact(type, given->second[i]);
      if (value < type.lowest() || value > type.highest())
        return fail(ErrorKind::invalid_input, "input " + in_quotes(name) + ": value " + std::to_string(given->second[i]) + " of element " +
                                                  std::to_string(i) + " does not fit in " + type.text());
    }
    return given->second;
  };
  for (const KernelTensor& tensor : kernel.tensors) {
    if (tensor.kind == TensorKind::constant) {
      shared.memory.push_back(tensor.values);
    } else if (tensor.kind != TensorKind::input) {
      shared.memory.emplace_back(static_cast<std::size_t>(tensor.elements()), 0);
    } else {
      auto values = check(tensor.name, tensor.type, tensor.elements());
      if (!values) return fail(std::move(values.error()));
      shared.memory.push_back(std::move(*values));
    }
  }
  for (std::size_t s = 0; s < kernel.streams.size(); ++s) {
    if (kernel.streams[s].kind != StreamKind::input) continue;
    auto values = check(kernel.streams[s].name, kernel.streams[s].type, kernel.streams[s].length);
    if (!values) return fail(std::move(values.error()));
    shared.queues[s].assign(values->begin(), values->end());
  }
  if (used != inputs.size())
    for (const auto& [name, values] : inputs) {
      bool known = false;
      for (const KernelTensor& t : kernel.tensors) known = known || (t.kind == TensorKind::input && t.name == name);
      for (const KernelStream& s : kernel.streams) known = known || (s.kind == StreamKind::input && s.name == name);
      if (!known) return fail(ErrorKind::invalid_input, in_quotes(name) + " is not an input of the kernel");
    }
  if (auto ran = shared.run(kernel); !ran) return fail(std::move(ran.error()));
  TensorValues outputs;
  for (std::size_t t = 0; t < kernel.tensors.size(); ++t)
    if (kernel.tensors[t].kind == TensorKind::output) outputs[kernel.tensors[t].name] = std::move(shared.memory[t]);
  for (std::size_t s = 0; s < kernel.streams.size(); ++s)
    if (kernel.streams[s].kind == StreamKind::output) outputs[kernel.streams[s].name] = {shared.queues[s].begin(), shared.queues[s].end()};
  return outputs;
}

std::vector<std::pair<std::string, std::int64_t>> loops_of_last_write(const Kernel& kernel, const TensorValues& inputs, const std::string& output, std::int64_t element) {
  WriteWatch watch;
  watch.element = element;
  for (std::size_t t = 0; t < kernel.tensors.size(); ++t)
    if (kernel.tensors[t].name == output) watch.tensor = t;
  for (std::size_t s = 0; s < kernel.streams.size(); ++s)
    if (kernel.streams[s].name == output) watch.stream = s;
  std::vector<std::pair<std::string, std::int64_t>> loops;
  if (!run_unchecked(kernel, inputs, std::int64_t{1} << 34, nullptr, &watch) || !watch.op) return loops;
  for (const std::size_t l : kernel.path(kernel.ops[*watch.op].loop)) loops.emplace_back(kernel.loops[l].name, watch.counters[l]);
  return loops;
}

TensorValues random_inputs(const Kernel& kernel, std::uint64_t seed) {
  TensorValues inputs;
  const auto fill = [&](const std::string& name, const NumberType& type, std::int64_t count) {
    Random random(derive(seed, name));
    std::vector<std::int64_t>& values = inputs[name];
    const NumberType raw{type.is_signed, type.bits};
    for (std::int64_t i = 0; i < count; ++i) values.push_back(quantise(raw, static_cast<Wide>(random.next()), 0));
  };
  for (const KernelTensor& t : kernel.tensors)
    if (t.kind == TensorKind::input) fill(t.name, t.type, t.elements());
  for (const KernelStream& s : kernel.streams)
    if (s.kind == StreamKind::input) fill(s.name, s.type, s.length);
  return inputs;
}

}  // namespace gnomon::hls
