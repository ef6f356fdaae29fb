#include "features/network.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace gnomon::surrogate {
using namespace std::string_view_literals;
namespace {

/// 2^bits by what the number is made of; bits are whole and far from the ends.
double power_of_two(double bits) {
  if (std::abs(bits) < 1000 && bits == static_cast<int>(bits)) return std::bit_cast<double>(static_cast<std::uint64_t>(static_cast<std::int64_t>(bits) + 1023) << 52);
  return std::exp2(bits);
}
/// ceil(log2(terms)), whole numbers of any but huge size without a logarithm.
double levels_of(double terms) {
  if (terms <= 1) return 0;
  if (const auto whole = static_cast<std::uint32_t>(std::min(terms, 268435456.0)); static_cast<double>(whole) == terms && whole < 268435456U) return std::bit_width(whole - 1);
  return std::ceil(std::log2(terms) - 1e-9);
}
double bits_for(double entries) { return std::max(1.0, levels_of(entries)); }

/// Different ones among n draws out of 2^bits.
double distinct(double n, double bits) {
  if (bits > 40) return n;
  // log1p(-2^-bits) of whole numbers of bits, which most are.
  static const std::array<double, 41> whole = [] {
    std::array<double, 41> out{};
    for (std::size_t b = 0; b < out.size(); ++b) out[b] = std::log1p(-1 / std::exp2(static_cast<double>(b)));
    return out;
  }();
  const double k = power_of_two(bits);
  const double chance = bits >= 0 && bits == static_cast<int>(bits) ? whole[static_cast<std::size_t>(bits)] : std::log1p(-1 / k);
  return -k * std::expm1(n * chance);
}
/// The remainder of two of a whole number that is not negative.
double odd_of(double n) { return n < 1e15 ? n - 2 * static_cast<double>(static_cast<std::int64_t>(n / 2)) : std::fmod(n, 2); }

/// How many odd constants of a bit width have so many non-adjacent digits.
struct OddConstants {
  std::array<std::array<double, 10>, 17> count{};
  OddConstants() {
    for (std::int64_t odd = 1; odd < 1 << 15; odd += 2) {
      int width = 0, digits = 0;
      for (std::int64_t v = odd; v > 0; v >>= 1) ++width;
      for (std::int64_t v = odd; v != 0; v >>= 1) {
        if ((v & 1) == 0) continue;
        ++digits;
        v -= (v & 3) == 3 ? -1 : 1;
      }
      count[static_cast<std::size_t>(width)][static_cast<std::size_t>(digits)] += 1;
    }
  }
};

/// Per width of weights and of odd constants: the chance that a weight is such a constant with its sign and place, and log1p(-chance).
struct Chances {
  std::array<std::array<std::pair<double, double>, 17>, 17> of{};
  Chances() {
    for (int x = 2; x <= 16; ++x) {
      for (int b = 1; b < std::max(2, x); ++b) {
        const double chance = std::min(1.0, (2.0 * std::max(0, x - b) + (b == 1 ? 1 : 0)) / std::exp2(x));
        of[static_cast<std::size_t>(x)][static_cast<std::size_t>(b)] = {chance, std::log1p(-std::min(chance, 1 - 1e-12))};
      }
    }
  }
};

/// Block memories (36 Kib) of a table of so many columns: 72 wide up to 512 entries, half as wide with every doubling; half blocks count 0.5.
double table_blocks(double columns, double address_bits) {
  const double widest = address_bits <= 9 ? 72 : address_bits == 10 ? 36 : address_bits == 11 ? 18 : address_bits == 12 ? 9 : address_bits == 13 ? 4 : address_bits == 14 ? 2 : 1;
  const double whole = std::floor(columns / widest), rest = columns - whole * widest;
  return whole + (rest <= 0 ? 0 : rest <= widest / 2 && address_bits <= 14 ? 0.5 : 1);
}

class Estimator {
 public:
  Estimator(int bits, bool resource) : x_(bits), sum_(2 * bits - 1), resource_(resource) {}

  NetworkEstimate run(const std::vector<NetworkLayer>& layers, bool stream) {
    if (layers.empty()) return e_;
    word_ = x_;
    elements_ = layers.front().in_channels;
    stream_.count = layers.front().in_height * layers.front().in_width;
    stream_.first = 0;
    stream_.last = stream_.count - 1;
    slowest_ = stream_.count;
    bool first = true;
    for (const NetworkLayer& layer : layers) {
      if (!first && stream) {
        e_.ff += elements_ * word_ + 1;
        e_.control_lut += 2;
        pass(1, 1);
      }
      first = false;
      if (layer.type == LayerKind::flatten) flatten(layer);
      else if (layer.type == LayerKind::max_pool) pool(layer);
      else product(layer);
    }
    e_.cycles = stream_.last + 1;
    e_.ii = slowest_;
    return e_;
  }

