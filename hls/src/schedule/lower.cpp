#include "schedule/lower.hpp"

#include <algorithm>
#include <map>

#include "ir/affine.hpp"

namespace gnomon::hls {
namespace {

int bits_for(Wide value) {
  int bits = 1;
  while (value >> bits) ++bits;
  return bits;
}

class Lowering {
 public:
  Lowering(const Kernel& kernel, const std::vector<Memory>& memories, Pipe& pipe) : kernel_(kernel), memories_(memories), pipe_(pipe) {
    in_pipe_.assign(kernel.loops.size(), false);
    for (const std::size_t l : pipe.loops) in_pipe_[l] = true;
  }

  void run() {
    std::vector<bool> mine(kernel_.ops.size(), false);
    for (const std::size_t i : pipe_.ops) mine[i] = true;
    bool inner_seen = false;
    for (const std::size_t i : pipe_.ops) {
      const KernelOp& op = kernel_.ops[i];
      const bool innermost = pipe_.loops.empty() || op.loop == pipe_.loops.back();
      if (!pipe_.loops.empty() && innermost) inner_seen = true;
      // Loops of the pipeline deeper than the op: it belongs to their first round or to their last.
      std::vector<std::size_t> deeper;
      if (!innermost) {
        const auto at = std::find(pipe_.loops.begin(), pipe_.loops.end(), op.loop.value_or(SIZE_MAX));
        deeper.assign(at == pipe_.loops.end() ? pipe_.loops.begin() : at + 1, pipe_.loops.end());
      }
      lower(i, deeper, !inner_seen);
    }
    // Values for later pipelines.
    std::vector<bool> wanted(kernel_.ops.size(), false);
    for (const KernelLoop& l : kernel_.loops)
      for (const auto& decides : {l.count, l.repeat})
        if (decides) wanted[*decides] = true;
    for (std::size_t i = 0; i < kernel_.ops.size(); ++i) {
      if (mine[i]) continue;
      const KernelOp& op = kernel_.ops[i];
      for (const std::size_t a : op.args) wanted[a] = true;
      if (op.when) wanted[*op.when] = true;
      for (const Affine& a : op.index)
        for (const auto& value : a.values) wanted[value.first] = true;
    }
    for (const std::size_t i : pipe_.ops) {
      if (!wanted[i] || has_no_value(kernel_.ops[i].code)) continue;
      if (kernel_.ops[i].code == OpCode::constant && !counts(i)) continue;
      Node out;
      out.kind = NodeKind::live_out;
      out.type = kernel_.ops[i].type;
      out.args = {value(i)};
      out.op = i;
      add(std::move(out));
    }
  }

 private:
  bool counts(std::size_t op) const {
    return std::any_of(kernel_.loops.begin(), kernel_.loops.end(), [&](const KernelLoop& l) { return l.count == op || l.repeat == op; });
  }

  int add(Node node) {
    if (node.kind == NodeKind::constant || node.kind == NodeKind::live_in) {
      node.stable = true;
    } else if (node.kind == NodeKind::affine || node.kind == NodeKind::quotient || node.kind == NodeKind::modulo || node.kind == NodeKind::predicate) {
      node.stable = node.loops.empty();
      for (std::size_t l = 0; l < node.affine.coefficients.size(); ++l)
        if (node.affine.coefficients[l] != 0 && in_pipe_[l]) node.stable = false;
      for (const int a : node.args) node.stable = node.stable && pipe_.nodes[static_cast<std::size_t>(a)].stable;
    }
    // The same sum, constant or predicate is made once.
    const bool pure = node.kind == NodeKind::constant || node.kind == NodeKind::affine || node.kind == NodeKind::quotient ||
                      node.kind == NodeKind::modulo || node.kind == NodeKind::predicate || node.kind == NodeKind::live_in;
    if (pure)
      for (std::size_t n = 0; n < pipe_.nodes.size(); ++n) {
        const Node& o = pipe_.nodes[n];
        if (o.kind == node.kind && o.type == node.type && o.args == node.args && o.value == node.value && o.affine == node.affine &&
            o.loops == node.loops && o.first == node.first && (o.kind != NodeKind::live_in || o.op == node.op))
          return static_cast<int>(n);
      }
    pipe_.nodes.push_back(std::move(node));
    return static_cast<int>(pipe_.nodes.size()) - 1;
  }

  /// The node that has an op's value; ops of other pipelines are kept in registers.
  int value(std::size_t op) {
    if (const auto at = node_of_.find(op); at != node_of_.end()) return at->second;
    const KernelOp& from = kernel_.ops[op];
    Node node;
    node.type = from.type;
    node.op = op;
    if (from.code == OpCode::constant) {
      node.kind = NodeKind::constant;
      node.value = from.value;
      node.op = 0;
    } else {
      node.kind = NodeKind::live_in;
    }
    return add(std::move(node));
  }

