#include "gnomon/hls/random_kernel.hpp"

#include <algorithm>
#include <set>

#include "gnomon/base/random.hpp"

namespace gnomon::hls {
namespace {

/// What stands in no directive is drawn from `r`; the order of the draws decides what kernel a seed is.
void random_directives(Random& r, Kernel& k) {
  const auto pick = [&](std::size_t count) { return static_cast<std::size_t>(r.integer(0, static_cast<std::int64_t>(count) - 1)); };
  Directives& d = k.directives;
  for (const KernelLoop& l : k.loops) {
    if (l.trip || l.data_decides()) continue;
    if (r.chance(0.15) && l.extent > 1) d.tile[l.name] = r.integer(1, l.extent);
    if (r.chance(0.25)) d.unroll[l.name] = r.chance(0.3) ? l.extent : r.integer(1, std::max<std::int64_t>(1, std::min<std::int64_t>(l.extent, 4)));
  }
  for (std::size_t l = 1; l < k.loops.size(); ++l)
    if (k.loops[l].parent == l - 1 && r.chance(0.2)) {
      d.interchange.push_back({k.loops[l].name, k.loops[l - 1].name});
      break;
    }
  if (r.chance(0.15)) d.pipeline_ii = r.integer(1, 6);
  if (r.chance(0.15) && !k.loops.empty()) d.pipeline_loop = k.loops[pick(k.loops.size())].name;
  for (const KernelTensor& t : k.tensors) {
    for (std::size_t dim = 0; dim < t.shape.size(); ++dim)
      if (r.chance(0.25)) {
        const auto kind = static_cast<PartitionKind>(r.integer(0, 2));
        d.partition[t.name].push_back({kind, dim, kind == PartitionKind::complete ? t.shape[dim] : r.integer(1, std::min<std::int64_t>(t.shape[dim], 4))});
      }
    if (r.chance(0.15)) d.storage[t.name] = std::vector<std::string>{"registers", "ram_1r1w", "ram_2r1w"}[pick(3)];
  }
  if (r.chance(0.2)) d.units["mul"] = r.integer(1, 2);
  if (r.chance(0.1)) d.units["div"] = 1;
  if (r.chance(0.4)) d.clock_ns = std::vector<double>{2, 4, 6, 20, 100}[pick(5)];
  if (k.processes.size() > 1 && r.chance(0.1)) {
    d.dataflow = false;
    d.streams["link"] = 64;
  }
}

class Generator {
 public:
  explicit Generator(std::uint64_t seed) : r_(seed) {}

  Kernel run() {
    k_.name = "random";
    const bool streams = r_.chance(0.25);
    if (streams) k_.processes = {"first", "second"};
    for (std::size_t p = 0; p < k_.processes.size(); ++p) {
      const int count = static_cast<int>(r_.integer(1, 3));
      for (int i = 0; i < count; ++i) add_tensor(i == 0 ? TensorKind::input : r_.chance(0.3) ? TensorKind::constant : r_.chance(0.4) ? TensorKind::local : TensorKind::input, p);
      // A stream's other end needs an output of its own; the first process may have none.
      if (p + 1 == k_.processes.size() || r_.chance(0.3)) add_tensor(TensorKind::output, p);
    }
    std::vector<std::int64_t> extents;
    if (streams) {
      k_.streams.push_back({"link", StreamKind::local, type(), r_.integer(1, 4)});
      for (int d = static_cast<int>(r_.integer(1, 2)); d > 0; --d) extents.push_back(r_.integer(2, 6));
      if (r_.chance(0.4)) k_.streams.push_back({"feed", StreamKind::input, type(), r_.integer(1, 4), 0});
      if (r_.chance(0.4)) k_.streams.push_back({"drain", StreamKind::output, type(), r_.integer(1, 4)});
    }
    for (std::size_t p = 0; p < k_.processes.size(); ++p) process(p, extents);
    for (KernelLoop& l : k_.loops)
      if (l.trip) l.trip->coefficients.resize(k_.loops.size(), 0);
    for (KernelOp& op : k_.ops)
      for (Affine& a : op.index) a.coefficients.resize(k_.loops.size(), 0);
    unused();
    random_directives(r_, k_);
    return std::move(k_);
  }

