#include "emit/sv_expression.hpp"

#include <algorithm>

namespace gnomon::hls {

int sv_bits(Wide value) {
  int bits = 1;
  while (bits < 126 && (value >> bits) != 0) ++bits;
  return bits;
}

std::string sv_literal(Wide value, int bits) {
  std::string digits;
  for (int at = 0; at < bits; at += 4) {
    int nibble = 0;
    // The sign goes on for ever to the left.
    for (int b = at; b < at + 4 && b < bits; ++b) nibble |= static_cast<int>((value >> std::min(b, 126)) & 1) << (b - at);
    digits.insert(digits.begin(), "0123456789abcdef"[nibble]);
  }
  return std::to_string(bits) + "'h" + digits;
}

std::string sv_declare(const std::string& name, int bits) { return "logic [" + std::to_string(bits - 1) + ":0] " + name; }

std::string sv_fit(const Signal& s, int bits, int zeros) {
  const auto n = [](int v) { return std::to_string(v); };
  if (zeros >= bits) return sv_literal(0, bits);
  const int room = bits - zeros;
  std::string core = s.name;
  int width = s.bits;
  if (room < s.bits) {
    core += "[" + n(room - 1) + ":0]";
    width = room;
  }
  std::string text;
  if (room > width) {
    const int more = room - width;
    text = s.is_signed ? "{" + n(more) + "{" + s.name + "[" + n(s.bits - 1) + "]}}, " : n(more) + "'h0, ";
  }
  if (text.empty() && zeros == 0) return core;
  return "{" + text + core + (zeros > 0 ? ", " + n(zeros) + "'h0" : "") + "}";
}

std::string sv_quantise(const Signal& from, const NumberType& type, const std::string& name, std::string& text) {
  Signal s = from;
  const auto define = [&](const std::string& suffix, int bits, const std::string& value) {
    const std::string wire = name + suffix;
    text += "  " + sv_declare(wire, bits) + ";\n  assign " + wire + " = " + value + ";\n";
    return wire;
  };
  if (type.fraction >= s.fraction) {
    const int up = type.fraction - s.fraction;
    if (type.overflow == Overflow::wrap) return sv_fit(s, type.bits, up);
    if (up > 0) s = {define("_up", s.bits + up, sv_fit(s, s.bits + up, up)), s.bits + up, s.is_signed, type.fraction};
  } else {
    const int down = s.fraction - type.fraction;
    if (type.rounding == Rounding::down) {
      const int width = std::max(s.bits, down + 1);
      const std::string whole = width == s.bits ? s.name : define("_wide", width, sv_fit(s, width));
      s = {define("_down", width - down, whole + "[" + std::to_string(width - 1) + ":" + std::to_string(down) + "]"), width - down, s.is_signed, type.fraction};
    } else {
      const int width = std::max(s.bits, down + 1) + 1;
      const Wide half = Wide{1} << (down - 1);
      const std::string wide = define("_wide", width, sv_fit(s, width));
      std::string sum = wide + " + " + sv_literal(type.rounding == Rounding::half_up ? half : half - 1, width);
      if (type.rounding == Rounding::half_even) sum += " + {" + std::to_string(width - 1) + "'h0, " + wide + "[" + std::to_string(down) + "]}";
      const std::string rounded = define("_round", width, sum);
      s = {define("_down", width - down, rounded + "[" + std::to_string(width - 1) + ":" + std::to_string(down) + "]"), width - down, s.is_signed, type.fraction};
    }
  }
  if (type.overflow == Overflow::wrap) return sv_fit(s, type.bits);
  const bool fits = s.is_signed ? type.is_signed && s.bits <= type.bits : s.bits <= type.bits - (type.is_signed ? 1 : 0);
  if (fits) return sv_fit(s, type.bits);
  const int width = std::max(s.bits, type.bits) + 1;
  const std::string wide = define("_sat", width, sv_fit(s, width));
  std::string low;
  if (s.is_signed) low = "$signed(" + wide + ") < $signed(" + sv_literal(type.lowest(), width) + ") ? " + sv_literal(type.lowest(), type.bits) + " : ";
  return "$signed(" + wide + ") > $signed(" + sv_literal(type.highest(), width) + ") ? " + sv_literal(type.highest(), type.bits) + " : " + low + wide + "[" +
         std::to_string(type.bits - 1) + ":0]";
}

}  // namespace gnomon::hls
