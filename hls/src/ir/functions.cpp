#include "ir/functions.hpp"

#include <algorithm>
#include <cmath>
#include <map>
#include <mutex>
#include <tuple>

#include "ir/evaluate.hpp"

namespace gnomon::hls {
namespace {

/// Bits of the argument's mantissa that a table resolves; what is left is a polynomial's, of |u| < 2^-7.6.
constexpr int table_bits = 7;
/// Bits below the result's last that are computed.
constexpr int guard_bits = 6;

NumberType u(int bits, int fraction = 0) { return {false, std::max(1, bits), fraction}; }
NumberType s(int bits, int fraction = 0) { return {true, std::max(1, bits), fraction}; }

class UnitBuilder {
 public:
  UnitBuilder(const NumberType& from, const NumberType& to) : from_(from), to_(to) {
    KernelOp argument;
    argument.code = OpCode::cast;
    argument.type = from;
    unit_.ops.push_back(argument);
    whole_ = to.bits - to.fraction - (to.is_signed ? 1 : 0);
  }

  FunctionUnit run(OpCode code) {
    switch (code) {
      case OpCode::exp:
        exponential();
        break;
      case OpCode::log:
        logarithm();
        break;
      case OpCode::recip:
        reciprocal();
        break;
      default:
        inverse_root();
    }
    return std::move(unit_);
  }

 private:
  using Op = std::size_t;

  Op push(KernelOp op) {
    unit_.ops.push_back(std::move(op));
    return unit_.ops.size() - 1;
  }
  Op make(OpCode code, const NumberType& type, std::vector<Op> args) {
    KernelOp op;
    op.code = code;
    op.type = is_comparison(code) ? u(1) : type;
    op.args = std::move(args);
    return push(std::move(op));
  }
  Op stored(const NumberType& type, std::int64_t bits) {
    KernelOp op;
    op.code = OpCode::constant;
    op.type = type;
    op.value = bits;
    return push(std::move(op));
  }
  Op real(const NumberType& type, long double value) { return stored(type, std::llroundl(std::ldexp(value, type.fraction))); }
  Op scale(Op of, int power, const NumberType& type) {
    KernelOp op;
    op.code = OpCode::scale;
    op.type = type;
    op.args = {of};
    op.value = power;
    return push(std::move(op));
  }
  Op look_up(const NumberType& type, Op index, const std::vector<long double>& values) {
    KernelTensor table{"", TensorKind::constant, type, {static_cast<std::int64_t>(values.size())}};
    for (const long double v : values) table.values.push_back(std::llroundl(std::ldexp(v, type.fraction)));
    unit_.tables.push_back(std::move(table));
    KernelOp op;
    op.code = OpCode::gather;
    op.type = type;
    op.tensor = unit_.tables.size() - 1;
    Affine a;
    a.values = {{index, 1}};
    op.index = {a};
    return push(std::move(op));
  }
  const NumberType& type(Op op) const { return unit_.ops[op].type; }

  /// u c[0] + u^2 c[1] + ..., its last bit 2^-fraction.
  Op polynomial(Op x, const std::vector<long double>& c, int fraction) {
    Op sum = 0;
    for (std::size_t j = c.size(); j-- > 0;) {
      // What is multiplied by u^(j+1) needs as many bits less.
      const int f = std::max(4, fraction - table_bits * static_cast<int>(j + 1) + 1);
      const NumberType t = s(f + 2, f);
      const Op constant = real(t, c[j]);
      sum = j + 1 == c.size() ? constant : make(OpCode::add, t, {constant, make(OpCode::mul, t, {x, sum})});
    }
    return make(OpCode::mul, s(fraction, fraction), {x, sum});
  }
  static std::size_t terms(int fraction, std::initializer_list<int> reach) {
    std::size_t n = 1;
    for (const int r : reach) {
      if (fraction <= r) break;
      ++n;
    }
    return n;
  }

