#pragma once

#include <cstdint>

// Vectors are passed between inlined functions only.
#pragma GCC diagnostic ignored "-Wpsabi"

#define GNOMON_INLINE inline __attribute__((always_inline))
// Kernels are built for each width of vectors with fused multiply-add, and for any processor; the program picks when it starts. (target_clones would
// pick by the maker's name for a processor, not by what it can do.) A lane's arithmetic is the same for every width: with fused multiply-add answers are
// the same to the byte.
#if defined(__x86_64__)
#define GNOMON_WIDTHS 1
#define GNOMON_FOR_256 __attribute__((target("avx2,fma"), optimize("O3", "no-math-errno")))
#define GNOMON_FOR_512 __attribute__((target("avx512f,avx512dq,fma,prefer-vector-width=512"), optimize("O3", "no-math-errno")))
#else
#define GNOMON_WIDTHS 0
#endif
#define GNOMON_FOR_ANY __attribute__((optimize("O3", "no-math-errno")))

namespace gnomon::surrogate {

/// Vectors of so many bytes; written out, for a size that depends on a template's parameter is ignored in such attributes.
template <int Bytes>
struct Of;
#define GNOMON_VECTORS(bytes)                                                             \
  template <>                                                                             \
  struct Of<bytes> {                                                                      \
    using Vector = float __attribute__((vector_size(bytes), aligned(4), may_alias));      \
    using Whole = int __attribute__((vector_size(bytes)));                                \
    using Double = double __attribute__((vector_size(bytes), aligned(8), may_alias));     \
    using Long = long __attribute__((vector_size(bytes)));                                \
    using Bits = unsigned long __attribute__((vector_size(bytes)));                       \
    using Half = float __attribute__((vector_size(bytes / 2), aligned(4), may_alias));    \
    static constexpr int size = bytes / 4, doubles = bytes / 8;                           \
    static_assert(sizeof(Vector) == bytes && sizeof(Long) == bytes && sizeof(long) == 8); \
  };
GNOMON_VECTORS(16)
GNOMON_VECTORS(32)
GNOMON_VECTORS(64)
#undef GNOMON_VECTORS

/// The widest that this processor has: 64 or 32 bytes, with fused multiply-add; else 16.
inline int vector_bytes() {
#if GNOMON_WIDTHS
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) return 64;
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 32;
#endif
  return 16;
}

/// The smaller and the larger of two, by one instruction where the widest vectors are; the second where one is not a number.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Vector least(typename Of<Bytes>::Vector a, typename Of<Bytes>::Vector b) {
#if GNOMON_WIDTHS
  if constexpr (Bytes == 64) {
    asm("vminps %2, %1, %0" : "=v"(a) : "v"(a), "v"(b));
    return a;
  }
#endif
  return a < b ? a : b;
}
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Vector most(typename Of<Bytes>::Vector a, typename Of<Bytes>::Vector b) {
#if GNOMON_WIDTHS
  if constexpr (Bytes == 64) {
    asm("vmaxps %2, %1, %0" : "=v"(a) : "v"(a), "v"(b));
    return a;
  }
#endif
  return a > b ? a : b;
}