 private:
  /// When the first and the last of the vectors between two layers are there.
  struct Stream {
    double count = 1, first = 0, last = 0;
  };

  void pass(double latency, double each) {
    stream_.first += latency;
    stream_.last = std::max(stream_.last + latency, stream_.first + (stream_.count - 1) * each);
    slowest_ = std::max(slowest_, stream_.count * each);
  }

  void window(const NetworkLayer& l, bool two, double stride) {
    const double kh = two ? l.kernel : 1, kw = l.kernel;
    e_.ff += kh * kw * elements_ * word_ + 2 * bits_for(l.in_width) + 2 * bits_for(l.in_height) + 4;
    e_.control_lut += 3 * bits_for(l.in_width) + (l.in_height > 1 ? 3 * bits_for(l.in_height) : 0) + 6;
    const double line_bits = (kh - 1) * elements_ * word_;
    e_.ff += line_bits;
    if (l.in_width > 64) e_.bram += 0.5 * std::ceil(line_bits / 36);
    else e_.select_lut += line_bits * (power_of_two(bits_for(l.in_width)) > 32 ? 2 : 1);
    // The first window is whole after kh - 1 rows and kw pixels; the last one ends where the image does, but for pixels that no stride reaches.
    const double gap = (stream_.last - stream_.first) / std::max(1.0, stream_.count - 1);
    const double unused = (l.in_height - ((l.height - 1) * stride + kh)) * l.in_width + (l.in_width - ((l.width - 1) * stride + kw));
    stream_.last += 1 - unused * gap;
    stream_.first += 1 + ((kh - 1) * l.in_width + kw - 1) * gap;
    stream_.count = l.height * l.width;
    stream_.last = std::max(stream_.last, stream_.first);
    elements_ *= kh * kw;
  }

  void flatten(const NetworkLayer& l) {
    const double pixels = l.in_height * l.in_width;
    if (pixels <= 1) return;
    e_.ff += pixels * elements_ * word_ + bits_for(pixels) + 1;
    e_.control_lut += 2 * bits_for(pixels);
    elements_ *= pixels;
    stream_ = {1, stream_.last + 1, stream_.last + 1};
  }

  /// Balanced trees that keep the larger of two.
  void max_tree(double n, double bits, double copies) {
    double registers = (n - 1) * bits;
    for (double left = n; left > 1; left = std::ceil(left / 2)) registers += odd_of(left) * bits;
    e_.ff += copies * registers;
    e_.select_lut += copies * (n - 1) * bits * 1.5;
  }

  void pool(const NetworkLayer& l) {
    const double channels = elements_;
    const bool two = l.in_height > 1;
    window(l, two, l.kernel);
    const double cells = elements_ / channels, depth = std::max(1.0, levels_of(cells));
    max_tree(cells, word_, channels);
    elements_ = channels;
    pipe(depth);
  }

  void pipe(double depth) {
    e_.ff += depth;
    e_.control_lut += 2;
    pass(depth, 1);
  }

  /// `copies` balanced trees of n terms of a width, a bit more each level up to the type of sums. Trees of equal constants are one; `term_bits` say how many constants a term may
  /// have. Of the sum itself, the lowest `upper_only` bits are not kept.
  void add_tree(double n, double width, double copies, double term_bits, double upper_only) {
    double terms = n, level = 0;
    while (terms > 1) {
      const double sums = std::floor(terms / 2), odd = odd_of(terms), wider = std::min(width + 1, sum_);
      const bool last = terms == 2;
      const double made = distinct(copies, term_bits * power_of_two(level + 1));
      e_.adder_lut += made * sums * std::min(width, wider);
      e_.ff += made * sums * (last ? std::max(1.0, wider - upper_only) : wider) + distinct(copies, term_bits * power_of_two(level)) * odd * width;
      width = wider;
      terms = sums + odd;
      ++level;
    }
  }

  void activation_tables(double n, LayerActivation activation) {
    if (activation == LayerActivation::relu) {
      e_.ff += n * (x_ - 1);
      e_.select_lut += n * (x_ - 1);
      return;
    }
    const double out = activation == LayerActivation::tanh ? x_ : x_ - 1;
    if (x_ > 6) {
      e_.bram += n * 0.5;
    } else {
      e_.ff += n * out;
      e_.table_lut += n * out;
    }
  }