  struct Normal {
    Op zeros, mantissa;  ///< leading zeros; 1 to 2 with bits - 1 behind the point
    Op index;            ///< of a table over the mantissa
    bool direct;         ///< the table resolves the whole mantissa
    int entries_log;
    /// Mantissa in the middle of what entry i stands for.
    long double middle(std::size_t i) const { return 1 + std::ldexp(static_cast<long double>(i) + (direct ? 0.0L : 0.5L), -entries_log); }
  };
  /// `x`: unsigned integer of the argument's width.
  Normal normalise(Op x) {
    const int bits = from_.bits;
    Normal n{};
    n.zeros = make(OpCode::clz, u(6), {x});
    n.mantissa = scale(make(OpCode::shl, u(bits), {x, n.zeros}), 1 - bits, u(bits, bits - 1));
    n.direct = bits - 1 <= table_bits + 1;
    n.entries_log = n.direct ? bits - 1 : table_bits;
    if (bits == 1) {
      n.index = stored(u(1), 0);
    } else {
      const Op fraction = make(OpCode::cast, u(bits - 1, bits - 1), {n.mantissa});
      n.index = scale(fraction, n.entries_log, u(n.entries_log));
    }
    return n;
  }
  template <class F>
  std::vector<long double> tabulate(std::size_t count, const F& f) const {
    std::vector<long double> values;
    for (std::size_t i = 0; i < count; ++i) values.push_back(f(i));
    return values;
  }
  Op bits_of_argument() {
    const Op integer = from_.fraction == 0 ? 0 : scale(0, from_.fraction, {from_.is_signed, from_.bits});
    return from_.is_signed ? make(OpCode::cast, u(from_.bits), {integer}) : integer;
  }
  Op zero() { return stored(from_, 0); }

  // ---- Results. ----

  int working() const { return to_.fraction + whole_ - 1 + guard_bits; }
  NumberType clamped() const {
    NumberType t = to_;
    t.overflow = Overflow::saturate;
    return t;
  }
  Op highest() { return stored(to_, static_cast<std::int64_t>(to_.highest())); }
  Op lowest() { return stored(to_, static_cast<std::int64_t>(to_.lowest())); }
  /// Cut as the type says; where it rounds down, 1/16 of the last bit before, so that exact results stay what they are.
  Op cut(Op value) {
    if (to_.rounding == Rounding::down) {
      const NumberType& t = type(value);
      value = make(OpCode::add, {t.is_signed, t.bits + 1, t.fraction}, {value, stored(u(guard_bits, t.fraction), std::int64_t{1} << (guard_bits - 4))});
    }
    const Op result = make(OpCode::cast, clamped(), {value});
    return to_.overflow == Overflow::saturate ? result : make(OpCode::cast, to_, {result});
  }
  /// mantissa (1 to 2, `working` bits behind the point) x 2^power, negative where `negative` is given and true.
  Op scaled(Op mantissa, Op power, std::optional<Op> negative) {
    const int g = working();
    const NumberType wide = u(g + 2, to_.fraction + guard_bits);
    const Op at_most = scale(mantissa, whole_ - 1, wide);
    const Op by = make(OpCode::sub, s(9), {stored(s(9), whole_ - 1), power});
    Op value = make(OpCode::shr, wide, {at_most, by});
    const Op over = make(OpCode::lt, u(1), {stored(s(9), whole_ - 1), power});
    if (!negative) return make(OpCode::select, to_, {over, highest(), cut(value)});
    const NumberType both = s(wide.bits + 1, wide.fraction);
    value = make(OpCode::select, both, {*negative, make(OpCode::sub, both, {stored(u(1), 0), value}), value});
    const Op end = make(OpCode::select, to_, {*negative, lowest(), highest()});
    return make(OpCode::select, to_, {over, end, cut(value)});
  }

