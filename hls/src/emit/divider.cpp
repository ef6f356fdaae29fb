#include "emit/divider.hpp"

#include <algorithm>

namespace gnomon::hls {

DividerText emit_divider(const std::string& name, const Node& node, const std::vector<Signal>& args, double clock_ns) {
  DividerText text;
  const auto define = [&](const std::string& wire, int bits, const std::string& value) {
    text.declarations += "  " + sv_declare(wire, bits) + ";\n";
    text.body += "  assign " + wire + " = " + value + ";\n";
    return wire;
  };
  const auto keep = [&](const std::string& reg, int bits, const std::string& value) {
    text.declarations += "  " + sv_declare(reg, bits) + ";\n";
    text.clocked += "      " + reg + " <= " + value + ";\n";
    return reg;
  };
  const auto n = [](int v) { return std::to_string(v); };
  const Signal &a = args[0], &b = args[1];
  const bool quotient = node.code == OpCode::div;
  const int up = quotient ? node.type.fraction - a.fraction + b.fraction : 0;
  const int num_bits = a.bits + std::max(0, up), den_bits = b.bits + std::max(0, -up);
  /// Size of a number; that of the smallest two's complement number fits as well, read as unsigned.
  const auto size = [&](const Signal& s, const std::string& suffix) {
    if (!s.is_signed) return s.name;
    return define(name + suffix, s.bits, s.name + "[" + n(s.bits - 1) + "] ? -" + s.name + " : " + s.name);
  };
  std::string num = define(name + "_num", num_bits, sv_fit({size(a, "_abs_a"), a.bits}, num_bits, std::max(0, up)));
  std::string den = define(name + "_den", den_bits, sv_fit({size(b, "_abs_b"), b.bits}, den_bits, std::max(0, -up)));
  std::string rest = define(name + "_rest", den_bits, sv_literal(0, den_bits));
  std::string sign_a = define(name + "_sa", 1, a.is_signed ? a.name + "[" + n(a.bits - 1) + "]" : "1'h0");
  std::string sign_b = define(name + "_sb", 1, b.is_signed ? b.name + "[" + n(b.bits - 1) + "]" : "1'h0");
  std::string zero = define(name + "_zero", 1, b.name + " == " + sv_literal(0, b.bits));
  std::string dividend = num;
  const int each = divider_bits_per_stage(num_bits, clock_ns);
  int stage = 0;
  for (int bit = 0; bit < num_bits; ++bit) {
    const std::string at = name + "_" + n(bit);
    const std::string wide = define(at + "_w", den_bits + 1, "{" + rest + ", " + num + "[" + n(num_bits - 1) + "]}");
    const std::string fits = define(at + "_f", 1, wide + " >= {1'h0, " + den + "}");
    const std::string left = define(at + "_l", den_bits + 1, fits + " ? " + wide + " - {1'h0, " + den + "} : " + wide);
    rest = define(at + "_r", den_bits, left + "[" + n(den_bits - 1) + ":0]");
    num = define(at + "_q", num_bits, num_bits == 1 ? fits : "{" + num + "[" + n(num_bits - 2) + ":0], " + fits + "}");
    if ((bit + 1) % each != 0 && bit + 1 != num_bits) continue;
    const std::string S = name + "_s" + n(++stage);
    num = keep(S + "q", num_bits, num);
    rest = keep(S + "r", den_bits, rest);
    den = keep(S + "d", den_bits, den);
    sign_a = keep(S + "a", 1, sign_a);
    sign_b = keep(S + "b", 1, sign_b);
    zero = keep(S + "z", 1, zero);
    if (!quotient) dividend = keep(S + "n", num_bits, dividend);
  }
  std::string helpers, value;
  if (quotient) {
    const int bits = num_bits + 1;
    const std::string whole = define(name + "_whole", bits, "{1'h0, " + num + "}");
    const std::string exact = define(name + "_exact", bits, sign_a + " != " + sign_b + " ? -" + whole + " : " + whole);
    value = sv_quantise({exact, bits, true, node.type.fraction}, node.type, name, helpers);
    value = zero + " ? " + sign_a + " ? " + sv_literal(node.type.lowest(), node.type.bits) + " : " + sv_literal(node.type.highest(), node.type.bits) + " : " + value;
  } else {
    const int bits = std::max(den_bits, num_bits) + 1;
    // By 0 the result is the dividend, which need not fit where remainders do.
    const std::string whole = define(name + "_whole", bits, zero + " ? " + sv_fit({dividend, num_bits}, bits) + " : " + sv_fit({rest, den_bits}, bits));
    const std::string exact = define(name + "_exact", bits, sign_a + " ? -" + whole + " : " + whole);
    value = sv_quantise({exact, bits, true, 0}, node.type, name, helpers);
  }
  text.body += helpers;
  keep(name, node.type.bits, value);
  return text;
}

}  // namespace gnomon::hls