 private:
  std::string fresh(const char* prefix) { return prefix + std::to_string(names_++); }
  std::size_t pick(std::size_t count) { return static_cast<std::size_t>(r_.integer(0, static_cast<std::int64_t>(count) - 1)); }

  NumberType type() {
    NumberType t;
    t.is_signed = r_.chance(0.6);
    t.bits = static_cast<int>(r_.chance(0.05) ? r_.integer(33, 64) : r_.chance(0.1) ? r_.integer(1, 3) : r_.integer(2, 20));
    if (r_.chance(0.25)) {
      t.fraction = static_cast<int>(r_.integer(0, t.bits));
      t.rounding = static_cast<Rounding>(r_.integer(0, 2));
    }
    if (r_.chance(0.15)) t.overflow = Overflow::saturate;
    return t;
  }
  std::int64_t value_of(const NumberType& t) { return quantise({t.is_signed, t.bits}, static_cast<Wide>(r_.next()), 0); }

  void add_tensor(TensorKind kind, std::size_t p) {
    KernelTensor t{fresh("t"), kind, type(), {}, {}};
    for (int d = static_cast<int>(r_.integer(kind == TensorKind::local ? 0 : 1, 2)); d > 0; --d) t.shape.push_back(r_.integer(1, 9));
    if (t.shape.empty()) t.shape = {1};
    if (kind == TensorKind::constant)
      for (std::int64_t i = 0; i < t.elements(); ++i) t.values.push_back(value_of(t.type));
    k_.tensors.push_back(t);
    owner_.push_back(p);
  }

  // ---- Ops of a place: `path` are the loops around it. ----

  struct Scope {
    std::size_t process;
    std::vector<std::size_t> path;
    std::vector<std::size_t> values;  ///< ops that can be seen
  };

  std::size_t push(const Scope& s, KernelOp op) {
    op.process = s.process;
    if (!s.path.empty()) op.loop = s.path.back();
    if (!has_no_value(op.code)) op.name = fresh("v");
    k_.ops.push_back(std::move(op));
    return k_.ops.size() - 1;
  }

  /// An index of a dimension that stays inside it.
  Affine index(const Scope& s, std::int64_t size) {
    Affine a;
    a.coefficients.assign(32, 0);
    std::int64_t room = size - 1;
    for (const std::size_t l : s.path) {
      const std::int64_t most = k_.loops[l].extent - 1;
      if (most == 0 || most > room || r_.chance(0.25)) continue;
      const std::int64_t factor = 2 * most <= room && r_.chance(0.4) ? 2 : 1;
      room -= factor * most;
      if (r_.chance(0.2)) {
        a.coefficients[l] = -factor;
        a.constant += factor * most;
      } else {
        a.coefficients[l] = factor;
      }
    }
    if (room > 0 && r_.chance(0.5)) a.constant += r_.integer(0, room);
    return a;
  }

  std::vector<std::size_t> tensors(const Scope& s, bool writable) const {
    std::vector<std::size_t> out;
    for (std::size_t t = 0; t < k_.tensors.size(); ++t)
      if (owner_[t] == s.process && (!writable || k_.tensors[t].kind == TensorKind::output || k_.tensors[t].kind == TensorKind::local)) out.push_back(t);
    return out;
  }

  std::size_t constant(const Scope& s, const NumberType& t, std::int64_t value) {
    KernelOp op;
    op.code = OpCode::constant;
    op.type = t;
    op.value = value;
    return push(s, op);
  }

  /// A value from 0 to size - 1, from any integer value.
  std::size_t bounded(Scope& s, std::size_t from, std::int64_t size) {
    const NumberType t{false, 20};
    KernelOp rest;
    rest.code = OpCode::bit_and;
    rest.type = t;
    std::int64_t mask = 1;
    while (2 * mask + 1 < size) mask = 2 * mask + 1;
    if (mask > size - 1) mask = 0;
    rest.args = {from, constant(s, t, mask)};
    const std::size_t op = push(s, rest);
    s.values.push_back(op);
    return op;
  }

