#include <bit>

#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {
namespace {

class TopkBuilder {
 public:
  explicit TopkBuilder(const TopkShape& shape) : s_(shape), log_lanes_(std::countr_zero(static_cast<std::uint64_t>(shape.lanes))) {}

  Kernel run() {
    k_.name = "topk";
    tensors();
    k_.loops = {{"fill", rows()}, {"pass", s_.n}, {"row", rows(), 1}, {"filter", rows()}};
    start();
    fill();
    decide();
    select_row();
    filter();
    for (const char* name : {"x", "left", "right", "ids"})
      if (s_.lanes > 1) k_.directives.partition[name] = {{PartitionKind::cyclic, 0, s_.lanes}};
    for (KernelOp& op : k_.ops)
      for (Affine& a : op.index) a.coefficients.resize(k_.loops.size(), 0);
    // A row is read, compared, packed and written in one cycle behind the read.
    k_.directives.clock_ns = 100;
    return std::move(k_);
  }

 private:
  std::int64_t rows() const { return s_.n / s_.lanes; }
  static int bits_of(std::int64_t value) { return std::bit_width(static_cast<std::uint64_t>(value)); }
  NumberType counts() const { return {false, bits_of(s_.n)}; }
  NumberType key() const { return {true, s_.bits}; }
  NumberType truth() const { return {false, 1}; }

  void tensor(const std::string& name, TensorKind kind, const NumberType& type, std::int64_t size) { k_.tensors.push_back({name, kind, type, {size}}); }
  void tensors() {
    tensor("x", TensorKind::input, key(), s_.n);
    tensor("seed", TensorKind::input, {false, 32}, 1);
    tensor("ids", TensorKind::output, {false, std::max(1, bits_of(s_.n - 1))}, s_.k);
    // Two halves each: one is read while the other is written.
    tensor("left", TensorKind::local, key(), 2 * s_.n);
    tensor("right", TensorKind::local, key(), 2 * s_.n);
    for (const char* name : {"n_left", "n_right", "current", "rank", "better", "seen", "kept", "quota"}) tensor(name, TensorKind::local, counts(), 1);
    for (const char* name : {"first_left", "first_right", "pivot"}) tensor(name, TensorKind::local, key(), 1);
    tensor("half", TensorKind::local, truth(), 1);
    tensor("side", TensorKind::local, truth(), 1);
    tensor("hash", TensorKind::local, {false, 32}, 1);
  }
  std::size_t tensor_named(const std::string& name) const {
    std::size_t t = 0;
    while (k_.tensors[t].name != name) ++t;
    return t;
  }

  // ---- Ops; `loop_` is where they stand. ----

  std::size_t push(KernelOp op) {
    if (!has_no_value(op.code)) op.name = "v" + std::to_string(++names_);
    op.loop = loop_;
    k_.ops.push_back(std::move(op));
    return k_.ops.size() - 1;
  }
  std::size_t make(OpCode code, const NumberType& type, std::vector<std::size_t> args) {
    KernelOp op;
    op.code = code;
    op.type = is_comparison(code) ? truth() : type;
    op.args = std::move(args);
    return push(std::move(op));
  }
  std::size_t constant(const NumberType& type, std::int64_t value) {
    KernelOp op;
    op.code = OpCode::constant;
    op.type = type;
    op.value = value;
    return push(std::move(op));
  }
  Affine at(std::int64_t constant, std::optional<std::size_t> loop = {}, std::int64_t factor = 0) const {
    Affine a;
    a.constant = constant;
    a.coefficients.assign(k_.loops.size(), 0);
    if (loop) a.coefficients[*loop] = factor;
    return a;
  }
  std::size_t load(const std::string& name, const Affine& index, std::int64_t distance = 1) {
    KernelOp op;
    op.code = index.values.empty() ? OpCode::load : OpCode::gather;
    op.tensor = tensor_named(name);
    op.type = k_.tensors[*op.tensor].type;
    op.index = {index};
    op.distance = distance;
    return push(std::move(op));
  }
  std::size_t load(const std::string& name) { return load(name, at(0)); }
  void store(const std::string& name, const Affine& index, std::size_t value, std::optional<std::size_t> when = {}, std::int64_t distance = 1) {
    KernelOp op;
    op.code = index.values.empty() ? OpCode::store : OpCode::scatter;
    op.tensor = tensor_named(name);
    op.type = k_.tensors[*op.tensor].type;
    op.index = {index};
    op.args = {value};
    op.when = when;
    op.distance = distance;
    push(std::move(op));
  }
  void store(const std::string& name, std::size_t value, std::optional<std::size_t> when = {}) { store(name, at(0), value, when); }
  std::size_t position(std::int64_t lane) {
    KernelOp op;
    op.code = OpCode::index;
    op.type = {false, bits_of(s_.n - 1 + s_.lanes)};
    op.index = {at(lane, loop_, s_.lanes)};
    return push(std::move(op));
  }