  int affine_node(const Affine& affine, const NumberType& type) {
    Node node;
    node.kind = NodeKind::affine;
    node.type = type;
    node.affine = affine;
    node.affine.values.clear();
    for (const auto& [v, factor] : affine.values) {
      node.affine.values.push_back({node.args.size(), factor});
      node.args.push_back(value(v));
    }
    if (node.args.empty() && std::all_of(affine.coefficients.begin(), affine.coefficients.end(), [](std::int64_t c) { return c == 0; })) {
      node.kind = NodeKind::constant;
      node.value = quantise(type, affine.constant, 0);
      node.affine = {};
    }
    return add(std::move(node));
  }

  static Affine scaled(const Affine& a, std::int64_t factor) {
    Affine b = a;
    b.constant *= factor;
    for (std::int64_t& c : b.coefficients) c *= factor;
    for (auto& v : b.values) v.second *= factor;
    return b;
  }
  static void accumulate(Affine& to, const Affine& a) {
    to.constant += a.constant;
    to.coefficients.resize(std::max(to.coefficients.size(), a.coefficients.size()), 0);
    for (std::size_t l = 0; l < a.coefficients.size(); ++l) to.coefficients[l] += a.coefficients[l];
    to.values.insert(to.values.end(), a.values.begin(), a.values.end());
  }

  /// Address within the bank, and the bank: a constant, or a node.
  void address(const KernelOp& op, std::vector<int>& args, std::int64_t& bank) {
    const Memory& memory = memories_[*op.tensor];
    const KernelTensor& tensor = kernel_.tensors[*op.tensor];
    Affine offset, bank_sum;
    offset.coefficients.assign(kernel_.loops.size(), 0);
    bank_sum = offset;
    std::int64_t stride = 1, bank_stride = 1;
    std::vector<std::pair<int, std::int64_t>> offset_nodes, bank_nodes;
    for (std::size_t d = op.index.size(); d-- > 0;) {
      const Memory::Dimension& dim = memory.dimensions[d];
      const Affine& e = op.index[d];
      if (dim.banks == 1) {
        accumulate(offset, scaled(e, stride));
      } else {
        const std::int64_t by = dim.kind == PartitionKind::block ? dim.each : dim.banks;
        const std::int64_t rest = ((e.constant % by) + by) % by;
        bool divides = true;
        for (const std::int64_t c : e.coefficients) divides = divides && c % by == 0;
        for (const auto& v : e.values) divides = divides && v.second % by == 0;
        const auto [low, high] = affine_range(kernel_, e, op.loop);
        if (dim.kind == PartitionKind::block && e.values.empty() && low >= 0 && low / by == high / by) {
          const std::int64_t block = static_cast<std::int64_t>(low / by);
          Affine inside = e;
          inside.constant -= block * by;
          accumulate(offset, scaled(inside, stride));
          bank_sum.constant += bank_stride * block;
        } else if (divides && dim.kind == PartitionKind::cyclic) {
          Affine inside = e;
          inside.constant = (e.constant - rest) / by;
          for (std::int64_t& c : inside.coefficients) c /= by;
          for (auto& v : inside.values) v.second /= by;
          accumulate(offset, scaled(inside, stride));
          bank_sum.constant += bank_stride * rest;
        } else {
          const int whole = affine_node(e, {false, std::max(bits_for(tensor.shape[d] - 1), bits_for(by))});
          Node high_part, low_part;
          high_part.kind = NodeKind::quotient;
          low_part.kind = NodeKind::modulo;
          high_part.value = low_part.value = by;
          high_part.args = low_part.args = {whole};
          high_part.type = {false, bits_for((tensor.shape[d] - 1) / by)};
          low_part.type = {false, bits_for(by - 1)};
          const int h = add(high_part), l = add(low_part);
          const bool block = dim.kind == PartitionKind::block;
          bank_nodes.push_back({block ? h : l, bank_stride});
          if (dim.each > 1) offset_nodes.push_back({block ? l : h, stride});
        }
      }
      stride *= dim.each;
      bank_stride *= dim.banks;
    }
    args.push_back(sum_node(offset, offset_nodes, {false, bits_for(memory.bank_elements - 1)}));
    if (bank_nodes.empty()) {
      bank = bank_sum.constant;
    } else {
      bank = -1;
      args.push_back(sum_node(bank_sum, bank_nodes, {false, bits_for(memory.banks - 1)}));
    }
  }

  int sum_node(const Affine& affine, const std::vector<std::pair<int, std::int64_t>>& parts, const NumberType& type) {
    if (parts.empty()) return affine_node(affine, type);
    Node node;
    node.kind = NodeKind::affine;
    node.type = type;
    node.affine = affine;
    node.affine.values.clear();
    for (const auto& [v, factor] : affine.values) {
      node.affine.values.push_back({node.args.size(), factor});
      node.args.push_back(value(v));
    }
    for (const auto& [n, factor] : parts) {
      node.affine.values.push_back({node.args.size(), factor});
      node.args.push_back(n);
    }
    return add(std::move(node));
  }

