#include "layers/emitter.hpp"

#include <algorithm>
#include <bit>

#include "emit/text.hpp"
#include "layers/memory_text.hpp"

namespace gnomon::hls {
namespace {

std::string n(std::int64_t v) { return std::to_string(v); }

}  // namespace

int tree_levels(std::int64_t terms) { return terms <= 1 ? 0 : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(terms - 1))); }

BuiltNetwork NetworkEmitter::run() {
  BuiltNetwork out;
  const LayerShape& first = shapes_.front();
  const NumberType& in = first.types.in;
  const std::int64_t pixels = net_.height * net_.width;
  out.in_bits = in.bits;
  out.in_elements = net_.channels;
  out.in_beats = pixels;
  const auto all_heard = heard();
  for (std::int64_t i = 0; i < first.in_channels; ++i) {
    if (!all_heard[0][static_cast<std::size_t>(i)]) {
      data_.push_back(b_.constant(stored(in), 0));
      continue;
    }
    const std::string name = "x" + n(i);
    if (b_.text()) b_.declarations += "  wire [" + n(in.bits - 1) + ":0] " + name + " = in_data[" + n((i + 1) * in.bits - 1) + ":" + n(i * in.bits) + "];\n";
    data_.push_back(b_.element(name, stored(in)));
  }
  for (std::size_t l = 0; l < net_.layers.size(); ++l) {
    layer_ = l;
    heard_ = all_heard[l + 1];
    if (l > 0 && net_.io == "io_stream") register_stage();
    const std::string& type = net_.layers[l].type;
    if (type == "flatten") flatten(shapes_[l]);
    else if (type == "max_pool") pool(shapes_[l]);
    else {
      if (type != "dense") window(shapes_[l], false);
      if (shapes_[l].reuse_factor == 1) parallel(shapes_[l]);
      else shared(shapes_[l]);
      if (net_.layers[l].activation == "softmax") softmax(shapes_[l].types);
    }
  }
  const LayerShape& last = shapes_.back();
  out.out_elements = last.channels;
  out.out_beats = last.height * last.width;
  out.out_bits = b_.word(data_[0]).bits;
  out.out_signed = b_.word(data_[0]).is_signed;
  out.stages = stages_;
  if (b_.text()) out.rtl = finish(out);
  out.counts = std::move(b_.counts);
  return out;
}

std::vector<std::vector<char>> NetworkEmitter::heard() const {
  std::vector<std::vector<char>> out;
  out.emplace_back(static_cast<std::size_t>(net_.channels), 1);
  for (const LayerShape& s : shapes_) out.emplace_back(static_cast<std::size_t>(s.channels), 1);
  // Drawn weights leave nothing out.
  if (std::none_of(net_.layers.begin(), net_.layers.end(), [](const Layer& layer) { return layer.weights.has_value(); })) return out;
  for (std::size_t l = net_.layers.size(); l-- > 0;) {
    const LayerShape& s = shapes_[l];
    const std::vector<char>& y = out[l + 1];
    std::vector<char>& x = out[l];
    std::fill(x.begin(), x.end(), 0);
    const std::size_t outputs = y.size(), inputs = x.size();
    if (s.n_in == 0) {
      for (std::size_t j = 0; j < outputs; ++j) x[j % inputs] |= y[j];
      continue;
    }
    const LayerWeights w = layer_weights(net_, l, s);
    for (std::size_t i = 0; i < w.weights.size() / outputs; ++i)
      for (std::size_t j = 0; j < outputs && !x[i % inputs]; ++j) x[i % inputs] |= y[j] && w.weights[i * outputs + j] != 0;
    if (net_.layers[l].residual)
      for (std::size_t j = 0; j < outputs; ++j) x[j] |= y[j];
  }
  return out;
}

