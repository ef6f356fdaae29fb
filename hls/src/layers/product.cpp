#include <algorithm>
#include <bit>

#include "layers/constant_table.hpp"
#include "layers/emitter.hpp"

namespace gnomon::hls {
namespace {

std::string n(std::int64_t v) { return std::to_string(v); }

std::uint64_t magnitude(std::int64_t v) { return v < 0 ? ~static_cast<std::uint64_t>(v) + 1 : static_cast<std::uint64_t>(v); }
std::uint64_t ones(int bits) { return (std::uint64_t{1} << bits) - 1; }

/// Type of a sum of that range that is made modulo 2^bits.
ValueType sum_type(const LayerTypes& t, Wide low, Wide high) {
  const NumberType most{t.accum ? t.accum->is_signed : true, t.sum_bits, 0, Rounding::down, Overflow::wrap};
  return low >= most.lowest() && high <= most.highest() ? type_of_range(low, high) : stored(most);
}

}  // namespace

NetworkEmitter::Product NetworkEmitter::plan(const LayerShape& s) {
  const Layer& layer = net_.layers[layer_];
  const LayerTypes& t = s.types;
  Product p;
  p.weights = layer_weights(net_, layer_, s);
  const auto inputs = static_cast<std::size_t>(s.n_in), outputs = static_cast<std::size_t>(s.n_out);
  std::vector<Wide> sums(outputs, 0);
  if (layer.bias) {
    p.any_start = true;
    p.start_place = std::max(0, t.sum_fraction - t.bias.fraction);
    for (std::size_t j = 0; j < outputs; ++j) sums[j] = in_units(p.weights.bias[j], t.bias.fraction, t.sum_fraction);
  }
  const int finer = t.sum_fraction - t.product_fraction;
  std::vector<char> moves(outputs, 0);
  for (std::size_t i = 0; i < inputs; ++i) {
    const Word& x = b_.word(data_[i]);
    for (std::size_t j = 0; j < outputs; ++j) {
      std::int64_t& w = p.weights.weights[i * outputs + j];
      if (w == 0) continue;
      if (x.constant && heard_[j]) {
        const Wide brought = in_units(Wide{x.low} * w, t.product_fraction, t.sum_fraction);
        sums[j] += brought;
        if (const auto bits = static_cast<std::uint64_t>(brought); bits != 0) p.folded = p.any_start = true, p.start_place = std::min(p.start_place, std::countr_zero(bits));
      }
      if (x.constant || !heard_[j] || std::countr_zero(magnitude(w)) + finer >= t.sum_bits) w = 0;
      moves[j] |= w != 0;
    }
  }
  p.fixed.resize(outputs);
  for (std::size_t j = 0; j < outputs; ++j) {
    p.start.push_back(static_cast<std::int64_t>(sums[j]));
    if (!heard_[j]) p.fixed[j] = 0;
    else if (!moves[j]) p.fixed[j] = activated(layer, t, cast_sum(t, sums[j]));
  }
  return p;
}

int NetworkEmitter::lowest_bit(const Product& p, const LayerTypes& t) const {
  const int result = t.sum_fraction - t.result.fraction;
  int low = t.result.rounding == Rounding::down ? result : t.result.rounding == Rounding::half_up ? result - 1 : 0;
  if (p.any_start) low = std::min(low, p.start_place);
  return std::max(0, low);
}

Term NetworkEmitter::to_sum(Term term, const LayerTypes& t, bool registered) {
  const int up = t.sum_fraction - t.product_fraction;
  if (up >= 0) return {term.word, term.shift + up, term.negative};
  const int drop = std::max(0, -up - term.shift), shift = std::max(0, term.shift + up);
  if (!registered) return {b_.trim(term.word, drop), shift, false};
  // The floor of a negative product is not that of its opposite.
  return {term.negative ? b_.negate(term.word, drop) : b_.pass(b_.trim(term.word, drop)), shift, false};
}

/// Reuse factor 1: weights are constants in shift-and-add form, a new vector every cycle.
void NetworkEmitter::parallel(const LayerShape& s) {
  const Layer& layer = net_.layers[layer_];
  const LayerTypes& t = s.types;
  begin(BlockKind::pipe, {}, layer_name());
  const Product p = plan(s);
  const std::vector<int> x = data_;
  const bool truncates = t.sum_fraction < t.product_fraction;
  const int cap = t.sum_bits, product_cap = std::min(63, cap + std::max(0, t.product_fraction - t.sum_fraction));
  // Of constants with more digits than this, a hardware multiplier makes the product, where it is wide enough to get one.
  const std::size_t most_digits = net_.strategy == "latency" ? 4 : 1;
  const int in_bits = b_.word(x[0]).bits;
  std::map<std::int64_t, std::vector<Digit>> digits;
  int levels = 0;
  const auto uses_dsp = [&](std::int64_t odd, std::size_t count) { return count > most_digits && in_bits + static_cast<int>(std::bit_width(static_cast<std::uint64_t>(odd))) >= 9; };
  for (const std::int64_t w : p.weights.weights) {
    if (w == 0) continue;
    const auto odd = static_cast<std::int64_t>(magnitude(w) >> std::countr_zero(magnitude(w)));
    const auto [at, fresh] = digits.try_emplace(odd);
    if (!fresh) continue;
    at->second = signed_digits(odd);
    levels = std::max(levels, uses_dsp(odd, at->second.size()) ? 1 : tree_levels(static_cast<std::int64_t>(at->second.size())));
  }
  // Products of each input with the odd constants that it meets.
  std::map<std::pair<int, std::int64_t>, Term> products;
  const auto product = [&](int input, std::int64_t odd) {
    const auto [at, fresh] = products.try_emplace({input, odd});
    if (!fresh) return at->second;
    const std::vector<Digit>& d = digits.at(odd);
    Term term;
    int depth = 0;
    if (d.size() == 1) {
      term = {input, 0, false};
    } else if (uses_dsp(odd, d.size())) {
      term = {b_.multiply_constant(input, odd, product_cap), 0, false};
      depth = 1;
    } else {
      std::vector<Term> terms;
      for (const Digit& one : d) terms.push_back({input, one.place, one.negative});
      term = b_.sum(terms, product_cap, 0, depth);
    }
    return at->second = b_.pass(term, levels - depth);
  };
  struct Sum {
    Term term;
    int levels = 0;
  };
  std::vector<Sum> sums(static_cast<std::size_t>(s.n_out));
  int tree = 0;
  bool any_negative = false;
  const int low = lowest_bit(p, t);
  for (std::int64_t j = 0; j < s.n_out; ++j) {
    if (p.fixed[static_cast<std::size_t>(j)]) continue;
    std::vector<Term> terms;
    for (std::int64_t i = 0; i < s.n_in; ++i) {
      const std::int64_t w = p.weights.weights[static_cast<std::size_t>(i * s.n_out + j)];
      if (w == 0) continue;
      const int place = std::countr_zero(magnitude(w));
      Term term = product(x[static_cast<std::size_t>(i)], static_cast<std::int64_t>(magnitude(w) >> place));
      term.shift += place;
      term.negative = term.negative != (w < 0);
      terms.push_back(to_sum(term, t, true));
    }
    Sum sum;
    sum.term = b_.sum(terms, cap, low, sum.levels);
    tree = std::max(tree, sum.levels);
    any_negative |= sum.term.negative;
    sums[static_cast<std::size_t>(j)] = sum;
  }
  levels += truncates;
  const bool bias_stage = p.any_start || any_negative || levels + tree == 0;
  std::vector<int> y;
  for (std::size_t j = 0; j < sums.size(); ++j) {
    if (p.fixed[j]) {
      y.push_back(b_.constant(stored(layer.activation == "softmax" ? t.result : t.activated), *p.fixed[j]));
      continue;
    }
    const Sum& sum = sums[j];
    ValueType type{t.result.is_signed, cap - low};
    if (t.whole) {
      const Word& w = b_.word(sum.term.word);
      const Wide least = Wide{w.low} << sum.term.shift, most = Wide{w.high} << sum.term.shift;
      type = sum_type(t, p.start[j] + (sum.term.negative ? -most : least), p.start[j] + (sum.term.negative ? -least : most));
      type.bits = std::max(1, type.bits - low);
    }
    const int w = as_type(biased(sum.term, p.start[j], low, type, bias_stage), t.sum_fraction - t.result.fraction - low, t.result);
    y.push_back(b_.pass(w, tree - sum.levels));
  }
  std::int64_t depth = levels + tree + (bias_stage ? 1 : 0) + (t.casts() ? 1 : 0);
  depth += activations(y, t, false);
  if (layer.residual) {
    if (b_.text()) skip_due(n(depth - 1));
    residual_begin(depth + 1);
    depth += residual_end(y, t);
  }
  data_ = std::move(y);
  end({depth});
}

/// Bits [low, low + bits) of start +- the sum.
int NetworkEmitter::biased(const Term& t, std::int64_t start, int low, ValueType type, bool stage) {
  const Word w = b_.word(t.word);
  const int bits = type.bits, top = low + bits, from = low - t.shift;  // of the word
  if (t.negative) {
    // All bits matter for the borrow. An inverter for every bit of the word that meets a 0 of the bias.
    const std::uint64_t constant = static_cast<std::uint64_t>(start) & ones(top);
    std::vector<char> inverted(static_cast<std::size_t>(w.bits), 0);
    for (int i = t.shift; i < top; ++i) {
      const int source = std::min(i - t.shift, w.bits - 1);
      if (!(constant >> i & 1) && (i - t.shift < w.bits || w.is_signed)) inverted[static_cast<std::size_t>(source)] = 1;
    }
    b_.counts.lut += std::count(inverted.begin(), inverted.end(), 1);
    b_.counts.ff += bits;
    b_.cells(BlockKind::constant_sum, {top - t.shift, 1, std::min(bits, top - t.shift)}, bits);
    std::string value;
    if (b_.text()) {
      const std::string name = prefix_ + "d" + n(t.word) + "_" + n(copies_++);
      const std::string term = b_.slice(t.word, 0, top - t.shift);
      b_.declarations += "  wire [" + n(top - 1) + ":0] " + name + " = " + n(top) + "'d" + n(static_cast<std::int64_t>(constant)) + " - " + (t.shift > 0 ? "{" + term + ", " + n(t.shift) + "'d0}" : term) + ";\n";
      value = name + "[" + n(top - 1) + ":" + n(low) + "]";
    }
    return b_.custom(type, value);
  }
  if (!stage) {
    // The sum's register is the output; a part of it is a name.
    const std::string name = prefix_ + "o" + n(t.word) + "_" + n(copies_++);
    if (b_.text()) b_.declarations += "  wire [" + n(bits - 1) + ":0] " + name + " = " + bits_of(t.word, from, from + bits) + ";\n";
    return b_.element(name, type);
  }
  const std::uint64_t added = static_cast<std::uint64_t>(start >> low) & ones(bits);
  std::vector<char> inverted(static_cast<std::size_t>(w.bits), 0);
  for (int i = 0; i < bits; ++i) {
    const int place = from + i;
    if (place < 0 || (place >= w.bits && !w.is_signed)) continue;
    if (added >> i & 1) inverted[static_cast<std::size_t>(std::min(place, w.bits - 1))] = 1;
  }
  b_.counts.lut += std::count(inverted.begin(), inverted.end(), 1);
  b_.counts.ff += bits;
  if (added != 0) b_.cells(BlockKind::constant_sum, {bits, 0, bits}, bits);
  return b_.custom(type, b_.text() ? bits_of(t.word, from, from + bits) + (added != 0 ? " + " + n(bits) + "'d" + n(static_cast<std::int64_t>(added)) : "") : "");
}

/// Reuse factor above 1: multipliers whose weights come from tables, step by step.
void NetworkEmitter::shared(const LayerShape& s) {
  const Layer& layer = net_.layers[layer_];
  const LayerTypes& t = s.types;
  const std::int64_t reuse = s.reuse_factor, rounds = reuse > s.n_in ? reuse / s.n_in : 1;
  const std::int64_t lanes = rounds > 1 ? 1 : s.n_in / reuse, units = s.n_out / rounds;
  begin(BlockKind::core, {}, layer_name());
  const Product p = plan(s);
  b_.given_weights = layer.weights.has_value();
  const auto idle = [&](std::int64_t u) { return std::all_of(p.fixed.begin() + u * rounds, p.fixed.begin() + (u + 1) * rounds, [](const auto& v) { return v.has_value(); }); };
  // Lanes without a weight have no operand and no inputs that rotate through them.
  std::vector<char> used(static_cast<std::size_t>(lanes), 0);
  for (std::int64_t i = 0; i < s.n_in; ++i)
    for (std::int64_t j = 0; j < s.n_out && !used[static_cast<std::size_t>(i % lanes)]; ++j) used[static_cast<std::size_t>(i % lanes)] = p.weights.weights[static_cast<std::size_t>(i * s.n_out + j)] != 0;
  // The input rotates, a step's lanes at a time; a lane's operand waits for its weight.
  std::vector<int> x;
  for (std::int64_t i = 0; i < s.n_in; ++i) {
    if (!used[static_cast<std::size_t>(i % lanes)]) {
      x.push_back(-1);
      continue;
    }
    const Word& w = b_.word(data_[static_cast<std::size_t>(i)]);
    const ValueType type{w.is_signed, w.bits};
    const std::string name = prefix_ + "x" + n(i), from = prefix_ + "x" + n((i + lanes) % s.n_in);
    b_.block(BlockKind::rotate, {w.bits});
    if (b_.text()) {
      b_.declarations += "  logic [" + n(w.bits - 1) + ":0] " + name + ";\n";
      b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "en) " + name + " <= " + prefix_ + "load ? " + w.name + " : " + from + ";\n";
    }
    x.push_back(b_.element(name, type));
  }
  std::vector<int> operand(static_cast<std::size_t>(lanes), -1);
  for (std::int64_t lane = 0; lane < lanes; ++lane) {
    if (!used[static_cast<std::size_t>(lane)]) continue;
    const Word w = b_.word(x[static_cast<std::size_t>(lane)]);
    b_.counts.ff += w.bits;
    operand[static_cast<std::size_t>(lane)] = b_.custom({w.is_signed, w.bits}, w.name);
  }
  const bool memory = reuse > 64 || (net_.strategy == "resource" && reuse >= 8);
  ConstantTable table(b_, prefix_ + "step", reuse, memory), start_table(b_, prefix_ + "round", std::max<std::int64_t>(2, rounds), rounds > 64 || (net_.strategy == "resource" && rounds >= 8));
  int signals = 0;
  const int cap = t.sum_bits, truncated = std::max(0, t.product_fraction - t.sum_fraction);
  std::vector<Term> roots(static_cast<std::size_t>(units));
  const int tree = tree_levels(lanes);
  std::vector<std::int64_t> column(static_cast<std::size_t>(reuse));
  for (std::int64_t u = 0; u < units; ++u) {
    if (idle(u)) continue;
    std::vector<Term> terms;
    for (std::int64_t lane = 0; lane < lanes; ++lane) {
      std::uint64_t any = 0;
      std::int64_t low = 0, high = 0;
      for (std::int64_t step = 0; step < reuse; ++step) {
        const std::int64_t i = rounds > 1 ? step % s.n_in : step * lanes + lane, j = rounds > 1 ? u * rounds + step / s.n_in : u;
        const std::int64_t w = p.weights.weights[static_cast<std::size_t>(i * s.n_out + j)];
        column[static_cast<std::size_t>(step)] = w;
        any |= static_cast<std::uint64_t>(w);
        low = std::min(low, w), high = std::max(high, w);
      }
      if (any == 0) continue;
      const int place = std::countr_zero(any);
      // Signed bits; all non-negative weights keep a sign bit that is constant.
      const int bits = std::max(static_cast<int>(std::bit_width(static_cast<std::uint64_t>(high))), low < 0 ? static_cast<int>(std::bit_width(static_cast<std::uint64_t>(~low))) : 0) + 1 - place;
      std::vector<TableBit> w;
      for (int bit = 0; bit < bits; ++bit) w.push_back(table.column([&](std::int64_t step) { return (column[static_cast<std::size_t>(step)] >> (place + bit) & 1) != 0; }, signals));
      terms.push_back(to_sum({b_.multiply(operand[static_cast<std::size_t>(lane)], w, std::min(63, cap + truncated) - place), place, false}, t, false));
    }
    int levels = 0;
    Term root = b_.sum(terms, cap, 0, levels);
    roots[static_cast<std::size_t>(u)] = b_.pass(root, tree - levels);
  }
  const bool fused = layer.activation == "relu" && t.result.is_signed && !t.whole && !t.casts();
  const int low = lowest_bit(p, t), result = t.sum_fraction - t.result.fraction;
  std::vector<int> y(static_cast<std::size_t>(s.n_out));
  for (std::int64_t u = 0; u < units; ++u) {
    if (idle(u)) {
      for (std::int64_t j = u * rounds; j < (u + 1) * rounds; ++j) y[static_cast<std::size_t>(j)] = b_.constant(stored(layer.activation == "softmax" ? t.result : t.activated), *p.fixed[static_cast<std::size_t>(j)]);
      continue;
    }
    Term root = roots[static_cast<std::size_t>(u)];
    if (p.any_start && root.shift > p.start_place) {
      // The start has bits below those of the sum.
      const Word w = b_.word(root.word);
      const int more = root.shift - p.start_place;
      const std::string name = prefix_ + "u" + n(root.word) + "_" + n(copies_++);
      if (b_.text()) b_.declarations += "  wire [" + n(w.bits + more - 1) + ":0] " + name + " = {" + w.name + ", " + n(more) + "'d0};\n";
      root = {b_.element(name, {w.is_signed, w.bits + more}), p.start_place, false};
    }
    ValueType type{t.result.is_signed, cap};
    if (t.whole) {
      const Word& w = b_.word(root.word);
      const auto [least, most] = std::minmax_element(p.start.begin() + u * rounds, p.start.begin() + (u + 1) * rounds);
      type = sum_type(t, *least + reuse / rounds * (Wide{w.low} << root.shift), *most + reuse / rounds * (Wide{w.high} << root.shift));
    }
    const int bits = type.bits - root.shift, place = p.start_place - root.shift;
    std::vector<TableBit> start;
    std::int64_t bias = 0;
    if (p.any_start && rounds > 1 && place < bits) {
      const auto starts = p.start.begin() + u * rounds;
      // The sign is one column, whatever bits it fills.
      int own = t.bias.bits;
      if (p.folded) {
        const auto [least, most] = std::minmax_element(starts, starts + rounds);
        own = type_of_range(std::min<std::int64_t>(*least >> p.start_place, -1), *most >> p.start_place).bits;
      } else if (!t.bias.is_signed) {
        ++own;
      }
      for (int bit = 0; bit < bits - place; ++bit)
        start.push_back(bit < own ? start_table.column([&](std::int64_t r) { return (starts[std::min(r, rounds - 1)] >> p.start_place >> std::min(bit, 63) & 1) != 0; }, signals) : start.back());
    } else if (p.any_start && place < bits) {
      bias = p.start[static_cast<std::size_t>(u)] >> p.start_place;
    }
    const int sum = b_.accumulate(root.word, bits, bias, start, p.any_start && place < bits ? place : 0);
    const int a = type.is_signed ? sum : b_.element(b_.word(sum).name, {false, bits});
    int whole = -1;
    if (t.casts()) {
      const int wide = std::max(1, type.bits - low);
      b_.counts.ff += wide;
      whole = b_.custom({type.is_signed, wide}, b_.text() ? bits_of(a, low - root.shift, low - root.shift + wide) : "", prefix_ + "give");
    }
    // Outputs of one unit come one after the other and move along.
    const int from = result - root.shift;
    const ValueType each = fused ? stored(rectified(t.result)) : stored(t.result);
    int next = -1;
    for (std::int64_t r = rounds; r-- > 0;) {
      std::string value;
      if (r == rounds - 1) {
        if (t.casts()) {
          value = cast_value(whole, result - low, t.result);
        } else {
          if (b_.text()) {
            value = bits_of(a, from, from + each.bits);
            if (fused) value += " & {" + n(each.bits) + "{~" + b_.word(a).name + "[" + n(from + t.result.bits - 1) + "]}}";
          }
          if (fused) b_.block(BlockKind::relu, {t.result.bits});
          else b_.counts.ff += each.bits;
        }
      } else {
        b_.counts.ff += each.bits;
        if (b_.text()) value = b_.word(next).name;
      }
      next = b_.custom(each, value, prefix_ + (t.casts() ? "cast" : "give"));
      y[static_cast<std::size_t>(u * rounds + r)] = next;
    }
  }
  table.finish("w");
  start_table.finish("b");
  std::int64_t extra = t.casts() ? 1 : 0;
  extra += activations(y, t, fused);
  if (layer.residual) {
    if (b_.text()) skip_due(n(extra));
    residual_begin((reuse + tree + 3 + extra + 1) / reuse + 1);
    extra += residual_end(y, t);
  }
  data_ = std::move(y);
  end({reuse, rounds, tree, extra});
  if (!t.casts()) return;
  // Whole sums wait a cycle for their cast.
  b_.counts.ff += 1;
  b_.counts.reset_ff += 1;
  if (b_.text())
    control_ += "  logic " + prefix_ + "given;\n  wire " + prefix_ + "cast = " + prefix_ + "en & " + prefix_ + "given;\n  always_ff @(posedge clk)\n    if (rst) " + prefix_ + "given <= 1'b0;\n    else if (" + prefix_ + "en) " + prefix_ +
                "given <= " + prefix_ + "done_line[" + n(tree + 1) + "];\n";
}

}  // namespace gnomon::hls