  /// 2^n 2^f with x log2(e) = n + f.
  void exponential() {
    const int g = working(), t_fraction = std::max(g + 4, table_bits + 2);
    Op x = 0;
    const std::int64_t most = 64;
    if (from_.bits - from_.fraction - (from_.is_signed ? 1 : 0) > 6) {
      // Beyond these, no result is between the type's last bit and its largest value.
      x = make(OpCode::min, from_, {x, stored(from_, (most << from_.fraction) - 1)});
      if (from_.is_signed) x = make(OpCode::max, from_, {x, stored(from_, -(most << from_.fraction))});
    }
    const long double log2e = 1.442695040888963407359924681001892137L, ln2 = 0.693147180559945309417232121458176568L;
    const Op t = make(OpCode::mul, s(t_fraction + 8, t_fraction), {x, real(u(t_fraction + 9, t_fraction + 8), log2e)});
    const Op power = make(OpCode::cast, s(8), {t});
    const Op f = make(OpCode::cast, u(t_fraction, t_fraction), {t});
    const Op index = scale(f, table_bits, u(table_bits));
    const Op low = make(OpCode::cast, u(t_fraction - table_bits, t_fraction), {f});
    const Op centred = make(OpCode::sub, s(t_fraction - table_bits + 1, t_fraction), {low, stored(u(1, table_bits + 1), 1)});
    const std::size_t n = terms(g + 3, {18, 28, 38});
    const Op rest = make(OpCode::mul, s(t_fraction - table_bits + 1, t_fraction), {centred, real(u(t_fraction, t_fraction), ln2)});
    const std::vector<long double> series{1, 1.0L / 2, 1.0L / 6, 1.0L / 24};
    const Op p = polynomial(rest, {series.begin(), series.begin() + static_cast<std::ptrdiff_t>(n)}, t_fraction);
    const Op base = look_up(u(t_fraction + 1, t_fraction), index,
                            tabulate(1u << table_bits, [](std::size_t i) { return std::exp2((static_cast<long double>(i) + 0.5L) / (1 << table_bits)); }));
    const Op mantissa = make(OpCode::add, u(g + 2, g), {base, make(OpCode::mul, s(t_fraction + 1, t_fraction), {base, p})});
    scaled(mantissa, power, {});
  }

  void logarithm() {
    const int g = std::max(to_.fraction + guard_bits, 8) + 4;
    const Normal n = normalise(bits_of_argument());
    const Op exponent = make(OpCode::sub, s(9), {stored(s(9), from_.bits - 1 - from_.fraction), n.zeros});
    const long double ln2 = 0.693147180559945309417232121458176568L;
    const NumberType wide = s(g + 8, g);
    Op sum = make(OpCode::mul, wide, {exponent, real(u(g + 8, g + 8), ln2)});
    const auto count = static_cast<std::size_t>(std::int64_t{1} << n.entries_log);
    const std::vector<long double> near = tabulate(count, [&](std::size_t i) { return std::round(1024 / n.middle(i)) / 1024; });
    const Op part = look_up(s(g + 2, g), n.index, tabulate(count, [&](std::size_t i) { return n.direct ? std::log(n.middle(i)) : -std::log(near[i]); }));
    sum = make(OpCode::add, wide, {sum, part});
    if (!n.direct) {
      const Op rest = distance_from_one(n, look_up(u(11, 10), n.index, near), g);
      const std::vector<long double> series{1, -1.0L / 2, 1.0L / 3, -1.0L / 4, 1.0L / 5};
      sum = make(OpCode::add, wide, {sum, polynomial(rest, {series.begin(), series.begin() + static_cast<std::ptrdiff_t>(terms(g - 1, {16, 24, 32, 40}))}, g)});
    }
    const Op none = make(OpCode::le, u(1), {0, zero()});
    Op value = sum;
    if (to_.rounding == Rounding::down) value = make(OpCode::add, wide, {sum, stored(u(g, g), std::int64_t{1} << (g - to_.fraction - 4))});
    make(OpCode::select, to_, {none, lowest(), make(OpCode::cast, to_, {value})});
  }

  /// mantissa x near - 1, exact and then cut to `fraction` bits.
  Op distance_from_one(const Normal& n, Op near, int fraction) {
    const int bits = from_.bits, f = bits - 1 + type(near).fraction;
    const Op product = make(OpCode::mul, u(bits + type(near).bits, f), {n.mantissa, near});
    const int kept = std::min(f, fraction);
    return make(OpCode::sub, s(kept, kept), {product, stored(u(1), 1)});
  }

