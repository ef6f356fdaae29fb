#include "emit/kernel_cpp.hpp"

#include <algorithm>
#include <set>

#include "ir/affine.hpp"
#include "ir/program.hpp"
#include "ir/ranges.hpp"

namespace gnomon::hls {
namespace {

std::string n(std::int64_t value) { return std::to_string(value); }

std::string type_text(const NumberType& t) {
  if (t.fraction == 0 && t.rounding == Rounding::down && t.overflow == Overflow::wrap) return (t.is_signed ? "ap_int<" : "ap_uint<") + n(t.bits) + ">";
  const char* const rounding[] = {"AP_TRN", "AP_RND", "AP_RND_CONV"};
  return std::string(t.is_signed ? "ap_fixed<" : "ap_ufixed<") + n(t.bits) + ", " + n(t.bits - t.fraction) + ", " + rounding[static_cast<int>(t.rounding)] + ", " +
         (t.overflow == Overflow::wrap ? "AP_WRAP" : "AP_SAT") + ">";
}

/// A type without rounding and with wrapping.
std::string plain(bool is_signed, int bits, int fraction) { return type_text({is_signed, bits, fraction}); }

class Emitter {
 public:
  explicit Emitter(const Kernel& kernel) : k_(kernel), ranges_(value_ranges(kernel)) {}

  std::string run() {
    std::string functions;
    for (std::size_t p = 0; p < k_.processes.size(); ++p) functions += process(p);
    std::string text = "// Kernel " + k_.name + " for Vitis HLS.\n#include \"ap_fixed.h\"\n#include \"ap_int.h\"\n#include \"hls_stream.h\"\n\n";
    if (raw_) text += "// A value from its stored bits.\ntemplate <class T>\nstatic T gnomon_raw(long long bits) {\n  T value;\n  value.range() = ap_int<64>(bits).range();\n  return value;\n}\n\n";
    if (clz_)
      text += "// Leading zeros of the stored bits.\ntemplate <class T>\nstatic int gnomon_clz(const T& value) {\n  int zeros = 0;\n  for (int b = value.length() - 1; b >= 0 && !value[b]; --b) ++zeros;\n"
              "  return zeros;\n}\n\n";
    if (inside_)
      text += "// The last rounds of a tile may load beyond a loop's end, for what is not done: any element will do.\n"
              "static long long gnomon_inside(long long at, long long size) {\n  return at < 0 ? 0 : at < size ? at : size - 1;\n}\n\n";
    return text + functions + top();
  }

 private:
  std::string value(std::size_t op) const { return k_.ops[op].name.empty() ? "gnomon_v" + n(static_cast<std::int64_t>(op)) : k_.ops[op].name; }

  std::string affine(const Affine& a) const {
    std::string text;
    const auto add = [&](std::int64_t factor, const std::string& name) {
      if (factor == 0) return;
      text += text.empty() ? (factor < 0 ? "-" : "") : (factor < 0 ? " - " : " + ");
      const std::int64_t size = factor < 0 ? -factor : factor;
      text += name.empty() ? n(size) : (size == 1 ? "" : n(size) + " * ") + name;
    };
    for (std::size_t l = 0; l < a.coefficients.size(); ++l) add(a.coefficients[l], k_.loops[l].name);
    for (const auto& [op, factor] : a.values) add(factor, "(int)" + value(op) + ".to_int64()");
    add(a.constant, "");
    return text.empty() ? "0" : text;
  }

  /// Whether an index stays inside a dimension, whatever rounds of loops are idle.
  bool stays_inside(const KernelOp& op, std::size_t dim) const {
    auto [low, high] = affine_range(k_, op.index[dim], op.loop);
    for (const auto& [value, factor] : op.index[dim].values) {
      const Wide a = factor * ranges_[value].first, b = factor * ranges_[value].second;
      low += std::min(a, b);
      high += std::max(a, b);
    }
    return low >= 0 && high < k_.tensors[*op.tensor].shape[dim];
  }

  std::string element(const KernelOp& op) {
    const KernelTensor& tensor = k_.tensors[*op.tensor];
    std::string text = tensor.name;
    // A tensor without dimensions is an array of one element.
    if (op.index.empty()) return text + "[0]";
    for (std::size_t d = 0; d < op.index.size(); ++d) {
      const bool inside = writes_tensor(op.code) || stays_inside(op, d);
      text += "[" + (inside ? affine(op.index[d]) : "gnomon_inside(" + affine(op.index[d]) + ", " + n(tensor.shape[d]) + ")") + "]";
      inside_ = inside_ || !inside;
    }
    return text;
  }
  static std::string declare(const KernelTensor& t) {
    std::string text = type_text(t.type) + " " + t.name;
    if (t.shape.empty()) text += "[1]";
    for (const std::int64_t size : t.shape) text += "[" + n(size) + "]";
    return text;
  }

