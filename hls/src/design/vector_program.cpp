#include <algorithm>

#include "design/array_program.hpp"
#include "design/parts.hpp"
#include "gnomon/base/text.hpp"

namespace gnomon::hls {
namespace {

constexpr std::int64_t slots = 2;
enum Kind { rectify = 0, addition = 1, largest = 2, mean = 3 };

std::int64_t up_to(std::int64_t quantity, std::int64_t chunk, std::int64_t chunks) {
  return quantity * chunk / chunks;  // both below 2^31
}

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((b - 1 - a) / b); }

/// Images to be pooled as they lie in the levels: in blocks of by x bx pixels, block after block and row of blocks after row of blocks, so that what a window
/// reads last comes soon; blocks of one pixel are plain rows.
struct Blocks {
  std::int64_t by = 1, bx = 1, w = 1;
  /// Of a pixel of a channel that begins at 0; rows and columns before the first one go on as the others do.
  std::int64_t at(std::int64_t y, std::int64_t x) const {
    const std::int64_t row = floor_div(y, by), column = floor_div(x, bx);
    return row * by * w + column * by * bx + (y - row * by) * bx + (x - column * bx);
  }
};

/// What each chunk of a pooling reads: words before `last` (in the order of the blocks), none before `first` after it has begun.
struct Reach {
  std::vector<std::int64_t> first, last;
};

Reach reach_of(const workloads::Pooling& p, const Blocks& blocks, const std::vector<std::int64_t>& ops_until, std::int64_t tail, std::int64_t h, std::int64_t oh, std::int64_t ow) {
  const std::int64_t taps = p.kernel[0] * p.kernel[1], per_output = taps + tail, plane = h * blocks.w;
  Reach out{std::vector<std::int64_t>(ops_until.size(), std::int64_t{1} << 60), std::vector<std::int64_t>(ops_until.size(), 0)};
  std::int64_t op = 0;
  for (std::size_t c = 0; c < ops_until.size(); ++c)
    for (; op < ops_until[c]; ++op) {
      const std::int64_t tap = op % per_output - tail, output = op / per_output;
      if (tap < 0) continue;
      const std::int64_t y = output / ow % oh * p.stride[0] - p.pad_begin[0] + tap / p.kernel[1] * p.dilation[0], x = output % ow * p.stride[1] - p.pad_begin[1] + tap % p.kernel[1] * p.dilation[1];
      if (y < 0 || y >= h || x < 0 || x >= blocks.w) continue;
      const std::int64_t at = output / (oh * ow) * plane + blocks.at(y, x);
      out.first[c] = std::min(out.first[c], at);
      out.last[c] = std::max(out.last[c], at + 1);
    }
  for (std::size_t c = ops_until.size(); c-- > 1;) out.first[c - 1] = std::min(out.first[c - 1], out.first[c]);
  return out;
}

/// The first of the operations from `begin` on that reads the word `limit` of plain rows or one behind it, or `end`.
std::int64_t first_beyond(const workloads::Pooling& p, std::int64_t begin, std::int64_t end, std::int64_t tail, std::int64_t h, std::int64_t w, std::int64_t oh, std::int64_t ow, std::int64_t limit) {
  const std::int64_t per_output = p.kernel[0] * p.kernel[1] + tail;
  for (std::int64_t op = begin; op < end; ++op) {
    const std::int64_t tap = op % per_output - tail, output = op / per_output;
    if (tap < 0) continue;
    const std::int64_t y = output / ow % oh * p.stride[0] - p.pad_begin[0] + tap / p.kernel[1] * p.dilation[0], x = output % ow * p.stride[1] - p.pad_begin[1] + tap % p.kernel[1] * p.dilation[1];
    if (y >= 0 && y < h && x >= 0 && x < w && output / (oh * ow) * h * w + y * w + x >= limit) return op;
  }
  return end;
}

/// A chunk's operations, or a part of them: those that find their words among what the chunk has brought, and those that wait for the first words of the next.
struct Part {
  std::int64_t chunk = 0, begin = 0, end = 0;  ///< operations
  std::int64_t ahead = 0;                      ///< words of the next chunk's inputs
};

/// Cycle in which vector work ends on an ideal memory, as docs/microarchitecture.md sections 6 and 7 have it: chunks whose operations and fills may be cut in parts.
struct ChunkTimes {
  std::int64_t latency = 0, in_rate = 1, out_rate = 1, lanes = 1, chunks = 1;
  std::vector<Part> parts;
  std::vector<std::int64_t> until, outputs;       ///< inputs and outputs up to the end of each chunk, in words
  std::int64_t end() const {
    std::vector<std::int64_t> filled(1, 0), ended(1, 0), written(1, 0);  // by fill's part, by chunk: when
    std::vector<std::size_t> fill_parts(1, 0);                           // parts of the fills of the chunks before
    std::int64_t link = 0, unit = 0, now = 0, part = 0, starts = 0;
    const auto words = [](const std::vector<std::int64_t>& ends, std::int64_t i) { return ends[static_cast<std::size_t>(i)] - (i > 0 ? ends[static_cast<std::size_t>(i) - 1] : 0); };
    const auto move = [&](std::int64_t amount, std::int64_t rate, std::int64_t may) {
      link = std::max(link, may) + (amount + rate - 1) / rate;
      return link + latency;
    };
    const auto fill = [&](std::int64_t i) {
      std::int64_t head = 0;
      for (const Part& p : parts)
        if (p.chunk == i - 1) head = std::max(head, p.ahead);
      const std::int64_t may = i < slots ? 0 : ended[static_cast<std::size_t>(i - slots + 1)];
      if (head > 0) filled.push_back(move(head, in_rate, may));
      if (words(until, i) > head) filled.push_back(move(words(until, i) - head, in_rate, may));
      fill_parts.push_back(filled.size() - 1);
    };
    for (std::int64_t i = 0; i < std::min(slots, chunks); ++i) fill(i);
    for (std::int64_t i = 0; i < chunks; ++i) {
      for (; part < static_cast<std::int64_t>(parts.size()) && parts[static_cast<std::size_t>(part)].chunk == i; ++part) {
        const Part& p = parts[static_cast<std::size_t>(part)];
        starts = std::max({unit, filled[fill_parts[static_cast<std::size_t>(i) + 1] + (p.ahead > 0 ? 1 : 0)], i < slots ? 0 : written[static_cast<std::size_t>(i - slots + 1)]});
        unit = starts + (p.end - p.begin + lanes - 1) / lanes;
      }
      ended.push_back(unit);
      written.push_back(move(words(outputs, i), out_rate, unit));
      now = std::max({now, unit, written.back()});
      if (i + slots < chunks) fill(i + slots);
    }
    return now;
  }
};

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
  for (const DesignShape::Level& level : shape.levels) words += level.shared ? 0 : level.words;
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
  if (work.out_elements == 0 || work.in_elements == 0) return refuse("no elements");