  void reciprocal() {
    const int g = working(), f = std::max(g + 4, 12);
    std::optional<Op> negative;
    Op x = bits_of_argument();
    if (from_.is_signed) {
      negative = make(OpCode::lt, u(1), {0, zero()});
      x = make(OpCode::select, u(from_.bits), {*negative, make(OpCode::sub, u(from_.bits), {stored(u(1), 0), x}), x});
    }
    const Normal n = normalise(x);
    const auto count = static_cast<std::size_t>(std::int64_t{1} << n.entries_log);
    Op mantissa = 0;
    if (n.direct) {
      mantissa = look_up(u(g + 2, g), n.index, tabulate(count, [&](std::size_t i) { return 2 / n.middle(i); }));
    } else {
      const Op near = look_up(u(11, 10), n.index, tabulate(count, [&](std::size_t i) { return std::round(1024 / n.middle(i)) / 1024; }));
      const Op rest = distance_from_one(n, near, f);
      // 2 near (1 - u) (1 + u^2) (1 + u^4): Newton's steps.
      Op product = make(OpCode::mul, u(f + 2, f), {scale(near, 1, u(12, 9)), make(OpCode::sub, u(f + 2, f), {stored(u(1), 1), rest})});
      Op power = rest;
      for (int reach = 15, less = 2 * table_bits; g + 3 > reach; reach *= 2, less *= 2) {
        power = make(OpCode::mul, u(f - less, f), {power, power});
        product = make(OpCode::add, u(f + 2, f), {product, make(OpCode::mul, u(f + 2, f), {product, power})});
      }
      mantissa = make(OpCode::cast, u(g + 2, g), {product});
    }
    const Op power = make(OpCode::sub, s(9), {n.zeros, stored(s(9), from_.bits - from_.fraction)});
    const Op value = scaled(mantissa, power, negative);
    make(OpCode::select, to_, {make(OpCode::eq, u(1), {0, zero()}), highest(), value});
  }

  void inverse_root() {
    const int g = working(), f = std::max(g + 4, 12);
    const Normal n = normalise(bits_of_argument());
    const Op exponent = make(OpCode::sub, s(9), {stored(s(9), from_.bits - 1 - from_.fraction), n.zeros});
    const Op one = stored(u(1), 1);
    const Op odd = make(OpCode::bit_and, u(1), {exponent, one});
    const Op half = make(OpCode::shr, s(9), {exponent, one});
    const auto count = static_cast<std::size_t>(std::int64_t{1} << n.entries_log);
    // Both halves of the table: even and odd exponents.
    const Op index = make(OpCode::add, u(n.entries_log + 1), {make(OpCode::shl, u(n.entries_log + 1), {odd, stored(u(4), n.entries_log)}), n.index});
    const auto root = [&](std::size_t i) { return 1 / std::sqrt(n.middle(i % count) * (i >= count ? 2 : 1)); };
    Op mantissa = 0;
    if (n.direct) {
      mantissa = look_up(u(g + 2, g), index, tabulate(2 * count, [&](std::size_t i) { return 2 * root(i); }));
    } else {
      const std::vector<long double> near = tabulate(2 * count, [&](std::size_t i) { return std::round(4096 * root(i)) / 4096; });
      const Op y = look_up(u(13, 12), index, near);
      const Op square = look_up(u(25, 24), index, tabulate(2 * count, [&](std::size_t i) { return near[i] * near[i] * (i >= count ? 2 : 1); }));
      const Op rest = distance_from_one(n, square, f);
      const std::vector<long double> series{-1.0L / 2, 3.0L / 8, -5.0L / 16, 35.0L / 128, -63.0L / 256};
      const Op p = polynomial(rest, {series.begin(), series.begin() + static_cast<std::ptrdiff_t>(terms(g + 3, {16, 25, 33, 40}))}, f);
      const Op twice = scale(y, 1, u(14, 11));
      mantissa = make(OpCode::add, u(g + 2, g), {twice, make(OpCode::mul, s(f + 2, f), {twice, p})});
    }
    const Op power = make(OpCode::sub, s(9), {stored(s(9), -1), half});
    const Op value = scaled(mantissa, power, {});
    make(OpCode::select, to_, {make(OpCode::le, u(1), {0, zero()}), highest(), value});
  }

