#pragma once

#include <cstdint>
#include <string>

namespace gnomon::hls {

/// A block memory of constants; `bit(t, c)`: bit c of word t. The contents are one constant that a loop spreads: a statement for every word would
/// be most of what a simulator compiles.
template <class Bit>
std::string memory_text(const std::string& name, std::int64_t words, std::int64_t width, const Bit& bit) {
  const std::int64_t bits = words * width;
  std::string digits;
  for (std::int64_t at = (bits + 3) / 4 * 4; at > 0; at -= 4) {
    int digit = 0;
    for (std::int64_t b = at - 1; b >= at - 4; --b) digit = 2 * digit + (b < bits && bit(b / width, b % width) ? 1 : 0);
    digits += "0123456789abcdef"[digit];
  }
  const auto n = [](std::int64_t v) { return std::to_string(v); };
  return "  localparam logic [" + n(bits - 1) + ":0] " + name + "_words = " + n(bits) + "'h" + digits + ";\n  (* rom_style = \"block\" *) logic [" + n(width - 1) + ":0] " + name + " [0:" + n(words - 1) +
         "];\n  initial for (int i = 0; i < " + n(words) + "; i++) " + name + "[i] = " + name + "_words[i * " + n(width) + " +: " + n(width) + "];\n";
}

}  // namespace gnomon::hls