  std::optional<std::size_t> integer_value(const Scope& s) {
    std::vector<std::size_t> some;
    for (const std::size_t v : s.values)
      if (k_.ops[v].type.fraction == 0) some.push_back(v);
    if (some.empty()) return std::nullopt;
    return some[pick(some.size())];
  }

  void load(Scope& s) {
    const auto list = tensors(s, false);
    if (list.empty()) return;
    const std::size_t t = list[pick(list.size())];
    KernelOp op;
    op.code = OpCode::load;
    op.tensor = t;
    op.type = k_.tensors[t].type;
    access(s, op, OpCode::gather);
    s.values.push_back(push(s, op));
  }

  void access(Scope& s, KernelOp& op, OpCode by_data) {
    const auto data = r_.chance(0.2) ? integer_value(s) : std::nullopt;
    for (const std::int64_t size : k_.tensors[*op.tensor].shape) {
      if (data && size > 1 && r_.chance(0.7)) {
        Affine a;
        a.coefficients.assign(32, 0);
        a.values = {{bounded(s, *data, size), 1}};
        op.index.push_back(a);
        op.code = by_data;
      } else {
        op.index.push_back(index(s, size));
      }
    }
  }

  void store(Scope& s, std::optional<std::size_t> into = {}) {
    const auto list = tensors(s, true);
    if (s.values.empty() || (!into && list.empty())) return;
    KernelOp op;
    op.code = OpCode::store;
    op.tensor = into ? *into : list[pick(list.size())];
    op.type = k_.tensors[*op.tensor].type;
    access(s, op, OpCode::scatter);
    op.args = {s.values[s.values.size() - 1 - pick(std::min<std::size_t>(s.values.size(), 3))]};
    if (r_.chance(0.15)) op.when = s.values[pick(s.values.size())];
    push(s, op);
  }

  void compute(Scope& s) {
    static const OpCode codes[] = {OpCode::add,    OpCode::sub,     OpCode::mul,    OpCode::mac,     OpCode::div, OpCode::rem, OpCode::shl, OpCode::shr, OpCode::bit_and,
                                   OpCode::bit_or, OpCode::bit_xor, OpCode::clz,    OpCode::select,  OpCode::min, OpCode::max, OpCode::eq,  OpCode::ne,  OpCode::lt,
                                   OpCode::le,     OpCode::cast,    OpCode::add,    OpCode::mul,     OpCode::mac, OpCode::add, OpCode::add, OpCode::max, OpCode::index,
                                   OpCode::constant, OpCode::scale, OpCode::exp,   OpCode::log,     OpCode::recip, OpCode::rsqrt};
    KernelOp op;
    op.code = codes[pick(std::size(codes))];
    op.type = is_comparison(op.code) ? NumberType{false, 1} : type();
    if (op.code == OpCode::constant) {
      op.value = value_of(op.type);
    } else if (op.code == OpCode::index) {
      op.type = {true, 12};
      op.index = {index(s, 200)};
    } else {
      if (s.values.empty()) return;
      if (op.code == OpCode::scale) op.value = r_.integer(-8, 8);
      for (std::size_t a = 0; a < args_of(op.code); ++a) op.args.push_back(s.values[s.values.size() - 1 - pick(std::min<std::size_t>(s.values.size(), 5))]);
      if (!sound(op)) return;
    }
    s.values.push_back(push(s, op));
  }

  /// What verify() asks of an operation, with room to spare.
  bool sound(const KernelOp& op) const {
    const auto t = [&](std::size_t a) -> const NumberType& { return k_.ops[op.args[a]].type; };
    int bits = op.type.fraction + op.type.bits, fraction = 0;
    for (std::size_t a = 0; a < op.args.size(); ++a) {
      bits += t(a).bits;
      fraction += t(a).fraction;
    }
    if (bits + fraction > 110) return false;
    if (is_function(op.code)) return t(0).bits <= 32 && op.type.bits <= 32 && (op.code != OpCode::log || op.type.fraction <= 31);
    if ((op.code == OpCode::bit_and || op.code == OpCode::bit_or || op.code == OpCode::bit_xor) && t(0).fraction != t(1).fraction) return false;
    if (op.code == OpCode::rem && (t(0).fraction != 0 || t(1).fraction != 0)) return false;
    if ((op.code == OpCode::shl || op.code == OpCode::shr) && (t(1).fraction != 0 || t(0).bits + 64 + op.type.fraction > 110)) return false;
    return op.code != OpCode::div || op.type.rounding == Rounding::down;
  }