  NumberType from_, to_;
  int whole_ = 0;  ///< result bits before the point, without the sign
  FunctionUnit unit_;
};

}  // namespace

const FunctionUnit& function_unit(OpCode code, const NumberType& from, const NumberType& to) {
  using Key = std::tuple<int, std::string, std::string>;
  static std::mutex mutex;
  static std::map<Key, FunctionUnit> units;
  const std::lock_guard lock(mutex);
  const Key key{static_cast<int>(code), from.text() + std::to_string(from.fraction), to.text() + std::to_string(to.fraction)};
  const auto at = units.find(key);
  if (at != units.end()) return at->second;
  return units.emplace(key, UnitBuilder(from, to).run(code)).first->second;
}

std::int64_t evaluate_function(const FunctionUnit& unit, std::int64_t argument) {
  std::vector<std::int64_t> values{argument};
  for (std::size_t i = 1; i < unit.ops.size(); ++i) {
    const KernelOp& op = unit.ops[i];
    if (op.code == OpCode::gather) {
      values.push_back(unit.tables[*op.tensor].values[static_cast<std::size_t>(values[op.index[0].values[0].first])]);
      continue;
    }
    NumberType types[3];
    std::int64_t args[3] = {0, 0, 0};
    for (std::size_t a = 0; a < op.args.size(); ++a) {
      types[a] = unit.ops[op.args[a]].type;
      args[a] = values[op.args[a]];
    }
    values.push_back(evaluate_op(op, types, args));
  }
  return values.back();
}

Kernel expand_functions(const Kernel& kernel) {
  if (std::none_of(kernel.ops.begin(), kernel.ops.end(), [](const KernelOp& op) { return is_function(op.code); })) return kernel;
  Kernel to = kernel;
  to.ops.clear();
  std::vector<std::size_t> place;
  std::map<std::tuple<std::size_t, const FunctionUnit*, std::size_t>, std::size_t> tables;
  for (const KernelOp& from : kernel.ops) {
    KernelOp op = from;
    for (std::size_t& a : op.args) a = place[a];
    if (op.when) op.when = place[*op.when];
    for (Affine& a : op.index)
      for (auto& value : a.values) value.first = place[value.first];
    if (is_function(op.code)) {
      const FunctionUnit& unit = function_unit(op.code, to.ops[op.args[0]].type, op.type);
      std::vector<std::size_t> inner{op.args[0]};
      for (std::size_t i = 1; i < unit.ops.size(); ++i) {
        KernelOp part = unit.ops[i];
        for (std::size_t& a : part.args) a = inner[a];
        part.loop = op.loop;
        part.process = op.process;
        if (part.code == OpCode::gather) {
          const auto [at, fresh] = tables.insert({{op.process, &unit, *part.tensor}, to.tensors.size()});
          if (fresh) {
            KernelTensor table = unit.tables[*part.tensor];
            table.name = op_names()[static_cast<std::size_t>(op.code)] + "_table" + std::to_string(to.tensors.size());
            while (std::any_of(to.tensors.begin(), to.tensors.end(), [&](const KernelTensor& t) { return t.name == table.name; })) table.name += "_";
            to.directives.storage[table.name] = "registers";
            to.tensors.push_back(std::move(table));
          }
          part.tensor = at->second;
          part.index[0].coefficients.assign(kernel.loops.size(), 0);
          part.index[0].values[0].first = inner[part.index[0].values[0].first];
        }
        inner.push_back(to.ops.size());
        to.ops.push_back(std::move(part));
      }
      to.ops.back().name = op.name;
      place.push_back(to.ops.size() - 1);
      continue;
    }
    place.push_back(to.ops.size());
    to.ops.push_back(std::move(op));
  }
  for (KernelLoop& l : to.loops)
    for (auto* decides : {&l.count, &l.repeat})
      if (*decides) *decides = place[**decides];
  return to;
}

}  // namespace gnomon::hls