/// z / (1 + exp(-z)) without a division: relative error below 2e-6 for z of at least -20 (the rounding of z log2 e, which exp makes relative); below that the
/// absolute error is below 1e-13.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Vector silu(typename Of<Bytes>::Vector z) {
  using Vector = typename Of<Bytes>::Vector;
  using Whole = typename Of<Bytes>::Whole;
  Vector x = z * -1.44269504F;
  x = least<Bytes>(most<Bytes>(x, Vector{} - 120.0F), Vector{} + 120.0F);
  // 1.5 * 2^23: a float this large holds the nearest whole number in its last bits.
  const Vector shifted = x + 12582912.0F;
  const Vector r = x - (shifted - 12582912.0F);
  // 2^r on [-1/2, 1/2] by a Chebyshev expansion: relative error 2.6e-9 before rounding.
  Vector p = Vector{} + 1.5469732e-4F;
  p = p * r + 1.34004322e-3F;
  p = p * r + 9.6180256e-3F;
  p = p * r + 5.55032721e-2F;
  p = p * r + 2.40226512e-1F;
  p = p * r + 6.93147207e-1F;
  p = p * r + 1.0F;
  const Whole scaled = (Whole)p + ((Whole)shifted << 23);
  const Vector d = (Vector)scaled + 1.0F;
  // A guess of 1 / d from its bits, within an eighth, and 1 / (1 - e) = (1 + e)(1 + e^2)(1 + e^4) up to e^8.
  const Vector guess = (Vector)(0x7EF311C7 - (Whole)d);
  const Vector e = 1.0F - d * guess, e2 = e * e, e4 = e2 * e2;
  Vector y = guess * e + guess;
  y = y * e2 + y;
  y = y * e4 + y;
  return z * y;
}

/// exp of x below 709; 0 below -708. Relative error below 1e-15.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Double exponential(typename Of<Bytes>::Double x) {
  using Double = typename Of<Bytes>::Double;
  using Long = typename Of<Bytes>::Long;
  const Double y = x < -708.0 ? Double{} - 708.0 : x;
  const Double shifted = y * 1.4426950408889634 + 6755399441055744.0;  // 1.5 * 2^52
  const Double n = shifted - 6755399441055744.0;
  Double r = y - n * 6.93147180369123816490e-01;
  r = r - n * 1.90821492927058770002e-10;
  Double p = Double{} + 1.0 / 479001600;
  p = p * r + 1.0 / 39916800;
  p = p * r + 1.0 / 3628800;
  p = p * r + 1.0 / 362880;
  p = p * r + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  const Long scaled = (Long)p + ((Long)shifted << 52);
  return x < -708.0 ? Double{} : (Double)scaled;
}

/// The natural logarithm of normal positive numbers; what it gives of others means nothing. Error below 3e-16 of 1 + |log x|.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Double logarithm(typename Of<Bytes>::Double x) {
  using Double = typename Of<Bytes>::Double;
  using Long = typename Of<Bytes>::Long;
  using Bits = typename Of<Bytes>::Bits;
  const Bits bits = (Bits)x;
  Double m = (Double)(Long)((bits & 0x000FFFFFFFFFFFFFUL) | 0x3FF0000000000000UL);
  Double k = (Double)(Long)((bits >> 52) | 0x4330000000000000UL) - (4503599627370496.0 + 1023.0);
  const auto above = m > 1.4142135623730951;
  m = above ? m * 0.5 : m;
  k = above ? k + 1.0 : k;
  const Double f = m - 1.0, s = f / (m + 1.0), q = s * s;
  Double p = Double{} + 1.0 / 21;
  p = p * q + 1.0 / 19;
  p = p * q + 1.0 / 17;
  p = p * q + 1.0 / 15;
  p = p * q + 1.0 / 13;
  p = p * q + 1.0 / 11;
  p = p * q + 1.0 / 9;
  p = p * q + 1.0 / 7;
  p = p * q + 1.0 / 5;
  p = p * q + 1.0 / 3;
  const Double t = s + s, tail = (t * q) * p;
  return k * 6.93147180369123816490e-01 + (t + (k * 1.90821492927058770002e-10 + tail));
}

/// log(1 + x) of x >= 0 and below 1e300.
template <int Bytes>
GNOMON_INLINE typename Of<Bytes>::Double logarithm1p(typename Of<Bytes>::Double x) {
  using Double = typename Of<Bytes>::Double;
  const Double u = x + 1.0;
  // What the sum lost.
  const Double lost = x < 1e15 ? x - (u - 1.0) : Double{};
  return logarithm<Bytes>(u) + lost / u;
}

}  // namespace gnomon::surrogate
