#pragma once

#include <algorithm>
#include <map>
#include <set>

#include "emit/kernel_rtl.hpp"
#include "emit/divider.hpp"
#include "emit/sv_expression.hpp"

namespace gnomon::hls {
inline std::string n(std::int64_t value) { return std::to_string(value); }

inline std::string join_and(const std::vector<std::string>& terms, const std::string& none = "1'b1") {
  if (terms.empty()) return none;
  std::string text;
  for (const std::string& t : terms) text += (text.empty() ? "" : " && ") + t;
  return text;
}

/// An access of a port in a cycle: when, and what is put on the wires.
struct PortUse {
  std::string when, address, data;
};

/// Writes a kernel's datapath as one module: processes, loops and pipelines here, tensors and streams in kernel_rtl.cpp.
class Emitter {
 public:
  explicit Emitter(const Datapath& d) : d_(d), k_(d.kernel) {}

  Rtl run() {
    uses_.resize(k_.tensors.size());
    for (std::size_t p = 0; p < d_.processes.size(); ++p) process(p);
    tensors();
    streams();
    top_state();
    Rtl rtl;
    rtl.top = "kernel_" + k_.name;
    rtl.ports = {{"clk", 1, true}, {"rst", 1, true}, {"busy", 1, false}};
    std::string list = "  input  logic clk,\n  input  logic rst,\n  output logic busy";
    for (const auto& [name, bits, input] : ports_) {
      const std::string range = "logic [" + n(bits - 1) + ":0] ";
      list += std::string(",\n  ") + (input ? "input " : "output") + " logic " + name + "_valid,\n  " + (input ? "output" : "input ") + " logic " + name + "_ready,\n  " +
              (input ? "input " : "output") + " " + range + name + "_data";
      rtl.ports.push_back({name + "_valid", 1, input});
      rtl.ports.push_back({name + "_ready", 1, !input});
      rtl.ports.push_back({name + "_data", bits, input});
    }
    // Exact results have bits that no later operation looks at; synthesis removes them.
    rtl.text = "// Kernel " + k_.name + ".\nmodule " + rtl.top + " (\n" + list + "\n);\n  /* verilator lint_off UNUSEDSIGNAL */\n" + declarations_ + body_ +
               "  always_ff @(posedge clk) begin\n" + clocked_ + "  end\nendmodule\n";
    return rtl;
  }

 private:
  void declare(const std::string& name, int bits) { declarations_ += "  " + sv_declare(name, bits) + ";\n"; }
  void define(const std::string& name, int bits, const std::string& value) {
    declare(name, bits);
    body_ += "  assign " + name + " = " + value + ";\n";
  }

  int counter_bits(std::size_t l) const { return sv_bits(k_.loops[l].extent - 1); }
  int trip_bits(std::size_t l) const { return sv_bits(k_.loops[l].extent); }
  std::string counter(std::size_t p, std::size_t l) const { return "p" + n(static_cast<std::int64_t>(p)) + "_c" + n(static_cast<std::int64_t>(l)); }

  // ---- Values of the pipeline being emitted. ----

  struct PipeState {
    std::size_t process = 0;
    const Pipe* pipe = nullptr;
    std::string prefix;
    std::vector<bool> in_pipe;
    const PipeRegisters* registers = nullptr;
    int slots = 1;
  };

  std::string at_counter(PipeState& s, std::size_t l, int stage) {
    const std::string base = counter(s.process, l);
    if (!s.in_pipe[l] || stage == 0) return base;
    return s.prefix + "k" + n(s.registers->of_counter.at(l)[static_cast<std::size_t>((stage - 1) / s.slots)]);
  }

  Signal at(PipeState& s, int node, int stage) {
    const auto i = static_cast<std::size_t>(node);
    const Node& from = s.pipe->nodes[i];
    Signal signal{s.prefix + "n" + n(node), from.type.bits, from.type.is_signed, from.type.fraction};
    if (from.stable) return signal;
    const int late = stage - s.pipe->time[i] - from.latency;
    if (late > 0) signal.name = s.prefix + "k" + n(s.registers->of_node.at(node)[static_cast<std::size_t>((late - 1) / s.slots)]);
    return signal;
  }