  /// Exclusive sums of one-bit values over the lanes, and the whole sum behind them, in log2 levels (Sklansky).
  std::vector<std::size_t> prefix(const std::vector<std::size_t>& flags) {
    const NumberType type{false, log_lanes_ + 1};
    std::vector<std::size_t> sums = flags;
    for (std::size_t d = 1; d < sums.size(); d *= 2)
      for (std::size_t i = 0; i < sums.size(); ++i)
        if ((i & d) != 0) sums[i] = make(OpCode::add, type, {sums[i], sums[(i | (d - 1)) - d]});
    sums.insert(sums.begin(), constant(type, 0));
    return sums;
  }

  struct Packed {
    std::vector<std::size_t> lanes;  ///< what is kept, in order, from lane 0 on
    std::size_t count;
  };
  /// The zero eliminator: what is discarded before a lane is the way that it moves down, by 1, 2, 4 and so on.
  Packed eliminate(std::vector<std::size_t> values, const std::vector<std::size_t>& keep) {
    const NumberType type{false, log_lanes_ + 1};
    const std::size_t one = constant(truth(), 1), none = constant(type, 0);
    std::vector<std::size_t> gone;
    for (const std::size_t f : keep) gone.push_back(make(OpCode::bit_xor, truth(), {f, one}));
    const std::vector<std::size_t> before = prefix(gone);
    std::vector<std::size_t> shift;
    for (std::size_t i = 0; i < keep.size(); ++i) shift.push_back(make(OpCode::select, type, {keep[i], before[i], none}));
    const std::size_t count = make(OpCode::sub, type, {constant(type, s_.lanes), before.back()});
    for (std::size_t d = 1; d < values.size(); d *= 2) {
      const std::size_t bit = constant(type, static_cast<std::int64_t>(d));
      std::vector<std::size_t> moves, to_values, to_shift;
      for (const std::size_t s : shift) moves.push_back(make(OpCode::bit_and, type, {s, bit}));
      for (std::size_t i = 0; i < values.size(); ++i) {
        const bool from = i + d < values.size();
        to_values.push_back(from ? make(OpCode::select, k_.ops[values[i]].type, {moves[i + d], values[i + d], values[i]}) : values[i]);
        if (2 * d >= values.size()) continue;
        const std::size_t stays = make(OpCode::select, type, {moves[i], none, shift[i]});
        to_shift.push_back(from ? make(OpCode::select, type, {moves[i + d], shift[i + d], stays}) : stays);
      }
      values = std::move(to_values);
      if (!to_shift.empty()) shift = std::move(to_shift);
    }
    return {std::move(values), count};
  }

  /// Packed lanes behind the `total` elements that `name` has: turned by total modulo lanes, each bank has its row and its guard.
  void append(const std::string& name, const Packed& packed, std::size_t total, std::int64_t size, std::optional<std::size_t> half) {
    const NumberType lane{false, std::max(1, log_lanes_)};
    std::vector<std::size_t> values = packed.lanes;
    const std::size_t turn = s_.lanes > 1 ? make(OpCode::cast, lane, {total}) : total;
    for (std::size_t d = 1; d < values.size(); d *= 2) {
      const std::size_t moves = make(OpCode::bit_and, lane, {turn, constant(lane, static_cast<std::int64_t>(d))});
      std::vector<std::size_t> turned;
      for (std::size_t i = 0; i < values.size(); ++i)
        turned.push_back(make(OpCode::select, k_.ops[values[i]].type, {moves, values[(i + values.size() - d) % values.size()], values[i]}));
      values = std::move(turned);
    }
    const NumberType wide{false, bits_of(s_.n + s_.lanes)};
    for (std::int64_t b = 0; b < s_.lanes; ++b) {
      std::size_t row = total, filled = packed.count;
      if (s_.lanes > 1) {
        const std::size_t slot = make(OpCode::sub, lane, {constant(lane, b), turn});
        filled = make(OpCode::lt, truth(), {slot, packed.count});
        row = make(OpCode::add, wide, {total, constant(wide, s_.lanes - 1 - b)});
        row = make(OpCode::shr, wide, {row, constant(wide, log_lanes_)});
      }
      row = make(OpCode::bit_and, wide, {row, constant(wide, size / s_.lanes - 1)});
      Affine index = at(b);
      index.values = {{row, s_.lanes}};
      if (half) index.values.push_back({*half, s_.n});
      store(name, index, values[static_cast<std::size_t>(b)], filled, s_.n);
    }
  }