void NetworkEmitter::begin(BlockKind kind, std::array<std::int64_t, 5> p, const std::string& name) {
  prefix_ = "s" + n(static_cast<std::int64_t>(stages_.size())) + "_";
  stages_.push_back({kind, p, name});
  b_.begin_layer(prefix_);
  if (!b_.text()) return;
  handshakes_ += "  logic " + prefix_ + "in_valid, " + prefix_ + "in_ready, " + prefix_ + "out_valid, " + prefix_ + "out_ready;\n";
  if (kind == BlockKind::pipe || kind == BlockKind::core) handshakes_ += "  logic " + prefix_ + "en;\n";
}

/// The stage's parameters are known once its words are.
void NetworkEmitter::end(std::array<std::int64_t, 5> p) {
  Stage& s = stages_.back();
  s.p = p;
  // Stages of a pipeline, and of what follows a core's steps, are a register each: all are counted from the block with one.
  if (s.kind == BlockKind::pipe) {
    b_.block(s.kind, {1});
    b_.counts.ff += p[0] - 1;
    b_.counts.reset_ff += p[0] - 1;
  } else if (s.kind == BlockKind::core) {
    b_.block(s.kind, {p[0], p[1], 0, 0});
    b_.counts.ff += p[2] * (p[1] > 1 ? 3 : 2) + p[3];
    b_.counts.reset_ff += p[2] * (p[1] > 1 ? 3 : 2) + p[3];
  } else {
    b_.block(s.kind, {p[0], p[1], p[2], p[3], p[4]});
  }
  if (b_.text()) {
    if (s.kind == BlockKind::pipe) control_ += pipe_text(prefix_, p[0]);
    if (s.kind == BlockKind::core) control_ += core_text(prefix_, p[0], p[1], p[2], p[3]);
    if (s.kind == BlockKind::window) control_ += window_text(prefix_, p[0], p[1], p[2], p[3], p[4]);
    if (s.kind == BlockKind::gather) control_ += gather_text(prefix_, p[0]);
  }
  b_.end_layer();
}

void NetworkEmitter::register_stage() {
  begin(BlockKind::pipe, {}, "the stream register before " + layer_name());
  for (int& w : data_) w = b_.pass(w);
  end({1});
}

/// relu: a word; tables: of the upper bits, a copy for each word.
int NetworkEmitter::activate(int w, const std::string& activation, const LayerTypes& t) {
  if (activation == "relu") {
    const int bits = t.result.bits;
    b_.block(BlockKind::relu, {bits});
    const std::string& name = b_.word(w).name;
    return b_.custom({false, bits - 1}, name + "[" + n(bits - 2) + ":0] & {" + n(bits - 1) + "{~" + name + "[" + n(bits - 1) + "]}}");
  }
  const int k = table_index_bits(activation, t.result.bits);
  return table_word(w, k, stored(t.activated), [&](std::int64_t i) { return table_value(activation, t.result, t.activated, i); }, table_logic_block(activation, t.result, t.activated), activation == "tanh" ? "f0" : "f1");
}