  /// Sum modulo 2^bits of counters at a stage and of values.
  std::string affine(PipeState& s, const Affine& a, const std::vector<int>& args, int stage, int bits) {
    std::vector<std::string> terms;
    const auto add = [&](const Signal& signal, std::int64_t factor) {
      if (factor == 0) return;
      if (factor > 0 && (factor & (factor - 1)) == 0) {
        terms.push_back(sv_fit(signal, bits, sv_bits(factor) - 1));
        return;
      }
      terms.push_back("(" + sv_fit(signal, bits) + " * " + sv_literal(factor, bits) + ")");
    };
    for (std::size_t l = 0; l < a.coefficients.size(); ++l)
      if (a.coefficients[l] != 0) add({at_counter(s, l, stage), counter_bits(l)}, a.coefficients[l]);
    for (const auto& [place, factor] : a.values) add(at(s, args[place], stage), factor);
    if (a.constant != 0 || terms.empty()) terms.push_back(sv_literal(a.constant, bits));
    std::string text;
    for (const std::string& t : terms) text += (text.empty() ? "" : " + ") + t;
    return text;
  }

  /// Iterations of a loop, as a value of trip_bits.
  std::string trip(std::size_t p, std::size_t l, PipeState* s, int stage) {
    const KernelLoop& loop = k_.loops[l];
    if (loop.trip) {
      PipeState outside{p, nullptr, "", std::vector<bool>(k_.loops.size(), false)};
      return affine(s != nullptr ? *s : outside, *loop.trip, {}, stage, trip_bits(l));
    }
    if (loop.count) return "p" + n(static_cast<std::int64_t>(p)) + "_trip" + n(static_cast<std::int64_t>(l));
    return sv_literal(loop.extent, trip_bits(l));
  }
  /// Whether a counter is at its last iteration.
  std::string is_last(std::size_t p, std::size_t l, PipeState* s, int stage) {
    const std::string c = s != nullptr ? at_counter(*s, l, stage) : counter(p, l);
    const KernelLoop& loop = k_.loops[l];
    if (loop.repeat) {
      // The block that computes the value has left it in its register by the time the loop's end is reached.
      const int bits = k_.ops[*loop.repeat].type.bits;
      return "(" + c + " == " + sv_literal(loop.extent - 1, counter_bits(l)) + " || p" + n(static_cast<std::int64_t>(p)) + "_r" + n(static_cast<std::int64_t>(*loop.repeat)) + " == " +
             sv_literal(0, bits) + ")";
    }
    if (!loop.trip && !loop.count) return "(" + c + " == " + sv_literal(loop.extent - 1, counter_bits(l)) + ")";
    const int bits = trip_bits(l) + 1;
    const std::string t = trip(p, l, s, stage);
    // A sum must not stand inside braces, where it would have its own width: it gets a name.
    const std::string name = "p" + n(static_cast<std::int64_t>(p)) + "_t" + n(++fresh_);
    define(name, trip_bits(l), t);
    return "(" + sv_fit({c, counter_bits(l)}, bits) + " + " + sv_literal(1, bits) + " >= " + sv_fit({name, trip_bits(l)}, bits) + ")";
  }