  std::string constant(const NumberType& type, std::int64_t bits) {
    std::string text = type.is_signed || type.bits < 64 ? n(bits) + "LL" : std::to_string(static_cast<std::uint64_t>(bits)) + "ULL";
    if (type.is_signed && bits == INT64_MIN) text = "(-9223372036854775807LL - 1)";
    if (type.fraction == 0 && type.overflow == Overflow::wrap) return type_text(type) + "(" + text + ")";
    raw_ = true;
    return "gnomon_raw<" + type_text(type) + ">((long long)" + text + ")";
  }

  /// The type that an op's value is made in: ap_int and ap_uint drop a fraction toward zero, where truncation here goes downward.
  std::string made_in(const KernelOp& op) const {
    bool fraction = false;
    for (const std::size_t arg : op.args) fraction = fraction || k_.ops[arg].type.fraction > 0;
    const std::string type = type_text(op.type);
    if (!fraction || type.rfind("ap_fixed", 0) == 0 || type.rfind("ap_ufixed", 0) == 0) return type;
    return (op.type.is_signed ? "ap_fixed<" : "ap_ufixed<") + n(op.type.bits) + ", " + n(op.type.bits) + ", AP_TRN, AP_WRAP>";
  }
  /// `value` in that type.
  std::string cast(const KernelOp& op, const std::string& value) const {
    const std::string made = made_in(op);
    return made == type_text(op.type) ? value : made + "(" + value + ")";
  }

  /// The op's exact value as an expression that its type is made from.
  std::string compute(const KernelOp& op) {
    const auto arg = [&](std::size_t a) { return value(op.args[a]); };
    const auto type = [&](std::size_t a) -> const NumberType& { return k_.ops[op.args[a]].type; };
    const std::string T = made_in(op);
    switch (op.code) {
      case OpCode::add:
        return arg(0) + " + " + arg(1);
      case OpCode::sub:
        return arg(0) + " - " + arg(1);
      case OpCode::mul:
        return arg(0) + " * " + arg(1);
      case OpCode::mac:
        return arg(0) + " * " + arg(1) + " + " + arg(2);
      case OpCode::rem:
        return arg(1) + " == 0 ? " + T + "(" + arg(0) + ") : " + T + "(" + arg(0) + " % " + arg(1) + ")";
      case OpCode::shl: {
        const std::string by = amount(op);
        const std::string wide = plain(type(0).is_signed, std::min(128, type(0).bits + 64), type(0).fraction);
        return by + " == 64 ? " + T + "(0) : " + T + "(" + wide + "(" + arg(0) + ") << " + by + ")";
      }
      case OpCode::shr: {
        const std::string same = plain(type(0).is_signed, type(0).bits, type(0).fraction);
        return same + "(" + arg(0) + ") >> " + amount(op);
      }
      case OpCode::bit_and:
      case OpCode::bit_or:
      case OpCode::bit_xor: {
        const int bits = std::max(type(0).bits, type(1).bits) + 1;
        const std::string wide = plain(type(0).is_signed || type(1).is_signed, bits, type(0).fraction);
        return wide + "(" + arg(0) + ")" + (op.code == OpCode::bit_and ? " & " : op.code == OpCode::bit_or ? " | " : " ^ ") + wide + "(" + arg(1) + ")";
      }
      case OpCode::clz:
        clz_ = true;
        return "ap_uint<8>(gnomon_clz(" + arg(0) + "))";
      case OpCode::select:
        return arg(0) + " != 0 ? " + T + "(" + arg(1) + ") : " + T + "(" + arg(2) + ")";
      case OpCode::min:
        return arg(0) + " <= " + arg(1) + " ? " + T + "(" + arg(0) + ") : " + T + "(" + arg(1) + ")";
      case OpCode::max:
        return arg(0) + " >= " + arg(1) + " ? " + T + "(" + arg(0) + ") : " + T + "(" + arg(1) + ")";
      case OpCode::eq:
        return arg(0) + " == " + arg(1);
      case OpCode::ne:
        return arg(0) + " != " + arg(1);
      case OpCode::lt:
        return arg(0) + " < " + arg(1);
      case OpCode::le:
        return arg(0) + " <= " + arg(1);
      default:
        return arg(0);
    }
  }