  std::int64_t taps = 1, per_output = 1, plane_in = 1;
  const workloads::Pooling* p = pooled ? &*op.pooling : nullptr;
  std::int64_t h = 1, w = 1, oh = 1, ow = 1;
  if (pooled) {
    const auto in = image_shape(graph.tensor(op.inputs[0])), out = image_shape(graph.tensor(op.outputs[0]));
    h = in[2], w = in[3], oh = out[2], ow = out[3];
    plane_in = h * w;
    taps = p->kernel[0] * p->kernel[1];
    per_output = taps + (kind == mean ? 1 : 0);
    if (h > 16000 || w > 16000 || taps > 30000 || p->pad_begin[0] > 16000 || p->pad_begin[1] > 16000) return refuse("a window or image of this size");
    for (std::size_t a = 0; a < 2; ++a)
      if ((p->kernel[a] - 1) * p->dilation[a] >= 16000) return refuse("a window of this size");
    if (is_dilated(*p) && !shape.spread) return refuse("a dilated window, and the RTL is for others");
    if (numbers.counted && most_counted(graph, op) >= std::int64_t{1} << shape.mean_log) return refuse("means over different numbers of elements, and the RTL is for others");
    for (std::size_t a = 0; a < 2; ++a)
      if (numbers.counted && std::max(h, w) + p->pad_end[a] + p->stride[a] > 32000) return refuse("a mean over a padding of this size");
  }
  if (work.ops != work.out_elements * per_output) return refuse(std::to_string(work.ops) + " operations for " + std::to_string(work.out_elements) + " outputs");
  const auto ops_until = [&](std::int64_t chunk) { return work.ops / chunks * chunk + up_to(work.ops % chunks, chunk, chunks); };

