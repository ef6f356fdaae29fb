#include <algorithm>
#include <fmt/format.h>
#include <set>

#include "import/call.hpp"
#include "import/vector_cost.hpp"

namespace gnomon::workloads::import {
namespace {

/// [..., m, k] x [..., k, n] by the rules of NumPy's matmul.
void matmul(Call& call, std::size_t left, std::size_t right, std::vector<std::size_t> operands, DType out_type) {
  Shape a = call.shape(left), b = call.shape(right);
  if (a.empty() || b.empty()) wrong("a scalar has no matrix product");
  const bool row = a.size() == 1, column = b.size() == 1;
  if (row) a.insert(a.begin(), 1);
  if (column) b.push_back(1);
  const std::int64_t m = a[a.size() - 2], k = a.back(), n = b.back();
  if (k != b[b.size() - 2]) {
    wrong(fmt::format("{} x {}: inner sizes {} and {} differ", shape_text(call.shape(left)), shape_text(call.shape(right)), k, b[b.size() - 2]));
  }
  const Shape batch_a(a.begin(), a.end() - 2), batch_b(b.begin(), b.end() - 2);
  const Shape batch = broadcast(batch_a, batch_b);
  Shape out = batch;
  if (!row) out.push_back(m);
  if (!column) out.push_back(n);
  call.out(0, out, out_type);
  Matmul product;
  product.n = n;
  product.k = k;
  if (elements(batch_b) == 1) {
    product.m = times(m, elements(batch));
  } else {
    product.m = m;
    product.batch = elements(batch);
  }
  call.op.op_class = OpClass::matmul;
  call.op.matmul = product;
  call.operands = std::move(operands);
}

void gemm(Call& call) {
  const Shape& a = call.shape(0);
  const Shape& b = call.shape(1);
  // Before opset 7 inputs were flattened to matrices by some exporters; the standard never allowed it.
  if (a.size() != 2 || b.size() != 2) wrong(fmt::format("{} x {}: two matrices are needed", shape_text(a), shape_text(b)));
  const bool flip_a = call.whole("transA", 0) != 0, flip_b = call.whole("transB", 0) != 0;
  Matmul product;
  product.m = a[flip_a ? 1 : 0];
  product.k = a[flip_a ? 0 : 1];
  product.n = b[flip_b ? 0 : 1];
  if (product.k != b[flip_b ? 1 : 0]) wrong(fmt::format("{} x {}: inner sizes {} and {} differ", shape_text(a), shape_text(b), product.k, b[flip_b ? 1 : 0]));
  const Shape out{product.m, product.n};
  if (call.has(2) && broadcast(call.shape(2), out) != out) wrong(fmt::format("bias {} does not broadcast to {}", shape_text(call.shape(2)), shape_text(out)));
  call.out(0, out);
  call.op.op_class = OpClass::matmul;
  call.op.matmul = product;
}

/// Labels of one operand or of the result, as in `bhqd,bhkd->bhqk`.
struct Equation {
  std::vector<std::string> in;
  std::string out;
};

Equation equation_of(const std::string& text) {
  std::string plain;
  for (const char c : text) {
    if (c != ' ') plain += c;
  }
  if (plain.find('.') != std::string::npos) refuse("an ellipsis in an Einsum equation");
  Equation equation;
  const std::size_t arrow = plain.find("->");
  std::string left = plain.substr(0, arrow);
  std::size_t start = 0;
  while (true) {
    const std::size_t comma = left.find(',', start);
    equation.in.push_back(left.substr(start, comma == std::string::npos ? comma : comma - start));
    if (comma == std::string::npos) break;
    start = comma + 1;
  }
  if (arrow != std::string::npos) {
    equation.out = plain.substr(arrow + 2);
  } else {  // labels that occur once, in alphabetical order
    std::map<char, int> count;
    for (const auto& labels : equation.in) {
      for (const char c : labels) ++count[c];
    }
    for (const auto& [label, n] : count) {
      if (n == 1) equation.out += label;
    }
  }
  return equation;
}

/// One operand: a permutation or a sum. Two: a product in which every label is of the batch, of one side, or summed.
void einsum(Call& call) {
  const Equation equation = equation_of(call.text("equation", ""));
  if (equation.in.size() != call.input_count()) wrong(fmt::format("its equation names {} operands, the node has {}", equation.in.size(), call.input_count()));
  std::map<char, std::int64_t> size;
  for (std::size_t i = 0; i < equation.in.size(); ++i) {
    const std::string& labels = equation.in[i];
    if (labels.size() != call.rank(i)) wrong(fmt::format("labels \"{}\" do not fit shape {}", labels, shape_text(call.shape(i))));
    if (std::set<char>(labels.begin(), labels.end()).size() != labels.size()) refuse("an Einsum equation that takes a diagonal");
    for (std::size_t axis = 0; axis < labels.size(); ++axis) {
      const std::int64_t length = call.shape(i)[axis];
      const auto [at, added] = size.emplace(labels[axis], length);
      if (!added && at->second != length) {
        if (at->second == 1 || length == 1) refuse("an Einsum equation that broadcasts a dimension of 1");
        wrong(fmt::format("label {} has sizes {} and {}", labels[axis], at->second, length));
      }
    }
  }
  Shape out;
  for (const char label : equation.out) {
    if (!size.count(label)) wrong(fmt::format("label {} of the result is in no operand", label));
    out.push_back(size[label]);
  }
  call.out(0, out);
  if (equation.in.size() == 1) {
    if (equation.in[0].size() == equation.out.size()) {
      call.op.op_class = OpClass::movement;
    } else {
      call.op.op_class = OpClass::reduction;
      call.vector_work(elements(call.shape(0)), 1);
    }
    return;
  }
  if (equation.in.size() != 2) refuse(fmt::format("an Einsum of {} operands; 1 and 2 have a model", equation.in.size()));
  Matmul product;
  const auto inside = [](const std::string& labels, char label) { return labels.find(label) != std::string::npos; };
  bool sums = false;
  for (const auto& [label, length] : size) {
    const bool a = inside(equation.in[0], label), b = inside(equation.in[1], label), kept = inside(equation.out, label);
    if (a && b && kept) product.batch = times(product.batch, length);
    else if (a && b) product.k = times(product.k, length), sums = true;
    else if (a && kept) product.m = times(product.m, length);
    else if (b && kept) product.n = times(product.n, length);
    else refuse("an Einsum equation that sums a dimension of one operand alone");
  }
  if (!sums) {
    call.op.op_class = OpClass::elementwise;
    call.vector_work(elements(out), 1);
    return;
  }
  call.op.op_class = OpClass::matmul;
  call.op.matmul = product;
}

/// Attention of opset 23: Q, K, V as [batch, heads, tokens, size] or [batch, tokens, heads x size], mask, past key, past value.
void attention(Call& call) {
  const Shape &q = call.shape(0), &k = call.shape(1), &v = call.shape(2);
  const auto problem = [&] { wrong(fmt::format("query {}, key {} and value {} do not match", shape_text(q), shape_text(k), shape_text(v))); };
  if (q.size() != k.size() || q.size() != v.size() || (q.size() != 3 && q.size() != 4)) problem();
  Attention a;
  std::int64_t value_dim = 0, fresh = 0;
  a.batch = q[0];
  if (q.size() == 4) {
    a.heads = q[1];
    a.kv_heads = k[1];
    a.queries = q[2];
    fresh = k[2];
    a.head_dim = q[3];
    value_dim = v[3];
    if (k[0] != q[0] || v[0] != q[0] || v[1] != k[1] || v[2] != k[2] || k[3] != q[3]) problem();
  } else {
    a.heads = call.whole("q_num_heads", 0);
    a.kv_heads = call.whole("kv_num_heads", 0);
    if (a.heads < 1 || a.kv_heads < 1) wrong("q_num_heads and kv_num_heads are needed with 3-dimensional inputs");
    a.queries = q[1];
    fresh = k[1];
    if (q[2] % a.heads || k[2] % a.kv_heads || v[2] % a.kv_heads) problem();
    a.head_dim = q[2] / a.heads;
    value_dim = v[2] / a.kv_heads;
    if (k[0] != q[0] || v[0] != q[0] || v[1] != k[1] || k[2] / a.kv_heads != a.head_dim) problem();
  }
  if (a.heads < 1 || a.kv_heads < 1 || a.head_dim < 1) problem();
  if (a.heads % a.kv_heads) wrong(fmt::format("{} query heads are not a multiple of {} key and value heads", a.heads, a.kv_heads));
  if (value_dim != a.head_dim) refuse(fmt::format("values of size {} with keys of size {}", value_dim, a.head_dim));
  a.keys = fresh;
  if (call.has(4)) {
    if (call.rank(4) != 4) problem();
    a.keys = plus(call.shape(4)[2], fresh);
  }
  a.causal = call.whole("is_causal", 0) != 0;
  Shape out = q;
  call.out(0, out);
  const Shape cache{a.batch, a.kv_heads, a.keys, a.head_dim};
  call.out(1, cache, k.empty() ? DType::f32 : call.in(1).dtype);
  call.out(2, cache, call.in(2).dtype);
  const Shape scores{a.batch, a.heads, a.queries, a.keys};
  call.out(3, scores);
  call.op.op_class = OpClass::attention;
  call.op.attention = a;
  call.vector_work(elements(scores), attention_score_cost(call.has(3) || a.causal));
}

}  // namespace

void add_matmul(HandlerTable& table) {
  table["MatMul"] = [](Call& call) { matmul(call, 0, 1, {0, 1}, call.in(0).dtype); };
  table["MatMulInteger"] = [](Call& call) { matmul(call, 0, 1, {0, 1}, DType::i32); };
  table["QLinearMatMul"] = [](Call& call) { matmul(call, 0, 3, {0, 3}, call.in(7).dtype); };
  table["Gemm"] = gemm;
  table["Einsum"] = einsum;
  table["Attention"] = attention;
}

}  // namespace gnomon::workloads::import
