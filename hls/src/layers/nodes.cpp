#include "layers/nodes.hpp"

#include <algorithm>
#include <bit>
#include <set>

namespace gnomon::hls {
namespace {

std::string n(std::int64_t v) { return std::to_string(v); }

std::int64_t lowest(ValueType t) { return t.is_signed ? -(std::int64_t{1} << (t.bits - 1)) : 0; }
std::int64_t highest(ValueType t) { return (std::int64_t{1} << (t.is_signed ? t.bits - 1 : t.bits)) - 1; }

}  // namespace

ValueType type_of_range(Wide low, Wide high) {
  const auto width = [](Wide v) {
    int bits = 0;
    for (; v != 0; v >>= 1) ++bits;
    return bits;
  };
  if (low >= 0) return {false, std::max(1, width(high))};
  return {true, width(std::max(~low, high)) + 1};
}

std::vector<Digit> signed_digits(std::int64_t odd) {
  std::vector<Digit> out;
  for (int place = 0; odd != 0; ++place, odd >>= 1)
    if (odd & 1) {
      const bool negative = (odd & 3) == 3;
      out.push_back({place, negative});
      odd -= negative ? -1 : 1;
    }
  return out;
}

void Builder::end_layer() {
  // Blocks of so many registers: what synthesis does with a block grows with the square of its statements.
  constexpr int most = 100;
  const auto blocks = [&](const std::string& statements, bool with_reset) {
    for (std::size_t at = 0; at < statements.size();) {
      std::string zero;
      const std::size_t first = at;
      for (int count = 0; count < most && at < statements.size(); ++count) {
        zero += statements.substr(at, statements.find(" <=", at) - at) + " <= '0;\n";
        at = statements.find('\n', at) + 1;
      }
      clocked += "  always_ff @(posedge clk)\n    " + (with_reset ? "if (rst) begin\n" + zero + "    end else " : std::string()) + "if (" + prefix_ + "en) begin\n" + statements.substr(first, at - first) + "    end\n";
    }
  };
  blocks(step_, false);
  blocks(reset_step_, true);
  step_.clear();
  reset_step_.clear();
}

int Builder::make(Word w) {
  const int id = static_cast<int>(words_.size());
  if (text_ && w.name.empty()) {
    w.name = prefix_ + "n" + n(id);
    declarations += "  logic [" + n(w.bits - 1) + ":" + n(w.drop) + "] " + w.name + ";\n";
  }
  w.fresh = numbers_;
  numbers_ += w.bits;
  words_.push_back(std::move(w));
  return id;
}

int Builder::number_of(const Word& w, int bit) const {
  if (bit >= w.bits) {
    if (!w.is_signed) return -1;
    bit = w.bits - 1;
  }
  return bit < static_cast<int>(w.known.size()) ? w.known[static_cast<std::size_t>(bit)] : w.fresh + bit;
}

int Builder::function(int kind, int a, int b, int c) {
  const auto [at, fresh] = functions_.try_emplace({(std::int64_t{kind} << 40) | (c + 1), a, b}, numbers_);
  numbers_ += fresh;
  return at->second;
}

namespace {

/// Kinds of functions: registers without and with reset, bits of sums and their carries.
enum Function { register_of, reset_register_of, half_sum, whole_sum, carry, borrow };

}  // namespace

void Builder::copy_numbers(const Word& source, int from, int to, int kind, std::int64_t counted, std::vector<int>& known) {
  std::int64_t fresh = 0;
  for (int bit = from; bit < to; ++bit) {
    const int before = numbers_;
    known.push_back(function(kind, number_of(source, bit)));
    fresh += numbers_ != before;
  }
  counts.equal_ff += counted - fresh;
  if (kind == reset_register_of) counts.equal_reset_ff += counted - fresh;
}

int Builder::sum_numbers(const Word& a, int from, const Word& b, bool subtract, int bits, int drop, std::vector<int>& known) {
  int into = -1, equal = 0;
  bool all = true;
  for (int bit = 0; bit < bits; ++bit) {
    const int x = number_of(a, from + bit), y = number_of(b, bit), low = std::min(x, y), high = std::max(x, y);
    const int sum = bit == 0 ? function(half_sum, low, high) : function(whole_sum, low, high, into);
    into = subtract ? function(borrow, x, y, into) : function(carry, low, high, into);
    const int before = numbers_;
    known.push_back(bit < drop ? -1 : function(register_of, sum));
    all = all && (bit < drop || numbers_ == before);
    if (all && bit >= drop) ++equal;
  }
  return equal;
}

void Builder::inverters(int id, int bits) {
  const Word& w = word(id);
  // The carry out of the highest place is not made.
  for (int bit = 0; bit < std::min(bits - 1, w.bits); ++bit) {
    const bool copied = bit < w.low_bits;
    std::uint64_t& known = copied_[{9, copied ? w.low_source : id, static_cast<std::int64_t>(copied ? w.low_path : 0)}];
    counts.inverters += !(known >> bit & 1);
    known |= std::uint64_t{1} << bit;
  }
}

int Builder::element(const std::string& name, ValueType type) { return make({.low = lowest(type), .high = highest(type), .bits = type.bits, .is_signed = type.is_signed, .name = text_ ? name : std::string()}); }

int Builder::constant(ValueType type, std::int64_t value) {
  const int id = make({.low = value, .high = value, .bits = type.bits, .is_signed = type.is_signed, .constant = true, .name = text_ ? prefix_ + "k" + n(constants_) : std::string()});
  if (text_) declarations += "  wire [" + n(type.bits - 1) + ":0] " + word(id).name + " = " + n(type.bits) + "'d" + n(value & ((std::int64_t{1} << type.bits) - 1)) + ";\n";
  ++constants_;
  return id;
}

int Builder::trim(int a, int drop) {
  if (drop <= 0) return a;
  const std::array<std::int64_t, 3> key{5, a, drop};
  if (const auto at = seen_.find(key); at != seen_.end()) return at->second;
  const Word w = word(a);
  const int from = std::min(drop, w.bits - 1);
  Word out{.low = w.low >> drop, .high = w.high >> drop, .bits = w.bits - from, .is_signed = w.is_signed, .name = {}};
  if (text_) {
    out.name = prefix_ + "m" + n(static_cast<std::int64_t>(words_.size()));
    declarations += "  wire [" + n(out.bits - 1) + ":0] " + out.name + " = " + (drop >= w.bits && !w.is_signed ? "1'b0" : slice(a, from, w.bits)) + ";\n";
  }
  for (int bit = from; bit < w.bits; ++bit) out.known.push_back(number_of(w, bit));
  return seen_[key] = make(std::move(out));
}

int Builder::negate(int a, int drop) {
  const std::array<std::int64_t, 3> key{6, a, drop};
  if (const auto at = seen_.find(key); at != seen_.end()) return at->second;
  const Word w = word(a);
  const ValueType whole = type_of_range(-Wide{w.high}, -Wide{w.low});
  const int from = std::min(drop, whole.bits - 1);
  const int id = make({.low = static_cast<std::int64_t>(-Wide{w.high} >> drop), .high = static_cast<std::int64_t>(-Wide{w.low} >> drop), .bits = whole.bits - from, .is_signed = whole.is_signed, .name = {}});
  adder_cells(true, 1, w.is_signed, std::min(w.bits, whole.bits), true, whole.bits, from);
  adder(true, 1, w.is_signed, w.bits, true);
  inverters(a, whole.bits);
  counts.ff += whole.bits - from;
  if (text_) {
    const std::string name = word(id).name;
    declarations += "  wire [" + n(whole.bits - 1) + ":0] " + name + "_whole = " + n(whole.bits) + "'d0 - " + slice(a, 0, whole.bits) + ";\n";
    assign(word(id), drop >= whole.bits && !whole.is_signed ? "1'b0" : name + "_whole[" + n(whole.bits - 1) + ":" + n(from) + "]");
  }
  return seen_[key] = id;
}

std::string Builder::slice(int id, int from, int to) const {
  const Word& w = word(id);
  if (from >= to) return "";
  const int known = std::min(to, w.bits);
  std::string out;
  if (to > w.bits) {
    const int extra = to - std::max(from, w.bits);
    out = "{" + n(extra) + "{" + (w.is_signed ? w.name + "[" + n(w.bits - 1) + "]" : "1'b0") + "}}";
  }
  if (from < known) {
    const std::string part = w.name + "[" + n(known - 1) + ":" + n(from) + "]";
    out = out.empty() ? part : "{" + out + ", " + part + "}";
  }
  return out;
}

int Builder::pass(int a) {
  if (word(a).constant) return a;
  const std::array<std::int64_t, 3> key{1, a, 0};
  if (const auto at = seen_.find(key); at != seen_.end()) return at->second;
  Word w = word(a);
  w.name.clear();
  const int known = std::min(w.low_bits, w.bits);
  const std::int64_t before = counts.ff;
  count_copies(word(a), a, w.drop, known, 2);
  counts.ff += w.bits - std::max(w.drop, known);
  counts.reset_ff += w.bits - std::max(w.drop, known);
  w.low_path = w.low_path * 3 + 2;
  w.known.assign(static_cast<std::size_t>(w.drop), -1);
  copy_numbers(word(a), w.drop, w.bits, reset_register_of, counts.ff - before, w.known);
  const int id = make(w);
  if (text_) reset_step_ += "      " + word(id).name + " <= " + word(a).name + ";\n";
  return seen_[key] = id;
}

int Builder::add(int a, int b, int shift, bool subtract, int cap, int drop) {
  const Word x = word(a), y = word(b);
  const Wide low = subtract ? x.low - (Wide{y.high} << shift) : x.low + (Wide{y.low} << shift), high = subtract ? x.high - (Wide{y.low} << shift) : x.high + (Wide{y.high} << shift);
  ValueType type = type_of_range(low, high);
  const bool capped = type.bits > cap;
  if (capped) type = {true, cap};
  drop = std::min(drop, type.bits - 1);
  const std::array<std::int64_t, 3> key{2 | (std::int64_t{shift} << 8) | (std::int64_t{subtract} << 20) | (std::int64_t{type.bits} << 24) | (std::int64_t{drop} << 40), a, b};
  if (const auto at = seen_.find(key); at != seen_.end()) return at->second;
  Word w{.low = capped ? lowest(type) : static_cast<std::int64_t>(low), .high = capped ? highest(type) : static_cast<std::int64_t>(high), .bits = type.bits, .drop = drop, .is_signed = type.is_signed, .name = {}};
  if (drop == 0) note_copies(w, x, a, std::min(shift, type.bits), 1);
  // The low bits of a pass by; the adder is over the rest.
  const int past = std::max(0, std::min(shift, type.bits) - drop), from = std::min(shift, type.bits);
  const std::int64_t before = counts.ff;
  count_copies(x, a, drop, drop + past, 1);
  w.known.assign(static_cast<std::size_t>(std::min(from, drop)), -1);
  copy_numbers(x, drop, drop + past, register_of, counts.ff - before, w.known);
  const int ax = x.bits > from ? std::min(x.bits, type.bits) - from : x.is_signed ? 1 : 0, bx = std::min(y.bits, type.bits - from);
  if (type.bits > from) {
    const int wide = type.bits - from;
    if (ax == 0 && !subtract) {
      counts.ff += type.bits - std::max(from, drop);
    } else {
      const int equal = sum_numbers(x, from, y, subtract, wide, std::max(0, drop - from), w.known);
      adder_cells(x.is_signed, std::min(ax, wide), y.is_signed, bx, subtract, wide, std::max(0, drop - from), equal);
      if (subtract) inverters(b, wide);
      if (a == b) self_adder(a, from, wide, subtract);
      else adder(x.is_signed, std::min(ax, wide), y.is_signed, bx, subtract);
      counts.ff += wide - std::max(0, drop - from);
    }
  }
  const int id = make(std::move(w));
  if (text_) {
    const std::string& name = word(id).name;
    const std::string range = "[" + n(type.bits - 1) + ":" + n(from) + "]";
    if (type.bits > from) {
      const std::string left = slice(a, from, type.bits), right = slice(b, 0, type.bits - from);
      if (drop <= from) {
        step_ += "      " + name + range + " <= " + (ax == 0 && !subtract ? right : left + (subtract ? " - " : " + ") + right) + ";\n";
      } else {
        declarations += "  wire " + range + " " + name + "_sum = " + left + (subtract ? " - " : " + ") + right + ";\n";
        assign(word(id), name + "_sum[" + n(type.bits - 1) + ":" + n(drop) + "]");
      }
    }
    if (past > 0) step_ += "      " + name + "[" + n(from - 1) + ":" + n(drop) + "] <= " + slice(a, drop, from) + ";\n";
  }
  return seen_[key] = id;
}

void Builder::self_adder(int id, int shift, int bits, bool subtract) {
  const Word& w = word(id);
  const auto place = [&](int i) { return i < w.bits ? i : w.is_signed ? w.bits - 1 : -1; };
  for (int i = 0; i < bits; ++i) {
    const int upper = place(i + shift), lower = place(i);
    if (upper == lower) continue;                              // the propagate signal is a constant
    if (!subtract && (upper < 0 || lower < 0)) continue;       // it is the bit itself
    const int first = std::max(upper, lower), second = std::min(upper, lower);
    std::uint64_t& known = copied_[{subtract ? 7 : 6, id, first}];
    const std::uint64_t bit = std::uint64_t{1} << (second + 1);
    counts.lut += (known & bit) == 0;
    known |= bit;
  }
}

void Builder::count_copies(const Word& source, int id, int from, int to, std::uint64_t kind) {
  const auto count = [&](int of, std::uint64_t path, int low, int high) {
    if (low >= high) return;
    const std::uint64_t bits = ((std::uint64_t{1} << high) - 1) & ~((std::uint64_t{1} << low) - 1);
    std::uint64_t& known = copied_[{5, of, static_cast<std::int64_t>(path * 3 + kind)}];
    counts.ff += std::popcount(bits & ~known);
    if (kind == 2) counts.reset_ff += std::popcount(bits & ~known);
    known |= bits;
  };
  const int split = std::clamp(source.low_bits, from, std::max(from, to));
  count(source.low_source, source.low_path, from, std::min(split, to));
  count(id, 0, split, to);
}

void Builder::note_copies(Word& copy, const Word& source, int id, int to, std::uint64_t kind) {
  const bool chained = source.low_bits > 0;
  copy.low_source = chained ? source.low_source : id;
  copy.low_bits = chained ? std::min(source.low_bits, to) : to;
  copy.low_path = (chained ? source.low_path : 0) * 3 + kind;
}

void Builder::adder_cells(bool a_signed, int a_bits, bool b_signed, int b_bits, bool subtract, int bits, int drop, int equal) {
  if (!subtract && std::pair(a_bits, a_signed) < std::pair(b_bits, b_signed)) {
    std::swap(a_bits, b_bits);
    std::swap(a_signed, b_signed);
  }
  cells(BlockKind::add_register, {a_signed, a_bits, b_signed, b_bits, subtract, bits, drop, equal}, bits - drop);
}

void Builder::adder(bool a_signed, int a_bits, bool b_signed, int b_bits, bool subtract) {
  if (!subtract && std::pair(a_bits, a_signed) < std::pair(b_bits, b_signed)) {
    std::swap(a_bits, b_bits);
    std::swap(a_signed, b_signed);
  }
  const int longer = std::max(a_bits, b_bits), shorter = std::min(a_bits, b_bits);
  if (longer <= 4) {
    block(BlockKind::add, {a_signed, a_bits, b_signed, b_bits, subtract, longer});
    return;
  }
  // On a carry chain, each bit that two operands (or one and the other's sign, or its complement) meet in is one table; above a shorter
  // operand without sign, a sum's bit is the longer operand's itself.
  const bool plain = !subtract && a_bits != b_bits && !b_signed;
  const int bits = plain ? shorter : longer;
  if (bits > 0) block(BlockKind::add, {1, bits, 1, bits, subtract, bits});
}

int Builder::max(int a, int b) {
  if (a > b) std::swap(a, b);
  // A constant at an end of the type leaves nothing to compare.
  for (const auto& [k, other] : {std::pair(a, b), std::pair(b, a)}) {
    const Word& w = word(k);
    if (!w.constant) continue;
    if (w.low == lowest({w.is_signed, w.bits})) return pass(other);
    if (w.low == highest({w.is_signed, w.bits}) || (word(other).constant && word(other).low <= w.low)) return k;
  }
  const std::array<std::int64_t, 3> key{3, a, b};
  if (const auto at = seen_.find(key); at != seen_.end()) return at->second;
  Word w = word(a);
  w.name.clear();
  w.low_bits = 0;
  w.known.clear();
  w.constant = false;
  const int id = make(w);
  block(BlockKind::max, {w.is_signed, w.bits});
  if (text_) {
    const std::string s = w.is_signed ? "$signed" : "", x = word(a).name, y = word(b).name;
    assign(word(id), s + "(" + x + ") > " + s + "(" + y + ") ? " + x + " : " + y);
  }
  return seen_[key] = id;
}

int Builder::distance(int a, int b, int bits) {
  const int id = make({.low = 0, .high = (std::int64_t{1} << bits) - 1, .bits = bits, .is_signed = false, .name = {}});
  block(BlockKind::distance, {bits});
  if (text_) assign(word(id), word(a).name + " - " + word(b).name);
  return id;
}

int Builder::multiply_constant(int x, std::int64_t odd, int cap) {
  const std::array<std::int64_t, 3> key{4, x, odd};
  if (const auto at = seen_.find(key); at != seen_.end()) return at->second;
  const Word v = word(x);
  const Wide low = Wide{v.low} * odd, high = Wide{v.high} * odd;
  ValueType type = type_of_range(low, high);
  const int constant_bits = static_cast<int>(std::bit_width(static_cast<std::uint64_t>(odd)));
  const bool capped = type.bits > cap;
  if (capped) type = {true, cap};
  const int id = make({.low = capped ? lowest(type) : static_cast<std::int64_t>(low), .high = capped ? highest(type) : static_cast<std::int64_t>(high), .bits = type.bits, .is_signed = type.is_signed, .name = {}});
  block(BlockKind::mul_constant, {v.is_signed, v.bits, constant_bits});
  cells(BlockKind::mul_ones, {v.is_signed, v.bits, constant_bits, std::popcount(static_cast<std::uint64_t>(odd)), type.bits}, type.bits);
  counts.ff += type.bits;
  if (text_) {
    const std::string name = word(id).name;
    const int wide = std::max({type.bits, v.bits + !v.is_signed, constant_bits + 1});
    declarations += "  wire [" + n(wide - 1) + ":0] " + name + "_product = $signed(" + (v.is_signed ? v.name : "{1'b0, " + v.name + "}") + ") * " + n(constant_bits + 1) + "'sd" + n(odd) + ";\n";
    assign(word(id), name + "_product" + (wide > type.bits ? "[" + n(type.bits - 1) + ":0]" : ""));
  }
  return seen_[key] = id;
}

int Builder::multiply(int x, const std::vector<TableBit>& weight, int cap) {
  std::vector<std::int64_t> key{x, cap};
  for (const TableBit& b : weight) key.push_back(b.signal);
  if (const auto at = seen_wide_.find(key); at != seen_wide_.end()) return at->second;
  const Word v = word(x);
  const int bits = static_cast<int>(weight.size());
  // The product of the extremes of both; the sign bit of weights that are all of one sign is a constant.
  const bool never_negative = weight.back().signal == -2;
  const Wide w_high = (Wide{1} << (bits - 1)) - 1, w_low = never_negative ? 0 : -w_high - 1;
  const Wide corners[] = {v.low * w_low, v.low * w_high, v.high * w_low, v.high * w_high};
  const Wide low = *std::min_element(corners, corners + 4), high = *std::max_element(corners, corners + 4);
  ValueType type = type_of_range(low, high);
  const bool capped = type.bits > cap;
  if (capped) type = {true, cap};
  const int id = make({.low = capped ? lowest(type) : static_cast<std::int64_t>(low), .high = capped ? highest(type) : static_cast<std::int64_t>(high), .bits = type.bits, .is_signed = type.is_signed, .name = {}});
  // Only small multipliers are built of logic, where constant and shared bits of the weight matter.
  std::int64_t pattern[2] = {0, 0};
  for (int i = 0; i < std::min(bits, 16); ++i) {
    int code = i + 2;
    if (v.bits + bits <= 9) {
      if (weight[static_cast<std::size_t>(i)].signal < 0) code = weight[static_cast<std::size_t>(i)].signal + 2;
      else
        for (int k = 0; k < i; ++k)
          if (weight[static_cast<std::size_t>(k)].signal == weight[static_cast<std::size_t>(i)].signal && code == i + 2) code = k + 2;
    }
    pattern[i / 8] |= std::int64_t{code} << (8 * (i % 8));
  }
  // Weights that are others' shifted make the same product, of which synthesis keeps one. Drawn weights have next to none: tables of them count all.
  std::vector<std::int64_t> product{-2, x, type.bits, type.is_signed};
  for (const TableBit& b : weight) product.push_back(b.signal);
  if (seen_wide_.try_emplace(product, id).second || !given_weights) {
    block(BlockKind::mul, {v.is_signed, v.bits, bits, std::min(type.bits, v.bits + bits), pattern[0], pattern[1]});
    counts.ff += type.bits;
    std::set<int> signals;
    std::int64_t constants = 0;
    for (const TableBit& b : weight) {
      if (b.signal < 0) ++constants;
      else signals.insert(b.signal);
    }
    cells(BlockKind::mul_register, {v.is_signed, v.bits, bits, std::min(type.bits, v.bits + bits), constants, static_cast<std::int64_t>(signals.size())}, type.bits);
  }
  if (text_) {
    std::string w;
    for (int i = bits; i-- > 0;) {
      const int signal = weight[static_cast<std::size_t>(i)].signal;
      w += (w.empty() ? "" : ", ") + (signal < 0 ? std::string(signal == -2 ? "1'b0" : "1'b1") : signal_name(signal));
    }
    const std::string name = word(id).name;
    // An operand without sign takes a bit that the product may not have.
    const int wide = std::max({type.bits, bits, v.bits + !v.is_signed});
    declarations += "  wire signed [" + n(bits - 1) + ":0] " + name + "_weight = {" + w + "};\n  wire [" + n(wide - 1) + ":0] " + name + "_product = $signed(" + (v.is_signed ? v.name : "{1'b0, " + v.name + "}") + ") * " + name + "_weight;\n";
    assign(word(id), name + "_product" + (wide > type.bits ? "[" + n(type.bits - 1) + ":0]" : ""));
  }
  return seen_wide_[key] = id;
}

int Builder::accumulate(int s, int bits, std::int64_t bias, const std::vector<TableBit>& table, int bias_place) {
  std::vector<std::int64_t> key{-1, s, bits, bias, bias_place};
  for (const TableBit& b : table) key.push_back(b.signal);
  if (const auto at = seen_wide_.find(key); at != seen_wide_.end()) return at->second;
  const int id = make({.low = lowest({true, bits}), .high = highest({true, bits}), .bits = bits, .name = {}});
  if (table.empty()) {
    adder(word(s).is_signed, std::min(word(s).bits, bits), true, bits, false);
    cells(BlockKind::acc_clear, {bits, word(s).is_signed, std::min(word(s).bits, bits)}, bits);
    counts.ff += bits;
  } else {
    block(BlockKind::acc, {bits, word(s).is_signed, std::min(word(s).bits, bits), static_cast<std::int64_t>(table.size())});
  }
  if (text_) {
    const std::string name = word(id).name, acc = name + "_acc", whole = "[" + n(bits - 1) + ":0] ";
    declarations += "  logic " + whole + acc + ";\n  assign " + name + " = " + slice(s, 0, bits) + " + " + acc + ";\n";
    const auto part = [&](int high, int low) { return "[" + n(high) + ":" + n(low) + "]"; };
    if (table.empty()) {
      clocked += "  always_ff @(posedge clk)\n    if (" + prefix_ + "clear) " + acc + " <= " + n(bits) + "'d" + n(static_cast<std::int64_t>((static_cast<std::uint64_t>(bias) << bias_place) & ((std::uint64_t{1} << bits) - 1))) + ";\n    else if (" + prefix_ + "en) " + acc + " <= " + name + ";\n";
    } else {
      std::string start;
      for (std::size_t i = table.size(); i-- > 0;) start += (start.empty() ? "{" : ", ") + (table[i].signal < 0 ? std::string(table[i].signal == -2 ? "1'b0" : "1'b1") : signal_name(table[i].signal));
      clocked += "  always_ff @(posedge clk) if (" + prefix_ + "en) " + acc + part(bits - 1, bias_place) + " <= " + prefix_ + "more ? " + name + part(bits - 1, bias_place) + " : " + start + "};\n";
      if (bias_place > 0) clocked += "  always_ff @(posedge clk)\n    if (" + prefix_ + "clear) " + acc + part(bias_place - 1, 0) + " <= '0;\n    else if (" + prefix_ + "en) " + acc + part(bias_place - 1, 0) + " <= " + name + part(bias_place - 1, 0) + ";\n";
    }
  }
  return seen_wide_[key] = id;
}

int Builder::custom(ValueType type, const std::string& value, const std::string& enable) {
  const int id = make({.low = lowest(type), .high = highest(type), .bits = type.bits, .is_signed = type.is_signed, .name = {}});
  if (text_) {
    if (enable.empty()) assign(word(id), value);
    else clocked += "  always_ff @(posedge clk) if (" + enable + ") " + word(id).name + " <= " + value + ";\n";
  }
  return id;
}

Term Builder::combine(const Term& a, const Term& b, int cap, int root_drop) {
  // The lower one on the left; where both start at one place, the positive one.
  const bool swap = b.shift < a.shift || (b.shift == a.shift && ((a.negative && !b.negative) || (a.negative == b.negative && b.word < a.word)));
  const Term& x = swap ? b : a;
  const Term& y = swap ? a : b;
  const bool subtract = x.negative != y.negative;
  // A negative sum is subtracted from the bias with all its bits.
  const int drop = x.negative ? 0 : std::max(0, root_drop - x.shift);
  return {add(x.word, y.word, y.shift - x.shift, subtract, cap - x.shift, drop), x.shift, x.negative};
}

Term Builder::sum(std::vector<Term> terms, int cap, int root_drop, int& levels) {
  levels = 0;
  while (terms.size() > 1) {
    std::vector<Term> next;
    // The odd one goes first in the next level, so that no term waits twice in a row.
    if (terms.size() % 2 != 0) next.push_back(pass(terms.back()));
    for (std::size_t i = 0; i + 1 < terms.size(); i += 2) next.push_back(combine(terms[i], terms[i + 1], cap, terms.size() == 2 ? root_drop : 0));
    terms = std::move(next);
    ++levels;
  }
  return terms.front();
}

}  // namespace gnomon::hls
