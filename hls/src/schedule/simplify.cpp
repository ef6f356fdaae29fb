#include <algorithm>
#include <map>

#include "ir/ranges.hpp"
#include "schedule/datapath.hpp"

namespace gnomon::hls {
namespace {

/// Whether two accesses of one tensor surely touch different elements, in the same iteration.
bool apart(const KernelOp& a, const KernelOp& b) {
  for (std::size_t d = 0; d < a.index.size(); ++d)
    if (a.index[d].coefficients == b.index[d].coefficients && a.index[d].values == b.index[d].values && a.index[d].constant != b.index[d].constant) return true;
  return false;
}

/// Keeps the ops that are marked; arguments of the kept must be kept.
void compact(Kernel& kernel, const std::vector<bool>& keep) {
  std::vector<std::size_t> place(kernel.ops.size(), 0);
  std::vector<KernelOp> ops;
  for (std::size_t i = 0; i < kernel.ops.size(); ++i) {
    place[i] = ops.size();
    if (keep[i]) ops.push_back(std::move(kernel.ops[i]));
  }
  for (KernelOp& op : ops) {
    for (std::size_t& a : op.args) a = place[a];
    if (op.when) op.when = place[*op.when];
    for (Affine& a : op.index)
      for (auto& value : a.values) value.first = place[value.first];
  }
  for (KernelLoop& l : kernel.loops)
    for (auto* decides : {&l.count, &l.repeat})
      if (*decides) *decides = place[**decides];
  kernel.ops = std::move(ops);
}

void remove_dead(Kernel& kernel) {
  std::vector<bool> keep(kernel.ops.size(), false);
  for (const KernelLoop& l : kernel.loops)
    for (const auto& decides : {l.count, l.repeat})
      if (decides) keep[*decides] = true;
  for (std::size_t i = kernel.ops.size(); i-- > 0;) {
    const KernelOp& op = kernel.ops[i];
    if (has_no_value(op.code) || op.code == OpCode::read) keep[i] = true;
    if (!keep[i]) continue;
    for (const std::size_t a : op.args) keep[a] = true;
    if (op.when) keep[*op.when] = true;
    for (const Affine& a : op.index)
      for (const auto& value : a.values) keep[value.first] = true;
  }
  compact(kernel, keep);
}

/// Comparisons, minima and maxima that the intervals of their values decide, so that none that is always true is left to the RTL, and selections by a constant:
/// copies of an unrolled loop know which round they are.
void fold(Kernel& kernel) {
  const auto ranges = value_ranges(kernel);
  for (std::size_t i = 0; i < kernel.ops.size(); ++i) {
    KernelOp& op = kernel.ops[i];
    if (op.code == OpCode::eq || op.code == OpCode::ne || op.code == OpCode::lt || op.code == OpCode::le || op.code == OpCode::min || op.code == OpCode::max) {
      const int fractions[] = {kernel.ops[op.args[0]].type.fraction, kernel.ops[op.args[1]].type.fraction};
      const int finest = std::max(fractions[0], fractions[1]);
      if (finest - std::min(fractions[0], fractions[1]) > 60) continue;
      const auto range = [&](std::size_t a) {
        const Wide unit = Wide{1} << (finest - kernel.ops[op.args[a]].type.fraction);
        return std::pair{ranges[op.args[a]].first * unit, ranges[op.args[a]].second * unit};
      };
      const auto x = range(0), y = range(1);
      const auto decided = [&](bool value) {
        op.value = value ? 1 : 0;
        op.code = OpCode::constant;
        op.args.clear();
      };
      // The smaller and the larger of two of which one is never beyond the other: that one.
      const auto taken = [&](std::size_t a) {
        op.args = {op.args[a]};
        op.code = OpCode::cast;
      };
      const bool apart = x.second < y.first || y.second < x.first;
      if (op.code == OpCode::eq || op.code == OpCode::ne) {
        if (apart) decided(op.code == OpCode::ne);
      } else if (op.code == OpCode::lt || op.code == OpCode::le) {
        const bool less = op.code == OpCode::lt ? x.second < y.first : x.second <= y.first, not_less = op.code == OpCode::lt ? x.first >= y.second : x.first > y.second;
        if (less || not_less) decided(less);
      } else if (x.second <= y.first || y.second <= x.first) {
        taken((x.second <= y.first) == (op.code == OpCode::min) ? 0 : 1);
      }
    } else if (op.code == OpCode::select && kernel.ops[op.args[0]].code == OpCode::constant) {
      op.args = {kernel.ops[op.args[0]].value != 0 ? op.args[1] : op.args[2]};
      op.code = OpCode::cast;
    }
  }
}

/// Loads of what was just stored or loaded take the value; stores that the next one of the block covers go.
void forward(Kernel& kernel) {
  std::vector<KernelOp>& ops = kernel.ops;
  // A value that is loaded again is the same op; a value that was stored in another type is a cast in the load's place.
  std::vector<std::size_t> same(ops.size());
  for (std::size_t i = 0; i < ops.size(); ++i) same[i] = i;
  std::vector<bool> keep(ops.size(), true);
  struct Known {
    std::size_t access, value;
    bool from_store;
  };
  std::vector<Known> known;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    KernelOp& op = ops[i];
    if (i > 0 && (op.loop != ops[i - 1].loop || op.process != ops[i - 1].process)) known.clear();
    for (std::size_t& a : op.args) a = same[a];
    if (op.when) op.when = same[*op.when];
    for (Affine& a : op.index)
      for (auto& value : a.values) value.first = same[value.first];
    if (!touches_tensor(op.code)) continue;
    const auto equal = [&](const Known& k) { return ops[k.access].tensor == op.tensor && ops[k.access].index == op.index; };
    if (!writes_tensor(op.code)) {
      const auto at = std::find_if(known.begin(), known.end(), equal);
      if (at == known.end()) {
        known.push_back({i, i, false});
      } else if (at->from_store) {
        const NumberType type = op.type;
        op = {op.name, OpCode::cast, type, {at->value}, {}, {}, 0, op.loop, op.process};
      } else {
        same[i] = at->value;
      }
      continue;
    }
    // A store that nothing can have read since, of the same element, has no effect once this one is done.
    if (!op.when)
      for (std::size_t j = i; j-- > 0 && ops[j].loop == op.loop && ops[j].process == op.process;) {
        const KernelOp& before = ops[j];
        if (before.tensor != op.tensor || !touches_tensor(before.code) || !keep[j]) continue;
        if (writes_tensor(before.code)) {
          if (before.index == op.index) {
            keep[j] = false;
            break;
          }
          continue;
        }
        if (same[j] == j && !apart(before, op)) break;
      }
    known.erase(std::remove_if(known.begin(), known.end(), [&](const Known& k) { return ops[k.access].tensor == op.tensor && !apart(ops[k.access], op); }), known.end());
    if (!op.when) known.push_back({i, op.args[0], true});
  }
  compact(kernel, keep);
}

/// a + b + c + d as (a + b) + (c + d), what comes from a memory that the loop writes last: the way around the loop is one operation.
void balance(Kernel& kernel) {
  std::vector<KernelOp> from = kernel.ops;
  // Sums behind products stand apart, where that is exact.
  std::vector<int> uses(from.size(), 0);
  const auto count = [&](const std::vector<KernelOp>& ops) {
    uses.assign(ops.size(), 0);
    for (const KernelOp& op : ops) {
      for (const std::size_t a : op.args) ++uses[a];
      if (op.when) ++uses[*op.when];
      for (const Affine& a : op.index)
        for (const auto& value : a.values) ++uses[value.first];
    }
    for (const KernelLoop& l : kernel.loops)
      for (const auto& decides : {l.count, l.repeat})
        if (decides) ++uses[*decides];
  };
  std::vector<bool> written(kernel.tensors.size(), false);
  for (const KernelOp& op : from)
    if (op.tensor && writes_tensor(op.code)) written[*op.tensor] = true;

  std::vector<KernelOp> split;
  std::vector<std::size_t> place;
  const auto renamed = [&](KernelOp op) {
    for (std::size_t& a : op.args) a = place[a];
    if (op.when) op.when = place[*op.when];
    for (Affine& a : op.index)
      for (auto& value : a.values) value.first = place[value.first];
    return op;
  };
  for (const KernelOp& old : from) {
    KernelOp op = renamed(old);
    const auto& type = [&](std::size_t a) -> const NumberType& { return split[op.args[a]].type; };
    if (op.code == OpCode::mac && op.type.overflow == Overflow::wrap && type(0).fraction + type(1).fraction <= op.type.fraction && type(2).fraction <= op.type.fraction) {
      split.push_back({"", OpCode::mul, op.type, {op.args[0], op.args[1]}, {}, {}, 0, op.loop, op.process});
      op.code = OpCode::add;
      op.args = {split.size() - 1, op.args[2]};
    }
    place.push_back(split.size());
    split.push_back(std::move(op));
  }
  for (KernelLoop& l : kernel.loops)
    for (auto* decides : {&l.count, &l.repeat})
      if (*decides) *decides = place[**decides];
  count(split);

  /// Whether the op's chain may be reordered: modular sums of one type, or minima or maxima of one type.
  const auto associative = [&](const KernelOp& op) {
    if (op.code == OpCode::add) {
      if (op.type.overflow != Overflow::wrap) return false;
      for (const std::size_t a : op.args)
        if (split[a].type.fraction > op.type.fraction) return false;
      return true;
    }
    if (op.code != OpCode::min && op.code != OpCode::max) return false;
    for (const std::size_t a : op.args)
      if (!(split[a].type == op.type)) return false;
    return true;
  };
  const auto joins = [&](std::size_t arg, const KernelOp& op) {
    const KernelOp& a = split[arg];
    return a.code == op.code && a.type == op.type && uses[arg] == 1 && a.loop == op.loop && associative(a);
  };
  // Casts to the type that a value has already are links of a chain.
  std::vector<std::size_t> through(split.size());
  for (std::size_t i = 0; i < split.size(); ++i) {
    through[i] = i;
    for (std::size_t& a : split[i].args)
      if (split[through[a]].type == split[a].type) a = through[a];
    if (split[i].code == OpCode::cast && split[split[i].args[0]].type == split[i].type) through[i] = split[i].args[0];
    if (split[i].when) split[i].when = through[*split[i].when];
    for (Affine& a : split[i].index)
      for (auto& value : a.values) value.first = through[value.first];
  }
  for (KernelLoop& l : kernel.loops)
    for (auto* decides : {&l.count, &l.repeat})
      if (*decides) *decides = through[**decides];
  // The casts that nothing uses any more must not count as users.
  kernel.ops = std::move(split);
  remove_dead(kernel);
  split = kernel.ops;
  count(split);
  std::vector<bool> inner(split.size(), false);
  for (const KernelOp& op : split)
    if (associative(op))
      for (const std::size_t a : op.args)
        if (joins(a, op)) inner[a] = true;

  // What the loop itself may have written, or is made from such, as a sum that begins anew in the first round.
  std::vector<bool> carried(split.size(), false);
  for (std::size_t i = 0; i < split.size(); ++i) {
    carried[i] = split[i].tensor && !has_no_value(split[i].code) && written[*split[i].tensor];
    for (const std::size_t a : split[i].args) carried[i] = carried[i] || carried[a];
  }

  std::vector<KernelOp> out;
  place.assign(split.size(), 0);
  for (std::size_t i = 0; i < split.size(); ++i) {
    if (inner[i]) continue;
    KernelOp op = split[i];
    const auto rename = [&](KernelOp& o) {
      for (std::size_t& a : o.args) a = place[a];
      if (o.when) o.when = place[*o.when];
      for (Affine& a : o.index)
        for (auto& value : a.values) value.first = place[value.first];
    };
    std::vector<std::size_t> leaves, late;
    if (associative(op)) {
      std::vector<std::size_t> open{i};
      while (!open.empty()) {
        const std::size_t at = open.back();
        open.pop_back();
        for (auto a = split[at].args.rbegin(); a != split[at].args.rend(); ++a) {
          if (inner[*a] && joins(*a, op)) {
            open.push_back(*a);
          } else {
            (carried[*a] ? late : leaves).push_back(*a);
          }
        }
      }
    }
    if (leaves.size() + late.size() <= 2) {
      rename(op);
      place[i] = out.size();
      out.push_back(std::move(op));
      continue;
    }
    std::sort(leaves.begin(), leaves.end());
    std::vector<std::size_t> level;
    for (const std::size_t l : leaves) level.push_back(place[l]);
    const auto join = [&](std::size_t a, std::size_t b) {
      out.push_back({"", op.code, op.type, {a, b}, {}, {}, 0, op.loop, op.process});
      return out.size() - 1;
    };
    while (level.size() > 1) {
      std::vector<std::size_t> next;
      for (std::size_t j = 0; j + 1 < level.size(); j += 2) next.push_back(join(level[j], level[j + 1]));
      if (level.size() % 2 == 1) next.push_back(level.back());
      level = std::move(next);
    }
    std::size_t sum = level.empty() ? place[late[0]] : level[0];
    for (std::size_t j = level.empty() ? 1 : 0; j < late.size(); ++j) sum = join(sum, place[late[j]]);
    place[i] = out.size() - 1;
    out.back().name = op.name;
  }
  for (KernelLoop& l : kernel.loops)
    for (auto* decides : {&l.count, &l.repeat})
      if (*decides) *decides = place[**decides];
  kernel.ops = std::move(out);
}

}  // namespace

Kernel simplify(const Kernel& kernel) {
  Kernel simple = kernel;
  fold(simple);
  forward(simple);
  remove_dead(simple);
  balance(simple);
  remove_dead(simple);
  return simple;
}

}  // namespace gnomon::hls