  void residual(double n, double in_bits, double in_flight) {
    const double address = bits_for(in_flight + 1);
    e_.select_lut += n * in_bits;
    e_.adder_lut += n * x_;
    e_.ff += n * x_ + 2 * address;
    e_.control_lut += 2 * address + 2;
  }

  void product(const NetworkLayer& l) {
    const bool convolution = l.type != LayerKind::dense;
    if (convolution) window(l, l.type == LayerKind::conv2d, l.stride);
    const double in_bits = word_;
    if (l.reuse_factor <= 1) parallel(l, in_bits);
    else shared(l, in_bits);
    elements_ = l.n_out;
    word_ = l.residual || l.activation == LayerActivation::linear || l.activation == LayerActivation::tanh || l.activation == LayerActivation::softmax ? x_ : x_ - 1;
    if (l.activation == LayerActivation::softmax) softmax(l.n_out);
  }

  /// A multiplier for every input and constant; constants of few digits are sums of shifts.
  void parallel(const NetworkLayer& l, double in_bits) {
    static const OddConstants odds;
    static const Chances chances;
    const double weights = power_of_two(x_), most_digits = resource_ ? 1 : 4;
    double levels = 0, passes = 0, product_bits = 0, seen = 0;
    struct Made {
      double count, depth, bits;
    };
    std::array<Made, 160> made;
    std::size_t kinds = 0;
    for (int b = 1; b < std::max(2, x_); ++b) {
      const auto& [chance, logarithm] = chances.of[static_cast<std::size_t>(x_)][static_cast<std::size_t>(b)];
      const double drawn = std::expm1(l.n_out * logarithm);
      for (int d = 1; d < 10; ++d) {
        const double n = odds.count[static_cast<std::size_t>(b)][static_cast<std::size_t>(d)];
        if (n == 0) continue;
        const double each = -n * drawn;
        const double count = each * l.n_in, bits = std::min(in_bits + b, sum_);
        product_bits += n * chance * bits;
        seen += n * chance;
        if (count < 0.5) continue;
        double depth = 0;
        if (d > 1 && d > most_digits && in_bits + b >= 9) {
          e_.dsp += count;
          e_.ff += count * bits;
          depth = 1;
        } else if (d > 1) {
          depth = levels_of(d);
          e_.adder_lut += count * (d - 1) * (in_bits + 1);
          e_.ff += count * (bits + std::max(0, d - 2) * (in_bits + 2));
        }
        levels = std::max(levels, depth);
        made[kinds++] = {count, depth, bits};
      }
    }
    for (std::size_t i = 0; i < kinds; ++i) passes += made[i].count * (levels - made[i].depth) * made[i].bits;
    e_.ff += passes;
    const double terms = std::max(1.0, std::round(l.n_in * (1 - 1 / weights))), tree = levels_of(terms);
    const double width = seen > 0 ? product_bits / seen + 1 : in_bits;
    add_tree(terms, std::min(width, sum_), l.n_out, x_, x_ - 1);
    e_.ff += l.n_out * x_;
    e_.adder_lut += l.n_out * x_ * 0.5;
    double depth = levels + tree + 1;
    if (l.activation != LayerActivation::linear && l.activation != LayerActivation::softmax) activation_tables(l.n_out, l.activation), ++depth;
    if (l.residual) residual(l.n_out, in_bits, depth + 1), ++depth;
    pipe(depth);
  }