template <class Value>
int NetworkEmitter::table_word(int w, int k, ValueType type, const Value& value, std::array<std::int64_t, 8> logic_block, const std::string& table) {
  const int bits = b_.word(w).bits;
  const bool memory = k > 6 || logic_block[0] > 2;
  const std::string index = b_.text() ? b_.slice(w, bits - k, bits) : "";
  if (!memory) b_.block(BlockKind::table_logic, logic_block);
  else b_.block(BlockKind::table_memory, {std::max(k, 5), type.bits});
  if (!b_.text()) return b_.custom(type, "");
  const std::string name = prefix_ + table;
  const auto range = [](std::int64_t wide) { return "logic [" + n(wide - 1) + ":0] "; };
  const int address = memory ? std::max(k, 5) : k;
  // One list of values for all copies. Memories are a module of their own: within the network, synthesis would expand the list for every word of every copy.
  if (tables_.insert(name).second) {
    if (memory) {
      std::vector<std::int64_t> values;
      for (std::int64_t i = 0; i < std::int64_t{1} << k; ++i) values.push_back(value(i));
      b_.modules += "module network_" + name + " (\n  input  " + range(address) + "index,\n  output " + range(type.bits) + "value\n);\n" +
                    memory_text("words", std::int64_t{1} << address, type.bits, [&](std::int64_t t, std::int64_t c) { return (values[static_cast<std::size_t>(t & ((std::int64_t{1} << k) - 1))] >> c & 1) != 0; }) +
                    "  assign value = words[index];\nendmodule\n";
    } else {
      b_.declarations += "  function automatic " + range(type.bits) + name + "(input " + range(k) + "a);\n    case (a)\n";
      for (std::int64_t i = 0; i < std::int64_t{1} << k; ++i) b_.declarations += "      " + n(k) + "'d" + n(i) + ": " + name + " = " + n(type.bits) + "'d" + n(value(i) & ((std::int64_t{1} << type.bits) - 1)) + ";\n";
      b_.declarations += "      default: " + name + " = '0;\n    endcase\n  endfunction\n";
    }
  }
  if (!memory) return b_.custom(type, name + "(" + index + ")");
  const std::string copy = prefix_ + "t" + n(copies_++);
  b_.declarations += "  " + range(type.bits) + copy + "_q;\n  network_" + name + " " + copy + " (.index(" + (address > k ? n(address) + "'(" + index + ")" : index) + "), .value(" + copy + "_q));\n";
  return b_.custom(type, copy + "_q");
}

/// Applies the activation to results, a register a stage; gives the stages.
std::int64_t NetworkEmitter::activations(std::vector<int>& y, const LayerTypes& t, bool rectified_already) {
  const std::string& activation = net_.layers[layer_].activation;
  if (activation == "linear" || activation == "softmax") return 0;
  std::int64_t stages = 0;
  const auto each = [&](const auto& change) {
    for (int& w : y)
      if (!b_.word(w).constant) w = change(w);
    ++stages;
  };
  if (activation != "relu" || (t.result.is_signed && !rectified_already)) each([&](int w) { return activate(w, activation, t); });
  if (activation == "relu" && !same_values(rectified(t.result), t.activated)) each([&](int w) { return cast(w, t.result.fraction - t.activated.fraction, t.activated); });
  return stages;
}

std::string NetworkEmitter::bits_of(int w, int from, int to) const {
  if (from >= 0) return b_.slice(w, from, to);
  if (to <= 0) return n(to - from) + "'d0";
  return "{" + b_.slice(w, 0, to) + ", " + n(-from) + "'d0}";
}

std::string NetworkEmitter::cast_value(int w, int drop, const NumberType& to) {
  const Word& from = b_.word(w);
  b_.block(BlockKind::cast, {from.is_signed, from.bits, drop, to.is_signed, to.bits, static_cast<std::int64_t>(to.rounding), static_cast<std::int64_t>(to.overflow)});
  if (!b_.text()) return "";
  const CastText cast = cast_text(prefix_ + "r" + n(copies_++), from.name, {from.is_signed, from.bits}, drop, to);
  b_.declarations += cast.declarations;
  return cast.value;
}

int NetworkEmitter::cast(int w, int drop, const NumberType& to) { return b_.custom(stored(to), cast_value(w, drop, to)); }

int NetworkEmitter::as_type(int w, int drop, const NumberType& to) {
  if (to.rounding != Rounding::down || to.overflow != Overflow::wrap) return cast(w, drop, to);
  const Word& from = b_.word(w);
  if (drop == 0 && from.bits == to.bits && from.is_signed == to.is_signed) return w;
  const std::string name = prefix_ + "v" + n(w) + "_" + n(copies_++);
  if (b_.text()) b_.declarations += "  wire [" + n(to.bits - 1) + ":0] " + name + " = " + bits_of(w, drop, drop + to.bits) + ";\n";
  return b_.element(name, stored(to));
}