  void block(Scope& s, int least, int most) {
    for (std::int64_t i = r_.integer(least, most); i > 0; --i) {
      const double what = r_.uniform();
      if (s.values.size() < 2 || what < 0.25)
        load(s);
      else if (what < 0.4)
        store(s);
      else
        compute(s);
    }
  }

  std::size_t add_loop(Scope& s, std::int64_t extent, bool may_vary) {
    KernelLoop l;
    l.name = fresh("i");
    l.extent = extent;
    l.process = s.process;
    if (!s.path.empty()) l.parent = s.path.back();
    if (may_vary && !s.path.empty() && r_.chance(0.15)) {
      // As many iterations as the outer loop has done, and one or none more.
      const KernelLoop& outer = k_.loops[s.path.back()];
      Affine trip;
      trip.coefficients.assign(32, 0);
      trip.coefficients[s.path.back()] = 1;
      trip.constant = r_.integer(0, 1);
      l.extent = outer.extent;
      if (!outer.trip && !outer.data_decides()) l.trip = trip;
    } else if (may_vary && r_.chance(0.12)) {
      l.count = integer_value(s);
    }
    k_.loops.push_back(l);
    return k_.loops.size() - 1;
  }

  void process(std::size_t p, const std::vector<std::int64_t>& extents) {
    Scope top{p, {}, {}};
    if (r_.chance(0.2)) block(top, 1, 4);
    if (extents.empty()) {
      nest(top, static_cast<int>(r_.integer(1, 3)));
    } else {
      for (const std::int64_t e : extents) top.path.push_back(add_loop(top, e, false));
      streamed(top);
      top.path.clear();
    }
    if (r_.chance(0.15)) {
      Scope end{p, {}, {}};
      block(end, 2, 4);
    }
  }

  void streamed(Scope s) {
    std::int64_t times = 1;
    for (const std::size_t l : s.path) times *= k_.loops[l].extent;
    for (std::size_t i = 0; i < k_.streams.size(); ++i) {
      KernelStream& stream = k_.streams[i];
      KernelOp op;
      op.stream = i;
      op.type = stream.type;
      if ((i == 0 && s.process == 1) || (stream.kind == StreamKind::input && s.process == 0)) {
        if (stream.kind == StreamKind::input) stream.length = times;
        op.code = OpCode::read;
        s.values.push_back(push(s, op));
      }
    }
    block(s, 3, 8);
    if (s.values.empty()) load(s);
    for (std::size_t i = 0; i < k_.streams.size(); ++i) {
      KernelOp op;
      op.stream = i;
      op.type = k_.streams[i].type;
      if ((i == 0 && s.process == 0) || (k_.streams[i].kind == StreamKind::output && s.process == 1)) {
        op.code = OpCode::write;
        op.args = {s.values.back()};
        push(s, op);
      }
    }
    outputs(s);
  }

  void outputs(Scope& s) {
    for (std::size_t t = 0; t < k_.tensors.size(); ++t)
      if (k_.tensors[t].kind == TensorKind::output && owner_[t] == s.process && !s.values.empty()) store(s, t);
  }

  /// A loop with a fixed number of iterations becomes one that goes on while a value of its body is not 0.
  void make_while(std::size_t l) {
    if (k_.loops[l].trip || k_.loops[l].count) return;
    std::vector<std::size_t> some;
    for (std::size_t i = 0; i < k_.ops.size(); ++i)
      if (k_.ops[i].loop == l && !has_no_value(k_.ops[i].code)) some.push_back(i);
    if (!some.empty()) k_.loops[l].repeat = some[pick(some.size())];
  }

  void nest(Scope s, int depth) {
    if (!s.path.empty() || r_.chance(0.3)) block(s, 0, 3);
    const std::size_t l = add_loop(s, r_.integer(1, r_.chance(0.2) ? 9 : 6), true);
    fill_nest(s, l, depth);
    if (r_.chance(0.1)) make_while(l);
  }

