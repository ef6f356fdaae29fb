#include <algorithm>

#include "design/array_program.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

constexpr std::int64_t slots = 2;
enum Kind { rectify = 0, addition = 1, largest = 2, mean = 3 };

std::int64_t up_to(std::int64_t quantity, std::int64_t chunk, std::int64_t chunks) {
  return quantity * chunk / chunks;  // both below 2^31
}

}  // namespace

Expected<void> compile_vector_step(ProgramState& state, const workloads::Graph& graph, const workloads::Operator& op, const OperatorNumbers& numbers,
                                   const arch::VectorWork& work, const VectorPlace& place) {
  const auto refuse = [&](const std::string& what) {
    return fail(ErrorKind::unsupported, "complete RTL of operator " + in_quotes(op.name) + " (" + op.type + "): " + what);
  };
  const DesignShape& shape = state.shape;
  const int bits = shape.array.precision_bits;
  const std::int64_t in_bytes = arch::packed_bytes(work.in_elements, bits), out_bytes = arch::packed_bytes(work.out_elements, bits);
  std::int64_t bytes = 0, words = 0;
  for (const arch::Level& level : state.design.cores[0].levels) bytes += level.bytes;
  for (const DesignShape::Level& level : shape.levels) words += level.words;
  const std::int64_t chunks = std::max<std::int64_t>(1, (2 * (in_bytes + out_bytes) + bytes - 1) / bytes);
  if (chunks > 1'000'000) return refuse("more than 1000000 chunks");
  if (bits % 8 != 0 && chunks > 1) return refuse("chunks that end inside a byte");
  const std::int64_t word_bytes = std::max(1, bits / 8);  // chunks are cut between bytes; here they must be cut between words too
  const bool pooled = op.op_class == workloads::OpClass::pooling;
  const Kind kind = pooled ? (numbers.factor > 1 || numbers.shift > 0 ? mean : largest) : op.type == "Add" ? addition : rectify;

  const auto cut = [&](std::int64_t quantity, std::int64_t chunk) { return chunks == 1 ? (chunk == 0 ? 0 : quantity) : up_to(quantity * word_bytes, chunk, chunks) / word_bytes; };
  const auto whole = [&](std::int64_t quantity, std::int64_t chunk) { return chunks == 1 || up_to(quantity * word_bytes, chunk, chunks) % word_bytes == 0; };
  std::int64_t in_slot = 0, out_slot = 0;
  for (std::int64_t i = 0; i < chunks; ++i) {
    if (!whole(work.in_elements, i) || !whole(work.out_elements, i)) return refuse("chunks that end inside a word");
    in_slot = std::max(in_slot, cut(work.in_elements, i + 1) - cut(work.in_elements, i));
    out_slot = std::max(out_slot, cut(work.out_elements, i + 1) - cut(work.out_elements, i));
  }
  const std::int64_t held = chunks == 1 ? 1 : slots;
  if (held * (in_slot + out_slot) > words) return refuse("its chunks do not fit the levels");
  if (work.out_elements == 0 || work.in_elements == 0) return refuse("no elements");

  std::int64_t taps = 1, per_output = 1, plane_in = 1, plane_out = 1;
  const workloads::Pooling* p = pooled ? &*op.pooling : nullptr;
  std::int64_t h = 1, w = 1, oh = 1, ow = 1;
  if (pooled) {
    const auto &in = graph.tensor(op.inputs[0]).shape, &out = graph.tensor(op.outputs[0]).shape;
    h = in[2], w = in[3], oh = out[2], ow = out[3];
    plane_in = h * w;
    plane_out = oh * ow;
    taps = p->kernel[0] * p->kernel[1];
    per_output = taps + (kind == mean ? 1 : 0);
    if (h > 16000 || w > 16000 || taps > 30000 || p->pad_begin[0] > 16000 || p->pad_begin[1] > 16000) return refuse("a window or image of this size");
    for (std::int64_t i = 0; i < chunks; ++i)
      if (cut(work.in_elements, i) % plane_in != 0 || cut(work.out_elements, i) % plane_out != 0)
        return refuse("twice its tensors do not fit the core's levels, and its " + std::to_string(chunks) + " chunks do not end with a channel");
  }
  if (work.ops != work.out_elements * per_output) return refuse(std::to_string(work.ops) + " operations for " + std::to_string(work.out_elements) + " outputs");

  const Progress begin = state.now;
  struct Ordered {
    std::array<std::int64_t, 3> key;
    TransferWords words;
  };
  std::vector<Ordered> all;
  const auto in_at = [&](std::int64_t i) { return i % held * in_slot; };
  const auto out_at = [&](std::int64_t i) { return held * in_slot + i % held * out_slot; };
  for (std::int64_t i = 0; i < chunks; ++i) {
    const std::int64_t in0 = cut(work.in_elements, i), in1 = cut(work.in_elements, i + 1);
    const std::int64_t out0 = cut(work.out_elements, i), out1 = cut(work.out_elements, i + 1);
    if (in1 == in0 || out1 == out0) return refuse("chunks without inputs or outputs");
    TransferWords fill;
    fill.cls = first_fill_class;
    fill.beat = state.beat(0);
    fill.words = in1 - in0;
    fill.lvl = in_at(i);
    fill.need = begin;
    fill.need[0] += std::max<std::int64_t>(0, i - slots + 1);
    if (kind == addition) {  // a word of the one, a word of the other
      fill.mem = place.first + in0 / 2 + (in0 % 2 != 0 ? place.second - place.first : 0);
      fill.first = in0 % 2;
      fill.loops = {{2, place.second - place.first}, {(in1 - in0) / 2 + 2, 1}};
    } else {
      fill.mem = place.first + in0;
      fill.loops = {{in1 - in0, 1}};
    }
    all.push_back({{std::max<std::int64_t>(i - slots, -1), 1, i}, fill});
    TransferWords back;
    back.write = true;
    back.cls = write_back_class;
    back.beat = state.beat(0);
    back.words = out1 - out0;
    back.mem = place.out + out0;
    back.lvl = out_at(i);
    back.loops = {{out1 - out0, 1}};
    back.need = begin;
    back.need[0] += i + 1;
    all.push_back({{i, 0, i}, back});

    DescriptorWriter& d = state.chunk;
    d.begin();
    d.set("kind", kind);
    d.set("ops", (out1 - out0) * per_output);
    d.set("out", out_at(i));
    d.set("in_words", in1 - in0);
    d.set("carry", kind == addition && in0 > 2 * out0 ? 1 : 0);  // half a pair came with the chunk before
    d.set("shift", numbers.shift);
    d.set("mult", numbers.factor);
    d.set("taps", taps);
    d.set("tail", per_output - taps);
    d.set("in", in_at(i) - (pooled ? p->pad_begin[0] * w : 0));
    if (pooled) {
      d.set("kw", p->kernel[1]);
      d.set("sy", p->stride[0]);
      d.set("sx", p->stride[1]);
      d.set("y0", -p->pad_begin[0]);
      d.set("x0", -p->pad_begin[1]);
      d.set("h", h);
      d.set("w", w);
      d.set("oh", oh);
      d.set("ow", ow);
      d.set("line", w);
      d.set("row_step", p->stride[0] * w);
      d.set("plane_step", plane_in - (oh - 1) * p->stride[0] * w);
    }
    d.set("need_e", begin[0]);
    Progress need = begin;
    need[1 + first_fill_class] += i + 1;
    need[1 + write_back_class] += std::max<std::int64_t>(0, i - slots + 1);
    for (int c = 0; c < transfer_classes; ++c) d.set("need" + std::to_string(c), need[static_cast<std::size_t>(c) + 1]);
  }
  std::sort(all.begin(), all.end(), [](const Ordered& a, const Ordered& b) { return a.key < b.key; });
  for (const Ordered& one : all)
    if (auto ok = state.add(one.words); !ok) return ok;
  state.now[0] += chunks;
  return {};
}

}  // namespace gnomon::hls