  /// Multipliers that are used reuse_factor times a vector, with weights from tables.
  void shared(const NetworkLayer& l, double in_bits) {
    const double reuse = l.reuse_factor, rounds = reuse > l.n_in ? std::round(reuse / l.n_in) : 1;
    const double lanes = rounds > 1 ? 1 : std::round(l.n_in / reuse), units = std::round(l.n_out / rounds), tree = levels_of(lanes);
    e_.ff += l.n_in * in_bits + lanes * in_bits;
    e_.select_lut += l.n_in * in_bits;
    const bool memory = reuse > 64 || (resource_ && reuse >= 8);
    const double weight_bits = x_ * reuse;
    const double multipliers = lanes * (memory ? units : distinct(units, weight_bits)) * (1 - power_of_two(-weight_bits));
    // Widths of a multiplier's weights: upper bits that repeat the sign and lower ones that are 0 in all steps are left out.
    double span = 0, wide = 0, up_to = 0, narrower = power_of_two(-x_ * reuse);
    for (int s = 1; s <= x_; ++s) {
      const double all = power_of_two((s - x_) * reuse), here = std::min(1.0, (x_ - s + 1) * all - (x_ - s) * narrower);
      narrower = all;
      const double chance = std::max(0.0, here - up_to);
      up_to = std::max(up_to, here);
      span += s * chance;
      if (std::min(sum_, in_bits + s) >= 9) wide += chance;
    }
    const double product_bits = std::min(sum_, in_bits + span);
    e_.ff += multipliers * product_bits;
    e_.dsp += multipliers * wide;
    e_.product_lut += multipliers * (1 - wide) * in_bits * span;
    const double columns = lanes * units * span;
    if (memory) {
      e_.bram += table_blocks(columns, bits_for(reuse));
    } else {
      const double different = distinct(columns, reuse);
      e_.ff += different;
      e_.table_lut += different;
    }
    add_tree(lanes, product_bits, units, weight_bits, 0);
    e_.ff += units * sum_;
    e_.adder_lut += units * sum_;
    if (l.bias && rounds > 1) {
      const double bias_columns = units * x_;
      e_.select_lut += bias_columns;
      if (rounds > 64 || (resource_ && rounds >= 8)) {
        e_.bram += table_blocks(bias_columns, bits_for(rounds));
      } else {
        const double different = distinct(bias_columns, rounds);
        e_.ff += different;
        e_.table_lut += different;
      }
    }
    const bool relu = l.activation == LayerActivation::relu;
    e_.ff += l.n_out * (relu ? x_ - 1 : x_);
    if (relu) e_.select_lut += units * (x_ - 1);
    double extra = 0;
    if (l.activation == LayerActivation::tanh || l.activation == LayerActivation::sigmoid) activation_tables(l.n_out, l.activation), ++extra;
    if (l.residual) residual(l.n_out, in_bits, (reuse + tree + 4 + extra) / reuse + 1), ++extra;
    e_.ff += bits_for(reuse) * (rounds > 1 ? 2 : 1) + (tree + 2) * (rounds > 1 ? 3 : 2) + extra + 2;
    e_.control_lut += bits_for(reuse) * (rounds > 1 ? 4 : 2) + 10;
    // A vector's steps, then operand, product, tree, sum and what follows.
    stream_.first += reuse + tree + 3 + extra;
    stream_.last = std::max(stream_.last + reuse + tree + 3 + extra, stream_.first + (stream_.count - 1) * reuse);
    slowest_ = std::max(slowest_, stream_.count * reuse);
  }

  void softmax(double n) {
    const double levels = levels_of(n);
    max_tree(n, x_, 1);
    e_.ff += n * x_ * levels;            // elements wait for the largest
    e_.ff += n * x_;                     // distances
    e_.adder_lut += n * x_;
    const double k = std::min(x_, 10);
    if (k > 6) {
      e_.bram += 0.5 * n;
    } else {
      e_.ff += n * x_;
      e_.table_lut += n * x_;
    }
    double width = x_;
    for (double terms = n; terms > 1; terms = std::ceil(terms / 2), ++width) {
      e_.adder_lut += std::floor(terms / 2) * width;
      e_.ff += std::floor(terms / 2) * (width + 1) + odd_of(terms) * width;
    }
    e_.bram += 0.5;                      // reciprocal
    e_.ff += n * x_ * (levels + 1);      // exponentials wait for it
    if (2 * x_ >= 9) e_.dsp += n;
    else e_.product_lut += n * x_ * x_;
    e_.ff += n * (x_ - 1);
    word_ = x_ - 1;
    pipe(2 * levels + 4);
  }

  const int x_;
  const double sum_;
  const bool resource_;
  double word_ = 8, elements_ = 1, slowest_ = 1;
  Stream stream_;
  NetworkEstimate e_;
};

}  // namespace

LayerKind layer_kind(std::string_view word) {
  if (word == "dense"sv) return LayerKind::dense;
  if (word == "conv2d"sv) return LayerKind::conv2d;
  if (word == "conv1d"sv) return LayerKind::conv1d;
  if (word == "max_pool"sv) return LayerKind::max_pool;
  return word == "flatten"sv ? LayerKind::flatten : LayerKind::other;
}

LayerActivation layer_activation(std::string_view word) {
  if (word == "relu"sv) return LayerActivation::relu;
  if (word == "linear"sv) return LayerActivation::linear;
  if (word == "tanh"sv) return LayerActivation::tanh;
  if (word == "sigmoid"sv) return LayerActivation::sigmoid;
  return word == "softmax"sv ? LayerActivation::softmax : LayerActivation::other;
}

NetworkEstimate estimate_network(const std::vector<NetworkLayer>& layers, int bits, bool resource, bool stream) {
  return Estimator(std::clamp(bits, 2, 16), resource).run(layers, stream);
}

}  // namespace gnomon::surrogate
