#include "ir/transform.hpp"

#include <algorithm>
#include <unordered_map>

#include "gnomon/base/random.hpp"
#include "gnomon/base/text.hpp"
#include "ir/affine.hpp"
#include "ir/program.hpp"

namespace gnomon::hls {
namespace {

constexpr std::int64_t proof_limit = std::int64_t{1} << 23;

/// A kernel on its way, and for every op what op of the first kernel it was and in which iteration of its loops.
struct Draft {
  Kernel kernel;
  std::vector<std::size_t> origin;
  std::vector<std::vector<Affine>> iteration;
  std::vector<std::vector<std::int64_t>> extents = {};  ///< of the loops around each op of the first kernel
};

Draft begin(const Kernel& kernel) {
  Draft draft{kernel, {}, {}};
  for (std::size_t i = 0; i < kernel.ops.size(); ++i) {
    draft.origin.push_back(i);
    draft.iteration.emplace_back();
    draft.extents.emplace_back();
    for (const std::size_t l : kernel.path(kernel.ops[i].loop)) {
      Affine own;
      own.coefficients.assign(kernel.loops.size(), 0);
      own.coefficients[l] = 1;
      draft.iteration.back().push_back(own);
      draft.extents.back().push_back(kernel.loops[l].extent);
    }
  }
  return draft;
}

template <class Change>
void for_affines(Draft& draft, const Change& change) {
  for (std::size_t i = 0; i < draft.kernel.ops.size(); ++i) {
    for (Affine& a : draft.kernel.ops[i].index) change(a);
    for (Affine& a : draft.iteration[i]) change(a);
  }
  for (KernelLoop& l : draft.kernel.loops)
    if (l.trip) change(*l.trip);
}

/// Which write each access of something that is written follows, by instance. Gathers and scatters may touch all of a tensor; a
/// stream is one element, of which every access counts as a write.
bool last_writes(const Draft& draft, std::unordered_map<std::uint64_t, std::uint64_t>& follows) {
  const Kernel& kernel = draft.kernel;
  std::vector<bool> written(kernel.tensors.size(), false), whole(kernel.tensors.size(), false);
  for (const KernelOp& op : kernel.ops) {
    if (!op.tensor) continue;
    written[*op.tensor] = written[*op.tensor] || writes_tensor(op.code);
    whole[*op.tensor] = whole[*op.tensor] || op.code == OpCode::gather || op.code == OpCode::scatter;
  }
  std::unordered_map<std::uint64_t, std::uint64_t> last;
  bool all = true;
  for (std::size_t p = 0; p < kernel.processes.size(); ++p)
    all = all && walk(kernel, p, proof_limit, [&](std::size_t i, const std::vector<std::int64_t>& counters) {
      const KernelOp& op = kernel.ops[i];
      if (!touches_stream(op.code) && (!op.tensor || !written[*op.tensor])) return;
      std::uint64_t instance = derive(0, draft.origin[i]);
      for (std::size_t d = 0; d < draft.iteration[i].size(); ++d) {
        const std::int64_t at = evaluate(draft.iteration[i][d], counters);
        // Copies beyond the end of a loop that a factor does not divide are never done.
        if (at >= draft.extents[draft.origin[i]][d]) return;
        instance = derive(instance, static_cast<std::uint64_t>(at));
      }
      std::uint64_t element = op.tensor ? derive(1 + *op.tensor, whole[*op.tensor] ? 0 : static_cast<std::uint64_t>(place_of(kernel, op, counters)))
                                        : derive(1 + kernel.tensors.size() + *op.stream, std::uint64_t{0});
      std::uint64_t& before = last[element];
      follows[instance] = before;
      if (touches_stream(op.code) || writes_tensor(op.code)) before = instance;
    });
  return all;
}

/// Whether `after` does the accesses that `before` does, each after the same write.
Expected<void> prove(const Draft& before, const Draft& after, const std::string& pointer, const std::string& what) {
  std::unordered_map<std::uint64_t, std::uint64_t> old_order, new_order;
  if (!last_writes(before, old_order) || !last_writes(after, new_order))
    return fail(Error(ErrorKind::unsupported, Problem{before.kernel.file, pointer, what + " needs a proof over more than 2^23 accesses"}));
  for (const auto& [instance, write] : old_order) {
    const auto at = new_order.find(instance);
    if (at == new_order.end() || at->second != write)
      return invalid(before.kernel.file, pointer, what + " would change the order of dependent accesses, and with it the result");
  }
  return {};
}

std::optional<std::size_t> loop_named(const Kernel& kernel, const std::string& name) {
  for (std::size_t l = 0; l < kernel.loops.size(); ++l)
    if (kernel.loops[l].name == name) return l;
  return std::nullopt;
}

bool inside(const Kernel& kernel, std::optional<std::size_t> innermost, std::size_t loop) {
  for (auto l = innermost; l; l = kernel.loops[*l].parent)
    if (*l == loop) return true;
  return false;
}

/// Ops, from place `at` on, the last of which says whether `op` is to be done: `position < extent` and the guard that it has.
std::vector<KernelOp> guard_ops(std::size_t at, const KernelOp& op, const Affine& position, std::int64_t extent) {
  const NumberType truth{false, 1}, wide{true, 48};
  std::vector<KernelOp> ops{{"", OpCode::index, wide, {}, {}, {position}, 0, op.loop, op.process},
                            {"", OpCode::constant, wide, {}, {}, {}, extent, op.loop, op.process},
                            {"", OpCode::lt, truth, {at, at + 1}, {}, {}, 0, op.loop, op.process}};
  if (op.when) {
    // Truth of the guard that is there already: it may have any type.
    ops.push_back({"", OpCode::constant, truth, {}, {}, {}, 0, op.loop, op.process});
    ops.push_back({"", OpCode::ne, truth, {*op.when, at + 3}, {}, {}, 0, op.loop, op.process});
    ops.push_back({"", OpCode::bit_and, truth, {at + 2, at + 4}, {}, {}, 0, op.loop, op.process});
  }
  return ops;
}

/// Guards everything with an effect inside `loop` by `position < extent`, and what decides how often a loop inside runs: beyond the end it would be read from
/// where nothing is, and what lies there is for every implementation to say.
void guard(Draft& draft, std::size_t loop, const Affine& position, std::int64_t extent) {
  const Kernel from = draft.kernel;
  std::vector<std::size_t> place;
  std::vector<std::optional<std::size_t>> guarded(from.loops.size());  ///< what decides now (count or repeat: a loop has one of them)
  Draft to{from, {}, {}, draft.extents};
  to.kernel.ops.clear();
  for (std::size_t i = 0; i < from.ops.size(); ++i) {
    KernelOp op = from.ops[i];
    for (std::size_t& a : op.args) a = place[a];
    if (op.when) op.when = place[*op.when];
    for (Affine& a : op.index)
      for (auto& value : a.values) value.first = place[value.first];
    if (inside(from, op.loop, loop) && (writes_tensor(op.code) || touches_stream(op.code))) {
      const std::vector<KernelOp> guards = guard_ops(to.kernel.ops.size(), op, position, extent);
      to.kernel.ops.insert(to.kernel.ops.end(), guards.begin(), guards.end());
      to.origin.resize(to.kernel.ops.size(), 0);
      to.iteration.resize(to.kernel.ops.size());
      op.when = to.kernel.ops.size() - 1;
    }
    place.push_back(to.kernel.ops.size());
    to.kernel.ops.push_back(std::move(op));
    to.origin.push_back(draft.origin[i]);
    to.iteration.push_back(draft.iteration[i]);
    for (std::size_t l = 0; l < from.loops.size(); ++l) {
      if ((from.loops[l].count != i && from.loops[l].repeat != i) || !inside(from, from.ops[i].loop, loop)) continue;
      KernelOp decides = to.kernel.ops[place[i]];
      decides.when.reset();
      std::vector<KernelOp> ops = guard_ops(to.kernel.ops.size(), decides, position, extent);
      const std::size_t truth = to.kernel.ops.size() + ops.size() - 1;
      ops.push_back({"", OpCode::constant, decides.type, {}, {}, {}, 0, decides.loop, decides.process});
      ops.push_back({"", OpCode::select, decides.type, {truth, place[i], truth + 1}, {}, {}, 0, decides.loop, decides.process});
      to.kernel.ops.insert(to.kernel.ops.end(), ops.begin(), ops.end());
      to.origin.resize(to.kernel.ops.size(), 0);
      to.iteration.resize(to.kernel.ops.size());
      guarded[l] = to.kernel.ops.size() - 1;
    }
  }
  for (std::size_t l = 0; l < from.loops.size(); ++l)
    for (auto* decides : {&to.kernel.loops[l].count, &to.kernel.loops[l].repeat})
      if (*decides) *decides = guarded[l] ? *guarded[l] : place[**decides];
  draft = std::move(to);
}

/// A new loop before place `at` of the list; every index of a loop moves.
void insert_loop(Draft& draft, std::size_t at, const KernelLoop& loop) {
  for_affines(draft, [&](Affine& a) { a.coefficients.insert(a.coefficients.begin() + static_cast<std::ptrdiff_t>(at), 0); });
  const auto shift = [&](std::optional<std::size_t>& l) {
    if (l && *l >= at) ++*l;
  };
  for (KernelLoop& l : draft.kernel.loops) shift(l.parent);
  for (KernelOp& op : draft.kernel.ops) shift(op.loop);
  draft.kernel.loops.insert(draft.kernel.loops.begin() + static_cast<std::ptrdiff_t>(at), loop);
}

Expected<void> tile(Draft& draft, const std::string& name, std::int64_t size) {
  Kernel& kernel = draft.kernel;
  const std::size_t l = *loop_named(kernel, name);
  const std::string pointer = "/directives/tile" + pointer_step(name);
  const KernelLoop loop = kernel.loops[l];
  if (loop.trip || loop.data_decides()) return invalid(kernel.file, pointer, "loop " + in_quotes(name) + " has no fixed number of iterations");
  if (size > loop.extent) return invalid(kernel.file, pointer, "tiles of " + std::to_string(size) + " in a loop of " + std::to_string(loop.extent) + " iterations");
  const std::int64_t extent = loop.extent;
  KernelLoop outer = loop;
  outer.name += "_tile";
  outer.extent = (extent + size - 1) / size;
  insert_loop(draft, l, outer);
  kernel.loops[l + 1].extent = size;
  kernel.loops[l + 1].parent = l;
  for_affines(draft, [&](Affine& a) { a.coefficients[l] = a.coefficients[l + 1] * size; });
  if (extent % size != 0) {
    Affine position;
    position.coefficients.assign(kernel.loops.size(), 0);
    position.coefficients[l] = size;
    position.coefficients[l + 1] = 1;
    for (const KernelOp& op : kernel.ops)
      if (inside(kernel, op.loop, l + 1) && op.code == OpCode::index) return fail(Error(ErrorKind::unsupported, Problem{kernel.file, pointer, "a tile that does not divide a loop whose index is used as a value"}));
    // Beyond the end nothing is done, but the loops inside still run, as often as their sums say there.
    for (KernelLoop& inner : kernel.loops) {
      if (!inner.trip || (inner.trip->coefficients[l] == 0 && inner.trip->coefficients[l + 1] == 0)) continue;
      const auto [low, high] = affine_range(kernel, *inner.trip, inner.parent);
      if (low < 0 || high > std::int64_t{1} << 40)
        return fail(Error(ErrorKind::unsupported, Problem{kernel.file, pointer, "a tile that does not divide a loop on which the iterations of " + in_quotes(inner.name) + " depend"}));
      inner.extent = std::max(inner.extent, static_cast<std::int64_t>(high));
    }
    guard(draft, l + 1, position, extent);
  }
  return {};
}

Expected<void> interchange(Draft& draft, const std::vector<std::string>& order, std::size_t number_of) {
  Kernel& kernel = draft.kernel;
  const std::string pointer = "/directives/interchange/" + std::to_string(number_of);
  std::vector<std::size_t> wanted;
  for (const std::string& name : order) {
    const auto l = loop_named(kernel, name);
    if (!l) return invalid(kernel.file, pointer, "unknown loop " + in_quotes(name));
    if (std::find(wanted.begin(), wanted.end(), *l) != wanted.end()) return invalid(kernel.file, pointer, in_quotes(name) + " stands twice");
    if (kernel.loops[*l].trip || kernel.loops[*l].data_decides()) return invalid(kernel.file, pointer, "loop " + in_quotes(name) + " has no fixed number of iterations");
    wanted.push_back(*l);
  }
  std::vector<std::size_t> now = wanted;
  std::sort(now.begin(), now.end());
  for (std::size_t i = 1; i < now.size(); ++i) {
    bool perfect = kernel.loops[now[i]].parent == now[i - 1];
    for (const KernelOp& op : kernel.ops) perfect = perfect && op.loop != now[i - 1];
    for (std::size_t l = 0; l < kernel.loops.size(); ++l) perfect = perfect && (l == now[i] || kernel.loops[l].parent != now[i - 1]);
    if (!perfect)
      return invalid(kernel.file, pointer, "loops " + in_quotes(kernel.loops[now[i - 1]].name) + " and " + in_quotes(kernel.loops[now[i]].name) + " are no perfect nest: other work or loops stand between them");
  }
  for (const KernelLoop& l : kernel.loops)
    if (l.trip)
      for (const std::size_t w : wanted)
        if (l.trip->coefficients[w] != 0 && inside(kernel, now.back(), w) && std::find(now.begin(), now.end(), loop_named(kernel, l.name)) != now.end())
          return invalid(kernel.file, pointer, "the trip of " + in_quotes(l.name) + " depends on a loop that moves");
  // Places stay, loops move between them.
  std::vector<std::size_t> at(kernel.loops.size());
  for (std::size_t l = 0; l < at.size(); ++l) at[l] = l;
  for (std::size_t i = 0; i < now.size(); ++i) at[wanted[i]] = now[i];
  const std::vector<KernelLoop> old = kernel.loops;
  for (std::size_t i = 0; i < now.size(); ++i) {
    kernel.loops[now[i]].name = old[wanted[i]].name;
    kernel.loops[now[i]].extent = old[wanted[i]].extent;
  }
  for_affines(draft, [&](Affine& a) {
    const std::vector<std::int64_t> before = a.coefficients;
    for (std::size_t l = 0; l < before.size(); ++l) a.coefficients[at[l]] = before[l];
  });
  return {};
}

/// Copies of the body of `loop`, loops inside jammed: every op stands `factor` times in a row of blocks.
Expected<void> unroll_loop(Draft& draft, const std::string& name, std::int64_t factor) {
  const std::string pointer = "/directives/unroll" + pointer_step(name);
  const Kernel& from = draft.kernel;
  const std::size_t l = *loop_named(from, name);
  if (from.loops[l].trip || from.loops[l].data_decides())
    return fail(Error(ErrorKind::unsupported, Problem{from.file, pointer, "loop " + in_quotes(name) + " has no fixed number of iterations; only such loops are unrolled"}));
  const std::int64_t extent = from.loops[l].extent;
  factor = std::min(factor, extent);
  if (factor == 1) return {};
  std::size_t ops_inside = 0;
  for (const KernelOp& op : from.ops) ops_inside += inside(from, op.loop, l) ? 1 : 0;
  if (static_cast<std::int64_t>(ops_inside) * factor > 20'000)
    return fail(Error(ErrorKind::unsupported, Problem{from.file, pointer, "more than 20,000 operations after unrolling"}));
  for (const KernelLoop& inner : from.loops) {
    const bool depends = inner.trip && inner.trip->coefficients[l] != 0;
    const bool counts = (inner.count && inside(from, from.ops[*inner.count].loop, l)) || (inner.repeat && inside(from, from.ops[*inner.repeat].loop, l));
    if (depends || counts)
      return fail(Error(ErrorKind::unsupported, Problem{from.file, pointer, "the iterations of loop " + in_quotes(inner.name) + " inside depend on " + in_quotes(name)}));
  }
  const bool complete = factor == extent;
  Draft to{from, {}, {}, draft.extents};
  to.kernel.ops.clear();
  to.kernel.loops[l].extent = (extent + factor - 1) / factor;
  // Blocks: runs of ops of one innermost loop.
  std::vector<std::vector<std::size_t>> place(from.ops.size());  // copies of each op
  for (std::size_t i = 0; i < from.ops.size();) {
    std::size_t end = i;
    while (end < from.ops.size() && from.ops[end].loop == from.ops[i].loop && from.ops[end].process == from.ops[i].process) ++end;
    const bool copied = inside(from, from.ops[i].loop, l);
    for (std::int64_t u = 0; u < (copied ? factor : 1); ++u)
      for (std::size_t j = i; j < end; ++j) {
        KernelOp op = from.ops[j];
        std::vector<Affine> iteration = draft.iteration[j];
        const auto move = [&](Affine& a) {
          a.constant += a.coefficients[l] * u;
          a.coefficients[l] *= factor;
        };
        const auto other = [&](std::size_t old) { return place[old][std::min(place[old].size() - 1, static_cast<std::size_t>(u))]; };
        if (copied) {
          for (Affine& a : op.index) move(a);
          for (Affine& a : iteration) move(a);
          if (op.loop == l) op.distance = std::max<std::int64_t>(1, (op.distance + factor) / factor - 1);
        }
        for (std::size_t& a : op.args) a = other(a);
        if (op.when) op.when = other(*op.when);
        for (Affine& a : op.index)
          for (auto& value : a.values) value.first = other(value.first);
        if (copied && u >= extent % factor && extent % factor != 0 && (writes_tensor(op.code) || touches_stream(op.code))) {
          // Only the copies that can pass the end in the last round are guarded.
          Affine position;
          position.coefficients.assign(from.loops.size(), 0);
          position.coefficients[l] = factor;
          position.constant = u;
          std::vector<KernelOp> guards = guard_ops(to.kernel.ops.size(), op, position, extent);
          to.origin.resize(to.origin.size() + guards.size(), 0);
          to.iteration.resize(to.iteration.size() + guards.size());
          to.kernel.ops.insert(to.kernel.ops.end(), guards.begin(), guards.end());
          op.when = to.kernel.ops.size() - 1;
        }
        place[j].push_back(to.kernel.ops.size());
        to.kernel.ops.push_back(std::move(op));
        to.origin.push_back(draft.origin[j]);
        to.iteration.push_back(std::move(iteration));
      }
    i = end;
  }
  for (KernelLoop& loop : to.kernel.loops)
    if (loop.count) loop.count = place[*loop.count][0];
  for (KernelLoop& loop : to.kernel.loops)
    if (loop.repeat) loop.repeat = place[*loop.repeat][0];
  if (complete) {
    // The loop runs once; what was inside belongs to the loop around it.
    for (KernelOp& op : to.kernel.ops)
      if (op.loop == l) op.loop = to.kernel.loops[l].parent;
    for (KernelLoop& loop : to.kernel.loops)
      if (loop.parent == l) loop.parent = to.kernel.loops[l].parent;
    const auto down = [&](std::optional<std::size_t>& loop) {
      if (loop && *loop > l) --*loop;
    };
    for (KernelOp& op : to.kernel.ops) down(op.loop);
    for (KernelLoop& loop : to.kernel.loops) down(loop.parent);
    for_affines(to, [&](Affine& a) { a.coefficients.erase(a.coefficients.begin() + static_cast<std::ptrdiff_t>(l)); });
    to.kernel.loops.erase(to.kernel.loops.begin() + static_cast<std::ptrdiff_t>(l));
  }
  draft = std::move(to);
  return {};
}

}  // namespace

Expected<Kernel> restructure(const Kernel& kernel) {
  Draft draft = begin(kernel);
  for (const auto& [name, size] : kernel.directives.tile)
    if (auto done = tile(draft, name, size); !done) return fail(std::move(done.error()));
  for (std::size_t i = 0; i < kernel.directives.interchange.size(); ++i) {
    const Draft before = draft;
    if (auto done = interchange(draft, kernel.directives.interchange[i], i); !done) return fail(std::move(done.error()));
    if (auto sound = prove(before, draft, "/directives/interchange/" + std::to_string(i), "this order of loops"); !sound) return fail(std::move(sound.error()));
  }
  draft.kernel.directives.tile.clear();
  draft.kernel.directives.interchange.clear();
  return std::move(draft.kernel);
}

Expected<Kernel> unroll(const Kernel& kernel) {
  Draft draft = begin(kernel);
  // Inner loops first: then an outer loop's copies hold whole rows of inner copies.
  std::vector<std::string> order;
  for (std::size_t l = kernel.loops.size(); l-- > 0;)
    if (kernel.directives.unroll.count(kernel.loops[l].name) > 0) order.push_back(kernel.loops[l].name);
  for (const std::string& name : order) {
    const auto l = loop_named(draft.kernel, name);
    if (!l) continue;
    bool has_inner = false;
    for (const KernelLoop& loop : draft.kernel.loops) has_inner = has_inner || loop.parent == l;
    const Draft before = draft;
    if (auto done = unroll_loop(draft, name, kernel.directives.unroll.at(name)); !done) return fail(std::move(done.error()));
    // Copies in a row keep the order of a loop without loops inside.
    if (!has_inner) continue;
    if (auto sound = prove(before, draft, "/directives/unroll" + pointer_step(name), "unrolling " + in_quotes(name) + ", whose inner loops then run for several iterations at once,"); !sound)
      return fail(std::move(sound.error()));
  }
  draft.kernel.directives.unroll.clear();
  return std::move(draft.kernel);
}

}  // namespace gnomon::hls
