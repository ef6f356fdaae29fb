// Stand-ins for the vendor's arbitrary-precision types, as far as emitted kernels use them: exact results, then rounding and
// overflow on assignment. Values live in 128 bits. For running emitted kernels without the vendor's tools, not for synthesis.
#pragma once

#include <cstdint>

enum ap_q_mode { AP_TRN, AP_RND, AP_RND_CONV, AP_TRN_ZERO };
enum ap_o_mode { AP_WRAP, AP_SAT };

__extension__ typedef __int128 ap_wide;
__extension__ typedef unsigned __int128 ap_uwide;

template <int W, int I, bool S, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP>
struct ap_number {
  static_assert(W >= 1 && W <= 128, "1 to 128 bits");
  static constexpr int width = W, iwidth = I, fraction = W - I;
  static constexpr bool is_signed = S;
  ap_wide bits = 0;

  ap_number() = default;
  template <int W2, int I2, bool S2, ap_q_mode Q2, ap_o_mode O2>
  ap_number(const ap_number<W2, I2, S2, Q2, O2>& x) { assign(x.bits, W2 - I2); }
  ap_number(int x) { assign(x, 0); }
  ap_number(long x) { assign(x, 0); }
  ap_number(long long x) { assign(x, 0); }
  ap_number(unsigned x) { assign(x, 0); }
  ap_number(unsigned long x) { assign(x, 0); }
  ap_number(unsigned long long x) { assign(static_cast<ap_wide>(x), 0); }

  static ap_wide lowest() { return S ? -(ap_wide{1} << (W - 1)) : 0; }
  static ap_wide highest() { return (ap_wide{1} << (S ? W - 1 : W)) - 1; }

  void assign(ap_wide x, int from) {
    const int f = W - I;
    if (f >= from) {
      x = static_cast<ap_wide>(static_cast<ap_uwide>(x) << (f - from));
    } else {
      const int down = from - f;
      const ap_wide half = ap_wide{1} << (down - 1);
      if (Q == AP_TRN_ZERO && x < 0) x += (ap_wide{1} << down) - 1;
      if (Q == AP_RND) x += half;
      if (Q == AP_RND_CONV) x += half - 1 + ((x >> down) & 1);
      x >>= down;
    }
    if (O == AP_SAT) x = x < lowest() ? lowest() : x > highest() ? highest() : x;
    set_bits(x);
  }
  void set_bits(ap_wide x) {
    const int unused = 128 - W;
    bits = static_cast<ap_wide>(static_cast<ap_uwide>(x) << unused);
    bits = S ? bits >> unused : static_cast<ap_wide>(static_cast<ap_uwide>(bits) >> unused);
  }
  /// All bits as a number of the same width, and back.
  struct Bits {
    ap_number& of;
    Bits(ap_number& number) : of(number) {}
    Bits(const Bits&) = default;
    Bits& operator=(const Bits& x) { of.set_bits(x.of.bits); return *this; }
    template <class Other>
    Bits& operator=(const Other& x) { of.set_bits(x.of.bits); return *this; }
  };
  Bits range() { return Bits(*this); }
  std::int64_t to_int64() const { return static_cast<std::int64_t>(bits >> (W - I > 0 ? W - I : 0)); }
  bool operator[](int b) const { return ((bits >> b) & 1) != 0; }
  int length() const { return W; }
  ap_number operator<<(int by) const { ap_number r; r.set_bits(by >= W ? 0 : static_cast<ap_wide>(static_cast<ap_uwide>(bits) << by)); return r; }
  ap_number operator>>(int by) const { ap_number r; r.set_bits(bits >> (by > 127 ? 127 : by)); return r; }
  ap_number<W + 1 <= 128 ? W + 1 : 128, I + 1, true> operator-() const { ap_number<W + 1 <= 128 ? W + 1 : 128, I + 1, true> r; r.set_bits(-bits); return r; }
};

// A fraction is dropped toward zero, as from numbers of C.
template <int W> using ap_int = ap_number<W, W, true, AP_TRN_ZERO>;
template <int W> using ap_uint = ap_number<W, W, false, AP_TRN_ZERO>;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP> using ap_fixed = ap_number<W, I, true, Q, O>;
template <int W, int I, ap_q_mode Q = AP_TRN, ap_o_mode O = AP_WRAP> using ap_ufixed = ap_number<W, I, false, Q, O>;

