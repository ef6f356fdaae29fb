#include <fmt/format.h>

#include "zoo/builder.hpp"

/// Transformers, written in the primitive operators that exporters give: products, softmax, normalisation, transposes.
namespace gnomon::workloads::zoo {
namespace {

constexpr std::int64_t size = 768, heads = 12, head_size = size / heads, inner = 4 * size;

/// The tensors a decoder appends to: keys and values of the tokens before, [batch, heads, past, head_size].
struct Cache {
  std::string keys, values;
};

/// [batch, tokens, 768] -> [batch, heads, tokens, head_size]
std::string split_heads(Builder& b, const std::string& name, const std::string& x, std::int64_t batch, std::int64_t tokens) {
  return b.transpose(name + ".heads", b.reshape(name + ".split", x, {batch, tokens, heads, head_size}), {0, 2, 1, 3});
}

/// softmax(q k^T / sqrt(head_size) + mask) v, with heads side by side again. `mask` may be empty.
std::string attend(Builder& b, const std::string& name, const std::string& q, const std::string& k, const std::string& v, const std::string& mask,
                   std::int64_t batch, std::int64_t tokens) {
  const std::string flipped = b.transpose(name + ".k_t", k, {0, 1, 3, 2});
  std::string scores = b.node("MatMul", name + ".scores", {q, flipped});
  scores = b.node("Mul", name + ".scale", {scores, b.scalar(name + ".scale.factor", 0.125f)});
  if (!mask.empty()) scores = b.node("Add", name + ".mask", {scores, mask});
  const std::string weights = b.node("Softmax", name + ".softmax", {scores}, {{"axis", whole(-1)}});
  const std::string mixed = b.node("MatMul", name + ".context", {weights, v});
  return b.reshape(name + ".merge", b.transpose(name + ".tokens", mixed, {0, 2, 1, 3}), {batch, tokens, size});
}

/// x / 2 (1 + erf(x / sqrt 2)) as exporters before opset 20 write it.
std::string gelu_erf(Builder& b, const std::string& name, const std::string& x) {
  std::string y = b.node("Div", name + ".div", {x, b.scalar(name + ".root2", 1.41421356f)});
  y = b.unary("Erf", name + ".erf", y);
  y = b.node("Add", name + ".add", {y, b.scalar(name + ".one", 1.0f)});
  y = b.node("Mul", name + ".mul", {x, y});
  return b.node("Mul", name + ".half", {y, b.scalar(name + ".half.factor", 0.5f)});
}

/// x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3)))
std::string gelu_tanh(Builder& b, const std::string& name, const std::string& x) {
  std::string y = b.node("Pow", name + ".cube", {x, b.scalar(name + ".three", 3.0f)});
  y = b.node("Mul", name + ".scale", {y, b.scalar(name + ".cubic", 0.044715f)});
  y = b.node("Add", name + ".sum", {x, y});
  y = b.node("Mul", name + ".mul", {y, b.scalar(name + ".root", 0.79788456f)});
  y = b.unary("Tanh", name + ".tanh", y);
  y = b.node("Add", name + ".add", {y, b.scalar(name + ".one", 1.0f)});
  y = b.node("Mul", name + ".product", {x, y});
  return b.node("Mul", name + ".half", {y, b.scalar(name + ".half.factor", 0.5f)});
}

/// The three projections as one product, as GPT-2 and ViT store them, then a split.
struct Projected {
  std::string q, k, v;
};
Projected project(Builder& b, const std::string& name, const std::string& x, std::int64_t batch, std::int64_t tokens) {
  const std::string qkv = b.linear(name + ".qkv", x, size, 3 * size);
  std::string parts[3];
  for (int i = 0; i < 3; ++i) {
    const std::string part = name + ".qkv." + std::string(1, "qkv"[i]);
    const std::string cut = b.node("Slice", part, {qkv, b.numbers(part + ".start", {i * size}), b.numbers(part + ".end", {(i + 1) * size}),
                                                   b.numbers(part + ".axis", {2})});
    parts[i] = split_heads(b, part, cut, batch, tokens);
  }
  return {parts[0], parts[1], parts[2]};
}

/// One pre-norm block of GPT-2: `tokens` new ones, against a cache where there is one.
std::string gpt2_block(Builder& b, const std::string& name, std::string x, const std::string& mask, const Cache* cache, std::int64_t batch,
                       std::int64_t tokens) {
  Projected p = project(b, name + ".attn", b.layer_norm(name + ".ln_1", x, size), batch, tokens);
  if (cache) {
    p.k = b.node("Concat", name + ".attn.keys", {cache->keys, p.k}, {{"axis", whole(2)}});
    p.v = b.node("Concat", name + ".attn.values", {cache->values, p.v}, {{"axis", whole(2)}});
    b.output(p.k);
    b.output(p.v);
  }
  const std::string mixed = attend(b, name + ".attn", p.q, p.k, p.v, mask, batch, tokens);
  x = b.node("Add", name + ".add_1", {x, b.linear(name + ".attn.proj", mixed, size, size)});
  std::string y = b.linear(name + ".mlp.fc", b.layer_norm(name + ".ln_2", x, size), size, inner);
  y = b.linear(name + ".mlp.proj", gelu_tanh(b, name + ".mlp.gelu", y), inner, size);
  return b.node("Add", name + ".add_2", {x, y});
}

/// GPT-2 small: `tokens` new ones after `past` cached ones; the table of words serves as the last layer too.
import::Model gpt2(const std::string& name, std::int64_t batch, std::int64_t tokens, std::int64_t past) {
  constexpr std::int64_t words = 50257, positions = 1024;
  Builder b(name);
  const std::string ids = b.input("input_ids", {batch, tokens}, DType::i64);
  const std::string table = b.weight("wte.weight", {words, size});
  std::string x = b.node("Gather", "wte", {table, ids}, {{"axis", whole(0)}});
  const std::string position_table = b.weight("wpe.weight", {positions, size});
  const std::string position_ids = b.input("position_ids", {batch, tokens}, DType::i64);
  x = b.node("Add", "embed", {x, b.node("Gather", "wpe", {position_table, position_ids}, {{"axis", whole(0)}})});
  // A single new token sees everything before it.
  const std::string mask = tokens > 1 ? b.input("mask", {1, 1, tokens, tokens + past}) : std::string();
  for (int layer = 0; layer < 12; ++layer) {
    const std::string block = fmt::format("h.{}", layer);
    Cache cache;
    if (past > 0) {
      cache.keys = b.input(block + ".past_keys", {batch, heads, past, head_size});
      cache.values = b.input(block + ".past_values", {batch, heads, past, head_size});
    }
    x = gpt2_block(b, block, x, mask, past > 0 ? &cache : nullptr, batch, tokens);
  }
  x = b.reshape("rows", b.layer_norm("ln_f", x, size), {batch * tokens, size});
  b.output(b.node("Gemm", "lm_head", {x, table}, {{"transB", whole(1)}}));
  return b.take();
}

}  // namespace

// Devlin, Chang, Lee and Toutanova, "BERT: Pre-training of Deep Bidirectional Transformers", arXiv:1810.04805; uncased vocabulary, with pooler.
import::Model bert_base(const Options& options) {
  Builder b("bert_base");
  const std::int64_t batch = options.batch, seq = options.seq;
  const auto embedding = [&](const std::string& name, const std::string& ids, std::int64_t rows) {
    const std::string table = b.weight(name + ".weight", {rows, size});
    return b.node("Gather", name, {table, ids}, {{"axis", whole(0)}});
  };
  std::string x = embedding("embeddings.word", b.input("input_ids", {batch, seq}, DType::i64), 30522);
  x = b.node("Add", "embeddings.add_1", {x, embedding("embeddings.position", b.input("position_ids", {batch, seq}, DType::i64), 512)});
  x = b.node("Add", "embeddings.add_2", {x, embedding("embeddings.token_type", b.input("token_type_ids", {batch, seq}, DType::i64), 2)});
  x = b.layer_norm("embeddings.norm", x, size);
  const std::string mask = b.input("attention_mask", {batch, 1, 1, seq});
  for (int layer = 0; layer < 12; ++layer) {
    const std::string name = fmt::format("encoder.{}", layer);
    const std::string q = split_heads(b, name + ".q", b.linear(name + ".query", x, size, size), batch, seq);
    const std::string k = split_heads(b, name + ".k", b.linear(name + ".key", x, size, size), batch, seq);
    const std::string v = split_heads(b, name + ".v", b.linear(name + ".value", x, size, size), batch, seq);
    const std::string mixed = attend(b, name + ".attention", q, k, v, mask, batch, seq);
    x = b.node("Add", name + ".add_1", {b.linear(name + ".attention.output", mixed, size, size), x});
    x = b.layer_norm(name + ".norm_1", x, size);
    const std::string y = gelu_erf(b, name + ".gelu", b.linear(name + ".intermediate", x, size, inner));
    x = b.node("Add", name + ".add_2", {b.linear(name + ".output", y, inner, size), x});
    x = b.layer_norm(name + ".norm_2", x, size);
  }
  b.output(x);
  const std::string first = b.node("Gather", "pooler.first", {x, b.numbers("pooler.index", {0})}, {{"axis", whole(1)}});
  const std::string row = b.reshape("pooler.row", first, {batch, size});
  b.output(b.unary("Tanh", "pooler.tanh", b.gemm("pooler", row, size, size)));
  return b.take();
}

// Radford et al., "Language Models are Unsupervised Multitask Learners", 2019 (the 124 M model).
import::Model gpt2_prefill(const Options& options) { return gpt2("gpt2_prefill", options.batch, options.seq, 0); }
import::Model gpt2_decode(const Options& options) { return gpt2("gpt2_decode", options.batch, 1, options.seq - 1); }

// Dosovitskiy et al., "An Image is Worth 16x16 Words", arXiv:2010.11929, table 1 (base, patches of 16).
import::Model vit_b16(const Options& options) {
  Builder b("vit_b16");
  const std::int64_t batch = options.batch, patches = 196, tokens = patches + 1;
  std::string x = b.conv("patches", b.input("input", {batch, 3, 224, 224}), 3, size, 16, {.stride = 16});
  x = b.transpose("patches.tokens", b.reshape("patches.flat", x, {batch, size, patches}), {0, 2, 1});
  const std::string token = b.node("Expand", "class_token", {b.weight("class_token.weight", {1, 1, size}), b.numbers("class_token.shape", {batch, 1, size})});
  x = b.node("Concat", "tokens", {token, x}, {{"axis", whole(1)}});
  x = b.node("Add", "positions", {x, b.weight("positions.weight", {1, tokens, size})});
  for (int layer = 0; layer < 12; ++layer) {
    const std::string name = fmt::format("encoder.{}", layer);
    const Projected p = project(b, name + ".attn", b.layer_norm(name + ".norm_1", x, size), batch, tokens);
    const std::string mixed = attend(b, name + ".attn", p.q, p.k, p.v, {}, batch, tokens);
    x = b.node("Add", name + ".add_1", {x, b.linear(name + ".attn.proj", mixed, size, size)});
    std::string y = b.linear(name + ".mlp.fc", b.layer_norm(name + ".norm_2", x, size), size, inner);
    y = b.linear(name + ".mlp.proj", gelu_erf(b, name + ".mlp.gelu", y), inner, size);
    x = b.node("Add", name + ".add_2", {x, y});
  }
  x = b.layer_norm("norm", x, size);
  const std::string first = b.node("Gather", "class", {x, b.numbers("class.index", {0})}, {{"axis", whole(1)}});
  b.output(b.gemm("head", b.reshape("class.row", first, {batch, size}), size, 1000));
  return b.take();
}

}  // namespace gnomon::workloads::zoo
