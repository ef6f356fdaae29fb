#include "gnomon/hls/number_type.hpp"

#include <vector>

#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

__extension__ typedef unsigned __int128 UnsignedWide;

const char* const rounding_names[] = {"down", "half_up", "half_even"};
const char* const overflow_names[] = {"wrap", "saturate"};

std::optional<int> small_number(std::string_view text, int low, int high) {
  long long value = 0;
  if (text.empty() || text.front() == '+' || (text.front() == '0' && text.size() > 1) || !parse_integer(text, value)) return {};
  if (value < low || value > high) return {};
  return static_cast<int>(value);
}

}  // namespace

std::string NumberType::text() const {
  if (fraction == 0 && rounding == Rounding::down && overflow == Overflow::wrap)
    return (is_signed ? "int" : "uint") + std::to_string(bits);
  std::string text = (is_signed ? "fixed<" : "ufixed<") + std::to_string(bits) + "," + std::to_string(bits - fraction);
  if (rounding != Rounding::down || overflow != Overflow::wrap) text += std::string(",") + rounding_names[static_cast<int>(rounding)];
  if (overflow != Overflow::wrap) text += std::string(",") + overflow_names[static_cast<int>(overflow)];
  return text + ">";
}

std::optional<NumberType> type_named(const std::string& text) {
  NumberType type;
  std::string_view rest = text;
  if (rest.starts_with("u")) {
    type.is_signed = false;
    rest.remove_prefix(1);
  }
  if (rest.starts_with("int")) {
    const auto bits = small_number(rest.substr(3), 1, 64);
    if (!bits) return {};
    type.bits = *bits;
    return type;
  }
  if (!rest.starts_with("fixed<") || !rest.ends_with(">")) return {};
  rest = rest.substr(6, rest.size() - 7);
  std::vector<std::string_view> parts;
  for (;;) {
    const std::size_t comma = rest.find(',');
    parts.push_back(trimmed(rest.substr(0, comma)));
    if (comma == rest.npos) break;
    rest.remove_prefix(comma + 1);
  }
  if (parts.size() < 2 || parts.size() > 4) return {};
  const auto bits = small_number(parts[0], 1, 64);
  if (!bits) return {};
  const auto whole = small_number(parts[1], *bits - 64, *bits);
  if (!whole) return {};
  type.bits = *bits;
  type.fraction = *bits - *whole;
  if (parts.size() > 2) {
    int found = -1;
    for (int i = 0; i < 3; ++i)
      if (parts[2] == rounding_names[i]) found = i;
    if (found < 0) return {};
    type.rounding = static_cast<Rounding>(found);
  }
  if (parts.size() > 3) {
    if (parts[3] != "wrap" && parts[3] != "saturate") return {};
    type.overflow = parts[3] == "wrap" ? Overflow::wrap : Overflow::saturate;
  }
  return type;
}

std::int64_t quantise(const NumberType& type, Wide value, int fraction) {
  if (type.fraction >= fraction) {
    const int up = type.fraction - fraction;
    // Beyond the 128 bits only wrapping types could see the difference, and for those the low bits are right.
    value = static_cast<Wide>(static_cast<UnsignedWide>(value) << up);
  } else {
    const int down = fraction - type.fraction;
    const Wide half = Wide{1} << (down - 1);
    if (type.rounding == Rounding::half_up) value += half;
    if (type.rounding == Rounding::half_even) value += half - 1 + ((value >> down) & 1);
    value >>= down;
  }
  if (type.overflow == Overflow::saturate) {
    if (value < type.lowest()) value = type.lowest();
    if (value > type.highest()) value = type.highest();
  }
  const int unused = 64 - type.bits;
  const std::uint64_t low = static_cast<std::uint64_t>(value) << unused;
  return type.is_signed ? static_cast<std::int64_t>(low) >> unused : static_cast<std::int64_t>(low >> unused);
}

}  // namespace gnomon::hls