  void process(std::size_t p) {
    const Process& process = d_.processes[p];
    const std::string P = "p" + n(static_cast<std::int64_t>(p)) + "_";
    const int pc_bits = sv_bits(static_cast<std::int64_t>(process.control.size()));
    const auto pc_is = [&](std::size_t step) { return "(" + P + "pc == " + sv_literal(static_cast<Wide>(step), pc_bits) + ")"; };
    int most_ii = 1;
    for (const Pipe& pipe : process.pipes) most_ii = std::max(most_ii, pipe.loops.empty() ? 1 : pipe.ii);
    const int phase_bits = sv_bits(most_ii - 1);
    declare(P + "pc", pc_bits);
    declare(P + "more", 1);
    if (most_ii > 1) declare(P + "phase", phase_bits);
    for (std::size_t l = 0; l < k_.loops.size(); ++l)
      if (k_.loops[l].process == p) declare(counter(p, l), counter_bits(l));
    for (std::size_t l = 0; l < k_.loops.size(); ++l) {
      if (k_.loops[l].process != p || !k_.loops[l].count) continue;
      // max(0, min(value, extent))
      const NumberType& type = k_.ops[*k_.loops[l].count].type;
      const Signal value{P + "r" + n(static_cast<std::int64_t>(*k_.loops[l].count)), type.bits, type.is_signed};
      const int bits = std::max(type.bits, trip_bits(l)) + 2;
      const std::string wide = P + "w" + n(++fresh_);
      define(wide, bits, sv_fit(value, bits));
      define(P + "trip" + n(static_cast<std::int64_t>(l)), trip_bits(l),
             wide + "[" + n(bits - 1) + "] ? " + sv_literal(0, trip_bits(l)) + " : " + wide + " > " + sv_literal(k_.loops[l].extent, bits) + " ? " +
                 sv_literal(k_.loops[l].extent, trip_bits(l)) + " : " + wide + "[" + n(trip_bits(l) - 1) + ":0]");
    }
    std::string running = "busy && " + P + "pc != " + sv_literal(static_cast<Wide>(process.control.size()), pc_bits);
    if (!k_.directives.dataflow && p > 0) running += " && p" + n(static_cast<std::int64_t>(p) - 1) + "_halted";
    define(P + "halted", 1, P + "pc == " + sv_literal(static_cast<Wide>(process.control.size()), pc_bits));
    define(P + "run", 1, running);

    std::vector<std::string> stalls;
    std::string moves, issue_moves;
    for (std::size_t step = 0; step < process.control.size(); ++step) {
      const Control& c = process.control[step];
      const std::string go_on = P + "pc <= " + sv_literal(static_cast<Wide>(step) + 1, pc_bits) + ";";
      const std::string restart = " " + P + "more <= 1'b1;" + (most_ii > 1 ? " " + P + "phase <= " + sv_literal(0, phase_bits) + ";" : "");
      if (c.kind == Control::pipe) {
        const Pipe& pipe = process.pipes[c.id];
        const std::string Q = "p" + n(static_cast<std::int64_t>(p)) + "q" + n(static_cast<std::int64_t>(c.id)) + "_";
        define(Q + "active", 1, P + "run && " + pc_is(step));
        emit_pipe(p, pipe, Q, most_ii > 1 ? P + "phase" : "", phase_bits, stalls);
        moves += "      if (" + Q + "done) begin " + go_on + restart + " end\n";
      } else {
        const std::string name = counter(p, c.id);
        define(P + "last" + n(static_cast<std::int64_t>(step)), 1, c.kind == Control::next ? is_last(p, c.id, nullptr, 0) : "1'b0");
        if (c.kind == Control::enter) {
          const std::string t = P + "t" + n(++fresh_);
          define(t, trip_bits(c.id), trip(p, c.id, nullptr, 0));
          moves += "      if (" + pc_is(step) + ") begin " + P + "pc <= " + t + " == " + sv_literal(0, trip_bits(c.id)) + " ? " +
                   sv_literal(static_cast<Wide>(c.target), pc_bits) + " : " + sv_literal(static_cast<Wide>(step) + 1, pc_bits) + ";" + restart + " end\n";
        } else {
          const std::string last = P + "last" + n(static_cast<std::int64_t>(step));
          moves += "      if (" + pc_is(step) + ") begin " + P + "pc <= " + last + " ? " + sv_literal(static_cast<Wide>(step) + 1, pc_bits) + " : " +
                   sv_literal(static_cast<Wide>(c.target), pc_bits) + "; " + name + " <= " + last + " ? " + sv_literal(0, counter_bits(c.id)) + " : " + name + " + " +
                   sv_literal(1, counter_bits(c.id)) + ";" + restart + " end\n";
        }
      }
    }
    emit_units(p);
    std::string blocked;
    for (const std::string& s : stalls) blocked += (blocked.empty() ? "" : " || ") + s;
    define(P + "en", 1, blocked.empty() ? P + "run" : P + "run && !(" + blocked + ")");
    // Iterations are counted before the steps, so that a step that begins anew has the last word.
    clocked_ += "    if (" + P + "en) begin\n" + counting_ + moves + "    end\n" + "    if (start) begin\n      " + P + "pc <= " + sv_literal(0, pc_bits) + ";\n      " + P +
                "more <= 1'b1;\n" + (most_ii > 1 ? "      " + P + "phase <= " + sv_literal(0, phase_bits) + ";\n" : "");
    counting_.clear();
    for (std::size_t l = 0; l < k_.loops.size(); ++l)
      if (k_.loops[l].process == p) clocked_ += "      " + counter(p, l) + " <= " + sv_literal(0, counter_bits(l)) + ";\n";
    clocked_ += "    end\n";
  }