void NetworkEmitter::skip_due(const std::string& place) {
  handshakes_ += "  logic " + prefix_ + "skip_due;\n";
  b_.declarations += "  assign " + prefix_ + "skip_due = " + prefix_ + "live[" + place + "];\n";
}
void NetworkEmitter::residual_begin(std::int64_t in_flight) {
  skip_bits_ = std::max(1, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(in_flight))));
  skip_ = data_;
}
/// Adds the input that belongs to the output in the registers; gives the stages.
std::int64_t NetworkEmitter::residual_end(std::vector<int>& y, const LayerTypes& t) {
  std::int64_t width = 0;
  for (const int w : skip_) width += b_.word(w).bits;
  b_.block(BlockKind::skip_pointers, {skip_bits_});
  // Memories of at most 72 bits a word, each synthesised once.
  const int each = b_.word(skip_[0]).bits, per = std::max(1, 64 / each);
  for (std::size_t from = 0; from < skip_.size(); from += static_cast<std::size_t>(per)) {
    const std::size_t count = std::min<std::size_t>(static_cast<std::size_t>(per), skip_.size() - from);
    const std::int64_t bits = static_cast<std::int64_t>(count) * each;
    b_.block(BlockKind::skip, {skip_bits_, bits});
    if (!b_.text()) continue;
    const std::string name = prefix_ + "skip" + n(static_cast<std::int64_t>(from));
    b_.declarations += "  (* ram_style = \"distributed\" *) logic [" + n(bits - 1) + ":0] " + name + " [0:" + n((1 << skip_bits_) - 1) + "];\n  wire [" + n(bits - 1) + ":0] " + name + "_q = " + name + "[" + prefix_ + "skip_out];\n";
    std::string word;
    for (std::size_t i = count; i-- > 0;) word += (word.empty() ? "" : ", ") + b_.word(skip_[from + i]).name;
    b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "push) " + name + "[" + prefix_ + "skip_in] <= {" + word + "};\n";
  }
  if (b_.text()) {
    control_ += "  wire " + prefix_ + "push = " + prefix_ + "in_valid & " + prefix_ + "in_ready;\n  wire " + prefix_ + "pop = " + prefix_ + "en & " + prefix_ + "skip_due;\n" + skip_pointer_text(prefix_, skip_bits_);
  }
  b_.counts.lut += 2;  // push and pop
  // Where both have their last bit at one place, and the result too, the sum is the result.
  const int fraction = std::max(t.activated.fraction, t.in.fraction), up = fraction - t.activated.fraction, held_up = fraction - t.in.fraction;
  const bool plain = up == 0 && held_up == 0 && fraction == t.result.fraction && !t.casts();
  const int bits = plain ? t.result.bits : std::max(t.activated.bits + up, t.in.bits + held_up) + 2;
  for (std::size_t i = 0; i < y.size(); ++i) {
    const std::string name = prefix_ + "skip" + n(static_cast<std::int64_t>(i) / per * per) + "_q";
    const std::int64_t at = static_cast<std::int64_t>(i) % per * each;
    const Word w = b_.word(y[i]);
    const bool is_signed = b_.word(skip_[i]).is_signed;
    b_.adder(w.is_signed, w.bits + up, is_signed, each + held_up, false);
    b_.adder_cells(w.is_signed, w.bits + up, is_signed, each + held_up, false, bits, 0);
    b_.counts.ff += bits;
    const int kept = std::min(each, bits - held_up);
    std::string held = name + "[" + n(at + kept - 1) + ":" + n(at) + "]";
    const auto extension = [&](int more) { return more == 1 ? (is_signed ? name + "[" + n(at + each - 1) + "]" : "1'b0") : "{" + n(more) + "{" + (is_signed ? name + "[" + n(at + each - 1) + "]" : "1'b0") + "}}"; };
    if (kept + held_up < bits || held_up > 0)
      held = "{" + (kept + held_up < bits ? extension(bits - kept - held_up) + ", " : "") + held + (held_up > 0 ? ", " + n(held_up) + "'d0" : "") + "}";
    y[i] = b_.custom({plain ? t.result.is_signed : true, bits}, b_.text() ? bits_of(y[i], -up, bits - up) + " + " + held : "");
    if (!plain) y[i] = as_type(y[i], fraction - t.result.fraction, t.result);
  }
  return t.casts() ? 2 : 1;
}