  void fill_nest(const Scope& s, std::size_t l, int depth) {
    Scope inner = s;
    inner.path.push_back(l);
    if (depth > 1) {
      nest(inner, depth - 1);
      if (r_.chance(0.2)) {
        Scope again = inner;
        again.path.push_back(add_loop(again, r_.integer(1, 5), true));
        block(again, 2, 6);
        if (again.values.empty()) load(again);
        outputs(again);
      }
      if (r_.chance(0.4)) block(inner, 1, 3);
    } else {
      block(inner, 3, 9);
      if (inner.values.empty()) load(inner);
      outputs(inner);
    }
  }

  /// Tensors that nothing uses go.
  void unused() {
    for (std::size_t t = k_.tensors.size(); t-- > 0;) {
      bool used = false;
      for (const KernelOp& op : k_.ops) used = used || op.tensor == t;
      if (used) continue;
      k_.tensors.erase(k_.tensors.begin() + static_cast<std::ptrdiff_t>(t));
      for (KernelOp& op : k_.ops)
        if (op.tensor && *op.tensor > t) --*op.tensor;
    }
  }

  Random r_;
  Kernel k_;
  std::vector<std::size_t> owner_;
  int names_ = 0;
};

/// The kernel without an op and what needs its value; nothing where that leaves too little.
std::optional<Kernel> without(const Kernel& kernel, std::size_t gone) {
  std::vector<bool> drop(kernel.ops.size(), false);
  drop[gone] = true;
  for (std::size_t i = 0; i < kernel.ops.size(); ++i) {
    const KernelOp& op = kernel.ops[i];
    for (const std::size_t a : op.args) drop[i] = drop[i] || drop[a];
    if (op.when) drop[i] = drop[i] || drop[*op.when];
    for (const Affine& a : op.index)
      for (const auto& v : a.values) drop[i] = drop[i] || drop[v.first];
  }
  for (const KernelLoop& l : kernel.loops)
    if ((l.count && drop[*l.count]) || (l.repeat && drop[*l.repeat])) return std::nullopt;
  Kernel k = kernel;
  std::vector<std::size_t> place(kernel.ops.size(), 0);
  k.ops.clear();
  for (std::size_t i = 0; i < kernel.ops.size(); ++i) {
    place[i] = k.ops.size();
    if (!drop[i]) k.ops.push_back(kernel.ops[i]);
  }
  for (KernelOp& op : k.ops) {
    for (std::size_t& a : op.args) a = place[a];
    if (op.when) op.when = place[*op.when];
    for (Affine& a : op.index)
      for (auto& v : a.values) v.first = place[v.first];
  }
  for (KernelLoop& l : k.loops)
    if (l.count) l.count = place[*l.count];
  for (KernelLoop& l : k.loops)
    if (l.repeat) l.repeat = place[*l.repeat];
  for (std::size_t t = k.tensors.size(); t-- > 0;) {
    bool used = false;
    for (const KernelOp& op : k.ops) used = used || op.tensor == t;
    if (used) continue;
    k.directives.partition.erase(k.tensors[t].name);
    k.directives.storage.erase(k.tensors[t].name);
    k.tensors.erase(k.tensors.begin() + static_cast<std::ptrdiff_t>(t));
    for (KernelOp& op : k.ops)
      if (op.tensor && *op.tensor > t) --*op.tensor;
  }
  if (!verify(k)) return std::nullopt;
  return k;
}

/// The kernel's directives with one less, each in turn.
std::vector<std::pair<std::string, Directives>> weaker(const Directives& d) {
  std::vector<std::pair<std::string, Directives>> all;
  const auto add = [&](const std::string& name, const auto& change) {
    Directives less = d;
    change(less);
    all.push_back({name, less});
  };
  if (d.pipeline_ii) add("pipeline ii", [](Directives& x) { x.pipeline_ii.reset(); });
  if (!d.pipeline_loop.empty()) add("pipeline loop", [](Directives& x) { x.pipeline_loop.clear(); });
  if (!d.interchange.empty()) add("interchange", [](Directives& x) { x.interchange.clear(); });
  for (const auto& entry : d.unroll) add("unroll", [&](Directives& x) { x.unroll.erase(entry.first); });
  for (const auto& entry : d.tile) add("tile", [&](Directives& x) { x.tile.erase(entry.first); });
  for (const auto& entry : d.partition) add("partition", [&](Directives& x) { x.partition.erase(entry.first); });
  for (const auto& entry : d.storage) add("storage", [&](Directives& x) { x.storage.erase(entry.first); });
  for (const auto& entry : d.units) add("units", [&](Directives& x) { x.units.erase(entry.first); });
  if (d.clock_ns != 10) add("clock", [](Directives& x) { x.clock_ns = 10; });
  return all;
}

}  // namespace

Kernel random_kernel(std::uint64_t seed) {
  for (std::uint64_t attempt = 0;; ++attempt) {
    Kernel kernel = Generator(derive(seed, attempt)).run();
    if (verify(kernel)) return kernel;
  }
}

Expected<CompiledKernel> compile_random(Kernel& kernel, std::map<std::string, int>* refused) {
  auto compiled = compile(kernel);
  while (!compiled && compiled.error().kind() != ErrorKind::run_failed) {
    bool helped = false;
    const auto less = weaker(kernel.directives);
    if (less.empty()) break;
    // The one that helps at once, or else the first.
    for (const auto& [name, directives] : less) {
      Kernel other = kernel;
      other.directives = directives;
      compiled = compile(other);
      if (!compiled) continue;
      if (refused != nullptr) ++(*refused)[name];
      kernel = std::move(other);
      helped = true;
      break;
    }
    if (helped) break;
    if (refused != nullptr) ++(*refused)[less[0].first];
    kernel.directives = less[0].second;
    compiled = compile(kernel);
  }
  return compiled;
}

Kernel shrink(const Kernel& kernel, const std::function<bool(const Kernel&)>& fails) {
  Kernel best = kernel;
  for (bool smaller = true; smaller;) {
    smaller = false;
    for (const auto& [name, directives] : weaker(best.directives)) {
      Kernel other = best;
      other.directives = directives;
      if (!fails(other)) continue;
      best = std::move(other);
      smaller = true;
      break;
    }
    for (std::size_t i = best.ops.size(); i-- > 0;) {
      auto other = without(best, std::min(i, best.ops.size() - 1));
      if (!other || !fails(*other)) continue;
      best = std::move(*other);
      smaller = true;
      i = std::min(i, best.ops.size());
    }
  }
  return best;
}

std::vector<std::string> features(const Kernel& kernel) {
  std::set<std::string> all;
  for (const KernelOp& op : kernel.ops) {
    all.insert("op " + op_names()[static_cast<std::size_t>(op.code)]);
    if (op.when) all.insert("guard");
    if (op.type.fraction != 0) all.insert("fixed point");
    if (op.type.overflow == Overflow::saturate) all.insert("saturation");
    if (op.type.bits > 32) all.insert("over 32 bits");
  }
  std::size_t depth = 0;
  for (std::size_t l = 0; l < kernel.loops.size(); ++l) {
    depth = std::max(depth, kernel.path(l).size());
    if (kernel.loops[l].trip) all.insert("affine trip");
    if (kernel.loops[l].count) all.insert("data-dependent trip");
    if (kernel.loops[l].repeat) all.insert("while loop");
  }
  all.insert("depth " + std::to_string(depth));
  if (kernel.processes.size() > 1) all.insert("two processes");
  const Directives& d = kernel.directives;
  for (const auto& [name, less] : weaker(d)) all.insert("directive " + name);
  if (!d.dataflow) all.insert("directive dataflow off");
  return {all.begin(), all.end()};
}

Kernel with_random_directives(const Kernel& kernel, std::uint64_t seed) {
  Kernel out = kernel;
  out.directives = {};
  Random random(seed);
  random_directives(random, out);
  // What keeps its processes from waiting for each other for ever.
  out.directives.streams = kernel.directives.streams;
  out.directives.dataflow = kernel.directives.dataflow;
  return out;
}

}  // namespace gnomon::hls