  /// Of `count` elements that join, which make `total`, one takes the candidate's place with probability count / total.
  std::size_t joins(std::size_t hash, std::int64_t shift, std::size_t total, std::size_t count) {
    const NumberType half{false, 16}, wide{false, 16 + counts().bits};
    const std::size_t chance = make(OpCode::cast, half, {make(OpCode::shr, {false, 32}, {hash, constant({false, 5}, shift)})});
    const std::size_t limit = make(OpCode::shl, wide, {count, constant({false, 5}, 16)});
    return make(OpCode::lt, truth(), {make(OpCode::mul, wide, {chance, total}), limit});
  }
  /// The next state of Marsaglia's xorshift32.
  std::size_t next_hash() {
    const NumberType word{false, 32};
    std::size_t h = load("hash");
    for (const auto& [code, by] : {std::pair{OpCode::shl, 13}, std::pair{OpCode::shr, 17}, std::pair{OpCode::shl, 5}})
      h = make(OpCode::bit_xor, word, {h, make(code, word, {h, constant({false, 5}, by)})});
    store("hash", h);
    return h;
  }

  void start() {
    loop_.reset();
    store("hash", make(OpCode::bit_or, {false, 32}, {load("seed"), constant({false, 32}, 1)}));
    store("rank", constant(counts(), s_.k - 1));
    store("current", constant(counts(), s_.n));
  }

  void fill() {
    loop_ = 0;
    const std::size_t hash = next_hash();
    std::size_t first = 0;
    for (std::int64_t i = 0; i < s_.lanes; ++i) {
      const std::size_t value = load("x", at(i, loop_, s_.lanes));
      if (i == 0) first = value;
      store("left", at(i, loop_, s_.lanes), value);
    }
    const std::size_t row = constant(counts(), s_.lanes);
    const std::size_t total = make(OpCode::add, counts(), {load("n_left"), row});
    store("n_left", total);
    store("first_left", first, joins(hash, 0, total, row));
  }

  /// What the last pass found: the k-th element, or which side has it.
  void decide() {
    loop_ = 1;
    const std::size_t left = load("n_left"), right = load("n_right"), rank = load("rank"), current = load("current"), better = load("better");
    const std::size_t equal = make(OpCode::sub, counts(), {make(OpCode::sub, counts(), {current, left}), right});
    const std::size_t upto = make(OpCode::add, counts(), {left, equal});
    const std::size_t go_left = make(OpCode::lt, truth(), {rank, left});
    const std::size_t go_right = make(OpCode::le, truth(), {upto, rank});
    const std::size_t more = make(OpCode::bit_or, truth(), {go_left, go_right});
    const std::size_t count = make(OpCode::select, counts(), {go_left, left, right});
    const NumberType wide{false, bits_of(s_.n + s_.lanes)};
    std::size_t needed = make(OpCode::add, wide, {count, constant(wide, s_.lanes - 1)});
    needed = make(OpCode::shr, wide, {needed, constant({false, 4}, log_lanes_)});
    const std::size_t zero = constant(counts(), 0);
    needed = make(OpCode::select, wide, {more, needed, zero});
    store("quota", make(OpCode::sub, counts(), {make(OpCode::sub, counts(), {constant(counts(), s_.k), better}), left}));
    store("pivot", make(OpCode::select, key(), {go_left, load("first_left"), load("first_right")}), more);
    store("side", go_right);
    store("rank", make(OpCode::sub, counts(), {rank, make(OpCode::select, counts(), {go_right, upto, zero})}));
    store("better", make(OpCode::add, counts(), {better, make(OpCode::select, counts(), {go_right, upto, zero})}));
    store("current", count, more);
    store("n_left", zero);
    store("n_right", zero);
    store("half", make(OpCode::bit_xor, truth(), {load("half"), constant(truth(), 1)}));
    k_.loops[1].repeat = more;
    k_.loops[2].count = needed;
  }