void NetworkEmitter::softmax(const LayerTypes& t) {
  const int bits = t.result.bits;
  begin(BlockKind::pipe, {}, "the softmax of " + layer_name());
  const std::vector<int> x = data_;
  std::vector<int> most = x;
  const int index_bits = table_index_bits("exp", bits);
  const int levels = tree_levels(static_cast<std::int64_t>(x.size()));
  while (most.size() > 1) {
    std::vector<int> next;
    if (most.size() % 2 != 0) next.push_back(b_.pass(most.back()));
    for (std::size_t i = 0; i + 1 < most.size(); i += 2) next.push_back(b_.max(most[i], most[i + 1]));
    most = std::move(next);
  }
  std::vector<int> e;
  std::vector<Term> terms;
  for (const int w : x) {
    const int distance = b_.distance(most[0], b_.pass(w, levels), bits);
    e.push_back(table_word(distance, index_bits, {false, bits}, [&](std::int64_t i) { return exponential(t.result, i); }, table_logic_block("exp", t.result, {false, bits, bits, Rounding::down, Overflow::wrap}), "f2"));
    terms.push_back({e.back(), 0, false});
  }
  int depth = 0;
  const Term sum = b_.sum(terms, 62, 0, depth);
  const int sum_bits = b_.word(sum.word).bits, k = inverse_index_bits(sum_bits);
  const int inverse = table_word(sum.word, k, {false, bits}, [&](std::int64_t i) { return inverse_value(bits, sum_bits, i); }, {3, bits, bits}, "inverse");
  for (std::size_t i = 0; i < e.size(); ++i) {
    const int late = b_.pass(e[i], depth + 1);
    b_.block(BlockKind::probability, {bits});
    std::string value;
    if (b_.text()) {
      const std::string name = prefix_ + "p" + n(static_cast<std::int64_t>(i));
      b_.declarations += "  wire [" + n(2 * bits - 1) + ":0] " + name + " = " + b_.word(late).name + " * " + b_.word(inverse).name + ";\n";
      value = name + "[" + n(2 * bits - 1) + ":" + n(bits + 1) + "]";
    }
    data_[i] = b_.custom({false, bits - 1}, value);
  }
  const bool casts = !same_values(t.activated, {false, bits - 1, bits - 1, Rounding::down, Overflow::wrap});
  if (casts)
    for (int& w : data_) w = cast(w, bits - 1 - t.activated.fraction, t.activated);
  end({levels + 1 + 1 + depth + 1 + 1 + casts});
}