  void emit_pipe(std::size_t p, const Pipe& pipe, const std::string& Q, const std::string& phase, int phase_bits, std::vector<std::string>& stalls) {
    const std::string P = "p" + n(static_cast<std::int64_t>(p)) + "_";
    PipeState s{p, &pipe, Q, std::vector<bool>(k_.loops.size(), false), &d_.binding.registers[p][static_cast<std::size_t>(&pipe - d_.processes[p].pipes.data())], slots_of(pipe)};
    for (const std::size_t l : pipe.loops) s.in_pipe[l] = true;
    const bool loops = !pipe.loops.empty();
    const int ii = loops ? pipe.ii : 1;
    const auto valid = [&](int stage) { return Q + "v" + n(stage); };
    // A block runs once: its stages are told apart by the iteration that is there.
    const auto phase_is = [&](int stage) { return !loops ? valid(stage) : ii == 1 || phase.empty() ? std::string("1'b1") : "(" + phase + " == " + sv_literal(stage % ii, phase_bits) + ")"; };
    const auto guarded = [&](const Node& node, int stage) {
      std::vector<std::string> terms;
      for (const int g : node.guards) {
        const Signal signal = at(s, g, stage);
        terms.push_back(signal.bits == 1 ? signal.name : "(" + signal.name + " != " + sv_literal(0, signal.bits) + ")");
      }
      return terms;
    };

    std::string empty = "1'b0";
    if (loops) {
      const KernelLoop& first = k_.loops[pipe.loops.front()];
      if (first.count || first.trip) {
        const std::string t = P + "t" + n(++fresh_);
        define(t, trip_bits(pipe.loops.front()), trip(p, pipe.loops.front(), nullptr, 0));
        empty = "(" + t + " == " + sv_literal(0, trip_bits(pipe.loops.front())) + ")";
      }
    }
    std::vector<std::string> ready;  // what an iteration must find when it starts
    for (std::size_t i = 0; i < pipe.nodes.size(); ++i) node(p, s, pipe, static_cast<int>(i), phase_is, valid, guarded, stalls, ready);

    // Issue of iterations, and their way through the stages.
    std::vector<std::string> lasts;
    for (const std::size_t l : pipe.loops) lasts.push_back(is_last(p, l, nullptr, 0));
    define(Q + "final", 1, join_and(lasts));
    std::vector<std::string> terms{Q + "active", P + "more"};
    if (ii > 1) terms.push_back(phase_is(0));
    if (empty != "1'b0") terms.push_back("!" + empty);
    terms.insert(terms.end(), ready.begin(), ready.end());
    define(valid(0), 1, join_and(terms));
    define(Q + "l0", 1, valid(0) + " && " + Q + "final");
    for (int k = 1; k < pipe.depth; ++k) {
      declare(valid(k), 1);
      declare(Q + "l" + n(k), 1);
      counting_ += "      " + valid(k) + " <= " + valid(k - 1) + ";\n      " + Q + "l" + n(k) + " <= " + Q + "l" + n(k - 1) + ";\n";
      resets_.push_back(valid(k) + " <= 1'b0;");
      resets_.push_back(Q + "l" + n(k) + " <= 1'b0;");
    }
    define(Q + "done", 1, Q + "l" + n(pipe.depth - 1) + (empty != "1'b0" ? " || (" + Q + "active && " + empty + ")" : ""));
    if (ii > 1)
      counting_ += "      if (" + Q + "active) " + phase + " <= " + phase + " == " + sv_literal(ii - 1, phase_bits) + " ? " + sv_literal(0, phase_bits) + " : " + phase + " + " +
                   sv_literal(1, phase_bits) + ";\n";
    counting_ += "      if (" + valid(0) + ") begin\n        if (" + Q + "final) " + P + "more <= 1'b0;\n";
    // Each counter moves when all inside it are at their last iteration.
    for (std::size_t i = pipe.loops.size(); i-- > 0;) {
      const std::string c = counter(p, pipe.loops[i]);
      const int bits = counter_bits(pipe.loops[i]);
      const std::string inner = join_and({lasts.begin() + static_cast<std::ptrdiff_t>(i) + 1, lasts.end()}, "");
      const std::string step = c + " <= " + lasts[i] + " ? " + sv_literal(0, bits) + " : " + c + " + " + sv_literal(1, bits) + ";\n";
      counting_ += inner.empty() ? "        " + step : "        if (" + inner + ") " + step;
    }
    counting_ += "      end\n";
    // Values that later cycles want, in registers that several may take in turns.
    for (std::size_t r = 0; r < s.registers->bits.size(); ++r) declare(Q + "k" + n(static_cast<std::int64_t>(r)), s.registers->bits[r]);
    const auto keep = [&](const std::string& value, int birth, const std::vector<int>& list) {
      const std::string when = phase_is(birth);
      for (std::size_t turn = 0; turn < list.size(); ++turn)
        counting_ += "      " + (when == "1'b1" ? "" : "if (" + when + ") ") + Q + "k" + n(list[turn]) + " <= " + (turn == 0 ? value : Q + "k" + n(list[turn - 1])) + ";\n";
    };
    for (const auto& [l, list] : s.registers->of_counter) keep(counter(p, l), 0, list);
    for (const auto& [i, list] : s.registers->of_node) keep(Q + "n" + n(i), pipe.time[static_cast<std::size_t>(i)] + pipe.nodes[static_cast<std::size_t>(i)].latency, list);
  }