  // Inputs of a pooling go round in a ring: what the windows at a chunk's beginning read of the chunk before is kept until it ends.
  Blocks blocks{1, 1, w};
  Reach reach;
  std::vector<Part> parts;
  for (std::int64_t i = 0; i < chunks; ++i) parts.push_back({i, i == 0 ? 0 : ops_until(i), ops_until(i + 1), 0});
  const std::int64_t beat = state.beat(0);
  std::int64_t in_words = held * in_slot;
  if (pooled) {
    const auto look = [&] {
      std::vector<std::int64_t> until;
      for (const Part& part : parts) until.push_back(part.end);
      reach = reach_of(*p, blocks, until, per_output - taps, h, oh, ow);
    };
    const auto served = [&] {
      look();
      for (std::int64_t i = 0; i < chunks; ++i)
        if (reach.last[static_cast<std::size_t>(i)] > cut(work.in_elements, i + 1)) return false;
      return true;
    };
    bool fits = served();
    if (!fits && h % p->stride[0] == 0 && w % p->stride[1] == 0 && p->stride[0] <= 256 && p->stride[1] <= 256) {
      blocks.by = p->stride[0];
      blocks.bx = p->stride[1];
      fits = served();
    }
    if (!fits) {
      // What reaches further waits, at its chunk's end, for the first words of the next fill, which goes before the chunk's outputs on the link.
      if (shape.device) return refuse("its windows reach further than their chunk has brought, and a device's transfers are not cut");
      blocks = {1, 1, w};
      served();
      ChunkTimes times{state.design.memory.latency_cycles, beat, beat, shape.vector_lanes, chunks, parts, {}, {}};
      for (std::int64_t i = 0; i < chunks; ++i) {
        times.until.push_back(cut(work.in_elements, i + 1));
        times.outputs.push_back(cut(work.out_elements, i + 1));
      }
      const std::int64_t model_end = times.end();
      std::vector<Part> cut_parts;
      for (std::int64_t i = 0; i < chunks; ++i) {
        const std::int64_t brought = cut(work.in_elements, i + 1), last = reach.last[static_cast<std::size_t>(i)];
        if (last <= brought) {
          cut_parts.push_back(parts[static_cast<std::size_t>(i)]);
          continue;
        }
        if (last > cut(work.in_elements, i + 2)) return refuse("its windows reach over more than the next of its " + std::to_string(chunks) + " chunks");
        const auto [chunk, begin, end, none_ahead] = parts[static_cast<std::size_t>(i)];
        const std::int64_t alone = (first_beyond(*p, begin, end, per_output - taps, h, w, oh, ow, brought) - begin) / shape.vector_lanes * shape.vector_lanes;
        if (alone > 0) cut_parts.push_back({chunk, begin, begin + alone, 0});
        cut_parts.push_back({chunk, begin + alone, end, std::min((last - brought + beat - 1) / beat * beat, cut(work.in_elements, i + 2) - brought)});
      }
      times.parts = parts = cut_parts;
      if (const std::int64_t late = times.end() - model_end; late != 0)
        return refuse("its windows reach further than their chunk has brought, and waiting for the next of its " + std::to_string(chunks) + " chunks takes " + std::to_string(late) + " cycles more than the model says");
      look();
    }
    std::vector<std::int64_t> first(static_cast<std::size_t>(chunks), std::int64_t{1} << 60);  // by chunk
    for (std::size_t n = 0; n < parts.size(); ++n) first[static_cast<std::size_t>(parts[n].chunk)] = std::min(first[static_cast<std::size_t>(parts[n].chunk)], reach.first[n]);
    in_words = cut(work.in_elements, 1);
    for (std::int64_t i = 0; i < chunks; ++i)
      in_words = std::max(in_words, cut(work.in_elements, std::min(i + 2, chunks)) - std::min(first[static_cast<std::size_t>(i)], cut(work.in_elements, i)));
  }
  if (in_words + held * out_slot > words) return refuse("its chunks do not fit the levels");