  std::string amount(const KernelOp& op) const {
    const std::string by = value(op.args[1]);
    return "(" + by + " < 0 || " + by + " > 64 ? 64 : (int)" + by + ".to_int64())";
  }

  /// Division on stored bits, which the vendor's fixed-point types would do otherwise.
  std::string divide(const KernelOp& op, const std::string& name, const std::string& pad) {
    const NumberType &a = k_.ops[op.args[0]].type, &b = k_.ops[op.args[1]].type;
    const int up = op.type.fraction - a.fraction + b.fraction;
    const int num = a.bits + std::max(0, up) + 1, den = b.bits + std::max(0, -up) + 1;
    const std::string x = "gnomon_a_" + name, y = "gnomon_b_" + name, q = "gnomon_q_" + name;
    const std::string T = type_text(op.type), M = made_in(op), N = plain(true, num, 0), D = plain(true, den, 0);
    raw_ = true;
    std::string text = pad + plain(a.is_signed, a.bits, 0) + " " + x + ";\n" + pad + x + ".range() = " + plain(a.is_signed, a.bits, a.fraction) + "(" + value(op.args[0]) + ").range();\n";
    text += pad + plain(b.is_signed, b.bits, 0) + " " + y + ";\n" + pad + y + ".range() = " + plain(b.is_signed, b.bits, b.fraction) + "(" + value(op.args[1]) + ").range();\n";
    text += pad + plain(true, num + 1, op.type.fraction) + " " + q + ";\n" + pad + "if (" + y + " != 0) " + q + ".range() = " + plain(true, num + 1, 0) + "((" + N + "(" + x + ") << " +
            n(std::max(0, up)) + ") / (" + D + "(" + y + ") << " + n(std::max(0, -up)) + ")).range();\n";
    text += pad + "const " + T + " " + name + " = " + y + " != 0 ? " + T + "(" + (M == T ? q : M + "(" + q + ")") + ") : " + x + " < 0 ? " + limit(op.type, false) + " : " + limit(op.type, true) + ";\n";
    return text;
  }
  std::string limit(const NumberType& type, bool high) { return constant(type, static_cast<std::int64_t>(high ? type.highest() : type.lowest())); }

  std::string statement(std::size_t i, const std::string& pad) {
    const KernelOp& op = k_.ops[i];
    const std::string name = value(i), T = type_text(op.type);
    const std::string guard = op.when ? "if (" + value(*op.when) + " != 0) " : "";
    switch (op.code) {
      case OpCode::constant:
        return pad + "const " + T + " " + name + " = " + constant(op.type, op.value) + ";\n";
      case OpCode::load:
      case OpCode::gather:
        return pad + "const " + T + " " + name + " = " + element(op) + ";\n";
      case OpCode::store:
      case OpCode::scatter:
        return pad + guard + element(op) + " = " + value(op.args[0]) + ";\n";
      case OpCode::read:
        if (guard.empty()) return pad + "const " + T + " " + name + " = " + k_.streams[*op.stream].name + ".read();\n";
        return pad + T + " " + name + " = 0;\n" + pad + guard + name + " = " + k_.streams[*op.stream].name + ".read();\n";
      case OpCode::write:
        return pad + guard + k_.streams[*op.stream].name + ".write(" + value(op.args[0]) + ");\n";
      case OpCode::index:
        return pad + "const " + T + " " + name + " = " + T + "((long long)(" + affine(op.index[0]) + "));\n";
      case OpCode::scale: {
        const NumberType& from = k_.ops[op.args[0]].type;
        const std::string moved = plain(from.is_signed, from.bits, from.fraction - static_cast<int>(op.value));
        return pad + moved + " gnomon_s_" + name + ";\n" + pad + "gnomon_s_" + name + ".range() = " + plain(from.is_signed, from.bits, from.fraction) + "(" + value(op.args[0]) + ").range();\n" + pad + "const " +
               T + " " + name + " = " + cast(op, "gnomon_s_" + name) + ";\n";
      }
      case OpCode::div:
        return divide(op, name, pad);
      default:
        if (is_comparison(op.code)) return pad + "const " + T + " " + name + " = " + compute(op) + " ? 1 : 0;\n";
        return pad + "const " + T + " " + name + " = " + cast(op, compute(op)) + ";\n";
    }
  }

