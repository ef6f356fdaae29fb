#include "gnomon/base/text.hpp"
#include "gnomon/hls/kernel.hpp"

namespace gnomon::hls {

Kernel matmul_kernel(std::int64_t m, std::int64_t n, std::int64_t k, int bits, int accumulator_bits) {
  const NumberType operand{true, bits}, sum{true, accumulator_bits};
  const Affine over_m{0, {1, 0, 0}}, over_n{0, {0, 1, 0}}, over_k{0, {0, 0, 1}};
  Kernel kernel;
  kernel.name = "matmul";
  kernel.tensors = {{"a", TensorKind::input, operand, {m, k}},
                    {"b", TensorKind::input, operand, {k, n}},
                    {"c", TensorKind::output, sum, {m, n}}};
  kernel.loops = {{"m", m}, {"n", n, 0}, {"k", k, 1}};
  kernel.ops = {{"zero", OpCode::constant, sum, {}, {}, {}, 0, 1},
                {"", OpCode::store, sum, {0}, 2, {over_m, over_n}, 0, 1},
                {"left", OpCode::load, operand, {}, 0, {over_m, over_k}, 0, 2},
                {"right", OpCode::load, operand, {}, 1, {over_k, over_n}, 0, 2},
                {"before", OpCode::load, sum, {}, 2, {over_m, over_n}, 0, 2},
                {"sum", OpCode::mac, sum, {2, 3, 4}, {}, {}, 0, 2},
                {"", OpCode::store, sum, {5}, 2, {over_m, over_n}, 0, 2}};
  return kernel;
}

Expected<MatmulShape> match_matmul(const Kernel& kernel) {
  const auto refuse = [&](const std::string& what) {
    return tl::unexpected<Error>(
        Error(ErrorKind::unsupported,
              Problem{kernel.file, "", "kernel " + in_quotes(kernel.name) + ": RTL is made of matrix multiplications; " + what}));
  };
  if (kernel.processes.size() != 1 || !kernel.streams.empty()) return refuse("one process without streams is needed");
  for (std::size_t l = 0; l < kernel.loops.size(); ++l)
    if (kernel.loops[l].trip || kernel.loops[l].data_decides() || kernel.path(l).size() != l + 1) return refuse("loops must be one chain of fixed extents");
  if (kernel.loops.size() != 3) return refuse("three loops are needed, not " + std::to_string(kernel.loops.size()));
  // Out of all ops exactly: a constant 0 stored, then inside k two loads, the load of the sum, mac, store.
  const auto depth = [&](const KernelOp& op) { return kernel.path(op.loop).size(); };
  const KernelOp *first_store = nullptr, *last_store = nullptr, *mac = nullptr, *zero = nullptr;
  std::vector<const KernelOp*> loads;
  for (const KernelOp& op : kernel.ops) {
    if (op.code == OpCode::constant)
      zero = &op;
    else if (op.code == OpCode::store)
      (depth(op) < 3 ? first_store : last_store) = &op;
    else if (op.code == OpCode::load)
      loads.push_back(&op);
    else if (op.code == OpCode::mac)
      mac = &op;
    else
      return refuse("the operation \"" + op_names()[static_cast<std::size_t>(op.code)] + "\" has no place in one");
  }
  if (kernel.ops.size() != 7 || !first_store || !last_store || !mac || !zero || loads.size() != 3)
    return refuse(
        "two loops that store 0, and a third one that loads a left, a right and the sum, multiplies and adds (\"mac\"), and "
        "stores are needed");
  if (zero->value != 0 || &kernel.ops[first_store->args[0]] != zero || &kernel.ops[last_store->args[0]] != mac ||
      depth(*first_store) != 2 || depth(*mac) != 3)
    return refuse("sums must begin at 0 and end in a store");
  const KernelOp &left = kernel.ops[mac->args[0]], &right = kernel.ops[mac->args[1]], &sum = kernel.ops[mac->args[2]];
  for (const KernelOp* load : {&left, &right, &sum})
    if (load->code != OpCode::load || depth(*load) != 3) return refuse("\"mac\" must take three loads of the innermost loop");
  if (!(sum.tensor == last_store->tensor && first_store->tensor == last_store->tensor && sum.index == last_store->index &&
        first_store->index == last_store->index))
    return refuse("one element must be cleared, loaded and stored");
  const KernelTensor &a = kernel.tensors[*left.tensor], &b = kernel.tensors[*right.tensor], &c = kernel.tensors[*sum.tensor];

  /// The loop that an index is, alone and with factor 1.
  const auto plain = [&](const Affine& index) -> int {
    int found = -1;
    if (index.constant != 0) return -1;
    for (std::size_t l = 0; l < index.coefficients.size(); ++l) {
      if (index.coefficients[l] == 0) continue;
      if (index.coefficients[l] != 1 || found >= 0) return -1;
      found = static_cast<int>(l);
    }
    return found;
  };
  if (left.index.size() != 2 || right.index.size() != 2 || sum.index.size() != 2)
    return refuse("all three tensors must have two dimensions");
  const int m = plain(sum.index[0]), n = plain(sum.index[1]), k = plain(left.index[1]);
  if (m < 0 || n < 0 || k != 2 || m == n || plain(left.index[0]) != m || plain(right.index[0]) != k || plain(right.index[1]) != n)
    return refuse("indices must be [m, k], [k, n] and [m, n], with k the innermost loop");
  if (a.type.text()[0] == 'f' || c.type.text()[0] == 'f') return refuse("all types must be plain integers");
  if (!a.type.is_signed || a.type != b.type) return refuse("both inputs must have the same signed type");
  if (!c.type.is_signed || mac->type != c.type) return refuse("the sums must have the signed type of the output");
  if (a.kind != TensorKind::input || b.kind != TensorKind::input || c.kind != TensorKind::output)
    return refuse("two inputs and an output are needed");
  if (kernel.tensors.size() != 3) return refuse("there are more tensors than three");

  MatmulShape shape;
  const auto loop = [&](int l) -> const KernelLoop& { return kernel.loops[static_cast<std::size_t>(l)]; };
  shape.m = loop(m).extent;
  shape.n = loop(n).extent;
  shape.k = loop(k).extent;
  shape.bits = a.type.bits;
  shape.accumulator_bits = c.type.bits;
  shape.left = a.name;
  shape.right = b.name;
  shape.out = c.name;
  for (const auto& [name, factor] : kernel.directives.unroll) {
    if (name == loop(m).name)
      shape.rows = factor;
    else if (name == loop(n).name)
      shape.cols = factor;
    else if (factor != 1)
      return refuse("unrolling " + in_quotes(name) + ", the loop of the sum, is not carried out by this version");
  }
  if (kernel.directives.pipeline_ii && *kernel.directives.pipeline_ii != 1)
    return refuse("the array takes an iteration every step, so that \"pipeline\" can only have \"ii\": 1");
  return shape;
}

}  // namespace gnomon::hls