  template <class PhaseIs, class Valid, class Guarded>
  void node(std::size_t p, PipeState& s, const Pipe& pipe, int i, const PhaseIs& phase_is, const Valid& valid, const Guarded& guarded, std::vector<std::string>& stalls,
            std::vector<std::string>& ready) {
    const Node& node = pipe.nodes[static_cast<std::size_t>(i)];
    const int time = pipe.time[static_cast<std::size_t>(i)];
    const std::string name = s.prefix + "n" + n(i), P = "p" + n(static_cast<std::int64_t>(p)) + "_";
    const int bits = node.type.bits;
    switch (node.kind) {
      case NodeKind::constant:
        define(name, bits, sv_literal(exact(node.type, node.value), bits));
        return;
      case NodeKind::affine:
        define(name, bits, affine(s, node.affine, node.args, time, bits));
        return;
      case NodeKind::quotient:
      case NodeKind::modulo: {
        const Signal from = at(s, node.args[0], time);
        const bool quotient = node.kind == NodeKind::quotient;
        if ((node.value & (node.value - 1)) == 0) {
          const int shift = sv_bits(node.value) - 1;
          Signal part = from;
          if (quotient && shift > 0) {
            define(name + "_w", std::max(1, from.bits - shift), shift >= from.bits ? "1'h0" : from.name + "[" + n(from.bits - 1) + ":" + n(shift) + "]");
            part = {name + "_w", std::max(1, from.bits - shift)};
          } else if (!quotient) {
            define(name, bits, shift == 0 ? sv_literal(0, bits) : sv_fit({from.name, from.bits}, bits));
            return;
          }
          define(name, bits, sv_fit(part, bits));
          return;
        }
        define(name + "_w", from.bits, from.name + (quotient ? " / " : " % ") + sv_literal(node.value, from.bits));
        define(name, bits, sv_fit({name + "_w", from.bits}, bits));
        return;
      }
      case NodeKind::predicate: {
        std::vector<std::string> terms;
        for (const std::size_t l : node.loops)
          terms.push_back(node.first ? "(" + at_counter(s, l, time) + " == " + sv_literal(0, counter_bits(l)) + ")" : is_last(p, l, &s, time));
        define(name, 1, join_and(terms));
        return;
      }
      case NodeKind::live_in:
        define(name, bits, P + "r" + n(static_cast<std::int64_t>(node.op)));
        return;
      case NodeKind::live_out: {
        const std::string reg = P + "r" + n(static_cast<std::int64_t>(node.op));
        declare(reg, bits);
        counting_ += "      if (" + valid(time) + ") " + reg + " <= " + at(s, node.args[0], time).name + ";\n";
        return;
      }
      case NodeKind::hold: {
        declare(name + "_h", bits);
        define(name, bits, guarded(node, time)[0] + " ? " + at(s, node.args[0], time).name + " : " + name + "_h");
        counting_ += "      if (" + valid(time) + ") " + name + "_h <= " + name + ";\n";
        return;
      }
      case NodeKind::read: {
        const std::string S = "s" + n(node.stream);
        define(name, bits, S + "_front");
        std::vector<std::string> done = guarded(node, time);
        const std::string wanted = join_and(done);
        if (time == 0) ready.push_back(done.empty() ? S + "_some" : "(!(" + join_and(done) + ") || " + S + "_some)");
        done.insert(done.begin(), valid(time));
        define(name + "_do", 1, join_and(done));
        if (time > 0) stalls.push_back("(" + name + "_do && !" + S + "_some)");
        pops_[node.stream].push_back("(" + name + "_do && " + P + "en)");
        if (!node.guards.empty()) {
          // A read that is not done has the value 0.
          redefine(name, "(" + wanted + ") ? " + S + "_front : " + sv_literal(0, bits));
        }
        return;
      }
      case NodeKind::write: {
        const std::string S = "s" + n(node.stream);
        std::vector<std::string> done = guarded(node, time);
        done.insert(done.begin(), valid(time));
        define(name + "_do", 1, join_and(done));
        stalls.push_back("(" + name + "_do && !" + S + "_room)");
        pushes_[node.stream].push_back({"(" + name + "_do && " + P + "en)", "", at(s, node.args[0], time).name});
        return;
      }
      case NodeKind::load: {
        const auto t = static_cast<std::size_t>(node.tensor);
        const Memory& memory = d_.memories[t];
        const Signal address = at(s, node.args[0], time);
        const std::string M = "m" + n(node.tensor);
        if (memory.storage == Memory::registers) {
          define(name, bits, memory.bank_elements == 1 ? M : M + "[" + address.name + "]");
          return;
        }
        const std::string when = join_and({s.prefix + "active", phase_is(time)});
        std::string value;
        for (std::int64_t b = node.bank < 0 ? 0 : node.bank; b < (node.bank < 0 ? memory.banks : node.bank + 1); ++b) {
          const int port = port_of(p, pipe, t, b, time, node.bundle);
          std::string here = when;
          if (node.bundle >= 0) {
            const Signal bank = at(s, node.args[1], time);
            here += " && " + bank.name + " == " + sv_literal(b, bank.bits);
          }
          uses_[t].reads[{b, port}].push_back({here, address.name, ""});
          const std::string data = M + "_b" + n(b) + "_rd" + n(port);
          if (node.bank >= 0) {
            value = data;
          } else {
            const Signal bank = at(s, node.args[1], time + 1);
            value = b == 0 ? data : "(" + bank.name + " == " + sv_literal(b, bank.bits) + ") ? " + data + " : " + value;
          }
        }
        define(name, bits, value);
        return;
      }
      case NodeKind::store: {
        const auto t = static_cast<std::size_t>(node.tensor);
        const Memory& memory = d_.memories[t];
        std::vector<std::string> done = guarded(node, time);
        done.insert(done.begin(), valid(time));
        done.push_back(P + "en");
        define(name + "_do", 1, join_and(done));
        const std::string data = at(s, node.args[0], time).name, address = at(s, node.args[1], time).name;
        for (std::int64_t b = node.bank < 0 ? 0 : node.bank; b < (node.bank < 0 ? memory.banks : node.bank + 1); ++b) {
          std::string when = name + "_do";
          if (node.bank < 0) {
            const Signal bank = at(s, node.args[2], time);
            when += " && " + bank.name + " == " + sv_literal(b, bank.bits);
          }
          uses_[t].writes[b].push_back({when, address, data});
        }
        return;
      }
      case NodeKind::compute:
        if (node.unit >= 0 && d_.binding.units[static_cast<std::size_t>(node.unit)].uses.size() > 1)
          shared(s, node, name, time, join_and({s.prefix + "active", phase_is(time)}));
        else
          compute(s, node, name, time);
        return;
    }
  }

