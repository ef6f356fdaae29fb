#include "layers/build.hpp"

#include <algorithm>
#include <bit>
#include <set>

#include "emit/text.hpp"
#include "layers/memory_text.hpp"

namespace gnomon::hls {
namespace {

std::string n(std::int64_t v) { return std::to_string(v); }

int tree_levels(std::int64_t terms) { return terms <= 1 ? 0 : static_cast<int>(std::bit_width(static_cast<std::uint64_t>(terms - 1))); }

/// Columns of constants behind one address. Small tables become logic (a look-up table per distinct column), others block memories.
class Table {
 public:
  Table(Builder& b, std::string address, std::int64_t depth, bool memory) : b_(b), address_(std::move(address)), depth_(depth), memory_(memory), bits_(bits_for(depth - 1)) {}

  /// One bit over all entries.
  template <class Bit>
  TableBit column(const Bit& bit, int& next_signal) {
    bool any0 = false, any1 = false;
    std::uint64_t mask = 0;
    for (std::int64_t t = 0; t < depth_; ++t) {
      const bool one = bit(t);
      (one ? any1 : any0) = true;
      if (one && t < 64) mask |= std::uint64_t{1} << t;
    }
    if (!any1) return {-2};
    if (!any0) return {-1};
    if (memory_) {
      columns_.push_back(next_signal);
      if (b_.text()) {
        contents_.emplace_back();
        for (std::int64_t t = 0; t < depth_; ++t) contents_.back().push_back(bit(t));
      }
      return {next_signal++};
    }
    const auto [at, fresh] = known_.try_emplace(mask, next_signal);
    if (!fresh) return {at->second};
    // Entries that are never read are 0.
    int inputs = 0;
    const std::uint64_t size = bits_ == 6 ? ~std::uint64_t{0} : (std::uint64_t{1} << (1 << bits_)) - 1;
    for (int i = 0; i < bits_; ++i) {
      std::uint64_t high = 0;
      for (int t = 0; t < (1 << bits_); ++t)
        if (t >> i & 1) high |= std::uint64_t{1} << t;
      if (((mask & high) >> (1 << i)) != (mask & ~high & size)) ++inputs;
      if (mask == high) inputs = -64;  // the address bit itself
    }
    b_.counts.lut += inputs > 0;
    if (inputs > 0) b_.cells(BlockKind::column, {bits_}, 1);
    ++b_.counts.ff;
    if (b_.text()) {
      const std::string name = b_.signal_name(next_signal), digits = mask_text(mask);
      b_.declarations += "  logic " + name + ";\n  localparam logic [" + n((1 << bits_) - 1) + ":0] " + name + "_table = " + n(1 << bits_) + "'h" + digits + ";\n";
      b_.clocked += "  always_ff @(posedge clk) if (" + b_.prefix() + "en) " + name + " <= " + name + "_table[" + address_ + "];\n";
    }
    return {next_signal++};
  }

  /// Block memories of the columns, as wide as one memory of that depth is.
  void finish(const std::string& name) {
    if (!memory_) return;
    const std::size_t widest = bits_ <= 9 ? 72 : bits_ == 10 ? 36 : bits_ == 11 ? 18 : bits_ == 12 ? 9 : bits_ == 13 ? 4 : bits_ == 14 ? 2 : 1;
    for (std::size_t from = 0; from < columns_.size(); from += widest) {
      const std::size_t width = std::min(widest, columns_.size() - from);
      b_.block(BlockKind::table_memory, {std::max(bits_, 5), static_cast<std::int64_t>(width)});
      if (!b_.text()) continue;
      const std::string bank = b_.prefix() + name + n(static_cast<std::int64_t>(from / widest));
      std::string all;
      const std::int64_t words = std::int64_t{1} << std::max(bits_, 5), wide = static_cast<std::int64_t>(width);
      b_.declarations += memory_text(bank, words, wide, [&](std::int64_t t, std::int64_t c) { return t < depth_ && contents_[from + static_cast<std::size_t>(c)][static_cast<std::size_t>(t)]; }) +
                         "  logic [" + n(wide - 1) + ":0] " + bank + "_q;\n";
      const std::string address = bits_ < 5 ? "5'(" + address_ + ")" : address_;
      b_.clocked += "  always_ff @(posedge clk) if (" + b_.prefix() + "en) " + bank + "_q <= " + bank + "[" + address + "];\n";
      for (std::size_t c = 0; c < width; ++c) b_.declarations += "  wire " + b_.signal_name(columns_[from + c]) + " = " + bank + "_q[" + n(static_cast<std::int64_t>(c)) + "];\n";
    }
  }