  void select_row() {
    loop_ = 2;
    const std::size_t hash = next_hash();
    const std::size_t half = load("half"), side = load("side"), pivot = load("pivot"), current = load("current");
    const std::size_t other = make(OpCode::bit_xor, truth(), {half, constant(truth(), 1)});
    std::vector<std::size_t> values, better, worse;
    for (std::int64_t i = 0; i < s_.lanes; ++i) {
      Affine index = at(i, loop_, s_.lanes);
      index.values = {{other, s_.n}};
      const std::size_t value = make(OpCode::select, key(), {side, load("right", index, s_.n), load("left", index, s_.n)});
      const std::size_t there = make(OpCode::lt, truth(), {position(i), current});
      values.push_back(value);
      better.push_back(make(OpCode::bit_and, truth(), {make(OpCode::lt, truth(), {pivot, value}), there}));
      worse.push_back(make(OpCode::bit_and, truth(), {make(OpCode::lt, truth(), {value, pivot}), there}));
    }
    for (const bool left : {true, false}) {
      const std::string count = left ? "n_left" : "n_right", first = left ? "first_left" : "first_right";
      const Packed packed = s_.lanes > 1 ? eliminate(values, left ? better : worse) : Packed{values, left ? better[0] : worse[0]};
      const std::size_t before = load(count);
      const std::size_t total = make(OpCode::add, counts(), {before, packed.count});
      append(left ? "left" : "right", packed, before, s_.n, half);
      store(first, packed.lanes[0], joins(hash, left ? 0 : 16, total, packed.count));
      store(count, total);
    }
  }

  /// All better than the k-th, and of its equals the first, in the order in which they came.
  void filter() {
    loop_ = 3;
    const std::size_t pivot = load("pivot"), quota = load("quota"), seen = load("seen");
    std::vector<std::size_t> better, equal, ids, keep;
    for (std::int64_t i = 0; i < s_.lanes; ++i) {
      const std::size_t value = load("x", at(i, loop_, s_.lanes));
      better.push_back(make(OpCode::lt, truth(), {pivot, value}));
      equal.push_back(make(OpCode::eq, truth(), {pivot, value}));
      ids.push_back(position(i));
    }
    const std::vector<std::size_t> before = prefix(equal);
    const NumberType wide{false, counts().bits + 1};
    for (std::size_t i = 0; i < ids.size(); ++i) {
      const std::size_t rank = make(OpCode::add, wide, {seen, before[i]});
      const std::size_t early = make(OpCode::bit_and, truth(), {equal[i], make(OpCode::lt, truth(), {rank, quota})});
      keep.push_back(make(OpCode::bit_or, truth(), {better[i], early}));
    }
    store("seen", make(OpCode::add, counts(), {seen, before.back()}));
    const Packed packed = s_.lanes > 1 ? eliminate(ids, keep) : Packed{ids, keep[0]};
    const std::size_t kept = load("kept");
    append("ids", packed, kept, s_.k, {});
    store("kept", make(OpCode::add, counts(), {kept, packed.count}));
  }

  const TopkShape s_;
  const int log_lanes_;
  Kernel k_;
  std::optional<std::size_t> loop_;
  int names_ = 0;
};

}  // namespace

Expected<Kernel> topk_kernel(const TopkShape& shape) {
  const auto power = [](std::int64_t v) { return v > 0 && std::has_single_bit(static_cast<std::uint64_t>(v)); };
  if (!power(shape.n) || !power(shape.k) || !power(shape.lanes) || shape.n > 1 << 16 || shape.k > shape.n || shape.lanes > shape.k || shape.lanes > 64 || shape.n < 2)
    return fail(ErrorKind::invalid_input, "top-k of " + std::to_string(shape.k) + " of " + std::to_string(shape.n) + " with " + std::to_string(shape.lanes) +
                                              " lanes: powers of two with lanes <= k <= n <= 65536 and at most 64 lanes are needed");
  if (shape.bits < 2 || shape.bits > 32) return fail(ErrorKind::invalid_input, "elements of " + std::to_string(shape.bits) + " bits; 2 to 32 are allowed");
  Kernel kernel = TopkBuilder(shape).run();
  if (auto sound = verify(kernel); !sound) return fail(std::move(sound.error()));
  return kernel;
}

Expected<TopkPasses> topk_passes(const Kernel& kernel, const TensorValues& inputs) {
  ControlTrace trace;
  auto out = interpret(kernel, inputs, std::int64_t{1} << 40, &trace);
  if (!out) return fail(std::move(out.error()));
  std::optional<std::size_t> row;
  for (std::size_t l = 0; l < kernel.loops.size(); ++l)
    if (kernel.loops[l].name == "row" && kernel.loops[l].count) row = l;
  if (!row) return fail(ErrorKind::invalid_input, "kernel " + in_quotes(kernel.name) + " has no loop \"row\" that data counts: it is no top-k");
  TopkPasses passes;
  passes.ids = std::move(out->at("ids"));
  for (const std::int64_t rows : trace.trips[*row]) {
    // The last decision finds the element and starts no pass.
    if (rows == 0) continue;
    ++passes.passes;
    passes.rows += rows;
  }
  return passes;
}

}  // namespace gnomon::hls
