#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace gnomon::hls {

/// 128-bit integers hold every exact intermediate result; verify() refuses operations that would need more.
__extension__ typedef __int128 Wide;

enum class Rounding { down, half_up, half_even };  ///< towards minus infinity; ties upwards; ties to even
enum class Overflow { wrap, saturate };

/// An integer or fixed-point type of 1 to 64 bits: the stored bits, read as two's complement or unsigned, times 2^-fraction.
/// Text forms: `int8`, `uint4`, and `fixed<W,I>`, `ufixed<W,I,ROUNDING,OVERFLOW>` with W bits of which I stand before the binary
/// point (the sign's included), ROUNDING `down` (default), `half_up`, `half_even`, OVERFLOW `wrap` (default), `saturate`.
struct NumberType {
  bool is_signed = true;
  int bits = 32;
  int fraction = 0;
  Rounding rounding = Rounding::down;
  Overflow overflow = Overflow::wrap;

  std::string text() const;
  bool operator==(const NumberType&) const = default;
  /// Smallest and largest stored value.
  Wide lowest() const { return is_signed ? -(Wide{1} << (bits - 1)) : 0; }
  Wide highest() const { return (Wide{1} << (is_signed ? bits - 1 : bits)) - 1; }
};
std::optional<NumberType> type_named(const std::string& text);

/// The number that stored bits stand for, times 2^fraction. Unsigned 64-bit values are kept as the same bits in an int64_t.
inline Wide exact(const NumberType& type, std::int64_t bits) {
  return type.is_signed ? Wide{bits} : Wide{static_cast<std::uint64_t>(bits)};
}
/// `value` x 2^-fraction rounded and wrapped or clamped into the type.
std::int64_t quantise(const NumberType& type, Wide value, int fraction);

}  // namespace gnomon::hls