  /// Gives an assigned signal another value.
  void redefine(const std::string& name, const std::string& value) {
    const std::string begin = "  assign " + name + " = ";
    const std::size_t from = body_.rfind(begin), to = body_.find(";\n", from);
    body_.replace(from, to - from, begin + value);
  }

  /// Which of a bank's read ports a load takes: loads of one slot of one pipeline take turns, those of a bundle one
  /// together.
  int port_of(std::size_t p, const Pipe& pipe, std::size_t t, std::int64_t bank, int time, int bundle) {
    int& count = port_count_[{&pipe, p, t, bank, time % slots_of(pipe)}];
    if (bundle < 0) return count++;
    const auto [at, fresh] = bundle_port_.insert({{&pipe, bundle, bank}, count});
    if (fresh) ++count;
    return at->second;
  }

  void compute(PipeState& s, const Node& node, const std::string& name, int time) {
    const NumberType& type = node.type;
    std::vector<Signal> a;
    for (const int arg : node.args) a.push_back(at(s, arg, time));
    const bool any_signed = std::any_of(a.begin(), a.end(), [](const Signal& x) { return x.is_signed; });
    const auto fraction = [&](std::size_t from) {
      int f = 0;
      for (std::size_t i = from; i < a.size(); ++i) f = std::max(f, a[i].fraction);
      return f;
    };
    // Bits that hold args from `from` on at their common fraction, as signed numbers where one of them is.
    const auto width = [&](std::size_t from, int f) {
      int w = 1;
      bool sign = false;
      for (std::size_t i = from; i < a.size(); ++i) sign = sign || a[i].is_signed;
      for (std::size_t i = from; i < a.size(); ++i) w = std::max(w, a[i].bits + f - a[i].fraction + (sign && !a[i].is_signed ? 1 : 0));
      return w;
    };
    // Wrapping types see low bits only.
    const auto useful = [&](int w, int f) {
      if (type.overflow == Overflow::saturate || type.fraction < f) return w;
      return std::max(1, std::min(w, type.bits - (type.fraction - f)));
    };
    std::string helpers;
    const auto result = [&](const std::string& value, int w, bool sign, int f) {
      declare(name + "_x", w);
      body_ += "  assign " + name + "_x = " + value + ";\n";
      const std::string cut = sv_quantise({name + "_x", w, sign, f}, type, name, helpers);
      body_ += helpers;
      define(name, type.bits, cut);
    };
    const auto truth = [](const Signal& x) { return x.bits == 1 ? x.name : "(" + x.name + " != " + sv_literal(0, x.bits) + ")"; };
    switch (node.code) {
      case OpCode::add:
      case OpCode::sub: {
        const int f = fraction(0), w = useful(width(0, f) + 1, f);
        const bool sub = node.code == OpCode::sub;
        result(sv_fit(a[0], w, f - a[0].fraction) + (sub ? " - " : " + ") + sv_fit(a[1], w, f - a[1].fraction), w, any_signed || sub, f);
        return;
      }
      case OpCode::mul: {
        const std::string l = "$signed(" + sv_fit(a[0], type.bits) + ")", r = "$signed(" + sv_fit(a[1], type.bits) + ")";
        if (node.latency == 0) {
          define(name, type.bits, l + " * " + r);
          return;
        }
        define(name + "_p0", type.bits, l + " * " + r);
        for (int k = 1; k <= node.latency; ++k) {
          declare(name + "_p" + n(k), type.bits);
          counting_ += "      " + name + "_p" + n(k) + " <= " + name + "_p" + n(k - 1) + ";\n";
        }
        define(name, type.bits, name + "_p" + n(node.latency));
        return;
      }
      case OpCode::div:
      case OpCode::rem: {
        const DividerText divider = emit_divider(name, node, a, k_.directives.clock_ns);
        declarations_ += divider.declarations;
        body_ += divider.body;
        counting_ += divider.clocked;
        return;
      }
      case OpCode::shl:
      case OpCode::shr: {
        const bool left = node.code == OpCode::shl;
        const int f = a[0].fraction;
        const int w = left ? useful(a[0].bits + 64, f) : a[0].bits;
        // The number of bits: 64 where it is negative or larger.
        const int by_bits = std::max(a[1].bits, 7) + 1;
        define(name + "_by", by_bits, sv_fit(a[1], by_bits));
        define(name + "_n", 7, "(" + name + "_by[" + n(by_bits - 1) + "] || " + name + "_by > " + sv_literal(64, by_bits) + ") ? 7'h40 : " + name + "_by[6:0]");
        define(name + "_a", w, sv_fit(a[0], w));
        if (left)
          result(name + "_n == 7'h40 ? " + sv_literal(0, w) + " : " + name + "_a << " + name + "_n", w, a[0].is_signed, f);
        else
          result(a[0].is_signed ? "$signed(" + name + "_a) >>> " + name + "_n" : name + "_a >> " + name + "_n", w, a[0].is_signed, f);
        return;
      }
      case OpCode::bit_and:
      case OpCode::bit_or:
      case OpCode::bit_xor: {
        const int f = fraction(0), w = width(0, f);
        const char* op = node.code == OpCode::bit_and ? " & " : node.code == OpCode::bit_or ? " | " : " ^ ";
        result(sv_fit(a[0], w) + op + sv_fit(a[1], w), w, any_signed, f);
        return;
      }
      case OpCode::clz: {
        std::string chain;
        for (int b = a[0].bits - 1; b >= 0; --b) chain += a[0].name + "[" + n(b) + "] ? 7'h" + sv_literal(a[0].bits - 1 - b, 7).substr(3) + " : ";
        result(chain + sv_literal(a[0].bits, 7), 7, false, 0);
        return;
      }
      case OpCode::select: {
        const int f = fraction(1), w = width(1, f);
        const bool sign = a[1].is_signed || a[2].is_signed;
        result(truth(a[0]) + " ? " + sv_fit(a[1], w, f - a[1].fraction) + " : " + sv_fit(a[2], w, f - a[2].fraction), w, sign, f);
        return;
      }
      case OpCode::min:
      case OpCode::max:
      case OpCode::eq:
      case OpCode::ne:
      case OpCode::lt:
      case OpCode::le: {
        const int f = fraction(0), w = width(0, f);
        define(name + "_l", w, sv_fit(a[0], w, f - a[0].fraction));
        define(name + "_r", w, sv_fit(a[1], w, f - a[1].fraction));
        const std::string l = any_signed ? "$signed(" + name + "_l)" : name + "_l", r = any_signed ? "$signed(" + name + "_r)" : name + "_r";
        const char* op = node.code == OpCode::eq ? " == " : node.code == OpCode::ne ? " != " : node.code == OpCode::lt ? " < " : node.code == OpCode::max ? " >= " : " <= ";
        if (is_comparison(node.code))
          define(name, 1, l + op + r);
        else
          result("(" + l + op + r + ") ? " + name + "_l : " + name + "_r", w, any_signed, f);
        return;
      }
      case OpCode::scale:
        result(a[0].name, a[0].bits, a[0].is_signed, a[0].fraction - static_cast<int>(node.value));
        return;
      default:
        result(a[0].name, a[0].bits, a[0].is_signed, a[0].fraction);
        return;
    }
  }