template <class A, class B>
struct ap_sum {
  static constexpr int f = A::fraction > B::fraction ? A::fraction : B::fraction;
  static constexpr bool s = A::is_signed || B::is_signed;
  static constexpr int ia = A::iwidth + (s && !A::is_signed), ib = B::iwidth + (s && !B::is_signed);
  static constexpr int i = (ia > ib ? ia : ib) + 1;
  static constexpr int w = i + f > 128 ? 128 : i + f;
};

#define AP_BINARY template <int W1, int I1, bool S1, ap_q_mode Q1, ap_o_mode O1, int W2, int I2, bool S2, ap_q_mode Q2, ap_o_mode O2>
#define AP_A ap_number<W1, I1, S1, Q1, O1>
#define AP_B ap_number<W2, I2, S2, Q2, O2>

AP_BINARY auto operator+(const AP_A& a, const AP_B& b) {
  using T = ap_sum<AP_A, AP_B>;
  ap_number<T::w, T::w - T::f, T::s> r;
  r.set_bits(a.bits * (ap_wide{1} << (T::f - AP_A::fraction)) + b.bits * (ap_wide{1} << (T::f - AP_B::fraction)));
  return r;
}
AP_BINARY auto operator-(const AP_A& a, const AP_B& b) {
  using T = ap_sum<AP_A, AP_B>;
  ap_number<T::w, T::w - T::f, true> r;
  r.set_bits(a.bits * (ap_wide{1} << (T::f - AP_A::fraction)) - b.bits * (ap_wide{1} << (T::f - AP_B::fraction)));
  return r;
}
AP_BINARY auto operator*(const AP_A& a, const AP_B& b) {
  constexpr int w = W1 + W2 > 128 ? 128 : W1 + W2, f = AP_A::fraction + AP_B::fraction;
  ap_number<w, w - f, S1 || S2> r;
  r.set_bits(static_cast<ap_wide>(static_cast<ap_uwide>(a.bits) * static_cast<ap_uwide>(b.bits)));
  return r;
}
/// Integers only; truncates towards 0.
AP_BINARY auto operator/(const AP_A& a, const AP_B& b) {
  static_assert(AP_A::fraction == 0 && AP_B::fraction == 0, "division of integers");
  ap_number<W1 + 1 <= 128 ? W1 + 1 : 128, W1 + 1 <= 128 ? W1 + 1 : 128, true> r;
  r.set_bits(a.bits / b.bits);
  return r;
}
AP_BINARY auto operator%(const AP_A& a, const AP_B& b) {
  static_assert(AP_A::fraction == 0 && AP_B::fraction == 0, "remainder of integers");
  ap_number<W1, W1, S1> r;
  r.set_bits(a.bits % b.bits);
  return r;
}
#define AP_BITWISE(OP)                                     \
  AP_BINARY auto operator OP(const AP_A& a, const AP_B& b) { \
    static_assert(AP_A::fraction == AP_B::fraction, "equal fractions"); \
    constexpr int w = W1 > W2 ? W1 : W2;                   \
    ap_number<w, w - AP_A::fraction, S1 || S2> r;          \
    r.set_bits(a.bits OP b.bits);                          \
    return r;                                              \
  }
AP_BITWISE(&)
AP_BITWISE(|)
AP_BITWISE(^)
#define AP_COMPARE(OP)                                                                     \
  AP_BINARY bool operator OP(const AP_A& a, const AP_B& b) {                               \
    constexpr int f = AP_A::fraction > AP_B::fraction ? AP_A::fraction : AP_B::fraction;   \
    return a.bits * (ap_wide{1} << (f - AP_A::fraction)) OP b.bits * (ap_wide{1} << (f - AP_B::fraction)); \
  }                                                                                        \
  template <int W1, int I1, bool S1, ap_q_mode Q1, ap_o_mode O1>                            \
  bool operator OP(const AP_A& a, int b) { return a OP ap_int<32>(b); }
AP_COMPARE(==)
AP_COMPARE(!=)
AP_COMPARE(<)
AP_COMPARE(<=)
AP_COMPARE(>)
AP_COMPARE(>=)
#undef AP_BINARY
#undef AP_A
#undef AP_B
#undef AP_BITWISE
#undef AP_COMPARE