 private:
  static std::string mask_text(std::uint64_t mask) {
    std::string out;
    do out.insert(out.begin(), "0123456789abcdef"[mask & 15]);
    while ((mask >>= 4) != 0);
    return out;
  }
  Builder& b_;
  std::string address_;
  std::int64_t depth_;
  bool memory_;
  int bits_;
  std::map<std::uint64_t, int> known_;
  std::vector<int> columns_;
  std::vector<std::vector<bool>> contents_;
};

class Emitter {
 public:
  Emitter(const Network& network, const std::vector<LayerShape>& shapes, bool text) : net_(network), shapes_(shapes), b_(text), x_(network.precision_bits), sum_(2 * network.precision_bits - 1) {}

  BuiltNetwork run() {
    BuiltNetwork out;
    const LayerShape& first = shapes_.front();
    const std::int64_t pixels = net_.height * net_.width;
    const bool vector = pixels == 1;
    out.in_bits = x_;
    out.in_elements = net_.channels;
    out.in_beats = vector ? 1 : pixels;
    for (std::int64_t i = 0; i < first.in_channels; ++i) {
      const std::string name = "x" + n(i);
      if (b_.text()) b_.declarations += "  wire [" + n(x_ - 1) + ":0] " + name + " = in_data[" + n((i + 1) * x_ - 1) + ":" + n(i * x_) + "];\n";
      data_.push_back(b_.element(name, {true, x_}));
    }
    for (std::size_t l = 0; l < net_.layers.size(); ++l) {
      layer_ = l;
      if (l > 0 && net_.io == "io_stream") register_stage();
      const std::string& type = net_.layers[l].type;
      if (type == "flatten") flatten(shapes_[l]);
      else if (type == "max_pool") pool(shapes_[l]);
      else {
        if (type != "dense") window(shapes_[l], false);
        if (shapes_[l].reuse_factor == 1) parallel(shapes_[l]);
        else shared(shapes_[l]);
        if (net_.layers[l].activation == "softmax") softmax();
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

 private:
  void begin(BlockKind kind, std::array<std::int64_t, 5> p) {
    prefix_ = "s" + n(static_cast<std::int64_t>(stages_.size())) + "_";
    stages_.push_back({kind, p});
    b_.begin_layer(prefix_);
    if (!b_.text()) return;
    handshakes_ += "  logic " + prefix_ + "in_valid, " + prefix_ + "in_ready, " + prefix_ + "out_valid, " + prefix_ + "out_ready;\n";
    if (kind == BlockKind::pipe || kind == BlockKind::core) handshakes_ += "  logic " + prefix_ + "en;\n";
  }
  /// The stage's parameters are known once its words are.
  void end(std::array<std::int64_t, 5> p) {
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

  void register_stage() {
    begin(BlockKind::pipe, {});
    for (int& w : data_) w = b_.pass(w);
    end({1});
  }

  /// relu: a word; tables: of the upper bits.
  int activate(int w, const std::string& activation) {
    if (activation == "relu") {
      b_.block(BlockKind::relu, {x_});
      const std::string& name = b_.word(w).name;
      return b_.custom({false, x_ - 1}, name + "[" + n(x_ - 2) + ":0] & {" + n(x_ - 1) + "{~" + name + "[" + n(x_ - 1) + "]}}");
    }
    return lookup(w, activation, activation_type({.activation = activation}, x_));
  }

  /// A table of a function over the upper bits of a word, a copy for each word.
  int lookup(int w, const std::string& function, ValueType type) {
    const int k = table_index_bits(function, x_);
    const std::int64_t kind = function == "tanh" ? 0 : function == "sigmoid" ? 1 : 2;
    return table_word(w, k, type, [&](std::int64_t i) { return table_value(function, x_, i); }, {kind, x_, type.bits}, "f" + n(kind));
  }

  template <class Value>
  int table_word(int w, int k, ValueType type, const Value& value, std::array<std::int64_t, 8> logic_block, const std::string& table) {
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

  void skip_due(const std::string& place) {
    handshakes_ += "  logic " + prefix_ + "skip_due;\n";
    b_.declarations += "  assign " + prefix_ + "skip_due = " + prefix_ + "live[" + place + "];\n";
  }
  void residual_begin(std::int64_t in_flight) {
    skip_bits_ = std::max(1, static_cast<int>(std::bit_width(static_cast<std::uint64_t>(in_flight))));
    skip_ = data_;
  }
  /// Adds the input that belongs to the output in the registers.
  void residual_end(std::vector<int>& y) {
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
    for (std::size_t i = 0; i < y.size(); ++i) {
      const std::string name = prefix_ + "skip" + n(static_cast<std::int64_t>(i) / per * per) + "_q";
      const std::int64_t at = static_cast<std::int64_t>(i) % per * each;
      const Word& w = b_.word(y[i]);
      const bool is_signed = b_.word(skip_[i]).is_signed;
      b_.adder(w.is_signed, w.bits, is_signed, each, false);
      b_.adder_cells(w.is_signed, w.bits, is_signed, each, false, x_, 0);
      b_.counts.ff += x_;
      std::string held = name + "[" + n(at + each - 1) + ":" + n(at) + "]";
      if (each < x_) held = "{" + std::string(is_signed ? name + "[" + n(at + each - 1) + "]" : "1'b0") + ", " + held + "}";
      y[i] = b_.custom({true, x_}, b_.text() ? b_.slice(y[i], 0, x_) + " + " + held : "");
    }
  }

  /// Reuse factor 1: weights are constants in shift-and-add form, a new vector every cycle.
  void parallel(const LayerShape& s) {
    const Layer& layer = net_.layers[layer_];
    const LayerWeights weights = layer_weights(net_, layer_, s);
    begin(BlockKind::pipe, {});
    const std::vector<int> x = data_;
    // Of constants with more digits than this, a hardware multiplier makes the product, where it is wide enough to get one.
    const std::size_t most_digits = net_.strategy == "latency" ? 4 : 1;
    const int in_bits = b_.word(x[0]).bits;
    std::map<std::int64_t, std::vector<Digit>> digits;
    int levels = 0;
    const auto uses_dsp = [&](std::int64_t odd, std::size_t count) { return count > most_digits && in_bits + static_cast<int>(std::bit_width(static_cast<std::uint64_t>(odd))) >= 9; };
    for (const std::int32_t w : weights.weights) {
      if (w == 0) continue;
      const std::int64_t odd = std::llabs(w) >> std::countr_zero(static_cast<std::uint32_t>(std::abs(w)));
      const auto [at, fresh] = digits.try_emplace(odd);
      if (!fresh) continue;
      at->second = signed_digits(odd);
      levels = std::max(levels, uses_dsp(odd, at->second.size()) ? 1 : tree_levels(static_cast<std::int64_t>(at->second.size())));
    }
    // Products of each input with the odd constants that it meets.
    std::map<std::pair<int, std::int64_t>, Term> products;
    const auto product = [&](int input, std::int64_t odd) {
      const auto [at, fresh] = products.try_emplace({input, odd});
      if (!fresh) return at->second;
      const std::vector<Digit>& d = digits.at(odd);
      Term t;
      int depth = 0;
      if (d.size() == 1) {
        t = {input, 0, false};
      } else if (uses_dsp(odd, d.size())) {
        t = {b_.multiply_constant(input, odd, sum_), 0, false};
        depth = 1;
      } else {
        std::vector<Term> terms;
        for (const Digit& one : d) terms.push_back({input, one.place, one.negative});
        t = b_.sum(terms, sum_, 0, depth);
      }
      return at->second = b_.pass(t, levels - depth);
    };
    struct Sum {
      Term term;
      int levels = 0;
    };
    std::vector<Sum> sums;
    int tree = 0;
    bool any_negative = false;
    for (std::int64_t j = 0; j < s.n_out; ++j) {
      std::vector<Term> terms;
      for (std::int64_t i = 0; i < s.n_in; ++i) {
        const std::int32_t w = weights.weights[static_cast<std::size_t>(i * s.n_out + j)];
        if (w == 0) continue;
        const int place = std::countr_zero(static_cast<std::uint32_t>(std::abs(w)));
        Term t = product(x[static_cast<std::size_t>(i)], std::llabs(w) >> place);
        t.shift += place;
        t.negative = t.negative != (w < 0);
        terms.push_back(t);
      }
      Sum sum;
      sum.term = b_.sum(terms, sum_, x_ - 1, sum.levels);
      tree = std::max(tree, sum.levels);
      any_negative |= sum.term.negative;
      sums.push_back(sum);
    }
    const bool bias_stage = layer.bias || any_negative || levels + tree == 0;
    std::vector<int> y;
    for (std::int64_t j = 0; j < s.n_out; ++j) {
      const Sum& sum = sums[static_cast<std::size_t>(j)];
      const std::int64_t bias = layer.bias ? weights.bias[static_cast<std::size_t>(j)] : 0;
      int w = cast(sum.term, bias, bias_stage);
      y.push_back(b_.pass(w, tree - sum.levels));
    }
    std::int64_t depth = levels + tree + (bias_stage ? 1 : 0);
    if (layer.activation != "linear" && layer.activation != "softmax") {
      for (int& w : y) w = activate(w, layer.activation);
      ++depth;
    }
    if (layer.residual) {
      if (b_.text()) skip_due(n(depth - 1));
      residual_begin(depth + 1);
      residual_end(y);
      ++depth;
    }
    data_ = std::move(y);
    end({depth});
  }

  /// Bits X-1 and up of bias * 2^(X-1) +- the sum.
  int cast(const Term& t, std::int64_t bias, bool stage) {
    const Word w = b_.word(t.word);
    const int low = x_ - 1 - t.shift;  // of the word
    const std::uint64_t mask = (std::uint64_t{1} << x_) - 1;
    if (t.negative) {
      // All bits matter for the borrow. An inverter for every bit of the word that meets a 0 of the bias.
      const std::uint64_t constant = (static_cast<std::uint64_t>(bias) & mask) << (x_ - 1);
      std::vector<char> inverted(static_cast<std::size_t>(w.bits), 0);
      for (int i = t.shift; i < sum_; ++i) {
        const int source = std::min(i - t.shift, w.bits - 1);
        if (!(constant >> i & 1) && (i - t.shift < w.bits || w.is_signed)) inverted[static_cast<std::size_t>(source)] = 1;
      }
      b_.counts.lut += std::count(inverted.begin(), inverted.end(), 1);
      b_.counts.ff += x_;
      b_.cells(BlockKind::constant_sum, {sum_ - t.shift, 1, std::min(x_, sum_ - t.shift)}, x_);
      std::string value;
      if (b_.text()) {
        const std::string name = prefix_ + "d" + n(t.word) + "_" + n(copies_++);
        const std::string term = b_.slice(t.word, 0, sum_ - t.shift);
        b_.declarations += "  wire [" + n(sum_ - 1) + ":0] " + name + " = " + n(sum_) + "'d" + n(static_cast<std::int64_t>(constant)) + " - " + (t.shift > 0 ? "{" + term + ", " + n(t.shift) + "'d0}" : term) + ";\n";
        value = name + "[" + n(sum_ - 1) + ":" + n(x_ - 1) + "]";
      }
      return b_.custom({true, x_}, value);
    }
    const auto upper = [&] {
      if (!b_.text()) return std::string();
      if (low >= 0) return b_.slice(t.word, low, low + x_);
      return "{" + b_.slice(t.word, 0, x_ + low) + ", " + n(-low) + "'d0}";
    };
    if (!stage) {
      // The sum's register is the output; a part of it is a name.
      const std::string name = prefix_ + "o" + n(t.word) + "_" + n(copies_++);
      if (b_.text()) b_.declarations += "  wire [" + n(x_ - 1) + ":0] " + name + " = " + upper() + ";\n";
      return b_.element(name, {true, x_});
    }
    std::vector<char> inverted(static_cast<std::size_t>(w.bits), 0);
    for (int i = 0; i < x_; ++i) {
      const int place = low + i;
      if (place < 0 || (place >= w.bits && !w.is_signed)) continue;
      if (bias >> i & 1) inverted[static_cast<std::size_t>(std::min(place, w.bits - 1))] = 1;
    }
    b_.counts.lut += std::count(inverted.begin(), inverted.end(), 1);
    b_.counts.ff += x_;
    if (bias != 0) b_.cells(BlockKind::constant_sum, {x_, 0, x_}, x_);
    return b_.custom({true, x_}, b_.text() ? upper() + (bias != 0 ? " + " + n(x_) + "'d" + n(static_cast<std::int64_t>(static_cast<std::uint64_t>(bias) & mask)) : "") : "");
  }

  /// Reuse factor above 1: multipliers whose weights come from tables, step by step.
  void shared(const LayerShape& s) {
    const Layer& layer = net_.layers[layer_];
    const LayerWeights weights = layer_weights(net_, layer_, s);
    const std::int64_t reuse = s.reuse_factor, rounds = reuse > s.n_in ? reuse / s.n_in : 1;
    const std::int64_t lanes = rounds > 1 ? 1 : s.n_in / reuse, units = s.n_out / rounds;
    begin(BlockKind::core, {});
    // The input rotates, a step's lanes at a time; a lane's operand waits for its weight.
    std::vector<int> x;
    for (std::int64_t i = 0; i < s.n_in; ++i) {
      const Word& w = b_.word(data_[static_cast<std::size_t>(i)]);
      const ValueType type{w.is_signed, w.bits};
      const std::string name = prefix_ + "x" + n(i), from = prefix_ + "x" + n((i + lanes) % s.n_in);
      b_.block(BlockKind::rotate, {w.bits});
      if (b_.text()) {
        b_.declarations += "  logic [" + n(w.bits - 1) + ":0] " + name + ";\n";
        b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "en) " + name + " <= " + prefix_ + "load ? " + w.name + " : " + from + ";\n";
      }
      x.push_back(b_.element(name, type));
    }
    std::vector<int> operand;
    for (std::int64_t p = 0; p < lanes; ++p) {
      const Word w = b_.word(x[static_cast<std::size_t>(p)]);
      b_.counts.ff += w.bits;
      operand.push_back(b_.custom({w.is_signed, w.bits}, w.name));
    }
    const bool memory = reuse > 64 || (net_.strategy == "resource" && reuse >= 8);
    Table table(b_, prefix_ + "step", reuse, memory), bias_table(b_, prefix_ + "round", std::max<std::int64_t>(2, rounds), rounds > 64 || (net_.strategy == "resource" && rounds >= 8));
    int signals = 0;
    std::vector<int> sums;
    std::vector<Term> roots;
    const int tree = tree_levels(lanes);
    std::vector<std::int32_t> column(static_cast<std::size_t>(reuse));
    for (std::int64_t u = 0; u < units; ++u) {
      std::vector<Term> terms;
      for (std::int64_t p = 0; p < lanes; ++p) {
        std::uint32_t any = 0;
        std::int64_t low = 0, high = 0;
        for (std::int64_t t = 0; t < reuse; ++t) {
          const std::int64_t i = rounds > 1 ? t % s.n_in : t * lanes + p, j = rounds > 1 ? u * rounds + t / s.n_in : u;
          const std::int32_t w = weights.weights[static_cast<std::size_t>(i * s.n_out + j)];
          column[static_cast<std::size_t>(t)] = w;
          any |= static_cast<std::uint32_t>(w);
          low = std::min<std::int64_t>(low, w), high = std::max<std::int64_t>(high, w);
        }
        if (any == 0) continue;
        const int place = std::countr_zero(any);
        // Signed bits; all non-negative weights keep a sign bit that is constant.
        const int bits = std::max(static_cast<int>(std::bit_width(static_cast<std::uint64_t>(high))), low < 0 ? static_cast<int>(std::bit_width(static_cast<std::uint64_t>(~low))) : 0) + 1 - place;
        std::vector<TableBit> w;
        for (int bit = 0; bit < bits; ++bit) w.push_back(table.column([&](std::int64_t t) { return (column[static_cast<std::size_t>(t)] >> (place + bit) & 1) != 0; }, signals));
        terms.push_back({b_.multiply(operand[static_cast<std::size_t>(p)], w, sum_ - place), place, false});
      }
      int levels = 0;
      Term root = b_.sum(terms, sum_, 0, levels);
      roots.push_back(b_.pass(root, tree - levels));
    }
    std::vector<int> y(static_cast<std::size_t>(s.n_out));
    for (std::int64_t u = 0; u < units; ++u) {
      const Term& root = roots[static_cast<std::size_t>(u)];
      const int place = x_ - 1 - root.shift;
      std::vector<TableBit> start;
      std::int64_t bias = 0;
      if (layer.bias && rounds > 1) {
        for (int bit = 0; bit < x_; ++bit)
          start.push_back(bias_table.column([&](std::int64_t r) { return (weights.bias[static_cast<std::size_t>(u * rounds + std::min(r, rounds - 1))] >> bit & 1) != 0; }, signals));
      } else if (layer.bias) {
        bias = weights.bias[static_cast<std::size_t>(u)];
      }
      const int a = b_.accumulate(root.word, sum_ - root.shift, bias, start, place);
      const int upper_from = place;
      // Outputs of one unit come one after the other and move along.
      int next = -1;
      for (std::int64_t r = rounds; r-- > 0;) {
        std::string value;
        const bool relu = layer.activation == "relu";
        const ValueType type{!relu, relu ? x_ - 1 : x_};
        if (r == rounds - 1) {
          if (b_.text()) {
            const std::string& name = b_.word(a).name;
            value = name + "[" + n(upper_from + type.bits - 1) + ":" + n(upper_from) + "]";
            if (relu) value += " & {" + n(x_ - 1) + "{~" + name + "[" + n(upper_from + x_ - 1) + "]}}";
          }
          if (relu) b_.block(BlockKind::relu, {x_});
          else b_.counts.ff += x_;
        } else {
          b_.counts.ff += type.bits;
          if (b_.text()) value = b_.word(next).name;
        }
        next = b_.custom(type, value, prefix_ + "give");
        y[static_cast<std::size_t>(u * rounds + r)] = next;
      }
    }
    table.finish("w");
    bias_table.finish("b");
    std::int64_t extra = 0;
    if (layer.activation == "tanh" || layer.activation == "sigmoid") {
      for (int& w : y) w = activate(w, layer.activation);
      ++extra;
    }
    if (layer.residual) {
      if (b_.text()) skip_due(n(extra));
      residual_begin((reuse + tree + 3 + extra + 1) / reuse + 1);
      residual_end(y);
      ++extra;
    }
    data_ = std::move(y);
    end({reuse, rounds, tree, extra});
  }

  void softmax() {
    begin(BlockKind::pipe, {});
    const std::vector<int> x = data_;
    std::vector<int> most = x;
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
      const int distance = b_.distance(most[0], b_.pass(w, levels), x_);
      e.push_back(lookup(distance, "exp", {false, x_}));
      terms.push_back({e.back(), 0, false});
    }
    int depth = 0;
    const Term sum = b_.sum(terms, 62, 0, depth);
    const int sum_bits = b_.word(sum.word).bits, k = inverse_index_bits(sum_bits);
    const int inverse = table_word(sum.word, k, {false, x_}, [&](std::int64_t i) { return inverse_value(x_, sum_bits, i); }, {3, x_, x_}, "inverse");
    for (std::size_t i = 0; i < e.size(); ++i) {
      const int late = b_.pass(e[i], depth + 1);
      b_.block(BlockKind::probability, {x_});
      std::string value;
      if (b_.text()) {
        const std::string name = prefix_ + "p" + n(static_cast<std::int64_t>(i));
        b_.declarations += "  wire [" + n(2 * x_ - 1) + ":0] " + name + " = " + b_.word(late).name + " * " + b_.word(inverse).name + ";\n";
        value = name + "[" + n(2 * x_ - 1) + ":" + n(x_ + 1) + "]";
      }
      data_[i] = b_.custom({false, x_ - 1}, value);
    }
    end({levels + 1 + 1 + depth + 1 + 1});
  }

  /// The window of a convolution or pool: `data_` becomes its elements, row by row.
  void window(const LayerShape& s, bool pool) {
    const Layer& layer = net_.layers[layer_];
    const std::int64_t kw = layer.kernel, kh = layer.type == "conv2d" || (pool && s.in_height > 1) ? kw : 1, stride = pool ? kw : layer.stride;
    begin(BlockKind::window, {});
    const std::int64_t channels = s.in_channels;
    const int bits = b_.word(data_[0]).bits;
    const bool is_signed = b_.word(data_[0]).is_signed;
    b_.counts.ff += kh * kw * channels * bits;
    // Lines above, in memories of at most 64 bits a word.
    const int per = std::max(1, 64 / bits);
    const std::int64_t cells = (kh - 1) * channels;
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
        const std::int64_t below = i + channels;
        written += (written.empty() ? "" : ", ") + (below < cells ? line_cell(below, per, bits) : b_.word(data_[static_cast<std::size_t>(below - cells)]).name);
      }
      b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "accept) begin\n    " + name + "_q <= " + name + "[" + prefix_ + "next_column];\n    " + name + "[" + prefix_ + "column] <= {" + written + "};\n  end\n";
    }
    std::vector<int> elements;
    for (std::int64_t r = 0; r < kh; ++r)
      for (std::int64_t c = 0; c < kw; ++c)
        for (std::int64_t ch = 0; ch < channels; ++ch) {
          const std::string name = prefix_ + "w" + n((r * kw + c) * channels + ch);
          if (b_.text()) {
            std::string from = prefix_ + "w" + n((r * kw + c + 1) * channels + ch);
            if (c + 1 == kw) from = r + 1 < kh ? line_cell(r * channels + ch, per, bits) : b_.word(data_[static_cast<std::size_t>(ch)]).name;
            b_.declarations += "  logic [" + n(bits - 1) + ":0] " + name + ";\n";
            b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "accept) " + name + " <= " + from + ";\n";
          }
          elements.push_back(b_.element(name, {is_signed, bits}));
        }
    data_ = std::move(elements);
    end({s.in_height, s.in_width, kh, kw, stride});
  }
  std::string line_cell(std::int64_t cell, int per, int bits) const {
    const std::int64_t at = cell % per * bits;
    return prefix_ + "line" + n(cell / per * per) + "_q[" + n(at + bits - 1) + ":" + n(at) + "]";
  }

  void pool(const LayerShape& s) {
    window(s, true);
    const std::int64_t channels = s.in_channels, cells = static_cast<std::int64_t>(data_.size()) / channels;
    begin(BlockKind::pipe, {});
    std::vector<int> y;
    for (std::int64_t ch = 0; ch < channels; ++ch) {
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

  void flatten(const LayerShape& s) {
    const std::int64_t pixels = s.in_height * s.in_width, channels = s.in_channels;
    if (pixels == 1) return;
    begin(BlockKind::gather, {});
    const int bits = b_.word(data_[0]).bits;
    const bool is_signed = b_.word(data_[0]).is_signed;
    b_.counts.ff += pixels * channels * bits;
    std::vector<int> elements;
    for (std::int64_t i = 0; i < pixels * channels; ++i) {
      const std::string name = prefix_ + "v" + n(i);
      if (b_.text()) {
        b_.declarations += "  logic [" + n(bits - 1) + ":0] " + name + ";\n";
        const std::string from = i + channels < pixels * channels ? prefix_ + "v" + n(i + channels) : b_.word(data_[static_cast<std::size_t>(i % channels)]).name;
        b_.clocked += "  always_ff @(posedge clk) if (" + prefix_ + "accept) " + name + " <= " + from + ";\n";
      }
      elements.push_back(b_.element(name, {is_signed, bits}));
    }
    data_ = std::move(elements);
    end({pixels});
  }

  Rtl finish(const BuiltNetwork& built) {
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

  const Network& net_;
  const std::vector<LayerShape>& shapes_;
  Builder b_;
  int x_, sum_;
  std::size_t layer_ = 0;
  std::vector<int> data_, skip_;
  int skip_bits_ = 1;
  std::vector<Stage> stages_;
  std::string prefix_, handshakes_, control_;
  std::set<std::string> tables_;
  std::int64_t copies_ = 0;
};

}  // namespace

Expected<BuiltNetwork> build_network(const Network& network, bool text) {
  auto shapes = network_shapes(network);
  if (!shapes) return fail(std::move(shapes.error()));
  return Emitter(network, *shapes, text).run();
}

Expected<Rtl> emit_network(const Network& network) {
  auto built = build_network(network, true);
  if (!built) return fail(std::move(built.error()));
  return std::move(built->rtl);
}

}  // namespace gnomon::hls