  // ---- Units that several operations take in turns. ----

  struct UnitInput {
    std::string when, left, right;
  };

  /// Puts the operands before the unit in the operation's slot, and takes the result.
  void shared(PipeState& s, const Node& node, const std::string& name, int time, const std::string& when) {
    const BoundUnit& unit = d_.binding.units[static_cast<std::size_t>(node.unit)];
    const std::string U = "u" + n(node.unit);
    Signal left = at(s, node.args[0], time), right = at(s, node.args[1], time);
    if (unit.code == OpCode::mul) {
      if (operand_bits(node, s.pipe->nodes).swapped) std::swap(left, right);
      unit_inputs_[node.unit].push_back({when, sv_fit(left, unit.left_bits), sv_fit(right, unit.right_bits)});
      define(name, node.type.bits, sv_fit({U, unit.left_bits + unit.right_bits, true}, node.type.bits));
    } else {
      unit_inputs_[node.unit].push_back({when, left.name, right.name});
      define(name, node.type.bits, U);
    }
  }

  void emit_units(std::size_t p) {
    for (const auto& [u, inputs] : unit_inputs_) {
      const BoundUnit& unit = d_.binding.units[static_cast<std::size_t>(u)];
      const std::string U = "u" + n(u);
      const std::vector<Node>& nodes = d_.processes[p].pipes[unit.uses[0].pipe].nodes;
      const Node& node = nodes[static_cast<std::size_t>(unit.uses[0].node)];
      Signal operand[2];
      for (std::size_t side = 0; side < 2; ++side) {
        const NumberType& type = nodes[static_cast<std::size_t>(node.args[side])].type;
        const int bits = unit.code != OpCode::mul ? type.bits : side == 0 ? unit.left_bits : unit.right_bits;
        operand[side] = {U + (side == 0 ? "_l" : "_r"), bits, type.is_signed, type.fraction};
        std::string value;
        for (std::size_t i = 0; i < inputs.size(); ++i)
          value += (i + 1 < inputs.size() ? "(" + inputs[i].when + ") ? " : std::string()) + (side == 0 ? inputs[i].left : inputs[i].right) + (i + 1 < inputs.size() ? " : " : "");
        define(operand[side].name, bits, value);
      }
      if (unit.code != OpCode::mul) {
        const DividerText divider = emit_divider(U, node, {operand[0], operand[1]}, k_.directives.clock_ns);
        declarations_ += divider.declarations;
        body_ += divider.body;
        counting_ += divider.clocked;
        continue;
      }
      const int bits = unit.left_bits + unit.right_bits;
      const std::string product = "$signed(" + operand[0].name + ") * $signed(" + operand[1].name + ")";
      if (unit.latency == 0) {
        define(U, bits, product);
        continue;
      }
      define(U + "_p0", bits, product);
      for (int k = 1; k <= unit.latency; ++k) {
        declare(U + "_p" + n(k), bits);
        counting_ += "      " + U + "_p" + n(k) + " <= " + U + "_p" + n(k - 1) + ";\n";
      }
      define(U, bits, U + "_p" + n(unit.latency));
    }
    unit_inputs_.clear();
  }