  void lower(std::size_t i, const std::vector<std::size_t>& deeper, bool before) {
    const KernelOp& op = kernel_.ops[i];
    std::vector<int> guards;
    if (!deeper.empty()) {
      Node predicate;
      predicate.kind = NodeKind::predicate;
      predicate.type = {false, 1};
      predicate.loops = deeper;
      predicate.first = before;
      guards.push_back(add(std::move(predicate)));
    }
    const int round = guards.empty() ? -1 : guards[0];
    if (op.when) guards.push_back(value(*op.when));

    Node node;
    node.op = i;
    node.type = op.type;
    bool impure = false;
    switch (op.code) {
      case OpCode::constant:
        node_of_[i] = value(i);
        return;
      case OpCode::index:
        node_of_[i] = affine_node(op.index[0], op.type);
        return;
      case OpCode::load:
      case OpCode::gather:
        node.kind = NodeKind::load;
        node.tensor = static_cast<int>(*op.tensor);
        address(op, node.args, node.bank);
        node.latency = memories_[*op.tensor].storage == Memory::registers ? 0 : 1;
        impure = kernel_.tensors[*op.tensor].kind != TensorKind::constant && kernel_.tensors[*op.tensor].kind != TensorKind::input;
        break;
      case OpCode::store:
      case OpCode::scatter:
        node.kind = NodeKind::store;
        node.tensor = static_cast<int>(*op.tensor);
        node.args = {cast_to(value(op.args[0]), op.type)};
        address(op, node.args, node.bank);
        node.guards = guards;
        break;
      case OpCode::read:
        node.kind = NodeKind::read;
        node.stream = static_cast<int>(*op.stream);
        node.guards = guards;
        impure = true;
        break;
      case OpCode::write:
        node.kind = NodeKind::write;
        node.stream = static_cast<int>(*op.stream);
        node.args = {cast_to(value(op.args[0]), op.type)};
        node.guards = guards;
        break;
      case OpCode::mul:
        node_of_[i] = cast_to(product(value(op.args[0]), value(op.args[1]), op.type, i), op.type);
        return;
      case OpCode::mac: {
        NumberType exact_type;
        exact_type.bits = 0;
        const int p = product(value(op.args[0]), value(op.args[1]), exact_type, i);
        node.kind = NodeKind::compute;
        node.code = OpCode::add;
        node.args = {p, value(op.args[2])};
        break;
      }
      default:
        node.kind = NodeKind::compute;
        node.code = op.code;
        node.value = op.code == OpCode::scale ? op.value : 0;
        for (const std::size_t a : op.args) node.args.push_back(value(a));
    }
    int made = add(std::move(node));
    if (impure && before && round >= 0) {
      // Read in the first round of the inner loops, used in all of them.
      Node hold;
      hold.kind = NodeKind::hold;
      hold.type = op.type;
      hold.args = {made};
      hold.guards = {round};
      hold.op = i;
      made = add(std::move(hold));
    }
    node_of_[i] = made;
  }

  int cast_to(int node, const NumberType& type) {
    const NumberType& from = pipe_.nodes[static_cast<std::size_t>(node)].type;
    if (from.bits == type.bits && from.fraction == type.fraction && from.is_signed == type.is_signed) return node;
    Node cast;
    cast.kind = NodeKind::compute;
    cast.code = OpCode::cast;
    cast.type = type;
    cast.args = {node};
    return add(std::move(cast));
  }

  /// a x b as far as `type` can see it: all bits, or the low ones where it wraps.
  int product(int a, int b, const NumberType& type, std::size_t op) {
    const NumberType &x = pipe_.nodes[static_cast<std::size_t>(a)].type, &y = pipe_.nodes[static_cast<std::size_t>(b)].type;
    Node node;
    node.kind = NodeKind::compute;
    node.code = OpCode::mul;
    node.op = op;
    node.args = {a, b};
    node.type = {x.is_signed || y.is_signed, x.bits + y.bits, x.fraction + y.fraction};
    if (type.bits > 0 && type.overflow == Overflow::wrap) {
      // Bits above the type's highest never matter to it; below, rounding may look at all.
      const int seen = type.bits + std::max(0, node.type.fraction - type.fraction);
      const int useful = type.fraction > node.type.fraction ? std::max(1, type.bits - (type.fraction - node.type.fraction)) : seen;
      if (useful < node.type.bits) {
        node.type.bits = useful;
        node.type.is_signed = type.is_signed;
      }
    }
    return add(std::move(node));
  }

  const Kernel& kernel_;
  const std::vector<Memory>& memories_;
  Pipe& pipe_;
  std::vector<bool> in_pipe_;
  std::map<std::size_t, int> node_of_;
};

}  // namespace

void lower_pipe(const Kernel& kernel, const std::vector<Memory>& memories, Pipe& pipe) { Lowering(kernel, memories, pipe).run(); }

}  // namespace gnomon::hls