/// The window of a convolution or pool: `data_` becomes its elements, row by row. What is constant has no place in it.
void NetworkEmitter::window(const LayerShape& s, bool pool) {
  const Layer& layer = net_.layers[layer_];
  const std::int64_t kw = layer.kernel, kh = layer.type == "conv2d" || (pool && s.in_height > 1) ? kw : 1, stride = pool ? kw : layer.stride;
  begin(BlockKind::window, {}, "the window of " + layer_name());
  const std::int64_t channels = s.in_channels;
  std::vector<int> moving;  // channels by their number among those that are not constant
  std::vector<std::int64_t> place;
  for (const int w : data_) {
    place.push_back(static_cast<std::int64_t>(moving.size()));
    if (!b_.word(w).constant) moving.push_back(w);
  }
  const auto live = static_cast<std::int64_t>(moving.size());
  const int bits = b_.word(data_[0]).bits;
  const bool is_signed = b_.word(data_[0]).is_signed;
  b_.counts.ff += kh * kw * live * bits;
  // Lines above, in memories of at most 64 bits a word.
  const int per = std::max(1, 64 / bits);
  const std::int64_t cells = (kh - 1) * live;
  for (std::int64_t from = 0; from < cells; from += per) {
    const std::int64_t count = std::min<std::int64_t>(per, cells - from), wide = count * bits;
    const std::int64_t words = std::int64_t{1} << bits_for(s.in_width - 1);
    b_.block(BlockKind::line, {words, wide, s.in_width > 64});
    if (!b_.text()) continue;
    const std::string name = prefix_ + "line" + n(from);
    b_.declarations += "  (* ram_style = \"" + std::string(s.in_width > 64 ? "block" : "distributed") + "\" *) logic [" + n(wide - 1) + ":0] " + name + " [0:" + n(words - 1) + "];\n  logic [" + n(wide - 1) + ":0] " + name + "_q;\n";
    std::string written;
    for (std::int64_t i = from + count; i-- > from;) {
      // Cell i: row i / channels of the lines; it takes what the row below has at this column.
      const std::int64_t below = i + live;
      written += (written.empty() ? "" : ", ") + (below < cells ? line_cell(below, per, bits) : b_.word(moving[static_cast<std::size_t>(below - cells)]).name);
    }
    b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "accept) begin\n    " + name + "_q <= " + name + "[" + prefix_ + "next_column];\n    " + name + "[" + prefix_ + "column] <= {" + written + "};\n  end\n";
  }
  std::vector<int> elements;
  for (std::int64_t r = 0; r < kh; ++r)
    for (std::int64_t c = 0; c < kw; ++c)
      for (std::int64_t ch = 0; ch < channels; ++ch) {
        const int pixel = data_[static_cast<std::size_t>(ch)];
        if (b_.word(pixel).constant) {
          elements.push_back(pixel);
          continue;
        }
        const std::string name = prefix_ + "w" + n((r * kw + c) * channels + ch);
        if (b_.text()) {
          std::string from = prefix_ + "w" + n((r * kw + c + 1) * channels + ch);
          if (c + 1 == kw) from = r + 1 < kh ? line_cell(r * live + place[static_cast<std::size_t>(ch)], per, bits) : b_.word(pixel).name;
          b_.declarations += "  logic [" + n(bits - 1) + ":0] " + name + ";\n";
          b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "accept) " + name + " <= " + from + ";\n";
        }
        elements.push_back(b_.element(name, {is_signed, bits}));
      }
  data_ = std::move(elements);
  end({s.in_height, s.in_width, kh, kw, stride});
}

std::string NetworkEmitter::line_cell(std::int64_t cell, int per, int bits) const {
  const std::int64_t at = cell % per * bits;
  return prefix_ + "line" + n(cell / per * per) + "_q[" + n(at + bits - 1) + ":" + n(at) + "]";
}

void NetworkEmitter::pool(const LayerShape& s) {
  window(s, true);
  const std::int64_t channels = s.in_channels, cells = static_cast<std::int64_t>(data_.size()) / channels;
  begin(BlockKind::pipe, {}, layer_name());
  std::vector<int> y;
  for (std::int64_t ch = 0; ch < channels; ++ch) {
    if (b_.word(data_[static_cast<std::size_t>(ch)]).constant) {
      y.push_back(data_[static_cast<std::size_t>(ch)]);
      continue;
    }
    std::vector<int> most;
    for (std::int64_t i = 0; i < cells; ++i) most.push_back(data_[static_cast<std::size_t>(i * channels + ch)]);
    if (most.size() == 1) most[0] = b_.pass(most[0]);
    while (most.size() > 1) {
      std::vector<int> next;
      if (most.size() % 2 != 0) next.push_back(b_.pass(most.back()));
      for (std::size_t i = 0; i + 1 < most.size(); i += 2) next.push_back(b_.max(most[i], most[i + 1]));
      most = std::move(next);
    }
    y.push_back(most[0]);
  }
  data_ = std::move(y);
  end({std::max(1, tree_levels(cells))});
}