  // ---- Memories, boundary, state. ----

  void tensors();
  void streams();
  void top_state();
  void loader(std::size_t t);
  void drainer(std::size_t t);
  std::string filled_memory(const std::string& name, const std::vector<std::int64_t>& values, int bits);

  struct TensorUses {
    std::map<std::pair<std::int64_t, int>, std::vector<PortUse>> reads;  ///< by bank and port
    std::map<std::int64_t, std::vector<PortUse>> writes;                 ///< by bank
  };
  struct PortText {
    std::string name;
    int bits;
    bool input;
  };

  const Datapath& d_;
  const Kernel& k_;
  std::vector<PortText> ports_;
  std::vector<TensorUses> uses_;
  std::map<int, std::vector<UnitInput>> unit_inputs_;
  std::map<int, std::vector<std::string>> pops_;
  std::map<int, std::vector<PortUse>> pushes_;
  std::map<std::tuple<const Pipe*, std::size_t, std::size_t, std::int64_t, int>, int> port_count_;
  std::map<std::tuple<const Pipe*, int, std::int64_t>, int> bundle_port_;
  std::vector<std::string> resets_, loaded_, drained_;
  std::int64_t clear_elements_ = 0;
  std::string declarations_, body_, clocked_, counting_;
  int fresh_ = 0;
};

}  // namespace gnomon::hls
