#pragma once

#include "emit/text.hpp"
#include "layers/memory_text.hpp"
#include "layers/nodes.hpp"

namespace gnomon::hls {

/// Columns of constants behind one address. Small tables become logic (a look-up table per distinct column), others block memories.
class ConstantTable {
 public:
  ConstantTable(Builder& b, std::string address, std::int64_t depth, bool memory) : b_(b), address_(std::move(address)), depth_(depth), memory_(memory), bits_(bits_for(depth - 1)) {}

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
  static std::string n(std::int64_t v) { return std::to_string(v); }
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

}  // namespace gnomon::hls