  std::string loop_pragmas(std::size_t l) const {
    const Directives& d = k_.directives;
    const KernelLoop& loop = k_.loops[l];
    std::string text;
    bool innermost = true;
    for (const KernelLoop& inner : k_.loops) innermost = innermost && inner.parent != l;
    const auto unroll = d.unroll.find(loop.name);
    const bool whole = unroll != d.unroll.end() && unroll->second >= loop.extent;
    if (unroll != d.unroll.end()) text += "#pragma HLS UNROLL" + (whole ? "" : " factor=" + n(unroll->second)) + "\n";
    if (d.pipeline_loop.empty() ? innermost && !whole : d.pipeline_loop == loop.name) text += "#pragma HLS PIPELINE" + (d.pipeline_ii ? " II=" + n(*d.pipeline_ii) : "") + "\n";
    if (loop.trip || loop.data_decides()) text += "#pragma HLS LOOP_TRIPCOUNT max=" + n(loop.extent) + "\n";
    return text;
  }

  std::string clear(const KernelTensor& t) const {
    std::string text = "  {\n    " + type_text(t.type) + "* const gnomon_first = &" + t.name;
    for (std::size_t d = 0; d < std::max<std::size_t>(1, t.shape.size()); ++d) text += "[0]";
    return text + ";\n    for (int gnomon_i = 0; gnomon_i < " + n(t.elements()) + "; ++gnomon_i) gnomon_first[gnomon_i] = 0;\n  }\n";
  }

  std::vector<std::size_t> tensors_of(std::size_t p) const {
    std::set<std::size_t> used;
    for (const KernelOp& op : k_.ops)
      if (op.tensor && op.process == p) used.insert(*op.tensor);
    return {used.begin(), used.end()};
  }
  std::vector<std::size_t> streams_of(std::size_t p) const {
    std::set<std::size_t> used;
    for (const KernelOp& op : k_.ops)
      if (op.stream && op.process == p) used.insert(*op.stream);
    return {used.begin(), used.end()};
  }
  std::string argument(const KernelTensor& t) const { return (t.kind == TensorKind::input ? "const " : "") + declare(t); }

  std::string array_pragmas(const KernelTensor& t) const {
    std::string text;
    if (const auto at = k_.directives.partition.find(t.name); at != k_.directives.partition.end())
      for (const Partition& p : at->second)
        text += "#pragma HLS ARRAY_PARTITION variable=" + t.name + " type=" + (p.kind == PartitionKind::complete ? "complete" : p.kind == PartitionKind::cyclic ? "cyclic" : "block") +
                (p.kind == PartitionKind::complete ? "" : " factor=" + n(p.factor)) + " dim=" + n(static_cast<std::int64_t>(p.dim) + 1) + "\n";
    if (const auto at = k_.directives.storage.find(t.name); at != k_.directives.storage.end())
      text += at->second == "registers" ? "#pragma HLS ARRAY_PARTITION variable=" + t.name + " type=complete dim=0\n"
                                        : "#pragma HLS BIND_STORAGE variable=" + t.name + " type=" + (at->second == "ram_2r1w" ? "ram_1wnr" : "ram_s2p") + "\n";
    return text;
  }

