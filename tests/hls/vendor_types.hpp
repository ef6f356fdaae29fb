// What programs around emitted C++ share.
#pragma once

#include <cstdlib>
#include <string>

namespace gnomon::hls {

/// The folder of the vendor's headers: the stand-ins of hls/standin, or with GNOMON_AP_TYPES any other, such as the ap_types that come with hls4ml.
inline std::string vendor_headers() {
  const char* const other = std::getenv("GNOMON_AP_TYPES");
  return other != nullptr ? std::string(other) : std::string(GNOMON_SOURCE_DIR) + "/hls/standin";
}

/// Text of two functions that take and give the stored bits of any of the vendor's numbers: `test_set(x, bits)`, `test_bits(x)`.
inline constexpr const char* stored_bits =
    "template <class T> void test_set(T& x, long long bits) { x.range() = ap_int<64>(bits).range(); }\n"
    "template <class T> long long test_bits(const T& x) {\n"
    "  T ones;\n  test_set(ones, -1);\n  unsigned long long bits = 0;\n  const int width = x.length();\n"
    "  for (int b = 0; b < width; ++b)\n    if (x[b]) bits |= 1ull << b;\n"
    "  if (ones < 0 && width < 64 && x[width - 1]) bits |= ~0ull << width;\n  return (long long)bits;\n}\n";

}  // namespace gnomon::hls