void NetworkEmitter::flatten(const LayerShape& s) {
  const std::int64_t pixels = s.in_height * s.in_width, channels = s.in_channels;
  if (pixels == 1) return;
  begin(BlockKind::gather, {}, layer_name());
  const int bits = b_.word(data_[0]).bits;
  const bool is_signed = b_.word(data_[0]).is_signed;
  b_.counts.ff += pixels * std::count_if(data_.begin(), data_.end(), [&](int w) { return !b_.word(w).constant; }) * bits;
  std::vector<int> elements;
  for (std::int64_t i = 0; i < pixels * channels; ++i) {
    const int pixel = data_[static_cast<std::size_t>(i % channels)];
    if (b_.word(pixel).constant) {
      elements.push_back(pixel);
      continue;
    }
    const std::string name = prefix_ + "v" + n(i);
    if (b_.text()) {
      b_.declarations += "  logic [" + n(bits - 1) + ":0] " + name + ";\n";
      const std::string from = i + channels < pixels * channels ? prefix_ + "v" + n(i + channels) : b_.word(pixel).name;
      b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "accept) " + name + " <= " + from + ";\n";
    }
    elements.push_back(b_.element(name, {is_signed, bits}));
  }
  data_ = std::move(elements);
  end({pixels});
}

Rtl NetworkEmitter::finish(const BuiltNetwork& built) {
  Rtl rtl;
  rtl.top = "network";
  const std::int64_t in_bits = built.in_elements * built.in_bits, out_bits = built.out_elements * built.out_bits;
  rtl.ports = {{"clk", 1, true}, {"rst", 1, true}, {"in_valid", 1, true}, {"in_ready", 1, false}, {"in_data", static_cast<int>(in_bits), true},
               {"out_valid", 1, false}, {"out_ready", 1, true}, {"out_data", static_cast<int>(out_bits), false}};
  std::string links = "  assign s0_in_valid = in_valid;\n  assign in_ready = s0_in_ready;\n";
  const std::int64_t last = static_cast<std::int64_t>(stages_.size()) - 1;
  for (std::int64_t i = 1; i <= last; ++i) links += "  assign s" + n(i) + "_in_valid = s" + n(i - 1) + "_out_valid;\n  assign s" + n(i - 1) + "_out_ready = s" + n(i) + "_in_ready;\n";
  links += "  assign out_valid = s" + n(last) + "_out_valid;\n  assign s" + n(last) + "_out_ready = out_ready;\n";
  std::string out;
  for (std::size_t i = data_.size(); i-- > 0;) out += (out.empty() ? "" : ", ") + b_.word(data_[i]).name;
  links += "  assign out_data = {" + out + "};\n";
  rtl.text = "/* verilator lint_off UNUSED */\nmodule network (\n  input  logic clk,\n  input  logic rst,\n  input  logic in_valid,\n  output logic in_ready,\n  input  logic [" + n(in_bits - 1) +
             ":0] in_data,\n  output logic out_valid,\n  input  logic out_ready,\n  output logic [" + n(out_bits - 1) + ":0] out_data\n);\n" + handshakes_ + links + control_ + b_.declarations + b_.clocked + "endmodule\n" + b_.modules;
  return rtl;
}

Expected<BuiltNetwork> build_network(const Network& network, bool text) {
  auto shapes = network_shapes(network);
  if (!shapes) return fail(std::move(shapes.error()));
  return NetworkEmitter(network, *shapes, text).run();
}

Expected<Rtl> emit_network(const Network& network) {
  auto built = build_network(network, true);
  if (!built) return fail(std::move(built.error()));
  return std::move(built->rtl);
}

}  // namespace gnomon::hls