  std::string process(std::size_t p) {
    std::string args, head, body;
    for (const std::size_t t : tensors_of(p)) {
      const KernelTensor& tensor = k_.tensors[t];
      if (tensor.kind == TensorKind::input || tensor.kind == TensorKind::output) args += (args.empty() ? "" : ", ") + argument(tensor);
      if (tensor.kind == TensorKind::constant) {
        // Flat initialiser lists fill nested arrays in order; stored bits need a conversion where they are no integers.
        head += "  static const " + declare(tensor) + " = {";
        for (std::size_t i = 0; i < tensor.values.size(); ++i) head += (i == 0 ? "" : ", ") + constant(tensor.type, tensor.values[i]);
        head += "};\n";
      }
      if (tensor.kind == TensorKind::local) head += "  " + declare(tensor) + ";\n" + array_pragmas(tensor) + clear(tensor);
      if (tensor.kind == TensorKind::output) head += clear(tensor);
    }
    for (const std::size_t s : streams_of(p)) args += (args.empty() ? "" : ", ") + std::string("hls::stream<") + type_text(k_.streams[s].type) + ">& " + k_.streams[s].name;
    for (const auto& [op, units] : k_.directives.units) head += "#pragma HLS ALLOCATION operation instances=" + op + " limit=" + n(units) + "\n";
    std::string pad = "  ";
    const std::vector<ProgramStep> program = *make_program(k_, p);
    for (const ProgramStep& step : program) {
      if (step.kind == ProgramStep::op) {
        body += statement(step.id, pad);
      } else if (step.kind == ProgramStep::enter) {
        const KernelLoop& loop = k_.loops[step.id];
        std::string end = n(loop.extent);
        if (loop.trip) end = affine(*loop.trip);
        if (loop.count) {
          end = "gnomon_end_" + loop.name;
          const std::string count = value(*loop.count);
          body += pad + "const long long " + end + " = " + count + " < 0 ? 0 : " + count + " > " + n(loop.extent) + " ? " + n(loop.extent) + " : " + count + ".to_int64();\n";
        }
        if (loop.repeat) body += pad + "bool gnomon_more_" + loop.name + " = true;\n";
        body += pad + loop.name + "_loop: for (long long " + loop.name + " = 0; " + loop.name + " < " + end + (loop.repeat ? " && gnomon_more_" + loop.name : "") + "; ++" + loop.name +
                ") {\n" + loop_pragmas(step.id);
        pad += "  ";
      } else {
        const KernelLoop& loop = k_.loops[step.id];
        if (loop.repeat) body += pad + "gnomon_more_" + loop.name + " = " + value(*loop.repeat) + " != 0;\n";
        pad.resize(pad.size() - 2);
        body += pad + "}\n";
      }
    }
    return "static void gnomon_process_" + k_.processes[p] + "(" + args + ") {\n" + head + body + "}\n\n";
  }

  std::string top() const {
    std::string args, head, calls;
    for (const KernelTensor& t : k_.tensors)
      if (t.kind == TensorKind::input || t.kind == TensorKind::output) {
        args += (args.empty() ? "" : ", ") + argument(t);
        head += array_pragmas(t);
      }
    for (std::size_t s = 0; s < k_.streams.size(); ++s) {
      const KernelStream& stream = k_.streams[s];
      const auto given = k_.directives.streams.find(stream.name);
      const std::string depth = n(given == k_.directives.streams.end() ? stream.depth : given->second);
      const std::string type = "hls::stream<" + type_text(stream.type) + ">";
      if (stream.kind != StreamKind::local) {
        args += (args.empty() ? "" : ", ") + type + "& " + stream.name;
        head += "#pragma HLS INTERFACE axis port=" + stream.name + "\n";
      } else {
        head += "  " + type + " " + stream.name + "(\"" + stream.name + "\");\n#pragma HLS STREAM variable=" + stream.name + " depth=" + depth + "\n";
      }
    }
    if (k_.processes.size() > 1 && k_.directives.dataflow) head += "#pragma HLS DATAFLOW\n";
    // A process after those that it reads from, as a run without threads needs.
    std::vector<bool> done(k_.processes.size(), false);
    for (std::size_t round = 0; round < k_.processes.size(); ++round) {
      std::size_t next = k_.processes.size();
      for (std::size_t p = k_.processes.size(); p-- > 0;) {
        bool waits = false;
        for (const KernelOp& op : k_.ops)
          if (op.code == OpCode::read && op.process == p)
            for (const KernelOp& other : k_.ops) waits = waits || (other.code == OpCode::write && other.stream == op.stream && other.process != p && !done[other.process]);
        if (!done[p] && !waits) next = p;
      }
      if (next == k_.processes.size()) next = static_cast<std::size_t>(std::find(done.begin(), done.end(), false) - done.begin());
      done[next] = true;
      std::string list;
      for (const std::size_t t : tensors_of(next))
        if (k_.tensors[t].kind == TensorKind::input || k_.tensors[t].kind == TensorKind::output) list += (list.empty() ? "" : ", ") + k_.tensors[t].name;
      for (const std::size_t s : streams_of(next)) list += (list.empty() ? "" : ", ") + k_.streams[s].name;
      calls += "  gnomon_process_" + k_.processes[next] + "(" + list + ");\n";
    }
    return "void kernel_" + k_.name + "(" + args + ") {\n" + head + calls + "}\n";
  }

  const Kernel& k_;
  std::vector<std::pair<Wide, Wide>> ranges_;
  bool raw_ = false, clz_ = false, inside_ = false;
};

}  // namespace

std::string emit_kernel_cpp(const Kernel& restructured) { return Emitter(restructured).run(); }

}  // namespace gnomon::hls
