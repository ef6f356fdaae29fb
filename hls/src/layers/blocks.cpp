#include "layers/blocks.hpp"

#include <set>

#include "gnomon/base/random.hpp"
#include "layers/tables.hpp"

namespace gnomon::hls {
namespace {

const char* const kind_names[] = {"add", "max", "distance", "mul", "mulc", "acc", "relu", "rotate", "tablel", "tablem", "prob", "pipe", "core", "window", "gather", "line", "skip", "skipp", "addr", "accc", "mulr", "csum", "mulones", "column", "reg", "cast"};

std::string n(std::int64_t v) { return std::to_string(v); }
std::string range(std::int64_t bits) { return "[" + n(bits - 1) + ":0] "; }

/// Bits 0 .. to-1 of a word, extended.
std::string extended(const std::string& name, bool is_signed, std::int64_t bits, std::int64_t to) {
  if (bits == 0) return n(to) + "'d0";
  if (to <= bits) return name + "[" + n(to - 1) + ":0]";
  return "{{" + n(to - bits) + "{" + (is_signed ? name + "[" + n(bits - 1) + "]" : "1'b0") + "}}, " + name + "}";
}

std::string registered(const std::string& inputs, const std::string& output, const std::string& value, const std::string& more = "") {
  return "  input logic clk,\n  input logic en,\n" + inputs + "  output logic " + output + " y\n);\n" + more + "  always_ff @(posedge clk) if (en) y <= " + value + ";\n";
}
std::string combinational(const std::string& inputs, const std::string& output, const std::string& value, const std::string& more = "") {
  return inputs + "  output logic " + output + "y\n);\n" + more + "  assign y = " + value + ";\n";
}
std::string input(const std::string& name, std::int64_t bits) { return "  input logic " + (bits > 0 ? range(bits) : range(1)) + name + ",\n"; }

/// A constant of 0 and 1 in turns.
std::string alternating(std::int64_t bits) {
  std::string out = n(bits) + "'b";
  for (std::int64_t i = 0; i < bits; ++i) out += i % 2 == 0 ? '0' : '1';
  return out;
}

}  // namespace

std::string block_name(const BlockKey& key) {
  std::string name = "block_" + std::string(kind_names[static_cast<std::size_t>(key.kind)]);
  for (const std::int64_t v : key.p) name += "_" + n(v);
  return name;
}

std::string block_text(const BlockKey& key) {
  const auto& p = key.p;
  std::string body;
  switch (key.kind) {
    case BlockKind::add: {  // a signed, bits; b signed, bits; subtract, bits of the result
      body = combinational(input("a", p[1]) + input("b", p[3]), range(p[5]), extended("a", p[0] != 0, p[1], p[5]) + (p[4] != 0 ? " - " : " + ") + extended("b", p[2] != 0, p[3], p[5]));
      break;
    }
    case BlockKind::max: {  // signed, bits
      const std::string s = p[0] != 0 ? "$signed" : "";
      body = registered(input("a", p[1]) + input("b", p[1]), range(p[1]), s + "(a) > " + s + "(b) ? a : b");
      break;
    }
    case BlockKind::distance:  // bits
      body = registered(input("a", p[0]) + input("b", p[0]), range(p[0]), "a - b");
      break;
    case BlockKind::mul: {  // x signed, bits; weight bits; bits of the result; weight's bits, four bits each: 0, 1, or the first place with the same signal + 2
      std::string w;
      for (std::int64_t i = p[2]; i-- > 0;) {
        // Wider weights have no pattern.
        const std::int64_t code = p[2] > 16 ? i + 2 : (i < 8 ? p[4] >> (8 * i) : p[5] >> (8 * (i - 8))) & 255;
        w += (w.empty() ? "" : ", ") + (code < 2 ? "1'b" + n(code) : "b[" + n(code - 2) + "]");
      }
      const std::string x = p[0] != 0 ? "$signed(a)" : "$signed({1'b0, a})";
      body = combinational(input("a", p[1]) + input("b", p[2]), range(p[3]), x + " * w", "  wire signed " + range(p[2]) + "w = {" + w + "};\n");
      break;
    }
    case BlockKind::mul_constant: {  // x signed, bits; bits of the odd constant
      std::int64_t c = 0;
      for (std::int64_t i = 0; i < p[2]; ++i) c |= (i % 2 == 0 || i + 1 == p[2] ? std::int64_t{1} : 0) << i;
      const std::string x = p[0] != 0 ? "$signed(a)" : "$signed({1'b0, a})";
      body = combinational(input("a", p[1]), range(p[1] + p[2]), x + " * " + n(p[2] + 1) + "'sd" + n(c));
      break;
    }
    case BlockKind::acc:  // bits; s signed, bits; bits of the start that come from a table, the upper ones
      body = "  input logic clk, clear, en, more,\n" + input("a", p[2]) + input("b", p[3]) + "  output logic " + range(p[0]) + "sum, y\n);\n  assign sum = " + extended("a", p[1] != 0, p[2], p[0]) + " + y;\n" +
             "  always_ff @(posedge clk) if (en) y[" + n(p[0] - 1) + ":" + n(p[0] - p[3]) + "] <= more ? sum[" + n(p[0] - 1) + ":" + n(p[0] - p[3]) + "] : b;\n" +
             (p[0] > p[3] ? "  always_ff @(posedge clk)\n    if (clear) y[" + n(p[0] - p[3] - 1) + ":0] <= '0;\n    else if (en) y[" + n(p[0] - p[3] - 1) + ":0] <= sum[" + n(p[0] - p[3] - 1) + ":0];\n" : "");
      break;
    case BlockKind::relu:  // bits
      body = registered(input("a", p[0]), range(p[0] - 1), "a[" + n(p[0] - 2) + ":0] & {" + n(p[0] - 1) + "{~a[" + n(p[0] - 1) + "]}}");
      break;
    case BlockKind::rotate:  // bits
      body = registered("  input logic load,\n" + input("a", p[0]) + input("b", p[0]), range(p[0]), "load ? a : b");
      break;
    case BlockKind::table_logic: {  // function (0 tanh, 1 sigmoid, 2 exp), bits of the operand, of the output; as table_logic_block() has them: places of both, rounding, signs
      const char* const functions[] = {"tanh", "sigmoid", "exp"};
      const std::string f = functions[p[0]];
      const int bits = static_cast<int>(p[1]), k = table_index_bits(f, bits);
      const NumberType in{(p[6] & 1) == 0, bits, bits - 1 - static_cast<int>(p[3]), Rounding::down, Overflow::wrap};
      const NumberType out{((p[6] & 2) != 0) != (p[0] == 0), static_cast<int>(p[2]), static_cast<int>(p[2]) - (p[0] == 0) - static_cast<int>(p[4]), static_cast<Rounding>(p[5]), Overflow::wrap};
      const auto value = [&](std::int64_t i) { return p[0] == 2 ? exponential(in, i) : table_value(f, in, out, i); };
      std::string cases = "  logic " + range(p[2]) + "value;\n  always_comb\n    case (a)\n";
      for (std::int64_t i = 0; i < std::int64_t{1} << k; ++i)
        cases += "      " + n(k) + "'d" + n(i) + ": value = " + n(p[2]) + "'d" + n(value(i) & ((std::int64_t{1} << p[2]) - 1)) + ";\n";
      body = registered(input("a", k), range(p[2]), "value", cases + "      default: value = '0;\n    endcase\n");
      break;
    }
    case BlockKind::table_memory:  // address bits, word bits; no column is constant, and nothing else of the content matters
      body = registered(input("a", p[0]), range(p[1]), "words[a]",
                        "  (* rom_style = \"block\" *) logic " + range(p[1]) + "words [0:" + n((std::int64_t{1} << p[0]) - 1) +
                            "];\n  initial begin\n    words[0] = {" + n((p[1] + 1) / 2) + "{2'b01}};\n    words[1] = {" + n((p[1] + 1) / 2) + "{2'b10}};\n  end\n");
      break;
    case BlockKind::probability:  // precision
      body = registered(input("a", p[0]) + input("b", p[0]), range(p[0] - 1), "product[" + n(2 * p[0] - 1) + ":" + n(p[0] + 1) + "]", "  wire " + range(2 * p[0]) + "product = a * b;\n");
      break;
    case BlockKind::pipe:  // stages
      body = "  input logic clk, rst, in_valid, out_ready,\n  output logic in_ready, en, out_valid\n);\n" + pipe_text("", p[0]);
      break;
    case BlockKind::core: {  // reuse factor, rounds, levels of the adder tree, stages after it
      std::string outputs = "  output logic in_ready, en, out_valid, load_x, clear_x, more_x, give_x,\n  output logic [14:0] step_x, round_x\n);\n";
      body = "  input logic clk, rst, in_valid, out_ready,\n" + outputs + core_text("", p[0], p[1], p[2], p[3]) + "  assign load_x = load;\n  assign clear_x = clear;\n  assign more_x = more;\n  assign give_x = give;\n  assign step_x = 15'(step);\n  assign round_x = " +
             (p[1] > 1 ? "15'(round)" : "'0") + ";\n";
      break;
    }
    case BlockKind::window:  // height, width, kernel rows, kernel columns, stride
      body = "  input logic clk, rst, in_valid, out_ready,\n  output logic in_ready, out_valid, accept_x,\n  output logic [10:0] column_x, next_x\n);\n" + window_text("", p[0], p[1], p[2], p[3], p[4]) +
             "  assign accept_x = accept;\n  assign column_x = 11'(column);\n  assign next_x = " + (p[2] > 1 ? "11'(next_column)" : "'0") + ";\n";
      break;
    case BlockKind::gather:  // beats
      body = "  input logic clk, rst, in_valid, out_ready,\n  output logic in_ready, out_valid, accept_x\n);\n" + gather_text("", p[0]) + "  assign accept_x = accept;\n";
      break;
    case BlockKind::line:  // words, word bits, block memory
      body = "  input logic clk, en,\n  input logic [10:0] wa, ra,\n" + input("d", p[1]) + "  output logic " + range(p[1]) + "y\n);\n  (* ram_style = \"" + (p[2] != 0 ? "block" : "distributed") + "\" *) logic " + range(p[1]) + "words [0:" +
             n(p[0] - 1) + "];\n  always_ff @(posedge clk) if (en) begin\n    y <= words[ra];\n    words[wa] <= d;\n  end\n";
      break;
    case BlockKind::skip:  // address bits, word bits
      body = "  input logic clk, en,\n  input logic " + range(p[0]) + "wa, ra,\n" + input("d", p[1]) + "  output logic " + range(p[1]) + "y\n);\n  (* ram_style = \"distributed\" *) logic " + range(p[1]) + "words [0:" +
             n((std::int64_t{1} << p[0]) - 1) + "];\n  always_ff @(posedge clk) if (en) words[wa] <= d;\n  assign y = words[ra];\n";
      break;
    case BlockKind::add_register: {  // as add, where 2 takes b inverted to subtract it; bits of the sum that are not kept
      std::string b = extended("b", p[2] != 0, p[3], p[5]);
      if (p[4] == 2) b = "~" + (p[2] == 0 && p[5] > p[3] && p[3] > 0 ? "{{" + n(p[5] - p[3]) + "{1'b1}}, b}" : p[3] == 0 ? "{" + n(p[5]) + "{1'b1}}" : b);
      body = registered(input("a", p[1]) + input("b", p[3]), range(p[5] - p[6]), "sum[" + n(p[5] - 1) + ":" + n(p[6]) + "]",
                        "  wire " + range(p[5]) + "sum = " + extended("a", p[0] != 0, p[1], p[5]) + (p[4] != 0 ? " - " : " + ") + b + ";\n");
      break;
    }
    case BlockKind::acc_clear:  // bits; s signed, bits; every other bit of the start is 1
      body = "  input logic clk, clear, en,\n" + input("a", p[2]) + "  output logic " + range(p[0]) + "sum, y\n);\n  assign sum = " + extended("a", p[1] != 0, p[2], p[0]) + " + y;\n" +
             "  always_ff @(posedge clk)\n    if (clear) y <= " + alternating(p[0]) + ";\n    else if (en) y <= sum;\n";
      break;
    case BlockKind::mul_register: {  // x signed, bits; weight bits; bits of the result; how many of the weight's bits are constant, and how many different signals the others are
      std::string w;
      for (std::int64_t i = p[2]; i-- > 0;) w += (w.empty() ? "" : ", ") + (i < p[4] ? "1'b" + n(i % 2) : "b[" + n((i - p[4]) % p[5]) + "]");
      const std::string x = p[0] != 0 ? "$signed(a)" : "$signed({1'b0, a})";
      body = registered(input("a", p[1]) + input("b", p[2]), range(p[3]), x + " * w", "  wire signed " + range(p[2]) + "w = {" + w + "};\n");
      break;
    }
    case BlockKind::constant_sum:  // bits; subtract; bits of the result that are kept: every other bit of the constant is 1
      body = registered(input("a", p[0]), range(p[2]), "sum[" + n(p[0] - 1) + ":" + n(p[0] - p[2]) + "]", "  wire " + range(p[0]) + "sum = " + alternating(p[0]) + (p[1] != 0 ? " - a;\n" : " + a;\n"));
      break;
    case BlockKind::mul_ones: {  // x signed, bits; bits of the odd constant, how many of them are 1: evenly spread; bits of the result
      std::int64_t c = 0;
      for (std::int64_t i = 0; i < p[3]; ++i) c |= std::int64_t{1} << (p[3] > 1 ? i * (p[2] - 1) / (p[3] - 1) : 0);
      const std::string x = p[0] != 0 ? "$signed(a)" : "$signed({1'b0, a})";
      body = registered(input("a", p[1]), range(p[4]), x + " * " + n(p[2] + 1) + "'sd" + n(c));
      break;
    }
    case BlockKind::column: {  // address bits: drawn columns of one table
      Random random(static_cast<std::uint64_t>(p[0]));
      std::string value, columns;
      std::set<std::string> drawn;
      for (std::int64_t i = 0; i < block_lanes(key); ++i) {
        std::string bits;
        do {
          bits.clear();
          for (std::int64_t t = 0; t < std::int64_t{1} << p[0]; ++t) bits += random.chance(0.5) ? '1' : '0';
        } while (bits.find('0') == bits.npos || bits.find('1') == bits.npos || !drawn.insert(bits).second);
        value += (i > 0 ? ", " : "{") + std::string("column") + n(i) + "[a]";
        columns += "  wire " + range(std::int64_t{1} << p[0]) + "column" + n(i) + " = " + n(std::int64_t{1} << p[0]) + "'b" + bits + ";\n";
      }
      body = registered(input("a", p[0]), range(block_lanes(key)), value + "}", columns);
      break;
    }
    case BlockKind::registers:  // with a reset
      body = "  input logic clk, rst, en,\n" + input("a", block_lanes(key)) + "  output logic " + range(block_lanes(key)) + "y\n);\n" +
             (p[0] != 0 ? "  always_ff @(posedge clk)\n    if (rst) y <= '0;\n    else if (en) y <= a;\n" : "  always_ff @(posedge clk) if (en) y <= a;\n");
      break;
    case BlockKind::cast: {  // signed, bits; bits that leave; signed, bits, rounding, overflow of the result
      const NumberType to{p[3] != 0, static_cast<int>(p[4]), 0, static_cast<Rounding>(p[5]), static_cast<Overflow>(p[6])};
      const CastText cast = cast_text("cast", "a", {p[0] != 0, static_cast<int>(p[1])}, static_cast<int>(p[2]), to);
      body = registered(input("a", p[1]), range(p[4]), cast.value, cast.declarations);
      break;
    }
    case BlockKind::skip_pointers:  // address bits
      body = "  input logic clk, rst, push, pop,\n  output logic " + range(p[0]) + "in_x, out_x\n);\n" + skip_pointer_text("", p[0]) + "  assign in_x = skip_in;\n  assign out_x = skip_out;\n";
      break;
  }
  return "module " + block_name(key) + " (\n" + body + "endmodule\n";
}

std::array<std::int64_t, 8> table_logic_block(const std::string& function, const NumberType& in, const NumberType& out) {
  const std::int64_t kind = function == "tanh" ? 0 : function == "sigmoid" ? 1 : 2;
  // All 0 for an operand fixed<X,1>, and results fixed<X,1> (tanh) or ufixed<W,0>.
  return {kind, in.bits, out.bits, in.bits - 1 - in.fraction, out.bits - (kind == 0) - out.fraction, static_cast<std::int64_t>(out.rounding), (in.is_signed ? 0 : 1) | (out.is_signed != (kind == 0) ? 2 : 0)};
}

CastText cast_text(const std::string& name, const std::string& source, ValueType from, int drop, const NumberType& to) {
  CastText out;
  const auto bit = [](const std::string& word, int i) { return word + "[" + n(i) + "]"; };
  const auto part = [](const std::string& word, int high, int low) { return word + "[" + n(high) + ":" + n(low) + "]"; };
  const auto filled = [](int bits, const std::string& value) { return "{" + n(bits) + "{" + value + "}}"; };
  const std::string sign = from.is_signed ? bit(source, from.bits - 1) : "1'b0";
  int bits = from.bits - drop;
  std::string value = source;
  if (drop < 0) {
    value = "{" + source + ", " + n(-drop) + "'d0}";
  } else if (drop > 0) {
    bits = std::max(1, bits);
    const std::string kept = drop < from.bits ? part(source, from.bits - 1, drop) : sign;
    value = kept;
    if (to.rounding != Rounding::down) {
      std::string half = drop <= from.bits ? bit(source, drop - 1) : sign;
      // Ties go up, or to where the last bit is 0.
      if (to.rounding == Rounding::half_even) half = "(" + half + " & (" + (drop > 1 ? "(|" + part(source, std::min(drop - 1, from.bits) - 1, 0) + ")" : std::string("1'b0")) + " | " + (drop < from.bits ? bit(source, drop) : sign) + "))";
      value = "{" + (from.is_signed ? sign : "1'b0") + ", " + kept + "} + {" + n(bits) + "'d0, " + half + "}";
      ++bits;
    }
  }
  out.declarations = "  wire " + range(bits) + name + " = " + value + ";\n";
  const int w = to.bits;
  const std::string top = bit(name, bits - 1);
  const auto fitted = [&](int known) {  // the lowest `known` bits, at most w, as w bits
    if (known >= w) return part(name, w - 1, 0);
    return "{" + filled(w - known, from.is_signed && known == bits ? top : "1'b0") + ", " + part(name, known - 1, 0) + "}";
  };
  if (to.overflow == Overflow::wrap) {
    out.value = fitted(bits);
  } else if (from.is_signed && to.is_signed) {
    out.value = bits <= w ? fitted(bits) : "(&" + part(name, bits - 1, w - 1) + " | ~(|" + part(name, bits - 1, w - 1) + ")) ? " + fitted(bits) + " : {" + top + ", " + filled(w - 1, "~" + top) + "}";
  } else if (from.is_signed) {
    // Below 0 is 0, above the top the top.
    if (bits == 1) out.value = n(w) + "'d0";
    else out.value = top + " ? " + n(w) + "'d0 : " + (bits - 1 <= w ? fitted(bits - 1) : "(|" + part(name, bits - 2, w) + ") ? " + filled(w, "1'b1") + " : " + fitted(bits));
  } else {
    const int room = to.is_signed ? w - 1 : w;
    out.value = bits <= room ? fitted(bits) : "(|" + part(name, bits - 1, room) + ") ? " + (to.is_signed ? "{1'b0, " + filled(room, "1'b1") + "}" : filled(w, "1'b1")) + " : " + fitted(bits);
  }
  return out;
}

std::int64_t block_lanes(const BlockKey& key) {
  if (key.kind == BlockKind::registers) return 32;
  if (key.kind != BlockKind::column) return 1;
  return key.p[0] == 1 ? 1 : key.p[0] == 2 ? 8 : 32;  // drawn so that all are different
}

std::int64_t block_memory_bits(const BlockKey& key) {
  const auto& p = key.p;
  if (key.kind == BlockKind::table_memory || key.kind == BlockKind::skip) return (std::int64_t{1} << p[0]) * p[1];
  return key.kind == BlockKind::line ? p[0] * p[1] : 0;
}

}  // namespace gnomon::hls