  const Progress begin = state.now;
  struct Ordered {
    std::array<std::int64_t, 3> key;
    TransferWords words;
  };
  std::vector<Ordered> all;
  const auto in_at = [&](std::int64_t i) { return pooled ? cut(work.in_elements, i) % in_words : i % held * in_slot; };
  const auto out_at = [&](std::int64_t i) { return in_words + i % held * out_slot; };
  const auto in_device = [&](TransferWords& t, std::uint64_t base, std::int64_t whole_bytes, std::int64_t i) {
    if (!shape.device) return;
    const std::int64_t from = up_to(whole_bytes, i, chunks);
    t.bytes = up_to(whole_bytes, i + 1, chunks) - from;
    t.bytes_per_cycle = state.bytes_per_cycle(0);
    t.runs = {{base + static_cast<std::uint64_t>(from), t.bytes}};
  };
  // Fills of the chunks, in one or two transfers each, and how many transfers and parts of chunks come before each chunk.
  std::vector<std::int64_t> heads(static_cast<std::size_t>(chunks) + 1, 0), fills_before(1, 0), parts_before(static_cast<std::size_t>(chunks) + 1, 0);
  for (const Part& part : parts) {
    heads[static_cast<std::size_t>(part.chunk) + 1] = part.ahead;
    ++parts_before[static_cast<std::size_t>(part.chunk) + 1];
  }
  for (std::int64_t i = 0; i < chunks; ++i) {
    const std::size_t c = static_cast<std::size_t>(i);
    parts_before[c + 1] += parts_before[c];
    const std::int64_t head = heads[c], in = cut(work.in_elements, i + 1) - cut(work.in_elements, i);
    fills_before.push_back(fills_before.back() + (head > 0 && head < in ? 2 : 1));
  }
  const auto fill_words = [&](std::int64_t i, std::int64_t in0, std::int64_t in1, std::int64_t place_in_chunk) {
    TransferWords fill;
    fill.cls = first_fill_class;
    fill.beat = beat;
    fill.words = in1 - in0;
    fill.lvl = pooled ? in0 % in_words : in_at(i) + place_in_chunk;
    fill.need = begin;
    fill.need[0] += parts_before[static_cast<std::size_t>(std::max<std::int64_t>(0, i - slots + 1))];
    if (kind == addition) {  // a word of the one, a word of the other
      fill.mem = place.first + in0 / 2 + (in0 % 2 != 0 ? place.second - place.first : 0);
      fill.start[0] = in0 % 2;
      fill.loops = {{2, place.second - place.first}, {(in1 - in0) / 2 + 2, 1}};
    } else if (pooled && blocks.by * blocks.bx > 1) {
      const std::int64_t block = blocks.by * blocks.bx, row = blocks.by * w;
      fill.start = {in0 % blocks.bx, in0 % block / blocks.bx, in0 % row / block};
      fill.mem = place.first + in0 / row * row + fill.start[0] + fill.start[1] * w + fill.start[2] * blocks.bx;
      fill.loops = {{blocks.bx, 1}, {blocks.by, w}, {w / blocks.bx, blocks.bx}, {work.in_elements / row, row}};
    } else {
      fill.mem = place.first + in0;
      fill.loops = {{in1 - in0, 1}};
    }
    if (pooled) fill.ring = in_words;
    in_device(fill, place.device.operand[0], in_bytes, i);
    return fill;
  };
  for (std::int64_t i = 0; i < chunks; ++i) {
    const std::int64_t in0 = cut(work.in_elements, i), in1 = cut(work.in_elements, i + 1), head = heads[static_cast<std::size_t>(i)];
    const std::int64_t out0 = cut(work.out_elements, i), out1 = cut(work.out_elements, i + 1);
    if (in1 == in0 || out1 == out0) return refuse("chunks without inputs or outputs");
    const std::int64_t trigger = std::max<std::int64_t>(i - slots, -1);
    const bool two = head > 0 && head < in1 - in0;
    all.push_back({{trigger, 1, 2 * i}, fill_words(i, in0, two ? in0 + head : in1, 0)});
    if (two) all.push_back({{trigger, 1, 2 * i + 1}, fill_words(i, in0 + head, in1, head)});
    TransferWords back;
    back.write = true;
    back.cls = write_back_class;
    back.beat = beat;
    back.words = out1 - out0;
    back.mem = place.out + out0;
    back.lvl = out_at(i);
    back.loops = {{out1 - out0, 1}};
    in_device(back, place.device.operand[arch::operand_count - 1], out_bytes, i);
    back.need = begin;
    back.need[0] += parts_before[static_cast<std::size_t>(i) + 1];
    all.push_back({{i, 0, 2 * i}, back});
  }
  std::int64_t rounds = 0;  // of the ring, before the first word that the part reads
  for (std::size_t n = 0; n < parts.size(); ++n) {
    const Part& part = parts[n];
    const std::int64_t i = part.chunk;
    const std::int64_t in0 = cut(work.in_elements, i), in1 = cut(work.in_elements, i + 1), out0 = cut(work.out_elements, i);
    DescriptorWriter& d = state.chunk;
    d.begin();
    d.set("kind", kind);
    d.set("ops", part.end - part.begin);
    d.set("out", out_at(i) + (part.begin / per_output - ops_until(i) / per_output));
    d.set("in_words", in1 - in0);
    d.set("carry", kind == addition && in0 > 2 * out0 ? 1 : 0);  // half a pair came with the chunk before
    d.set("shift", numbers.shift);
    d.set("mult", numbers.factor);
    d.set("taps", taps);
    d.set("tail", per_output - taps);
    d.set("in", in_at(i));
    if (pooled) {
      const std::int64_t block = blocks.by * blocks.bx, next = p->stride[1] / blocks.bx * block, down = p->stride[0] / blocks.by * blocks.by * w;
      const std::int64_t before = rounds;
      rounds = std::max(rounds, std::min(reach.first[n], in0) / in_words);
      d.set("in", n == 0 ? blocks.at(-p->pad_begin[0], -p->pad_begin[1]) : (before - rounds) * in_words);
      d.set("resume", n == 0 ? 0 : 1);
      d.set("ring", in_words);
      d.set("px", -p->pad_begin[1] - floor_div(-p->pad_begin[1], blocks.bx) * blocks.bx);
      d.set("py", -p->pad_begin[0] - floor_div(-p->pad_begin[0], blocks.by) * blocks.by);
      // From a tap to the next: so many whole blocks, and so many places in the block, from some of them on into one block more.
      const std::int64_t dy = p->kernel[0] > 1 ? p->dilation[0] : 1, dx = p->kernel[1] > 1 ? p->dilation[1] : 1, band = blocks.by * w;
      if (shape.spread) {
        const std::int64_t y_on = dy % blocks.by, x_on = dx % blocks.bx;
        d.set("dy", dy);
        d.set("dx", dx);
        d.set("y_on", y_on);
        d.set("x_on", x_on);
        d.set("y_back", blocks.by - y_on);
        d.set("x_back", blocks.bx - x_on);
        d.set("by", blocks.by - 1 - y_on);
        d.set("bx", blocks.bx - 1 - x_on);
        d.set("x_step", dx / blocks.bx * block + x_on);
        d.set("x_jump", (dx / blocks.bx + 1) * block + x_on - blocks.bx);
        d.set("y_step", dy / blocks.by * band + y_on * blocks.bx);
        d.set("y_jump", (dy / blocks.by + 1) * band + (y_on - blocks.by) * blocks.bx);
      } else {
        d.set("bx", blocks.bx - 1);
        d.set("by", blocks.by - 1);
        d.set("x_step", 1);
        d.set("x_jump", block - blocks.bx + 1);
        d.set("y_step", blocks.bx);
        d.set("y_jump", band - (blocks.by - 1) * blocks.bx);
      }
      if (shape.mean_log > 0) {
        d.set("counted", numbers.counted ? 1 : 0);
        d.set("pads", p->count_include_pad ? 1 : 0);
        d.set("nh", h + (p->count_include_pad ? p->pad_end[0] : 0));
        d.set("nw", w + (p->count_include_pad ? p->pad_end[1] : 0));
      }
      d.set("win_step", next);
      d.set("row_step", down - (ow - 1) * next);
      d.set("plane_step", plane_in - (oh - 1) * down - (ow - 1) * next);
      d.set("kw", (p->kernel[1] - 1) * dx + 1);
      d.set("sy", p->stride[0]);
      d.set("sx", p->stride[1]);
      d.set("y0", -p->pad_begin[0]);
      d.set("x0", -p->pad_begin[1]);
      d.set("h", h);
      d.set("w", w);
      d.set("oh", oh);
      d.set("ow", ow);
    }
    Progress need = begin;
    need[1 + first_fill_class] += fills_before[static_cast<std::size_t>(i) + 1] + (part.ahead > 0 ? 1 : 0);
    need[1 + write_back_class] += std::max<std::int64_t>(0, i - slots + 1);
    state.set_needs(d, "", need);
  }
  std::sort(all.begin(), all.end(), [](const Ordered& a, const Ordered& b) { return a.key < b.key; });
  for (const Ordered& one : all)
    if (auto ok = state.add(one.words); !ok) return ok;
  state.now[0] += static_cast<std::int64_t>(parts.size());
  return {};
}

}  // namespace gnomon::hls
